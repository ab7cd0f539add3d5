#include "worker/check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/file.h"
#include "protocol/base/json.h"
#include "protocol/base/utf8.h"
#include "protocol/dialects/system/mask.h"
#include "protocol/dialects/replies/limit_headers.h"
#include "protocol/base/clock.h"
#include "protocol/study/sunset.h"
#include "protocol/load/servers.h"
#include "protocol/study/address.h"
#include "protocol/study/answer.h"
#include "worker/calls/endpoint.h"
#include "worker/calls/pictures.h"
#include "worker/exchange.h"

enum { CALL_MS = 60000, SAID_MAX = 300, KEY_PART = 6, REPLY_MEMORY = 64 * 1024 * 1024 };

struct lane {
    const struct cs_probe *probe;
    const char *server; /* one of its account's; or NULL */
    struct cs_made_endpoint *endpoint;
    bool asked, done;
    bool none;                                  /* its account's file lists no server */
    const char *state, *said, *todo, *resolved; /* texts live in the arena */
    uint32_t status, latency_ms;
    struct cs_limits told;
};

struct check {
    uv_loop_t loop;
    struct cs_exchange *exchange;
    struct cs_arena arena;
    struct lane *lanes;
    uint32_t n, printed, failed;
    FILE *out;
    char from[128]; /* this node: on a cluster not all of them reach the same */
};

/* ---- what a reply means --------------------------------------------------------------------------- */

/* Where its key is found, in words for the operator. */
static const char *key_place(struct check *k, const struct cs_account *a)
{
    if (a->key_env != NULL)
        return cs_arena_printf(&k->arena, "set %s to a valid key", a->key_env);
    if (a->key_file != NULL)
        return cs_arena_printf(&k->arena, "put a valid key into %s", a->key_file);
    return cs_arena_printf(&k->arena, "account %s has no key: add key: {env: NAME}", a->name);
}

static const char *host_of(struct check *k, const char *url)
{
    const char *at = strstr(url, "://");
    at = at != NULL ? at + 3 : url;
    return cs_arena_strndup(&k->arena, at, strcspn(at, "/"));
}

/* Words of a provider without any part of the key in them. */
static const char *without_key(struct check *k, const char *text, const char *key)
{
    char *copy = cs_arena_strndup(&k->arena, text, strnlen(text, SAID_MAX));
    const size_t n = strlen(copy);
    for (size_t i = 0; key != NULL && i + KEY_PART <= n; i++) {
        const char part[KEY_PART + 1] = {text[i], text[i + 1], text[i + 2], text[i + 3], text[i + 4], text[i + 5], 0};
        if (strstr(key, part) != NULL)
            memset(copy + i, '*', KEY_PART);
    }
    for (char *s = copy; *s != '\0'; s++) {
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            *s = ' ';
    }
    return cs_utf8_clean(&k->arena, copy, n, SAID_MAX);
}

static void judge_unanswered(struct check *k, struct lane *l, const struct cs_http_reply *r)
{
    const struct cs_account *a = l->probe->account;
    const char *host = host_of(k, l->endpoint->url);
    const char *proxy = a->proxy != NULL ? ", or the proxy" : "";
    l->state = "unreachable";
    l->said = without_key(k, r->why, l->endpoint->secret);
    switch (r->below) {
    case CS_BELOW_NAME:
        l->todo = cs_arena_printf(&k->arena, "the name %s is not known: check base_url%s and this host's DNS", host,
                                  proxy);
        return;
    case CS_BELOW_CONNECT:
        l->todo = cs_arena_printf(&k->arena, "nothing answers at %s: check base_url%s and firewalls", host, proxy);
        return;
    case CS_BELOW_TLS:
        l->state = "tls";
        l->todo = cs_arena_printf(
            &k->arena, "the certificate of %s is not trusted: name the CA with ca_file, if it is your own", host);
        return;
    case CS_BELOW_PROXY:
        l->todo = "the proxy does not answer: check proxy, or HTTPS_PROXY in the environment";
        return;
    case CS_BELOW_TIME:
        l->todo = cs_arena_printf(&k->arena, "%s did not answer in time: try again, check firewalls%s", host, proxy);
        return;
    case CS_BELOW_FILES:
        l->todo = "this process may open no more files: raise its limit (ulimit -n)";
        return;
    case CS_BELOW_NONE:
    case CS_BELOW_OTHER:
        break;
    }
    l->todo = cs_arena_printf(&k->arena, "the connection to %s broke: try again, check the network%s", host, proxy);
}

/* A 404 may also mean that nothing is at this path: then it does not speak of models. */
static bool unknown_model(const struct cs_reading *g, uint16_t status)
{
    return g->says == CS_SAYS_NO_MODEL || strstr(g->text, "model identifier is invalid") != NULL ||
           (status == 404 && (strstr(g->text, "model") != NULL || strstr(g->text, "eployment") != NULL));
}

static void judge_error(struct check *k, struct lane *l, const struct cs_reading *g, const struct cs_http_reply *r)
{
    const char *model = l->probe->model.model;
    const uint16_t status = r->status;
    const bool declared = l->probe->account->service != NULL;
    l->said = without_key(k, g->text, l->endpoint->secret);
    if (g->says == CS_SAYS_NO_KEY || status == 401 || (status == 403 && l->endpoint->secret == NULL)) {
        l->state = "key_refused";
        l->said = "";
        l->todo = key_place(k, l->probe->account);
    } else if (g->says == CS_SAYS_NO_MONEY || status == 402) {
        l->state = "no_money";
        l->todo = "quota or credit is used up: add credit, or raise the spending limit, with the provider";
    } else if (g->says == CS_SAYS_DAY_USED) {
        l->state = "day_used";
        l->todo = "the quota of the day is used up: go on tomorrow, or have it raised";
    } else if (status == 403) {
        l->state = "not_allowed";
        l->said = "";
        l->todo = cs_arena_printf(&k->arena, "the key may not use %s, or not from here: ask who owns the account",
                                  model);
    } else if (unknown_model(g, status)) {
        l->state = "unknown_model";
        l->todo = cs_arena_printf(&k->arena, "the provider knows no model %s: correct `model`", model);
    } else if (status == 404 || (status >= 300 && status < 400)) {
        l->state = "wrong_address";
        l->todo = declared
                      ? cs_arena_printf(&k->arena, "%s does not answer as declared: check base_url and the path of %s",
                                        l->endpoint->url, r->at_start ? "session: start" : "request")
                      : cs_arena_printf(&k->arena, "no provider's API is at %s: check base_url, protocol and path",
                                        l->endpoint->url);
    } else if (status == 429) {
        l->state = "limited";
        l->todo = "the key works, but its limit is used up at this moment: try again later";
    } else if (status >= 500) {
        l->state = "provider_error";
        l->todo = "the provider is in trouble: try again later";
    } else if (declared && status < 300 && g->says == CS_SAYS_ERROR) {
        l->state = "provider_error";
        l->todo = "the system answers with an error: correct what it speaks of, or try again later";
    } else if (status < 300) {
        l->state = "not_understood";
        l->todo = declared
                      ? "the reply is not what its account declares: correct request, reply, stream, poll or session"
                      : cs_arena_printf(&k->arena,
                                        "what answers there does not speak %s: check base_url, protocol and path",
                                        cs_protocol_name(l->probe->account->protocol));
    } else if (l->probe->goes_on && strstr(g->text, "cache_control") != NULL) { /* the mark of request.h */
        l->state = "refused";
        l->todo = "this server keeps no prompts: write prompt_cache: no in its account";
    } else {
        l->state = "refused";
        l->todo = "a run would fail every trial so: correct the parameters of the model; `NAME: omit` takes one away";
    }
}

/* Is it the model that was asked for, or a dated name of it? */
static bool is_served_as_asked(const char *asked, const char *served)
{
    return served[0] == '\0' || strcasestr(served, asked) != NULL || strcasestr(asked, served) != NULL;
}

/* An answer to a prompt of the study: what would a run make of it? */
static void judge_answer(struct check *k, struct lane *l, const struct cs_reading *g)
{
    const struct cs_probe *p = l->probe;
    const char *cause = g->cause;
    l->state = "ok";
    if (p->body == NULL)
        return;
    if (p->goes_on && g->says == CS_SAYS_ANSWER && g->outcome == CS_OUTCOME_ok)
        cause = g->text[strspn(g->text, " \t\r\n")] != '\0' || g->tool_calls[0] != '\0'
                    ? ""
                    : cs_answer_fault_name(CS_ANSWER_EMPTY);
    else if (g->says == CS_SAYS_ANSWER && g->outcome == CS_OUTCOME_ok)
        cause = cs_answer_fault_name(cs_answer_check(p->study, p->question, p->elements,
                                                     cs_answer_lenient(p->study, p->question, p->lane), g->text,
                                                     strlen(g->text))
                                         .fault);
    if (g->says == CS_SAYS_ANSWER && cause[0] != '\0') {
        l->state = p->study->accept_unparsable ? "ok" : "unparsable";
        l->said = without_key(k, g->text, l->endpoint->secret);
        l->todo = cs_arena_printf(&k->arena, "a run would record this as unparsable (%s)%s", cause,
                                  p->study->accept_unparsable ? "" : ", and pause after 50 such answers");
    } else if (p->cap > 0 && g->output_tokens > p->cap) {
        l->state = "cap_ignored";
        l->todo = cs_arena_printf(&k->arena,
                                  "%u output tokens came, and the cap was %u: the provider reads another field; set "
                                  "max_tokens_field in its account",
                                  g->output_tokens, p->cap);
    } else if (g->says == CS_SAYS_FILTERED || g->outcome != CS_OUTCOME_ok) {
        l->todo = cs_arena_printf(
            &k->arena, "a run would record this as %s%s",
            cs_outcome_name(g->says == CS_SAYS_FILTERED ? CS_OUTCOME_content_filtered : g->outcome),
            g->outcome == CS_OUTCOME_truncated ? ": a larger max_output_tokens leaves room for the answer" : "");
    } else if (!is_served_as_asked(p->model.model, g->model)) {
        l->todo = cs_arena_printf(&k->arena, "the model that answers is not %s", p->model.model);
    } else if (g->output_tokens == 0) {
        l->todo = "the reply tells no tokens: a run would not know its cost";
    } else if (p->goes_on) {
        l->todo = "this was a trial's first call; those that give its answer are not tried";
    }
}

static void judge(struct check *k, struct lane *l, const struct cs_http_reply *r)
{
    struct cs_reading g;
    l->status = r->status;
    l->latency_ms = r->latency_ms;
    cs_dialect_of(l->probe->account->protocol)
        ->read(r, l->probe->goes_on ? CS_FORM_NONE : l->probe->account->response_format, &k->arena, &g);
    cs_limit_headers_read(r->headers, l->endpoint->pub.limit_rules, l->endpoint->pub.n_limit_rules, &k->arena,
                          &l->told);
    l->resolved = cs_mask_text(g.model, l->endpoint->secret, &k->arena);
    if (r->transfer != CS_TRANSFER_WHOLE)
        judge_unanswered(k, l, r);
    else if (r->status >= 200 && r->status <= 299 && (g.says == CS_SAYS_ANSWER || g.says == CS_SAYS_FILTERED))
        judge_answer(k, l, &g);
    else
        judge_error(k, l, &g, r);
}

/* ---- printing ------------------------------------------------------------------------------------- */

static struct cs_json *limits_json(const struct cs_limits *told, const struct cs_limits *declared)
{
    const struct {
        const char *name;
        uint64_t told, declared;
    } rows[] = {
        {"requests_per_minute", told->requests_per_minute, declared->requests_per_minute},
        {"tokens_per_minute", told->tokens_per_minute, declared->tokens_per_minute},
        {"input_tokens_per_minute", told->input_tokens_per_minute, declared->input_tokens_per_minute},
        {"output_tokens_per_minute", told->output_tokens_per_minute, declared->output_tokens_per_minute},
        {"requests_per_day", told->requests_per_day, declared->requests_per_day},
        {"tokens_per_day", told->tokens_per_day, declared->tokens_per_day},
    };
    struct cs_json *all = cs_json_object();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].told > 0 || rows[i].declared > 0)
            cs_json_object_set_new(
                all, rows[i].name,
                cs_json_pack("{s:I,s:I}", "told", (int64_t)rows[i].told, "declared", (int64_t)rows[i].declared));
    }
    return all;
}

static void print_lane(struct check *k, const struct lane *l)
{
    const struct cs_account *a = l->probe->account;
    struct cs_json *line = cs_json_pack(
        "{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:i,s:i,s:s,s:o,s:s,s:s}", "from", k->from, "model", l->probe->model.name,
        "account", a->name, "protocol", cs_protocol_name(a->protocol), "model_sent", l->probe->model.model, "url",
        l->endpoint != NULL ? l->endpoint->url
        : l->server != NULL ? l->server
                            : a->base_url,
        "state", l->state, "http_status", (int)l->status, "latency_ms", (int)l->latency_ms, "model_resolved",
        l->resolved, "limits", limits_json(&l->told, &l->probe->model.limits), "said", l->said, "todo", l->todo);
    CS_ASSERT(line != NULL);
    if (l->probe->model.sunset_ms != 0) {
        char words[160];
        cs_sunset_words(l->probe->model.sunset_ms, cs_clock_wall_ms(), 0, words, sizeof words);
        cs_json_object_set_new(line, "sunset", cs_json_string(words));
    }
    if (l->server != NULL)
        cs_json_object_set_new(line, "server", cs_json_string(l->server));
    cs_json_dumpf(line, k->out, CS_JSON_COMPACT);
    fputc('\n', k->out);
    fflush(k->out);
    cs_json_decref(line);
}

static void print_done(struct check *k)
{
    for (; k->printed < k->n && k->lanes[k->printed].done; k->printed++)
        print_lane(k, &k->lanes[k->printed]);
}

/* ---- asking --------------------------------------------------------------------------------------- */

static void done(struct check *k, struct lane *l)
{
    l->done = true;
    k->failed += strcmp(l->state, "ok") != 0 && strcmp(l->state, "skipped") != 0;
    print_done(k);
}

/* What keeps a lane from being asked. */
static bool prepare(struct check *k, struct lane *l, const char *simulator, uint64_t serial)
{
    const struct cs_account *a = l->probe->account;
    struct cs_error why = {0};
    l->state = l->said = l->todo = l->resolved = "";
    if (a->simulated && simulator == NULL) {
        l->state = "skipped";
        return false;
    }
    if (l->none) {
        l->state = "no_server";
        l->todo = cs_arena_printf(&k->arena, "no server is listed in %s: a run waits until one is",
                                  cs_address_file(a->base_url));
        return false;
    }
    if (l->probe->fault != NULL) {
        l->state = "refused";
        l->todo = l->probe->fault;
        return false;
    }
    const struct cs_endpoint_means means = {simulator, NULL}; /* a file on this machine may name any endpoint */
    enum cs_err rc = l->server != NULL ? cs_endpoint_make_server(serial, &means, a, l->server, l->probe->model.model,
                                                                 &l->endpoint, &why)
                                       : cs_endpoint_make(serial, &means, a, l->probe->model.model, &l->endpoint, &why);
    if (rc == CS_OK)
        return true;
    l->state = "no_key";
    l->todo = cs_arena_strdup(&k->arena, why.msg);
    return false;
}

static void nothing_is_missing(void *self, const uint8_t digest[32], uint32_t bytes)
{
    (void)self;
    (void)digest;
    (void)bytes;
}

/* The images of a lane's prompt, from the study's files. NULL: none, or a file that is not what it was. */
static struct cs_held *images_of(const struct cs_probe *p)
{
    struct cs_pictures *all = cs_pictures_open(UINT64_MAX);
    struct cs_held *held = NULL;
    if (p->n_images > 0 &&
        cs_pictures_hold(all, p->images, p->n_images, nothing_is_missing, NULL, &held, NULL) != CS_OK) {
        for (uint32_t i = 0; i < p->n_pictures; i++) {
            const struct cs_load_picture *from = p->pictures[i];
            char *bytes = NULL;
            size_t n = 0;
            if (cs_file_read(from->path, CS_IMAGE_BYTES_MAX, &bytes, &n, NULL) == CS_OK &&
                cs_image_is(&from->image, bytes, n)) {
                for (uint32_t piece = 0; piece < from->image.n_pieces; piece++)
                    (void)cs_pictures_put(all, from->image.pieces[piece], bytes + (size_t)piece * CS_IMAGE_PIECE_BYTES,
                                          cs_image_piece_bytes(&from->image, piece));
            }
            free(bytes);
        }
        if (cs_pictures_hold(all, p->images, p->n_images, nothing_is_missing, NULL, &held, NULL) != CS_OK)
            held = NULL;
    }
    cs_pictures_close(all);
    return held;
}

static void ask(struct check *k, struct lane *l)
{
    struct cs_buf body = CS_BUF_INIT(CS_BODY_MAX);
    struct cs_error err = {0};
    char id[32];
    l->asked = true;
    CS_ASSERT(cs_probe_body(l->probe, &body, &err) == CS_OK); /* it could be made when it was loaded */
    struct cs_held *held = images_of(l->probe);
    snprintf(id, sizeof id, "check-%u", (unsigned)(l - k->lanes));
    const struct cs_http_request r = {.endpoint = &l->endpoint->pub,
                                      .body = cs_buf_cstr(&body),
                                      .body_len = body.len,
                                      .held = held,
                                      .request_id = id,
                                      .timeout_ms = l->probe->body != NULL && l->probe->model.timeout_ms > CALL_MS
                                                        ? l->probe->model.timeout_ms
                                                        : CALL_MS};
    cs_exchange_start(k->exchange, (uint32_t)(l - k->lanes), &r);
    cs_pictures_let_go(held);
    cs_buf_release(&body);
}

/* The next lane of an account: one call at a time is the least that any provider allows. */
static void ask_next(struct check *k, const struct cs_account *a)
{
    for (uint32_t i = 0; i < k->n; i++) {
        if (k->lanes[i].probe->account != a || k->lanes[i].asked || k->lanes[i].done)
            continue;
        ask(k, &k->lanes[i]);
        return;
    }
}

static void on_reply(void *self, uint32_t slot, const struct cs_http_reply *reply)
{
    struct check *k = self;
    struct lane *l = &k->lanes[slot];
    judge(k, l, reply);
    done(k, l);
    ask_next(k, l->probe->account);
    if (k->printed == k->n)
        uv_stop(&k->loop);
}

/* One row a lane; of an account with several servers one for each of them. */
static enum cs_err lay_out(struct check *k, const struct cs_probes *probes, struct cs_error *err)
{
    struct cs_servers_list *lists = cs_arena_array(&k->arena, probes->n + 1, sizeof *lists);
    uint32_t n = 0;
    for (uint32_t i = 0; i < probes->n; i++) {
        const struct cs_account *a = probes->all[i].account;
        enum cs_err rc = cs_address_has_servers(a) ? cs_load_servers_of(a, &k->arena, &lists[i], err) : CS_OK;
        if (rc != CS_OK)
            return rc;
        n += lists[i].n > 0 ? lists[i].n : 1;
    }
    k->lanes = cs_arena_array(&k->arena, n, sizeof *k->lanes);
    for (uint32_t i = 0; i < probes->n; i++) {
        const bool none = lists[i].n == 0 && cs_address_has_servers(probes->all[i].account);
        for (uint32_t s = 0; s < (lists[i].n > 0 ? lists[i].n : 1); s++)
            k->lanes[k->n++] = (struct lane){
                .probe = &probes->all[i], .server = lists[i].n > 0 ? lists[i].urls[s] : NULL, .none = none};
    }
    return CS_OK;
}

static enum cs_err ask_all(struct check *k, const struct cs_probes *probes, const char *simulator, struct cs_error *err)
{
    enum cs_err rc = lay_out(k, probes, err);
    if (rc != CS_OK)
        return rc;
    for (uint32_t i = 0; i < k->n; i++) {
        if (!prepare(k, &k->lanes[i], simulator, i + 1))
            done(k, &k->lanes[i]);
    }
    if (k->printed == k->n)
        return CS_OK;
    CS_ASSERT(uv_loop_init(&k->loop) == 0);
    rc = cs_exchange_open(&k->exchange, &k->loop, k->n, REPLY_MEMORY, on_reply, k, err);
    if (rc == CS_OK) {
        for (uint32_t i = 0; i < k->n; i++) {
            bool first = true;
            for (uint32_t j = 0; j < i; j++)
                first &= k->lanes[j].probe->account != k->lanes[i].probe->account;
            if (first)
                ask_next(k, k->lanes[i].probe->account);
        }
        uv_run(&k->loop, UV_RUN_DEFAULT);
        cs_exchange_close(k->exchange);
    }
    uv_run(&k->loop, UV_RUN_DEFAULT);
    uv_loop_close(&k->loop);
    return rc;
}

/* As the scheduler calls it, else as it calls itself. */
static void name_node(struct check *k)
{
    const char *node = getenv("SLURMD_NODENAME");

    if (node != NULL || gethostname(k->from, sizeof k->from - 1) != 0)
        snprintf(k->from, sizeof k->from, "%s", node != NULL ? node : "this host");
    if (!cs_utf8_valid(k->from, strlen(k->from)))
        snprintf(k->from, sizeof k->from, "this host");
}

enum cs_err cs_check_run(const struct cs_check_opts *o, FILE *out, struct cs_error *err)
{
    struct check k = {.out = out};
    struct cs_probes probes;
    char *simulator = o->simulator != NULL ? cs_xstrdup(o->simulator) : NULL;
    name_node(&k);
    for (size_t n = simulator != NULL ? strlen(simulator) : 0; n > 0 && simulator[n - 1] == '/';)
        simulator[--n] = '\0';
    enum cs_err rc = cs_probes_load(o->path, &o->load, o->only, &probes, err);
    if (rc == CS_OK)
        rc = ask_all(&k, &probes, simulator, err);
    if (rc == CS_OK && k.failed > 0)
        rc = cs_error_set(err, CS_EINCOMPLETE, "%u of %u lanes cannot be used", k.failed, k.n);
    for (uint32_t i = 0; i < k.n; i++)
        cs_endpoint_free(k.lanes[i].endpoint);
    cs_arena_release(&k.arena);
    cs_probes_release(&probes);
    free(simulator);
    return rc;
}
