/* outcomes.h - what is compared: the answers of a study, with the role and the margins that its analysis gives them. Pure; any thread. */
#ifndef CS_OUTCOMES_H
#define CS_OUTCOMES_H

#include "protocol/base/json.h"
#include "tools/report/analysis/reduce.h"

struct
    cs_outcomes { /* primary, exploratory, the rest; the two arrays are free()d by the owner, their texts live in the arena */
    struct cs_report_outcome *list;
    struct cs_measure *measures; /* one each: CS_WHAT_ANSWER */
    uint32_t n;
};
void cs_outcomes_read(struct cs_outcomes *out, struct cs_arena *arena, const struct cs_study *s,
                      const struct cs_case_facts *cases, const struct cs_json *analysis);

/* Whether a text, or a list of texts, holds this one. */
bool cs_outcomes_is_listed(const struct cs_json *list, const char *name);

#endif
