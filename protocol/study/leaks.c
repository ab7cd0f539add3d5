#include "protocol/study/leaks.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/study/phrases.h"
#include "protocol/study/script.h"
#include "protocol/study/template.h"

struct cs_leaks {
    const struct cs_study *s;
    struct cs_phrases *phrases, *of_case; /* of_case: the levels' texts in the case in hand; NULL: there are none */
    uint32_t left_out;
};

static bool add_to(struct cs_phrases *phrases, const char *text, enum cs_leak kind)
{
    char cut[CS_PHRASE_MAX + 1];
    size_t n = strlen(text);
    if (n > CS_PHRASE_MAX) {
        for (n = CS_PHRASE_MAX; n > 0 && (text[n] & 0xC0) == 0x80;)
            n--;
    }
    while (kind == CS_LEAK_LEVEL_TEXT && n > 0 && strchr(" .,;:!?", text[n - 1]) != NULL)
        n--; /* a sentence may be quoted within another */
    memcpy(cut, text, n);
    cut[n] = '\0';
    return cs_phrases_add(phrases, cut, 1u << kind) != CS_ETOOBIG;
}

static void add(struct cs_leaks *l, const char *text, enum cs_leak kind)
{
    l->left_out += !add_to(l->phrases, text, kind);
}

/* As it is written, and as one would say it. */
static void add_id(struct cs_leaks *l, const char *id, enum cs_leak kind)
{
    char *said = cs_xstrdup(id);
    add(l, id, kind);
    for (char *p = strpbrk(said, "_-/"); p != NULL; p = strpbrk(p, "_-/"))
        *p = ' ';
    add(l, said, kind);
    free(said);
}

static void add_level(struct cs_leaks *l, const struct cs_factor *f, const struct cs_level *level)
{
    add_id(l, level->id, CS_LEAK_LEVEL_ID);
    for (uint32_t w = 0; w < level->n_wordings && f->insert_column != CS_NONE; w++)
        add(l, level->wordings[w].values[f->insert_column], CS_LEAK_LEVEL_TEXT);
    if (level->system != NULL)
        add(l, level->system, CS_LEAK_LEVEL_TEXT);
}

static bool has(const struct cs_level *level, uint32_t column, const char *value)
{
    bool found = false;
    for (uint32_t w = 0; w < level->n_wordings; w++)
        found |= strcmp(level->wordings[w].values[column], value) == 0;
    return found;
}

/* A column's words that a prompt places: what all levels have tells none of them. */
static void add_column(struct cs_leaks *l, const struct cs_factor *f, uint32_t column)
{
    for (uint32_t i = 0; i < f->n_levels; i++) {
        for (uint32_t w = 0; w < f->levels[i].n_wordings; w++) {
            const char *value = f->levels[i].wordings[w].values[column];
            bool of_all = true;
            for (uint32_t k = 0; k < f->n_levels && of_all; k++)
                of_all = has(&f->levels[k], column, value);
            if (!of_all)
                add(l, value, CS_LEAK_LEVEL_TEXT);
        }
    }
}

static void add_placed(struct cs_leaks *l, const char *text)
{
    struct cs_piece p = {.slot = CS_SLOT_END};
    while (cs_template_next_of_each(l->s, &text, &p, NULL) == CS_OK && p.slot != CS_SLOT_END) {
        if (p.slot == CS_SLOT_FACTOR)
            add_column(l, &l->s->factors[p.factor], p.column);
    }
}

static void add_prompts(struct cs_leaks *l)
{
    const char *text;
    for (uint32_t i = 0; i < l->s->n_prompts; i++) {
        add_placed(l, l->s->prompts[i].system);
        for (uint32_t k = 0; (text = cs_script_text(&l->s->prompts[i], k)) != NULL; k++)
            add_placed(l, text);
    }
    for (uint32_t f = 0; f < l->s->n_factors; f++) {
        for (uint32_t i = 0; i < l->s->factors[f].n_levels; i++) {
            if ((text = l->s->factors[f].levels[i].system) != NULL)
                add_placed(l, text);
        }
    }
}

struct cs_leaks *cs_leaks_open(const struct cs_study *judged)
{
    struct cs_leaks *l = cs_xcalloc(1, sizeof *l);
    l->s = judged;
    l->phrases = cs_phrases_open();
    for (uint32_t f = 0; f < judged->n_factors; f++) {
        for (uint32_t i = 0; i < judged->factors[f].n_levels; i++)
            add_level(l, &judged->factors[f], &judged->factors[f].levels[i]);
    }
    for (uint32_t m = 0; m < judged->n_models; m++) {
        add_id(l, judged->models[m].name, CS_LEAK_MODEL);
        add_id(l, judged->models[m].model, CS_LEAK_MODEL);
    }
    add_prompts(l);
    return l;
}

void cs_leaks_turn_to(struct cs_leaks *l, const struct cs_case *c)
{
    cs_phrases_close(l->of_case);
    l->of_case = NULL;
    for (uint32_t f = 0; f < l->s->n_factors; f++) {
        for (uint32_t i = 0; i < l->s->factors[f].n_levels; i++) {
            const uint32_t column = l->s->factors[f].levels[i].text_column;
            if (column == CS_NONE)
                continue;
            if (l->of_case == NULL)
                l->of_case = cs_phrases_open();
            (void)add_to(l->of_case, c->values[column], CS_LEAK_LEVEL_TEXT);
        }
    }
}

void cs_leaks_close(struct cs_leaks *l)
{
    if (l == NULL)
        return;
    cs_phrases_close(l->phrases);
    cs_phrases_close(l->of_case);
    free(l);
}

static uint32_t marks_in(const struct cs_phrases *phrases, const char *text)
{
    const uint32_t all = (1u << CS_LEAKS) - 1;
    const size_t n = strlen(text);
    uint32_t found = 0;
    for (size_t at = 0; at < n && found != all;) {
        const struct cs_phrase_found f = cs_phrases_next(phrases, text, n, at);
        found |= f.mark;
        at = f.at + (f.len > 0 ? f.len : 1);
    }
    return found;
}

uint32_t cs_leaks_in(const struct cs_leaks *l, const char *text)
{
    return marks_in(l->phrases, text) | (l->of_case != NULL ? marks_in(l->of_case, text) : 0);
}

static void count(uint32_t found, uint64_t of[CS_LEAKS], uint64_t *any)
{
    for (uint32_t k = 0; k < CS_LEAKS; k++)
        of[k] += found >> k & 1;
    *any += found != 0;
}

/* The marks in a text as it is shown. */
static enum cs_err find_shown(const struct cs_leaks *l, const struct cs_hide *hide, const char *text, uint32_t *out,
                              struct cs_error *err)
{
    struct cs_buf shown = CS_BUF_INIT(CS_BODY_MAX);
    cs_hide_put(hide, text, &shown);
    const bool overflow = shown.overflow;
    *out = cs_leaks_in(l, cs_buf_cstr(&shown));
    cs_buf_release(&shown);
    return overflow ? cs_error_set(err, CS_ETOOBIG, "with its words hidden, an answer is over %u bytes", CS_BODY_MAX)
                    : CS_OK;
}

enum cs_err cs_leaks_count(const struct cs_leaks *l, const struct cs_hide *hide, const char *const *texts, uint32_t n,
                           struct cs_leak_counts *counts, struct cs_error *err)
{
    uint32_t raw = 0, shown = 0;
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; i < n && rc == CS_OK; i++) {
        const uint32_t found = cs_leaks_in(l, texts[i]);
        uint32_t still = found;
        if (hide != NULL && found != 0)
            rc = find_shown(l, hide, texts[i], &still, err);
        raw |= found;
        shown |= still;
    }
    if (rc != CS_OK)
        return rc;
    counts->answers++;
    count(raw, counts->raw, &counts->raw_any);
    count(shown, counts->shown, &counts->shown_any);
    return CS_OK;
}

uint32_t cs_leaks_left_out(const struct cs_leaks *l)
{
    return l->left_out;
}
