#include "protocol/signals/metrics.h"

#include <math.h>
#include <string.h>

#include "protocol/base/plain.h"

void cs_metrics_family(struct cs_buf *out, const char *name, enum cs_metric kind, const char *help)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};

    cs_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kinds[kind]);
}

/* Of plain text only the backslash and the quote need an escape; plain.h has already written out line feeds. */
static void put_value(struct cs_buf *out, const char *value)
{
    struct cs_arena arena = {0};

    for (const char *p = cs_plain_in(&arena, value); *p != '\0'; p++) {
        if (*p == '\\' || *p == '"')
            cs_buf_char(out, '\\');
        cs_buf_char(out, *p);
    }
    cs_arena_release(&arena);
}

void cs_metrics_sample(struct cs_buf *out, const char *name, const struct cs_metrics_label *labels, unsigned n,
                       double value)
{
    cs_buf_str(out, name);
    for (unsigned i = 0; i < n; i++) {
        cs_buf_printf(out, "%c%s=\"", i == 0 ? '{' : ',', labels[i].name);
        put_value(out, labels[i].value);
        cs_buf_char(out, '"');
    }
    cs_buf_str(out, n > 0 ? "} " : " ");
    if (isnan(value))
        cs_buf_str(out, "NaN\n");
    else if (isinf(value))
        cs_buf_str(out, value > 0 ? "+Inf\n" : "-Inf\n");
    else
        cs_buf_printf(out, "%.15g\n", value);
}

void cs_metrics_one(struct cs_buf *out, const char *name, enum cs_metric kind, const char *help, double value)
{
    cs_metrics_family(out, name, kind, help);
    cs_metrics_sample(out, name, NULL, 0, value);
}
