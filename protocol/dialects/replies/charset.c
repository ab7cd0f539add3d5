#include "protocol/dialects/replies/charset.h"

#include <errno.h>
#include <iconv.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "protocol/base/buf.h"
#include "protocol/base/utf8.h"
#include "protocol/dialects/replies/header.h"

static bool is_one_of(const char *name, const char *const *beginnings)
{
    while (*beginnings != NULL && strncasecmp(name, *beginnings, strlen(*beginnings)) != 0)
        beginnings++;
    return *beginnings != NULL;
}

/* "text/plain; charset="ISO-8859-1"": its name, or "". */
static const char *charset_of(const char *type, struct cs_arena *arena)
{
    static const char key[] = "charset=";
    const char *at = type != NULL ? strcasestr(type, key) : NULL;
    if (at == NULL)
        return "";
    at += sizeof key - 1;
    at += strspn(at, "\"' ");
    const char *name = cs_arena_strndup(arena, at, strcspn(at, "\"'; ,"));
    return cs_utf8_clean(arena, name, strlen(name), 40);
}

/* Bytes that go together: one that is damaged must not shift those behind it. */
static size_t unit_of(const char *name)
{
    return strncasecmp(name, "utf-16", 6) == 0 ? 2 : strncasecmp(name, "utf-32", 6) == 0 ? 4 : 1;
}

static void convert(iconv_t cd, const char *bytes, size_t n, size_t unit, struct cs_buf *out)
{
    char *in = (char *)(uintptr_t)bytes, piece[4096]; /* only read */
    bool ends = false;
    while (!ends) {
        char *to = piece;
        size_t room = sizeof piece;
        ends = n == 0; /* then a last call gives out what it still holds */
        const bool fits = iconv(cd, ends ? NULL : &in, ends ? NULL : &n, &to, &room) != (size_t)-1;
        const int why = fits ? 0 : errno;
        cs_buf_append(out, piece, (size_t)(to - piece));
        if (!ends && (why == EILSEQ || why == EINVAL)) {
            const size_t bad = why == EILSEQ && unit < n ? unit : n;
            cs_buf_str(out, "\xef\xbf\xbd");
            in += bad;
            n -= bad;
        }
    }
}

const char *cs_charset_to_utf8(struct cs_http_reply *reply, struct cs_arena *arena)
{
    static const char *const same[] = {"utf-8", "utf8", "us-ascii", "ascii", NULL};
    static const char *const known[] = {"iso-8859-", "iso8859-",  "latin1", "windows-", "cp125",
                                        "cp850",     "koi8-",     "utf-16", "utf-32",   "gb",
                                        "big5",      "shift_jis", "sjis",   "euc-",     NULL};
    const char *type = cs_header(reply->headers, "content-type", arena), *name = charset_of(type, arena);
    if (name[0] == '\0' || is_one_of(name, same) ||
        (strcasestr(type, "json") != NULL && cs_utf8_valid(reply->body, reply->body_len)))
        return NULL;
    iconv_t cd = is_one_of(name, known) ? iconv_open("UTF-8", name) : (iconv_t)-1;
    if (cd == (iconv_t)-1)
        return cs_utf8_valid(reply->body, reply->body_len) ? NULL : name;
    struct cs_buf out = CS_BUF_INIT(SIZE_MAX);
    convert(cd, reply->body, reply->body_len, unit_of(name), &out);
    iconv_close(cd);
    reply->body = cs_arena_strndup(arena, cs_buf_cstr(&out), out.len);
    reply->body_len = out.len;
    cs_buf_release(&out);
    return NULL;
}
