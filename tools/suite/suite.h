/* suite.h - a suite file (ops/suites/NAME.yaml) read and checked: which studies, at which digests, with which margins and judges.
 *
 * The file is the standard: its digest (BLAKE2b-256 of its bytes, `b2sum -l 256`) names it, and it names by digest all that is asked and
 * how it is analysed. Thread: main. Ownership: all texts live in the suite's arena. Errors: FILE:LINE:COLUMN sentences.
 */
#ifndef CS_SUITE_H
#define CS_SUITE_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/base/arena.h"
#include "protocol/base/error.h"

enum {
    CS_SUITE_STUDIES_MAX = 32,
    CS_SUITE_PARTS_MAX = 2,
    CS_SUITE_JUDGES_MAX = 8,
    CS_SUITE_METHOD =
        3, /* raised when the same outputs would get other digits: cards of two methods are not compared */
};

struct cs_suite_tokens { /* of one call, on the average: what price is said beforehand */
    double in, out;
};

struct cs_suite_part {           /* one study file */
    const char *file;            /* in the study's folder: "study.yaml", "judged.yaml" */
    const char *spec, *analysis; /* digests, hex; of a study of judges: see fixed.h */
    struct cs_suite_tokens simulated, real;
    const char *judges[CS_SUITE_JUDGES_MAX]; /* of the second part: ids as sent */
    uint32_t n_judges;
};

struct cs_suite_pair {
    const char *name, *value;
    uint32_t line;
};

struct cs_suite_study {
    const char *name;                               /* what the card calls it, and its folder's name in a run */
    const char *folder;                             /* path of the study's folder */
    const char *why;                                /* what it asks, a sentence */
    struct cs_suite_part parts[CS_SUITE_PARTS_MAX]; /* the study; where there are two, then its judges */
    uint32_t n_parts;
    const struct cs_suite_pair *margins; /* answer: "5 points"; of the last part */
    uint32_t n_margins;
    const struct cs_suite_pair
        *stand_ins; /* name of a simulated model of the suite: the study's model that stands for it */
    uint32_t n_stand_ins;
    /* Of the private tier: the table that takes the place of the study's, and the commitments to its rows. NULL: public. */
    const char *table;
    const char *const *hmacs;
    uint32_t n_hmacs;
    uint32_t line;
};

struct cs_suite {
    struct cs_arena arena;
    const char *path, *name, *title;
    const char *canary;
    uint32_t major; /* the 1 of v1 */
    uint8_t digest[32];
    char digest_hex[65];
    struct cs_suite_study studies[CS_SUITE_STUDIES_MAX];
    uint32_t n_studies;
};

/* The file of a suite: a path, or a name looked for in ops/suites of this folder and where the program was installed. free() it. */
CS_WARN_UNUSED enum cs_err cs_suite_find(const char *word, char **path, struct cs_error *err);
/* The same for a name out of a card: never a path. CS_EINVAL. */
CS_WARN_UNUSED enum cs_err cs_suite_find_named(const char *name, char **path, struct cs_error *err);
CS_WARN_UNUSED enum cs_err cs_suite_load(const char *path, struct cs_suite *out, struct cs_error *err);
void cs_suite_release(struct cs_suite *s); /* a zeroed struct is fine */

/* The model of a study that stands for a simulated one of the suite; NULL: the suite has none of that name. */
const char *cs_suite_stand_in(const struct cs_suite_study *s, const char *model);
bool cs_suite_is_simulated(const struct cs_suite *s, const char *model);

#endif
