/* store.h - the only source of truth: outputs, ledger and digest index in RocksDB, changed in one synced batch.
 *
 * Keys, records, the two formats and recovery: store/README.md. Opened for writing by one process at a time (CS_EBUSY otherwise); writing
 * is the commit thread's business (commit.h) once it runs. Reading functions on a writing store are for start-up and the adoption pass.
 * Threads: cs_store_write from one thread at a time, cs_store_note_acked likewise (it may be another one), the rest from any.
 * Write errors latch in RocksDB and its C API has no Resume: after the first one every write fails, the coordinator stops
 * acknowledging and exits 75 (decision 17).
 */
#ifndef CS_STORE_H
#define CS_STORE_H

#include "protocol/base/arena.h"
#include "protocol/base/error.h"
#include "protocol/base/digest.h"
#include "protocol/wire/output.h"

/* Durable state of a trial: two bits. */
enum cs_trial_state { CS_TRIAL_PLANNED = 0, CS_TRIAL_DONE = 1, CS_TRIAL_FAILED = 2, CS_TRIAL_CANCELLED = 3 };
enum { CS_PAGE_TRIALS = 256, CS_PAGE_BYTES = CS_PAGE_TRIALS / 4 }; /* trial i of a page: bits 2(i%4).. of byte i/4 */

/* What a lane has counted, in the same batch as what it counts. Duplicates and late ones are paid facts: their tokens and cost are in. */
struct cs_counters {
    uint64_t outcome[CS_OUTCOMES]; /* canonical answers; failures that made a trial failed, also when it was retried */
    uint64_t adopted;              /* those answers that were taken over from an earlier generation */
    uint64_t duplicates, attempts, ambiguous;
    uint64_t input_tokens, cached_tokens, output_tokens, reasoning_tokens;
    int64_t cost_nano_usd; /* what the outputs committed here cost, adopted ones not */
    int64_t
        ambiguous_nano_usd; /* the most that ambiguous calls can have cost, not part of the cost; -1: price or cap unknown */
    uint64_t
        superseded; /* answers that were asked again by a declared act; no longer in outcome[], their cost still is */
    uint64_t
        overload; /* attempt records: further calls after our own overload, in none of the figures above but cost and tokens */
    uint64_t carried;            /* the adopted ones that are timeouts */
    uint64_t salvaged;           /* outcome[ok] by what a lenient reader takes */
    int64_t wasted_nano_usd;     /* part of the cost: replies that were charged and of no use */
    int64_t absurd_nano_usd;     /* not in the cost: what replies claim beyond all that a call can use (wire/bill.h) */
    int64_t over_nano_usd;       /* part of the cost: what `over` outputs cost beyond what was reserved */
    int64_t voided_nano_usd;     /* taken out of cost and absurd by an operator, who gave a reason */
    uint64_t untold;             /* outputs whose usage was not told, or not whole: the cost is a lower bound */
    uint64_t over;               /* outputs beyond the cap that was asked for, or beyond what was reserved for them */
    uint64_t moved;              /* outputs after which another model or fingerprint answered */
    uint64_t cached;             /* outputs that were not drawn anew: something kept the reply, or its id came before */
    uint64_t turns;              /* replies after which a conversation went on, which stand; in none of the outcomes */
    uint64_t cache_write_tokens; /* part of the input: what was written to the provider's cache */
    uint64_t reread; /* answers that a rereading makes something else of than their records say (reread.h) */
};

enum cs_output_flag {
    CS_OUTPUT_CANONICAL = 1,
    CS_OUTPUT_DUPLICATE = 2, /* the trial had its answer already */
    CS_OUTPUT_FAILURE = 4,   /* an attempt that made the trial failed; not an answer */
    CS_OUTPUT_ADOPTED = 8,   /* on a place row: the output was paid for by an earlier generation, or by another study */
    CS_OUTPUT_BORROWED = 16, /* on a record: copied from another study's store, with its date */
    CS_OUTPUT_SUPERSEDED =
        32, /* on a place row and an index row: an answer that was asked again; never canonical again (decision 12) */
    CS_OUTPUT_ATTEMPT =
        64, /* on a record: a further call after our own overload; it has no place row and no index row */
    CS_OUTPUT_TURN =
        128, /* on a record: the reply of one turn of a conversation that goes on; no place row, no index row */
};

/* Who bought an answer, as far as adoption asks: 8 bytes of a digest each. The lane is a model's and an account's name within a
 * study's name, so that neither two endpoints nor two studies in one store share draws; the case is its id. */
struct cs_owner {
    uint64_t lane, bought_for; /* cs_digest_lane_key, cs_digest_case_key (digest.h) */
};

/* What a later reading of the same text has come to (reread.h): on the place row, the output stays as it is. */
struct cs_rereading {
    uint32_t
        number; /* the generation whose declarations it was read by first; 0: none, the output's own outcome holds */
    uint8_t outcome; /* an answer's */
    bool salvaged;   /* only a lenient reader takes it */
    uint8_t fault;   /* enum cs_answer_fault, of one that is unparsable now */
};

/* ---- one atomic write ---------------------------------------------------------------------------- */

/* A turn of a trial that is a conversation (turn_rows.h). */
struct cs_batch_turn {
    uint32_t number; /* of its call, from 1 */
    uint32_t draw;   /* how often the trial was asked again before */
};
struct cs_batch_output {
    uint32_t gen, lane;
    uint64_t position;
    struct cs_digest digest;
    struct cs_owner owner; /* a CANONICAL one's, and where there is a turn */
    uint8_t
        flags; /* CANONICAL (| BORROWED): place and index rows too; CANONICAL | SUPERSEDED: the same of an answer that is asked again at once, whose trial stays planned; FAILURE: place row; TURN: its row; DUPLICATE (| FAILURE or TURN), ATTEMPT: the output alone */
    struct cs_batch_turn
        turn; /* TURN: which it is; CANONICAL, FAILURE: the last one before it; number 0: of no conversation */
    int64_t committed_wall_ms; /* a borrowed one's; otherwise 0: now */
    const uint8_t *bytes;      /* packed cs_output */
    uint32_t len;
    uint64_t output_id, earlier; /* set by the write */
};
struct cs_batch_adoption { /* place row to an output that exists */
    uint32_t gen, lane;
    uint64_t position, output_id;
    bool superseded; /* the output was asked again and nothing has come yet: the trial stays planned */
    bool failure;    /* no answer, but the failure that stood at the trial: a rereading takes it over too */
    struct cs_rereading reading;
    const uint64_t *earlier; /* outputs that this one followed when they were asked again, the latest first; copied */
    uint32_t n_earlier;
    /* Another trial bought it (a case that was renamed, a lane that is no more): its index row is this one's from now on, so that the
     * next generation finds it here. from.lane 0: it stays. */
    struct cs_owner from, owner;
    struct cs_digest digest;
};
/* A done trial is asked again by a declared act. The same batch sets it to planned in its page. Its place row and its index row get
 * the mark SUPERSEDED; whatever the trial comes to next (a failure too) links the old output, without the caller's doing, also
 * after a restart. Only `timeout` and `unparsable` may be: for anything else, or a trial that is not done, nothing of the batch
 * is written (CS_EINVAL, which the commit thread takes for a failed write: the caller looks before). Costs some reads each: at
 * most CS_AGAIN_MAX in a batch. */
struct cs_batch_again {
    uint32_t gen, lane;
    uint64_t position;
};
enum { CS_AGAIN_MAX = 4096, CS_EARLIER_MAX = 32 };
/* Of a deleted study (erase.h): an output becomes this empty record, kept as an attempt; an index row, or all ledger rows of a generation,
 * go. Written before anything else of the batch. */
struct cs_batch_erasure {
    uint64_t output_id;
    int64_t committed_wall_ms; /* as it was */
    const uint8_t *bytes;      /* packed cs_output */
    uint32_t len;
};
struct cs_batch_unindexed {
    struct cs_digest digest;
    uint64_t lane, output_id;
};
/* A row of turns of a deleted study. */
struct cs_batch_unturned {
    uint8_t key[48];
    uint32_t n;
};
struct cs_batch_page {
    uint32_t gen, lane;
    uint64_t page;
    uint8_t bits[CS_PAGE_BYTES];
};
struct cs_batch_counters {
    uint32_t gen, lane;
    struct cs_counters counters;
};
struct cs_batch_frontier { /* highest position that may ever have been leased, + 1 */
    uint32_t gen, lane;
    uint64_t frontier;
};
struct cs_batch_meta { /* value NULL: delete */
    const char *key;
    const uint8_t *value;
    uint32_t len;
};

struct cs_batch_slots { /* batch.c's own: finds the earlier page, counters or frontier of the same key */
    uint32_t *at;
    uint32_t size;
};

/* Arrays grow by cs_batch_add_*, which copy what they are given. Reusable. */
struct cs_batch {
    struct cs_arena arena;
    uint64_t group; /* the submitter's number, comes back on completion */
    struct cs_batch_output *outputs;
    struct cs_batch_adoption *adoptions;
    struct cs_batch_again *agains;
    struct cs_batch_erasure *erasures;
    struct cs_batch_unindexed *unindexed;
    struct cs_batch_unturned *unturned;
    uint32_t *forgotten; /* generations */
    struct cs_batch_page *pages;
    struct cs_batch_counters *counters;
    struct cs_batch_frontier *frontiers;
    struct cs_batch_meta *metas;
    uint32_t n_outputs, n_adoptions, n_agains, n_pages, n_counters, n_frontiers, n_metas;
    uint32_t n_erasures, n_unindexed, n_unturned, n_forgotten;
    uint32_t cap_outputs, cap_adoptions, cap_agains, cap_pages, cap_counters, cap_frontiers, cap_metas;
    uint32_t cap_erasures, cap_unindexed, cap_unturned, cap_forgotten;
    uint64_t bytes; /* bytes of outputs */
    struct cs_batch_slots page_slots, counter_slots, frontier_slots;
};
void cs_batch_init(struct cs_batch *b);
void cs_batch_clear(struct cs_batch *b);
void cs_batch_release(struct cs_batch *b);
bool cs_batch_is_empty(const struct cs_batch *b);
void cs_batch_add_output(struct cs_batch *b, const struct cs_batch_output *o);
void cs_batch_add_adoption(struct cs_batch *b, const struct cs_batch_adoption *a);
void cs_batch_add_again(struct cs_batch *b, const struct cs_batch_again *a);
void cs_batch_add_erasure(struct cs_batch *b, const struct cs_batch_erasure *e);
void cs_batch_add_unindexed(struct cs_batch *b, const struct cs_batch_unindexed *u);
void cs_batch_add_unturned(struct cs_batch *b, const struct cs_batch_unturned *u);
void cs_batch_add_forgotten(struct cs_batch *b, uint32_t gen);
void cs_batch_add_page(struct cs_batch *b,
                       const struct cs_batch_page *p); /* replaces an earlier one of the same page */
void cs_batch_add_counters(struct cs_batch *b, const struct cs_batch_counters *c); /* likewise */
void cs_batch_add_frontier(struct cs_batch *b, const struct cs_batch_frontier *f); /* likewise */
void cs_batch_add_meta(struct cs_batch *b, const char *key, const void *value, uint32_t len);

/* ---- opening --------------------------------------------------------------------------------------- */

struct cs_store;
/* Terms of coordinators that nobody remembers now: where commits are given up, so many restarts since are allowed for. */
enum { CS_STORE_TERMS_SKIPPED = 1000 };
struct cs_store_opts {
    const char *dir; /* the database folder; created for a writer */
    bool write;
    const char *scratch;  /* reader: a folder of its own for the secondary's log (decision 18) */
    uint32_t open_files;  /* reader: at most so many; 0: all, as it must be (decision 18; a test shows why) */
    bool accept_rollback; /* writer: go on although fewer commits were recovered than acknowledged */
    uint32_t term_above; /* writer: its term is higher than this too (a restored store's, whose later terms are lost) */
    /* writer: asked before anything is written whether to go on, when the last commit and the fleet are known; it may raise term_above.
     * NULL: nobody is */
    enum cs_err (*on_recovered)(void *self, struct cs_store *s, uint32_t *term_above, struct cs_error *err);
    /* writer: told now and then how many outputs of a format-1 store are through (upgrade.h); NULL: nobody is */
    void (*on_upgrade)(void *self, uint64_t done, uint64_t total);
    void *self;
    uint32_t upgrade_group; /* outputs in one batch of it; 0: 4096 (a test wants many batches) */
};                          /* beside dir a writer keeps the file DIR.acked (acked.h) */
/* A writer recovers, compares the last commit with the side file of acknowledged commits (CS_ECORRUPT on a rollback unless accepted),
 * increments the term and syncs it before it returns. A store of format 1 is upgraded by its first writer, before this returns; a
 * reader takes both formats as they are. A reader sees the state at opening until cs_store_refresh. */
CS_WARN_UNUSED enum cs_err cs_store_open(struct cs_store **out, const struct cs_store_opts *opts, struct cs_error *err);
/* A reader of what lies in path: a database folder, or a study's directory with one in it. CS_ENOENT: none there. */
CS_WARN_UNUSED enum cs_err cs_store_open_reader(struct cs_store **out, const char *path, struct cs_error *err);
void cs_store_close(struct cs_store *s);
/* The store as it is now, to be copied by others: cs_rocks_checkpoint. Any thread, beside the writer. */
CS_WARN_UNUSED enum cs_err cs_store_checkpoint(struct cs_store *s, const char *dir, struct cs_error *err);
uint32_t cs_store_format(const struct cs_store *s); /* 2; a reader's may be 1 */
uint32_t cs_store_term(const struct cs_store *s);
const char *cs_store_fleet(const struct cs_store *s); /* random id of this store, made once */
uint64_t cs_store_commit_seq(const struct cs_store *s);
uint64_t cs_store_acked_seq(const struct cs_store *s); /* from the side file; a reader's dates from its opening */
uint64_t cs_store_last_output(
    const struct cs_store *s); /* its id; 0: none. A writer's, before its commit thread runs or from it */
CS_WARN_UNUSED enum cs_err cs_store_refresh(struct cs_store *s,
                                            struct cs_error *err); /* reader: catch up; never in mid-scan */

/* The batch in one synced write: all or nothing. Sets output ids. */
CS_WARN_UNUSED enum cs_err cs_store_write(struct cs_store *s, struct cs_batch *b, struct cs_error *err);
/* Notes in the side file that everything up to now has been acknowledged (tripwire; not synced). */
void cs_store_note_acked(struct cs_store *s);

/* ---- reading --------------------------------------------------------------------------------------- */

/* CS_ENOENT when absent. *value is the caller's (free()). */
CS_WARN_UNUSED enum cs_err cs_store_rows_meta(struct cs_store *s, const char *key, void **value, uint32_t *len,
                                              struct cs_error *err);
/* All metas whose key starts with prefix, in key order, until fn returns other than CS_OK. */
CS_WARN_UNUSED enum cs_err cs_store_scan_metas(struct cs_store *s, const char *prefix,
                                               enum cs_err (*fn)(void *self, const char *key, const void *value,
                                                                 uint32_t len),
                                               void *self, struct cs_error *err);
CS_WARN_UNUSED enum cs_err cs_store_scan_pages(struct cs_store *s, uint32_t gen,
                                               enum cs_err (*fn)(void *self, uint32_t lane, uint64_t page,
                                                                 const uint8_t bits[CS_PAGE_BYTES]),
                                               void *self, struct cs_error *err);
/* CS_ENOENT: none yet; *out is zeroed then. */
CS_WARN_UNUSED enum cs_err cs_store_rows_counters(struct cs_store *s, uint32_t gen, uint32_t lane,
                                                  struct cs_counters *out, struct cs_error *err);
CS_WARN_UNUSED enum cs_err cs_store_rows_frontier(struct cs_store *s, uint32_t gen, uint32_t lane, uint64_t *out,
                                                  struct cs_error *err);

/* The index: every canonical output ever, by digest, lane and ordinal; the ordinal is the rank in commit order. A finder is one state
 * of the store: a writer's is that of its opening, a reader's moves only with cs_store_refresh (and is closed before it). A store of format
 * 1 knows one output a digest, whose owner is {0, 0}. Thread: one at a time for each finder. */
struct cs_indexed {
    uint64_t output_id;
    struct cs_owner owner;
    uint64_t earlier; /* the output that it followed when that was asked again; 0: none */
    uint8_t flags;    /* SUPERSEDED, or 0 */
};
struct cs_finder;
struct cs_finder *cs_index_finder_open(struct cs_store *s);
void cs_index_finder_close(struct cs_finder *f); /* NULL is fine */
/* All outputs with this digest, lane by lane, each in the order of commits; *found is the finder's until the next call. lane 0: of
 * every lane. *n = 0: none. */
CS_WARN_UNUSED enum cs_err cs_index_finder_get(struct cs_finder *f, const struct cs_digest *d, uint64_t lane,
                                               const struct cs_indexed **found, uint32_t *n, struct cs_error *err);
/* Calls fn for each index row. For checks, and for building filters in front of cs_index_finder_get. */
CS_WARN_UNUSED enum cs_err cs_store_index(struct cs_store *s,
                                          enum cs_err (*fn)(void *self, const struct cs_digest *d,
                                                            const struct cs_indexed *found),
                                          void *self, struct cs_error *err);

struct cs_stored { /* an output as stored; strings live in the arena given */
    uint64_t output_id;
    uint8_t flags; /* the record's; | CS_OUTPUT_ADOPTED and CS_OUTPUT_SUPERSEDED from the place row */
    int64_t committed_wall_ms;
    struct cs_rereading reading; /* in a scan, which has put it into `output` (outcome, salvaged, cause) */
    uint8_t recorded;            /* the outcome in the record */
    const uint64_t *earlier;     /* in a scan: outputs of this trial that were asked again, the latest first */
    uint32_t n_earlier;
    struct cs_output output; /* gen, lane, position: those under which it was paid for */
};
/* CS_ENOENT; CS_ECORRUPT when the record's own checksum is wrong (err names the id). */
CS_WARN_UNUSED enum cs_err cs_store_scan_output(struct cs_store *s, uint64_t output_id, struct cs_arena *arena,
                                                struct cs_stored *out, struct cs_error *err);
/* Many at once (n at most CS_STORE_MANY), which is cheaper: fn gets the i-th; stored is valid during the call. */
enum { CS_STORE_MANY = 256 };
CS_WARN_UNUSED enum cs_err cs_store_scan_output_many(struct cs_store *s, const uint64_t *ids, uint32_t n,
                                                     enum cs_err (*fn)(void *self, uint32_t i,
                                                                       const struct cs_stored *stored,
                                                                       struct cs_error *err),
                                                     void *self, struct cs_error *err);
/* The trials of a lane that are done or failed, in order of position; a failure that is planned again or cancelled is not a result.
 * stored is valid during the call. Every row is compared with the ledger of the same view, and their number: CS_ECORRUPT when they
 * differ (decision 18), possibly after many calls of fn, whose work is then worth nothing. */
typedef enum cs_err (*cs_scan_fn)(void *self, uint32_t lane, uint64_t position, const struct cs_stored *stored,
                                  struct cs_error *err);
CS_WARN_UNUSED enum cs_err cs_store_scan(struct cs_store *s, uint32_t gen, uint32_t lane, cs_scan_fn fn, void *self,
                                         struct cs_error *err);
/* The same, and before the answer of a trial (or its failure, or where it is asked at this moment: without one) those that were asked
 * again, the first one first, with CS_OUTPUT_SUPERSEDED in their flags and without `earlier`. */
CS_WARN_UNUSED enum cs_err cs_store_scan_all(struct cs_store *s, uint32_t gen, uint32_t lane, cs_scan_fn fn, void *self,
                                             struct cs_error *err);
/* The output at a trial whatever its state, without reading it: what stands there, and its flags. CS_ENOENT: none. */
struct cs_place {
    uint64_t output_id;
    uint8_t flags; /* CANONICAL, FAILURE, ADOPTED, SUPERSEDED */
    struct cs_rereading reading;
    uint32_t n_earlier;
    uint64_t earlier[CS_EARLIER_MAX]; /* the latest first; more than these are linked by the index alone */
};
CS_WARN_UNUSED enum cs_err cs_store_scan_places(struct cs_store *s, uint32_t gen,
                                                enum cs_err (*fn)(void *self, uint32_t lane, uint64_t position,
                                                                  const struct cs_place *place),
                                                void *self, struct cs_error *err); /* all lanes, in order of position */
/* The same, from a lane's position on. */
CS_WARN_UNUSED enum cs_err cs_store_scan_places_from(struct cs_store *s, uint32_t gen, uint32_t lane, uint64_t position,
                                                     enum cs_err (*fn)(void *self, uint32_t lane, uint64_t position,
                                                                       const struct cs_place *place),
                                                     void *self, struct cs_error *err);
CS_WARN_UNUSED enum cs_err cs_store_rows_place(struct cs_store *s, uint32_t gen, uint32_t lane, uint64_t position,
                                               struct cs_place *out, struct cs_error *err);
/* cs_store_scan, but an output that cannot be read goes to `damaged`, and the scan goes on: what is wrong with a store, trial by trial. */
typedef void (*cs_damaged_fn)(void *self, uint32_t lane, uint64_t position, uint64_t output_id, const char *why);
CS_WARN_UNUSED enum cs_err cs_store_scan_survey(struct cs_store *s, uint32_t gen, uint32_t lane, cs_scan_fn fn,
                                                cs_damaged_fn on_damaged, void *self, struct cs_error *err);
/* Every output ever committed, in commit order, duplicates and attempts included. CS_ECORRUPT names the first that is missing. */
CS_WARN_UNUSED enum cs_err cs_store_scan_outputs(struct cs_store *s, uint64_t from_id, cs_scan_fn fn, void *self,
                                                 struct cs_error *err);

#endif
