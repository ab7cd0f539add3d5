#include "protocol/study/study.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/assert.h"

uint32_t cs_study_column(const struct cs_study *s, const char *name)
{
    for (uint32_t i = 0; i < s->n_columns; i++) {
        if (strcmp(s->columns[i], name) == 0)
            return i;
    }
    return CS_NONE;
}

uint32_t cs_study_factor(const struct cs_study *s, const char *name)
{
    for (uint32_t i = 0; i < s->n_factors; i++) {
        if (strcmp(s->factors[i].name, name) == 0)
            return i;
    }
    return CS_NONE;
}

void cs_study_free(struct cs_study *s)
{
    if (s == NULL)
        return;
    cs_arena_release(&s->arena);
    free(s);
}
