/* pictures.h - the images that a worker has, in pieces as they came, and those that a call is to send.
 *
 * Pieces are fetched like chunks of cases, and the least recently used leave when all are over bytes_max. What a call holds stays until it is
 * let go, in the cache or not. Thread: the loop's.
 */
#ifndef CS_PICTURES_H
#define CS_PICTURES_H

#include "protocol/study/image.h"

struct cs_pictures;
struct cs_pictures *cs_pictures_open(uint64_t bytes_max);
void cs_pictures_close(struct cs_pictures *p); /* NULL is fine; what is held lives on */

/* A piece that is to be asked for. */
typedef void (*cs_pictures_missing_fn)(void *self, const uint8_t digest[32], uint32_t bytes);

/* The images of one call, whole. */
struct cs_held;
/* CS_EAGAIN: pieces are not here; each was told. n is not 0. */
CS_WARN_UNUSED enum cs_err cs_pictures_hold(struct cs_pictures *p, const struct cs_image *images, uint32_t n,
                                            cs_pictures_missing_fn missing, void *self, struct cs_held **out,
                                            struct cs_error *err);
/* A piece that came; its digest is right (studies.c). False: nobody waits for it. */
bool cs_pictures_put(struct cs_pictures *p, const uint8_t digest[32], const void *bytes, uint32_t n);
uint64_t cs_pictures_bytes(const struct cs_pictures *p); /* of the cache */

struct cs_held *cs_pictures_keep(struct cs_held *h); /* one more who lets go; NULL is fine */
void cs_pictures_let_go(struct cs_held *h);          /* NULL is fine */
/* The pieces of the image with this hash: how many, and the i-th. None: it is not among them. */
struct cs_held_piece {
    const void *bytes;
    uint32_t n;
};
const struct cs_held_piece *cs_pictures_of(const struct cs_held *h, const uint8_t hash[32], uint32_t *n);

#endif
