#include "protocol/wire/output.h"

#include <string.h>

#include "protocol/base/assert.h"
#include "protocol/base/log.h"
#include "protocol/wire/messages.h"
#include "protocol/wire/visit.h"

enum { CODEC_VERSION = 1 };

enum {
    FIELDS = 23,
    FIELDS_WITH_LOGPROBS = 26,
    FIELDS_WITH_READING = 30,
    FIELDS_WITH_BILL = 37,
    FIELDS_WITH_TURN = 40,
    FIELDS_WITH_ROUND = 41,
    FIELDS_WITH_SERVER = 42,
    FIELDS_WITH_WRITTEN = 44
};
enum { SALVAGED = 1, REASONING_CUT = 2, TOOL_CALLS_CUT = 4 }; /* bits of one field */
enum { USAGE_SHORT = 1, CACHE_HIT = 2 };                      /* bits of another field */

/* heads and numbers of at most 9 bytes for each of the fields, the digests, eight words, the alternatives; reasoning, tool calls and the round
 * share the text's room */
_Static_assert(CS_OUTPUT_TEXT_MAX + FIELDS_WITH_WRITTEN * 9 + 32 + 8 * CS_OUTPUT_WORD_MAX + CS_OUTPUT_ALTERNATIVES_MAX <
                   CS_OUTPUT_MAX,
               "an output fits");

bool cs_output_is_quarantine(const struct cs_output *o)
{
    return o->outcome == CS_OUTCOME_internal && strcmp(o->finish, CS_FINISH_QUARANTINED) == 0;
}

bool cs_output_is_erased(const struct cs_output *o)
{
    return o->outcome == CS_OUTCOME_internal && strcmp(o->finish, CS_FINISH_ERASED) == 0;
}

static bool is_told(const char *text)
{
    return text != NULL && text[0] != '\0';
}

bool cs_output_is_round(const struct cs_output *o)
{
    return is_told(o->round);
}

const char *cs_output_said(const struct cs_output *o)
{
    return is_told(o->round) ? o->round : o->text;
}

bool cs_output_goes_on(const struct cs_output *o)
{
    return cs_outcome_goes_on((enum cs_outcome)o->outcome, cs_output_said(o));
}

static void visit_reading(struct cs_codec *c, struct cs_output *o)
{
    uint32_t bits = (o->salvaged ? SALVAGED : 0) | (o->reasoning_cut ? REASONING_CUT : 0) |
                    (o->tool_calls_cut ? TOOL_CALLS_CUT : 0);
    cs_codec_u32(c, &bits);
    o->salvaged = (bits & SALVAGED) != 0;
    o->reasoning_cut = (bits & REASONING_CUT) != 0;
    o->tool_calls_cut = (bits & TOOL_CALLS_CUT) != 0;
    cs_visit_text(c, &o->cause, CS_OUTPUT_WORD_MAX);
    cs_visit_text(c, &o->reasoning, CS_OUTPUT_REASONING_MAX);
    cs_visit_text(c, &o->tool_calls, CS_OUTPUT_TOOL_CALLS_MAX);
}

static void visit_bill(struct cs_codec *c, struct cs_output *o)
{
    uint32_t bits = (o->usage_short ? USAGE_SHORT : 0) | (o->cache_hit ? CACHE_HIT : 0);
    cs_codec_u32(c, &bits);
    o->usage_short = (bits & USAGE_SHORT) != 0;
    o->cache_hit = (bits & CACHE_HIT) != 0;
    cs_codec_u32(c, &o->wasted);
    cs_codec_u32(c, &o->wasted_untold);
    cs_codec_u32(c, &o->wasted_input);
    cs_codec_u32(c, &o->wasted_cached);
    cs_codec_u32(c, &o->wasted_output);
    cs_visit_text(c, &o->response_id, CS_OUTPUT_WORD_MAX);
}

static void visit_turn(struct cs_codec *c, struct cs_output *o)
{
    cs_codec_u32(c, &o->turn);
    cs_codec_u32(c, &o->turns_done);
    cs_codec_fixed(c, o->sent, sizeof o->sent);
    if (o->turn > CS_TURNS_MAX || o->turns_done > CS_TURNS_MAX || (o->turn > 0 && o->turns_done > 0))
        cs_codec_fail(c, "it is turn %u, and ends a conversation at turn %u", o->turn, o->turns_done);
}

static void visit_output(struct cs_codec *c, struct cs_output *o)
{
    uint8_t version = CODEC_VERSION;
    const bool written = o->cache_write_tokens > 0 || o->wasted_cache_write > 0;
    const bool served = written || is_told(o->server), round = served || is_told(o->round);
    const bool turned = round || o->turn > 0 || o->turns_done > 0;
    const bool billed = turned || o->wasted > 0 || o->usage_short || o->cache_hit || is_told(o->response_id);
    const bool read = billed || o->salvaged || is_told(o->cause) || is_told(o->reasoning) || is_told(o->tool_calls);
    const bool told = read || o->logprob_tokens > 0 || is_told(o->alternatives);
    cs_codec_begin(c, !cs_codec_packing(c) ? FIELDS
                      : written            ? FIELDS_WITH_WRITTEN
                      : served             ? FIELDS_WITH_SERVER
                      : round              ? FIELDS_WITH_ROUND
                      : turned             ? FIELDS_WITH_TURN
                      : billed             ? FIELDS_WITH_BILL
                      : read               ? FIELDS_WITH_READING
                      : told               ? FIELDS_WITH_LOGPROBS
                                           : FIELDS);
    cs_codec_u8(c, &version);
    if (version != CODEC_VERSION)
        cs_codec_fail(c, "it has codec version %u, this program knows %d", version, CODEC_VERSION);
    cs_codec_u32(c, &o->gen);
    cs_codec_u32(c, &o->lane);
    cs_codec_u64(c, &o->position);
    cs_codec_u64(c, &o->epoch);
    cs_codec_fixed(c, o->digest.b, sizeof o->digest.b);
    cs_codec_u8(c, &o->outcome);
    if (o->outcome >= CS_OUTCOMES)
        cs_codec_fail(c, "its outcome %u is unknown", o->outcome);
    cs_codec_u32(c, &o->attempts);
    cs_codec_u32(c, &o->ambiguous);
    cs_codec_u16(c, &o->http_status);
    cs_visit_text(c, &o->text, CS_OUTPUT_TEXT_MAX);
    cs_visit_text(c, &o->finish, CS_OUTPUT_WORD_MAX);
    cs_visit_text(c, &o->model_resolved, CS_OUTPUT_WORD_MAX);
    cs_visit_text(c, &o->request_id, CS_OUTPUT_WORD_MAX);
    cs_visit_text(c, &o->fingerprint, CS_OUTPUT_WORD_MAX);
    cs_codec_u32(c, &o->input_tokens);
    cs_codec_u32(c, &o->cached_tokens);
    cs_codec_u32(c, &o->output_tokens);
    cs_codec_u32(c, &o->reasoning_tokens);
    cs_codec_i64(c, &o->started_wall_ms);
    cs_codec_u32(c, &o->latency_ms);
    cs_codec_u32(c, &o->total_ms);
    cs_visit_text(c, &o->worker, CS_OUTPUT_WORD_MAX);
    if (cs_codec_packing(c) ? told : cs_codec_more(c)) {
        cs_codec_double(c, &o->logprob);
        cs_codec_u32(c, &o->logprob_tokens);
        cs_visit_text(c, &o->alternatives, CS_OUTPUT_ALTERNATIVES_MAX);
    }
    if (cs_codec_packing(c) ? read : cs_codec_more(c))
        visit_reading(c, o);
    if (cs_codec_packing(c) ? billed : cs_codec_more(c))
        visit_bill(c, o);
    if (cs_codec_packing(c) ? turned : cs_codec_more(c))
        visit_turn(c, o);
    if (cs_codec_packing(c) ? round : cs_codec_more(c))
        cs_visit_text(c, &o->round, CS_OUTPUT_TEXT_MAX);
    if (cs_codec_packing(c) ? served : cs_codec_more(c))
        cs_visit_text(c, &o->server, CS_OUTPUT_WORD_MAX);
    if (cs_codec_packing(c) ? written : cs_codec_more(c)) {
        cs_codec_u32(c, &o->cache_write_tokens);
        cs_codec_u32(c, &o->wasted_cache_write);
    }
    if (!cs_codec_packing(c)) {
        const char **const texts[] = {&o->round,      &o->alternatives, &o->cause, &o->reasoning,
                                      &o->tool_calls, &o->response_id,  &o->server};
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
            *texts[i] = *texts[i] != NULL ? *texts[i] : "";
    }
    cs_codec_end(c);
}

void cs_output_pack(const struct cs_output *o, struct cs_buf *out)
{
    struct cs_error err;
    struct cs_output copy = *o;
    struct cs_codec *c = cs_codec_packer(out);
    visit_output(c, &copy);
    enum cs_err rc = cs_codec_close(c, &err);
    if (rc != CS_OK)
        cs_log(CS_ERROR, "output_unpackable", "position=%llu why=\"%s\"", (unsigned long long)o->position, err.msg);
    CS_ASSERT(rc == CS_OK);
}

enum cs_err cs_output_unpack(const void *bytes, size_t n, struct cs_arena *arena, struct cs_output *out,
                             struct cs_error *err)
{
    struct cs_codec *c = NULL;
    *out = (struct cs_output){0};
    if (n > CS_OUTPUT_MAX)
        return cs_error_set(err, CS_EPROTO, "an output of %zu bytes is over its limit", n);
    enum cs_err rc = cs_codec_unpacker(bytes, n, arena, &c, err);
    if (rc == CS_OK) {
        visit_output(c, out);
        rc = cs_codec_close(c, err);
    }
    if (rc != CS_OK) {
        *out = (struct cs_output){0};
        return cs_error_wrap(err, rc, "output");
    }
    return CS_OK;
}
