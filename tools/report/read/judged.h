/* judged.h - a study of judges as a study of what they judged: the parent's cases, models, factors and repeats, with the panels' verdicts as
 * its answers.
 *
 * A study is made up for the analysis, which then knows it as any other. Its questions have one answer each (a ballot of votes.h), so that a
 * missing verdict is missing of that answer alone; factors are the parent's, its questions where several were taken (`question`), and the
 * judging study's own; a case of an `each` is the parent's case and the element. A trial of it is one output of the parent, judged:
 *     judged        ok, with the answer of the panel
 *     no verdict    CS_GRID_NO_VERDICT: missing data, as a timeout is
 *     not judged    still to come: the study is not complete
 * Of a pair the level that was named first (each level, against the control) has +100 where the panel prefers it, -100 where it prefers the
 * other one, 0 for a tie, and the comparator 0: their shift is the share won less the share lost, in points.
 * And an output that was not taken because of what came of it (refused, timed out) ends as that. Where several such kinds meet in an arm,
 * the parent's table of arms does not say which case had which: they all count as missing.
 *
 * Thread: main. Errors: those of the store; CS_ECORRUPT for cases that do not say what they came from; CS_EINVAL: too many factors or cells.
 */
#ifndef CS_REPORT_JUDGED_H
#define CS_REPORT_JUDGED_H

#include "tools/base/reader.h"
#include "tools/judged/votes.h"
#include "tools/report/read/collect.h"

/* Verdicts on one answer (ballot) about the outputs of one level of one factor, in one model; first, per model, over all. */
struct cs_judged_count {
    uint32_t model, factor, level; /* of the made-up study; CS_NONE: all */
    uint32_t ballot;
    uint64_t planned, answered, taken;       /* outputs of the parent: planned, ended, given to judges */
    uint64_t judged, no_verdict, not_judged; /* of those taken */
    uint64_t leaks,
        leaks_shown; /* taken, and hold a level's text, a level's id or a model's name: as they came, as judges saw them */
    uint64_t won, tied;               /* of pairs: verdicts for this level, for neither */
    uint64_t order_led;               /* votes */
    uint64_t asked, missing, dropped; /* votes */
};

struct cs_judged; /* what lies behind it */

struct cs_judged_source {
    struct cs_judged *own;
    const struct cs_study *study; /* made up */
    const struct cs_plan *plan;
    struct cs_case_source cases;
    struct cs_collected got;
    const struct cs_votes *votes;
    const struct cs_study *child;
    const struct cs_study *
        asker; /* the study that was judged, as it was then, with its parameters; the caller sets it. NULL: not at hand */
    struct cs_grid **judges;                     /* [judge][model]: verdicts of that judge alone */
    const struct cs_collected_lane *judge_facts; /* of each judge's own lane */
    const struct cs_judged_count *counts;
    uint32_t n_counts;
    uint64_t elsewhere; /* outputs that were not taken, of cases of which none was: they are in no case here */
    bool mixed;         /* some arm lost outputs in several ways: by case they count as missing */
};

/* One output that was given to judges, under one ballot; not of pairs. */
struct cs_judged_seen {
    uint32_t ballot, child_case;      /* child_case: of the judging study */
    uint32_t model, case_index, cell; /* of the made-up study */
    const struct cs_parent *of;
    struct cs_panel panel;
};
typedef void (*cs_judged_see)(void *self, const struct cs_judged_seen *seen);

/* reader: of the judging study; it must outlive the source. */
CS_WARN_UNUSED enum cs_err cs_judged_source_open(struct cs_judged_source *s, struct cs_reader *reader,
                                                 struct cs_error *err);
void cs_judged_source_close(struct cs_judged_source *s); /* a zeroed struct is fine */

uint32_t cs_judged_source_question(const struct cs_judged_source *s, uint32_t ballot); /* of the made-up study */
/* Walks over all of them, case by case. */
CS_WARN_UNUSED enum cs_err cs_judged_source_each(const struct cs_judged_source *s, cs_judged_see fn, void *self,
                                                 struct cs_error *err);

#endif
