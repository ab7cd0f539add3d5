#include "store/events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/json.h"

enum { KEY_MAX = 32 };

static const struct {
    const char *prefix;
    uint64_t kept;
} rings[CS_EVENTS_RINGS] = {{"event/act/", CS_EVENTS_ACTS}, {"event/own/", CS_EVENTS_OWN}};

static void key_of(enum cs_events_ring ring, uint64_t number, char out[KEY_MAX])
{
    snprintf(out, KEY_MAX, "%s%016llx", rings[ring].prefix, (unsigned long long)number);
}

static void put_text(struct cs_json *row, const char *key, const char *text)
{
    if (text != NULL && text[0] != '\0')
        cs_json_object_set_new(row, key, cs_json_string(text)); /* does nothing with what is not UTF-8 */
}

static void put_number(struct cs_json *row, const char *key, int64_t n)
{
    if (n >= 0)
        cs_json_object_set_new(row, key, cs_json_integer(n));
}

void cs_events_add(struct cs_batch *b, enum cs_events_ring ring, uint64_t number, const struct cs_events_row *row)
{
    char key[KEY_MAX];
    struct cs_json *o = cs_json_object();
    put_number(o, "at", row->at_wall_ms);
    put_text(o, "act", row->act);
    put_text(o, "by", row->by);
    put_text(o, "role", row->role);
    put_text(o, "key", row->key);
    put_text(o, "study", row->study);
    put_text(o, "subject", row->subject);
    put_number(o, "trials", row->trials);
    put_number(o, "nano_usd", row->nano_usd);
    put_text(o, "detail", row->detail);
    put_text(o, "reason", row->reason);
    char *text = cs_json_dumps(o, CS_JSON_COMPACT);
    key_of(ring, number, key);
    cs_batch_add_meta(b, key, text, (uint32_t)strlen(text));
    if (number > rings[ring].kept) {
        key_of(ring, number - rings[ring].kept, key);
        cs_batch_add_meta(b, key, NULL, 0);
    }
    free(text);
    cs_json_decref(o);
}

static enum cs_err take_last(void *self, const char *key, const void *value, uint32_t len)
{
    (void)value, (void)len;
    *(uint64_t *)self = strtoull(strrchr(key, '/') + 1, NULL, 16);
    return CS_OK;
}

enum cs_err cs_events_last(struct cs_store *s, enum cs_events_ring ring, uint64_t *out, struct cs_error *err)
{
    *out = 0;
    return cs_store_scan_metas(s, rings[ring].prefix, take_last, out, err);
}

/* ---- reading ----------------------------------------------------------------------------------------- */

struct found {
    int64_t at;
    char *text;
};
struct list {
    const struct cs_events_query *q;
    struct found *items;
    uint64_t n, cap;
};

/* A row that is no JSON (there is none of ours) is passed over. */
static enum cs_err take(void *self, const char *key, const void *value, uint32_t len)
{
    struct list *l = self;
    struct cs_json *row = cs_json_loadb(value, len, 0, NULL);
    const char *study = cs_json_string_value(cs_json_object_get(row, "study"));
    const int64_t at = cs_json_integer_value(cs_json_object_get(row, "at"));
    const bool wanted = row != NULL && at >= l->q->since_wall_ms &&
                        (l->q->study == NULL || (study != NULL && strcmp(study, l->q->study) == 0));
    (void)key;
    if (wanted) {
        if (l->n == l->cap) {
            l->cap = l->cap == 0 ? 64 : 2 * l->cap;
            l->items = cs_xrealloc(l->items, l->cap, sizeof *l->items);
        }
        l->items[l->n++] = (struct found){at, cs_xasprintf("%.*s", (int)len, (const char *)value)};
    }
    cs_json_decref(row);
    return CS_OK;
}

/* Stable: rows of one ring stay in the order of their numbers. */
static void merge(struct list *l, uint64_t first_of_second)
{
    struct found *all = cs_xcalloc(l->n + 1, sizeof *all);
    uint64_t a = 0, b = first_of_second, n = 0;
    while (a < first_of_second || b < l->n) {
        const bool takes_a = b == l->n || (a < first_of_second && l->items[a].at <= l->items[b].at);
        all[n++] = takes_a ? l->items[a++] : l->items[b++];
    }
    free(l->items);
    l->items = all;
}

static void write_out(const struct list *l, struct cs_buf *out, uint64_t *left_off)
{
    size_t bytes = 2;
    uint64_t from = l->n;
    while (from > 0 && (l->q->bytes_max == 0 || bytes + strlen(l->items[from - 1].text) + 1 <= l->q->bytes_max))
        bytes += strlen(l->items[--from].text) + 1;
    *left_off = from;
    cs_buf_str(out, "[");
    for (uint64_t i = from; i < l->n; i++) {
        cs_buf_str(out, i > from ? "," : "");
        cs_buf_str(out, l->items[i].text);
    }
    cs_buf_str(out, "]");
}

enum cs_err cs_events_list(struct cs_store *s, const struct cs_events_query *q, struct cs_buf *out, uint64_t *left_off,
                           struct cs_error *err)
{
    struct list l = {.q = q};
    enum cs_err rc = cs_store_scan_metas(s, rings[CS_EVENTS_RING_ACT].prefix, take, &l, err);
    const uint64_t acts = l.n;
    if (rc == CS_OK)
        rc = cs_store_scan_metas(s, rings[CS_EVENTS_RING_OWN].prefix, take, &l, err);
    if (rc == CS_OK) {
        merge(&l, acts);
        write_out(&l, out, left_off);
    }
    for (uint64_t i = 0; i < l.n; i++)
        free(l.items[i].text);
    free(l.items);
    return rc;
}
