#include "tools/report/analysis/calibration.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/json.h"
#include "tools/base/judged_item.h"

enum { JUDGED, RATED, NUMBERS };

struct making {
    struct cs_calibration *c;
    const struct cs_report_source *source;
    const struct cs_ratings *ratings;
    const struct cs_sampled *sampled;
    uint32_t *answer_of; /* ballot -> answer + 1; 0: not calibrated */
    /* by answer: */
    double **decided; /* by sampled item: what people say; NaN: not decided, or of another question */
    double **pi;      /* by sampled item; as corrected */
    struct sums {
        double said;
        uint64_t n;
        uint32_t texts, last, found, last_found; /* judged texts; of these sampled; the case of the last of each, + 1 */
    } * sums;
    bool counting; /* first pass: sums alone */
    /* the item of the case in hand: */
    uint32_t case_index, *item; /* by question of the judging study */
    struct cs_error *err;
    enum cs_err rc;
};

/* ---- what is calibrated ---------------------------------------------------------------------------------------------- */

static const struct cs_json *declared_for(const struct cs_json *calibrate, const struct cs_study *child,
                                          const struct cs_ballot *b)
{
    const struct cs_question *q = &child->questions[b->at.question];
    char full[2 * 64 + 2];
    if (b->derived)
        return NULL;
    snprintf(full, sizeof full, "%s.%s", q->name, q->fields[b->field].name);
    const struct cs_json *how = cs_json_object_get(calibrate, q->fields[b->field].name);
    return how != NULL ? how : cs_json_object_get(calibrate, full);
}

static void list_answers(struct making *m)
{
    const struct cs_judged_source *judged = &m->source->judged;
    const struct cs_study *child = judged->child;
    struct cs_calibration *c = m->c;
    struct cs_json *analysis = cs_json_loads(child->analysis, 0, NULL);
    const struct cs_json *calibrate = cs_json_object_get(analysis, "calibrate");
    c->answers = cs_arena_array(&c->arena, judged->votes->n_ballots + 1, sizeof *c->answers);
    m->answer_of = cs_xcalloc(judged->votes->n_ballots + 1, sizeof *m->answer_of);
    for (uint32_t i = 0; calibrate != NULL && i < judged->votes->n_ballots; i++) {
        const struct cs_ballot *b = &judged->votes->ballots[i];
        const struct cs_json *how = declared_for(calibrate, child, b);
        if (how == NULL)
            continue;
        const char *lambda = cs_json_string_value(cs_json_object_get(how, "lambda"));
        c->answers[c->n_answers] = (struct cs_calibration_answer){
            .ballot = i,
            .question = cs_judged_source_question(judged, i),
            .name = b->name,
            .tuned = lambda != NULL && strcmp(lambda, "tuned") == 0,
            .yes_no = child->questions[b->at.question].fields[b->field].kind == CS_FIELD_BOOLEAN,
            .disagreement = -1,
            .why = ""};
        m->answer_of[i] = ++c->n_answers;
    }
    cs_json_decref(analysis);
}

/* ---- what people said ------------------------------------------------------------------------------------------------- */

/* A word on the scale of the verdicts; NaN: it is none of it. */
static double value_of(const struct cs_ballot *b, const char *word, uint32_t n_categories)
{
    char *end = NULL;
    for (uint32_t i = 0; i < n_categories && i < b->n_words; i++) {
        if (strcmp(b->words[i], word) == 0)
            return i;
    }
    const double v = n_categories == 0 ? strtod(word, &end) : NAN;
    return end != NULL && end != word && *end == '\0' ? v : NAN;
}

/* Adds the pairs of first ratings of one item: how many, and how many differ. */
static void count_pairs(const struct cs_ratings *r, const char *digest, const char *field, double *pairs, double *apart)
{
    const uint32_t first = cs_names_get(&r->digests, digest);
    for (uint32_t i = first != UINT32_MAX ? first + 1 : 0; i > 0; i = r->list[i - 1].next) {
        const struct cs_rating *a = &r->list[i - 1];
        for (uint32_t k = a->next; k > 0; k = r->list[k - 1].next) {
            const struct cs_rating *b = &r->list[k - 1];
            if (a->pass != 1 || b->pass != 1 || cs_ratings_decides(a) || cs_ratings_decides(b) ||
                strcmp(a->field, field) != 0 || strcmp(b->field, field) != 0)
                continue;
            ++*pairs;
            *apart += strcmp(a->rating, b->rating) != 0;
        }
    }
}

/* Chances times the share of their stratum that was decided. */
static void correct_chances(struct making *m, uint32_t answer)
{
    struct cs_calibration_answer *a = &m->c->answers[answer];
    struct cs_names strata = {0};
    const uint32_t n = m->sampled->n;
    uint32_t *of = cs_xcalloc(n + 1, sizeof *of), *sampled = cs_xcalloc(n + 1, sizeof *sampled),
             *decided = cs_xcalloc(n + 1, sizeof *decided), n_strata = 0;
    const struct cs_study *child = m->source->judged.child;
    const char *question = child->questions[m->source->judged.votes->ballots[a->ballot].at.question].name;
    for (uint32_t i = 0; i < n; i++) {
        const struct cs_sampled_item *item = &m->sampled->list[i];
        of[i] = cs_names_put(&strata, item->stratum, n_strata);
        of[i] = of[i] != UINT32_MAX ? of[i] : n_strata++;
        if (strcmp(item->question, question) != 0)
            continue;
        sampled[of[i]]++;
        decided[of[i]] += !isnan(m->decided[answer][i]);
        a->sampled++;
        a->decided += !isnan(m->decided[answer][i]);
    }
    for (uint32_t i = 0; i < n; i++) {
        if (sampled[of[i]] > 0 && decided[of[i]] == 0 && a->why[0] == '\0')
            a->why = cs_arena_printf(&m->c->arena, "people have decided no item of: %s", m->sampled->list[i].stratum);
        m->pi[answer][i] = sampled[of[i]] > 0 ? m->sampled->list[i].pi * (double)decided[of[i]] / (double)sampled[of[i]]
                                              : 0;
    }
    a->frame = 0;
    for (uint32_t i = 0; i < n; i++)
        a->frame += strcmp(m->sampled->list[i].question, question) == 0 ? 1 / m->sampled->list[i].pi : 0;
    if (a->sampled == 0)
        a->why = "no sample was drawn by judge's word (labels --stratify judge), or nobody has rated it yet";
    cs_names_release(&strata);
    free(of);
    free(sampled);
    free(decided);
}

static void hear_people(struct making *m, uint32_t answer)
{
    struct cs_calibration_answer *a = &m->c->answers[answer];
    const struct cs_ballot *b = &m->source->judged.votes->ballots[a->ballot];
    const struct cs_question *q = &m->source->judged.child->questions[b->at.question];
    const struct cs_field *f = &q->fields[b->field];
    double pairs = 0, apart = 0;
    m->decided[answer] = cs_xcalloc(m->sampled->n + 1, sizeof(double));
    m->pi[answer] = cs_xcalloc(m->sampled->n + 1, sizeof(double));
    for (uint32_t i = 0; i < m->sampled->n; i++) {
        const struct cs_sampled_item *item = &m->sampled->list[i];
        double own = 0, differ = 0;
        uint32_t raters;
        m->decided[answer][i] = NAN;
        if (strcmp(item->question, q->name) != 0)
            continue;
        const char *word = cs_ratings_majority(m->ratings, item->digest, f->name, &raters);
        if (word != NULL)
            m->decided[answer][i] = value_of(b, word, f->n_categories);
        count_pairs(m->ratings, item->digest, f->name, &own, &differ);
        pairs += own / item->pi;
        apart += differ / item->pi;
    }
    if (pairs > 0)
        a->disagreement = apart / pairs;
    correct_chances(m, answer);
}

/* ---- outputs ---------------------------------------------------------------------------------------------------------- */

/* The sampled item that a case of the judging study is, under a question; CS_NONE: it was not sampled. */
static uint32_t item_of(struct making *m, uint32_t case_index, uint32_t question)
{
    const struct cs_study *child = m->source->judged.child;
    struct cs_case_source *cases = &m->source->reader->view.cases;
    if (m->case_index != case_index) {
        struct cs_case c;
        m->rc = cases->get(cases->self, case_index, &c, m->err);
        if (m->rc != CS_OK)
            return CS_NONE;
        for (uint32_t q = 0; q < child->n_questions; q++) {
            const struct cs_digest digest = cs_judged_item_digest(child, &c, q);
            char hex[2 * sizeof digest.b + 1];
            cs_digest_hex(digest.b, sizeof digest.b, hex);
            m->item[q] = cs_names_get(&m->sampled->digests, hex);
        }
        m->case_index = case_index;
    }
    return m->item[question];
}

/* What the panel says; NaN: no verdict, or that the information does not suffice. */
static double said(const struct cs_ballot *b, const struct cs_panel *p, uint32_t n_categories)
{
    if (p->state != CS_PANEL_JUDGED)
        return NAN;
    if (b->rule == CS_PANEL_MEAN)
        return p->number;
    return p->word < n_categories ? (double)p->word : NAN;
}

static void add_to_arm(struct cs_calibration_arm *arm, double verdict, double people, double pi, bool yes_no)
{
    const bool silent = isnan(verdict), rated = pi > 0;
    arm->outputs++;
    arm->silent += silent;
    arm->said += silent ? 0 : verdict;
    arm->rated += rated;
    arm->rated_silent += rated && silent;
    if (yes_no && rated && !silent)
        cs_calibrated_error_add(&arm->error, people > 0.5, verdict > 0.5, pi);
}

static void add_to_arms(const struct making *m, struct cs_calibration_answer *a, const struct cs_judged_seen *seen,
                        double verdict, double people, double pi)
{
    const struct cs_study *s = m->source->study;
    const struct cs_grid_cell *cell = &m->source->got.grids[seen->model].cells[seen->cell];
    const uint32_t each = a->n_arms / s->n_models;
    struct cs_calibration_arm *arm = &a->arms[seen->model * each];
    add_to_arm(arm++, verdict, people, pi, a->yes_no);
    for (uint32_t f = 0; f < s->n_factors; arm += s->factors[f++].n_levels)
        add_to_arm(&arm[cell->at.arms[f].level], verdict, people, pi, a->yes_no);
}

static void on_seen(void *self, const struct cs_judged_seen *seen)
{
    struct making *m = self;
    const struct cs_ballot *b = &m->source->judged.votes->ballots[seen->ballot];
    const struct cs_field *f = &m->source->judged.child->questions[b->at.question].fields[b->field];
    if (m->rc != CS_OK || m->answer_of[seen->ballot] == 0 || seen->panel.state == CS_PANEL_NOT_JUDGED)
        return;
    const uint32_t answer = m->answer_of[seen->ballot] - 1;
    struct cs_calibration_answer *a = &m->c->answers[answer];
    const double verdict = said(b, &seen->panel, f->n_categories);
    struct sums *sums = &m->sums[answer];
    if (m->counting) {
        sums->said += isnan(verdict) ? 0 : verdict;
        sums->n += !isnan(verdict);
        sums->texts += sums->last != seen->child_case + 1; /* all outputs of a text come one after the other */
        sums->last = seen->child_case + 1;
        return;
    }
    const uint32_t item = item_of(m, seen->child_case, b->at.question);
    sums->found += item != CS_NONE && sums->last_found != seen->child_case + 1;
    sums->last_found = item != CS_NONE ? seen->child_case + 1 : sums->last_found;
    const bool rated = item != CS_NONE && !isnan(m->decided[answer][item]);
    const double people = rated ? m->decided[answer][item] : 0, pi = rated ? m->pi[answer][item] : 0;
    const struct cs_calibrated_parts parts = cs_calibrated_split(isnan(verdict) ? a->silent : verdict, people, pi);
    struct cs_answer numbers[NUMBERS] = {
        [JUDGED] = {.category = CS_NONE, .text = "", .number = parts.judged},
        [RATED] = {.category = CS_NONE, .text = "", .number = parts.rated},
    };
    cs_grid_add(&m->c->grids[seen->model], seen->case_index, seen->cell, CS_OUTCOME_ok, numbers, NULL, 0);
    add_to_arms(m, a, seen, verdict, people, pi);
}

/* ---- making ------------------------------------------------------------------------------------------------------------ */

static void make_study(struct cs_calibration *c, const struct cs_study *s)
{
    static const struct cs_field number = {
        .kind = CS_FIELD_NUMBER, .truth_column = CS_NONE, .min = -DBL_MAX, .max = DBL_MAX, .order_factor = CS_NONE};
    struct cs_question *questions = cs_arena_array(&c->arena, s->n_questions, sizeof *questions);
    struct cs_field *fields = cs_arena_array(&c->arena, NUMBERS, sizeof *fields);
    for (uint32_t i = 0; i < NUMBERS; i++) {
        fields[i] = number;
        fields[i].name = i == JUDGED ? "judged" : "rated";
    }
    c->study = *s;
    for (uint32_t q = 0; q < s->n_questions; q++) {
        questions[q] = s->questions[q];
        questions[q].fields = fields;
        questions[q].n_fields = NUMBERS;
        questions[q].n_derived = 0;
    }
    c->study.questions = questions;
    cs_plan_init(&c->plan, &c->study);
    c->n_models = s->n_models;
    c->grids = cs_xcalloc(s->n_models, sizeof *c->grids);
    for (uint32_t i = 0; i < s->n_models; i++)
        cs_grid_init(&c->grids[i], &c->plan, i);
}

static void make_arms(struct cs_calibration *c, struct cs_calibration_answer *a, const struct cs_study *s)
{
    uint32_t each = 1, n = 0;
    for (uint32_t f = 0; f < s->n_factors; f++)
        each += s->factors[f].n_levels;
    a->arms = cs_arena_array(&c->arena, (size_t)each * s->n_models + 1, sizeof *a->arms);
    for (uint32_t m = 0; m < s->n_models; m++) {
        a->arms[n++] = (struct cs_calibration_arm){.model = m, .factor = CS_NONE, .level = CS_NONE};
        for (uint32_t f = 0; f < s->n_factors; f++) {
            for (uint32_t l = 0; l < s->factors[f].n_levels; l++)
                a->arms[n++] = (struct cs_calibration_arm){.model = m, .factor = f, .level = l};
        }
    }
    a->n_arms = n;
}

/* Outputs that were refused, could not be read or failed were given to no judge: they are what they are among the judges' own (reduce.h). */
static void add_unjudged(struct making *m, const struct cs_calibration_answer *a)
{
    for (uint32_t lane = 0; lane < m->c->n_models; lane++) {
        const struct cs_grid *g = &m->source->got.grids[lane];
        for (uint32_t i = 0; i < g->n_cells; i++) {
            for (uint32_t c = 0; g->cells[i].at.question == a->question && c < g->n_cases; c++) {
                for (unsigned o = 0; o < CS_GRID_NO_VERDICT; o++) {
                    for (uint32_t k = 0; o != CS_OUTCOME_ok && k < cs_grid_record(g, c, i)[o]; k++)
                        cs_grid_add(&m->c->grids[lane], c, i, o, NULL, NULL, 0);
                }
            }
        }
    }
}

/* A chance belongs to what the sample was drawn from: of any other text the corrected effect knows the judge's word alone. */
static void check_frame(const struct making *m, uint32_t answer)
{
    struct cs_calibration_answer *a = &m->c->answers[answer];
    const struct sums *sums = &m->sums[answer];
    if (a->why[0] != '\0')
        return;
    if (sums->texts > a->frame + 0.5)
        a->why = cs_arena_printf(
            &m->c->arena,
            "%.0f texts were judged after the sample was drawn, and had no chance to be in it: draw "
            "another (labels --stratify judge)",
            sums->texts - a->frame);
    else if (sums->found < a->sampled)
        a->why = cs_arena_printf(&m->c->arena,
                                 "%u sampled texts are not among those that were judged: draw another sample (labels "
                                 "--stratify judge)",
                                 a->sampled - sums->found);
}

static enum cs_err walk(struct making *m, bool counting)
{
    m->counting = counting;
    m->case_index = CS_NONE;
    const enum cs_err rc = cs_judged_source_each(&m->source->judged, on_seen, m, m->err);
    return rc != CS_OK ? rc : m->rc;
}

static enum cs_err make(struct making *m)
{
    struct cs_calibration *c = m->c;
    const uint32_t n = c->n_answers;
    m->decided = cs_xcalloc(n, sizeof(double *));
    m->pi = cs_xcalloc(n, sizeof(double *));
    m->sums = cs_xcalloc(n, sizeof *m->sums);
    m->item = cs_xcalloc(m->source->judged.child->n_questions, sizeof *m->item);
    make_study(c, m->source->study);
    for (uint32_t i = 0; i < n; i++) {
        make_arms(c, &c->answers[i], m->source->study);
        hear_people(m, i);
    }
    enum cs_err rc = walk(m, true);
    for (uint32_t i = 0; i < n; i++)
        c->answers[i].silent = m->sums[i].n > 0 ? m->sums[i].said / (double)m->sums[i].n : 0;
    if (rc == CS_OK)
        rc = walk(m, false);
    for (uint32_t i = 0; i < n && rc == CS_OK; i++) {
        check_frame(m, i);
        add_unjudged(m, &c->answers[i]);
    }
    return rc;
}

enum cs_err cs_calibration_open(struct cs_calibration **out, const struct cs_report_source *source,
                                const struct cs_ratings *ratings, const struct cs_sampled *sampled,
                                struct cs_error *err)
{
    static const struct cs_ratings nobody = {0};
    static const struct cs_sampled nothing = {0};
    struct making m = {.source = source,
                       .ratings = ratings != NULL ? ratings : &nobody,
                       .sampled = sampled != NULL ? sampled : &nothing,
                       .err = err};
    enum cs_err rc = CS_OK;
    *out = NULL;
    if (source->judged.own == NULL)
        return CS_OK;
    m.c = cs_xcalloc(1, sizeof *m.c);
    list_answers(&m);
    if (m.c->n_answers > 0)
        rc = make(&m);
    for (uint32_t i = 0; m.decided != NULL && i < m.c->n_answers; i++) {
        free(m.decided[i]);
        free(m.pi[i]);
    }
    free(m.decided);
    free(m.pi);
    free(m.sums);
    free(m.item);
    free(m.answer_of);
    if (rc != CS_OK || m.c->n_answers == 0)
        cs_calibration_close(m.c);
    else
        *out = m.c;
    return rc;
}

void cs_calibration_close(struct cs_calibration *c)
{
    if (c == NULL)
        return;
    for (uint32_t i = 0; i < c->n_models; i++)
        cs_grid_release(&c->grids[i]);
    free(c->grids);
    if (c->n_models > 0)
        cs_plan_release(&c->plan);
    cs_arena_release(&c->arena);
    free(c);
}

const struct cs_calibration_answer *cs_calibration_of(const struct cs_calibration *c, const struct cs_measure *m)
{
    for (uint32_t i = 0; c != NULL && i < c->n_answers; i++) {
        if (c->answers[i].question == m->question && !m->derived && m->kind != CS_OUTCOME_CATEGORY)
            return &c->answers[i];
    }
    return NULL;
}

/* ---- a contrast ---------------------------------------------------------------------------------------------------------- */

static void mix(double *into, const double *rated, const double *judged, uint32_t n, double lambda)
{
    for (uint32_t i = 0; i < n; i++)
        into[i] = rated[i] + lambda * judged[i];
}

/* What was never judged could have been anything between these; the judged part of Y~ says nothing of it. */
static void set_bounds(struct cs_measure *m, const struct cs_measure *own)
{
    m->unusable_zero = own->kind == CS_OUTCOME_BINARY;
    if (m->field == JUDGED)
        m->min = m->max = 0;
    else if (own->kind == CS_OUTCOME_NUMBER) {
        m->min = own->min;
        m->max = own->max;
    } else {
        m->min = 0;
        m->max = own->kind == CS_OUTCOME_BINARY ? 1 : own->n_categories - 1.0;
    }
}

bool cs_calibration_correct(const struct cs_calibration *c, const struct cs_calibration_answer *a,
                            const struct cs_measure *own, uint32_t model, const struct cs_arrangement *around,
                            const struct cs_case_facts *cases, const struct cs_side *level,
                            const struct cs_side *comparator, const struct cs_case_filter *filter, struct cs_paired *p,
                            double *lambda)
{
    struct cs_measure m = {
        .question = a->question, .kind = CS_OUTCOME_NUMBER, .n_categories = 1, .what = CS_WHAT_ANSWER};
    struct cs_paired parts[NUMBERS];
    for (uint32_t i = 0; i < NUMBERS; i++) {
        m.field = i;
        set_bounds(&m, own);
        cs_reduce_pair(&parts[i], &m, &c->grids[model], around, cases, level, comparator, filter);
    }
    const uint32_t n = parts[JUDGED].n;
    const bool usable = n > 0 && n == parts[RATED].n && !p->silent;
    if (usable) {
        struct cs_paired *got = &parts[RATED];
        *lambda = a->tuned ? cs_calibrated_lambda(parts[JUDGED].diff, got->diff, n) : 1;
        mix(got->level, got->level, parts[JUDGED].level, n, *lambda);
        mix(got->comparator, got->comparator, parts[JUDGED].comparator, n, *lambda);
        mix(got->diff, got->diff, parts[JUDGED].diff, n, *lambda);
        got->silent = false;
        got->single = false; /* no longer yes or no */
        got->repeated = false;
        got->low += *lambda * parts[JUDGED].low;
        got->high += *lambda * parts[JUDGED].high;
        got->up = p->up;
        got->down = p->down;
        const struct cs_paired judges = *p;
        *p = *got;
        *got = judges;
    }
    cs_reduce_paired_release(&parts[JUDGED]);
    cs_reduce_paired_release(&parts[RATED]);
    return usable;
}
