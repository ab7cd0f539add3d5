#include "tools/plan/lint.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/study/script.h"
#include "protocol/base/alloc.h"
#include "protocol/base/file.h"
#include "protocol/study/applies.h"
#include "protocol/table/names.h"
#include "protocol/table/yaml.h"
#include "tools/plan/identifiers.h"
#include "tools/plan/lexicon.h"

struct look { /* at one study */
    const struct cs_loaded *l;
    struct cs_lexicon words;
    struct cs_lint *out;
};

/* ---- findings ------------------------------------------------------------------------------------------- */

/* The group of these words, made when it is new; CS_NONE: there are too many. */
static uint32_t group_of(struct cs_lint *out, const char *what)
{
    for (uint32_t i = 0; i < out->n_groups; i++) {
        if (strcmp(out->groups[i].what, what) == 0)
            return i;
    }
    if (out->n_groups == CS_LINT_GROUPS_MAX)
        return CS_NONE;
    out->groups[out->n_groups] = (struct cs_lint_group){.what = cs_arena_strdup(&out->arena, what), .place = ""};
    return out->n_groups++;
}

/* The words around a place, cut between characters, in one line. */
static const char *around(struct cs_lint *out, const char *text, uint32_t at, uint32_t len)
{
    enum { BEFORE = 24, AFTER = 24 };
    uint32_t from = at > BEFORE ? at - BEFORE : 0, to = at + len;
    for (uint32_t i = 0; i < AFTER && text[to] != '\0'; i++)
        to++;
    while (from < at && ((unsigned char)text[from] & 0xC0) == 0x80)
        from++;
    while (to > at && ((unsigned char)text[to] & 0xC0) == 0x80)
        to--;
    char *s = cs_arena_printf(&out->arena, "%s%.*s%s", from > 0 ? "..." : "", (int)(to - from), text + from,
                              text[to] != '\0' ? "..." : "");
    for (char *c = s; *c != '\0'; c++)
        *c = (unsigned char)*c < 0x20 ? ' ' : *c;
    return s;
}

static void found(struct look *k, const char *what, uint32_t case_index, const char *text, uint32_t at, uint32_t len)
{
    struct cs_lint *out = k->out;
    const uint32_t g = group_of(out, what);
    if (g == CS_NONE)
        return;
    const char *place = out->n_places < CS_LINT_PLACES_MAX ? around(out, text, at, len) : "";
    if (out->groups[g].cases++ == 0) {
        out->groups[g].first = case_index;
        out->groups[g].place = place;
    }
    if (out->n_places < CS_LINT_PLACES_MAX)
        out->places[out->n_places++] = (struct cs_lint_place){g, case_index, place};
}

/* ---- levels against cases ------------------------------------------------------------------------------- */

/* insert: [...]: what the cases read like is made when the study is loaded (protocol/load/slots.c). */
static bool has_slots(const struct cs_factor *f)
{
    return f->insert == CS_INSERT_NONE && f->into_column != CS_NONE && f->n_levels > 0 &&
           f->levels[0].use_column != CS_NONE;
}

static uint64_t bits_of_level(const struct look *k, const struct cs_factor *f, const struct cs_level *level)
{
    uint64_t bits = 0;
    for (uint32_t w = 0; w < level->n_wordings; w++) {
        for (uint32_t c = 0; c < f->n_columns; c++) {
            if (f->insert_column == c || has_slots(f)) /* when there are several slots, each has a column */
                bits |= cs_lexicon_of(&k->words, level->wordings[w].values[c]);
        }
    }
    return bits;
}

static uint64_t against_of(const struct look *k, uint64_t bits)
{
    uint64_t against = 0;
    for (uint32_t i = 0; i < k->words.n_says; i++)
        against |= (bits >> i & 1) != 0 ? k->words.against[i] : 0;
    return against & ~bits;
}

/* Whatever is said about the same as these. */
static uint64_t about_of(const struct look *k, uint64_t bits)
{
    return against_of(k, bits) | bits;
}

static void look_at_level(struct look *k, const struct cs_factor *f, const struct cs_level *level, uint64_t against,
                          const uint64_t *cases)
{
    for (uint32_t i = 0; i < k->l->study->n_cases; i++) {
        const char *text = k->l->all[i].values[f->into_column];
        uint32_t at = 0;
        if (!cs_applies_level(level, &k->l->all[i]))
            continue;
        const struct cs_lexicon_word *word = (cases[i] & against) != 0 ? cs_lexicon_find(&k->words, text, against, &at)
                                                                       : NULL;
        if (word == NULL)
            continue;
        char *what = cs_xasprintf("%s %s: the case says otherwise about %s", f->name, level->id, word->about);
        found(k, what, i, text, at, (uint32_t)strlen(word->word));
        free(what);
    }
}

/* One thing after the other that the level says something about. */
static void look_at_claims(struct look *k, const struct cs_factor *f, const struct cs_level *level, uint64_t bits,
                           const uint64_t *cases)
{
    uint64_t left = against_of(k, bits);
    for (uint32_t i = 0; i < k->words.n_says; i++) {
        const uint64_t same = about_of(k, UINT64_C(1) << i) & left;
        if (same != 0)
            look_at_level(k, f, level, same, cases);
        left &= ~same;
    }
}

static void look_at_leftovers(struct look *k, const struct cs_factor *f, uint64_t varied, const uint64_t *cases)
{
    for (uint32_t s = 0; s < k->words.n_says; s++) {
        const uint64_t about = about_of(k, UINT64_C(1) << s);
        if ((varied & about) == 0 || (about & ((UINT64_C(1) << s) - 1)) != 0) /* once for all that is said about it */
            continue;
        for (uint32_t i = 0; i < k->l->study->n_cases; i++) {
            const char *text = k->l->all[i].values[f->into_column];
            uint32_t at = 0;
            const struct cs_lexicon_word *word = (cases[i] & about) != 0 ? cs_lexicon_find(&k->words, text, about, &at)
                                                                         : NULL;
            if (word == NULL)
                continue;
            char *what = cs_xasprintf("%s varies %s, and the case has words about it already", f->name, word->about);
            found(k, what, i, text, at, (uint32_t)strlen(word->word));
            free(what);
        }
    }
}

static void look_at_factor(struct look *k, const struct cs_factor *f)
{
    const struct cs_study *s = k->l->study;
    uint64_t varied = 0;
    if (!has_slots(f) && (f->insert == CS_INSERT_NONE || f->insert_column == CS_NONE || f->into_column == CS_NONE))
        return;
    uint64_t *cases = cs_xcalloc(s->n_cases + 1, sizeof *cases);
    for (uint32_t i = 0; i < s->n_cases; i++)
        cases[i] = cs_lexicon_of(&k->words, k->l->all[i].values[f->into_column]);
    for (uint32_t i = 0; i < f->n_levels; i++) {
        const uint64_t bits = bits_of_level(k, f, &f->levels[i]);
        varied |= bits;
        look_at_claims(k, f, &f->levels[i], bits, cases);
    }
    look_at_leftovers(k, f, varied, cases);
    free(cases);
}

/* ---- levels among themselves ------------------------------------------------------------------------------ */

static uint32_t sentences(const char *text)
{
    uint32_t n = 0;
    for (const char *p = text; *p != '\0'; p++)
        n += strchr(".!?", *p) != NULL && (p[1] == '\0' || (p[1] == ' ' && isupper((unsigned char)p[2])));
    return text[0] != '\0' && n == 0 ? 1 : n;
}

static void look_at_sentences(struct look *k, const struct cs_factor *f)
{
    const struct cs_level *one = NULL, *more = NULL;
    if (f->insert == CS_INSERT_NONE || f->insert_column == CS_NONE)
        return;
    for (uint32_t i = 0; i < f->n_levels; i++) {
        const uint32_t n = sentences(f->levels[i].wordings[0].values[f->insert_column]);
        one = n == 1 && one == NULL ? &f->levels[i] : one;
        more = n > 1 && more == NULL ? &f->levels[i] : more;
    }
    if (one == NULL || more == NULL)
        return;
    char *what = cs_xasprintf("%s: %s has several sentences, %s one; what is found may be their number", f->name,
                              more->id, one->id);
    (void)group_of(k->out, what);
    free(what);
}

/* ---- texts ------------------------------------------------------------------------------------------------- */

/* Is this a marker that some factor fills, or a part of one? */
static bool is_filled(const struct cs_study *s, const char *text, uint32_t at)
{
    for (uint32_t f = 0; f < s->n_factors; f++) {
        const struct cs_factor *factor = &s->factors[f];
        const size_t n = factor->insert == CS_INSERT_AT ? strlen(factor->anchor) : 0;
        for (uint32_t back = 0; back < n && back <= at; back++) {
            if (strncmp(text + at - back, factor->anchor, n) == 0)
                return true;
        }
    }
    return false;
}

/* [age], [NAME], but not [1] or [sic]. */
static uint32_t slot_at(const char *s)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_ /-";
    const size_t n = s[0] == '[' ? strspn(s + 1, letters) : 0;
    return n >= 3 && n <= 30 && s[n + 1] == ']' && strncmp(s, "[sic]", 5) != 0 ? (uint32_t)n + 2 : 0;
}

static const char *const curled[] = {"\xE2\x80\x9C", "\xE2\x80\x9D", "\xE2\x80\x9E", "\xE2\x80\x98",
                                     "\xE2\x80\x99", "\xC2\xAB",     "\xC2\xBB"};

/* The length of a curled quote that stands there; 0: none does. */
static size_t curled_at(const char *text)
{
    for (size_t i = 0; i < sizeof curled / sizeof curled[0]; i++) {
        if (strncmp(text, curled[i], strlen(curled[i])) == 0)
            return strlen(curled[i]);
    }
    return 0;
}

static bool ends_curled(const char *text)
{
    const size_t n = strlen(text);
    return n > 6 && (curled_at(text + n - 3) == 3 || curled_at(text + n - 2) == 2);
}

/* What a word processor leaves behind, and nobody sees. */
static void look_at_marks(struct look *k, uint32_t case_index, const char *text)
{
    static const char *const unseen[] = {"\xE2\x80\x8B", "\xE2\x80\x8E", "\xE2\x80\x8F", "\xEF\xBB\xBF", "\xC2\xAD"};
    if (curled_at(text) > 0 && ends_curled(text))
        found(k, "curled quotes around a whole text: they are part of it; straight ones (\") are not", case_index, text,
              0, (uint32_t)curled_at(text));
    for (size_t i = 0; i < sizeof unseen / sizeof unseen[0]; i++) {
        const char *at = strstr(text, unseen[i]);
        if (at != NULL)
            found(k, "a character that nobody sees, and the model does", case_index, text, (uint32_t)(at - text),
                  (uint32_t)strlen(unseen[i]));
    }
}

static void look_at_text(struct look *k, uint32_t case_index, const char *text)
{
    look_at_marks(k, case_index, text);
    const char *braces = strstr(text, "{{");
    if (braces != NULL && !is_filled(k->l->study, text, (uint32_t)(braces - text)))
        found(k, "a marker {{ that nothing fills", case_index, text, (uint32_t)(braces - text), 2);
    for (uint32_t at = 0; text[at] != '\0'; at++) {
        const uint32_t n = slot_at(text + at);
        if (n == 0 || is_filled(k->l->study, text, at))
            continue;
        found(k, "a marker [...] that nothing fills", case_index, text, at, n);
        break;
    }
    for (struct cs_identifier i = cs_identifiers_find(text, 0); i.what != NULL;
         i = cs_identifiers_find(text, i.at + i.len)) {
        char *what = cs_xasprintf("what looks like %s", i.what);
        found(k, what, case_index, text, i.at, i.len);
        free(what);
    }
}

/* The columns that a template shows or a factor inserts into. */
static bool is_shown(const struct cs_study *s, uint32_t column)
{
    char *place = cs_xasprintf("{{case.%s}}", s->columns[column]);
    bool shown = false, replaced = false;
    for (uint32_t i = 0; i < s->n_prompts; i++) {
        const char *text;
        shown |= strstr(s->prompts[i].system, place) != NULL;
        for (uint32_t k = 0; (text = cs_script_text(&s->prompts[i], k)) != NULL; k++)
            shown |= strstr(text, place) != NULL;
    }
    for (uint32_t f = 0; f < s->n_factors; f++) {
        const struct cs_factor *factor = &s->factors[f];
        shown |= has_slots(factor) ? factor->levels[0].use_column == column : factor->into_column == column;
        replaced |= has_slots(factor) && factor->into_column == column;
    }
    free(place);
    return shown && !replaced;
}

static void look_at_texts(struct look *k)
{
    const struct cs_study *s = k->l->study;
    for (uint32_t c = 0; c < s->n_columns; c++) {
        const bool shown = is_shown(s, c);
        const char *last = NULL; /* outputs of one case have one text of it in common */
        for (uint32_t i = 0; shown && i < s->n_cases; i++) {
            const char *text = k->l->all[i].values[c];
            if (text != last)
                look_at_text(k, i, text);
            last = text;
        }
    }
}

static void look_at_ids(struct look *k)
{
    struct cs_names seen = {0};
    for (uint32_t i = 0; i < k->l->study->n_cases; i++) {
        const char *id = k->l->all[i].id;
        char *plain = cs_arena_strdup(&k->out->arena, id), *to = plain;
        for (const char *p = id; *p != '\0'; p++) {
            if (*p != ' ')
                *to++ = (char)tolower((unsigned char)*p);
        }
        *to = '\0';
        if (cs_names_put(&seen, plain, i) != UINT32_MAX)
            found(k, "an id that differs from an earlier one by capitals or blanks only", i, id, 0,
                  (uint32_t)strlen(id));
    }
    cs_names_release(&seen);
}

/* Curled quotes where YAML wants straight ones: they become part of the text. */
static void look_at_node(struct look *k, const struct cs_node *n)
{
    for (const struct cs_node *c = n->first; c != NULL; c = c->next)
        look_at_node(k, c); /* the depth of a file is bounded */
    if (n->kind == CS_NODE_TEXT && n->plain && curled_at(n->text) > 0) {
        char *what = cs_xasprintf("%s:%u:%u: curled quotes are part of the text here; straight ones (\") are not",
                                  n->file->path, n->line, n->column);
        (void)group_of(k->out, what);
        free(what);
    }
}

static void look_at_file(struct look *k)
{
    struct cs_arena arena = {0};
    const struct cs_yaml *doc = NULL;
    if (cs_yaml_load(k->l->path, &arena, &doc, NULL) == CS_OK)
        look_at_node(k, doc->root);
    cs_arena_release(&arena);
}

enum cs_err cs_lint_make(const struct cs_loaded *l, const char *words, struct cs_lint *out, struct cs_error *err)
{
    struct look k = {.l = l, .out = out};
    *out = (struct cs_lint){0};
    enum cs_err rc = cs_lexicon_open(&k.words, words, err);
    if (rc != CS_OK)
        return rc;
    out->places = cs_xcalloc(CS_LINT_PLACES_MAX, sizeof *out->places);
    for (uint32_t f = 0; f < l->study->n_factors; f++)
        look_at_factor(&k, &l->study->factors[f]);
    look_at_texts(&k);
    if (l->study->parent == NULL) /* else they were made up */
        look_at_ids(&k);
    for (uint32_t f = 0; f < l->study->n_factors; f++)
        look_at_sentences(&k, &l->study->factors[f]);
    look_at_file(&k);
    cs_lexicon_release(&k.words);
    return CS_OK;
}

void cs_lint_release(struct cs_lint *l)
{
    free(l->places);
    cs_arena_release(&l->arena);
    *l = (struct cs_lint){0};
}

/* ---- shown --------------------------------------------------------------------------------------------------- */

void cs_lint_text(const struct cs_lint *l, const struct cs_loaded *loaded, bool all, FILE *out)
{
    enum { SHOWN = 12 };
    if (l->n_groups > 0)
        fprintf(out, "\nContradictions and leftovers, by form alone (words of your own: --words FILE):\n");
    for (uint32_t g = 0; g < l->n_groups && (all || g < SHOWN); g++) {
        const struct cs_lint_group *group = &l->groups[g];
        fprintf(out, "  %s", group->what);
        if (group->cases > 0)
            fprintf(out, ": %u place%s, for example case %s: %s", group->cases, group->cases == 1 ? "" : "s",
                    loaded->all[group->first].id, group->place);
        fputc('\n', out);
        for (uint32_t i = 0; all && i < l->n_places; i++) {
            if (l->places[i].group == g)
                fprintf(out, "    case %s: %s\n", loaded->all[l->places[i].case_index].id, l->places[i].place);
        }
    }
    if (!all && l->n_groups > SHOWN)
        fprintf(out, "  and %u more kinds; every place: --details\n", l->n_groups - SHOWN);
}

struct cs_json *cs_lint_json(const struct cs_lint *l, const struct cs_loaded *loaded)
{
    struct cs_json *groups = cs_json_array();
    for (uint32_t g = 0; g < l->n_groups; g++) {
        struct cs_json *places = cs_json_array();
        for (uint32_t i = 0; i < l->n_places; i++) {
            if (l->places[i].group == g)
                cs_json_array_append_new(places,
                                         cs_json_pack("{s:s, s:s}", "case", loaded->all[l->places[i].case_index].id,
                                                      "place", l->places[i].place));
        }
        cs_json_array_append_new(groups, cs_json_pack("{s:s, s:i, s:o}", "what", l->groups[g].what, "places_found",
                                                      (int)l->groups[g].cases, "places", places));
    }
    return groups;
}
