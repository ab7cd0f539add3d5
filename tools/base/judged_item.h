/* judged_item.h - what people rate of a study of judges: not a judge's reply but the text that was judged, under one question.
 *
 * Its digest takes the place of an output's in ratings (ratings.h): the first 16 bytes of BLAKE2b-256 over "judged", question, case id and the
 * judged texts, each followed by 1f. So a rating goes with the text: it holds for every judge, panel and wording of the prompt, and
 * not for another text. Pure; any thread.
 */
#ifndef CS_JUDGED_ITEM_H
#define CS_JUDGED_ITEM_H

#include "protocol/base/digest.h"
#include "protocol/study/study.h"

enum { CS_JUDGED_TEXTS_MAX = 2 };
/* The columns of what is judged: output.text, or first.text and second.text. 0: the cases have none. */
uint32_t cs_judged_item_texts(const struct cs_study *s, uint32_t columns[CS_JUDGED_TEXTS_MAX]);
struct cs_digest cs_judged_item_digest(const struct cs_study *s, const struct cs_case *c, uint32_t question);

#endif
