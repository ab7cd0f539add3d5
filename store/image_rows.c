#include "store/image_rows.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/digest.h"
#include "protocol/base/hash.h"
#include "store/generation.h"

enum { WALK_CACHE_BYTES = 4 * 1024 * 1024, WALK_STEP_CASES = 64 };

static enum cs_err read_chunk(void *self, const uint8_t digest[32], void **bytes, uint32_t *n, struct cs_error *err)
{
    char key[CS_META_KEY_MAX];
    cs_store_generation_chunk_key(digest, key);
    return cs_store_rows_meta(self, key, bytes, n, err);
}

bool cs_image_rows_has(struct cs_store *s, const uint8_t digest[32])
{
    void *bytes = NULL;
    uint32_t n = 0;
    const bool has = read_chunk(s, digest, &bytes, &n, NULL) == CS_OK;
    free(bytes);
    return has;
}

enum cs_err cs_image_rows_read(struct cs_store *s, const struct cs_image *image, uint8_t **out, struct cs_error *err)
{
    uint8_t *all = cs_xmalloc(image->bytes);
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; i < image->n_pieces && rc == CS_OK; i++) {
        void *bytes = NULL;
        uint32_t n = 0;
        rc = read_chunk(s, image->pieces[i], &bytes, &n, err);
        if (rc == CS_OK && n != cs_image_piece_bytes(image, i))
            rc = cs_error_set(err, CS_ECORRUPT, "a piece of %u bytes, where %u belong", n,
                              cs_image_piece_bytes(image, i));
        if (rc == CS_OK)
            memcpy(all + (size_t)i * CS_IMAGE_PIECE_BYTES, bytes, n);
        free(bytes);
    }
    if (rc == CS_OK && !cs_image_is(image, all, image->bytes))
        rc = cs_error_set(err, CS_ECORRUPT, "the bytes do not have its hash");
    if (rc != CS_OK) {
        free(all);
        all = NULL;
        rc = cs_error_wrap(err, rc, "image %s", image->name);
    }
    *out = all;
    return rc;
}

struct cs_image_rows_walk {
    const struct cs_spec *spec;
    struct cs_chunks *chunks;
    uint32_t next_case;
    bool levels_seen;
};

struct cs_image_rows_walk *cs_image_rows_walk_open(struct cs_store *s, const struct cs_spec *spec)
{
    struct cs_image_rows_walk *w = cs_xcalloc(1, sizeof *w);
    w->spec = spec;
    w->chunks = cs_chunks_open(spec, read_chunk, s, WALK_CACHE_BYTES);
    return w;
}

void cs_image_rows_walk_close(struct cs_image_rows_walk *w)
{
    if (w == NULL)
        return;
    cs_chunks_close(w->chunks);
    free(w);
}

enum cs_err cs_image_rows_walk_step(struct cs_image_rows_walk *w, cs_image_fn fn, void *self, bool *done,
                                    struct cs_error *err)
{
    const struct cs_study *s = w->spec->study;
    const struct cs_case_source cases = cs_chunks_source(w->chunks);
    enum cs_err rc = CS_OK;
    if (!w->levels_seen) {
        w->levels_seen = true;
        rc = cs_image_walk_levels(s, fn, self, err);
    } else if (w->next_case < s->n_cases) {
        rc = cs_image_walk_cases(s, &cases, w->next_case, WALK_STEP_CASES, fn, self, err);
        w->next_case += WALK_STEP_CASES;
    }
    *done = w->levels_seen && w->next_case >= s->n_cases;
    return rc;
}

enum cs_err cs_image_rows_walk(struct cs_store *s, const struct cs_spec *spec, cs_image_fn fn, void *self,
                               struct cs_error *err)
{
    if (!cs_image_is_used(spec->study))
        return CS_OK;
    struct cs_image_rows_walk *w = cs_image_rows_walk_open(s, spec);
    enum cs_err rc = CS_OK;
    for (bool done = false; rc == CS_OK && !done;)
        rc = cs_image_rows_walk_step(w, fn, self, &done, err);
    cs_image_rows_walk_close(w);
    return rc;
}

struct seen {
    uint8_t hash[32];
    UT_hash_handle hh;
};
struct checking {
    struct cs_store *store;
    struct seen *seen;
    struct cs_image_rows_count *out;
};

static enum cs_err check(void *self, const struct cs_image *image, struct cs_error *err)
{
    struct checking *c = self;
    struct cs_picture is;
    struct seen *one;
    uint8_t *bytes = NULL;
    HASH_FIND(hh, c->seen, image->hash, 32, one);
    if (one != NULL)
        return CS_OK;
    one = cs_xcalloc(1, sizeof *one);
    memcpy(one->hash, image->hash, 32);
    HASH_ADD(hh, c->seen, hash, 32, one);
    enum cs_err rc = cs_image_rows_read(c->store, image, &bytes, err);
    if (rc == CS_OK)
        rc = cs_picture_look(bytes, image->bytes, &is, err);
    if (rc == CS_OK && (is.type != image->is.type || is.width != image->is.width || is.height != image->is.height))
        rc = cs_error_set(err, CS_ECORRUPT, "image %s is not of the kind or size that the study says", image->name);
    free(bytes);
    c->out->images++;
    c->out->bytes += image->bytes;
    return rc;
}

enum cs_err cs_image_rows_check(struct cs_store *s, const struct cs_spec *spec, struct cs_image_rows_count *out,
                                struct cs_error *err)
{
    struct checking c = {.store = s, .out = out};
    struct seen *one, *next;
    *out = (struct cs_image_rows_count){0};
    enum cs_err rc = cs_image_rows_walk(s, spec, check, &c, err);
    HASH_ITER (hh, c.seen, one, next) {
        HASH_DEL(c.seen, one);
        free(one);
    }
    return rc;
}
