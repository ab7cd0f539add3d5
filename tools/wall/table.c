#include "tools/wall/table.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "protocol/base/assert.h"
#include "tools/wall/wide.h"

enum { GAP = 2 };

const char **cs_wall_table_row(struct cs_wall_table *t)
{
    CS_ASSERT(t->n_columns <= CS_WALL_COLUMNS_MAX);
    if (t->n_rows == t->cap_rows) {
        const unsigned cap = t->cap_rows != 0 ? 2 * t->cap_rows : 16;
        const char **cells = cs_arena_array(t->arena, (size_t)cap * t->n_columns, sizeof *cells);
        if (t->n_rows > 0)
            memcpy(cells, t->cells, sizeof *cells * t->n_rows * t->n_columns);
        t->cells = cells;
        t->cap_rows = cap;
    }
    const char **row = &t->cells[(size_t)t->n_rows++ * t->n_columns];
    for (unsigned i = 0; i < t->n_columns; i++)
        row[i] = "";
    return row;
}

void cs_wall_table_cut(char *text, unsigned width)
{
    unsigned n = 0, one;
    char *last = text;
    if (cs_wall_wide_columns(text) <= width)
        return;
    for (char *p = text; n < width; n += one) {
        last = p; /* one column is left from here */
        p += cs_wall_wide_step(p, &one);
    }
    if (width > 0)
        memcpy(last, "~", 2);
    else
        text[0] = '\0';
}

static unsigned natural(const struct cs_wall_table *t, unsigned c)
{
    unsigned widest = cs_wall_wide_columns(t->columns[c].heading);
    for (unsigned r = 0; r < t->n_rows; r++) {
        const unsigned w = cs_wall_wide_columns(t->cells[(size_t)r * t->n_columns + c]);
        widest = w > widest ? w : widest;
    }
    return widest;
}

static bool is_empty(const struct cs_wall_table *t, unsigned c)
{
    for (unsigned r = 0; r < t->n_rows; r++) {
        if (t->cells[(size_t)r * t->n_columns + c][0] != '\0')
            return false;
    }
    return t->n_rows > 0;
}

static unsigned total(const struct cs_wall_layout *l)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < l->n; i++)
        sum += l->width[i] + (i > 0 ? GAP : 0);
    return sum;
}

/* Columns that two texts need so that they differ, the mark of a cut among them; 0: they are the same. */
static unsigned apart(const char *a, const char *b)
{
    unsigned n = 0, one;
    if (strcmp(a, b) == 0)
        return 0;
    for (size_t step; *a != '\0'; a += step, b += step, n += one) {
        step = cs_wall_wide_step(a, &one);
        if (strncmp(a, b, step) != 0)
            return n + one + 1;
    }
    return n + 2;
}

static unsigned least(const struct cs_wall_table *t, unsigned c)
{
    const struct cs_wall_column *column = &t->columns[c];
    unsigned n = column->least;
    if (column->right || n == 0)
        return UINT_MAX;
    for (unsigned r = 1; column->least <= CS_WALL_NAME && r < t->n_rows;
         r++) { /* names that begin alike mostly stand together */
        const unsigned need = apart(t->cells[(size_t)(r - 1) * t->n_columns + c],
                                    t->cells[(size_t)r * t->n_columns + c]);
        n = need > n && need <= CS_WALL_NAME ? need : n;
    }
    return n;
}

/* What a text may lose. */
static unsigned slack(const struct cs_wall_layout *l, unsigned i)
{
    return l->width[i] > l->least[i] ? l->width[i] - l->least[i] : 0;
}

static unsigned slack_of_all(const struct cs_wall_layout *l)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < l->n; i++)
        sum += slack(l, i);
    return sum;
}

static bool leave_one(const struct cs_wall_table *t, struct cs_wall_layout *l)
{
    unsigned worst = 0, rank = 0;
    for (unsigned i = 0; i < l->n; i++) {
        if (t->columns[l->at[i]].rank >= rank) {
            rank = t->columns[l->at[i]].rank;
            worst = i;
        }
    }
    if (rank == 0)
        return false;
    l->n--;
    for (unsigned i = worst; i < l->n; i++) {
        l->at[i] = l->at[i + 1];
        l->width[i] = l->width[i + 1];
        l->least[i] = l->least[i + 1];
    }
    return true;
}

void cs_wall_table_fit(const struct cs_wall_table *t, unsigned width, struct cs_wall_layout *out)
{
    out->n = 0;
    for (unsigned c = 0; c < t->n_columns; c++) {
        if (is_empty(t, c))
            continue;
        out->at[out->n] = c;
        out->least[out->n] = least(t, c);
        out->width[out->n++] = natural(t, c);
    }
    while (total(out) > width + slack_of_all(out) && leave_one(t, out))
        ;
    while (total(out) > width) { /* from the widest text, a character at a time */
        unsigned at = 0;
        for (unsigned i = 1; i < out->n; i++) {
            if (slack(out, i) > slack(out, at))
                at = i;
        }
        if (slack(out, at) == 0)
            break;
        out->width[at]--;
    }
}

void cs_wall_table_line(const struct cs_wall_table *t, const struct cs_wall_layout *l, unsigned row, char *out,
                        size_t size)
{
    size_t n = 0;
    out[0] = '\0';
    for (unsigned i = 0; i < l->n; i++) {
        const unsigned c = l->at[i];
        char cell[CS_WALL_LINE_MAX];
        snprintf(cell, sizeof cell, "%s",
                 row == UINT_MAX ? t->columns[c].heading : t->cells[(size_t)row * t->n_columns + c]);
        cs_wall_table_cut(cell, l->width[i]);
        const int pad = (int)(l->width[i] - cs_wall_wide_columns(cell));
        const int w = snprintf(out + n, size - n, "%*s%*s%s%*s", i > 0 ? GAP : 0, "", t->columns[c].right ? pad : 0, "",
                               cell, t->columns[c].right ? 0 : pad, "");
        if (w < 0 || (size_t)w >= size - n)
            break;
        n += (size_t)w;
    }
    n = strlen(out);
    while (n > 0 && out[n - 1] == ' ')
        out[--n] = '\0';
}
