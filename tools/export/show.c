#include "tools/export/show.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/clock.h"
#include "protocol/base/document.h"
#include "protocol/base/json.h"
#include "protocol/base/plain.h"
#include "store/reread.h"
#include "store/conversation.h"
#include "tools/base/text.h"
#include "tools/export/format.h"

struct found { /* an output of a trial */
    uint64_t id;
    uint8_t flags; /* as at its place, for those that have one */
    struct cs_rereading reading;
};

struct showing {
    struct cs_reader *r;
    const struct cs_show_opts *o;
    FILE *out;
    struct cs_show_done *done;
    uint32_t case_index, question, level[CS_FACTORS_MAX]; /* CS_NONE: any */
    struct cs_export_row row;
    struct cs_arena arena;
    struct found *list; /* outputs of the present trial */
    uint32_t n, cap;
    struct cs_digest digest; /* the present trial's */
    struct cs_prompt prompt;
};

/* ---- which ----------------------------------------------------------------------------------------------------- */

static enum cs_err find_case(struct showing *s, struct cs_error *err)
{
    const struct cs_case_source *cases = &s->r->view.cases;
    const char *names[64];
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->r->view.spec.study->n_cases; i++) {
        struct cs_case c;
        enum cs_err rc = cases->get(cases->self, i, &c, err);
        if (rc != CS_OK)
            return rc;
        s->case_index = i;
        if (strcmp(c.id, s->o->case_id) == 0)
            return CS_OK;
        if (n < 64)
            names[n++] = cs_arena_strdup(&s->arena, c.id);
    }
    return cs_error_set(err, CS_EINVAL, "the study has no case \"%s\"%s", s->o->case_id,
                        cs_names_hint(s->o->case_id, names, n).text);
}

static uint32_t level_of(const struct cs_factor *f, const char *id)
{
    uint32_t i = 0;
    while (i < f->n_levels && strcmp(f->levels[i].id, id) != 0)
        i++;
    return i < f->n_levels ? i : CS_NONE;
}

/* "LEVEL" of whichever factor has it, or "FACTOR=LEVEL". */
static enum cs_err take_level(struct showing *s, const char *word, struct cs_error *err)
{
    const struct cs_study *study = s->r->view.spec.study;
    const char *equals = strchr(word, '='), *id = equals != NULL ? equals + 1 : word;
    const char *names[64];
    uint32_t n = 0, hits = 0;
    for (uint32_t f = 0; f < study->n_factors; f++) {
        if (equals != NULL && (strncmp(study->factors[f].name, word, (size_t)(equals - word)) != 0 ||
                               study->factors[f].name[equals - word] != '\0'))
            continue;
        const uint32_t level = level_of(&study->factors[f], id);
        for (uint32_t i = 0; i < study->factors[f].n_levels && n < 64; i++)
            names[n++] = study->factors[f].levels[i].id;
        if (level == CS_NONE)
            continue;
        s->level[f] = level;
        hits++;
    }
    if (hits == 0)
        return cs_error_set(err, CS_EINVAL, "the study has no level \"%s\"%s", word, cs_names_hint(id, names, n).text);
    return hits == 1 ? CS_OK
                     : cs_error_set(err, CS_EINVAL, "%u factors have a level \"%s\"; write FACTOR=%s", hits, id, id);
}

static enum cs_err find_levels(struct showing *s, struct cs_error *err)
{
    const char *text = s->o->levels;
    enum cs_err rc = CS_OK;
    for (uint32_t f = 0; f < CS_FACTORS_MAX; f++)
        s->level[f] = CS_NONE;
    while (rc == CS_OK && strcmp(s->o->levels, "-") != 0 && text[0] != '\0') {
        const size_t n = strcspn(text, ",");
        rc = take_level(s, cs_arena_strndup(&s->arena, text, n), err);
        text += n + (text[n] == ',');
    }
    return rc;
}

static enum cs_err find_question(struct showing *s, struct cs_error *err)
{
    const struct cs_study *study = s->r->view.spec.study;
    s->question = CS_NONE;
    for (uint32_t i = 0; s->o->question != NULL && i < study->n_questions; i++) {
        if (strcmp(study->questions[i].name, s->o->question) == 0)
            s->question = i;
    }
    if (s->o->question != NULL && s->question == CS_NONE)
        return cs_error_set(err, CS_EINVAL, "the study has no question \"%s\"", s->o->question);
    return CS_OK;
}

static bool is_wanted(const struct showing *s, const struct cs_coords *at)
{
    for (uint32_t f = 0; f < s->r->view.spec.study->n_factors; f++) {
        if (s->level[f] != CS_NONE && at->arms[f].level != s->level[f])
            return false;
    }
    return s->question == CS_NONE || at->question == s->question;
}

/* ---- outputs of a trial ------------------------------------------------------------------------------------------ */

static void add_found(struct showing *s, uint64_t id, uint8_t flags, struct cs_rereading reading)
{
    for (uint32_t i = 0; i < s->n; i++) {
        if (s->list[i].id == id)
            return;
    }
    if (s->n == s->cap) {
        s->cap = s->cap * 2 + 16;
        s->list = cs_xrealloc(s->list, s->cap, sizeof *s->list);
    }
    s->list[s->n++] = (struct found){id, flags, reading};
}

static int by_id(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    return x->id < y->id ? -1 : x->id > y->id;
}

static enum cs_err on_output(void *self, uint32_t lane, uint64_t position, const struct cs_stored *stored,
                             struct cs_error *err)
{
    struct showing *s = self;
    (void)lane, (void)position, (void)err;
    const bool of_standing_talk = (stored->flags & (CS_OUTPUT_TURN | CS_OUTPUT_DUPLICATE)) == CS_OUTPUT_TURN;
    if (!of_standing_talk && cs_digest_equal(&stored->output.digest, &s->digest))
        add_found(s, stored->output_id, 0, (struct cs_rereading){0});
    return CS_OK;
}

/* Records without a place of their own: duplicates, failures that were retried, calls after an overload. */
static bool has_others(const struct showing *s, uint32_t lane)
{
    struct cs_counters c;
    uint64_t n;
    if (cs_store_rows_counters(s->r->store, s->r->view.generation.number, lane, &c, NULL) != CS_OK)
        return false;
    n = c.duplicates + c.overload;
    for (int o = 0; o < CS_OUTCOMES; o++)
        n += cs_outcome_is_answer((enum cs_outcome)o) ? 0 : c.outcome[o];
    return n > 0;
}

static enum cs_err find_outputs(struct showing *s, uint32_t lane, uint64_t position, struct cs_error *err)
{
    struct cs_place place;
    enum cs_err rc = cs_store_rows_place(s->r->store, s->r->view.generation.number, lane, position, &place, err);
    s->n = 0;
    if (rc == CS_OK) {
        for (uint32_t i = 0; i < place.n_earlier && i < CS_EARLIER_MAX; i++)
            add_found(s, place.earlier[i], CS_OUTPUT_SUPERSEDED, (struct cs_rereading){0});
        add_found(s, place.output_id, place.flags, place.reading);
    }
    if (rc != CS_OK && rc != CS_ENOENT)
        return rc;
    rc = !s->o->placed_only && has_others(s, lane) ? cs_store_scan_outputs(s->r->store, 0, on_output, s, err) : CS_OK;
    if (s->n > 1)
        qsort(s->list, s->n, sizeof *s->list, by_id);
    return rc;
}

/* ---- in words ----------------------------------------------------------------------------------------------------- */

/* Foreign text for a terminal: control characters are escaped, lines are indented. */
static void put_text(const struct showing *s, const char *text)
{
    FILE *out = s->out;
    if (s->o->no_texts) {
        fputs("      (the cases are confidential: not shown here, `clinsafe show` has it)\n", out);
        return;
    }
    fputs("      ", out);
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        if (*c == '\n')
            fputs("\n      ", out);
        else if ((*c < 0x20 && *c != '\t') || *c == 0x7f)
            fprintf(out, "\\x%02x", *c);
        else if (*c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0) /* C1 controls in UTF-8 */
            fprintf(out, "\\x%02x", *++c);
        else
            fputc(*c, out);
    }
    fputc('\n', out);
}

static const char *kind_of(const struct cs_stored *stored)
{
    return stored->flags & CS_OUTPUT_ATTEMPT      ? "a further call after our own overload, not counted"
           : stored->flags & CS_OUTPUT_DUPLICATE  ? "a duplicate, kept and not counted"
           : stored->flags & CS_OUTPUT_SUPERSEDED ? "superseded: it was asked again by declaration"
           : stored->flags & CS_OUTPUT_FAILURE    ? "a failure"
                                                  : "the answer that counts";
}

static void put_answers(struct showing *s)
{
    bool any = false;
    for (uint32_t i = 0; i < s->row.n && !s->o->no_texts; i++) {
        const struct cs_cell *c = &s->row.cell[i];
        const char *name = s->row.names[i];
        if (c->kind == CS_CELL_NONE || (strncmp(name, "answer.", 7) != 0 && strncmp(name, "derived.", 8) != 0))
            continue;
        fprintf(s->out, "%s%s = ", any ? ", " : "    read as: ", name);
        any = true;
        if (c->kind == CS_CELL_TEXT)
            fputs(c->text, s->out);
        else if (c->kind == CS_CELL_REAL)
            fprintf(s->out, "%.10g", c->real);
        else
            fputs(c->integer != 0 ? "true" : "false", s->out);
    }
    if (any)
        fputc('\n', s->out);
}

static void put_output(struct showing *s, const struct cs_model *m, const struct cs_stored *stored)
{
    const struct cs_output *o = &stored->output;
    char started[32] = "", written[32] = "", cost[CS_TEXT_MAX_LEN], cause[64];
    int64_t nano = 0;
    const struct cs_price_tokens used = {o->input_tokens, o->cached_tokens, o->cache_write_tokens, o->output_tokens};
    const bool priced = cs_price_of(&m->price, &used, &nano);
    if (o->http_status >= 200 && o->http_status <= 299)
        nano = cs_price_add(nano, cs_price_requests(&m->price, 1));
    if (o->started_wall_ms != 0)
        cs_clock_format_utc(o->started_wall_ms, started);
    if (o->cache_write_tokens > 0)
        snprintf(written, sizeof written, ", %u written there", o->cache_write_tokens);
    fprintf(s->out, "  output %" PRIu64 ": %s%s%s, %s%s\n", stored->output_id,
            cs_outcome_name((enum cs_outcome)o->outcome), o->cause[0] != '\0' ? ": " : "",
            cs_plain_text(cause, sizeof cause, o->cause), kind_of(stored),
            stored->flags & CS_OUTPUT_ADOPTED ? ", taken over from earlier" : "");
    if (stored->reading.number != 0)
        fprintf(s->out, "    as it was read anew (generation %u); recorded as %s\n", stored->reading.number,
                cs_outcome_name((enum cs_outcome)stored->recorded));
    fprintf(
        s->out,
        "    %s, %u call%s, HTTP %u, last call %u ms, %u ms in all; %u tokens in (%u cached%s), %u out (%u thinking), %s%s\n",
        started, o->attempts, o->attempts == 1 ? "" : "s", o->http_status, o->latency_ms, o->total_ms, o->input_tokens,
        o->cached_tokens, written, o->output_tokens, o->reasoning_tokens, cs_text_usd(cost, nano),
        priced ? "" : " at least, a price is unknown");
    fprintf(s->out, "    answered by %s%s%s%s%s%s%s; finish %s; worker %s\n",
            o->model_resolved[0] != '\0' ? o->model_resolved : "an unnamed model",
            o->fingerprint[0] != '\0' ? ", fingerprint " : "", o->fingerprint, o->server[0] != '\0' ? " at " : "",
            o->server, o->request_id[0] != '\0' ? ", request " : "", o->request_id,
            o->finish[0] != '\0' ? o->finish : "-", o->worker);
    put_answers(s);
    if (o->reasoning != NULL && o->reasoning[0] != '\0') {
        fputs("    thinking:\n", s->out);
        put_text(s, o->reasoning);
    }
    if (o->tool_calls != NULL && o->tool_calls[0] != '\0') {
        fprintf(s->out, "    tools that it called, without an answer to them%s:\n",
                o->tool_calls_cut ? " (there were more)" : "");
        put_text(s, o->tool_calls);
    }
}

/* What a reply called, and what it was told. */
static void put_calls(struct showing *s, const struct cs_tool_step *step)
{
    for (uint32_t i = 0; step != NULL && i < step->round.n_calls; i++) {
        const struct cs_called *c = &step->calls[i];
        char name[128];
        fprintf(s->out, "    it calls %s (%s):\n", cs_plain_text(name, sizeof name, c->call.name),
                cs_tool_loop_came_name(c->came));
        put_text(s, c->call.arguments);
        fputs("    and is told:\n", s->out);
        put_text(s, c->result);
    }
}

/* The turns before the last one, as they were said. */
static enum cs_err put_turns(struct showing *s, const struct cs_coords *at, const struct cs_stored *stored,
                             struct cs_arena *arena, struct cs_error *err)
{
    const struct cs_case_source *cases = &s->r->view.cases;
    struct cs_conversation talk;
    struct cs_case c;
    if (stored->output.turns_done == 0)
        return CS_OK;
    enum cs_err rc = cases->get(cases->self, at->case_index, &c, err);
    if (rc == CS_OK)
        rc = cs_conversation_read(s->r->store, s->r->view.spec.study, at, &c, &s->prompt, stored, arena, &talk, err);
    if (rc != CS_OK)
        return rc;
    for (uint32_t k = 0; k < talk.n; k++) {
        const struct cs_conversation_turn *t = &talk.turn[k];
        fprintf(s->out, "    turn %u, call %u of %u%s\n", t->number, k + 1, talk.calls,
                t->user[0] != '\0' ? ", user:" : ", with these results");
        if (t->user[0] != '\0')
            put_text(s, t->user);
        if (k + 1 == talk.n)
            break;
        fprintf(s->out, "    %s%s%s, %u tokens in, %u out; reply:\n",
                cs_outcome_name((enum cs_outcome)t->reply->outcome), t->reply->server[0] != '\0' ? " at " : "",
                t->reply->server, t->reply->input_tokens, t->reply->output_tokens);
        if (t->step == NULL || t->reply->text[0] != '\0')
            put_text(s, t->reply->text);
        put_calls(s, t->step);
    }
    if (talk.n < talk.calls)
        fprintf(s->out, "    it ended here, at turn %u; %u more were not asked\n", talk.turn[talk.n - 1].number,
                talk.calls - talk.n);
    return CS_OK;
}

static void put_request(struct showing *s, const struct cs_coords *at, const struct cs_buf *body)
{
    const struct cs_study *study = s->r->view.spec.study;
    const struct cs_model *m = &study->models[at->lane];
    const struct cs_account *a = &study->accounts[m->account];
    fprintf(s->out, "case %s", s->o->case_id);
    for (uint32_t f = 0; f < study->n_factors; f++)
        fprintf(s->out, ", %s = %s", study->factors[f].name, study->factors[f].levels[at->arms[f].level].id);
    fprintf(s->out, ", question %s, model %s (%s, account %s)\n", study->questions[at->question].name, m->name,
            m->model, a->name);
    fprintf(s->out, "  request, %s%s%s, %zu bytes:\n", cs_protocol_name(a->protocol),
            a->base_url[0] != '\0' ? " at " : "", a->base_url, body->len);
    put_text(s, cs_buf_cstr(body));
}

/* ---- all ------------------------------------------------------------------------------------------------------------ */

static enum cs_err each_output(struct showing *s, const struct cs_coords *at, uint64_t position, struct cs_error *err)
{
    const struct cs_model *m = &s->r->view.spec.study->models[at->lane];
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; i < s->n && rc == CS_OK; i++) {
        struct cs_arena arena = {0};
        struct cs_stored stored;
        rc = cs_store_scan_output(s->r->store, s->list[i].id, &arena, &stored, err);
        if (rc == CS_OK) {
            stored.flags |= s->list[i].flags & (CS_OUTPUT_ADOPTED | CS_OUTPUT_SUPERSEDED);
            cs_store_reread_apply(&s->list[i].reading, &stored);
            rc = cs_export_row_fill(&s->row, at->lane, position, &stored, NULL, err);
        }
        if (rc == CS_OK && s->o->json) {
            fputs(i > 0 ? "," : "", s->out);
            cs_format_find("jsonl")->row(s->out, &s->row);
        } else if (rc == CS_OK) {
            put_output(s, m, &stored);
            rc = put_turns(s, at, &stored, &arena, err);
            fputs("    reply:\n", s->out);
            put_text(s, stored.output.text);
        }
        cs_arena_release(&arena);
        s->done->outputs++;
    }
    return rc;
}

static enum cs_err show_trial(struct showing *s, const struct cs_coords *at, const struct cs_buf *body,
                              struct cs_error *err)
{
    const struct cs_plan *plan = &s->r->view.plan;
    const uint64_t position = cs_plan_position(plan, at->lane, cs_plan_index(plan, at));
    const struct cs_cells *cells;
    char hex[33];
    bool left_out = false;
    enum cs_err rc = cs_reader_left_out(s->r, at->lane, position, &left_out, err);
    if (rc == CS_OK)
        rc = cs_cell_cache_get(s->row.cells, at->lane, at->case_index, &cells, err);
    if (rc != CS_OK)
        return rc;
    cs_cells_trial_digest(cells, plan->study, at->cell, at->repeat, &s->digest);
    cs_digest_hex(s->digest.b, sizeof s->digest.b, hex);
    rc = find_outputs(s, at->lane, position, err);
    if (rc != CS_OK)
        return rc;
    if (s->o->json) {
        struct cs_json *text = cs_json_string(cs_buf_cstr(body));
        fprintf(s->out, "%s{\"digest\":\"%s\",\"repeat\":%u,\"request\":", s->done->trials > 0 ? ",\n" : "", hex,
                at->repeat + 1);
        if (text != NULL)
            cs_json_dumpf(text, s->out, CS_JSON_ENCODE_ANY | CS_JSON_COMPACT);
        else
            fputs("null", s->out);
        fputs(",\"outputs\":[", s->out);
        cs_json_decref(text);
    } else {
        fprintf(s->out, "repeat %u, digest %s%s\n", at->repeat + 1, hex,
                s->n > 0   ? ""
                : left_out ? ": not asked, a level requires what this case has not"
                           : ": no output yet");
    }
    rc = each_output(s, at, position, err);
    fputs(s->o->json ? "]}" : "", s->out);
    s->done->trials++;
    return rc;
}

static enum cs_err show_cell(struct showing *s, uint32_t lane, uint32_t cell, struct cs_error *err)
{
    const struct cs_plan *plan = &s->r->view.plan;
    const struct cs_study *study = plan->study;
    struct cs_buf body = CS_BUF_INIT(CS_BODY_MAX);
    struct cs_coords at;
    struct cs_case c;
    cs_plan_cell(plan, lane, s->case_index, cell, &at);
    const uint32_t repeats = study->rects[at.rect].repeats;
    if (!is_wanted(s, &at) || s->o->repeat > repeats)
        return CS_OK;
    enum cs_err rc = s->r->view.cases.get(s->r->view.cases.self, s->case_index, &c, err);
    if (rc == CS_OK)
        rc = cs_request_body(s->row.requests, &at, &c, &body, err);
    if (rc == CS_OK && !s->o->json)
        put_request(s, &at, &body);
    s->done->prompts++;
    for (uint32_t k = 0; rc == CS_OK && k < repeats; k++) {
        at.repeat = k;
        if (s->o->repeat == 0 || s->o->repeat == k + 1)
            rc = show_trial(s, &at, &body, err);
    }
    cs_buf_release(&body);
    return rc;
}

static uint32_t lane_of(const struct showing *s)
{
    const struct cs_study *study = s->r->view.spec.study;
    for (uint32_t i = 0; i < study->n_models; i++) {
        if (s->o->model != NULL && strcmp(study->models[i].name, s->o->model) == 0)
            return i;
    }
    return CS_NONE;
}

/* The one trial at a position, whatever is asked there. */
static enum cs_err show_position(struct showing *s, struct cs_show_opts *o, struct cs_error *err)
{
    const struct cs_plan *plan = &s->r->view.plan;
    const uint32_t lane = lane_of(s);
    struct cs_buf body = CS_BUF_INIT(CS_BODY_MAX);
    struct cs_coords at;
    struct cs_case c;
    if (lane == CS_NONE)
        return cs_error_set(err, CS_EINVAL, "the study has no model \"%s\"", o->model);
    if (o->position >= plan->lanes[lane].n_trials)
        return cs_error_set(err, CS_EINVAL, "%s has %" PRIu64 " trials: write a number from 0 to %" PRIu64, o->model,
                            plan->lanes[lane].n_trials, plan->lanes[lane].n_trials - 1);
    cs_plan_coords(plan, lane, cs_plan_at(plan, lane, o->position), &at);
    enum cs_err rc = s->r->view.cases.get(s->r->view.cases.self, at.case_index, &c, err);
    if (rc == CS_OK) {
        o->case_id = cs_arena_strdup(&s->arena, c.id);
        rc = cs_request_body(s->row.requests, &at, &c, &body, err);
    }
    if (rc == CS_OK && !o->json)
        put_request(s, &at, &body);
    s->done->prompts++;
    if (rc == CS_OK)
        rc = show_trial(s, &at, &body, err);
    cs_buf_release(&body);
    return rc;
}

static enum cs_err show_lanes(struct showing *s, struct cs_error *err)
{
    const struct cs_plan *plan = &s->r->view.plan;
    enum cs_err rc = CS_OK;
    bool known = s->o->model == NULL;
    for (uint32_t lane = 0; lane < plan->n_lanes && rc == CS_OK; lane++) {
        if (s->o->model != NULL && strcmp(plan->study->models[lane].name, s->o->model) != 0)
            continue;
        known = true;
        for (uint32_t i = 0; i < plan->lanes[lane].n_cells && rc == CS_OK; i++)
            rc = show_cell(s, lane, i, err);
    }
    if (rc == CS_OK && !known)
        rc = cs_error_set(err, CS_EINVAL, "the study has no model \"%s\"", s->o->model);
    if (rc == CS_OK && s->done->trials == 0)
        rc = cs_error_set(err, CS_EINVAL, "nothing is asked of case \"%s\" under %s%s", s->o->case_id, s->o->levels,
                          s->o->repeat > 0 ? " so often" : "");
    return rc;
}

static void put_head(FILE *out)
{
    struct cs_buf head = CS_BUF_INIT(256);
    cs_document_head(&head, "show/1", cs_clock_wall_ms());
    fprintf(out, "%s,\"trials\":[", cs_buf_cstr(&head));
    cs_buf_release(&head);
}

enum cs_err cs_show(struct cs_reader *r, const struct cs_show_opts *o, FILE *out, struct cs_show_done *done,
                    struct cs_error *err)
{
    struct cs_show_opts own = *o;
    struct showing s = {.r = r, .o = &own, .out = out, .done = done, .prompt = CS_PROMPT_INIT};
    *done = (struct cs_show_done){0};
    enum cs_err rc = o->at_position ? CS_OK : find_case(&s, err);
    if (rc == CS_OK && !o->at_position)
        rc = find_levels(&s, err);
    if (rc == CS_OK && !o->at_position)
        rc = find_question(&s, err);
    if (rc == CS_OK)
        rc = cs_export_row_open(&s.row, &r->view, NULL, err);
    cs_export_row_turns(&s.row, r->store);
    if (rc == CS_OK && o->json)
        put_head(out);
    if (rc == CS_OK)
        rc = o->at_position ? show_position(&s, &own, err) : show_lanes(&s, err);
    if (rc == CS_OK && o->json)
        fputs("]}\n", out);
    cs_export_row_close(&s.row);
    cs_render_release(&s.prompt);
    cs_arena_release(&s.arena);
    free(s.list);
    if (rc == CS_OK && (fflush(out) != 0 || ferror(out)))
        rc = cs_error_set(err, CS_EIO, "the output could not be written");
    return rc;
}
