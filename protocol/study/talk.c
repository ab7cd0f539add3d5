#include "protocol/study/talk.h"

#include <string.h>

#include "protocol/base/json.h"

static bool is_blank(const char *s)
{
    return s[strspn(s, " \t\r\n")] == '\0';
}

/* One {"role", "content"}; i from 0. */
static enum cs_err take(struct cs_json *m, size_t i, struct cs_arena *arena, struct cs_talk *out, struct cs_said *said,
                        struct cs_error *err)
{
    const char *role = cs_json_string_value(cs_json_object_get(m, "role"));
    const char *content = cs_json_string_value(cs_json_object_get(m, "content"));
    if (role == NULL || content == NULL || cs_json_object_size(m) != 2)
        return cs_error_set(err, CS_EINVAL, "message %zu is not {\"role\": \"...\", \"content\": \"...\"}", i + 1);
    if (is_blank(content))
        return cs_error_set(err, CS_EINVAL, "message %zu is empty", i + 1);
    if (strcmp(role, "system") == 0 || strcmp(role, "developer") == 0) {
        if (i > 0)
            return cs_error_set(err, CS_EINVAL, "message %zu is a %s message; only the first may be one", i + 1, role);
        out->system = cs_arena_strdup(arena, content);
        return CS_OK;
    }
    const bool by_model = strcmp(role, "assistant") == 0;
    if (!by_model && strcmp(role, "user") != 0)
        return cs_error_set(err, CS_EINVAL, "message %zu has role \"%.40s\"; roles are user, assistant and system",
                            i + 1, role);
    if (by_model && out->n == 0)
        return cs_error_set(err, CS_EINVAL, "message %zu, the first, is the assistant's; a talk begins with the user",
                            i + 1);
    said[out->n++] = (struct cs_said){by_model, cs_arena_strdup(arena, content)};
    return CS_OK;
}

enum cs_err cs_talk_read(const char *json, struct cs_arena *arena, struct cs_talk *out, struct cs_error *err)
{
    struct cs_json_error e;
    struct cs_json *list = cs_json_loads(json, CS_JSON_REJECT_DUPLICATES, &e), *m;
    enum cs_err rc = CS_OK;
    size_t i;
    *out = (struct cs_talk){.system = ""};
    if (!cs_json_is_array(list)) {
        rc = cs_error_set(err, CS_EINVAL, "no list of messages, as in [{\"role\": \"user\", \"content\": \"...\"}]");
    } else if (cs_json_array_size(list) > CS_TALK_MAX) {
        rc = cs_error_set(err, CS_EINVAL, "%zu messages; at most %d", cs_json_array_size(list), CS_TALK_MAX);
    } else {
        struct cs_said *said = cs_arena_array(arena, cs_json_array_size(list) + 1, sizeof *said);
        out->said = said;
        cs_json_array_foreach(list, i, m)
        {
            rc = take(m, i, arena, out, said, err);
            if (rc != CS_OK)
                break;
        }
    }
    cs_json_decref(list);
    return rc;
}

enum cs_err cs_talk_fits(const struct cs_talk *t, bool before_user, struct cs_error *err)
{
    const bool ends_with_user = t->n > 0 && !t->said[t->n - 1].by_model;
    if (before_user && ends_with_user)
        return cs_error_set(err, CS_EINVAL,
                            "it ends with the user's message; before another one the assistant's stands "
                            "last (or ask it as it is: prompt: {messages: ...})");
    if (!before_user && !ends_with_user)
        return cs_error_set(err, CS_EINVAL,
                            "it does not end with a message of the user, so there is nothing to answer");
    return CS_OK;
}

uint32_t cs_talk_repeats(const struct cs_talk *t)
{
    for (uint32_t i = 1; i < t->n; i++) {
        if (t->said[i].by_model == t->said[i - 1].by_model)
            return i + 1 + (t->system[0] != '\0');
    }
    return 0;
}
