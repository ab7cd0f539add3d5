/* html.h - writing markup so that no text of a study can become markup.
 *
 * cs_html is printf with one difference: what stands in for %s is escaped, always. The format itself is the only source
 * of tags. Conversions: %s %c %d %u %zu %lu %llu %f %g with flags, width and precision, and %%; any other is a broken
 * invariant. Write errors stay in the FILE (ferror); who writes the page looks once at the end. Thread: any, one FILE
 * each.
 */
#ifndef CS_REPORT_HTML_H
#define CS_REPORT_HTML_H

#include <stdio.h>

#include "protocol/base/error.h"

void cs_html(FILE *out, const char *fmt, ...) CS_PRINTF(2, 3);
/* Escapes markup; control characters and bytes that are not UTF-8 become U+FFFD. NULL writes nothing. */
void cs_html_text(FILE *out, const char *s);

#endif
