#include "protocol/study/image.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/digest.h"

/* ---- from bytes, to text and back ------------------------------------------------------------------ */

uint32_t cs_image_piece_bytes(const struct cs_image *image, uint32_t i)
{
    CS_ASSERT(i < image->n_pieces);
    return i + 1 < image->n_pieces ? CS_IMAGE_PIECE_BYTES : image->bytes - i * CS_IMAGE_PIECE_BYTES;
}

enum cs_err cs_image_make(const void *bytes, size_t n, const char *name, struct cs_image *out, struct cs_error *err)
{
    const uint8_t *p = bytes;
    *out = (struct cs_image){.name = name};
    if (n > CS_IMAGE_BYTES_MAX)
        return cs_error_set(err, CS_ETOOBIG, "an image of %zu bytes; at most %d, save it smaller", n,
                            CS_IMAGE_BYTES_MAX);
    enum cs_err rc = cs_picture_look(bytes, n, &out->is, err);
    if (rc != CS_OK)
        return rc;
    out->bytes = (uint32_t)n;
    out->n_pieces = (out->bytes + CS_IMAGE_PIECE_BYTES - 1) / CS_IMAGE_PIECE_BYTES;
    cs_digest_blake2b_256(bytes, n, out->hash);
    for (uint32_t i = 0; i < out->n_pieces; i++)
        cs_digest_blake2b_256(p + (size_t)i * CS_IMAGE_PIECE_BYTES, cs_image_piece_bytes(out, i), out->pieces[i]);
    return CS_OK;
}

bool cs_image_is(const struct cs_image *image, const void *bytes, size_t n)
{
    uint8_t hash[32];
    cs_digest_blake2b_256(bytes, n, hash);
    return n == image->bytes && memcmp(hash, image->hash, sizeof hash) == 0;
}

void cs_image_put(const struct cs_image *image, struct cs_buf *out)
{
    char hex[65];
    cs_digest_hex(image->hash, 32, hex);
    cs_buf_printf(out, "%s\t%s\t%u\t%u\t%u\t", hex, cs_picture_word(image->is.type), image->is.width, image->is.height,
                  image->bytes);
    for (uint32_t i = 0; i < image->n_pieces && image->n_pieces > 1; i++) {
        cs_digest_hex(image->pieces[i], 32, hex);
        cs_buf_printf(out, "%s%s", i > 0 ? "," : "", hex);
    }
    cs_buf_printf(out, "\t%s", image->name);
}

static bool read_hash(const char **at, uint8_t out[32])
{
    char hex[65];
    if (strnlen(*at, 64) < 64)
        return false;
    memcpy(hex, *at, 64);
    hex[64] = '\0';
    *at += 64;
    return cs_digest_unhex(hex, out, 32);
}

static bool read_type(const char **at, enum cs_picture_type *out)
{
    for (int t = 0; t < CS_PICTURES; t++) {
        const char *word = cs_picture_word((enum cs_picture_type)t);
        const size_t n = strlen(word);
        if (strncmp(*at, word, n) == 0 && (*at)[n] == '\t') {
            *out = (enum cs_picture_type)t;
            *at += n;
            return true;
        }
    }
    return false;
}

static bool read_number(const char **at, uint32_t *out)
{
    char *end;
    if (**at < '1' || **at > '9')
        return false;
    const unsigned long v = strtoul(*at, &end, 10);
    *out = (uint32_t)v;
    *at = end;
    return v <= UINT32_MAX;
}

static bool skip_tab(const char **at)
{
    return *(*at)++ == '\t';
}

static bool read_pieces(const char **at, struct cs_image *out)
{
    out->n_pieces = (out->bytes + CS_IMAGE_PIECE_BYTES - 1) / CS_IMAGE_PIECE_BYTES;
    if (out->n_pieces == 1) {
        memcpy(out->pieces[0], out->hash, 32);
        return true;
    }
    for (uint32_t i = 0; i < out->n_pieces; i++) {
        if ((i > 0 && *(*at)++ != ',') || !read_hash(at, out->pieces[i]))
            return false;
    }
    return true;
}

enum cs_err cs_image_parse(const char *text, struct cs_image *out, struct cs_error *err)
{
    const char *at = text;
    *out = (struct cs_image){.name = ""};
    if (read_hash(&at, out->hash) && skip_tab(&at) && read_type(&at, &out->is.type) && skip_tab(&at) &&
        read_number(&at, &out->is.width) && skip_tab(&at) && read_number(&at, &out->is.height) && skip_tab(&at) &&
        read_number(&at, &out->bytes) && skip_tab(&at) && out->bytes <= CS_IMAGE_BYTES_MAX && read_pieces(&at, out) &&
        skip_tab(&at)) {
        out->name = at;
        return CS_OK;
    }
    return cs_error_set(err, CS_EINVAL, "a reference to an image is none");
}

/* ---- of a study -------------------------------------------------------------------------------------- */

bool cs_image_is_used(const struct cs_study *s)
{
    for (uint32_t i = 0; i < s->n_prompts; i++) {
        if (s->prompts[i].n_images > 0)
            return true;
    }
    return false;
}

bool cs_image_is_of_levels(const struct cs_study *s)
{
    for (uint32_t i = 0; i < s->n_prompts; i++) {
        for (uint32_t k = 0; k < s->prompts[i].n_images; k++) {
            if (s->prompts[i].images[k].factor != CS_NONE)
                return true;
        }
    }
    return false;
}

bool cs_image_is_column(const char *name)
{
    const size_t n = strlen(name), m = sizeof CS_IMAGE_COLUMN - 1;
    return n > m && strcmp(name + n - m, CS_IMAGE_COLUMN) == 0;
}

static enum cs_err tell(const char *text, cs_image_fn fn, void *self, struct cs_error *err)
{
    struct cs_image image;
    if (text[0] == '\0')
        return CS_OK;
    enum cs_err rc = cs_image_parse(text, &image, err);
    return rc == CS_OK ? fn(self, &image, err) : rc;
}

static enum cs_err walk_factor(const struct cs_factor *f, uint32_t column, cs_image_fn fn, void *self,
                               struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; i < f->n_levels && rc == CS_OK; i++) {
        for (uint32_t w = 0; w < f->levels[i].n_wordings && rc == CS_OK; w++)
            rc = tell(f->levels[i].wordings[w].values[column], fn, self, err);
    }
    return rc;
}

/* The case columns with references: those of the prompts, and those that levels show. */
static void find_columns(const struct cs_study *s, bool *has)
{
    for (uint32_t i = 0; i < s->n_prompts; i++) {
        for (uint32_t k = 0; k < s->prompts[i].n_images; k++) {
            const struct cs_image_place *at = &s->prompts[i].images[k];
            if (at->factor == CS_NONE)
                has[at->column] = true;
            for (uint32_t v = 0; at->factor != CS_NONE && v < s->factors[at->factor].n_levels; v++) {
                const uint32_t image = s->factors[at->factor].levels[v].image;
                if (image != 0)
                    has[image - 1] = true;
            }
        }
    }
}

enum cs_err cs_image_walk_levels(const struct cs_study *s, cs_image_fn fn, void *self, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; i < s->n_prompts; i++) {
        for (uint32_t k = 0; k < s->prompts[i].n_images && rc == CS_OK; k++) {
            const struct cs_image_place *at = &s->prompts[i].images[k];
            if (at->factor != CS_NONE)
                rc = walk_factor(&s->factors[at->factor], at->column, fn, self, err);
        }
    }
    return rc;
}

enum cs_err cs_image_walk_cases(const struct cs_study *s, const struct cs_case_source *cases, uint32_t first,
                                uint32_t n, cs_image_fn fn, void *self, struct cs_error *err)
{
    const uint32_t end = n < s->n_cases - first ? first + n : s->n_cases;
    bool *has = cs_xcalloc(s->n_columns + 1u, sizeof *has);
    enum cs_err rc = CS_OK;
    find_columns(s, has);
    for (uint32_t i = first; i < end && rc == CS_OK; i++) {
        struct cs_case c;
        rc = cases->get(cases->self, i, &c, err);
        for (uint32_t k = 0; k < s->n_columns && rc == CS_OK; k++)
            rc = has[k] ? tell(c.values[k], fn, self, err) : CS_OK;
    }
    free(has);
    return rc;
}

enum cs_err cs_image_walk(const struct cs_study *s, const struct cs_case_source *cases, cs_image_fn fn, void *self,
                          struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    if (!cs_image_is_used(s))
        return CS_OK;
    rc = cs_image_walk_levels(s, fn, self, err);
    return rc == CS_OK ? cs_image_walk_cases(s, cases, 0, s->n_cases, fn, self, err) : rc;
}
