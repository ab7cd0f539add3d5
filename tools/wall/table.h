/* table.h - a table that fits: columns leave by their rank when there is not enough room, texts are cut, figures never.
 *
 * Widths are in columns of a terminal (wide.h). Pure; the cells' texts are copied into the arena.
 */
#ifndef CS_WALL_TABLE_H
#define CS_WALL_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "protocol/base/arena.h"

enum { CS_WALL_COLUMNS_MAX = 24, CS_WALL_LINE_MAX = 1024, CS_WALL_NAME = 20 };

struct cs_wall_column {
    const char *heading;
    unsigned rank; /* 0: always there; the highest leaves first */
    bool right;    /* figures: aligned right and never cut */
    unsigned
        least; /* texts: cut to no less than this; 0: not cut. Up to CS_WALL_NAME they are names: not cut until two look alike either */
};
struct cs_wall_table {
    struct cs_arena *arena;
    const struct cs_wall_column *columns;
    unsigned n_columns;
    const char **cells; /* rows x n_columns */
    unsigned n_rows, cap_rows;
};

/* The i-th cell of a new row begins as "". Returns the row. */
const char **cs_wall_table_row(struct cs_wall_table *t);
/* Chooses columns and widths for a line of `width`. */
struct cs_wall_layout {
    unsigned n, at[CS_WALL_COLUMNS_MAX], width[CS_WALL_COLUMNS_MAX],
        least[CS_WALL_COLUMNS_MAX]; /* columns, in their order */
};
void cs_wall_table_fit(const struct cs_wall_table *t, unsigned width, struct cs_wall_layout *out);
/* One line without blanks at its end; row UINT_MAX: the headings. */
void cs_wall_table_line(const struct cs_wall_table *t, const struct cs_wall_layout *l, unsigned row, char *out,
                        size_t size);
/* Cut to such a width, with "~" as the last one where something is missing. */
void cs_wall_table_cut(char *text, unsigned width);

#endif
