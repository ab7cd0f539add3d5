/* image_rows.h - the images of a study in its store: pieces, each under its hash among the chunks of cases (study/image.h).
 *
 * Thread: as store.h says of reading. Errors: CS_ENOENT: a piece is not there; CS_ECORRUPT: it is not what its name says.
 */
#ifndef CS_IMAGE_ROWS_H
#define CS_IMAGE_ROWS_H

#include "protocol/study/image.h"
#include "protocol/wire/spec.h"
#include "store/store.h"

/* Whether a piece is there. */
bool cs_image_rows_has(struct cs_store *s, const uint8_t digest[32]);
/* All of an image, checked against its hash; free() it. */
CS_WARN_UNUSED enum cs_err cs_image_rows_read(struct cs_store *s, const struct cs_image *image, uint8_t **bytes,
                                              struct cs_error *err);
/* Every image that a stored spec names, as often as it does; its chunks of cases are there. */
CS_WARN_UNUSED enum cs_err cs_image_rows_walk(struct cs_store *s, const struct cs_spec *spec, cs_image_fn fn,
                                              void *self, struct cs_error *err);
/* The same in steps of a few cases each; the spec outlives it. */
struct cs_image_rows_walk;
struct cs_image_rows_walk *cs_image_rows_walk_open(struct cs_store *s, const struct cs_spec *spec);
CS_WARN_UNUSED enum cs_err cs_image_rows_walk_step(struct cs_image_rows_walk *w, cs_image_fn fn, void *self, bool *done,
                                                   struct cs_error *err);
void cs_image_rows_walk_close(struct cs_image_rows_walk *w); /* NULL is fine */
/* The same images once each, each read and checked: how many there are, and their bytes. */
struct cs_image_rows_count {
    uint32_t images;
    uint64_t bytes;
};
CS_WARN_UNUSED enum cs_err cs_image_rows_check(struct cs_store *s, const struct cs_spec *spec,
                                               struct cs_image_rows_count *out, struct cs_error *err);

#endif
