#include "worker/calls/sent.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/base64.h"
#include "protocol/base/digest.h"
#include "protocol/dialects/images.h"

struct cs_sent_part {
    const uint8_t *bytes;
    size_t n;
    bool encoded; /* goes out as base64; a piece but the last is a multiple of three bytes */
};

static void add(struct cs_sent *s, const void *bytes, size_t n, bool encoded)
{
    if (n == 0)
        return;
    s->parts = cs_xrealloc(s->parts, s->n + 1, sizeof *s->parts);
    s->parts[s->n++] = (struct cs_sent_part){bytes, n, encoded};
    s->length += encoded ? cs_base64_length(n) : n;
}

static void add_image(struct cs_sent *s, const char *mark)
{
    const struct cs_held_piece *pieces;
    uint8_t hash[32];
    char hex[65];
    uint32_t n;
    memcpy(hex, mark + sizeof CS_IMAGES_MARK - 1, 64);
    hex[64] = '\0';
    CS_ASSERT(cs_digest_unhex(hex, hash, sizeof hash)); /* nothing else in a body is written so */
    pieces = cs_pictures_of(s->held, hash, &n);
    CS_ASSERT(pieces != NULL);
    for (uint32_t i = 0; i < n; i++)
        add(s, pieces[i].bytes, pieces[i].n, true);
}

void cs_sent_make(struct cs_sent *s, const char *body, size_t n, struct cs_held *held)
{
    const char *from = body, *mark;
    *s = (struct cs_sent){.held = cs_pictures_keep(held)};
    while (held != NULL &&
           (mark = memmem(from, n - (size_t)(from - body), CS_IMAGES_MARK, sizeof CS_IMAGES_MARK - 1))) {
        add(s, from, (size_t)(mark - from), false);
        CS_ASSERT(n - (size_t)(mark - body) >= CS_IMAGES_MARK_BYTES);
        add_image(s, mark);
        from = mark + CS_IMAGES_MARK_BYTES;
    }
    add(s, from, n - (size_t)(from - body), false);
}

void cs_sent_release(struct cs_sent *s)
{
    free(s->parts);
    cs_pictures_let_go(s->held);
    *s = (struct cs_sent){0};
}

void cs_sent_rewind(struct cs_sent *s)
{
    s->part = 0;
    s->at = 0;
    s->carried = s->given = 0;
}

static size_t give_carried(struct cs_sent *s, char *to, size_t room)
{
    const size_t left = (size_t)(s->carried - s->given), n = left < room ? left : room;
    memcpy(to, s->carry + s->given, n);
    s->given = (uint8_t)(s->given + n);
    return n;
}

/* Four characters where there is room for fewer: the others wait. */
static size_t carry(struct cs_sent *s, const struct cs_sent_part *p, char *to, size_t room)
{
    const size_t n = p->n - s->at < 3 ? p->n - s->at : 3;
    cs_base64_encode(p->bytes + s->at, n, s->carry);
    s->at += n;
    s->carried = (uint8_t)cs_base64_length(n);
    s->given = 0;
    return give_carried(s, to, room);
}

size_t cs_sent_read(struct cs_sent *s, char *to, size_t room)
{
    CS_ASSERT(room > 0);
    size_t done = give_carried(s, to, room);
    while (s->part < s->n && done < room) {
        const struct cs_sent_part *p = &s->parts[s->part];
        const size_t fits = p->encoded ? (room - done) / 4 * 3 : room - done, left = p->n - s->at,
                     n = fits < left ? fits : left;
        if (p->encoded && n == 0 && left > 0) {
            done += carry(s, p, to + done, room - done);
        } else {
            if (p->encoded)
                cs_base64_encode(p->bytes + s->at, n, to + done);
            else
                memcpy(to + done, p->bytes + s->at, n);
            done += p->encoded ? cs_base64_length(n) : n;
            s->at += n;
        }
        if (s->at < p->n)
            continue;
        s->part++;
        s->at = 0;
    }
    return done;
}

char *cs_sent_whole(const char *body, size_t n, struct cs_held *held, size_t *length)
{
    struct cs_sent s;
    cs_sent_make(&s, body, n, held);
    char *out = cs_xmalloc(s.length + 5);
    *length = s.length > 0 ? cs_sent_read(&s, out, s.length + 4) : 0;
    CS_ASSERT(*length == s.length);
    out[*length] = '\0';
    cs_sent_release(&s);
    return out;
}
