#include "protocol/dialects/dialect.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"

const struct cs_dialect *cs_dialect_of(enum cs_protocol p)
{
    static const struct cs_dialect *const all[CS_PROTOCOLS] = {
#define X(number, file, name) [CS_PROTOCOL_##number] = &cs_dialect_##file,
        CS_PROTOCOL_TABLE(X)
#undef X
    };
    CS_ASSERT(p < CS_PROTOCOLS);
    CS_ASSERT(all[p]->protocol == p);
    return all[p];
}

const struct cs_dialect_charge *cs_dialect_charge_of(enum cs_protocol p)
{
    static const struct cs_dialect_charge *const all[CS_PROTOCOLS] = {
#define X(number, file, name) [CS_PROTOCOL_##number] = &cs_dialect_##file##_charge,
        CS_PROTOCOL_TABLE(X)
#undef X
    };
    CS_ASSERT(p < CS_PROTOCOLS);
    CS_ASSERT(all[p]->tokens != 0 && all[p]->output != 0); /* both are said */
    return all[p];
}

enum cs_err cs_dialect_body(const struct cs_account *a, const struct cs_model *m, const char *tail,
                            const struct cs_prompt *p, struct cs_buf *body, struct cs_error *err)
{
    const struct cs_dialect *d = cs_dialect_of(a->protocol);
    if (d->fill != NULL) {
        struct cs_buf whole = CS_BUF_INIT(SIZE_MAX);
        cs_buf_char(&whole, '{');
        cs_buf_str(&whole, tail);
        enum cs_err rc = d->fill(a, cs_buf_cstr(&whole), p, body, err);
        cs_buf_release(&whole);
        return rc;
    }
    cs_buf_char(body, '{');
    d->prompt(m, p, body);
    cs_buf_str(body, tail);
    return CS_OK;
}

enum cs_err cs_dialect_check(const struct cs_account *a, const struct cs_model *m, char *culprit, struct cs_error *err)
{
    struct cs_parameters p;
    struct cs_buf text = CS_BUF_INIT(CS_TEXT_MAX);
    struct cs_settings_of of = {.account = a, .model = m, .parameters = &p, .question = CS_NONE};
    enum cs_err rc = cs_parameters_make(m, NULL, 0, &p, err);
    if (rc == CS_OK)
        rc = cs_dialect_of(a->protocol)->settings(&of, &text, err);
    memcpy(culprit, of.culprit, sizeof of.culprit);
    cs_buf_release(&text);
    free(p.text);
    return rc;
}

/* ---- where calls go ------------------------------------------------------------------------------- */

/* A model's id as a segment of a path. */
static void put_segment(struct cs_buf *url, const char *id)
{
    for (const char *s = id; *s != '\0'; s++) {
        if (isalnum((unsigned char)*s) || strchr("-._~", *s) != NULL)
            cs_buf_char(url, *s);
        else
            cs_buf_printf(url, "%%%02X", (unsigned char)*s);
    }
}

char *cs_dialect_url(const struct cs_dialect *d, const struct cs_account *a, const char *simulator, const char *model)
{
    static const char place[] = "{model}";
    struct cs_buf url = CS_BUF_INIT(SIZE_MAX);
    const char *path = a->path != NULL && !a->simulated ? a->path : d->path, *at;
    cs_buf_str(&url, a->simulated ? simulator : a->base_url);
    cs_buf_str(&url, a->simulated ? d->root : "");
    while ((at = strstr(path, place)) != NULL) {
        cs_buf_append(&url, path, (size_t)(at - path));
        put_segment(&url, model);
        path = at + sizeof place - 1;
    }
    cs_buf_str(&url, path);
    return cs_buf_take(&url);
}

char *cs_dialect_auth(const struct cs_dialect *d, const struct cs_account *a, const char *key)
{
    switch (a->auth) {
    case CS_AUTH_BEARER:
        return cs_xasprintf("Authorization: Bearer %s", key);
    case CS_AUTH_API_KEY:
        return cs_xasprintf("api-key: %s", key);
    case CS_AUTH_DEFAULT:
        break;
    }
    return cs_xasprintf("%s%s", d->auth_prefix, key);
}

uint32_t cs_dialect_headers(const struct cs_dialect *d, const struct cs_account *a, const char **lines)
{
    uint32_t n = 0;
    bool own = false;
    CS_ASSERT(a->n_headers <= CS_HEADERS_MAX);
    for (uint32_t i = 0; i < a->n_headers; i++) {
        own |= d->header != NULL && strncasecmp(a->headers[i], d->header, strcspn(d->header, ":") + 1) == 0;
        lines[n++] = a->headers[i];
    }
    if (d->header != NULL && !own)
        lines[n++] = d->header;
    return n;
}
