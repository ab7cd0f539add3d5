/* identifiers.h - what in a case looks as if it led to a person: record numbers, phone numbers, birth dates, addresses, names.
 *
 * By form alone, so it finds made-up ones too and misses what has no form. A study whose cases hold them is not sent to an account that
 * is not approved for confidential cases, unless it says cases: {identifiers: fictional}. Names ("Mr. Smith") are shown but block
 * nothing: vignettes have invented ones. Thread: any.
 */
#ifndef CS_IDENTIFIERS_H
#define CS_IDENTIFIERS_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/load/load.h"

struct cs_identifier {
    const char *what; /* "a record number"; NULL: nothing found */
    uint32_t at, len; /* bytes of the text */
    bool blocks;
};

/* The first one at or behind `from`. */
struct cs_identifier cs_identifiers_find(const char *text, uint32_t from);
/* CS_EDENIED when cases hold what blocks and some account of the study must not see it. Nothing is sent before this is asked. */
CS_WARN_UNUSED enum cs_err cs_identifiers_check(const struct cs_loaded *l, struct cs_error *err);

#endif
