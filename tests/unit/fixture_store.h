/* fixture_store.h - a store in a folder of its own, and outputs to put in it. Static helpers of the store's unit tests. */
#ifndef CS_TEST_FIXTURE_STORE_H
#define CS_TEST_FIXTURE_STORE_H

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "protocol/base/alloc.h"
#include "protocol/base/rng.h"
#include "store/store.h"

#define FIXTURE_FN static __attribute__((unused))

struct fixture {
    char *root, *dir, *scratch, *acked;
};

FIXTURE_FN void fixture_paths(struct fixture *f, const char *root)
{
    f->root = cs_xstrdup(root);
    f->dir = cs_xasprintf("%s/db", root);
    f->scratch = cs_xasprintf("%s/reader", root);
    f->acked = cs_xasprintf("%s/db.acked", root);
}

FIXTURE_FN int fixture_make(void **state)
{
    const char *tmp = getenv("TMPDIR");
    char *root = cs_xasprintf("%s/clinsafe-store-XXXXXX", tmp != NULL ? tmp : "/tmp");
    struct fixture *f = cs_xcalloc(1, sizeof *f);
    assert_non_null(mkdtemp(root));
    fixture_paths(f, root);
    free(root);
    *state = f;
    return 0;
}

static int fixture_unlink(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

FIXTURE_FN int fixture_remove(void **state)
{
    struct fixture *f = *state;
    nftw(f->root, fixture_unlink, 16, FTW_DEPTH | FTW_PHYS);
    free(f->root);
    free(f->dir);
    free(f->scratch);
    free(f->acked);
    free(f);
    return 0;
}

#define assert_ok(call)                                                                                                \
    do {                                                                                                               \
        struct cs_error *assert_ok_err = &err;                                                                         \
        if ((call) != CS_OK)                                                                                           \
            fail_msg("%s: %s", #call, assert_ok_err->msg);                                                             \
    } while (0)

FIXTURE_FN struct cs_store *open_writer(const struct fixture *f)
{
    struct cs_store *s = NULL;
    struct cs_error err = {0};
    assert_ok(cs_store_open(&s, &(struct cs_store_opts){.dir = f->dir, .write = true}, &err));
    return s;
}

FIXTURE_FN struct cs_store *open_reader(const struct fixture *f)
{
    struct cs_store *s = NULL;
    struct cs_error err = {0};
    assert_ok(cs_store_open(&s, &(struct cs_store_opts){.dir = f->dir, .scratch = f->scratch}, &err));
    return s;
}

/* The text of trial n: n bytes or so that hardly compress. */
FIXTURE_FN void text_of(uint64_t n, char *out, size_t bytes)
{
    struct cs_rng rng = {n};
    size_t i = 0;
    while (i + 1 < bytes) {
        uint64_t r = cs_rng_next(&rng);
        for (int k = 0; k < 8 && i + 1 < bytes; k++, r >>= 8)
            out[i++] = (char)(' ' + r % 90);
    }
    out[i] = '\0';
}

FIXTURE_FN struct cs_digest digest_of(uint64_t n)
{
    struct cs_digest d;
    uint64_t a = cs_rng_mix64(n), b = cs_rng_mix64(a);
    memcpy(d.b, &a, 8);
    memcpy(d.b + 8, &b, 8);
    return d;
}

/* Adds an output whose fields follow from n, its place and its text. */
FIXTURE_FN void add_output(struct cs_batch *b, uint32_t gen, uint32_t lane, uint64_t position, uint64_t n,
                           uint8_t flags, const char *text)
{
    struct cs_buf packed = CS_BUF_INIT(1 << 20);
    struct cs_output o = {
        .gen = gen,
        .lane = lane,
        .position = position,
        .epoch = n,
        .digest = digest_of(n),
        .outcome = flags & CS_OUTPUT_FAILURE ? CS_OUTCOME_provider_error : CS_OUTCOME_ok,
        .attempts = 1,
        .http_status = 200,
        .text = text,
        .finish = "stop",
        .model_resolved = "simulated-2026-01-01",
        .request_id = "req",
        .fingerprint = "",
        .input_tokens = 300,
        .output_tokens = 100,
        .started_wall_ms = 1700000000000 + (int64_t)n,
        .latency_ms = 900,
        .total_ms = 950,
        .worker = "w1",
    };
    cs_output_pack(&o, &packed);
    cs_batch_add_output(b, &(struct cs_batch_output){.gen = gen,
                                                     .lane = lane,
                                                     .position = position,
                                                     .digest = o.digest,
                                                     .owner = {1 + lane, 1 + position},
                                                     .flags = flags,
                                                     .bytes = (const uint8_t *)packed.data,
                                                     .len = (uint32_t)packed.len});
    cs_buf_release(&packed);
}

/* The outputs with this digest, whoever bought them: how many, and the first one's id (0: none). */
FIXTURE_FN uint32_t found_by(struct cs_store *s, const struct cs_digest *d, uint64_t *id)
{
    struct cs_error err = {0};
    const struct cs_indexed *found = NULL;
    uint32_t n = 0;
    struct cs_finder *f = cs_index_finder_open(s);
    assert_ok(cs_index_finder_get(f, d, 0, &found, &n, &err));
    *id = n > 0 ? found[0].output_id : 0;
    cs_index_finder_close(f);
    return n;
}

FIXTURE_FN void set_state(uint8_t *bits, uint64_t i, enum cs_trial_state state)
{
    unsigned shift = 2 * (i % 4);
    bits[i / 4] = (uint8_t)((bits[i / 4] & ~(3u << shift)) | (unsigned)state << shift);
}

/* What a scan saw, as one comparable text per trial. */
struct seen {
    uint64_t n, failures, adopted;
    uint64_t positions[4096];
    uint64_t ids[4096];
    char texts[4096][40];
};

FIXTURE_FN enum cs_err see(void *self, uint32_t lane, uint64_t position, const struct cs_stored *stored,
                           struct cs_error *err)
{
    struct seen *seen = self;
    (void)lane, (void)err;
    if (seen->n < 4096) {
        seen->positions[seen->n] = position;
        seen->ids[seen->n] = stored->output_id;
        snprintf(seen->texts[seen->n], sizeof seen->texts[0], "%s", stored->output.text);
    }
    seen->n++;
    seen->failures += (stored->flags & CS_OUTPUT_FAILURE) != 0;
    seen->adopted += (stored->flags & CS_OUTPUT_ADOPTED) != 0;
    return CS_OK;
}

#endif
