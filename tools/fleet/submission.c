#include "tools/fleet/submission.h"

#include <jansson.h>
#include <string.h>

#include "protocol/base/digest.h"
#include "protocol/wire/messages.h"
#include "protocol/wire/spec.h"

enum { ANSWER_MS = 30000 };

static enum cs_err parse_reply(const char *reply, json_t **out, struct cs_error *err)
{
    *out = json_loads(reply, 0, NULL);
    return *out != NULL ? CS_OK : cs_error_set(err, CS_EPROTO, "the coordinator's answer is not JSON");
}

struct chunk_sender {
    struct cs_admin_client *client;
    json_t *missing; /* array of hex digests; NULL on the first walk, which only packs the spec */
};

static enum cs_err send_chunk(void *self, const uint8_t digest[32], const void *bytes, uint32_t n, struct cs_error *err)
{
    const struct chunk_sender *s = self;
    char hex[65];
    size_t i;
    json_t *wanted;
    cs_hex(digest, 32, hex);
    json_array_foreach(s->missing, i, wanted)
    {
        const char *args[] = {hex, NULL};
        if (strcmp(json_string_value(wanted) != NULL ? json_string_value(wanted) : "", hex) == 0)
            return cs_admin_ask(s->client, "chunk", args, bytes, n, ANSWER_MS, NULL, err);
    }
    return CS_OK;
}

/* A coordinator that is older than the study would skip what it does not know, and lease it to workers that do the same. */
static enum cs_err check_minor(const struct cs_study *s, const json_t *submitted, struct cs_error *err)
{
    const struct cs_minor_need need = cs_minor_needed(s);
    const json_int_t speaks = json_integer_value(json_object_get(submitted, "minor")); /* 1.0 states none */
    if (speaks >= (json_int_t)need.minor)
        return CS_OK;
    return cs_error_set(
        err, CS_EINVAL,
        "%s needs version %d.%u of the protocol, the coordinator speaks %d.%d: update it and its workers",
        need.key[0] != '\0' ? need.key : "this study", CS_WIRE_MAJOR, need.minor, CS_WIRE_MAJOR, (int)speaks);
}

enum cs_err cs_submit_study(struct cs_admin_client *a, const struct cs_loaded *l, bool adopt_other, uint32_t *gen,
                            bool *is_new, struct cs_error *err)
{
    struct cs_buf spec = CS_BUF_INIT(CS_SPEC_MAX);
    struct chunk_sender sender = {.client = a};
    json_t *submitted = NULL, *started = NULL;
    const char *reply;

    enum cs_err rc = cs_spec_pack(l->study, &l->cases, &spec, send_chunk, &sender, err);
    if (rc == CS_OK)
        rc = cs_admin_ask(a, "submit", NULL, spec.data, (uint32_t)spec.len, ANSWER_MS, &reply, err);
    if (rc == CS_OK)
        rc = parse_reply(reply, &submitted, err);
    if (rc != CS_OK)
        goto out;
    rc = check_minor(l->study, submitted, err);
    if (rc != CS_OK)
        goto out;
    sender.missing = json_object_get(submitted, "missing");
    if (json_array_size(sender.missing) > 0) {
        cs_buf_clear(&spec);
        rc = cs_spec_pack(l->study, &l->cases, &spec, send_chunk, &sender, err);
    }
    if (rc != CS_OK)
        goto out;
    const char *args[] = {json_string_value(json_object_get(submitted, "digest")),
                          adopt_other ? "adopt-from-other" : NULL, NULL};
    rc = cs_admin_ask(a, "start", args, NULL, 0, ANSWER_MS, &reply, err);
    if (rc == CS_OK)
        rc = parse_reply(reply, &started, err);
    if (rc == CS_OK) {
        *gen = (uint32_t)json_integer_value(json_object_get(started, "gen"));
        *is_new = json_is_true(json_object_get(started, "new"));
    }
out:
    json_decref(submitted);
    json_decref(started);
    cs_buf_release(&spec);
    return rc;
}

void cs_make_pilot(struct cs_study *s, uint32_t n_cases)
{
    if (n_cases == 0 || n_cases >= s->n_cases)
        return;
    s->n_cases = n_cases;
    s->title = cs_arena_printf(&s->arena, "PILOT, first %u cases: %s", n_cases, s->title);
}
