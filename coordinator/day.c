
#include "coordinator/day.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "protocol/base/assert.h"

void cs_day_ask(struct cs_day_pool *p, struct cs_day_ask *out)
{
    *out = (struct cs_day_ask){.group = p->group, .pool = p->name, .day = p->row.day};
    memcpy(out->granted, p->granted, sizeof out->granted);
    memcpy(out->ceiling, p->row.ceiling, sizeof out->ceiling);
    memcpy(p->granted, p->row.ceiling, sizeof p->granted);
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* How far ahead of what is granted the ceiling is kept. A ceiling below the next call would grant nothing for ever. */
static uint64_t step_of(uint64_t limit, uint64_t need)
{
    return larger(larger(limit / CS_DAY_STEPS, 2 * need), 1);
}

bool cs_day_told(struct cs_day_pool *p, const struct cs_day_told *told)
{
    struct cs_day_row next = p->row;
    bool write = false;
    if (p->next.day != 0 || told->day < p->row.day)
        return false; /* one row at a time; and a clock that went back starts no day anew */
    if (told->day > p->row.day) {
        next = (struct cs_day_row){.day = told->day};
        write = true;
    }
    for (int d = 0; d < CS_DAY_DIMS; d++) {
        const uint64_t step = step_of(p->limit[d], told->need[d]), level = told->seeded ? told->level[d] : 0;
        if (p->limit[d] == 0)
            continue;
        if (told->seeded && told->ceiling[d] > next.ceiling[d]) { /* another fleet's */
            next.ceiling[d] = told->ceiling[d];
            write = true;
        }
        if (next.ceiling[d] < p->limit[d] && next.ceiling[d] < level + step / 2 + 1) {
            next.ceiling[d] = level + step < p->limit[d] ? level + step : p->limit[d];
            write = true;
        }
    }
    if (write)
        p->next = next;
    return write;
}

void cs_day_written(struct cs_day_pool *p)
{
    CS_ASSERT(p->next.day != 0);
    if (p->next.day != p->row.day)
        memset(p->granted, 0, sizeof p->granted);
    p->row = p->next;
    p->next = (struct cs_day_row){0};
}

void cs_day_row_text(const struct cs_day_row *row, char out[CS_DAY_ROW_MAX])
{
    snprintf(out, CS_DAY_ROW_MAX, "%" PRId64 " %" PRIu64 " %" PRIu64, row->day, row->ceiling[0], row->ceiling[1]);
}

bool cs_day_row_read(const char *text, size_t n, struct cs_day_row *out)
{
    char copy[CS_DAY_ROW_MAX];
    *out = (struct cs_day_row){0};
    if (n >= sizeof copy)
        return false;
    memcpy(copy, text, n);
    copy[n] = '\0';
    return sscanf(copy, "%" SCNd64 " %" SCNu64 " %" SCNu64, &out->day, &out->ceiling[0], &out->ceiling[1]) == 3 &&
           out->day > 0;
}
