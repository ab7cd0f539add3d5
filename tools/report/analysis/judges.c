/* judges.c - of a study of judges: who judged what, which outputs have a verdict, and what each judge alone would have found. */
#include <inttypes.h>

#include "protocol/base/json.h"
#include "tools/report/analysis/judges_agreement.h"
#include "tools/report/analysis/sections.h"
#include "tools/report/stats/cluster.h"

/* ---- the study ----------------------------------------------------------------------------------------------------- */

static const char *listed(struct cs_arena *a, const struct cs_json *list)
{
    const char *text = cs_json_string_value(list);
    size_t i;
    struct cs_json *item;
    text = text != NULL ? cs_arena_strdup(a, text) : "";
    cs_json_array_foreach(list, i, item)
    {
        if (cs_json_is_string(item))
            text = cs_arena_printf(a, "%s%s%s", text, text[0] != '\0' ? ", " : "", cs_json_string_value(item));
    }
    return text;
}

static const char *panel_words(struct cs_report_work *w)
{
    const struct cs_votes *v = w->source->judged.votes;
    struct cs_arena *a = &w->r->arena;
    const char *text = "";
    bool words = false, means = false;
    for (uint32_t b = 0; b < v->n_ballots; b++) {
        words |= v->ballots[b].rule == CS_PANEL_MAJORITY;
        means |= v->ballots[b].rule == CS_PANEL_MEAN;
    }
    text = words ? "the word of more than half of the votes asked for" : "";
    if (means)
        text = cs_arena_printf(a, "%s%smean of the numbers given", text, words ? "; " : "");
    if (v->quorum > 0)
        text = cs_arena_printf(a, "%s, of at least %u with a verdict", text, v->quorum);
    else if (means)
        text = cs_arena_printf(a, "%s by more than half of those asked", text);
    return v->drop_own ? cs_arena_printf(a, "%s; a judge's vote on its own model's text is dropped", text) : text;
}

static void fill_judging(struct cs_report_work *w)
{
    const struct cs_study *child = w->source->judged.child;
    const struct cs_parent_study *p = child->parent;
    struct cs_report_judging *j = &w->r->judging;
    struct cs_json *judge = cs_json_loads(child->judge, 0, NULL);
    int64_t first = 0;
    j->parent = cs_analysis_work_copy(w, p->study);
    j->parent_generation = p->generation;
    for (uint32_t i = 0; i < p->n_arms; i++) {
        for (int o = 0; o < CS_OUTCOMES; o++)
            j->outputs += p->arms[i].by_outcome[o];
        j->taken += p->arms[i].taken;
    }
    for (uint32_t i = 0; i < child->n_models; i++) {
        const int64_t ms = w->source->judged.judge_facts[i].first_ms;
        first = ms != 0 && (first == 0 || ms < first) ? ms : first;
    }
    j->first_verdict = cs_analysis_work_time(w, first);
    j->panel = panel_words(w);
    j->shows = listed(&w->r->arena, cs_json_object_get(judge, "shows"));
    cs_json_decref(judge);
}

/* ---- judges --------------------------------------------------------------------------------------------------------------- */

static uint64_t missing_of(const struct cs_report_work *w, uint32_t judge)
{
    const struct cs_collected_lane *f = &w->source->judged.judge_facts[judge];
    return f->terminal - (f->ok <= f->terminal ? f->ok : f->terminal);
}

static bool judges_own(const struct cs_study *child, uint32_t judge)
{
    for (uint32_t i = 0; i < child->parent->n_models; i++) {
        if (cs_votes_is_own(child, judge, i))
            return true;
    }
    return false;
}

static void fill_judge(struct cs_report_work *w, uint32_t judge, struct cs_report_judge *out)
{
    const struct cs_judged_source *source = &w->source->judged;
    const struct cs_model *m = &source->child->models[judge];
    const struct cs_collected_lane *f = &source->judge_facts[judge];
    struct cs_report_count *resolved = cs_arena_array(&w->r->arena, f->resolved.n + 1u, sizeof *resolved);
    for (uint32_t i = 0; i < f->resolved.n; i++) { /* most frequent first */
        uint32_t k = i;
        for (; k > 0 && resolved[k - 1].n < f->resolved.of[i].n; k--)
            resolved[k] = resolved[k - 1];
        resolved[k] = (struct cs_report_count){cs_analysis_work_copy(w, f->resolved.of[i].name), f->resolved.of[i].n};
    }
    *out = (struct cs_report_judge){
        .name = cs_analysis_work_copy(w, m->name),
        .model_sent = cs_analysis_work_copy(w, m->model),
        .account = cs_analysis_work_copy(w, source->child->accounts[m->account].name),
        .resolved = resolved,
        .n_resolved = f->resolved.n,
        .simulated = source->child->accounts[m->account].simulated,
        .planned = w->source->reader->view.plan.lanes[judge].n_planned,
        .terminal = f->terminal,
        .missing = missing_of(w, judge),
        .first_call = cs_analysis_work_time(w, f->first_ms),
        .last_call = cs_analysis_work_time(w, f->last_ms),
        .cost_usd = f->priced || f->terminal == 0 ? (double)f->cost_nano_usd / 1e9 : -1,
        .own = judges_own(source->child, judge),
    };
}

static void note_judges(struct cs_report_work *w)
{
    const struct cs_report *r = w->r;
    for (uint32_t i = 0; i < r->n_judges; i++) {
        const struct cs_report_judge *j = &r->judges[i];
        if (j->n_resolved > 1)
            cs_analysis_work_say_first(w,
                                       "The judge %s changed while it judged: %u served models answered, most often %s "
                                       "(%" PRIu64 " of %" PRIu64 ").",
                                       j->name, j->n_resolved, j->resolved[0].name, j->resolved[0].n, j->terminal);
        if (j->own && !w->source->judged.votes->drop_own)
            cs_analysis_work_note(
                w, "%s judges texts that it wrote itself, and its votes count (judge: {panel: {own: drop}}).", j->name);
    }
}

/* ---- verdicts by arm --------------------------------------------------------------------------------------------------------- */

static void fill_verdicts(struct cs_report_work *w)
{
    const struct cs_judged_source *source = &w->source->judged;
    struct cs_report_verdicts *rows = cs_arena_array(&w->r->arena, source->n_counts + 1u, sizeof *rows);
    for (uint32_t i = 0; i < source->n_counts; i++) {
        const struct cs_judged_count *c = &source->counts[i];
        const uint64_t through = c->judged + c->no_verdict;
        rows[i] = (struct cs_report_verdicts){
            .model = c->model,
            .factor = c->factor == CS_NONE ? CS_REPORT_NONE : c->factor,
            .level = c->factor == CS_NONE ? CS_REPORT_NONE : c->level,
            .answer = cs_analysis_work_copy(w, source->votes->ballots[c->ballot].name),
            .planned = c->planned,
            .answered = c->answered,
            .taken = c->taken,
            .leaks = c->leaks,
            .leaks_shown = c->leaks_shown,
            .judged = c->judged,
            .no_verdict = c->no_verdict,
            .not_judged = c->not_judged,
            .votes = c->asked,
            .missing = c->missing,
            .dropped = c->dropped,
            .won = c->won,
            .tied = c->tied,
            .order_led = c->order_led};
        if (through > 0)
            rows[i].share = cs_analysis_work_known((double)c->no_verdict / (double)through);
    }
    w->r->verdicts = rows;
    w->r->n_verdicts = source->n_counts;
}

/* ---- how the judged trials had ended ------------------------------------------------------------------------------------------ */

static void add_arm(struct cs_report_completeness *row, const struct cs_parent_arm *a)
{
    row->planned += a->planned;
    for (int o = 0; o < CS_OUTCOMES; o++) {
        row->outcome[o] += a->by_outcome[o];
        row->terminal += a->by_outcome[o];
    }
}

/* The parent's factors are the first ones of the study that the analysis knows. */
static void fill_ended(struct cs_report_work *w)
{
    const struct cs_parent_study *p = w->source->judged.child->parent;
    uint32_t per_model = 1;
    for (uint32_t f = 0; f < p->n_factors; f++)
        per_model += p->factors[f].n_levels;
    struct cs_report_completeness *rows = cs_arena_array(&w->r->arena, (size_t)per_model * p->n_models + 1,
                                                         sizeof *rows),
                                  *row = rows;
    for (uint32_t m = 0; m < p->n_models; m++) {
        *row++ = (struct cs_report_completeness){.model = m, .factor = CS_REPORT_NONE, .level = CS_REPORT_NONE};
        for (uint32_t f = 0; f < p->n_factors; f++) {
            for (uint32_t l = 0; l < p->factors[f].n_levels; l++)
                *row++ = (struct cs_report_completeness){.model = m, .factor = f, .level = l};
        }
    }
    for (uint32_t i = 0; i < p->n_arms; i++) {
        const struct cs_parent_arm *a = &p->arms[i];
        row = rows + (size_t)a->model * per_model;
        add_arm(row++, a);
        for (uint32_t f = 0; f < p->n_factors; row += p->factors[f++].n_levels)
            add_arm(&row[a->levels[f]], a);
    }
    w->r->judged_ended = rows;
    w->r->n_judged_ended = per_model * p->n_models;
}

/* A model that refuses everything is judged by its refusals: that is said before what they were judged to be. */
static void note_ended(struct cs_report_work *w)
{
    enum { FEW = 20 }; /* one in so many: 5 % */
    for (uint32_t i = 0; i < w->r->n_judged_ended; i++) {
        const struct cs_report_completeness *c = &w->r->judged_ended[i];
        const uint64_t declined = c->outcome[CS_OUTCOME_refused] + c->outcome[CS_OUTCOME_content_filtered];
        if (c->factor != CS_REPORT_NONE || c->outcome[CS_OUTCOME_ok] == c->terminal ||
            (c->terminal - c->outcome[CS_OUTCOME_ok]) * FEW <= c->terminal)
            continue;
        cs_analysis_work_say_first(w,
                                   "Of %" PRIu64 " replies of %s that judges were to see %" PRIu64
                                   " were whole answers: %" PRIu64 " were refused, %" PRIu64
                                   " ended otherwise (cut off, not readable, timed out, failed).",
                                   c->terminal, w->r->models[c->model].name, c->outcome[CS_OUTCOME_ok], declined,
                                   c->terminal - c->outcome[CS_OUTCOME_ok] - declined);
    }
}

static void note_verdicts(struct cs_report_work *w)
{
    const struct cs_judged_source *source = &w->source->judged;
    const struct cs_report_judging *j = &w->r->judging;
    const bool declared = w->r->declared.status == CS_DECLARED_UNCHANGED;
    cs_analysis_work_note(
        w,
        "Judged are outputs of %s, generation %u: %" PRIu64 " had ended when they were taken, and so before the first "
        "verdict (%s); %" PRIu64 " were taken.%s",
        j->parent, j->parent_generation, j->outputs, j->first_verdict[0] != '\0' ? j->first_verdict : "none yet",
        j->taken, declared ? " The analysis was declared before the first verdict, not before these outputs." : "");
    if (!source->child->parent->closed)
        cs_analysis_work_say_first(w, "%s was not complete when its outputs were taken.", j->parent);
    if (source->elsewhere > 0)
        cs_analysis_work_note(w,
                              "%" PRIu64
                              " outputs that were not judged are in no case here, for nothing of their case was judged "
                              "or cases are not asked equally often; the table `verdicts` counts them.",
                              source->elsewhere);
    if (source->mixed)
        cs_analysis_work_note(w, "Where outputs of an arm were not judged for several reasons, which case had which is "
                                 "not known: they count as missing.");
}

/* ---- each judge alone ----------------------------------------------------------------------------------------------------------- */

static void shift_of(struct cs_report_work *w, uint32_t at, uint32_t judge)
{
    struct cs_report *r = w->r;
    const struct cs_report_contrast *c = &r->contrasts[at];
    const struct cs_spec_contrast *spec = &w->declared->contrasts[at % w->declared->n_contrasts];
    const struct cs_measure *m = &w->declared->measures[c->outcome];
    const struct cs_grid *g = &w->source->judged.judges[judge][c->model];
    const bool *flagged =
        w->declared->flagged[(size_t)c->outcome * w->declared->n_contrasts + at % w->declared->n_contrasts];
    const struct cs_case_filter filter = {
        .stratum = spec->stratum, .value = spec->value, .flagged = flagged, .within = spec->within};
    const struct cs_side level = cs_analysis_declared_one_level(spec->level);
    const double scale = cs_analysis_work_scale(&r->outcomes[c->outcome]);
    struct cs_report_judge_shift *row = (struct cs_report_judge_shift *)(uintptr_t)&r->judge_shifts[r->n_judge_shifts];
    struct cs_arrangement a;
    struct cs_paired p;
    cs_reduce_arrange(&a, g, m->question, spec->factor);
    cs_reduce_pair(&p, m, g, &a, w->cases, &level, &spec->comparator_side, &filter);
    if (p.n > 0) {
        const struct cs_cluster_test t = cs_cluster_t(p.diff, p.n, w->declared->alpha, cs_analysis_work_range(m));
        *row = (struct cs_report_judge_shift){
            .contrast = at,
            .judge = r->judges[judge].name,
            .clusters = p.n,
            .shift = cs_analysis_work_known(cs_analysis_work_mean(p.diff, p.n) * scale)};
        if (cs_stats_usable(t.status))
            row->ci = (struct cs_report_span){true, t.ci.lo * scale, t.ci.hi * scale};
        r->n_judge_shifts++;
    }
    cs_reduce_paired_release(&p);
    cs_reduce_arrangement_release(&a);
}

static void fill_shifts(struct cs_report_work *w)
{
    struct cs_report *r = w->r;
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->n_contrasts; i++)
        n += r->contrasts[i].in_family;
    r->judge_shifts = cs_arena_array(&r->arena, (size_t)n * r->n_judges + 1, sizeof *r->judge_shifts);
    for (uint32_t i = 0; i < r->n_contrasts; i++) {
        for (uint32_t k = 0; k < r->n_judges && r->contrasts[i].in_family; k++)
            shift_of(w, i, k);
    }
}

void cs_analysis_judges(struct cs_report_work *w)
{
    struct cs_report *r = w->r;
    r->judging = (struct cs_report_judging){.parent = "", .first_verdict = "", .panel = "", .shows = ""};
    if (w->source->judged.own == NULL)
        return;
    const uint32_t n = w->source->judged.child->n_models;
    struct cs_report_judge *judges = cs_arena_array(&r->arena, n, sizeof *judges);
    for (uint32_t i = 0; i < n; i++)
        fill_judge(w, i, &judges[i]);
    r->judges = judges;
    r->n_judges = n;
    fill_judging(w);
    fill_verdicts(w);
    fill_ended(w);
    note_judges(w);
    note_ended(w);
    note_verdicts(w);
    fill_shifts(w);
    cs_judges_agreement_fill(w);
}

/* ---- columns --------------------------------------------------------------------------------------------------------------------- */

static bool is_any(const struct cs_report *r)
{
    return r->n_judges > 0;
}

static struct cs_report_figure cost_usd(const struct cs_report *r, const void *row)
{
    const struct cs_report_judge *j = row;
    (void)r;
    return (struct cs_report_figure){j->cost_usd >= 0, j->cost_usd};
}

static const char *kind_word(const struct cs_report *r, const void *row)
{
    static const char *const words[] = {"all judges", "two judges", "asked again"};
    (void)r;
    return words[((const struct cs_report_judges_agreement *)row)->kind];
}

static const struct cs_report_column judging_columns[] = {
    CS_COLUMN_SAME(judging, parent),        CS_COLUMN_SAME(judging, parent_generation),
    CS_COLUMN_SAME(judging, outputs),       CS_COLUMN_SAME(judging, taken),
    CS_COLUMN_SAME(judging, panel),         CS_COLUMN_SAME(judging, shows),
    CS_COLUMN_SAME(judging, first_verdict), {0},
};
static const struct cs_report_column judge_columns[] = {
    CS_COLUMN(judge, name, "name", "judge"),
    CS_COLUMN(judge, model_sent, "sent", "sent"),
    CS_COLUMN_SAME(judge, account),
    CS_COLUMN_BESIDE(CS_COLUMN_COUNTS, judge, resolved, n_resolved, "answered_by", "answered_by,answered_by_n"),
    CS_COLUMN_SAME(judge, planned),
    CS_COLUMN_SAME(judge, terminal),
    CS_COLUMN_SAME(judge, missing),
    CS_COLUMN_SAME(judge, first_call),
    CS_COLUMN_SAME(judge, last_call),
    {"cost_usd", "cost_usd", .kind = CS_COLUMN_NUMBER, .number = cost_usd},
    CS_COLUMN_SAME(judge, own),
    CS_COLUMN_OF(CS_COLUMN_NOTE_FLAG, judge, simulated, "note", "note"),
    {0},
};
static const struct cs_report_column verdict_columns[] = {
    CS_COLUMN_OF(CS_COLUMN_MODEL, verdicts, model, "model", "model"),
    CS_COLUMN_SAME(verdicts, answer),
    CS_COLUMN_FACTOR_LEVEL(verdicts),
    CS_COLUMN_SAME(verdicts, planned),
    CS_COLUMN_SAME(verdicts, answered),
    CS_COLUMN_SAME(verdicts, taken),
    CS_COLUMN_SAME(verdicts, judged),
    CS_COLUMN_SAME(verdicts, no_verdict),
    CS_COLUMN_SAME(verdicts, not_judged),
    CS_COLUMN(verdicts, share, "no_verdict_share", "no_verdict_share"),
    CS_COLUMN_SAME(verdicts, votes),
    CS_COLUMN(verdicts, missing, "votes_missing", "votes_missing"),
    CS_COLUMN(verdicts, dropped, "votes_dropped", "votes_dropped"),
    CS_COLUMN_SAME(verdicts, leaks),
    CS_COLUMN_SAME(verdicts, leaks_shown),
    CS_COLUMN_SAME(verdicts, won),
    CS_COLUMN_SAME(verdicts, tied),
    CS_COLUMN(verdicts, order_led, "votes_order_led", "votes_order_led"),
    CS_COLUMN_END_MODEL(verdicts),
};
static const struct cs_report_column ended_columns[] = {
    CS_COLUMN_OF(CS_COLUMN_MODEL, completeness, model, "model", "model"),
    CS_COLUMN_FACTOR_LEVEL(completeness),
    CS_COLUMN_SAME(completeness, planned),
    CS_COLUMN_SAME(completeness, terminal),
    CS_COLUMN_OF(CS_COLUMN_CLASSES, completeness, outcome, "", ""),
    CS_COLUMN_END_MODEL(completeness),
};
static const struct cs_report_column shift_columns[] = {
    CS_COLUMN_OF(CS_COLUMN_CONTRAST, judge_shift, contrast, "", ""),
    CS_COLUMN_SAME(judge_shift, judge),
    CS_COLUMN_SAME(judge_shift, clusters),
    CS_COLUMN_SAME(judge_shift, shift),
    CS_COLUMN(judge_shift, ci, "ci", "ci_low,ci_high"),
    CS_COLUMN_OF(CS_COLUMN_NOTE_CONTRAST, judge_shift, contrast, "note", "note"),
    {0},
};
static const struct cs_report_column agreement_columns[] = {
    CS_COLUMN_SAME(judges_agreement, answer),
    CS_COLUMN_SAID(kind_word, "between", "between"),
    CS_COLUMN_SAME(judges_agreement, who),
    CS_COLUMN_SAME(judges_agreement, statistic),
    CS_COLUMN(judges_agreement, judges, "votes", "votes"),
    CS_COLUMN_SAME(judges_agreement, items),
    CS_COLUMN_SAME(judges_agreement, agreement),
    CS_COLUMN_SAME(judges_agreement, kappa),
    CS_COLUMN(judges_agreement, kappa_ci, "kappa_ci", "kappa_low,kappa_high"),
    CS_COLUMN_SAME(judges_agreement, why),
    CS_COLUMN_OF(CS_COLUMN_NOTE_FLAG, judges_agreement, simulated, "note", "note"),
    {0},
};
#define OF_JUDGES .is_shown = is_any, .is_rare = true
const struct cs_report_table cs_analysis_judges_tables[] = {
    {"judging", "judging", CS_TABLE_ROW(judging), .columns = judging_columns, OF_JUDGES},
    {"judges", "judges", CS_TABLE_ROWS(judges, n_judges), .columns = judge_columns, OF_JUDGES},
    {"verdicts", "verdicts", CS_TABLE_ROWS(verdicts, n_verdicts), .columns = verdict_columns, OF_JUDGES},
    {"judged_ended", "judged_ended", CS_TABLE_ROWS(judged_ended, n_judged_ended), .columns = ended_columns, OF_JUDGES},
    {"judge_shifts", "judge_shifts", CS_TABLE_ROWS(judge_shifts, n_judge_shifts), .columns = shift_columns, OF_JUDGES},
    {"judges_agreement", "judges_agreement", CS_TABLE_ROWS(judges_agreement, n_judges_agreement),
     .columns = agreement_columns, OF_JUDGES},
    {0},
};
