#include "protocol/dialects/replies/complaint.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "protocol/base/json.h"
#include "protocol/dialects/replies/header.h"
#include "protocol/dialects/replies/retry_after.h"

enum { DEPTH_MAX = 8, WORDS_MAX = 4096, NODES_MAX = 512 };

/* ---- words ------------------------------------------------------------------------------------- */

/* Codes, as letters and digits only and in small: "ResponsibleAIPolicyViolation" is responsibleaipolicyviolation. A code that has one
 * of these in it says so. */
static const struct word {
    const char *word;
    enum cs_saying says;
} codes[] = {
    {"contentfilter", CS_SAYS_FILTERED}, /* OpenAI, Azure, Moonshot, many */
    {"contentpolicy", CS_SAYS_FILTERED},
    {"contentmoderation", CS_SAYS_FILTERED},
    {"contentviolation", CS_SAYS_FILTERED},
    {"contentblocked", CS_SAYS_FILTERED},
    {"responsibleai", CS_SAYS_FILTERED},
    {"datainspection", CS_SAYS_FILTERED}, /* Alibaba */
    {"sensitivecontent", CS_SAYS_FILTERED},
    {"sensitivetext", CS_SAYS_FILTERED},
    {"safetycheck", CS_SAYS_FILTERED},
    {"safetyviolation", CS_SAYS_FILTERED},
    {"usagepolicy", CS_SAYS_FILTERED},
    {"biopolicy", CS_SAYS_FILTERED},
    {"cyberpolicy", CS_SAYS_FILTERED},
    {"moderationblocked", CS_SAYS_FILTERED},
    {"inputmoderation", CS_SAYS_FILTERED},
    {"outputmoderation", CS_SAYS_FILTERED},
    {"promptblocked", CS_SAYS_FILTERED},
    {"promptflagged", CS_SAYS_FILTERED},
    {"prohibitedcontent", CS_SAYS_FILTERED},
    {"harmfulcontent", CS_SAYS_FILTERED},
    {"unsafecontent", CS_SAYS_FILTERED},
    {"guardrailintervened", CS_SAYS_FILTERED},
    {"guardrailviolation", CS_SAYS_FILTERED},
    {"guardrailtrigger", CS_SAYS_FILTERED},
    {"hooksfailed", CS_SAYS_FILTERED}, /* Portkey's guardrails */
    {"insufficientquota", CS_SAYS_NO_MONEY},
    {"creditbalance", CS_SAYS_NO_MONEY},
    {"insufficientcredit", CS_SAYS_NO_MONEY},
    {"insufficientbalance", CS_SAYS_NO_MONEY},
    {"billinghardlimit", CS_SAYS_NO_MONEY},
    {"billingerror", CS_SAYS_NO_MONEY},
    {"spendlimit", CS_SAYS_NO_MONEY},
    {"organizationusagelimit", CS_SAYS_NO_MONEY},
    {"servicequotaexceeded", CS_SAYS_NO_MONEY}, /* AWS raises it when asked to */
    {"modelnotfound", CS_SAYS_NO_MODEL},
    {"modelnotexist", CS_SAYS_NO_MODEL},
    {"deploymentnotfound", CS_SAYS_NO_MODEL},
    {"invalidapikey", CS_SAYS_NO_KEY},
    {"apikeyinvalid", CS_SAYS_NO_KEY},
    {"failedprecondition", CS_SAYS_NO_KEY}, /* Google: region, or no billing; not to be told apart */
    {"perday", CS_SAYS_DAY_USED},           /* Google's quotaId */
    {"freeusageexhausted", CS_SAYS_DAY_USED},
    {"dailylimit", CS_SAYS_DAY_USED},
};

/* In messages, in small; both must be there. What filters say is weighed against words of what is not the prompt. */
static const struct phrase {
    const char *one, *two;
    enum cs_saying says;
} phrases[] = {
    {"content filter", "", CS_SAYS_FILTERED},
    {"content_filter", "", CS_SAYS_FILTERED},
    {"content policy", "", CS_SAYS_FILTERED},
    {"usage polic", "prompt", CS_SAYS_FILTERED},
    {"usage polic", "content", CS_SAYS_FILTERED},
    {"usage polic", "input", CS_SAYS_FILTERED},
    {"usage polic", "request", CS_SAYS_FILTERED},
    {"usage guideline", "", CS_SAYS_FILTERED}, /* xAI */
    {"safety system", "", CS_SAYS_FILTERED},
    {"safety filter", "", CS_SAYS_FILTERED},
    {"safety polic", "", CS_SAYS_FILTERED},
    {"safety reasons", "", CS_SAYS_FILTERED},
    {"flagged", "prompt", CS_SAYS_FILTERED},
    {"flagged", "input", CS_SAYS_FILTERED}, /* OpenRouter's moderation */
    {"flagged", "content", CS_SAYS_FILTERED},
    {"flagged", "request", CS_SAYS_FILTERED},
    {"inappropriate content", "", CS_SAYS_FILTERED}, /* Alibaba */
    {"considered high risk", "", CS_SAYS_FILTERED},  /* Moonshot */
    {"sensitive content", "", CS_SAYS_FILTERED},
    {"sensitive information", "contain", CS_SAYS_FILTERED},
    {"unsafe content", "", CS_SAYS_FILTERED},
    {"harmful content", "", CS_SAYS_FILTERED},
    {"prohibited content", "", CS_SAYS_FILTERED},
    {"content violat", "", CS_SAYS_FILTERED},
    {"moderation", "block", CS_SAYS_FILTERED},
    {"moderation", "reject", CS_SAYS_FILTERED},
    {"guardrail", "block", CS_SAYS_FILTERED},
    {"guardrail", "intervened", CS_SAYS_FILTERED},
    {"guardrail", "violat", CS_SAYS_FILTERED},
    {"guardrail", "trigger", CS_SAYS_FILTERED},
    {"guardrail check", "failed", CS_SAYS_FILTERED}, /* Portkey */
    {"responsible ai", "", CS_SAYS_FILTERED},        /* Google */
    {"sensitive word", "", CS_SAYS_FILTERED},
    {"new_sensitive", "", CS_SAYS_FILTERED}, /* MiniMax */
    {"input sensitive", "", CS_SAYS_FILTERED},
    {"output sensitive", "", CS_SAYS_FILTERED},
    {"prompt blocked", "", CS_SAYS_FILTERED}, /* Cloudflare's gateway */
    {"response blocked", "", CS_SAYS_FILTERED},
    {"prompt was blocked", "", CS_SAYS_FILTERED},
    {"prompt is blocked", "", CS_SAYS_FILTERED},
    {"\xe6\x95\x8f\xe6\x84\x9f", "", CS_SAYS_FILTERED},             /* "sensitive", Chinese vendors */
    {"\xe4\xb8\x8d\xe5\xae\x89\xe5\x85\xa8", "", CS_SAYS_FILTERED}, /* "unsafe" */
    {"credit balance is too low", "", CS_SAYS_NO_MONEY},
    {"specified api usage limits", "", CS_SAYS_NO_MONEY},
    {"insufficient balance", "", CS_SAYS_NO_MONEY},
    {"insufficient credits", "", CS_SAYS_NO_MONEY},
    {"model identifier is invalid", "", CS_SAYS_NO_MODEL},
    {"incorrect api key", "", CS_SAYS_NO_KEY},
    {"api key not valid", "", CS_SAYS_NO_KEY},
};

/* Who says this speaks of the prompt, whatever else he says: "..., API key ID: ..., Failed check: SAFETY_CHECK_TYPE_BIO". */
static const char *const sure[] = {"safety_check",
                                   "content violates",          /* xAI */
                                   "content management policy", /* Azure */
                                   "responsibleaipolicy",
                                   "contentpolicyviolation", /* LiteLLM */
                                   "content exists risk" /* DeepSeek */};

/* Who speaks of these does not speak of what was asked. */
static const char *const not_the_prompt[] = {"account",   "organization",   "organisation", "api key",
                                             "suspended", "deactivated",    "region",       "country",
                                             "schema",    "response_format"};

/* Words in a 429 that say that the quota of the day is used up. */
static const char *const days[] = {"per day", "per-day",    "/day",   "(rpd)",   "(tpd)", "daily",  "free usage",
                                   "today",   "per 86400s", "byday ", "24-hour", "24h",   "24 hour"};

static bool has(const char *text, const char *word)
{
    return strcasestr(text, word) != NULL;
}

static enum cs_saying by_code(const char *code)
{
    char plain[128];
    size_t n = 0;
    for (; *code != '\0' && n + 1 < sizeof plain; code++) {
        if (isalnum((unsigned char)*code))
            plain[n++] = (char)tolower((unsigned char)*code);
    }
    plain[n] = '\0';
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (strstr(plain, codes[i].word) != NULL)
            return codes[i].says;
    }
    return CS_SAYS_ERROR;
}

static bool is_about_prompt(const char *text)
{
    for (size_t i = 0; i < sizeof not_the_prompt / sizeof *not_the_prompt; i++) {
        if (has(text, not_the_prompt[i]))
            return false;
    }
    return true;
}

static enum cs_saying by_text(const char *text)
{
    for (size_t i = 0; i < sizeof sure / sizeof *sure; i++) {
        if (has(text, sure[i]))
            return CS_SAYS_FILTERED;
    }
    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++) {
        if (has(text, phrases[i].one) && has(text, phrases[i].two) &&
            (phrases[i].says != CS_SAYS_FILTERED || is_about_prompt(text)))
            return phrases[i].says;
    }
    return CS_SAYS_ERROR;
}

/* ---- the words of a body ----------------------------------------------------------------------- */

struct heard {
    enum cs_saying says;
    bool invalid_prompt; /* OpenAI's code for a prompt that it flags, and for what it cannot read as one */
    bool per_day;
    bool limit_zero;
    const char *wait_field; /* text of google's RetryInfo */
    double wait_s;          /* retry_after as a number; 0: none */
    uint32_t nodes;
};

static bool is_one_of(const char *key, const char *const *names)
{
    while (*names != NULL && strcasecmp(key, *names) != 0)
        names++;
    return *names != NULL;
}

/* The more telling one: of the prompt, then of the account; later words do not take back earlier ones. */
static void take(struct heard *h, enum cs_saying says)
{
    if (h->says == CS_SAYS_ERROR || says == CS_SAYS_FILTERED)
        h->says = says;
}

static void hear_word(struct heard *h, const char *key, const char *text)
{
    static const char *const named[] = {"code",   "type",     "status",     "reason",   "error_code", "errorcode",
                                        "__type", "category", "error_type", "quota_id", "quotaid",    NULL};
    static const char *const spoken[] = {"message", "error", "errors",      "detail",     "details",
                                         "msg",     "raw",   "description", "status_msg", NULL};
    if (strcasecmp(key, "retryDelay") == 0)
        h->wait_field = text;
    if (strcasecmp(key, "quotaValue") == 0 && strcmp(text, "0") == 0)
        h->limit_zero = true;
    if (is_one_of(key, named)) {
        const enum cs_saying says = by_code(text);
        h->invalid_prompt |= strcasecmp(text, "invalid_prompt") == 0;
        if (says == CS_SAYS_DAY_USED)
            h->per_day = true;
        else if (says != CS_SAYS_ERROR)
            take(h, says);
    } else if (is_one_of(key, spoken) && strlen(text) <= WORDS_MAX && by_text(text) != CS_SAYS_ERROR) {
        take(h, by_text(text));
    }
}

static void hear(struct heard *h, const char *key, const struct cs_json *v, int depth)
{
    const char *name;
    struct cs_json *child;
    size_t i;
    if (depth > DEPTH_MAX || h->nodes++ > NODES_MAX)
        return;
    if (cs_json_is_string(v)) {
        hear_word(h, key, cs_json_string_value(v));
    } else if (cs_json_is_object(v)) {
        cs_json_object_foreach((struct cs_json *)(uintptr_t)v, name, child)
        {
            hear(h, name, child, depth + 1);
        }
    } else if (cs_json_is_array(v)) {
        cs_json_array_foreach(v, i, child)
        {
            hear(h, key, child, depth + 1);
        }
    } else if (cs_json_is_true(v) && strcasecmp(key, "filtered") == 0) { /* Azure's content_filter_result */
        take(h, CS_SAYS_FILTERED);
    } else if (cs_json_is_number(v) && strcasecmp(key, "retry_after") == 0) {
        h->wait_s = cs_json_number_value(v);
    } else if (cs_json_is_integer(v) && strcasecmp(key, "code") == 0 && cs_json_integer_value(v) == 402) {
        take(h, CS_SAYS_NO_MONEY); /* OpenRouter's, maybe in a 200 */
    }
}

/* ---- 429 --------------------------------------------------------------------------------------- */

/* The number behind a word: "Limit 6000", "limit: 0", "Requested: 6,294". */
static bool number_after(const char *text, const char *word, double *out)
{
    for (const char *at = strcasestr(text, word); at != NULL; at = strcasestr(at, word)) {
        char digits[24];
        size_t n = 0;
        at += strlen(word);
        at += strncasecmp(at, " of ", 4) == 0 ? 4 : 0;
        for (at += strspn(at, " :=");
             (isdigit((unsigned char)*at) || (n > 0 && *at == ',' && isdigit((unsigned char)at[1]))) &&
             n + 1 < sizeof digits;
             at++) {
            if (*at != ',')
                digits[n++] = *at;
        }
        digits[n] = '\0';
        *out = strtod(digits, NULL);
        if (n > 0)
            return true;
    }
    return false;
}

/* Waiting does not make room for it: the call is larger than the whole limit, or the limit is nothing. */
static bool never_fits(const char *text)
{
    static const char *const sizes[] = {"request too large",  "must be reduced",     "input is too long",
                                        "prompt is too long", "request is too long", "maximum size"};
    static const char *const wants[] = {"requested", "needs", "requires"};
    double limit, requested;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        if (has(text, sizes[i]))
            return true;
    }
    if (!number_after(text, "limit", &limit))
        return false;
    for (size_t i = 0; limit > 0 && i < sizeof wants / sizeof *wants; i++) {
        if (number_after(text, wants[i], &requested) && requested > limit)
            return true;
    }
    return limit <= 0;
}

/* Which limit, in our words. */
static const char *limit_of(const struct cs_http_reply *reply, const char *text, struct cs_arena *arena)
{
    const char *what = has(text, "token") ? "tokens" : "requests", *header;
    double limit;
    if (number_after(text, "limit", &limit) && limit > 0 && limit < 1e15)
        return cs_arena_printf(arena, "%.0f %s a day", limit, what);
    header = cs_header(reply->headers, "x-ratelimit-limit", arena);
    limit = header != NULL ? strtod(header, NULL) : 0;
    return limit > 0 && limit < 1e15 ? cs_arena_printf(arena, "%.0f requests a day", limit) : "";
}

static bool is_of_the_day(const char *text)
{
    for (size_t i = 0; i < sizeof days / sizeof *days; i++) {
        if (has(text, days[i]))
            return true;
    }
    return false;
}

/* ---- the whole --------------------------------------------------------------------------------- */

/* A page in front of the provider that speaks of this request: a firewall's. */
static bool is_page_about_request(const char *text)
{
    return has(text, "request") && (has(text, "block") || has(text, "reject") || has(text, "denied")) &&
           (has(text, "policy") || has(text, "rule") || has(text, "firewall") || has(text, "security"));
}

/* Texts that several dialects have in several places. */
static void wait_for(const struct cs_http_reply *reply, const struct heard *h, struct cs_arena *arena,
                     struct cs_reading *out)
{
    if (out->wait_ms == CS_NO_HINT && h->wait_field != NULL) {
        out->wait_ms = cs_retry_after_duration_ms(h->wait_field);
        out->wait_source = "retryDelay";
    }
    if (out->wait_ms == CS_NO_HINT && h->wait_s > 0) {
        out->wait_ms = cs_retry_after_duration_ms(cs_arena_printf(arena, "%.3f s", h->wait_s < 1e9 ? h->wait_s : 1e9));
        out->wait_source = "retry_after in the body";
    }
    if (out->wait_ms == CS_NO_HINT) {
        out->wait_ms = cs_retry_after_in_text_ms(out->text);
        out->wait_source = "its message";
    }
    if (out->wait_ms == CS_NO_HINT)
        out->wait_ms = cs_retry_after_reset_ms(reply->headers, reply->wall_ms, arena, &out->wait_source);
}

static enum cs_saying judge(uint16_t status, bool page, const struct heard *h, const char *text)
{
    if (status == 429 && (never_fits(text) || (h->limit_zero && !h->per_day)))
        return CS_SAYS_TOO_LARGE;
    if (h->says == CS_SAYS_NO_MONEY || h->says == CS_SAYS_NO_KEY || h->says == CS_SAYS_NO_MODEL)
        return h->says;
    if (status == 429 || status == 402)
        return h->per_day || is_of_the_day(text) ? CS_SAYS_DAY_USED : CS_SAYS_ERROR;
    if (status == 401 || status == 404 || status == 413)
        return CS_SAYS_ERROR;
    if (h->says == CS_SAYS_FILTERED)
        return CS_SAYS_FILTERED;
    if (h->invalid_prompt && is_about_prompt(text))
        return CS_SAYS_FILTERED;
    return page && status == 403 && is_page_about_request(text) ? CS_SAYS_BLOCKED : CS_SAYS_ERROR;
}

bool cs_complaint_is_filtered(const struct cs_json *root)
{
    struct heard h = {.says = CS_SAYS_ERROR};
    hear(&h, "", root, 0);
    return h.says == CS_SAYS_FILTERED;
}

void cs_complaint_read(const struct cs_http_reply *reply, const struct cs_json *root, const struct cs_json *error,
                       const char *word, const char *name, struct cs_arena *arena, struct cs_reading *out)
{
    struct heard h = {.says = CS_SAYS_ERROR};
    const bool good = cs_read_is_good(reply);
    hear(&h, "error", root, 0);
    if (name != NULL)
        hear_word(&h, "code", name);
    if (error != NULL)
        cs_read_error(error, word, reply, arena, out);
    if (out->text[0] == '\0' && cs_json_is_string(cs_json_object_get(error, "error"))) /* {"code":...,"error":"..."} */
        out->text = cs_read_text(cs_json_object_get(error, "error"), CS_ERROR_TEXT_MAX, arena);
    if (good && out->status == 0 && cs_json_is_string(error))
        out->status = cs_statuses_read(root);
    out->says = judge(good && out->status != 0 ? out->status : reply->status, root == NULL, &h, out->text);
    if (out->says == CS_SAYS_DAY_USED)
        out->limit = limit_of(reply, out->text, arena);
    wait_for(reply, &h, arena, out);
}
