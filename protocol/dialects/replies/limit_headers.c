/* What replies' headers say of an account's limits (facts: providers.md sections 2.3, 6.4, 9, 11). */
#include "protocol/dialects/replies/limit_headers.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "protocol/dialects/replies/header.h"

/* The words of limit_headers: providers count requests in slices of a minute too. `ignore`: it means something else. */
static const struct {
    const char *word;
    size_t field; /* in struct cs_limits */
    uint64_t times;
} words[] = {
    {"requests_per_minute", offsetof(struct cs_limits, requests_per_minute), 1},
    {"tokens_per_minute", offsetof(struct cs_limits, tokens_per_minute), 1},
    {"input_tokens_per_minute", offsetof(struct cs_limits, input_tokens_per_minute), 1},
    {"output_tokens_per_minute", offsetof(struct cs_limits, output_tokens_per_minute), 1},
    {"requests_per_day", offsetof(struct cs_limits, requests_per_day), 1},
    {"tokens_per_day", offsetof(struct cs_limits, tokens_per_day), 1},
    {"requests_per_10_seconds", offsetof(struct cs_limits, requests_per_minute), 6},
    {"requests_per_second", offsetof(struct cs_limits, requests_per_minute), 60},
};

/* As OpenAI and most who speak like it, and Anthropic, have them. */
static const char *const usual[] = {
    "x-ratelimit-limit-requests: requests_per_minute",
    "x-ratelimit-limit-tokens: tokens_per_minute",
    "anthropic-ratelimit-requests-limit: requests_per_minute",
    "anthropic-ratelimit-tokens-limit: tokens_per_minute",
    "anthropic-ratelimit-input-tokens-limit: input_tokens_per_minute",
    "anthropic-ratelimit-output-tokens-limit: output_tokens_per_minute",
};

/* 0 and -1 are told where nothing is known (Azure). */
static uint64_t limit_in(const char *value)
{
    char *end;
    const double v = strtod(value, &end);
    return end != value && v >= 1 && v < 1e15 ? (uint64_t)v : 0;
}

static bool names(const char *rule, const char *header, size_t n)
{
    return strncasecmp(rule, header, n) == 0 && rule[n] == ':';
}

static void apply(const char *rule, const char *headers, struct cs_arena *arena, struct cs_limits *out)
{
    const size_t n = strcspn(rule, ":");
    const char *word = rule + n + strspn(rule + n, ": ");
    const char *value = cs_header(headers, cs_arena_strndup(arena, rule, n), arena);
    for (size_t i = 0; value != NULL && i < sizeof words / sizeof *words; i++) {
        if (strcmp(word, words[i].word) != 0)
            continue;
        uint64_t *field = (uint64_t *)(void *)((char *)out + words[i].field);
        const uint64_t told = limit_in(value) * words[i].times;
        if (told > 0)
            *field = told;
    }
}

void cs_limit_headers_read(const char *headers, const char *const *rules, uint32_t n_rules, struct cs_arena *arena,
                           struct cs_limits *out)
{
    *out = (struct cs_limits){0};
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) {
        bool declared = false;
        for (uint32_t k = 0; k < n_rules; k++)
            declared |= names(rules[k], usual[i], strcspn(usual[i], ":"));
        if (!declared)
            apply(usual[i], headers, arena, out);
    }
    for (uint32_t k = 0; k < n_rules; k++)
        apply(rules[k], headers, arena, out);
}
