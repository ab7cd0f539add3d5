/* Whether a system keeps sessions, and which. */
#include "protocol/load/system.h"

static enum cs_err load_start(const struct cs_node *n, struct cs_json *session, struct cs_error *err)
{
    static const char *const keys[] = {"method", "path", "body", NULL};
    struct cs_json *start = cs_json_object(), *body = NULL;
    const struct cs_node *v = NULL;
    const char *method = NULL, *path = "";
    cs_json_object_set_new(session, "start", start);
    enum cs_err rc = cs_node_map(n, "start", keys, err);
    if (rc == CS_OK)
        rc = cs_load_asks_method(cs_node_get(n, "method"), "POST", &method, err);
    if (rc == CS_OK)
        rc = cs_node_need(n, "start", "path", &v, err);
    if (rc == CS_OK)
        rc = cs_load_asks_path(v, CS_LOAD_FILLED_START, &path, err);
    if (rc == CS_OK && (v = cs_node_get(n, "body")) != NULL)
        rc = cs_load_asks_tree(v, CS_LOAD_FILLED_START, &body, err);
    cs_json_object_set_new(start, "method", cs_json_string(method != NULL ? method : ""));
    cs_json_object_set_new(start, "path", cs_json_string(path));
    if (body != NULL)
        cs_json_object_set_new(start, "body", body);
    return rc;
}

enum cs_err cs_load_sessions(const struct cs_node *n, struct cs_json *out, struct cs_error *err)
{
    static const char *const keys[] = {"id", "start", "new", "cookie", NULL}, *const yes[] = {"yes", NULL};
    struct cs_json *session = cs_json_object();
    const struct cs_node *v, *start = cs_node_get(n, "start"), *new = cs_node_get(n, "new"), *id = cs_node_get(n, "id"),
                             *cookie = cs_node_get(n, "cookie");
    const char *name = NULL;
    uint32_t i;
    cs_json_object_set_new(out, "session", session);
    enum cs_err rc = cs_node_map(n, "session", keys, err);
    if (rc == CS_OK && id == NULL && new == NULL &&cookie == NULL)
        rc = cs_yaml_fail(
            n, err,
            "session has no id; write id: POINTER into the reply that names it, new: yes to make one, or cookie: NAME");
    if (rc == CS_OK && new != NULL && (start != NULL || id != NULL))
        rc = cs_yaml_fail(n, err, "a session is new, or named by a reply (id); keep one");
    if (rc == CS_OK && new != NULL)
        rc = cs_node_word(new, "new", yes, &i, err);
    if (rc == CS_OK && new != NULL)
        cs_json_object_set_new(session, "new", cs_json_true());
    if (rc == CS_OK && (v = id) != NULL)
        rc = cs_load_told_place(v, session, err);
    if (rc == CS_OK && start != NULL)
        rc = load_start(start, session, err);
    if (rc == CS_OK && cookie != NULL)
        rc = cs_node_name(cookie, "the name of a cookie", CS_NAME_LOOSE, &name, err);
    if (rc == CS_OK && cookie != NULL)
        cs_json_object_set_new(session, "cookie", cs_json_string(name));
    return rc;
}
