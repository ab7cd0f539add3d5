/* scored.h - numbers of an output that are put together from its verdicts: rubrics, juries. As `scores:` of a judging study declares them.
 *
 *   sum       points of the elements whose panel says the word / the positive points of all (over: all: the points of all). An element
 *             without a verdict is no "no": the output has no score then, and `low` and `high` say what it could be
 *   like      an earlier one, with a further `split` (once a tag: its elements alone; no score where they have no positive point), `minus` (less
 *             points for length, in characters, each output before the mean) or `mean`
 *   jury      the mean over judges, repeats and answers that gave a step or a number; steps count by their words where all are numbers, else
 *             from 0. "Insufficient information" is no step: that vote is missing. `own: drop` drops votes here as in panels
 *   harmonic, win_rate: of the means of earlier ones; whoever shows means makes them (stats/scoring.h)
 * A mean is over outputs and clipped after it (`clip`), never the outputs.
 *
 * Memory: 64 bytes an output, score and tag. Thread: main. Errors: those of the cases; CS_ECORRUPT: scores that no loader let through.
 */
#ifndef CS_JUDGED_SCORED_H
#define CS_JUDGED_SCORED_H

#include "tools/judged/votes.h"

enum cs_score_way { CS_SCORE_SUM, CS_SCORE_JURY, CS_SCORE_HARMONIC, CS_SCORE_WIN_RATE };
enum { CS_SCORE_PARTS_MAX = 64 };

struct cs_score {
    const char *name;
    enum cs_score_way way;
    uint32_t parts[CS_SCORE_PARTS_MAX], n_parts; /* jury: ballots; harmonic, win rate: earlier scores */
    uint32_t points, ballot;                     /* sum: column; whose word counts: */
    double word;
    bool all;       /* over the points of all, not the positive ones */
    uint32_t split; /* column with tags, a JSON list or one text; CS_NONE */
    bool clipped, shortened;
    double lo, hi;
    uint32_t length; /* column */
    double center, per, less;
    uint32_t first, n; /* its rows: one, or one a tag */
};

struct cs_scored {                /* one output in one row */
    double sum, total, low, high; /* low, high: what missing verdicts could add */
    double least, most;           /* of `sum`, whatever the verdicts say; infinite: not known */
    uint32_t n, missing;
};
struct cs_score_row {
    uint32_t score;
    const char *tag;      /* "" */
    struct cs_scored *of; /* by output */
};
struct cs_score_output {
    uint64_t output_id;
    uint32_t model;
    const uint32_t *levels; /* one per factor of the parent */
    const char *cluster;
    double *shorter; /* by score: what its length takes off */
};

struct cs_scores {
    struct cs_arena arena;
    const struct cs_study *study;
    struct cs_score *scores;
    uint32_t n_scores;
    struct cs_score_row *rows;
    uint32_t n_rows, cap_rows;
    struct cs_score_output *outputs; /* ascending by output_id */
    uint32_t n_outputs;
};

/* Nothing declared: no scores. Votes, read, must outlive it. */
CS_WARN_UNUSED enum cs_err cs_scored_read(struct cs_scores *s, const struct cs_votes *votes, struct cs_error *err);
void cs_scored_close(struct cs_scores *s); /* a zeroed struct is fine */

/* The score of an output in a row. False: it has none; with missing verdicts *low and *high are set all the same, else they are NaN. */
bool cs_scored_value(const struct cs_scores *s, uint32_t row, uint32_t output, double *value, double *low,
                     double *high);
/* The least and the most that any verdicts could have given it; infinite where that is not known. False: it can have no score. */
bool cs_scored_ends(const struct cs_scores *s, uint32_t row, uint32_t output, double *least, double *most);
/* CS_NONE: no such output was judged. */
uint32_t cs_scored_output(const struct cs_scores *s, uint64_t output_id);

#endif
