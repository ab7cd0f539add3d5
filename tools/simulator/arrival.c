/* What happens to a request before anything is answered: it is recognised, read, and measured against its limits. */
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/rng.h"
#include "protocol/base/digest.h"
#include "tools/simulator/dialect.h"

enum { CLIENT_ID_MAX = 512, CAP_OF_MODEL = 4096 /* where none is sent */ };

static uint64_t first_u64(const uint8_t *b)
{
    uint64_t x;
    memcpy(&x, b, sizeof x);
    return x;
}

uint64_t cs_arrival_body_bits(const struct cs_exchange *x)
{
    return first_u64(x->body) >> 2;
}

/* ---- arrival: who asks, and has this been asked before? --------------------------------------- */

/* "<32 hex digits>-<attempt>", of a later turn "<32 hex digits>-t<turn>-<attempt>"; anything else is a stranger's id, and tells nothing. */
static void read_client_id(struct cs_exchange *x)
{
    static const char digits[] = "0123456789";
    const char *id = x->call->client_request_id, *attempt;
    char hex[33];
    if (id == NULL || strlen(id) < 34 || id[32] != '-')
        return;
    attempt = id + 33;
    if (*attempt == 't') {
        attempt += 1 + strspn(attempt + 1, digits);
        if (*attempt++ != '-')
            return;
    }
    if (*attempt == '\0' || strspn(attempt, digits) != strlen(attempt) || strlen(attempt) >= sizeof x->attempt)
        return;
    memcpy(hex, id, 32);
    hex[32] = '\0';
    if (!cs_digest_unhex(hex, x->digest_id, sizeof x->digest_id))
        return;
    x->has_digest = true;
    cs_digest_hex(x->digest_id, sizeof x->digest_id, x->digest);
    snprintf(x->attempt, sizeof x->attempt, "%s", attempt);
}

/* A request without a digest is a repeat of its own: its body and how often that has come before stand for one. */
static void make_digest(struct cs_exchange *x, uint64_t times_before)
{
    struct cs_buf b = CS_BUF_INIT(128);
    uint8_t hash[32];
    char hex[65];
    cs_digest_hex(x->body, sizeof x->body, hex);
    cs_buf_printf(&b, "%s\x1f%llu", hex, (unsigned long long)times_before);
    cs_digest_blake2b_256(b.data, b.len, hash);
    cs_buf_release(&b);
    cs_digest_hex(hash, 16, x->digest);
}

static const char *bearer(const char *authorization)
{
    static const char scheme[] = "Bearer ";
    if (authorization == NULL || strncasecmp(authorization, scheme, sizeof scheme - 1) != 0)
        return NULL;
    return authorization + sizeof scheme - 1;
}

static bool key_allowed(const struct cs_sim_settings *s, const char *key)
{
    for (unsigned i = 0; i < s->n_keys; i++) {
        if (key != NULL && strcmp(s->keys[i], key) == 0)
            return true;
    }
    return s->n_keys == 0;
}

bool cs_arrival_arrive(struct cs_simulator *s, struct cs_exchange *x)
{
    const char *key = x->call->api_key;
    if (key == NULL && x->dialect->bearer)
        key = bearer(x->call->authorization);
    uint8_t hash[32];
    cs_digest_blake2b_256(x->call->body, x->call->len, x->body);
    cs_digest_blake2b_256(key != NULL ? key : "", key != NULL ? strlen(key) : 0, hash);
    x->key_id = first_u64(hash);
    read_client_id(x);

    pthread_mutex_lock(&s->lock);
    struct cs_sim_tally *t = &s->tally;
    t->requests++;
    x->number = cs_rng_mix64(s->ids++);
    uint64_t *times = cs_idmap_at(&t->bodies, x->body);
    const uint64_t times_before = *times >> 1;
    x->answered_before = (*times & 1) != 0;
    *times += 2;
    const bool allowed = key_allowed(&s->settings, key);
    t->unauthorized += !allowed;
    pthread_mutex_unlock(&s->lock);

    if (!x->has_digest)
        make_digest(x, times_before);
    if (!allowed && key == NULL)
        return cs_chat_error_set(&x->error, 401, "invalid_request_error", NULL, NULL,
                                 "You didn't provide an API key. You need to provide your API key in an Authorization "
                                 "header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).");
    if (!allowed)
        return cs_chat_error_set(&x->error, 401, "invalid_request_error", NULL, "invalid_api_key",
                                 "Incorrect API key provided: ***. You can find your API key at "
                                 "https://platform.openai.com/account/api-keys.");
    return true;
}

/* A turn of a conversation counts as a request of its own, with a body of its own. */
static void recognise(struct cs_simulator *s, struct cs_exchange *x)
{
    cs_flips_talk(x->request.root, &x->talk);
    if (x->request.tooling.rounds > 0 &&
        x->request.tooling.n_tools > 0) /* a reply may be several items, or none with a role */
        x->talk.turn = 1 + (x->request.tooling.rounds < CS_SIM_TURNS_MAX ? x->request.tooling.rounds
                                                                         : CS_SIM_TURNS_MAX - 1);
    snprintf(x->chance, sizeof x->chance, "%s", x->digest);
    if (x->talk.turn > 1)
        snprintf(x->chance, sizeof x->chance, "%s/%u", x->digest, x->talk.turn);
    if (!x->has_digest)
        return;
    if (x->talk.turn > 1) {
        uint8_t hash[32];
        cs_digest_blake2b_256(x->chance, strlen(x->chance), hash);
        memcpy(x->digest_id, hash, sizeof x->digest_id);
    }
    const uint64_t body = cs_arrival_body_bits(x);
    pthread_mutex_lock(&s->lock);
    uint64_t *seen = cs_idmap_at(&s->tally.digests, x->digest_id);
    if (*seen == 0)
        *seen = body << 2 | 1;
    else if (*seen >> 2 != body)
        s->tally.digest_body_conflicts++;
    pthread_mutex_unlock(&s->lock);
}

bool cs_arrival_read(struct cs_simulator *s, struct cs_exchange *x)
{
    const struct cs_sim_call *call = x->call;
    if (call->client_request_id != NULL && strlen(call->client_request_id) > CLIENT_ID_MAX)
        return cs_chat_error_set(&x->error, 400, "invalid_request_error", NULL, NULL,
                                 "Invalid 'X-Client-Request-Id' header: want at most 512 ASCII characters.");
    const bool good = x->dialect->parse(call, &x->request, &x->error);
    recognise(s, x);
    return good;
}

/* ---- admission: model and limits -------------------------------------------------------------- */

static struct cs_buckets *buckets_of(struct cs_simulator *s, struct cs_exchange *x)
{
    struct cs_sim_model *m = x->model;
    size_t i = 0;
    while (i < m->n_keys && m->keys[i].id != x->key_id)
        i++;
    if (i == m->n_keys) {
        if (m->n_keys == CS_SIM_KEYS_MAX) /* the oldest goes: nobody tests with so many keys */
            memmove(m->keys, m->keys + 1, --m->n_keys * sizeof *m->keys);
        if (m->n_keys == m->cap_keys) {
            m->cap_keys = m->cap_keys != 0 ? 2 * m->cap_keys : 4;
            m->keys = cs_xrealloc(m->keys, m->cap_keys, sizeof *m->keys);
        }
        i = m->n_keys++;
        m->keys[i].id = x->key_id;
        cs_sim_limits_buckets_init(&m->keys[i].buckets, &s->settings.quota, x->call->mono_us);
    }
    return &m->keys[i].buckets;
}

static struct cs_charge charge_of(enum cs_charging how, const struct cs_chat_request *r)
{
    const uint64_t input = cs_sim_dialect_tokens(r->content_bytes) + r->image_tokens,
                   cap = r->max_tokens != 0 ? r->max_tokens : CAP_OF_MODEL;
    struct cs_charge c = {.tokens = input, .input = input};
    if (how == CS_CHARGE_RESERVE)
        c.tokens += cap;
    else if (how == CS_CHARGE_LARGER && r->max_tokens > input)
        c.tokens = r->max_tokens;
    return c;
}

void cs_arrival_settle(struct cs_simulator *s, struct cs_exchange *x, uint64_t output)
{
    const struct cs_charge begun = x->charge;
    const enum cs_charging how = x->dialect->charging;
    x->charge.output = output;
    if (how == CS_CHARGE_AS_WRITTEN || how == CS_CHARGE_RESERVE)
        x->charge.tokens = begun.input + output;
    cs_sim_limits_buckets_settle(buckets_of(s, x), &begun, &x->charge);
}

bool cs_arrival_fail_limit(struct cs_exchange *x, const struct cs_limit_refusal *why)
{
    const bool tokens = why->dimension != CS_DIM_REQUESTS;
    char wait[32], what[64];
    x->refusal = *why;
    if (why->dimension == CS_DIM_CALLS)
        return cs_chat_error_set(&x->error, 429, "overloaded", NULL, "overloaded",
                                 "The server is overloaded: %llu requests are being processed.",
                                 (unsigned long long)why->limit);
    cs_sim_limits_go_duration(why->wait_ms, wait);
    snprintf(what, sizeof what, "%s", tokens ? "tokens per min (TPM)" : "requests per min (RPM)");
    if (why->never)
        return cs_chat_error_set(
            &x->error, 429, "tokens", NULL, "rate_limit_exceeded",
            "Request too large for %s in organization org-simulator on %s: Limit %llu, Requested %llu. "
            "The input or output tokens must be reduced in order to run successfully. Visit "
            "https://platform.openai.com/account/rate-limits to learn more.",
            x->request.model, what, (unsigned long long)why->limit, (unsigned long long)why->requested);
    return cs_chat_error_set(&x->error, 429, tokens ? "tokens" : "requests", NULL, "rate_limit_exceeded",
                             "Rate limit reached for %s in organization org-simulator on %s: Limit %llu, Used %llu, "
                             "Requested %llu. Please try again in %s. Visit "
                             "https://platform.openai.com/account/rate-limits to learn more.",
                             x->request.model, what, (unsigned long long)why->limit, (unsigned long long)why->used,
                             (unsigned long long)why->requested, wait);
}

bool cs_arrival_admit(struct cs_simulator *s, struct cs_exchange *x)
{
    struct cs_limit_refusal why = {0};
    bool admitted = false;
    x->charge = charge_of(x->dialect->charging, &x->request);
    pthread_mutex_lock(&s->lock);
    x->model = cs_simulator_model_of(s, x->request.model);
    if (x->model != NULL) {
        struct cs_buckets *b = buckets_of(s, x);
        const struct cs_sim_settings *set = &s->settings;
        if (set->concurrent != 0 && s->tally.serving >= set->concurrent)
            why = (struct cs_limit_refusal){.dimension = CS_DIM_CALLS, .limit = set->concurrent};
        else
            admitted = cs_sim_limits_buckets_take(b, &set->quota, &x->charge, x->call->mono_us, &why);
        x->reply->served = admitted;
        s->tally.serving += admitted;
        if (admitted && x->model->model != NULL && x->model->model->judge != NULL && x->has_digest)
            x->judged_before = (*cs_idmap_at(&s->tally.judged, x->digest_id))++;
        if (s->tally.serving > s->tally.peak_serving)
            s->tally.peak_serving = s->tally.serving;
        x->buckets = *b;
        x->quota = set->quota;
        x->faults = set->faults;
        x->always = set->always;
        x->drip_ms = set->drip_ms;
        x->cache = set->cache;
        if (set->has_latency)
            x->latency = set->latency;
        else if (x->model->model != NULL)
            x->latency = (struct cs_latency){x->model->model->latency_median_ms, x->model->model->latency_sigma};
        x->model->counts.requests++;
        x->model->counts.limit_violations += !admitted;
        s->tally.limit_violations += !admitted;
    } else {
        s->tally.model_not_found++;
    }
    pthread_mutex_unlock(&s->lock);

    if (x->model == NULL)
        return cs_chat_error_set(&x->error, 404, "invalid_request_error", NULL, "model_not_found",
                                 "The model `%s` does not exist or you do not have access to it.", x->request.model);
    return admitted || cs_arrival_fail_limit(x, &why);
}
