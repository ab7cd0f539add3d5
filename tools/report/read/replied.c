#include "tools/report/read/replied.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"

void cs_replied_init(struct cs_replied *r, const struct cs_study *s)
{
    *r = (struct cs_replied){.study = s, .arms = 1};
    for (uint32_t f = 0; f < s->n_factors; f++)
        r->arms += s->factors[f].n_levels;
    r->counts = cs_xcalloc((size_t)s->n_questions * r->arms * CS_TURNS_MAX * CS_OUTCOMES + 1, sizeof *r->counts);
}

void cs_replied_release(struct cs_replied *r)
{
    free(r->counts);
    *r = (struct cs_replied){0};
}

static uint64_t *counts_of(const struct cs_replied *r, uint32_t question, uint32_t factor, uint32_t level,
                           uint32_t turn)
{
    uint32_t arm = 0;
    for (uint32_t f = 0; factor != CS_NONE && f < factor; f++)
        arm += r->study->factors[f].n_levels;
    arm += factor != CS_NONE ? 1 + level : 0;
    return &r->counts[(((size_t)question * r->arms + arm) * CS_TURNS_MAX + turn - 1) * CS_OUTCOMES];
}

const uint64_t *cs_replied_of(const struct cs_replied *r, uint32_t question, uint32_t factor, uint32_t level,
                              uint32_t turn)
{
    return counts_of(r, question, factor, level, turn);
}

static void count(struct cs_replied *r, const struct cs_coords *at, uint32_t turn, enum cs_outcome outcome)
{
    if (turn < 1 || turn > CS_TURNS_MAX)
        return;
    counts_of(r, at->question, CS_NONE, 0, turn)[outcome]++;
    for (uint32_t f = 0; f < r->study->n_factors; f++)
        counts_of(r, at->question, f, at->arms[f].level, turn)[outcome]++;
}

static bool holds_reasoning(const char *text)
{
    return text != NULL && strstr(text, "<think") != NULL;
}

void cs_replied_add(struct cs_replied *r, const struct cs_coords *at, const struct cs_conversation *v,
                    enum cs_outcome outcome)
{
    bool reasoning = false;
    for (uint32_t k = 0; k < v->n; k++) {
        const bool last = k + 1 == v->n;
        reasoning |= !last && holds_reasoning(v->turn[k].reply->text);
        count(r, at, v->turn[k].number, last ? outcome : (enum cs_outcome)v->turn[k].reply->outcome);
    }
    r->talks++;
    r->reasoning += reasoning;
}

/* CS_OUTCOMES: none, as of a reply that the study gives. */
static int outcome_of(const struct cs_json *turn)
{
    const char *word = cs_json_string_value(cs_json_object_get(turn, "outcome"));
    int o = 0;
    while (o < CS_OUTCOMES && (word == NULL || strcmp(word, cs_outcome_name((enum cs_outcome)o)) != 0))
        o++;
    return o;
}

void cs_replied_add_json(struct cs_replied *r, const struct cs_coords *at, const char *json, enum cs_outcome outcome)
{
    struct cs_json *list = cs_json_loads(json, CS_JSON_ALLOW_NUL, NULL), *turn;
    bool reasoning = false;
    size_t i;
    cs_json_array_foreach(list, i, turn)
    {
        const bool last = i + 1 == cs_json_array_size(list);
        const int o = last ? (int)outcome : outcome_of(turn);
        const double number = cs_json_number_value(cs_json_object_get(turn, "turn"));
        if (o < CS_OUTCOMES && number >= 1 && number <= CS_TURNS_MAX)
            count(r, at, (uint32_t)number, (enum cs_outcome)o);
        reasoning |= !last && o < CS_OUTCOMES &&
                     holds_reasoning(cs_json_string_value(cs_json_object_get(turn, "reply")));
    }
    r->talks += cs_json_array_size(list) > 0;
    r->reasoning += reasoning;
    cs_json_decref(list);
}
