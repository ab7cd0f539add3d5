#include "tools/wall/acts.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/json.h"
#include "protocol/base/plain.h"

bool cs_wall_acts_may(const struct cs_wall_acts *a)
{
    return a->whom.endpoint != NULL || a->whom.dir != NULL;
}

/* A client looks itself where its coordinator is by then; but the next run in a directory has other sockets. */
static enum cs_err ask(struct cs_wall_acts *a, const char *verb, const char *const *args, int within_ms,
                       const char **reply, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    if (a->client == NULL)
        rc = cs_whom_open(&a->whom, &a->client, err);
    if (rc == CS_OK)
        rc = cs_admin_client_ask(a->client, verb, args, NULL, 0, within_ms, reply, err);
    if (rc == CS_ENOENT)
        cs_wall_acts_close(a);
    return rc;
}

void cs_wall_acts_ask(struct cs_wall_acts *a, const char *verb, const char *const *args, const char *what,
                      struct cs_buf *said)
{
    struct cs_error err = {0};
    char plain[400];
    cs_buf_clear(said);
    const enum cs_err rc = ask(a, verb, args, CS_WALL_ACT_MS, NULL, &err);
    const char *why = cs_plain_text(plain, sizeof plain, err.msg);
    const size_t n = strlen(verb); /* "set budget_usd=3: set: the study has ..." says it twice */
    if (strncmp(why, verb, n) == 0 && strncmp(why + n, ": ", 2) == 0)
        why += n + 2;
    cs_buf_printf(said, "%s: %s", what, rc == CS_OK ? "done" : why);
}

void cs_wall_acts_events(struct cs_wall_acts *a, struct cs_buf *out)
{
    static const char *const args[] = {"", "0", NULL}; /* of all studies, from the beginning */
    const char *reply = NULL;
    cs_buf_clear(out);
    if (!cs_wall_acts_may(a) || ask(a, "events", args, CS_WALL_ACT_MS, &reply, NULL) != CS_OK)
        return;
    struct cs_json *root = cs_json_loads(reply, 0, NULL);
    char *list = cs_json_dumps(cs_json_object_get(root, "events"), CS_JSON_COMPACT);
    if (list != NULL)
        cs_buf_str(out, list);
    free(list);
    cs_json_decref(root);
}

enum cs_wall_heard cs_wall_acts_heard(struct cs_wall_acts *a)
{
    if (!cs_wall_acts_may(a))
        return CS_WALL_NOT_ASKED;
    const enum cs_err rc = ask(a, "ping", NULL, CS_WALL_PING_MS, NULL, NULL);
    if (rc == CS_EDENIED)
        return CS_WALL_NOT_ASKED; /* our key says nothing of it */
    return rc == CS_OK ? CS_WALL_ANSWERS : CS_WALL_SILENT;
}

void cs_wall_acts_close(struct cs_wall_acts *a)
{
    cs_admin_client_close(a->client);
    a->client = NULL;
}
