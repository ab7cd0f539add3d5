/* tool_rows.h - the rows of a tool's table that one case can look up: those whose keys of the case are this case's, whatever the arguments.
 *
 * They alone are part of a trial's identity (tools.h) and of what its calls can cost, so another row may come or change without it. Keys of the case
 * stand before the arguments (load/tool_list.c): the rows are neighbours then, found by halving. A table without keys of the case is all reachable;
 * what is asked of it is reckoned once, when it is loaded or comes over the wire. Pure; any thread.
 */
#ifndef CS_TOOL_ROWS_H
#define CS_TOOL_ROWS_H

#include "protocol/study/study.h"

/* Order of two rows by their n keys, as a table has them: without regard to capitals a-z and to blanks around. */
int cs_tool_rows_compare(const char *const *a, const char *const *b, uint32_t n);

/* Reckons what holds for the whole table; to be done once, before the others are asked. A tool without a table: nothing. */
void cs_tool_rows_seal(struct cs_tool *t);

/* key_texts: for each key the case's text, or NULL for an argument. */

/* The longest result as JSON writes it; 0: no row is reachable. */
size_t cs_tool_rows_longest(const struct cs_tool *t, const char *const *key_texts);
/* BLAKE2b-256( number of rows u32, for each its keys and what is returned, as texts of tools.h ) */
void cs_tool_rows_digest(const struct cs_tool *t, const char *const *key_texts, uint8_t out[32]);

/* Bytes of a text as JSON writes it, with its quotes. */
size_t cs_tool_rows_written(const char *text);

#endif
