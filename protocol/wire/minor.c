#include "protocol/wire/minor.h"

/* One row a key that came after 1.0. A key that changes nothing of what is asked, answered or counted needs none. */
static const struct cs_minor_row keys[] = {
    {0},
};

struct cs_minor_need cs_minor_needed_by(const struct cs_minor_row *rows, const struct cs_study *s)
{
    struct cs_minor_need need = {0, ""};
    for (; rows->is_used != NULL; rows++) {
        if (rows->minor > need.minor && rows->is_used(s))
            need = (struct cs_minor_need){rows->minor, rows->key};
    }
    return need;
}

struct cs_minor_need cs_minor_needed(const struct cs_study *s)
{
    return cs_minor_needed_by(keys, s);
}
