/* csv_write.h - RFC 4180 rows: a field is quoted when it holds a comma, a quote, a line break, or a blank at an end.
 *
 * The same for Excel, which takes a table for one of an old code page, runs what begins like a formula, and tears a long cell apart: a
 * byte-order mark first (cs_csv_write_excel_begin), lines that end with CR LF, an apostrophe before a text that begins with = + - @ or a tab,
 * and at most CS_CSV_EXCEL_CELL characters of a text, with "[cut]" at the end. That copy is for looking, not for computing.
 */
#ifndef CS_CSV_WRITE_H
#define CS_CSV_WRITE_H

#include <stdbool.h>
#include <stdio.h>

enum { CS_CSV_EXCEL_CELL = 32000 }; /* Excel holds 32,767 */

void cs_csv_write_field(FILE *out, const char *text, bool first);
void cs_csv_write_end(FILE *out);

void cs_csv_write_excel_begin(FILE *out);
void cs_csv_write_excel_field(FILE *out, const char *text, bool first);
void cs_csv_write_excel_number(FILE *out, const char *number, bool first); /* as it is: -1 is not a formula */
void cs_csv_write_excel_end(FILE *out);

/* One or the other. */
void cs_csv_write_field_for(FILE *out, bool excel, const char *text, bool first);
void cs_csv_write_end_for(FILE *out, bool excel);

#endif
