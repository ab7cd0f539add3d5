#include "protocol/study/leaks.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/study/phrases.h"

struct cs_leaks {
    struct cs_phrases *phrases;
    uint32_t left_out;
};

static void add(struct cs_leaks *l, const char *text, enum cs_leak kind)
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
    l->left_out += cs_phrases_add(l->phrases, cut, 1u << kind) == CS_ETOOBIG;
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

struct cs_leaks *cs_leaks_open(const struct cs_study *judged)
{
    struct cs_leaks *l = cs_xcalloc(1, sizeof *l);
    l->phrases = cs_phrases_open();
    for (uint32_t f = 0; f < judged->n_factors; f++) {
        for (uint32_t i = 0; i < judged->factors[f].n_levels; i++)
            add_level(l, &judged->factors[f], &judged->factors[f].levels[i]);
    }
    for (uint32_t m = 0; m < judged->n_models; m++) {
        add_id(l, judged->models[m].name, CS_LEAK_MODEL);
        add_id(l, judged->models[m].model, CS_LEAK_MODEL);
    }
    return l;
}

void cs_leaks_close(struct cs_leaks *l)
{
    if (l == NULL)
        return;
    cs_phrases_close(l->phrases);
    free(l);
}

uint32_t cs_leaks_in(const struct cs_leaks *l, const char *text)
{
    const uint32_t all = (1u << CS_LEAKS) - 1;
    const size_t n = strlen(text);
    uint32_t found = 0;
    for (size_t at = 0; at < n && found != all;) {
        const struct cs_phrase_found f = cs_phrases_next(l->phrases, text, n, at);
        found |= f.mark;
        at = f.at + (f.len > 0 ? f.len : 1);
    }
    return found;
}

static void count(uint32_t found, uint64_t of[CS_LEAKS], uint64_t *any)
{
    for (uint32_t k = 0; k < CS_LEAKS; k++)
        of[k] += found >> k & 1;
    *any += found != 0;
}

enum cs_err cs_leaks_count(const struct cs_leaks *l, const struct cs_hide *hide, const char *text,
                           struct cs_leak_counts *counts, struct cs_error *err)
{
    uint32_t found = cs_leaks_in(l, text);
    counts->answers++;
    count(found, counts->raw, &counts->raw_any);
    if (hide != NULL && found != 0) {
        struct cs_buf shown = CS_BUF_INIT(CS_BODY_MAX);
        cs_hide_put(hide, text, &shown);
        const bool overflow = shown.overflow;
        found = cs_leaks_in(l, cs_buf_cstr(&shown));
        cs_buf_release(&shown);
        if (overflow)
            return cs_error_set(err, CS_ETOOBIG, "with its words hidden, an answer is over %u bytes", CS_BODY_MAX);
    }
    count(found, counts->shown, &counts->shown_any);
    return CS_OK;
}

uint32_t cs_leaks_left_out(const struct cs_leaks *l)
{
    return l->left_out;
}
