/* OpenAI Chat Completions, and the many servers that speak it: their differences are fields of the account. */
#include <string.h>

#include "protocol/base/assert.h"
#include "protocol/study/answer.h"
#include "protocol/study/body.h"
#include "protocol/study/json.h"

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

static enum cs_err put_settings(struct cs_settings_of *of, struct cs_buf *out, struct cs_error *err)
{
    const char *field = of->account->max_tokens_field;
    (void)err;
    cs_buf_str(out, of->parameters->text);
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
