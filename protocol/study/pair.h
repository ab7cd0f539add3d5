/* pair.h - which of two outputs a judge prefers: the answer of kind `pair`.
 *
 * It is a nominal answer with these words, so that schema, reader, derived answers and export know it as they know any other; what the two
 * orders of a pair come to together is computed behind them (tools/judged/panel.h). Pure; any thread.
 */
#ifndef CS_PAIR_H
#define CS_PAIR_H

#include <stdbool.h>

#include "protocol/study/study.h"

enum cs_pair { CS_PAIR_FIRST, CS_PAIR_SECOND, CS_PAIR_TIE, CS_PAIR_WORDS };

/* "first", "second", "tie": the categories of `pair: tie`; without the last of `pair: forced`. */
extern const char *const cs_pair_words[CS_PAIR_WORDS];

bool cs_pair_is(const struct cs_field *f);

#endif
