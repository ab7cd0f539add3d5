/* Any deployed system behind HTTP, as its account declares it (service.h; facts: stages.md 4.2). */
#include <stdlib.h>
#include <string.h>

#include "protocol/base/assert.h"
#include "protocol/base/json.h"
#include "protocol/dialects/body.h"
#include "protocol/dialects/dialect.h"
#include "protocol/dialects/system/fill.h"
#include "protocol/dialects/system/deployed.h"
#include "protocol/dialects/members.h"
#include "protocol/dialects/system/service.h"

/* ---- step 1: parameters and schema, once for all cells of a kind ------------------------------------------------ */

struct kind {
    const struct cs_json *parameters;
    const struct cs_json *schema, *cap; /* or NULL */
    struct cs_json *used;               /* names of parameters that the request has */
};

static void find_kind(void *self, enum cs_filling which, const char *name, struct cs_filled *out)
{
    struct kind *k = self;
    out->is_ours = which == CS_FILL_SCHEMA || which == CS_FILL_PARAMETER;
    if (which == CS_FILL_SCHEMA) {
        out->value = k->schema;
    } else if (which == CS_FILL_PARAMETER) {
        out->value = strcmp(name, "max_output_tokens") == 0 ? k->cap : cs_json_object_get(k->parameters, name);
        cs_json_object_set_new(k->used, name, cs_json_true());
    }
}

static struct cs_json *parameters_of(const struct cs_settings_of *of)
{
    struct cs_buf b = CS_BUF_INIT(CS_TEXT_MAX + 16);
    cs_buf_char(&b, '{');
    cs_buf_str(&b, of->parameters->text[0] == ',' ? of->parameters->text + 1 : "");
    cs_buf_char(&b, '}');
    struct cs_json *all = cs_json_loadb(b.data, b.len, 0, NULL);
    cs_buf_release(&b);
    return all;
}

/* A parameter that the request has no place for would not be sent. */
static enum cs_err check_used(struct cs_settings_of *of, const struct kind *k, struct cs_error *err)
{
    struct cs_json *all = (struct cs_json *)(uintptr_t)k->parameters, *value; /* only read */
    const char *key,
        *lost = k->cap != NULL && cs_json_object_get(k->used, "max_output_tokens") == NULL ? "max_output_tokens" : NULL;
    cs_json_object_foreach(all, key, value)
    {
        (void)value;
        if (lost == NULL && cs_json_object_get(k->used, key) == NULL)
            lost = key;
    }
    if (lost == NULL)
        return CS_OK;
    snprintf(of->culprit, sizeof of->culprit, "%s", lost);
    return cs_error_set(
        err, CS_EINVAL,
        "the request of account %s has no {{parameter.%s}}, so it would not be sent; write it there, or "
        "%s: omit for this model",
        of->account->name, lost, lost);
}

/* The declared parts of a call, in the order of the canonical body. */
static struct cs_json *declared_of(const struct cs_service *s)
{
    static const char *const parts[] = {"method", "path", "query", "type", "headers", "body"};
    struct cs_json *out = cs_json_object();
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        struct cs_json *v = cs_json_object_get(s->request, parts[i]);
        if (v != NULL)
            cs_json_object_set(out, parts[i], v);
    }
    if (s->session.start != NULL)
        cs_json_object_set(out, "start", cs_json_object_get(cs_json_object_get(s->root, "session"), "start"));
    return out;
}

/* A path is filled with its fillings percent-encoded. */
static void fill_path(const struct cs_fill *f, struct cs_json *call)
{
    const char *path = cs_json_string_value(cs_json_object_get(call, "path"));
    struct cs_buf out = CS_BUF_INIT(CS_BODY_MAX);
    cs_fill_text(f, path, true, &out);
    cs_json_object_set_new(call, "path", cs_json_string(cs_buf_cstr(&out)));
    cs_buf_release(&out);
}

/* All of a call: the path in its way, the rest as values. */
static struct cs_json *fill_call(const struct cs_fill *f, const struct cs_json *call)
{
    struct cs_json *path = cs_json_object_get(call, "path"), *filled = cs_fill_value(f, call);
    cs_json_object_set(filled, "path", path);
    fill_path(f, filled);
    return filled;
}

static enum cs_err put_settings(struct cs_settings_of *of, struct cs_buf *out, struct cs_error *err)
{
    struct cs_service *s;
    enum cs_err rc = cs_service_open(&s, of->account->service != NULL ? of->account->service : "", err);
    if (rc != CS_OK)
        return rc;
    const uint32_t cap = of->parameters->max_output_tokens;
    struct cs_json *parameters = parameters_of(of), *schema = cs_body_schema(of, true),
                   *most = cap > 0 ? cs_json_integer(cap) : NULL, *declared = declared_of(s);
    struct kind kind = {parameters, schema, most, cs_json_object()};
    const struct cs_fill fill = {find_kind, &kind, false};
    struct cs_json *call = fill_call(&fill, declared);
    rc = parameters == NULL ? cs_error_set(err, CS_EINVAL, "a parameter is a number that is too large")
                            : check_used(of, &kind, err);
    if (rc == CS_OK) {
        const size_t before = out->len;
        cs_members(call, out);
        memmove(out->data + before, out->data + before + 1, out->len - before); /* without the comma before it */
        out->len--;
    }
    cs_json_decref(call);
    cs_json_decref(declared);
    cs_json_decref(most);
    cs_json_decref(schema);
    cs_json_decref(parameters);
    cs_json_decref(kind.used);
    cs_service_close(s);
    return rc;
}

/* ---- step 2: the prompt --------------------------------------------------------------------------------------- */

struct asked {
    const struct cs_prompt *prompt;
    struct cs_json *messages;
};

static void find_prompt(void *self, enum cs_filling which, const char *name, struct cs_filled *out)
{
    const struct asked *a = self;
    (void)name;
    out->is_ours = which == CS_FILL_SYSTEM || which == CS_FILL_USER || which == CS_FILL_MESSAGES;
    if (which == CS_FILL_SYSTEM)
        out->text = cs_buf_cstr(&a->prompt->system);
    else if (which == CS_FILL_USER)
        out->text = cs_buf_cstr(&a->prompt->user);
    else
        out->value = a->messages;
}

static void add_message(struct cs_json *list, const struct cs_json *roles, const char *role, const char *text)
{
    const char *renamed = cs_json_string_value(cs_json_object_get(roles, role));
    struct cs_json *m = cs_json_object();
    cs_json_object_set_new(m, "role", cs_json_string(renamed != NULL ? renamed : role));
    cs_json_object_set_new(m, "content", cs_json_string(text));
    cs_json_array_append_new(list, m);
}

static struct cs_json *messages_of(const struct cs_prompt *p, const struct cs_json *roles, bool with_system)
{
    struct cs_json *list = cs_json_array();
    if (with_system && p->system.len > 0)
        add_message(list, roles, "system", cs_buf_cstr(&p->system));
    for (uint32_t i = 0; i < p->n_before; i++)
        add_message(list, roles, p->before[i].by_model ? "assistant" : "user", p->before[i].text);
    add_message(list, roles, "user", cs_buf_cstr(&p->user));
    return list;
}

static struct cs_json *said_of(const struct cs_prompt *p)
{
    struct cs_json *list = cs_json_array();
    for (uint32_t i = 0; i < p->n_before; i++)
        add_message(list, NULL, p->before[i].by_model ? "assistant" : "user", p->before[i].text);
    return list;
}

/* In a session nobody can put a reply into the system's mouth. */
static bool is_told_in_session(const struct cs_service *s, const struct cs_prompt *p)
{
    bool ours = s->session.remembers && p->n_turns > 1;
    for (uint32_t k = 0; k < p->n_turns && ours; k++)
        ours = p->turns[k].n_given == 0;
    return ours;
}

/* All of the prompt has a place. */
static enum cs_err check_places(const struct cs_service *s, const struct cs_prompt *p, const struct cs_json *call,
                                bool has_system, struct cs_error *err)
{
    const bool has_messages = cs_fill_has(call, CS_FILL_MESSAGES);
    if (p->system.len > 0 && !has_system && !has_messages)
        return cs_error_set(err, CS_EINVAL,
                            "the prompt has a system text, and the request of its account no place for it; write "
                            "{{system}} or {{messages}} there");
    if (p->n_before > 0 && !has_messages && !is_told_in_session(s, p))
        return cs_error_set(err, CS_EINVAL,
                            "the prompt is a talk, and the request of its account has place for one text; write "
                            "{{messages}} there%s",
                            s->session.remembers ? ": into a session no reply can be given" : ", or declare a session");
    return CS_OK;
}

static enum cs_err fill(const struct cs_account *account, const char *settings, const struct cs_prompt *p,
                        struct cs_buf *body, struct cs_error *err)
{
    struct cs_service *s;
    struct cs_json *call = cs_json_loads(settings, 0, NULL);
    enum cs_err rc = cs_service_open(&s, account->service != NULL ? account->service : "", err);
    CS_ASSERT(call != NULL); /* made by put_settings */
    if (rc == CS_OK) {
        const bool has_system = cs_fill_has(call, CS_FILL_SYSTEM);
        struct asked asked = {p, messages_of(p, s->roles, !has_system)};
        const struct cs_fill filling = {find_prompt, &asked, false};
        struct cs_json *filled = fill_call(&filling, call);
        rc = check_places(s, p, call, has_system, err);
        if (s->session.remembers && p->n_before > 0)
            cs_json_object_set_new(filled, "said", said_of(p));
        char *text = cs_json_dumps(filled, CS_JSON_COMPACT | CS_JSON_REAL_PRECISION(15));
        cs_buf_str(body, text != NULL ? text : "");
        free(text);
        cs_json_decref(filled);
        cs_json_decref(asked.messages);
    }
    cs_service_close(s);
    cs_json_decref(call);
    return rc;
}

/* A request is filled as a whole: prompt and settings have no places of their own. */
static void no_prompt(const struct cs_model *m, const struct cs_prompt *p, struct cs_buf *out)
{
    (void)m;
    (void)p;
    (void)out;
    CS_ASSERT(false);
}

/* ---- the dialect ------------------------------------------------------------------------------------------------ */

const struct cs_dialect_charge cs_dialect_deployed_charge = {CS_CHARGE_BY_INPUT_AND_CAP, CS_CHARGE_BY_CAP, false};

const struct cs_dialect cs_dialect_deployed = {
    .protocol = CS_PROTOCOL_HTTP,
    .path = "",
    .root = "",
    .auth_prefix = "Authorization: Bearer ",
    .formats = 1 << CS_FORM_JSON_SCHEMA | 1 << CS_FORM_NONE,
    .prompt = no_prompt,
    .settings = put_settings,
    .fill = fill,
    .read = cs_deployed_read,
};
