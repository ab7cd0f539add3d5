#include "store/generation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/wire/codec.h"

enum { VIEW_CACHE_BYTES = 16 * 1024 * 1024 };

void cs_store_generation_key(uint32_t number, char out[CS_META_KEY_MAX])
{
    snprintf(out, CS_META_KEY_MAX, "gen/%010u", number); /* sorts by number */
}

static void hex_key(const char *prefix, const uint8_t digest[32], char out[CS_META_KEY_MAX])
{
    char hex[65];
    cs_digest_hex(digest, 32, hex);
    snprintf(out, CS_META_KEY_MAX, "%s/%s", prefix, hex);
}

void cs_store_generation_spec_key(const uint8_t digest[32], char out[CS_META_KEY_MAX])
{
    hex_key("spec", digest, out);
}

void cs_store_generation_chunk_key(const uint8_t digest[32], char out[CS_META_KEY_MAX])
{
    hex_key("chunk", digest, out);
}

static void visit(struct cs_codec *c, struct cs_generation *g)
{
    cs_codec_begin(c, !cs_codec_packing(c) ? 4 : g->reading != 0 ? 7 : 6);
    cs_codec_u32(c, &g->number);
    cs_codec_fixed(c, g->spec_digest, sizeof g->spec_digest);
    cs_codec_i64(c, &g->created_wall_ms);
    cs_codec_bool(c, &g->built);
    if (cs_codec_more(c)) /* format 1 had none */
        cs_codec_u64(c, &g->study);
    if (cs_codec_more(c))
        cs_codec_bool(c, &g->others);
    if (cs_codec_packing(c) ? g->reading != 0 : cs_codec_more(c))
        cs_codec_u32(c, &g->reading);
    cs_codec_end(c);
}

void cs_store_generation_pack(struct cs_generation *g, struct cs_buf *out)
{
    struct cs_codec *c = cs_codec_packer(out);
    visit(c, g);
    (void)!cs_codec_close(c, NULL); /* a dozen bytes of ours cannot overflow */
}

enum cs_err cs_store_generation_unpack(const void *bytes, uint32_t n, struct cs_generation *out, struct cs_error *err)
{
    struct cs_arena arena = {0};
    struct cs_codec *c;
    *out = (struct cs_generation){0};
    enum cs_err rc = cs_codec_unpacker(bytes, n, &arena, &c, err);
    if (rc == CS_OK) {
        visit(c, out);
        rc = cs_codec_close(c, err);
    }
    cs_arena_release(&arena);
    return rc;
}

struct newest {
    struct cs_generation *out;
    uint64_t study; /* 0: any */
    struct cs_error *err;
};

static enum cs_err keep_last(void *self, const char *key, const void *value, uint32_t len)
{
    const struct newest *n = self;
    struct cs_generation g;
    (void)key;
    enum cs_err rc = cs_store_generation_unpack(value, len, &g, n->err);
    if (rc == CS_OK && (n->study == 0 || g.study == 0 || g.study == n->study))
        *n->out = g;
    return rc;
}

enum cs_err cs_store_generation_newest_of(struct cs_store *s, uint64_t study, struct cs_generation *out,
                                          struct cs_error *err)
{
    struct newest n = {out, study, err};
    *out = (struct cs_generation){0};
    enum cs_err rc = cs_store_scan_metas(s, "gen/", keep_last, &n, err);
    if (rc == CS_OK && out->number == 0)
        rc = cs_error_set(err, CS_ENOENT, "no study was ever started in this store");
    return rc;
}

enum cs_err cs_store_generation_newest(struct cs_store *s, struct cs_generation *out, struct cs_error *err)
{
    return cs_store_generation_newest_of(s, 0, out, err);
}

static enum cs_err fetch_chunk(void *self, const uint8_t digest[32], void **bytes, uint32_t *n, struct cs_error *err)
{
    char key[CS_META_KEY_MAX];
    cs_store_generation_chunk_key(digest, key);
    return cs_store_rows_meta(self, key, bytes, n, err);
}

enum cs_err cs_store_generation_view_open(struct cs_generation_view *v, struct cs_store *s,
                                          const struct cs_generation *g, struct cs_error *err)
{
    char key[CS_META_KEY_MAX];
    void *bytes = NULL;
    uint32_t n = 0;
    *v = (struct cs_generation_view){.generation = *g};
    cs_store_generation_spec_key(g->spec_digest, key);
    enum cs_err rc = cs_store_rows_meta(s, key, &bytes, &n, err);
    if (rc == CS_OK)
        rc = cs_spec_unpack(bytes, n, &v->spec, err);
    free(bytes);
    if (rc != CS_OK)
        return cs_error_wrap(err, rc, "generation %u: its study cannot be read by this version", g->number);
    if (memcmp(v->spec.digest, g->spec_digest, sizeof g->spec_digest) != 0)
        return cs_error_set(err, CS_ECORRUPT, "%s: the stored study is damaged", key);
    cs_plan_init(&v->plan, v->spec.study);
    v->chunks = cs_chunks_open(&v->spec, fetch_chunk, s, VIEW_CACHE_BYTES);
    v->cases = cs_chunks_source(v->chunks);
    return CS_OK;
}

void cs_store_generation_view_close(struct cs_generation_view *v)
{
    cs_chunks_close(v->chunks);
    if (v->spec.study != NULL) {
        cs_plan_release(&v->plan);
        cs_spec_release(&v->spec);
    }
    *v = (struct cs_generation_view){0};
}
