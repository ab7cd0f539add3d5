#include <stdlib.h>
#include <string.h>

#include "protocol/study/script.h"
#include "protocol/base/alloc.h"
#include "protocol/study/applies.h"
#include "protocol/study/template.h"
#include "store/children/maker.h"

/* ---- what is taken ----------------------------------------------------------------------------------------------- */

/* Marks the wanted names among those there are; nothing wanted: all. */
static enum cs_err choose(const struct cs_take_words *wanted, const char *const *names, uint32_t n, const char *what,
                          const char *study, bool *out, struct cs_error *err)
{
    for (uint32_t i = 0; i < n; i++)
        out[i] = wanted->n == 0 || cs_take_has(wanted, names[i]);
    for (uint32_t i = 0; i < wanted->n; i++) {
        uint32_t k = 0;
        while (k < n && strcmp(names[k], wanted->words[i]) != 0)
            k++;
        if (k == n)
            return cs_error_set(err, CS_EINVAL, "take: the study \"%s\" has no %s \"%s\"%s", study, what,
                                wanted->words[i], cs_names_hint(wanted->words[i], names, n).text);
    }
    return CS_OK;
}

static enum cs_err choose_outcomes(struct cs_maker *m, struct cs_error *err)
{
    static const enum cs_outcome with_text[] = {CS_OUTCOME_ok, CS_OUTCOME_refused, CS_OUTCOME_content_filtered,
                                                CS_OUTCOME_truncated, CS_OUTCOME_unparsable};
    const char *names[sizeof with_text / sizeof with_text[0]];
    bool chosen[sizeof with_text / sizeof with_text[0]] = {false};
    const uint32_t n = sizeof with_text / sizeof with_text[0];
    for (uint32_t i = 0; i < n; i++)
        names[i] = cs_outcome_name(with_text[i]);
    enum cs_err rc = choose(&m->take->outcomes, names, n, "outcome with a text", m->s->name, chosen, err);
    for (uint32_t i = 0; i < n; i++)
        m->outcomes[with_text[i]] = chosen[i];
    return rc;
}

static const char **level_ids(struct cs_maker *m, const struct cs_factor *f)
{
    const char **ids = cs_arena_array(&m->arena, f->n_levels, sizeof *ids);
    for (uint32_t i = 0; i < f->n_levels; i++)
        ids[i] = f->levels[i].id;
    return ids;
}

static enum cs_err find_factor(struct cs_maker *m, const char *name, const char *what, uint32_t *out,
                               struct cs_error *err)
{
    const char *names[CS_FACTORS_MAX];
    for (uint32_t i = 0; i < m->s->n_factors; i++)
        names[i] = m->s->factors[i].name;
    *out = cs_study_factor(m->s, name);
    return *out != CS_NONE ? CS_OK
                           : cs_error_set(err, CS_EINVAL, "%s: the study \"%s\" has no factor \"%s\"%s", what,
                                          m->s->name, name, cs_names_hint(name, names, m->s->n_factors).text);
}

static enum cs_err choose_levels(struct cs_maker *m, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    for (uint32_t f = 0; f < m->s->n_factors; f++) {
        m->levels[f] = cs_arena_array(&m->arena, m->s->factors[f].n_levels, sizeof *m->levels[f]);
        memset(m->levels[f], 1, m->s->factors[f].n_levels);
    }
    for (uint32_t i = 0; i < m->take->n_levels && rc == CS_OK; i++) {
        const struct cs_take_levels *of = &m->take->levels[i];
        uint32_t f = 0;
        rc = find_factor(m, of->factor, "take: levels", &f, err);
        if (rc == CS_OK)
            rc = choose(&of->ids, level_ids(m, &m->s->factors[f]), m->s->factors[f].n_levels, "level", m->s->name,
                        m->levels[f], err);
    }
    return rc;
}

/* ---- the columns ------------------------------------------------------------------------------------------------- */

static uint32_t piece(struct cs_maker *m, const struct cs_children_piece *wanted)
{
    uint32_t i = 0;
    while (i < m->n_pieces && (m->pieces[i].kind != wanted->kind || m->pieces[i].factor != wanted->factor ||
                               strcmp(m->pieces[i].name, wanted->name) != 0))
        i++;
    if (i == m->n_pieces)
        m->pieces[m->n_pieces++] = *wanted;
    return i;
}

static bool is_answer(const struct cs_maker *m, const char *name)
{
    for (uint32_t q = 0; q < m->s->n_questions; q++) {
        for (uint32_t i = 0; m->questions[q] && i < m->s->questions[q].n_fields; i++) {
            if (strcmp(m->s->questions[q].fields[i].name, name) == 0)
                return true;
        }
    }
    return false;
}

/* What `output.NAME` or `parent.NAME` is; false: nothing, or nothing that the judge may be shown. */
static bool find_piece(const struct cs_maker *m, bool of_parent, const char *name, struct cs_children_piece *out)
{
    *out = (struct cs_children_piece){.name = "", .factor = CS_NONE};
    if (of_parent) {
        out->kind = strcmp(name, "model") == 0 ? CS_PIECE_MODEL : CS_PIECE_LEVEL;
        out->factor = out->kind == CS_PIECE_LEVEL ? cs_study_factor(m->s, name) : CS_NONE;
        return cs_take_has(&m->take->shows, name) && (out->kind == CS_PIECE_MODEL || out->factor != CS_NONE);
    }
    if (strcmp(name, "text") == 0) {
        out->kind = CS_PIECE_TEXT;
        return true;
    }
    if (strcmp(name, "conversation") == 0) {
        out->kind = CS_PIECE_TALK;
        return !m->about.factors_in_prompt || cs_take_has(&m->take->shows, "prompt");
    }
    if (strcmp(name, "prompt") == 0) {
        out->kind = CS_PIECE_PROMPT;
        return cs_take_has(&m->take->shows, name);
    }
    if (strncmp(name, "turn.", 5) == 0) {
        const unsigned long turn = name[5] >= '1' && name[5] <= '9' ? strtoul(name + 5, NULL, 10) : 0;
        out->kind = CS_PIECE_TURN;
        out->factor = turn <= CS_TURNS_MAX ? (uint32_t)turn : 0;
        return out->factor > 0 && strlen(name) == 5u + (turn > 9) + 1u && cs_script_is_used(m->s);
    }
    out->kind = CS_PIECE_ANSWER;
    out->name = name;
    return is_answer(m, name);
}

static void add_column(struct cs_maker *m, const char *name, const struct cs_children_column *c)
{
    for (uint32_t i = 0; i < m->n_columns; i++) {
        if (strcmp(m->names[i], name) == 0)
            return;
    }
    m->names[m->n_columns] = name;
    m->columns[m->n_columns++] = *c;
}

static void add_case_column(struct cs_maker *m, uint32_t column)
{
    uint32_t i = 0;
    while (i < m->n_kept && m->kept[i] != column)
        i++;
    if (i == m->n_kept)
        m->kept[m->n_kept++] = column;
    add_column(m, m->s->columns[column], &(struct cs_children_column){.of = CS_COLUMN_CASE, .at = i});
}

static void add_mentioned(struct cs_maker *m, const char *word)
{
    static const struct {
        const char *before;
        bool pair, of_parent;
        uint32_t side;
    } forms[] = {{"output.", false, false, 0},
                 {"first.", true, false, 0},
                 {"second.", true, false, 1},
                 {"parent.", false, true, 0}};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        const size_t n = strlen(forms[i].before);
        struct cs_children_piece p;
        if (strncmp(word, forms[i].before, n) == 0 && forms[i].pair == (m->pair_factor != CS_NONE) &&
            find_piece(m, forms[i].of_parent, word + n, &p)) {
            add_column(m, word,
                       &(struct cs_children_column){.of = CS_COLUMN_PIECE, .at = piece(m, &p), .side = forms[i].side});
            return;
        }
    }
    if (m->each != CS_NONE && strncmp(word, "each.", 5) == 0) {
        add_column(m, word, &(struct cs_children_column){.of = CS_COLUMN_EACH, .key = word + 5});
        return;
    }
    const uint32_t column = cs_study_column(m->s, word);
    if (column != CS_NONE && strchr(word, '/') == NULL)
        add_case_column(m, column);
}

static void find_columns(struct cs_maker *m)
{
    const uint32_t most = m->take->columns.n + m->s->n_strata + 1;
    m->kept = cs_arena_array(&m->arena, most, sizeof *m->kept);
    m->pieces = cs_arena_array(&m->arena, most, sizeof *m->pieces);
    m->columns = cs_arena_array(&m->arena, most, sizeof *m->columns);
    m->names = cs_arena_array(&m->arena, most, sizeof *m->names);
    for (uint32_t i = 0; i < m->s->n_strata; i++)
        add_case_column(m, m->s->strata[i]);
    for (uint32_t i = 0; i < m->take->columns.n; i++)
        add_mentioned(m, m->take->columns.words[i]);
    m->about.column = m->n_columns;
    add_column(m, CS_PARENTS_COLUMN, &(struct cs_children_column){.of = CS_COLUMN_PARENTS});
}

static enum cs_err find_each(struct cs_maker *m, struct cs_error *err)
{
    m->each = CS_NONE;
    if (m->take->each[0] == '\0')
        return CS_OK;
    m->each = cs_study_column(m->s, m->take->each);
    return m->each != CS_NONE
               ? CS_OK
               : cs_error_set(err, CS_EINVAL, "each is \"%s\", but the cases of \"%s\" have no such column%s",
                              m->take->each, m->s->name,
                              cs_names_hint(m->take->each, m->s->columns, m->s->n_columns).text);
}

/* ---- what it was ------------------------------------------------------------------------------------------------- */

static bool text_shows_factor(const struct cs_study *s, const char *text)
{
    struct cs_piece p = {.slot = CS_SLOT_END};
    do { /* a placeholder of an element is read too: it is no factor's */
        if (cs_template_next_of_each(s, &text, &p, NULL) != CS_OK || p.slot == CS_SLOT_FACTOR ||
            p.slot == CS_SLOT_FACTOR_TEXT)
            return true;
    } while (p.slot != CS_SLOT_END);
    return false;
}

/* Whether the text that the model is sent as the user's shows anything of a factor. */
static bool shows_factor(const struct cs_study *s)
{
    for (uint32_t f = 0; f < s->n_factors; f++) {
        if (s->factors[f].insert != CS_INSERT_NONE)
            return true;
        for (uint32_t i = 0; i < s->factors[f].n_levels; i++) {
            const struct cs_level *l = &s->factors[f].levels[i];
            if (l->use_column != CS_NONE || l->text_column != CS_NONE || l->order != NULL)
                return true;
        }
    }
    for (uint32_t i = 0; i < s->n_prompts; i++) {
        const char *text;
        for (uint32_t k = 0; (text = cs_script_text(&s->prompts[i], k)) != NULL; k++) {
            if (text_shows_factor(s, text))
                return true;
        }
    }
    return false;
}

static void describe(struct cs_maker *m)
{
    const struct cs_study *s = m->s;
    struct cs_parent_study *a = &m->about;
    struct cs_parent_factor *factors = cs_arena_array(&m->arena, s->n_factors + 1u, sizeof *factors);
    const char **models = cs_arena_array(&m->arena, s->n_models, sizeof *models),
               **questions = cs_arena_array(&m->arena, s->n_questions, sizeof *questions),
               **strata = cs_arena_array(&m->arena, s->n_strata + 1u, sizeof *strata);
    for (uint32_t f = 0; f < s->n_factors; f++) {
        struct cs_parent_level *levels = cs_arena_array(&m->arena, s->factors[f].n_levels, sizeof *levels);
        for (uint32_t i = 0; i < s->factors[f].n_levels; i++)
            levels[i] = (struct cs_parent_level){s->factors[f].levels[i].id, (uint8_t)s->factors[f].levels[i].role};
        factors[f] = (struct cs_parent_factor){s->factors[f].name, levels, s->factors[f].n_levels};
    }
    const char **sent = cs_arena_array(&m->arena, s->n_models, sizeof *sent),
               **accounts = cs_arena_array(&m->arena, s->n_models, sizeof *accounts);
    for (uint32_t i = 0; i < s->n_models; i++) {
        models[i] = s->models[i].name;
        sent[i] = s->models[i].model;
        accounts[i] = s->accounts[s->models[i].account].name;
    }
    for (uint32_t i = 0; i < s->n_questions; i++)
        questions[i] = s->questions[i].name;
    for (uint32_t i = 0; i < s->n_strata; i++)
        strata[i] = s->columns[s->strata[i]];
    for (uint32_t i = 0; i < s->n_rects; i++)
        a->repeats = s->rects[i].repeats > a->repeats ? s->rects[i].repeats : a->repeats;
    a->study = s->name;
    a->confidential = s->confidential;
    a->factors_in_prompt = shows_factor(s);
    a->factors = factors;
    a->n_factors = s->n_factors;
    a->models = models;
    a->sent = sent;
    a->accounts = accounts;
    a->n_models = s->n_models;
    a->questions = questions;
    a->n_questions = s->n_questions;
    a->strata = strata;
    a->n_strata = s->n_strata;
}

/* ---- arms -------------------------------------------------------------------------------------------------------- */

static bool is_taken(const struct cs_maker *m, const struct cs_coords *at)
{
    bool taken = m->models[at->lane] && m->questions[at->question];
    for (uint32_t f = 0; f < m->s->n_factors; f++)
        taken &= m->levels[f][at->arms[f].level];
    return taken;
}

static uint32_t find_arm(struct cs_maker *m, struct cs_names *known, const struct cs_coords *at)
{
    struct cs_buf key = CS_BUF_INIT(4096);
    cs_buf_printf(&key, "%u %u", at->lane, at->question);
    for (uint32_t f = 0; f < m->s->n_factors; f++)
        cs_buf_printf(&key, " %u", at->arms[f].level);
    uint32_t i = cs_names_get(known, cs_buf_cstr(&key));
    if (i == CS_NONE && m->about.n_arms < CS_PARENT_ARMS_MAX) {
        uint32_t *levels = cs_arena_array(&m->arena, m->s->n_factors + 1u, sizeof *levels);
        for (uint32_t f = 0; f < m->s->n_factors; f++)
            levels[f] = at->arms[f].level;
        i = m->about.n_arms++;
        m->arms[i] = (struct cs_parent_arm){.model = at->lane, .question = at->question, .levels = levels};
        cs_names_put(known, cs_arena_strdup(&m->arena, cs_buf_cstr(&key)), i);
    }
    cs_buf_release(&key);
    return i;
}

static enum cs_err make_arms(struct cs_maker *m, struct cs_error *err)
{
    struct cs_names known = {0};
    enum cs_err rc = CS_OK;
    m->arms = cs_arena_array(&m->arena, CS_PARENT_ARMS_MAX, sizeof *m->arms);
    m->arm_of = cs_arena_array(&m->arena, m->plan->n_lanes, sizeof *m->arm_of);
    for (uint32_t lane = 0; lane < m->plan->n_lanes && rc == CS_OK; lane++) {
        const struct cs_plan_lane *l = &m->plan->lanes[lane];
        m->arm_of[lane] = cs_arena_array(&m->arena, l->n_cells + 1u, sizeof *m->arm_of[lane]);
        for (uint32_t cell = 0; cell < l->n_cells && rc == CS_OK; cell++) {
            struct cs_coords at;
            cs_plan_cell(m->plan, lane, 0, cell, &at);
            m->arm_of[lane][cell] = is_taken(m, &at) ? find_arm(m, &known, &at) : CS_NONE;
            if (m->arm_of[lane][cell] == CS_NONE && is_taken(m, &at))
                rc = cs_error_set(err, CS_ETOOBIG,
                                  "take: more than %d conditions of \"%s\"; take fewer models, questions or levels",
                                  CS_PARENT_ARMS_MAX, m->s->name);
            else if (m->arm_of[lane][cell] != CS_NONE && m->s->left_out == NULL)
                m->arms[m->arm_of[lane][cell]].planned += (uint64_t)m->s->n_cases * m->s->rects[at.rect].repeats;
        }
    }
    cs_names_release(&known);
    m->about.arms = m->arms;
    return rc;
}

enum cs_err cs_wishes_make(struct cs_maker *m, struct cs_error *err)
{
    const struct cs_take *t = m->take;
    enum cs_err rc = choose_outcomes(m, err);
    describe(m);
    if (rc == CS_OK)
        rc = choose(&t->models, m->about.models, m->s->n_models, "model", m->s->name, m->models, err);
    if (rc == CS_OK)
        rc = choose(&t->questions, m->about.questions, m->s->n_questions, "question", m->s->name, m->questions, err);
    if (rc == CS_OK)
        rc = choose_levels(m, err);
    m->pair_factor = CS_NONE;
    if (rc == CS_OK && t->pair[0] != '\0')
        rc = find_factor(m, t->pair, "pair", &m->pair_factor, err);
    if (rc == CS_OK)
        rc = find_each(m, err);
    if (rc != CS_OK)
        return rc;
    find_columns(m);
    return make_arms(m, err);
}
