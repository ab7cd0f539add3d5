/* csv_write.h - RFC 4180 rows: a field is quoted when it holds a comma, a quote, a line break, or a blank at an end. */
#ifndef CS_CSV_WRITE_H
#define CS_CSV_WRITE_H

#include <stdbool.h>
#include <stdio.h>

void cs_csv_write_field(FILE *out, const char *text, bool first);
void cs_csv_write_end(FILE *out);

#endif
