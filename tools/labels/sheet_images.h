/* sheet_images.h - inside this folder only: the images of one page for raters, each once, however many items show it.
 *
 * What is added is numbered; the bytes are read when the page ends, one image at a time, so that a page under way holds none. An image is
 * told by its hash, and nothing of its name gets into the page: a file's name may tell the arm. Ownership: images are copied. Thread: one owner.
 */
#ifndef CS_LABELS_SHEET_IMAGES_H
#define CS_LABELS_SHEET_IMAGES_H

#include <stdio.h>

#include "protocol/study/image.h"

enum {
    CS_SHEET_IMAGES_BYTES_MAX = 96 * 1024 * 1024
}; /* files on one page; a third more as base64: a browser opens that */

struct cs_sheet_images_source {
    void *self;
    /* All bytes of an image, checked against its hash; free() them. */
    enum cs_err (*read)(void *self, const struct cs_image *image, uint8_t **bytes, struct cs_error *err);
};

struct cs_sheet_images { /* zeroed: none yet */
    struct cs_sheet_images_one *by_hash;
    uint32_t n;
    uint64_t bytes; /* of the files */
};

/* Its number on the page, from 0. */
uint32_t cs_sheet_images_add(struct cs_sheet_images *s, const struct cs_image *image);
/* CS_ETOOBIG: they are more than a page holds. */
CS_WARN_UNUSED enum cs_err cs_sheet_images_fit(const struct cs_sheet_images *s, struct cs_error *err);
/* An element `image-N` for each, whose text is a data: URL. Errors: those of the source. */
CS_WARN_UNUSED enum cs_err cs_sheet_images_write(const struct cs_sheet_images *s,
                                                 const struct cs_sheet_images_source *from, FILE *out,
                                                 struct cs_error *err);
void cs_sheet_images_release(struct cs_sheet_images *s);

#endif
