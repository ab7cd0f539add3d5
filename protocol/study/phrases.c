#include "protocol/study/phrases.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"

struct node {                /* of a tree over folded bytes; ' ' stands for a run of white space */
    uint32_t child, sibling; /* 0: none */
    uint32_t mark;           /* a phrase ends here; 0: none */
    uint8_t byte;
};

struct cs_phrases {
    struct node *nodes; /* [0] is the root */
    uint32_t n, cap;
    uint32_t first[256]; /* the root's children */
    bool begins[256];    /* bytes that a phrase may begin with, in either case */
};

/* ---- bytes ---------------------------------------------------------------------------------------- */

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static uint8_t lower_byte(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

uint8_t cs_phrases_fold(const uint8_t *s, size_t n, size_t at)
{
    const uint8_t c = s[at];
    if (c < 0x80)
        return lower_byte(c);
    if (c >= 0xC0) { /* the first of a character */
        const uint8_t next = at + 1 < n ? s[at + 1] : 0;
        if (c == 0xCE && next >= 0xA0 && next <= 0xA9 && next != 0xA2)
            return 0xCF; /* Greek pi to omega */
        if (c == 0xD0 && ((next >= 0xA0 && next <= 0xAF) || (next >= 0x80 && next <= 0x8F)))
            return 0xD1; /* Cyrillic */
        return c;
    }
    const uint8_t before = at > 0 ? s[at - 1] : 0;
    if (before == 0xC3 && c >= 0x80 && c <= 0x9E && c != 0x97)
        return (uint8_t)(c + 0x20); /* Latin-1 */
    if (before == 0xCE && c >= 0x91 && c <= 0x9F)
        return (uint8_t)(c + 0x20); /* Greek alpha to omicron */
    if (before == 0xCE && c >= 0xA0 && c <= 0xA9 && c != 0xA2)
        return (uint8_t)(c - 0x20);
    if (before == 0xD0 && c >= 0x90 && c <= 0x9F)
        return (uint8_t)(c + 0x20);
    if (before == 0xD0 && c >= 0xA0 && c <= 0xAF)
        return (uint8_t)(c - 0x20);
    if (before == 0xD0 && c >= 0x80 && c <= 0x8F)
        return (uint8_t)(c + 0x10);
    return c;
}

/* Whether the character that begins (or, `back`, ends) at s[at] goes on with a word next to it. */
static bool is_of_word(const uint8_t *s, size_t n, size_t at, bool back)
{
    while (back && at > 0 && (s[at] & 0xC0) == 0x80)
        at--;
    const uint8_t c = s[at], next = at + 1 < n ? s[at + 1] : 0;
    if (c < 0x80)
        return (c >= '0' && c <= '9') || (lower_byte(c) >= 'a' && lower_byte(c) <= 'z');
    if (c == 0xC2 || (c == 0xC3 && (next == 0x97 || next == 0xB7)))
        return false; /* signs of Latin-1 */
    if (c == 0xE2 && next >= 0x80 && next <= 0xAF)
        return false; /* dashes, quotes, signs, arrows */
    if (c == 0xE0 && next >= 0xB8 && next <= 0xBB)
        return false; /* Thai, Lao */
    return c < 0xE3;  /* from here on: scripts without blanks, pictures */
}

static size_t skip_space(const uint8_t *s, size_t n, size_t at)
{
    while (at < n && is_space(s[at]))
        at++;
    return at;
}

/* ---- the tree ------------------------------------------------------------------------------------- */

struct cs_phrases *cs_phrases_open(void)
{
    struct cs_phrases *p = cs_xcalloc(1, sizeof *p);
    p->cap = 64;
    p->nodes = cs_xcalloc(p->cap, sizeof *p->nodes);
    p->n = 1;
    return p;
}

void cs_phrases_close(struct cs_phrases *p)
{
    if (p == NULL)
        return;
    free(p->nodes);
    free(p);
}

static uint32_t child_of(const struct cs_phrases *p, uint32_t node, uint8_t byte)
{
    if (node == 0)
        return p->first[byte];
    uint32_t c = p->nodes[node].child;
    while (c != 0 && p->nodes[c].byte != byte)
        c = p->nodes[c].sibling;
    return c;
}

static uint32_t grow(struct cs_phrases *p, uint32_t node, uint8_t byte)
{
    if (p->n == p->cap) {
        p->cap *= 2;
        p->nodes = cs_xrealloc(p->nodes, p->cap, sizeof *p->nodes);
    }
    const uint32_t made = p->n++;
    p->nodes[made] = (struct node){.byte = byte, .sibling = p->nodes[node].child};
    if (node == 0)
        p->first[byte] = made;
    p->nodes[node].child = made;
    return made;
}

enum cs_err cs_phrases_add(struct cs_phrases *p, const char *phrase, uint32_t mark)
{
    const uint8_t *s = (const uint8_t *)phrase;
    size_t n = strlen(phrase), at = skip_space(s, n, 0);
    uint32_t node = 0;
    while (n > at && is_space(s[n - 1]))
        n--;
    if (at == n)
        return CS_EINVAL;
    if (n - at > CS_PHRASE_MAX || p->n + (n - at) > CS_PHRASES_BYTES_MAX)
        return CS_ETOOBIG;
    p->begins[s[at]] = p->begins[cs_phrases_fold(s, n, at)] = true;
    for (unsigned c = 0; c < 256; c++) /* capitals: of one byte, or the lead byte that folds to this one */
        p->begins[c] |= (c < 0x80 && p->begins[lower_byte((uint8_t)c)]) || (c == 0xCE && p->begins[0xCF]) ||
                        (c == 0xD0 && p->begins[0xD1]);
    while (at < n) {
        const uint8_t byte = is_space(s[at]) ? ' ' : cs_phrases_fold(s, n, at);
        const uint32_t next = child_of(p, node, byte);
        node = next != 0 ? next : grow(p, node, byte);
        at = byte == ' ' ? skip_space(s, n, at) : at + 1;
    }
    p->nodes[node].mark |= mark;
    return CS_OK;
}

/* The longest phrase that begins at `from` and ends where a word may. */
static struct cs_phrase_found longest(const struct cs_phrases *p, const uint8_t *s, size_t n, size_t from)
{
    struct cs_phrase_found found = {.at = from};
    uint32_t node = 0;
    size_t at = from;
    while (at < n) {
        const uint8_t byte = is_space(s[at]) ? ' ' : cs_phrases_fold(s, n, at);
        node = child_of(p, node, byte);
        if (node == 0)
            break;
        at = byte == ' ' ? skip_space(s, n, at) : at + 1;
        if (p->nodes[node].mark != 0 && (at == n || !is_of_word(s, n, at, false) || !is_of_word(s, n, at - 1, true))) {
            found.len = at - from;
            found.mark = p->nodes[node].mark;
        }
    }
    return found;
}

static bool is_ascii_word(uint8_t c)
{
    const uint8_t l = c | 0x20;
    return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9');
}

struct cs_phrase_found cs_phrases_next(const struct cs_phrases *p, const char *text, size_t n, size_t from)
{
    const uint8_t *s = (const uint8_t *)text;
    bool inside = from > 0 && from < n && is_of_word(s, n, from - 1, true); /* a word goes on before s[from] */
    while (from < n) {
        const uint8_t c = s[from];
        const bool word = is_ascii_word(c);
        if (p->begins[c] && (c & 0xC0) != 0x80 && p->first[cs_phrases_fold(s, n, from)] != 0 &&
            !(inside && (word || is_of_word(s, n, from, false)))) {
            const struct cs_phrase_found found = longest(p, s, n, from);
            if (found.len > 0)
                return found;
        }
        from++;
        if (word) { /* nothing begins within a word */
            while (from < n && is_ascii_word(s[from]))
                from++;
            inside = true;
        } else {
            inside = c >= 0x80 && from < n && is_of_word(s, n, from - 1, true);
        }
    }
    return (struct cs_phrase_found){.at = n};
}
