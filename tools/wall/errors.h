/* errors.h - what went wrong, by sentence, over all lanes of a fleet: how often, and the first trial that met it. Pure. */
#ifndef CS_WALL_ERRORS_H
#define CS_WALL_ERRORS_H

#include "tools/wall/page.h"

struct cs_wall_error {
    const char *sentence;
    uint64_t count;
    unsigned lanes; /* that met it */
    int64_t last_wall_ms, first_wall_ms;
    struct cs_wall_trial first;
};

/* The most frequent first. */
void cs_wall_errors_collect(const struct cs_fleet_progress *f, struct cs_arena *arena, struct cs_wall_error **out,
                            unsigned *n);
/* In one line: `ERRORS  1,204 x 429 rate limit (first: trial 88,120 of gpt-x, rheum)  3 x ...`; "" where there is none. */
void cs_wall_errors_line(const struct cs_wall_look *look, unsigned columns, struct cs_arena *arena, char *out,
                         size_t size);
/* A table of them, one of which is chosen. */
void cs_wall_errors_page(const struct cs_wall_look *look, const struct cs_wall_choice *choice, unsigned columns,
                         unsigned rows, struct cs_arena *arena, struct cs_wall_page *out);

#endif
