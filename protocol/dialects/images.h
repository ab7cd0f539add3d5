/* images.h - images in requests: how each dialect has them, what its vendor takes, and what they count there.
 *
 * A canonical body holds an image's hash in place of its bytes: `\/\/image:` and 64 hexadecimal digits, where base64 stands in what is sent
 * (worker/calls/sent.h). No text can be taken for one: we never write `/` as `\/`, so a `\` before a `/` ends an escaped `\\`, and what
 * follows that `/` begins no other escape than ours. Pure; any thread.
 */
#ifndef CS_IMAGES_H
#define CS_IMAGES_H

#include "protocol/base/buf.h"
#include "protocol/study/render.h"

#define CS_IMAGES_MARK "\\/\\/image:"
enum { CS_IMAGES_MARK_BYTES = sizeof CS_IMAGES_MARK - 1 + 64 };

/* A message of the user with the prompt's images, then its text. */
void cs_images_message(struct cs_buf *out, enum cs_protocol p, const struct cs_prompt *prompt, const char *text,
                       size_t n);

/* Whether a provider takes it, and all of a prompt together. CS_EINVAL, CS_ETOOBIG: err is the end of a sentence about the image. */
CS_WARN_UNUSED enum cs_err cs_images_fit(enum cs_protocol p, const struct cs_image *image, struct cs_error *err);
CS_WARN_UNUSED enum cs_err cs_images_fit_together(enum cs_protocol p, const struct cs_image *images, uint32_t n,
                                                  struct cs_error *err);

struct cs_images_count {
    uint32_t usual; /* tokens that it is likely to count */
    uint32_t most;  /* more it cannot, whichever of the vendor's models it is */
};
/* Whether it is known how a model of the study counts images. */
bool cs_images_counted(const struct cs_study *s, const struct cs_model *m);
/* False: nobody has said how this provider counts. */
bool cs_images_tokens(const struct cs_account *a, const struct cs_model *m, const struct cs_image *image,
                      struct cs_images_count *out);

#endif
