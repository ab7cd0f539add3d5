/* The shell of days.h: asks Redis, reads and writes the rows. One batch is on its way at a time. */

#include "coordinator/days.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/day.h"
#include "coordinator/feed.h"
#include "coordinator/server.h"
#include "protocol/base/alloc.h"
#include "protocol/base/log.h"

enum { POOLS_MAX = 256 };

struct pool {
    struct cs_day_pool rules;
    bool asking;
};

struct cs_days {
    struct cs_server *sv;
    struct pool *pools[POOLS_MAX];
    uint32_t n;
    bool reading; /* which pools there are */
    bool writing; /* a batch is on its way */
};

static void row_key(const struct cs_day_pool *p, char out[CS_META_KEY_MAX])
{
    snprintf(out, CS_META_KEY_MAX, "day/%s/%s", p->group, p->name);
}

/* ---- rows ------------------------------------------------------------------------------------------------- */

static enum cs_err read_row(struct cs_server *sv, struct cs_day_pool *p, struct cs_error *err)
{
    char key[CS_META_KEY_MAX];
    void *value = NULL;
    uint32_t n = 0;

    row_key(p, key);
    enum cs_err rc = cs_store_rows_meta(sv->store, key, &value, &n, err);
    if (rc == CS_OK && !cs_day_row_read(value, n, &p->row))
        rc = cs_error_set(err, CS_ECORRUPT, "the row %s is damaged", key);
    free(value);
    memcpy(p->granted, p->row.ceiling, sizeof p->granted); /* an earlier coordinator may have told Redis so */
    return rc == CS_ENOENT ? CS_OK : rc;
}

/* Writes all rows that wait, once the batch before is on disk. */
static void write_rows(struct cs_days *y)
{
    struct cs_batch *batch = NULL;

    for (uint32_t i = 0; i < y->n && !y->writing && !y->sv->over; i++) {
        struct cs_day_pool *p = &y->pools[i]->rules;
        char key[CS_META_KEY_MAX], text[CS_DAY_ROW_MAX];

        if (p->next.day == 0)
            continue;
        if (batch == NULL) {
            batch = cs_xcalloc(1, sizeof *batch);
            cs_batch_init(batch);
            batch->group = (uint64_t)1 << CS_DAYS_GROUP_BIT;
        }
        row_key(p, key);
        cs_day_row_text(&p->next, text);
        cs_batch_add_meta(batch, key, text, (uint32_t)strlen(text));
    }
    if (batch == NULL)
        return;
    y->writing = true;
    cs_commit_submit(y->sv->commit, batch);
}

void cs_days_written(struct cs_server *sv, struct cs_batch *batch, enum cs_err rc)
{
    struct cs_days *y = sv->days;
    uint32_t n = batch->n_metas;

    for (uint32_t i = 0; i < n && rc == CS_OK; i++) {
        for (uint32_t k = 0; k < y->n; k++) {
            char key[CS_META_KEY_MAX];

            row_key(&y->pools[k]->rules, key);
            if (strcmp(key, batch->metas[i].key) == 0)
                cs_day_written(&y->pools[k]->rules);
        }
    }
    cs_batch_release(batch);
    free(batch);
    y->writing = false;
    if (rc != CS_OK)
        cs_feed_end(sv, CS_EIO, "the store cannot be written");
}

/* ---- asking ----------------------------------------------------------------------------------------------- */

static void on_told(void *self, const struct cs_day_told *told)
{
    struct pool *p = self;

    p->asking = false;
    if (told != NULL)
        (void)cs_day_told(&p->rules, told); /* rows are written together, by the next tick at the latest */
}

static void on_pool(void *self, const char *group, const char *name, const uint64_t limit[CS_DAY_DIMS])
{
    struct cs_days *y = self;
    struct cs_error err = {0};
    struct pool *p = NULL;

    if (group == NULL) {
        y->reading = false;
        return;
    }
    for (uint32_t i = 0; i < y->n && p == NULL; i++) {
        if (strcmp(y->pools[i]->rules.group, group) == 0 && strcmp(y->pools[i]->rules.name, name) == 0)
            p = y->pools[i];
    }
    if (p == NULL && y->n < POOLS_MAX) {
        p = cs_xcalloc(1, sizeof *p);
        snprintf(p->rules.group, sizeof p->rules.group, "%s", group);
        snprintf(p->rules.name, sizeof p->rules.name, "%s", name);
        enum cs_err rc = read_row(y->sv, &p->rules, &err);
        if (rc != CS_OK) {
            free(p);
            cs_feed_end(y->sv, rc, err.msg);
            return;
        }
        y->pools[y->n++] = p;
        cs_log(CS_INFO, "day_pool", "pool=%s day=%lld", name, (long long)p->rules.row.day);
    }
    if (p != NULL)
        memcpy(p->rules.limit, limit, sizeof p->rules.limit);
}

static void on_tick(uv_timer_t *timer)
{
    struct cs_days *y = timer->data;
    struct cs_server *sv = y->sv;

    if (sv->redis == NULL || sv->over || !cs_redis_connected(sv->redis))
        return;
    if (!y->reading) {
        y->reading = true;
        cs_quota_days_read(sv->redis, cs_store_fleet(sv->store), on_pool, y);
    }
    write_rows(y);
    for (uint32_t i = 0; i < y->n; i++) {
        struct pool *p = y->pools[i];
        struct cs_day_ask ask;

        if (p->asking)
            continue;
        p->asking = true;
        cs_day_ask(&p->rules, &ask);
        cs_quota_days_tell(sv->redis, &ask, on_told, p);
    }
}

void cs_days_open(struct cs_server *sv)
{
    sv->days = cs_xcalloc(1, sizeof *sv->days);
    sv->days->sv = sv;
    uv_timer_init(&sv->loop, &sv->days_timer);
    sv->days_timer.data = sv->days;
    uv_timer_start(&sv->days_timer, on_tick, 0, CS_DAYS_TICK_MS);
}

void cs_days_close(struct cs_server *sv)
{
    if (sv->days == NULL)
        return;
    for (uint32_t i = 0; i < sv->days->n; i++)
        free(sv->days->pools[i]);
    free(sv->days);
    sv->days = NULL;
}
