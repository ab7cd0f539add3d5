#include "tools/judged/panel.h"

#include "protocol/base/assert.h"
#include "protocol/study/pair.h"

const char *cs_panel_state_name(enum cs_panel_state s)
{
    static const char *const names[CS_PANEL_STATES] = {
        [CS_PANEL_JUDGED] = "judged", [CS_PANEL_NO_VERDICT] = "no verdict", [CS_PANEL_NOT_JUDGED] = "not judged"};
    CS_ASSERT(s < CS_PANEL_STATES);
    return names[s];
}

struct cs_panel cs_panel_of(enum cs_panel_rule rule, uint32_t quorum, uint32_t n_words, const struct cs_vote *votes,
                            uint32_t n)
{
    struct cs_panel p = {.state = CS_PANEL_NO_VERDICT};
    uint32_t of_word[CS_PANEL_WORDS_MAX] = {0}, coming = 0, numbers = 0;
    double sum = 0;
    CS_ASSERT(n_words <= CS_PANEL_WORDS_MAX);
    for (uint32_t i = 0; i < n; i++) {
        const struct cs_vote *v = &votes[i];
        coming += v->kind == CS_VOTE_COMING;
        p.missing += v->kind == CS_VOTE_MISSING;
        p.dropped += v->kind == CS_VOTE_DROPPED;
        p.order_led += v->order_led;
        if (v->kind == CS_VOTE_WORD) {
            CS_ASSERT(v->word < n_words);
            of_word[v->word]++;
            p.given++;
        } else if (v->kind == CS_VOTE_NUMBER) {
            sum += v->number;
            numbers++;
            p.given++;
        }
    }
    p.asked = n - p.dropped;
    for (uint32_t k = 0; k < n_words; k++) {
        if (of_word[k] > p.for_it) {
            p.for_it = of_word[k];
            p.word = k;
        }
    }
    if (coming > 0) {
        p.state = CS_PANEL_NOT_JUDGED;
        return p;
    }
    if (rule == CS_PANEL_MAJORITY && p.given >= quorum && 2 * p.for_it > p.asked)
        p.state = CS_PANEL_JUDGED;
    if (rule == CS_PANEL_MEAN && numbers > 0 && (quorum > 0 ? numbers >= quorum : 2 * numbers > p.asked)) {
        p.state = CS_PANEL_JUDGED;
        p.number = sum / numbers;
    }
    return p;
}

struct cs_vote cs_panel_duel(const struct cs_vote *forth, const struct cs_vote *back)
{
    struct cs_vote v = *forth;
    if (forth->kind != CS_VOTE_WORD || back->kind != CS_VOTE_WORD) {
        if (forth->kind == CS_VOTE_WORD || (back->kind != CS_VOTE_WORD && back->kind == CS_VOTE_COMING))
            v = *back;
        return v;
    }
    if (forth->word != CS_PAIR_TIE && back->word != CS_PAIR_TIE && forth->word != back->word)
        return v; /* the same side, whichever place it stood in */
    v.order_led = forth->word != CS_PAIR_TIE && forth->word == back->word;
    v.word = CS_PAIR_TIE;
    return v;
}
