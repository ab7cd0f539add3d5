#include "protocol/study/render.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/assert.h"
#include "protocol/base/digest.h"
#include "protocol/study/fence.h"
#include "protocol/study/list.h"
#include "protocol/study/template.h"

struct edit { /* a case column that reads differently in this condition */
    uint32_t column;
    const char *text;
    struct cs_buf made; /* holds text once something was inserted */
};

struct view { /* a case as this condition shows it */
    const struct cs_study *study;
    const struct cs_coords *at;
    const struct cs_case *c;
    const struct cs_wording *wordings[CS_FACTORS_MAX];
    struct edit edits[CS_FACTORS_MAX];
    uint32_t n_edits;
};

void cs_render_release(struct cs_prompt *p)
{
    cs_buf_release(&p->system);
    cs_buf_release(&p->user);
    cs_buf_release(&p->after);
    cs_buf_release(&p->shown);
    cs_arena_release(&p->arena);
}

static void put_said(struct cs_buf *out, const char *role, const char *text)
{
    cs_buf_str(out, role);
    cs_buf_str(out, ": ");
    cs_buf_str(out, text);
}

static void put_said_all(struct cs_buf *out, const struct cs_said *said, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        put_said(out, said[i].by_model ? "assistant" : "user", said[i].text);
        cs_buf_str(out, "\n\n");
    }
}

void cs_render_images_shown(const struct cs_prompt *p, struct cs_buf *out)
{
    for (uint32_t i = 0; i < p->n_images; i++) {
        const struct cs_image *image = &p->images[i];
        char hex[65];
        cs_digest_hex(image->hash, 32, hex);
        cs_buf_printf(out, "[image %s: %s, %u x %u pixels, %u bytes, %.16s]\n", image->name,
                      cs_picture_word(image->is.type), image->is.width, image->is.height, image->bytes, hex);
    }
}

static const char *show_script(struct cs_prompt *p)
{
    cs_buf_clear(&p->shown);
    cs_render_images_shown(p, &p->shown);
    for (uint32_t k = 0; k < p->n_turns; k++) {
        if (k > 0)
            cs_buf_str(&p->shown, "\n\nassistant: [reply]\n\n");
        put_said_all(&p->shown, p->turns[k].given, p->turns[k].n_given);
        put_said(&p->shown, "user", p->turns[k].user);
    }
    return cs_buf_cstr(&p->shown);
}

const char *cs_render_shown(struct cs_prompt *p)
{
    if (p->n_turns > 1)
        return show_script(p);
    if (p->n_before == 0 && p->n_images == 0)
        return cs_buf_cstr(&p->user);
    cs_buf_clear(&p->shown);
    cs_render_images_shown(p, &p->shown);
    put_said_all(&p->shown, p->before, p->n_before);
    if (p->n_before > 0)
        put_said(&p->shown, "user", cs_buf_cstr(&p->user));
    else
        cs_buf_str(&p->shown, cs_buf_cstr(&p->user));
    return cs_buf_cstr(&p->shown);
}

size_t cs_render_bytes(const struct cs_prompt *p)
{
    size_t bytes = p->system.len + p->user.len;
    for (uint32_t i = 0; i < p->n_before; i++)
        bytes += strlen(p->before[i].text);
    return bytes;
}

enum cs_err cs_render_wording(const struct cs_study *s, uint32_t factor, const struct cs_arm *arm,
                              const struct cs_case *c, const struct cs_wording **out, struct cs_error *err)
{
    CS_ASSERT(factor < s->n_factors);
    const struct cs_factor *f = &s->factors[factor];
    CS_ASSERT(arm->level < f->n_levels);
    const struct cs_level *level = &f->levels[arm->level];
    if (arm->wording != CS_NONE) {
        CS_ASSERT(arm->wording < level->n_wordings);
        *out = &level->wordings[arm->wording];
        return CS_OK;
    }
    CS_ASSERT(f->match_column < s->n_columns);
    const char *value = c->values[f->match_column];
    for (uint32_t i = 0; i < level->n_wordings; i++) {
        const char *match = level->wordings[i].match; /* NULL: fits every case (an added control) */
        if (match == NULL || strcmp(match, value) == 0) {
            *out = &level->wordings[i];
            return CS_OK;
        }
    }
    return cs_error_set(err, CS_EINVAL, "case \"%s\": factor \"%s\", level \"%s\" has no wording for %s \"%s\"", c->id,
                        f->name, level->id, s->columns[f->match_column], value);
}

/* ---- a case in one condition ------------------------------------------------------------------ */

static const struct cs_level *level_of(const struct view *v, uint32_t factor)
{
    return &v->study->factors[factor].levels[v->at->arms[factor].level];
}

static const char *column_text(const struct view *v, uint32_t column)
{
    for (uint32_t i = 0; i < v->n_edits; i++)
        if (v->edits[i].column == column)
            return v->edits[i].text;
    return v->c->values[column];
}

static struct edit *edit_of(struct view *v, uint32_t column)
{
    for (uint32_t i = 0; i < v->n_edits; i++)
        if (v->edits[i].column == column)
            return &v->edits[i];
    CS_ASSERT(v->n_edits < CS_FACTORS_MAX); /* a factor edits one column */
    struct edit *e = &v->edits[v->n_edits++];
    *e = (struct edit){column, v->c->values[column], CS_BUF_INIT(CS_BODY_MAX)};
    return e;
}

/* What a factor inserts under its level; "" for nothing. */
static const char *inserted_text(const struct view *v, uint32_t factor)
{
    const struct cs_factor *f = &v->study->factors[factor];
    const struct cs_level *level = level_of(v, factor);
    if (level->text_column != CS_NONE)
        return v->c->values[level->text_column];
    return f->insert_column != CS_NONE ? v->wordings[factor]->values[f->insert_column] : "";
}

static enum cs_err insert(struct view *v, uint32_t factor, const char *text, struct cs_error *err)
{
    const struct cs_factor *f = &v->study->factors[factor];
    struct edit *e = edit_of(v, f->into_column);
    const char *place = strstr(e->text, f->anchor);
    if (place == NULL)
        return cs_error_set(err, CS_EINVAL, "case \"%s\": factor \"%s\" finds no \"%s\" in %s", v->c->id, f->name,
                            f->anchor, v->study->columns[f->into_column]);
    const char *behind = place + strlen(f->anchor);
    struct cs_buf made = CS_BUF_INIT(CS_BODY_MAX);
    if (f->insert == CS_INSERT_AFTER_FIRST) {
        cs_buf_append(&made, e->text, (size_t)(behind - e->text));
        cs_buf_str(&made, text);
        cs_buf_char(&made, ' ');
    } else {
        cs_buf_append(&made, e->text, (size_t)(place - e->text));
        cs_buf_str(&made, text);
        if (text[0] == '\0' && behind[0] == ' ')
            behind++;
    }
    cs_buf_str(&made, behind);
    cs_buf_release(&e->made); /* where the text was until now */
    e->made = made;
    e->text = cs_buf_cstr(&e->made);
    if (e->made.overflow)
        return cs_error_set(err, CS_ETOOBIG, "case \"%s\" is over %u bytes with factor \"%s\"", v->c->id, CS_BODY_MAX,
                            f->name);
    return CS_OK;
}

static enum cs_err apply_factor(struct view *v, uint32_t factor, struct cs_error *err)
{
    const struct cs_factor *f = &v->study->factors[factor];
    const struct cs_level *level = level_of(v, factor);
    enum cs_err rc = cs_render_wording(v->study, factor, &v->at->arms[factor], v->c, &v->wordings[factor], err);
    if (rc != CS_OK)
        return rc;
    if (level->use_column != CS_NONE)
        edit_of(v, f->into_column)->text = v->c->values[level->use_column];
    if (f->insert == CS_INSERT_NONE)
        return CS_OK;
    const char *text = inserted_text(v, factor);
    if (f->insert == CS_INSERT_AFTER_FIRST && text[0] == '\0')
        return CS_OK;
    return insert(v, factor, text, err);
}

/* ---- templates -------------------------------------------------------------------------------- */

static void expand_options(const struct view *v, struct cs_buf *out)
{
    const struct cs_question *q = &v->study->questions[v->at->question];
    const struct cs_field *field = NULL;
    for (uint32_t i = 0; i < q->n_fields && field == NULL; i++)
        if (q->fields[i].kind == CS_FIELD_OPTIONS)
            field = &q->fields[i];
    if (field == NULL)
        return;
    const uint32_t *order = field->order_factor != CS_NONE ? level_of(v, field->order_factor)->order : NULL;
    for (uint32_t i = 0; i < field->n_categories; i++) {
        uint32_t option = order != NULL ? order[i] : i;
        if (i > 0)
            cs_buf_char(out, '\n');
        cs_buf_char(out, (char)('A' + i));
        cs_buf_str(out, ". ");
        cs_buf_str(out, column_text(v, field->option_columns[option]));
    }
}

/* An element's text; one that is a text by itself has the key "text". */
static void expand_element(const struct cs_json *element, const struct cs_piece *piece, struct cs_buf *out)
{
    char key[256];
    if (piece->key_len >= sizeof key || element == NULL)
        return;
    memcpy(key, piece->key, piece->key_len);
    key[piece->key_len] = '\0';
    if (!cs_json_is_object(element) && strcmp(key, "text") != 0)
        return;
    const struct cs_json *v = cs_json_is_object(element) ? cs_json_object_get(element, key) : element;
    if (cs_json_is_string(v)) {
        cs_buf_str(out, cs_json_string_value(v));
    } else if (v != NULL && !cs_json_is_null(v)) {
        char *json = cs_json_dumps(v, CS_JSON_COMPACT | CS_JSON_ENCODE_ANY | CS_JSON_REAL_PRECISION(15));
        cs_buf_str(out, json);
        free(json);
    }
}

static void expand_slot(const struct view *v, const struct cs_piece *piece, const struct cs_json *element,
                        struct cs_buf *out)
{
    switch (piece->slot) {
    case CS_SLOT_END:
        break;
    case CS_SLOT_CASE:
        cs_buf_str(out, column_text(v, piece->column));
        break;
    case CS_SLOT_FACTOR:
        cs_buf_str(out, v->wordings[piece->factor]->values[piece->column]);
        break;
    case CS_SLOT_FACTOR_TEXT: {
        uint32_t column = level_of(v, piece->factor)->text_column;
        if (column != CS_NONE)
            cs_buf_str(out, v->c->values[column]);
        break;
    }
    case CS_SLOT_ASK:
        cs_buf_str(out, v->study->questions[v->at->question].ask);
        break;
    case CS_SLOT_OPTIONS:
        expand_options(v, out);
        break;
    case CS_SLOT_ELEMENT:
        expand_element(element, piece, out);
        break;
    case CS_SLOT_LIST: {
        const struct cs_field *f = cs_list_of(&v->study->questions[v->at->question]);
        if (f != NULL)
            cs_list_write(f->list, v->c->values[f->list->column], out);
        break;
    }
    }
}

/* What a {{fenced X}} means, between its marks. */
static void expand_fenced(const struct view *v, const struct cs_piece *piece, const struct cs_json *element,
                          struct cs_buf *out)
{
    struct cs_buf text = CS_BUF_INIT(out->max);
    expand_slot(v, piece, element, &text);
    cs_fence_put(cs_buf_cstr(&text), out);
    out->overflow |= text.overflow;
    cs_buf_release(&text);
}

static enum cs_err expand_turn(const struct view *v, const char *template, const struct cs_json *element,
                               struct cs_buf *out, struct cs_error *err)
{
    struct cs_piece piece;
    do {
        enum cs_err rc = element != NULL ? cs_template_next_of_each(v->study, &template, &piece, err)
                                         : cs_template_next(v->study, &template, &piece, err);
        if (rc != CS_OK)
            return rc;
        cs_buf_append(out, piece.text, piece.len);
        if (piece.fenced)
            expand_fenced(v, &piece, element, out);
        else
            expand_slot(v, &piece, element, out);
    } while (piece.slot != CS_SLOT_END);
    if (out->overflow)
        return cs_error_set(err, CS_ETOOBIG, "case \"%s\": a prompt is over %zu bytes", v->c->id, out->max);
    return CS_OK;
}

static enum cs_err expand(const struct view *v, const char *template, struct cs_buf *out, struct cs_error *err)
{
    return expand_turn(v, template, NULL, out, err);
}

static enum cs_err expand_of(void *self, const char *template, const struct cs_json *element, struct cs_buf *out,
                             struct cs_error *err)
{
    return expand_turn(self, template, element, out, err);
}

static const struct cs_template_set *prompt_for(const struct cs_study *s, const struct cs_case *c)
{
    if (s->prompt_by_column == CS_NONE)
        return &s->prompts[0];
    for (uint32_t i = 0; i < s->n_prompts; i++)
        if (strcmp(s->prompts[i].when, c->values[s->prompt_by_column]) == 0)
            return &s->prompts[i];
    return NULL;
}

/* The last factor whose level brings a system text has the say. */
static const char *system_of(const struct view *v, const struct cs_template_set *prompt)
{
    for (uint32_t f = v->study->n_factors; f-- > 0;)
        if (level_of(v, f)->system != NULL)
            return level_of(v, f)->system;
    return prompt->system;
}

/* What the case says before; without a user template its last message is what is asked. */
static enum cs_err put_talk(const struct view *v, const struct cs_template_set *prompt, struct cs_prompt *out,
                            struct cs_error *err)
{
    struct cs_talk talk;
    enum cs_err rc = cs_talk_read(column_text(v, prompt->talk - 1), &out->arena, &talk, err);
    if (rc == CS_OK)
        rc = cs_talk_fits(&talk, prompt->user[0] != '\0', err);
    if (rc == CS_OK && talk.system[0] != '\0' && out->system.len > 0)
        rc = cs_error_set(err, CS_EINVAL, "it has a system message of its own; leave system out of the prompt");
    if (rc != CS_OK)
        return cs_error_wrap(err, rc, "case \"%s\": %s", v->c->id, v->study->columns[prompt->talk - 1]);
    cs_buf_str(&out->system, talk.system);
    out->before = talk.said;
    out->n_before = talk.n;
    if (prompt->user[0] == '\0')
        cs_buf_str(&out->user, talk.said[--out->n_before].text);
    return CS_OK;
}

/* The reference at a place in this condition; "": none. */
static const char *image_at(const struct view *v, const struct cs_image_place *at)
{
    if (at->factor == CS_NONE)
        return v->c->values[at->column];
    const struct cs_level *level = level_of(v, at->factor);
    return level->image != 0 ? v->c->values[level->image - 1] : v->wordings[at->factor]->values[at->column];
}

static enum cs_err put_images(const struct view *v, const struct cs_template_set *set, struct cs_prompt *out,
                              struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    struct cs_image *images = cs_arena_array(&out->arena, set->n_images, sizeof *images);
    for (uint32_t i = 0; i < set->n_images && rc == CS_OK; i++) {
        const char *text = image_at(v, &set->images[i]);
        if (text[0] == '\0')
            continue;
        out->images_of_levels |= (uint32_t)(set->images[i].factor != CS_NONE) << out->n_images;
        rc = cs_image_parse(text, &images[out->n_images++], err);
    }
    out->images = images;
    return rc != CS_OK ? cs_error_wrap(err, rc, "case \"%s\"", v->c->id) : CS_OK;
}

/* The calls of a conversation; the prompt is then the first one's. */
static enum cs_err put_turns(struct view *v, const struct cs_template_set *set, struct cs_prompt *out,
                             struct cs_error *err)
{
    enum cs_err rc = cs_script_lay(set, &v->study->questions[v->at->question], v->c->values, expand_of, v, &out->arena,
                                   &out->turns, &out->n_turns, err);
    if (rc != CS_OK)
        return cs_error_wrap(err, rc, "case \"%s\"", v->c->id);
    cs_script_go(out, 0, NULL);
    return CS_OK;
}

static enum cs_err expand_plain(void *self, const char *template, struct cs_buf *out, struct cs_error *err)
{
    return expand(self, template, out, err);
}

static enum cs_err put_tools(struct view *v, const struct cs_toolset *set, struct cs_prompt *out, struct cs_error *err)
{
    struct cs_toolbox *box = cs_arena_alloc(&out->arena, sizeof *box);
    const uint32_t *order = set->order_factor != CS_NONE ? level_of(v, set->order_factor)->order : NULL;
    enum cs_err rc = cs_tools_lay(v->study, set, order, v->c, expand_plain, v, &out->arena, box, err);
    out->tools = box;
    return rc;
}

enum cs_err cs_render(const struct cs_study *s, const struct cs_coords *at, const struct cs_case *c,
                      struct cs_prompt *out, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    struct view v = {.study = s, .at = at, .c = c};
    cs_buf_clear(&out->system);
    cs_buf_clear(&out->user);
    cs_arena_reset(&out->arena);
    out->n_before = 0;
    out->turns = NULL;
    out->n_turns = 0;
    out->tools = NULL;
    cs_buf_clear(&out->after);
    const struct cs_toolset *set = cs_tools_of(s, &s->questions[at->question]);
    out->images = NULL;
    out->n_images = 0;
    out->images_of_levels = 0;
    const struct cs_template_set *prompt = prompt_for(s, c);
    if (prompt == NULL)
        return cs_error_set(err, CS_EINVAL, "case \"%s\": there is no prompt for %s \"%s\"", c->id,
                            s->columns[s->prompt_by_column], c->values[s->prompt_by_column]);
    for (uint32_t f = 0; f < s->n_factors && rc == CS_OK; f++)
        rc = apply_factor(&v, f, err);
    if (rc == CS_OK)
        rc = expand(&v, system_of(&v, prompt), &out->system, err);
    if (rc == CS_OK)
        rc = expand(&v, prompt->user, &out->user, err);
    if (rc == CS_OK && prompt->talk != 0)
        rc = put_talk(&v, prompt, out, err);
    if (rc == CS_OK && prompt->turns != NULL)
        rc = put_turns(&v, prompt, out, err);
    if (rc == CS_OK && set != NULL)
        rc = put_tools(&v, set, out, err);
    if (rc == CS_OK && prompt->n_images > 0)
        rc = put_images(&v, prompt, out, err);
    for (uint32_t i = 0; i < v.n_edits; i++)
        cs_buf_release(&v.edits[i].made);
    return rc;
}
