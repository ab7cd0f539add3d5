/* retry_after.h - how long a provider asks us to wait: in Retry-After and its like, in the fields and texts of errors.
 *
 * All in milliseconds, rounded up, at most CS_RETRY_AFTER_MAX_MS; CS_NO_HINT where nothing of the kind is said. Pure; any thread.
 */
#ifndef CS_RETRY_AFTER_H
#define CS_RETRY_AFTER_H

#include <stdint.h>

#include "protocol/base/arena.h"
#include "protocol/dialects/reply.h"

enum { CS_RETRY_AFTER_MAX_MS = 60 * 60 * 1000 }; /* the longest wait that a provider can impose */

/* What retry-after-ms or retry-after (seconds, or a date held against the `date` header) ask for. */
uint64_t cs_retry_after_ms(const char *headers, struct cs_arena *arena);
/* "1.78s", "308ms", "6m0s", "1h2m3.5s". */
uint64_t cs_retry_after_duration_ms(const char *s);
/* "Please try again in 1.78s.", "retry after 37 seconds.", "Please retry in 27.37s." */
uint64_t cs_retry_after_in_text_ms(const char *text);

#endif
