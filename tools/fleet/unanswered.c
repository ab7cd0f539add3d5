#include "tools/fleet/unanswered.h"

#include <string.h>

#include "protocol/base/json.h"
#include "tools/base/reader.h"
#include "tools/base/text.h"
#include "tools/fleet/fleet_status.h"

void cs_unanswered_release(struct cs_unanswered *s)
{
    cs_arena_release(&s->arena);
    *s = (struct cs_unanswered){0};
}

static void make_room(struct cs_unanswered *s, uint32_t n)
{
    *s = (struct cs_unanswered){0};
    s->lanes = cs_arena_array(&s->arena, n + 1, sizeof *s->lanes);
}

enum cs_err cs_unanswered_of_store(struct cs_unanswered *out, const char *study, const char *dir, const char *name,
                                   struct cs_error *err)
{
    struct cs_reader r = {0};
    struct cs_error why = {0};
    enum cs_err rc = cs_reader_open(&r, study, dir, NULL, name, &why);
    *out = (struct cs_unanswered){0};
    if (rc == CS_ENOENT) /* no store, or none that holds a study yet */
        return CS_OK;
    if (rc != CS_OK)
        return cs_error_set(err, rc, "%s", why.msg);
    make_room(out, r.view.plan.n_lanes);
    for (uint32_t i = 0; i < r.view.plan.n_lanes && rc == CS_OK; i++) {
        struct cs_unanswered_lane *l = &out->lanes[out->n++];
        struct cs_counters c;
        rc = cs_store_rows_counters(r.store, r.view.generation.number, i, &c, err);
        rc = rc == CS_ENOENT ? CS_OK : rc;
        *l = (struct cs_unanswered_lane){.model = cs_arena_strdup(&out->arena, r.view.spec.study->models[i].name),
                                         .timeouts = c.outcome[CS_OUTCOME_timeout],
                                         .unparsable = c.outcome[CS_OUTCOME_unparsable]};
        for (int o = 0; o < CS_OUTCOMES; o++)
            l->answers += cs_outcome_is_answer((enum cs_outcome)o) ? c.outcome[o] : 0;
    }
    cs_reader_close(&r);
    return rc;
}

enum cs_err cs_unanswered_of_fleet(struct cs_unanswered *out, struct cs_admin_client *a,
                                   const struct cs_fleet_status_watch *watch, struct cs_error *err)
{
    struct cs_json *status = NULL, *l;
    size_t i;
    enum cs_err rc = cs_fleet_status_look(a, watch, &status, err);
    *out = (struct cs_unanswered){0};
    if (rc != CS_OK)
        return rc;
    struct cs_json *lanes = cs_json_object_get(status, "lanes");
    if (cs_fleet_status_is_early(status))
        rc = cs_error_set(err, CS_EAGAIN, "a changed study is being worked in");
    make_room(out, (uint32_t)cs_json_array_size(lanes));
    cs_json_array_foreach(lanes, i, l)
    {
        const struct cs_json *outcome = cs_json_object_get(cs_json_object_get(l, "counters"), "outcome");
        const char *model = cs_json_string_value(cs_json_object_get(l, "model"));
        if (rc != CS_OK)
            break;
        out->lanes[out->n++] = (struct cs_unanswered_lane){
            .model = cs_arena_strdup(&out->arena, model != NULL ? model : ""),
            .answers = cs_fleet_status_number(l, "done"),
            .timeouts = cs_fleet_status_number(outcome, cs_outcome_name(CS_OUTCOME_timeout)),
            .unparsable = cs_fleet_status_number(outcome, cs_outcome_name(CS_OUTCOME_unparsable))};
    }
    cs_json_decref(status);
    return rc;
}

const char *cs_unanswered_text(char *out, size_t size, uint64_t timeouts, uint64_t unparsable)
{
    char n[CS_TEXT_MAX_LEN];
    out[0] = '\0';
    if (timeouts > 0)
        snprintf(out, size, "%s timeout%s", cs_text_count(n, timeouts), timeouts == 1 ? "" : "s");
    if (unparsable > 0) {
        const size_t used = strlen(out);
        snprintf(out + used, size - used, "%s%s unparsable answer%s", used > 0 ? " and " : "",
                 cs_text_count(n, unparsable), unparsable == 1 ? "" : "s");
    }
    return out;
}

void cs_unanswered_print(const struct cs_unanswered *s, FILE *out, const char *command, const char *prefix)
{
    bool timeouts = false, unparsable = false;
    char what[128];
    for (uint32_t i = 0; i < s->n; i++) {
        const struct cs_unanswered_lane *l = &s->lanes[i];
        const uint64_t stand = l->timeouts + l->unparsable;
        if (stand == 0)
            continue;
        fprintf(out, "%s: %s stand%s (%.1f %% of its answers)\n", l->model,
                cs_unanswered_text(what, sizeof what, l->timeouts, l->unparsable), stand == 1 ? "s" : "",
                100 * (double)stand / (double)(l->answers > stand ? l->answers : stand));
        timeouts |= l->timeouts > 0;
        unparsable |= l->unparsable > 0;
    }
    if (timeouts)
        fprintf(out, "  `%s %stimeouts` asks the timeouts again\n", command, prefix);
    if (unparsable)
        fprintf(out, "  `%s %sunparsable` asks the unparsable again\n", command, prefix);
}
