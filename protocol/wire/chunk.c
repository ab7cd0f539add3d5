#include "protocol/wire/chunk.h"

#include <string.h>

#include "protocol/base/digest.h"
#include "protocol/wire/spec_visit.h"

enum { HEAD_MAX = 5 }; /* bytes of the head of a string or an array */

size_t cs_chunk_case_bytes_max(const struct cs_study *s, const struct cs_case *c)
{
    size_t n = 4 * HEAD_MAX + strlen(c->id) + strlen(c->cluster);
    for (uint32_t i = 0; i < s->n_columns; i++)
        n += HEAD_MAX + strlen(c->values[i]);
    return n;
}

static void visit_case(struct cs_codec *c, struct cs_case *v, uint32_t n_columns)
{
    cs_codec_begin(c, 2 + n_columns);
    cs_spec_visit_text(c, &v->id, CS_TEXT_MAX);
    cs_spec_visit_text(c, &v->cluster, CS_TEXT_MAX);
    const char **values;
    if (cs_codec_packing(c))
        values = (const char **)(uintptr_t)v->values; /* only read */
    else
        v->values = values = cs_codec_alloc(c, n_columns, sizeof *values);
    for (uint32_t i = 0; i < n_columns; i++)
        cs_spec_visit_text(c, &values[i], CS_TEXT_MAX);
    cs_codec_end(c);
}

enum cs_err cs_chunk_pack(const struct cs_study *s, const struct cs_case_source *cases, uint32_t first, uint32_t n,
                          struct cs_buf *out, struct cs_error *err)
{
    cs_buf_clear(out);
    struct cs_codec *c = cs_codec_packer(out);
    enum cs_err got = CS_OK;
    cs_codec_array(c, &n, CS_CASES_MAX);
    for (uint32_t i = 0; i < n && got == CS_OK; i++) {
        struct cs_case v;
        got = cases->get(cases->self, first + i, &v, err);
        if (got == CS_OK)
            visit_case(c, &v, s->n_columns);
        else
            cs_codec_fail(c, "a case is missing");
    }
    cs_codec_end(c);
    enum cs_err rc = cs_codec_close(c, got == CS_OK ? err : NULL);
    return got != CS_OK ? got : rc;
}

enum cs_err cs_chunk_unpack(const struct cs_study *s, const struct cs_chunk_ref *ref, const void *bytes, uint32_t n,
                            struct cs_arena *arena, struct cs_case **out, struct cs_error *err)
{
    uint8_t digest[32];
    uint32_t n_cases;
    struct cs_codec *c;
    cs_digest_blake2b_256(bytes, n, digest);
    if (memcmp(digest, ref->digest, sizeof digest) != 0)
        return cs_error_set(err, CS_ECORRUPT, "a chunk of cases does not have its digest");
    if (n > CS_CHUNK_MAX)
        return cs_error_set(err, CS_ECORRUPT, "a chunk of cases is over %u bytes", CS_CHUNK_MAX);
    enum cs_err rc = cs_codec_unpacker(bytes, n, arena, &c, err);
    if (rc != CS_OK)
        return cs_error_wrap(err, CS_ECORRUPT, "a chunk of cases");
    struct cs_case *cases = cs_spec_visit_elements(c, NULL, &n_cases, CS_CASES_MAX, sizeof *cases);
    if (n_cases != ref->n_cases)
        cs_codec_fail(c, "%u cases where the spec says %u", n_cases, ref->n_cases);
    for (uint32_t i = 0; i < n_cases && cs_codec_ok(c); i++) {
        cases[i].index = ref->first_case + i;
        visit_case(c, &cases[i], s->n_columns);
    }
    cs_codec_end(c);
    rc = cs_codec_close(c, err);
    if (rc != CS_OK)
        return cs_error_wrap(err, CS_ECORRUPT, "a chunk of cases");
    *out = cases;
    return CS_OK;
}
