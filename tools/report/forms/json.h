/* json.h - inside report_json*.c only: how values of a report stand in JSON. NULL: not known. */
#ifndef CS_REPORT_JSON_H
#define CS_REPORT_JSON_H

#include <jansson.h>

#include "tools/report/analysis/report.h"

json_t *cs_json_figure(struct cs_report_figure f);
json_t *cs_json_span(struct cs_report_span s); /* [low, high] */
const char *cs_json_level(const struct cs_report *r, uint32_t factor, uint32_t l);
const char *cs_json_factor(const struct cs_report *r, uint32_t f);
const char *cs_json_against(enum cs_comparator a);
/* Adds a row; simulated: with the sentence that stands on every figure of a simulated model. */
void cs_json_append(json_t *list, json_t *row, bool simulated);

/* report_json_more.c: outcomes, generations, usable, rates, category_tests, ranges, warrants, agreements, reruns. */
void cs_report_json_more(const struct cs_report *r, json_t *to);

#endif
