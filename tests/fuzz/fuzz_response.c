/* Replies of providers, in every dialect: whatever comes, it is read without harm, has a consequence, and passes for an answer only
 * with the vendor's end marker. The marker is looked for once more with another JSON reader, the simulator's.
 *
 * An input: dialect and transfer in the first byte, status in the next two, then headers up to an empty line, then the body.
 */
#include <stdint.h>
#include <string.h>

#include "protocol/base/assert.h"
#include "protocol/base/utf8.h"
#include "protocol/dialects/dialect.h"
#include "protocol/dialects/replies/retry_after.h"
#include "protocol/wire/messages.h"
#include "tools/simulator/json_read.h"
#include "worker/calls/call.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Whether a vendor has said that this is all. */
static bool has_end(const struct cs_j *root, const struct cs_dialect *p)
{
    const struct cs_j *first;
    if (p == &cs_dialect_openai_chat)
        return cs_json_read_text(
                   cs_json_read_get(cs_json_read_at(cs_json_read_get(root, "choices"), 0), "finish_reason")) != NULL;
    if (p == &cs_dialect_openai_responses)
        return cs_json_read_text(cs_json_read_get(root, "status")) != NULL;
    if (p == &cs_dialect_anthropic)
        return cs_json_read_text(cs_json_read_get(root, "stop_reason")) != NULL;
    if (p == &cs_dialect_bedrock)
        return cs_json_read_text(cs_json_read_get(root, "stopReason")) != NULL;
    first = cs_json_read_at(cs_json_read_get(root, "candidates"), 0);
    return cs_json_read_text(cs_json_read_get(first, "finishReason")) != NULL ||
           cs_json_read_text(cs_json_read_get(cs_json_read_get(root, "promptFeedback"), "blockReason")) != NULL ||
           (first == NULL && cs_json_read_get(root, "usageMetadata") != NULL);
}

static void check_text(const char *text, size_t max)
{
    CS_ASSERT(text != NULL);
    CS_ASSERT(strlen(text) <= max);
    CS_ASSERT(cs_utf8_valid(text, strlen(text)));
}

static void check_reading(const struct cs_http_reply *reply, const struct cs_reading *r, const struct cs_dialect *p)
{
    CS_ASSERT((unsigned)r->says < CS_SAYINGS);
    CS_ASSERT(r->says != CS_SAYS_ANSWER || cs_outcome_is_answer(r->outcome) || r->outcome == CS_OUTCOME_unparsable);
    CS_ASSERT(r->status == 0 || (r->status >= 400 && r->status <= 599));
    CS_ASSERT(r->wait_ms == CS_NO_HINT || r->wait_ms <= CS_RETRY_AFTER_MAX_MS);
    check_text(r->text, CS_OUTPUT_TEXT_MAX);
    check_text(r->reasoning, CS_OUTPUT_REASONING_MAX);
    check_text(r->tool_calls, CS_OUTPUT_TOOL_CALLS_MAX);
    check_text(r->cause, CS_OUTPUT_WORD_MAX);
    CS_ASSERT(strlen(r->text) + strlen(r->reasoning) + strlen(r->tool_calls) <= CS_OUTPUT_TEXT_MAX);
    CS_ASSERT(r->logprob <= 0);
    check_text(r->finish, CS_OUTPUT_WORD_MAX);
    check_text(r->model, CS_OUTPUT_WORD_MAX);
    check_text(r->request_id, CS_OUTPUT_WORD_MAX);
    check_text(r->fingerprint, CS_OUTPUT_WORD_MAX);
    check_text(r->response_id, CS_OUTPUT_WORD_MAX);
    CS_ASSERT(r->response_id[0] == '\0' || strcmp(r->response_id, r->request_id) != 0);
    if (r->says != CS_SAYS_ANSWER)
        return;
    CS_ASSERT(reply->transfer == CS_TRANSFER_WHOLE);
    struct cs_j_document d = {0};
    if (cs_json_read(&d, reply->body, reply->body_len)) /* it is stricter: NUL and depth */
        CS_ASSERT(has_end(d.values, p));
    cs_json_read_release(&d);
}

static void check_consequence(const struct cs_http_reply *reply, const struct cs_reading *r, struct cs_arena *arena)
{
    struct cs_rng rng = {1};
    struct cs_call c = {.calls = 1};
    struct cs_output o, back;
    struct cs_error err;
    struct cs_buf packed = CS_BUF_INIT(CS_OUTPUT_MAX);
    struct cs_verdict v = cs_worker_call_ended(&c, reply, r, &(struct cs_call_world){.now_ms = 5, .rng = &rng});
    CS_ASSERT(v.next <= CS_NEXT_DENIED && (unsigned)v.outcome < CS_OUTCOMES);
    if (v.outcome == CS_OUTCOME_ok || v.outcome == CS_OUTCOME_refused || v.outcome == CS_OUTCOME_truncated)
        CS_ASSERT(r->says == CS_SAYS_ANSWER && reply->status / 100 == 2 && reply->transfer == CS_TRANSFER_WHOLE);
    cs_worker_call_output(&c, reply, r, v.outcome, 5, &o);
    o.worker = "w";
    cs_output_pack(&o, &packed); /* what a provider writes never makes an output that cannot travel */
    CS_ASSERT(!packed.overflow);
    CS_ASSERT(cs_output_unpack(packed.data, packed.len, arena, &back, &err) == CS_OK);
    CS_ASSERT(strcmp(back.text, o.text) == 0);
    cs_buf_release(&packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct cs_arena arena = {0};
    struct cs_reading reading;
    struct cs_http_reply reply = {.why = ""};
    if (n < 3)
        return 0;
    const struct cs_dialect *p = cs_dialect_of((enum cs_protocol)(data[0] % CS_PROTOCOLS));
    reply.transfer = (enum cs_transfer)(data[0] / CS_PROTOCOLS % CS_TRANSFERS);
    reply.status = (uint16_t)((data[1] << 8 | data[2]) % 1000);
    char *text = cs_arena_strndup(&arena, (const char *)data + 3,
                                  n - 3); /* NUL-terminated, as the HTTP client hands it over */
    char *gap = memmem(text, n - 3, "\n\n", 2);
    reply.headers = "";
    reply.body = text;
    reply.body_len = n - 3;
    if (gap != NULL) {
        *gap = '\0';
        reply.headers = text;
        reply.body = gap + 2;
        reply.body_len = n - 3 - (size_t)(gap + 2 - text);
    }
    if (reply.transfer == CS_TRANSFER_UNSENT || reply.transfer == CS_TRANSFER_LOST)
        reply.status = 0;
    p->read(&reply, data[0] >= 128 ? CS_FORM_TOOL : CS_FORM_JSON_SCHEMA, &arena, &reading);
    check_reading(&reply, &reading, p);
    check_consequence(&reply, &reading, &arena);
    cs_arena_release(&arena);
    return 0;
}
