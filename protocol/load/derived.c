/* derived.c - `derive:` of a question: rules by which answers are computed from answers. */
#include <stdlib.h>
#include <string.h>

#include "protocol/base/pattern.h"
#include "protocol/load/loader.h"
#include "protocol/study/answer.h"
#include "protocol/study/script.h"
#include "protocol/study/tools.h"

static const char *const ops[] = {[CS_DERIVE_VALUE] = "",
                                  [CS_DERIVE_EQUALS] = "equals",
                                  [CS_DERIVE_DIFFERS] = "differs",
                                  [CS_DERIVE_CONTAINS] = "contains",
                                  [CS_DERIVE_MATCHES] = "matches",
                                  [CS_DERIVE_ANY] = "any",
                                  [CS_DERIVE_ALL] = "all",
                                  [CS_DERIVE_NOT] = "not",
                                  [CS_DERIVE_COUNT] = "count",
                                  [CS_DERIVE_LENGTH] = "length",
                                  [CS_DERIVE_LOOKUP] = "lookup",
                                  [CS_DERIVE_EXPECTED] = "expected",
                                  [CS_DERIVE_FIRST_CHANGE] = "first_change",
                                  [CS_DERIVE_CHANGES] = "changes",
                                  [CS_DERIVE_ELEMENTS] = "count",
                                  [CS_DERIVE_SHARE] = "share",
                                  [CS_DERIVE_MEAN] = "mean",
                                  [CS_DERIVE_HARMONIC] = "harmonic",
                                  [CS_DERIVE_QUOTED] = "quoted_in",
                                  [CS_DERIVE_CALLED] = "called",
                                  [CS_DERIVE_FIRST_CALLED] = "first_called",
                                  [CS_DERIVE_CALLS] = "calls"};

struct deriving {
    struct cs_loader *l;
    const struct cs_question *q; /* its derived answers so far */
    struct cs_derived *d;        /* the one at hand */
};

/* ---- terms ------------------------------------------------------------------------------------------------- */

/* `pick@2`: the answer at a turn at which it is asked for; `pick@last` is `pick`. */
static bool find_at_turn(const struct cs_question *q, const char *name, struct cs_derive_term *out)
{
    const char *sign = strchr(name, '@');
    char *end;
    if (sign == NULL || sign == name)
        return false;
    const unsigned long turn = sign[1] >= '1' && sign[1] <= '9' ? strtoul(sign + 1, &end, 10) : 0;
    const bool last = strcmp(sign + 1, "last") == 0;
    if (!last && (turn == 0 || turn > CS_TURNS_MAX || *end != '\0' || !cs_script_answers_at(q, (uint32_t)turn)))
        return false;
    for (uint32_t i = 0; i < q->n_fields; i++) {
        if (strlen(q->fields[i].name) != (size_t)(sign - name) ||
            strncmp(q->fields[i].name, name, (size_t)(sign - name)) != 0)
            continue;
        *out = last ? (struct cs_derive_term){CS_DERIVE_FIELD, i, ""}
                    : (struct cs_derive_term){CS_DERIVE_TURN, (uint32_t)turn << CS_DERIVE_TURN_SHIFT | i, ""};
        return true;
    }
    return false;
}

/* An answer, or a derived one that stands before, by its name. */
static bool find_answer(const struct cs_question *q, const char *name, struct cs_derive_term *out)
{
    *out = (struct cs_derive_term){.literal = ""};
    for (uint32_t i = 0; i < q->n_fields; i++) {
        if (strcmp(q->fields[i].name, name) == 0)
            *out = (struct cs_derive_term){CS_DERIVE_FIELD, i, ""};
    }
    for (uint32_t i = 0; i < q->n_derived; i++) {
        if (strcmp(q->derived[i].name, name) == 0)
            *out = (struct cs_derive_term){CS_DERIVE_EARLIER, i, ""};
    }
    if (out->from == CS_DERIVE_LITERAL && strcmp(name, "reply") == 0)
        out->from = CS_DERIVE_REPLY;
    if (out->from == CS_DERIVE_LITERAL)
        return find_at_turn(q, name, out);
    return out->from != CS_DERIVE_LITERAL;
}

static enum cs_err need_any_answer(const struct deriving *in, const struct cs_node *n, struct cs_derive_term *out)
{
    const char *names[2 * CS_FIELDS_MAX + 1], *name;
    uint32_t n_names = 0;
    enum cs_err rc = cs_node_text(n, "an answer", &name, in->l->err);
    if (rc != CS_OK || find_answer(in->q, name, out))
        return rc;
    const char *sign = strchr(name, '@');
    if (sign != NULL && sign != name)
        return cs_yaml_fail(n, in->l->err,
                            "\"%s\" is no answer at a turn; write NAME@2 for a turn that answer_at names, or NAME@last",
                            name);
    for (uint32_t i = 0; i < in->q->n_fields; i++)
        names[n_names++] = in->q->fields[i].name;
    for (uint32_t i = 0; i < in->q->n_derived; i++)
        names[n_names++] = in->q->derived[i].name;
    if (n_names == 0)
        names[n_names++] = "reply";
    return cs_yaml_fail(n, in->l->err, "question \"%s\" has no answer \"%s\"%s", in->q->name, name,
                        cs_names_hint(name, names, n_names).text);
}

/* One that has a value of its own. */
static enum cs_err need_answer(const struct deriving *in, const struct cs_node *n, struct cs_derive_term *out)
{
    enum cs_err rc = need_any_answer(in, n, out);
    if (rc == CS_OK && out->from == CS_DERIVE_FIELD && in->q->fields[out->at].kind == CS_FIELD_LIST)
        rc = cs_yaml_fail(n, in->l->err,
                          "\"%s\" is a list; take a number of it first, as in {count: {of: %s, where: {...}}}", n->text,
                          n->text);
    return rc;
}

/* The field that it is the answer to, at whichever turn, or NULL. */
static const struct cs_field *field_of(const struct cs_question *q, const struct cs_derive_term *t)
{
    if (t->from == CS_DERIVE_TURN)
        return &q->fields[t->at & ((1U << CS_DERIVE_TURN_SHIFT) - 1)];
    return t->from == CS_DERIVE_FIELD ? &q->fields[t->at] : NULL;
}

static bool is_of_kind(const struct cs_question *q, const struct cs_derive_term *t, enum cs_field_kind kind)
{
    const struct cs_field *f = field_of(q, t);
    return f != NULL && f->kind == kind;
}

/* The field, where it is one with words to choose from. */
static const struct cs_field *choices_of(const struct cs_question *q, const struct cs_derive_term *t)
{
    const struct cs_field *f = field_of(q, t);
    return f != NULL && f->n_categories > 0 ? f : NULL;
}

static bool is_number(const struct cs_question *q, const struct cs_derive_term *t)
{
    return is_of_kind(q, t, CS_FIELD_NUMBER) ||
           (t->from == CS_DERIVE_EARLIER && q->derived[t->at].kind == CS_DERIVES_NUMBER);
}

static bool is_text(const struct cs_question *q, const struct cs_derive_term *t)
{
    return t->from == CS_DERIVE_REPLY || is_of_kind(q, t, CS_FIELD_TEXT) ||
           (t->from == CS_DERIVE_EARLIER && q->derived[t->at].kind == CS_DERIVES_TEXT);
}

static bool is_truth(const struct cs_question *q, const struct cs_derive_term *t)
{
    return is_of_kind(q, t, CS_FIELD_BOOLEAN) ||
           (t->from == CS_DERIVE_EARLIER && q->derived[t->at].kind == CS_DERIVES_BOOLEAN);
}

/* An answer that holds prose. */
static enum cs_err need_text(const struct deriving *in, const struct cs_node *n, const char *op,
                             struct cs_derive_term *out)
{
    enum cs_err rc = need_answer(in, n, out);
    if (rc == CS_OK && !is_text(in->q, out))
        rc = cs_yaml_fail(n, in->l->err,
                          "%s looks into a text, and \"%s\" is none; name a text answer, or reply for the whole reply",
                          op, n->text);
    return rc;
}

/* A list that begins with an answer. */
static enum cs_err need_list(const struct deriving *in, const struct cs_node *n, const char *example)
{
    if (n->kind == CS_NODE_LIST && n->n == 2)
        return CS_OK;
    return cs_yaml_fail(n, in->l->err, "%s takes an answer and %s", n->key, example);
}

/* ---- rules -------------------------------------------------------------------------------------------------- */

static bool share_a_word(const struct cs_field *a, const struct cs_field *b)
{
    for (uint32_t i = 0; i < a->n_categories; i++) {
        if (cs_load_answers_category(b, a->categories[i]) != CS_NONE)
            return true;
    }
    return false;
}

static bool is_a_number(const char *text)
{
    char *end = NULL;
    (void)strtod(text, &end);
    return end != text && *end == '\0';
}

/* What an answer is compared with: `case.COLUMN`, one of its words, another answer, or a text. */
static enum cs_err load_other(const struct deriving *in, const struct cs_node *n, const struct cs_derive_term *to,
                              struct cs_derive_term *out)
{
    struct cs_loader *l = in->l;
    const struct cs_field *f = choices_of(in->q, to), *other;
    const char *word;
    enum cs_err rc = cs_node_text(n, "what it is compared with", &word, l->err);
    if (rc != CS_OK)
        return rc;
    if (strncmp(word, "case.", 5) == 0) {
        *out = (struct cs_derive_term){CS_DERIVE_COLUMN, 0, ""};
        rc = cs_loader_column(l, n, "a comparison", &out->at);
        const struct cs_field *asked = field_of(in->q, to);
        return rc == CS_OK && asked != NULL ? cs_load_answers_labels(l, asked, out->at) : rc;
    }
    *out = (struct cs_derive_term){CS_DERIVE_LITERAL, 0, word};
    const bool own = f != NULL && (cs_load_answers_category(f, word) != CS_NONE ||
                                   (f->insufficient != NULL && strcmp(f->insufficient, word) == 0));
    struct cs_derive_term answer;
    if (!own && find_answer(in->q, word, &answer)) {
        other = choices_of(in->q, &answer);
        *out = answer;
        if (f != NULL && other != NULL && !share_a_word(f, other))
            return cs_yaml_fail(n, l->err, "\"%s\" and \"%s\" have no word in common, so that they are never equal",
                                f->name, other->name);
        return CS_OK;
    }
    if (f != NULL && !own)
        return cs_yaml_fail(n, l->err, "\"%s\" is no answer of \"%s\"%s; for a column write case.%s", word, f->name,
                            cs_names_hint(word, f->categories, f->n_categories).text, word);
    if (is_number(in->q, to) && !is_a_number(word))
        return cs_yaml_fail(n, l->err, "\"%s\" is no number, and what it is compared with is one", word);
    return CS_OK;
}

static enum cs_err load_comparison(const struct deriving *in, const struct cs_node *n, struct cs_derive_rule *r)
{
    struct cs_derive_term *t = cs_arena_array(in->l->arena, 2, sizeof *t);
    enum cs_err rc = need_list(in, n, "what it is compared with, as in [choice, case.cue]");
    if (rc == CS_OK)
        rc = need_answer(in, n->first, &t[0]);
    if (rc == CS_OK)
        rc = load_other(in, n->first->next, &t[0], &t[1]);
    r->terms = t;
    r->n_terms = 2;
    return rc;
}

/* A text answer, then texts and columns. */
static enum cs_err load_texts(const struct deriving *in, const struct cs_node *n, const char *example,
                              struct cs_derive_rule *r)
{
    const char *const *words = NULL;
    uint32_t n_words = 0;
    enum cs_err rc = need_list(in, n, example);
    if (rc == CS_OK)
        rc = cs_loader_words(in->l, n->first->next, n->key, &words, &n_words);
    if (rc == CS_OK && n_words + 1 > CS_DERIVE_TERMS_MAX)
        rc = cs_yaml_fail(n->first->next, in->l->err, "%u words; at most %d", n_words, CS_DERIVE_TERMS_MAX - 1);
    struct cs_derive_term *t = cs_arena_array(in->l->arena, (size_t)n_words + 1, sizeof *t);
    if (rc == CS_OK)
        rc = need_text(in, n->first, n->key, &t[0]);
    const struct cs_node *list = rc == CS_OK ? n->first->next : NULL, *c = NULL;
    if (list != NULL)
        c = list->kind == CS_NODE_LIST ? list->first : list;
    for (uint32_t i = 0; i < n_words && rc == CS_OK; i++, c = c->next) {
        t[i + 1] = (struct cs_derive_term){CS_DERIVE_LITERAL, 0, words[i]};
        if (strncmp(words[i], "case.", 5) == 0) {
            t[i + 1] = (struct cs_derive_term){CS_DERIVE_COLUMN, 0, ""};
            rc = cs_loader_column(in->l, c, n->key, &t[i + 1].at);
        }
    }
    r->terms = t;
    r->n_terms = n_words + 1;
    return rc;
}

/* `contains: [note, ["emergency", case.detail]]` */
static enum cs_err load_contains(const struct deriving *in, const struct cs_node *n, struct cs_derive_rule *r)
{
    return load_texts(in, n, "the words looked for in it, as in [note, [\"emergency\", \"call 112\"]]", r);
}

/* `quoted_in: [citation, case.text]` */
static enum cs_err load_quoted(const struct deriving *in, const struct cs_node *n, struct cs_derive_rule *r)
{
    enum cs_err rc = load_texts(in, n, "the texts that it is cited from, as in [citation, case.text]", r);
    const struct cs_node *c = n->kind == CS_NODE_LIST && n->n == 2 ? n->first->next : NULL;
    if (rc == CS_OK && c->kind == CS_NODE_TEXT && r->terms[1].from == CS_DERIVE_LITERAL)
        rc = cs_yaml_fail(c, in->l->err,
                          "a passage is cited from \"%s\"; write case.%s for a column, or [\"...\"] for a text",
                          c->text, c->text);
    return rc;
}

static enum cs_err load_matches(const struct deriving *in, const struct cs_node *n, struct cs_derive_rule *r)
{
    struct cs_derive_term *t = cs_arena_array(in->l->arena, 2, sizeof *t);
    struct cs_error why = {0};
    enum cs_err rc = need_list(in, n, "a pattern, as in [note, \"[0-9]+ ?mg\"]");
    if (rc == CS_OK)
        rc = need_text(in, n->first, "matches", &t[0]);
    if (rc == CS_OK)
        rc = cs_node_text(n->first->next, "the pattern", &t[1].literal, in->l->err);
    if (rc == CS_OK && cs_pattern_compile(t[1].literal, in->l->arena, &r->pattern, &why) != CS_OK)
        rc = cs_yaml_fail(n->first->next, in->l->err, "%s", why.msg);
    r->terms = t;
    r->n_terms = 2;
    return rc;
}

static enum cs_err load_length(const struct deriving *in, const struct cs_node *n, struct cs_derive_rule *r)
{
    struct cs_derive_term *t = cs_arena_array(in->l->arena, 1, sizeof *t);
    r->terms = t;
    r->n_terms = 1;
    return need_text(in, n, "length", t);
}

/* `expected: triage`: what was written before an answer is part of what its next word hangs on. */
static enum cs_err load_expected(const struct deriving *in, const struct cs_node *n, struct cs_derive_rule *r)
{
    struct cs_derive_term *t = cs_arena_array(in->l->arena, 1, sizeof *t);
    enum cs_err rc = need_answer(in, n, t);
    r->terms = t;
    r->n_terms = 1;
    if (rc != CS_OK)
        return rc;
    const struct cs_field *f = t->from == CS_DERIVE_FIELD ? &in->q->fields[t->at] : NULL;
    if (f == NULL || (f->kind != CS_FIELD_BOOLEAN && f->kind != CS_FIELD_ORDINAL))
        return cs_yaml_fail(n, in->l->err, "expected takes an answer that is boolean or ordinal, and \"%s\" is neither",
                            n->text);
    for (uint32_t i = 0; i < t->at; i++) {
        if (in->q->fields[i].kind == CS_FIELD_TEXT)
            return cs_yaml_fail(
                n, in->l->err,
                "\"%s\" is asked for behind the text \"%s\": after reasoning in words the next word's probability "
                "is no longer the model's doubt; ask for it first",
                n->text, in->q->fields[i].name);
    }
    return CS_OK;
}

/* `first_change: pick`, `changes: pick` */
static enum cs_err load_over_turns(const struct deriving *in, const struct cs_node *n, struct cs_derive_rule *r)
{
    struct cs_derive_term *t = cs_arena_array(in->l->arena, 1, sizeof *t);
    enum cs_err rc = need_answer(in, n, t);
    r->terms = t;
    r->n_terms = 1;
    if (rc == CS_OK && t->from != CS_DERIVE_FIELD)
        rc = cs_yaml_fail(n, in->l->err, "%s takes an answer of the question by its name alone; \"%s\" is none", n->key,
                          n->text);
    if (rc == CS_OK && in->q->n_answer_at < 2)
        rc = cs_yaml_fail_key(n, in->l->err,
                              "%s goes over turns; say at which the answer is asked for, as in answer_at: [1, 2, 3]",
                              n->key);
    return rc;
}

static enum cs_err load_lookup(const struct deriving *in, const struct cs_node *n, struct cs_derive_rule *r)
{
    static const char *const keys[] = {"file", "by", "value", NULL};
    const struct cs_node *by = NULL;
    const char *name;
    enum cs_err rc = cs_node_map(n, "lookup", keys, in->l->err);
    if (rc == CS_OK)
        rc = cs_node_need(n, "lookup", "by", &by, in->l->err);
    if (rc == CS_OK)
        rc = cs_node_any_map(by, "by", in->l->err);
    if (rc == CS_OK && (by->n == 0 || by->n > 8))
        rc = cs_yaml_fail(by, in->l->err, "by has %u keys; write 1 to 8, as in {case_id: case.case_id, option: choice}",
                          by->n);
    struct cs_derive_term *t = cs_arena_array(in->l->arena, rc == CS_OK ? by->n : 1, sizeof *t);
    r->terms = t;
    for (const struct cs_node *c = rc == CS_OK ? by->first : NULL; c != NULL && rc == CS_OK; c = c->next, t++) {
        rc = cs_node_text(c, "a key", &name, in->l->err);
        *t = (struct cs_derive_term){CS_DERIVE_COLUMN, 0, ""};
        if (rc == CS_OK)
            rc = strncmp(name, "case.", 5) == 0 ? cs_loader_column(in->l, c, "by", &t->at) : need_answer(in, c, t);
        r->n_terms++;
    }
    return rc == CS_OK ? cs_load_lookup(in->l, n, in->q, in->d->kind, r) : rc;
}

/* ---- rules over a list --------------------------------------------------------------------------------------- */

/* The number or order of an element that is averaged. */
static enum cs_err load_value(const struct deriving *in, const struct cs_node *n, const struct cs_list_answer *a,
                              struct cs_derive_term *out)
{
    const char *names[CS_FIELDS_MAX], *name;
    enum cs_err rc = cs_node_text(n, "value", &name, in->l->err);
    for (uint32_t i = 0; i < a->n_fields && rc == CS_OK; i++) {
        const enum cs_field_kind kind = a->fields[i].kind;
        names[i] = a->fields[i].name;
        if (strcmp(name, names[i]) != 0)
            continue;
        *out = (struct cs_derive_term){CS_DERIVE_MEMBER, i, ""};
        if (kind == CS_FIELD_TEXT || kind == CS_FIELD_NOMINAL)
            return cs_yaml_fail(n, in->l->err, "\"%s\" has no order; take the share of its words", name);
        return CS_OK;
    }
    return rc != CS_OK ? rc
                       : cs_yaml_fail(n, in->l->err, "the elements have no answer \"%s\"%s", name,
                                      cs_names_hint(name, names, a->n_fields).text);
}

/* `{of: LIST, where: {...}}`, with `among:` for a share and `value: FIELD` for a mean. */
static enum cs_err load_list_rule(const struct deriving *in, const struct cs_node *n, struct cs_derive_rule *r)
{
    static const char *const counts[] = {"of", "where", NULL}, *const shares[] = {"of", "where", "among", NULL},
                             *const means[] = {"of", "where", "value", NULL};
    const bool share = r->op == CS_DERIVE_SHARE, mean = r->op == CS_DERIVE_MEAN;
    const struct cs_node *of = NULL, *value = NULL, *where = cs_node_get(n, "where");
    struct cs_derive_term *t = cs_arena_array(in->l->arena, 2, sizeof *t);
    enum cs_err rc = cs_node_map(n, n->key, share ? shares : mean ? means : counts, in->l->err);
    if (rc == CS_OK)
        rc = cs_node_need(n, n->key, "of", &of, in->l->err);
    if (rc == CS_OK)
        rc = need_any_answer(in, of, &t[0]);
    if (rc == CS_OK && (t[0].from != CS_DERIVE_FIELD || in->q->fields[t[0].at].kind != CS_FIELD_LIST))
        rc = cs_yaml_fail(of, in->l->err, "of is \"%s\", which is no list", of->text);
    if (rc == CS_OK && share)
        rc = cs_node_need(n, n->key, "where", &where, in->l->err);
    if (rc == CS_OK && mean)
        rc = cs_node_need(n, n->key, "value", &value, in->l->err);
    if (rc != CS_OK)
        return rc;
    if (!share && !mean)
        return cs_load_graded_where(in->l, in->q, t[0].at, where, r);
    struct cs_derive_rule *parts = cs_arena_array(in->l->arena, 2, sizeof *parts);
    *r = (struct cs_derive_rule){
        .op = r->op, .terms = t, .n_terms = mean ? 2 : 1, .parts = parts, .n_parts = mean ? 1 : 2};
    rc = cs_load_graded_where(in->l, in->q, t[0].at, where, &parts[0]);
    if (rc == CS_OK && share)
        rc = cs_load_graded_where(in->l, in->q, t[0].at, cs_node_get(n, "among"), &parts[1]);
    return rc == CS_OK && mean ? load_value(in, value, in->q->fields[t[0].at].list, &t[1]) : rc;
}

/* `harmonic: [safety, restraint]` */
static enum cs_err load_harmonic(const struct deriving *in, const struct cs_node *n, struct cs_derive_rule *r)
{
    enum cs_err rc = cs_node_list(n, "harmonic", in->l->err);
    if (rc == CS_OK && (n->n < 2 || n->n > CS_FIELDS_MAX))
        rc = cs_yaml_fail(n, in->l->err, "harmonic takes 2 to %d numbers, as in [precision, recall]", CS_FIELDS_MAX);
    struct cs_derive_term *t = cs_arena_array(in->l->arena, rc == CS_OK ? n->n : 1, sizeof *t);
    r->terms = t;
    for (const struct cs_node *c = rc == CS_OK ? n->first : NULL; c != NULL && rc == CS_OK; c = c->next) {
        rc = need_answer(in, c, &t[r->n_terms]);
        if (rc == CS_OK && !is_number(in->q, &t[r->n_terms++]))
            rc = cs_yaml_fail(c, in->l->err, "\"%s\" is no number, and a harmonic mean is of numbers", c->text);
    }
    return rc;
}

/* `called: TOOL`, `first_called: any`, `calls: [TOOL, TOOL]` */
static enum cs_err load_calls(const struct deriving *in, const struct cs_node *n, struct cs_derive_rule *r)
{
    const struct cs_toolset *set = cs_tools_of(in->l->s, in->q);
    const char *const *words = NULL, *names[CS_TOOLS_MAX];
    uint32_t n_words = 0;
    if (set == NULL)
        return cs_yaml_fail_key(n, in->l->err, "%s looks at calls of tools; question \"%s\" has none", n->key,
                                in->q->name);
    enum cs_err rc = cs_loader_words(in->l, n, n->key, &words, &n_words);
    if (rc == CS_OK && (n_words == 0 || n_words > CS_TOOLS_MAX))
        rc = cs_yaml_fail(n, in->l->err, "%s names 1 to %d tools, or any", n->key, CS_TOOLS_MAX);
    struct cs_derive_term *t = cs_arena_array(in->l->arena, n_words + 1, sizeof *t);
    for (uint32_t i = 0; i < set->n_tools; i++)
        names[i] = set->tools[i].name;
    for (uint32_t i = 0; i < n_words && rc == CS_OK; i++) {
        const bool any = strcmp(words[i], "any") == 0;
        bool found = any;
        for (uint32_t k = 0; k < set->n_tools; k++)
            found |= strcmp(names[k], words[i]) == 0;
        t[i] = (struct cs_derive_term){CS_DERIVE_LITERAL, set->max_calls, any ? "" : words[i]};
        if (!found)
            rc = cs_yaml_fail(n, in->l->err, "there is no tool \"%s\"%s", words[i],
                              cs_names_hint(words[i], names, set->n_tools).text);
    }
    r->terms = t;
    r->n_terms = n_words;
    return rc;
}

static enum cs_err load_rule(const struct deriving *in, const struct cs_node *n, uint32_t depth,
                             struct cs_derive_rule *r);

/* The name of something that is true or false, or a rule. */
static enum cs_err load_part(const struct deriving *in, const struct cs_node *n, uint32_t depth,
                             struct cs_derive_rule *r)
{
    if (depth > CS_DERIVE_DEPTH_MAX)
        return cs_yaml_fail(n, in->l->err, "rules within rules more than %d deep; give the inner one a name of its own",
                            CS_DERIVE_DEPTH_MAX);
    if (n->kind != CS_NODE_TEXT)
        return load_rule(in, n, depth, r);
    struct cs_derive_term *t = cs_arena_array(in->l->arena, 1, sizeof *t);
    *r = (struct cs_derive_rule){.op = CS_DERIVE_VALUE, .terms = t, .n_terms = 1};
    enum cs_err rc = need_answer(in, n, t);
    if (rc == CS_OK && !is_truth(in->q, t))
        rc = cs_yaml_fail(n, in->l->err, "\"%s\" is neither true nor false; write a rule, as in {equals: [%s, ...]}",
                          n->text, n->text);
    return rc;
}

static enum cs_err load_parts(const struct deriving *in, const struct cs_node *n, uint32_t depth,
                              struct cs_derive_rule *r)
{
    const bool one = r->op == CS_DERIVE_NOT;
    if (!one && (n->kind != CS_NODE_LIST || n->n == 0 || n->n > CS_FIELDS_MAX))
        return cs_yaml_fail(n, in->l->err, "%s takes a list of 1 to %d rules, as in [{equals: [a, \"Yes\"]}, b]",
                            n->key, CS_FIELDS_MAX);
    struct cs_derive_rule *parts = cs_arena_array(in->l->arena, one ? 1 : n->n, sizeof *parts);
    enum cs_err rc = CS_OK;
    r->parts = parts;
    for (const struct cs_node *c = one ? n : n->first; c != NULL && rc == CS_OK; c = one ? NULL : c->next)
        rc = load_part(in, c, depth + 1, &parts[r->n_parts++]);
    return rc;
}

/* The one key of a rule that says what it does. */
static enum cs_err find_op(const struct deriving *in, const struct cs_node *n, const struct cs_node **out,
                           enum cs_derive_op *op)
{
    static const char *const keys[] = {"equals",  "differs",      "contains", "matches", "any",      "all",
                                       "not",     "count",        "length",   "lookup",  "expected", "first_change",
                                       "changes", "as",           "share",    "mean",    "harmonic", "quoted_in",
                                       "called",  "first_called", "calls",    NULL};
    enum cs_err rc = cs_node_map(n, n->key != NULL ? n->key : "a rule", keys, in->l->err);
    *out = NULL;
    for (int i = CS_DERIVE_EQUALS; i < CS_DERIVE_OPS && rc == CS_OK; i++) {
        const struct cs_node *v = i == CS_DERIVE_ELEMENTS ? NULL : cs_node_get(n, ops[i]); /* count has two forms */
        if (v != NULL && *out != NULL)
            rc = cs_yaml_fail_key(v, in->l->err,
                                  "a rule is %s and %s; keep one, or put both under all: or any:", (*out)->key, v->key);
        if (v != NULL) {
            *out = v;
            *op = (enum cs_derive_op)i;
        }
    }
    if (rc == CS_OK && *out == NULL)
        rc = cs_yaml_fail(n, in->l->err,
                          "a derived answer needs a rule: equals differs contains matches any all not count "
                          "length lookup expected first_change changes share mean harmonic "
                          "quoted_in called first_called or calls");
    if (rc == CS_OK && *op == CS_DERIVE_COUNT && (*out)->kind == CS_NODE_MAP)
        *op = CS_DERIVE_ELEMENTS;
    return rc;
}

static enum cs_err load_rule(const struct deriving *in, const struct cs_node *n, uint32_t depth,
                             struct cs_derive_rule *r)
{
    const struct cs_node *what = NULL, *as = cs_node_get(n, "as");
    enum cs_err rc = find_op(in, n, &what, &r->op);
    if (rc == CS_OK && depth > 0 && r->op >= CS_DERIVE_COUNT && r->op != CS_DERIVE_CALLED && r->op != CS_DERIVE_QUOTED)
        rc = cs_yaml_fail_key(what, in->l->err, "%s gives no true or false; give it a name of its own", what->key);
    if (rc == CS_OK && depth > 0 && as != NULL)
        rc = cs_yaml_fail_key(as, in->l->err, "within a rule everything is true or false; leave as out");
    if (rc != CS_OK)
        return rc;
    switch (r->op) {
    case CS_DERIVE_EQUALS:
    case CS_DERIVE_DIFFERS:
        return load_comparison(in, what, r);
    case CS_DERIVE_CONTAINS:
        return load_contains(in, what, r);
    case CS_DERIVE_QUOTED:
        return load_quoted(in, what, r);
    case CS_DERIVE_MATCHES:
        return load_matches(in, what, r);
    case CS_DERIVE_LENGTH:
        return load_length(in, what, r);
    case CS_DERIVE_LOOKUP:
        return load_lookup(in, what, r);
    case CS_DERIVE_EXPECTED:
        return load_expected(in, what, r);
    case CS_DERIVE_FIRST_CHANGE:
    case CS_DERIVE_CHANGES:
        return load_over_turns(in, what, r);
    case CS_DERIVE_ELEMENTS:
    case CS_DERIVE_SHARE:
    case CS_DERIVE_MEAN:
        return load_list_rule(in, what, r);
    case CS_DERIVE_HARMONIC:
        return load_harmonic(in, what, r);
    case CS_DERIVE_CALLED:
    case CS_DERIVE_FIRST_CALLED:
    case CS_DERIVE_CALLS:
        return load_calls(in, what, r);
    case CS_DERIVE_ANY:
    case CS_DERIVE_ALL:
    case CS_DERIVE_NOT:
    case CS_DERIVE_COUNT:
    case CS_DERIVE_VALUE:
    case CS_DERIVE_OPS:
        break;
    }
    return load_parts(in, what, depth, r);
}

/* ---- a derived answer ------------------------------------------------------------------------------------------ */

/* `as: number` or `text`, of the rules that can be more than one kind; a table's values are numbers unless said otherwise. */
static enum cs_err load_kind(const struct deriving *in, const struct cs_node *n)
{
    static const char *const words[] = {"boolean", "number", "text", NULL};
    const struct cs_node *as = n->kind == CS_NODE_MAP ? cs_node_get(n, "as") : NULL;
    const bool lookup = n->kind == CS_NODE_MAP && cs_node_get(n, "lookup") != NULL,
               matches = n->kind == CS_NODE_MAP && cs_node_get(n, "matches") != NULL,
               counts = n->kind == CS_NODE_MAP &&
                        (cs_node_get(n, "count") != NULL || cs_node_get(n, "length") != NULL ||
                         cs_node_get(n, "expected") != NULL || cs_node_get(n, "first_change") != NULL ||
                         cs_node_get(n, "changes") != NULL || cs_node_get(n, "share") != NULL ||
                         cs_node_get(n, "mean") != NULL || cs_node_get(n, "harmonic") != NULL ||
                         cs_node_get(n, "calls") != NULL),
               names = n->kind == CS_NODE_MAP && cs_node_get(n, "first_called") != NULL;
    uint32_t word = lookup || counts ? CS_DERIVES_NUMBER : names ? CS_DERIVES_TEXT : CS_DERIVES_BOOLEAN;
    enum cs_err rc = as != NULL ? cs_node_word(as, "as", words, &word, in->l->err) : CS_OK;
    if (rc == CS_OK && as != NULL && n->n > 1 && !(matches || (lookup && word != CS_DERIVES_BOOLEAN)))
        rc = cs_yaml_fail_key(as, in->l->err,
                              lookup ? "what a table says is a number or a text"
                                     : "as goes with matches and lookup; the other rules are of one kind");
    in->d->kind = (enum cs_derive_kind)word;
    return rc;
}

static enum cs_err check_new(const struct deriving *in, const struct cs_node *n)
{
    struct cs_derive_term t;
    enum cs_err rc = cs_load_answers_name(in->l, n, "the name of an answer", CS_NAME_FIELD);
    if (rc == CS_OK && find_answer(in->q, n->key, &t) && t.from == CS_DERIVE_FIELD)
        rc = cs_yaml_fail_key(n, in->l->err, "\"%s\" is an answer already; give the derived one another name", n->key);
    return rc;
}

/* An answer that equals a word or a column needs no rule: it is told as it always was. */
static bool is_simple(const struct cs_derive_rule *r)
{
    return r->op == CS_DERIVE_EQUALS && r->terms[0].from == CS_DERIVE_FIELD &&
           (r->terms[1].from == CS_DERIVE_COLUMN || r->terms[1].from == CS_DERIVE_LITERAL);
}

static enum cs_err load_one(struct cs_loader *l, const struct cs_question *q, const struct cs_node *n,
                            struct cs_derived *d)
{
    const struct deriving in = {l, q, d};
    struct cs_derive_rule *r = cs_arena_array(l->arena, 1, sizeof *r);
    *d = (struct cs_derived){.name = n->key, .column = CS_NONE, .literal = ""};
    enum cs_err rc = check_new(&in, n);
    if (rc == CS_OK)
        rc = load_kind(&in, n);
    if (rc == CS_OK)
        rc = load_rule(&in, n, 0, r);
    if (rc == CS_OK && r->op == CS_DERIVE_MATCHES && d->kind != CS_DERIVES_BOOLEAN && !cs_pattern_has_group(r->pattern))
        rc = cs_yaml_fail(cs_node_get(n, "matches")->first->next, l->err,
                          "the pattern has no group; put what is wanted of it in ( ), as in \"([0-9]+) ?mg\"");
    if (rc != CS_OK)
        return rc;
    if (!is_simple(r)) {
        d->rule = r;
        return CS_OK;
    }
    d->field = r->terms[0].at;
    d->column = r->terms[1].from == CS_DERIVE_COLUMN ? r->terms[1].at : CS_NONE;
    d->literal = r->terms[1].from == CS_DERIVE_COLUMN ? NULL : r->terms[1].literal;
    return CS_OK;
}

enum cs_err cs_load_derived(struct cs_loader *l, const struct cs_node *derive, struct cs_question *q)
{
    if (derive == NULL)
        return CS_OK;
    enum cs_err rc = cs_node_any_map(derive, "derive", l->err);
    if (rc == CS_OK && derive->n > CS_FIELDS_MAX)
        rc = cs_yaml_fail(derive, l->err, "%u derived answers; at most %d", derive->n, CS_FIELDS_MAX);
    if (rc != CS_OK)
        return rc;
    struct cs_derived *derived = cs_arena_array(l->arena, derive->n, sizeof *derived);
    q->derived = derived;
    for (const struct cs_node *c = derive->first; c != NULL && rc == CS_OK; c = c->next) {
        rc = load_one(l, q, c, &derived[q->n_derived]);
        q->n_derived++;
    }
    return rc;
}
