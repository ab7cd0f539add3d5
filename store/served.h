/* served.h - the row that says who has answered in a lane: the model that the provider says it served, and its fingerprint.
 *
 * "served/KEY" (KEY: cs_digest_lane_key in 16 hex digits, so that it outlives an edit), a line each in the order of first answers:
 *
 *     first answer (Unix ms) TAB model TAB fingerprint NL
 *
 * Pure; any thread.
 */
#ifndef CS_STORE_SERVED_H
#define CS_STORE_SERVED_H

#include <stdint.h>

enum { CS_SERVED_WORD = 160, CS_SERVED_LINE = 2 * CS_SERVED_WORD + 32 };

/* Appends nothing: writes the line into out, and gives its length. Words are cut, and have no control bytes. */
int cs_store_served_line(char out[CS_SERVED_LINE], int64_t wall_ms, const char *model, const char *fingerprint);
/* The number from 1 of the line with these words; 0: there is none. lines may be NULL. */
uint32_t cs_store_served_rank(const char *lines, const char *model, const char *fingerprint);

#endif
