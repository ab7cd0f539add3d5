#include "coordinator/rollback.h"

#include <stdio.h>
#include <stdlib.h>

#include "protocol/base/log.h"
#include "store/redis/witness.h"

enum { REDIS_MS = 500 }; /* one that is slower than that is asked by nobody who starts */

/* 0: never. */
static enum cs_err accepted(struct cs_store *s, uint32_t *term, struct cs_error *err)
{
    void *value = NULL;
    uint32_t n = 0;
    enum cs_err rc = cs_store_rows_meta(s, "accepted", &value, &n, err);

    *term = rc == CS_OK ? (uint32_t)strtoul(value, NULL, 10) : 0; /* ends with a NUL */
    free(value);
    return rc == CS_ENOENT ? CS_OK : rc;
}

static void look(const char *address, const char *fleet, struct cs_witness *w)
{
    struct cs_redis_sync *redis = NULL;
    struct cs_error why = {0};
    enum cs_err rc = cs_redis_sync_open(&redis, address, REDIS_MS, &why);

    *w = (struct cs_witness){0};
    if (rc == CS_OK)
        rc = cs_witness_read(redis, fleet, w, &why);
    if (rc != CS_OK)
        cs_log(CS_INFO, "redis_not_asked", "why=\"%s\"", why.msg);
    cs_redis_sync_close(redis);
}

enum cs_err cs_rollback_check(void *self, struct cs_store *s, uint32_t *term_above, struct cs_error *err)
{
    const struct cs_server *sv = self;
    const unsigned long long have = cs_store_commit_seq(s);
    struct cs_witness w;
    uint32_t term = 0;
    enum cs_err rc;

    if (sv->opts.redis == NULL)
        return CS_OK;
    look(sv->opts.redis, cs_store_fleet(s), &w);
    if (w.commit <= have)
        return CS_OK;
    rc = accepted(s, &term, err);
    if (rc != CS_OK || w.term <= term)
        return rc;
    if (!sv->opts.accept_rollback)
        return cs_error_set(err, CS_ECORRUPT,
                            "%s: Redis has seen %llu commits of this store, and only %llu are there: it is an older "
                            "copy. Put the newer one back, or go on without with --accept-rollback",
                            sv->opts.dir, (unsigned long long)w.commit, have);
    cs_log(CS_WARN, "rollback_accepted", "dir=\"%s\" redis=%llu recovered=%llu", sv->opts.dir,
           (unsigned long long)w.commit, have);
    *term_above = w.term + CS_STORE_TERMS_SKIPPED;
    return CS_OK;
}

enum cs_err cs_rollback_accept(struct cs_store *s, struct cs_error *err)
{
    struct cs_batch b;
    char text[16];
    int n = snprintf(text, sizeof text, "%u", cs_store_term(s) - 1); /* of our own, Redis is a witness again */

    cs_batch_init(&b);
    cs_batch_add_meta(&b, "accepted", text, (uint32_t)n + 1);
    enum cs_err rc = cs_store_write(s, &b, err);
    cs_batch_release(&b);
    return rc;
}
