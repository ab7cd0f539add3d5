/* agreement.c - how raters agree: with each other, with what they said before, and with the model that they rated. */
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "tools/base/ratings.h"
#include "tools/report/stats/kappa.h"
#include "tools/report/analysis/sections.h"
#include "tools/report/words.h"

struct strings { /* distinct, in the order of first appearance */
    const char **list;
    uint32_t n, cap;
};

static uint32_t find(const struct strings *s, const char *word)
{
    uint32_t i = 0;
    while (i < s->n && strcmp(s->list[i], word) != 0)
        i++;
    return i < s->n ? i : CS_REPORT_NONE;
}

static void add(struct strings *s, const char *word)
{
    if (find(s, word) != CS_REPORT_NONE)
        return;
    if (s->n == s->cap) {
        s->cap = s->cap * 2 + 16;
        s->list = cs_xrealloc(s->list, s->cap, sizeof *s->list);
    }
    s->list[s->n++] = word;
}

struct rated { /* one field of one question */
    struct cs_report_work *w;
    const struct cs_ratings *r;
    const char *question, *field;
    uint32_t scale; /* words of an ordinal answer; 0: it is not ordinal */
    struct strings words, raters, models;
    struct cs_names digest_at;
    uint32_t n_digests;
    const struct cs_rating **first; /* by output: a rating of it, which names model and answer */
    uint32_t *said;                 /* [output][rater][pass]: index of a word, or NONE */
};

static bool concerns(const struct rated *f, const struct cs_rating *a)
{
    return strcmp(a->question, f->question) == 0 && strcmp(a->field, f->field) == 0 && !cs_ratings_decides(a);
}

/* Which words, raters, models and outputs there are. */
static void learn(struct rated *f)
{
    const struct cs_field *own = cs_ratings_field(f->w->study, f->question, f->field);
    for (uint32_t i = 0; own != NULL && i < own->n_categories; i++)
        add(&f->words, own->categories[i]);
    f->scale = own != NULL && own->kind == CS_FIELD_ORDINAL ? own->n_categories : 0;
    f->first = cs_xcalloc((size_t)f->r->n + 1, sizeof *f->first);
    for (uint32_t i = 0; i < f->r->n; i++) {
        const struct cs_rating *a = &f->r->list[i];
        if (!concerns(f, a))
            continue;
        add(&f->words, a->rating);
        add(&f->raters, a->rater);
        add(&f->models, a->model);
        if (cs_names_put(&f->digest_at, a->digest, f->n_digests) == UINT32_MAX)
            f->first[f->n_digests++] = a;
    }
}

static size_t said_at(const struct rated *f, uint32_t digest, uint32_t rater, uint32_t pass)
{
    return ((size_t)digest * f->raters.n + rater) * 2 + pass - 1;
}

static void listen(struct rated *f)
{
    const size_t n = (size_t)f->n_digests * f->raters.n * 2;
    f->said = cs_xcalloc(n + 1, sizeof *f->said);
    for (size_t i = 0; i < n; i++)
        f->said[i] = CS_REPORT_NONE;
    for (uint32_t i = 0; i < f->r->n; i++) {
        const struct cs_rating *a = &f->r->list[i];
        if (concerns(f, a))
            f->said[said_at(f, cs_names_get(&f->digest_at, a->digest), find(&f->raters, a->rater), a->pass)] = find(
                &f->words, a->rating);
    }
}

static void forget(struct rated *f)
{
    free(f->words.list);
    free(f->raters.list);
    free(f->models.list);
    free(f->first);
    free(f->said);
    cs_names_release(&f->digest_at);
}

static void take_kappa(struct cs_report_agreement *row, const struct cs_kappa *plain, const struct cs_kappa *k)
{
    if (cs_stats_usable(plain->status) || plain->status == CS_STAT_UNDEFINED)
        row->agreement = cs_analysis_work_known(plain->agreement);
    if (cs_stats_usable(k->status))
        row->kappa = cs_analysis_work_known(k->kappa);
    else
        row->why = k->status == CS_STAT_UNDEFINED ? "all ratings are the same word: nothing beyond chance can be seen"
                                                  : cs_stats_text(k->status);
    if (row->kappa.known && cs_stats_usable(k->interval_status))
        row->kappa_ci = (struct cs_report_span){true, k->ci.lo, k->ci.hi};
}

static void cohen(const struct rated *f, const uint32_t *count, struct cs_report_agreement *row)
{
    const double alpha = f->w->declared->alpha;
    const bool ordinal = f->words.n ==
                         f->scale; /* a word beyond the scale ("cannot say") has no distance to the others */
    const struct cs_kappa plain = cs_kappa_cohen(count, f->words.n, CS_KAPPA_PLAIN, alpha);
    const struct cs_kappa k = ordinal ? cs_kappa_cohen(count, f->words.n, CS_KAPPA_LINEAR, alpha) : plain;
    row->statistic = ordinal ? "Cohen's kappa, linear weights" : "Cohen's kappa";
    take_kappa(row, &plain, &k);
}

static struct cs_report_agreement *new_row(const struct rated *f, enum cs_agreement_kind kind, const char *who)
{
    struct cs_report *r = f->w->r;
    struct cs_report_agreement *rows = (struct cs_report_agreement *)(uintptr_t)r->agreements;
    struct cs_arena *a = &r->arena;
    rows[r->n_agreements] = (struct cs_report_agreement){.question = cs_arena_strdup(a, f->question),
                                                         .field = cs_arena_strdup(a, f->field),
                                                         .kind = kind,
                                                         .who = cs_arena_strdup(a, who),
                                                         .raters = 1,
                                                         .statistic = "",
                                                         .why = ""};
    return &rows[r->n_agreements++];
}

/* Two raters, or two passes of one. */
static void two(const struct rated *f, struct cs_report_agreement *row, uint32_t one, uint32_t one_pass, uint32_t other,
                uint32_t other_pass)
{
    uint32_t *count = cs_xcalloc((size_t)f->words.n * f->words.n, sizeof *count);
    for (uint32_t i = 0; i < f->n_digests; i++) {
        const uint32_t x = f->said[said_at(f, i, one, one_pass)], y = f->said[said_at(f, i, other, other_pass)];
        if (x == CS_REPORT_NONE || y == CS_REPORT_NONE)
            continue;
        count[(size_t)x * f->words.n + y]++;
        row->items++;
    }
    if (row->items >= 2)
        cohen(f, count, row);
    else
        row->why = "fewer than two outputs were rated twice";
    free(count);
}

static uint32_t raters_of(const struct rated *f, uint32_t output)
{
    uint32_t n = 0;
    for (uint32_t k = 0; k < f->raters.n; k++)
        n += f->said[said_at(f, output, k, 1)] != CS_REPORT_NONE;
    return n;
}

/* By how many raters most outputs were rated, two at least; of equally many, the larger number. */
static uint32_t usual_number(const struct rated *f)
{
    uint32_t best = f->raters.n, most = 0;
    for (uint32_t m = f->raters.n; m >= 2; m--) {
        uint32_t outputs = 0;
        for (uint32_t i = 0; i < f->n_digests; i++)
            outputs += raters_of(f, i) == m;
        best = outputs > most ? m : best;
        most = outputs > most ? outputs : most;
    }
    return best;
}

/* Three or more: Fleiss over the outputs that the usual number of them rated; who they are may differ (Fleiss 1971). */
static void many(const struct rated *f, struct cs_report_agreement *row)
{
    const uint32_t m = usual_number(f);
    uint32_t *count = cs_xcalloc((size_t)f->n_digests * f->words.n, sizeof *count);
    for (uint32_t i = 0; i < f->n_digests; i++) {
        uint32_t *own = count + (size_t)row->items * f->words.n;
        if (raters_of(f, i) != m)
            continue;
        for (uint32_t k = 0; k < f->raters.n; k++) {
            const uint32_t word = f->said[said_at(f, i, k, 1)];
            if (word != CS_REPORT_NONE)
                own[word]++;
        }
        row->items++;
    }
    row->statistic = "Fleiss' kappa";
    if (row->items >= 2) {
        const struct cs_kappa k = cs_kappa_fleiss(count, row->items, f->words.n, f->w->declared->alpha);
        take_kappa(row, &k, &k);
    } else {
        row->why = "fewer than two outputs were rated by the same number of raters";
    }
    free(count);
}

static void between_raters(const struct rated *f)
{
    const char *who = f->raters.list[0];
    for (uint32_t i = 1; i < f->raters.n; i++)
        who = cs_arena_printf(&f->w->r->arena, "%s, %s", who, f->raters.list[i]);
    struct cs_report_agreement *row = new_row(f, CS_AGREEMENT_RATERS, who);
    row->raters = f->raters.n;
    if (f->raters.n == 1) {
        row->items = f->n_digests;
        row->why = "one rater: nothing shows how raters agree";
    } else if (f->raters.n == 2) {
        two(f, row, 0, 1, 1, 1);
    } else {
        many(f, row);
    }
}

static void twice_by_one(const struct rated *f)
{
    for (uint32_t k = 0; k < f->raters.n; k++) {
        bool again = false;
        for (uint32_t i = 0; i < f->n_digests && !again; i++)
            again = f->said[said_at(f, i, k, 2)] != CS_REPORT_NONE;
        if (again)
            two(f, new_row(f, CS_AGREEMENT_INTRA, f->raters.list[k]), k, 1, k, 2);
    }
}

/* The majority against the model's own answer, of the outputs whose own answer is known. */
static void with_model(struct rated *f, const char *model)
{
    uint32_t own = 0, split = 0, raters;
    bool simulated = false;
    for (uint32_t i = 0; i < f->n_digests; i++) {
        if (strcmp(f->first[i]->model, model) != 0 || f->first[i]->answer[0] == '\0')
            continue;
        add(&f->words, f->first[i]->answer);
        simulated = f->first[i]->simulated;
        own++;
    }
    if (own == 0)
        return;
    struct cs_report_agreement *row = new_row(f, CS_AGREEMENT_MODEL, model);
    uint32_t *count = cs_xcalloc((size_t)f->words.n * f->words.n, sizeof *count);
    row->simulated = simulated;
    row->raters = f->raters.n;
    for (uint32_t i = 0; i < f->n_digests; i++) {
        const struct cs_rating *a = f->first[i];
        if (strcmp(a->model, model) != 0 || a->answer[0] == '\0')
            continue;
        const char *most = cs_ratings_majority(f->r, a->digest, f->field, &raters);
        if (most == NULL) { /* raters who are evenly split have no word */
            split++;
            continue;
        }
        count[(size_t)find(&f->words, most) * f->words.n + find(&f->words, a->answer)]++;
        row->items++;
    }
    if (row->items >= 2)
        cohen(f, count, row);
    else
        row->why = "fewer than two outputs with a majority of raters";
    if (split > 0 && row->items >= 2)
        row->why = cs_arena_printf(&f->w->r->arena, "left out: %u outputs on which the raters are evenly split", split);
    free(count);
}

static bool seen_before(const struct cs_ratings *r, uint32_t at)
{
    for (uint32_t k = 0; k < at; k++) {
        if (strcmp(r->list[k].field, r->list[at].field) == 0 && strcmp(r->list[k].question, r->list[at].question) == 0)
            return true; /* soon found: files hold all fields of an item together */
    }
    return false;
}

void cs_analysis_agreement(struct cs_report_work *w)
{
    const struct cs_ratings *ratings = w->ratings;
    struct cs_report *r = w->r;
    uint32_t most = 0;
    if (ratings == NULL || ratings->n == 0)
        return;
    for (uint32_t i = 0; i < ratings->n; i++) /* a row a rater, one a model, one for all, of each field */
        most += 3;
    r->agreements = cs_arena_array(&r->arena, (size_t)most + 1, sizeof *r->agreements);
    for (uint32_t i = 0; i < ratings->n; i++) {
        struct rated f = {.w = w, .r = ratings, .question = ratings->list[i].question, .field = ratings->list[i].field};
        if (seen_before(ratings, i))
            continue;
        learn(&f);
        listen(&f);
        between_raters(&f);
        twice_by_one(&f);
        for (uint32_t m = 0; m < f.models.n; m++)
            with_model(&f, f.models.list[m]);
        forget(&f);
    }
}

/* ---- columns ---------------------------------------------------------------------------------------------------- */

static const char *between(const struct cs_report *r, const void *row)
{
    const struct cs_report_agreement *a = row;
    (void)r;
    return cs_words_agreement(a->kind);
}

static const struct cs_report_column columns[] = {
    CS_COLUMN_SAME(agreement, question),
    CS_COLUMN_SAME(agreement, field),
    CS_COLUMN_SAID(between, "between", "between"),
    CS_COLUMN_SAME(agreement, who),
    CS_COLUMN_SAME(agreement, statistic),
    CS_COLUMN_SAME(agreement, raters),
    CS_COLUMN_SAME(agreement, items),
    CS_COLUMN_SAME(agreement, agreement),
    CS_COLUMN_SAME(agreement, kappa),
    CS_COLUMN(agreement, kappa_ci, "kappa_ci", "kappa_low,kappa_high"),
    CS_COLUMN_SAME(agreement, why),
    CS_COLUMN_OF(CS_COLUMN_NOTE_FLAG, agreement, simulated, "note", "note"),
    {0},
};
const struct cs_report_table cs_analysis_agreement_tables[] = {
    {"agreements", "agreement", CS_TABLE_ROWS(agreements, n_agreements), .columns = columns},
    {0},
};
