/* model.h - the finding as plain data: what the analysis of one study says, ready to be shown as HTML, JSON, CSV or text.
 *
 * Made by cs_analysis_run (analysis.h), never changed afterwards; forms of it add no number of their own. All strings are
 * NUL-terminated UTF-8, never NULL ("" when there is none), and live in `arena`, like all arrays. Indexes (model, outcome, factor,
 * level) are positions in the arrays of struct cs_report. Any thread may read it.
 *
 * Numbers are finite. What cannot be known is `known == false`, and the reason stands in the `why` beside it.
 * Units: shares and rates of yes/no answers and of categories are 0..1. *Shifts, margins, SDs, their intervals* are in the unit of the
 * outcome (`cs_report_outcome.unit`): percentage points ("points"), steps of the scale ("levels") or the number's own ("units"). Rates of
 * an ordinal answer are mean levels counted from 0, those of a number its mean.
 */
#ifndef CS_REPORT_MODEL_H
#define CS_REPORT_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/base/arena.h"
#include "tools/report/figures.h"
#include "tools/report/judges.h"
#include "tools/report/noise.h"
#include "tools/report/people.h"
#include "tools/report/pressure.h"
#include "tools/report/task_horizons.h"

/* Stands on every figure of a simulated model. */
#define CS_SIMULATED_TEXT "SIMULATED MODEL, PLANTED EFFECT"

/* ---- what was studied ----------------------------------------------------------------------------- */

struct cs_report_model {
    const char *name, *model_sent, *account; /* as the study calls it; the id as sent; whose key */
    const struct cs_report_count *resolved;  /* ids that the provider said had answered, most frequent first */
    uint32_t n_resolved;
    const char *parameters;             /* as sent, JSON */
    bool simulated;                     /* every figure of it then carries CS_SIMULATED_TEXT */
    uint64_t planned, terminal;         /* trials */
    bool complete;                      /* all planned trials have an answer or a final failure */
    const char *first_call, *last_call; /* UTC, "2026-11-23T03:21:53Z"; "" when nothing was called */
    uint64_t attempts, ambiguous, duplicates, adopted;
    uint64_t input_tokens, output_tokens;
    double cost_usd;          /* -1: its prices are not known */
    double wasted_usd;        /* part of the cost: for replies that gave nothing to use */
    uint64_t untold;          /* answers whose usage was not told whole: the cost is a lower bound */
    uint64_t cached;          /* answers that were not drawn anew */
    double ambiguous_usd_max; /* the most that the ambiguous calls can have cost beside that; -1: not known */
};

enum cs_outcome_kind {
    CS_OUTCOME_BINARY,   /* boolean and derived answers */
    CS_OUTCOME_CATEGORY, /* one category of a nominal answer: "imaging = basic", yes or no */
    CS_OUTCOME_ORDINAL,
    CS_OUTCOME_NUMBER,
};
enum cs_outcome_role {
    CS_OUTCOME_PRIMARY,
    CS_OUTCOME_EXPLORATORY,
    CS_OUTCOME_UNDECLARED, /* not named in `analysis:`: shown, never tested */
};

struct cs_report_outcome { /* what is compared: an answer field, a derived answer, or a category of a nominal field */
    const char *name;      /* unique: "triage", "imaging=basic", "disposition.triage" when two questions have it */
    const char *label;     /* for people: "triage", "imaging = basic" */
    const char *question, *field, *category; /* category "" unless CS_OUTCOME_CATEGORY */
    const char *unit;                        /* "points", "levels" or "units" */
    const char *up; /* what a positive shift means: `more often "Yes"`, `towards "immediate"`, `higher` */
    const char *const *categories; /* the field's, ordinal: lowest first; boolean: yes word, no word */
    uint32_t n_categories;
    enum cs_outcome_kind kind;
    enum cs_outcome_role role;
    bool derived;
    struct cs_report_figure margin;             /* in `unit`: the largest shift that the study declared unimportant */
    struct cs_report_figure interaction_margin; /* likewise of the difference of two shifts; else the margin */
    bool has_label;                             /* cases carry the right answer (truth:) */
};

enum cs_level_role { CS_REPORT_LEVEL, CS_REPORT_CONTROL, CS_REPORT_PLACEBO, CS_REPORT_AA };
struct cs_report_level {
    const char *id;
    enum cs_level_role role;
    const char *text; /* what it inserts or says, first wording; "" when nothing */
    const char *axis; /* heading that it stands under: column "axis" of the factor's table; "" or NULL: none */
    const char *
        label; /* as people say it, in the plural ("transgender women"): column "label" of the table; "" or NULL: none */
};
struct cs_report_factor {
    const char *name;
    const struct cs_report_level *levels;
    uint32_t n_levels;
};

/* ---- declared beforehand ----------------------------------------------------------------------------- */

enum cs_declared {
    CS_DECLARED_UNCHANGED, /* "unchanged since the first output" */
    CS_DECLARED_CHANGED,   /* at least one generation with outputs had another analysis part */
    CS_DECLARED_NOTHING,   /* the study declares no analysis: all is exploratory */
    CS_DECLARED_UNKNOWN,   /* read from a CSV: there is no ledger to prove it */
};
struct cs_report_generation {
    uint32_t number;
    const char *created;  /* UTC */
    const char *digest;   /* digest of the analysis part, hex */
    bool current;         /* the one reported here */
    bool same_analysis;   /* same digest as the current one */
    bool outputs;         /* it has any: answers, not only a plan */
    bool pilot;           /* the first cases alone */
    bool complete;        /* every trial has ended; false of an older one: it was abandoned */
    const char *analysis; /* its canonical JSON */
};
struct cs_report_declaration {
    enum cs_declared status;
    const char *sentence; /* for people */
    const char
        *registration; /* where and when the protocol was registered, and the first output; "": a table does not know */
    const char *registered_on; /* the day alone; "": it is not, or not known */
    const char *analysis;      /* canonical JSON of today */
    const char *digest;        /* hex */
    double alpha;
    const char *adjust;                             /* "holm", "max-t", "bh", "by", "none" */
    uint32_t family;                                /* tests that the adjustment covers */
    const struct cs_report_generation *generations; /* oldest first */
    uint32_t n_generations;
};

/* ---- completeness ------------------------------------------------------------------------------------ */

/* One level of one factor in one model; first, per model, a row over all arms (factor NONE). */
struct cs_report_completeness {
    uint32_t model, factor, level;
    uint64_t planned, terminal;
    uint64_t outcome[CS_REPORT_CLASSES]; /* the terminal ones, by class (cs_outcome_name; the last: no verdict) */
};

/* Usable answers to one outcome under one level: the gap between levels is a finding of its own. */
struct cs_report_usable {
    uint32_t model, outcome, factor, level;
    uint64_t asked;              /* terminal, technical failures left out */
    uint64_t usable;             /* parsed, and not "insufficient information" */
    uint64_t insufficient;       /* said that the information does not suffice */
    uint64_t refused;            /* refusals, content filters */
    uint64_t unreadable;         /* truncated, unparsable */
    uint64_t technical;          /* timeouts and failures: missing data, not in `asked` */
    struct cs_report_figure gap; /* share of usable answers minus the control's, points; unknown for the control */
    struct cs_report_figure insufficient_gap; /* share of "insufficient information" minus the control's, points */
};

/* Trials without an answer under one level against the control: a finding of its own, since what is missing may be what differs. */
enum cs_lost_kind { CS_LOST_MISSING, CS_LOST_DECLINED, CS_LOST_UNREADABLE, CS_LOST_KINDS };
struct cs_report_lost {
    uint32_t model, factor, level;
    const char *question;
    enum cs_lost_kind kind;
    uint32_t clusters;
    struct cs_report_figure share,
        share_control;           /* 0..1: of all that ended (missing), of all that were answered (the others) */
    struct cs_report_figure gap; /* points, mean over clusters */
    struct cs_report_span ci;    /* 1 - alpha, cluster t */
    struct cs_report_figure p, p_adjusted; /* Holm over all arms, models and kinds */
    bool differs;                          /* p_adjusted is at most alpha */
};

/* What was answered under one level: mean over clusters of their means, over all of their cases. */
struct cs_report_rate {
    uint32_t model, outcome, factor, level;
    uint32_t clusters;
    uint64_t answers;
    struct cs_report_figure rate; /* in the unit of rate_level of a contrast */
    struct cs_report_span ci;     /* 1 - alpha, cluster t; shares end at 0 and 1 */
};

/* The harmonic mean of the rates of several outcomes under one level (`composites` of the analysis). */
struct cs_report_composite {
    const char *name, *parts, *why; /* parts: "precision, recall"; why there is no interval, or "" */
    uint32_t model, factor, level;
    uint32_t clusters;
    struct cs_report_figure value;
    struct cs_report_span ci; /* 1 - alpha, jackknife over clusters */
};

/* How often each answer was given under one level: counts of outputs, every one alike. Not for numbers; categories of one field once. */
struct cs_report_given {
    uint32_t model, outcome, factor, level;
    uint64_t asked; /* terminal, technical failures left out */
    const struct cs_report_count
        *answers; /* lowest first, "No" before "Yes"; then insufficient information, no usable answer */
    uint32_t n_answers;
};

/* ---- contrasts ---------------------------------------------------------------------------------------- */

enum cs_comparator { CS_AGAINST_CONTROL, CS_AGAINST_PLACEBO, CS_AGAINST_LEVEL };
enum cs_report_verdict {
    CS_VERDICT_BEYOND,       /* different, beyond the margin */
    CS_VERDICT_UNCLEAR_SIZE, /* different, size unclear */
    CS_VERDICT_SMALLER,      /* different, smaller than the margin */
    CS_VERDICT_EQUIVALENT,
    CS_VERDICT_EQUIVALENT_MEAN, /* equivalent on average, but a declared interaction of it is different */
    CS_VERDICT_NOT_WORSE,       /* by the margin: where one direction was declared to be the worse */
    CS_VERDICT_INCONCLUSIVE,
    CS_VERDICT_DIFFERENT, /* no margin was declared: the adjusted interval leaves out 0 */
    CS_VERDICT_NONE,      /* no verdict: `why` says the reason */
    CS_VERDICTS
};

struct cs_report_contrast { /* level minus comparator, in one model, for one outcome */
    uint32_t model, outcome, factor, level;
    enum cs_comparator against;
    uint32_t comparator;         /* level, or NONE: mean of the placebo levels */
    const char *comparator_text; /* "control", "placebo sentences (3)", "white" */
    const char *stratum,
        *stratum_value; /* "" when over all cases and the whole plan; a stratum, or a factor with `within` */
    const char *anchor; /* unique, usable as an HTML id and a CSV key */
    const char *worse;  /* "lower", "higher": judged for not being worse; "": for equivalence */
    bool floor;         /* level is a placebo or A/A: part of the noise floor, not of the family, no verdict */
    bool in_family;     /* tested under an adjustment */
    bool primary;       /* in the primary family; in_family without it: among the exploratory ones */

    uint32_t clusters;              /* with answers on both sides */
    uint64_t n_level, n_comparator; /* answers used */
    uint64_t unmatched;             /* cells of either side without a partner, left out */
    uint64_t warranted;             /* cases left out because a difference was declared warranted (see warrants) */
    struct cs_report_figure rate_level, rate_comparator;
    struct cs_report_figure shift, se;
    struct cs_report_span ci;              /* 1 - alpha for this contrast alone, cluster t */
    struct cs_report_span ci_simultaneous; /* under the adjustment: the one that the verdict uses */
    struct cs_report_figure p, p_adjusted; /* two-sided, of no shift */
    struct cs_report_figure p_signflip;    /* check of p, by flipping the signs of clusters */
    struct cs_report_figure p_equivalence, p_equivalence_adjusted; /* TOST at the margin */
    struct cs_report_figure ratio;                                 /* rate_level / rate_comparator; unknown near 0 */
    struct cs_report_span ratio_ci;                                /* cluster bootstrap, 1 - alpha */
    struct cs_report_figure up, down;         /* P(higher, lower than under the comparator, same case) */
    bool flips_known;                         /* one pair of answers a cluster: */
    uint64_t flips_b, flips_c;                /* yes -> no and no -> yes */
    struct cs_report_figure p_mcnemar;        /* exact */
    struct cs_report_figure odds_ratio;       /* c / b, conditional on the case; unknown when b is 0 */
    struct cs_report_span odds_ratio_ci;      /* exact, 1 - alpha */
    struct cs_report_figure p_wilcoxon;       /* signed rank on cluster shifts (Pratt): ordinals and numbers */
    struct cs_report_figure usable_gap;       /* share of usable answers, level minus comparator, points */
    struct cs_report_figure insufficient_gap; /* share of "insufficient information", likewise */
    struct cs_report_figure lost_level,
        lost_comparator; /* share of trials that ended in a timeout or a failure, 0..1 */
    struct cs_report_figure
        detectable; /* the smallest shift that this test finds four times in five, under the adjustment */
    uint32_t
        wordings; /* sentences that say the level; 0: it says none, or the case chooses it. A verdict holds for these alone, from 3 on for
                          others like them */
    struct cs_report_figure wording_sd; /* how much the shift differs between them, SD in `unit`; from 3 on */
    struct cs_report_span bounds; /* shift when all unusable answers go one way and the other: worst and best case */
    enum cs_report_verdict verdict;
    struct cs_report_decided decided_by;
    const char *why; /* reason of NONE; or a remark: "bounds cross", "fewer than 5 clusters" ... */
};

struct cs_report_category_test { /* all categories of a nominal answer at once: cluster-bootstrap Wald */
    uint32_t model, factor, level;
    const char *question, *field;
    enum cs_comparator against;
    uint32_t comparator;
    const char *comparator_text;
    const char *stratum, *stratum_value; /* as of a contrast */
    uint32_t contrast, n_categories;     /* that of the first category; the others follow, one for each outcome */
    uint32_t clusters, df;
    struct cs_report_figure statistic, p;
    struct cs_report_figure
        p_adjusted; /* in the family, where it is one test; the verdicts of its categories follow from it */
    const char *why;
};

/* ---- does the shift differ -------------------------------------------------------------------------------- */

enum cs_modifier { CS_BY_FACTOR, CS_BY_MODEL, CS_BY_STRATUM };

/* One contrast, and whether its shift is the same in every level of another factor, every model or every kind of case. */
struct cs_report_interaction {
    uint32_t model;    /* NONE: between models */
    uint32_t contrast; /* that model's, or the first one's: over all of them */
    uint32_t outcome;
    enum cs_modifier by;
    const char *modifier;     /* "persona", "model", "setting" */
    const char *anchor;       /* unique, usable as an HTML id and a CSV key */
    uint32_t first, n_levels; /* into interaction_levels; the first is the reference of the others */
    uint32_t clusters;        /* in every level at once; between cases: in all of them together */
    bool in_family, primary;  /* as of a contrast */
    const char *test;         /* "Hotelling's T2", "largest t", "Welch's F", "t" ... */
    struct cs_report_figure statistic, f, df1, df2;
    struct cs_report_figure p, p_adjusted;
    struct cs_report_figure margin, p_equivalence, p_equivalence_adjusted;
    uint32_t lowest, highest; /* levels with the smallest and the largest shift, from `first` on */
    bool reversed;            /* these two lie on either side of 0 */
    enum cs_report_verdict verdict;
    struct cs_report_decided decided_by;
    const char *why;
};
struct cs_report_interaction_level {
    uint32_t interaction;
    const char *level; /* the modifier's; a model's name */
    uint32_t clusters;
    struct cs_report_figure shift;      /* in it, over these clusters */
    struct cs_report_span ci;           /* 1 - alpha, this level alone */
    struct cs_report_figure difference; /* to the reference */
    struct cs_report_span difference_ci, difference_simultaneous;
    struct cs_report_figure p; /* two-sided, of no difference to the reference, not adjusted */
};

/* The shift for one step along declared levels, in one model: sum of c_l p_l with c = (s - mean s) / sum (s - mean s)^2. */
struct cs_report_trend {
    uint32_t model, outcome, factor;
    const char *steps;  /* "none 0, mild 1, severe 2" */
    const char *anchor; /* unique, usable as an HTML id and a CSV key */
    bool in_family, primary;
    uint32_t clusters;              /* with answers under every level */
    struct cs_report_figure margin; /* for a step: the margin over the whole way, divided by its length */
    struct cs_report_figure slope, se;
    struct cs_report_span ci, ci_simultaneous;
    struct cs_report_figure p, p_adjusted, p_equivalence, p_equivalence_adjusted;
    struct cs_report_span bounds; /* when all unusable answers go one way and the other */
    enum cs_report_verdict verdict;
    struct cs_report_decided decided_by;
    const char *why;
};

/* All levels of a factor against its control at once, in one model: outside the family, no verdict depends on it. */
struct cs_report_omnibus {
    uint32_t model, outcome, factor;
    uint32_t levels, clusters; /* clusters with answers under every level */
    const char *test;          /* "Hotelling's T2" ...; "": none */
    struct cs_report_figure statistic, f, df1, df2, p;
    const char *why; /* there is no test */
};

/* How far apart the answers to one prompt lie, under the two sides of a primary comparison, and what a majority of several says. */
struct cs_report_spread {
    uint32_t contrast, clusters;
    struct cs_report_figure level, comparator;  /* SD, unit of the outcome */
    struct cs_report_figure variance, p;        /* difference of the two variances, that unit squared; p of none */
    struct cs_report_span variance_ci;          /* 1 - alpha, unadjusted */
    uint32_t majority, decided_clusters;        /* 0: none declared */
    struct cs_report_figure decided, decided_p; /* shift of the majority's answers */
    struct cs_report_span decided_ci;
    const char *why; /* there is no majority */
};

/* A primary comparison counted in another way; the row `reported` is the one that has the verdict. */
struct cs_report_variant {
    uint32_t contrast;
    const char *answers;    /* "as they stand", "the first", "read strictly", "every second repeat" */
    const char *refusals;   /* "no", "missing"; "": there are none */
    const char *unit;       /* "cluster", "case" */
    const char *comparator; /* "placebo", or as of the contrast */
    bool reported;
    uint32_t clusters;
    struct cs_report_figure shift, p;
    struct cs_report_span ci; /* 1 - alpha, unadjusted */
};

/* A shift against the control drawn towards the mean of its neighbours: exploratory, for ranking, never for a verdict. */
struct cs_report_pooled {
    uint32_t contrast;             /* index in contrasts */
    struct cs_report_figure shift; /* over the clusters that all levels have */
    struct cs_report_figure pooled;
    struct cs_report_figure mean, tau; /* for the true shifts of all levels: estimated mean and SD */
    uint32_t levels, clusters;
};

/* ---- asked again ------------------------------------------------------------------------------------- */

/* Trials of one level of one factor in one model that were asked again by a declared act; per model first a row over all (factor
 * NONE). Only models in which any were, or which made further calls after our own overload. */
struct cs_report_again {
    uint32_t model, factor, level;
    uint64_t planned;
    uint64_t asked; /* trials asked again, by their first answer: */
    uint64_t timeouts, unparsable;
    uint64_t ok, others, waiting; /* by what stands now */
    uint64_t overload;            /* further calls after our own overload, of any trial */
};
/* A tested contrast with the first and with the later answers. Where the verdicts differ the contrast has none. */
struct cs_report_twice {
    uint32_t contrast;
    struct cs_report_figure shift_first, shift_later;
    struct cs_report_span ci_first, ci_later; /* under the adjustment */
    enum cs_report_verdict first, later;      /* each as if there were no other */
    struct cs_report_decided decided_first, decided_later;
    bool differ;
};

/* ---- labels --------------------------------------------------------------------------------------------- */

struct cs_report_label { /* answers under one level against the label of the case */
    uint32_t model, outcome, factor, level;
    uint32_t clusters;                       /* clusters of cases that have a label */
    struct cs_report_figure rate, labelled;  /* answers; what the labels say */
    struct cs_report_figure ratio;           /* rate / labelled: "x times indicated" */
    struct cs_report_figure control_ratio;   /* the comparator's own */
    struct cs_report_figure ratio_of_ratios; /* ratio / control_ratio */
    struct cs_report_span ratio_of_ratios_ci;
    struct cs_report_figure agreement; /* share of usable answers equal to the label */
    struct cs_report_figure under,
        over; /* ordinal: share of answers below, above the label; binary: missed, not indicated */
    struct cs_report_figure under_shift, over_shift; /* against the control, points */
    struct cs_report_span under_ci, over_ci;         /* intervals of the two shifts, cluster t */
};

/* ---- warranted differences ------------------------------------------------------------------------------- */

/* Cases where a difference was declared warranted beforehand: left out of the contrast of the same anchor, shown here, never judged. */
struct cs_report_warrant {
    uint32_t contrast;                 /* index in contrasts, which has model, outcome, level and comparator */
    uint32_t cases, clusters;          /* flagged cases; clusters of these with answers on both sides */
    uint32_t raters_min, raters_max;   /* who flagged them */
    struct cs_report_figure agreement; /* mean over the flagged cases of the declared agreement, 0..1 */
    struct cs_report_figure rate_level, rate_comparator;
    struct cs_report_figure shift;
    struct cs_report_span ci; /* 1 - alpha, cluster t */
    const char *why;          /* why there is no interval */
};

/* ---- ratings by people ------------------------------------------------------------------------------------- */

/* Agreement on one field of blinded ratings (`clinsafe labels`). */
enum cs_agreement_kind {
    CS_AGREEMENT_RATERS, /* between raters: Cohen for two, Fleiss for more */
    CS_AGREEMENT_INTRA,  /* one rater, on items rated twice */
    CS_AGREEMENT_MODEL,  /* the majority of raters and the model's own answer, per model */
};
struct cs_report_agreement {
    const char *question, *field;
    enum cs_agreement_kind kind;
    const char *who;       /* "dr-a, dr-b", the rater, or the model */
    bool simulated;        /* a simulated model's answers were rated */
    const char *statistic; /* "Cohen's kappa", "Cohen's kappa, linear weights" (ordinals) or "Fleiss' kappa" */
    uint32_t raters, items;
    struct cs_report_figure agreement; /* share of agreeing pairs, 0..1 */
    struct cs_report_figure kappa;
    struct cs_report_span kappa_ci;
    const char *why;
};

/* ---- cases that moved most ------------------------------------------------------------------------------------ */

/* A case of a contrast, chosen by one half of the repeats (every first, third ... of a prompt), with what the other half says of it: the cases
 * that moved most in one look move less in the next, and only the second number is an estimate. Beside it a pair of replies, verbatim. */
struct cs_report_moved {
    uint32_t contrast; /* index in contrasts */
    const char *case_id;
    bool down;                             /* moved towards less: under-triage, where the scale is urgency */
    struct cs_report_figure chosen, shift; /* in the half that chose it; in the other half */
    const char *label;                     /* the case's, "" if it has none */
    /* "" where the texts are not here (a table) or must not be shown (confidential cases); images: small ones, a line each: its number in the prompt, a blank, a data: URL */
    const char *prompt_comparator, *prompt_level, *reply_comparator, *reply_level, *images_comparator, *images_level;
};

/* ---- two runs of one study ---------------------------------------------------------------------------------- */

struct cs_report_rerun { /* a contrast now and then, over the clusters that both have */
    uint32_t contrast;   /* index in contrasts */
    uint32_t clusters;
    struct cs_report_figure now, then;  /* shifts */
    struct cs_report_figure difference; /* now minus then */
    struct cs_report_span ci;           /* the difference's, 1 - alpha, cluster t on differences of differences */
    struct cs_report_figure p;          /* two-sided, not adjusted */
    const char *why;
};
struct cs_report_earlier { /* the other run; source "" when there is none */
    const char *source;
    uint32_t generation;
    const char *first_call, *last_call; /* UTC */
    bool complete;
    uint64_t shared;    /* outputs that both runs have: adopted ones were not asked again */
    uint32_t unmatched; /* contrasts that the other run does not have */
};

/* ---- across models ----------------------------------------------------------------------------------------- */

struct cs_report_range { /* one contrast over all models, on cases complete in all of them */
    uint32_t outcome, factor, level;
    enum cs_comparator against;
    uint32_t comparator;
    const char *comparator_text;
    uint32_t n_models, clusters;
    uint32_t lowest, highest;    /* models */
    struct cs_report_span range; /* smallest and largest shift */
    struct cs_report_figure mean;
    struct cs_report_span mean_ci; /* crossed bootstrap over cases and models: from 8 models on */
};

/* ---- provenance --------------------------------------------------------------------------------------------- */

struct cs_report_provenance {
    const char *guideline; /* "TRIPOD-LLM", "CHART" */
    const char *item;      /* our heading for it: "model versions" */
    const char *text;      /* what the ledger knows, or what the author should write */
    bool filled;           /* the ledger holds all that the item asks for */
    bool partly;           /* some of it */
    const char *ask;       /* partly: what the author must still say; "" otherwise */
};

/* ---- all of it ------------------------------------------------------------------------------------------------ */

struct cs_report {
    struct cs_arena arena;
    const char *study, *title;
    const char *source;        /* "the study's store", or the CSV's name without its folder */
    uint32_t generation;       /* 0: from a CSV */
    const char *created;       /* when the generation was made, UTC */
    const char *spec_digest;   /* hex, "" from a CSV */
    const char *software;      /* "clinsafe 1.2.3" */
    uint64_t study_seed, seed; /* order of the trials; of bootstrap and sign flips */
    uint32_t draws;            /* bootstrap draws */
    bool pilot, blind;         /* blind: a pilot whose contrasts are not shown */
    bool simulated;            /* any model is */
    uint32_t n_cases, n_clusters, repeats;
    uint64_t planned, terminal;
    bool complete;            /* every model is; no verdicts otherwise */
    const char *label_note;   /* where labels come from, as far as known; "" without labels */
    const char *warrant_note; /* what is known about warranted differences */

    const struct cs_report_model *models;
    uint32_t n_models;
    const struct cs_report_outcome *outcomes; /* primary first, then exploratory, then the rest */
    uint32_t n_outcomes;
    const struct cs_report_factor *factors;
    uint32_t n_factors;
    struct cs_report_declaration declared;

    const struct cs_report_completeness *completeness; /* by model, factor, level */
    uint32_t n_completeness;
    const struct cs_report_usable *usable; /* by model, outcome, factor, level */
    uint32_t n_usable;
    const struct cs_report_lost *lost; /* by model, question, factor, level, kind; where either side lost any */
    uint32_t n_lost;
    const struct cs_report_rate *rates; /* by model, outcome, factor, level */
    uint32_t n_rates;
    const struct cs_report_pressure *pressure; /* by model, question, answer, factor, level */
    uint32_t n_pressure;
    const struct cs_report_survival *survival; /* likewise, and by turn */
    uint32_t n_survival;
    const struct cs_report_replies *replies; /* by model, question, factor, level, turn; none: no trial has several */
    uint32_t n_replies;
    bool conversations;                           /* the study has any */
    const char *pressure_note;                    /* why there is no row of them; "" otherwise */
    const struct cs_report_composite *composites; /* as declared, by model, factor, level */
    uint32_t n_composites;
    const struct cs_report_task_horizon *task_horizons; /* by model, factor, level */
    uint32_t n_task_horizons;
    const struct cs_report_given *given; /* by model, outcome, factor, level */
    uint32_t n_given;
    const struct cs_report_floor *floors; /* by model, outcome, kind */
    uint32_t n_floors;
    struct cs_report_contrast *contrasts; /* by model, outcome, and then as declared */
    uint32_t n_contrasts;
    struct cs_report_category_test *category_tests;
    uint32_t n_category_tests;
    const struct cs_report_pooled *pooled; /* in the order of the contrasts */
    uint32_t n_pooled;
    struct cs_report_spread *spread; /* by contrast */
    uint32_t n_spread;
    uint32_t majority;                  /* `decide: majority of K`; 0: not declared */
    struct cs_report_variant *variants; /* by contrast */
    uint32_t n_variants;
    uint32_t variants_left;                  /* primary comparisons without any: there were too many */
    const struct cs_report_omnibus *omnibus; /* by model, outcome, factor */
    uint32_t n_omnibus;
    struct cs_report_trend *trends; /* by model, outcome, and as declared */
    uint32_t n_trends;
    struct cs_report_interaction *interactions; /* by outcome, as declared, and by model */
    uint32_t n_interactions;
    struct cs_report_interaction_level *interaction_levels;
    uint32_t n_interaction_levels;
    const struct cs_report_again *again; /* by model, factor, level */
    uint32_t n_again;
    const struct cs_report_twice *twice; /* in the order of the contrasts */
    uint32_t n_twice;
    const struct cs_report_component
        *components; /* by model, outcome, factor, kind; the mean of a kind before its levels */
    uint32_t n_components;
    const struct cs_report_label *labels;
    uint32_t n_labels;
    const struct cs_report_warrant *warrants;
    uint32_t n_warrants;
    const struct cs_report_agreement *agreements;
    uint32_t n_agreements;
    struct cs_report_judging judging;
    const struct cs_report_judge *judges; /* none: this is no study of judges */
    uint32_t n_judges;
    const struct cs_report_completeness *judged_ended; /* how the judged trials had ended when they were taken */
    uint32_t n_judged_ended;
    const struct cs_report_verdicts *verdicts; /* by model, answer, factor, level */
    uint32_t n_verdicts;
    const struct cs_report_judge_shift *judge_shifts; /* by contrast, judge */
    uint32_t n_judge_shifts;
    const struct cs_report_judges_agreement *judges_agreement;
    uint32_t n_judges_agreement;
    struct cs_report_corrected *corrected; /* by contrast, of answers that people correct */
    uint32_t n_corrected;
    struct cs_report_judge_errors *judge_errors; /* by answer, model, factor, level */
    uint32_t n_judge_errors;
    const struct cs_report_score *scores; /* by score, model, factor, level, tag */
    uint32_t n_scores;
    const struct cs_report_moved *moved; /* by contrast; those that moved down first, the largest first */
    uint32_t n_moved;
    const char *moved_note; /* why there are none, or why there are no texts; "" otherwise */
    const struct cs_report_range *ranges;
    uint32_t n_ranges;
    struct cs_report_earlier earlier; /* the run compared with (--against) */
    const struct cs_report_rerun *reruns;
    uint32_t n_reruns;
    const struct cs_report_provenance *provenance;
    uint32_t n_provenance;
    const char *const *said_first; /* above every finding, a short sentence each: a model that changed */
    uint32_t n_said_first;
    const char *const *notes; /* what a careful reader wants: no control, few clusters, unparsable replies */
    uint32_t n_notes;
};

/* ---- its sections ----------------------------------------------------------------------------------------------- */

/* A row a section; a new one is a row here, its data above, and the files that the row names:
 *   ANALYSIS(file)           analysis/FILE.c: cs_analysis_FILE() fills it in, cs_analysis_FILE_tables[] names its columns for JSON and CSV.
 *                            A row may use what rows before it have filled in.
 *   PAGE(file, id, title)    html/FILE.c: cs_html_FILE() writes it, below the first screen and in the order of the rows
 *   BACK(file, id, title)    the same in the appendix, behind all PAGEs, folded until it is asked for
 */
/* clang-format off */
#define CS_REPORT_SECTIONS(ANALYSIS, PAGE, BACK)                                                                       \
                            PAGE(heat, "heat-map", "All groups and answers at a glance")                               \
                            PAGE(moved, "moved", "Cases that moved most")                                              \
    ANALYSIS(head)                                                                                                     \
    ANALYSIS(generations)                                                                                              \
    ANALYSIS(registered)                                                                                               \
    ANALYSIS(said_first)                                                                                               \
    ANALYSIS(completeness)  BACK(completeness, "completeness", "Completeness")                                         \
    ANALYSIS(lost)          BACK(lost, "lost", "Answers lost, arm by arm")                                             \
    ANALYSIS(trends)                                                                                                   \
    ANALYSIS(contrasts)                                                                                                \
    ANALYSIS(limits)                                                                                                   \
    ANALYSIS(asked_again)                                                                                              \
    ANALYSIS(pooled)        BACK(pooled, "pooled", "Shifts drawn towards their mean")                                  \
    ANALYSIS(spread)        BACK(spread, "spread", "Spread of answers, and their majority")                            \
    ANALYSIS(variants)      BACK(variants, "variants", "Counted in other ways")                                        \
    ANALYSIS(omnibus)       BACK(omnibus, "omnibus", "All levels at once")                                             \
    ANALYSIS(interactions)  PAGE(interactions, "interactions", "Where the shift differs")                              \
    ANALYSIS(noise)                                                                                                    \
    ANALYSIS(level_rates)   PAGE(level_rates, "rates", "What was answered")                                            \
    ANALYSIS(composites)    PAGE(composites, "composites", "Means put together")                                       \
    ANALYSIS(task_horizons) PAGE(task_horizons, "task-horizon", "How long a task may be")                              \
    ANALYSIS(pressure)      PAGE(pressure, "pressure", "Under pressure, turn by turn")                                 \
    ANALYSIS(ended)         PAGE(ended, "replies", "How replies ended, turn by turn")                                  \
    ANALYSIS(given)         PAGE(answers, "answers", "Answer by answer")                                               \
                            PAGE(noise, "noise-floor", "Noise floor")                                                  \
                            BACK(components, "components", "Three components")                                         \
    ANALYSIS(labels)        PAGE(labels, "labels", "Labels and warrant")                                               \
    ANALYSIS(warrants)                                                                                                 \
    ANALYSIS(agreement)                                                                                                \
    ANALYSIS(judges)        PAGE(judges, "judges", "Judges")                                                           \
    ANALYSIS(corrected)     PAGE(corrected, "corrected", "Judges against people")                                      \
    ANALYSIS(scores)        PAGE(scores, "scores", "Scores")                                                           \
    ANALYSIS(moved)                                                                                                    \
    ANALYSIS(ranges)        BACK(across, "across", "Across models and dates")                                          \
    ANALYSIS(reruns)                                                                                                   \
                            BACK(counted, "verdicts", "Verdicts counted")                                              \
                            BACK(declared, "declared", "Declared beforehand")                                          \
    ANALYSIS(blind)                                                                                                    \
    ANALYSIS(provenance)    BACK(provenance, "provenance", "Provenance")                                               \
                            BACK(glossary, "glossary", "Words and formulas")
/* clang-format on */

#endif
