#include <microhttpd.h>

#include "tools/simulator/call.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "protocol/base/alloc.h"
#include "tools/simulator/app.h"
#include "tools/simulator/dialect.h"

enum { HANG_LOOK_MS = 100 /* how often a hanging call looks whether its client has left */ };

enum route {
    ROUTE_PROVIDER,
    ROUTE_SESSION,
    ROUTE_JOB,
    ROUTE_MODELS,
    ROUTE_STATS,
    ROUTE_CONTROL,
    ROUTE_HEALTH,
    ROUTE_NONE
};

/* The head and the tail of a path; with a tail, what stands between the two is the model. */
static const struct {
    const char *head, *tail, *method;
    enum route route;
    const struct cs_sim_dialect *dialect;
} routes[] = {
    {"/v1/chat/completions", NULL, "POST", ROUTE_PROVIDER, &cs_sim_openai_chat},
    {"/chat/completions", NULL, "POST", ROUTE_PROVIDER, &cs_sim_openai_chat},
    {"/openai/v1/chat/completions", NULL, "POST", ROUTE_PROVIDER, &cs_sim_openai_chat},
    {"/openai/deployments/", "/chat/completions", "POST", ROUTE_PROVIDER, &cs_sim_openai_chat},
    {"/v1/responses", NULL, "POST", ROUTE_PROVIDER, &cs_sim_openai_responses},
    {"/openai/v1/responses", NULL, "POST", ROUTE_PROVIDER, &cs_sim_openai_responses},
    {"/v1/messages", NULL, "POST", ROUTE_PROVIDER, &cs_sim_anthropic},
    {"/v1beta/models/", ":generateContent", "POST", ROUTE_PROVIDER, &cs_sim_gemini},
    {"/model/", "/converse", "POST", ROUTE_PROVIDER, &cs_sim_bedrock},
    {"/app/", "/ask", "POST", ROUTE_PROVIDER, &cs_sim_app_ask},
    {"/app/", "/text", "POST", ROUTE_PROVIDER, &cs_sim_app_text},
    {"/app/", "/stream", "POST", ROUTE_PROVIDER, &cs_sim_app_stream},
    {"/app/", "/jobs", "POST", ROUTE_PROVIDER, &cs_sim_app_jobs},
    {"/app/sessions", NULL, "POST", ROUTE_SESSION, NULL},
    {"/app/jobs/", "", "GET", ROUTE_JOB, NULL},
    {"/v1/models", NULL, "GET", ROUTE_MODELS, NULL},
    {"/models", NULL, "GET", ROUTE_MODELS, NULL},
    {"/stats", NULL, "GET", ROUTE_STATS, NULL},
    {"/control", NULL, "POST", ROUTE_CONTROL, NULL},
    {"/healthz", NULL, "GET", ROUTE_HEALTH, NULL},
};

enum phase { PHASE_READING, PHASE_WAITING, PHASE_HANGING, PHASE_DRIPPING, PHASE_BROKEN };

struct cs_simulator_call { /* a request */
    struct cs_loop *loop;
    struct MHD_Connection *connection;
    enum route route;
    const struct cs_sim_dialect *dialect; /* ROUTE_PROVIDER */
    char *path_model;
    bool wrong_method;
    enum phase phase;
    struct cs_buf body;
    struct cs_sim_reply reply;
    bool drip_due;
    uint64_t drip_step_ms;
    size_t drip_bytes;
};

/* ---- waiting ---------------------------------------------------------------------------------- */

static int socket_of(const struct cs_simulator_call *c)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(c->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info != NULL ? info->connect_fd : -1;
}

static bool client_left(const struct cs_simulator_call *c)
{
    char byte;
    const ssize_t n = recv(socket_of(c), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

static void wait_in(struct cs_simulator_call *c, enum phase phase, uint64_t ms)
{
    c->phase = phase;
    MHD_suspend_connection(c->connection);
    cs_timers_add(&c->loop->timers, cs_timers_now_ms() + ms, c);
}

void cs_sim_call_wake(struct cs_simulator_call *c)
{
    if (c->loop->stopping)
        c->phase = PHASE_BROKEN;
    if (c->phase == PHASE_HANGING) {
        if (!client_left(c)) {
            cs_timers_add(&c->loop->timers, cs_timers_now_ms() + HANG_LOOK_MS, c);
            return;
        }
        c->phase = PHASE_BROKEN;
    }
    c->drip_due = true;
    MHD_resume_connection(c->connection);
}

/* ---- replies ---------------------------------------------------------------------------------- */

/* Dissolving the association makes Linux send RST; a close would send FIN, which a client may take for an end. */
static void reset_connection(const struct cs_simulator_call *c)
{
    const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
    (void)connect(socket_of(c), &nowhere, sizeof nowhere);
}

static ssize_t read_half(void *arg, uint64_t pos, char *out, size_t max)
{
    const struct cs_simulator_call *c = arg;
    const size_t half = c->reply.body.len / 2;
    if (pos >= half)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    const size_t left = half - (size_t)pos, n = left < max ? left : max;
    memcpy(out, c->reply.body.data + pos, n);
    return (ssize_t)n;
}

static ssize_t read_drop(void *arg, uint64_t pos, char *out, size_t max)
{
    struct cs_simulator_call *c = arg;
    if (c->phase == PHASE_BROKEN)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (!c->drip_due) {
        wait_in(c, PHASE_DRIPPING, c->drip_step_ms);
        return 0;
    }
    c->drip_due = false;
    size_t n = c->reply.body.len - (size_t)pos;
    n = n < c->drip_bytes ? n : c->drip_bytes;
    n = n < max ? n : max;
    memcpy(out, c->reply.body.data + pos, n);
    return (ssize_t)n;
}

/* A byte at a time, or a few where the timers are too coarse for the seconds asked for. */
static struct MHD_Response *drip(struct cs_simulator_call *c)
{
    const uint64_t len = c->reply.body.len, tick = CS_LOOP_TICK_MS;
    c->drip_step_ms = c->reply.drip_ms / (len + 1) > tick ? c->reply.drip_ms / (len + 1) : tick;
    c->drip_bytes = (size_t)(len * c->drip_step_ms / (c->reply.drip_ms + 1)) + 1;
    if (c->drip_step_ms > tick)
        c->drip_bytes = 1;
    return MHD_create_response_from_callback(len, 1024, read_drop, c, NULL);
}

static enum MHD_Result send_reply(struct cs_simulator_call *c)
{
    struct cs_sim_reply *r = &c->reply;
    struct MHD_Response *response = NULL;
    if (r->fault == CS_FAULT_TRUNCATED)
        response = MHD_create_response_from_callback(r->body.len, 4096, read_half, c, NULL);
    else if (r->fault == CS_FAULT_DRIP)
        response = drip(c);
    else {
        const size_t len = r->body.len;
        response = MHD_create_response_from_buffer(len, cs_buf_take(&r->body), MHD_RESPMEM_MUST_FREE);
    }
    if (response == NULL)
        return MHD_NO;
    MHD_add_response_header(response, "Content-Type", "application/json");
    for (unsigned i = 0; i < r->n_headers; i++)
        MHD_add_response_header(response, r->headers[i].name, r->headers[i].value);
    const enum MHD_Result result = MHD_queue_response(c->connection, r->status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result send_error(struct cs_simulator_call *c, unsigned status, const char *text)
{
    struct cs_chat_error e = CS_CHAT_ERROR_INIT;
    cs_chat_error_set(&e, status, "invalid_request_error", NULL, NULL, "%s", text);
    c->reply.status = status;
    cs_sim_openai_chat_write_error(&e, &c->reply.body);
    cs_chat_error_release(&e);
    return send_reply(c);
}

static const char *header(const struct cs_simulator_call *c, const char *name)
{
    return name != NULL ? MHD_lookup_connection_value(c->connection, MHD_HEADER_KIND, name) : NULL;
}

static enum MHD_Result serve_provider(struct cs_simulator_call *c)
{
    struct timespec mono, wall;
    clock_gettime(CLOCK_MONOTONIC, &mono);
    clock_gettime(CLOCK_REALTIME, &wall);
    const struct cs_sim_call call = {
        .authorization = header(c, "Authorization"),
        .client_request_id = header(c, "X-Client-Request-Id"),
        .body = cs_buf_cstr(&c->body),
        .len = c->body.len,
        .mono_us = (int64_t)mono.tv_sec * 1000000 + mono.tv_nsec / 1000,
        .wall_s = wall.tv_sec,
        .dialect = c->dialect,
        .path_model = c->path_model,
        .api_key = header(c, c->dialect->key_header),
        .version = header(c, "anthropic-version"),
    };
    cs_simulator_serve(c->loop->server->simulator, &call, &c->reply);
    cs_buf_release(&c->body);
    if (c->reply.fault == CS_FAULT_RESET) {
        reset_connection(c);
        return MHD_NO;
    }
    if (c->reply.fault == CS_FAULT_HANG)
        wait_in(c, PHASE_HANGING, HANG_LOOK_MS);
    else if (c->reply.delay_ms > 0)
        wait_in(c, PHASE_WAITING, c->reply.delay_ms);
    else
        return send_reply(c);
    return MHD_YES;
}

static enum MHD_Result serve_control(struct cs_simulator_call *c)
{
    struct cs_error err;
    if (cs_simulator_control(c->loop->server->simulator, cs_buf_cstr(&c->body), c->body.len, &err) != CS_OK)
        return send_error(c, 400, err.msg);
    cs_buf_str(&c->reply.body, "{\"ok\":true}\n");
    return send_reply(c);
}

/* The request is complete. */
static enum MHD_Result serve(struct cs_simulator_call *c)
{
    if (c->body.overflow)
        return send_error(c, 413, "Request body too large: the simulator takes 32 MiB.");
    if (c->wrong_method)
        return send_error(c, 405, "Not allowed: this path wants another method.");
    c->reply.status = 200;
    switch (c->route) {
    case ROUTE_PROVIDER:
        return serve_provider(c);
    case ROUTE_CONTROL:
        return serve_control(c);
    case ROUTE_MODELS:
        cs_control_models(c->loop->server->simulator, &c->reply.body);
        return send_reply(c);
    case ROUTE_STATS:
        cs_control_stats(c->loop->server->simulator, &c->reply.body);
        return send_reply(c);
    case ROUTE_HEALTH:
        cs_buf_str(&c->reply.body, "{\"status\":\"ok\"}\n");
        return send_reply(c);
    case ROUTE_SESSION:
        cs_app_session(cs_timers_now_ms(), &c->reply.body);
        return send_reply(c);
    case ROUTE_JOB:
        if (!cs_app_job(c->path_model, &c->reply.body))
            return send_error(c, 404, "There is no such job.");
        return send_reply(c);
    case ROUTE_NONE:
        break;
    }
    return send_error(c, 404, "Invalid URL: no such path here.");
}

/* ---- the life of a call ----------------------------------------------------------------------- */

static void find_route(struct cs_simulator_call *c, const char *url, const char *method)
{
    const size_t len = strlen(url);
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        const char *tail = routes[i].tail;
        const size_t head_len = strlen(routes[i].head), tail_len = tail != NULL ? strlen(tail) : 0;
        if (tail == NULL ? strcmp(url, routes[i].head) != 0
                         : len <= head_len + tail_len || strncmp(url, routes[i].head, head_len) != 0 ||
                               strcmp(url + len - tail_len, tail) != 0)
            continue;
        c->route = routes[i].route;
        c->dialect = routes[i].dialect;
        c->wrong_method = strcmp(routes[i].method, method) != 0;
        if (tail != NULL)
            c->path_model = cs_xasprintf("%.*s", (int)(len - head_len - tail_len), url + head_len);
    }
}

static struct cs_simulator_call *new_call(struct cs_loop *l, struct MHD_Connection *connection, const char *url,
                                          const char *method)
{
    struct cs_simulator_call *c = cs_xcalloc(1, sizeof *c);
    c->loop = l;
    c->connection = connection;
    c->route = ROUTE_NONE;
    c->body = CS_BUF_INIT(CS_CHAT_BODY_MAX);
    c->reply.body = CS_BUF_INIT(CS_SIM_REPLY_MAX);
    c->reply.fault = CS_FAULT_NONE;
    find_route(c, url, method);
    if (c->route == ROUTE_PROVIDER)
        cs_simulator_enter(l->server->simulator);
    return c;
}

/* Called at the headers, at each piece of the body, at its end, and again after each wait that ended. */
enum MHD_Result cs_sim_call_on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                       const char *method, const char *version, const char *data, size_t *n,
                                       void **state)
{
    (void)version;
    struct cs_simulator_call *c = *state;
    if (c == NULL) {
        *state = new_call(arg, connection, url, method);
        return MHD_YES;
    }
    if (*n > 0) {
        cs_buf_append(&c->body, data, *n);
        *n = 0;
        return MHD_YES;
    }
    switch (c->phase) {
    case PHASE_READING:
        return serve(c);
    case PHASE_WAITING:
        return send_reply(c);
    case PHASE_HANGING:
    case PHASE_DRIPPING:
    case PHASE_BROKEN:
        break;
    }
    return MHD_NO;
}

void cs_sim_call_on_completed(void *arg, struct MHD_Connection *connection, void **state,
                              enum MHD_RequestTerminationCode why)
{
    struct cs_loop *l = arg;
    struct cs_simulator_call *c = *state;
    (void)connection;
    (void)why;
    if (c == NULL)
        return;
    if (c->route == ROUTE_PROVIDER)
        cs_simulator_leave(l->server->simulator, c->reply.served);
    cs_buf_release(&c->body);
    cs_serve_reply_release(&c->reply);
    free(c->path_model);
    free(c);
    *state = NULL;
}
