#include "tools/simulator/flips.h"

#include <stdio.h>
#include <string.h>

#include "tools/simulator/draw.h"

static bool is_model(const struct cs_j *message)
{
    const char *role = cs_json_read_text(cs_json_read_get(message, "role"));
    return role != NULL && (strcmp(role, "assistant") == 0 || strcmp(role, "model") == 0);
}

/* Its text, or the text of its first part. */
static const struct cs_j *text_of(const struct cs_j *message)
{
    const struct cs_j *content = cs_json_read_get(message, "content");
    if (content == NULL)
        content = cs_json_read_get(message, "parts");
    if (cs_json_read_is(content, CS_J_LIST))
        content = cs_json_read_get(cs_json_read_at(content, 0), "text");
    return content;
}

void cs_flips_talk(const struct cs_j *root, struct cs_sim_talk *out)
{
    static const char *const keys[] = {"messages", "input", "contents"};
    const struct cs_j *list = NULL;
    out->turn = 1;
    for (size_t i = 0; i < sizeof keys / sizeof *keys && list == NULL; i++)
        list = cs_json_read_get(root, keys[i]);
    if (!cs_json_read_is(list, CS_J_LIST))
        return;
    for (const struct cs_j *m = cs_json_read_first(list); m != NULL; m = cs_json_read_next(list, m)) {
        if (is_model(m) && out->turn < CS_SIM_TURNS_MAX)
            out->replies[out->turn++ - 1] = text_of(m);
    }
}

/* Which of the answer's words a reply gives, or n_words: none. */
static uint32_t given_in(const struct cs_j *reply, const struct cs_truth_answer *a)
{
    struct cs_j_document d = {0};
    uint32_t k = a->n_words;
    const char *text = cs_json_read_text(reply);
    for (uint32_t i = 0; text != NULL && a->says != NULL && i < a->n_words && k == a->n_words; i++)
        k = strstr(text, a->says[i]) != NULL ? i : k;
    if (k < a->n_words)
        return k;
    if (text != NULL && text[0] == '{' && cs_json_read(&d, text, reply->n)) {
        const char *word = cs_json_read_text(cs_json_read_get(d.values, a->field));
        for (k = 0; k < a->n_words && (word == NULL || strcmp(a->words[k], word) != 0);)
            k++;
    }
    cs_json_read_release(&d);
    return k;
}

static uint32_t place_of(const struct cs_truth_answer *a, const char *word)
{
    uint32_t k = 0;
    while (k + 1 < a->n_words && strcmp(a->words[k], word) != 0)
        k++;
    return k;
}

static double flip_at(const struct cs_truth_answer *a, uint32_t level, uint32_t turn)
{
    const struct cs_truth_flips *f = &a->flips[level];
    return f->n == 0 ? 0 : f->p[turn - 2 < f->n ? turn - 2 : f->n - 1];
}

const char *cs_flips_answer(const struct cs_truth *t, uint64_t seed, const struct cs_truth_model *m,
                            const struct cs_truth_answer *a, struct cs_truth_place at, const char *digest,
                            const struct cs_sim_talk *talk)
{
    uint32_t held = a->n_words, turn = talk->turn;
    while (turn > 1 && held == a->n_words)
        held = given_in(talk->replies[--turn - 1], a);
    if (held == a->n_words) {
        turn = 1;
        held = place_of(a, cs_truth_draw(t, seed, m, a, at, digest));
    }
    for (uint32_t j = turn + 1; j <= talk->turn; j++) {
        char number[16];
        snprintf(number, sizeof number, "%u", j);
        if (cs_sim_draw_unit(seed, "flip", digest, a->field, number, NULL) >= flip_at(a, at.level, j))
            continue;
        const double u = cs_sim_draw_unit(seed, "flipped", digest, a->field, number, NULL);
        const uint32_t other = (uint32_t)(u * (a->n_words - 1));
        held = other < held ? other : other + 1;
    }
    return a->words[held];
}
