#include "tools/simulator/planted_judge.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "protocol/base/sizes.h"
#include "tools/simulator/draw.h"

void cs_planted_judge_read(struct cs_planted_case *c, const struct cs_truth *t, const char *prompt, size_t len)
{
    c->truth = t;
    c->prompt = prompt;
    c->len = len;
    c->n_texts = cs_spoken_find(t, prompt, len, c->texts);
}

const struct cs_planted_verdict *cs_planted_judge_verdict(const struct cs_planted_judge *j, const char *field)
{
    for (uint32_t i = 0; i < j->n_verdicts; i++) {
        if (strcmp(j->verdicts[i].field, field) == 0)
            return &j->verdicts[i];
    }
    return NULL;
}

/* The answer that the prompt asks about, or NULL. */
static const char *asked_for(const struct cs_planted_verdict *v, const struct cs_planted_case *c)
{
    const char *last = NULL, *answer = NULL;
    if (v->asked == NULL)
        return v->of[0];
    for (uint32_t i = 0; i < v->n_of; i++) {
        const char *at = c->prompt, *end = c->prompt + c->len;
        while ((at = memmem(at, (size_t)(end - at), v->asked[i], strlen(v->asked[i]))) != NULL) {
            if (last == NULL || at > last) {
                last = at;
                answer = v->of[i];
            }
            at++;
        }
    }
    return answer;
}

static double logit(double p)
{
    return log(p / (1.0 - p));
}

static double sigmoid(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

static double self_shift(const struct cs_planted_verdict *v, const struct cs_planted_case *c, uint32_t text)
{
    const uint32_t model = c->texts[text].model;
    return model < c->truth->n_models ? v->self[model] : 0;
}

/* Does the text say the better word? */
static bool is_better(const struct cs_planted_verdict *v, const struct cs_planted_case *c, const char *answer,
                      uint32_t text, uint32_t word)
{
    for (uint32_t m = 0; m < c->truth->n_models; m++) {
        const struct cs_truth_answer *a = cs_truth_answer(&c->truth->models[m], answer);
        if (a != NULL && a->says != NULL && (c->texts[text].model == m || c->texts[text].model == c->truth->n_models))
            return strcmp(a->words[word], v->better) == 0;
    }
    return false;
}

static const char *draw_one(const struct cs_planted_verdict *v, const struct cs_planted_case *c, const char *answer,
                            double u)
{
    const uint32_t said = cs_spoken_word(c->truth, &c->texts[0], answer), level = c->texts[0].level;
    if (said == CS_NONE)
        return NULL;
    double p = said == 0 ? v->sensitivity[level] : 1 - v->specificity[level];
    const double self = self_shift(v, c, 0);
    if (self < 0 || self > 0)
        p = sigmoid(logit(p) + (is_better(v, c, answer, 0, 0) ? self : -self));
    return v->words[u < p ? 0 : 1];
}

/* A step, by the chances that its judged word gives. */
static const char *draw_step(const struct cs_planted_verdict *v, const struct cs_planted_case *c, const char *answer,
                             double u)
{
    const uint32_t said = cs_spoken_word(c->truth, &c->texts[0], answer);
    double sum = 0;
    if (said == CS_NONE)
        return NULL;
    for (uint32_t k = 0; k + 1 < v->n_words; k++) {
        sum += v->given[(size_t)said * v->n_words + k];
        if (u < sum)
            return v->words[k];
    }
    return v->words[v->n_words - 1];
}

static const char *draw_pair(const struct cs_planted_verdict *v, const struct cs_planted_case *c, const char *answer,
                             double u, double tie)
{
    uint32_t said[2];
    if (c->n_texts != 2)
        return NULL;
    for (uint32_t i = 0; i < 2; i++) {
        said[i] = cs_spoken_word(c->truth, &c->texts[i], answer);
        if (said[i] == CS_NONE)
            return NULL;
    }
    if (tie < v->tie)
        return v->words[2];
    const double better = (double)is_better(v, c, answer, 0, said[0]) - (double)is_better(v, c, answer, 1, said[1]);
    const double s = v->strength * better + v->order + self_shift(v, c, 0) - self_shift(v, c, 1);
    return v->words[u < sigmoid(s) ? 0 : 1];
}

const char *cs_planted_judge_draw(const struct cs_planted_verdict *v, const struct cs_planted_case *c, uint64_t seed,
                                  const char *digest)
{
    const char *answer = asked_for(v, c);
    const double u = cs_sim_draw_unit(seed, "verdict", digest, v->field, NULL);
    if (answer == NULL)
        return NULL;
    if (v->given != NULL)
        return draw_step(v, c, answer, u);
    return v->pair ? draw_pair(v, c, answer, u, cs_sim_draw_unit(seed, "tie", digest, v->field, NULL))
                   : draw_one(v, c, answer, u);
}

bool cs_planted_judge_refuses(const struct cs_planted_judge *j, const struct cs_planted_case *c, uint64_t seed,
                              const char *digest)
{
    return cs_sim_draw_unit(seed, "refusal", digest, NULL) < j->refused[c->texts[0].level];
}

bool cs_planted_judge_rambles(const struct cs_planted_judge *j, const struct cs_planted_case *c, uint64_t seed,
                              const char *digest, uint64_t before)
{
    char times[24];
    snprintf(times, sizeof times, "%llu", (unsigned long long)before);
    return cs_sim_draw_unit(seed, "unparsable", digest, times, NULL) < j->unparsable[c->texts[0].level];
}
