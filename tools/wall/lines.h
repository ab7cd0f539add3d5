/* lines.h - what the parts of a page are written with: lines that are cut or wrapped to its width, and end where the part ends. Pure. */
#ifndef CS_WALL_LINES_H
#define CS_WALL_LINES_H

#include "protocol/base/buf.h"
#include "tools/wall/page.h"
#include "tools/wall/table.h"

struct cs_wall_lines {
    struct cs_wall_page *page;
    struct cs_arena *arena;
    unsigned columns, until; /* no line at or beyond this */
};

void cs_wall_lines_add(struct cs_wall_lines *p, enum cs_wall_style style, const char *text);
/* At blanks, over as many lines as it needs, with its indent. */
void cs_wall_lines_wrapped(struct cs_wall_lines *p, enum cs_wall_style style, const char *text);
void cs_wall_lines_say(struct cs_wall_lines *p, enum cs_wall_style style, const char *format, ...)
    __attribute__((format(printf, 3, 4)));                        /* the same */
unsigned cs_wall_lines_wraps(const char *text, unsigned columns); /* so many lines does that take */
/* A text of several lines, wrapped with its indents, from the one on with number `top`. Returns how many it has (top UINT_MAX: only that). */
unsigned cs_wall_lines_scrolled(struct cs_wall_lines *p, const char *text, unsigned top);
/* Adds whole lines to those that are kept for later; what there is no room for any more goes from the front, as whole lines. */
void cs_wall_lines_keep(struct cs_buf *kept, const char *lines);
unsigned cs_wall_lines_left(const struct cs_wall_lines *p);
/* The headings and at most `most` rows, of which `chosen` is always one (UINT_MAX: none is); what is left out is counted. styles: one a row,
 * or NULL. */
void cs_wall_lines_table(struct cs_wall_lines *p, const struct cs_wall_table *t, unsigned most, unsigned chosen,
                         const enum cs_wall_style *styles);

#endif
