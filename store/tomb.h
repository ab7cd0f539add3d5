/* tomb.h - what is left of a study that an operator has deleted: who did it, when and why, which generations it had (their numbers are
 * never given again), what it had cost.
 *
 *   tomb/STUDY/GEN   JSON; STUDY: key of its name, 16 hex digits; GEN: its newest generation, 10 digits
 *
 * The row is written in the same group that removes the rows `gen/N`: from then on nobody sees the study. Its outputs and other rows are
 * erased afterwards (erase.h), and the row says when that is done. Thread: any.
 */
#ifndef CS_TOMB_H
#define CS_TOMB_H

#include "store/generation.h"

struct cs_tomb_generation {
    uint32_t number;
    uint8_t spec_digest[32];
};
struct cs_tomb {
    uint64_t key; /* of the study's name */
    bool erased;  /* nothing but this is left of it */
    int64_t at_wall_ms;
    char *study, *by, *reason; /* never NULL */
    int64_t nano_usd;          /* what its outputs have cost */
    uint64_t outputs;          /* erased; known at the end */
    uint64_t kept;             /* of its outputs: another study points to them */
    uint32_t n;
    struct cs_tomb_generation *generations; /* in order of number; at least one */
};
void cs_tomb_release(struct cs_tomb *t); /* a zeroed struct is fine */

void cs_tomb_add(struct cs_batch *b, const struct cs_tomb *t); /* its row, written anew */
/* All of them, until fn returns other than CS_OK. t is fn's to release. */
CS_WARN_UNUSED enum cs_err cs_tomb_scan(struct cs_store *s, enum cs_err (*fn)(void *self, struct cs_tomb *t),
                                        void *self, struct cs_error *err);
/* The latest of a study of this name. CS_ENOENT: none. */
CS_WARN_UNUSED enum cs_err cs_tomb_find(struct cs_store *s, const char *study, struct cs_tomb *out,
                                        struct cs_error *err);
/* "deleted on 2026-11-29 by me (its key was compromised)" */
void cs_tomb_say(const struct cs_tomb *t, char *out, size_t size);

#endif
