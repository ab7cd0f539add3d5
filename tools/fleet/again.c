#include "tools/fleet/again.h"

#include <string.h>

#include "protocol/base/json.h"
#include "tools/fleet/unanswered.h"

enum { ASK_MS = 15000 };

bool cs_fleet_again_is_asked(const struct cs_again_options *o)
{
    return o->timeouts || o->unparsable;
}

/* ---- the act ---------------------------------------------------------------------------------------- */

static enum cs_err begin(struct cs_admin_client *a, const struct cs_again_options *o, uint64_t *act,
                         struct cs_error *err)
{
    const char *args[] = {o->timeouts && o->unparsable ? "timeout,unparsable"
                          : o->timeouts                ? "timeout"
                                                       : "unparsable",
                          o->repeat ? "repeat" : "once",
                          o->model != NULL   ? o->model
                          : o->study != NULL ? ""
                                             : NULL,
                          o->study, NULL};
    const char *reply;
    enum cs_err rc = cs_admin_client_ask(a, "again", args, NULL, 0, ASK_MS, &reply, err);
    if (rc != CS_OK)
        return rc;
    struct cs_json *begun = cs_json_loads(reply, 0, NULL);
    *act = cs_fleet_status_number(begun, "act");
    cs_json_decref(begun);
    return *act > 0 ? CS_OK : cs_error_set(err, CS_EPROTO, "the coordinator's answer names no act");
}

static void tell(FILE *out, const struct cs_json *again, const struct cs_again_options *o)
{
    const struct cs_json *models = cs_json_object_get(again, "models"), *m;
    char what[128], kept[128];
    size_t i;
    if (cs_json_array_size(models) == 0)
        fprintf(out, "no %s%s%s stand%s: nothing is asked again\n", o->timeouts ? "timeouts" : "",
                o->timeouts && o->unparsable ? " and no " : "", o->unparsable ? "unparsable answers" : "",
                o->model != NULL ? " in this model" : "");
    cs_json_array_foreach((struct cs_json *)(uintptr_t)models, i, m)
    {
        cs_unanswered_text(what, sizeof what, cs_fleet_status_number(m, "timeouts"),
                           cs_fleet_status_number(m, "unparsable"));
        cs_unanswered_text(kept, sizeof kept, cs_fleet_status_number(m, "timeouts_kept"),
                           cs_fleet_status_number(m, "unparsable_kept"));
        fprintf(out, "%s: %s asked again", cs_fleet_status_text(m, "model"), what[0] != '\0' ? what : "nothing");
        if (kept[0] != '\0')
            fprintf(
                out, "; %s %s asked again before and stay%s (--again asks once more)", kept,
                cs_fleet_status_number(m, "timeouts_kept") + cs_fleet_status_number(m, "unparsable_kept") == 1 ? "was"
                                                                                                               : "were",
                cs_fleet_status_number(m, "timeouts_kept") + cs_fleet_status_number(m, "unparsable_kept") == 1 ? "s"
                                                                                                               : "");
        fputc('\n', out);
    }
}

enum cs_err cs_fleet_again_ask(struct cs_admin_client *a, const struct cs_again_options *o,
                               const struct cs_fleet_status_watch *watch, FILE *out, struct cs_json **said,
                               struct cs_error *err)
{
    uint64_t act = 0;
    bool running = true;
    enum cs_err rc = begin(a, o, &act, err);
    while (running && rc == CS_OK) {
        struct cs_json *status = NULL;
        rc = cs_fleet_status_look(a, watch, &status, err);
        const struct cs_json *again = cs_json_object_get(status, "again");
        running = cs_json_is_true(cs_json_object_get(again, "running"));
        if (rc == CS_OK && cs_fleet_status_number(again, "act") != act)
            rc = cs_error_set(err, CS_EAGAIN,
                              "the coordinator was started anew meanwhile: what was asked again before that stays so; "
                              "say it again for the rest");
        else if (rc == CS_OK && !running && cs_fleet_status_number(again, "code") != CS_OK)
            rc = cs_error_set(err, CS_EAGAIN, "not all of it: %s; what was asked again stays so",
                              cs_fleet_status_text(again, "text"));
        if (rc == CS_OK)
            cs_fleet_status_tell(watch, "asking again", cs_fleet_status_number(again, "scanned"),
                                 cs_fleet_status_number(again, "total"));
        if (rc == CS_OK && !running && out != NULL)
            tell(out, again, o);
        if (rc == CS_OK && !running && said != NULL)
            *said = cs_json_incref(cs_json_object_get(again, "models"));
        cs_json_decref(status);
        if (rc == CS_OK && running && cs_fleet_status_is_stopped(watch))
            rc = cs_error_set(err, CS_EINTERRUPTED, "interrupted");
        else if (rc == CS_OK && running)
            cs_fleet_status_pause();
    }
    return rc;
}
