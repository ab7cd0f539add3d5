#include "store/leftovers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "store/image_rows.h"

struct needed { /* digests of specs and chunks that other generations need, sorted */
    uint8_t (*v)[32];
    uint32_t n, cap;
};
struct leftovers {
    struct cs_store *store;
    const struct cs_tomb *tomb;
    struct cs_batch *batch;
    struct needed needed;
    struct cs_error *err;
};

static void need(struct needed *n, const uint8_t digest[32])
{
    if (n->n == n->cap) {
        n->cap = n->cap == 0 ? 64 : 2 * n->cap;
        n->v = cs_xrealloc(n->v, n->cap, sizeof *n->v);
    }
    memcpy(n->v[n->n++], digest, 32);
}

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, 32);
}

static bool is_needed(const struct needed *n, const uint8_t digest[32])
{
    return n->n > 0 && bsearch(digest, n->v, n->n, sizeof *n->v, by_bytes) != NULL;
}

/* CS_ENOENT: it is gone already. */
static enum cs_err read_spec(struct leftovers *l, const uint8_t digest[32], struct cs_spec *out)
{
    char key[CS_META_KEY_MAX];
    void *bytes = NULL;
    uint32_t n = 0;
    cs_store_generation_spec_key(digest, key);
    enum cs_err rc = cs_store_rows_meta(l->store, key, &bytes, &n, l->err);
    if (rc == CS_OK)
        rc = cs_spec_unpack(bytes, n, out, l->err);
    free(bytes);
    return rc;
}

static enum cs_err need_image(void *self, const struct cs_image *image, struct cs_error *err)
{
    struct leftovers *l = self;
    (void)err;
    for (uint32_t i = 0; i < image->n_pieces; i++)
        need(&l->needed, image->pieces[i]);
    return CS_OK;
}

static enum cs_err take_other(void *self, const char *key, const void *value, uint32_t len)
{
    struct leftovers *l = self;
    struct cs_generation g;
    struct cs_spec spec = {0};
    (void)key;
    enum cs_err rc = cs_store_generation_unpack(value, len, &g, l->err);
    for (uint32_t i = 0; rc == CS_OK && i < l->tomb->n; i++) {
        if (l->tomb->generations[i].number == g.number)
            return CS_OK;
    }
    if (rc == CS_OK)
        rc = read_spec(l, g.spec_digest, &spec);
    if (rc == CS_OK)
        need(&l->needed, g.spec_digest);
    for (uint32_t i = 0; rc == CS_OK && i < spec.n_chunks; i++)
        need(&l->needed, spec.chunks[i].digest);
    if (rc == CS_OK)
        rc = cs_image_rows_walk(l->store, &spec, need_image, l, l->err);
    cs_spec_release(&spec);
    return rc;
}

static void drop(struct leftovers *l, const char *key)
{
    cs_batch_add_meta(l->batch, key, NULL, 0);
}

static enum cs_err drop_row(void *self, const char *key, const void *value, uint32_t len)
{
    (void)value, (void)len;
    drop(self, key);
    return CS_OK;
}

/* Rows by generation, or by generation and lane. */
static enum cs_err drop_notes(struct leftovers *l, uint32_t gen)
{
    static const char *const by_lane[] = {"lane", "alike", "over", "hand", "quarantine"}, *const by_gen[] = {
                                                                                              "build", "beside",
                                                                                              "reuse", "gen"};
    char key[CS_META_KEY_MAX];
    enum cs_err rc = CS_OK;
    for (size_t i = 0; rc == CS_OK && i < sizeof by_lane / sizeof *by_lane; i++) {
        snprintf(key, sizeof key, "%s/%08u/", by_lane[i], gen);
        rc = cs_store_scan_metas(l->store, key, drop_row, l, l->err);
    }
    for (size_t i = 0; rc == CS_OK && i < sizeof by_gen / sizeof *by_gen; i++) {
        snprintf(key, sizeof key, "%s/%010u", by_gen[i], gen);
        drop(l, key);
    }
    return rc;
}

static enum cs_err drop_image(void *self, const struct cs_image *image, struct cs_error *err)
{
    struct leftovers *l = self;
    char key[CS_META_KEY_MAX];
    (void)err;
    for (uint32_t i = 0; i < image->n_pieces; i++) {
        cs_store_generation_chunk_key(image->pieces[i], key);
        if (!is_needed(&l->needed, image->pieces[i]))
            drop(l, key);
    }
    return CS_OK;
}

/* Rows by lane of the study's name, which no other study shares; its spec, and the chunks and images that it alone has. */
static enum cs_err drop_spec(struct leftovers *l, const struct cs_spec *spec)
{
    const struct cs_study *s = spec->study;
    char key[CS_META_KEY_MAX];
    for (uint32_t i = 0; i < s->n_models; i++) {
        const unsigned long long lane = cs_digest_lane_key(s->name, s->models[i].name,
                                                           s->accounts[s->models[i].account].name);
        snprintf(key, sizeof key, "address/%016llx", lane);
        drop(l, key);
        snprintf(key, sizeof key, "served/%016llx", lane);
        drop(l, key);
    }
    enum cs_err rc = cs_image_rows_walk(l->store, spec, drop_image, l, l->err);
    for (uint32_t i = 0; i < spec->n_chunks && rc == CS_OK; i++) {
        if (is_needed(&l->needed, spec->chunks[i].digest))
            continue;
        cs_store_generation_chunk_key(spec->chunks[i].digest, key);
        drop(l, key);
    }
    cs_store_generation_spec_key(spec->digest, key);
    if (rc == CS_OK && !is_needed(&l->needed, spec->digest))
        drop(l, key);
    return rc;
}

enum cs_err cs_leftovers_remove(struct cs_store *s, const struct cs_tomb *t, struct cs_batch *b, struct cs_error *err)
{
    struct leftovers l = {.store = s, .tomb = t, .batch = b, .err = err};
    enum cs_err rc = cs_store_scan_metas(s, "gen/", take_other, &l, err);
    if (rc == CS_OK && l.needed.n > 0)
        qsort(l.needed.v, l.needed.n, sizeof *l.needed.v, by_bytes);
    for (uint32_t i = 0; rc == CS_OK && i < t->n; i++) {
        struct cs_spec spec = {0};
        rc = read_spec(&l, t->generations[i].spec_digest, &spec);
        if (rc == CS_OK)
            rc = drop_spec(&l, &spec);
        if (rc == CS_OK || rc == CS_ENOENT)
            rc = drop_notes(&l, t->generations[i].number);
        cs_spec_release(&spec);
    }
    free(l.needed.v);
    return rc;
}
