/* levels.h - inside factors.c, level*.c, texts.c only: a factor while it is being made. */
#ifndef CS_LOAD_LEVELS_H
#define CS_LOAD_LEVELS_H

#include "protocol/load/loader.h"

struct cs_factor_draft {
    struct cs_loader *l;
    const struct cs_node *node;
    struct cs_factor *f;
    struct cs_level *levels;              /* f->levels, still writable */
    struct cs_table table;                /* what `file:` names, empty otherwise */
    const struct cs_node *insert, *texts; /* keys of the factor, or NULL */
};

/* Fills columns and levels from `file:`, `levels:` or `texts:`, and applies `control:`. */
CS_WARN_UNUSED enum cs_err cs_load_levels(struct cs_factor_draft *d);
/* The same from `file:` alone. */
CS_WARN_UNUSED enum cs_err cs_load_level_table(struct cs_factor_draft *d, const struct cs_node *file);
/* Makes room for n levels (at most CS_LEVELS_MAX - 1) and an added control. */
void cs_load_level_room(struct cs_factor_draft *d, uint32_t n);
/* Adds a case column per level with the texts of `texts:`; without other levels, those of that file are the levels. */
CS_WARN_UNUSED enum cs_err cs_load_texts(struct cs_factor_draft *d);
/* Makes a level with one wording whose values are all "". */
struct cs_level cs_level_room_plain(struct cs_factor_draft *d, const char *id);
/* "", control, placebo, aa, NULL. */
extern const char *const cs_level_room_role_words[];
/* One of these; false: another word. */
bool cs_level_room_role(const char *word, enum cs_role *out);

/* `requires:` of the factor, a map of levels; and of one level. */
CS_WARN_UNUSED enum cs_err cs_load_requires(struct cs_factor_draft *d);
CS_WARN_UNUSED enum cs_err cs_load_requires_of(const struct cs_loader *l, const struct cs_node *n,
                                               struct cs_level *level);
/* Whether a case has all that the level requires. */
bool cs_load_requires_hold(const struct cs_loader *l, const struct cs_level *level, uint32_t case_index);

/* `labels:` of the factor, once its levels are there. */
CS_WARN_UNUSED enum cs_err cs_load_labels(struct cs_factor_draft *d);

/* `insert:` as a list (slots.c). */
CS_WARN_UNUSED enum cs_err cs_load_slots(struct cs_factor_draft *d);

#endif
