#include "tools/labels/sheet_images.h"

#include <stdlib.h>

#include "protocol/base/alloc.h"
#include "protocol/base/base64.h"
#include "protocol/base/hash.h"

struct cs_sheet_images_one {
    struct cs_image image;
    char *name; /* for a sentence about it */
    uint32_t number;
    UT_hash_handle hh; /* by the hash; the table keeps the order in which they were added */
};

uint32_t cs_sheet_images_add(struct cs_sheet_images *s, const struct cs_image *image)
{
    struct cs_sheet_images_one *one;
    HASH_FIND(hh, s->by_hash, image->hash, sizeof image->hash, one);
    if (one == NULL) {
        one = cs_xcalloc(1, sizeof *one);
        one->image = *image;
        one->image.name = one->name = cs_xstrdup(image->name);
        one->number = s->n++;
        s->bytes += image->bytes;
        HASH_ADD(hh, s->by_hash, image.hash, sizeof one->image.hash, one);
    }
    return one->number;
}

enum cs_err cs_sheet_images_fit(const struct cs_sheet_images *s, struct cs_error *err)
{
    const unsigned mib = 1024 * 1024;
    if (s->bytes <= CS_SHEET_IMAGES_BYTES_MAX)
        return CS_OK;
    return cs_error_set(err, CS_ETOOBIG,
                        "%u images are %llu MiB, and a page holds %u; take fewer items, or share them among more "
                        "people",
                        s->n, (unsigned long long)((s->bytes + mib - 1) / mib), CS_SHEET_IMAGES_BYTES_MAX / mib);
}

static void put_base64(const uint8_t *bytes, size_t n, FILE *out)
{
    enum { PART = 3 * 4096 }; /* three bytes are four characters */
    char text[cs_base64_length(PART)];
    for (size_t at = 0; at < n; at += PART) {
        const size_t part = n - at < PART ? n - at : PART;
        cs_base64_encode(bytes + at, part, text);
        fwrite(text, 1, cs_base64_length(part), out);
    }
}

enum cs_err cs_sheet_images_write(const struct cs_sheet_images *s, const struct cs_sheet_images_source *from, FILE *out,
                                  struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    for (const struct cs_sheet_images_one *one = s->by_hash; one != NULL && rc == CS_OK; one = one->hh.next) {
        uint8_t *bytes = NULL;
        rc = from->read(from->self, &one->image, &bytes, err);
        if (rc != CS_OK)
            break;
        fprintf(out, "<script type=\"text/plain\" id=\"image-%u\">data:%s;base64,", one->number,
                cs_picture_media(one->image.is.type));
        put_base64(bytes, one->image.bytes, out);
        fputs("</script>\n", out);
        free(bytes);
    }
    return rc;
}

void cs_sheet_images_release(struct cs_sheet_images *s)
{
    struct cs_sheet_images_one *one, *next;
    HASH_ITER (hh, s->by_hash, one, next) {
        HASH_DEL(s->by_hash, one);
        free(one->name);
        free(one);
    }
    *s = (struct cs_sheet_images){0};
}
