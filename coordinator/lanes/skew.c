#include "coordinator/lanes/skew.h"

#include "coordinator/lanes/trouble.h"

bool cs_skew_lacks(const struct cs_session *s, const struct cs_lane *lane)
{
    return lane->of->needs_minor > s->minor;
}

void cs_skew_say(struct cs_core *core, struct cs_session *s)
{
    char why[CS_SENTENCE_MAX];

    for (uint32_t i = 0; i < core->n_slots && !s->refused; i++) {
        struct cs_lane *lane = core->lanes[i];
        const struct cs_core_generation *g;

        if (lane == NULL || !lane->open || !cs_skew_lacks(s, lane))
            continue;
        g = lane->of;
        snprintf(why, sizeof why, "%.100s speaks version %d.%u of the protocol, the study needs %d.%u%s%s%s: update it",
                 s->worker, CS_WIRE_MAJOR, s->minor, CS_WIRE_MAJOR, g->needs_minor, g->needs_key[0] != '\0' ? " (" : "",
                 g->needs_key, g->needs_key[0] != '\0' ? ")" : "");
        cs_coordinator_trouble_older(s, lane, why);
    }
}
