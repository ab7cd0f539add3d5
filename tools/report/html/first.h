/* first.h - the parts of the first screen; only the files of this folder include it. Thread: any, one page each. */
#ifndef CS_REPORT_FIRST_H
#define CS_REPORT_FIRST_H

#include "tools/report/html/first_rows.h"
#include "tools/report/html/page.h"

void cs_html_first_words(struct cs_page *p, const struct cs_first_rows *f);    /* a sentence a model */
void cs_html_first_picture(struct cs_page *p, const struct cs_first_rows *f);  /* who differs, how far */
void cs_html_first_conclude(struct cs_page *p, const struct cs_first_rows *f); /* what can and cannot be concluded */

#endif
