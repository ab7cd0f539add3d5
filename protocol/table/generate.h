/* generate.h - made-up cases of any number, for load tests and for designs whose real texts are not ours.
 *
 * The same kind and seed give the same texts on every machine, all different from one another by construction, and
 * the first n do not depend on n. Adults, without sex, pronouns or sex-specific anatomy; plausible, not reviewed, not
 * for care.
 *   ed          case_id, setting, text: an emergency visit, about 100 words
 *   fabricated  case_id, setting, text_short, text_long, detail: a visit with one invented finding in both texts
 *   notes       item_id, source (notes, social, vignettes), text with the marker [claim], and one column for each way
 *               to make the false claim: neutral, authority, popularity, tradition, nature, emotion, ignorance,
 *               anecdote, slippery_slope, dilemma, generalisation
 */
#ifndef CS_GENERATE_H
#define CS_GENERATE_H

#include "protocol/table/table.h"

enum { CS_GENERATE_MAX = 200 * 1000 };

extern const char *const cs_generate_names[]; /* NULL-terminated; a kind is a place in it */

void cs_generate(uint32_t kind, uint32_t n, uint64_t seed, struct cs_arena *arena, struct cs_table *out);

#endif
