/* collect.h - one pass over a study's outputs: answers into grids, and what a lane can say about itself.
 *
 * A lane a thread, each with its own view of the generation; the result is the same for any number of threads. Errors: those of the store.
 */
#ifndef CS_COLLECT_H
#define CS_COLLECT_H

#include "protocol/study/answer.h"
#include "tools/base/reader.h"
#include "tools/report/read/foreign.h"
#include "tools/report/read/grid.h"
#include "tools/report/read/pressed.h"
#include "tools/report/read/replied.h"

enum { CS_RESOLVED_MAX = 32 }; /* names of a lane that are counted apart; further ones count as "others" */

struct cs_collected_names { /* what the provider says has answered, in the order of appearance */
    struct cs_collected_name {
        char *name; /* free()d by cs_collect_release */
        uint64_t n;
        int64_t first_ms, last_ms; /* calls that it answered; 0: not known */
    } of[CS_RESOLVED_MAX + 1];
    uint32_t n;
};

struct cs_collected_lane {
    struct cs_collected_names resolved, fingerprints; /* served models; versions of the system behind them */
    int64_t first_ms, last_ms;                        /* calls; 0: none known */
    uint64_t terminal, ok, attempts, ambiguous, duplicates, adopted;
    uint64_t input_tokens, output_tokens;
    int64_t cost_nano_usd, ambiguous_nano_usd; /* ambiguous: as in struct cs_counters */
    int64_t wasted_nano_usd, voided_nano_usd;  /* as there */
    uint64_t untold, cached;                   /* as there; a table tells of none */
    bool priced;                               /* its tokens have prices */
    uint64_t salvaged;                         /* ok by what a lenient reader takes */
    uint64_t unparsable[CS_ANSWER_FAULTS];     /* by cause; NONE: it was not noted */
    uint64_t reread_ok, reread_unparsable; /* what was recorded as something else, and is this since it was read anew */
    uint64_t mismatched;                   /* marked ok, and yet no answer can be read: counted as unparsable */
    uint64_t waiting;                      /* asked again, and no answer yet: not in `terminal` */
};

struct cs_collected_again {        /* trials of one cell of the plan that were asked again */
    uint64_t timeouts, unparsable; /* by their first answer */
    uint64_t ok, others;           /* by what stands now; the rest waits */
    uint64_t overload;             /* further calls after our own overload, of any trial */
};

struct cs_collected {
    struct cs_grid *grids;  /* one a lane */
    struct cs_grid *halves; /* one a lane: every second repeat alone; NULL: repeats are not told apart */
    struct cs_collected_lane *facts;
    /* By lane; NULL where nothing was asked again: the same with the first answers instead, and counts by cell. */
    struct cs_grid **first;
    struct cs_grid **strict; /* likewise, where only a lenient reader took some: as a strict one counts them */
    struct cs_collected_again **again;
    struct cs_pressed *pressed; /* one a lane; NULL: the study has no conversations */
    struct cs_replied *replied; /* likewise; NULL also: a table does not tell what was said at their turns */
    uint32_t n_lanes;
};

/* Told by the calling thread how far it is, now and then. A zeroed struct: nobody is. */
struct cs_collect_watch {
    void (*at)(void *self, const char *what, uint64_t done, uint64_t total);
    void *self;
};

/* plan: the reader's, or with rated that of its longer study, which must outlive the result. */
struct cs_rated;
CS_WARN_UNUSED enum cs_err cs_collect_store(struct cs_collected *c, struct cs_reader *r, const struct cs_plan *plan,
                                            const struct cs_rated *rated, unsigned threads,
                                            struct cs_collect_watch watch, struct cs_error *err);
/* The same out of a table with the columns of the export, as `f` says they are called there (NULL: so). All that does not fit is told in one
 * message, the same thing once with the number of its rows. from_rows: planned is what has a row; else what the plan says. */
CS_WARN_UNUSED enum cs_err cs_collect_table(struct cs_collected *c, const struct cs_plan *plan,
                                            const struct cs_case_source *cases, const struct cs_foreign *f,
                                            const char *path, bool from_rows, struct cs_error *err);
/* Makes room for the halves of a plan that repeats anything. */
void cs_collect_halves(struct cs_collected *c, const struct cs_plan *plan);
void cs_collect_release(struct cs_collected *c); /* a zeroed struct is fine */

/* What an output tells of its lane: who answered, when, calls, tokens, costs. What was asked again was called and paid for too, but does
 * not end its trial. */
void cs_collect_facts(struct cs_collected_lane *f, const struct cs_model *m, const struct cs_stored *stored);
/* What no output tells. */
void cs_collect_counters(struct cs_collected_lane *f, const struct cs_counters *c);
void cs_collect_forget(struct cs_collected_lane *f); /* frees the names; a zeroed struct is fine */

/* Counts one more answer under a name (NULL, "": none was told), asked at this time (0: not known). */
void cs_collect_name(struct cs_collected_names *names, const char *name, int64_t when_ms);

#endif
