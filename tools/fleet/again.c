#include "tools/fleet/again.h"

#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/clock.h"
#include "tools/fleet/unanswered.h"
#include "tools/screen/screen.h"

enum { ASK_MS = 15000, LOOK_MS = 5000, POLL_MS = 100, PATIENCE_MS = 60000 };

bool cs_again_is_asked(const struct cs_again_options *o)
{
    return o->timeouts || o->unparsable;
}

/* ---- looking ---------------------------------------------------------------------------------------- */

static void pause_ms(unsigned ms)
{
    usleep(ms * 1000);
}

static bool is_stopped(const volatile sig_atomic_t *stop)
{
    return stop != NULL && *stop > 0;
}

enum cs_err cs_again_look(struct cs_admin_client *a, const volatile sig_atomic_t *stop, json_t **out,
                          struct cs_error *err)
{
    const uint64_t deadline = cs_mono_ms() + PATIENCE_MS;
    const char *reply;
    enum cs_err rc;
    do
        rc = cs_admin_ask(a, "status", NULL, NULL, 0, LOOK_MS, &reply, err);
    while (rc == CS_ETIMEDOUT && !is_stopped(stop) && cs_mono_ms() < deadline);
    if (rc != CS_OK)
        return rc;
    *out = json_loads(reply, 0, NULL);
    return *out != NULL ? CS_OK : cs_error_set(err, CS_EPROTO, "the coordinator's answer is not JSON");
}

static uint64_t number(const json_t *o, const char *name)
{
    const json_int_t v = json_integer_value(json_object_get(o, name)); /* 0 for what is none */
    return v > 0 ? (uint64_t)v : 0;
}

static const char *text(const json_t *o, const char *name)
{
    const char *s = json_string_value(json_object_get(o, name));
    return s != NULL ? s : "";
}

enum cs_err cs_again_wait_built(struct cs_admin_client *a, const volatile sig_atomic_t *stop, uint64_t wait_ms,
                                struct cs_error *err)
{
    const uint64_t begun = cs_mono_ms();
    struct cs_ticker ticker = {0};
    bool building = true;
    enum cs_err rc = CS_OK;
    while (building && rc == CS_OK) {
        json_t *status = NULL;
        rc = cs_again_look(a, stop, &status, err);
        building = rc == CS_OK && strcmp(text(status, "phase"), "building") == 0;
        if (building && ticker.what == NULL && number(status, "to_build") > 0)
            cs_ticker_init(&ticker, "looking for what is paid for already", number(status, "to_build"));
        if (building && ticker.what != NULL)
            cs_ticker_at(&ticker, number(status, "built"));
        json_decref(status);
        if (rc == CS_OK && is_stopped(stop))
            rc = cs_error_set(err, CS_EINTERRUPTED, "interrupted");
        else if (building && cs_mono_ms() - begun >= wait_ms)
            rc = cs_error_set(err, CS_ETIMEDOUT, "what is paid for already is still being looked for");
        else if (building)
            pause_ms(POLL_MS);
    }
    if (ticker.what != NULL)
        cs_ticker_end(&ticker);
    return rc;
}

/* ---- the act ---------------------------------------------------------------------------------------- */

static enum cs_err begin(struct cs_admin_client *a, const struct cs_again_options *o, uint64_t *act,
                         struct cs_error *err)
{
    const char *args[] = {o->timeouts && o->unparsable ? "timeout,unparsable"
                          : o->timeouts                ? "timeout"
                                                       : "unparsable",
                          o->repeat ? "repeat" : "once", o->model, NULL};
    const char *reply;
    enum cs_err rc = cs_admin_ask(a, "again", args, NULL, 0, ASK_MS, &reply, err);
    if (rc != CS_OK)
        return rc;
    json_t *begun = json_loads(reply, 0, NULL);
    *act = number(begun, "act");
    json_decref(begun);
    return *act > 0 ? CS_OK : cs_error_set(err, CS_EPROTO, "the coordinator's answer names no act");
}

static void tell(FILE *out, const json_t *again, const struct cs_again_options *o)
{
    const json_t *models = json_object_get(again, "models"), *m;
    char what[128], kept[128];
    size_t i;
    if (json_array_size(models) == 0)
        fprintf(out, "no %s%s%s stand%s: nothing is asked again\n", o->timeouts ? "timeouts" : "",
                o->timeouts && o->unparsable ? " and no " : "", o->unparsable ? "unparsable answers" : "",
                o->model != NULL ? " in this model" : "");
    json_array_foreach((json_t *)(uintptr_t)models, i, m)
    {
        cs_unanswered_text(what, sizeof what, number(m, "timeouts"), number(m, "unparsable"));
        cs_unanswered_text(kept, sizeof kept, number(m, "timeouts_kept"), number(m, "unparsable_kept"));
        fprintf(out, "%s: %s asked again", text(m, "model"), what[0] != '\0' ? what : "nothing");
        if (kept[0] != '\0')
            fprintf(out, "; %s %s asked again before and stay%s (--again asks once more)", kept,
                    number(m, "timeouts_kept") + number(m, "unparsable_kept") == 1 ? "was" : "were",
                    number(m, "timeouts_kept") + number(m, "unparsable_kept") == 1 ? "s" : "");
        fputc('\n', out);
    }
}

enum cs_err cs_again_ask(struct cs_admin_client *a, const struct cs_again_options *o, const volatile sig_atomic_t *stop,
                         FILE *out, struct cs_error *err)
{
    struct cs_ticker ticker = {0};
    uint64_t act = 0;
    bool running = true;
    enum cs_err rc = begin(a, o, &act, err);
    while (running && rc == CS_OK) {
        json_t *status = NULL;
        rc = cs_again_look(a, stop, &status, err);
        const json_t *again = json_object_get(status, "again");
        running = json_is_true(json_object_get(again, "running"));
        if (rc == CS_OK && number(again, "act") != act)
            rc = cs_error_set(err, CS_EAGAIN,
                              "the coordinator was started anew meanwhile: what was asked again before that stays so; "
                              "say it again for the rest");
        else if (rc == CS_OK && !running && number(again, "code") != CS_OK)
            rc = cs_error_set(err, CS_EAGAIN, "not all of it: %s; what was asked again stays so", text(again, "text"));
        if (rc == CS_OK && running && ticker.what == NULL)
            cs_ticker_init(&ticker, "asking again", number(again, "total"));
        if (rc == CS_OK && running)
            cs_ticker_at(&ticker, number(again, "scanned"));
        if (rc == CS_OK && !running && ticker.what != NULL)
            cs_ticker_end(&ticker);
        if (rc == CS_OK && !running)
            tell(out, again, o);
        json_decref(status);
        if (rc == CS_OK && running && is_stopped(stop))
            rc = cs_error_set(err, CS_EINTERRUPTED, "interrupted");
        else if (rc == CS_OK && running)
            pause_ms(POLL_MS);
    }
    return rc;
}
