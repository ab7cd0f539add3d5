#include "tools/export/panels.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "protocol/base/alloc.h"
#include "protocol/study/pair.h"
#include "tools/judged/scored.h"
#include "tools/judged/votes.h"

struct link { /* an output, and a case of the judging study that it is judged in */
    uint64_t output_id;
    uint32_t child_case, check; /* check: of its digest; the last bit: it stands second there */
};

struct cs_export_panels {
    struct cs_reader child;
    struct cs_votes votes;
    struct cs_scores scores;
    struct link *links; /* by output_id, then case */
    size_t n_links, cap;
    uint32_t *model; /* lane of the parent -> model as the judging study knows it; CS_NONE: not taken */
    struct cs_arena layout, row;
    const char **names;
    struct cs_export_more more;
};

static uint32_t check_of(const struct cs_digest *d)
{
    uint32_t check;
    memcpy(&check, d->b, sizeof check);
    return check & ~UINT32_C(1);
}

static bool is_second(const struct link *l)
{
    return (l->check & 1) != 0;
}

static int by_output(const void *a, const void *b)
{
    const struct link *x = a, *y = b;
    if (x->output_id != y->output_id)
        return x->output_id < y->output_id ? -1 : 1;
    return (x->child_case > y->child_case) - (x->child_case < y->child_case);
}

/* ---- index ---------------------------------------------------------------------------------------------------------- */

static void add_link(struct cs_export_panels *v, const struct cs_parent *p, uint32_t child_case)
{
    if (v->n_links == v->cap) {
        v->cap = v->cap * 2 + 1024;
        v->links = cs_xrealloc(v->links, v->cap, sizeof *v->links);
    }
    v->links[v->n_links++] = (struct link){p->output_id, child_case,
                                           check_of(&p->digest) | (p->side == CS_PARENT_SECOND)};
}

static enum cs_err index_outputs(struct cs_export_panels *v, struct cs_error *err)
{
    const struct cs_study *s = v->child.view.spec.study;
    const struct cs_case_source *cases = &v->child.view.cases;
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; i < s->n_cases && rc == CS_OK; i++) {
        const struct cs_parent *parents;
        struct cs_case c;
        uint32_t n = 0;
        cs_arena_reset(&v->row);
        rc = cases->get(cases->self, i, &c, err);
        if (rc == CS_OK)
            rc = cs_parents_read(s, &c, &v->row, &parents, &n, err);
        for (uint32_t k = 0; k < n && rc == CS_OK; k++)
            add_link(v, &parents[k], i);
    }
    qsort(v->links, v->n_links, sizeof *v->links, by_output);
    return rc;
}

static const struct link *find(const struct cs_export_panels *v, uint64_t output_id, size_t *n)
{
    size_t low = 0, high = v->n_links;
    while (low < high) {
        const size_t mid = low + (high - low) / 2;
        if (v->links[mid].output_id < output_id)
            low = mid + 1;
        else
            high = mid;
    }
    for (*n = 0; low + *n < v->n_links && v->links[low + *n].output_id == output_id;)
        ++*n;
    return v->links + low;
}

/* ---- columns ---------------------------------------------------------------------------------------------------------- */

static void lay_out(struct cs_export_panels *v)
{
    const struct cs_study *s = v->child.view.spec.study;
    struct cs_arena *a = &v->layout;
    uint32_t n = 0;
    v->names = cs_arena_array(a, (size_t)v->votes.n_ballots * (s->n_models + 2u) + v->scores.n_rows + 1,
                              sizeof *v->names);
    for (uint32_t b = 0; b < v->votes.n_ballots; b++) {
        const char *name = cs_arena_printf(a, "%s.%s", s->name, v->votes.ballots[b].name);
        v->names[n++] = name;
        for (uint32_t k = 0; k < s->n_models; k++)
            v->names[n++] = cs_arena_printf(a, "%s@%s", name, s->models[k].name);
        v->names[n++] = cs_arena_printf(a, "%s.votes", name);
    }
    for (uint32_t i = 0; i < v->scores.n_rows; i++) {
        const struct cs_score_row *r = &v->scores.rows[i];
        v->names[n++] = cs_arena_printf(a, "%s.score.%s%s%s", s->name, v->scores.scores[r->score].name,
                                        r->tag[0] != '\0' ? "@" : "", r->tag);
    }
    v->names[n++] = cs_arena_printf(a, "%s.state", s->name);
    v->more.names = v->names;
    v->more.n = n;
}

static struct cs_cell text_cell(const char *text)
{
    return (struct cs_cell){.kind = CS_CELL_TEXT, .text = text};
}

static struct cs_cell verdict_cell(const struct cs_ballot *b, const struct cs_panel *p)
{
    if (p->state != CS_PANEL_JUDGED)
        return (struct cs_cell){.kind = CS_CELL_NONE};
    return b->rule == CS_PANEL_MEAN ? (struct cs_cell){.kind = CS_CELL_REAL, .real = p->number}
                                    : text_cell(b->words[p->word]);
}

/* Elements of one output: the mean of numbers, of a yes/no answer the share of yes; other words have no mean. Its pairs: won is 1, lost -1. */
struct elements {
    uint32_t n, judged, counted;
    double sum;
};

static bool is_yes_no(const struct cs_export_panels *v, const struct cs_ballot *b)
{
    const struct cs_question *q = &v->child.view.spec.study->questions[b->at.question];
    return b->rule == CS_PANEL_MAJORITY && (b->derived || q->fields[b->field].kind == CS_FIELD_BOOLEAN);
}

static void add_element(const struct cs_export_panels *v, const struct cs_ballot *b, const struct cs_panel *p,
                        struct elements *e)
{
    e->n++;
    e->judged += p->state == CS_PANEL_JUDGED;
    if (p->state != CS_PANEL_JUDGED || (b->rule == CS_PANEL_MAJORITY && (!is_yes_no(v, b) || p->word > 1)))
        return;
    e->counted++;
    e->sum += b->rule == CS_PANEL_MEAN ? p->number : p->word;
}

struct summed {
    struct elements all;
    struct cs_panel last;
    enum cs_panel_state state; /* of all */
};

/* Of a pair that is shown in both orders the case in which the output stands first is the one that counts. */
static bool counts(const struct cs_export_panels *v, const struct cs_ballot *b, const struct link *l)
{
    return !b->pair || !is_second(l) || v->votes.twin == NULL || v->votes.twin[l->child_case] == CS_NONE;
}

/* What became of the output in a pair: 1 won, -1 lost, 0 a tie. */
static int points_of(const struct cs_panel *p, const struct link *l)
{
    if (p->word == CS_PAIR_TIE)
        return 0;
    return (p->word == CS_PAIR_SECOND) == is_second(l) ? 1 : -1;
}

static void add_pair(const struct cs_panel *p, const struct link *l, struct elements *e)
{
    e->n++;
    if (p->state != CS_PANEL_JUDGED)
        return;
    e->judged++;
    e->counted++;
    e->sum += points_of(p, l);
}

/* The verdict of one panel, from the output's own side. */
static struct cs_cell one_cell(const struct cs_ballot *b, const struct cs_panel *p, const struct link *l)
{
    static const char *const words[] = {"lost", "tie", "won"};
    if (!b->pair || p->state != CS_PANEL_JUDGED)
        return verdict_cell(b, p);
    return text_cell(words[points_of(p, l) + 1]);
}

static struct cs_cell elements_cell(const struct elements *e)
{
    return e->counted > 0 ? (struct cs_cell){.kind = CS_CELL_REAL, .real = e->sum / e->counted}
                          : (struct cs_cell){.kind = CS_CELL_NONE};
}

/* One judge's, or the panel's (CS_NONE), verdict on an output in all of its cases. */
static struct cs_cell sum_up(const struct cs_export_panels *v, uint32_t ballot, uint32_t judge,
                             const struct cs_parent *about, const struct link *links, size_t n, struct summed *out)
{
    const struct cs_ballot *b = &v->votes.ballots[ballot];
    const struct link *last = NULL;
    *out = (struct summed){.state = CS_PANEL_JUDGED};
    for (size_t i = 0; i < n; i++) {
        if (!counts(v, b, &links[i]))
            continue;
        last = &links[i];
        out->last = judge == CS_NONE ? cs_votes_panel(&v->votes, ballot, last->child_case, about)
                                     : cs_votes_judge(&v->votes, ballot, last->child_case, judge);
        out->state = out->last.state > out->state ? out->last.state : out->state;
        if (b->pair)
            add_pair(&out->last, last, &out->all);
        else
            add_element(v, b, &out->last, &out->all);
    }
    return out->all.n == 1 ? one_cell(b, &out->last, last) : elements_cell(&out->all);
}

/* Cells of one ballot; the state of all of its cases together. */
static enum cs_panel_state fill_ballot(struct cs_export_panels *v, uint32_t ballot, const struct cs_parent *about,
                                       const struct link *links, size_t n, struct cs_cell *cells)
{
    const uint32_t judges = v->child.view.spec.study->n_models;
    struct summed panel, own;
    cells[0] = sum_up(v, ballot, CS_NONE, about, links, n, &panel);
    for (uint32_t k = 0; k < judges; k++)
        cells[1 + k] = sum_up(v, ballot, k, about, links, n, &own);
    const bool mean = v->votes.ballots[ballot].rule == CS_PANEL_MEAN;
    if (panel.state != CS_PANEL_NOT_JUDGED)
        cells[1 + judges] = text_cell(
            panel.all.n != 1
                ? cs_arena_printf(&v->row, "%u of %u", panel.all.judged, panel.all.n)
                : cs_arena_printf(&v->row, "%u of %u", mean ? panel.last.given : panel.last.for_it, panel.last.asked));
    return panel.state;
}

static void fill_scores(const struct cs_export_panels *v, uint64_t output_id, struct cs_cell *cells)
{
    const uint32_t output = cs_scored_output(&v->scores, output_id);
    double value, low, high;
    for (uint32_t i = 0; i < v->scores.n_rows && output != CS_NONE; i++) {
        if (cs_scored_value(&v->scores, i, output, &value, &low, &high))
            cells[i] = (struct cs_cell){.kind = CS_CELL_REAL, .real = value};
    }
}

static enum cs_err fill(void *self, const struct cs_export_at *at, struct cs_cell *cells, struct cs_error *err)
{
    struct cs_export_panels *v = self;
    const uint32_t width = v->child.view.spec.study->n_models + 2;
    const struct cs_parent about = {.model = v->model[at->lane]};
    enum cs_panel_state state = CS_PANEL_NOT_JUDGED;
    size_t n = 0;
    cs_arena_reset(&v->row);
    const struct link *links = at->stored != NULL && about.model != CS_NONE ? find(v, at->stored->output_id, &n) : NULL;
    if (n > 0 && (links[0].check & ~UINT32_C(1)) != check_of(&at->stored->output.digest))
        return cs_error_set(err, CS_EUSAGE,
                            "output %llu here is not the one that \"%s\" judged: that was made from another store",
                            (unsigned long long)at->stored->output_id, v->child.view.spec.study->name);
    for (uint32_t b = 0; b < v->votes.n_ballots && n > 0; b++) {
        const enum cs_panel_state of = fill_ballot(v, b, &about, links, n, cells + b * width);
        state = b == 0 || of > state ? of : state;
    }
    if (n > 0)
        fill_scores(v, at->stored->output_id, cells + (size_t)v->votes.n_ballots * width);
    if (at->stored != NULL)
        cells[v->more.n - 1] = text_cell(cs_panel_state_name(state));
    return CS_OK;
}

/* ---- opening ------------------------------------------------------------------------------------------------------------- */

static enum cs_err open_child(struct cs_export_panels *v, const char *with, const char *parent_store,
                              struct cs_error *err)
{
    struct stat st;
    if (stat(with, &st) != 0)
        return parent_store != NULL ? cs_reader_open(&v->child, NULL, NULL, parent_store, with, err)
                                    : cs_error_set(err, CS_ENOENT, "--with %s: no such study file or directory", with);
    return S_ISDIR(st.st_mode) ? cs_reader_open(&v->child, NULL, with, NULL, NULL, err)
                               : cs_reader_open(&v->child, with, NULL, NULL, NULL, err);
}

static enum cs_err check_child(const struct cs_export_panels *v, const struct cs_reader *parent, struct cs_error *err)
{
    const struct cs_study *s = v->child.view.spec.study, *p = parent->view.spec.study;
    if (s->parent != NULL && strcmp(s->parent->study, p->name) == 0)
        return CS_OK;
    return cs_error_set(err, CS_EUSAGE, "--with: \"%s\" does not judge the outputs of \"%s\"%s%s", s->name, p->name,
                        s->parent != NULL ? ", but those of " : "", s->parent != NULL ? s->parent->study : "");
}

static void map_models(struct cs_export_panels *v, const struct cs_study *parent)
{
    const struct cs_parent_study *known = v->child.view.spec.study->parent;
    v->model = cs_arena_array(&v->layout, parent->n_models + 1u, sizeof *v->model);
    for (uint32_t i = 0; i < parent->n_models; i++) {
        v->model[i] = CS_NONE;
        for (uint32_t k = 0; k < known->n_models; k++) {
            if (strcmp(known->models[k], parent->models[i].name) == 0)
                v->model[i] = k;
        }
    }
}

enum cs_err cs_export_panels_open(struct cs_export_panels **out, const char *with, const struct cs_reader *parent,
                                  const char *parent_store, struct cs_error *err)
{
    struct cs_export_panels *v = cs_xcalloc(1, sizeof *v);
    *out = v;
    v->more = (struct cs_export_more){.self = v, .fill = fill};
    enum cs_err rc = open_child(v, with, parent_store, err);
    if (rc == CS_OK)
        rc = check_child(v, parent, err);
    if (rc == CS_OK)
        rc = cs_votes_open(&v->votes, &v->child.view, err);
    if (rc == CS_OK)
        rc = cs_votes_read(&v->votes, v->child.store, NULL, NULL, err);
    if (rc == CS_OK)
        rc = cs_scored_read(&v->scores, &v->votes, err);
    if (rc == CS_OK)
        rc = index_outputs(v, err);
    if (rc == CS_OK) {
        map_models(v, parent->view.spec.study);
        lay_out(v);
    }
    return rc;
}

const struct cs_export_more *cs_export_panels_more(const struct cs_export_panels *v)
{
    return &v->more;
}

void cs_export_panels_close(struct cs_export_panels *v)
{
    if (v == NULL)
        return;
    cs_scored_close(&v->scores);
    cs_votes_close(&v->votes);
    cs_reader_close(&v->child);
    cs_arena_release(&v->layout);
    cs_arena_release(&v->row);
    free(v->links);
    free(v);
}
