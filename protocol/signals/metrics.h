/* metrics.h - figures in the text format that Prometheus reads (version 0.0.4).
 *
 * Source: prometheus.io/docs/instrumenting/exposition_formats and .../practices/naming: a family is a HELP line, a TYPE line and then all of
 * its samples; counters end in _total, units are base units (seconds, bytes). Labels have few values: never a case, a trial or a text.
 * Pure; any thread.
 */
#ifndef CS_METRICS_H
#define CS_METRICS_H

#include "protocol/base/buf.h"

enum cs_metric { CS_METRIC_COUNTER, CS_METRIC_GAUGE, CS_METRIC_HISTOGRAM };
struct cs_metrics_label {
    const char *name, *value; /* value: any text; control characters and the like are written out (base/plain.h) */
};

void cs_metrics_family(struct cs_buf *out, const char *name, enum cs_metric kind, const char *help);
/* labels may be NULL when n is 0. A value that is not finite is written as NaN, +Inf, -Inf. */
void cs_metrics_sample(struct cs_buf *out, const char *name, const struct cs_metrics_label *labels, unsigned n,
                       double value);
/* A family of one sample without labels. */
void cs_metrics_one(struct cs_buf *out, const char *name, enum cs_metric kind, const char *help, double value);

#endif
