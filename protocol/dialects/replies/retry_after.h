/* retry_after.h - how long a provider asks us to wait: in Retry-After and its like, in the fields and texts of errors.
 *
 * All in milliseconds, rounded up, at most CS_RETRY_AFTER_MAX_MS; CS_NO_HINT where nothing of the kind is said, and for what would be
 * no wait at all: 0, a negative number, a time that is past. Moments (HTTP and ISO dates, Unix seconds and milliseconds) are held
 * against the reply's own `date`, or `wall_ms` (Unix time; 0: unknown) where it has none. Pure; any thread.
 */
#ifndef CS_RETRY_AFTER_H
#define CS_RETRY_AFTER_H

#include <stdint.h>

#include "protocol/base/arena.h"
#include "protocol/dialects/replies/reply.h"

#define CS_RETRY_AFTER_MAX_MS ((uint64_t)7 * 24 * 3600 * 1000) /* more is taken for that */

/* What retry-after-ms or retry-after ask for: "3", "2.5", "3s", "1m30s", a moment. */
uint64_t cs_retry_after_ms(const char *headers, int64_t wall_ms, struct cs_arena *arena);
/* The longest time to a reset of a limit of which nothing is left: x-ratelimit-reset-*, anthropic-ratelimit-*-reset and their like.
 * *source: the header's name, in the arena; untouched without a hint. */
uint64_t cs_retry_after_reset_ms(const char *headers, int64_t wall_ms, struct cs_arena *arena, const char **source);
/* "1.78s", "308ms", "6m0s", "1h2m3.5s", "37 seconds", "2 minutes and 5 seconds". What follows is let be. */
uint64_t cs_retry_after_duration_ms(const char *s);
/* "Please try again in 1.78s.", "retry after 37 seconds.", "Please retry in 27.37s." */
uint64_t cs_retry_after_in_text_ms(const char *text);

#endif
