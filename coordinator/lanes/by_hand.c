#include "coordinator/lanes/by_hand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/lanes/state.h"

void cs_by_hand_open(struct cs_by_hand *h, const char *row)
{
    char *reason = NULL;

    *h = (struct cs_by_hand){.wall_ms = row != NULL ? (int64_t)strtoll(row, &reason, 10) : 0};
    if (h->wall_ms > 0 && *reason == ' ')
        snprintf(h->reason, sizeof h->reason, "%s", reason + 1);
    else
        h->wall_ms = 0;
}

static void mark(struct cs_core *core, const struct cs_lane *lane)
{
    const struct cs_by_hand *h = &lane->by_hand;
    char key[64], row[sizeof h->reason + 32];
    int n = 0;

    snprintf(key, sizeof key, "hand/%08u/%05u", lane->gen, lane->lane);
    if (h->wall_ms > 0)
        n = snprintf(row, sizeof row, "%lld %s", (long long)h->wall_ms, h->reason);
    cs_batch_add_meta(core->open->batch, key, n > 0 ? row : NULL, (uint32_t)n);
}

void cs_by_hand_pause(struct cs_core *core, struct cs_lane *lane, const char *reason, int64_t wall_ms)
{
    struct cs_by_hand *h = &lane->by_hand;

    if (wall_ms <= 0 || (lane->paused && h->wall_ms == 0))
        return;
    if (h->wall_ms == 0) /* said again, it is still paused since then */
        h->wall_ms = wall_ms;
    snprintf(h->reason, sizeof h->reason, "%s", reason != NULL ? reason : "");
    mark(core, lane);
}

void cs_by_hand_forget(struct cs_core *core, struct cs_lane *lane)
{
    if (lane->by_hand.wall_ms == 0)
        return;
    lane->by_hand = (struct cs_by_hand){0};
    mark(core, lane);
}
