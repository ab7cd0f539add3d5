#include "protocol/study/derive.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "protocol/base/assert.h"
#include "protocol/base/json.h"
#include "protocol/base/pattern.h"
#include "protocol/base/utf8.h"
#include "protocol/study/quoted.h"

enum truth { FALSE_, TRUE_, UNKNOWN };

static enum truth truth_of(bool yes)
{
    return yes ? TRUE_ : FALSE_;
}

/* ---- terms ------------------------------------------------------------------------------------------------- */

struct word {
    const char *text; /* NULL: unknown */
    size_t n;
    bool number;       /* it is an answer that is a number */
    bool insufficient; /* the model's word for it */
    enum truth truth;  /* of what is true or false */
};

static struct word plain(const char *text)
{
    return (struct word){.text = text, .n = text != NULL ? strlen(text) : 0, .truth = UNKNOWN};
}

static struct word answer_word(const struct cs_derive_facts *f, const struct cs_answer *answers, uint32_t at)
{
    const struct cs_answer *a = &answers[at];
    struct word w = plain(a->text);
    w.insufficient = a->insufficient;
    w.number = f->question->fields[at].kind == CS_FIELD_NUMBER && !a->insufficient;
    if (f->question->fields[at].kind == CS_FIELD_BOOLEAN && a->category != CS_NONE)
        w.truth = truth_of(a->category == 1);
    return w;
}

static struct word field_word(const struct cs_derive_facts *f, uint32_t at)
{
    return answer_word(f, f->answers, at);
}

static struct word turn_word(const struct cs_derive_facts *f, uint32_t number, uint32_t field)
{
    const struct cs_answer *answers = f->turns != NULL && number <= CS_TURNS_MAX ? f->turns->answers[number] : NULL;
    return answers != NULL ? answer_word(f, answers, field) : plain(NULL);
}

static struct word earlier_word(const struct cs_derived *d, const struct cs_derived_value *v)
{
    struct word w = plain(v->known ? v->text : NULL);
    w.number = v->known && d->kind == CS_DERIVES_NUMBER;
    if (v->known && d->kind == CS_DERIVES_BOOLEAN)
        w.truth = truth_of(v->yes);
    return w;
}

static struct word column_word(const struct cs_derive_facts *f, uint32_t at)
{
    return plain(f->c != NULL && f->c->values[at][0] != '\0' ? f->c->values[at] : NULL);
}

static struct word word_of(const struct cs_derive_facts *f, const struct cs_derive_term *t,
                           const struct cs_derived_value *earlier)
{
    switch (t->from) {
    case CS_DERIVE_FIELD:
        return field_word(f, t->at);
    case CS_DERIVE_EARLIER:
        return earlier_word(&f->question->derived[t->at], &earlier[t->at]);
    case CS_DERIVE_COLUMN:
        return column_word(f, t->at);
    case CS_DERIVE_TURN:
        return turn_word(f, t->at >> CS_DERIVE_TURN_SHIFT, t->at & ((1U << CS_DERIVE_TURN_SHIFT) - 1));
    case CS_DERIVE_REPLY:
        return (struct word){.text = f->reply, .n = f->n_reply, .truth = UNKNOWN};
    case CS_DERIVE_LITERAL:
    case CS_DERIVE_MEMBER:
    case CS_DERIVE_OWN:
    case CS_DERIVE_FROMS:
        break;
    }
    return plain(t->literal);
}

/* ---- rules about texts --------------------------------------------------------------------------------------- */

static bool is_same(const struct word *a, const struct word *b)
{
    char *end_a, *end_b;
    if (a->number || b->number) {
        const double x = strtod(a->text, &end_a), y = strtod(b->text, &end_b);
        if (end_a != a->text && *end_a == '\0' && end_b != b->text && *end_b == '\0')
            return !(x < y) && !(x > y);
    }
    return a->n == b->n && memcmp(a->text, b->text, a->n) == 0;
}

/* "Insufficient information" equals its own word and, of anything else, one does not know. */
static enum truth equal(const struct word *a, const struct word *b)
{
    if (a->text == NULL || b->text == NULL)
        return UNKNOWN;
    if (is_same(a, b))
        return TRUE_;
    return a->insufficient || b->insufficient ? UNKNOWN : FALSE_;
}

static bool holds_word(const struct word *text, const struct word *part)
{
    for (size_t i = 0; part->n > 0 && i + part->n <= text->n; i++) {
        if (strncasecmp(text->text + i, part->text, part->n) == 0)
            return true;
    }
    return false;
}

static enum truth contains(const struct cs_derive_facts *f, const struct cs_derive_rule *r,
                           const struct cs_derived_value *earlier)
{
    const struct word text = word_of(f, &r->terms[0], earlier);
    enum truth found = FALSE_;
    if (text.text == NULL || text.insufficient)
        return UNKNOWN;
    for (uint32_t i = 1; i < r->n_terms && found != TRUE_; i++) {
        const struct word part = word_of(f, &r->terms[i], earlier);
        if (part.text == NULL || part.insufficient)
            found = UNKNOWN;
        else if (holds_word(&text, &part))
            found = TRUE_;
    }
    return found;
}

/* Does the first text stand in one of the others as it was cited? */
static enum truth quoted(const struct cs_derive_facts *f, const struct cs_derive_rule *r,
                         const struct cs_derived_value *earlier)
{
    const struct word passage = word_of(f, &r->terms[0], earlier);
    enum truth found = FALSE_;
    if (passage.text == NULL || passage.insufficient)
        return UNKNOWN;
    for (uint32_t i = 1; i < r->n_terms && found != TRUE_; i++) {
        const struct word text = word_of(f, &r->terms[i], earlier);
        if (text.text == NULL)
            found = UNKNOWN;
        else if (cs_quoted_in(passage.text, passage.n, text.text, text.n))
            found = TRUE_;
    }
    return found;
}

static struct cs_pattern_match match(const struct cs_derive_facts *f, const struct cs_derive_rule *r,
                                     const struct cs_derived_value *earlier, struct word *text)
{
    *text = word_of(f, &r->terms[0], earlier);
    if (text->text == NULL || text->insufficient)
        return (struct cs_pattern_match){.group_at = SIZE_MAX};
    return cs_pattern_find(r->pattern, text->text, text->n < CS_ANSWER_TEXT_MAX ? text->n : CS_ANSWER_TEXT_MAX);
}

/* ---- rules about rules ----------------------------------------------------------------------------------------- */

struct tally {
    uint32_t yes, unknown;
};

static enum truth evaluate(const struct cs_derive_facts *f, const struct cs_derive_rule *r,
                           const struct cs_derived_value *earlier);

static struct tally tally(const struct cs_derive_facts *f, const struct cs_derive_rule *r,
                          const struct cs_derived_value *earlier)
{
    struct tally t = {0};
    for (uint32_t i = 0; i < r->n_parts; i++) {
        const enum truth part = evaluate(f, &r->parts[i], earlier);
        t.yes += part == TRUE_;
        t.unknown += part == UNKNOWN;
    }
    return t;
}

static enum truth evaluate(const struct cs_derive_facts *f, const struct cs_derive_rule *r,
                           const struct cs_derived_value *earlier)
{
    struct word a, b;
    enum truth truth;
    struct tally t;
    const char *first;
    switch (r->op) {
    case CS_DERIVE_VALUE:
        return word_of(f, &r->terms[0], earlier).truth;
    case CS_DERIVE_EQUALS:
    case CS_DERIVE_DIFFERS:
        a = word_of(f, &r->terms[0], earlier);
        b = word_of(f, &r->terms[1], earlier);
        truth = equal(&a, &b);
        return truth == UNKNOWN ? truth : truth_of((truth == TRUE_) == (r->op == CS_DERIVE_EQUALS));
    case CS_DERIVE_CONTAINS:
        return contains(f, r, earlier);
    case CS_DERIVE_MATCHES:
        truth = truth_of(match(f, r, earlier, &a).found);
        return a.text == NULL || a.insufficient ? UNKNOWN : truth;
    case CS_DERIVE_QUOTED:
        return quoted(f, r, earlier);
    case CS_DERIVE_ANY:
        t = tally(f, r, earlier);
        return t.yes > 0 ? TRUE_ : t.unknown > 0 ? UNKNOWN : FALSE_;
    case CS_DERIVE_ALL:
        t = tally(f, r, earlier);
        return t.yes + t.unknown < r->n_parts ? FALSE_ : t.unknown > 0 ? UNKNOWN : TRUE_;
    case CS_DERIVE_NOT:
        truth = evaluate(f, &r->parts[0], earlier);
        return truth == UNKNOWN ? truth : truth_of(truth == FALSE_);
    case CS_DERIVE_CALLED:
        return f->loop != NULL ? truth_of(cs_derive_tools_count(f, r, &first) > 0) : UNKNOWN;
    case CS_DERIVE_COUNT:
    case CS_DERIVE_LENGTH:
    case CS_DERIVE_LOOKUP:
    case CS_DERIVE_EXPECTED:
    case CS_DERIVE_FIRST_CHANGE:
    case CS_DERIVE_CHANGES:
    case CS_DERIVE_ELEMENTS:
    case CS_DERIVE_SHARE:
    case CS_DERIVE_MEAN:
    case CS_DERIVE_HARMONIC:
    case CS_DERIVE_FIRST_CALLED:
    case CS_DERIVE_CALLS:
    case CS_DERIVE_OPS:
        break;
    }
    return UNKNOWN;
}

/* ---- numbers and texts ------------------------------------------------------------------------------------------- */

int cs_derive_compare_keys(const char *const *a, const char *const *b, uint32_t n)
{
    int order = 0;
    for (uint32_t i = 0; i < n && order == 0; i++)
        order = strcmp(a[i], b[i]);
    return order;
}

const char *cs_derive_look_up(const struct cs_derive_rule *r, const char *const *keys)
{
    const uint32_t width = r->n_terms + 1;
    uint32_t low = 0, high = r->n_cells / width;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        const char *const *row = r->cells + (size_t)middle * width;
        const int order = cs_derive_compare_keys(keys, row, r->n_terms);
        if (order == 0)
            return row[r->n_terms];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static const char *looked_up(const struct cs_derive_facts *f, const struct cs_derive_rule *r,
                             const struct cs_derived_value *earlier)
{
    const char *keys[CS_DERIVE_TERMS_MAX];
    for (uint32_t i = 0; i < r->n_terms; i++) {
        const struct word key = word_of(f, &r->terms[i], earlier);
        if (key.text == NULL || key.insufficient)
            return NULL;
        keys[i] = key.text;
    }
    const char *value = cs_derive_look_up(r, keys);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static size_t characters(const struct word *w)
{
    size_t n = 0;
    bool whole;
    for (size_t i = 0; i < w->n; n++)
        i += cs_utf8_step(w->text + i, w->n - i, &whole);
    return n;
}

static struct cs_derived_value number(const struct cs_derive_facts *f, double v)
{
    return (struct cs_derived_value){.known = true, .number = v, .text = cs_arena_printf(f->arena, "%.15g", v)};
}

/* A text as a number or as it stands; NULL and what is no number are unknown. */
static struct cs_derived_value read_as(const struct cs_derive_facts *f, enum cs_derive_kind kind, const char *text)
{
    char *end = NULL;
    if (text == NULL)
        return (struct cs_derived_value){0};
    if (kind == CS_DERIVES_TEXT)
        return (struct cs_derived_value){.known = true, .text = text};
    const double v = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(v) ? number(f, v) : (struct cs_derived_value){0};
}

/* A token without the signs of JSON around the answer that begins in it: `:"Yes","` is Yes. */
static struct word bare(const char *token)
{
    struct word w = plain(token);
    for (;;) {
        const size_t signs = strspn(w.text, " \t\r\n:,{[");
        const char *quote = strchr(w.text, '"');
        if (quote != NULL && quote[1] != '\0' && quote[1] != ',' && quote[1] != '}')
            w.text = quote + 1;
        else if (signs > 0)
            w.text += signs;
        else
            break;
    }
    w.n = strcspn(w.text, "\"");
    return w;
}

/* Which word the token begins, or is; CS_NONE: none; n_categories: the one for too little information; *several: more than one. */
static uint32_t begun(const struct cs_field *f, const struct word *token, bool *several)
{
    uint32_t found = CS_NONE;
    *several = false;
    for (uint32_t i = 0; i <= f->n_categories && token->n > 0; i++) {
        const char *word = i < f->n_categories ? f->categories[i] : f->insufficient;
        const size_t n = word != NULL ? strlen(word) : 0;
        if (n == 0 || strncmp(word, token->text, n < token->n ? n : token->n) != 0)
            continue;
        if (n == token->n) { /* it is the word itself, whatever longer one begins like it */
            *several = false;
            return i;
        }
        *several = *several || found != CS_NONE;
        found = i;
    }
    return found;
}

static struct cs_derived_value expected(const struct cs_derive_facts *f, const struct cs_field *field)
{
    struct cs_json *all = f->alternatives != NULL && f->alternatives[0] != '\0'
                              ? cs_json_loadb(f->alternatives, strlen(f->alternatives), 0, NULL)
                              : NULL;
    struct cs_json *tokens = cs_json_object_get(all, field->name), *v;
    double words = 0, lacking = 0, unclear = 0, sum = 0;
    const char *token;
    cs_json_object_foreach(tokens, token, v)
    {
        const struct word w = bare(token);
        bool several;
        const uint32_t i = begun(field, &w, &several);
        const double p = cs_json_is_number(v) ? exp(cs_json_number_value(v)) : 0;
        if (i == CS_NONE || !(p >= 0 && p <= 1.01))
            continue;
        unclear += several ? p : 0;
        lacking += !several && i == field->n_categories ? p : 0;
        if (several || i == field->n_categories)
            continue;
        words += p;
        sum += p * (field->kind == CS_FIELD_BOOLEAN ? i == 0 : i);
    }
    cs_json_decref(all);
    if (unclear > 0.01 || words < 0.5 || words <= lacking)
        return (struct cs_derived_value){0};
    return number(f, sum / words);
}

bool cs_derive_harmonic(const double *v, uint32_t n, double *out)
{
    double sum = 0;
    bool zero = false;
    for (uint32_t i = 0; i < n; i++) {
        if (!(v[i] >= 0) || isinf(v[i]))
            return false;
        zero = zero || v[i] <= 0;
        sum += zero ? 0 : 1 / v[i];
    }
    *out = zero ? 0 : n / sum;
    return n > 0;
}

static struct cs_derived_value harmonic(const struct cs_derive_facts *f, const struct cs_derive_rule *r,
                                        const struct cs_derived_value *earlier)
{
    double v[CS_DERIVE_TERMS_MAX], mean = 0;
    bool all = true;
    for (uint32_t i = 0; i < r->n_terms; i++) {
        const struct word w = word_of(f, &r->terms[i], earlier);
        v[i] = w.number ? strtod(w.text, NULL) : NAN;
        all = all && w.number;
        if (w.number && !(v[i] < 0) && !(v[i] > 0)) /* whatever the others are */
            return number(f, 0);
    }
    return all && cs_derive_harmonic(v, r->n_terms, &mean) ? number(f, mean) : (struct cs_derived_value){0};
}

/* first_change and changes: along the turns at which the answer was asked for. */
static struct cs_derived_value over_turns(const struct cs_derive_facts *f, const struct cs_derive_rule *r)
{
    const bool first_only = r->op == CS_DERIVE_FIRST_CHANGE;
    struct word kept = plain(NULL);
    uint32_t held = 0, changes = 0;
    for (uint32_t n = 1; n <= CS_TURNS_MAX; n++) {
        if (f->turns == NULL || (f->turns->asked >> (n - 1) & 1) == 0)
            continue;
        const struct word now = turn_word(f, n, r->terms[0].at);
        const enum truth same = held == 0 ? truth_of(now.text != NULL) : equal(&kept, &now);
        if (now.text == NULL || same == UNKNOWN)
            return (struct cs_derived_value){0};
        if (same == FALSE_ && first_only)
            break;
        changes += same == FALSE_;
        held++;
        if (held == 1 || !first_only)
            kept = now;
    }
    return held > 0 ? number(f, first_only ? held : changes) : (struct cs_derived_value){0};
}

/* first_called and calls */
static struct cs_derived_value over_calls(const struct cs_derive_facts *f, const struct cs_derive_rule *r)
{
    const char *first = NULL;
    if (f->loop == NULL)
        return (struct cs_derived_value){0};
    const uint32_t n = cs_derive_tools_count(f, r, &first);
    return r->op == CS_DERIVE_CALLS ? number(f, n) : (struct cs_derived_value){.known = true, .text = first};
}

static struct cs_derived_value by_rule(const struct cs_derive_facts *f, const struct cs_derived *d,
                                       const struct cs_derived_value *earlier)
{
    const struct cs_derive_rule *r = d->rule;
    struct word text;
    double v = 0;
    if (r->op == CS_DERIVE_ELEMENTS || r->op == CS_DERIVE_SHARE || r->op == CS_DERIVE_MEAN)
        return cs_derive_list(f, r, &v) ? number(f, v) : (struct cs_derived_value){0};
    if (r->op == CS_DERIVE_HARMONIC)
        return harmonic(f, r, earlier);
    if (r->op == CS_DERIVE_LOOKUP)
        return read_as(f, d->kind, looked_up(f, r, earlier));
    if (r->op == CS_DERIVE_EXPECTED)
        return expected(f, &f->question->fields[r->terms[0].at]);
    if (r->op == CS_DERIVE_FIRST_CHANGE || r->op == CS_DERIVE_CHANGES)
        return over_turns(f, r);
    if (r->op == CS_DERIVE_FIRST_CALLED || r->op == CS_DERIVE_CALLS)
        return over_calls(f, r);
    if (r->op == CS_DERIVE_COUNT) {
        const struct tally t = tally(f, r, earlier);
        return t.unknown > 0 ? (struct cs_derived_value){0} : number(f, t.yes);
    }
    if (r->op == CS_DERIVE_LENGTH) {
        text = word_of(f, &r->terms[0], earlier);
        return text.text == NULL || text.insufficient ? (struct cs_derived_value){0}
                                                      : number(f, (double)characters(&text));
    }
    if (r->op == CS_DERIVE_MATCHES && d->kind != CS_DERIVES_BOOLEAN) {
        const struct cs_pattern_match m = match(f, r, earlier, &text);
        return read_as(f, d->kind,
                       m.group_at == SIZE_MAX ? NULL : cs_arena_strndup(f->arena, text.text + m.group_at, m.group_n));
    }
    const enum truth truth = evaluate(f, r, earlier);
    return (struct cs_derived_value){
        .known = truth != UNKNOWN, .yes = truth == TRUE_, .text = truth == TRUE_ ? "true" : "false"};
}

static struct cs_derived_value by_word(const struct cs_derive_facts *f, const struct cs_derived *d)
{
    const struct word a = field_word(f, d->field),
                      b = d->column != CS_NONE ? column_word(f, d->column) : plain(d->literal);
    const enum truth truth = equal(&a, &b);
    return (struct cs_derived_value){
        .known = truth != UNKNOWN, .yes = truth == TRUE_, .text = truth == TRUE_ ? "true" : "false"};
}

void cs_derive(const struct cs_derive_facts *f, struct cs_derived_value *out)
{
    for (uint32_t i = 0; i < f->question->n_derived; i++) {
        const struct cs_derived *d = &f->question->derived[i];
        out[i] = d->rule != NULL ? by_rule(f, d, out) : by_word(f, d);
        if (!out[i].known)
            out[i].text = NULL;
    }
}

bool cs_derive_bounds(const struct cs_question *q, const struct cs_derived *d, double *min, double *max)
{
    const struct cs_derive_rule *r = d->rule;
    bool some = false;
    if (r != NULL && r->op == CS_DERIVE_EXPECTED) {
        const struct cs_field *f = &q->fields[r->terms[0].at];
        *min = 0;
        *max = f->n_categories > 0 ? f->n_categories - 1 : 0;
        return f->n_categories > 1;
    }
    if (r != NULL && (r->op == CS_DERIVE_FIRST_CHANGE || r->op == CS_DERIVE_CHANGES)) {
        *min = r->op == CS_DERIVE_FIRST_CHANGE;
        *max = q->n_answer_at - (r->op == CS_DERIVE_CHANGES);
        return true;
    }
    if (r != NULL && r->op == CS_DERIVE_CALLS) {
        *min = 0;
        *max = r->terms[0].at;
        return true;
    }
    if (r != NULL && r->op == CS_DERIVE_ELEMENTS) {
        *min = 0;
        *max = q->fields[r->terms[0].at].list->most;
        return true;
    }
    if (r != NULL && r->op == CS_DERIVE_SHARE) {
        *min = 0;
        *max = 1;
        return true;
    }
    if (d->kind != CS_DERIVES_NUMBER || r == NULL || (r->op != CS_DERIVE_COUNT && r->op != CS_DERIVE_LOOKUP))
        return false;
    *min = 0;
    *max = r->n_parts;
    for (uint32_t i = r->n_terms; r->op == CS_DERIVE_LOOKUP && i < r->n_cells; i += r->n_terms + 1) {
        if (r->cells[i][0] == '\0')
            continue;
        const double v = strtod(r->cells[i], NULL);
        *min = !some || v < *min ? v : *min;
        *max = !some || v > *max ? v : *max;
        some = true;
    }
    return some || r->op == CS_DERIVE_COUNT;
}
