#include "worker/calls/window.h"

#include <stdlib.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/wire/messages.h"

void cs_window_init(struct cs_window *w, uint32_t outputs_max, size_t bytes_max)
{
    *w = (struct cs_window){.first = 1};
    cs_window_limit(w, outputs_max, bytes_max);
}

void cs_window_release(struct cs_window *w)
{
    for (uint32_t i = 0; i < w->n; i++)
        free(w->ring[(w->head + i) % w->cap].bytes);
    free(w->ring);
    *w = (struct cs_window){0};
}

void cs_window_limit(struct cs_window *w, uint32_t outputs_max, size_t bytes_max)
{
    /* One output always fits, or nothing would ever move. */
    w->outputs_max = outputs_max > 0 ? outputs_max : 1;
    w->bytes_max = bytes_max > CS_OUTPUT_MAX ? bytes_max : CS_OUTPUT_MAX;
}

bool cs_window_open(const struct cs_window *w)
{
    return w->n < w->outputs_max && w->bytes < w->bytes_max;
}

void cs_window_push(struct cs_window *w, const struct cs_window_entry *e)
{
    CS_ASSERT(e->len > 0);
    CS_ASSERT(e->len <= CS_OUTPUT_MAX);
    if (w->n == w->cap) {
        uint32_t cap = w->cap != 0 ? w->cap * 2 : 256;
        struct cs_window_entry *ring = cs_xcalloc(cap, sizeof *ring);
        for (uint32_t i = 0; i < w->n; i++)
            ring[i] = w->ring[(w->head + i) % w->cap];
        free(w->ring);
        w->ring = ring;
        w->cap = cap;
        w->head = 0;
    }
    w->ring[(w->head + w->n) % w->cap] = *e;
    w->n++;
    w->bytes += e->len;
}

const struct cs_window_entry *cs_window_at(const struct cs_window *w, uint32_t i)
{
    CS_ASSERT(i < w->n);
    return &w->ring[(w->head + i) % w->cap];
}

uint32_t cs_window_sendable(const struct cs_window *w, uint32_t outputs_max, size_t bytes_max)
{
    size_t bytes = 0;
    uint32_t count = 0;
    for (uint32_t i = w->sent; i < w->n; i++, count++) {
        uint32_t len = cs_window_at(w, i)->len;
        if (count == outputs_max || w->sent + count == w->outputs_max || w->sent_bytes + bytes + len > w->bytes_max)
            break;
        if (count > 0 && bytes + len > bytes_max)
            break;
        bytes += len;
    }
    return count;
}

void cs_window_sent(struct cs_window *w, uint32_t count)
{
    CS_ASSERT(count <= w->n - w->sent);
    for (uint32_t i = 0; i < count; i++)
        w->sent_bytes += cs_window_at(w, w->sent + i)->len;
    w->sent += count;
    CS_ASSERT(w->sent <= w->outputs_max);
    CS_ASSERT(w->sent_bytes <= w->bytes_max);
}

void cs_window_pop(struct cs_window *w, struct cs_window_entry *out)
{
    CS_ASSERT(w->n > 0);
    *out = w->ring[w->head];
    w->ring[w->head] = (struct cs_window_entry){0};
    w->head = (w->head + 1) % w->cap;
    w->n--;
    w->first++;
    w->bytes -= out->len;
    if (w->sent > 0) {
        w->sent--;
        w->sent_bytes -= out->len;
    }
}

void cs_window_rewind(struct cs_window *w, bool from_one)
{
    w->sent = 0;
    w->sent_bytes = 0;
    if (from_one)
        w->first = 1;
}
