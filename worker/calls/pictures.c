#include "worker/calls/pictures.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/hash.h"

struct piece {
    uint8_t digest[32];
    void *bytes;               /* NULL: asked for */
    uint32_t n, refs;          /* the cache's, and those that hold it */
    struct piece *prev, *next; /* in the cache, most recently used first */
    UT_hash_handle hh;
};

struct cs_pictures {
    uint64_t bytes, bytes_max;
    struct piece *by_digest, *by_use;
};

struct cs_held {
    uint32_t refs, n;
    struct held_image {
        uint8_t hash[32];
        uint32_t n;
        struct piece *own[CS_IMAGE_PIECES_MAX];
        struct cs_held_piece pieces[CS_IMAGE_PIECES_MAX];
    } images[];
};

static void piece_let_go(struct piece *p)
{
    if (--p->refs > 0)
        return;
    free(p->bytes);
    free(p);
}

static void drop(struct cs_pictures *p, struct piece *one)
{
    HASH_DEL(p->by_digest, one);
    DL_DELETE(p->by_use, one);
    p->bytes -= one->n;
    piece_let_go(one);
}

struct cs_pictures *cs_pictures_open(uint64_t bytes_max)
{
    struct cs_pictures *p = cs_xcalloc(1, sizeof *p);
    p->bytes_max = bytes_max;
    return p;
}

void cs_pictures_close(struct cs_pictures *p)
{
    if (p == NULL)
        return;
    while (p->by_use != NULL)
        drop(p, p->by_use);
    free(p);
}

uint64_t cs_pictures_bytes(const struct cs_pictures *p)
{
    return p->bytes;
}

/* The piece, at the head of those in use; one that is not known is there from now on, without its bytes. */
static struct piece *look_up(struct cs_pictures *p, const uint8_t digest[32])
{
    struct piece *one;
    HASH_FIND(hh, p->by_digest, digest, 32, one);
    if (one != NULL) {
        DL_DELETE(p->by_use, one);
    } else {
        one = cs_xcalloc(1, sizeof *one);
        memcpy(one->digest, digest, 32);
        one->refs = 1;
        HASH_ADD(hh, p->by_digest, digest, 32, one);
    }
    DL_PREPEND(p->by_use, one);
    return one;
}

/* True: all of it is here. */
static bool take_image(struct cs_pictures *p, const struct cs_image *from, struct held_image *to,
                       cs_pictures_missing_fn missing, void *self)
{
    bool whole = true;
    memcpy(to->hash, from->hash, sizeof to->hash);
    to->n = from->n_pieces;
    for (uint32_t i = 0; i < from->n_pieces; i++) {
        struct piece *one = look_up(p, from->pieces[i]);
        if (one->bytes == NULL) {
            missing(self, one->digest, cs_image_piece_bytes(from, i));
            whole = false;
        }
        one->refs++;
        to->own[i] = one;
        to->pieces[i] = (struct cs_held_piece){one->bytes, one->n};
    }
    return whole;
}

enum cs_err cs_pictures_hold(struct cs_pictures *p, const struct cs_image *images, uint32_t n,
                             cs_pictures_missing_fn missing, void *self, struct cs_held **out, struct cs_error *err)
{
    bool whole = true;
    CS_ASSERT(n > 0 && n <= CS_IMAGES_MAX);
    struct cs_held *h = cs_xcalloc(1, sizeof *h + n * sizeof h->images[0]);
    h->refs = 1;
    h->n = n;
    for (uint32_t i = 0; i < n; i++)
        whole &= take_image(p, &images[i], &h->images[i], missing, self);
    *out = whole ? h : NULL;
    if (!whole)
        cs_pictures_let_go(h);
    return whole ? CS_OK : cs_error_set(err, CS_EAGAIN, "the images are being fetched");
}

bool cs_pictures_put(struct cs_pictures *p, const uint8_t digest[32], const void *bytes, uint32_t n)
{
    struct piece *one;
    HASH_FIND(hh, p->by_digest, digest, 32, one);
    if (one == NULL)
        return false;
    if (one->bytes != NULL)
        return true;
    one->bytes = memcpy(cs_xmalloc(n), bytes, n);
    one->n = n;
    p->bytes += n;
    for (struct piece *last = p->by_use->prev, *before; p->bytes > p->bytes_max && last != NULL; last = before) {
        before = last == p->by_use ? NULL : last->prev; /* the head's prev is the tail */
        if (last != one && last->bytes != NULL)
            drop(p, last);
    }
    return true;
}

struct cs_held *cs_pictures_keep(struct cs_held *h)
{
    if (h != NULL)
        h->refs++;
    return h;
}

void cs_pictures_let_go(struct cs_held *h)
{
    if (h == NULL || --h->refs > 0)
        return;
    for (uint32_t i = 0; i < h->n; i++) {
        for (uint32_t k = 0; k < h->images[i].n; k++)
            piece_let_go(h->images[i].own[k]);
    }
    free(h);
}

const struct cs_held_piece *cs_pictures_of(const struct cs_held *h, const uint8_t hash[32], uint32_t *n)
{
    for (uint32_t i = 0; h != NULL && i < h->n; i++) {
        if (memcmp(h->images[i].hash, hash, 32) == 0) {
            *n = h->images[i].n;
            return h->images[i].pieces;
        }
    }
    *n = 0;
    return NULL;
}
