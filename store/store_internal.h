/* store_internal.h - the open store, shared by rows.c (single rows), store.c (opening), write.c and again.c (writing), scan.c, index.c and turn_rows.c (many
 * rows), and upgrade.c. */
#ifndef CS_STORE_INTERNAL_H
#define CS_STORE_INTERNAL_H

#include <stdatomic.h>

#include "store/acked.h"
#include "store/keyspace.h"
#include "store/rocks.h"
#include "store/store.h"

enum { CS_STORE_FORMAT = 2 };

struct cs_again_page;  /* again.c */
struct cs_again_place; /* likewise */

struct cs_store {
    char *dir;
    struct cs_rocks *rocks;
    bool write;
    uint32_t format;
    uint32_t term;
    char fleet[17];
    _Atomic uint64_t commit_seq; /* the commit thread writes it, the I/O loop notes it as acknowledged */
    uint64_t next_output_id;     /* commit thread's */
    struct cs_acked acked;
    struct cs_again_page *agains; /* commit thread's: all pages with trials that were asked again, a hash table */
    struct cs_again_place *asked; /* places of such trials as the batch at hand leaves them, likewise */
    struct cs_error failed;       /* the first failed write's; code CS_OK: none */
};

/* Writes the gathered batch as the next commit. */
CS_WARN_UNUSED enum cs_err cs_store_rows_commit(struct cs_store *s, uint64_t next_output_id, struct cs_error *err);
/* A row of ours; CS_ENOENT when absent, CS_ECORRUPT when it has another size. */
CS_WARN_UNUSED enum cs_err cs_store_rows_get_system(struct cs_store *s, struct cs_rocks_view *v, const char *name,
                                                    void *out, size_t n, struct cs_error *err);
void cs_store_rows_put_system(struct cs_store *s, const char *name, const void *value, size_t n);

/* again.c: trials that were asked again. All of the commit thread, into the batch being gathered. */
CS_WARN_UNUSED enum cs_err cs_store_again_load(struct cs_store *s, struct cs_error *err);
void cs_store_again_release(struct cs_store *s);
void cs_store_again_forget(struct cs_store *s); /* the batch is written */
/* Marks the trials; nothing is put if one of them may not be asked again. */
CS_WARN_UNUSED enum cs_err cs_store_again_put(struct cs_store *s, const struct cs_batch *b, struct cs_error *err);
/* The trial waits for a later answer: p takes over what stood at it as earlier ones; an answer ends the waiting. Costs nothing else. */
CS_WARN_UNUSED enum cs_err cs_store_again_link(struct cs_store *s, uint32_t gen, uint32_t lane, uint64_t position,
                                               struct cs_place *p, struct cs_error *err);
/* An adopted answer that was asked again before the edit: its trial waits. */
void cs_store_again_wait(struct cs_store *s, uint32_t gen, uint32_t lane, uint64_t position, const struct cs_place *p);

/* turn_rows.c: the row of a turn, or the turns before an output, into the batch being gathered. CS_ECORRUPT: one of them is not there. */
CS_WARN_UNUSED enum cs_err cs_turn_rows_put(struct cs_store *s, const struct cs_batch_output *o, struct cs_error *err);

/* Into the batch being gathered. */
void cs_store_rows_put_place(struct cs_store *s, uint32_t gen, uint32_t lane, uint64_t position,
                             const struct cs_place *p);
void cs_store_rows_put_metas(struct cs_store *s, const struct cs_batch *b);
void cs_store_rows_put_index(struct cs_store *s, const struct cs_digest *d, const struct cs_indexed *f);

/* The last commit and the next output_id of a view (NULL: now); zeroes when nothing was ever written. */
CS_WARN_UNUSED enum cs_err cs_store_rows_last_commit(struct cs_store *s, struct cs_rocks_view *v, uint64_t *commit_seq,
                                                     uint64_t *next_output_id, struct cs_error *err);

#endif
