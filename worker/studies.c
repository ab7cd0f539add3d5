#include "worker/studies.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/hash.h"
#include "protocol/dialects/request.h"
#include "protocol/dialects/system/service.h"
#include "protocol/study/address.h"
#include "protocol/study/answer.h"
#include "protocol/study/script.h"
#include "protocol/wire/spec.h"
#include "worker/calls/endpoint.h"
#include "worker/calls/pacer.h"
#include "worker/calls/pictures.h"
#include "worker/core/pools.h"
#include "worker/lists.h"

enum {
    CHUNK_CACHE_BYTES = 64 * 1024 * 1024,
    PICTURE_CACHE_BYTES = 128 * 1024 * 1024,
    CELL_CACHE_ENTRIES = 256,
    MISSING_MAX = 64,
    BYTES_OF_A_TOKEN = 4
};

struct missing {
    uint8_t digest[32];
    uint32_t bytes;
};

struct study { /* one spec, and all that is made of it */
    struct cs_studies *owner;
    struct cs_spec spec;
    struct cs_plan plan;
    struct cs_requests *requests;
    struct cs_chunks *chunks;
    struct cs_cell_cache *cells;
    struct cs_buf body;                 /* of the turn that was asked for last */
    struct cs_held *held;               /* the images of the trial that was asked for last, or NULL */
    struct cs_made_endpoint *endpoints; /* all that were made for its lanes: few, and calls may refer to any */
    struct cs_list *lists;              /* likewise, of lanes with several servers */
    uint32_t refs;
    struct study *next, *prev;
};

struct cs_studies {
    char *simulator;
    const struct cs_permits *permits;
    struct study *all;
    struct cs_pictures *pictures;
    struct missing missing[MISSING_MAX]; /* to be asked for; more than that are asked for later */
    uint32_t n_missing;
    uint64_t serial;
};

static void is_missing(struct cs_studies *s, const uint8_t digest[32], uint32_t bytes)
{
    for (uint32_t i = 0; i < s->n_missing; i++) {
        if (memcmp(s->missing[i].digest, digest, 32) == 0)
            return;
    }
    if (s->n_missing == MISSING_MAX)
        return;
    memcpy(s->missing[s->n_missing].digest, digest, 32);
    s->missing[s->n_missing++].bytes = bytes;
}

/* It has come, perhaps after somebody else has missed it too. */
static void is_here(struct cs_studies *s, const uint8_t digest[32])
{
    for (uint32_t i = 0; i < s->n_missing; i++) {
        if (memcmp(s->missing[i].digest, digest, 32) != 0)
            continue;
        memmove(s->missing + i, s->missing + i + 1, (--s->n_missing - i) * sizeof *s->missing);
        return;
    }
}

/* ---- studies --------------------------------------------------------------------------------------- */

static void study_free(struct study *y)
{
    cs_cell_cache_close(y->cells);
    cs_buf_release(&y->body);
    cs_pictures_let_go(y->held);
    cs_chunks_close(y->chunks);
    cs_requests_close(y->requests);
    for (struct cs_made_endpoint *e = y->endpoints, *next; e != NULL; e = next) {
        next = e->next;
        cs_endpoint_free(e);
    }
    for (struct cs_list *l = y->lists, *next; l != NULL; l = next) {
        next = l->next;
        cs_list_close(l);
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
    is_missing(y->owner, digest, CS_CHUNK_TARGET);
    return cs_error_set(err, CS_EAGAIN, "the cases are being fetched");
}

static enum cs_err study_make(struct cs_studies *s, const void *bytes, uint32_t n, struct cs_error *err)
{
    struct study *y = cs_xcalloc(1, sizeof *y);
    y->owner = s;
    y->body = CS_BUF_INIT(CS_BODY_MAX);
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

void cs_studies_open(struct cs_studies **out, const char *simulator, const struct cs_permits *permits)
{
    struct cs_studies *s = cs_xcalloc(1, sizeof *s);
    s->permits = permits;
    s->pictures = cs_pictures_open(PICTURE_CACHE_BYTES);
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
    cs_pictures_close(s->pictures);
    free(s->simulator);
    free(s);
}

/* ---- as the core sees them ------------------------------------------------------------------------- */

/* The same wherever this account is used with this key. */
static void pool_name(const char *kind, const char *group, const char *name, char out[33])
{
    uint8_t digest[32];
    char *text = cs_xasprintf("%s\x1f%s\x1f%s", kind, group, name);
    cs_digest_blake2b_256(text, strlen(text), digest);
    cs_digest_hex(digest, 16, out);
    free(text);
}

/* An account as its provider sees it: two keys are two quotas. */
static void group_name(const struct cs_account *a, const struct cs_endpoint *e, char out[33])
{
    char *text = cs_xasprintf("%s\x1f%s\x1f%s", a->name, a->base_url, e != NULL ? e->key : "");
    pool_name(cs_protocol_name(a->protocol), text, "", out);
    free(text);
}

/* The model's own limits, then the account's pools that it names. */
static void add_pools(const struct cs_account *a, const struct cs_model *m, struct cs_lane_facts *out)
{
    group_name(a, out->endpoint, out->group);
    out->own.limits = m->limits;
    pool_name("model", out->group, m->model, out->own.name);
    out->has_own = cs_pacer_needed(&m->limits);
    if (out->has_own)
        out->pools[out->n_pools++] = out->own;
    for (uint32_t i = 0; i < m->n_pools; i++) {
        const struct cs_shared_limits *shared = &a->pools[m->pools[i]];
        out->pools[out->n_pools].limits = shared->limits;
        pool_name("pool", out->group, shared->name, out->pools[out->n_pools++].name);
    }
    for (uint32_t i = 0; i < out->n_pools; i++)
        out->concurrent = cs_pools_less(out->concurrent, out->pools[i].limits.concurrent);
}

/* There is trouble only where none of them may be called, and there are some. */
static void find_servers(struct cs_studies *s, struct study *y, const struct cs_account *a, const char *model,
                         struct cs_lane_facts *out)
{
    struct cs_list *l = cs_list_open(a, model, &(struct cs_endpoint_means){s->simulator, s->permits}, &s->serial);
    LL_PREPEND(y->lists, l);
    out->servers = &l->pub;
    for (uint32_t i = 0; i < l->pub.n && out->endpoint == NULL; i++)
        out->endpoint = l->pub.all[i].endpoint;
    if (out->endpoint == NULL && l->pub.n > 0)
        snprintf(out->trouble, sizeof out->trouble, "%.*s", (int)sizeof out->trouble - 1, l->pub.all[0].trouble);
}

bool cs_studies_look(struct cs_studies *s)
{
    bool changed = false;
    for (struct study *y = s->all; y != NULL; y = y->next) {
        for (struct cs_list *l = y->lists; l != NULL; l = l->next)
            changed |= cs_list_look(l);
    }
    return changed;
}

static enum cs_err source_lane(void *self, const uint8_t spec[32], uint32_t lane, struct cs_lane_facts *out,
                               struct cs_error *err)
{
    struct cs_studies *s = self;
    struct study *y = find(s, spec);
    *out = (struct cs_lane_facts){0};
    if (y == NULL) {
        is_missing(s, spec, CS_CHUNK_TARGET);
        return cs_error_set(err, CS_EAGAIN, "the spec is being fetched");
    }
    if (lane >= y->plan.n_lanes)
        return cs_error_set(err, CS_EINVAL, "the study has no lane %u", lane);
    const struct cs_model *m = &y->spec.study->models[lane];
    const struct cs_account *a = &y->spec.study->accounts[m->account];
    struct cs_made_endpoint *e = NULL;
    const struct cs_endpoint_means means = {s->simulator, s->permits};
    struct cs_error why = {0};
    if (cs_address_has_servers(a)) {
        find_servers(s, y, a, m->model, out);
    } else if (cs_endpoint_make(++s->serial, &means, a, m->model, &e, &why) == CS_OK) {
        LL_PREPEND(y->endpoints, e);
        out->endpoint = &e->pub;
    } else {
        snprintf(out->trouble, sizeof out->trouble, "%.*s", (int)sizeof out->trouble - 1, why.msg);
    }
    y->refs++;
    out->study = y;
    out->provider = cs_dialect_of(a->protocol);
    out->form = a->response_format;
    out->timeout_ms = m->timeout_ms;
    out->metered = y->spec.study->budget_nano_usd >= 0;
    out->confidential = y->spec.study->confidential;
    out->cap = m->max_output_tokens;
    out->talks = cs_script_is_used(y->spec.study);
    out->remembers = cs_service_remembers(a->service);
    add_pools(a, m, out);
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

static void piece_is_missing(void *self, const uint8_t digest[32], uint32_t bytes)
{
    is_missing(self, digest, bytes);
}

/* The images of a trial of a study that has some. CS_EAGAIN: they are asked for. */
static enum cs_err take_images(struct study *y, const struct cs_coords *at, struct cs_trial *out, struct cs_error *err)
{
    struct cs_case_source cases = cs_chunks_source(y->chunks);
    struct cs_images_count count;
    struct cs_case c;
    uint32_t calls = 0, n = 0;
    enum cs_err rc = cases.get(cases.self, at->case_index, &c, err);
    if (rc == CS_OK)
        rc = cs_request_lay(y->requests, at, &c, &calls, err);
    if (rc != CS_OK)
        return rc;
    (void)cs_request_image_tokens(y->requests, &count);
    out->extra = count.usual * BYTES_OF_A_TOKEN;
    const struct cs_image *images = cs_request_images(y->requests, &n);
    if (n > 0)
        rc = cs_pictures_hold(y->owner->pictures, images, n, piece_is_missing, y->owner, &y->held, err);
    out->held = y->held;
    return rc;
}

/* The call of a conversation that comes after n_said replies. */
static enum cs_err turn_of(struct study *y, const struct cs_coords *at, const char *const *said, uint32_t n_said,
                           struct cs_trial *out, struct cs_error *err)
{
    struct cs_case_source cases = cs_chunks_source(y->chunks);
    struct cs_request_turn turn = {0};
    uint8_t digest[32];
    struct cs_case c;
    uint32_t calls = 0;
    if (n_said >= out->calls)
        return cs_error_set(err, CS_EINVAL, "a conversation of %u calls has %u replies already", out->calls, n_said);
    enum cs_err rc = cases.get(cases.self, at->case_index, &c, err);
    if (rc == CS_OK)
        rc = cs_request_lay(y->requests, at, &c, &calls, err);
    if (rc == CS_OK)
        rc = cs_request_turn(y->requests, n_said, &turn, err);
    if (rc == CS_OK)
        rc = cs_request_turn_body(y->requests, n_said, said, &y->body, err);
    if (rc != CS_OK)
        return rc;
    cs_digest_blake2b_256(y->body.data, y->body.len, digest);
    memcpy(out->sent, digest, sizeof out->sent);
    cs_request_keep(y->requests, n_said, &y->body);
    out->last = cs_request_is_last(y->requests);
    out->free = out->tools > 0 ? !out->last : !turn.answers;
    out->body = cs_buf_cstr(&y->body);
    out->body_len = (uint32_t)y->body.len;
    return CS_OK;
}

static enum cs_err source_trial(void *self, void *study, uint32_t lane, uint64_t position, const char *const *said,
                                uint32_t n_said, struct cs_trial *out, struct cs_error *err)
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
    out->block = at.case_index;
    out->elements = cells->elements[at.cell];
    memcpy(&out->prompt, cells->body_digest[at.cell], sizeof out->prompt);
    out->calls = cells->calls[at.cell];
    out->free = out->last = false;
    const struct cs_toolset *set = cs_tools_of(y->spec.study, &y->spec.study->questions[at.question]);
    out->tools = set != NULL ? set->max_calls : 0;
    cs_pictures_let_go(y->held);
    y->held = NULL;
    if (cells->images != NULL)
        rc = take_images(y, &at, out, err);
    if (rc != CS_OK)
        return rc;
    if (out->calls > 1)
        return turn_of(y, &at, said, n_said, out, err);
    out->body = cells->body[at.cell];
    out->body_len = cells->body_len[at.cell];
    return CS_OK;
}

static struct cs_answer_check source_parses(void *self, void *study, uint32_t lane, uint32_t question,
                                            uint32_t elements, const char *text, size_t n)
{
    struct study *y = study;
    (void)self;
    return cs_answer_check(y->spec.study, question, elements, cs_answer_lenient(y->spec.study, question, lane), text,
                           n);
}

static bool source_missing(void *self, uint8_t digest[32], uint32_t *bytes)
{
    struct cs_studies *s = self;
    if (s->n_missing == 0)
        return false;
    memcpy(digest, s->missing[0].digest, 32);
    *bytes = s->missing[0].bytes;
    memmove(s->missing, s->missing + 1, --s->n_missing * sizeof *s->missing);
    return true;
}

/* Two studies on the same cases ask for a chunk once, and both wait for it. */
static enum cs_err put_chunk(struct cs_studies *s, const uint8_t digest[32], const void *bytes, uint32_t n, bool *taken,
                             struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    for (struct study *y = s->all; y != NULL && rc == CS_OK; y = y->next) {
        for (uint32_t i = 0; i < y->spec.n_chunks; i++) {
            if (memcmp(y->spec.chunks[i].digest, digest, 32) != 0)
                continue;
            *taken = true;
            rc = cs_chunks_put(y->chunks, digest, bytes, n, err);
            break;
        }
    }
    return rc;
}

static enum cs_err source_put(void *self, const uint8_t digest[32], const void *bytes, uint32_t n, struct cs_error *err)
{
    struct cs_studies *s = self;
    bool taken = false;
    is_here(s, digest);
    enum cs_err rc = put_chunk(s, digest, bytes, n, &taken, err);
    if (rc != CS_OK || taken)
        return rc;
    uint8_t is[32];
    cs_digest_blake2b_256(bytes, n, is);
    if (memcmp(is, digest, 32) != 0)
        return cs_error_set(err, CS_ECORRUPT, "the bytes do not have the digest asked for");
    if (cs_pictures_put(s->pictures, digest, bytes, n))
        return CS_OK;
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
