/* leaked.h - what the judged outputs themselves give away of where they come from, by model and condition (protocol/study/leaks.h), as the
 * snapshot of them counted it. Pure; any thread. Rows are the caller's.
 */
#ifndef CS_LEAKED_H
#define CS_LEAKED_H

#include <stdio.h>

#include "protocol/base/json.h"
#include "protocol/study/parent.h"

struct cs_leaked_row {
    uint32_t model;         /* of the parent */
    const uint32_t *levels; /* one per factor of the parent; borrowed */
    struct cs_leak_counts counts;
};
struct cs_leaked {
    struct cs_leaked_row *rows; /* in the order of the parent's arms; its questions together */
    uint32_t n;
    struct cs_leak_counts sum;
};

void cs_leaked_make(const struct cs_parent_study *p, struct cs_leaked *out);
void cs_leaked_release(struct cs_leaked *l);
/* The condition's levels with "/" between them; in the arena. */
const char *cs_leaked_arm(const struct cs_parent_study *p, const struct cs_leaked_row *row, struct cs_arena *arena);
/* "level_text", "level_id", "model_name" */
const char *cs_leaked_name(enum cs_leak kind);

/* Lines for people; none where nothing leaks. hidden: some words are masked. */
void cs_leaked_print(const struct cs_parent_study *p, bool hidden, FILE *out);
/* A list with an object a row: model, arm, answers, and of each kind and of any how many hold it, and how many as the judge sees them. */
struct cs_json *cs_leaked_json(const struct cs_parent_study *p);

#endif
