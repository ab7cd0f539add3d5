/* Words hidden in a text, both from anywhere: what is masked begins and ends between characters, ascends, and is found anew where it was
 * found; the rest is left byte for byte. And no text holds the marks of its fence.
 * The words are the lines before the first empty one, the text is what follows. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/study/fence.h"
#include "protocol/study/phrases.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static char *copy(const uint8_t *data, size_t n)
{
    char *text = cs_xmalloc(n + 1);
    for (size_t i = 0; i < n; i++)
        text[i] = data[i] != '\0' ? (char)data[i] : '.';
    text[n] = '\0';
    return text;
}

static char *add_words(struct cs_phrases *p, char *text)
{
    for (char *end; (end = strchr(text, '\n')) != NULL && end != text; text = end + 1) {
        *end = '\0';
        (void)!cs_phrases_add(p, text, 1);
    }
    return text;
}

static bool is_begin(const char *text, size_t at)
{
    return ((uint8_t)text[at] & 0xC0) != 0x80;
}

static void mask(const struct cs_phrases *p, const char *text, size_t n, struct cs_buf *out)
{
    size_t at = 0;
    for (;;) {
        const struct cs_phrase_found f = cs_phrases_next(p, text, n, at);
        CS_ASSERT(f.at >= at && f.at + f.len <= n && (f.len == 0) == (f.mark == 0));
        if (f.len == 0)
            break;
        const struct cs_phrase_found same = cs_phrases_next(p, text, n, f.at);
        CS_ASSERT(same.at == f.at && same.len == f.len);
        CS_ASSERT(is_begin(text, f.at));
        cs_buf_append(out, text + at, f.at - at);
        cs_buf_str(out, "\x01");
        at = f.at + f.len;
    }
    cs_buf_append(out, text + at, n - at);
}

static void check_fence(const char *text)
{
    char mark[CS_FENCE_HEX + 1];
    cs_fence_mark(text, mark);
    CS_ASSERT(strlen(mark) == CS_FENCE_HEX);
    CS_ASSERT(strcasestr(text, mark) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct cs_phrases *p = cs_phrases_open();
    struct cs_buf once = CS_BUF_INIT(n + 1);
    char *all = copy(data, n);
    const char *text = add_words(p, all);
    mask(p, text, strlen(text), &once);
    CS_ASSERT(!once.overflow);
    check_fence(text);
    cs_phrases_close(p);
    cs_buf_release(&once);
    free(all);
    return 0;
}
