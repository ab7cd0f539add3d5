/* list.h - the list of a case whose elements a list answer grades (elements.h). They are numbered from 1, as the model sees and answers them.
 * Pure; any thread.
 */
#ifndef CS_LIST_H
#define CS_LIST_H

#include "protocol/base/buf.h"
#include "protocol/base/elements.h"
#include "protocol/study/study.h"

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
