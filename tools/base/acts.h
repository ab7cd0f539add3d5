/* acts.h - what people did about a study outside of its runs, kept beside the store for every later report: STORE.acts.csv, one
 * line per act.
 *
 *   registered   a protocol was given to a registry: what (DOI, URL, tag), its date as its author says it, the digest of the analysis then
 *   unblinded    the contrasts of a pilot were looked at
 *   reported     a report with findings was made (the first one alone is noted)
 * Lines are added, never changed. Thread: main. Errors: CS_EINVAL with FILE:LINE, CS_EIO.
 */
#ifndef CS_ACTS_H
#define CS_ACTS_H

#include <stdint.h>

#include "protocol/base/arena.h"
#include "protocol/base/error.h"

#define CS_ACT_REGISTERED "registered"
#define CS_ACT_UNBLINDED "unblinded"
#define CS_ACT_REPORTED "reported"

struct cs_act {
    const char *kind, *when;     /* when: UTC, as we noted it */
    const char *what, *date;     /* "DOI 10.1/x"; "2026-03-01" */
    const char *analysis_digest; /* hex */
    uint32_t generation;         /* 0: none yet */
};

struct cs_acts { /* a zeroed struct is empty */
    struct cs_arena arena;
    struct cs_act *list; /* oldest first */
    uint32_t n, cap;
};

/* The file of a store; free() it. store NULL: that of the study directory. */
char *cs_acts_path(const char *study, const char *dir, const char *store, uint64_t apart); /* apart: of reader.h */
CS_WARN_UNUSED enum cs_err cs_acts_load(struct cs_acts *a, const char *path, struct cs_error *err); /* no file: empty */
/* Adds a line, now; its texts are copied. */
CS_WARN_UNUSED enum cs_err cs_acts_add(struct cs_acts *a, const char *path, const struct cs_act *act,
                                       struct cs_error *err);
void cs_acts_release(struct cs_acts *a);

#endif
