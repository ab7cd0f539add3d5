#include "tools/report/read/rated_answers.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "protocol/base/alloc.h"
#include "protocol/table/names.h"
#include "tools/report/read/case_facts.h"

enum { WORDS_MAX = 20 };

struct cs_rated {
    struct cs_study study;
    struct cs_arena arena; /* the study's own is borrowed */
    const struct cs_ratings *ratings;
    struct cs_names digests;
    uint32_t own[CS_QUESTIONS_MAX]; /* fields before the rated ones */
};

static const struct cs_field *own_field(const struct cs_question *q, const char *name)
{
    for (uint32_t i = 0; i < q->n_fields; i++) {
        if (strcmp(q->fields[i].name, name) == 0)
            return &q->fields[i];
    }
    return NULL;
}

static bool is_yes(const char *word)
{
    return strcasecmp(word, "yes") == 0 || strcasecmp(word, "true") == 0;
}

static bool is_no(const char *word)
{
    return strcasecmp(word, "no") == 0 || strcasecmp(word, "false") == 0;
}

/* The words that raters used; text when they are too many to be categories. */
static void type_by_words(struct cs_rated *r, const struct cs_question *q, const char *name, struct cs_field *f)
{
    const char **words = cs_arena_array(&r->arena, WORDS_MAX + 1, sizeof *words);
    uint32_t n = 0, yes = 0, no = 0;
    for (uint32_t i = 0; i < r->ratings->n && n <= WORDS_MAX; i++) {
        const struct cs_rating *a = &r->ratings->list[i];
        uint32_t k = 0;
        if (strcmp(a->question, q->name) != 0 || strcmp(a->field, name) != 0)
            continue;
        while (k < n && strcmp(words[k], a->rating) != 0)
            k++;
        if (k == n)
            words[n++] = a->rating;
    }
    for (uint32_t i = 0; i < n; i++) {
        yes += is_yes(words[i]);
        no += is_no(words[i]);
    }
    f->kind = n <= WORDS_MAX ? CS_FIELD_NOMINAL : CS_FIELD_TEXT;
    if (n == 2 && yes == 1 && no == 1) {
        f->kind = CS_FIELD_BOOLEAN;
        if (is_no(words[0])) { /* the yes word stands first */
            const char *first = words[0];
            words[0] = words[1];
            words[1] = first;
        }
    }
    f->categories = words;
    f->n_categories = f->kind == CS_FIELD_TEXT ? 0 : n;
}

static void add_field(struct cs_rated *r, struct cs_question *q, struct cs_field *fields, const char *name)
{
    const struct cs_field *own = own_field(q, name);
    struct cs_field *f = &fields[q->n_fields];
    *f = own != NULL ? *own : (struct cs_field){.min = -DBL_MAX, .max = DBL_MAX, .order_factor = CS_NONE};
    if (own == NULL)
        type_by_words(r, q, name, f);
    f->name = cs_arena_printf(&r->arena, CS_RATED_PREFIX "%s", name);
    f->describe = NULL;
    f->truth_column = CS_NONE;
    q->n_fields++;
}

static void extend(struct cs_rated *r, struct cs_question *q)
{
    struct cs_field *fields = cs_arena_array(&r->arena, CS_FIELDS_MAX, sizeof *fields);
    for (uint32_t i = 0; i < q->n_fields; i++)
        fields[i] = q->fields[i];
    q->fields = fields;
    for (uint32_t i = 0; i < r->ratings->n && q->n_fields < CS_FIELDS_MAX; i++) {
        const struct cs_rating *a = &r->ratings->list[i];
        const char *name = cs_arena_printf(&r->arena, CS_RATED_PREFIX "%s", a->field);
        if (strcmp(a->question, q->name) == 0 && own_field(q, name) == NULL)
            add_field(r, q, fields, a->field);
    }
}

struct cs_rated *cs_rated_answers_open(const struct cs_study *s, const struct cs_ratings *ratings)
{
    if (ratings == NULL || ratings->n == 0)
        return NULL;
    struct cs_rated *r = cs_xcalloc(1, sizeof *r);
    r->study = *s;
    r->ratings = ratings;
    struct cs_question *questions = cs_arena_array(&r->arena, s->n_questions, sizeof *questions);
    for (uint32_t q = 0; q < s->n_questions; q++) {
        questions[q] = s->questions[q];
        r->own[q] = s->questions[q].n_fields;
        extend(r, &questions[q]);
    }
    r->study.questions = questions;
    for (uint32_t i = 0; i < ratings->n; i++)
        cs_names_put(&r->digests, ratings->list[i].digest, i);
    return r;
}

const struct cs_study *cs_rated_answers_study(const struct cs_rated *r)
{
    return &r->study;
}

static struct cs_answer answer_of(const struct cs_field *f, const char *word)
{
    struct cs_answer a = {.text = word, .category = CS_NONE};
    if (f->insufficient != NULL && strcmp(f->insufficient, word) == 0) {
        a.insufficient = true;
    } else if (f->kind == CS_FIELD_NUMBER) {
        char *end = NULL;
        a.number = strtod(word, &end);
        if (end == word || *end != '\0' || !(a.number >= f->min && a.number <= f->max))
            a.text = NULL;
    } else {
        a.category = cs_case_facts_category(f, word);
    }
    return a;
}

void cs_rated_answers_count(const struct cs_rated *r, const struct cs_digest *digest, struct cs_grid *g,
                            uint32_t case_index, uint32_t cell)
{
    const uint32_t at = g->cells[cell].at.question;
    const struct cs_question *q = &r->study.questions[at];
    char hex[2 * sizeof digest->b + 1];
    uint32_t raters;
    cs_digest_hex(digest->b, sizeof digest->b, hex);
    if (cs_names_get(&r->digests, hex) == UINT32_MAX)
        return;
    for (uint32_t i = r->own[at]; i < q->n_fields; i++) {
        const char *word = cs_ratings_majority(r->ratings, hex, q->fields[i].name + strlen(CS_RATED_PREFIX), &raters);
        if (word == NULL)
            continue;
        const struct cs_answer a = answer_of(&q->fields[i], word);
        cs_grid_add_answer(g, case_index, cell, i, &a);
    }
}

void cs_rated_answers_close(struct cs_rated *r)
{
    if (r == NULL)
        return;
    cs_names_release(&r->digests);
    cs_arena_release(&r->arena);
    free(r);
}
