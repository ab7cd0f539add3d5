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

enum cs_pair cs_pair_both(enum cs_pair as_it_stands, enum cs_pair the_other_way, bool *order_led)
{
    const enum cs_pair turned = the_other_way == CS_PAIR_FIRST    ? CS_PAIR_SECOND
                                : the_other_way == CS_PAIR_SECOND ? CS_PAIR_FIRST
                                                                  : CS_PAIR_TIE;
    *order_led = as_it_stands == the_other_way && as_it_stands != CS_PAIR_TIE;
    return as_it_stands == turned ? turned : CS_PAIR_TIE;
}
