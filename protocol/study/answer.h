/* answer.h - typed answers: the JSON schema that asks for them, and the parser of the reply.
 *
 * The schema is {"type":"object","properties":{...},"required":[all],"additionalProperties":false}, fields in the order of the
 * study; boolean, ordinal, nominal are string enums (insufficient's word last), options an enum of letters A, B, ... as shown.
 * A bound of a number at DBL_MAX or beyond is not stated. A question without fields has no schema: any reply answers it.
 * Parsing is strict about values (a word outside the enum is unparsable) and lenient about wrapping: white space and one Markdown
 * code fence around the object are taken off. Words like "Yes", "None" are texts, never booleans or nulls.
 */
#ifndef CS_ANSWER_H
#define CS_ANSWER_H

#include "protocol/base/buf.h"
#include "protocol/study/plan.h"

/* Appends the schema of a question to out. */
void cs_answer_schema(const struct cs_study *s, uint32_t question, struct cs_buf *out);

enum { CS_OPTIONS_MAX = 26, CS_ANSWER_TEXT_MAX = 64 * 1024 };

struct cs_answer {
    const char *text;  /* canonical word: category, option's column name, text, number as text; NULL: none */
    uint32_t category; /* ordinal/nominal/options: index; boolean: 1 = yes word, 0 = no word; else CS_NONE */
    bool insufficient;
    double number;
};

/* Parses a reply into answers[n_fields] and derived[n_derived] (0, 1, or -1 unknown); strings live in arena.
 * Options need the case-independent order of `at` to map letters back. CS_EINVAL: unparsable, err says why. */
CS_WARN_UNUSED enum cs_err cs_answer_parse(const struct cs_study *s, const struct cs_coords *at,
                                           const struct cs_case *c, const char *text, size_t n, struct cs_arena *arena,
                                           struct cs_answer *answers, int *derived, struct cs_error *err);
/* As above without case and derived values: whether the reply parses (what the worker needs). */
CS_WARN_UNUSED enum cs_err cs_answer_check(const struct cs_study *s, uint32_t question, const char *text, size_t n,
                                           struct cs_error *err);

#endif
