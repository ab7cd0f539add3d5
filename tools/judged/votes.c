#include "tools/judged/votes.h"

#include <errno.h>
#include <fcntl.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/study/answer.h"
#include "protocol/study/applies.h"
#include "protocol/study/derive.h"
#include "protocol/study/judge.h"
#include "protocol/study/list.h"
#include "protocol/study/pair.h"
#include "tools/judged/twins.h"

/* ---- ballots ------------------------------------------------------------------------------------------------ */

/* An answer that can be voted on. */
static bool is_voted(const struct cs_question *q, uint32_t i)
{
    if (i >= q->n_fields)
        return q->derived[i - q->n_fields].kind != CS_DERIVES_TEXT;
    return q->fields[i].kind != CS_FIELD_TEXT && q->fields[i].kind != CS_FIELD_LIST;
}

static const char *answer_name(const struct cs_question *q, uint32_t i)
{
    return i < q->n_fields ? q->fields[i].name : q->derived[i - q->n_fields].name;
}

static bool is_alone(const struct cs_study *s, const char *name)
{
    uint32_t n = 0;
    for (uint32_t q = 0; q < s->n_questions; q++) {
        for (uint32_t i = 0; i < s->questions[q].n_fields + s->questions[q].n_derived; i++)
            n += strcmp(answer_name(&s->questions[q], i), name) == 0;
    }
    return n == 1;
}

/* "(strict, short)": the levels of the judging study's own factors that have several. */
static const char *condition_of(struct cs_votes *v, const struct cs_coords *at)
{
    const struct cs_study *s = v->view->spec.study;
    const char *text = "";
    for (uint32_t f = 0; f < s->n_factors; f++) {
        if (s->factors[f].n_levels > 1)
            text = cs_arena_printf(&v->arena, "%s%s%s", text, text[0] != '\0' ? ", " : "",
                                   s->factors[f].levels[at->arms[f].level].id);
    }
    return text[0] != '\0' ? cs_arena_printf(&v->arena, "(%s)", text) : "";
}

/* The words of a field, by number: a yes/no answer's yes is 1. */
static const char *const *words_of(struct cs_votes *v, const struct cs_field *f, uint32_t *n)
{
    const char **words = cs_arena_array(&v->arena, f->n_categories + 1u, sizeof *words);
    for (uint32_t i = 0; i < f->n_categories; i++)
        words[i] = f->categories[f->kind == CS_FIELD_BOOLEAN ? f->n_categories - 1 - i : i];
    *n = f->n_categories;
    if (f->insufficient != NULL)
        words[(*n)++] = f->insufficient;
    return words;
}

static void describe_field(struct cs_votes *v, struct cs_ballot *b, const struct cs_field *f, bool scales_are_words)
{
    b->words = words_of(v, f, &b->n_words);
    b->rule = CS_PANEL_MAJORITY;
    b->pair = cs_pair_is(f);
    if (b->pair) { /* the two orders may come to a tie, also where no judge may say so */
        b->words = cs_pair_words;
        b->n_words = CS_PAIR_WORDS;
    }
    if (f->kind == CS_FIELD_NUMBER) {
        b->rule = CS_PANEL_MEAN;
        b->min = f->min > -DBL_MAX && f->max < DBL_MAX ? f->min : 0;
        b->max = f->min > -DBL_MAX && f->max < DBL_MAX ? f->max : 0;
    } else if (f->kind == CS_FIELD_ORDINAL && !scales_are_words && b->n > 1) {
        b->rule = CS_PANEL_MEAN;
        b->max = f->n_categories - 1;
    }
}

static void describe_derived(struct cs_ballot *b, const struct cs_question *q)
{
    static const char *const truth[] = {"false", "true"};
    const struct cs_derived *d = &q->derived[b->field];
    b->derived = true;
    b->rule = d->kind == CS_DERIVES_BOOLEAN ? CS_PANEL_MAJORITY : CS_PANEL_MEAN;
    b->words = truth;
    b->n_words = d->kind == CS_DERIVES_BOOLEAN ? 2 : 0;
    if (d->kind == CS_DERIVES_NUMBER && !cs_derive_bounds(q, d, &b->min, &b->max))
        b->min = b->max = 0;
}

/* Ballots of one question under one condition, with `voters` votes each. */
static void add_ballots(struct cs_votes *v, const struct cs_coords *at, uint32_t voters, bool scales_are_words)
{
    const struct cs_study *s = v->view->spec.study;
    const struct cs_question *q = &s->questions[at->question];
    for (uint32_t i = 0; i < q->n_fields + q->n_derived; i++) {
        struct cs_ballot *b = &v->ballots[v->n_ballots];
        const char *name = answer_name(q, i);
        if (!is_voted(q, i))
            continue;
        *b = (struct cs_ballot){.at = *at, .field = i, .first = v->n_slots, .n = voters};
        b->name = cs_arena_printf(&v->arena, "%s%s%s%s", is_alone(s, name) ? "" : q->name, is_alone(s, name) ? "" : ".",
                                  name, condition_of(v, at));
        if (i < q->n_fields) {
            describe_field(v, b, &q->fields[i], scales_are_words);
        } else {
            b->field = i - q->n_fields;
            describe_derived(b, q);
        }
        v->n_slots += voters;
        v->n_ballots++;
    }
}

/* ---- who votes ------------------------------------------------------------------------------------------------ */

struct cell { /* a prompt of one judge: repeats are its votes */
    uint32_t judge, index, repeats;
    struct cs_coords at;
};

static uint32_t list_cells(const struct cs_plan *plan, struct cell **out)
{
    struct cell *cells = NULL;
    uint32_t n = 0;
    for (uint32_t judge = 0; judge < plan->n_lanes; judge++) {
        const uint32_t from = n;
        n += plan->lanes[judge].n_cells;
        cells = cs_xrealloc(cells, n + 1u, sizeof *cells);
        for (uint32_t i = from; i < n; i++) {
            cells[i] = (struct cell){.judge = judge, .index = i - from};
            cs_plan_cell(plan, judge, 0, i - from, &cells[i].at);
        }
        for (uint64_t i = 0; i < plan->lanes[judge].block_size; i++) {
            struct cs_coords at;
            cs_plan_coords(plan, judge, i, &at);
            cells[from + at.cell].repeats++;
        }
    }
    *out = cells;
    return n;
}

static bool is_same_prompt(const struct cs_study *s, const struct cs_coords *a, const struct cs_coords *b)
{
    bool same = a->question == b->question;
    for (uint32_t f = 0; f < s->n_factors; f++)
        same &= a->arms[f].level == b->arms[f].level && a->arms[f].wording == b->arms[f].wording;
    return same;
}

/* All judges that are asked as `cells[from]` is make one panel. */
static void add_panel(struct cs_votes *v, const struct cell *cells, uint32_t n, uint32_t from, bool scales_are_words)
{
    const struct cs_study *s = v->view->spec.study;
    const uint32_t ballot = v->n_ballots, slot = v->n_slots;
    uint32_t voters = 0;
    for (uint32_t i = from; i < n; i++) {
        if (is_same_prompt(s, &cells[from].at, &cells[i].at)) {
            v->places[cells[i].judge][cells[i].index] = (struct cs_votes_place){.slot = slot + voters,
                                                                                .ballot = ballot};
            voters += cells[i].repeats;
        }
    }
    add_ballots(v, &cells[from].at, voters, scales_are_words);
    v->slots = cs_xrealloc(v->slots, v->n_slots + 1u, sizeof *v->slots);
    for (uint32_t i = from; i < n; i++) {
        if (!is_same_prompt(s, &cells[from].at, &cells[i].at))
            continue;
        struct cs_votes_place *place = &v->places[cells[i].judge][cells[i].index];
        place->n_ballots = v->n_ballots - ballot;
        for (uint32_t b = 0; b < place->n_ballots; b++) {
            for (uint32_t k = 0; k < cells[i].repeats; k++)
                v->slots[place->slot + b * voters + k] = (struct cs_votes_slot){cells[i].judge, k};
        }
    }
}

static bool is_first(const struct cs_study *s, const struct cell *cells, uint32_t at)
{
    for (uint32_t i = 0; i < at; i++) {
        if (is_same_prompt(s, &cells[i].at, &cells[at].at))
            return false;
    }
    return true;
}

/* True: scales are words too. */
static enum cs_err read_rules(struct cs_votes *v, bool *scales_are_words, struct cs_error *err)
{
    struct cs_judge judge;
    enum cs_err rc = cs_judge_parse(v->view->spec.study->judge, &v->arena, &judge, err);
    *scales_are_words = rc == CS_OK && judge.rule == CS_JUDGE_MAJORITY;
    v->drop_own = rc == CS_OK && judge.drop_own;
    v->quorum = rc == CS_OK ? judge.quorum : 0;
    return rc;
}

/* ---- memory ------------------------------------------------------------------------------------------------------- */

static enum cs_err take_memory(struct cs_votes *v, struct cs_error *err)
{
    const uint64_t n = (uint64_t)v->view->spec.study->n_cases * v->n_slots, cases = v->view->spec.study->n_cases;
    v->size = (size_t)(n * (sizeof *v->value + sizeof *v->kind) + cases * sizeof *v->when) + 1;
    FILE *file = tmpfile();
    const int rc = file != NULL ? posix_fallocate(fileno(file), 0, (off_t)v->size) : errno;
    if (rc == 0)
        v->memory = mmap(NULL, v->size, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
    const int why = rc != 0 ? rc : errno;
    if (file != NULL)
        fclose(file);
    if (rc != 0 || v->memory == MAP_FAILED) {
        v->memory = NULL;
        return cs_error_set(err, CS_EIO, "a file for %zu bytes of votes: %s", v->size, strerror(why));
    }
    v->value = v->memory;
    v->when = (int64_t *)(v->value + n);
    v->kind = (uint8_t *)(v->when + cases); /* zeroed: CS_VOTE_COMING */
    return CS_OK;
}

/* Nobody is asked where a level of the judging study does not apply. */
static enum cs_err leave_out(struct cs_votes *v, const struct cell *cells, uint32_t n, struct cs_error *err)
{
    const struct cs_study *s = v->view->spec.study;
    const struct cs_case_source *cases = &v->view->cases;
    enum cs_err rc = CS_OK;
    for (uint32_t c = 0; c < s->n_cases && rc == CS_OK && cs_applies_is_used(s); c++) {
        struct cs_case of;
        rc = cases->get(cases->self, c, &of, err);
        for (uint32_t i = 0; i < n && rc == CS_OK; i++) {
            const struct cs_votes_place *p = &v->places[cells[i].judge][cells[i].index];
            if (cs_applies_cell(s, &cells[i].at, &of))
                continue;
            for (uint32_t b = 0; b < p->n_ballots; b++)
                memset(&v->kind[(size_t)c * v->n_slots + p->slot + b * v->ballots[p->ballot].n], CS_VOTE_DROPPED,
                       cells[i].repeats);
        }
    }
    return rc;
}

static bool has_pairs(const struct cs_votes *v)
{
    for (uint32_t b = 0; b < v->n_ballots; b++) {
        if (v->ballots[b].pair)
            return true;
    }
    return false;
}

enum cs_err cs_votes_open(struct cs_votes *v, const struct cs_generation_view *view, struct cs_error *err)
{
    const struct cs_study *s = view->spec.study;
    struct cell *cells;
    *v = (struct cs_votes){.view = view};
    bool words;
    enum cs_err rc = read_rules(v, &words, err);
    if (rc != CS_OK)
        return rc;
    const uint32_t n = list_cells(&view->plan, &cells);
    uint32_t most = 1;
    v->places = cs_arena_array(&v->arena, view->plan.n_lanes + 1u, sizeof *v->places);
    for (uint32_t i = 0; i < view->plan.n_lanes; i++)
        v->places[i] = cs_arena_array(&v->arena, view->plan.lanes[i].n_cells + 1u, sizeof **v->places);
    for (uint32_t i = 0; i < n; i++)
        most += is_first(s, cells, i)
                    ? s->questions[cells[i].at.question].n_fields + s->questions[cells[i].at.question].n_derived
                    : 0;
    v->ballots = cs_arena_array(&v->arena, most, sizeof *v->ballots);
    for (uint32_t i = 0; i < n; i++) {
        if (is_first(s, cells, i))
            add_panel(v, cells, n, i, words);
    }
    rc = take_memory(v, err);
    if (rc == CS_OK)
        rc = leave_out(v, cells, n, err);
    if (rc == CS_OK && has_pairs(v))
        rc = cs_twins_find(s, &view->cases, &v->arena, &v->twin, err);
    free(cells);
    return rc;
}

void cs_votes_close(struct cs_votes *v)
{
    if (v->memory != NULL)
        munmap(v->memory, v->size);
    free(v->slots);
    cs_arena_release(&v->arena);
    *v = (struct cs_votes){0};
}

/* ---- reading --------------------------------------------------------------------------------------------------------- */

static void put(struct cs_votes *v, uint32_t case_index, uint32_t slot, struct cs_vote vote)
{
    const size_t at = (size_t)case_index * v->n_slots + slot;
    v->kind[at] = (uint8_t)vote.kind;
    v->value[at] = vote.kind == CS_VOTE_NUMBER ? vote.number : vote.word;
}

static struct cs_vote vote_of_field(const struct cs_ballot *b, const struct cs_field *f, const struct cs_answer *a)
{
    struct cs_vote v = {.kind = CS_VOTE_MISSING};
    if (a->text == NULL)
        return v;
    if (a->insufficient && f->insufficient != NULL)
        return (struct cs_vote){.kind = CS_VOTE_WORD, .word = f->n_categories};
    if (f->kind == CS_FIELD_NUMBER)
        return (struct cs_vote){.kind = CS_VOTE_NUMBER, .number = a->number};
    if (a->category == CS_NONE)
        return v;
    if (b->rule == CS_PANEL_MEAN)
        return (struct cs_vote){.kind = CS_VOTE_NUMBER, .number = a->category};
    return (struct cs_vote){.kind = CS_VOTE_WORD, .word = a->category};
}

static struct cs_vote vote_of_derived(const struct cs_ballot *b, const struct cs_derived_value *d)
{
    if (!d->known)
        return (struct cs_vote){.kind = CS_VOTE_MISSING};
    return b->rule == CS_PANEL_MEAN ? (struct cs_vote){.kind = CS_VOTE_NUMBER, .number = d->number}
                                    : (struct cs_vote){.kind = CS_VOTE_WORD, .word = d->yes};
}

struct reading {
    struct cs_votes *v;
    cs_votes_seen seen;
    void *self;
    struct cs_arena arena;
};

static bool needs_case(const struct cs_question *q)
{
    return q->n_derived > 0 || cs_list_of(q) != NULL;
}

static enum cs_err on_stored(void *self, uint32_t lane, uint64_t position, const struct cs_stored *stored,
                             struct cs_error *err)
{
    struct reading *r = self;
    struct cs_votes *v = r->v;
    const struct cs_study *s = v->view->spec.study;
    const struct cs_output *o = &stored->output;
    struct cs_answer answers[CS_FIELDS_MAX];
    struct cs_derived_value derived[CS_FIELDS_MAX];
    struct cs_coords at;
    struct cs_case c = {0};
    bool parsed = false;
    cs_plan_coords(&v->view->plan, lane, cs_plan_at(&v->view->plan, lane, position), &at);
    const struct cs_question *q = &s->questions[at.question];
    if (r->seen != NULL)
        r->seen(r->self, lane, stored);
    if (o->outcome == CS_OUTCOME_ok) {
        enum cs_err rc = needs_case(q) ? v->view->cases.get(v->view->cases.self, at.case_index, &c, err) : CS_OK;
        if (rc != CS_OK)
            return rc;
        cs_arena_reset(&r->arena);
        parsed = cs_answer_parse(s, &at, &c, o->text, strlen(o->text), o->salvaged, o->alternatives, &r->arena, answers,
                                 derived, NULL) == CS_OK;
    }
    const struct cs_votes_place *p = &v->places[lane][at.cell];
    for (uint32_t i = 0; i < p->n_ballots; i++) {
        const struct cs_ballot *b = &v->ballots[p->ballot + i];
        const struct cs_vote vote = !parsed      ? (struct cs_vote){.kind = CS_VOTE_MISSING}
                                    : b->derived ? vote_of_derived(b, &derived[b->field])
                                                 : vote_of_field(b, &q->fields[b->field], &answers[b->field]);
        put(v, at.case_index, p->slot + i * b->n + at.repeat, vote);
    }
    if (o->started_wall_ms != 0 && (v->when[at.case_index] == 0 || o->started_wall_ms < v->when[at.case_index]))
        v->when[at.case_index] = o->started_wall_ms;
    return CS_OK;
}

enum cs_err cs_votes_read(struct cs_votes *v, struct cs_store *store, cs_votes_seen seen, void *self,
                          struct cs_error *err)
{
    struct reading r = {.v = v, .seen = seen, .self = self};
    enum cs_err rc = CS_OK;
    for (uint32_t lane = 0; lane < v->view->plan.n_lanes && rc == CS_OK; lane++)
        rc = cs_store_scan(store, v->view->generation.number, lane, on_stored, &r, err);
    cs_arena_release(&r.arena);
    return rc;
}

/* ---- panels ----------------------------------------------------------------------------------------------------------- */

struct cs_vote cs_votes_at(const struct cs_votes *v, uint32_t case_index, uint32_t slot)
{
    const size_t at = (size_t)case_index * v->n_slots + slot;
    struct cs_vote vote = {.kind = (enum cs_vote_kind)v->kind[at]};
    CS_ASSERT(slot < v->n_slots);
    if (vote.kind == CS_VOTE_NUMBER)
        vote.number = v->value[at];
    else if (vote.kind == CS_VOTE_WORD)
        vote.word = (uint32_t)v->value[at];
    return vote;
}

bool cs_votes_is_own(const struct cs_study *judging, uint32_t judge, uint32_t model)
{
    return strcmp(judging->parent->sent[model], judging->models[judge].model) == 0;
}

bool cs_votes_is_dropped(const struct cs_votes *v, uint32_t judge, const struct cs_parent *about)
{
    return v->drop_own && about != NULL && cs_votes_is_own(v->view->spec.study, judge, about->model);
}

/* In both orders where a pair is shown so. */
static struct cs_vote vote_on(const struct cs_votes *v, const struct cs_ballot *b, uint32_t case_index, uint32_t slot)
{
    const struct cs_vote as_it_stands = cs_votes_at(v, case_index, slot);
    if (!b->pair || v->twin == NULL || v->twin[case_index] == CS_NONE)
        return as_it_stands;
    const struct cs_vote the_other_way = cs_votes_at(v, v->twin[case_index], slot);
    return cs_panel_duel(&as_it_stands, &the_other_way);
}

/* judge CS_NONE: all. */
static struct cs_panel count(const struct cs_votes *v, uint32_t ballot, uint32_t case_index, uint32_t judge,
                             const struct cs_parent *about)
{
    const struct cs_ballot *b = &v->ballots[ballot];
    struct cs_vote few[64], *votes = b->n <= 64 ? few : cs_xcalloc(b->n, sizeof *votes);
    uint32_t n = 0;
    for (uint32_t i = b->first; i < b->first + b->n; i++) {
        const uint32_t who = v->slots[i].judge;
        if (judge != CS_NONE && who != judge)
            continue;
        votes[n] = vote_on(v, b, case_index, i);
        if (judge == CS_NONE && cs_votes_is_dropped(v, who, about))
            votes[n].kind = CS_VOTE_DROPPED;
        n++;
    }
    const struct cs_panel p = cs_panel_of(b->rule, judge == CS_NONE ? v->quorum : 0, b->n_words, votes, n);
    if (votes != few)
        free(votes);
    return p;
}

struct cs_panel cs_votes_panel(const struct cs_votes *v, uint32_t ballot, uint32_t case_index,
                               const struct cs_parent *about)
{
    return count(v, ballot, case_index, CS_NONE, about);
}

struct cs_panel cs_votes_judge(const struct cs_votes *v, uint32_t ballot, uint32_t case_index, uint32_t judge)
{
    return count(v, ballot, case_index, judge, NULL);
}
