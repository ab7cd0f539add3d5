/* sent.h - what goes out for a canonical body with images in it: the body, with base64 where it has a hash (dialects/images.h).
 *
 * It is written piece by piece while it is sent, so that a call under way costs no copy of its images. Ownership: the body is the
 * caller's and stays; what is held is kept until the release. Thread: the loop's.
 */
#ifndef CS_SENT_H
#define CS_SENT_H

#include "worker/calls/pictures.h"

struct cs_sent {
    struct cs_sent_part *parts;
    uint32_t n;
    uint64_t length; /* bytes of all */
    uint32_t part;   /* where reading is */
    size_t at;
    char carry[4]; /* base64 that had no room any more: of them `carried`, `given` are out */
    uint8_t carried, given;
    struct cs_held *held;
};

/* A zeroed struct is fine to release. held: NULL, or all images of the body. */
void cs_sent_make(struct cs_sent *s, const char *body, size_t n, struct cs_held *held);
void cs_sent_release(struct cs_sent *s);
/* Writes up to room bytes (at least 1); 0: the end. */
size_t cs_sent_read(struct cs_sent *s, char *to, size_t room);
void cs_sent_rewind(struct cs_sent *s);
/* All of it, NUL-terminated; free() it. */
char *cs_sent_whole(const char *body, size_t n, struct cs_held *held, size_t *length);

#endif
