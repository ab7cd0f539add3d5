/* num.h - numbers as a journal prints them, returned by value: cs_html(out, "<td>%s</td>", cs_num_signed(x, 1).s).
 *
 * A value that could not be estimated (NaN) is an en dash; minus is U+2212; whole numbers are grouped by narrow spaces.
 * Thread: any.
 */
#ifndef CS_REPORT_HTML_NUM_H
#define CS_REPORT_HTML_NUM_H

#include <stdint.h>

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
