/* document.h - the report as one HTML file: everything inline, nothing fetched, readable without JavaScript.
 *
 * Streams to `out`: memory does not grow with the report. The report is only read. Thread: any, one FILE each.
 * Errors: CS_EIO when `out` could not be written (the FILE may have more to tell when it is closed).
 */
#ifndef CS_REPORT_HTML_DOCUMENT_H
#define CS_REPORT_HTML_DOCUMENT_H

#include <stdio.h>

#include "protocol/base/error.h"
#include "tools/report/model.h"

CS_WARN_UNUSED enum cs_err cs_html_document(const struct cs_report *r, FILE *out, struct cs_error *err);

#endif
