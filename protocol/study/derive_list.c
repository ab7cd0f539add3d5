/* Numbers over the elements of a list answer: how many, what share, their mean. */
#include <stdlib.h>
#include <string.h>

#include "protocol/study/derive.h"

enum truth { FALSE_, TRUE_, UNKNOWN };

struct element { /* one of them, and all that is known of it */
    const struct cs_derive_facts *f;
    const struct cs_list_answer *a;
    const struct cs_answer *said; /* one a field of the list */
    uint32_t i;
};

static bool is_same_number(const char *a, const char *b)
{
    char *end_a, *end_b;
    const double x = strtod(a, &end_a), y = strtod(b, &end_b);
    return end_a != a && *end_a == '\0' && end_b != b && *end_b == '\0' && !(x < y) && !(x > y);
}

/* Is `what` of the element the word of `is`? An answer "insufficient" equals its own word, and of others one does not know; so it is of an
 * answer and a label that is not there. */
static enum truth holds(const struct element *e, const struct cs_derive_term *what, const struct cs_derive_term *is)
{
    const bool labelled = is->from == CS_DERIVE_OWN;
    const char *word = labelled && e->f->own != NULL ? cs_elements_value(e->f->own, e->i, is->literal) : is->literal;
    if (what->from == CS_DERIVE_OWN)
        return e->f->own != NULL && strcmp(cs_elements_value(e->f->own, e->i, what->literal), word) == 0 ? TRUE_
                                                                                                         : FALSE_;
    const struct cs_answer *said = &e->said[what->at];
    if (said->text == NULL || (labelled && word[0] == '\0'))
        return UNKNOWN;
    const bool number = e->a->fields[what->at].kind == CS_FIELD_NUMBER && !said->insufficient;
    if (strcmp(said->text, word) == 0 || (number && is_same_number(said->text, word)))
        return TRUE_;
    return said->insufficient ? UNKNOWN : FALSE_;
}

static bool is_same_term(const struct cs_derive_term *a, const struct cs_derive_term *b)
{
    return a->from == b->from && a->at == b->at && strcmp(a->literal, b->literal) == 0;
}

/* All conditions of a count; of one thing that may be several words, any. */
static enum truth counts(const struct element *e, const struct cs_derive_rule *r)
{
    enum truth all = TRUE_;
    for (uint32_t i = 1; i + 1 < r->n_terms && all != FALSE_;) {
        const struct cs_derive_term *what = &r->terms[i];
        enum truth any = FALSE_;
        for (; i + 1 < r->n_terms && is_same_term(what, &r->terms[i]); i += 2) {
            const enum truth one = holds(e, what, &r->terms[i + 1]);
            any = one == TRUE_ || any == TRUE_ ? TRUE_ : one == UNKNOWN ? UNKNOWN : any;
        }
        all = any == FALSE_ ? FALSE_ : any == UNKNOWN ? UNKNOWN : all;
    }
    return all;
}

static bool value_of(const struct element *e, uint32_t field, double *out)
{
    const struct cs_answer *said = &e->said[field];
    if (said->text == NULL || said->insufficient)
        return false;
    *out = e->a->fields[field].kind == CS_FIELD_NUMBER ? said->number : said->category;
    return true;
}

bool cs_derive_list(const struct cs_derive_facts *f, const struct cs_derive_rule *r, double *out)
{
    const uint32_t field = r->terms[0].at;
    const struct cs_answer *list = &f->answers[field];
    const struct cs_list_answer *a = f->question->fields[field].list;
    const struct cs_derive_rule *among = r->op == CS_DERIVE_SHARE  ? &r->parts[1]
                                         : r->op == CS_DERIVE_MEAN ? &r->parts[0]
                                                                   : r;
    double sum = 0, n = 0, v = 0;
    if (list->elements == NULL)
        return false;
    for (uint32_t i = 0; i < list->n_elements; i++) {
        const struct element e = {f, a, list->elements + (size_t)i * a->n_fields, i};
        const enum truth in = counts(&e, among);
        const enum truth yes = r->op == CS_DERIVE_SHARE && in == TRUE_ ? counts(&e, &r->parts[0]) : in;
        if (in == UNKNOWN || yes == UNKNOWN)
            return false;
        if (in == TRUE_ && r->op == CS_DERIVE_MEAN && !value_of(&e, r->terms[1].at, &v))
            return false;
        n += in == TRUE_;
        sum += in == TRUE_ && r->op == CS_DERIVE_MEAN ? v : yes == TRUE_;
    }
    *out = r->op == CS_DERIVE_ELEMENTS ? sum : sum / n;
    return r->op == CS_DERIVE_ELEMENTS || n > 0;
}
