/* lenient.h - inside answer.c: a reply read by what it can only mean (`reading: lenient`).
 *
 * Taken off: a byte order mark, a leading block of thinking (<think>...</think> and kin; one that does not end leaves nothing), prose and
 * fences around the one JSON object, special tokens behind it; one that stands in a JSON string is taken out. The object may have what
 * repair.h mends. Two objects, or a member twice, stay unreadable, whatever they say.
 * Taken for a word: the same in another case, with other dashes, blanks or quotes around it; true and false for a boolean's words; a
 * number's digits. Taken for a number: a text that is one. For a member's name: the same in another case. Only where one thing fits.
 */
#ifndef CS_LENIENT_H
#define CS_LENIENT_H

#include <stdbool.h>

#include "protocol/base/json.h"
#include "protocol/study/answer.h"

struct cs_json;

/* The one object (json_decref), or NULL and why. lists: an array of objects, too. */
struct cs_json *cs_lenient_root(const char *text, size_t n, bool lists, enum cs_answer_fault *fault);
/* The member of that name, else the only one of that name in another case; or NULL. */
struct cs_json *cs_lenient_member(struct cs_json *object, const char *name);
/* What a strict reader would take in its place for this field, a new reference: the word as the question writes it, the number. What means
 * none of it comes back as it is. */
struct cs_json *cs_lenient_value(const struct cs_field *f, struct cs_json *value);

#endif
