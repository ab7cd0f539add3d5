#include "tools/simulator/logprobs.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "protocol/base/json.h"
#include "tools/simulator/draw.h"

enum { TOKEN_BYTES = 4 };

/* Where the token that begins at `at` ends. */
static size_t token_end(const char *text, size_t at, size_t len)
{
    size_t end = at + TOKEN_BYTES < len ? at + TOKEN_BYTES : len;
    while (end < len && ((unsigned char)text[end] & 0xc0) == 0x80)
        end++;
    return end;
}

static double probability(const struct cs_chat_answer *a, size_t i)
{
    char number[24];
    snprintf(number, sizeof number, "%zu", i);
    return 0.5 + 0.5 * cs_sim_draw_unit(a->seed, "logprob", a->digest, number, NULL);
}

static void put_token(struct cs_buf *out, const char *text, size_t n, const char *key, double logprob)
{
    cs_buf_str(out, "{\"token\":");
    cs_json_str(out, text, n);
    cs_buf_printf(out, ",\"%s\":%.6f", key, logprob);
}

/* The chosen token, then made-up ones: half, a quarter, ... of what it leaves. */
static void put_tops(struct cs_buf *out, const char *text, size_t n, const char *key, double p, unsigned tops,
                     bool bytes)
{
    for (unsigned k = 0; k < tops; k++) {
        char other[16];
        snprintf(other, sizeof other, "~%u", k);
        cs_buf_str(out, k > 0 ? "," : "");
        put_token(out, k == 0 ? text : other, k == 0 ? n : strlen(other), key,
                  k == 0 ? log(p) : log((1 - p) * exp2(-(double)k)));
        cs_buf_str(out, bytes ? ",\"bytes\":null}" : "}");
    }
}

void cs_sim_logprobs_openai(const struct cs_chat_answer *a, size_t len, struct cs_buf *out)
{
    cs_buf_char(out, '[');
    for (size_t at = 0, end, i = 0; at < len; at = end, i++) {
        const double p = probability(a, i);
        end = token_end(a->text, at, len);
        cs_buf_str(out, at > 0 ? "," : "");
        put_token(out, a->text + at, end - at, "logprob", log(p));
        cs_buf_str(out, ",\"bytes\":null,\"top_logprobs\":[");
        put_tops(out, a->text + at, end - at, "logprob", p, a->top_logprobs, true);
        cs_buf_str(out, "]}");
    }
    cs_buf_char(out, ']');
}

void cs_sim_logprobs_gemini(const struct cs_chat_answer *a, size_t len, struct cs_buf *out)
{
    double sum = 0;
    size_t n = 0;
    struct cs_buf tops = CS_BUF_INIT(CS_CHAT_BODY_MAX * 4);
    cs_buf_str(out, ",\"logprobsResult\":{\"chosenCandidates\":[");
    for (size_t at = 0, end; at < len; at = end, n++) {
        const double p = probability(a, n);
        end = token_end(a->text, at, len);
        cs_buf_str(out, at > 0 ? "," : "");
        put_token(out, a->text + at, end - at, "logProbability", log(p));
        cs_buf_str(out, ",\"tokenId\":1}");
        cs_buf_str(&tops, at > 0 ? ",{\"candidates\":[" : "{\"candidates\":[");
        put_tops(&tops, a->text + at, end - at, "logProbability", p, a->top_logprobs, false);
        cs_buf_str(&tops, "]}");
        sum += log(p);
    }
    cs_buf_printf(out, "],\"topCandidates\":[%s]},\"avgLogprobs\":%.6f", cs_buf_cstr(&tops),
                  n > 0 ? sum / (double)n : 0.0);
    cs_buf_release(&tops);
}
