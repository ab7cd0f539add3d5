#include "tools/simulator/dialect.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "protocol/base/assert.h"

enum cs_trouble cs_sim_dialect_trouble(const struct cs_chat_error *e)
{
    const char *code = e->code != NULL ? e->code : "";
    if (strcmp(code, "insufficient_quota") == 0)
        return CS_TROUBLE_QUOTA;
    if (strcmp(code, "model_not_found") == 0)
        return CS_TROUBLE_MODEL;
    switch (e->status) {
    case 401:
        return code[0] != '\0' ? CS_TROUBLE_BAD_KEY : CS_TROUBLE_NO_KEY;
    case 429:
        return CS_TROUBLE_LIMIT;
    case 500:
        return CS_TROUBLE_SERVER;
    case 503:
        return CS_TROUBLE_UNAVAILABLE;
    case 529:
        return CS_TROUBLE_OVERLOADED;
    default:
        return CS_TROUBLE_REQUEST;
    }
}

bool cs_sim_dialect_read(const struct cs_sim_call *call, struct cs_chat_request *out)
{
    *out = (struct cs_chat_request){.prompt = CS_BUF_INIT(2 * CS_CHAT_BODY_MAX)};
    const bool read = cs_json_read(&out->document, call->body, call->len);
    out->root = out->document.values;
    return read && cs_json_read_is(out->root, CS_J_MAP);
}

const char *cs_sim_dialect_unknown(const struct cs_j *object, const char *const *known, size_t n)
{
    for (const struct cs_j *v = cs_json_read_first(object); v != NULL; v = cs_json_read_next(object, v)) {
        size_t i = 0;
        while (i < n && strcmp(known[i], v->key) != 0)
            i++;
        if (i == n)
            return v->key;
    }
    return NULL;
}

bool cs_sim_dialect_in_range(const struct cs_j *v, double min, double max)
{
    return v == NULL || (cs_json_read_is_number(v) && v->number >= min && v->number <= max);
}

uint64_t cs_sim_dialect_cap(const struct cs_j *v)
{
    return cs_json_read_is(v, CS_J_INTEGER) && v->integer > 0 ? (uint64_t)v->integer : 0;
}

uint64_t cs_sim_dialect_tokens(uint64_t bytes)
{
    return (bytes + 3) / 4;
}

void cs_sim_dialect_header(struct cs_sim_reply *r, const char *name, const char *fmt, ...)
{
    CS_ASSERT(r->n_headers < CS_SIM_HEADERS_MAX);
    struct cs_sim_header *h = &r->headers[r->n_headers++];
    va_list ap;
    va_start(ap, fmt);
    h->name = name;
    vsnprintf(h->value, sizeof h->value, fmt, ap);
    va_end(ap);
}
