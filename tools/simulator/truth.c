#include "tools/simulator/truth.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tools/simulator/draw.h"

void cs_truth_free(struct cs_truth *t)
{
    if (t == NULL)
        return;
    cs_matcher_close(t->case_matcher);
    cs_matcher_close(t->level_matcher);
    cs_arena_release(&t->arena);
    free(t);
}

const struct cs_truth_model *cs_truth_model(const struct cs_truth *t, const char *id)
{
    for (uint32_t i = 0; i < t->n_models; i++) {
        if (strcmp(t->models[i].id, id) == 0)
            return &t->models[i];
    }
    return NULL;
}

const struct cs_truth_answer *cs_truth_answer(const struct cs_truth_model *m, const char *field)
{
    for (uint32_t i = 0; i < m->n_answers; i++) {
        if (strcmp(m->answers[i].field, field) == 0)
            return &m->answers[i];
    }
    return NULL;
}

enum cs_truth_match cs_truth_match(const struct cs_truth *t, const char *prompt, size_t len,
                                   struct cs_truth_place *place)
{
    uint32_t level = 0;
    *place = (struct cs_truth_place){0};
    if (t->case_matcher != NULL) {
        switch (cs_matcher_find(t->case_matcher, prompt, len, &place->case_index)) {
        case CS_FOUND_NONE:
            return CS_MATCH_NO_CASE;
        case CS_FOUND_SEVERAL:
            return CS_MATCH_SEVERAL_CASES;
        case CS_FOUND_ONE:
            break;
        }
    }
    switch (cs_matcher_find(t->level_matcher, prompt, len, &level)) {
    case CS_FOUND_SEVERAL:
        return CS_MATCH_SEVERAL_LEVELS;
    case CS_FOUND_ONE:
        place->level = level + 1; /* 0 is the control */
        break;
    case CS_FOUND_NONE:
        break;
    }
    return CS_MATCH_OK;
}

static double logit(double p)
{
    return log(p / (1.0 - p));
}

static double sigmoid(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

/* How far the log-odds lie from the base; word is NULL but for nominal answers. */
static double displacement(const struct cs_truth *t, uint64_t seed, const struct cs_truth_model *m,
                           const struct cs_truth_answer *a, struct cs_truth_place at, const char *word, double shift)
{
    const char *of_case = t->cases[at.case_index], *level = t->levels[at.level];
    const char *wording = t->wordings != NULL && at.level > 0 ? t->wordings[at.level] : NULL;
    double s = shift;
    if (a->case_sd > 0)
        s += a->case_sd * cs_sim_draw_normal(seed, "case", m->id, a->field, of_case, word, NULL);
    if (a->shift_sd[at.level] > 0)
        s += a->shift_sd[at.level] * cs_sim_draw_normal(seed, "shift", m->id, a->field, of_case, level, word, NULL);
    if (a->wording_sd > 0)
        s += a->wording_sd * cs_sim_draw_normal(seed, "wording", m->id, a->field, of_case, level,
                                                wording != NULL ? wording : word, wording != NULL ? word : NULL, NULL);
    return s;
}

/* What the level does in this case: `shift`, and what is said of such cases. k: the word's place, 0 but for nominal answers. */
static double shift_at(const struct cs_truth_answer *a, struct cs_truth_place at, uint32_t k)
{
    const size_t i = a->kind == CS_TRUTH_NOMINAL ? (size_t)at.level * a->n_words + k : at.level;
    const double *more = a->shift_of_case != NULL ? a->shift_of_case[at.case_index] : NULL;
    return a->shift[i] + (more != NULL ? more[i] : 0);
}

/* The cumulative probabilities with these rates. */
static void cumulate(const struct cs_truth *t, uint64_t seed, const struct cs_truth_model *m,
                     const struct cs_truth_answer *a, struct cs_truth_place at, uint32_t label,
                     double cumulative[CS_TRUTH_WORDS_MAX])
{
    const double *rates = a->rates + (size_t)label * (a->kind == CS_TRUTH_BOOLEAN ? 1 : a->n_words);
    double sum = 0;

    if (a->kind == CS_TRUTH_NOMINAL) {
        for (uint32_t k = 0; k < a->n_words; k++) {
            sum += rates[k] * exp(displacement(t, seed, m, a, at, a->words[k], shift_at(a, at, k)));
            cumulative[k] = sum;
        }
        for (uint32_t k = 0; k < a->n_words; k++)
            cumulative[k] /= sum;
    } else {
        const double s = displacement(t, seed, m, a, at, NULL, shift_at(a, at, 0));
        if (a->kind == CS_TRUTH_BOOLEAN) {
            cumulative[0] = sigmoid(logit(rates[0]) + s);
        } else {
            for (uint32_t k = 0; k + 1 < a->n_words; k++) {
                sum += rates[k];
                cumulative[k] = sigmoid(logit(fmin(sum, 1.0)) - s);
            }
        }
    }
    cumulative[a->n_words - 1] = 1.0;
}

static const char *word_at(const struct cs_truth_answer *a, const double cumulative[CS_TRUTH_WORDS_MAX], double u)
{
    uint32_t k = 0;
    while (k + 1 < a->n_words && u >= cumulative[k])
        k++;
    return a->words[k];
}

void cs_truth_cumulative(const struct cs_truth *t, uint64_t seed, const struct cs_truth_model *m,
                         const struct cs_truth_answer *a, struct cs_truth_place at,
                         double cumulative[CS_TRUTH_WORDS_MAX])
{
    cumulate(t, seed, m, a, at, a->label_of_case != NULL ? a->label_of_case[at.case_index] : 0, cumulative);
}

const char *cs_truth_draw(const struct cs_truth *t, uint64_t seed, const struct cs_truth_model *m,
                          const struct cs_truth_answer *a, struct cs_truth_place at, const char *digest)
{
    double cumulative[CS_TRUTH_WORDS_MAX];
    cs_truth_cumulative(t, seed, m, a, at, cumulative);
    return word_at(a, cumulative, cs_sim_draw_unit(seed, "answer", digest, a->field, NULL));
}

const char *cs_truth_draw_element(const struct cs_truth *t, uint64_t seed, const struct cs_truth_model *m,
                                  const struct cs_truth_answer *a, struct cs_truth_place at, uint32_t element,
                                  const char *path, const char *digest)
{
    double cumulative[CS_TRUTH_WORDS_MAX];
    const bool labelled = a->label_of_element != NULL;
    if (labelled && (element == 0 || element > a->n_elements[at.case_index]))
        return NULL;
    if (labelled)
        cumulate(t, seed, m, a, at, a->label_of_element[at.case_index][element - 1], cumulative);
    else
        cs_truth_cumulative(t, seed, m, a, at, cumulative);
    return word_at(a, cumulative, cs_sim_draw_unit(seed, "answer", digest, path, NULL));
}

bool cs_truth_refuses(const struct cs_truth_model *m, uint64_t seed, struct cs_truth_place at, const char *digest)
{
    if (m->refusal_rate <= 0)
        return false;
    const double p = sigmoid(logit(m->refusal_rate) + m->refusal_shift[at.level]);
    return cs_sim_draw_unit(seed, "refusal", digest, NULL) < p;
}
