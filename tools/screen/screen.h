/* screen.h - figures of a study at its end or once, as text, and a line for long work. What moves is the wall screen (tools/wall/). */
#ifndef CS_SCREEN_H
#define CS_SCREEN_H

#include <stdio.h>

#include "protocol/base/arena.h"
#include "store/redis/progress.h"

/* One line on a terminal for long work that this program does alone: `export 41 %, ETA 12 s`. Silent elsewhere. */
struct cs_ticker {
    const char *what;
    uint64_t total, started_ms, next_ms;
};
void cs_screen_ticker_init(struct cs_ticker *t, const char *what, uint64_t total);
void cs_screen_ticker_at(struct cs_ticker *t, uint64_t done); /* cheap: looks at the clock now and then */
void cs_screen_ticker_end(struct cs_ticker *t);
/* For work of others: begins anew when `what` is new, ends when all is done. self: a zeroed struct cs_ticker. */
void cs_screen_ticker_progress(void *self, const char *what, uint64_t done, uint64_t total);

/* What keeps a lane from going faster, by its own name, or why it stands still: "98 % of 40,000 requests a minute". */
const char *cs_screen_binds(const struct cs_progress_lane *l, struct cs_arena *arena);
/* A table of the lanes: trials, outcomes, tokens, cost. */
void cs_screen_print_lanes(FILE *out, const struct cs_progress *p);
/* A coordinator tells of a study once a second, of one that stands still once a minute. */
enum { CS_SCREEN_SILENT_MS = 15000, CS_SCREEN_STILL_MS = 90000, CS_SCREEN_DISK_SOON_S = 86400 };
/* For how long it has been silent of a study that has not ended, where that is too long; else 0. */
int64_t cs_screen_silent_ms(const struct cs_progress *p, int64_t now_wall_ms);
/* The whole of `status` as text: what is dead, and what somebody should look at, first. */
void cs_screen_print_status(FILE *out, const struct cs_progress *p, const struct cs_worker_info *workers,
                            uint32_t n_workers, int64_t now_wall_ms);

#endif
