#include "tools/simulator/matcher.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"

enum {
    WINDOW_MAX = 32,
    HEAD_BITS = 14, /* chains, mostly empty: 64 KiB stay in the cache */
    FOUND_MAX = 64, /* finds in one prompt; more than that count as several texts */
};
static const uint64_t base = 0x9e3779b97f4a7c15u; /* odd: powers of it stay odd, so no byte of a window is lost */

struct pattern {
    const char *text;
    size_t len;
    uint64_t hash; /* covers its first `window` bytes */
    uint32_t next; /* in the chain, number + 1 */
};

struct cs_matcher {
    struct pattern *patterns;
    size_t window;
    uint64_t out_factor;            /* base^window: weight of the byte that leaves the window */
    uint32_t head[1u << HEAD_BITS]; /* number + 1; 0: no text */
};

struct found {
    size_t from, to;
    uint32_t which;
};

static uint64_t hash_of(const char *s, size_t n)
{
    uint64_t h = 0;
    for (size_t i = 0; i < n; i++)
        h = h * base + (uint8_t)s[i];
    return h;
}

struct cs_matcher *cs_matcher_open(const char *const *texts, uint32_t n)
{
    struct cs_matcher *m = cs_xcalloc(1, sizeof *m);
    m->patterns = cs_xcalloc(n != 0 ? n : 1, sizeof *m->patterns);
    m->window = WINDOW_MAX;
    for (uint32_t i = 0; i < n; i++) {
        m->patterns[i] = (struct pattern){.text = texts[i], .len = strlen(texts[i])};
        CS_ASSERT(m->patterns[i].len > 0);
        if (m->patterns[i].len < m->window)
            m->window = m->patterns[i].len;
    }
    m->out_factor = 1;
    for (size_t i = 0; i < m->window; i++)
        m->out_factor *= base;
    for (uint32_t i = 0; i < n; i++) {
        struct pattern *p = &m->patterns[i];
        p->hash = hash_of(p->text, m->window);
        uint32_t *head = &m->head[p->hash >> (64 - HEAD_BITS)];
        p->next = *head;
        *head = i + 1;
    }
    return m;
}

void cs_matcher_close(struct cs_matcher *m)
{
    if (m == NULL)
        return;
    free(m->patterns);
    free(m);
}

/* Adds the texts that start at `at` to found; counts on when it is full. */
static void compare(const struct cs_matcher *m, uint64_t hash, const char *prompt, size_t len, size_t at,
                    struct found *found, unsigned *n_found)
{
    for (uint32_t i = m->head[hash >> (64 - HEAD_BITS)]; i != 0; i = m->patterns[i - 1].next) {
        const struct pattern *p = &m->patterns[i - 1];
        if (p->hash != hash || p->len > len - at || memcmp(prompt + at, p->text, p->len) != 0)
            continue;
        if (*n_found < FOUND_MAX)
            found[*n_found] = (struct found){at, at + p->len, i - 1};
        ++*n_found;
    }
}

static bool lies_inside_another(const struct found *found, unsigned n, const struct found *f)
{
    for (unsigned i = 0; i < n; i++) {
        const struct found *o = &found[i];
        if (o->from <= f->from && o->to >= f->to && o->to - o->from > f->to - f->from)
            return true;
    }
    return false;
}

enum cs_found cs_matcher_find(const struct cs_matcher *m, const char *prompt, size_t len, uint32_t *which)
{
    struct found found[FOUND_MAX];
    unsigned n_found = 0;
    if (len < m->window)
        return CS_FOUND_NONE;
    uint64_t h = hash_of(prompt, m->window);
    for (size_t at = 0;; at++) {
        if (m->head[h >> (64 - HEAD_BITS)] != 0)
            compare(m, h, prompt, len, at, found, &n_found);
        if (at + m->window >= len)
            break;
        h = h * base + (uint8_t)prompt[at + m->window] - m->out_factor * (uint8_t)prompt[at];
    }
    if (n_found > FOUND_MAX)
        return CS_FOUND_SEVERAL;
    enum cs_found result = CS_FOUND_NONE;
    for (unsigned i = 0; i < n_found; i++) {
        if (lies_inside_another(found, n_found, &found[i]))
            continue;
        if (result == CS_FOUND_ONE && found[i].which != *which)
            return CS_FOUND_SEVERAL;
        *which = found[i].which;
        result = CS_FOUND_ONE;
    }
    return result;
}
