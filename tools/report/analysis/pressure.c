/* pressure.c - how answers fare along the turns of conversations, under each level: lost answers, and how long first ones hold (stats/horizon.h).
 * The control's row is the noise floor: what changes when the question only comes again. */
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/study/script.h"
#include "tools/report/analysis/sections.h"
#include "tools/report/stats/cluster.h"
#include "tools/report/analysis/lost.h"
#include "tools/report/stats/adjust.h"
#include "tools/report/stats/horizon.h"
#include "tools/report/stats/lost_rate.h"

static const double shares[CS_PRESSURE_SHARES] = {0.5, 0.8, 0.95};

struct sums { /* of one cluster */
    double asked, known, missing, labelled, heard, right, both_known, right_known, right_last, lost, gained, lost_open;
    double failed, censored;
};
struct arm { /* one level, a value a cluster; all clusters together, by turn */
    struct sums *of;
    struct cs_horizon_cluster *turns;
    double known, held[CS_TURNS_MAX], broke[CS_TURNS_MAX], unknown[CS_TURNS_MAX];
};

static void arm_open(struct arm *a, uint32_t n)
{
    a->of = cs_xcalloc(n + 1, sizeof *a->of);
    a->turns = cs_xcalloc(n + 1, sizeof *a->turns);
}

static void arm_close(struct arm *a)
{
    free(a->of);
    free(a->turns);
}

static void add(struct arm *a, uint32_t cluster, const struct cs_pressed_counts *n, uint32_t n_turns)
{
    struct sums *s = &a->of[cluster];
    struct cs_horizon_cluster *turns = &a->turns[cluster];
    a->known += n->known;
    s->asked += n->asked;
    s->known += n->known;
    s->missing += n->missing;
    s->labelled += n->labelled;
    s->failed += n->failed;
    s->heard += n->labelled - n->failed;
    s->right += n->right;
    s->both_known += n->both_known;
    s->right_known += n->right_known;
    s->right_last += n->right_last;
    s->lost += n->lost;
    s->gained += n->gained;
    s->lost_open += n->lost_open;
    for (uint32_t t = 0; t < n_turns; t++) {
        turns->risk[t] += n->risk[t];
        turns->changed[t] += n->changed[t];
        a->held[t] += n->held[t];
        a->broke[t] += n->broke[t];
        a->unknown[t] += n->unknown[t];
        s->censored += n->unknown[t];
    }
}

static void gather(const struct cs_report_work *w, uint32_t model, uint32_t slot, uint32_t factor, uint32_t level,
                   struct arm *out)
{
    const struct cs_pressed *p = &w->got->pressed[model];
    const struct cs_grid *g = &w->got->grids[model];
    for (uint32_t i = 0; i < g->n_cells; i++) {
        if (g->cells[i].at.question != p->slots[slot].question ||
            (factor != CS_REPORT_NONE && g->cells[i].at.arms[factor].level != level))
            continue;
        for (uint32_t c = 0; c < g->n_cases; c++) {
            add(out, w->cases->cluster[c], cs_pressed_of(p, c, i, slot), p->slots[slot].n_turns);
        }
    }
}

/* ---- one row --------------------------------------------------------------------------------------------------- */

static struct cs_report_span span_of(enum cs_stat_status status, struct cs_interval ci, double scale)
{
    return cs_stats_usable(status) ? (struct cs_report_span){true, ci.lo * scale, ci.hi * scale}
                                   : (struct cs_report_span){0};
}

struct share { /* which sums make one */
    size_t a, b;
};
#define SHARE(a, b) ((struct share){offsetof(struct sums, a), offsetof(struct sums, b)})

static double at(const struct sums *s, size_t offset)
{
    return *(const double *)(const void *)((const char *)s + offset);
}

static struct cs_horizon_share share_of(const struct arm *arm, uint32_t n, struct share which, double alpha)
{
    double *a = cs_xcalloc(n + 1, sizeof *a), *b = cs_xcalloc(n + 1, sizeof *b);
    for (uint32_t i = 0; i < n; i++) {
        a[i] = at(&arm->of[i], which.a);
        b[i] = at(&arm->of[i], which.b);
    }
    const struct cs_horizon_share s = cs_horizon_share(a, b, n, alpha);
    free(a);
    free(b);
    return s;
}

/* Level minus control, a difference a cluster that has both; one pair of conversations a cluster: Newcombe's interval. */
static void gap_of(const struct arm *level, const struct arm *control, uint32_t n, struct share which, double alpha,
                   struct cs_report_figure *out, struct cs_report_span *ci)
{
    double *d = cs_xcalloc(n + 1, sizeof *d);
    struct cs_pairs pairs = {0};
    bool single = true;
    uint32_t k = 0;
    for (uint32_t i = 0; i < n; i++) {
        const double a = at(&level->of[i], which.a), a0 = at(&control->of[i], which.a);
        const double b = at(&level->of[i], which.b), b0 = at(&control->of[i], which.b);
        if (!(b > 0 && b0 > 0))
            continue;
        single = single && b < 1.5 && b0 < 1.5;
        *(a > 0.5 ? (a0 > 0.5 ? &pairs.both : &pairs.gained) : (a0 > 0.5 ? &pairs.lost : &pairs.neither)) += 1;
        d[k++] = a / b - a0 / b0;
    }
    const struct cs_cluster_test t = single && k > 1 ? cs_cluster_pairs(pairs, alpha) : cs_cluster_t(d, k, alpha, 1);
    if (k > 0)
        *out = cs_analysis_work_known(t.mean * 100);
    *ci = span_of(t.status, t.ci, 100);
    free(d);
}

static void fill_counts(const struct arm *arm, uint32_t n, struct cs_report_pressure *row)
{
    uint64_t open = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct sums *s = &arm->of[i];
        row->clusters += s->known > 0;
        row->asked += (uint64_t)s->asked;
        row->known += (uint64_t)s->known;
        row->missing += (uint64_t)s->missing;
        row->labelled += (uint64_t)s->labelled;
        row->failed += (uint64_t)s->failed;
        row->censored += (uint64_t)s->censored;
        row->first_right += (uint64_t)s->right;
        row->lost += (uint64_t)s->lost;
        row->gained += (uint64_t)s->gained;
        row->both_known += (uint64_t)s->both_known;
        open += (uint64_t)s->lost_open;
    }
    if (row->labelled > 0)
        row->lost_bounds = (struct cs_report_span){true, (double)row->lost / (double)row->labelled,
                                                   (double)(row->lost + open) / (double)row->labelled};
}

static void fill_shares(const struct arm *arm, uint32_t n, double alpha, struct cs_report_pressure *row)
{
    const struct cs_horizon_share asked = share_of(arm, n, SHARE(lost, heard), alpha),
                                  right = share_of(arm, n, SHARE(lost, right_known), alpha),
                                  first = share_of(arm, n, SHARE(right_known, both_known), alpha),
                                  last = share_of(arm, n, SHARE(right_last, both_known), alpha);
    if (asked.n > 0)
        row->lost_of_asked = cs_analysis_work_known(asked.share);
    if (first.n > 0) {
        row->right_first = cs_analysis_work_known(first.share);
        row->right_last = cs_analysis_work_known(last.share);
    }
    if (right.n > 0)
        row->lost_of_right = cs_analysis_work_known(right.share);
    row->lost_of_asked_ci = span_of(asked.status, asked.ci, 1);
    row->lost_of_right_ci = span_of(right.status, right.ci, 1);
}

static void fill_horizon(const struct cs_horizon *h, const struct cs_question *q, struct cs_report_pressure *row)
{
    if (h->n == 0) {
        row->why = "no first answer is known";
        return;
    }
    const struct cs_horizon_turn *last = &h->turn[h->turns - 1];
    row->held_share = cs_analysis_work_known(last->survival);
    row->held_share_ci = span_of(last->status, last->ci, 1);
    row->turns_held = cs_analysis_work_known(h->mean);
    row->turns_held_ci = span_of(h->status, h->mean_ci, 1);
    for (int i = 0; i < CS_PRESSURE_SHARES; i++) {
        const struct cs_horizon_at to = cs_horizon_at(h, shares[i]);
        row->at[i] = (struct cs_report_horizon){.turn = q->answer_at[to.turn - 1],
                                                .low = to.low > 0 ? q->answer_at[to.low - 1] : 0,
                                                .high = to.high > 0 ? q->answer_at[to.high - 1] : 0,
                                                .beyond = to.beyond,
                                                .high_beyond = to.high_beyond};
    }
    if (h->n < 2)
        row->why = "one cluster";
}

static void compare(const struct arm *level, const struct arm *control, uint32_t n, uint32_t n_turns, double alpha,
                    struct cs_report_pressure *row)
{
    const struct cs_horizon_difference d = cs_horizon_compare(level->turns, control->turns, n, n_turns, alpha);
    if (d.n > 0) {
        row->held_gap = cs_analysis_work_known(d.survival * 100);
        row->turns_gap = cs_analysis_work_known(d.mean);
    }
    row->held_gap_ci = span_of(d.status, d.survival_ci, 100);
    row->turns_gap_ci = span_of(d.status, d.mean_ci, 1);
    gap_of(level, control, n, SHARE(lost, heard), alpha, &row->lost_gap, &row->lost_gap_ci);
    gap_of(level, control, n, SHARE(right_known, both_known), alpha, &row->shift_first, &row->shift_first_ci);
    gap_of(level, control, n, SHARE(right_last, both_known), alpha, &row->shift_last, &row->shift_last_ci);
}

/* ---- what is censored ------------------------------------------------------------------------------------------- */

/* The survival takes those whose answers stop for like those who are left. These ends hold whatever they would have said. */
static struct cs_report_span held_between(const struct arm *arm, uint32_t turn)
{
    return arm->known > 0
               ? (struct cs_report_span){true, arm->held[turn] / arm->known, 1 - arm->broke[turn] / arm->known}
               : (struct cs_report_span){0};
}

static double all_censored(const struct arm *arm, uint32_t n)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += arm->of[i].censored;
    return sum;
}

/* Is more lost on the way in this arm than in the neutral one? p is adjusted when all rows are there. */
static void compare_censored(const struct arm *level, const struct arm *control, uint32_t n, double alpha,
                             struct cs_report_pressure *row)
{
    double *d = cs_xcalloc(n + 1, sizeof *d);
    uint32_t k = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct sums *a = &level->of[i], *b = &control->of[i];
        if (a->known > 0 && b->known > 0)
            d[k++] = a->censored / a->known - b->censored / b->known;
    }
    const struct cs_lost_rate lost = cs_lost_rate_test(
        d, k, (struct cs_lost_count){(uint64_t)all_censored(level, n), (uint64_t)level->known},
        (struct cs_lost_count){(uint64_t)all_censored(control, n), (uint64_t)control->known}, alpha);
    if (k > 0)
        row->censored_gap = cs_analysis_work_known(lost.test.mean * 100);
    row->censored_gap_ci = span_of(lost.test.status, lost.test.ci, 100);
    if (cs_stats_usable(lost.test.status))
        row->censored_p = cs_analysis_work_known(lost.p);
    free(d);
}

static void fill_censored(struct cs_report_work *w, const struct arm *arm, const struct arm *control,
                          const struct cs_question *q, uint32_t n_turns, struct cs_report_pressure *row)
{
    const char *at = "";
    for (uint32_t t = 0; t < n_turns; t++) {
        if (arm->unknown[t] > 0)
            at = cs_arena_printf(&w->r->arena, "%s%sturn %u: %.0f", at, at[0] != '\0' ? ", " : "", q->answer_at[t],
                                 arm->unknown[t]);
    }
    row->censored_at = at;
    row->held_bounds = held_between(arm, n_turns - 1);
    if (control == NULL)
        return;
    const struct cs_report_span base = held_between(control, n_turns - 1);
    if (row->held_bounds.known && base.known)
        row->held_gap_bounds = (struct cs_report_span){true, 100 * (row->held_bounds.low - base.high),
                                                       100 * (row->held_bounds.high - base.low)};
    compare_censored(arm, control, w->cases->n_clusters, w->declared->alpha, row);
}

static void adjust_censored(struct cs_report_pressure *rows, uint32_t n)
{
    double *p = cs_xcalloc(2 * (size_t)n + 1, sizeof *p), *adjusted = p + n;
    uint32_t k = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (rows[i].censored_p.known)
            p[k++] = rows[i].censored_p.value;
    }
    cs_adjust_p(CS_ADJUST_HOLM, p, k, adjusted);
    k = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (rows[i].censored_p.known)
            rows[i].censored_p.value = adjusted[k++];
    }
    free(p);
}

/* Where much is lost on the way, or more than under the control, the share that held is of a choice of conversations. A pilot says what was
 * lost, not what held. */
static const char *remark(struct cs_report_work *w, struct cs_report_pressure *row, bool uneven)
{
    const char *against = !uneven ? ""
                                  : cs_arena_printf(&w->r->arena, "; %+.3g points against the control",
                                                    row->censored_gap.value);
    const char *lost = cs_arena_printf(&w->r->arena,
                                       "%.3g %% of first answers held until an answer that is not known (%s%s)",
                                       100 * (double)row->censored / (double)row->known, row->censored_at, against);
    row->why = cs_arena_printf(&w->r->arena, "%s: between %.3g and %.3g %% hold to the end", lost,
                               100 * row->held_bounds.low, 100 * row->held_bounds.high);
    return cs_analysis_work_is_blind(w) ? lost : row->why;
}

static void remark_on_censored(struct cs_report_work *w, struct cs_report_pressure *rows, uint32_t n)
{
    enum { NOTES_MAX = 8 };
    uint32_t said = 0;
    adjust_censored(rows, n);
    for (uint32_t i = 0; i < n; i++) {
        struct cs_report_pressure *row = &rows[i];
        const bool uneven = row->censored_p.known && row->censored_p.value <= w->declared->alpha,
                   much = (double)row->censored > CS_LOST_MAX * (double)row->known;
        if (row->why[0] != '\0' || row->censored == 0 || (!uneven && !much))
            continue;
        const char *what = remark(w, row, uneven);
        if (said++ < NOTES_MAX)
            cs_analysis_work_note(
                w, "%s, %s under %s: %s.", w->r->models[row->model].name, row->field,
                row->factor == CS_REPORT_NONE ? "pressure" : w->r->factors[row->factor].levels[row->level].id, what);
    }
    if (said > NOTES_MAX)
        cs_analysis_work_note(w, "%u more arms have such answers.", said - NOTES_MAX);
}

/* ---- all of them ----------------------------------------------------------------------------------------------- */

struct filling {
    struct cs_report_work *w;
    struct cs_report_pressure *rows;
    struct cs_report_survival *turns;
};

static void fill_turns(struct filling *f, const struct cs_horizon *h, const struct cs_question *q,
                       const struct arm *arm, const struct cs_report_pressure *row)
{
    for (unsigned t = 0; t < h->turns && h->n > 0; t++) {
        const struct cs_horizon_turn *turn = &h->turn[t];
        f->turns[f->w->r->n_survival++] = (struct cs_report_survival){.model = row->model,
                                                                      .factor = row->factor,
                                                                      .level = row->level,
                                                                      .question = row->question,
                                                                      .field = row->field,
                                                                      .turn = q->answer_at[t],
                                                                      .risk = (uint64_t)turn->risk,
                                                                      .changed = (uint64_t)turn->changed,
                                                                      .unknown = t == 0 ? row->asked - row->known
                                                                                        : (uint64_t)arm->unknown[t],
                                                                      .bounds = held_between(arm, t),
                                                                      .held = cs_analysis_work_known(turn->survival),
                                                                      .ci = span_of(turn->status, turn->ci, 1)};
    }
}

static void fill_factor(struct filling *f, uint32_t model, uint32_t slot, uint32_t factor)
{
    struct cs_report_work *w = f->w;
    const struct cs_pressed_slot *s = &w->got->pressed[model].slots[slot];
    const struct cs_question *q = &w->study->questions[s->question];
    const uint32_t n = w->cases->n_clusters, control = cs_analysis_work_control(w->study, factor);
    struct arm base = {0};
    arm_open(&base, n);
    if (control != CS_REPORT_NONE)
        gather(w, model, slot, factor, control, &base);
    for (uint32_t k = 0; k < cs_analysis_work_levels(w->r, factor); k++) {
        struct cs_report_pressure *row = &f->rows[w->r->n_pressure++];
        struct cs_horizon h;
        struct arm arm = {0};
        *row = (struct cs_report_pressure){.model = model,
                                           .factor = factor,
                                           .level = cs_analysis_work_level(factor, k),
                                           .question = cs_analysis_work_copy(w, q->name),
                                           .field = cs_analysis_work_copy(w, q->fields[s->field].name),
                                           .floor = factor != CS_REPORT_NONE && k == control,
                                           .why = ""};
        arm_open(&arm, n);
        gather(w, model, slot, factor, row->level, &arm);
        fill_counts(&arm, n, row);
        fill_shares(&arm, n, w->declared->alpha, row);
        cs_horizon_make(arm.turns, n, s->n_turns, w->declared->alpha, &h);
        fill_horizon(&h, q, row);
        if (control != CS_REPORT_NONE && !row->floor)
            compare(&arm, &base, n, s->n_turns, w->declared->alpha, row);
        fill_censored(w, &arm, control != CS_REPORT_NONE && !row->floor ? &base : NULL, q, s->n_turns, row);
        fill_turns(f, &h, q, &arm, row);
        arm_close(&arm);
    }
    arm_close(&base);
}

/* Of texts that were written beforehand: with tools a conversation is what the model makes of it. */
static bool has_written_turns(const struct cs_study *s)
{
    bool any = false;
    for (uint32_t i = 0; i < s->n_prompts; i++)
        any |= s->prompts[i].turns != NULL;
    return any;
}

void cs_analysis_pressure(struct cs_report_work *w)
{
    struct cs_report *r = w->r;
    size_t most = 1;
    r->conversations = has_written_turns(w->study);
    for (uint32_t m = 0; w->got->pressed != NULL && m < r->n_models; m++)
        most += (size_t)w->got->pressed[m].n_slots * cs_analysis_work_arms(r);
    struct filling f = {w, cs_arena_array(&r->arena, most, sizeof *f.rows),
                        cs_arena_array(&r->arena, most * CS_HORIZON_TURNS_MAX, sizeof *f.turns)};
    for (uint32_t m = 0; w->got->pressed != NULL && m < r->n_models; m++) {
        for (uint32_t slot = 0; slot < w->got->pressed[m].n_slots; slot++) {
            for (uint32_t i = 0; i < cs_analysis_work_factors(r); i++)
                fill_factor(&f, m, slot, cs_analysis_work_factor(r, i));
        }
    }
    r->pressure_note = r->n_pressure > 0 ? "" : "No answer was asked for at two turns or more.";
    remark_on_censored(w, f.rows, r->n_pressure);
    r->pressure = f.rows;
    r->survival = f.turns;
}

/* ---- columns ------------------------------------------------------------------------------------------------------- */

#define AT(i, member) at[i].member
#define COLUMNS_AT(i, name)                                                                                            \
    CS_COLUMN(pressure, AT(i, turn), name, name), CS_COLUMN(pressure, AT(i, beyond), name "_beyond", name "_beyond"),  \
        CS_COLUMN(pressure, AT(i, low), name "_low", name "_low"),                                                     \
        CS_COLUMN(pressure, AT(i, high), name "_high", name "_high")
static const struct cs_report_column columns[] = {
    CS_COLUMN_OF(CS_COLUMN_MODEL, pressure, model, "model", "model"),
    CS_COLUMN_SAME(pressure, question),
    CS_COLUMN_SAME(pressure, field),
    CS_COLUMN_FACTOR_LEVEL(pressure),
    CS_COLUMN_SAME(pressure, floor),
    CS_COLUMN_SAME(pressure, clusters),
    CS_COLUMN_SAME(pressure, asked),
    CS_COLUMN_SAME(pressure, known),
    CS_COLUMN_SAME(pressure, missing),
    CS_COLUMN_SAME(pressure, labelled),
    CS_COLUMN_SAME(pressure, failed),
    CS_COLUMN_SAME(pressure, both_known),
    CS_COLUMN_SAME(pressure, first_right),
    CS_COLUMN_SAME(pressure, lost),
    CS_COLUMN_SAME(pressure, gained),
    CS_COLUMN_SAME(pressure, lost_of_asked),
    CS_COLUMN(pressure, lost_of_asked_ci, "lost_of_asked_ci", "lost_of_asked_low,lost_of_asked_high"),
    CS_COLUMN(pressure, lost_bounds, "lost_bounds", "lost_least,lost_most"),
    CS_COLUMN(pressure, lost_gap, "lost_gap", "lost_gap_points"),
    CS_COLUMN(pressure, lost_gap_ci, "lost_gap_ci", "lost_gap_low,lost_gap_high"),
    CS_COLUMN_SAME(pressure, lost_of_right),
    CS_COLUMN(pressure, lost_of_right_ci, "lost_of_right_ci", "lost_of_right_low,lost_of_right_high"),
    CS_COLUMN_SAME(pressure, held_share),
    CS_COLUMN(pressure, held_share_ci, "held_share_ci", "held_share_low,held_share_high"),
    CS_COLUMN(pressure, held_gap, "held_gap", "held_gap_points"),
    CS_COLUMN(pressure, held_gap_ci, "held_gap_ci", "held_gap_low,held_gap_high"),
    CS_COLUMN(pressure, held_bounds, "held_bounds", "held_least,held_most"),
    CS_COLUMN(pressure, held_gap_bounds, "held_gap_bounds", "held_gap_least,held_gap_most"),
    CS_COLUMN_SAME(pressure, censored),
    CS_COLUMN_SAME(pressure, censored_at),
    CS_COLUMN(pressure, censored_gap, "censored_gap", "censored_gap_points"),
    CS_COLUMN(pressure, censored_gap_ci, "censored_gap_ci", "censored_gap_low,censored_gap_high"),
    CS_COLUMN(pressure, censored_p, "censored_p", "censored_p"),
    CS_COLUMN_SAME(pressure, turns_held),
    CS_COLUMN(pressure, turns_held_ci, "turns_held_ci", "turns_held_low,turns_held_high"),
    CS_COLUMN_SAME(pressure, turns_gap),
    CS_COLUMN(pressure, turns_gap_ci, "turns_gap_ci", "turns_gap_low,turns_gap_high"),
    COLUMNS_AT(0, "turn_50"),
    COLUMNS_AT(1, "turn_80"),
    COLUMNS_AT(2, "turn_95"),
    CS_COLUMN_SAME(pressure, right_first),
    CS_COLUMN_SAME(pressure, right_last),
    CS_COLUMN(pressure, shift_first, "shift_first", "shift_first_points"),
    CS_COLUMN(pressure, shift_first_ci, "shift_first_ci", "shift_first_low,shift_first_high"),
    CS_COLUMN(pressure, shift_last, "shift_last", "shift_last_points"),
    CS_COLUMN(pressure, shift_last_ci, "shift_last_ci", "shift_last_low,shift_last_high"),
    CS_COLUMN_SAME(pressure, why),
    CS_COLUMN_END_MODEL(pressure),
};
static const struct cs_report_column turn_columns[] = {
    CS_COLUMN_OF(CS_COLUMN_MODEL, survival, model, "model", "model"),
    CS_COLUMN_SAME(survival, question),
    CS_COLUMN_SAME(survival, field),
    CS_COLUMN_FACTOR_LEVEL(survival),
    CS_COLUMN_SAME(survival, turn),
    CS_COLUMN_SAME(survival, risk),
    CS_COLUMN_SAME(survival, changed),
    CS_COLUMN_SAME(survival, unknown),
    CS_COLUMN_SAME(survival, held),
    CS_COLUMN(survival, ci, "ci", "held_low,held_high"),
    CS_COLUMN(survival, bounds, "bounds", "held_least,held_most"),
    CS_COLUMN_END_MODEL(survival),
};

static bool has_turns(const struct cs_report *r)
{
    return r->n_pressure > 0;
}

const struct cs_report_table cs_analysis_pressure_tables[] = {
    {"pressure", "pressure", CS_TABLE_ROWS(pressure, n_pressure), .columns = columns, .is_shown = has_turns,
     .is_rare = true},
    {"survival", "survival", CS_TABLE_ROWS(survival, n_survival), .columns = turn_columns, .is_shown = has_turns,
     .is_rare = true},
    {0},
};
