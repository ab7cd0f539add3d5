#include "coordinator/rights.h"

#include <stdio.h>
#include <string.h>

#include "coordinator/feed.h"
#include "protocol/base/log.h"
#include "protocol/wire/allowed.h"

/* What a viewer may ask. Every other verb changes something. */
static bool only_looks(const char *verb)
{
    static const char *const verbs[] = {"status", "ping", "list", "events"};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(verbs[i], verb) == 0)
            return true;
    }
    return false;
}

enum cs_err cs_rights_admin(struct cs_server *sv, const char *user_id, const char *verb, struct cs_error *err)
{
    struct cs_allowed_key k;
    if (user_id[0] == '\0')
        return CS_OK;
    if (!cs_socket_net_key(sv->net, user_id, &k)) /* taken off the list while its request was on the way */
        return cs_error_set(err, CS_EDENIED, "this key was revoked");
    if (k.role == CS_ALLOWED_OPERATOR || (k.role == CS_ALLOWED_VIEWER && only_looks(verb)))
        return CS_OK;
    cs_log(CS_WARN, "not_permitted", "key=%.8s role=%s verb=%s", user_id, cs_allowed_role_name(k.role), verb);
    return cs_error_set(err, CS_EDENIED, "%.64s: this key is a %s's%s; `%.32s` takes one with role=operator%s",
                        k.name[0] != '\0' ? k.name : "not permitted", cs_allowed_role_name(k.role),
                        k.role_said ? "" : " (its line in the allow-list says no role)", verb,
                        only_looks(verb) ? " or role=viewer" : "");
}

bool cs_rights_work(struct cs_server *sv, const char *user_id, uint32_t *sessions, const char **why)
{
    struct cs_allowed_key k = {.role = CS_ALLOWED_WORKER};
    *sessions = 0;
    if (user_id[0] == '\0')
        return true;
    *why = "this key was revoked";
    if (!cs_socket_net_key(sv->net, user_id, &k))
        return false;
    *sessions = k.sessions;
    *why = k.role == CS_ALLOWED_OPERATOR ? "this key is an operator's: a worker needs one with role=worker"
                                         : "this key is a viewer's: a worker needs one with role=worker";
    return k.role == CS_ALLOWED_WORKER;
}

static bool may_work(void *self, const char *user_id)
{
    const char *why;
    uint32_t sessions;
    return cs_rights_work(self, user_id, &sessions, &why);
}

enum cs_err cs_rights_reload(struct cs_server *sv, struct cs_error *err)
{
    struct cs_event e = {.kind = CS_EV_KEYS, .keys = {may_work, sv}};
    enum cs_err rc = cs_socket_net_reload(sv->net, err);
    if (rc != CS_OK) {
        cs_log(CS_ERROR, "allow_list", "error=\"%s\"", err->msg);
        return rc;
    }
    cs_log(CS_INFO, "allow_list", "read=again");
    cs_feed_event(sv, &e);
    return CS_OK;
}

enum cs_err cs_rights_revoke(struct cs_server *sv, const char *who, char said[256], struct cs_error *err)
{
    struct cs_allowed_key k;
    if (sv->opts.allow == NULL)
        return cs_error_set(err, CS_EINVAL, "this coordinator has no allow-list: it was started without --key");
    enum cs_err rc = cs_allowed_revoke(sv->opts.allow, who, &k, err);
    if (rc == CS_OK)
        rc = cs_rights_reload(sv, err);
    if (rc == CS_OK) {
        cs_log(CS_WARN, "key_revoked", "key=%.8s role=%s", k.key, cs_allowed_role_name(k.role));
        snprintf(said, 256, "%.*s%s%.8s...: revoked, its sessions have ended", CS_ALLOWED_NAME_MAX, k.name,
                 k.name[0] != '\0' ? ", key " : "key ", k.key);
    }
    return rc;
}
