#include "protocol/study/pair.h"

#include <string.h>

const char *const cs_pair_words[CS_PAIR_WORDS] = {"first", "second", "tie"};

bool cs_pair_is(const struct cs_field *f)
{
    if (f->kind != CS_FIELD_NOMINAL || (f->n_categories != CS_PAIR_WORDS && f->n_categories != CS_PAIR_TIE))
        return false;
    for (uint32_t i = 0; i < f->n_categories; i++) {
        if (strcmp(f->categories[i], cs_pair_words[i]) != 0)
            return false;
    }
    return true;
}
