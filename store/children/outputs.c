#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/rng.h"
#include "protocol/study/answer.h"
#include "protocol/study/applies.h"
#include "protocol/study/hide.h"
#include "protocol/study/leaks.h"
#include "store/children/maker.h"
#include "store/conversation.h"

enum { PROGRESS_EVERY = 1024, PLANNED_TOKENS = 1024 /* of a model that has no cap */, BYTES_PER_TOKEN = 4 };

/* ---- the parent's cases ------------------------------------------------------------------------------------------ */

static void fingerprint(const struct cs_buf *b, uint8_t out[16])
{
    uint8_t whole[32];
    cs_digest_blake2b_256(b->data != NULL ? b->data : "", b->len, whole);
    memcpy(out, whole, 16);
}

static void add_text(struct cs_buf *b, const char *text)
{
    cs_buf_append(b, text, strlen(text) + 1);
}

/* Trials of a case that its levels leave out are not planned. */
static void count_planned(struct cs_maker *m, const struct cs_case *c)
{
    for (uint32_t lane = 0; lane < m->plan->n_lanes; lane++) {
        for (uint32_t cell = 0; cell < m->plan->lanes[lane].n_cells; cell++) {
            struct cs_coords at;
            if (m->arm_of[lane][cell] == CS_NONE)
                continue;
            cs_plan_cell(m->plan, lane, c->index, cell, &at);
            if (cs_applies_cell(m->s, &at, c))
                m->arms[m->arm_of[lane][cell]].planned += m->s->rects[at.rect].repeats;
        }
    }
}

static void read_case(struct cs_maker *m, const struct cs_case *c, struct cs_names *clusters, struct cs_buf *key)
{
    cs_buf_clear(key);
    add_text(key, c->cluster);
    for (uint32_t i = 0; i < m->n_kept; i++) {
        const char *value = c->values[m->kept[i]];
        m->case_places[(size_t)c->index * m->n_kept + i] = cs_snapshot_text(m->writer, value, strlen(value));
        add_text(key, value);
    }
    if (m->each != CS_NONE)
        add_text(key, c->values[m->each]);
    fingerprint(key, m->case_keys[c->index]);
    uint32_t cluster = cs_names_get(clusters, c->cluster);
    if (cluster == CS_NONE) {
        cluster = m->n_clusters++;
        cs_names_put(clusters, cs_arena_strdup(&m->arena, c->cluster), cluster);
    }
    m->clusters[c->index] = cluster;
    if (m->s->left_out != NULL)
        count_planned(m, c);
}

enum cs_err cs_outputs_read_cases(struct cs_maker *m, struct cs_error *err)
{
    struct cs_names clusters = {0};
    struct cs_buf key = CS_BUF_INIT(SIZE_MAX);
    enum cs_err rc = CS_OK;
    m->case_places = cs_xcalloc((size_t)m->s->n_cases * (m->n_kept + 1u), sizeof *m->case_places);
    m->case_keys = cs_xcalloc(m->s->n_cases, sizeof *m->case_keys);
    m->clusters = cs_xcalloc(m->s->n_cases, sizeof *m->clusters);
    for (uint32_t i = 0; i < m->s->n_cases && rc == CS_OK; i++) {
        struct cs_case c;
        rc = m->cases->get(m->cases->self, i, &c, err);
        if (rc == CS_OK)
            read_case(m, &c, &clusters, &key);
    }
    cs_buf_release(&key);
    cs_names_release(&clusters);
    return rc;
}

/* ---- which trial it is ------------------------------------------------------------------------------------------- */

static void trial_key(const struct cs_study *s, const struct cs_coords *at, const char *case_id, uint64_t seed,
                      struct cs_buf *b, uint8_t out[16])
{
    cs_buf_clear(b);
    cs_buf_printf(b, "%llu", (unsigned long long)seed);
    cs_buf_char(b, '\0');
    add_text(b, case_id);
    add_text(b, s->models[at->lane].name);
    add_text(b, s->questions[at->question].name);
    for (uint32_t f = 0; f < s->n_factors; f++) {
        const struct cs_level *l = &s->factors[f].levels[at->arms[f].level];
        add_text(b, l->id);
        add_text(b, at->arms[f].wording != CS_NONE ? l->wordings[at->arms[f].wording].id : "");
    }
    cs_buf_printf(b, "%u %u", s->rects[at->rect].block, at->repeat);
    fingerprint(b, out);
}

/* ---- one output -------------------------------------------------------------------------------------------------- */

struct scan {
    struct cs_maker *m;
    struct cs_error *err;
    bool drawing; /* only the draws of `sample` are wanted */
    uint64_t *draws, n_draws, cap_draws;
    uint64_t done, total;
    struct cs_hide *hide; /* NULL: nothing is hidden */
    struct cs_leaks *leaks;
    struct cs_arena arena; /* of one output */
    struct cs_buf key, text;
    struct cs_prompt prompt;
    struct cs_store *store;         /* NULL: only planned */
    const struct cs_stored *stored; /* the output in hand */
    struct cs_case c;
    bool has_case;
    uint64_t filler; /* planned: where the text of the lane in hand stands; 0: not yet */
};

static enum cs_err case_of(struct scan *x, uint32_t index)
{
    if (x->has_case && x->c.index == index)
        return CS_OK;
    x->has_case = true;
    enum cs_err rc = x->m->cases->get(x->m->cases->self, index, &x->c, x->err);
    if (rc == CS_OK)
        cs_leaks_turn_to(x->leaks, &x->c);
    return rc;
}

static bool is_blank(const char *text)
{
    return text[strspn(text, " \t\r\n")] == '\0';
}

/* A judge is shown what the model said as JSON in the words that the study knows. */
static const char *answer_of(struct scan *x, const struct cs_coords *at, const struct cs_output *o, const char *name)
{
    const struct cs_question *q = &x->m->s->questions[at->question];
    struct cs_answer answers[CS_FIELDS_MAX];
    struct cs_derived_value *derived = cs_arena_array(&x->arena, q->n_derived + 1u, sizeof *derived);
    if (o->outcome != CS_OUTCOME_ok || cs_answer_parse(x->m->s, at, &x->c, o->text, strlen(o->text), o->salvaged,
                                                       o->alternatives, &x->arena, answers, derived, NULL) != CS_OK)
        return "";
    for (uint32_t i = 0; i < q->n_fields; i++) {
        if (strcmp(q->fields[i].name, name) == 0 && answers[i].text != NULL)
            return answers[i].text;
    }
    return "";
}

/* The output in hand with the turns before it. */
static enum cs_err conversation_of(struct scan *x, const struct cs_coords *at, struct cs_conversation *out)
{
    return cs_conversation_read(x->store, x->m->s, at, &x->c, &x->prompt, x->stored, &x->arena, out, x->err);
}

static enum cs_err whole_talk(struct scan *x, const struct cs_coords *at, bool with_last, const char **out)
{
    struct cs_conversation talk;
    struct cs_buf text = CS_BUF_INIT(SIZE_MAX);
    enum cs_err rc = conversation_of(x, at, &talk);
    if (rc == CS_OK) {
        cs_conversation_show(&talk, with_last, &text);
        *out = cs_arena_strndup(&x->arena, cs_buf_cstr(&text), text.len);
    }
    cs_buf_release(&text);
    return rc;
}

/* The reply at a turn, by the turn's number; "": none came. */
static enum cs_err reply_at(struct scan *x, const struct cs_coords *at, uint32_t number, const char **out)
{
    struct cs_conversation talk;
    if (x->store == NULL)
        return CS_OK;
    enum cs_err rc = conversation_of(x, at, &talk);
    for (uint32_t k = 0; rc == CS_OK && k < talk.n; k++) {
        if (talk.turn[k].number == number)
            *out = talk.turn[k].reply->text;
    }
    return rc;
}

/* What the model said in all that is shown of the output in hand: its text, and the replies before it where a piece has them. */
static enum cs_err replies_shown(struct scan *x, const struct cs_coords *at, const struct cs_output *o,
                                 const char *texts[CS_TURNS_MAX + 1], uint32_t *n)
{
    struct cs_conversation talk;
    bool all = false, any = false, shown[CS_TURNS_MAX + 1] = {false};
    for (uint32_t i = 0; i < x->m->n_pieces; i++) {
        const struct cs_children_piece *p = &x->m->pieces[i];
        all |= p->kind == CS_PIECE_TALK || p->kind == CS_PIECE_PROMPT;
        any |= p->kind == CS_PIECE_TURN;
        if (p->kind == CS_PIECE_TURN)
            shown[p->factor] = true;
    }
    texts[0] = o->text;
    *n = 1;
    if ((!all && !any) || x->store == NULL || !cs_script_is_used(x->m->s))
        return CS_OK;
    enum cs_err rc = conversation_of(x, at, &talk);
    for (uint32_t k = 0; rc == CS_OK && k + 1 < talk.n; k++) {
        if (all || shown[talk.turn[k].number])
            texts[(*n)++] = talk.turn[k].reply->text;
    }
    return rc;
}

static enum cs_err talk_of(struct scan *x, const struct cs_coords *at, const char *said, const char **out)
{
    if (x->store != NULL && cs_script_is_used(x->m->s))
        return whole_talk(x, at, said != NULL, out);
    enum cs_err rc = cs_render(x->m->s, at, &x->c, &x->prompt, x->err);
    if (rc != CS_OK)
        return rc;
    x->prompt.n_images = 0; /* a judge reads texts; a file's name may tell the arm */
    const char *shown = cs_render_shown(&x->prompt);
    *out = said == NULL ? cs_arena_strdup(&x->arena, shown)
           : x->prompt.n_before > 0 || cs_script_calls(&x->prompt) > 1
               ? cs_arena_printf(&x->arena, "%s\n\nassistant: %s", shown, said)
               : cs_arena_printf(&x->arena, "user: %s\n\nassistant: %s", shown, said);
    return CS_OK;
}

static enum cs_err value_of(struct scan *x, const struct cs_children_piece *p, const struct cs_coords *at,
                            const struct cs_output *o, const char **out)
{
    const struct cs_study *s = x->m->s;
    enum cs_err rc = CS_OK;
    *out = "";
    switch (p->kind) {
    case CS_PIECE_TEXT:
        *out = o->text;
        break;
    case CS_PIECE_ANSWER:
        *out = answer_of(x, at, o, p->name);
        break;
    case CS_PIECE_TALK:
        rc = talk_of(x, at, o->text, out);
        break;
    case CS_PIECE_PROMPT:
        rc = talk_of(x, at, NULL, out);
        break;
    case CS_PIECE_TURN:
        rc = reply_at(x, at, p->factor, out);
        break;
    case CS_PIECE_MODEL:
        *out = s->models[at->lane].name;
        return CS_OK;
    case CS_PIECE_LEVEL:
        *out = s->factors[p->factor].levels[at->arms[p->factor].level].id;
        return CS_OK;
    }
    if (rc == CS_OK)
        *out = cs_hide_words(x->hide, *out, &x->arena);
    return rc;
}

/* ---- records ----------------------------------------------------------------------------------------------------- */

static uint32_t slot_of(const struct cs_maker *m, const uint8_t key[16])
{
    uint64_t h;
    memcpy(&h, key, sizeof h);
    uint32_t at = (uint32_t)h & (m->n_slots - 1);
    while (m->slots[at] != 0 && memcmp(m->records[m->slots[at] - 1].key, key, 16) != 0)
        at = (at + 1) & (m->n_slots - 1);
    return at;
}

static void grow_slots(struct cs_maker *m)
{
    if (m->n_records < m->n_slots / 2)
        return;
    free(m->slots);
    m->n_slots = m->n_slots > 0 ? 2 * m->n_slots : 1024;
    m->slots = cs_xcalloc(m->n_slots, sizeof *m->slots);
    for (uint32_t i = 0; i < m->n_records; i++)
        m->slots[slot_of(m, m->records[i].key)] = i + 1;
}

static uint32_t add_record(struct cs_maker *m, const uint8_t key[16], uint32_t case_index)
{
    if (m->n_records == m->cap_records) {
        m->cap_records = m->cap_records > 0 ? 2 * m->cap_records : 1024;
        m->records = cs_xrealloc(m->records, m->cap_records, sizeof *m->records);
        m->places = cs_xrealloc(m->places, (size_t)m->cap_records * (m->n_pieces + 1u), sizeof *m->places);
    }
    struct cs_children_record *r = &m->records[m->n_records];
    memcpy(r->key, key, 16);
    r->case_index = case_index;
    return m->n_records++;
}

static void add_entry(struct cs_maker *m, const struct cs_entry *e)
{
    if (m->n_entries == m->cap_entries) {
        m->cap_entries = m->cap_entries > 0 ? 2 * m->cap_entries : 1024;
        m->entries = cs_xrealloc(m->entries, m->cap_entries, sizeof *m->entries);
    }
    m->entries[m->n_entries++] = *e;
}

/* The values of an output: those of a record that is there, or of a new one. */
static enum cs_err record_of(struct scan *x, const struct cs_coords *at, const struct cs_output *o, struct cs_entry *e)
{
    struct cs_maker *m = x->m;
    const char **values = cs_arena_array(&x->arena, m->n_pieces + 1u, sizeof *values);
    uint8_t key[16];
    enum cs_err rc = CS_OK;
    cs_buf_clear(&x->key);
    cs_buf_append(&x->key, m->case_keys[at->case_index], 16);
    for (uint32_t i = 0; i < m->n_pieces && rc == CS_OK; i++) {
        rc = value_of(x, &m->pieces[i], at, o, &values[i]);
        if (rc != CS_OK)
            return rc;
        if (strlen(values[i]) > CS_TEXT_MAX)
            return CS_ETOOBIG;
        if (values[i] == o->text)
            cs_buf_append(&x->key, e->text.b, sizeof e->text.b);
        else
            add_text(&x->key, values[i]);
    }
    fingerprint(&x->key, key);
    if (m->take->apart || m->about.planned)
        trial_key(m->s, at, x->c.id, 0, &x->key, key);
    grow_slots(m);
    const uint32_t slot = slot_of(m, key);
    if (m->slots[slot] != 0) {
        e->record = m->slots[slot] - 1;
        return CS_OK;
    }
    e->record = add_record(m, key, at->case_index);
    m->slots[slot] = e->record + 1;
    for (uint32_t i = 0; i < m->n_pieces; i++) {
        const bool filler = m->about.planned && values[i] == o->text;
        const uint64_t place = filler && x->filler != 0 ? x->filler
                                                        : cs_snapshot_text(m->writer, values[i], strlen(values[i]));
        m->places[(size_t)e->record * m->n_pieces + i] = place;
        x->filler = filler ? place : x->filler;
    }
    return CS_OK;
}

/* Whether the draw of a trial is among the smallest that `sample` asks for. */
static bool is_drawn(struct scan *x, const struct cs_coords *at)
{
    uint8_t key[16];
    uint64_t draw;
    if (x->m->take->sample == 0)
        return true;
    trial_key(x->m->s, at, x->c.id, x->m->take->seed, &x->key, key);
    memcpy(&draw, key, sizeof draw);
    if (!x->drawing)
        return draw <= x->m->threshold;
    if (x->n_draws == x->cap_draws) {
        x->cap_draws = x->cap_draws > 0 ? 2 * x->cap_draws : 1024;
        x->draws = cs_xrealloc(x->draws, x->cap_draws, sizeof *x->draws);
    }
    x->draws[x->n_draws++] = draw;
    return false;
}

static enum cs_err take_output(struct scan *x, const struct cs_coords *at, struct cs_parent_arm *arm,
                               const struct cs_output *o, uint64_t output_id)
{
    struct cs_maker *m = x->m;
    struct cs_entry e = {.output_id = output_id,
                         .digest = o->digest,
                         .case_index = at->case_index,
                         .lane = at->lane,
                         .cell = at->cell,
                         .repeat = at->repeat};
    uint8_t whole[32];
    if (is_blank(o->text) || strlen(o->text) > CS_TEXT_MAX) {
        arm->unfit += !x->drawing;
        return CS_OK;
    }
    enum cs_err rc = case_of(x, at->case_index);
    if (rc != CS_OK || !is_drawn(x, at))
        return rc;
    cs_digest_blake2b_256(o->text, strlen(o->text), whole);
    memcpy(e.text.b, whole, sizeof e.text.b);
    rc = record_of(x, at, o, &e);
    if (rc == CS_ETOOBIG) {
        arm->unfit++;
        return CS_OK;
    }
    if (rc != CS_OK)
        return rc;
    if (m->n_entries == CS_CASES_MAX)
        return cs_error_set(x->err, CS_ETOOBIG, "more than %d outputs of \"%s\"; take fewer, or a sample of them",
                            CS_CASES_MAX, m->s->name);
    arm->taken++;
    add_entry(m, &e);
    const char *texts[CS_TURNS_MAX + 1];
    uint32_t n = 0;
    if (m->about.planned)
        return CS_OK;
    rc = replies_shown(x, at, o, texts, &n);
    return rc == CS_OK ? cs_leaks_count(x->leaks, x->hide, texts, n, &arm->leaks, x->err) : rc;
}

static enum cs_err tell(struct scan *x)
{
    const struct cs_children_opts *o = x->m->opts;
    const bool goes_on = o->on_progress == NULL || x->done % PROGRESS_EVERY != 0 ||
                         o->on_progress(o->self, x->done, x->total);
    x->done++;
    return goes_on ? CS_OK : cs_error_set(x->err, CS_EINTERRUPTED, "interrupted");
}

static enum cs_err look(void *self, uint32_t lane, uint64_t position, const struct cs_stored *stored,
                        struct cs_error *err)
{
    struct scan *x = self;
    struct cs_maker *m = x->m;
    struct cs_coords at;
    (void)err;
    if (tell(x) != CS_OK)
        return CS_EINTERRUPTED;
    cs_plan_coords(m->plan, lane, cs_plan_at(m->plan, lane, position), &at);
    if (m->arm_of[lane][at.cell] == CS_NONE)
        return CS_OK;
    struct cs_parent_arm *arm = &m->arms[m->arm_of[lane][at.cell]];
    if (!x->drawing)
        arm->by_outcome[stored->output.outcome]++;
    if (!m->outcomes[stored->output.outcome])
        return CS_OK;
    cs_arena_reset(&x->arena);
    x->stored = stored;
    return take_output(x, &at, arm, &stored->output, stored->output_id);
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void set_threshold(struct scan *x)
{
    const uint64_t n = x->m->take->sample;
    x->m->threshold = UINT64_MAX;
    if (n < x->n_draws) {
        qsort(x->draws, x->n_draws, sizeof *x->draws, by_size);
        x->m->threshold = x->draws[n - 1];
    }
    CS_FREE(x->draws);
    x->drawing = false;
}

static void open_scan(struct scan *x, struct cs_maker *m, struct cs_error *err)
{
    *x = (struct scan){.m = m,
                       .err = err,
                       .drawing = m->take->sample != 0,
                       .total = m->plan->n_trials,
                       .key = CS_BUF_INIT(SIZE_MAX),
                       .prompt = CS_PROMPT_INIT};
    x->hide = cs_hide_open(m->take->hide.words, m->take->hide.n, m->take->hide_as);
    x->leaks = cs_leaks_open(m->s);
}

static void close_scan(struct scan *x)
{
    cs_arena_release(&x->arena);
    cs_buf_release(&x->key);
    cs_render_release(&x->prompt);
    cs_hide_close(x->hide);
    cs_leaks_close(x->leaks);
    free(x->draws);
}

enum cs_err cs_outputs_scan(struct cs_maker *m, struct cs_store *store, uint32_t gen, struct cs_error *err)
{
    struct scan x;
    enum cs_err rc = CS_OK;
    open_scan(&x, m, err);
    x.store = store;
    for (bool again = true; again && rc == CS_OK;) {
        again = x.drawing;
        for (uint32_t lane = 0; lane < m->plan->n_lanes && rc == CS_OK; lane++)
            rc = m->models[lane] ? cs_store_scan(store, gen, lane, look, &x, err) : CS_OK;
        if (again)
            set_threshold(&x);
    }
    close_scan(&x);
    return rc;
}

/* ---- what is only planned ---------------------------------------------------------------------------------------- */

/* A text of the greatest length that a model of the parent may write. */
static const char *longest(struct cs_maker *m, uint32_t lane)
{
    const uint64_t tokens = m->s->models[lane].max_output_tokens > 0 ? m->s->models[lane].max_output_tokens
                                                                     : PLANNED_TOKENS;
    const size_t n = tokens * BYTES_PER_TOKEN < CS_TEXT_MAX / 2 ? (size_t)tokens * BYTES_PER_TOKEN : CS_TEXT_MAX / 2;
    char *text = cs_arena_alloc(&m->arena, n + 1);
    for (size_t i = 0; i < n; i++)
        text[i] = i % 5 == 4 ? ' ' : 'x';
    text[n] = '\0';
    return text;
}

static enum cs_err plan_lane(struct scan *x, uint32_t lane)
{
    struct cs_maker *m = x->m;
    const struct cs_output o = {.outcome = CS_OUTCOME_ok, .text = longest(m, lane), .alternatives = ""};
    enum cs_err rc = CS_OK;
    x->filler = 0;
    for (uint64_t i = 0; i < m->plan->lanes[lane].n_trials && rc == CS_OK; i++) {
        struct cs_coords at;
        rc = tell(x);
        if (rc != CS_OK)
            return rc;
        cs_plan_coords(m->plan, lane, i, &at);
        const uint32_t arm = m->arm_of[lane][at.cell];
        rc = arm != CS_NONE ? case_of(x, at.case_index) : CS_OK;
        if (rc != CS_OK || arm == CS_NONE || !cs_applies_cell(m->s, &at, &x->c))
            continue;
        cs_arena_reset(&x->arena);
        rc = take_output(x, &at, &m->arms[arm], &o, 0);
    }
    return rc;
}

enum cs_err cs_outputs_plan(struct cs_maker *m, struct cs_error *err)
{
    struct scan x;
    enum cs_err rc = CS_OK;
    open_scan(&x, m, err);
    for (bool again = true; again && rc == CS_OK;) {
        again = x.drawing;
        for (uint32_t lane = 0; lane < m->plan->n_lanes && rc == CS_OK; lane++)
            rc = m->models[lane] ? plan_lane(&x, lane) : CS_OK;
        if (again)
            set_threshold(&x);
    }
    close_scan(&x);
    return rc;
}
