#include "protocol/dialects/replies/usage.h"

#include "protocol/base/json.h"
#include "protocol/dialects/replies/read.h"

uint32_t cs_usage_add(uint32_t a, uint32_t b)
{
    uint32_t sum;
    return __builtin_add_overflow(a, b, &sum) ? UINT32_MAX : sum;
}

void cs_usage_reasoning(const struct cs_json *total, struct cs_reading *out)
{
    const uint64_t all = cs_read_count(total), within = (uint64_t)out->input_tokens + out->output_tokens;
    if (all != 0 ? all == within + out->reasoning_tokens : out->reasoning_tokens > out->output_tokens)
        out->output_tokens = cs_usage_add(out->output_tokens, out->reasoning_tokens);
}

void cs_usage_total(const struct cs_json *total, struct cs_reading *out)
{
    out->usage_short = cs_read_count(total) > (uint64_t)out->input_tokens + out->output_tokens;
}
