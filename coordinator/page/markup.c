#include "coordinator/page/markup.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "protocol/base/plain.h"

/* Okabe and Ito's colours, darkened for text; nothing is told by colour alone. */
const char cs_markup_css[] =
    ":root{--paper:#fff;--ink:#1b1e22;--soft:#555c66;--line:#d3d8de;--tint:#f5f7f9;--bar:#2c8f74;--bad:#a83800;"
    "--bad-bg:#fdeadb;color-scheme:light dark}\n"
    "@media (prefers-color-scheme:dark){:root{--paper:#15181c;--ink:#e7e9ec;--soft:#a9b1bb;--line:#3a4149;"
    "--tint:#1d2126;--bar:#5fd3b3;--bad:#ff9f70;--bad-bg:#43301f}}\n"
    "*{box-sizing:border-box}body{margin:0 auto;max-width:80rem;padding:1rem;background:var(--paper);color:var(--ink);"
    "font:1rem/1.5 'Helvetica Neue',Helvetica,Arial,'Liberation Sans',sans-serif}\n"
    "h1{font-size:1.3rem;margin:.2rem 0}h2{font-size:1.05rem;margin:1.6rem 0 .3rem}p{margin:.3rem 0}a{color:inherit}\n"
    ".soft{color:var(--soft)}.num{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}\n"
    ".bad{background:var(--bad-bg);color:var(--bad);border-left:.35rem solid;padding:.5rem .8rem;margin:.6rem 0;"
    "font-weight:600}\n"
    ".scroll{overflow-x:auto}table{border-collapse:collapse;width:100%}th,td{padding:.25rem .6rem;text-align:left;"
    "border-bottom:1px solid var(--line);vertical-align:top}th{font-weight:600}th[scope=col]{color:var(--soft)}th[scope=row]{white-space:nowrap}th.num{text-align:right}\n"
    "progress{width:100%;height:.9rem;accent-color:var(--bar)}svg{width:100%;height:7rem;display:block}\n"
    ".big{font-size:2rem;font-weight:600;font-variant-numeric:tabular-nums}\n"
    "footer{margin-top:2rem;color:var(--soft);font-size:.85rem}\n";

void cs_markup_text(struct cs_buf *out, const char *text)
{
    char plain[CS_MARKUP_TEXT_MAX];

    for (const char *p = cs_plain_text(plain, sizeof plain, text); *p != '\0'; p++) {
        switch (*p) {
        case '&':
            cs_buf_str(out, "&amp;");
            break;
        case '<':
            cs_buf_str(out, "&lt;");
            break;
        case '>':
            cs_buf_str(out, "&gt;");
            break;
        case '"':
            cs_buf_str(out, "&quot;");
            break;
        default:
            cs_buf_char(out, *p);
        }
    }
}

void cs_markup_head(struct cs_buf *out, const char *title, const struct cs_page_facts *f)
{
    const char *wrong = cs_health_word(f);

    cs_buf_str(out, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>");
    cs_markup_text(out, title);
    cs_buf_str(out, "</title><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
                    "<meta http-equiv=\"refresh\" content=\"5\"><link rel=\"stylesheet\" href=\"/style.css\"></head>"
                    "<body>\n");
    if (wrong[0] != '\0') {
        cs_buf_str(out, "<p class=\"bad\" role=\"alert\">");
        cs_markup_text(out, wrong);
        cs_buf_str(out, "</p>\n");
    }
}

void cs_markup_table(struct cs_buf *out, const char *id, const char *text, const char *const *headings, unsigned n)
{
    cs_buf_printf(out, "<h2 id=\"%s\">", id);
    cs_markup_text(out, text);
    cs_buf_printf(out,
                  "</h2><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-labelledby=\"%s\">"
                  "<table aria-labelledby=\"%s\"><tr>",
                  id, id);
    for (unsigned i = 0; i < n; i++)
        cs_buf_printf(out, "<th scope=\"col\"%s>%s", headings[i][0] == '#' ? " class=\"num\"" : "",
                      headings[i] + (headings[i][0] == '#'));
    cs_buf_str(out, "</tr>\n");
}

void cs_markup_table_end(struct cs_buf *out)
{
    cs_buf_str(out, "</table></div>\n");
}

void cs_markup_foot(struct cs_buf *out, const struct cs_page_facts *f)
{
    cs_buf_str(out, "<footer>As of ");
    cs_markup_time(out, f->now_wall_ms);
    cs_buf_str(out,
               "; redrawn every 5 s. Where this page does not come any more, the coordinator is gone or out of reach: "
               "workers keep their answers. Fleet ");
    cs_markup_text(out, f->fleet);
    cs_buf_str(out, ", clinsafe ");
    cs_markup_text(out, f->version);
    cs_buf_str(out, ".</footer></body></html>\n");
}

void cs_markup_count(struct cs_buf *out, uint64_t n)
{
    char digits[24];
    const int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);

    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            cs_buf_char(out, ',');
        cs_buf_char(out, digits[i]);
    }
}

void cs_markup_usd(struct cs_buf *out, int64_t nano_usd)
{
    const double usd = (double)nano_usd / 1e9;

    if (usd >= 1000) {
        cs_buf_char(out, '$');
        cs_markup_count(out, (uint64_t)(usd + 0.5));
    } else {
        cs_buf_printf(out, usd > 0 && usd < 0.01 ? "$%.4f" : "$%.2f", usd);
    }
}

void cs_markup_spent(struct cs_buf *out, const struct cs_progress *p)
{
    if (cs_progress_is_lower_bound(p))
        cs_buf_str(out, "at least ");
    cs_markup_usd(out, p->committed_nano_usd);
}

void cs_markup_duration(struct cs_buf *out, double s)
{
    if (s < 0)
        cs_buf_str(out, "-");
    else if (s < 60)
        cs_buf_printf(out, "%.0f s", s);
    else if (s < 3600)
        cs_buf_printf(out, "%.0f min", s / 60);
    else if (s < 48 * 3600.0)
        cs_buf_printf(out, "%d h %d min", (int)(s / 3600), (int)(s / 60) % 60);
    else
        cs_buf_printf(out, "%.1f d", s / 86400);
}

void cs_markup_time(struct cs_buf *out, int64_t wall_ms)
{
    const time_t t = (time_t)(wall_ms / 1000);
    struct tm tm;
    char text[64];

    if (gmtime_r(&t, &tm) == NULL || strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
        return;
    cs_buf_printf(out, "<time>%s</time>", text);
}

void cs_markup_bytes(struct cs_buf *out, uint64_t bytes)
{
    static const char *const units[] = {"kB", "MB", "GB", "TB", "PB"};
    double v = (double)bytes / 1e3;
    unsigned u = 0;

    while (v >= 1000 && u < 4) {
        v /= 1000;
        u++;
    }
    cs_buf_printf(out, v < 10 ? "%.1f %s" : "%.0f %s", v, units[u]);
}

void cs_markup_pace(struct cs_buf *out, const struct cs_samples *s)
{
    enum { WIDTH = 1000, HEIGHT = 100 };
    const uint32_t n = s != NULL ? cs_samples_count(s) : 0;
    uint64_t most = 0;

    if (n < 3)
        return;
    for (uint32_t i = 1; i < n; i++) {
        const uint64_t before = cs_samples_at(s, i - 1)->ended, now = cs_samples_at(s, i)->ended;
        if (now > before && now - before > most)
            most = now - before;
    }
    cs_buf_str(out, "<h2>Answers a minute</h2><svg viewBox=\"0 0 1000 100\" preserveAspectRatio=\"none\" role=\"img\" "
                    "aria-label=\"answers a minute\"><polyline fill=\"none\" stroke=\"currentColor\" "
                    "stroke-width=\"1.5\" vector-effect=\"non-scaling-stroke\" points=\"");
    for (uint32_t i = 1; i < n; i++) {
        const uint64_t before = cs_samples_at(s, i - 1)->ended, now = cs_samples_at(s, i)->ended;
        const double rate = now > before && most > 0 ? (double)(now - before) / (double)most : 0;
        cs_buf_printf(out, "%.1f,%.1f ", (double)(i - 1) * WIDTH / (n > 2 ? n - 2 : 1), HEIGHT - rate * (HEIGHT - 4));
    }
    cs_buf_str(out, "\"/></svg><p class=\"soft\">0 to ");
    cs_markup_count(out, most);
    cs_buf_str(out, " a minute, over the last ");
    cs_markup_duration(out, (double)(n - 1) * CS_SAMPLES_EVERY_MS / 1e3);
    cs_buf_str(out, ".</p>\n");
}
