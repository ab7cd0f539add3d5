/* statistics_driver - the statistics of the report behind JSON, for statistics_referee.py.
 *
 * Reads one JSON array of requests {"fn": NAME, ...} on standard input and writes one array of answers in the same order; an
 * answer has "status" and what the function gives. Not installed and not for anything else: it trusts its caller. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "tools/report/stats/adjust.h"
#include "tools/report/stats/cluster.h"
#include "tools/report/stats/kappa.h"
#include "tools/report/stats/paired.h"
#include "tools/report/stats/power.h"
#include "tools/report/stats/proportion.h"
#include "tools/report/stats/task_horizon.h"

static double number(const json_t *q, const char *key)
{
    const json_t *v = json_object_get(q, key);
    CS_ASSERT(json_is_number(v));
    return json_number_value(v);
}

static uint32_t whole(const json_t *q, const char *key)
{
    return (uint32_t)number(q, key);
}

static double *numbers(const json_t *q, const char *key, size_t *n)
{
    const json_t *v = json_object_get(q, key);
    CS_ASSERT(json_is_array(v));
    *n = json_array_size(v);
    double *x = cs_xcalloc(*n + 1, sizeof *x);
    for (size_t i = 0; i < *n; i++)
        x[i] = json_number_value(json_array_get(v, i));
    return x;
}

static uint32_t *counts(const json_t *q, const char *key, size_t *n)
{
    double *x = numbers(q, key, n);
    uint32_t *c = cs_xcalloc(*n + 1, sizeof *c);
    for (size_t i = 0; i < *n; i++)
        c[i] = (uint32_t)x[i];
    free(x);
    return c;
}

static json_t *cluster_t(const json_t *q)
{
    size_t n;
    double *d = numbers(q, "d", &n);
    const struct cs_cluster_test t = cs_cluster_t(d, n, 0.05, 1);
    const struct cs_tost e = cs_cluster_tost(&t, number(q, "margin"), 0.05);
    free(d);
    return json_pack("{s:i,s:f,s:f,s:f,s:f,s:f}", "status", t.status, "t", t.t, "p", t.p, "lo", t.ci.lo, "hi", t.ci.hi,
                     "tost", e.p);
}

static json_t *sign_flip(const json_t *q)
{
    size_t n;
    double *d = numbers(q, "d", &n);
    const struct cs_sign_flip r = cs_cluster_sign_flip(d, n, 1, 5000);
    free(d);
    return json_pack("{s:i,s:f}", "status", r.status, "p", r.p);
}

static json_t *signed_rank(const json_t *q)
{
    size_t n;
    double *d = numbers(q, "d", &n);
    const struct cs_signed_rank r = cs_paired_signed_rank(d, n);
    free(d);
    return json_pack("{s:i,s:f,s:f}", "status", r.status, "p", r.p, "least", r.plus < r.minus ? r.plus : r.minus);
}

static json_t *proportion(struct cs_proportion r)
{
    return json_pack("{s:i,s:f,s:f}", "status", r.status, "lo", r.ci.lo, "hi", r.ci.hi);
}

static json_t *wilson(const json_t *q)
{
    return proportion(cs_proportion_wilson(whole(q, "yes"), whole(q, "n"), 0.05));
}

static json_t *newcombe(const json_t *q)
{
    return proportion(cs_proportion_newcombe(whole(q, "yes1"), whole(q, "n1"), whole(q, "yes2"), whole(q, "n2"), 0.05));
}

static json_t *mcnemar(const json_t *q)
{
    return json_pack("{s:i,s:f}", "status", 0, "p", cs_proportion_mcnemar(whole(q, "b"), whole(q, "c")));
}

static json_t *odds_ratio(const json_t *q)
{
    const struct cs_odds_ratio r = cs_proportion_odds_ratio_pairs(whole(q, "b"), whole(q, "c"), 0.05);
    return json_pack("{s:i,s:f,s:f}", "status", r.status, "lo", r.lo, "hi", r.hi);
}

static json_t *stuart_maxwell(const json_t *q)
{
    size_t n;
    uint32_t *table = counts(q, "table", &n);
    const struct cs_homogeneity r = cs_paired_stuart_maxwell(table, whole(q, "k"));
    free(table);
    return json_pack("{s:i,s:f,s:f,s:f}", "status", r.status, "statistic", r.statistic, "p", r.p, "df", r.df1);
}

static json_t *adjust(const json_t *q)
{
    static const struct {
        const char *name;
        enum cs_adjust method;
    } names[] = {{"holm", CS_ADJUST_HOLM}, {"fdr_bh", CS_ADJUST_BH}, {"fdr_by", CS_ADJUST_BY}};
    size_t n;
    double *p = numbers(q, "p", &n);
    const char *name = json_string_value(json_object_get(q, "method"));
    for (size_t i = 0; name != NULL && i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i].name) == 0)
            cs_adjust_p(names[i].method, p, n, p);
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_real(p[i]));
    free(p);
    return json_pack("{s:i,s:o}", "status", 0, "p", list);
}

static json_t *kappa(struct cs_kappa r)
{
    return json_pack("{s:i,s:f,s:f}", "status", r.status, "kappa", r.kappa, "se", r.se);
}

static json_t *cohen(const json_t *q)
{
    size_t n;
    uint32_t *table = counts(q, "table", &n);
    const struct cs_kappa r = cs_kappa_cohen(table, whole(q, "k"), (enum cs_kappa_weights)whole(q, "weights"), 0.05);
    free(table);
    return kappa(r);
}

static json_t *fleiss(const json_t *q)
{
    size_t n;
    uint32_t *table = counts(q, "table", &n);
    const size_t k = whole(q, "k");
    const struct cs_kappa r = cs_kappa_fleiss(table, n / k, k, 0.05);
    free(table);
    return kappa(r);
}

static json_t *power(const json_t *q)
{
    const struct cs_power_design d = {.n = number(q, "n"),
                                      .tau = number(q, "tau"),
                                      .noise_a = number(q, "noise"),
                                      .noise_0 = number(q, "noise"),
                                      .ka = number(q, "ka"),
                                      .k0 = number(q, "k0"),
                                      .alpha = number(q, "alpha")};
    const struct cs_power found = cs_stats_power_difference(&d, number(q, "shift"));
    const struct cs_power equal = cs_stats_power_equivalence(&d, number(q, "shift"), number(q, "margin"));
    return json_pack("{s:i,s:f,s:f,s:f}", "status", found.status, "se", found.se, "difference", found.power,
                     "equivalence", equal.power);
}

static json_t *task_horizon(const json_t *q)
{
    size_t n;
    double *minutes = numbers(q, "minutes", &n);
    uint32_t *runs = counts(q, "runs", &n), *successes = counts(q, "successes", &n), *family = counts(q, "family", &n);
    struct cs_task_horizon_task *t = cs_xcalloc(n + 1, sizeof *t);
    const struct cs_boot none = {.seed = 1}; /* the fit alone */
    struct cs_task_horizon h;
    for (size_t i = 0; i < n; i++)
        t[i] = (struct cs_task_horizon_task){minutes[i], runs[i], successes[i], family[i]};
    cs_task_horizon(t, n, &none, 0.05, &h);
    free(minutes);
    free(runs);
    free(successes);
    free(family);
    free(t);
    return json_pack("{s:i,s:f,s:f,s:f,s:f}", "status", h.status, "intercept", h.intercept, "slope", h.slope, "half",
                     h.at[CS_TASK_HORIZON_50].minutes, "most", h.at[CS_TASK_HORIZON_80].minutes);
}

static const struct {
    const char *name;
    json_t *(*fn)(const json_t *);
} functions[] = {
    {"cluster_t", cluster_t},
    {"sign_flip", sign_flip},
    {"signed_rank", signed_rank},
    {"wilson", wilson},
    {"newcombe", newcombe},
    {"mcnemar", mcnemar},
    {"stuart_maxwell", stuart_maxwell},
    {"adjust", adjust},
    {"cohen", cohen},
    {"odds_ratio", odds_ratio},
    {"fleiss", fleiss},
    {"power", power},
    {"task_horizon", task_horizon},
};

int main(void)
{
    json_error_t e;
    json_t *in = json_loadf(stdin, 0, &e), *out = json_array();
    if (!json_is_array(in)) {
        fprintf(stderr, "statistics_driver: %s\n", in == NULL ? e.text : "want an array");
        return 65;
    }
    for (size_t i = 0; i < json_array_size(in); i++) {
        const json_t *q = json_array_get(in, i);
        const char *name = json_string_value(json_object_get(q, "fn"));
        json_t *answer = NULL;
        for (size_t f = 0; name != NULL && answer == NULL && f < sizeof functions / sizeof *functions; f++)
            if (strcmp(name, functions[f].name) == 0)
                answer = functions[f].fn(q);
        json_array_append_new(out, answer != NULL ? answer : json_null());
    }
    json_dumpf(out, stdout, JSON_COMPACT | JSON_REAL_PRECISION(17));
    json_decref(out);
    json_decref(in);
    return 0;
}
