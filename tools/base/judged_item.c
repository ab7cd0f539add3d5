#include "tools/base/judged_item.h"

#include <string.h>

#include "protocol/base/buf.h"

uint32_t cs_judged_item_texts(const struct cs_study *s, uint32_t columns[CS_JUDGED_TEXTS_MAX])
{
    static const char *const names[] = {"output.text", "first.text", "second.text"};
    uint32_t n = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0] && n < CS_JUDGED_TEXTS_MAX; i++) {
        columns[n] = cs_study_column(s, names[i]);
        n += columns[n] != CS_NONE;
    }
    return n;
}

static void put(struct cs_buf *b, const char *text)
{
    cs_buf_str(b, text);
    cs_buf_char(b, 0x1f);
}

struct cs_digest cs_judged_item_digest(const struct cs_study *s, const struct cs_case *c, uint32_t question)
{
    struct cs_buf b = CS_BUF_INIT(4 * CS_TEXT_MAX);
    uint32_t columns[CS_JUDGED_TEXTS_MAX];
    uint8_t hash[32];
    struct cs_digest digest;
    const uint32_t n = cs_judged_item_texts(s, columns);
    put(&b, "judged");
    put(&b, s->questions[question].name);
    put(&b, c->id);
    for (uint32_t i = 0; i < n; i++)
        put(&b, c->values[columns[i]]);
    cs_digest_blake2b_256(cs_buf_cstr(&b), b.len, hash);
    memcpy(digest.b, hash, sizeof digest.b);
    cs_buf_release(&b);
    return digest;
}
