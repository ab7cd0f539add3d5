/* lint.h - contradictions in a study, found before anything is paid: counted, each with its cases and places.
 *
 * A level against the case it is inserted into ("cisgender man" and pregnant); words about what a factor varies that stand in the cases
 * already (pronouns); markers that nothing fills; what looks like an identifier; ids that are nearly the same; levels that differ in more
 * than their words; curled quotes in the study file. By form alone: a person decides. Thread: main.
 */
#ifndef CS_LINT_H
#define CS_LINT_H

#include <stdio.h>

#include "protocol/base/json.h"
#include "protocol/load/load.h"

enum { CS_LINT_GROUPS_MAX = 256, CS_LINT_PLACES_MAX = 20000 };

struct cs_lint_group {
    const char *what;
    uint32_t cases;    /* how many; 0: it is not about cases */
    uint32_t first;    /* the first of them */
    const char *place; /* in it: the words around, in one line */
};

struct cs_lint {
    struct cs_arena arena;
    struct cs_lint_group groups[CS_LINT_GROUPS_MAX];
    uint32_t n_groups;
    struct cs_lint_place {
        uint32_t group, case_index;
        const char *place;
    } * places; /* the first CS_LINT_PLACES_MAX */
    uint32_t n_places;
};

/* words: a table of the user's (lexicon.h), or NULL. */
CS_WARN_UNUSED enum cs_err cs_lint_make(const struct cs_loaded *l, const char *words, struct cs_lint *out,
                                        struct cs_error *err);
void cs_lint_release(struct cs_lint *l); /* a zeroed struct is fine */
/* One line a group; with `all`, every place below it. */
void cs_lint_text(const struct cs_lint *l, const struct cs_loaded *loaded, bool all, FILE *out);
struct cs_json *cs_lint_json(const struct cs_lint *l, const struct cs_loaded *loaded); /* the caller's */

#endif
