/* pick.c - which failed trials are meant: the pass that finds them.
 *
 *   OVER     admin verb `retry`          SCANS    lane by lane, page by page, in slices between looks at the sockets
 *   SCANS    a batch is full, lane ends  WAITS    the core plans them again and writes that (operator.c)
 *   SCANS    no lane is left             OVER     the operator is answered
 *   WAITS    on disk, or refused         TOLD
 *   TOLD     next turn                   SCANS, or OVER when they were refused
 *
 * Each batch is in the diary with its number of trials, in the group that plans them again. Nothing of the pass is kept: after a crash the
 * operator says it again, and what is planned already is not failed any more.
 */
#include "coordinator/pick.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/core/core.h"
#include "coordinator/feed.h"
#include "coordinator/lanes/ledger.h"
#include "coordinator/plans.h"
#include "protocol/base/alloc.h"
#include "protocol/base/clock.h"
#include "protocol/base/log.h"
#include "protocol/wire/output.h"

enum { BATCH = 4096 };
_Static_assert(BATCH >= (int)CS_PAGE_TRIALS, "a batch holds a page");

static char *copy(const char *text)
{
    return text != NULL ? cs_xstrdup(text) : NULL;
}

/* ---- begun -------------------------------------------------------------------------------------------- */

static const char quarantined[] = "quarantined";

static enum cs_err check_outcome(const char *name, struct cs_error *err)
{
    char failures[256] = "";
    size_t n = 0;

    if (strcmp(name, quarantined) == 0)
        return CS_OK;
    for (unsigned i = 0; i < CS_OUTCOMES && n < sizeof failures; i++) {
        const bool is_failure = !cs_outcome_is_answer((enum cs_outcome)i);

        if (is_failure && strcmp(name, cs_outcome_name((enum cs_outcome)i)) == 0)
            return CS_OK;
        if (is_failure)
            n += (size_t)snprintf(failures + n, sizeof failures - n, "%s, ", cs_outcome_name((enum cs_outcome)i));
    }
    return cs_error_set(err, CS_EINVAL, "%.40s is no class of failures; these are: %s%s", name, failures, quarantined);
}

static enum cs_err check_model(struct cs_server *sv, uint64_t study, const char *model, uint32_t n_lanes,
                               struct cs_error *err)
{
    struct cs_lane_view v;

    for (uint32_t i = 0; i < n_lanes; i++) {
        cs_core_lane(sv->core, study, i, &v);
        if (model == NULL || (strcmp(model, v.name) == 0 && v.state != CS_LANE_CANCELLED))
            return CS_OK;
        if (strcmp(model, v.name) == 0)
            return cs_error_set(err, CS_EINVAL, "this model is cancelled; `resume` with its name takes that back");
    }
    return cs_error_set(err, CS_ENOENT, "the study has no model %s", model != NULL ? model : "");
}

enum cs_err cs_pick_start(const struct cs_ask *ask, const struct cs_roster_study *s, const struct cs_pick_ask *what,
                          struct cs_error *err)
{
    struct cs_server *sv = ask->sv;
    struct cs_pick_pass *p = &sv->pick;
    struct cs_core_view view;
    enum cs_err rc = what->outcome != NULL ? check_outcome(what->outcome, err) : CS_OK;

    cs_core_view(sv->core, s->key, &view);
    if (rc == CS_OK && p->state != CS_PICK_OVER)
        rc = cs_error_set(err, CS_EBUSY, "failed trials are being looked for already; say it again when that is done");
    if (rc == CS_OK && view.draining)
        rc = cs_error_set(err, CS_EAGAIN, "the coordinator is about to end; say it again when it runs");
    if (rc == CS_OK)
        rc = check_model(sv, s->key, what->model, view.n_lanes, err);
    if (rc != CS_OK)
        return rc;
    cs_pick_release(p);
    *p = (struct cs_pick_pass){.state = CS_PICK_SCANS,
                               .study = s->key,
                               .gen = view.gen,
                               .n_lanes = view.n_lanes,
                               .model = copy(what->model),
                               .outcome = copy(what->outcome),
                               .case_id = copy(what->case_id),
                               .like = copy(what->like),
                               .peer = *ask->peer,
                               .seq = ask->seq,
                               .entry = cs_diary_keep(ask->entry),
                               .found = cs_xcalloc(BATCH, sizeof *p->found)};
    return CS_OK;
}

/* ---- the pass ----------------------------------------------------------------------------------------- */

static bool is_of_case(const struct cs_pick_pass *p, const struct cs_loaded_plan *plan, uint64_t position)
{
    struct cs_generation_view *v = plan->view;
    struct cs_coords at;
    struct cs_case c;

    if (p->case_id == NULL)
        return true;
    cs_plan_coords(&v->plan, p->lane, cs_plan_at(&v->plan, p->lane, position), &at);
    return v->cases.get(v->cases.self, at.case_index, &c, NULL) == CS_OK && strcmp(c.id, p->case_id) == 0;
}

static bool is_meant(const struct cs_pick_pass *p, const struct cs_output *o)
{
    const bool is_quarantine = cs_output_is_quarantine(o);

    if (p->outcome != NULL && strcmp(p->outcome, quarantined) == 0 && !is_quarantine)
        return false;
    if (p->outcome != NULL && strcmp(p->outcome, quarantined) != 0 &&
        (is_quarantine || strcmp(p->outcome, cs_outcome_name((enum cs_outcome)o->outcome)) != 0))
        return false;
    return p->like == NULL || (o->text != NULL && strcasestr(o->text, p->like) != NULL);
}

/* A failed trial: what stands there on disk. What is not there yet is younger than the act. */
static enum cs_err look_at_trial(struct cs_server *sv, uint64_t position, struct cs_arena *arena, struct cs_error *err)
{
    struct cs_pick_pass *p = &sv->pick;
    const struct cs_loaded_plan *plan = cs_plans_find(&sv->plans, p->gen);
    struct cs_place place;
    struct cs_stored stored;
    enum cs_err rc;

    if (plan == NULL || !is_of_case(p, plan, position))
        return CS_OK;
    rc = cs_store_rows_place(sv->store, p->gen, p->lane, position, &place, err);
    if (rc != CS_OK || (place.flags & CS_OUTPUT_FAILURE) == 0)
        return rc == CS_ENOENT ? CS_OK : rc;
    cs_arena_reset(arena);
    rc = cs_store_scan_output(sv->store, place.output_id, arena, &stored, err);
    if (rc == CS_OK && is_meant(p, &stored.output))
        p->found[p->n_found++] = position;
    return rc;
}

static enum cs_err look_at_page(struct cs_server *sv, const struct cs_lane_view *v, struct cs_error *err)
{
    struct cs_pick_pass *p = &sv->pick;
    const uint64_t first = p->page * CS_PAGE_TRIALS, left = v->n_trials - first;
    const unsigned n = left < CS_PAGE_TRIALS ? (unsigned)left : CS_PAGE_TRIALS;
    uint8_t bits[CS_PAGE_BYTES];
    struct cs_arena arena = {0};
    struct cs_bits failed;
    enum cs_err rc = CS_OK;

    cs_core_page(sv->core, p->study, p->lane, p->page, bits);
    failed = cs_ledger_select(bits, CS_TRIAL_FAILED, n);
    for (unsigned i = 0; i < n && rc == CS_OK; i++) {
        if (cs_bits_has(&failed, i))
            rc = look_at_trial(sv, first + i, &arena, err);
    }
    cs_arena_release(&arena);
    p->page++;
    return rc;
}

static void over(struct cs_server *sv, enum cs_err code, const char *text)
{
    struct cs_pick_pass *p = &sv->pick;
    char blob[64];

    snprintf(blob, sizeof blob, "{\"trials\":%lld}", (long long)p->trials);
    cs_log(CS_INFO, "retried", "gen=%u trials=%lld code=%s", p->gen, (long long)p->trials, cs_error_name(code));
    cs_feed_answer(sv, &p->peer, p->seq, code, text, code == CS_OK ? blob : NULL);
    p->state = CS_PICK_OVER;
    cs_pick_release(p);
}

/* Found trials to the core. */
static void hand_over(struct cs_server *sv)
{
    struct cs_pick_pass *p = &sv->pick;
    const struct cs_note note = cs_diary_note(p->entry);
    const struct cs_event e = {.kind = CS_EV_RETRY,
                               .note = &note,
                               .retry = {p->gen, p->lane, p->found, p->n_found, CS_PICK_TOKEN, &p->entry->row.trials}};

    p->state = CS_PICK_WAITS; /* before the reply, which may come at once */
    cs_feed_event(sv, &e);
}

static void slice(struct cs_server *sv)
{
    struct cs_pick_pass *p = &sv->pick;
    const uint64_t end = cs_clock_mono_ms() + CS_SLICE_MS;
    struct cs_error err = {0};
    struct cs_lane_view v;

    while (p->lane < p->n_lanes && cs_clock_mono_ms() < end) {
        cs_core_lane(sv->core, p->study, p->lane, &v);
        const bool takes_part = v.gen == p->gen && v.state != CS_LANE_CANCELLED &&
                                (p->model == NULL || strcmp(p->model, v.name) == 0);
        const bool at_end = !takes_part || p->page * CS_PAGE_TRIALS >= v.n_trials;

        if (p->n_found > 0 && (at_end || p->n_found + CS_PAGE_TRIALS > BATCH)) {
            hand_over(sv);
            return;
        }
        if (at_end) {
            p->lane++;
            p->page = 0;
            continue;
        }
        enum cs_err rc = look_at_page(sv, &v, &err);
        if (rc != CS_OK) {
            over(sv, rc, err.msg);
            return;
        }
    }
    if (p->lane == p->n_lanes)
        over(sv, CS_OK, "");
}

bool cs_pick_turn(struct cs_server *sv)
{
    struct cs_pick_pass *p = &sv->pick;
    struct cs_core_view view;

    if (sv->over || p->state == CS_PICK_OVER || p->state == CS_PICK_WAITS)
        return false;
    cs_core_view(sv->core, p->study, &view);
    if (p->state == CS_PICK_TOLD && p->code != CS_OK) {
        over(sv, p->code, p->text);
        return false;
    }
    if (view.gen != p->gen) {
        over(sv, CS_EAGAIN, "the study was changed meanwhile; say it again");
        return false;
    }
    if (p->state == CS_PICK_TOLD) {
        p->trials += p->entry->row.trials;
        p->n_found = 0;
        p->state = CS_PICK_SCANS;
    }
    slice(sv);
    return p->state == CS_PICK_SCANS || p->state == CS_PICK_TOLD;
}

void cs_pick_release(struct cs_pick_pass *p)
{
    CS_FREE(p->model);
    CS_FREE(p->outcome);
    CS_FREE(p->case_id);
    CS_FREE(p->like);
    CS_FREE(p->found);
    cs_diary_drop(p->entry);
    p->entry = NULL;
}
