#include "worker/studies.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/hash.h"
#include "protocol/study/answer.h"
#include "protocol/study/request.h"
#include "protocol/study/spec.h"
#include "worker/keys_env.h"

enum { CHUNK_CACHE_BYTES = 64 * 1024 * 1024, CELL_CACHE_ENTRIES = 256, MISSING_MAX = 64 };

struct missing {
    uint8_t digest[32];
};

struct endpoint { /* the strings of one */
    struct cs_endpoint pub;
    char *url, *auth;
    const char *headers[CS_HEADERS_MAX + 1]; /* of the account and the dialect */
    struct endpoint *next;
};

struct study { /* one spec, and all that is made of it */
    struct cs_studies *owner;
    struct cs_spec spec;
    struct cs_plan plan;
    struct cs_requests *requests;
    struct cs_chunks *chunks;
    struct cs_cell_cache *cells;
    struct endpoint *endpoints; /* all that were made for its lanes: few, and calls may refer to any */
    uint32_t refs;
    struct study *next, *prev;
};

struct cs_studies {
    char *simulator;
    struct study *all;
    struct missing missing[MISSING_MAX]; /* to be asked for; more than that are asked for later */
    uint32_t n_missing;
    uint64_t serial;
};

static void is_missing(struct cs_studies *s, const uint8_t digest[32])
{
    for (uint32_t i = 0; i < s->n_missing; i++) {
        if (memcmp(s->missing[i].digest, digest, 32) == 0)
            return;
    }
    if (s->n_missing < MISSING_MAX)
        memcpy(s->missing[s->n_missing++].digest, digest, 32);
}

/* ---- endpoints ------------------------------------------------------------------------------------- */

static void endpoint_free(struct endpoint *e)
{
    if (e == NULL)
        return;
    free(e->url);
    cs_key_free(e->auth);
    free(e);
}

static bool is_loopback(const char *url)
{
    static const char *const hosts[] = {"http://127.", "http://localhost:", "http://localhost/", "http://[::1]"};
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        if (strncmp(url, hosts[i], strlen(hosts[i])) == 0)
            return true;
    }
    return false;
}

/* Where an account's calls go. A simulated one goes to --simulator and is sent no key. */
static enum cs_err endpoint_make(struct cs_studies *s, const struct cs_account *a, const struct cs_provider *p,
                                 const char *model, struct endpoint **out, struct cs_error *err)
{
    char *key = NULL;
    *out = NULL;
    if (a->simulated && s->simulator == NULL)
        return cs_error_set(err, CS_EINVAL, "no simulator: start the worker with --simulator URL");
    if (!a->simulated) {
        enum cs_err rc = cs_key_find(a, &key, err);
        if (rc != CS_OK)
            return rc;
    }
    struct endpoint *e = cs_xcalloc(1, sizeof *e);
    e->url = cs_provider_url(p, a, s->simulator, model);
    e->auth = key != NULL ? cs_provider_auth(p, a, key) : NULL;
    cs_key_free(key);
    e->pub = (struct cs_endpoint){
        .serial = ++s->serial, .url = e->url, .auth = e->auth, .ca_file = a->ca_file, .proxy = a->proxy};
    e->pub.headers = e->headers;
    e->pub.n_headers = cs_provider_headers(p, a, e->headers);
    e->pub.plain_http = a->simulated || is_loopback(e->url);
    if (strncmp(e->url, "https://", 8) != 0 && !(e->pub.plain_http && strncmp(e->url, "http://", 7) == 0)) {
        enum cs_err rc = cs_error_set(err, CS_EINVAL, "account %s: %s is neither https nor on this host", a->name,
                                      e->url);
        endpoint_free(e);
        return rc;
    }
    *out = e;
    return CS_OK;
}

/* ---- studies --------------------------------------------------------------------------------------- */

static void study_free(struct study *y)
{
    cs_cell_cache_close(y->cells);
    cs_chunks_close(y->chunks);
    cs_requests_close(y->requests);
    for (struct endpoint *e = y->endpoints, *next; e != NULL; e = next) {
        next = e->next;
        endpoint_free(e);
    }
    cs_plan_release(&y->plan);
    cs_spec_release(&y->spec);
    free(y);
}

/* The cells' way to a chunk: it is never here, but asked for. */
static enum cs_err fetch(void *self, const uint8_t digest[32], void **bytes, uint32_t *n, struct cs_error *err)
{
    struct study *y = self;
    *bytes = NULL;
    *n = 0;
    is_missing(y->owner, digest);
    return cs_error_set(err, CS_EAGAIN, "the cases are being fetched");
}

static enum cs_err study_make(struct cs_studies *s, const void *bytes, uint32_t n, struct cs_error *err)
{
    struct study *y = cs_xcalloc(1, sizeof *y);
    y->owner = s;
    enum cs_err rc = cs_spec_unpack(bytes, n, &y->spec, err);
    if (rc != CS_OK) {
        free(y);
        return rc;
    }
    cs_plan_init(&y->plan, y->spec.study);
    rc = cs_requests_open(&y->requests, &y->plan, err);
    if (rc != CS_OK) {
        study_free(y);
        return rc;
    }
    y->chunks = cs_chunks_open(&y->spec, fetch, y, CHUNK_CACHE_BYTES);
    y->cells = cs_cell_cache_open(y->requests, cs_chunks_source(y->chunks), CELL_CACHE_ENTRIES, true);
    DL_PREPEND(s->all, y);
    return CS_OK;
}

static struct study *find(struct cs_studies *s, const uint8_t digest[32])
{
    for (struct study *y = s->all; y != NULL; y = y->next) {
        if (memcmp(y->spec.digest, digest, 32) == 0)
            return y;
    }
    return NULL;
}

void cs_studies_open(struct cs_studies **out, const char *simulator)
{
    struct cs_studies *s = cs_xcalloc(1, sizeof *s);
    if (simulator != NULL) {
        size_t n = strlen(simulator);
        s->simulator = cs_xstrdup(simulator);
        while (n > 0 && s->simulator[n - 1] == '/')
            s->simulator[--n] = '\0';
    }
    *out = s;
}

void cs_studies_close(struct cs_studies *s)
{
    if (s == NULL)
        return;
    while (s->all != NULL) {
        struct study *y = s->all;
        DL_DELETE(s->all, y);
        study_free(y);
    }
    free(s->simulator);
    free(s);
}

/* ---- as the core sees them ------------------------------------------------------------------------- */

/* The same wherever the account is used: its key counts by the name that it has everywhere, not by its value. */
static void pool_name(const struct cs_account *a, const char *model, char out[33])
{
    uint8_t digest[32];
    char *text = cs_xasprintf("%s\x1f%s\x1f%s\x1f%s\x1f%s", cs_protocol_name(a->protocol), a->name, a->base_url,
                              a->key_env != NULL ? a->key_env : "", model);
    cs_blake2b_256(text, strlen(text), digest);
    cs_hex(digest, 16, out);
    free(text);
}

static enum cs_err source_lane(void *self, const uint8_t spec[32], uint32_t lane, struct cs_lane_facts *out,
                               struct cs_error *err)
{
    struct cs_studies *s = self;
    struct study *y = find(s, spec);
    *out = (struct cs_lane_facts){0};
    if (y == NULL) {
        is_missing(s, spec);
        return cs_error_set(err, CS_EAGAIN, "the spec is being fetched");
    }
    if (lane >= y->plan.n_lanes)
        return cs_error_set(err, CS_EINVAL, "the study has no lane %u", lane);
    const struct cs_model *m = &y->spec.study->models[lane];
    const struct cs_account *a = &y->spec.study->accounts[m->account];
    const struct cs_provider *p = cs_provider_of(a->protocol);
    if (p == NULL)
        return cs_error_set(err, CS_EINVAL, "this worker does not speak %s", cs_protocol_name(a->protocol));
    struct endpoint *e = NULL;
    struct cs_error why = {0};
    if (endpoint_make(s, a, p, m->model, &e, &why) == CS_OK) {
        LL_PREPEND(y->endpoints, e);
        out->endpoint = &e->pub;
    } else {
        snprintf(out->trouble, sizeof out->trouble, "%.*s", (int)sizeof out->trouble - 1, why.msg);
    }
    y->refs++;
    out->study = y;
    out->provider = p;
    out->timeout_ms = m->timeout_ms;
    out->concurrent = m->limits.concurrent;
    out->cap = m->max_output_tokens;
    out->limits = m->limits;
    pool_name(a, m->model, out->pool);
    return CS_OK;
}

static void source_release(void *self, void *study)
{
    struct cs_studies *s = self;
    struct study *y = study;
    CS_ASSERT(y->refs > 0);
    if (--y->refs > 0)
        return;
    DL_DELETE(s->all, y);
    study_free(y);
}

static enum cs_err source_trial(void *self, void *study, uint32_t lane, uint64_t position, struct cs_trial *out,
                                struct cs_error *err)
{
    struct study *y = study;
    const struct cs_cells *cells;
    struct cs_coords at;
    (void)self;
    if (position >= y->plan.lanes[lane].n_trials)
        return cs_error_set(err, CS_EINVAL, "the lane has no position %llu", (unsigned long long)position);
    cs_plan_coords(&y->plan, lane, cs_plan_at(&y->plan, lane, position), &at);
    enum cs_err rc = cs_cell_cache_get(y->cells, lane, at.case_index, &cells, err);
    if (rc != CS_OK)
        return rc;
    cs_cells_trial_digest(cells, y->spec.study, at.cell, at.repeat, &out->digest);
    out->question = at.question;
    out->body = cells->body[at.cell];
    out->body_len = cells->body_len[at.cell];
    return CS_OK;
}

static bool source_parses(void *self, void *study, uint32_t question, const char *text, size_t n)
{
    struct study *y = study;
    (void)self;
    return cs_answer_check(y->spec.study, question, text, n, NULL) == CS_OK;
}

static bool source_missing(void *self, uint8_t digest[32])
{
    struct cs_studies *s = self;
    if (s->n_missing == 0)
        return false;
    memcpy(digest, s->missing[--s->n_missing].digest, 32);
    return true;
}

static enum cs_err source_put(void *self, const uint8_t digest[32], const void *bytes, uint32_t n, struct cs_error *err)
{
    struct cs_studies *s = self;
    for (struct study *y = s->all; y != NULL; y = y->next) {
        for (uint32_t i = 0; i < y->spec.n_chunks; i++) {
            if (memcmp(y->spec.chunks[i].digest, digest, 32) == 0)
                return cs_chunks_put(y->chunks, digest, bytes, n, err);
        }
    }
    uint8_t is[32];
    cs_blake2b_256(bytes, n, is);
    if (memcmp(is, digest, 32) != 0)
        return cs_error_set(err, CS_ECORRUPT, "the bytes do not have the digest asked for");
    for (struct study *y = s->all, *next; y != NULL; y = next) { /* asked for once, and not wanted any more */
        next = y->next;
        if (y->refs == 0) {
            DL_DELETE(s->all, y);
            study_free(y);
        }
    }
    return find(s, digest) != NULL ? CS_OK : study_make(s, bytes, n, err);
}

struct cs_source cs_studies_source(struct cs_studies *s)
{
    return (struct cs_source){
        .self = s,
        .lane = source_lane,
        .release = source_release,
        .trial = source_trial,
        .parses = source_parses,
        .missing = source_missing,
        .put = source_put,
    };
}
