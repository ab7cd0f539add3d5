#include "protocol/dialects/tool_parts.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/assert.h"
#include "protocol/dialects/body.h"

/* null, or the word: the call was made without arguments. */
static bool is_null(const char *text)
{
    const char *word = text + strspn(text, " \t\r\n");
    return strncmp(word, "null", 4) == 0 && word[4 + strspn(word + 4, " \t\r\n")] == '\0';
}

void cs_tool_parts_call(struct cs_json *calls, const struct cs_json *id, const struct cs_json *name,
                        const struct cs_json *arguments)
{
    struct cs_json *call = cs_json_object();
    const char *text = cs_json_string_value(arguments);
    char *own = text == NULL && arguments != NULL
                    ? cs_json_dumps(arguments, CS_JSON_COMPACT | CS_JSON_ENCODE_ANY | CS_JSON_REAL_PRECISION(17))
                    : NULL;
    const char *id_text = cs_json_string_value(id), *name_text = cs_json_string_value(name);
    cs_json_object_set_new(call, "id", cs_json_string(id_text != NULL ? id_text : ""));
    cs_json_object_set_new(call, "name", cs_json_string(name_text != NULL ? name_text : ""));
    text = own != NULL ? own : text;
    cs_json_object_set_new(call, "arguments", cs_json_string(text != NULL && !is_null(text) ? text : ""));
    cs_json_array_append_new(calls, call);
    free(own);
}

void cs_tool_parts_elements(struct cs_buf *out, const char *array)
{
    const size_t n = strlen(array);
    CS_ASSERT(n >= 2 && array[0] == '[' && array[n - 1] == ']');
    cs_buf_append(out, array + 1, n - 2);
}

void cs_tool_parts_member(struct cs_buf *out, const char *key, const char *text)
{
    cs_body_text(out, key, text, strlen(text));
}
