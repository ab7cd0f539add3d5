/* said_first.c - what could make every figure of the report one of something else: a study file that was edited since, a model that changed
 * while it was asked, answers that were read anew. */
#include <inttypes.h>
#include <string.h>

#include "tools/base/acts.h"
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

/* Who knows the findings can choose the reading that he likes: when it was done counts. */
static const char *when_reread(struct cs_report_work *w, const char *reread)
{
    const char *first = "";
    for (uint32_t i = 0; w->acts != NULL && i < w->acts->n; i++) {
        const struct cs_act *a = &w->acts->list[i];
        if (first[0] == '\0' && (strcmp(a->kind, CS_ACT_REPORTED) == 0 || strcmp(a->kind, CS_ACT_UNBLINDED) == 0))
            first = a->when;
    }
    if (first[0] == '\0' || strcmp(reread, first) < 0)
        return "no report before that is on record";
    return cs_arena_printf(&w->r->arena, "AFTER the first report (%.16s)", first);
}

static void note_reread(struct cs_report_work *w)
{
    const struct cs_reader *reader = w->source->reader;
    const struct cs_report_declaration *d = &w->r->declared;
    const uint32_t by = reader != NULL ? reader->view.generation.reading : 0;
    const char *when = "";
    uint64_t ok = 0, unparsable = 0;
    for (uint32_t i = 0; i < d->n_generations; i++)
        when = d->generations[i].number == by ? d->generations[i].created : when;
    for (uint32_t m = 0; m < w->r->n_models; m++) {
        ok += w->got->facts[m].reread_ok;
        unparsable += w->got->facts[m].reread_unparsable;
    }
    if (by == 0)
        return;
    cs_analysis_work_say_first(w,
                               "The stored answers were read anew on %.16s (generation %u), %s: %" PRIu64
                               " that were recorded otherwise count as ok, %" PRIu64 " as unparsable.",
                               when, by, when_reread(w, when), ok, unparsable);
    for (uint32_t m = 0; m < w->r->n_models; m++) {
        const struct cs_collected_lane *f = &w->got->facts[m];
        if (f->reread_ok + f->reread_unparsable > 0)
            cs_analysis_work_note(w, "%s: read anew, %" PRIu64 " answers became ok and %" PRIu64 " unparsable.",
                                  w->r->models[m].name, f->reread_ok, f->reread_unparsable);
    }
}

void cs_analysis_said_first(struct cs_report_work *w)
{
    note_file(w);
    note_models(w);
    note_reread(w);
}

const struct cs_report_table cs_analysis_said_first_tables[] = {{0}};
