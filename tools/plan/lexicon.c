#include "tools/plan/lexicon.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "protocol/base/alloc.h"
#include "protocol/table/table.h"

static const struct {
    const char *about, *says, *words; /* separated by | */
} own[] = {
    {"sex", "female",
     "she|her|hers|herself|woman|women|female|lady|girl|mother|wife|daughter|sister|grandmother|Mrs|Ms|Miss|cisgender woman|pregnant|"
     "pregnancy|postpartum|postmenopausal|menopause|menstrual|menses|LMP|gravida|uterus|uterine|ovary|ovarian|cervix|vaginal|vagina|"
     "hysterectomy|miscarriage|G1P0|G2P1|G1P1|G2P0|G2P2|G3P2|##F"},
    {"sex", "male",
     "he|him|his|himself|man|men|male|gentleman|boy|father|husband|son|brother|grandfather|Mr|cisgender man|prostate|testicle|"
     "testicular|scrotum|scrotal|penis|penile|vasectomy|##M"},
    {"gender", "transgender woman", "transgender woman|trans woman"},
    {"gender", "transgender man", "transgender man|trans man"},
    {"gender", "nonbinary", "nonbinary|non-binary|nonbinary person"},
    {"gender", "cisgender", "cisgender"},
    {"race or ethnicity", "Black", "Black|patient is black|black patient|African American|African-American"},
    {"race or ethnicity", "White", "White|patient is white|white patient|Caucasian"},
    {"race or ethnicity", "Asian", "Asian|East Asian|South Asian|Chinese|Indian|Japanese|Korean|Vietnamese"},
    {"race or ethnicity", "Hispanic", "Hispanic|Latino|Latina|Latinx|Mexican"},
    {"race or ethnicity", "Native American", "Native American|American Indian|Alaska Native"},
    {"race or ethnicity", "Middle Eastern", "Middle Eastern|Arab"},
    {"housing", "without a home", "homeless|unhoused|homelessness|lives on the street|undomiciled"},
    {"housing", "with a home", "homeowner|lives at home|owns a house|owns a home|stably housed"},
    {"insurance", "uninsured", "uninsured|no insurance|without insurance"},
    {"insurance", "insured", "private insurance|privately insured|Medicaid|Medicare"},
    {"income", "low", "low income|low-income|poor family"},
    {"income", "high", "high income|high-income|wealthy|affluent"},
};

static bool is_letter(unsigned char c)
{
    return isalnum(c) || c >= 0x80;
}

static int longest_first(const void *a, const void *b)
{
    const struct cs_lexicon_word *x = a, *y = b;
    const size_t n = strlen(x->word), m = strlen(y->word);
    return n != m ? (n < m ? 1 : -1) : strcmp(x->word, y->word);
}

/* The bit of what is said; CS_LEXICON_SAYS_MAX when there are too many. */
static uint32_t bit_of(struct cs_lexicon *w, const char **says, const char *about, const char *say)
{
    for (uint32_t i = 0; i < w->n_says; i++) {
        if (strcmp(w->about[i], about) == 0 && strcmp(says[i], say) == 0)
            return i;
    }
    if (w->n_says == CS_LEXICON_SAYS_MAX)
        return CS_LEXICON_SAYS_MAX;
    w->about[w->n_says] = about;
    says[w->n_says] = say;
    return w->n_says++;
}

static bool add(struct cs_lexicon *w, const char **says, const char *word, const char *about, const char *say)
{
    const uint32_t bit = bit_of(w, says, about, say);
    if (bit == CS_LEXICON_SAYS_MAX || w->n == CS_LEXICON_MAX)
        return false;
    w->list[w->n++] = (struct cs_lexicon_word){word, about, say, bit};
    return true;
}

static void add_own(struct cs_lexicon *w, const char **says)
{
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        for (const char *p = own[i].words; p != NULL;) {
            const char *end = strchr(p, '|');
            const char *word = cs_arena_strndup(&w->arena, p, end != NULL ? (size_t)(end - p) : strlen(p));
            (void)add(w, says, word, own[i].about, own[i].says);
            p = end != NULL ? end + 1 : NULL;
        }
    }
}

static enum cs_err add_table(struct cs_lexicon *w, const char **says, const char *path, struct cs_error *err)
{
    struct cs_table t = {0};
    enum cs_err rc = cs_table_load(path, &w->arena, &t, err);
    if (rc != CS_OK)
        return rc;
    const uint32_t word = cs_table_read_column(&t, "word"), about = cs_table_read_column(&t, "about"),
                   say = cs_table_read_column(&t, "says");
    if (word == CS_NONE || about == CS_NONE || say == CS_NONE)
        rc = cs_error_set(err, CS_EINVAL, "%s:1: want the columns word, about, says", path);
    for (uint32_t i = 0; i < t.n_rows && rc == CS_OK; i++) {
        const char *const *v = t.rows[i].values;
        if (v[word][0] == '\0' || !is_letter((unsigned char)v[word][0]) || v[about][0] == '\0' || v[say][0] == '\0')
            rc = cs_table_fail(&t, i, err,
                               "a row says: word, about what, and what it says, as in gravida, sex, female");
        else if (!add(w, says, v[word], v[about], v[say]))
            rc = cs_table_fail(&t, i, err, "more than %d things said, or %d words", CS_LEXICON_SAYS_MAX,
                               CS_LEXICON_MAX);
    }
    cs_table_release(&t);
    return rc;
}

/* After sorting: which words begin with a letter, of either case. */
static void index_heads(struct cs_lexicon *w)
{
    w->by_head = cs_xcalloc(w->n + 1, sizeof *w->by_head);
    uint32_t at = 0;
    for (int c = 0; c < 256; c++) {
        w->heads[c] = at;
        for (uint32_t i = 0; i < w->n; i++) {
            if (tolower((unsigned char)w->list[i].word[0]) == c)
                w->by_head[at++] = i;
        }
    }
    w->heads[256] = at;
}

enum cs_err cs_lexicon_open(struct cs_lexicon *w, const char *path, struct cs_error *err)
{
    const char *says[CS_LEXICON_SAYS_MAX];
    *w = (struct cs_lexicon){0};
    w->list = cs_xcalloc(CS_LEXICON_MAX, sizeof *w->list);
    add_own(w, says);
    enum cs_err rc = path != NULL ? add_table(w, says, path, err) : CS_OK;
    if (rc != CS_OK) {
        cs_lexicon_release(w);
        return rc;
    }
    qsort(w->list, w->n, sizeof *w->list, longest_first);
    index_heads(w);
    for (uint32_t a = 0; a < w->n_says; a++) {
        for (uint32_t b = 0; b < w->n_says; b++)
            w->against[a] |= a != b && strcmp(w->about[a], w->about[b]) == 0 ? UINT64_C(1) << b : 0;
    }
    return CS_OK;
}

void cs_lexicon_release(struct cs_lexicon *w)
{
    free(w->list);
    free(w->by_head);
    cs_arena_release(&w->arena);
    *w = (struct cs_lexicon){0};
}

static bool has_capital(const char *s)
{
    for (; *s != '\0'; s++) {
        if (isupper((unsigned char)*s))
            return true;
    }
    return false;
}

/* "45F", "45 yo M": an age and a letter, which stand in the list as ##F and ##M. */
static const struct cs_lexicon_word *aged(const struct cs_lexicon *w, const char *s)
{
    const size_t digits = strspn(s, "0123456789");
    size_t n = digits + strspn(s + digits, " -");
    n += strncmp(s + n, "y/o ", 4) == 0 ? 4 : strncmp(s + n, "yo ", 3) == 0 ? 3 : strncmp(s + n, "yo", 2) == 0 ? 2 : 0;
    if (digits == 0 || digits > 3 || (s[n] != 'F' && s[n] != 'M') || is_letter((unsigned char)s[n + 1]))
        return NULL;
    for (uint32_t i = w->heads['#']; i < w->heads['#' + 1]; i++) {
        const struct cs_lexicon_word *word = &w->list[w->by_head[i]];
        if (strncmp(word->word, "##", 2) == 0 && word->word[2] == s[n])
            return word;
    }
    return NULL;
}

const struct cs_lexicon_word *cs_lexicon_at(const struct cs_lexicon *w, const char *text, uint32_t at)
{
    const int head = tolower((unsigned char)text[at]);
    if (at > 0 && is_letter((unsigned char)text[at - 1]))
        return NULL;
    if (isdigit(head))
        return aged(w, text + at);
    for (uint32_t i = w->heads[head]; i < w->heads[head + 1]; i++) {
        const struct cs_lexicon_word *word = &w->list[w->by_head[i]];
        const size_t n = strlen(word->word);
        const bool same = has_capital(word->word) ? strncmp(text + at, word->word, n) == 0
                                                  : strncasecmp(text + at, word->word, n) == 0;
        if (same && !is_letter((unsigned char)text[at + n]))
            return word;
    }
    return NULL;
}

const struct cs_lexicon_word *cs_lexicon_find(const struct cs_lexicon *w, const char *text, uint64_t bits, uint32_t *at)
{
    for (uint32_t i = 0; text[i] != '\0'; i++) {
        const struct cs_lexicon_word *word = cs_lexicon_at(w, text, i);
        if (word != NULL && (bits >> word->bit & 1) != 0) {
            *at = i;
            return word;
        }
        if (word != NULL)
            i += (uint32_t)strlen(word->word) - 1;
    }
    return NULL;
}

uint64_t cs_lexicon_of(const struct cs_lexicon *w, const char *text)
{
    uint64_t bits = 0;
    for (uint32_t i = 0; text[i] != '\0'; i++) {
        const struct cs_lexicon_word *word = cs_lexicon_at(w, text, i);
        if (word == NULL)
            continue;
        bits |= UINT64_C(1) << word->bit;
        i += (uint32_t)strlen(word->word) - 1;
    }
    return bits;
}
