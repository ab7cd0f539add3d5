#include "tools/fleet/parent_there.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/digest.h"
#include "protocol/base/json.h"

enum { ASK_MS = 30000, POLL_US = 200 * 1000 };

struct made { /* there */
    int64_t id, size;
};

/* Asks until it is made. */
static enum cs_err wait_made(const struct cs_parent_there *t, const struct cs_take *take, struct made *out,
                             struct cs_error *err)
{
    struct cs_buf json = CS_BUF_INIT(SIZE_MAX);
    const char *args[] = {take->parent, t->partial ? "partial" : NULL, NULL}, *reply = NULL;
    enum cs_err rc;
    cs_take_json(take, &json);
    for (;;) {
        rc = cs_admin_client_ask(t->client, "snapshot", args, json.data, (uint32_t)json.len, ASK_MS, &reply, err);
        if (rc != CS_EAGAIN)
            break;
        usleep(POLL_US);
    }
    struct cs_json *root = rc == CS_OK ? cs_json_loads(reply, 0, NULL) : NULL;
    *out = (struct made){cs_json_integer_value(cs_json_object_get(root, "id")),
                         cs_json_integer_value(cs_json_object_get(root, "size"))};
    cs_json_decref(root);
    cs_buf_release(&json);
    return rc;
}

static enum cs_err fetch(const struct cs_parent_there *t, const struct made *made, FILE *out, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    for (int64_t at = 0; rc == CS_OK;) { /* the last, empty part says that it is through */
        char from[32], id[32];
        const char *args[] = {from, id, NULL}, *hex = NULL;
        snprintf(from, sizeof from, "%lld", (long long)at);
        snprintf(id, sizeof id, "%lld", (long long)made->id);
        rc = cs_admin_client_ask(t->client, "snapshot-part", args, NULL, 0, ASK_MS, &hex, err);
        const size_t n = rc == CS_OK ? strlen(hex) / 2 : 0;
        uint8_t *bytes = cs_xmalloc(n + 1);
        if (rc == CS_OK && !cs_digest_unhex(hex, bytes, n))
            rc = cs_error_set(err, CS_EPROTO, "the coordinator's answer is no part of a snapshot");
        if (rc == CS_OK && at + (int64_t)n > made->size)
            rc = cs_error_set(err, CS_EPROTO, "the snapshot is longer than the coordinator said");
        if (rc == CS_OK && fwrite(bytes, 1, n, out) != n)
            rc = cs_error_set(err, CS_EIO, "a snapshot: %s", strerror(errno));
        free(bytes);
        if (n == 0)
            return rc == CS_OK && at != made->size ? cs_error_set(err, CS_EPROTO, "the snapshot was cut short") : rc;
        at += (int64_t)n;
    }
    return rc;
}

static enum cs_err snapshot(void *self, const char *path, const char *name, const char *parent,
                            const struct cs_take *take, struct cs_snapshot **out, struct cs_error *err)
{
    const struct cs_parent_there *t = self;
    const char *tmp = getenv("TMPDIR");
    char *file = cs_xasprintf("%s/clinsafe-cases-XXXXXX", tmp != NULL && tmp[0] != '\0' ? tmp : "/tmp");
    struct made made = {0};
    (void)path, (void)name, (void)parent;
    enum cs_err rc = wait_made(t, take, &made, err);
    const int fd = rc == CS_OK ? mkstemp(file) : -1;
    FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (rc == CS_OK && f == NULL)
        rc = cs_error_set(err, CS_EIO, "%s: %s", file, strerror(errno));
    if (rc == CS_OK)
        rc = fetch(t, &made, f, err);
    if (f != NULL && fclose(f) != 0 && rc == CS_OK)
        rc = cs_error_set(err, CS_EIO, "%s: %s", file, strerror(errno));
    if (rc == CS_OK)
        rc = cs_snapshot_open(out, file, err);
    if (fd >= 0)
        unlink(file); /* it goes with its mapping */
    free(file);
    return rc;
}

void cs_parent_there_init(struct cs_parent_there *t, struct cs_admin_client *client, bool partial)
{
    *t = (struct cs_parent_there){.client = client, .partial = partial, .parents = {t, snapshot}};
}
