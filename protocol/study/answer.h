/* answer.h - typed answers: the JSON schema that asks for them, and the parser of the reply.
 *
 * The schema is {"type":"object","properties":{...},"required":[all],"additionalProperties":false}, fields in the order of the
 * study; boolean, ordinal, nominal are string enums (insufficient's word last), options an enum of letters A, B, ... as shown.
 * A list answer is an object with a property for every element of the case's list, "1" to "n", each with the fields of the list. In a reply it may as
 * well be an array of objects that tell their number under the list's key (and where nothing else is asked, that array may be the whole
 * reply): systems whose form nobody holds to a schema answer so. Every element once, no other number: else unparsable.
 * A bound of a number at DBL_MAX or beyond is not stated. A question without fields has no schema: any reply answers it.
 * Parsing is strict about values (a word outside the enum is unparsable) and lenient about wrapping: white space and one Markdown
 * code fence around the object are taken off. Words like "Yes", "None" are texts, never booleans or nulls.
 *
 * `reading: lenient` takes more, where it can mean one thing only (lenient.h), and what was taken so is called salvaged. A question
 * without fields (`answer: free`) is answered by any text that is not blank.
 */
#ifndef CS_ANSWER_H
#define CS_ANSWER_H

#include <stdbool.h>

#include "protocol/base/buf.h"
#include "protocol/study/plan.h"

/* Appends the schema of a question to out. elements: of the case's list (list.h), 0 where there is none. */
void cs_schema_answer(const struct cs_study *s, uint32_t question, uint32_t elements, struct cs_buf *out);
/* The same of fields by themselves: arguments of a tool. */
void cs_schema_fields(const struct cs_field *fields, uint32_t n, struct cs_buf *out);
struct cs_schema_size { /* what providers limit: OpenAI takes 5,000 properties and 1,000 words in all */
    uint32_t properties, words;
};
enum { CS_SCHEMA_PROPERTIES_MAX = 5000, CS_SCHEMA_WORDS_MAX = 1000 };
struct cs_schema_size cs_schema_size(const struct cs_question *q, uint32_t elements);

enum { CS_OPTIONS_MAX = 26, CS_ANSWER_TEXT_MAX = 64 * 1024 };

struct cs_answer {
    const char *text;  /* canonical word: category, option's column name, text, number as text; NULL: none */
    uint32_t category; /* ordinal/nominal/options: index; boolean: 1 = yes word, 0 = no word; else CS_NONE */
    bool insufficient;
    double number;
    /* A list: text is JSON, [{KEY: 1, FIELD: word, ...}, ...] in the order of the numbers; and what it says, a row of the list's fields for
     * each element. */
    const struct cs_answer *elements;
    uint32_t n_elements;
};

struct cs_derived_value { /* a derived answer */
    bool known;           /* false: nothing to compute it from, or the model had too little information */
    bool yes;             /* booleans */
    double number;
    const char *text; /* "true", "false", the number or the text */
};

/* Why a reply is unparsable. The words are kept in the record (wire/output.h): they are appended, never renamed. */
#define CS_ANSWER_FAULT_TABLE(X)                                                                                       \
    X(NONE, "")                                                                                                        \
    X(EMPTY, "empty")             /* it says nothing */                                                                \
    X(NO_OBJECT, "no_object")     /* it is not a JSON object */                                                        \
    X(SEVERAL, "several_objects") /* lenient: it holds more than one */                                                \
    X(MISSING, "missing_field")                                                                                        \
    X(WORD, "unknown_word") /* a word that is not among the question's */                                              \
    X(TYPE, "wrong_type")   /* a number for a word, a text for a number, ... */                                        \
    X(RANGE, "out_of_range")                                                                                           \
    X(TOO_LONG, "too_long")                                                                                            \
    X(NO_TOOL, "no_tool_call")            /* the tool that was asked for was not called */                             \
    X(ENDED, "ended_oddly")               /* the provider's word for its end says that it is not whole: see finish */  \
    X(ELEMENT_MISSING, "missing_element") /* an element of the list has no answer */                                   \
    X(ELEMENT_TWICE, "double_element")                                                                                 \
    X(ELEMENT_FOREIGN, "foreign_element") /* a number that the list does not have */                                   \
    X(TOO_MANY, "too_many_calls")         /* it calls more tools at once than anything goes on from */
enum cs_answer_fault {
#define X(name, word) CS_ANSWER_##name,
    CS_ANSWER_FAULT_TABLE(X)
#undef X
        CS_ANSWER_FAULTS
};
const char *cs_answer_fault_name(enum cs_answer_fault f);
enum cs_answer_fault cs_answer_fault_of(const char *word); /* NONE: "", or a later one */

/* As the question says, else the model's account; else strict. */
bool cs_answer_lenient(const struct cs_study *s, uint32_t question, uint32_t model);

/* Parses a reply into answers[n_fields] and derived[n_derived] (derive.h); strings live in arena. lenient: of an output that
 * was salvaged, and of no other. Options need the case-independent order of `at` to map letters back. alternatives: of the
 * output (wire/output.h), "" or NULL where the provider told none. A question with a list needs the case. CS_EINVAL: unparsable, err says
 * why. */
CS_WARN_UNUSED enum cs_err cs_answer_parse(const struct cs_study *s, const struct cs_coords *at,
                                           const struct cs_case *c, const char *text, size_t n, bool lenient,
                                           const char *alternatives, struct cs_arena *arena, struct cs_answer *answers,
                                           struct cs_derived_value *derived, struct cs_error *err);

/* The answers alone: of a turn of a conversation. CS_EINVAL: unparsable. */
CS_WARN_UNUSED enum cs_err cs_answer_read(const struct cs_study *s, const struct cs_coords *at, const char *text,
                                          size_t n, bool lenient, struct cs_arena *arena, struct cs_answer *answers);

/* Whether a reply parses (what the worker needs), and if only a lenient reader could. elements: of the case's list. */
struct cs_answer_check {
    enum cs_answer_fault fault;
    bool salvaged;
};
struct cs_answer_check cs_answer_check(const struct cs_study *s, uint32_t question, uint32_t elements, bool lenient,
                                       const char *text, size_t n);

#endif
