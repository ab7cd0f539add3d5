#include "tools/wall/acts.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/json.h"
#include "protocol/base/plain.h"

bool cs_wall_acts_may(const struct cs_wall_acts *a)
{
    return a->whom.endpoint != NULL || a->whom.dir != NULL;
}

/* A coordinator that starts anew may have another address: the next question looks again. */
static enum cs_err ask(struct cs_wall_acts *a, const char *verb, const char *const *args, const char **reply,
                       struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    if (a->client == NULL)
        rc = cs_whom_open(&a->whom, &a->client, err);
    if (rc == CS_OK)
        rc = cs_admin_client_ask(a->client, verb, args, NULL, 0, CS_WALL_ACT_MS, reply, err);
    if (rc == CS_ETIMEDOUT || rc == CS_EAGAIN)
        cs_wall_acts_close(a);
    return rc;
}

void cs_wall_acts_ask(struct cs_wall_acts *a, const char *verb, const char *const *args, const char *what,
                      struct cs_buf *said)
{
    struct cs_error err = {0};
    char plain[400];
    cs_buf_clear(said);
    const enum cs_err rc = ask(a, verb, args, NULL, &err);
    cs_buf_printf(said, "%s: %s", what, rc == CS_OK ? "done" : cs_plain_text(plain, sizeof plain, err.msg));
}

void cs_wall_acts_events(struct cs_wall_acts *a, struct cs_buf *out)
{
    static const char *const args[] = {"", "0", NULL}; /* of all studies, from the beginning */
    const char *reply = NULL;
    cs_buf_clear(out);
    if (!cs_wall_acts_may(a) || ask(a, "events", args, &reply, NULL) != CS_OK)
        return;
    struct cs_json *root = cs_json_loads(reply, 0, NULL);
    char *list = cs_json_dumps(cs_json_object_get(root, "events"), CS_JSON_COMPACT);
    if (list != NULL)
        cs_buf_str(out, list);
    free(list);
    cs_json_decref(root);
}

void cs_wall_acts_close(struct cs_wall_acts *a)
{
    cs_admin_client_close(a->client);
    a->client = NULL;
}
