#include "tools/fleet/fleet_status.h"

#include <string.h>
#include <unistd.h>

#include "protocol/base/clock.h"
#include "protocol/base/json.h"

enum { LOOK_MS = 5000, POLL_US = 100000 };

bool cs_fleet_status_is_stopped(const struct cs_fleet_status_watch *watch)
{
    return watch->stop != NULL && *watch->stop > 0;
}

void cs_fleet_status_pause(void)
{
    usleep(POLL_US);
}

void cs_fleet_status_tell(const struct cs_fleet_status_watch *watch, const char *what, uint64_t done, uint64_t total)
{
    if (watch->on_progress != NULL && total > 0)
        watch->on_progress(watch->self, what, done, total);
}

uint64_t cs_fleet_status_number(const struct cs_json *o, const char *name)
{
    const int64_t v = cs_json_integer_value(cs_json_object_get(o, name));
    return v > 0 ? (uint64_t)v : 0;
}

const char *cs_fleet_status_text(const struct cs_json *o, const char *name)
{
    const char *s = cs_json_string_value(cs_json_object_get(o, name));
    return s != NULL ? s : "";
}

bool cs_fleet_status_is_early(const struct cs_json *status)
{
    const char *phase = cs_fleet_status_text(status, "phase");
    return strcmp(phase, "building") == 0 || strcmp(phase, "queued") == 0;
}

enum cs_err cs_fleet_status_look(struct cs_admin_client *a, const struct cs_fleet_status_watch *watch,
                                 struct cs_json **out, struct cs_error *err)
{
    const uint64_t patience = watch->patience_ms != 0 ? watch->patience_ms : CS_FLEET_STATUS_PATIENCE_MS,
                   deadline = cs_clock_mono_ms() + patience;
    const char *args[] = {watch->study, NULL};
    const char *reply;
    enum cs_err rc;
    while ((rc = cs_admin_client_ask(a, "status", args, NULL, 0, LOOK_MS, &reply, err)) == CS_ETIMEDOUT &&
           cs_admin_client_lives(a) && !cs_fleet_status_is_stopped(watch) && cs_clock_mono_ms() < deadline)
        cs_fleet_status_pause();
    if (rc != CS_OK)
        return rc;
    *out = cs_json_loads(reply, 0, NULL);
    return *out != NULL ? CS_OK : cs_error_set(err, CS_EPROTO, "the coordinator's answer is not JSON");
}

enum cs_err cs_fleet_status_wait_built(struct cs_admin_client *a, const struct cs_fleet_status_watch *watch,
                                       uint64_t wait_ms, struct cs_error *err)
{
    const uint64_t begun = cs_clock_mono_ms();
    bool building = true;
    enum cs_err rc = CS_OK;
    while (building && rc == CS_OK) {
        struct cs_json *status = NULL;
        rc = cs_fleet_status_look(a, watch, &status, err);
        building = rc == CS_OK && cs_fleet_status_is_early(status);
        if (building)
            cs_fleet_status_tell(watch, "looking for what is paid for already", cs_fleet_status_number(status, "built"),
                                 cs_fleet_status_number(status, "to_build"));
        cs_json_decref(status);
        if (rc == CS_OK && cs_fleet_status_is_stopped(watch))
            rc = cs_error_set(err, CS_EINTERRUPTED, "interrupted");
        else if (building && cs_clock_mono_ms() - begun >= wait_ms)
            rc = cs_error_set(err, CS_ETIMEDOUT, "what is paid for already is still being looked for");
        else if (building)
            cs_fleet_status_pause();
    }
    return rc;
}
