/* image.h - a picture that stands in a prompt: what is known of it wherever its bytes are not.
 *
 * A study has images by reference: the loader puts a text for each into a further column, of the cases or of a factor, whose name is that of
 * the column with the file's path and CS_IMAGE_COLUMN. Fields between tabs:
 *
 *     hash    BLAKE2b-256 of the file's bytes, 64 hexadecimal digits      bytes    of the file
 *     type    "jpeg", "png", "webp" or "gif"                             pieces   hashes between commas; "": one, whose hash is the file's
 *     width, height                                                       name     the path as the study has it
 *
 * The bytes lie in pieces of CS_IMAGE_PIECE_BYTES (the last is shorter), each under its own hash among the chunks of cases. An empty
 * text is no image. Ownership: a parsed image's name points into its text. Pure; any thread.
 */
#ifndef CS_IMAGE_H
#define CS_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/base/buf.h"
#include "protocol/base/error.h"
#include "protocol/base/picture.h"
#include "protocol/study/study.h"

enum {
    CS_IMAGES_MAX = 16, /* of one prompt */
    CS_IMAGE_BYTES_MAX = 16 * 1024 * 1024,
    CS_IMAGE_PIECE_BYTES = 1024 * 1024 - 1, /* a chunk's most, and three bytes are four characters of base64 */
    CS_IMAGE_PIECES_MAX = CS_IMAGE_BYTES_MAX / CS_IMAGE_PIECE_BYTES + 1
};
#define CS_IMAGE_COLUMN "/image"

struct cs_image {
    uint8_t hash[32];
    struct cs_picture is;
    uint32_t bytes, n_pieces;
    uint8_t pieces[CS_IMAGE_PIECES_MAX][32];
    const char *name;
};

/* From a file's bytes. CS_EINVAL: no picture (picture.h); CS_ETOOBIG. err is the end of a sentence about the file. */
CS_WARN_UNUSED enum cs_err cs_image_make(const void *bytes, size_t n, const char *name, struct cs_image *out,
                                         struct cs_error *err);
void cs_image_put(const struct cs_image *image, struct cs_buf *out);
CS_WARN_UNUSED enum cs_err cs_image_parse(const char *text, struct cs_image *out, struct cs_error *err);
/* Bytes of the i-th piece. */
uint32_t cs_image_piece_bytes(const struct cs_image *image, uint32_t i);
/* Whether n bytes are the image's. */
bool cs_image_is(const struct cs_image *image, const void *bytes, size_t n);

bool cs_image_is_used(const struct cs_study *s);
bool cs_image_is_of_levels(const struct cs_study *s); /* whether some may come with a level */
/* Whether a case column holds references. */
bool cs_image_is_column(const char *name);
/* Every image of a study, as often as it is named. Ends with the first error. */
typedef enum cs_err (*cs_image_fn)(void *self, const struct cs_image *image, struct cs_error *err);
CS_WARN_UNUSED enum cs_err cs_image_walk(const struct cs_study *s, const struct cs_case_source *cases, cs_image_fn fn,
                                         void *self, struct cs_error *err);
/* The same in parts: those of its levels, then those of its cases from `first` on, n of them or as many as there are. */
CS_WARN_UNUSED enum cs_err cs_image_walk_levels(const struct cs_study *s, cs_image_fn fn, void *self,
                                                struct cs_error *err);
CS_WARN_UNUSED enum cs_err cs_image_walk_cases(const struct cs_study *s, const struct cs_case_source *cases,
                                               uint32_t first, uint32_t n, cs_image_fn fn, void *self,
                                               struct cs_error *err);

#endif
