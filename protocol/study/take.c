#include "protocol/study/take.h"

#include <string.h>

#include "protocol/base/json.h"

static void put_text(struct cs_buf *b, const char *s)
{
    cs_json_str(b, s, strlen(s));
}

static void put_list(struct cs_buf *b, const struct cs_take_words *w)
{
    for (uint32_t i = 0; i < w->n; i++) {
        cs_buf_char(b, i == 0 ? '[' : ',');
        put_text(b, w->words[i]);
    }
    cs_buf_char(b, ']');
}

static void put_words(struct cs_buf *b, const char *key, const struct cs_take_words *w)
{
    if (w->n == 0)
        return;
    cs_buf_printf(b, ",\"%s\":", key);
    put_list(b, w);
}

static void put_word(struct cs_buf *b, const char *key, const char *word)
{
    if (word[0] == '\0')
        return;
    cs_buf_printf(b, ",\"%s\":", key);
    put_text(b, word);
}

void cs_take_json(const struct cs_take *t, struct cs_buf *out)
{
    cs_buf_str(out, "{\"parent\":");
    put_text(out, t->parent);
    cs_buf_printf(out, ",\"seed\":\"%llu\"", (unsigned long long)t->seed);
    put_words(out, "outcomes", &t->outcomes);
    put_words(out, "models", &t->models);
    put_words(out, "questions", &t->questions);
    for (uint32_t i = 0; i < t->n_levels; i++) {
        cs_buf_str(out, i == 0 ? ",\"levels\":[[" : ",[");
        put_text(out, t->levels[i].factor);
        cs_buf_char(out, ',');
        put_list(out, &t->levels[i].ids);
        cs_buf_str(out, i + 1 == t->n_levels ? "]]" : "]");
    }
    if (t->sample != 0)
        cs_buf_printf(out, ",\"sample\":%llu", (unsigned long long)t->sample);
    if (t->apart)
        cs_buf_str(out, ",\"identical\":\"apart\"");
    put_word(out, "each", t->each);
    put_word(out, "pair", t->pair);
    put_words(out, "firsts", &t->firsts);
    put_words(out, "seconds", &t->seconds);
    if (t->random_order)
        cs_buf_str(out, ",\"order\":\"random\"");
    put_words(out, "columns", &t->columns);
    put_words(out, "shows", &t->shows);
    put_words(out, "hide", &t->hide);
    if (t->hide.n > 0)
        put_word(out, "hide_as", t->hide_as);
    cs_buf_char(out, '}');
}

/* ---- reading ------------------------------------------------------------------------------------------------ */

struct parsing {
    struct cs_arena *arena;
    bool good;
};

static const char *word_of(struct parsing *x, const struct cs_json *v)
{
    const char *s = cs_json_string_value(v);
    x->good &= v == NULL || s != NULL;
    return s != NULL ? cs_arena_strdup(x->arena, s) : "";
}

static struct cs_take_words words_of(struct parsing *x, const struct cs_json *v)
{
    struct cs_take_words out = {NULL, 0};
    const size_t n = v != NULL ? cs_json_array_size(v) : 0;
    x->good &= v == NULL || (cs_json_is_array(v) && n > 0 && n < UINT32_MAX);
    if (n == 0 || !x->good)
        return out;
    const char **words = cs_arena_array(x->arena, n, sizeof *words);
    for (size_t i = 0; i < n; i++) {
        words[i] = word_of(x, cs_json_array_get(v, i));
        x->good &= words[i][0] != '\0';
    }
    out.words = words;
    out.n = (uint32_t)n;
    return out;
}

static void levels_of(struct parsing *x, const struct cs_json *v, struct cs_take *t)
{
    const size_t n = v != NULL ? cs_json_array_size(v) : 0;
    x->good &= n <= CS_TAKE_LEVELS_MAX;
    for (size_t i = 0; i < n && x->good; i++) {
        const struct cs_json *one = cs_json_array_get(v, i);
        t->levels[i].factor = word_of(x, cs_json_array_get(one, 0));
        t->levels[i].ids = words_of(x, cs_json_array_get(one, 1));
        x->good &= t->levels[i].ids.n > 0;
        t->n_levels++;
    }
}

static uint64_t seed_of(struct parsing *x, const char *digits)
{
    uint64_t v = 0;
    x->good &= digits[0] != '\0' && strlen(digits) <= 20;
    for (; *digits != '\0' && x->good; digits++) {
        x->good = *digits >= '0' && *digits <= '9';
        v = v * 10 + (uint64_t)(*digits - '0');
    }
    return v;
}

enum cs_err cs_take_parse(const char *json, struct cs_arena *arena, struct cs_take *out, struct cs_error *err)
{
    struct cs_json *root = cs_json_loads(json, CS_JSON_REJECT_DUPLICATES, NULL);
    struct parsing x = {arena, cs_json_is_object(root)};
    const struct cs_json *sample = cs_json_object_get(root, "sample");
    *out = (struct cs_take){0};
    out->parent = word_of(&x, cs_json_object_get(root, "parent"));
    out->seed = seed_of(&x, word_of(&x, cs_json_object_get(root, "seed")));
    out->outcomes = words_of(&x, cs_json_object_get(root, "outcomes"));
    out->models = words_of(&x, cs_json_object_get(root, "models"));
    out->questions = words_of(&x, cs_json_object_get(root, "questions"));
    levels_of(&x, cs_json_object_get(root, "levels"), out);
    x.good &= sample == NULL || (cs_json_is_integer(sample) && cs_json_integer_value(sample) > 0);
    out->sample = sample != NULL && x.good ? (uint64_t)cs_json_integer_value(sample) : 0;
    out->apart = strcmp(word_of(&x, cs_json_object_get(root, "identical")), "apart") == 0;
    out->each = word_of(&x, cs_json_object_get(root, "each"));
    out->pair = word_of(&x, cs_json_object_get(root, "pair"));
    out->firsts = words_of(&x, cs_json_object_get(root, "firsts"));
    out->seconds = words_of(&x, cs_json_object_get(root, "seconds"));
    out->random_order = strcmp(word_of(&x, cs_json_object_get(root, "order")), "random") == 0;
    out->columns = words_of(&x, cs_json_object_get(root, "columns"));
    out->shows = words_of(&x, cs_json_object_get(root, "shows"));
    out->hide = words_of(&x, cs_json_object_get(root, "hide"));
    out->hide_as = word_of(&x, cs_json_object_get(root, "hide_as"));
    cs_json_decref(root);
    x.good &= out->parent[0] != '\0' && out->firsts.n == out->seconds.n;
    return x.good ? CS_OK : cs_error_set(err, CS_EINVAL, "what is taken of the parent cannot be read");
}

bool cs_take_has(const struct cs_take_words *w, const char *word)
{
    for (uint32_t i = 0; i < w->n; i++) {
        if (strcmp(w->words[i], word) == 0)
            return true;
    }
    return false;
}
