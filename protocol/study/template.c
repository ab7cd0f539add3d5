#include "protocol/study/template.h"

#include <string.h>

static uint32_t find(const char *const *names, uint32_t n, const char *name, size_t len)
{
    for (uint32_t i = 0; i < n; i++)
        if (strncmp(names[i], name, len) == 0 && names[i][len] == '\0')
            return i;
    return CS_NONE;
}

static bool is(const char *name, size_t len, const char *word)
{
    return strlen(word) == len && memcmp(name, word, len) == 0;
}

static bool has_texts_per_case(const struct cs_factor *f)
{
    for (uint32_t i = 0; i < f->n_levels; i++)
        if (f->levels[i].text_column != CS_NONE)
            return true;
    return false;
}

bool cs_template_names_output(const char *name, size_t len)
{
    static const char *const heads[] = {"output", "first", "second", "parent"};
    const char *dot = memchr(name, '.', len);
    for (size_t i = 0; dot != NULL && i < sizeof heads / sizeof heads[0]; i++)
        if (is(name, (size_t)(dot - name), heads[i]))
            return true;
    return false;
}

static bool is_factor(const struct cs_study *s, const char *name, size_t len)
{
    for (uint32_t i = 0; i < s->n_factors; i++)
        if (is(name, len, s->factors[i].name))
            return true;
    return false;
}

static void factor_slot(const struct cs_study *s, const char *factor, size_t factor_len, const char *column,
                        size_t column_len, struct cs_piece *out)
{
    for (uint32_t i = 0; i < s->n_factors; i++) {
        const struct cs_factor *f = &s->factors[i];
        if (!is(factor, factor_len, f->name))
            continue;
        out->factor = i;
        out->column = find(f->columns, f->n_columns, column, column_len);
        if (out->column != CS_NONE)
            out->slot = CS_SLOT_FACTOR;
        else if (is(column, column_len, "text") && has_texts_per_case(f))
            out->slot = CS_SLOT_FACTOR_TEXT;
        return;
    }
}

/* Leaves CS_SLOT_END for a name that is not known. */
static void resolve(const struct cs_study *s, const char *name, size_t len, bool of_each, struct cs_piece *out)
{
    const char *dot = memchr(name, '.', len);
    if (dot == NULL)
        return;
    const size_t head = (size_t)(dot - name), tail = len - head - 1;
    if (of_each && is(name, head, "each") && tail > 0) {
        out->slot = CS_SLOT_ELEMENT;
        out->key = dot + 1;
        out->key_len = tail;
    } else if (is(name, head, "case")) {
        out->column = find(s->columns, s->n_columns, dot + 1, tail);
        if (out->column != CS_NONE)
            out->slot = CS_SLOT_CASE;
    } else if (is(name, head, "each") && (out->column = find(s->columns, s->n_columns, name, len)) != CS_NONE) {
        out->slot = CS_SLOT_CASE;
    } else if (cs_template_names_output(name, len) && !is_factor(s, name, head)) {
        out->column = find(s->columns, s->n_columns, name, len);
        if (out->column != CS_NONE)
            out->slot = CS_SLOT_CASE;
        out->judged = true;
    } else if (is(name, len, "question.ask")) {
        out->slot = CS_SLOT_ASK;
    } else if (is(name, len, "question.options")) {
        out->slot = CS_SLOT_OPTIONS;
    } else if (is(name, len, "question.list")) {
        out->slot = CS_SLOT_LIST;
    } else {
        factor_slot(s, name, head, dot + 1, tail, out);
    }
}

static enum cs_err next(const struct cs_study *s, const char **rest, bool of_each, struct cs_piece *out,
                        struct cs_error *err)
{
    const char *text = *rest, *open = strstr(text, "{{");
    *out = (struct cs_piece){.text = text, .factor = CS_NONE, .column = CS_NONE};
    if (open == NULL) {
        out->len = strlen(text);
        *rest = text + out->len;
        return CS_OK;
    }
    out->len = (size_t)(open - text);
    const char *name = open + 2, *close = strstr(name, "}}");
    if (close == NULL)
        return cs_error_set(err, CS_EINVAL, "\"%.40s\": a placeholder is opened by {{ and not closed by }}", open);
    const size_t fenced = strncmp(name, CS_TEMPLATE_FENCED, strlen(CS_TEMPLATE_FENCED)) == 0
                              ? strlen(CS_TEMPLATE_FENCED)
                              : 0;
    resolve(s, name + fenced, (size_t)(close - name) - fenced, of_each, out);
    out->fenced = fenced > 0;
    if (out->slot == CS_SLOT_END)
        return cs_error_set(err, CS_EINVAL,
                            "{{%.*s}} is not known; known are {{case.COLUMN}}, {{FACTOR.COLUMN}}, {{question.ask}} "
                            "and {{question.options}}",
                            close - name > 100 ? 100 : (int)(close - name), name);
    *rest = close + 2;
    return CS_OK;
}

enum cs_err cs_template_next(const struct cs_study *s, const char **rest, struct cs_piece *out, struct cs_error *err)
{
    return next(s, rest, false, out, err);
}

enum cs_err cs_template_next_of_each(const struct cs_study *s, const char **rest, struct cs_piece *out,
                                     struct cs_error *err)
{
    return next(s, rest, true, out, err);
}

bool cs_template_judges(const struct cs_study *s, const char *text)
{
    struct cs_piece piece;
    bool judges = false;
    while (!judges && cs_template_next(s, &text, &piece, NULL) == CS_OK && piece.slot != CS_SLOT_END)
        judges = piece.judged || piece.fenced;
    return judges;
}

static bool prompt_judges(const struct cs_study *s, const struct cs_template_set *p)
{
    bool any = cs_template_judges(s, p->system) || cs_template_judges(s, p->user);
    for (uint32_t i = 0; i < p->n_turns && !any; i++)
        any = cs_template_judges(s, p->turns[i].text);
    return any;
}

bool cs_template_study_judges(const struct cs_study *s)
{
    bool any = false;
    for (uint32_t i = 0; i < s->n_prompts && !any; i++)
        any = prompt_judges(s, &s->prompts[i]);
    for (uint32_t f = 0; f < s->n_factors && !any; f++) {
        for (uint32_t i = 0; i < s->factors[f].n_levels && !any; i++)
            any = s->factors[f].levels[i].system != NULL && cs_template_judges(s, s->factors[f].levels[i].system);
    }
    return any;
}

static enum cs_err check(const struct cs_study *s, const char *text, bool of_each, struct cs_error *err)
{
    struct cs_piece piece;
    enum cs_err rc;
    do
        rc = next(s, &text, of_each, &piece, err);
    while (rc == CS_OK && piece.slot != CS_SLOT_END);
    return rc;
}

enum cs_err cs_template_check(const struct cs_study *s, const char *text, struct cs_error *err)
{
    return check(s, text, false, err);
}

enum cs_err cs_template_check_of_each(const struct cs_study *s, const char *text, struct cs_error *err)
{
    return check(s, text, true, err);
}
