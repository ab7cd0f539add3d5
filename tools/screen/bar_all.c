#include <string.h>

#include "protocol/base/arena.h"
#include "tools/base/text.h"
#include "tools/screen/screen.h"

static void add_part(struct cs_progress *sum, const struct cs_progress *p)
{
    for (uint32_t i = 0; i < p->n_lanes; i++)
        sum->lanes[sum->n_lanes++] = p->lanes[i];
    sum->planned += p->planned;
    sum->done += p->done;
    sum->failed += p->failed;
    sum->cancelled += p->cancelled;
    sum->committed_nano_usd += p->committed_nano_usd;
    sum->outputs_per_s += p->outputs_per_s;
    sum->eta_s = p->eta_s < 0 || sum->eta_s < 0 ? -1 : p->eta_s > sum->eta_s ? p->eta_s : sum->eta_s;
}

static void note_part(const struct cs_progress *p, char *out, size_t size)
{
    const uint64_t wanted = p->planned - p->cancelled;
    const size_t n = strlen(out);
    char eta[CS_TEXT_MAX_LEN];
    snprintf(out + n, size - n, "%s%s %.0f %%%s%s", n > 0 ? ", " : "", p->study,
             wanted > 0 ? 100.0 * (double)(p->done + p->failed) / (double)wanted : 100.0, p->eta_s > 0 ? " ETA " : "",
             p->eta_s > 0 ? cs_text_duration(eta, p->eta_s) : "");
}

void cs_bar_all_draw(struct cs_bar *b, const struct cs_progress *const *studies, uint32_t n, uint64_t now_ms)
{
    struct cs_arena arena = {0};
    struct cs_progress sum = {.budget_nano_usd = -1};
    uint32_t lanes = 0;
    char note[512] = "";
    for (uint32_t i = 0; i < n; i++)
        lanes += studies[i]->n_lanes;
    sum.lanes = cs_arena_array(&arena, lanes + 1, sizeof *sum.lanes);
    for (uint32_t i = 0; i < n; i++) {
        add_part(&sum, studies[i]);
        note_part(studies[i], note, sizeof note);
    }
    cs_screen_bar_draw(b, &sum, note, now_ms);
    cs_arena_release(&arena);
}
