/* delete.c - the deletion of a study.
 *
 * The act is one batch: the tomb's row, the rows of the generations gone, the diary. Once it is on disk the operator is answered. Then, also
 * after a crash, one after the other of the tombs whose study is not erased yet:
 *
 *   NONE     such a tomb                                WAIT
 *   WAIT     all that the core had of it is on disk     PASS   slices of store/erase.h, a batch at a time
 *   PASS     that was all                               LAST   the rest of the rows, and the tomb: erased
 *   LAST     on disk                                    NONE
 */
#include "coordinator/delete.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/core/core.h"
#include "coordinator/feed.h"
#include "coordinator/present.h"
#include "coordinator/plans.h"
#include "coordinator/roster.h"
#include "protocol/base/alloc.h"
#include "protocol/base/clock.h"
#include "protocol/base/log.h"
#include "store/erase.h"
#include "store/leftovers.h"

enum { STEP_ROWS = 256, BATCH_ROWS = 2048 };
enum { OF_PASS = 0, OF_ACT = 1 }; /* which batch it is, beside the bit in its group */

static struct cs_batch *make_batch(unsigned which)
{
    struct cs_batch *b = cs_xcalloc(1, sizeof *b);

    cs_batch_init(b);
    b->group = (uint64_t)1 << CS_DELETE_GROUP_BIT | which;
    return b;
}

/* ---- the act ---------------------------------------------------------------------------------------------- */

static enum cs_err check(const struct cs_ask *ask, const struct cs_roster_study *s, struct cs_error *err)
{
    const struct cs_server *sv = ask->sv;
    const struct cs_roster_totals t = cs_roster_totals(sv, s);
    const uint64_t left = t.planned - t.done - t.failed - t.cancelled;

    if (sv->del.acting)
        return cs_error_set(err, CS_EAGAIN, "another study is being deleted just now; say it again");
    if (sv->build.state != CS_BUILD_NONE && sv->build.study == s)
        return cs_error_set(err, CS_EAGAIN, "the study is being built; say it again when that is done");
    if (s->newest.number != 0 && s->next.number != 0)
        return cs_error_set(err, CS_EAGAIN, "a changed study is being worked in; say it again when it runs");
    if (s->newest.number != 0 && left > 0)
        return cs_error_set(err, CS_EINVAL,
                            "%.100s has %llu trials to do: `clinsafe cancel --study %.100s` gives them up first",
                            s->name, (unsigned long long)left, s->name);
    if (s->loaded && cs_roster_is_held(sv, s))
        return cs_error_set(err, CS_EAGAIN,
                            "calls of the study are still under way; say it again when they have ended");
    return CS_OK;
}

/* Its generations, those of the store's first study too, whose rows may have no key (format 1). */
static enum cs_err take_generations(struct cs_server *sv, uint64_t study, struct cs_tomb *t, struct cs_error *err)
{
    enum cs_err rc = CS_OK;

    for (uint32_t g = 1; g <= sv->roster.n_generations && rc == CS_OK; g++) {
        struct cs_generation row;
        char key[CS_META_KEY_MAX];
        void *value = NULL;
        uint32_t n = 0;

        if (cs_roster_study_of(&sv->roster, g) != study)
            continue;
        cs_store_generation_key(g, key);
        rc = cs_store_rows_meta(sv->store, key, &value, &n, err);
        if (rc == CS_OK)
            rc = cs_store_generation_unpack(value, n, &row, err);
        free(value);
        if (rc == CS_ENOENT) { /* of an earlier study of this name */
            rc = CS_OK;
            continue;
        }
        t->generations = cs_xrealloc(t->generations, t->n + 1, sizeof *t->generations);
        t->generations[t->n].number = g;
        memcpy(t->generations[t->n++].spec_digest, row.spec_digest, sizeof row.spec_digest);
    }
    return rc == CS_OK && t->n == 0 ? cs_error_set(err, CS_ENOENT, "the study has no generation") : rc;
}

static enum cs_err take_spend(struct cs_server *sv, struct cs_tomb *t, struct cs_error *err)
{
    enum cs_err rc = CS_OK;

    for (uint32_t i = 0; i < t->n && rc == CS_OK; i++) {
        for (uint32_t lane = 0; lane < CS_MODELS_MAX && rc == CS_OK; lane++) {
            struct cs_counters c;

            rc = cs_store_rows_counters(sv->store, t->generations[i].number, lane, &c, err);
            if (rc == CS_OK)
                t->nano_usd = cs_price_add(t->nano_usd, c.cost_nano_usd);
            else if (rc == CS_ENOENT)
                rc = CS_OK;
        }
    }
    return rc;
}

/* The core, the plans and the roster know nothing of it any more. */
static void let_go(struct cs_server *sv, struct cs_roster_study *s)
{
    const struct cs_event e = {.kind = CS_EV_FORGET, .study = {.key = s->key}};

    cs_feed_event(sv, &e);
    cs_plans_drop(&sv->plans, s->before);
    cs_plans_drop(&sv->plans, s->newest.number);
    if (sv->redis != NULL)
        cs_progress_unpublish(sv->redis, cs_store_fleet(sv->store), s->name, sv->roster.n == 1);
    cs_roster_remove(&sv->roster, s);
    sv->roster.look_ms = 0; /* another may have waited for it */
}

/* What its calls met with may quote a prompt. Said again when it is erased, since a worker may have told its last words in between; and of all
 * tombs whenever Redis is there again. */
static void drop_complaints(struct cs_server *sv, const struct cs_tomb *t)
{
    uint32_t *gens = cs_xcalloc(t->n + 1, sizeof *gens);

    for (uint32_t i = 0; i < t->n; i++)
        gens[i] = t->generations[i].number;
    if (sv->redis != NULL)
        cs_complaints_drop(sv->redis, cs_store_fleet(sv->store), gens, t->n);
    free(gens);
}

static enum cs_err drop_of_tomb(void *self, struct cs_tomb *t)
{
    drop_complaints(self, t);
    cs_tomb_release(t);
    return CS_OK;
}

static enum cs_err look_at_redis(struct cs_server *sv, struct cs_error *err)
{
    const bool was_there = sv->del.redis_there;

    sv->del.redis_there = sv->redis != NULL && cs_redis_connected(sv->redis);
    return sv->del.redis_there && !was_there ? cs_tomb_scan(sv->store, drop_of_tomb, sv, err) : CS_OK;
}

enum cs_err cs_delete_start(const struct cs_ask *ask, struct cs_roster_study *s, struct cs_error *err)
{
    static const char *const settings[] = {"weight", "after", "set"};
    struct cs_server *sv = ask->sv;
    struct cs_events_row *row = &ask->entry->row;
    struct cs_tomb t = {.key = s->key,
                        .at_wall_ms = cs_clock_wall_ms(),
                        .study = cs_xstrdup(s->name),
                        .by = cs_xstrdup(row->by),
                        .reason = cs_xstrdup(row->reason)};
    char key[CS_META_KEY_MAX], detail[96];
    struct cs_core_view view;
    struct cs_batch *b;
    enum cs_err rc = check(ask, s, err);

    if (rc == CS_OK)
        rc = take_generations(sv, s->key, &t, err);
    if (rc == CS_OK)
        rc = take_spend(sv, &t, err);
    if (rc != CS_OK) {
        cs_tomb_release(&t);
        return rc;
    }
    b = make_batch(OF_ACT);
    cs_core_view(sv->core, s->key, &view);
    row->study = t.study;
    row->nano_usd = t.nano_usd;
    snprintf(detail, sizeof detail, "%u generations; $%.6f presumed of calls without a known cost", t.n,
             (double)view.presumed_nano_usd / 1e9);
    row->detail = detail;
    ask->note->write(ask->note->self, b);
    cs_tomb_add(b, &t);
    for (uint32_t i = 0; i < t.n; i++) {
        cs_store_generation_key(t.generations[i].number, key);
        cs_batch_add_meta(b, key, NULL, 0);
    }
    for (unsigned i = 0; i < sizeof settings / sizeof *settings; i++) {
        snprintf(key, sizeof key, "operator/%016llx/%s", (unsigned long long)t.key, settings[i]);
        cs_batch_add_meta(b, key, NULL, 0);
    }
    cs_log(CS_WARN, "study_deleted", "generations=%u by=%s", t.n, t.by);
    drop_complaints(sv, &t);
    cs_tomb_release(&t);
    sv->del.acting = true;
    sv->del.peer = *ask->peer;
    sv->del.seq = ask->seq;
    let_go(sv, s);
    cs_commit_submit(sv->commit, b);
    return CS_OK;
}

/* ---- the pass --------------------------------------------------------------------------------------------- */

static enum cs_err take_first(void *self, struct cs_tomb *t)
{
    struct cs_server *sv = self;

    if (sv->del.tomb.n == 0 && !t->erased)
        sv->del.tomb = *t;
    else
        cs_tomb_release(t);
    return CS_OK;
}

static enum cs_err note_numbers(void *self, struct cs_tomb *t)
{
    struct cs_server *sv = self;

    for (uint32_t i = 0; i < t->n; i++)
        cs_roster_note(&sv->roster, t->generations[i].number, t->key);
    sv->del.look |= !t->erased;
    cs_tomb_release(t);
    return CS_OK;
}

enum cs_err cs_delete_open(struct cs_server *sv, struct cs_error *err)
{
    return cs_tomb_scan(sv->store, note_numbers, sv, err);
}

bool cs_delete_is_under_way(struct cs_server *sv, const char *study)
{
    struct cs_tomb t;
    const bool is = cs_tomb_find(sv->store, study, &t, NULL) == CS_OK && !t.erased;

    cs_tomb_release(&t);
    return is;
}

static void submit(struct cs_server *sv)
{
    struct cs_batch *b = sv->del.batch;

    sv->del.batch = NULL;
    sv->del.on_way = true;
    cs_commit_submit(sv->commit, b);
}

/* What a study needs that is not on disk itself would not be seen: cases and images could go with those of the one that is erased. */
static bool is_one_starting(struct cs_server *sv)
{
    for (uint32_t i = 0; i < sv->roster.n; i++) {
        const uint32_t next = sv->roster.items[i]->next.number;

        if (next != 0 && !cs_roster_is_durable(sv, next))
            return true;
    }
    return false;
}

static enum cs_err slice(struct cs_server *sv, struct cs_error *err)
{
    struct cs_delete_pass *p = &sv->del;
    const uint64_t end = cs_clock_mono_ms() + CS_SLICE_MS;
    bool done = false;
    enum cs_err rc = CS_OK;

    if (p->batch == NULL)
        p->batch = make_batch(OF_PASS);
    while (rc == CS_OK && !done && p->batch->n_erasures + p->batch->n_unindexed < BATCH_ROWS &&
           cs_clock_mono_ms() < end)
        rc = cs_erase_step(p->erase, STEP_ROWS, p->batch, &done, err);
    if (rc == CS_OK && done) {
        p->tomb.erased = true;
        p->tomb.outputs = cs_erase_erased(p->erase);
        p->tomb.kept = cs_erase_kept(p->erase);
        p->state = CS_DELETE_LAST;
        cs_present_forget(sv);
        rc = cs_leftovers_remove(sv->store, &p->tomb, p->batch, err);
        cs_tomb_add(p->batch, &p->tomb);
        cs_diary_erased(sv, p->batch, p->tomb.study, p->tomb.outputs, p->tomb.kept);
    }
    if (rc == CS_OK && (done || p->batch->n_erasures + p->batch->n_unindexed >= BATCH_ROWS))
        submit(sv);
    return rc;
}

static enum cs_err begin(struct cs_server *sv, struct cs_error *err)
{
    struct cs_delete_pass *p = &sv->del;
    enum cs_err rc;

    p->look = false;
    rc = cs_tomb_scan(sv->store, take_first, sv, err);
    if (rc == CS_OK && p->tomb.n > 0) {
        p->state = CS_DELETE_WAIT;
        p->look = true; /* there may be another one */
    }
    return rc;
}

bool cs_delete_turn(struct cs_server *sv)
{
    struct cs_delete_pass *p = &sv->del;
    struct cs_error err = {0};
    enum cs_err rc = CS_OK;

    if (sv->over || p->on_way)
        return false;
    rc = look_at_redis(sv, &err);
    if (rc == CS_OK && p->state == CS_DELETE_NONE && p->look && !p->acting)
        rc = begin(sv, &err);
    if (rc == CS_OK && p->state == CS_DELETE_WAIT && cs_core_is_idle(sv->core, p->tomb.key)) {
        p->erase = cs_erase_open(sv->store, &p->tomb);
        p->state = CS_DELETE_PASS;
    }
    if (rc == CS_OK && p->state == CS_DELETE_PASS && !is_one_starting(sv))
        rc = slice(sv, &err);
    if (rc != CS_OK) {
        cs_log(CS_ERROR, "erasing_failed", "error=\"%s\"", err.msg);
        cs_feed_end(sv, rc, err.msg);
    }
    return p->state == CS_DELETE_PASS && !p->on_way;
}

static void finish(struct cs_server *sv)
{
    struct cs_delete_pass *p = &sv->del;

    cs_log(CS_INFO, "study_erased", "outputs=%llu kept=%llu", (unsigned long long)p->tomb.outputs,
           (unsigned long long)p->tomb.kept);
    drop_complaints(sv, &p->tomb);
    cs_erase_close(p->erase);
    p->erase = NULL;
    cs_tomb_release(&p->tomb);
    p->state = CS_DELETE_NONE;
}

void cs_delete_written(struct cs_server *sv, struct cs_batch *batch, enum cs_err rc)
{
    struct cs_delete_pass *p = &sv->del;
    const bool is_act = (batch->group & OF_ACT) != 0;

    cs_batch_release(batch);
    free(batch);
    if (rc != CS_OK || sv->over) {
        cs_feed_end(sv, rc == CS_ECORRUPT ? rc : CS_EIO,
                    rc == CS_ECORRUPT ? "the store is damaged" : "the store cannot be written");
        return;
    }
    if (is_act) {
        p->acting = false;
        p->look = true;
        cs_feed_answer(sv, &p->peer, p->seq, CS_OK, "", NULL);
        return;
    }
    p->on_way = false;
    if (p->state == CS_DELETE_LAST)
        finish(sv);
}

void cs_delete_release(struct cs_server *sv)
{
    struct cs_delete_pass *p = &sv->del;

    if (p->batch != NULL) {
        cs_batch_release(p->batch);
        free(p->batch);
    }
    cs_erase_close(p->erase);
    cs_tomb_release(&p->tomb);
}
