#include "protocol/dialects/body.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/json.h"
#include "protocol/dialects/images.h"
#include "protocol/study/answer.h"

/* ---- parameters ------------------------------------------------------------------------------- */

void cs_body_set(struct cs_json *root, const char *path, struct cs_json *value)
{
    struct cs_json *at = root;
    const char *dot;
    while ((dot = strchr(path, '.')) != NULL) {
        char key[64];
        CS_ASSERT((size_t)(dot - path) < sizeof key);
        memcpy(key, path, (size_t)(dot - path));
        key[dot - path] = '\0';
        struct cs_json *next = cs_json_object_get(at, key);
        if (!cs_json_is_object(next)) {
            next = cs_json_object();
            CS_ASSERT(cs_json_object_set_new(at, key, next) == 0);
        }
        at = next;
        path = dot + 1;
    }
    CS_ASSERT(cs_json_object_set_new(at, path, value) == 0);
}

/* What is at "a.b.c", or NULL. */
static const struct cs_json *get(const struct cs_json *root, const char *path)
{
    while (root != NULL && path[0] != '\0') {
        char key[64];
        const size_t n = strcspn(path, ".");
        CS_ASSERT(n < sizeof key);
        memcpy(key, path, n);
        key[n] = '\0';
        root = cs_json_object_get(root, key);
        path += path[n] == '.' ? n + 1 : n;
    }
    return root;
}

static bool in_range(const struct cs_body_rule *r, double v)
{
    return r->min >= r->max || (v >= r->min && v <= r->max);
}

static enum cs_err check_value(const struct cs_body_rule *r, const struct cs_json *v, struct cs_error *err)
{
    const bool bounded = r->min < r->max;
    const char *want = "";
    bool good = true;
    switch (r->kind) {
    case CS_RULE_NUMBER:
        want = "a number";
        good = cs_json_is_number(v) && in_range(r, cs_json_number_value(v));
        break;
    case CS_RULE_INTEGER:
        want = "a whole number";
        good = cs_json_is_integer(v) && in_range(r, (double)cs_json_integer_value(v));
        break;
    case CS_RULE_BOOLEAN:
        want = "true or false";
        good = cs_json_is_boolean(v);
        break;
    case CS_RULE_WORD:
        want = "a word";
        good = cs_json_is_string(v) && cs_json_string_length(v) > 0;
        break;
    case CS_RULE_ANY:
        break;
    }
    if (good)
        return CS_OK;
    if (bounded)
        return cs_error_set(err, CS_EINVAL, "%s must be %s from %g to %g", r->name, want, r->min, r->max);
    return cs_error_set(err, CS_EINVAL, "%s must be %s", r->name, want);
}

enum cs_err cs_body_parameters(struct cs_settings_of *of, const struct cs_body_rule *rules, size_t n,
                               struct cs_json *root, struct cs_error *err)
{
    struct cs_buf b = CS_BUF_INIT(CS_TEXT_MAX + 16);
    enum cs_err rc = CS_OK;
    const char *key;
    struct cs_json *value;
    cs_buf_char(&b, '{');
    cs_buf_str(&b, of->parameters->text[0] == ',' ? of->parameters->text + 1 : "");
    cs_buf_char(&b, '}');
    struct cs_json *all = cs_json_loadb(b.data, b.len, 0, NULL);
    if (all == NULL) /* written by us from JSON, so it is: but the largest of doubles, rounded, are over the edge */
        rc = cs_error_set(err, CS_EINVAL, "a parameter is a number that is too large");
    cs_json_object_foreach(all, key, value)
    {
        const struct cs_body_rule *r = rules;
        while (r < rules + n && strcmp(r->name, key) != 0)
            r++;
        rc = r < rules + n ? check_value(r, value, err)
                           : cs_error_set(err, CS_EINVAL, "%s has no parameter %s; write %s: omit for this model",
                                          cs_protocol_name(of->account->protocol), key, key);
        if (rc == CS_OK && get(root, r->path) != NULL)
            rc = cs_error_set(err, CS_EINVAL, "%s is said a second time by another parameter; keep one", key);
        if (rc != CS_OK) {
            snprintf(of->culprit, sizeof of->culprit, "%s", key);
            break;
        }
        if (r->put != NULL)
            r->put(root, value);
        else
            cs_body_set(root, r->path, cs_json_incref(value));
    }
    cs_json_decref(all);
    cs_buf_release(&b);
    return rc;
}

/* ---- the form of the answer ------------------------------------------------------------------- */

const char *cs_body_question(const struct cs_settings_of *of)
{
    CS_ASSERT(of->study != NULL);
    return of->study->questions[of->question].name;
}

static void drop_bounds(struct cs_json *node)
{
    const char *key;
    struct cs_json *child;
    size_t i;
    if (cs_json_is_object(node) && cs_json_is_string(cs_json_object_get(node, "type"))) {
        (void)cs_json_object_del(node, "minimum");
        (void)cs_json_object_del(node, "maximum");
    }
    cs_json_object_foreach(node, key, child) drop_bounds(child);
    cs_json_array_foreach(node, i, child) drop_bounds(child);
}

struct cs_json *cs_body_schema(const struct cs_settings_of *of, bool bounds)
{
    if (of->study == NULL || of->free_turn || of->study->questions[of->question].n_fields == 0 ||
        of->account->response_format == CS_FORM_NONE)
        return NULL;
    struct cs_buf b = CS_BUF_INIT(SIZE_MAX);
    cs_schema_answer(of->study, of->question, of->elements, &b);
    struct cs_json *schema = cs_json_loadb(b.data, b.len, 0, NULL);
    CS_ASSERT(schema != NULL);
    cs_buf_release(&b);
    if (!bounds) {
        const char *key;
        struct cs_json *property;
        cs_json_object_foreach(cs_json_object_get(schema, "properties"), key, property) drop_bounds(property);
    }
    return schema;
}

/* ---- text ------------------------------------------------------------------------------------- */

void cs_body_messages(struct cs_buf *out, enum cs_protocol protocol, const struct cs_prompt *p,
                      const char *role_of_model, cs_body_put_message *put)
{
    bool shown = p->n_images == 0;
    for (uint32_t i = 0; i < p->n_before; i++) {
        const struct cs_said *m = &p->before[i];
        if (!shown && !m->by_model)
            cs_images_message(out, protocol, p, m->text, strlen(m->text));
        else
            put(out, m->by_model ? role_of_model : "user", m->text, strlen(m->text));
        shown |= !m->by_model;
        cs_buf_char(out, ',');
    }
    if (shown)
        put(out, "user", cs_buf_cstr(&p->user), p->user.len);
    else
        cs_images_message(out, protocol, p, cs_buf_cstr(&p->user), p->user.len);
    cs_buf_append(out, cs_buf_cstr(&p->after), p->after.len);
}

void cs_body_message(struct cs_buf *out, const char *role, const char *text, size_t n)
{
    cs_buf_str(out, "{\"role\":\"");
    cs_buf_str(out, role);
    cs_buf_str(out, "\",");
    cs_body_text(out, "content", text, n);
    cs_buf_char(out, '}');
}

void cs_body_insert(struct cs_buf *body, size_t at, const char *text)
{
    const size_t n = strlen(text), behind = body->len - at;
    CS_ASSERT(at <= body->len);
    if (body->len + n > CS_BODY_MAX || body->len + n > body->max)
        return;
    cs_buf_str(body, text); /* makes room */
    memmove(body->data + at + n, body->data + at, behind);
    memcpy(body->data + at, text, n);
}

void cs_body_text(struct cs_buf *out, const char *key, const char *text, size_t n)
{
    cs_buf_char(out, '"');
    cs_buf_str(out, key);
    cs_buf_str(out, "\":");
    cs_json_str(out, text, n);
}
