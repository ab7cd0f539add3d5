/* markup.h - inside this folder only: pieces of a page. Every foreign text goes through cs_markup_text. */
#ifndef CS_MARKUP_H
#define CS_MARKUP_H

#include "coordinator/page/facts.h"

/* Escaped for HTML, control characters and the like written out; at most CS_MARKUP_TEXT_MAX bytes of it. */
enum { CS_MARKUP_TEXT_MAX = 600 };
void cs_markup_text(struct cs_buf *out, const char *text);
void cs_markup_head(struct cs_buf *out, const char *title, const struct cs_page_facts *f);
/* A heading with this id (text: any), and a table below it that scrolls by itself; headings: '#' before one of figures. */
void cs_markup_table(struct cs_buf *out, const char *id, const char *text, const char *const *headings, unsigned n);
void cs_markup_table_end(struct cs_buf *out);
void cs_markup_foot(struct cs_buf *out, const struct cs_page_facts *f);
void cs_markup_count(struct cs_buf *out, uint64_t n);                  /* 1,234,567 */
void cs_markup_usd(struct cs_buf *out, int64_t nano_usd);              /* $12.34 */
void cs_markup_spent(struct cs_buf *out, const struct cs_progress *p); /* "at least $2.73", where not all was told */
void cs_markup_duration(struct cs_buf *out, double seconds);           /* "3 h 12 min"; "-" below 0 */
void cs_markup_time(struct cs_buf *out, int64_t wall_ms);              /* "2026-11-29 14:22 UTC" */
void cs_markup_bytes(struct cs_buf *out, uint64_t bytes);              /* 41 GB */
/* Answers a minute over the last day, as a drawing. */
void cs_markup_pace(struct cs_buf *out, const struct cs_samples *s);

#endif
