#include "protocol/study/rule_check.h"

#include "protocol/base/pattern.h"
#include "protocol/study/script.h"

#define CHECK(holds, ...)                                                                                              \
    do {                                                                                                               \
        if (!(holds))                                                                                                  \
            return cs_error_set(err, CS_EINVAL, __VA_ARGS__);                                                          \
    } while (0)

static bool is_term(const struct cs_study *s, const struct cs_question *q, uint32_t derived,
                    const struct cs_derive_term *t)
{
    switch (t->from) {
    case CS_DERIVE_LITERAL:
        return t->literal != NULL;
    case CS_DERIVE_FIELD:
        return t->at < q->n_fields;
    case CS_DERIVE_TURN:
        return (t->at & ((1U << CS_DERIVE_TURN_SHIFT) - 1)) < q->n_fields &&
               cs_script_answers_at(q, t->at >> CS_DERIVE_TURN_SHIFT);
    case CS_DERIVE_EARLIER:
        return t->at < derived;
    case CS_DERIVE_COLUMN:
        return t->at < s->n_columns;
    case CS_DERIVE_REPLY:
        return true;
    case CS_DERIVE_MEMBER: /* in the rules of lists alone, which look at them themselves */
    case CS_DERIVE_OWN:
    case CS_DERIVE_FROMS:
        break;
    }
    return false;
}

static bool has_shape(const struct cs_derive_rule *r)
{
    const uint32_t terms = r->n_terms, parts = r->n_parts;
    switch (r->op) {
    case CS_DERIVE_VALUE:
    case CS_DERIVE_LENGTH:
    case CS_DERIVE_EXPECTED:
    case CS_DERIVE_FIRST_CHANGE:
    case CS_DERIVE_CHANGES:
        return terms == 1 && parts == 0;
    case CS_DERIVE_EQUALS:
    case CS_DERIVE_DIFFERS:
        return terms == 2 && parts == 0;
    case CS_DERIVE_CONTAINS:
    case CS_DERIVE_QUOTED:
        return terms >= 2 && parts == 0;
    case CS_DERIVE_MATCHES:
        return terms == 2 && parts == 0 && r->pattern != NULL;
    case CS_DERIVE_ANY:
    case CS_DERIVE_ALL:
    case CS_DERIVE_COUNT:
        return terms == 0 && parts >= 1;
    case CS_DERIVE_NOT:
        return terms == 0 && parts == 1;
    case CS_DERIVE_LOOKUP:
        return terms >= 1 && parts == 0 && r->n_cells % (terms + 1) == 0;
    case CS_DERIVE_ELEMENTS:
        return terms % 2 == 1 && parts == 0;
    case CS_DERIVE_SHARE:
        return terms == 1 && parts == 2;
    case CS_DERIVE_MEAN:
        return terms == 2 && parts == 1;
    case CS_DERIVE_HARMONIC:
        return terms >= 2 && parts == 0;
    case CS_DERIVE_CALLED:
    case CS_DERIVE_FIRST_CALLED:
    case CS_DERIVE_CALLS:
        return terms >= 1 && parts == 0;
    case CS_DERIVE_OPS:
        break;
    }
    return false;
}

static bool is_of_kind(const struct cs_derived *d)
{
    switch (d->rule->op) {
    case CS_DERIVE_COUNT:
    case CS_DERIVE_LENGTH:
    case CS_DERIVE_EXPECTED:
    case CS_DERIVE_FIRST_CHANGE:
    case CS_DERIVE_CHANGES:
    case CS_DERIVE_ELEMENTS:
    case CS_DERIVE_SHARE:
    case CS_DERIVE_MEAN:
    case CS_DERIVE_HARMONIC:
    case CS_DERIVE_CALLS:
        return d->kind == CS_DERIVES_NUMBER;
    case CS_DERIVE_FIRST_CALLED:
        return d->kind == CS_DERIVES_TEXT;
    case CS_DERIVE_LOOKUP:
        return d->kind == CS_DERIVES_NUMBER || d->kind == CS_DERIVES_TEXT;
    case CS_DERIVE_MATCHES:
        return d->kind == CS_DERIVES_BOOLEAN || (d->kind < CS_DERIVES && cs_pattern_has_group(d->rule->pattern));
    case CS_DERIVE_VALUE:
    case CS_DERIVE_EQUALS:
    case CS_DERIVE_DIFFERS:
    case CS_DERIVE_CONTAINS:
    case CS_DERIVE_QUOTED:
    case CS_DERIVE_ANY:
    case CS_DERIVE_ALL:
    case CS_DERIVE_NOT:
    case CS_DERIVE_CALLED:
        return d->kind == CS_DERIVES_BOOLEAN;
    case CS_DERIVE_OPS:
        break;
    }
    return false;
}

/* A term of a rule about elements, behind the list that the rule is about. */
static bool is_of_element(const struct cs_list_answer *a, const struct cs_derive_term *t)
{
    return t->from == CS_DERIVE_MEMBER
               ? t->at < a->n_fields
               : (t->from == CS_DERIVE_OWN || t->from == CS_DERIVE_LITERAL) && t->literal != NULL;
}

static bool is_measured(const struct cs_list_answer *a, const struct cs_derive_term *t)
{
    return t->from == CS_DERIVE_MEMBER && t->at < a->n_fields && a->fields[t->at].kind != CS_FIELD_TEXT &&
           a->fields[t->at].kind != CS_FIELD_NOMINAL;
}

/* Rules about the elements of a list: the list is their first term, and the first of their parts. */
static bool is_of_list(const struct cs_question *q, const struct cs_derive_rule *r, uint32_t depth)
{
    if (!has_shape(r) || r->n_terms > CS_DERIVE_TERMS_MAX || depth > 1 || (depth > 0 && r->op != CS_DERIVE_ELEMENTS))
        return false;
    const struct cs_derive_term *list = &r->terms[0];
    if (list->from != CS_DERIVE_FIELD || list->at >= q->n_fields || q->fields[list->at].kind != CS_FIELD_LIST)
        return false;
    const struct cs_list_answer *a = q->fields[list->at].list;
    for (uint32_t i = 1; i < r->n_terms; i++) {
        if (r->op == CS_DERIVE_MEAN ? !is_measured(a, &r->terms[i]) : !is_of_element(a, &r->terms[i]))
            return false;
    }
    for (uint32_t i = 0; i < r->n_parts; i++) {
        if (!is_of_list(q, &r->parts[i], depth + 1) || r->parts[i].terms[0].at != list->at)
            return false;
    }
    return true;
}

static bool is_about_elements(enum cs_derive_op op)
{
    return op == CS_DERIVE_ELEMENTS || op == CS_DERIVE_SHARE || op == CS_DERIVE_MEAN;
}

static enum cs_err check_rule(const struct cs_study *s, const struct cs_question *q, uint32_t derived,
                              const struct cs_derive_rule *r, uint32_t depth, struct cs_error *err)
{
    const char *name = q->derived[derived].name;
    enum cs_err rc = CS_OK;
    if (depth == 0 && is_about_elements(r->op)) {
        CHECK(is_of_list(q, r, 0), "\"%s\" is derived from a list by a rule of a wrong shape", name);
        return CS_OK;
    }
    CHECK(has_shape(r) && r->n_terms <= CS_DERIVE_TERMS_MAX && depth <= CS_DERIVE_DEPTH_MAX,
          "\"%s\" is derived by a rule of a wrong shape", name);
    CHECK(depth == 0 || r->op < CS_DERIVE_COUNT || r->op == CS_DERIVE_CALLED || r->op == CS_DERIVE_QUOTED,
          "\"%s\" has a part that is neither true nor false", name);
    const bool of_turns = r->op == CS_DERIVE_FIRST_CHANGE || r->op == CS_DERIVE_CHANGES;
    CHECK((r->op != CS_DERIVE_EXPECTED && !of_turns) || r->terms[0].from == CS_DERIVE_FIELD,
          "\"%s\" is computed from something that is no answer", name);
    CHECK(!of_turns || q->n_answer_at > 0, "\"%s\" changes over turns, of which there is one", name);
    const bool of_tools = r->op == CS_DERIVE_CALLED || r->op == CS_DERIVE_FIRST_CALLED || r->op == CS_DERIVE_CALLS;
    CHECK(!of_tools || (q->tools > 0 && r->terms[0].from == CS_DERIVE_LITERAL),
          "\"%s\" looks at calls of tools, of which there are none", name);
    for (uint32_t i = 0; i < r->n_terms; i++)
        CHECK(is_term(s, q, derived, &r->terms[i]), "\"%s\" is derived from something that is not there", name);
    for (uint32_t i = 0; i < r->n_parts && rc == CS_OK; i++)
        rc = check_rule(s, q, derived, &r->parts[i], depth + 1, err);
    return rc;
}

enum cs_err cs_rule_check(const struct cs_study *s, const struct cs_question *q, uint32_t i, struct cs_error *err)
{
    const struct cs_derived *d = &q->derived[i];
    if (d->rule == NULL) {
        CHECK(d->field < q->n_fields, "\"%s\" is derived from an answer that is not there", d->name);
        CHECK(d->column < s->n_columns || (d->column == CS_NONE && d->literal != NULL),
              "\"%s\" is derived from a column that is not there", d->name);
        CHECK(d->kind == CS_DERIVES_BOOLEAN, "\"%s\" compares words, and is not true or false", d->name);
        return CS_OK;
    }
    enum cs_err rc = check_rule(s, q, i, d->rule, 0, err);
    if (rc == CS_OK && !is_of_kind(d))
        rc = cs_error_set(err, CS_EINVAL, "\"%s\" is not of the kind that its rule makes", d->name);
    return rc;
}
