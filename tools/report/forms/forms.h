/* forms.h - the finding for machines and terminals; the page for people is html/. Forms add no number of their own.
 *
 * Thread: any. Errors: CS_EIO while writing.
 */
#ifndef CS_REPORT_FORMS_H
#define CS_REPORT_FORMS_H

#include <stdbool.h>
#include <stdio.h>

#include "tools/report/model.h"

CS_WARN_UNUSED enum cs_err cs_forms_json(const struct cs_report *r, FILE *out, struct cs_error *err);
/* One table a file into a folder, which is made if need be; files of these names are replaced. excel: copies for Excel. */
CS_WARN_UNUSED enum cs_err cs_forms_csv(const struct cs_report *r, const char *dir, bool readable, bool excel,
                                        struct cs_error *err);
void cs_forms_terminal(const struct cs_report *r, FILE *out); /* some ten lines for the terminal */

#endif
