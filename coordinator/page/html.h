/* html.h - inside this folder only: pieces of a page. Every foreign text goes through cs_page_text. */
#ifndef CS_PAGE_HTML_H
#define CS_PAGE_HTML_H

#include "coordinator/page/facts.h"

/* Escaped for HTML, control characters and the like written out; at most CS_PAGE_TEXT_MAX bytes of it. */
enum { CS_PAGE_TEXT_MAX = 600 };
void cs_page_text(struct cs_buf *out, const char *text);
void cs_page_head(struct cs_buf *out, const char *title, const struct cs_page_facts *f);
void cs_page_foot(struct cs_buf *out, const struct cs_page_facts *f);
void cs_page_count(struct cs_buf *out, uint64_t n);            /* 1,234,567 */
void cs_page_usd(struct cs_buf *out, int64_t nano_usd);        /* $12.34 */
void cs_page_duration(struct cs_buf *out, double seconds);     /* "3 h 12 min"; "-" below 0 */
void cs_page_time(struct cs_buf *out, int64_t wall_ms);        /* "2026-11-29 14:22 UTC" */
void cs_page_bytes(struct cs_buf *out, uint64_t bytes);        /* 41 GB */
double cs_page_part(const struct cs_progress *p);              /* of what is wanted, 0 to 1 */
/* Answers a minute over the last day, as a drawing. */
void cs_page_pace(struct cs_buf *out, const struct cs_samples *s);

#endif
