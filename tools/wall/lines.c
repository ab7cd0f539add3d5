#include "tools/wall/lines.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tools/wall/wide.h"

void cs_wall_lines_add(struct cs_wall_lines *p, enum cs_wall_style style, const char *text)
{
    char line[CS_WALL_LINE_MAX];
    if (cs_wall_lines_left(p) == 0)
        return;
    snprintf(line, sizeof line, "%s", text);
    cs_wall_table_cut(line, p->columns);
    p->page->lines[p->page->n++] = (struct cs_wall_line){cs_arena_strdup(p->arena, line), style};
}

/* Bytes of text that a line of so many columns takes: up to a blank, if there is one; and one character, if it takes none. */
static size_t fits(const char *text, unsigned columns)
{
    size_t n = 0, end = 0, step;
    for (unsigned width = 0, one; text[n] != '\0'; n += step, width += one) {
        step = cs_wall_wide_step(text + n, &one);
        if ((width + one > columns && n > 0) || n + step >= CS_WALL_LINE_MAX)
            break;
        if (text[n + step] == ' ' || text[n + step] == '\0')
            end = n + step;
    }
    return end > 0 ? end : n;
}

void cs_wall_lines_wrapped(struct cs_wall_lines *p, enum cs_wall_style style, const char *text)
{
    char line[CS_WALL_LINE_MAX];
    const int indent = (int)strspn(text, " ");
    text += indent;
    do {
        const bool is_last = cs_wall_lines_left(p) == 1; /* what does not fit there is seen to be cut */
        const size_t n = is_last ? strlen(text) : fits(text, p->columns - (unsigned)indent);
        snprintf(line, sizeof line, "%*s%.*s", indent, "", (int)n, text);
        cs_wall_lines_add(p, style, line);
        text += n;
        text += strspn(text, " ");
    } while (*text != '\0' && cs_wall_lines_left(p) > 0);
}

unsigned cs_wall_lines_wraps(const char *text, unsigned columns)
{
    const unsigned indent = (unsigned)strspn(text, " ");
    unsigned n = 0;
    text += indent;
    do {
        text += fits(text, columns - indent);
        text += strspn(text, " ");
        n++;
    } while (*text != '\0');
    return n;
}

void cs_wall_lines_say(struct cs_wall_lines *p, enum cs_wall_style style, const char *format, ...)
{
    char line[CS_WALL_LINE_MAX];
    va_list ap;
    va_start(ap, format);
    vsnprintf(line, sizeof line, format, ap);
    va_end(ap);
    cs_wall_lines_wrapped(p, style, line);
}

unsigned cs_wall_lines_scrolled(struct cs_wall_lines *p, const char *text, unsigned top)
{
    enum { INDENT_MAX = 12 };
    char line[CS_WALL_LINE_MAX];
    unsigned n = 0;
    while (*text != '\0') {
        const size_t len = strcspn(text, "\n"), blanks = strspn(text, " ");
        const unsigned indent = blanks < INDENT_MAX ? (unsigned)blanks : INDENT_MAX;
        const char *at = text + (blanks < len ? blanks : len), *end = text + len;
        char *one = cs_arena_strndup(p->arena, at, (size_t)(end - at)), *piece = one;
        do {
            const size_t some = fits(piece, p->columns > indent ? p->columns - indent : 1);
            snprintf(line, sizeof line, "%*s%.*s", (int)indent, "", (int)some, piece);
            if (n++ >= top)
                cs_wall_lines_add(p, CS_WALL_PLAIN, line);
            piece += some;
            piece += strspn(piece, " ");
        } while (*piece != '\0');
        text = end + (*end == '\n');
    }
    return n;
}

void cs_wall_lines_keep(struct cs_buf *kept, const char *lines)
{
    const size_t n = strlen(lines), room = n < kept->max ? kept->max - n : 0;
    if (kept->len > room) {
        char *end = memchr(kept->data + (kept->len - room - 1), '\n', room + 1);
        const size_t gone = end != NULL ? (size_t)(end + 1 - kept->data) : kept->len;
        memmove(kept->data, kept->data + gone, kept->len - gone);
        kept->len -= gone;
    }
    cs_buf_str(kept, n <= kept->max ? lines : lines + n - kept->max);
}

unsigned cs_wall_lines_left(const struct cs_wall_lines *p)
{
    const unsigned until = p->until < CS_WALL_ROWS_MAX ? p->until : CS_WALL_ROWS_MAX;
    return until > p->page->n ? until - p->page->n : 0;
}

void cs_wall_lines_table(struct cs_wall_lines *p, const struct cs_wall_table *t, unsigned most, unsigned chosen,
                         const enum cs_wall_style *styles)
{
    struct cs_wall_layout layout;
    char line[CS_WALL_LINE_MAX];
    unsigned from = 0, shown = t->n_rows;
    if (most < 2)
        return;
    cs_wall_table_fit(t, p->columns, &layout);
    cs_wall_table_line(t, &layout, UINT_MAX, line, sizeof line);
    cs_wall_lines_add(p, CS_WALL_SOFT, line);
    if (shown > most - 1) {
        shown = most > 2 ? most - 2 : 1; /* a line says how many more */
        if (chosen != UINT_MAX && chosen >= shown)
            from = chosen - shown + 1;
    }
    for (unsigned r = from; r < from + shown; r++) {
        cs_wall_table_line(t, &layout, r, line, sizeof line);
        cs_wall_lines_add(p, styles != NULL ? styles[r] : CS_WALL_PLAIN, line);
    }
    if (shown < t->n_rows && most > 2)
        cs_wall_lines_say(p, CS_WALL_SOFT, "and %u more", t->n_rows - shown);
}
