/* clock.h - the shells' clocks; the cores never call these (time reaches them as an argument). */
#ifndef CS_CLOCK_H
#define CS_CLOCK_H

#include <stdint.h>

uint64_t cs_clock_mono_ms(void);                         /* CLOCK_BOOTTIME: counts through a suspend, never jumps */
int64_t cs_clock_wall_ms(void);                          /* Unix time in milliseconds, UTC */
void cs_clock_format_utc(int64_t wall_ms, char out[32]); /* 2026-11-23T02:05:28.123Z */

#endif
