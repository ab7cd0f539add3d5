/* source.h - where a report's outputs come from: a store, or a table with the columns of our own export.
 *
 * A source holds the study, its plan and its cases, and the outputs already counted (collect.h). With a study file a table is read as outputs
 * of that study: factors, labels and the declared analysis are the file's. Without one the study is what the table's columns
 * say (inferred.h), nothing is declared, and what is planned is what has a row.
 * A study whose cases are the outputs of another one is read as a study of what was judged (judged.h).
 * Thread: main. Errors: those of the store; CS_EINVAL with FILE:LINE for a table that does not fit.
 */
#ifndef CS_REPORT_SOURCE_H
#define CS_REPORT_SOURCE_H

#include "protocol/load/load.h"
#include "tools/report/read/collect.h"
#include "tools/report/read/foreign.h"
#include "tools/report/read/judged.h"
#include "tools/base/ratings.h"

/* The study file as it lies there now, against the one that ran. */
struct cs_report_file {
    enum cs_file_state { CS_FILE_NOT_COMPARED, CS_FILE_SAME, CS_FILE_EDITED, CS_FILE_UNREADABLE } state;
    bool same_analysis;                             /* when it was edited: its analysis is as it was */
    char why[sizeof((struct cs_error *)NULL)->msg]; /* when it is unreadable: the reason */
};

struct cs_report_source {
    const struct cs_study *study;
    const struct cs_plan *plan;
    struct cs_case_source cases;
    struct cs_collected got;
    const char *name;           /* what the report calls it */
    struct cs_reader *reader;   /* NULL: from a table */
    struct cs_report_file file; /* the caller compares */
    bool inferred;              /* there is no study file: planned is what has a row */
    const char *analysis;       /* the file that declares something of an inferred study; NULL: none */

    struct cs_judged_source judged; /* of a study of judges; `own` NULL: it is none */
    struct cs_loaded loaded;        /* its own, of a table */
    struct cs_inferred *infer;      /* inferred.h */
    struct cs_foreign map;
    struct cs_ratings table_ratings; /* from the columns of a table */
    struct cs_rated *rated;          /* rated_answers.h */
    struct cs_plan own_plan;
};

/* Borrows reader and ratings (of people, which become answers; NULL: none). */
CS_WARN_UNUSED enum cs_err cs_source_store(struct cs_report_source *s, struct cs_reader *reader,
                                           const struct cs_ratings *ratings, unsigned threads,
                                           struct cs_collect_watch watch, struct cs_error *err);
/* A table that `path` names; study NULL: inferred, and what `analysis` declares, if it is not NULL (cs_load_declared). Texts must
 * outlive the source. */
struct cs_source_from {
    const char *path, *study, *map, *analysis;
    struct cs_load_opts opts;
};
CS_WARN_UNUSED enum cs_err cs_source_table(struct cs_report_source *s, const struct cs_source_from *from,
                                           struct cs_error *err);
void cs_source_release(struct cs_report_source *s); /* a zeroed struct is fine */

#endif
