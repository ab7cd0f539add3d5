#include "store/children/hide.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "protocol/base/alloc.h"
#include "protocol/base/buf.h"

struct cs_hide {
    const char **words; /* by first letter, the longest first */
    size_t *lengths;
    uint32_t n, first[257];
    const char *as;
};

static unsigned char fold(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static int in_order(const void *a, const void *b)
{
    const char *x = *(const char *const *)a, *y = *(const char *const *)b;
    const unsigned char p = fold(x[0]), q = fold(y[0]);
    const size_t n = strlen(x), k = strlen(y);
    return p != q ? (p > q) - (p < q) : (n < k) - (n > k);
}

struct cs_hide *cs_hide_open(const char *const *words, uint32_t n, const char *as)
{
    struct cs_hide *h = cs_xcalloc(1, sizeof *h);
    uint32_t k = 0;
    h->as = as;
    h->n = n;
    h->words = cs_xcalloc(n + 1u, sizeof *h->words);
    h->lengths = cs_xcalloc(n + 1u, sizeof *h->lengths);
    if (n > 0)
        memcpy(h->words, words, n * sizeof *words);
    qsort(h->words, n, sizeof *h->words, in_order);
    for (uint32_t c = 0; c <= 256; c++) {
        while (k < n && fold(h->words[k][0]) < c)
            k++;
        h->first[c] = k;
    }
    for (uint32_t i = 0; i < n; i++)
        h->lengths[i] = strlen(h->words[i]);
    return h;
}

void cs_hide_close(struct cs_hide *h)
{
    if (h == NULL)
        return;
    free(h->words);
    free(h->lengths);
    free(h);
}

/* Letters and digits; every byte of a character beyond ASCII is one of a word. */
static bool in_word(char c)
{
    const unsigned char u = fold(c);
    return (u >= 'a' && u <= 'z') || (u >= '0' && u <= '9') || u >= 0x80;
}

/* How long the word is that stands at p; 0: none does. */
static size_t word_at(const struct cs_hide *h, const char *text, const char *p)
{
    const unsigned char c = fold(*p);
    if (p > text && in_word(p[-1]) && in_word(*p))
        return 0;
    for (uint32_t i = h->first[c]; i < h->first[c + 1]; i++) {
        const size_t n = h->lengths[i];
        if (strncasecmp(h->words[i], p, n) == 0 && !(in_word(p[n - 1]) && in_word(p[n])))
            return n;
    }
    return 0;
}

const char *cs_hide_words(const struct cs_hide *h, const char *text, struct cs_arena *arena)
{
    struct cs_buf out = CS_BUF_INIT(SIZE_MAX);
    const char *from = text;
    for (const char *p = text; *p != '\0';) {
        const size_t n = word_at(h, text, p);
        if (n > 0) {
            cs_buf_append(&out, from, (size_t)(p - from));
            cs_buf_str(&out, h->as);
            from = p + n;
        }
        p += n > 0 ? n : 1;
    }
    if (from != text) {
        cs_buf_str(&out, from);
        text = cs_arena_strdup(arena, cs_buf_cstr(&out));
    }
    cs_buf_release(&out);
    return text;
}
