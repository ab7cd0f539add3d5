/* OpenAI Chat Completions, and the many servers that speak it: their differences are fields of the account. */
#include <string.h>

#include "protocol/base/assert.h"
#include "protocol/study/answer.h"
#include "protocol/dialects/body.h"
#include "protocol/table/json.h"

static void put_message(struct cs_buf *out, const char *role, const struct cs_buf *content)
{
    cs_buf_str(out, "{\"role\":\"");
    cs_buf_str(out, role);
    cs_buf_str(out, "\",");
    cs_body_text(out, "content", cs_buf_cstr(content), content->len);
    cs_buf_char(out, '}');
}

static void put_prompt(const struct cs_model *m, const struct cs_prompt *p, struct cs_buf *out)
{
    cs_body_text(out, "model", m->model, strlen(m->model));
    cs_buf_str(out, ",\"messages\":[");
    if (p->system.len > 0) {
        put_message(out, "system", &p->system);
        cs_buf_char(out, ',');
    }
    put_message(out, "user", &p->user);
    cs_buf_char(out, ']');
}

static void put_format(const struct cs_settings_of *of, struct cs_buf *out)
{
    if (of->study == NULL || of->study->questions[of->question].n_fields == 0)
        return;
    switch (of->account->response_format) {
    case CS_FORM_JSON_SCHEMA:
        cs_buf_str(out, ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{");
        cs_body_text(out, "name", cs_body_question(of), strlen(cs_body_question(of)));
        cs_buf_str(out, ",\"strict\":true,\"schema\":");
        cs_answer_schema(of->study, of->question, out);
        cs_buf_str(out, "}}");
        break;
    case CS_FORM_JSON_OBJECT:
        cs_buf_str(out, ",\"response_format\":{\"type\":\"json_object\"}");
        break;
    case CS_FORM_TOOL:
    case CS_FORM_NONE:
    case CS_FORMS:
        break;
    }
}

/* What the account's server calls a parameter; "omit": it has none such. */
static const char *name_of(const struct cs_account *a, const char *name)
{
    const size_t n = strlen(name);
    for (uint32_t i = 0; i < a->n_parameter_names; i++) {
        if (strncmp(a->parameter_names[i], name, n) == 0 && strncmp(a->parameter_names[i] + n, ": ", 2) == 0)
            return a->parameter_names[i] + n + 2;
    }
    return name;
}

/* The parameters under the names that the account's server has for them. */
static enum cs_err put_renamed(struct cs_settings_of *of, struct cs_buf *out, struct cs_error *err)
{
    struct cs_buf b = CS_BUF_INIT(CS_TEXT_MAX + 16);
    const char *key;
    json_t *value, *renamed = json_object();
    enum cs_err rc = CS_OK;
    cs_buf_char(&b, '{');
    cs_buf_str(&b, of->parameters->text[0] == ',' ? of->parameters->text + 1 : "");
    cs_buf_char(&b, '}');
    json_t *all = json_loadb(b.data, b.len, 0, NULL);
    if (all == NULL) /* as in cs_body_parameters */
        rc = cs_error_set(err, CS_EINVAL, "a parameter is a number that is too large");
    json_object_foreach(all, key, value)
    {
        const char *name = name_of(of->account, key);
        if (strcmp(name, "omit") == 0)
            continue;
        if (json_object_get(renamed, name) != NULL) {
            snprintf(of->culprit, sizeof of->culprit, "%s", key);
            rc = cs_error_set(err, CS_EINVAL, "%s is said a second time by another parameter; keep one", name);
            break;
        }
        json_object_set(renamed, name, value);
    }
    if (rc == CS_OK)
        cs_body_members(renamed, out);
    json_decref(all);
    json_decref(renamed);
    cs_buf_release(&b);
    return rc;
}

static enum cs_err put_settings(struct cs_settings_of *of, struct cs_buf *out, struct cs_error *err)
{
    const char *field = of->account->max_tokens_field;
    if (of->account->n_parameter_names > 0) {
        enum cs_err rc = put_renamed(of, out, err);
        if (rc != CS_OK)
            return rc;
    } else {
        cs_buf_str(out, of->parameters->text);
    }
    if (of->parameters->max_output_tokens > 0)
        cs_buf_printf(out, ",\"%s\":%u", field != NULL ? field : "max_completion_tokens",
                      of->parameters->max_output_tokens);
    put_format(of, out);
    return CS_OK;
}

const struct cs_dialect cs_dialect_openai_chat = {
    .formats = 1 << CS_FORM_JSON_SCHEMA | 1 << CS_FORM_JSON_OBJECT | 1 << CS_FORM_NONE,
    .prompt = put_prompt,
    .settings = put_settings,
};
