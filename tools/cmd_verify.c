/* clinsafe verify - every planned trial has exactly one sound output, or is listed. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/clock.h"
#include "protocol/base/document.h"
#include "protocol/base/json.h"
#include "protocol/base/plain.h"
#include "protocol/study/answer.h"
#include "store/reread.h"
#include "store/image_rows.h"
#include "store/tomb.h"
#include "tools/base/parents.h"
#include "tools/base/reader.h"
#include "tools/base/text.h"
#include "tools/commands.h"
#include "tools/export/row.h"
#include "tools/fleet/submission.h"
#include "tools/screen/screen.h"
#include "tools/verify/lineage.h"
#include "tools/verify/links.h"
#include "tools/verify/rated.h"
#include "tools/verify/replay.h"
#include "tools/verify/standing.h"

enum { LISTED_MAX = 20 };

struct lane_check {
    uint8_t *bits; /* the ledger of the lane: two bits a trial */
    uint64_t by_state[4];
    uint64_t outcome[CS_OUTCOMES], damaged;
};

struct verify {
    struct cs_reader reader;
    struct cs_export_row row; /* for coordinates and digests */
    struct lane_check *lanes;
    uint64_t planned, done, failed, cancelled, missing; /* missing: without a final state */
    uint64_t quarantined;                               /* those in `failed` */
    uint64_t left_out;                                  /* not in any of these: what levels require excludes */
    uint64_t outputs, duplicates, faults, rated;
    uint64_t next; /* position not yet accounted for in this lane */
    FILE *out;     /* where the list goes */
    struct cs_ticker ticker;
    uint64_t seen;
    struct cs_standing *standing;
    struct cs_replay *replay;
    uint64_t superseded, attempts; /* outputs: asked again; further calls after our own overload */
    uint64_t reread, otherwise; /* answers that a rereading made something else of; that read otherwise than it says */
    struct cs_lineage lineage;  /* of a child: of its cases */
    uint64_t erased;            /* of studies that were deleted: nothing but their places is left */
    struct cs_image_rows_count images;
};

static void fault(struct verify *v, const char *what, uint32_t lane, uint64_t position)
{
    const struct cs_study *s = v->reader.view.spec.study;
    if (v->faults++ < LISTED_MAX)
        fprintf(v->out, "FAULT %s position %" PRIu64 ": %s\n", s->models[lane].name, position, what);
}

/* ---- ledger ------------------------------------------------------------------------------------------ */

static enum cs_trial_state state_at(const struct lane_check *l, uint64_t position)
{
    return (enum cs_trial_state)(l->bits[position / 4] >> 2 * (position % 4) & 3);
}

static enum cs_err on_page(void *self, uint32_t lane, uint64_t page, const uint8_t bits[CS_PAGE_BYTES])
{
    struct verify *v = self;
    const struct cs_plan *plan = &v->reader.view.plan;
    const uint64_t first = page * CS_PAGE_TRIALS;
    if (lane >= plan->n_lanes || first >= plan->lanes[lane].n_trials) {
        v->faults++;
        fprintf(v->out, "FAULT ledger page %" PRIu64 " of lane %u lies outside of the plan\n", page, lane);
        return CS_OK;
    }
    memcpy(v->lanes[lane].bits + page * CS_PAGE_BYTES, bits, CS_PAGE_BYTES);
    return CS_OK;
}

static enum cs_err load_ledger(struct verify *v, struct cs_error *err)
{
    const struct cs_plan *plan = &v->reader.view.plan;
    v->lanes = cs_xcalloc(plan->n_lanes, sizeof *v->lanes);
    for (uint32_t i = 0; i < plan->n_lanes; i++)
        v->lanes[i].bits = cs_xcalloc(plan->lanes[i].n_trials / CS_PAGE_TRIALS + 1, CS_PAGE_BYTES);
    return cs_store_scan_pages(v->reader.store, v->reader.view.generation.number, on_page, v, err);
}

/* ---- trials -------------------------------------------------------------------------------------------- */

static void list_trial(struct verify *v, const char *what, uint32_t lane, uint64_t position)
{
    const struct cs_plan *plan = &v->reader.view.plan;
    const struct cs_study *s = plan->study;
    struct cs_coords at;
    struct cs_case c;
    cs_plan_coords(plan, lane, cs_plan_at(plan, lane, position), &at);
    if (v->reader.view.cases.get(v->reader.view.cases.self, at.case_index, &c, NULL) != CS_OK)
        return;
    fprintf(v->out, "%s: %s case %s", what, s->models[lane].name, c.id);
    for (uint32_t f = 0; f < s->n_factors; f++)
        fprintf(v->out, " %s=%s", s->factors[f].name, s->factors[f].levels[at.arms[f].level].id);
    fprintf(v->out, " %s repeat %u\n", s->questions[at.question].name, at.repeat + 1);
}

/* What the study leaves out is cancelled from the beginning. True: it is that, and told if the ledger knows better. */
static bool check_left_out(struct verify *v, uint32_t lane, enum cs_trial_state state)
{
    bool out = false;
    if (cs_reader_left_out(&v->reader, lane, v->next, &out, NULL) != CS_OK || !out)
        return false;
    v->left_out++;
    if (state != CS_TRIAL_CANCELLED)
        fault(v, "the study leaves it out, and the ledger does not", lane, v->next);
    return true;
}

/* Positions up to `to` that have no row: planned or cancelled ones, or the ledger lies. */
static void account_for(struct verify *v, uint32_t lane, uint64_t to)
{
    struct lane_check *l = &v->lanes[lane];
    for (; v->next < to; v->next++) {
        const enum cs_trial_state state = state_at(l, v->next);
        l->by_state[state]++;
        if (check_left_out(v, lane, state))
            continue;
        if (state == CS_TRIAL_DONE || state == CS_TRIAL_FAILED)
            fault(v, "the ledger says it has an output, and there is none", lane, v->next);
        else if (state == CS_TRIAL_PLANNED && v->missing++ < LISTED_MAX)
            list_trial(v, "planned, no output yet", lane, v->next);
    }
}

/* What a rereading has written must be what comes of the text; a later version may read better than that one did. */
static void check_reading(struct verify *v, uint32_t lane, uint64_t position, uint32_t question, uint32_t elements,
                          const struct cs_stored *stored)
{
    const struct cs_generation *g = &v->reader.view.generation;
    const uint32_t number = stored->reading.number;
    const bool text = stored->recorded == CS_OUTCOME_ok || stored->recorded == CS_OUTCOME_unparsable;
    if (g->reading == 0 && number == 0)
        return;
    v->reread += number != 0;
    if (number != 0 && (g->reading == 0 || number > g->number))
        fault(v, "its outcome is that of a rereading that there never was", lane, position);
    else if (number != 0 && (!text || !cs_outcome_is_answer((enum cs_outcome)stored->output.outcome)))
        fault(v, "a rereading has changed an outcome that no text decides", lane, position);
    else if (number != 0 || ((stored->flags & CS_OUTPUT_ADOPTED) != 0 && (stored->flags & CS_OUTPUT_BORROWED) == 0))
        v->otherwise +=
            cs_store_reread_output(v->reader.view.spec.study, lane, question, elements, &stored->output, 1).number != 0;
}

/* A list that counts as answered has every element of the case's once, and no other. */
static void check_list(struct verify *v, uint32_t lane, uint64_t position, const struct cs_coords *at,
                       uint32_t elements, const struct cs_output *o)
{
    if (elements == 0)
        return;
    const enum cs_answer_fault why =
        cs_answer_check(v->reader.view.spec.study, at->question, elements, o->salvaged, o->text, strlen(o->text)).fault;
    if (why == CS_ANSWER_ELEMENT_MISSING || why == CS_ANSWER_ELEMENT_TWICE || why == CS_ANSWER_ELEMENT_FOREIGN)
        fault(v, "its list does not have every element of the case once", lane, position);
}

static enum cs_err on_trial(void *self, uint32_t lane, uint64_t position, const struct cs_stored *stored,
                            struct cs_error *err)
{
    struct verify *v = self;
    struct lane_check *l = &v->lanes[lane];
    account_for(v, lane, position);
    v->next = position + 1;
    cs_screen_ticker_at(&v->ticker, ++v->seen);
    const enum cs_trial_state state = state_at(l, position);
    const bool answer = cs_outcome_is_answer((enum cs_outcome)stored->output.outcome);
    struct cs_coords at;
    struct cs_digest want;
    const struct cs_cells *cells;
    l->by_state[state]++;
    l->outcome[stored->output.outcome]++;
    if (state != (answer ? CS_TRIAL_DONE : CS_TRIAL_FAILED))
        fault(v, "ledger and output disagree about its state", lane, position);
    cs_plan_coords(&v->reader.view.plan, lane, cs_plan_at(&v->reader.view.plan, lane, position), &at);
    enum cs_err rc = cs_cell_cache_get(v->row.cells, lane, at.case_index, &cells, err);
    if (rc != CS_OK)
        return rc;
    cs_cells_trial_digest(cells, v->reader.view.spec.study, at.cell, at.repeat, &want);
    if (!cs_digest_equal(&want, &stored->output.digest))
        fault(v, "the output answers another request than the plan renders", lane, position);
    rc = cs_replay_trial(v->replay, lane, position, stored, err);
    if (rc != CS_OK)
        return rc;
    if (answer)
        cs_standing_trial(v->standing, lane, position, stored);
    if (answer)
        check_reading(v, lane, position, at.question, cells->elements[at.cell], stored);
    if (stored->output.outcome == CS_OUTCOME_ok)
        check_list(v, lane, position, &at, cells->elements[at.cell], &stored->output);
    if (cs_output_is_quarantine(&stored->output) && v->quarantined++ < LISTED_MAX)
        list_trial(v, "quarantined, it ended its workers", lane, position);
    return CS_OK;
}

static void on_damaged(void *self, uint32_t lane, uint64_t position, uint64_t output_id, const char *why)
{
    struct verify *v = self;
    account_for(v, lane, position);
    v->next = position + 1;
    v->lanes[lane].by_state[state_at(&v->lanes[lane], position)]++;
    v->lanes[lane].damaged++;
    char *what = cs_xasprintf("output %" PRIu64 " cannot be read: %s", output_id, why);
    fault(v, what, lane, position);
    if (v->faults <= LISTED_MAX)
        list_trial(v, "  its trial", lane, position);
    free(what);
}

static void check_counters(struct verify *v, uint32_t lane)
{
    struct cs_counters c;
    enum cs_err rc = cs_store_rows_counters(v->reader.store, v->reader.view.generation.number, lane, &c, NULL);
    if (rc != CS_OK && rc != CS_ENOENT)
        fault(v, "its counters cannot be read", lane, 0);
    for (int o = 0; o < CS_OUTCOMES; o++) {
        /* A failure stays counted when its trial is retried. */
        const uint64_t seen = v->lanes[lane].outcome[o];
        if (v->lanes[lane].damaged == 0 &&
            (cs_outcome_is_answer((enum cs_outcome)o) ? c.outcome[o] != seen : c.outcome[o] < seen))
            fault(v, "the lane's counters and its outputs disagree", lane, 0);
    }
}

static void on_standing(void *self, uint32_t lane, uint64_t position, const char *what)
{
    struct verify *v = self;
    if (lane == CS_NONE) {
        if (v->faults++ < LISTED_MAX)
            fprintf(v->out, "FAULT %s\n", what);
        return;
    }
    fault(v, what, lane, position);
    if (v->faults <= LISTED_MAX)
        list_trial(v, "  its trial", lane, position);
}

/* An output that cannot be read was told already. */
static enum cs_err check_links(struct verify *v, uint32_t lane, struct cs_error *err)
{
    uint64_t n = 0;
    enum cs_err rc = v->lanes[lane].damaged > 0 ? CS_OK
                                                : cs_links_check(v->reader.store, v->reader.view.generation.number,
                                                                 lane, v->lanes[lane].bits, on_standing, v, &n, err);
    v->superseded += n;
    return rc;
}

static enum cs_err check_lanes(struct verify *v, struct cs_error *err)
{
    const struct cs_plan *plan = &v->reader.view.plan;
    enum cs_err rc = load_ledger(v, err);
    if (rc == CS_OK)
        rc = cs_export_row_open(&v->row, &v->reader.view, NULL, err);
    if (rc == CS_OK)
        v->standing = cs_standing_open(v->reader.store, &v->reader.view, &v->row, on_standing, v);
    if (rc == CS_OK)
        v->replay = cs_replay_open(v->reader.store, &v->reader.view, &v->row, on_standing, v);
    cs_screen_ticker_init(&v->ticker, "verify", plan->n_planned);
    for (uint32_t i = 0; i < plan->n_lanes && rc == CS_OK; i++) {
        v->next = 0;
        rc = cs_store_scan_survey(v->reader.store, v->reader.view.generation.number, i, on_trial, on_damaged, v, err);
        if (rc != CS_OK)
            break;
        account_for(v, i, plan->lanes[i].n_trials);
        check_counters(v, i);
        rc = check_links(v, i, err);
        v->planned += plan->lanes[i].n_planned;
        v->done += v->lanes[i].by_state[CS_TRIAL_DONE];
        v->failed += v->lanes[i].by_state[CS_TRIAL_FAILED];
        v->cancelled += v->lanes[i].by_state[CS_TRIAL_CANCELLED];
    }
    v->cancelled -= v->left_out < v->cancelled ? v->left_out : v->cancelled;
    cs_screen_ticker_end(&v->ticker);
    return rc;
}

/* ---- all outputs ever paid for, and the study file of today ------------------------------------------------ */

static enum cs_err on_output(void *self, uint32_t lane, uint64_t position, const struct cs_stored *stored,
                             struct cs_error *err)
{
    struct verify *v = self;
    (void)lane;
    (void)position;
    v->outputs++;
    v->duplicates += (stored->flags & CS_OUTPUT_DUPLICATE) != 0;
    if (cs_output_is_erased(&stored->output)) {
        v->erased++;
        return CS_OK;
    }
    v->attempts += (stored->flags & CS_OUTPUT_ATTEMPT) != 0;
    cs_replay_output(v->replay, stored);
    return cs_standing_output(v->standing, stored, err);
}

/* A log that was cut short looks like one that ended there: only the side file tells. */
static void check_acked(struct verify *v)
{
    const uint64_t acked = cs_store_acked_seq(v->reader.store), there = cs_store_commit_seq(v->reader.store);
    if (acked <= there)
        return;
    v->faults++;
    fprintf(v->out, "FAULT commits up to %" PRIu64 " were acknowledged, but only %" PRIu64 " are there\n", acked,
            there);
}

/* In commit order up to the first that cannot be read; duplicates, which no trial points to, are met only here. */
static enum cs_err check_outputs(struct verify *v, struct cs_error *err)
{
    enum cs_err rc = cs_standing_begin(v->standing, err);
    if (rc == CS_OK)
        rc = cs_store_scan_outputs(v->reader.store, 1, on_output, v, err);
    if (rc == CS_OK)
        rc = cs_replay_end(v->replay, err);
    if (rc != CS_ECORRUPT || v->faults == 0)
        return rc;
    v->faults++;
    fprintf(v->out, "FAULT in commit order: %s\n", err->msg);
    return CS_OK;
}

/* The images that prompts show are in the store, each with its hash, its kind and its size. */
static enum cs_err check_images(struct verify *v, struct cs_error *err)
{
    struct cs_error why = {0};
    const enum cs_err rc = cs_image_rows_check(v->reader.store, &v->reader.view.spec, &v->images, &why);
    if (rc == CS_OK)
        return CS_OK;
    if (rc != CS_ENOENT && rc != CS_ECORRUPT && rc != CS_EINVAL)
        return cs_error_set(err, rc, "%s", why.msg);
    v->faults++;
    fprintf(v->out, "FAULT %s\n", why.msg);
    return CS_OK;
}

static void on_lineage(void *self, const char *case_id, const char *what)
{
    struct verify *v = self;
    if (v->faults++ < LISTED_MAX)
        fprintf(v->out, "FAULT %s%s%s%s\n", case_id[0] != '\0' ? "case " : "", case_id, case_id[0] != '\0' ? ": " : "",
                what);
}

/* The outputs that a child judges: in the same store, or where the parent's file says. */
static enum cs_err check_lineage(struct verify *v, const char *path, const char *dir, const char *store,
                                 struct cs_error *err)
{
    const struct cs_parent_study *p = v->reader.view.spec.study->parent;
    struct cs_reader parent = {0};
    struct cs_error none = {0};
    if (p == NULL)
        return CS_OK;
    char *file = path != NULL ? cs_parents_file(path, NULL) : NULL;
    enum cs_err rc = store != NULL || dir != NULL ? cs_reader_open(&parent, NULL, dir, store, p->study, &none)
                                                  : CS_ENOENT;
    if (rc != CS_OK && file != NULL)
        rc = cs_parents_open(&parent, file, p->study, NULL, &none);
    rc = cs_lineage_check(&v->reader.view, rc == CS_OK ? parent.store : NULL, on_lineage, v, &v->lineage, err);
    cs_reader_close(&parent);
    free(file);
    return rc;
}

static void on_rating(void *self, const char *what)
{
    struct verify *v = self;
    if (v->faults++ < LISTED_MAX)
        fprintf(v->out, "FAULT %s\n", what);
}

/* What people rated, beside the store. */
static enum cs_err check_ratings(struct verify *v, const char *path, const char *dir, const char *store,
                                 struct cs_error *err)
{
    char *folder = cs_ratings_folder(path, dir, store, v->reader.apart);
    const enum cs_err rc = cs_rated_check(folder, on_rating, v, &v->rated, err);
    free(folder);
    return rc;
}

/* Whether the file still plans what was run. Of a child whose parent is not there any more: what was run is all there is to go by. */
static enum cs_err compare_file(struct verify *v, const struct cs_study_args *args, const char *path, bool *same,
                                struct cs_error *err)
{
    const struct cs_parent_study *parent = v->reader.view.spec.study->parent;
    struct cs_study_args as_run = *args;
    struct cs_loaded l = {0};
    as_run.partial = parent != NULL && !parent->closed;
    enum cs_err rc = cs_command_load_study(&as_run, path, &l, err);
    if (rc == CS_OK)
        rc = cs_submission_is_of(&l, &v->reader.view, same, err);
    else if (rc == CS_ENOENT && parent != NULL && v->lineage.compared == 0)
        rc = CS_OK;
    cs_load_release(&l);
    return rc;
}

/* Where there is no fault. */
static bool is_clean(const struct verify *v, bool same_file)
{
    return v->missing == 0 && v->otherwise == 0 && same_file;
}

static enum cs_err print_tomb(void *self, struct cs_tomb *t)
{
    char how[400], usd[CS_TEXT_MAX_LEN];
    cs_tomb_say(t, how, sizeof how);
    fprintf(self, "the study %s was %s; it had cost %s; %s\n", t->study, how, cs_text_usd(usd, t->nano_usd),
            t->erased ? "its outputs are erased" : "its outputs are still being erased");
    cs_tomb_release(t);
    return CS_OK;
}

/* Studies that are no more. A row of theirs that cannot be read is no fault of this study. */
static void print_tombs(const struct verify *v)
{
    FILE *out = cs_plain_file(stdout);
    (void)!cs_tomb_scan(v->reader.store, print_tomb, out, NULL);
    fclose(out);
}

static void print_text(const struct verify *v, bool same_file)
{
    char a[CS_TEXT_MAX_LEN], b[CS_TEXT_MAX_LEN], c[CS_TEXT_MAX_LEN];
    printf("generation %u: %s trials planned, %s done, %s failed, %" PRIu64 " cancelled, %" PRIu64
           " without an output\n",
           v->reader.view.generation.number, cs_text_count(a, v->planned), cs_text_count(b, v->done),
           cs_text_count(c, v->failed), v->cancelled, v->missing);
    if (v->superseded > 0)
        printf("%" PRIu64 " answers were asked again and are kept beside the later ones\n", v->superseded);
    if (v->attempts > 0)
        printf("%" PRIu64 " further calls after an overload of ours are kept as attempts\n", v->attempts);
    if (v->reread > 0)
        printf("%" PRIu64 " answers were read anew and are not as they were first recorded; the records are kept\n",
               v->reread);
    if (v->otherwise > 0)
        printf("%" PRIu64
               " answers read otherwise than the last rereading wrote: `clinsafe reread` brings them up to date\n",
               v->otherwise);
    if (v->quarantined > 0)
        printf("%" PRIu64 " of the failed trials are quarantined\n", v->quarantined);
    printf("%s outputs in the store (%" PRIu64
           " of them duplicates), every checksum compared, and the digest of every answer\n",
           cs_text_count(a, v->outputs), v->duplicates);
    if (v->lineage.outputs > 0)
        printf("the cases are %s outputs of %s; %s\n", cs_text_count(a, v->lineage.outputs),
               v->reader.view.spec.study->parent->study,
               v->lineage.compared > 0 ? "each is in its store, with that request and that text"
                                       : "they are not on this machine: checked by itself");
    if (cs_replay_turns(v->replay) > 0)
        printf("%" PRIu64 " of them are turns of conversations; %" PRIu64
               " requests were made anew from the replies before them, and are those that were sent\n",
               cs_replay_turns(v->replay), cs_replay_requests(v->replay));
    if (v->images.images > 0)
        printf("%u images of %s bytes, each with its hash\n", v->images.images, cs_text_count(a, v->images.bytes));
    if (v->rated > 0)
        printf("%" PRIu64 " ratings by people, each with the chance of its sample\n", v->rated);
    if (v->erased > 0)
        printf("%" PRIu64 " of these are empty: their studies were deleted\n", v->erased);
    print_tombs(v);
    if (!same_file)
        printf(
            "the study file has changed since this generation: `clinsafe run` makes a new one and pays only for what is new\n");
    const uint64_t mixed = cs_standing_mixed(v->standing);
    if (mixed > 0)
        printf(
            "%" PRIu64
            " of the faults: an earlier version put one answer at several trials when the study was changed. No answer "
            "is lost: the next change of the study (its title, say) gives each trial its own back when it is run\n",
            mixed);
    if (v->faults > 0)
        printf("%" PRIu64 " faults: this store is damaged\n", v->faults);
    else
        printf("%s\n", is_clean(v, same_file) ? "clean" : "no fault, but not complete");
}

static void print_json(const struct verify *v, bool same_file)
{
    struct cs_json *o = cs_json_pack(
        "{s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:b, s:I, s:I, s:I, s:i, s:I, s:I, s:I, s:I, s:I}",
        "generation", (int)v->reader.view.generation.number, "planned", (int64_t)v->planned, "done", (int64_t)v->done,
        "failed", (int64_t)v->failed, "quarantined", (int64_t)v->quarantined, "cancelled", (int64_t)v->cancelled,
        "missing", (int64_t)v->missing, "outputs", (int64_t)v->outputs, "duplicates", (int64_t)v->duplicates, "faults",
        (int64_t)v->faults, "same_study_file", (int)same_file, "clean", (int)(v->faults == 0 && is_clean(v, same_file)),
        "mixed", (int64_t)cs_standing_mixed(v->standing), "superseded", (int64_t)v->superseded, "attempts",
        (int64_t)v->attempts, "format", (int)cs_store_format(v->reader.store), "reread", (int64_t)v->reread,
        "reads_otherwise", (int64_t)v->otherwise, "erased", (int64_t)v->erased, "turns",
        (int64_t)cs_replay_turns(v->replay), "requests_replayed", (int64_t)cs_replay_requests(v->replay));
    if (v->reader.view.spec.study->parent != NULL)
        cs_json_object_set_new(o, "parent",
                               cs_json_pack("{s:s, s:I, s:I, s:I}", "study", v->reader.view.spec.study->parent->study,
                                            "outputs", (int64_t)v->lineage.outputs, "compared",
                                            (int64_t)v->lineage.compared, "faults", (int64_t)v->lineage.faults));
    if (v->images.images > 0)
        cs_json_object_set_new(o, "images", cs_json_integer(v->images.images));
    struct cs_json *root = cs_document_begin("verify/1", cs_clock_wall_ms());
    cs_document_add(root, o);
    cs_document_print(root, stdout);
}

static void release(struct verify *v)
{
    for (uint32_t i = 0; v->lanes != NULL && i < v->reader.view.plan.n_lanes; i++)
        free(v->lanes[i].bits);
    free(v->lanes);
    cs_standing_close(v->standing);
    cs_replay_close(v->replay);
    cs_export_row_close(&v->row);
    cs_reader_close(&v->reader);
}

int cmd_verify(int argc, char **argv)
{
    struct cs_study_args args = {0};
    const char *store = NULL, *name = NULL;
    bool json = false, same_file = true;
    const struct cs_option table[] = {
        CS_DIR_OPTION(args),
        CS_STUDY_OPTIONS(args),
        CS_WHICH_OPTION(name),
        {"store", CS_OPT_STR, &store, "DIR", "the database folder itself (a coordinator's --dir)"},
        {"json", CS_OPT_FLAG, &json, NULL, "print JSON"},
        {0},
    };
    const struct cs_command_help help = {
        "clinsafe verify [STUDY] [options]",
        "Checks that every planned trial has exactly one output or is listed, that every checksum holds, that outputs answer the very requests\n"
        "that the plan renders, that each stands where it was bought, and that the study file has not changed. Exit status: 0 clean, 2 incomplete or changed, 74 damaged.",
        "clinsafe verify ops/studies/demo/study.yaml",
    };
    struct verify v = {.out = NULL};
    struct cs_error err = {0};
    int n_args, status;
    if (!cs_command_args(table, &help, argc, argv, 0, 1, &n_args, &status))
        return status;
    v.out = cs_plain_file(stderr);
    enum cs_err rc = cs_reader_open(&v.reader, n_args > 0 ? argv[1] : NULL, args.dir, store, name, &err);
    if (rc == CS_OK) {
        check_acked(&v);
        rc = check_lanes(&v, &err);
    }
    if (rc == CS_OK)
        rc = check_outputs(&v, &err);
    if (rc == CS_OK)
        rc = check_images(&v, &err);
    if (rc == CS_OK)
        rc = check_lineage(&v, n_args > 0 ? argv[1] : NULL, args.dir, store, &err);
    if (rc == CS_OK)
        rc = check_ratings(&v, n_args > 0 ? argv[1] : NULL, args.dir, store, &err);
    if (rc == CS_OK && n_args > 0)
        rc = compare_file(&v, &args, argv[1], &same_file, &err);
    if (rc == CS_OK) {
        if (v.missing > LISTED_MAX)
            fprintf(v.out, "... and %" PRIu64 " more\n", v.missing - LISTED_MAX);
        json ? print_json(&v, same_file) : print_text(&v, same_file);
        status = v.faults > 0 ? cs_error_exit_code(CS_ECORRUPT) : v.missing > 0 || !same_file ? 2 : 0;
    } else {
        status = cs_command_fail(rc, &err);
    }
    fclose(v.out);
    release(&v);
    return status;
}
