/* reread.h - a stored text read anew: what a reply comes to by the declarations of a later generation, or by a later version's parser.
 *
 * Only `ok` and `unparsable` depend on how a text is read, and turn into each other; all else is the provider's word and stays, and so
 * does an answer that is unparsable by the provider's word (no_tool_call, ended_oddly). The result stands on the place row of the
 * generation (store/README.md), the record is never touched. Pure; any thread.
 */
#ifndef CS_REREAD_H
#define CS_REREAD_H

#include "protocol/study/study.h"
#include "store/store.h"

/* What the output comes to in this lane of `s`, for this question; elements: of the case's list (study/list.h). Number 0: what it says of itself. number: the reading's. */
struct cs_rereading cs_store_reread_output(const struct cs_study *s, uint32_t lane, uint32_t question,
                                           uint32_t elements, const struct cs_output *o, uint32_t number);
/* Puts a reading into the output (outcome, salvaged, cause), and notes it in stored->reading. Number 0: nothing changes. */
void cs_store_reread_apply(const struct cs_rereading *r, struct cs_stored *stored);

#endif
