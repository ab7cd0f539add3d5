/* template.h - reading a prompt template: plain text and {{placeholders}}, left to right.
 *
 * Known placeholders: {{case.COLUMN}}, {{each.KEY}} and {{output.NAME}}, {{first.NAME}}, {{second.NAME}}, {{parent.NAME}} (the case column of that
 * whole name; a factor called output, first, second or parent goes before; in a turn for each element of a list {{each.KEY}} is the element's),
 * {{FACTOR.COLUMN}}, {{FACTOR.text}} (the text per case of a factor that has such, unless it has a column of that name), {{question.ask}},
 * {{question.options}}, {{question.list}}; and {{fenced X}}, where X is any of these: what it means, between marks (fence.h). There is one spelling of each, without
 * further spaces.
 * Pure; any thread.
 */
#ifndef CS_TEMPLATE_H
#define CS_TEMPLATE_H

#include <stddef.h>

#include "protocol/study/study.h"

enum cs_slot {
    CS_SLOT_END,
    CS_SLOT_CASE,
    CS_SLOT_FACTOR,
    CS_SLOT_FACTOR_TEXT,
    CS_SLOT_ASK,
    CS_SLOT_OPTIONS,
    CS_SLOT_ELEMENT,
    CS_SLOT_LIST
};

/* Opens {{fenced X}}. */
#define CS_TEMPLATE_FENCED "fenced "

struct cs_piece {
    const char *text; /* plain text, borrowed from the template, not NUL-terminated */
    size_t len;
    enum cs_slot slot; /* what follows it */
    uint32_t factor, column;
    const char *key; /* of an element: key_len bytes */
    size_t key_len;
    bool fenced; /* between marks */
    bool judged; /* CS_SLOT_CASE by the name of an output: {{output.NAME}} and the like */
};

/* The piece at *rest, which moves behind it; the last one has CS_SLOT_END. CS_EINVAL: a placeholder that is not known, or not closed. */
CS_WARN_UNUSED enum cs_err cs_template_next(const struct cs_study *s, const char **rest, struct cs_piece *out,
                                            struct cs_error *err);
/* The same in a turn for each element of a list: {{each.KEY}} is CS_SLOT_ELEMENT. */
CS_WARN_UNUSED enum cs_err cs_template_next_of_each(const struct cs_study *s, const char **rest, struct cs_piece *out,
                                                    struct cs_error *err);
/* Whether a name is one of those that show an output: output.NAME, first.NAME, second.NAME, parent.NAME. */
bool cs_template_names_output(const char *name, size_t len);
/* Whether a template (all its placeholders are known) shows another study's output, or fences something. */
bool cs_template_judges(const struct cs_study *s, const char *text);
/* Whether any template of a study does. */
bool cs_template_study_judges(const struct cs_study *s);
/* Whether every placeholder of a template is known. */
CS_WARN_UNUSED enum cs_err cs_template_check(const struct cs_study *s, const char *text, struct cs_error *err);
CS_WARN_UNUSED enum cs_err cs_template_check_of_each(const struct cs_study *s, const char *text, struct cs_error *err);

#endif
