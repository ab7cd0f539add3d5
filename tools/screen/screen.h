/* screen.h - progress as people see it: a bar while `run` works, a table per model, one full screen for `status`. */
#ifndef CS_SCREEN_H
#define CS_SCREEN_H

#include <stdio.h>

#include "store/redis/progress.h"

/* Two lines, redrawn in place on a terminal; elsewhere one plain line every `every_ms`. */
struct cs_bar {
    FILE *out;
    bool tty, drawn;
    uint64_t next_plain_ms, plain_every_ms; /* where it is not a terminal: a line every so many; may be changed */
    char plain[256], plain_second[1024];    /* the last plain line: not repeated */
};
void cs_screen_bar_init(struct cs_bar *b, FILE *out);
/* note: shown behind the figures, or "". now_ms: monotonic. */
void cs_screen_bar_draw(struct cs_bar *b, const struct cs_progress *p, const char *note, uint64_t now_ms);
/* Several studies of one fleet: the figures of all together, and how far each is. */
void cs_bar_all_draw(struct cs_bar *b, const struct cs_progress *const *studies, uint32_t n, uint64_t now_ms);
void cs_screen_bar_end(struct cs_bar *b); /* leaves the cursor below the bar */

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

/* A table of the lanes: trials, outcomes, tokens, cost. */
void cs_screen_print_lanes(FILE *out, const struct cs_progress *p);
/* The whole of `status` as text. */
void cs_screen_print_status(FILE *out, const struct cs_progress *p, const struct cs_worker_info *workers,
                            uint32_t n_workers, int64_t now_wall_ms);

#endif
