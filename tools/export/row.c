#include "tools/export/row.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/assert.h"
#include "protocol/base/clock.h"
#include "protocol/study/address.h"
#include "protocol/study/answer.h"
#include "protocol/wire/bill.h"
#include "store/served.h"
#include "store/conversation.h"

/* ---- layout ---------------------------------------------------------------------------------------- */

/* Fixed columns: before the factors, between factors and answers, and after the answers. */
static const char *const head[] = {"study",          "generation", "model",   "model_sent",
                                   "model_resolved", "account",    "case_id", "cluster"};
static const char *const middle[] = {"block",  "question", "repeat", "trial",   "position",
                                     "digest", "twin",     "state",  "outcome", "finish"};
static const char *const tail[] = {"text",           "http_status",   "attempts",         "ambiguous", "input_tokens",
                                   "cached_tokens",  "output_tokens", "reasoning_tokens", "cost_usd",  "started",
                                   "committed",      "latency_ms",    "total_ms",         "worker",    "request_id",
                                   "fingerprint",    "adopted",       "output_id",        "borrowed",  "logprob",
                                   "logprob_tokens", "alternatives"};
/* Columns of the record that came later: behind all others. */
static const char *const last[] = {"salvaged",   "unparsable_why",   "reasoning",         "reasoning_cut",
                                   "tool_calls", "tool_calls_cut",   "wasted_calls",      "wasted_usd",
                                   "cost_bound", "response_id",      "cache_hit",         "served",
                                   "reread_in",  "outcome_recorded", "cache_write_tokens"};
enum {
    N_LAST = sizeof last / sizeof last[0],
    N_HEAD = sizeof head / sizeof head[0],
    N_MIDDLE = sizeof middle / sizeof middle[0],
    N_TAIL = sizeof tail / sizeof tail[0]
};

static uint32_t add_column(struct cs_export_row *r, const char *name)
{
    r->names[r->n] = name;
    return r->n++;
}

/* Questions that ask for a field of the same name share its column. */
static uint32_t find_or_add_column(struct cs_export_row *r, uint32_t from, const char *name)
{
    for (uint32_t i = from; i < r->n; i++) {
        if (strcmp(r->names[i], name) == 0)
            return i;
    }
    return add_column(r, name);
}

static bool has_wordings(const struct cs_factor *f)
{
    for (uint32_t i = 0; i < f->n_levels; i++) {
        if (f->levels[i].n_wordings > 1)
            return true;
    }
    return false;
}

static void lay_out_answers(struct cs_export_row *r, const struct cs_study *s)
{
    const uint32_t from = r->n;
    for (uint32_t q = 0; q < s->n_questions; q++) {
        const struct cs_question *question = &s->questions[q];
        r->answer_column[q] = cs_arena_array(&r->layout, question->n_fields, sizeof(uint32_t));
        for (uint32_t f = 0; f < question->n_fields; f++)
            r->answer_column[q][f] = find_or_add_column(
                r, from, cs_arena_printf(&r->layout, "answer.%s", question->fields[f].name));
    }
    for (uint32_t q = 0; q < s->n_questions; q++) {
        const struct cs_question *question = &s->questions[q];
        r->turn_column[q] = cs_arena_array(&r->layout, (size_t)question->n_answer_at * question->n_fields + 1,
                                           sizeof(uint32_t));
        for (uint32_t i = 0; i < question->n_answer_at * question->n_fields; i++)
            r->turn_column[q][i] = find_or_add_column(r, from,
                                                      cs_arena_printf(&r->layout, "answer.%s@%u",
                                                                      question->fields[i % question->n_fields].name,
                                                                      question->answer_at[i / question->n_fields]));
    }
    for (uint32_t q = 0; q < s->n_questions; q++) {
        const struct cs_question *question = &s->questions[q];
        r->derived_column[q] = cs_arena_array(&r->layout, question->n_derived, sizeof(uint32_t));
        for (uint32_t d = 0; d < question->n_derived; d++)
            r->derived_column[q][d] = find_or_add_column(
                r, from, cs_arena_printf(&r->layout, "derived.%s", question->derived[d].name));
    }
}

/* Which outputs were rated, and in what. */
static void learn_ratings(struct cs_export_row *r)
{
    const uint32_t n = r->ratings != NULL ? r->ratings->n : 0;
    r->rated_fields = cs_arena_array(&r->layout, (size_t)n + 1, sizeof *r->rated_fields);
    for (uint32_t i = 0; i < n; i++) {
        const char *field = r->ratings->list[i].field;
        uint32_t k = 0;
        cs_names_put(&r->rated, r->ratings->list[i].digest, i);
        while (k < r->n_rated_fields && strcmp(r->rated_fields[k], field) != 0)
            k++;
        if (k == r->n_rated_fields)
            r->rated_fields[r->n_rated_fields++] = field;
    }
}

static void lay_out(struct cs_export_row *r, const struct cs_study *s)
{
    uint32_t most = N_HEAD + N_MIDDLE + N_TAIL + N_LAST + 6 + s->n_strata + 3 * s->n_factors + 2 * r->n_rated_fields;
    for (uint32_t q = 0; q < s->n_questions; q++)
        most += s->questions[q].n_fields * (1 + s->questions[q].n_answer_at) + s->questions[q].n_derived;
    r->names = cs_arena_array(&r->layout, most, sizeof *r->names);
    r->cell = cs_arena_array(&r->layout, most, sizeof *r->cell);
    for (int i = 0; i < N_HEAD; i++)
        add_column(r, head[i]);
    for (uint32_t i = 0; i < s->n_strata; i++)
        add_column(r, cs_arena_printf(&r->layout, "case.%s", s->columns[s->strata[i]]));
    for (uint32_t f = 0; f < s->n_factors; f++) {
        add_column(r, cs_arena_printf(&r->layout, "factor.%s", s->factors[f].name));
        if (has_wordings(&s->factors[f]))
            add_column(r, cs_arena_printf(&r->layout, "wording.%s", s->factors[f].name));
    }
    for (int i = 0; i < N_MIDDLE; i++)
        add_column(r, middle[i]);
    r->answers = r->n;
    lay_out_answers(r, s);
    r->tail = r->n;
    for (int i = 0; i < N_TAIL; i++)
        add_column(r, tail[i]);
    add_column(r, "simulated");
    for (uint32_t f = 0; f < s->n_factors; f++)
        add_column(r, cs_arena_printf(&r->layout, "role.%s", s->factors[f].name));
    for (uint32_t i = 0; i < r->n_rated_fields; i++) {
        add_column(r, cs_arena_printf(&r->layout, "rating.%s", r->rated_fields[i]));
        add_column(r, cs_arena_printf(&r->layout, "raters.%s", r->rated_fields[i]));
    }
    r->again = r->n;
    add_column(r, "asked_again");
    add_column(r, "superseded_by");
    r->last = r->n;
    for (int i = 0; i < N_LAST; i++)
        add_column(r, last[i]);
    for (uint32_t i = 0; i < s->n_accounts && r->server == 0; i++)
        r->server = cs_address_has_servers(&s->accounts[i]) ? add_column(r, "server") : 0;
    if (cs_script_is_used(s)) {
        r->talk = r->n;
        add_column(r, "turns_done");
        add_column(r, "conversation");
    }
    if (cs_image_is_used(s)) {
        r->images = r->n;
        add_column(r, "images");
    }
    r->first_more = r->n;
}

enum cs_err cs_export_row_open(struct cs_export_row *r, const struct cs_generation_view *view,
                               const struct cs_ratings *ratings, struct cs_error *err)
{
    *r = (struct cs_export_row){.view = view, .ratings = ratings, .prompt = CS_PROMPT_INIT};
    enum cs_err rc = cs_requests_open(&r->requests, &view->plan, err);
    if (rc != CS_OK)
        return rc;
    r->cells = cs_cell_cache_open(r->requests, view->cases, 4, false);
    learn_ratings(r);
    lay_out(r, view->spec.study);
    return CS_OK;
}

enum cs_err cs_export_row_served(struct cs_export_row *r, struct cs_store *store, struct cs_error *err)
{
    const struct cs_study *s = r->view->spec.study;
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; rc == CS_OK && i < s->n_models; i++) {
        const struct cs_model *m = &s->models[i];
        char key[CS_META_KEY_MAX];
        void *lines = NULL;
        uint32_t n = 0;
        snprintf(key, sizeof key, "served/%016llx",
                 (unsigned long long)cs_digest_lane_key(s->name, m->name, s->accounts[m->account].name));
        rc = cs_store_rows_meta(store, key, &lines, &n, err);
        if (rc == CS_OK)
            r->served[i] = cs_arena_strndup(&r->layout, lines, n);
        else if (rc == CS_ENOENT)
            rc = CS_OK;
        free(lines);
    }
    return rc;
}

void cs_export_row_add(struct cs_export_row *r, const struct cs_export_more *more)
{
    const char **names = cs_arena_array(&r->layout, (size_t)r->n + more->n, sizeof *names);
    CS_ASSERT(r->n_more < CS_EXPORT_MORE_MAX);
    memcpy(names, r->names, r->n * sizeof *names);
    memcpy(names + r->n, more->names, more->n * sizeof *names);
    r->names = names;
    r->n += more->n;
    r->cell = cs_arena_array(&r->layout, r->n, sizeof *r->cell);
    r->more[r->n_more++] = more;
}

void cs_export_row_turns(struct cs_export_row *r, struct cs_store *store)
{
    r->store = store;
}

void cs_export_row_close(struct cs_export_row *r)
{
    cs_render_release(&r->prompt);
    cs_cell_cache_close(r->cells);
    cs_requests_close(r->requests);
    cs_names_release(&r->rated);
    cs_arena_release(&r->layout);
    cs_arena_release(&r->values);
    *r = (struct cs_export_row){0};
}

/* ---- values ------------------------------------------------------------------------------------------ */

struct filler { /* walks the columns in the order of lay_out */
    struct cs_export_row *row;
    uint32_t at;
};

static void put_text(struct filler *f, const char *text)
{
    f->row->cell[f->at++] = (struct cs_cell){.kind = text != NULL && text[0] != '\0' ? CS_CELL_TEXT : CS_CELL_NONE,
                                             .text = text};
}

static void put_int(struct filler *f, int64_t v)
{
    f->row->cell[f->at++] = (struct cs_cell){.kind = CS_CELL_INT, .integer = v};
}

static void put_real(struct filler *f, double v)
{
    f->row->cell[f->at++] = (struct cs_cell){.kind = CS_CELL_REAL, .real = v};
}

static void put_time(struct filler *f, int64_t wall_ms)
{
    char text[32];
    cs_clock_format_utc(wall_ms, text);
    put_text(f, cs_arena_strdup(&f->row->values, text));
}

static void put_bool(struct filler *f, bool v)
{
    f->row->cell[f->at++] = (struct cs_cell){.kind = CS_CELL_BOOL, .integer = v};
}

static enum cs_err put_factors(struct filler *f, const struct cs_study *s, const struct cs_coords *at,
                               const struct cs_case *c, struct cs_error *err)
{
    for (uint32_t i = 0; i < s->n_factors; i++) {
        put_text(f, s->factors[i].levels[at->arms[i].level].id);
        if (!has_wordings(&s->factors[i]))
            continue;
        const struct cs_wording *w;
        enum cs_err rc = cs_render_wording(s, i, &at->arms[i], c, &w, err);
        if (rc != CS_OK)
            return rc;
        put_text(f, w->id);
    }
    return CS_OK;
}

static const char *state_of(const struct cs_stored *stored)
{
    if (stored == NULL)
        return "planned";
    if (stored->flags & CS_OUTPUT_SUPERSEDED)
        return "superseded";
    if (cs_outcome_is_answer((enum cs_outcome)stored->output.outcome))
        return "done";
    return cs_output_is_quarantine(&stored->output) ? "quarantined" : "failed";
}

static void put_derived(struct filler *f, enum cs_derive_kind kind, const struct cs_derived_value *v)
{
    if (kind == CS_DERIVES_BOOLEAN)
        put_bool(f, v->yes);
    else if (kind == CS_DERIVES_NUMBER)
        put_real(f, v->number);
    else
        put_text(f, v->text);
}

static void put_answer(struct cs_export_row *r, uint32_t column, const struct cs_field *field,
                       const struct cs_answer *answer)
{
    struct filler f = {r, column};
    if (field->kind == CS_FIELD_NUMBER && !answer->insufficient)
        put_real(&f, answer->number);
    else
        put_text(&f, answer->text);
}

/* What was answered at each turn, also where the last one has no answer. */
static void put_turns(struct cs_export_row *r, const struct cs_study *s, const struct cs_coords *at,
                      const struct cs_derive_turns *turns)
{
    const struct cs_question *q = &s->questions[at->question];
    for (uint32_t i = 0; i < q->n_answer_at * q->n_fields; i++) {
        const struct cs_answer *answers = turns->answers[q->answer_at[i / q->n_fields]];
        if (answers != NULL)
            put_answer(r, r->turn_column[at->question][i], &q->fields[i % q->n_fields], &answers[i % q->n_fields]);
    }
}

/* v: the conversation, or NULL. */
static void put_answers(struct cs_export_row *r, const struct cs_study *s, const struct cs_coords *at,
                        const struct cs_case *c, const struct cs_output *o, const struct cs_conversation *v)
{
    const struct cs_question *q = &s->questions[at->question];
    struct cs_answer answers[CS_FIELDS_MAX];
    struct cs_derived_value derived[CS_FIELDS_MAX];
    struct cs_derive_turns turns;
    if (v != NULL) {
        cs_conversation_answers(v, s, at, &r->values, &turns);
        put_turns(r, s, at, &turns);
    }
    if (o->outcome != CS_OUTCOME_ok || q->n_derived > CS_FIELDS_MAX ||
        cs_answer_parse(s, at, c, o->text, strlen(o->text), o->salvaged, o->alternatives, &r->values, answers, derived,
                        NULL) != CS_OK)
        return;
    if (v != NULL)
        cs_conversation_derive(v, &turns, s, at, c, &r->values, answers, derived);
    for (uint32_t i = 0; i < q->n_fields; i++) {
        if (q->fields[i].kind == CS_FIELD_LIST) {
            r->list = &q->fields[i];
            r->list_json = cs_arena_strdup(&r->values, c->values[r->list->list->column]);
            r->grades = answers[i];
            r->question = at->question;
        }
        put_answer(r, r->answer_column[at->question][i], &q->fields[i], &answers[i]);
    }
    for (uint32_t i = 0; i < q->n_derived; i++) {
        struct filler f = {r, r->derived_column[at->question][i]};
        if (derived[i].known)
            put_derived(&f, q->derived[i].kind, &derived[i]);
    }
}

static void put_cost(struct filler *f, const struct cs_price *p, const struct cs_output *o)
{
    const struct cs_bill_most most = cs_bill_most(0);
    struct cs_bill bill;
    cs_bill_of(p, o, &most, &bill);
    if (bill.priced && (bill.told || bill.cost > 0))
        put_real(f, (double)cs_price_add(bill.cost, bill.absurd) / 1e9);
    else
        put_text(f, NULL);
}

static void put_output(struct filler *f, const struct cs_model *m, const struct cs_stored *stored)
{
    const struct cs_output *o = &stored->output;
    put_text(f, o->text);
    put_int(f, o->http_status);
    put_int(f, o->attempts);
    put_int(f, o->ambiguous);
    put_int(f, o->input_tokens);
    put_int(f, o->cached_tokens);
    put_int(f, o->output_tokens);
    put_int(f, o->reasoning_tokens);
    put_cost(f, &m->price, o);
    if (o->started_wall_ms != 0)
        put_time(f, o->started_wall_ms);
    else
        put_text(f, NULL); /* no worker lived to tell */
    put_time(f, stored->committed_wall_ms);
    put_int(f, o->latency_ms);
    put_int(f, o->total_ms);
    put_text(f, o->worker);
    put_text(f, o->request_id);
    put_text(f, o->fingerprint);
    put_bool(f, (stored->flags & CS_OUTPUT_ADOPTED) != 0);
    put_int(f, (int64_t)stored->output_id);
    put_bool(f, (stored->flags & CS_OUTPUT_BORROWED) != 0);
    if (o->logprob_tokens > 0) {
        put_real(f, o->logprob);
        put_int(f, o->logprob_tokens);
    } else {
        f->at += 2;
    }
    put_text(f, o->alternatives);
}

static void put_bill(struct filler *f, const struct cs_model *m, const struct cs_output *o)
{
    const struct cs_bill_most most = cs_bill_most(0);
    struct cs_bill bill;
    cs_bill_of(&m->price, o, &most, &bill);
    put_int(f, o->wasted);
    if (bill.priced)
        put_real(f, (double)bill.wasted / 1e9);
    else
        put_text(f, NULL);
    put_bool(f, !bill.told);
}

static void put_who(struct filler *f, uint32_t lane, const struct cs_output *o)
{
    const uint32_t rank = cs_store_served_rank(f->row->served[lane], o->model_resolved, o->fingerprint);
    put_text(f, o->response_id);
    put_bool(f, o->cache_hit);
    if (rank > 0)
        put_int(f, rank);
    else
        put_text(f, NULL);
}

static void put_rereading(struct filler *f, const struct cs_stored *stored)
{
    const bool reread = stored->reading.number != 0;
    if (reread)
        put_int(f, stored->reading.number);
    else
        put_text(f, NULL);
    put_text(f, reread ? cs_outcome_name((enum cs_outcome)stored->recorded) : NULL);
}

static void put_reading(struct filler *f, const struct cs_output *o)
{
    put_bool(f, o->salvaged);
    put_text(f, o->cause);
    put_text(f, o->reasoning);
    put_bool(f, o->reasoning_cut);
    put_text(f, o->tool_calls);
    put_bool(f, o->tool_calls_cut);
}

/* What a study file would say of the row, so that the table can be analysed without one. */
static void put_design(struct filler *f, const struct cs_study *s, uint32_t lane, const struct cs_coords *at)
{
    static const char *const roles[] = {
        [CS_ROLE_LEVEL] = "", [CS_ROLE_CONTROL] = "control", [CS_ROLE_PLACEBO] = "placebo", [CS_ROLE_AA] = "aa"};
    put_bool(f, s->accounts[s->models[lane].account].simulated);
    for (uint32_t i = 0; i < s->n_factors; i++)
        put_text(f, roles[s->factors[i].levels[at->arms[i].level].role]);
}

static void put_head(struct filler *f, const struct cs_study *s, uint32_t lane, const struct cs_case *c,
                     const struct cs_stored *stored)
{
    const struct cs_model *m = &s->models[lane];
    put_text(f, s->name);
    put_int(f, f->row->view->generation.number);
    put_text(f, m->name);
    put_text(f, m->model);
    put_text(f, stored != NULL ? stored->output.model_resolved : NULL);
    put_text(f, s->accounts[m->account].name);
    put_text(f, c->id);
    put_text(f, c->cluster);
    for (uint32_t i = 0; i < s->n_strata; i++)
        put_text(f, c->values[s->strata[i]]);
}

static void put_middle(struct filler *f, const struct cs_study *s, const struct cs_coords *at, uint64_t index,
                       uint64_t position, const struct cs_cells *cells, const struct cs_stored *stored)
{
    struct cs_digest digest;
    char hex[33];
    cs_cells_trial_digest(cells, s, at->cell, at->repeat, &digest);
    cs_digest_hex(digest.b, sizeof digest.b, hex);
    put_int(f, s->rects[at->rect].block + 1);
    put_text(f, s->questions[at->question].name);
    put_int(f, at->repeat + 1);
    put_int(f, (int64_t)index);
    put_int(f, (int64_t)position);
    put_text(f, cs_arena_strdup(&f->row->values, hex));
    put_int(f, cells->twin[at->cell]);
    put_text(f, state_of(stored));
    put_text(f, stored != NULL ? cs_outcome_name((enum cs_outcome)stored->output.outcome) : NULL);
    put_text(f, stored != NULL ? stored->output.finish : NULL);
}

/* What most raters said, and how many there were. */
static void put_ratings(struct filler *f, const char *digest)
{
    const struct cs_export_row *r = f->row;
    if (cs_names_get(&r->rated, digest) == UINT32_MAX)
        return;
    for (uint32_t i = 0; i < r->n_rated_fields; i++) {
        uint32_t raters;
        const char *most = cs_ratings_majority(r->ratings, digest, r->rated_fields[i], &raters);
        put_text(f, most);
        if (raters > 0)
            put_int(f, raters);
        else
            f->at++;
    }
}

static enum cs_err put_more(struct cs_export_row *r, uint32_t lane, const struct cs_case *c,
                            const struct cs_stored *stored, struct cs_error *err)
{
    const struct cs_export_at at = {lane, c, stored};
    struct cs_cell *cells = r->cell + r->first_more;
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; i < r->n_more && rc == CS_OK; i++) {
        rc = r->more[i]->fill(r->more[i]->self, &at, cells, err);
        cells += r->more[i]->n;
    }
    return rc;
}

/* A trial's output, what came before it in a conversation included: answers, usage, and who said what. */
static enum cs_err put_result(struct cs_export_row *r, uint32_t lane, const struct cs_coords *at,
                              const struct cs_case *c, const struct cs_stored *stored, struct cs_error *err)
{
    const struct cs_study *s = r->view->plan.study;
    struct cs_stored whole = *stored;
    struct cs_conversation talk;
    const bool talks = r->store != NULL && r->talk != 0;
    struct filler f = {r, r->tail};
    if (talks) {
        enum cs_err rc = cs_conversation_read(r->store, s, at, c, &r->prompt, stored, &r->values, &talk, err);
        if (rc != CS_OK)
            return rc;
        whole.output = cs_conversation_total(&talk);
        struct cs_json *list = cs_conversation_json(&talk);
        char *text = cs_json_dumps(list, CS_JSON_COMPACT);
        r->cell[r->talk] = (struct cs_cell){.kind = CS_CELL_INT, .integer = talk.n};
        r->cell[r->talk + 1] = (struct cs_cell){.kind = CS_CELL_TEXT, .text = cs_arena_strdup(&r->values, text)};
        cs_json_decref(list);
        free(text);
    }
    if (r->server != 0)
        r->cell[r->server] = (struct cs_cell){.kind = CS_CELL_TEXT, .text = stored->output.server};
    put_answers(r, s, at, c, &stored->output, talks ? &talk : NULL);
    put_output(&f, &s->models[lane], &whole);
    f.at = r->last;
    put_reading(&f, &stored->output);
    put_bill(&f, &s->models[lane], &whole.output);
    put_who(&f, lane, &stored->output);
    put_rereading(&f, stored);
    put_int(&f, whole.output.cache_write_tokens);
    return CS_OK;
}

/* Hashes of the images of the prompt, with blanks between them. */
static enum cs_err put_images(struct cs_export_row *r, const struct cs_coords *at, const struct cs_case *c,
                              struct cs_error *err)
{
    struct cs_buf text = CS_BUF_INIT(65 * CS_IMAGES_MAX + 1);
    char hex[65];
    enum cs_err rc = cs_render(r->view->plan.study, at, c, &r->prompt, err);
    for (uint32_t i = 0; rc == CS_OK && i < r->prompt.n_images; i++) {
        cs_digest_hex(r->prompt.images[i].hash, 32, hex);
        cs_buf_printf(&text, "%s%s", i > 0 ? " " : "", hex);
    }
    r->cell[r->images] = (struct cs_cell){.kind = CS_CELL_TEXT,
                                          .text = cs_arena_strdup(&r->values, cs_buf_cstr(&text))};
    cs_buf_release(&text);
    return rc;
}

enum cs_err cs_export_row_fill(struct cs_export_row *r, uint32_t lane, uint64_t position,
                               const struct cs_stored *stored, const struct cs_export_again *again,
                               struct cs_error *err)
{
    const struct cs_plan *plan = &r->view->plan;
    const struct cs_study *s = plan->study;
    const uint64_t index = cs_plan_at(plan, lane, position);
    struct filler f = {r, 0};
    struct cs_coords at;
    struct cs_case c;
    const struct cs_cells *cells;
    cs_arena_reset(&r->values);
    r->list = NULL;
    memset(r->cell, 0, r->n * sizeof *r->cell);
    cs_plan_coords(plan, lane, index, &at);
    /* the cells first: they read the case from the same source, whose previous answer dies with the next call */
    enum cs_err rc = cs_cell_cache_get(r->cells, lane, at.case_index, &cells, err);
    if (rc == CS_OK)
        rc = r->view->cases.get(r->view->cases.self, at.case_index, &c, err);
    if (rc != CS_OK)
        return rc;
    put_head(&f, s, lane, &c, stored);
    rc = put_factors(&f, s, &at, &c, err);
    if (rc != CS_OK)
        return rc;
    put_middle(&f, s, &at, index, position, cells, stored);
    if (stored != NULL)
        rc = put_result(r, lane, &at, &c, stored, err);
    if (rc == CS_OK && r->images != 0)
        rc = put_images(r, &at, &c, err);
    if (rc != CS_OK)
        return rc;
    f.at = r->tail + N_TAIL;
    put_design(&f, s, lane, &at);
    if (r->n_rated_fields > 0) {
        struct cs_digest digest;
        char hex[33];
        cs_cells_trial_digest(cells, s, at.cell, at.repeat, &digest);
        cs_digest_hex(digest.b, sizeof digest.b, hex);
        put_ratings(&f, hex);
    }
    f.at = r->again;
    if (stored != NULL)
        put_int(&f, again != NULL ? again->before : stored->n_earlier);
    if (again != NULL && again->by != 0)
        r->cell[r->again + 1] = (struct cs_cell){.kind = CS_CELL_INT, .integer = (int64_t)again->by};
    return put_more(r, lane, &c, stored, err);
}

void cs_export_row_real(char out[CS_EXPORT_REAL_LEN], double v)
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(out, CS_EXPORT_REAL_LEN, "%.*g", digits, v);
        if (strtod(out, NULL) == v)
            return;
    }
}
