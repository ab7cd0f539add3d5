/* Headers of providers: waits and limits. Whatever they say, a wait is bounded, and a limit is a number that can be a limit. The
 * first line of the input is a rule of `limit_headers`. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "protocol/base/assert.h"
#include "protocol/dialects/replies/header.h"
#include "protocol/dialects/replies/limit_headers.h"
#include "protocol/dialects/replies/retry_after.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_wait(uint64_t ms)
{
    CS_ASSERT(ms == CS_NO_HINT || (ms > 0 && ms <= CS_RETRY_AFTER_MAX_MS));
}

/* A header by a second, slower way: the first line whose name it is. */
static void check_header(const char *headers, const char *name, struct cs_arena *arena)
{
    const char *found = cs_header(headers, name, arena);
    bool there = false;
    for (const char *line = headers; line != NULL && !there; line = strpbrk(line, "\r\n")) {
        line += strspn(line, "\r\n");
        there = strncasecmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':';
        if (there && found != NULL)
            CS_ASSERT(strlen(found) <= strcspn(line, "\r\n") && strstr(line, found) != NULL);
    }
    CS_ASSERT(there == (found != NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct cs_arena arena = {0};
    struct cs_limits limits;
    char *text = cs_arena_strndup(&arena, (const char *)data, n);
    char *headers = strchr(text, '\n');
    const char *rule = text;
    if (headers != NULL)
        *headers++ = '\0';
    else
        headers = text + strlen(text);
    check_wait(cs_retry_after_ms(headers, 1795900000000, &arena));
    const char *source = "";
    check_wait(cs_retry_after_reset_ms(headers, 1795900000000, &arena, &source));
    check_wait(cs_retry_after_reset_ms(headers, 0, &arena, &source));
    check_wait(cs_retry_after_in_text_ms(headers));
    check_wait(cs_retry_after_duration_ms(headers));
    check_header(headers, "retry-after", &arena);
    check_header(headers, "x-ratelimit-limit-tokens", &arena);
    const bool kept = cs_header_cache_hit(headers);
    CS_ASSERT(!kept || strcasestr(headers, "cache") != NULL || strcasestr(headers, "age") != NULL);
    cs_limit_headers_read(headers, &rule, strchr(rule, ':') != NULL, &arena, &limits);
    cs_limit_headers_read(headers, NULL, 0, &arena, &limits);
    cs_arena_release(&arena);
    return 0;
}
