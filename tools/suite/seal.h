/* seal.h - a suite fixed with date and signature, and what that makes of a card.
 *
 * The seal stands beside the suite file, NAME.seal: a signed note (protocol/base/sign.h) of
 *   clinsafe suite seal 1 / suite NAME / digest HEX / date UTC / key VERIFIER / study NAME PART spec HEX analysis HEX ...
 * each on a line. It proves that whoever holds the key fixed this suite and its analysis; the date is their word: a git tag, a DOI or a
 * preprint of the digest proves it to others. Thread: main.
 *
 * A card is confirmatory when the suite is sealed, and the model was released, by the date that its user declares, on a later day than
 * the seal, and no later than the day of its first call. It is exploratory in all other cases, an unknown date included.
 */
#ifndef CS_SUITE_SEAL_H
#define CS_SUITE_SEAL_H

#include "tools/suite/suite.h"

struct cs_seal {
    bool there;
    char date[40];      /* UTC, "2026-11-29T19:00:00Z" */
    char verifier[160]; /* the key that signed it */
};

char *cs_seal_path(const struct cs_suite *s); /* free() it */
/* Signs the suite, now. CS_EEXIST: it is sealed already. */
CS_WARN_UNUSED enum cs_err cs_seal_make(const struct cs_suite *s, const char *key_file, struct cs_error *err);
/* The seal beside the suite. CS_EINVAL: it is of other contents, or its signature does not fit; trusted: a file with the verifier key that has to
 * have signed it, or NULL: the one that the seal names. Without a seal `there` is false; CS_EINVAL when one is trusted to have made it. */
CS_WARN_UNUSED enum cs_err cs_seal_read(const struct cs_suite *s, const char *trusted, struct cs_seal *out,
                                        struct cs_error *err);

struct cs_seal_model {    /* what is known of the model that was asked */
    const char *released; /* day; NULL: not declared */
    const char *asked;    /* when it was called first, "2026-11-29T..."; NULL: never */
    bool simulated;
};

/* CS_EUSAGE: not a day as in 2026-11-29, or one after today (now_ms: wall clock). NULL is fine: it is not known. */
CS_WARN_UNUSED enum cs_err cs_seal_day(const char *day, int64_t now_ms, struct cs_error *err);
bool cs_seal_is_confirmatory(const struct cs_seal *seal, const struct cs_seal_model *m);
/* "confirmatory: released (2026-12-01) after sealing (2026-11-29)", or "exploratory: why"; free() it. */
char *cs_seal_standing(const struct cs_seal *seal, const struct cs_seal_model *m);

#endif
