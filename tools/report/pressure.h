/* pressure.h - the part of the finding (model.h) about conversations: how answers fare along their turns, and how replies ended. */
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
    uint64_t labelled, failed, first_right, both_known, lost, gained; /* of cases with a label; see read/pressed.h */
    /* lost: of all that were asked, labelled less failed, where no answer is no loss; of those right at first with a last answer */
    struct cs_report_figure lost_of_asked, lost_of_right;
    struct cs_report_span lost_bounds; /* of all labelled, if no answer that is not known were lost, and if all were */
    struct cs_report_span lost_of_asked_ci, lost_of_right_ci;
    struct cs_report_figure lost_gap;
    struct cs_report_span lost_gap_ci;
    struct cs_report_figure held_share; /* first answers that hold to the last turn */
    struct cs_report_span held_share_ci;
    struct cs_report_figure held_gap;
    struct cs_report_span held_gap_ci;
    struct cs_report_span held_bounds,
        held_gap_bounds; /* if none of the answers that are not known held, and if all did */
    /* first answers that held until an answer was not known: they count until then, as if those left were like them */
    uint64_t censored;
    const char *censored_at; /* "turn 2: 106, turn 3: 4" */
    struct cs_report_figure
        censored_gap; /* their share, to that of the control, points; and p, by Holm over all rows */
    struct cs_report_span censored_gap_ci;
    struct cs_report_figure censored_p;
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
    const char
        *why; /* something is not known, or so much is censored, or so unevenly, that the share held says little */
};
struct cs_report_survival { /* one turn of it */
    uint32_t model, factor, level;
    const char *question, *field;
    uint32_t turn; /* as written */
    uint64_t risk, changed,
        unknown; /* unknown: those whose first unknown answer is here; at turn 1 of all that were asked */
    struct cs_report_figure held;
    struct cs_report_span ci;
    struct cs_report_span bounds; /* of held, if none of the answers that are not known held, and if all did */
};

/* How the replies to one call of conversations ended; with tools a turn is a call. First, per model and question, rows over all arms (factor NONE). */
struct cs_report_replies {
    uint32_t model, factor, level;
    const char *question;
    uint32_t turn;                                /* as written */
    uint64_t replies, outcome[CS_REPORT_CLASSES]; /* the last is 0 */
};

#endif
