/* judges_near.h - what a plan says of a study that judges another one's outputs: whose, how many, and which judges are near what they judge.
 *
 * A judge is near a model when both are one model, have one account, or are of one family: ids as sent that begin with the same word
 * ("gpt-4.1" and "gpt-5"). Thread: any.
 */
#ifndef CS_JUDGES_NEAR_H
#define CS_JUDGES_NEAR_H

#include <stdio.h>

#include "protocol/base/json.h"
#include "protocol/study/study.h"

/* Lines for people; nothing for a study of its own cases. Texts of the study go through the caller's door (base/plain.h). */
void cs_judges_near_print(const struct cs_study *s, FILE *out);
/* The same as an object, or NULL. */
struct cs_json *cs_judges_near_json(const struct cs_study *s);

#endif
