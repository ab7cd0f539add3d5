/* matcher.h - which of many texts does a prompt contain? One pass over the prompt, however many texts there are.
 *
 * A rolling hash (Karp and Rabin, "Efficient randomized pattern-matching algorithms", IBM J. 1987) of as many bytes
 * as the shortest text has, 32 at most, finds candidates, which are then compared in full. A text found inside a
 * longer found one ("is a woman" in "is a woman of color") does not count. Texts are not copied and must outlive the
 * matcher. Thread: any, once made.
 */
#ifndef CS_SIM_MATCHER_H
#define CS_SIM_MATCHER_H

#include <stddef.h>
#include <stdint.h>

struct cs_matcher;

/* No text may be empty. */
struct cs_matcher *cs_matcher_open(const char *const *texts, uint32_t n);
void cs_matcher_close(struct cs_matcher *m); /* NULL is fine */

enum cs_found { CS_FOUND_NONE, CS_FOUND_ONE, CS_FOUND_SEVERAL };
/* *which is set on CS_FOUND_ONE; a text that occurs twice is still one. */
enum cs_found cs_matcher_find(const struct cs_matcher *m, const char *prompt, size_t len, uint32_t *which);

#endif
