/* again.c - timeouts and unparsable answers are asked again by a declared act: the pass that finds them.
 *
 *   OVER     admin verb `again`          SCANS    lane by lane, page by page, in slices between looks at the sockets
 *   SCANS    a batch is full, lane ends  WAITS    the core sets them to planned and writes that (supersede.c)
 *   SCANS    no lane is left             OVER
 *   WAITS    on disk, or refused         TOLD
 *   TOLD     next turn                   SCANS    or OVER, when they were refused
 *
 * Only what stands on the disk is judged: a done trial's place row does not change but by this act, one at a time. Nothing of the pass is
 * kept: after a crash the operator says it again, and what was asked again before stays out by itself (`kept`).
 */
#include "coordinator/again.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/core/core.h"
#include "coordinator/feed.h"
#include "coordinator/lanes/ledger.h"
#include "coordinator/plans.h"
#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/clock.h"
#include "protocol/base/log.h"
#include "protocol/base/json.h"

/* Trials in a batch: each costs the commit thread some reads, and meanwhile nobody is acknowledged. */
enum { BATCH = 1024 };
_Static_assert(BATCH <= (int)CS_AGAIN_MAX && BATCH >= (int)CS_PAGE_TRIALS,
               "a batch holds a page, and the store takes it");

static const enum cs_outcome kinds[2] = {CS_OUTCOME_timeout, CS_OUTCOME_unparsable};

/* ---- begun -------------------------------------------------------------------------------------------- */

static enum cs_err parse_outcomes(const char *list, bool wanted[2], struct cs_error *err)
{
    memset(wanted, 0, 2 * sizeof *wanted);
    for (const char *p = list; *p != '\0'; p += strspn(p, ",")) {
        size_t n = strcspn(p, ",");
        unsigned k = 0;

        while (k < 2 && (strlen(cs_outcome_name(kinds[k])) != n || strncmp(p, cs_outcome_name(kinds[k]), n) != 0))
            k++;
        if (k == 2)
            return cs_error_set(err, CS_EINVAL,
                                "`%.*s` answers stand for good: only `timeout` and `unparsable` may be asked again",
                                (int)(n < 32 ? n : 32), p);
        wanted[k] = true;
        p += n;
    }
    return wanted[0] || wanted[1] ? CS_OK
                                  : cs_error_set(err, CS_EUSAGE, "again: wants `timeout`, `unparsable` or both");
}

/* CS_OK: the lane takes part; CS_ENOENT: another model is meant, or it is cancelled. */
static enum cs_err look_at_lane(struct cs_server *sv, const struct cs_again_ask *ask, uint32_t lane,
                                struct cs_lane_view *v, struct cs_error *err)
{
    const char *model = ask->model;

    cs_core_lane(sv->core, ask->study, lane, v);
    if (model != NULL && strcmp(model, v->name) != 0)
        return CS_ENOENT;
    if (v->state != CS_LANE_CANCELLED)
        return CS_OK;
    if (model != NULL)
        return cs_error_set(err, CS_EINVAL, "this model is cancelled; `resume` with its name takes that back");
    return CS_ENOENT;
}

enum cs_err cs_coordinator_again_start(struct cs_server *sv, const struct cs_again_ask *ask, struct cs_error *err)
{
    struct cs_again_pass *p = &sv->again;
    struct cs_core_view view;
    struct cs_lane_view lane;
    bool wanted[2];
    uint64_t total = 0;
    uint32_t n = 0;
    enum cs_err rc = parse_outcomes(ask->outcomes, wanted, err);

    if (rc != CS_OK)
        return rc;
    cs_core_view(sv->core, ask->study, &view);
    if (view.gen == 0)
        return cs_error_set(err, CS_ENOENT, "no study was started yet");
    if (p->state != CS_AGAIN_OVER)
        return cs_error_set(err, CS_EBUSY, "answers are being asked again already; `status` says how far that is");
    if (view.draining)
        return cs_error_set(err, CS_EAGAIN, "the coordinator is about to end; say it again when it runs");
    for (uint32_t i = 0; i < view.n_lanes; i++) {
        rc = look_at_lane(sv, ask, i, &lane, err);
        if (rc == CS_OK)
            total += lane.n_trials;
        else if (rc != CS_ENOENT)
            return rc;
        n += rc == CS_OK;
    }
    if (n == 0 && ask->model != NULL)
        return cs_error_set(err, CS_ENOENT, "the study has no model %s", ask->model);
    cs_coordinator_again_release(p);
    *p = (struct cs_again_pass){.number = p->number + 1,
                                .state = CS_AGAIN_SCANS,
                                .wanted = {wanted[0], wanted[1]},
                                .repeat = ask->repeat,
                                .model = ask->model != NULL ? cs_xstrdup(ask->model) : NULL,
                                .study = ask->study,
                                .gen = view.gen,
                                .n_lanes = view.n_lanes,
                                .total = total};
    p->sums = cs_xcalloc(view.n_lanes + 1, sizeof *p->sums);
    for (uint32_t i = 0; i < view.n_lanes; i++) {
        cs_core_lane(sv->core, ask->study, i, &lane);
        p->sums[i].model = cs_xstrdup(lane.name);
    }
    p->found = cs_xcalloc(BATCH, sizeof *p->found);
    cs_log(CS_INFO, "again_begun", "act=%u outcomes=%s trials=%llu", p->number, ask->outcomes,
           (unsigned long long)total);
    return CS_OK;
}

/* ---- the pass ----------------------------------------------------------------------------------------- */

static int kind_of(const struct cs_again_pass *p, uint8_t outcome)
{
    for (int k = 0; k < 2; k++) {
        if (p->wanted[k] && outcome == kinds[k])
            return k;
    }
    return -1;
}

/* A done trial: what stands there on disk. Not yet there, or already asked again there: its answer is younger than the act. */
static enum cs_err look_at_trial(struct cs_server *sv, uint64_t position, struct cs_arena *arena, struct cs_error *err)
{
    struct cs_again_pass *p = &sv->again;
    struct cs_place place;
    struct cs_stored stored;
    uint8_t outcome;
    enum cs_err rc = cs_store_rows_place(sv->store, p->gen, p->lane, position, &place, err);
    int k;

    if (rc == CS_ENOENT || (rc == CS_OK && (place.flags & (CS_OUTPUT_SUPERSEDED | CS_OUTPUT_FAILURE)) != 0))
        return CS_OK;
    if (rc != CS_OK)
        return rc;
    cs_arena_reset(arena);
    rc = cs_store_scan_output(sv->store, place.output_id, arena, &stored, err);
    if (rc != CS_OK)
        return rc;
    outcome = place.reading.number > 0 ? place.reading.outcome : stored.output.outcome;
    k = kind_of(p, outcome);
    if (k < 0)
        return CS_OK;
    if (place.n_earlier > 0 && !p->repeat) {
        p->sums[p->lane].kept[k]++;
        return CS_OK;
    }
    CS_ASSERT(p->n_found < BATCH);
    p->found[p->n_found++] = (struct cs_again_trial){position, outcome, (place.flags & CS_OUTPUT_ADOPTED) != 0};
    return CS_OK;
}

static enum cs_err look_at_page(struct cs_server *sv, const struct cs_lane_view *v, struct cs_error *err)
{
    struct cs_again_pass *p = &sv->again;
    uint64_t first = p->page * CS_PAGE_TRIALS, left = v->n_trials - first;
    unsigned n = left < CS_PAGE_TRIALS ? (unsigned)left : CS_PAGE_TRIALS;
    uint8_t bits[CS_PAGE_BYTES];
    struct cs_arena arena = {0};
    struct cs_bits done;
    enum cs_err rc = CS_OK;

    cs_core_page(sv->core, p->study, p->lane, p->page, bits);
    done = cs_ledger_select(bits, CS_TRIAL_DONE, n);
    for (unsigned i = 0; i < n && rc == CS_OK; i++) {
        if (cs_bits_has(&done, i))
            rc = look_at_trial(sv, first + i, &arena, err);
    }
    cs_arena_release(&arena);
    p->page++;
    p->scanned += n;
    return rc;
}

/* All that the lane has, by its counters, is found: the rest of it is not looked at. */
static bool is_exhausted(const struct cs_again_pass *p, const struct cs_lane_view *v)
{
    uint64_t stand = 0, seen = p->n_found;

    for (int k = 0; k < 2; k++) {
        stand += p->wanted[k] ? v->counters.outcome[kinds[k]] : 0;
        seen += p->sums[p->lane].kept[k];
    }
    return seen >= stand;
}

static void over(struct cs_server *sv, enum cs_err code, const char *text)
{
    struct cs_again_pass *p = &sv->again;
    uint64_t sum[2] = {0};

    for (uint32_t i = 0; i < p->n_lanes; i++) {
        sum[0] += p->sums[i].again[0];
        sum[1] += p->sums[i].again[1];
    }
    p->state = CS_AGAIN_OVER;
    p->code = code;
    if (text != p->text)
        snprintf(p->text, sizeof p->text, "%s", text);
    CS_FREE(p->found);
    cs_log(code == CS_OK ? CS_INFO : CS_WARN, "again_over", "act=%u code=%s timeouts=%llu unparsable=%llu", p->number,
           cs_error_name(code), (unsigned long long)sum[0], (unsigned long long)sum[1]);
}

/* Found trials to the core. */
static void hand_over(struct cs_server *sv)
{
    struct cs_again_pass *p = &sv->again;
    struct cs_event e = {.kind = CS_EV_AGAIN, .again = {p->gen, p->lane, p->found, p->n_found, CS_AGAIN_TOKEN}};

    p->state = CS_AGAIN_WAITS; /* before the reply, which may come at once */
    cs_feed_event(sv, &e);
}

/* They are on disk. */
static void take_back(struct cs_again_pass *p)
{
    for (uint32_t i = 0; i < p->n_found; i++)
        p->sums[p->lane].again[p->found[i].outcome == kinds[1]]++;
    p->n_found = 0;
    p->state = CS_AGAIN_SCANS;
}

static void next_lane(struct cs_again_pass *p, const struct cs_lane_view *v, bool took_part)
{
    if (took_part)
        p->scanned += v->n_trials - (p->page * CS_PAGE_TRIALS < v->n_trials ? p->page * CS_PAGE_TRIALS : v->n_trials);
    p->lane++;
    p->page = 0;
}

static void slice(struct cs_server *sv)
{
    struct cs_again_pass *p = &sv->again;
    uint64_t end = cs_clock_mono_ms() + CS_SLICE_MS;
    struct cs_error err = {0};
    const struct cs_again_ask what = {.model = p->model, .study = p->study};
    struct cs_lane_view v;
    enum cs_err rc;

    while (p->lane < p->n_lanes && cs_clock_mono_ms() < end) {
        bool takes_part = look_at_lane(sv, &what, p->lane, &v, NULL) == CS_OK;
        bool at_end = !takes_part || p->page * CS_PAGE_TRIALS >= v.n_trials || is_exhausted(p, &v);

        if (p->n_found > 0 && (at_end || p->n_found + CS_PAGE_TRIALS > BATCH)) {
            hand_over(sv);
            return;
        }
        if (at_end) {
            next_lane(p, &v, takes_part);
            continue;
        }
        rc = look_at_page(sv, &v, &err);
        if (rc != CS_OK) {
            over(sv, rc, err.msg);
            return;
        }
    }
    if (p->lane == p->n_lanes)
        over(sv, CS_OK, "");
}

bool cs_coordinator_again_turn(struct cs_server *sv)
{
    struct cs_again_pass *p = &sv->again;

    if (sv->over || p->state == CS_AGAIN_OVER || p->state == CS_AGAIN_WAITS)
        return false;
    if (p->state == CS_AGAIN_TOLD && p->code != CS_OK) {
        over(sv, p->code, p->text);
        return false;
    }
    if (p->state == CS_AGAIN_TOLD)
        take_back(p);
    slice(sv);
    return p->state == CS_AGAIN_SCANS || p->state == CS_AGAIN_TOLD;
}

void cs_coordinator_again_status(const struct cs_server *sv, uint64_t study, struct cs_buf *out)
{
    const struct cs_again_pass *p = &sv->again;
    const bool running = p->state != CS_AGAIN_OVER;
    const char *separator = "";

    if (p->number == 0 || p->study != study)
        return;
    cs_buf_printf(out, "\"again\":{\"act\":%u,\"running\":%s,\"code\":%d,\"text\":", p->number,
                  running ? "true" : "false", (int)(running ? CS_OK : p->code));
    cs_json_str(out, p->text, running ? 0 : strlen(p->text));
    cs_buf_printf(out, ",\"scanned\":%llu,\"total\":%llu,\"models\":[", (unsigned long long)p->scanned,
                  (unsigned long long)p->total);
    for (uint32_t i = 0; i < p->n_lanes; i++) {
        const struct cs_again_lane *l = &p->sums[i];

        if (l->again[0] + l->again[1] + l->kept[0] + l->kept[1] == 0)
            continue;
        cs_buf_printf(out, "%s{\"model\":", separator);
        cs_json_str(out, l->model, strlen(l->model));
        cs_buf_printf(out, ",\"timeouts\":%llu,\"unparsable\":%llu,\"timeouts_kept\":%llu,\"unparsable_kept\":%llu}",
                      (unsigned long long)l->again[0], (unsigned long long)l->again[1], (unsigned long long)l->kept[0],
                      (unsigned long long)l->kept[1]);
        separator = ",";
    }
    cs_buf_str(out, "]},");
}

void cs_coordinator_again_release(struct cs_again_pass *p)
{
    for (uint32_t i = 0; p->sums != NULL && i < p->n_lanes; i++)
        free(p->sums[i].model);
    CS_FREE(p->model);
    CS_FREE(p->sums);
    CS_FREE(p->found);
}
