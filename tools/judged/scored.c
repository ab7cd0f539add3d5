#include "tools/judged/scored.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/json.h"
#include "tools/judged/score_defs.h"

/* ---- outputs ---------------------------------------------------------------------------------------------------------- */

static int by_id(const void *x, const void *y)
{
    const struct cs_score_output *a = x, *b = y;
    return a->output_id < b->output_id ? -1 : a->output_id > b->output_id;
}

uint32_t cs_scored_output(const struct cs_scores *s, uint64_t output_id)
{
    const struct cs_score_output key = {.output_id = output_id};
    const struct cs_score_output *at = s->n_outputs > 0 ? bsearch(&key, s->outputs, s->n_outputs, sizeof key, by_id)
                                                        : NULL;
    return at != NULL ? (uint32_t)(at - s->outputs) : CS_NONE;
}

typedef void seen_fn(struct cs_scores *s, const struct cs_votes *votes, const struct cs_case *c,
                     const struct cs_parent *of);

static enum cs_err each_parent(struct cs_scores *s, const struct cs_votes *votes, seen_fn *fn, struct cs_error *err)
{
    const struct cs_case_source *cases = &votes->view->cases;
    struct cs_arena arena = {0};
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; i < s->study->n_cases && rc == CS_OK; i++) {
        const struct cs_parent *parents = NULL;
        struct cs_case c;
        uint32_t n = 0;
        cs_arena_reset(&arena);
        rc = cases->get(cases->self, i, &c, err);
        if (rc == CS_OK)
            rc = cs_parents_read(s->study, &c, &arena, &parents, &n, err);
        for (uint32_t k = 0; k < n && rc == CS_OK; k++)
            fn(s, votes, &c, &parents[k]);
    }
    cs_arena_release(&arena);
    return rc;
}

static double characters(const char *text)
{
    uint64_t n = 0;
    for (const char *c = text; *c != '\0'; c++)
        n += ((unsigned char)*c & 0xc0) != 0x80; /* texts are well-formed UTF-8 */
    return (double)n;
}

/* Elements of one output mostly follow each other. */
static void note_output(struct cs_scores *s, const struct cs_votes *votes, const struct cs_case *c,
                        const struct cs_parent *of)
{
    (void)votes;
    if (s->n_outputs > 0 && s->outputs[s->n_outputs - 1].output_id == of->output_id)
        return;
    if ((s->n_outputs & (s->n_outputs - 1)) == 0) /* room doubles */
        s->outputs = cs_xrealloc(s->outputs, s->n_outputs > 0 ? (size_t)s->n_outputs * 2 : 1, sizeof *s->outputs);
    uint32_t *levels = cs_arena_array(&s->arena, s->study->parent->n_factors + 1, sizeof *levels);
    double *shorter = cs_arena_array(&s->arena, s->n_scores + 1, sizeof *shorter);
    for (uint32_t f = 0; f < s->study->parent->n_factors; f++)
        levels[f] = of->levels[f];
    for (uint32_t i = 0; i < s->n_scores; i++) {
        const struct cs_score *x = &s->scores[i];
        if (x->shortened)
            shorter[i] = x->less * (characters(c->values[x->length]) - x->center) / x->per;
    }
    s->outputs[s->n_outputs++] = (struct cs_score_output){.output_id = of->output_id,
                                                          .model = of->model,
                                                          .levels = levels,
                                                          .cluster = cs_arena_strdup(&s->arena, of->cluster),
                                                          .shorter = shorter};
}

static void sort_outputs(struct cs_scores *s)
{
    uint32_t n = 0;
    if (s->n_outputs > 0)
        qsort(s->outputs, s->n_outputs, sizeof *s->outputs, by_id);
    for (uint32_t i = 0; i < s->n_outputs; i++) {
        if (n == 0 || s->outputs[n - 1].output_id != s->outputs[i].output_id)
            s->outputs[n++] = s->outputs[i];
    }
    s->n_outputs = n;
}

/* ---- verdicts ----------------------------------------------------------------------------------------------------------- */

static struct cs_scored *row_of(struct cs_scores *s, uint32_t score, const char *tag, uint32_t output)
{
    for (uint32_t i = 0; i < s->n_rows; i++) {
        if (s->rows[i].score == score && strcmp(s->rows[i].tag, tag) == 0)
            return &s->rows[i].of[output];
    }
    if (s->n_rows == s->cap_rows) {
        s->cap_rows = s->cap_rows * 2 + 16;
        s->rows = cs_xrealloc(s->rows, s->cap_rows, sizeof *s->rows);
    }
    struct cs_score_row *row = &s->rows[s->n_rows++];
    *row = (struct cs_score_row){score, cs_arena_strdup(&s->arena, tag),
                                 cs_xcalloc((size_t)s->n_outputs + 1, sizeof *row->of)};
    return &row->of[output];
}

static void add_element(struct cs_scored *of, const struct cs_score *x, double points, const struct cs_panel *p,
                        enum cs_panel_rule rule)
{
    of->n++;
    of->total += x->all || points > 0 ? points : 0;
    of->least += points < 0 ? points : 0;
    of->most += points > 0 ? points : 0;
    if (p->state == CS_PANEL_JUDGED) {
        const double said = rule == CS_PANEL_MEAN ? p->number : p->word;
        of->sum += fabs(said - x->word) < 1e-9 ? points : 0;
        return;
    }
    of->missing++;
    of->low += points < 0 ? points : 0;
    of->high += points > 0 ? points : 0;
}

static void take_sum(struct cs_scores *s, const struct cs_votes *votes, uint32_t score, const struct cs_case *c,
                     const struct cs_parent *of, uint32_t output)
{
    const struct cs_score *x = &s->scores[score];
    const struct cs_panel p = cs_votes_panel(votes, x->ballot, c->index, of);
    const double points = strtod(c->values[x->points], NULL);
    const enum cs_panel_rule rule = votes->ballots[x->ballot].rule;
    if (x->split == CS_NONE) {
        add_element(row_of(s, score, "", output), x, points, &p, rule);
        return;
    }
    const char *text = c->values[x->split];
    struct cs_json *tags = text[0] == '[' ? cs_json_loads(text, 0, NULL) : NULL, *tag;
    size_t i;
    if (tags == NULL && text[0] != '\0')
        add_element(row_of(s, score, text, output), x, points, &p, rule);
    cs_json_array_foreach(tags, i, tag)
    {
        if (cs_json_is_string(tag))
            add_element(row_of(s, score, cs_json_string_value(tag), output), x, points, &p, rule);
    }
    cs_json_decref(tags);
}

/* The words of an answer that are steps of its scale: "insufficient information" is none. */
static uint32_t steps_of(const struct cs_study *s, const struct cs_ballot *b)
{
    return b->derived ? b->n_words : s->questions[b->at.question].fields[b->field].n_categories;
}

/* A step as its word says it, where the words of all steps are numbers. */
static double step_value(const struct cs_ballot *b, uint32_t n_steps, double step)
{
    for (uint32_t i = 0; i < n_steps; i++) {
        char *end = NULL;
        if (b->words[i][0] == '\0' || (strtod(b->words[i], &end), *end != '\0'))
            return step;
    }
    const long k = lround(step);
    return n_steps > 0 && k >= 0 && k < n_steps ? strtod(b->words[k], NULL) : step;
}

/* The lowest and the highest that a vote can be. */
static void ends_of(const struct cs_ballot *b, uint32_t n_steps, double *least, double *most)
{
    *least = INFINITY;
    *most = -INFINITY;
    for (uint32_t k = 0; k < n_steps; k++) {
        *least = fmin(*least, step_value(b, n_steps, k));
        *most = fmax(*most, step_value(b, n_steps, k));
    }
    if (n_steps == 0) {
        *least = b->min < b->max ? b->min : -INFINITY;
        *most = b->min < b->max ? b->max : INFINITY;
    }
}

static void take_jury(struct cs_scores *s, const struct cs_votes *votes, uint32_t score, const struct cs_case *c,
                      const struct cs_parent *about, uint32_t output)
{
    const struct cs_score *x = &s->scores[score];
    struct cs_scored *of = row_of(s, score, "", output);
    for (uint32_t i = 0; i < x->n_parts; i++) {
        const struct cs_ballot *b = &votes->ballots[x->parts[i]];
        const uint32_t n_steps = steps_of(s->study, b);
        double least, most;
        ends_of(b, n_steps, &least, &most);
        for (uint32_t k = b->first; k < b->first + b->n; k++) {
            const struct cs_vote v = cs_votes_at(votes, c->index, k);
            if (cs_votes_is_dropped(votes, votes->slots[k].judge, about))
                continue;
            if (v.kind == CS_VOTE_NUMBER || (v.kind == CS_VOTE_WORD && v.word < n_steps)) {
                of->sum += step_value(b, n_steps, v.kind == CS_VOTE_WORD ? v.word : v.number);
                of->total += 1;
                of->least += least;
                of->most += most;
                of->n++;
            } else if (v.kind == CS_VOTE_MISSING || v.kind == CS_VOTE_WORD) {
                of->missing++;
            }
        }
    }
}

static void take_output(struct cs_scores *s, const struct cs_votes *votes, const struct cs_case *c,
                        const struct cs_parent *of)
{
    const uint32_t output = cs_scored_output(s, of->output_id);
    for (uint32_t i = 0; i < s->n_scores; i++) {
        if (s->scores[i].way == CS_SCORE_SUM)
            take_sum(s, votes, i, c, of, output);
        else if (s->scores[i].way == CS_SCORE_JURY)
            take_jury(s, votes, i, c, of, output);
    }
}

static int by_score(const void *x, const void *y)
{
    const struct cs_score_row *a = x, *b = y;
    return a->score != b->score ? (a->score < b->score ? -1 : 1) : strcmp(a->tag, b->tag);
}

enum cs_err cs_scored_read(struct cs_scores *s, const struct cs_votes *votes, struct cs_error *err)
{
    *s = (struct cs_scores){.study = votes->view->spec.study};
    if (s->study->parent == NULL || s->study->scores[0] == '\0')
        return CS_OK;
    enum cs_err rc = cs_score_defs_read(s, votes, err);
    if (rc == CS_OK)
        rc = each_parent(s, votes, note_output, err);
    sort_outputs(s);
    if (rc == CS_OK)
        rc = each_parent(s, votes, take_output, err);
    if (s->n_rows > 0)
        qsort(s->rows, s->n_rows, sizeof *s->rows, by_score);
    for (uint32_t i = 0; i < s->n_rows; i++) {
        struct cs_score *x = &s->scores[s->rows[i].score];
        x->first = x->n == 0 ? i : x->first;
        x->n++;
    }
    return rc;
}

void cs_scored_close(struct cs_scores *s)
{
    for (uint32_t i = 0; i < s->n_rows; i++)
        free(s->rows[i].of);
    free(s->rows);
    free(s->outputs);
    cs_arena_release(&s->arena);
    *s = (struct cs_scores){0};
}

bool cs_scored_value(const struct cs_scores *s, uint32_t row, uint32_t output, double *value, double *low, double *high)
{
    const struct cs_score_row *r = &s->rows[row];
    const struct cs_scored *of = &r->of[output];
    const struct cs_score *x = &s->scores[r->score];
    const double shorter = x->shortened ? s->outputs[output].shorter[r->score] : 0;
    *value = *low = *high = NAN;
    if (of->n == 0 || !(of->total > 0))
        return false;
    const bool whole = of->missing == 0 || x->way == CS_SCORE_JURY; /* a jury's mean is over those who gave a score */
    *low = (of->sum + of->low) / of->total - shorter;
    *high = (of->sum + of->high) / of->total - shorter;
    if (whole)
        *value = of->sum / of->total - shorter;
    return whole;
}

bool cs_scored_ends(const struct cs_scores *s, uint32_t row, uint32_t output, double *least, double *most)
{
    const struct cs_score_row *r = &s->rows[row];
    const struct cs_scored *of = &r->of[output];
    const bool open = s->scores[r->score].shortened; /* how long a text may be nobody says */
    if (of->n == 0 || !(of->total > 0))
        return false;
    *least = open ? -INFINITY : of->least / of->total;
    *most = open ? INFINITY : of->most / of->total;
    return true;
}
