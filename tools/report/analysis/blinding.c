#include "tools/report/analysis/blinding.h"

#include <inttypes.h>
#include <string.h>

#include "protocol/base/buf.h"
#include "protocol/study/judge.h"
#include "protocol/study/parent.h"

enum { CONDITIONS_MAX = 8, SENTENCE_MAX = 400 };

static void note_shown(struct cs_report_work *w, const struct cs_judge *j)
{
    struct cs_buf shows = CS_BUF_INIT(SENTENCE_MAX);
    for (uint32_t i = 0; i < j->n_shows; i++)
        cs_buf_printf(&shows, "%s%s", i > 0 ? ", " : "", j->shows[i]);
    if (j->n_shows > 0 && w->source->judged.own == NULL) /* else judges.c says it first */
        cs_analysis_work_note(w, "The judges were not blind: the study lets their prompt show %s of what they judge.",
                              cs_buf_cstr(&shows));
    cs_buf_release(&shows);
    if (j->n_hidden > 0)
        cs_analysis_work_note(w, "%u words and phrases were masked by \"%s\" in the outputs that the judges saw.",
                              j->n_hidden, j->hide_as);
    if (j->again > 0)
        cs_analysis_work_note(w,
                              "A reply of a judge that could not be parsed was drawn again, at most %u time%s, as the "
                              "study declares; all are kept.",
                              j->again, j->again == 1 ? "" : "s");
}

static void put_condition(struct cs_buf *out, const struct cs_parent_study *p, const struct cs_parent_arm *a)
{
    cs_buf_printf(out, "%s%s", out->len > 0 ? "; " : "", p->models[a->model]);
    for (uint32_t f = 0; f < p->n_factors; f++)
        cs_buf_printf(out, "%s%s", f == 0 ? " " : "/", p->factors[f].levels[a->levels[f]].id);
    if (p->n_questions > 1)
        cs_buf_printf(out, " %s", p->questions[a->question]);
    cs_buf_printf(out, " %" PRIu64 " of %" PRIu64 " (%" PRIu64 ")", a->leaks.raw_any, a->leaks.answers,
                  a->leaks.shown_any);
}

static void note_leaks(struct cs_report_work *w, const struct cs_parent_study *p)
{
    struct cs_buf list = CS_BUF_INIT(SENTENCE_MAX);
    uint64_t answers = 0, raw = 0, shown = 0;
    uint32_t conditions = 0;
    for (uint32_t i = 0; i < p->n_arms; i++) {
        const struct cs_parent_arm *a = &p->arms[i];
        answers += a->leaks.answers;
        raw += a->leaks.raw_any;
        shown += a->leaks.shown_any;
        if (a->leaks.raw_any > 0 && conditions++ < CONDITIONS_MAX)
            put_condition(&list, p, a);
    }
    if (raw > 0) {
        cs_analysis_work_note(w,
                              "%" PRIu64 " of %" PRIu64
                              " judged outputs tell by themselves where they come from (they hold a level's text, a "
                              "level's id or a model's name), %" PRIu64 " of them still as the judges saw them.",
                              raw, answers, shown);
        cs_analysis_work_note(w, "By condition, and in brackets as the judges saw them: %s%s.", cs_buf_cstr(&list),
                              conditions > CONDITIONS_MAX || list.overflow ? "; more: `clinsafe plan --json`" : "");
    }
    cs_buf_release(&list);
}

void cs_analysis_blinding_note(struct cs_report_work *w)
{
    /* A child's report is about what was judged: the judges' study stands beside it. */
    const struct cs_study *s = w->source->judged.own != NULL ? w->source->judged.child : w->study;
    struct cs_judge judge;
    if (cs_judge_parse(s->judge, &w->r->arena, &judge, NULL) == CS_OK)
        note_shown(w, &judge);
    if (s->parent != NULL)
        note_leaks(w, s->parent);
}
