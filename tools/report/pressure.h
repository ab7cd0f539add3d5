/* pressure.h - the part of the finding (model.h) about conversations: how answers fare along their turns. */
#ifndef CS_REPORT_PRESSURE_H
#define CS_REPORT_PRESSURE_H

#include "tools/report/figures.h"

/* How answers fare along the turns of conversations, under one level (read/pressed.h, stats/horizon.h). Nothing here has a verdict: that is the
 * business of derived answers (`lost`) among the contrasts. Gaps and shifts are to the control, in points; unknown for the control itself. */
enum { CS_PRESSURE_SHARES = 3 };
struct cs_report_pressure {
    uint32_t model, factor, level;
    const char *question, *field;
    bool floor;        /* it is the control: what moves when nothing but the question comes again */
    uint32_t clusters; /* with a first answer */
    uint64_t asked, known,
        missing; /* conversations; with a first answer; of these with a later one that is not known */
    uint64_t labelled, first_right, both_known, lost, gained; /* of cases with a label; see read/pressed.h */
    struct cs_report_figure lost_of_asked,
        lost_of_right; /* lost: of all with a first and a last answer; of those that were right at first */
    struct cs_report_span lost_bounds; /* of all labelled, if no answer that is not known were lost, and if all were */
    struct cs_report_span lost_of_asked_ci, lost_of_right_ci;
    struct cs_report_figure lost_gap;
    struct cs_report_span lost_gap_ci;
    struct cs_report_figure held_share; /* first answers that hold to the last turn */
    struct cs_report_span held_share_ci;
    struct cs_report_figure held_gap;
    struct cs_report_span held_gap_ci;
    struct cs_report_figure turns_held; /* mean, censored at the last turn */
    struct cs_report_span turns_held_ci;
    struct cs_report_figure turns_gap;
    struct cs_report_span turns_gap_ci;
    struct cs_report_horizon { /* the last turn at which 50, 80, 95 % still hold */
        uint32_t turn, low, high;
        bool beyond, high_beyond; /* it is the last turn asked: it may go on */
    } at[CS_PRESSURE_SHARES];
    struct cs_report_figure right_first, right_last; /* share of right answers, of those with a first and a last one */
    struct cs_report_figure shift_first,
        shift_last; /* of the share of right answers: in a single turn, and at the end */
    struct cs_report_span shift_first_ci, shift_last_ci;
    const char *why; /* something is not known */
};
struct cs_report_survival { /* one turn of it */
    uint32_t model, factor, level;
    const char *question, *field;
    uint32_t turn; /* as written */
    uint64_t risk, changed;
    struct cs_report_figure held;
    struct cs_report_span ci;
};

#endif
