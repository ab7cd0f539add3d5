#include "tools/fleet/reread.h"

#include "tools/fleet/fleet.h"
#include "tools/fleet/submission.h"

enum { DRAIN_MS = 1000, END_MS = 60000, GRACE_MS = 5000 };

static enum cs_err count(struct cs_admin_client *a, const struct cs_fleet_status_watch *watch, uint64_t *changed,
                         struct cs_error *err)
{
    struct cs_json *status = NULL, *lane;
    size_t i;
    enum cs_err rc = cs_fleet_status_look(a, watch, &status, err);
    *changed = 0;
    cs_json_array_foreach(cs_json_object_get(status, "lanes"), i, lane)
    {
        *changed += cs_fleet_status_number(cs_json_object_get(lane, "counters"), "reread");
    }
    cs_json_decref(status);
    return rc;
}

enum cs_err cs_fleet_reread_ask(struct cs_admin_client *a, const struct cs_loaded *l,
                                const struct cs_fleet_status_watch *watch, uint32_t *gen, uint64_t *changed,
                                struct cs_error *err)
{
    const struct cs_submission_place place = {.reread = true};
    bool is_new;
    enum cs_err rc = cs_submission_send(a, l, false, &place, gen, &is_new, err);
    if (rc == CS_EBUSY) { /* an earlier change is still being worked in */
        rc = cs_fleet_status_wait_built(a, watch, UINT64_MAX, err);
        if (rc == CS_OK)
            rc = cs_submission_send(a, l, false, &place, gen, &is_new, err);
    }
    if (rc == CS_OK)
        rc = cs_fleet_status_wait_built(a, watch, UINT64_MAX, err);
    return rc == CS_OK ? count(a, watch, changed, err) : rc;
}

enum cs_err cs_fleet_reread_at_rest(struct cs_study_dir *dir, const struct cs_loaded *l,
                                    const struct cs_fleet_status_watch *watch, uint32_t *gen, uint64_t *changed,
                                    struct cs_error *err)
{
    const struct cs_fleet_opts opts = {.workers = 0};
    struct cs_fleet fleet = {0};
    struct cs_admin_client *client = NULL;
    struct cs_error why = {0};
    enum cs_err rc = cs_fleet_start(&fleet, dir, l->study, &opts, err);
    const struct cs_admin_opts ao = {.endpoint = fleet.admin, .lives = cs_fleet_lives, .self = &fleet};
    if (rc == CS_OK)
        rc = cs_admin_client_open(&client, &ao, err);
    if (rc == CS_OK)
        rc = cs_fleet_reread_ask(client, l, watch, gen, changed, err);
    if (rc == CS_OK) {
        (void)!cs_admin_client_ask(client, "drain", NULL, NULL, 0, DRAIN_MS, NULL, NULL); /* its end is the answer */
        (void)!cs_fleet_wait(&fleet, END_MS);
    } else if (rc == CS_ETIMEDOUT && cs_fleet_check(&fleet, &why) != CS_OK) {
        rc = why.code; /* it did not answer because it is gone */
        *err = why;
    }
    cs_admin_client_close(client);
    cs_fleet_stop(&fleet, GRACE_MS);
    return rc;
}
