/* detail.h - the wall screen's smaller parts: workers, how calls end, one lane in full, events. Pure; lines are appended to a page. */
#ifndef CS_WALL_DETAIL_H
#define CS_WALL_DETAIL_H

#include "tools/wall/page.h"

/* Rows that the workers take of a page with so many left. */
unsigned cs_wall_detail_workers_rows(const struct cs_wall_look *look, unsigned left);
void cs_wall_detail_workers(const struct cs_wall_look *look, unsigned columns, unsigned rows, struct cs_arena *arena,
                            struct cs_wall_page *out);
/* "CALLS A MINUTE  1,204 answered  38 limited (429)": of all lanes. */
void cs_wall_detail_ends(const struct cs_wall_look *look, char *out, size_t size);
/* All that is known of out->lane. */
void cs_wall_detail_lane(const struct cs_wall_look *look, unsigned columns, unsigned rows, struct cs_arena *arena,
                         struct cs_wall_page *out);
void cs_wall_detail_events(const struct cs_wall_look *look, unsigned columns, unsigned rows, struct cs_arena *arena,
                           struct cs_wall_page *out);

#endif
