#include "protocol/table/names.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"

/* FNV-1a, 64 bits (Fowler, Noll, Vo). */
static uint64_t hash(const char *s)
{
    uint64_t h = 14695981039346656037u;
    for (; *s != '\0'; s++)
        h = (h ^ (unsigned char)*s) * 1099511628211u;
    return h ^ (h >> 32);
}

/* The slot that holds the key, or the free one where it belongs. At least one slot is free. */
static struct cs_name *slot_of(const struct cs_names *m, const char *key)
{
    CS_ASSERT(m->n < m->cap);
    uint32_t i = (uint32_t)hash(key) & (m->cap - 1);
    while (m->slots[i].key != NULL && strcmp(m->slots[i].key, key) != 0)
        i = (i + 1) & (m->cap - 1);
    return &m->slots[i];
}

static void grow(struct cs_names *m)
{
    struct cs_names bigger = {.cap = m->cap != 0 ? m->cap * 2 : 16, .n = m->n};
    bigger.slots = cs_xcalloc(bigger.cap, sizeof *bigger.slots);
    for (uint32_t i = 0; i < m->cap; i++) {
        if (m->slots[i].key != NULL)
            *slot_of(&bigger, m->slots[i].key) = m->slots[i];
    }
    free(m->slots);
    *m = bigger;
}

uint32_t cs_names_get(const struct cs_names *m, const char *key)
{
    if (m->n == 0)
        return UINT32_MAX;
    const struct cs_name *s = slot_of(m, key);
    return s->key != NULL ? s->value : UINT32_MAX;
}

uint32_t cs_names_put(struct cs_names *m, const char *key, uint32_t value)
{
    if (m->n >= m->cap / 2)
        grow(m);
    struct cs_name *s = slot_of(m, key);
    if (s->key != NULL)
        return s->value;
    *s = (struct cs_name){.key = key, .value = value};
    m->n++;
    return UINT32_MAX;
}

void cs_names_release(struct cs_names *m)
{
    free(m->slots);
    *m = (struct cs_names){0};
}

enum { HINT_WORD_MAX = 63 };

/* Edit distance (insert, delete, replace), rows of the usual table one after the other. */
static size_t distance(const char *a, const char *b)
{
    size_t row[HINT_WORD_MAX + 1], n = strlen(a), m = strlen(b);
    if (n > HINT_WORD_MAX || m > HINT_WORD_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= m; j++)
        row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t replace = diagonal + (a[i - 1] != b[j - 1]);
            size_t shift = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = replace < shift ? replace : shift;
        }
    }
    return row[m];
}

struct cs_hint cs_names_hint(const char *word, const char *const *names, size_t n)
{
    struct cs_hint h = {""};
    size_t best = SIZE_MAX, len = strlen(word), near = 1 + len / 3;
    const char *nearest = NULL;
    for (size_t i = 0; i < n && i < 10000; i++) {
        bool begins = len >= 3 && strncmp(names[i], word, len) == 0;
        size_t d = begins ? 1 : distance(word, names[i]);
        if (d < best) {
            best = d;
            nearest = names[i];
        }
    }
    if (nearest != NULL && best <= near && best < len) {
        snprintf(h.text, sizeof h.text, "; did you mean \"%s\"?", nearest);
        return h;
    }
    size_t used = (size_t)snprintf(h.text, sizeof h.text, n == 0 ? "; there is none" : "; known: ");
    for (size_t i = 0; i < n; i++) {
        int w = snprintf(h.text + used, sizeof h.text - used, "%s%s", i > 0 ? ", " : "", names[i]);
        if (used + (size_t)w + 6 >= sizeof h.text) {
            snprintf(h.text + used, sizeof h.text - used, ", ...");
            break;
        }
        used += (size_t)w;
    }
    return h;
}
