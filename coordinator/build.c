/* build.c - a changed study becomes a new generation: every trial whose request was paid for takes its output over,
 * and every trial that the study leaves out (applies.h) is cancelled.
 *
 *   NONE     its study's turn (roster.h)     OPENING
 *   OPENING  its row is on disk              PASS     the first round: all trials
 *   PASS     all of the round looked up      BETWEEN  (or LAST, when the old generation is closed)
 *   BETWEEN  the round is on disk; it took   PASS     the next round: what the old generation has brought since (catchup.h)
 *            long
 *   BETWEEN  it is on disk, and was short    CLOSING  no more leases in the old generation
 *   CLOSING  nothing leased or pending       PASS     the last round
 *   LAST     row "built", the operator's     NONE     the core gets the new generation
 *            words and the last adoptions are committed, in one batch
 *
 * The old generation is worked on until CLOSING, unless its operator wants it stopped (`stop-old/GEN`: what it asks may be wrong). With
 * --reuse it is closed first: it would buy what is about to be borrowed; so it is for a rereading (reread.h), which has one round. A round
 * walks the positions of each lane, a page at a time, in slices between looks at the sockets. Its cursor rides in the batches, so that
 * after a crash it goes on where it was, beside the old generation again. One batch is on its way at a time. What goes where: adopt.h.
 * The meta "reuse/GEN" keeps which other studies' stores were looked into.
 */

#include "coordinator/build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/adopt.h"
#include "coordinator/borrow.h"
#include "coordinator/catchup.h"
#include "coordinator/core/core.h"
#include "coordinator/feed.h"
#include "coordinator/plans.h"
#include "coordinator/reread.h"
#include "coordinator/restore.h"
#include "coordinator/roster.h"
#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/clock.h"
#include "protocol/base/log.h"
#include "store/addresses.h"

enum { BATCH_ADOPTIONS = 2048, BATCH_SCANNED = 65536, BATCH_BYTES = 1024 * 1024 };
/* A round this short is followed by the closing; so is the last of so many, and one that took hardly less than the one before: answers
 * come faster than they are looked up. */
enum { SHORT_ROUND_MS = 250, ROUNDS_MAX = 12, ROUNDS_PATIENCE = 5 };
/* From round to round a longer slice, so that a fleet that answers as fast as we can take answers in is caught up with. */
enum { SLICE_DOUBLINGS = 3 };

static void cursor_key(uint32_t gen, char out[CS_META_KEY_MAX])
{
    snprintf(out, CS_META_KEY_MAX, "beside/%010u", gen);
}

static void stopped_key(uint32_t gen, char out[CS_META_KEY_MAX])
{
    snprintf(out, CS_META_KEY_MAX, "stop-old/%010u", gen);
}

static void reuse_key(uint32_t gen, char out[CS_META_KEY_MAX])
{
    snprintf(out, CS_META_KEY_MAX, "reuse/%010u", gen);
}

bool cs_build_has_news(struct cs_server *sv, const struct cs_roster_study *s, bool others)
{
    const struct cs_generation *newest = &s->newest;
    const char *state = cs_borrow_state(sv->borrow);
    char key[CS_META_KEY_MAX];
    void *value = NULL;
    uint32_t n = 0;
    bool same;

    reuse_key(newest->number, key);
    same = cs_store_rows_meta(sv->store, key, &value, &n, NULL) == CS_OK && n == strlen(state) &&
           memcmp(value, state, n) == 0;
    free(value);
    return ((sv->borrow != NULL && !same) || (others && !newest->others)) && !cs_roster_is_over(sv, s);
}

static void set_batch(struct cs_build *b, struct cs_batch *batch)
{
    batch->group = (uint64_t)1 << CS_BUILD_GROUP_BIT;
    b->batch = batch;
    b->scanned_since = 0;
}

static void begin(struct cs_server *sv, struct cs_roster_study *s)
{
    struct cs_build *b = &sv->build;
    struct cs_batch *batch = cs_xcalloc(1, sizeof *batch);
    char key[CS_META_KEY_MAX];

    CS_ASSERT(b->state == CS_BUILD_NONE);
    cs_batch_init(batch);
    set_batch(b, batch);
    if (sv->borrow != NULL) {
        const char *state = cs_borrow_state(sv->borrow);

        reuse_key(s->next.number, key);
        cs_batch_add_meta(batch, key, state, (uint32_t)strlen(state));
    }
    b->study = s;
    b->generation = s->next;
    b->closed = !s->loaded; /* nothing comes of it: it is none, or parked */
    b->state = CS_BUILD_OPENING;
}

static void stop_old(struct cs_server *sv, const struct cs_roster_study *s)
{
    struct cs_event e = {.kind = CS_EV_CLOSE, .study = {.key = s->key}};

    cs_log(CS_INFO, "generation_closed", "gen=%u next=%u", s->newest.number, s->next.number);
    cs_feed_event(sv, &e);
}

static void close_old(struct cs_server *sv)
{
    sv->build.state = CS_BUILD_CLOSING;
    stop_old(sv, sv->build.study);
}

void cs_build_stop_old(struct cs_server *sv, const struct cs_roster_study *s)
{
    char key[CS_META_KEY_MAX];
    struct cs_event e = {.kind = CS_EV_META, .meta = {.key = key, .value = "1", .len = 1}};

    if (s->next.number == 0 || s->newest.number == 0)
        return;
    stopped_key(s->next.number, key);
    cs_feed_event(sv, &e);
    stop_old(sv, s);
}

void cs_build_stay_stopped(struct cs_server *sv, const struct cs_roster_study *s)
{
    char key[CS_META_KEY_MAX];
    void *value = NULL;
    uint32_t n = 0;

    stopped_key(s->next.number, key);
    if (s->next.number != 0 && s->loaded && cs_store_rows_meta(sv->store, key, &value, &n, NULL) == CS_OK)
        stop_old(sv, s);
    free(value);
}

enum cs_err cs_build_start(struct cs_server *sv, struct cs_roster_study *s, struct cs_error *err)
{
    struct cs_build *b = &sv->build;
    char key[CS_META_KEY_MAX];
    unsigned long long position = 0, through = 0;
    void *value = NULL;
    uint32_t n = 0;
    enum cs_err rc;

    begin(sv, s);
    if (!b->closed && (sv->borrow != NULL || cs_coordinator_reread_is(b)))
        close_old(sv);
    cursor_key(b->generation.number, key);
    rc = cs_store_rows_meta(sv->store, key, &value, &n, err);
    if (rc == CS_OK && sscanf(value, "%llu %u %llu", &through, &b->lane, &position) != 3)
        rc = cs_error_set(err, CS_ECORRUPT, "the cursor of generation %u is damaged", b->generation.number);
    b->has_cursor = rc == CS_OK;
    b->through = through;
    b->position = position;
    free(value);
    return rc == CS_ENOENT ? CS_OK : rc;
}

bool cs_build_is_beside(const struct cs_server *sv, const struct cs_roster_study *s)
{
    const struct cs_build *b = &sv->build;
    const bool builds = b->state != CS_BUILD_NONE && b->study == s;

    return s->loaded && s->next.number != 0 && !(builds && (b->closed || b->state >= CS_BUILD_CLOSING));
}

/* ---- the pass ------------------------------------------------------------------------------------------ */

static enum cs_err stop_at_first(void *self, uint32_t lane, uint64_t position, const struct cs_stored *stored,
                                 struct cs_error *err)
{
    (void)lane, (void)position, (void)stored, (void)err;
    *(bool *)self = true;
    return CS_EAGAIN;
}

/* Answers stay within their study: without an earlier generation of it there is nothing to look for. */
static bool has_forebear(const struct cs_server *sv)
{
    for (uint32_t g = 1; g < sv->build.generation.number; g++) {
        if (cs_roster_study_of(&sv->roster, g) == sv->build.study->key)
            return true;
    }
    return false;
}

/* ---- what an operator said ------------------------------------------------------------------------------ */

/* The value of "KIND/GEN/LANE"; NULL: there is none, or it is empty. */
static char *lane_row(struct cs_server *sv, const char *kind, uint32_t gen, uint32_t lane)
{
    char key[CS_META_KEY_MAX];
    void *value = NULL;
    uint32_t n = 0;
    char *text = NULL;

    snprintf(key, sizeof key, "%s/%08u/%05u", kind, gen, lane);
    if (cs_store_rows_meta(sv->store, key, &value, &n, NULL) == CS_OK && n > 0)
        text = cs_xasprintf("%.*s", (int)n, (const char *)value);
    free(value);
    return text;
}

/* A pause or cancellation by a person holds for the model of that name until it is lifted. One that the lane gave itself (alike.h, over.h)
 * does not: what was wrong may be what was edited. */
static void carry_word(struct cs_server *sv, uint32_t from_gen, uint32_t from, uint32_t to)
{
    char *word = lane_row(sv, "lane", from_gen, from), *alike = lane_row(sv, "alike", from_gen, from);
    char *over = lane_row(sv, "over", from_gen, from), *hand = lane_row(sv, "hand", from_gen, from),
         key[CS_META_KEY_MAX];
    const bool own = word != NULL && strcmp(word, "paused") == 0 && (alike != NULL || over != NULL);

    snprintf(key, sizeof key, "lane/%08u/%05u", sv->build.generation.number, to);
    if (word != NULL && !own)
        cs_batch_add_meta(sv->build.batch, key, word, (uint32_t)strlen(word));
    snprintf(key, sizeof key, "hand/%08u/%05u", sv->build.generation.number, to);
    if (word != NULL && !own && hand != NULL)
        cs_batch_add_meta(sv->build.batch, key, hand, (uint32_t)strlen(hand));
    free(hand);
    free(word);
    free(alike);
    free(over);
}

static enum cs_err carry_words(struct cs_server *sv, struct cs_error *err)
{
    const struct cs_generation *was = &sv->build.study->newest;
    const struct cs_study *next = sv->build.plan.view->spec.study;
    struct cs_generation_view view = {0};
    enum cs_err rc = CS_OK;

    if (was->number != 0)
        rc = cs_store_generation_view_open(&view, sv->store, was, err);
    if (rc != CS_OK || was->number == 0)
        return rc;
    for (uint32_t i = 0; i < next->n_models; i++) {
        for (uint32_t k = 0; k < view.spec.study->n_models; k++) {
            if (strcmp(next->models[i].name, view.spec.study->models[k].name) == 0)
                carry_word(sv, was->number, k, i);
        }
    }
    cs_store_generation_view_close(&view);
    return CS_OK;
}

static enum cs_err open_pass(struct cs_server *sv, struct cs_error *err)
{
    struct cs_build *b = &sv->build;
    bool any = false;
    enum cs_err rc = cs_store_scan_outputs(sv->store, 0, stop_at_first, &any, err);

    if (rc != CS_OK && !any)
        return rc;
    rc = cs_plans_load(&b->plan, sv->store, &b->generation, err);
    if (rc != CS_OK)
        return rc;
    b->skip = (!any || !has_forebear(sv)) && sv->borrow == NULL;
    b->leaves_out = b->plan.view->plan.n_planned < b->plan.view->plan.n_trials;
    b->total = b->plan.view->plan.n_trials;
    b->lanes = cs_xcalloc(b->plan.view->plan.n_lanes + 1, sizeof *b->lanes);
    rc = cs_restore_ledgers(sv, &b->plan.view->plan, b->generation.number, b->lanes, err);
    if (rc == CS_OK)
        rc = cs_addresses_add(sv->store, b->batch, b->generation.number, b->plan.view->spec.study, err);
    if (rc == CS_OK)
        rc = cs_coordinator_reread_is(b) ? cs_coordinator_reread_open(sv, err) : cs_adopt_open(sv, err);
    if (rc == CS_OK && !b->has_cursor && b->claims != NULL)
        b->through = cs_claims_last(b->claims);
    for (uint32_t i = 0; i < b->lane && i < b->plan.view->plan.n_lanes; i++)
        b->scanned += b->plan.view->plan.lanes[i].n_trials;
    b->scanned += b->position;
    b->resumed = b->scanned;
    b->began_ms = b->round_ms = cs_clock_mono_ms();
    cs_log(CS_INFO, "generation_begun", "gen=%u trials=%llu from=%llu", b->generation.number,
           (unsigned long long)b->total, (unsigned long long)b->scanned);
    return rc;
}

static void submit(struct cs_server *sv)
{
    struct cs_build *b = &sv->build;
    char key[CS_META_KEY_MAX], cursor[80];

    for (uint32_t i = 0; i < b->plan.view->plan.n_lanes; i++) {
        struct cs_batch_counters row = {b->generation.number, i, b->lanes[i].counters};

        if (row.counters.adopted > 0 || b->before != NULL)
            cs_batch_add_counters(b->batch, &row);
    }
    cursor_key(b->generation.number, key);
    if (b->state == CS_BUILD_LAST) {
        struct cs_buf packed = CS_BUF_INIT(1024);
        char gen_key[CS_META_KEY_MAX];

        b->generation.built = true;
        cs_store_generation_key(b->generation.number, gen_key);
        cs_store_generation_pack(&b->generation, &packed);
        cs_batch_add_meta(b->batch, gen_key, packed.data, (uint32_t)packed.len);
        cs_batch_add_meta(b->batch, key, NULL, 0);
        stopped_key(b->generation.number, key);
        cs_batch_add_meta(b->batch, key, NULL, 0);
        cs_buf_release(&packed);
    } else {
        const bool first = b->round == 0; /* a later round is made again as a whole */
        const uint32_t lane = !first ? b->plan.view->plan.n_lanes : b->waiting ? b->from_lane : b->lane;

        snprintf(cursor, sizeof cursor, "%llu %u %llu", (unsigned long long)b->through, lane,
                 (unsigned long long)(!first       ? 0
                                      : b->waiting ? b->from_position
                                                   : b->position));
        cs_batch_add_meta(b->batch, key, cursor, (uint32_t)strlen(cursor) + 1); /* with its NUL */
    }
    cs_commit_submit(sv->commit, b->batch);
    b->batch = NULL;
}

static bool at_end(struct cs_build *b)
{
    while (b->lane < b->plan.view->plan.n_lanes && b->position >= b->plan.view->plan.lanes[b->lane].n_trials) {
        b->lane++;
        b->position = 0;
    }
    return b->lane >= b->plan.view->plan.n_lanes;
}

/* One step of a round. *done: the last one. */
static enum cs_err advance(struct cs_server *sv, bool *done, struct cs_error *err)
{
    struct cs_build *b = &sv->build;

    *done = b->skip && !b->leaves_out && b->round == 0;
    if (*done)
        return CS_OK;
    if (!b->ready)
        return cs_adopt_prepare(sv, &b->ready, err);
    if (b->before != NULL) {
        *done = at_end(b);
        return *done ? CS_OK : cs_coordinator_reread_page(sv, err);
    }
    if (b->round > 0 && !cs_catchup_seek(b))
        return CS_OK;
    return at_end(b) ? cs_adopt_rest(sv, done, err) : cs_adopt_page(sv, err);
}

/* What was put off is served as far as it can be: the next round begins behind the end, and finds its own pages. */
static void end_round(struct cs_build *b)
{
    const uint64_t before = b->took_ms;

    b->took_ms = cs_clock_mono_ms() - b->round_ms;
    b->near = b->took_ms <= SHORT_ROUND_MS || b->round >= ROUNDS_MAX ||
              (b->round >= ROUNDS_PATIENCE && b->took_ms > before - before / 8);
    cs_log(CS_INFO, "generation_round", "gen=%u round=%u ms=%llu found=%llu", b->generation.number, b->round,
           (unsigned long long)b->took_ms, (unsigned long long)b->late.found);
    if (b->round > 0)
        b->through = cs_claims_last(b->claims);
    b->round++;
    b->lane = b->plan.view->plan.n_lanes;
    b->position = 0;
    b->waiting = false;
    b->waits = NULL;
    b->next_wait = 0;
    b->stage = 0;
    b->state = b->closed ? CS_BUILD_LAST : CS_BUILD_BETWEEN;
}

static enum cs_err begin_round(struct cs_server *sv, struct cs_error *err)
{
    struct cs_build *b = &sv->build;

    b->state = CS_BUILD_PASS;
    b->ready = false;
    b->round_ms = cs_clock_mono_ms();
    return cs_catchup_begin(sv, err);
}

static enum cs_err slice(struct cs_server *sv, struct cs_error *err)
{
    struct cs_build *b = &sv->build;
    const unsigned doublings = b->round < SLICE_DOUBLINGS ? b->round : SLICE_DOUBLINGS;
    uint64_t end = cs_clock_mono_ms() + ((uint64_t)CS_SLICE_MS << doublings);
    enum cs_err rc = CS_OK;
    bool done = false;

    while (rc == CS_OK && !done && b->batch->n_adoptions < BATCH_ADOPTIONS && b->batch->bytes < BATCH_BYTES &&
           b->scanned_since < BATCH_SCANNED) {
        rc = advance(sv, &done, err);
        if (!done && cs_clock_mono_ms() >= end)
            return rc;
    }
    if (rc == CS_OK && done)
        end_round(b);
    if (rc == CS_OK && b->state == CS_BUILD_LAST) {
        cs_log(CS_INFO, "generation_last", "gen=%u", b->generation.number);
        rc = carry_words(sv, err);
    }
    if (rc == CS_OK)
        submit(sv);
    return rc;
}

/* The next study is built, or one that is built already is loaded. */
static enum cs_err take_next(struct cs_server *sv, struct cs_error *err)
{
    struct cs_roster_study *s;

    if (cs_clock_mono_ms() < sv->roster.look_ms)
        return CS_OK;
    sv->roster.look_ms = cs_clock_mono_ms() + CS_ROSTER_LOOK_MS;
    s = cs_roster_next(sv);
    if (s == NULL)
        return CS_OK;
    return s->next.number != 0 ? cs_build_start(sv, s, err) : cs_restore_study(sv, s, err);
}

/* The round is on disk. After a restart the old generation waits for its workers; closed now, it would be still until they have come. */
static enum cs_err go_on(struct cs_server *sv, bool *waits, struct cs_error *err)
{
    struct cs_build *b = &sv->build;

    *waits = cs_core_is_waiting(sv->core, b->study->key);
    if (*waits)
        return CS_OK;
    if (!b->near)
        return begin_round(sv, err);
    close_old(sv);
    return CS_OK;
}

static enum cs_err step(struct cs_server *sv, bool *waits, struct cs_error *err)
{
    struct cs_build *b = &sv->build;

    switch (b->state) {
    case CS_BUILD_OPENING:
        *waits = !cs_roster_is_durable(sv,
                                       b->generation.number); /* or rows of it would be of the next with that number */
        if (*waits)
            return CS_OK;
        b->state = CS_BUILD_PASS;
        return open_pass(sv, err);
    case CS_BUILD_PASS:
        return slice(sv, err);
    case CS_BUILD_BETWEEN:
        return go_on(sv, waits, err);
    case CS_BUILD_CLOSING:
        *waits = !cs_core_is_idle(sv->core, b->study->key);
        b->closed = !*waits;
        if (*waits)
            return CS_OK;
        if (b->lanes != NULL)
            return begin_round(sv, err);
        b->state = CS_BUILD_PASS;
        return open_pass(sv, err);
    case CS_BUILD_NONE:
    case CS_BUILD_LAST:
        break;
    }
    *waits = true;
    return CS_OK;
}

/* How long the loop was away from its sockets. */
static void note_pause(struct cs_build *b, uint64_t began_ms)
{
    const uint64_t took = cs_clock_mono_ms() - began_ms;

    b->longest_ms = took > b->longest_ms ? took : b->longest_ms;
}

bool cs_build_turn(struct cs_server *sv)
{
    struct cs_build *b = &sv->build;
    struct cs_error err = {0};
    enum cs_err rc = CS_OK;
    bool waits = false;

    if (sv->over)
        return false;
    if (b->state == CS_BUILD_NONE)
        rc = take_next(sv, &err);
    if (rc == CS_OK && b->batch == NULL)
        return false;
    const uint64_t began = cs_clock_mono_ms();

    if (rc == CS_OK)
        rc = step(sv, &waits, &err);
    note_pause(b, began);
    if (rc != CS_OK) {
        cs_log(CS_ERROR, "generation_failed", "gen=%u error=\"%s\"", b->generation.number, err.msg);
        cs_feed_end(sv, rc, err.msg);
    }
    return !waits && b->batch != NULL;
}

/* ---- the end -------------------------------------------------------------------------------------------- */

void cs_build_release(struct cs_server *sv)
{
    struct cs_build *b = &sv->build;

    cs_adopt_close(sv);
    cs_coordinator_reread_close(b);
    if (b->batch != NULL) {
        cs_batch_release(b->batch);
        free(b->batch);
    }
    for (uint32_t i = 0; b->lanes != NULL && i < b->plan.view->plan.n_lanes; i++)
        free(b->lanes[i].ledger);
    free(b->lanes);
    cs_catchup_release(&b->late);
    cs_plans_unload(&b->plan);
    memset(b, 0, sizeof *b);
}

static void finish(struct cs_server *sv)
{
    struct cs_build *b = &sv->build;
    struct cs_build_lane *lanes = b->lanes;
    uint32_t n = b->plan.view->plan.n_lanes;
    struct cs_error err = {0};
    uint64_t adopted = 0, timeouts = 0, reread = 0;
    enum cs_err rc;

    const uint64_t began = cs_clock_mono_ms();

    for (uint32_t i = 0; i < n; i++) {
        adopted += lanes[i].counters.adopted;
        timeouts += lanes[i].counters.carried;
        reread += lanes[i].counters.reread;
    }
    b->plan.view->generation.built = true;
    cs_coordinator_reread_close(b); /* the plan goes to the core's now */
    rc = cs_restore_generation(sv, b->study, &b->plan, true, lanes, &err);
    note_pause(b, began);
    cs_log(CS_INFO, "generation_built",
           "gen=%u trials=%llu adopted=%llu timeouts=%llu borrowed=%llu reread=%llu rounds=%u longest_pause_ms=%llu",
           b->generation.number, (unsigned long long)b->total, (unsigned long long)adopted,
           (unsigned long long)timeouts, (unsigned long long)b->borrowed, (unsigned long long)reread, b->round,
           (unsigned long long)b->longest_ms);
    for (uint32_t i = 0; i < n; i++)
        free(lanes[i].ledger);
    free(lanes);
    b->lanes = NULL;
    cs_build_release(sv);
    sv->roster.look_ms = 0; /* another may wait for its turn */
    if (rc != CS_OK)
        cs_feed_end(sv, rc, err.msg);
}

void cs_build_committed(struct cs_server *sv, struct cs_batch *batch, enum cs_err rc)
{
    struct cs_build *b = &sv->build;

    cs_batch_clear(batch);
    if (rc != CS_OK || sv->over) {
        cs_batch_release(batch);
        free(batch);
        cs_feed_end(sv, rc == CS_ECORRUPT ? rc : CS_EIO,
                    rc == CS_ECORRUPT ? "the store is damaged" : "the store cannot be written");
        return;
    }
    set_batch(b, batch);
    if (b->state == CS_BUILD_LAST)
        finish(sv);
}
