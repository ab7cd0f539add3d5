#include "protocol/wire/spec.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/wire/chunk.h"
#include "protocol/base/digest.h"
#include "protocol/wire/messages.h"
#include "protocol/wire/minor.h"
#include "protocol/wire/spec_visit.h"
#include "protocol/study/study_check.h"

/* ---- packing ---------------------------------------------------------------------------------- */

struct packing {
    const struct cs_study *study;
    const struct cs_case_source *cases;
    cs_chunk_sink sink;
    void *sink_self;
    struct cs_chunk_ref *refs;
    uint32_t n_refs, refs_cap;
};

/* How many cases from `first` on go into one chunk: up to the target by their greatest possible size, at least one. */
static enum cs_err fill_chunk(const struct packing *p, uint32_t first, uint32_t *n, struct cs_error *err)
{
    size_t bytes = 0;
    for (*n = 0; first + *n < p->study->n_cases; (*n)++) {
        struct cs_case c;
        enum cs_err rc = p->cases->get(p->cases->self, first + *n, &c, err);
        if (rc != CS_OK)
            return rc;
        bytes += cs_chunk_case_bytes_max(p->study, &c);
        if (*n > 0 && bytes > CS_CHUNK_TARGET)
            return CS_OK;
    }
    return CS_OK;
}

static enum cs_err pack_chunks(struct packing *p, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    struct cs_buf bytes = CS_BUF_INIT(CS_CHUNK_MAX);
    for (uint32_t first = 0; first < p->study->n_cases && rc == CS_OK;) {
        struct cs_chunk_ref ref = {.first_case = first};
        rc = fill_chunk(p, first, &ref.n_cases, err);
        if (rc == CS_OK)
            rc = cs_chunk_pack(p->study, p->cases, first, ref.n_cases, &bytes, err);
        if (rc != CS_OK)
            break;
        cs_digest_blake2b_256(bytes.data, bytes.len, ref.digest);
        rc = p->sink(p->sink_self, ref.digest, bytes.data, (uint32_t)bytes.len, err);
        if (p->n_refs == p->refs_cap) {
            p->refs_cap = p->refs_cap > 0 ? 2 * p->refs_cap : 64;
            p->refs = cs_xrealloc(p->refs, p->refs_cap, sizeof *p->refs);
        }
        p->refs[p->n_refs++] = ref;
        first += ref.n_cases;
    }
    cs_buf_release(&bytes);
    return rc;
}

enum cs_err cs_spec_pack(const struct cs_study *s, const struct cs_case_source *cases, struct cs_buf *spec,
                         cs_chunk_sink sink, void *self, struct cs_error *err)
{
    struct packing p = {.study = s, .cases = cases, .sink = sink, .sink_self = self};
    cs_buf_clear(spec);
    enum cs_err rc = cs_study_check(s, err);
    if (rc == CS_OK)
        rc = pack_chunks(&p, err);
    if (rc == CS_OK) {
        struct cs_codec *c = cs_codec_packer(spec);
        uint32_t minor = cs_minor_needed(s).minor;
        cs_spec_visit(c, (struct cs_study *)(uintptr_t)s, &p.refs, &p.n_refs, &minor); /* only read */
        rc = cs_codec_close(c, err);
    }
    if (rc == CS_ETOOBIG || (rc == CS_OK && spec->len > CS_SPEC_MAX))
        rc = cs_error_set(err, CS_ETOOBIG, "study \"%s\" is over %u bytes without its cases, or a case is", s->name,
                          CS_SPEC_MAX);
    free(p.refs);
    return rc;
}

/* ---- unpacking -------------------------------------------------------------------------------- */

static enum cs_err check_spec(struct cs_spec *spec, struct cs_error *err)
{
    const struct cs_study *s = spec->study;
    uint8_t digest[32];
    uint64_t cases = 0;
    for (uint32_t i = 0; i < spec->n_chunks; i++) {
        spec->chunks[i].first_case = (uint32_t)cases;
        cases += spec->chunks[i].n_cases;
        if (spec->chunks[i].n_cases == 0 || cases > s->n_cases)
            return cs_error_set(err, CS_EPROTO, "chunk %u has no right number of cases", i);
    }
    if (cases != s->n_cases)
        return cs_error_set(err, CS_EPROTO, "the chunks hold %llu cases of %u", (unsigned long long)cases, s->n_cases);
    cs_digest_blake2b_256(s->analysis, strlen(s->analysis), digest);
    if (memcmp(digest, s->analysis_digest, sizeof digest) != 0)
        return cs_error_set(err, CS_EPROTO, "the analysis does not have the digest that it states");
    return cs_study_check(s, err);
}

/* What it needs is what it states; the keys behind it may be those of a program that knows more than this one. */
static enum cs_err check_minor(struct cs_spec *spec, struct cs_error *err)
{
    const uint32_t stated = spec->needs.minor;
    if (stated > CS_WIRE_MINOR)
        return cs_error_set(
            err, CS_EPROTO,
            "this study needs version %d.%u of the protocol, this program speaks %d.%d: use a newer one", CS_WIRE_MAJOR,
            stated, CS_WIRE_MAJOR, CS_WIRE_MINOR);
    spec->needs = cs_minor_needed(spec->study);
    if (spec->needs.minor > stated)
        return cs_error_set(err, CS_EPROTO, "the spec states version %d.%u of the protocol, but %s needs %d.%u",
                            CS_WIRE_MAJOR, stated, spec->needs.key, CS_WIRE_MAJOR, spec->needs.minor);
    spec->needs.minor = stated;
    return CS_OK;
}

enum cs_err cs_spec_unpack(const void *bytes, uint32_t n, struct cs_spec *out, struct cs_error *err)
{
    struct cs_codec *c;
    *out = (struct cs_spec){0};
    if (n > CS_SPEC_MAX)
        return cs_error_set(err, CS_ETOOBIG, "a spec of %u bytes is over %u", n, CS_SPEC_MAX);
    out->study = cs_xcalloc(1, sizeof *out->study);
    enum cs_err rc = cs_codec_unpacker(bytes, n, &out->study->arena, &c, err);
    if (rc == CS_OK) {
        cs_spec_visit(c, out->study, &out->chunks, &out->n_chunks, &out->needs.minor);
        rc = cs_codec_close(c, err);
    }
    if (rc == CS_OK)
        rc = check_minor(out, err);
    if (rc == CS_OK)
        rc = check_spec(out, err);
    cs_digest_blake2b_256(bytes, n, out->digest);
    if (rc != CS_OK)
        cs_spec_release(out);
    return rc;
}

/* Packed without `reading`, and without the minor version that it needs. */
static enum cs_err pack_unread(const struct cs_spec *spec, struct cs_buf *out, struct cs_error *err)
{
    struct cs_study s = *spec->study; /* what is changed is copied, the rest only read */
    struct cs_chunk_ref *chunks = spec->chunks;
    uint32_t n_chunks = spec->n_chunks, minor = 0;
    struct cs_question *questions = cs_xcalloc(s.n_questions + 1u, sizeof *questions);
    struct cs_account *accounts = cs_xcalloc(s.n_accounts + 1u, sizeof *accounts);
    memcpy(questions, s.questions, s.n_questions * sizeof *questions);
    memcpy(accounts, s.accounts, s.n_accounts * sizeof *accounts);
    for (uint32_t i = 0; i < s.n_questions; i++)
        questions[i].reads = CS_READS_UNSAID;
    for (uint32_t i = 0; i < s.n_accounts; i++)
        accounts[i].reads = CS_READS_UNSAID;
    s.questions = questions;
    s.accounts = accounts;
    struct cs_codec *c = cs_codec_packer(out);
    cs_spec_visit(c, &s, &chunks, &n_chunks, &minor);
    enum cs_err rc = cs_codec_close(c, err);
    free(questions);
    free(accounts);
    return rc;
}

enum cs_err cs_spec_same_requests(const struct cs_spec *a, const struct cs_spec *b, bool *same, struct cs_error *err)
{
    struct cs_buf x = CS_BUF_INIT(CS_SPEC_MAX), y = CS_BUF_INIT(CS_SPEC_MAX);
    enum cs_err rc = pack_unread(a, &x, err);
    if (rc == CS_OK)
        rc = pack_unread(b, &y, err);
    *same = rc == CS_OK && x.len == y.len && memcmp(x.data, y.data, x.len) == 0;
    cs_buf_release(&x);
    cs_buf_release(&y);
    return rc;
}

void cs_spec_release(struct cs_spec *s)
{
    cs_study_free(s->study); /* the chunk list is in its arena */
    *s = (struct cs_spec){0};
}
