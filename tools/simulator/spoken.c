#include "tools/simulator/spoken.h"

#include <string.h>

#include "protocol/base/digest.h"
#include "protocol/base/sizes.h"
#include "tools/simulator/draw.h"

enum { MARK = 12 };
static const char before_mark[] = ", reference ";

/* Twelve digits that tell model and level to whoever has the truth file. */
static void mark_of(const struct cs_truth_model *m, const char *level, char out[MARK + 1])
{
    struct cs_buf key = CS_BUF_INIT(64 * 1024);
    uint8_t hash[32];
    char hex[65];
    cs_buf_printf(&key, "mark\x1f%s\x1f%s", m->id, level);
    cs_digest_blake2b_256(cs_buf_cstr(&key), key.len, hash);
    cs_digest_hex(hash, sizeof hash, hex);
    memcpy(out, hex, MARK);
    out[MARK] = '\0';
    cs_buf_release(&key);
}

bool cs_spoken_has(const struct cs_truth_model *m)
{
    for (uint32_t i = 0; i < m->n_answers; i++) {
        if (m->answers[i].says != NULL)
            return true;
    }
    return false;
}

void cs_spoken_write(const struct cs_truth *t, uint64_t seed, const struct cs_truth_model *m, struct cs_truth_place at,
                     const char *digest, const char *trial, const struct cs_sim_talk *talk, struct cs_buf *out)
{
    char mark[MARK + 1];
    mark_of(m, t->levels[at.level], mark);
    cs_buf_printf(out, "Simulated reply %08x%s%s.",
                  (unsigned)(cs_sim_draw_unit(seed, "random", digest, "", NULL) * 0x1p32), before_mark, mark);
    for (uint32_t i = 0; i < m->n_answers; i++) {
        const struct cs_truth_answer *a = &m->answers[i];
        if (a->says == NULL)
            continue;
        const char *word = cs_flips_answer(t, seed, m, a, at, trial, talk);
        uint32_t k = 0;
        while (strcmp(a->words[k], word) != 0)
            k++;
        cs_buf_printf(out, " %s", a->says[k]);
    }
}

/* ---- in a prompt ---------------------------------------------------------------------------------------------- */

static void look_up_mark(const struct cs_truth *t, const char *mark, struct cs_spoken *s)
{
    char own[MARK + 1];
    for (uint32_t m = 0; m < t->n_models; m++) {
        for (uint32_t l = 0; l < t->n_levels && cs_spoken_has(&t->models[m]); l++) {
            mark_of(&t->models[m], t->levels[l], own);
            if (memcmp(own, mark, MARK) == 0) {
                s->model = m;
                s->level = l;
                return;
            }
        }
    }
}

uint32_t cs_spoken_find(const struct cs_truth *t, const char *prompt, size_t len, struct cs_spoken out[CS_SPOKEN_MAX])
{
    const size_t lead = sizeof before_mark - 1;
    const char *at = prompt, *end = prompt + len;
    uint32_t n = 0;
    while (n < CS_SPOKEN_MAX && (at = memmem(at, (size_t)(end - at), before_mark, lead)) != NULL &&
           (size_t)(end - at) >= lead + MARK) {
        at += lead;
        struct cs_spoken found = {at, (size_t)(end - at), t->n_models, 0};
        look_up_mark(t, at, &found);
        if (found.model == t->n_models) /* some other text with these words */
            continue;
        if (n > 0)
            out[n - 1].len = (size_t)(at - out[n - 1].text);
        out[n++] = found;
    }
    if (n == 0)
        out[n++] = (struct cs_spoken){prompt, len, t->n_models, 0};
    return n;
}

static uint32_t word_of(const struct cs_truth_model *m, const struct cs_spoken *text, const char *field,
                        const char **first)
{
    const struct cs_truth_answer *a = cs_truth_answer(m, field);
    uint32_t word = CS_NONE;
    for (uint32_t k = 0; a != NULL && a->says != NULL && k < a->n_words; k++) {
        const char *at = memmem(text->text, text->len, a->says[k], strlen(a->says[k]));
        if (at != NULL && (*first == NULL || at < *first)) {
            *first = at;
            word = k;
        }
    }
    return word;
}

uint32_t cs_spoken_word(const struct cs_truth *t, const struct cs_spoken *text, const char *field)
{
    const char *first = NULL;
    uint32_t word = CS_NONE;
    if (text->model < t->n_models)
        return word_of(&t->models[text->model], text, field, &first);
    for (uint32_t m = 0; m < t->n_models; m++) {
        const uint32_t own = word_of(&t->models[m], text, field, &first);
        word = own != CS_NONE ? own : word;
    }
    return word;
}
