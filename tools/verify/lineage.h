/* lineage.h - whether the cases of a child are the outputs that they claim to be (protocol/study/parent.h).
 *
 * By itself: every case says which outputs it came from, each output once (with `each`: once an element), as many of each condition as the
 * table of arms says were taken; and the text that a judge was shown has the digest that stands beside it (where nothing was hidden).
 * With the parent's store: each of these outputs is there, answers the request that it is said to, and has that text. That the requests of the
 * child are rendered from these texts is checked with all others. Thread: one.
 */
#ifndef CS_LINEAGE_H
#define CS_LINEAGE_H

#include "store/generation.h"

struct cs_lineage {
    uint64_t outputs;  /* that the cases came from, each once */
    uint64_t compared; /* with the parent's store; 0: it was not there */
    uint64_t faults;
};
typedef void (*cs_lineage_fault)(void *self, const char *case_id, const char *what);
/* parent: its store, or NULL. Errors: reading the child, or the disk; what is wrong with the parents goes to `fault`. */
CS_WARN_UNUSED enum cs_err cs_lineage_check(const struct cs_generation_view *child, struct cs_store *parent,
                                            cs_lineage_fault fault, void *self, struct cs_lineage *out,
                                            struct cs_error *err);

#endif
