/* store_internal.h - the open store, shared by store.c (opening, writing, single rows) and scan.c (many rows). */
#ifndef CS_STORE_INTERNAL_H
#define CS_STORE_INTERNAL_H

#include <stdatomic.h>

#include "store/acked.h"
#include "store/keyspace.h"
#include "store/rocks.h"
#include "store/store.h"

struct cs_store {
    char *dir;
    struct cs_rocks *rocks;
    bool write;
    uint32_t term;
    char fleet[17];
    _Atomic uint64_t commit_seq; /* the commit thread writes it, the I/O loop notes it as acknowledged */
    uint64_t next_output_id;     /* commit thread's */
    struct cs_acked acked;
    struct cs_error failed; /* of the first failed write; code CS_OK: none */
};

/* The last commit and the next output_id of a view (NULL: now); zeroes when nothing was ever written. */
CS_WARN_UNUSED enum cs_err cs_store_last_commit(struct cs_store *s, struct cs_rocks_view *v, uint64_t *commit_seq,
                                                uint64_t *next_output_id, struct cs_error *err);

#endif
