#include "protocol/wire/spec_visit.h"

#include "protocol/base/pattern.h"
#include "protocol/study/image.h"
#include "protocol/study/tool_rows.h"

/* What an array member points to may be const to everybody but the one who makes it. */
#define KEEP(c, member, list)                                                                                          \
    do {                                                                                                               \
        if (!cs_codec_packing(c))                                                                                      \
            (member) = (list);                                                                                         \
    } while (0)

/* An enum as one byte; which values are known is checked with the rest (study_check.h). */
#define VISIT_ENUM(c, member)                                                                                          \
    do {                                                                                                               \
        uint8_t byte_ = (uint8_t)(member);                                                                             \
        cs_codec_u8(c, &byte_);                                                                                        \
        KEEP(c, member, byte_);                                                                                        \
    } while (0)

void *cs_spec_visit_elements(struct cs_codec *c, const void *own, uint32_t *n, uint32_t max, size_t size)
{
    cs_codec_array(c, n, max);
    return cs_codec_packing(c) ? (void *)(uintptr_t)own : cs_codec_alloc(c, *n, size);
}

void cs_spec_visit_text(struct cs_codec *c, const char **s, uint32_t max)
{
    cs_codec_str(c, s, max);
    if (*s == NULL)
        cs_codec_fail(c, "a text is missing");
}

static void words(struct cs_codec *c, const char *const **list, uint32_t *n, uint32_t max)
{
    const char **v = cs_spec_visit_elements(c, *list, n, max, sizeof *v);
    for (uint32_t i = 0; i < *n; i++)
        cs_spec_visit_text(c, &v[i], CS_TEXT_MAX);
    cs_codec_end(c);
    KEEP(c, *list, v);
}

void cs_spec_visit_values(struct cs_codec *c, const char *const **values, uint32_t n)
{
    uint32_t count = n;
    words(c, values, &count, n);
    if (count != n)
        cs_codec_fail(c, "%u values where %u are needed", count, n);
}

static void numbers(struct cs_codec *c, const uint32_t **list, uint32_t *n, uint32_t max)
{
    uint32_t *v = cs_spec_visit_elements(c, *list, n, max, sizeof *v);
    for (uint32_t i = 0; i < *n; i++)
        cs_codec_u32(c, &v[i]);
    cs_codec_end(c);
    KEEP(c, *list, v);
}

/* An array that may be NULL: it travels as an empty one, and an empty one is read as NULL. */
static void numbers_or_null(struct cs_codec *c, const uint32_t **list, uint32_t *n, uint32_t max)
{
    uint32_t count = *list != NULL ? *n : 0;
    const uint32_t *v = *list;
    numbers(c, &v, &count, max);
    KEEP(c, *list, count > 0 ? v : NULL);
    KEEP(c, *n, count);
}

/* ---- factors ---------------------------------------------------------------------------------- */

static void visit_wording(struct cs_codec *c, struct cs_wording *w, uint32_t n_columns)
{
    cs_codec_begin(c, 3);
    cs_spec_visit_text(c, &w->id, CS_SPEC_NAME_MAX);
    cs_codec_str(c, &w->match, CS_TEXT_MAX);
    cs_spec_visit_values(c, &w->values, n_columns);
    cs_codec_end(c);
}

static void visit_requires(struct cs_codec *c, struct cs_level *l)
{
    struct cs_require *r = cs_spec_visit_elements(c, l->requires, &l->n_requires, CS_REQUIRES_MAX, sizeof *r);
    for (uint32_t i = 0; i < l->n_requires; i++) {
        cs_codec_begin(c, 2);
        cs_codec_u32(c, &r[i].column);
        words(c, &r[i].values, &r[i].n_values, CS_REQUIRE_VALUES_MAX);
        cs_codec_end(c);
    }
    cs_codec_end(c);
    KEEP(c, l->requires, r);
}

/* Appended where it is said: a study that does without it keeps its digest. */
static void visit_level(struct cs_codec *c, struct cs_level *l, uint32_t n_columns)
{
    const bool image = l->image != 0, requires = l->n_requires > 0 || image;
    cs_codec_begin(c, !cs_codec_packing(c) ? 9 : image ? 11 : requires ? 10 : 9);
    cs_spec_visit_text(c, &l->id, CS_SPEC_NAME_MAX);
    VISIT_ENUM(c, l->role);
    cs_codec_u32(c, &l->repeats_times);
    struct cs_wording *w = cs_spec_visit_elements(c, l->wordings, &l->n_wordings, CS_WORDINGS_MAX, sizeof *w);
    for (uint32_t i = 0; i < l->n_wordings; i++)
        visit_wording(c, &w[i], n_columns);
    cs_codec_end(c);
    KEEP(c, l->wordings, w);
    cs_codec_str(c, &l->system, CS_TEXT_MAX);
    cs_codec_str(c, &l->parameters, CS_TEXT_MAX);
    cs_codec_u32(c, &l->use_column);
    cs_codec_u32(c, &l->text_column);
    numbers_or_null(c, &l->order, &l->n_order, CS_CATEGORIES_MAX);
    if (cs_codec_packing(c) ? requires : cs_codec_more(c))
        visit_requires(c, l);
    if (cs_codec_packing(c) ? image : cs_codec_more(c))
        cs_codec_u32(c, &l->image);
    cs_codec_end(c);
}

static void visit_factor(struct cs_codec *c, struct cs_factor *f)
{
    cs_codec_begin(c, 9);
    cs_spec_visit_text(c, &f->name, CS_SPEC_NAME_MAX);
    words(c, &f->columns, &f->n_columns, CS_COLUMNS_MAX);
    struct cs_level *l = cs_spec_visit_elements(c, f->levels, &f->n_levels, CS_LEVELS_MAX, sizeof *l);
    for (uint32_t i = 0; i < f->n_levels; i++)
        visit_level(c, &l[i], f->n_columns);
    cs_codec_end(c);
    KEEP(c, f->levels, l);
    cs_codec_bool(c, &f->joined);
    cs_codec_u32(c, &f->match_column);
    VISIT_ENUM(c, f->insert);
    cs_codec_str(c, &f->anchor, CS_TEXT_MAX);
    cs_codec_u32(c, &f->into_column);
    cs_codec_u32(c, &f->insert_column);
    cs_codec_end(c);
}

enum { CS_RULE_ELEMENTS_MAX = 1 << 20 };

/* ---- questions -------------------------------------------------------------------------------- */

static void visit_count(struct cs_codec *c, uint32_t *n, uint32_t max);

/* A list lies flat, its fields one behind the other, as rules do (below). */
static uint32_t list_elements_of(const struct cs_list_answer *a)
{
    uint32_t n = 5;
    for (uint32_t i = 0; i < a->n_fields; i++)
        n += 8 + a->fields[i].n_categories;
    return n;
}

static void visit_member(struct cs_codec *c, struct cs_field *f)
{
    cs_spec_visit_text(c, &f->name, CS_SPEC_NAME_MAX);
    VISIT_ENUM(c, f->kind);
    visit_count(c, &f->n_categories, CS_CATEGORIES_MAX);
    const char **words_of = cs_codec_packing(c) ? (void *)(uintptr_t)f->categories
                                                : cs_codec_alloc(c, f->n_categories, sizeof *words_of);
    for (uint32_t i = 0; i < f->n_categories && cs_codec_ok(c); i++)
        cs_spec_visit_text(c, &words_of[i], CS_TEXT_MAX);
    KEEP(c, f->categories, words_of);
    cs_codec_str(c, &f->insufficient, CS_TEXT_MAX);
    cs_codec_str(c, &f->describe, CS_TEXT_MAX);
    cs_codec_double(c, &f->min);
    cs_codec_double(c, &f->max);
    cs_codec_str(c, &f->truth_key, CS_TEXT_MAX);
    KEEP(c, f->truth_column, CS_NONE);
    KEEP(c, f->order_factor, CS_NONE);
}

static void visit_list(struct cs_codec *c, const struct cs_list_answer **list)
{
    struct cs_list_answer *a = cs_codec_packing(c) ? (void *)(uintptr_t)*list : cs_codec_alloc(c, 1, sizeof *a);
    uint32_t n = cs_codec_packing(c) ? list_elements_of(a) : 0;
    cs_codec_array(c, &n, CS_FIELDS_MAX * (CS_CATEGORIES_MAX + 8) + 5);
    cs_codec_u32(c, &a->column);
    cs_spec_visit_text(c, &a->key, CS_SPEC_NAME_MAX);
    cs_spec_visit_text(c, &a->show, CS_SPEC_NAME_MAX);
    cs_codec_u32(c, &a->most);
    visit_count(c, &a->n_fields, CS_FIELDS_MAX);
    struct cs_field *f = cs_codec_packing(c) ? (void *)(uintptr_t)a->fields : cs_codec_alloc(c, a->n_fields, sizeof *f);
    for (uint32_t i = 0; i < a->n_fields && cs_codec_ok(c); i++)
        visit_member(c, &f[i]);
    KEEP(c, a->fields, f);
    cs_codec_end(c);
    KEEP(c, *list, a);
}

/* Appended where it is said: a study that does without it keeps its digest. */
static void visit_field(struct cs_codec *c, struct cs_field *f)
{
    cs_codec_begin(c, cs_codec_packing(c) && f->list != NULL ? 11 : 10);
    cs_spec_visit_text(c, &f->name, CS_SPEC_NAME_MAX);
    VISIT_ENUM(c, f->kind);
    words(c, &f->categories, &f->n_categories, CS_CATEGORIES_MAX);
    cs_codec_str(c, &f->insufficient, CS_TEXT_MAX);
    cs_codec_str(c, &f->describe, CS_TEXT_MAX);
    cs_codec_u32(c, &f->truth_column);
    cs_codec_double(c, &f->min);
    cs_codec_double(c, &f->max);
    uint32_t n = f->n_categories;
    numbers_or_null(c, &f->option_columns, &n, CS_CATEGORIES_MAX);
    if (n != f->n_categories && n != 0)
        cs_codec_fail(c, "%u option columns for %u options", n, f->n_categories);
    cs_codec_u32(c, &f->order_factor);
    if (cs_codec_packing(c) ? f->list != NULL : cs_codec_more(c))
        visit_list(c, &f->list);
    cs_codec_end(c);
}

/* A rule lies flat, its parts behind it: specs that older readers take are at most CS_CODEC_DEPTH_MAX deep. */
static uint32_t elements_of(const struct cs_derive_rule *r)
{
    uint32_t n = 4 + 3 * r->n_terms + r->n_cells;
    for (uint32_t i = 0; i < r->n_parts; i++)
        n += elements_of(&r->parts[i]);
    return n;
}

static void visit_count(struct cs_codec *c, uint32_t *n, uint32_t max)
{
    cs_codec_u32(c, n);
    if (*n > max) {
        cs_codec_fail(c, "%u elements of a rule, at most %u", *n, max);
        *n = 0;
    }
}

/* The pattern travels as it is written: the second term. */
static void compile(struct cs_codec *c, struct cs_derive_rule *r)
{
    if (cs_codec_packing(c) || !cs_codec_ok(c) || r->op != CS_DERIVE_MATCHES || r->n_terms != 2)
        return;
    if (r->terms[1].literal == NULL ||
        cs_pattern_compile(r->terms[1].literal, cs_codec_arena(c), &r->pattern, NULL) != CS_OK)
        cs_codec_fail(c, "a pattern cannot be read");
}

static void visit_rule(struct cs_codec *c, struct cs_derive_rule *r, uint32_t depth)
{
    VISIT_ENUM(c, r->op);
    visit_count(c, &r->n_terms, CS_DERIVE_TERMS_MAX);
    visit_count(c, &r->n_cells, CS_LOOKUP_CELLS_MAX);
    visit_count(c, &r->n_parts, depth < CS_DERIVE_DEPTH_MAX ? CS_FIELDS_MAX : 0);
    const bool packing = cs_codec_packing(c);
    struct cs_derive_term *t = packing ? (void *)(uintptr_t)r->terms : cs_codec_alloc(c, r->n_terms, sizeof *t);
    const char **cells = packing ? (void *)(uintptr_t)r->cells : cs_codec_alloc(c, r->n_cells, sizeof *cells);
    struct cs_derive_rule *p = packing ? (void *)(uintptr_t)r->parts : cs_codec_alloc(c, r->n_parts, sizeof *p);
    for (uint32_t i = 0; i < r->n_terms && cs_codec_ok(c); i++) {
        VISIT_ENUM(c, t[i].from);
        cs_codec_u32(c, &t[i].at);
        cs_codec_str(c, &t[i].literal, CS_TEXT_MAX);
    }
    for (uint32_t i = 0; i < r->n_cells && cs_codec_ok(c); i++)
        cs_spec_visit_text(c, &cells[i], CS_TEXT_MAX);
    KEEP(c, r->terms, t);
    KEEP(c, r->cells, cells);
    compile(c, r);
    for (uint32_t i = 0; i < r->n_parts && cs_codec_ok(c); i++)
        visit_rule(c, &p[i], depth + 1);
    KEEP(c, r->parts, p);
}

/* A rule is appended where there is one: a study that does without keeps its digest. */
static void visit_derived(struct cs_codec *c, struct cs_derived *d)
{
    cs_codec_begin(c, cs_codec_packing(c) && d->rule != NULL ? 6 : 4);
    cs_spec_visit_text(c, &d->name, CS_SPEC_NAME_MAX);
    cs_codec_u32(c, &d->field);
    cs_codec_u32(c, &d->column);
    cs_codec_str(c, &d->literal, CS_TEXT_MAX);
    if (cs_codec_packing(c) ? d->rule != NULL : cs_codec_more(c)) {
        VISIT_ENUM(c, d->kind);
        struct cs_derive_rule *r = cs_codec_packing(c) ? (void *)(uintptr_t)d->rule : cs_codec_alloc(c, 1, sizeof *r);
        uint32_t n = cs_codec_packing(c) ? elements_of(r) : 0;
        cs_codec_array(c, &n, CS_RULE_ELEMENTS_MAX);
        visit_rule(c, r, 0);
        cs_codec_end(c);
        KEEP(c, d->rule, r);
    }
    cs_codec_end(c);
}

/* Appended where it is said: a study that does without it keeps its digest. */
static void visit_question(struct cs_codec *c, struct cs_question *q)
{
    const bool turns = q->n_answer_at > 0, reads = q->reads != CS_READS_UNSAID || turns;
    cs_codec_begin(c, !cs_codec_packing(c) ? 4 : turns ? 6 : reads ? 5 : 4);
    cs_spec_visit_text(c, &q->name, CS_SPEC_NAME_MAX);
    cs_spec_visit_text(c, &q->ask, CS_TEXT_MAX);
    struct cs_field *f = cs_spec_visit_elements(c, q->fields, &q->n_fields, CS_FIELDS_MAX, sizeof *f);
    for (uint32_t i = 0; i < q->n_fields; i++)
        visit_field(c, &f[i]);
    cs_codec_end(c);
    KEEP(c, q->fields, f);
    struct cs_derived *d = cs_spec_visit_elements(c, q->derived, &q->n_derived, CS_FIELDS_MAX, sizeof *d);
    for (uint32_t i = 0; i < q->n_derived; i++)
        visit_derived(c, &d[i]);
    cs_codec_end(c);
    KEEP(c, q->derived, d);
    if (cs_codec_packing(c) ? reads : cs_codec_more(c))
        VISIT_ENUM(c, q->reads);
    if (cs_codec_packing(c) ? turns : cs_codec_more(c))
        numbers_or_null(c, &q->answer_at, &q->n_answer_at, CS_TURNS_MAX);
    cs_codec_end(c);
}

/* ---- models ----------------------------------------------------------------------------------- */

static void visit_limits(struct cs_codec *c, struct cs_limits *l)
{
    cs_codec_begin(c, 7);
    cs_codec_u64(c, &l->requests_per_minute);
    cs_codec_u64(c, &l->tokens_per_minute);
    cs_codec_u64(c, &l->input_tokens_per_minute);
    cs_codec_u64(c, &l->output_tokens_per_minute);
    cs_codec_u64(c, &l->requests_per_day);
    cs_codec_u64(c, &l->tokens_per_day);
    cs_codec_u32(c, &l->concurrent);
    cs_codec_end(c);
}

static void visit_pools(struct cs_codec *c, struct cs_account *a)
{
    struct cs_shared_limits *p = cs_spec_visit_elements(c, a->pools, &a->n_pools, CS_ACCOUNT_POOLS_MAX, sizeof *p);
    for (uint32_t i = 0; i < a->n_pools; i++) {
        cs_codec_begin(c, 2);
        cs_spec_visit_text(c, &p[i].name, CS_SPEC_NAME_MAX);
        visit_limits(c, &p[i].limits);
        cs_codec_end(c);
    }
    cs_codec_end(c);
    KEEP(c, a->pools, p);
}

static void visit_account(struct cs_codec *c, struct cs_account *a)
{
    /* Appended fields are written only where they are given: a study that does without them keeps its digest. */
    const bool keeps = a->keeps != CS_KEEPS_UNSAID, service = a->service != NULL || keeps,
               insecure = a->insecure_network || service, more = a->n_limit_headers > 0 || a->n_parameter_names > 0,
               reads = a->reads != CS_READS_UNSAID || insecure, pools = a->n_pools > 0 || reads;
    const uint32_t given = keeps ? 21 : service ? 20 : insecure ? 19 : reads ? 18 : pools ? 17 : more ? 16 : 14;
    cs_codec_begin(c, cs_codec_packing(c) ? given : 14); /* not the truth file: the simulator's */
    cs_spec_visit_text(c, &a->name, CS_SPEC_NAME_MAX);
    VISIT_ENUM(c, a->protocol);
    cs_codec_bool(c, &a->simulated);
    cs_spec_visit_text(c, &a->base_url, CS_SPEC_NAME_MAX);
    cs_codec_str(c, &a->key_env, CS_SPEC_NAME_MAX);
    cs_codec_str(c, &a->key_file, CS_SPEC_NAME_MAX);
    cs_codec_bool(c, &a->confidential_ok);
    cs_codec_str(c, &a->max_tokens_field, CS_SPEC_NAME_MAX);
    cs_codec_str(c, &a->ca_file, CS_SPEC_NAME_MAX);
    cs_codec_str(c, &a->proxy, CS_SPEC_NAME_MAX);
    VISIT_ENUM(c, a->response_format);
    VISIT_ENUM(c, a->auth);
    cs_codec_str(c, &a->path, CS_SPEC_NAME_MAX);
    words(c, &a->headers, &a->n_headers, CS_HEADERS_MAX);
    if (cs_codec_packing(c) ? more || pools : cs_codec_more(c)) {
        words(c, &a->limit_headers, &a->n_limit_headers, CS_HEADERS_MAX);
        words(c, &a->parameter_names, &a->n_parameter_names, CS_HEADERS_MAX);
    }
    if (cs_codec_packing(c) ? pools : cs_codec_more(c))
        visit_pools(c, a);
    if (cs_codec_packing(c) ? reads : cs_codec_more(c))
        VISIT_ENUM(c, a->reads);
    if (cs_codec_packing(c) ? insecure : cs_codec_more(c))
        cs_codec_bool(c, &a->insecure_network);
    if (cs_codec_packing(c) ? service : cs_codec_more(c))
        cs_codec_str(c, &a->service, CS_SERVICE_BYTES_MAX);
    if (cs_codec_packing(c) ? keeps : cs_codec_more(c))
        VISIT_ENUM(c, a->keeps);
    cs_codec_end(c);
}

/* A price for writing to the cache is written only where it is not what it is unsaid. */
static void visit_price(struct cs_codec *c, struct cs_price *p, enum cs_protocol protocol)
{
    const int64_t unsaid = cs_price_write_unsaid(protocol, p->input);
    const bool written = p->cache_write != unsaid, request = p->request != 0 || written;
    cs_codec_begin(c, !cs_codec_packing(c) ? 3 : written ? 5 : request ? 4 : 3);
    cs_codec_i64(c, &p->input);
    cs_codec_i64(c, &p->cached);
    cs_codec_i64(c, &p->output);
    if (cs_codec_packing(c) ? request : cs_codec_more(c))
        cs_codec_i64(c, &p->request);
    if (cs_codec_packing(c) ? written : cs_codec_more(c))
        cs_codec_i64(c, &p->cache_write);
    else if (!cs_codec_packing(c))
        p->cache_write = cs_price_write_unsaid(protocol, p->input);
    cs_codec_end(c);
}

static void visit_model(struct cs_codec *c, const struct cs_study *s, struct cs_model *m)
{
    const bool images = m->image_tokens > 0, pools = m->n_pools > 0 || images;
    cs_codec_begin(c, !cs_codec_packing(c) ? 8 : images ? 10 : pools ? 9 : 8);
    cs_spec_visit_text(c, &m->name, CS_SPEC_NAME_MAX);
    cs_spec_visit_text(c, &m->model, CS_SPEC_NAME_MAX);
    cs_codec_u32(c, &m->account);
    cs_spec_visit_text(c, &m->parameters, CS_TEXT_MAX);
    cs_codec_u32(c, &m->max_output_tokens);
    cs_codec_u32(c, &m->timeout_ms);
    if (m->account >= s->n_accounts) {
        cs_codec_fail(c, "a model's account is %u of %u", m->account, s->n_accounts);
        return;
    }
    visit_price(c, &m->price, s->accounts[m->account].protocol);
    visit_limits(c, &m->limits);
    if (cs_codec_packing(c) ? pools : cs_codec_more(c)) {
        cs_codec_array(c, &m->n_pools, CS_MODEL_POOLS_MAX);
        for (uint32_t i = 0; i < m->n_pools && i < CS_MODEL_POOLS_MAX; i++)
            cs_codec_u32(c, &m->pools[i]);
        cs_codec_end(c);
    }
    if (cs_codec_packing(c) ? images : cs_codec_more(c))
        cs_codec_u32(c, &m->image_tokens);
    cs_codec_end(c);
}

/* ---- plan ------------------------------------------------------------------------------------- */

static void visit_arms(struct cs_codec *c, const struct cs_arm **arms, uint32_t *n)
{
    struct cs_arm *a = cs_spec_visit_elements(c, *arms, n, CS_LEVELS_MAX * CS_WORDINGS_MAX, sizeof *a);
    for (uint32_t i = 0; i < *n; i++) {
        cs_codec_begin(c, 2);
        cs_codec_u32(c, &a[i].level);
        cs_codec_u32(c, &a[i].wording);
        cs_codec_end(c);
    }
    cs_codec_end(c);
    KEEP(c, *arms, a);
}

static void visit_rect(struct cs_codec *c, struct cs_rect *r, uint32_t n_factors)
{
    cs_codec_begin(c, 5);
    cs_codec_u32(c, &r->block);
    cs_codec_begin(c, n_factors);
    for (uint32_t f = 0; f < n_factors; f++)
        visit_arms(c, &r->arms[f], &r->n_arms[f]);
    cs_codec_end(c);
    numbers(c, &r->questions, &r->n_questions, CS_QUESTIONS_MAX);
    numbers(c, &r->models, &r->n_models, CS_MODELS_MAX);
    cs_codec_u32(c, &r->repeats);
    cs_codec_end(c);
}

static void visit_turns(struct cs_codec *c, struct cs_template_set *p)
{
    struct cs_template_turn *t = cs_spec_visit_elements(c, p->turns, &p->n_turns, 2 * CS_TURNS_MAX, sizeof *t);
    for (uint32_t i = 0; i < p->n_turns; i++) {
        cs_codec_begin(c, 3);
        cs_codec_bool(c, &t[i].by_model);
        cs_spec_visit_text(c, &t[i].text, CS_TEXT_MAX);
        cs_codec_u32(c, &t[i].each);
        cs_codec_end(c);
    }
    cs_codec_end(c);
    KEEP(c, p->turns, p->n_turns > 0 ? t : NULL);
}

/* Where its images stand: of each its factor, or none, and its column. */
static void visit_images(struct cs_codec *c, struct cs_template_set *p)
{
    struct cs_image_place *at = cs_spec_visit_elements(c, p->images, &p->n_images, CS_IMAGES_MAX, sizeof *at);
    for (uint32_t i = 0; i < p->n_images; i++) {
        cs_codec_begin(c, 2);
        cs_codec_u32(c, &at[i].factor);
        cs_codec_u32(c, &at[i].column);
        cs_codec_end(c);
    }
    cs_codec_end(c);
    KEEP(c, p->images, at);
}

static void visit_prompt(struct cs_codec *c, struct cs_template_set *p)
{
    const bool images = p->n_images > 0, turns = p->turns != NULL || images, talk = p->talk != 0 || turns;
    cs_codec_begin(c, !cs_codec_packing(c) ? 3 : images ? 6 : turns ? 5 : talk ? 4 : 3);
    cs_spec_visit_text(c, &p->when, CS_TEXT_MAX);
    cs_spec_visit_text(c, &p->system, CS_TEXT_MAX);
    cs_spec_visit_text(c, &p->user, CS_TEXT_MAX);
    if (cs_codec_packing(c) ? talk : cs_codec_more(c))
        cs_codec_u32(c, &p->talk);
    if (cs_codec_packing(c) ? turns : cs_codec_more(c))
        visit_turns(c, p);
    if (cs_codec_packing(c) ? images : cs_codec_more(c))
        visit_images(c, p);
    cs_codec_end(c);
}

/* ---- tools ------------------------------------------------------------------------------------ */

/* Two fields, [set] and [question's set u32]; a set [max_calls, all, remind, last, order_factor, shuffled, [tool]], a tool [name, describe,
 * [argument], returns or nil, [key u32], [cell], missing]. */
static void visit_keys(struct cs_codec *c, struct cs_tool *t)
{
    uint32_t *v = cs_spec_visit_elements(c, t->keys, &t->n_keys, CS_TOOL_KEYS_MAX, sizeof *v);
    for (uint32_t i = 0; i < t->n_keys; i++)
        cs_codec_u32(c, &v[i]);
    cs_codec_end(c);
    KEEP(c, t->keys, v);
}

static void visit_cells(struct cs_codec *c, struct cs_tool *t)
{
    const char **v = cs_spec_visit_elements(c, t->cells, &t->n_cells, CS_LOOKUP_CELLS_MAX, sizeof *v);
    for (uint32_t i = 0; i < t->n_cells; i++)
        cs_spec_visit_text(c, &v[i], CS_TEXT_MAX);
    cs_codec_end(c);
    KEEP(c, t->cells, v);
}

static void visit_tool(struct cs_codec *c, struct cs_tool *t)
{
    cs_codec_begin(c, 7);
    cs_spec_visit_text(c, &t->name, CS_SPEC_NAME_MAX);
    cs_spec_visit_text(c, &t->describe, CS_TEXT_MAX);
    struct cs_field *f = cs_spec_visit_elements(c, t->arguments, &t->n_arguments, CS_TOOL_ARGUMENTS_MAX, sizeof *f);
    for (uint32_t i = 0; i < t->n_arguments; i++)
        visit_field(c, &f[i]);
    cs_codec_end(c);
    KEEP(c, t->arguments, f);
    cs_codec_str(c, &t->returns, CS_TEXT_MAX);
    visit_keys(c, t);
    visit_cells(c, t);
    cs_spec_visit_text(c, &t->missing, CS_TEXT_MAX);
    cs_codec_end(c);
    if (!cs_codec_packing(c) && cs_codec_ok(c))
        cs_tool_rows_seal(t);
}

static void visit_set(struct cs_codec *c, struct cs_toolset *set)
{
    cs_codec_begin(c, 7);
    cs_codec_u32(c, &set->max_calls);
    cs_codec_bool(c, &set->all);
    cs_spec_visit_text(c, &set->remind, CS_TEXT_MAX);
    cs_spec_visit_text(c, &set->last, CS_TEXT_MAX);
    cs_codec_u32(c, &set->order_factor);
    cs_codec_bool(c, &set->shuffled);
    struct cs_tool *t = cs_spec_visit_elements(c, set->tools, &set->n_tools, CS_TOOLS_MAX, sizeof *t);
    for (uint32_t i = 0; i < set->n_tools; i++)
        visit_tool(c, &t[i]);
    cs_codec_end(c);
    KEEP(c, set->tools, t);
    cs_codec_end(c);
}

static void visit_tools(struct cs_codec *c, struct cs_study *s)
{
    struct cs_question *q = (struct cs_question *)(uintptr_t)s->questions; /* unpacked: ours; packed: only read */
    uint32_t n = s->n_questions;
    struct cs_toolset *set = cs_spec_visit_elements(c, s->toolsets, &s->n_toolsets, CS_QUESTIONS_MAX + 1, sizeof *set);
    for (uint32_t i = 0; i < s->n_toolsets; i++)
        visit_set(c, &set[i]);
    cs_codec_end(c);
    KEEP(c, s->toolsets, set);
    cs_codec_array(c, &n, CS_QUESTIONS_MAX);
    if (n != s->n_questions)
        cs_codec_fail(c, "tools of %u questions, where there are %u", n, s->n_questions);
    for (uint32_t i = 0; i < n && cs_codec_ok(c); i++)
        cs_codec_u32(c, &q[i].tools);
    cs_codec_end(c);
}

/* ---- the study -------------------------------------------------------------------------------- */

static void visit_design(struct cs_codec *c, struct cs_study *s)
{
    struct cs_template_set *p = cs_spec_visit_elements(c, s->prompts, &s->n_prompts, CS_LEVELS_MAX, sizeof *p);
    for (uint32_t i = 0; i < s->n_prompts; i++)
        visit_prompt(c, &p[i]);
    cs_codec_end(c);
    KEEP(c, s->prompts, p);
    struct cs_factor *f = cs_spec_visit_elements(c, s->factors, &s->n_factors, CS_FACTORS_MAX, sizeof *f);
    for (uint32_t i = 0; i < s->n_factors; i++)
        visit_factor(c, &f[i]);
    cs_codec_end(c);
    KEEP(c, s->factors, f);
    struct cs_question *q = cs_spec_visit_elements(c, s->questions, &s->n_questions, CS_QUESTIONS_MAX, sizeof *q);
    for (uint32_t i = 0; i < s->n_questions; i++)
        visit_question(c, &q[i]);
    cs_codec_end(c);
    KEEP(c, s->questions, q);
}

static void visit_work(struct cs_codec *c, struct cs_study *s)
{
    struct cs_account *a = cs_spec_visit_elements(c, s->accounts, &s->n_accounts, CS_MODELS_MAX, sizeof *a);
    for (uint32_t i = 0; i < s->n_accounts; i++)
        visit_account(c, &a[i]);
    cs_codec_end(c);
    KEEP(c, s->accounts, a);
    struct cs_model *m = cs_spec_visit_elements(c, s->models, &s->n_models, CS_MODELS_MAX, sizeof *m);
    for (uint32_t i = 0; i < s->n_models; i++)
        visit_model(c, s, &m[i]);
    cs_codec_end(c);
    KEEP(c, s->models, m);
    struct cs_rect *r = cs_spec_visit_elements(c, s->rects, &s->n_rects, CS_RECTS_MAX, sizeof *r);
    for (uint32_t i = 0; i < s->n_rects; i++)
        visit_rect(c, &r[i], s->n_factors);
    cs_codec_end(c);
    KEEP(c, s->rects, r);
}

/* How many trials of each model are left out; none where nothing is required, and a field behind this one is needed. */
static void visit_left_out(struct cs_codec *c, struct cs_study *s)
{
    uint32_t n = s->left_out != NULL ? s->n_models : 0;
    uint64_t *v = cs_spec_visit_elements(c, s->left_out, &n, CS_MODELS_MAX, sizeof *v);
    if (n != s->n_models && n != 0)
        cs_codec_fail(c, "%u models leave trials out, where there are %u", n, s->n_models);
    for (uint32_t i = 0; i < n; i++)
        cs_codec_u64(c, &v[i]);
    cs_codec_end(c);
    KEEP(c, s->left_out, n > 0 ? v : NULL);
}

static bool is_said(const char *part)
{
    return part != NULL && part[0] != '\0';
}

static bool is_child(const struct cs_study *s)
{
    return s->parent != NULL || is_said(s->judge) || is_said(s->scores);
}

/* Whose outputs the cases are, and what is said of judging them. */
static void visit_child(struct cs_codec *c, struct cs_study *s)
{
    const char *parent = s->parent != NULL ? s->parent->json : "", *judge = is_said(s->judge) ? s->judge : "",
               *scores = is_said(s->scores) ? s->scores : "";
    cs_spec_visit_text(c, &parent, CS_PARENT_JSON_MAX);
    cs_spec_visit_text(c, &judge, CS_SPEC_MAX);
    cs_spec_visit_text(c, &scores, CS_SPEC_MAX);
    if (cs_codec_packing(c) || !cs_codec_ok(c))
        return;
    struct cs_error err = {0};
    s->judge = judge;
    s->scores = scores;
    if (parent[0] != '\0' && cs_parent_json_parse(parent, cs_codec_arena(c), &s->parent, &err) != CS_OK)
        cs_codec_fail(c, "%s", err.msg);
}

void cs_spec_visit(struct cs_codec *c, struct cs_study *s, struct cs_chunk_ref **chunks, uint32_t *n_chunks,
                   uint32_t *minor)
{
    const bool tools = s->n_toolsets > 0, child = is_child(s) || tools, left_out = s->left_out != NULL || child,
               accepts = s->accept_unparsable || left_out;
    cs_codec_begin(c, !cs_codec_packing(c) ? 18
                      : tools              ? 26
                      : child              ? 24
                      : left_out           ? 21
                      : accepts            ? 20
                      : *minor > 0         ? 19
                                           : 18);
    cs_spec_visit_text(c, &s->name, CS_SPEC_NAME_MAX);
    cs_spec_visit_text(c, &s->title, CS_TEXT_MAX);
    cs_codec_u64(c, &s->seed);
    cs_codec_bool(c, &s->confidential);
    words(c, &s->columns, &s->n_columns, CS_COLUMNS_MAX);
    numbers(c, &s->strata, &s->n_strata, CS_COLUMNS_MAX);
    cs_codec_u32(c, &s->n_cases);
    cs_codec_u32(c, &s->prompt_by_column);
    visit_design(c, s);
    visit_work(c, s);
    cs_codec_i64(c, &s->budget_nano_usd);
    cs_spec_visit_text(c, &s->analysis, CS_SPEC_MAX);
    cs_codec_fixed(c, s->analysis_digest, sizeof s->analysis_digest);
    struct cs_chunk_ref *refs = cs_spec_visit_elements(c, *chunks, n_chunks, CS_CASES_MAX, sizeof *refs);
    for (uint32_t i = 0; i < *n_chunks; i++) {
        cs_codec_begin(c, 2);
        cs_codec_fixed(c, refs[i].digest, sizeof refs[i].digest);
        cs_codec_u32(c, &refs[i].n_cases);
        cs_codec_end(c);
    }
    cs_codec_end(c);
    KEEP(c, *chunks, refs);
    if (cs_codec_packing(c) ? *minor > 0 || accepts : cs_codec_more(c))
        cs_codec_u32(c, minor);
    if (cs_codec_packing(c) ? accepts : cs_codec_more(c))
        cs_codec_bool(c, &s->accept_unparsable);
    if (cs_codec_packing(c) ? left_out : cs_codec_more(c))
        visit_left_out(c, s);
    KEEP(c, s->judge, "");
    KEEP(c, s->scores, "");
    if (cs_codec_packing(c) ? child : cs_codec_more(c))
        visit_child(c, s);
    if (cs_codec_packing(c) ? tools : cs_codec_more(c))
        visit_tools(c, s);
    cs_codec_end(c);
}
