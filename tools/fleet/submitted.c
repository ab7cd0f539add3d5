#include "tools/fleet/submitted.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/json.h"
#include "tools/base/text.h"

enum { BUILT_MS = 10000 };

void cs_submitted_look(struct cs_submitted *out, struct cs_admin_client *client,
                       const struct cs_fleet_status_watch *watch)
{
    *out = (struct cs_submitted){0};
    if (cs_fleet_status_look(client, watch, &out->now, NULL) != CS_OK ||
        strcmp(cs_fleet_status_text(out->now, "phase"), "queued") == 0)
        return;
    if (cs_fleet_status_wait_built(client, watch, BUILT_MS, NULL) == CS_OK)
        (void)!cs_unanswered_of_fleet(&out->unanswered, client, watch, NULL);
    cs_json_decref(out->now);
    out->now = NULL;
    (void)!cs_fleet_status_look(client, watch, &out->now, NULL);
}

/* How far it is; later the same stands in `status`. */
static void print_preparing(const struct cs_json *now, FILE *out)
{
    const uint64_t built = cs_fleet_status_number(now, "built"), total = cs_fleet_status_number(now, "to_build");
    const double left = cs_json_number_value(cs_json_object_get(now, "edit_eta_s"));
    char eta[CS_TEXT_MAX_LEN];
    fprintf(
        out,
        "an edit is being prepared, answers already paid for are looked up: %.0f %%, ETA %s; `clinsafe status` shows the rest, and the "
        "timeouts that were carried over\n",
        total > 0 ? 100.0 * (double)built / (double)total : 0.0, left < 0 ? "-" : cs_text_duration(eta, left));
}

void cs_submitted_print(const struct cs_submitted *s, const char *study, const char *endpoint, FILE *out)
{
    char *command = cs_xasprintf("clinsafe retry --coordinator %s --study %s", endpoint, study);
    if (strcmp(cs_fleet_status_text(s->now, "phase"), "queued") == 0)
        fprintf(out, "%s waits for its turn; `clinsafe list` shows it\n", study);
    else if (cs_fleet_status_is_early(s->now))
        print_preparing(s->now, out);
    else
        cs_unanswered_print(&s->unanswered, out, command, "--");
    free(command);
}

struct cs_json *cs_submitted_json(const struct cs_submitted *s, const char *study, uint32_t gen, bool is_new)
{
    struct cs_json *lanes = cs_json_array();
    for (uint32_t i = 0; i < s->unanswered.n; i++) {
        const struct cs_unanswered_lane *l = &s->unanswered.lanes[i];
        if (l->timeouts + l->unparsable > 0)
            cs_json_array_append_new(lanes, cs_json_pack("{s:s, s:I, s:I, s:I}", "model", l->model, "answers",
                                                         (int64_t)l->answers, "timeouts", (int64_t)l->timeouts,
                                                         "unparsable", (int64_t)l->unparsable));
    }
    return cs_json_pack("{s:s, s:I, s:b, s:s?, s:o}", "study", study, "gen", (int64_t)gen, "new", is_new, "state",
                        cs_json_string_value(cs_json_object_get(s->now, "phase")), "unanswered", lanes);
}

void cs_submitted_release(struct cs_submitted *s)
{
    cs_json_decref(s->now);
    cs_unanswered_release(&s->unanswered);
}
