#include "protocol/study/hide.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/study/phrases.h"

struct cs_hide {
    struct cs_phrases *words;
    char *as;
};

struct cs_hide *cs_hide_open(const char *const *words, uint32_t n, const char *as)
{
    if (n == 0)
        return NULL;
    struct cs_hide *h = cs_xcalloc(1, sizeof *h);
    h->words = cs_phrases_open();
    h->as = cs_xstrdup(as);
    for (uint32_t i = 0; i < n; i++)
        (void)!cs_phrases_add(h->words, words[i], 1);
    return h;
}

void cs_hide_close(struct cs_hide *h)
{
    if (h == NULL)
        return;
    cs_phrases_close(h->words);
    free(h->as);
    free(h);
}

bool cs_hide_masks(const char *column)
{
    static const char *const heads[] = {"output.", "first.", "second."};
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        if (strncmp(column, heads[i], strlen(heads[i])) == 0)
            return true;
    }
    return false;
}

uint32_t cs_hide_put(const struct cs_hide *h, const char *text, struct cs_buf *out)
{
    const size_t n = strlen(text);
    size_t at = 0;
    uint32_t masked = 0;
    while (h != NULL) {
        const struct cs_phrase_found found = cs_phrases_next(h->words, text, n, at);
        if (found.len == 0)
            break;
        cs_buf_append(out, text + at, found.at - at);
        cs_buf_str(out, h->as);
        at = found.at + found.len;
        masked++;
    }
    cs_buf_append(out, text + at, n - at);
    return masked;
}

const char *cs_hide_words(const struct cs_hide *h, const char *text, struct cs_arena *arena)
{
    if (h == NULL || cs_phrases_next(h->words, text, strlen(text), 0).len == 0)
        return text;
    struct cs_buf out = CS_BUF_INIT(SIZE_MAX);
    cs_hide_put(h, text, &out);
    const char *masked = cs_arena_strdup(arena, cs_buf_cstr(&out));
    cs_buf_release(&out);
    return masked;
}
