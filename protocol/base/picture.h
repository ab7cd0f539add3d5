/* picture.h - what kind of picture some bytes are, and how large: by the bytes, never by a name.
 *
 * Looked at is what stands at fixed places (head, chunks, markers, the end), so that a file that was cut or is no picture is refused;
 * nothing is decoded. Ownership: the caller's bytes. Pure; any thread.
 */
#ifndef CS_PICTURE_H
#define CS_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/base/error.h"

enum cs_picture_type { CS_PICTURE_JPEG, CS_PICTURE_PNG, CS_PICTURE_WEBP, CS_PICTURE_GIF, CS_PICTURES };

struct cs_picture {
    enum cs_picture_type type;
    uint32_t width, height; /* pixels */
};

/* CS_EINVAL: none of these, or cut short; err is the end of a sentence about a file. */
CS_WARN_UNUSED enum cs_err cs_picture_look(const void *bytes, size_t n, struct cs_picture *out, struct cs_error *err);
const char *cs_picture_word(enum cs_picture_type t);  /* "jpeg" */
const char *cs_picture_media(enum cs_picture_type t); /* "image/jpeg" */

#endif
