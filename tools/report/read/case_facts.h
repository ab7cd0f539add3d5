/* case_facts.h - what the analysis needs to know of every case: its cluster, its strata, its labels. Read once; any thread. */
#ifndef CS_CASE_FACTS_H
#define CS_CASE_FACTS_H

#include "protocol/study/study.h"

struct cs_case_column {  /* the values of one stratum */
    const char **values; /* in the order of first appearance */
    uint32_t n_values;
    uint32_t *of_case; /* index into values */
};

struct cs_case_facts {
    struct cs_arena arena;
    uint32_t n_cases, n_clusters;
    const char **ids;                    /* ids of the cases */
    const char **cluster_names;          /* names of the clusters */
    uint32_t *cluster;                   /* each case's, from 0 in the order of first appearance */
    struct cs_case_column *strata;       /* one per study->strata */
    uint32_t **labels[CS_QUESTIONS_MAX]; /* by question, field: NULL, or the label of each case: a category as in struct
                                            cs_answer (boolean: 1 = yes), or CS_NONE */
};

CS_WARN_UNUSED enum cs_err cs_case_facts_read(struct cs_case_facts *f, const struct cs_study *s,
                                              const struct cs_case_source *cases, struct cs_error *err);
void cs_case_facts_release(struct cs_case_facts *f); /* a zeroed struct is fine */

/* The category that a word of an answer is (boolean: 1 = yes); CS_NONE: it is none of them. */
uint32_t cs_case_facts_category(const struct cs_field *f, const char *word);

#endif
