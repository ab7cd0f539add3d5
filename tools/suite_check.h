/* suite_check.h - `clinsafe suite check`: one card against its suite and its runs, or two against each other. Thread: main. */
#ifndef CS_SUITE_CHECK_H
#define CS_SUITE_CHECK_H

#include "tools/suite/recheck.h"

struct cs_suite_check {    /* what it is told besides; NULL: nothing */
    const char *suite;     /* its file; NULL: found by the name on the card, which is never a path */
    const char *providers; /* of the run: its stores are then compared with their studies too */
    const char *trusted;   /* the .pub file of the key that has to have sealed it */
    const char *hidden;    /* folder with the salt of the private tier */
    bool quiet;            /* prints nothing: the result is for JSON */
};

/* 0, or the exit status of what does not hold, said in a line. *card and *result are the caller's; the result is what is known of
 * the card: path, model, suite, digest, digits, standing, looked_at, recomputed. */
int cs_suite_check_card(const char *path, const struct cs_suite_check *o, struct cs_json **card,
                        struct cs_json **result);

#endif
