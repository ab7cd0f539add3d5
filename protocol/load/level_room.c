/* level_room.c - a level before anything is known of it. */
#include "protocol/load/levels.h"

#include <string.h>

const char *const cs_level_room_role_words[] = {"", "control", "placebo", "aa", NULL};
static const enum cs_role roles[] = {CS_ROLE_LEVEL, CS_ROLE_CONTROL, CS_ROLE_PLACEBO, CS_ROLE_AA};

struct cs_level cs_level_room_plain(struct cs_factor_draft *d, const char *id)
{
    struct cs_arena *a = d->l->arena;
    const char **values = cs_arena_array(a, d->f->n_columns, sizeof *values);
    for (uint32_t i = 0; i < d->f->n_columns; i++)
        values[i] = "";
    struct cs_wording *w = cs_arena_alloc(a, sizeof *w);
    *w = (struct cs_wording){.id = "", .match = NULL, .values = values};
    return (struct cs_level){
        .id = id,
        .repeats_times = 1,
        .wordings = w,
        .n_wordings = 1,
        .use_column = CS_NONE,
        .text_column = CS_NONE,
    };
}

bool cs_level_room_role(const char *word, enum cs_role *out)
{
    for (uint32_t i = 0; cs_level_room_role_words[i] != NULL; i++) {
        if (strcmp(cs_level_room_role_words[i], word) == 0) {
            *out = roles[i];
            return true;
        }
    }
    return false;
}

void cs_load_level_room(struct cs_factor_draft *d, uint32_t n)
{
    d->levels = cs_arena_array(d->l->arena, n < CS_LEVELS_MAX ? n + 1 : CS_LEVELS_MAX, sizeof *d->levels);
    d->f->levels = d->levels;
}
