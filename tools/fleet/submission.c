#include "tools/fleet/submission.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/digest.h"
#include "protocol/base/file.h"
#include "protocol/base/json.h"
#include "protocol/study/applies.h"
#include "protocol/wire/messages.h"
#include "protocol/wire/spec.h"

enum { ANSWER_MS = 30000 };

static enum cs_err parse_reply(const char *reply, struct cs_json **out, struct cs_error *err)
{
    *out = cs_json_loads(reply, 0, NULL);
    return *out != NULL ? CS_OK : cs_error_set(err, CS_EPROTO, "the coordinator's answer is not JSON");
}

struct chunk_sender {
    struct cs_admin_client *client;
    struct cs_json *missing; /* array of hex digests; NULL on the first walk, which only packs the spec */
};

static enum cs_err send_chunk(void *self, const uint8_t digest[32], const void *bytes, uint32_t n, struct cs_error *err)
{
    const struct chunk_sender *s = self;
    char hex[65];
    size_t i;
    struct cs_json *wanted;
    cs_digest_hex(digest, 32, hex);
    cs_json_array_foreach(s->missing, i, wanted)
    {
        const char *args[] = {hex, NULL};
        if (strcmp(cs_json_string_value(wanted) != NULL ? cs_json_string_value(wanted) : "", hex) == 0)
            return cs_admin_client_ask(s->client, "chunk", args, bytes, n, ANSWER_MS, NULL, err);
    }
    return CS_OK;
}

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, 32);
}

/* The pieces of an image that are missing (n digests, sorted). */
static enum cs_err send_picture(struct cs_admin_client *a, const struct cs_load_picture *p,
                                const uint8_t (*missing)[32], size_t n, struct cs_error *err)
{
    char *bytes = NULL, hex[65];
    size_t len = 0;
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; i < p->image.n_pieces && rc == CS_OK; i++) {
        const char *args[] = {hex, NULL};
        if (n == 0 || bsearch(p->image.pieces[i], missing, n, 32, by_bytes) == NULL)
            continue;
        if (bytes == NULL)
            rc = cs_file_read(p->path, CS_IMAGE_BYTES_MAX, &bytes, &len, err);
        if (rc == CS_OK && !cs_image_is(&p->image, bytes, len))
            rc = cs_error_set(err, CS_EINVAL, "%s: the file has changed since the study was read; try again", p->path);
        cs_digest_hex(p->image.pieces[i], 32, hex);
        if (rc == CS_OK)
            rc = cs_admin_client_ask(a, "chunk", args, bytes + (size_t)i * CS_IMAGE_PIECE_BYTES,
                                     cs_image_piece_bytes(&p->image, i), ANSWER_MS, NULL, err);
    }
    free(bytes);
    return rc;
}

/* What the store has not got of the study's images. */
static enum cs_err send_pictures(struct cs_admin_client *a, const struct cs_loaded *l, struct cs_error *err)
{
    enum { PIECES_MAX = 200000 };
    struct cs_buf all = CS_BUF_INIT((size_t)PIECES_MAX * 32);
    struct cs_json *answer = NULL, *list, *one;
    const char *reply = NULL;
    size_t i, n = 0;
    if (l->n_pictures == 0)
        return CS_OK;
    for (uint32_t p = 0; p < l->n_pictures; p++)
        cs_buf_append(&all, l->pictures[p]->image.pieces, (size_t)l->pictures[p]->image.n_pieces * 32);
    enum cs_err rc = all.overflow
                         ? cs_error_set(err, CS_ETOOBIG, "more than %d pieces of images", PIECES_MAX)
                         : cs_admin_client_ask(a, "images", NULL, all.data, (uint32_t)all.len, ANSWER_MS, &reply, err);
    if (rc == CS_OK)
        rc = parse_reply(reply, &answer, err);
    list = cs_json_object_get(answer, "missing");
    uint8_t(*missing)[32] = cs_xcalloc(cs_json_array_size(list) + 1, sizeof *missing);
    cs_json_array_foreach(list, i, one)
    {
        const char *hex = cs_json_string_value(one);
        n += hex != NULL && cs_digest_unhex(hex, missing[n], 32);
    }
    qsort(missing, n, sizeof *missing, by_bytes);
    for (uint32_t p = 0; p < l->n_pictures && rc == CS_OK; p++)
        rc = send_picture(a, l->pictures[p], (const uint8_t(*)[32])missing, n, err);
    free(missing);
    cs_json_decref(answer);
    cs_buf_release(&all);
    return rc;
}

/* A coordinator that is older than the study would skip what it does not know, and lease it to workers that do the same. */
static enum cs_err check_minor(const struct cs_study *s, const struct cs_json *submitted, struct cs_error *err)
{
    const struct cs_minor_need need = cs_minor_needed(s);
    const int64_t speaks = cs_json_integer_value(cs_json_object_get(submitted, "minor")); /* 1.0 states none */
    if (speaks >= (int64_t)need.minor)
        return CS_OK;
    return cs_error_set(
        err, CS_EINVAL,
        "%s needs version %d.%u of the protocol, the coordinator speaks %d.%d: update it and its workers",
        need.key[0] != '\0' ? need.key : "this study", CS_WIRE_MAJOR, need.minor, CS_WIRE_MAJOR, (int)speaks);
}

__attribute__((format(printf, 3, 4))) static const char *print(char *out, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(out, size, format, args);
    va_end(args);
    return out;
}

static enum cs_err send_once(struct cs_admin_client *a, const struct cs_loaded *l, bool adopt_other,
                             const struct cs_submission_place *place, uint32_t *gen, bool *is_new, struct cs_error *err)
{
    char weight[32], priority[32];
    char *after = NULL;
    const char *args[9];
    uint32_t n = 0;
    struct cs_buf spec = CS_BUF_INIT(CS_SPEC_MAX);
    struct chunk_sender sender = {.client = a};
    struct cs_json *submitted = NULL, *started = NULL;
    const char *reply;

    enum cs_err rc = cs_spec_pack(l->study, &l->cases, &spec, send_chunk, &sender, err);
    if (rc == CS_OK)
        rc = cs_admin_client_ask(a, "submit", NULL, spec.data, (uint32_t)spec.len, ANSWER_MS, &reply, err);
    if (rc == CS_OK)
        rc = parse_reply(reply, &submitted, err);
    if (rc != CS_OK)
        goto out;
    rc = check_minor(l->study, submitted, err);
    if (rc != CS_OK)
        goto out;
    rc = send_pictures(a, l, err);
    if (rc != CS_OK)
        goto out;
    sender.missing = cs_json_object_get(submitted, "missing");
    if (cs_json_array_size(sender.missing) > 0) {
        cs_buf_clear(&spec);
        rc = cs_spec_pack(l->study, &l->cases, &spec, send_chunk, &sender, err);
    }
    if (rc != CS_OK)
        goto out;
    args[n++] = cs_json_string_value(cs_json_object_get(submitted, "digest"));
    if (adopt_other)
        args[n++] = "adopt-from-other";
    if (place != NULL && place->alone)
        args[n++] = "alone";
    if (place != NULL && place->reread)
        args[n++] = "reread";
    if (place != NULL && place->stop_old)
        args[n++] = "stop-old";
    if (place != NULL && place->weight != 0)
        args[n++] = print(weight, sizeof weight, "weight=%" PRIu64, place->weight);
    if (place != NULL && place->priority != NULL)
        args[n++] = print(priority, sizeof priority, "priority=%s", place->priority);
    if (place != NULL && place->after != NULL)
        args[n++] = after = cs_xasprintf("after=%s", place->after);
    args[n] = NULL;
    rc = cs_admin_client_ask(a, "start", args, NULL, 0, ANSWER_MS, &reply, err);
    if (rc == CS_OK)
        rc = parse_reply(reply, &started, err);
    if (rc == CS_OK) {
        *gen = (uint32_t)cs_json_integer_value(cs_json_object_get(started, "gen"));
        *is_new = cs_json_is_true(cs_json_object_get(started, "new"));
    }
out:
    free(after);
    cs_json_decref(submitted);
    cs_json_decref(started);
    cs_buf_release(&spec);
    return rc;
}

/* Twice: what the coordinator had of it may have gone with a study that was erased just then. */
enum cs_err cs_submission_send(struct cs_admin_client *a, const struct cs_loaded *l, bool adopt_other,
                               const struct cs_submission_place *place, uint32_t *gen, bool *is_new,
                               struct cs_error *err)
{
    const enum cs_err rc = send_once(a, l, adopt_other, place, gen, is_new, err);
    return rc == CS_EINCOMPLETE || rc == CS_ENOENT ? send_once(a, l, adopt_other, place, gen, is_new, err) : rc;
}

static enum cs_err ignore_chunk(void *self, const uint8_t digest[32], const void *bytes, uint32_t n,
                                struct cs_error *err)
{
    (void)self, (void)digest, (void)bytes, (void)n, (void)err;
    return CS_OK;
}

enum cs_err cs_submission_is_of(struct cs_loaded *l, const struct cs_generation_view *v, bool *same,
                                struct cs_error *err)
{
    struct cs_buf spec = CS_BUF_INIT(CS_SPEC_MAX);
    const struct cs_study *ran = v->spec.study;
    uint8_t digest[32];
    enum cs_err rc = CS_OK;
    if (cs_submission_is_pilot(ran))
        rc = cs_submission_make_pilot(l, ran->n_cases, err);
    if (rc == CS_OK)
        rc = cs_spec_pack(l->study, &l->cases, &spec, ignore_chunk, NULL, err);
    if (rc == CS_OK) {
        cs_digest_blake2b_256(spec.data, spec.len, digest);
        *same = memcmp(digest, v->generation.spec_digest, sizeof digest) == 0;
    }
    cs_buf_release(&spec);
    return rc;
}

bool cs_submission_is_pilot(const struct cs_study *s)
{
    return strncmp(s->title, "PILOT", 5) == 0;
}

enum cs_err cs_submission_make_pilot(struct cs_loaded *l, uint32_t n_cases, struct cs_error *err)
{
    struct cs_study *s = l->study;
    if (n_cases == 0 || n_cases >= s->n_cases)
        return CS_OK;
    s->n_cases = n_cases;
    s->title = cs_arena_printf(&s->arena, "PILOT, first %u cases: %s", n_cases, s->title);
    return cs_applies_count(s, &l->cases, err);
}
