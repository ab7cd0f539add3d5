/* said_first.c - what could make every figure of the report one of something else: a study file that was edited since, a model that changed
 * while it was asked, answers that a later reader reads differently. */
#include <inttypes.h>

#include "tools/report/analysis/sections.h"

static void note_file(struct cs_report_work *w)
{
    const struct cs_report_file *f = &w->source->file;
    const struct cs_report *r = w->r;
    switch (f->state) {
    case CS_FILE_NOT_COMPARED:
    case CS_FILE_SAME:
        return;
    case CS_FILE_EDITED:
        cs_analysis_work_say_first(
            w,
            "The study file was edited after it ran: this is the finding of generation %u of %.16s, not of the "
            "file as it is now. Its `analysis:` part is %s.",
            r->generation, r->created, f->same_analysis ? "the same" : "another one too");
        return;
    case CS_FILE_UNREADABLE:
        cs_analysis_work_say_first(
            w, "The study file cannot be read as it is now (%s): this is the finding of generation %u of %.16s.",
            f->why, r->generation, r->created);
        return;
    }
}

/* A name that moved to another model in mid-run makes two models of one. */
static void note_models(struct cs_report_work *w)
{
    const struct cs_report *r = w->r;
    for (uint32_t m = 0; m < r->n_models; m++) {
        const struct cs_report_model *model = &r->models[m];
        const char *text = "";
        if (model->n_resolved < 2)
            continue;
        for (uint32_t i = 0; i < model->n_resolved && i < 4; i++)
            text = cs_arena_printf(&w->r->arena, "%s%s%s (%" PRIu64 " answers)", text, i > 0 ? ", " : "",
                                   model->resolved[i].name, model->resolved[i].n);
        cs_analysis_work_say_first(
            w, "%s: the served model changed, %u different ones answered: %s%s. Its figures are of the mixture.",
            model->name, model->n_resolved, text, model->n_resolved > 4 ? ", ..." : "");
    }
}

static void note_reread(struct cs_report_work *w)
{
    for (uint32_t m = 0; m < w->r->n_models; m++) {
        if (w->got->facts[m].reread > 0)
            cs_analysis_work_say_first(w,
                                       "%s: %" PRIu64
                                       " answers were read again by a later version, which made something else of "
                                       "them; the figures here are of the first reading.",
                                       w->r->models[m].name, w->got->facts[m].reread);
    }
}

void cs_analysis_said_first(struct cs_report_work *w)
{
    note_file(w);
    note_models(w);
    note_reread(w);
}

const struct cs_report_table cs_analysis_said_first_tables[] = {{0}};
