/* Where in what comes back the answer stands: reply, stream, poll. */
#include <string.h>

#include "protocol/dialects/system/fill.h"
#include "protocol/dialects/system/pointer.h"
#include "protocol/load/system.h"

enum { SECONDS_MAX = 3600 };

static enum cs_err load_pointer(const struct cs_node *n, const char **out, struct cs_error *err)
{
    struct cs_error why = {0};
    enum cs_err rc = cs_node_any_text(n, n->key, out, err);
    if (rc == CS_OK && cs_pointer_check(*out, &why) != CS_OK)
        rc = cs_yaml_fail(n, err, "%s is \"%.100s\": %s; \"\" is the whole", n->key, *out, why.msg);
    return rc;
}

enum cs_err cs_load_told_place(const struct cs_node *n, struct cs_json *o, struct cs_error *err)
{
    static const char *const keys[] = {"header", NULL};
    const char *text = NULL;
    if (n->kind == CS_NODE_TEXT) {
        enum cs_err rc = load_pointer(n, &text, err);
        if (rc == CS_OK)
            cs_json_object_set_new(o, n->key, cs_json_string(text));
        return rc;
    }
    const struct cs_node *header = NULL;
    enum cs_err rc = cs_node_map(n, n->key, keys, err);
    if (rc == CS_OK)
        rc = cs_node_need(n, n->key, "header", &header, err);
    if (rc == CS_OK)
        rc = cs_node_name(header, "the name of a header", CS_NAME_LOOSE, &text, err);
    if (rc == CS_OK)
        cs_json_object_set_new(o, n->key, cs_json_pack("{s:s}", "header", text));
    return rc;
}

/* One word or a list of them, as a list. */
static enum cs_err load_words(const struct cs_node *n, struct cs_json *o, struct cs_error *err)
{
    const char *word;
    struct cs_json *list = cs_json_array();
    enum cs_err rc = n->kind == CS_NODE_TEXT ? CS_OK : cs_node_list(n, n->key, err);
    for (const struct cs_node *v = n->kind == CS_NODE_TEXT ? n : n->first; v != NULL && rc == CS_OK;
         v = v == n ? NULL : v->next) {
        rc = cs_node_text(v, n->key, &word, err);
        if (rc == CS_OK)
            cs_json_array_append_new(list, cs_json_string(word));
    }
    cs_json_object_set_new(o, n->key, list);
    return rc;
}

/* `{at, is}`: a place inside of something, and the words that may stand there. */
static enum cs_err load_condition(const struct cs_node *n, struct cs_json *o, struct cs_error *err)
{
    static const char *const keys[] = {"at", "is", NULL};
    const struct cs_node *at = NULL, *is = NULL;
    const char *text = NULL, *what = n->key;
    struct cs_json *made = cs_json_object();
    struct cs_error why = {0};
    char pointer[256];
    cs_json_object_set_new(o, what, made);
    enum cs_err rc = cs_node_map(n, what, keys, err);
    if (rc == CS_OK)
        rc = cs_node_need(n, what, "at", &at, err);
    if (rc == CS_OK)
        rc = cs_node_need(n, what, "is", &is, err);
    if (rc == CS_OK)
        rc = cs_node_text(at, "at", &text, err);
    if (rc != CS_OK)
        return rc;
    snprintf(pointer, sizeof pointer, "%s%s", text[0] == '/' ? "" : "/", text);
    if (cs_pointer_check(pointer, &why) != CS_OK || strlen(text) > sizeof pointer - 2)
        return cs_yaml_fail(at, err, "at is no pointer; write one, as in from/role");
    cs_json_object_set_new(made, "at", cs_json_string(pointer));
    return load_words(is, made, err);
}

static enum cs_err load_usage(const struct cs_node *n, struct cs_json *o, struct cs_error *err)
{
    static const char *const keys[] = {"input", "output", NULL};
    struct cs_json *usage = cs_json_object();
    cs_json_object_set_new(o, "usage", usage);
    enum cs_err rc = cs_node_map(n, "usage", keys, err);
    for (const struct cs_node *v = rc == CS_OK ? n->first : NULL; v != NULL && rc == CS_OK; v = v->next)
        rc = cs_load_told_place(v, usage, err);
    return rc;
}

static enum cs_err load_places(const struct cs_node *n, struct cs_json *reply, struct cs_error *err)
{
    static const char *const places[] = {"text", "error", "refused", "end", "version"};
    const struct cs_node *v, *text = cs_node_get(n, "text");
    const char *join = "";
    enum cs_err rc = CS_OK;
    for (size_t i = 0; i < sizeof places / sizeof *places && rc == CS_OK; i++) {
        if ((v = cs_node_get(n, places[i])) != NULL)
            rc = cs_load_told_place(v, reply, err);
    }
    const bool many = text != NULL && text->kind == CS_NODE_TEXT && cs_pointer_is_many(text->text);
    if (rc == CS_OK && (v = cs_node_get(n, "join")) != NULL) {
        rc = many ? cs_node_any_text(v, "join", &join, err)
                  : cs_yaml_fail_key(v, err, "join is for a text with * in it; remove it");
        cs_json_object_set_new(reply, "join", cs_json_string(join));
    }
    if (rc == CS_OK && (v = cs_node_get(n, "only")) != NULL)
        rc = many ? load_condition(v, reply, err)
                  : cs_yaml_fail_key(v, err,
                                     "only chooses among the elements of a *; write one into text, or remove it");
    if (rc == CS_OK && (v = cs_node_get(n, "usage")) != NULL)
        rc = load_usage(v, reply, err);
    return rc;
}

enum cs_err cs_load_told(const struct cs_node *account, bool streams, struct cs_json *out, struct cs_error *err)
{
    static const char *const keys[] = {"text", "join", "only", "error", "refused", "end", "usage", "version", NULL};
    struct cs_json *reply = cs_json_object();
    const struct cs_node *n = cs_node_get(account, "reply"), *text;
    cs_json_object_set_new(out, "reply", reply);
    enum cs_err rc = n == NULL && streams ? CS_OK
                                          : cs_node_need(account, "an account of protocol: http", "reply", &n, err);
    if (rc == CS_OK && n != NULL)
        rc = cs_node_map(n, "reply", keys, err);
    if (rc == CS_OK && !streams)
        rc = cs_node_need(n, "reply", "text", &text, err);
    else if (rc == CS_OK && n != NULL && (text = cs_node_get(n, "text")) != NULL)
        rc = cs_yaml_fail_key(text, err, "where the text stands in a stream says stream: text; remove this one");
    if (rc == CS_OK && streams)
        cs_json_object_set_new(reply, "text", cs_json_string("")); /* not looked at */
    return rc == CS_OK && n != NULL ? load_places(n, reply, err) : rc;
}

enum cs_err cs_load_told_stream(const struct cs_node *n, struct cs_json *out, struct cs_error *err)
{
    static const char *const keys[] = {"text", "event", "done", NULL};
    struct cs_json *stream = cs_json_object();
    const struct cs_node *v = NULL;
    const char *pointer = "", *event = NULL, *done = "";
    cs_json_object_set_new(out, "stream", stream);
    enum cs_err rc = cs_node_map(n, "stream", keys, err);
    if (rc == CS_OK)
        rc = cs_node_need(n, "stream", "text", &v, err);
    if (rc == CS_OK)
        rc = load_pointer(v, &pointer, err);
    if (rc == CS_OK && (v = cs_node_get(n, "event")) != NULL)
        rc = cs_node_text(v, "event", &event, err);
    if (rc == CS_OK)
        rc = cs_node_need(n, "stream", "done", &v, err);
    if (rc == CS_OK)
        rc = cs_node_text(v, "done", &done, err);
    cs_json_object_set_new(stream, "text", cs_json_string(pointer));
    if (event != NULL)
        cs_json_object_set_new(stream, "event", cs_json_string(event));
    cs_json_object_set_new(stream, "done", cs_json_string(done));
    return rc;
}

static enum cs_err load_seconds(const struct cs_node *n, const char *key, double usual, struct cs_json *o,
                                struct cs_error *err)
{
    const struct cs_node *v = cs_node_get(n, key);
    enum cs_err rc = v != NULL ? cs_node_number(v, key, 0.1, SECONDS_MAX, &usual, err) : CS_OK;
    cs_json_object_set_new(o, key, cs_json_real(usual));
    return rc;
}

static bool has(const char *text, enum cs_filling which)
{
    struct cs_json *v = cs_json_string(text);
    const bool found = cs_fill_has(v, which);
    cs_json_decref(v);
    return found;
}

enum cs_err cs_load_told_poll(const struct cs_node *n, struct cs_json *out, struct cs_error *err)
{
    static const char *const keys[] = {"path", "id", "mark", "until", "failed", "every_s", "at_most_s", NULL};
    struct cs_json *poll = cs_json_object();
    const struct cs_node *v = NULL;
    const char *path = "";
    cs_json_object_set_new(out, "poll", poll);
    enum cs_err rc = cs_node_map(n, "poll", keys, err);
    if (rc == CS_OK)
        rc = cs_node_need(n, "poll", "path", &v, err);
    if (rc == CS_OK)
        rc = cs_load_asks_path(v, CS_LOAD_FILLED_POLL, &path, err);
    if (rc == CS_OK && has(path, CS_FILL_JOB) != (cs_node_get(n, "id") != NULL))
        rc = cs_yaml_fail(v, err,
                          "{{job}} in path and id belong together: id says where the first reply names the job");
    if (rc == CS_OK && has(path, CS_FILL_MARK) != (cs_node_get(n, "mark") != NULL))
        rc = cs_yaml_fail(v, err, "{{mark}} in path and mark belong together: mark says where a reply has it");
    cs_json_object_set_new(poll, "path", cs_json_string(path));
    if (rc == CS_OK && (v = cs_node_get(n, "id")) != NULL)
        rc = cs_load_told_place(v, poll, err);
    if (rc == CS_OK && (v = cs_node_get(n, "mark")) != NULL)
        rc = cs_load_told_place(v, poll, err);
    if (rc == CS_OK && (v = cs_node_get(n, "until")) != NULL)
        rc = load_condition(v, poll, err);
    if (rc == CS_OK && (v = cs_node_get(n, "failed")) != NULL)
        rc = cs_node_get(n, "until") != NULL
                 ? load_words(v, poll, err)
                 : cs_yaml_fail_key(v, err, "failed are words at the place of until; write until too");
    if (rc == CS_OK)
        rc = load_seconds(n, "every_s", 1, poll, err);
    return rc == CS_OK ? load_seconds(n, "at_most_s", SECONDS_MAX, poll, err) : rc;
}
