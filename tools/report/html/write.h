/* write.h - writing markup so that no text of a study can become markup, and numbers as a journal prints them.
 *
 * cs_html is printf with one difference: what stands in for %s is escaped, always. The format itself is the only source
 * of tags. Conversions: %s %c %d %u %zu %lu %llu %f %g with flags, width and precision, and %%; any other is a broken
 * invariant. Write errors stay in the FILE (ferror); who writes the page looks once at the end. Thread: any, one FILE
 * each.
 */
#ifndef CS_REPORT_HTML_WRITE_H
#define CS_REPORT_HTML_WRITE_H

#include <stdint.h>
#include <stdio.h>

#include "protocol/base/error.h"

void cs_html(FILE *out, const char *fmt, ...) CS_PRINTF(2, 3);
/* Escapes markup; control characters and bytes that are not UTF-8 become U+FFFD. NULL writes nothing. */
void cs_html_text(FILE *out, const char *s);

/* A number as text, returned by value: cs_html(out, "<td>%s</td>", cs_num_signed(x, 1).s). A value that could not be
 * estimated (NaN) is an en dash; minus is U+2212; whole numbers are grouped by narrow spaces. */
struct cs_num {
    char s[64];
};
struct cs_num cs_num_fixed(double x, int decimals);
struct cs_num cs_num_signed(double x, int decimals); /* +4.2, -0.3, 0.0 without a sign */
struct cs_num cs_num_interval(double lo, double hi, int decimals);
struct cs_num cs_num_count(uint64_t n);
struct cs_num cs_num_p(double p);       /* "0.032", "< 0.001" */
struct cs_num cs_num_percent(double x); /* a share 0..1 as "12.3 %" */

#endif
