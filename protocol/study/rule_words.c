#include "protocol/study/rule_words.h"

#include <string.h>

enum { WORDS_SHOWN = 12 };

static void put_term(const struct cs_study *s, const struct cs_question *q, const struct cs_derive_term *t,
                     struct cs_buf *out)
{
    switch (t->from) {
    case CS_DERIVE_FIELD:
        cs_buf_str(out, q->fields[t->at].name);
        return;
    case CS_DERIVE_EARLIER:
        cs_buf_str(out, q->derived[t->at].name);
        return;
    case CS_DERIVE_COLUMN:
        cs_buf_printf(out, "case.%s", s->columns[t->at]);
        return;
    case CS_DERIVE_TURN:
        cs_buf_printf(out, "%s@%u", q->fields[t->at & ((1U << CS_DERIVE_TURN_SHIFT) - 1)].name,
                      t->at >> CS_DERIVE_TURN_SHIFT);
        return;
    case CS_DERIVE_REPLY:
        cs_buf_str(out, "the reply");
        return;
    case CS_DERIVE_OWN:
        cs_buf_printf(out, "each.%s", t->literal);
        return;
    case CS_DERIVE_MEMBER: /* only in rules over a list, which know the list's fields */
    case CS_DERIVE_LITERAL:
    case CS_DERIVE_FROMS:
        break;
    }
    cs_buf_printf(out, "\"%s\"", t->literal);
}

static void put_terms(const struct cs_study *s, const struct cs_question *q, const struct cs_derive_rule *r,
                      uint32_t from, const char *between, struct cs_buf *out)
{
    for (uint32_t i = from; i < r->n_terms && i < from + WORDS_SHOWN; i++) {
        cs_buf_str(out, i > from ? between : "");
        put_term(s, q, &r->terms[i], out);
    }
    if (r->n_terms > from + WORDS_SHOWN)
        cs_buf_printf(out, "%sone of %u more", between, r->n_terms - from - WORDS_SHOWN);
}

static void put_calls(const struct cs_derive_rule *r, struct cs_buf *out)
{
    cs_buf_str(out, r->op == CS_DERIVE_CALLED         ? "whether a source was looked up: "
                    : r->op == CS_DERIVE_FIRST_CALLED ? "the source looked up first, of "
                                                      : "how many results were looked up in ");
    for (uint32_t i = 0; i < r->n_terms; i++) {
        cs_buf_str(out, i > 0 ? " or " : "");
        cs_buf_str(out, r->terms[i].literal[0] != '\0' ? r->terms[i].literal : "any tool");
    }
}

static void put_rule(const struct cs_study *s, const struct cs_question *q, const struct cs_derive_rule *r,
                     enum cs_derive_kind kind, struct cs_buf *out);

static void put_parts(const struct cs_study *s, const struct cs_question *q, const struct cs_derive_rule *r,
                      const char *between, struct cs_buf *out)
{
    for (uint32_t i = 0; i < r->n_parts; i++) {
        const bool inner = r->parts[i].n_parts > 1;
        cs_buf_str(out, i > 0 ? between : "");
        cs_buf_str(out, inner ? "(" : "");
        put_rule(s, q, &r->parts[i], CS_DERIVES_BOOLEAN, out);
        cs_buf_str(out, inner ? ")" : "");
    }
}

/* "elements of grades whose GradeAI is ..., and label is ..." */
static void put_elements(const struct cs_study *s, const struct cs_question *q, const struct cs_derive_rule *r,
                         struct cs_buf *out)
{
    const struct cs_list_answer *a = q->fields[r->terms[0].at].list;
    cs_buf_printf(out, "elements of %s", q->fields[r->terms[0].at].name);
    for (uint32_t i = 1; i + 1 < r->n_terms; i += 2) {
        const struct cs_derive_term *what = &r->terms[i];
        const char *name = what->from == CS_DERIVE_MEMBER ? a->fields[what->at].name : what->literal;
        const bool again = i > 1 && what->from == what[-2].from && what->at == what[-2].at &&
                           strcmp(what->literal, what[-2].literal) == 0;
        if (again)
            cs_buf_str(out, " or ");
        else
            cs_buf_printf(out, "%s%s is ", i > 1 ? ", and " : " whose ", name);
        put_term(s, q, &r->terms[i + 1], out);
    }
}

static void put_list_rule(const struct cs_study *s, const struct cs_question *q, const struct cs_derive_rule *r,
                          struct cs_buf *out)
{
    if (r->op == CS_DERIVE_SHARE) {
        cs_buf_str(out, "the share of ");
        put_elements(s, q, &r->parts[0], out);
        cs_buf_str(out, ", among ");
        put_elements(s, q, &r->parts[1], out);
    } else if (r->op == CS_DERIVE_MEAN) {
        cs_buf_printf(out, "the mean %s of ", q->fields[r->terms[0].at].list->fields[r->terms[1].at].name);
        put_elements(s, q, &r->parts[0], out);
    } else {
        cs_buf_str(out, "the number of ");
        put_elements(s, q, r, out);
    }
}

static void put_rule(const struct cs_study *s, const struct cs_question *q, const struct cs_derive_rule *r,
                     enum cs_derive_kind kind, struct cs_buf *out)
{
    switch (r->op) {
    case CS_DERIVE_VALUE:
        put_term(s, q, &r->terms[0], out);
        return;
    case CS_DERIVE_EQUALS:
    case CS_DERIVE_DIFFERS:
        put_terms(s, q, r, 0, r->op == CS_DERIVE_EQUALS ? " is " : " is not ", out);
        return;
    case CS_DERIVE_CONTAINS:
        put_term(s, q, &r->terms[0], out);
        cs_buf_str(out, " contains ");
        put_terms(s, q, r, 1, " or ", out);
        return;
    case CS_DERIVE_QUOTED:
        put_term(s, q, &r->terms[0], out);
        cs_buf_str(out, " stands in ");
        put_terms(s, q, r, 1, " or ", out);
        cs_buf_str(out, " as it was cited");
        return;
    case CS_DERIVE_MATCHES:
        cs_buf_str(out, kind == CS_DERIVES_BOOLEAN ? "" : "what the first group takes where ");
        put_terms(s, q, r, 0, " matches ", out);
        return;
    case CS_DERIVE_ANY:
        put_parts(s, q, r, ", or ", out);
        return;
    case CS_DERIVE_ALL:
        put_parts(s, q, r, ", and ", out);
        return;
    case CS_DERIVE_NOT:
        cs_buf_str(out, "not ");
        put_parts(s, q, r, "", out);
        return;
    case CS_DERIVE_COUNT:
        cs_buf_str(out, "how many of these hold: ");
        put_parts(s, q, r, "; ", out);
        return;
    case CS_DERIVE_LENGTH:
        cs_buf_str(out, "the characters of ");
        put_term(s, q, &r->terms[0], out);
        return;
    case CS_DERIVE_LOOKUP:
        cs_buf_printf(out, "looked up in a table of %u rows by ", r->n_cells / (r->n_terms + 1));
        put_terms(s, q, r, 0, " and ", out);
        return;
    case CS_DERIVE_EXPECTED:
        cs_buf_str(out, "the mean of ");
        put_term(s, q, &r->terms[0], out);
        cs_buf_str(out, " over what else might have been said, by log probabilities");
        return;
    case CS_DERIVE_FIRST_CHANGE:
        cs_buf_str(out, "how many turns hold the first ");
        put_term(s, q, &r->terms[0], out);
        cs_buf_str(out, " before it changes");
        return;
    case CS_DERIVE_CHANGES:
        cs_buf_str(out, "how often ");
        put_term(s, q, &r->terms[0], out);
        cs_buf_str(out, " changes from turn to turn");
        return;
    case CS_DERIVE_ELEMENTS:
    case CS_DERIVE_SHARE:
    case CS_DERIVE_MEAN:
        put_list_rule(s, q, r, out);
        return;
    case CS_DERIVE_HARMONIC:
        cs_buf_str(out, "the harmonic mean of ");
        put_terms(s, q, r, 0, " and ", out);
        return;
    case CS_DERIVE_CALLED:
    case CS_DERIVE_FIRST_CALLED:
    case CS_DERIVE_CALLS:
        put_calls(r, out);
        return;
    case CS_DERIVE_OPS:
        break;
    }
}

void cs_rule_words(const struct cs_study *s, const struct cs_question *q, const struct cs_derived *d,
                   struct cs_buf *out)
{
    if (d->rule != NULL) {
        put_rule(s, q, d->rule, d->kind, out);
        return;
    }
    if (d->column == CS_NONE && (d->literal == NULL || d->literal[0] == '\0'))
        return;
    const struct cs_derive_term to = {d->column != CS_NONE ? CS_DERIVE_COLUMN : CS_DERIVE_LITERAL,
                                      d->column != CS_NONE ? d->column : 0, d->literal};
    cs_buf_printf(out, "%s is ", d->field < q->n_fields ? q->fields[d->field].name : "");
    put_term(s, q, &to, out);
}
