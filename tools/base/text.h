/* text.h - numbers as people read them. Each function writes into `out` and returns it. */
#ifndef CS_TEXT_H
#define CS_TEXT_H

#include <stddef.h>
#include <stdint.h>

enum { CS_TEXT_MAX_LEN = 48 };
const char *cs_text_count(char out[CS_TEXT_MAX_LEN], uint64_t n);        /* 1,728,000 */
const char *cs_text_duration(char out[CS_TEXT_MAX_LEN], double seconds); /* 42 s, 3 min 20 s, 2 h 05 min, 3 d 4 h */
const char *cs_text_usd(char out[CS_TEXT_MAX_LEN], int64_t nano_usd);    /* $12.34, $0.0042 */
const char *cs_text_tokens(char out[CS_TEXT_MAX_LEN], uint64_t n);       /* 950, 12.3k, 4.56M */
/* Of this machine's day. */
const char *cs_text_clock(char out[CS_TEXT_MAX_LEN], int64_t wall_ms); /* 14:22:07 */
const char *cs_text_moment(char out[CS_TEXT_MAX_LEN], int64_t now_wall_ms,
                           int64_t wall_ms); /* with its day unless that is today */
const char *cs_text_day(char out[CS_TEXT_MAX_LEN], int64_t now_wall_ms,
                        int64_t wall_ms); /* to come: 17:40 today, Mon 09:00, 3 Dec */
const char *cs_text_since(char out[2 * CS_TEXT_MAX_LEN], int64_t now_wall_ms,
                          int64_t wall_ms); /* since 14:22:07 (84 s) */

#endif
