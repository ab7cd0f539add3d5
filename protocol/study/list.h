/* list.h - a list that a case brings, whose elements a list answer grades: texts, or objects with keys of their own.
 *
 * Elements are numbered from 1, as the model sees and answers them; a text has the one key `text`. What stands in an element is read as
 * cells of a table are: numbers and truth values as the texts they are written as, what is nested as JSON, null as nothing.
 * Pure; any thread. What is read lives in the caller's arena.
 */
#ifndef CS_LIST_H
#define CS_LIST_H

#include "protocol/base/buf.h"
#include "protocol/base/json.h"
#include "protocol/study/study.h"

enum { CS_LIST_MAX = 1000, CS_LIST_KEYS_MAX = 256 /* of one element */ };

struct cs_list_element {
    const char *const *keys, *const *values;
    uint32_t n;
};
struct cs_list {
    const struct cs_list_element *elements;
    uint32_t n;
};

/* CS_EINVAL: it is no list, is empty, or has too much; err is the end of a sentence. */
CS_WARN_UNUSED enum cs_err cs_list_read(const char *json, struct cs_arena *arena, struct cs_list *out,
                                        struct cs_error *err);
/* What element i (from 0) has under a key, or "". */
const char *cs_list_value(const struct cs_list *l, uint32_t i, const char *key);
/* A value inside an element as a text. */
const char *cs_list_text(struct cs_arena *arena, const struct cs_json *v);

/* The question's list answer, or NULL. */
const struct cs_field *cs_list_of(const struct cs_question *q);
/* How many elements the question's list has in this case: 0 where it has no list answer, or the case no list. */
uint32_t cs_list_elements(const struct cs_study *s, uint32_t question, const struct cs_case *c);
/* The same for those who have no case at hand: looked up only where the question has a list. */
CS_WARN_UNUSED enum cs_err cs_list_elements_at(const struct cs_study *s, uint32_t question,
                                               const struct cs_case_source *cases, uint32_t case_index, uint32_t *out,
                                               struct cs_error *err);
/* `{{question.list}}`: a line an element, "1. text". */
void cs_list_write(const struct cs_list_answer *a, const char *json, struct cs_buf *out);

#endif
