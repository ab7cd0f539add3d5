/* wide.h - how many columns of a terminal a text takes: two for Chinese, Japanese and Korean characters and most pictures, none for a mark upon
 * the character before; by the C library's own table (wcwidth), whatever locale is set. Pure; thread: the one of the screen. */
#ifndef CS_WALL_WIDE_H
#define CS_WALL_WIDE_H

#include <stddef.h>

/* The bytes of the character that a text, which is not empty, begins with, and its columns. What is no UTF-8 is bytes of one column each. */
size_t cs_wall_wide_step(const char *text, unsigned *columns);
unsigned cs_wall_wide_columns(const char *text);

#endif
