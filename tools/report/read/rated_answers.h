/* rated_answers.h - ratings by people as answers like others: a study with a further field "rated.FIELD" for everything that was rated.
 *
 * Only rated outputs are counted: elsewhere nobody was asked. The answer is the word of most raters; evenly split ones have none. Undeclared, and so
 * shown without a verdict. Thread: any may count, each into a grid of its own.
 */
#ifndef CS_RATED_H
#define CS_RATED_H

#include "tools/report/read/grid.h"
#include "tools/base/ratings.h"

#define CS_RATED_PREFIX "rated." /* no answer of a study file can have a dot in its name */

struct cs_rated;

/* Both must outlive it. NULL: nothing was rated that could be compared. */
struct cs_rated *cs_rated_answers_open(const struct cs_study *s, const struct cs_ratings *ratings);
const struct cs_study *cs_rated_answers_study(const struct cs_rated *r);
/* Counts the ratings of one output into a grid of the longer study. */
void cs_rated_answers_count(const struct cs_rated *r, const struct cs_digest *digest, struct cs_grid *g,
                            uint32_t case_index, uint32_t cell);
void cs_rated_answers_close(struct cs_rated *r); /* NULL is fine */

#endif
