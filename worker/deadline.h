/* deadline.h - when a site takes the machine back, as people and schedulers write it.
 *
 *   90                       seconds from now
 *   1:30, 2:00:00, 1-06:00:00   minutes:seconds, hours:minutes:seconds, days before a dash: what `squeue -o %L` prints
 *   2026-11-29T03:00:00Z     a moment, in UTC; without the Z by this machine's clock, as `squeue -o %e` prints it
 *   T03:00, T03:00:00        when this machine's clock shows that next
 *   UNLIMITED, NOT_SET       none: what `squeue` prints of a job without a time limit
 *
 * Thread: any.
 */
#ifndef CS_DEADLINE_H
#define CS_DEADLINE_H

#include <stdint.h>

#include "protocol/base/error.h"

/* *left_ms: from `wall_ms` (Unix time) on; 0: there is none. CS_EUSAGE with what would be right; a moment that has passed is one too. */
CS_WARN_UNUSED enum cs_err cs_deadline_parse(const char *text, int64_t wall_ms, uint64_t *left_ms,
                                             struct cs_error *err);

#endif
