#include "worker/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <uv.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/buf.h"
#include "protocol/base/clock.h"
#include "protocol/base/version.h"
#include "worker/inflate.h"
#include "worker/calls/gates.h"
#include "worker/calls/replies.h"
#include "worker/calls/sent.h"
#include "worker/watch.h"

enum {
    SLOTS_PER_MULTI = 64,
    HEADERS_MAX = 64 * 1024,
    KEEP_BYTES = 64 * 1024,
    ID_MAX = 128,
    LINES_MAX = 8 + 2 * CS_HEADERS_MAX
};

struct multi {
    struct cs_http *http;
    CURLM *curl;
    uv_timer_t timer;
};

struct slot {
    struct cs_http *http;
    CURL *easy;
    struct multi *multi;
    bool active, too_long, no_files;
    bool crowded;    /* ended for want of memory for replies */
    bool headed;     /* the empty line behind the headers has come */
    bool rested;     /* free, and its buffers are counted in `kept` */
    bool doomed;     /* in the list: its end cannot wait for libcurl, and cannot be made inside its callbacks */
    size_t received; /* bytes of the body */
    uint64_t serial; /* numbers its start: the greatest is the youngest */
    TAILQ_ENTRY(slot) in_doomed;
    unsigned sends;    /* requests put on a connection: libcurl may try twice */
    uint64_t endpoint; /* serial of the one that the handle is set up for */
    struct cs_buf request, body, headers;
    struct cs_sent sent;                /* what the request is sent as, where it has images */
    struct curl_slist lines[LINES_MAX]; /* our own list: nothing to allocate per call */
    char id_line[ID_MAX + 32], type_line[96], why[CURL_ERROR_SIZE];
    struct cs_gate_call gate;
};

struct cs_http {
    uv_loop_t *loop;
    cs_http_done_fn done;
    void *self;
    struct slot *slots;
    struct multi *multis;
    uint32_t n_slots, n_multis;
    struct cs_watches *watches;
    struct cs_reply_memory replies;
    size_t kept;     /* bytes of buffers that free slots keep for their next call */
    uint64_t starts; /* calls so far */
    TAILQ_HEAD(, slot) doomed;
    CURLSH *share; /* holds looked-up names */
    struct cs_gates gates;
    uv_idle_t idle; /* a gate has opened: let the waiting calls through; or calls are doomed */
    char *default_ca, *agent;
    bool closing;
    uint32_t n_closing; /* handles of ours that libuv has not yet closed */
};

#define SET(easy, option, value) CS_ASSERT(curl_easy_setopt((easy), (option), (value)) == CURLE_OK)

/* ---- sockets (watch.h) ------------------------------------------------------------------------------- */

static void drain_messages(struct multi *m);
static void on_idle(uv_idle_t *idle);

/* Ends the call soon: outside of libcurl's callbacks. */
static void doom(struct slot *s)
{
    if (!s->active || s->doomed)
        return;
    s->doomed = true;
    TAILQ_INSERT_TAIL(&s->http->doomed, s, in_doomed);
    uv_idle_start(&s->http->idle, on_idle);
}

static void on_ready(void *owner, int fd, int events)
{
    struct multi *m = owner;
    int running;
    curl_multi_socket_action(m->curl, fd,
                             ((events & CS_WATCH_READ) != 0 ? CURL_CSELECT_IN : 0) |
                                 ((events & CS_WATCH_WRITE) != 0 ? CURL_CSELECT_OUT : 0) |
                                 ((events & CS_WATCH_ERROR) != 0 ? CURL_CSELECT_ERR : 0),
                             &running);
    drain_messages(m);
}

static void on_lost(void *user)
{
    struct slot *s = user;
    if (s->why[0] == '\0')
        snprintf(s->why, sizeof s->why, "the system does not let its socket be watched");
    doom(s);
}

static curl_socket_t open_socket(void *self, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct slot *s = self;
    (void)purpose;
    int fd = cs_watches_socket(s->http->watches, s->multi, s, a->family, a->socktype, a->protocol);
    if (fd >= 0)
        return fd;
    s->no_files = errno == EMFILE || errno == ENFILE;
    return CURL_SOCKET_BAD;
}

static int close_socket(void *self, curl_socket_t fd)
{
    struct cs_http *h = self;
    return cs_watches_shut(h->watches, fd);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *self, void *socket_self)
{
    struct multi *m = self;
    char *slot = NULL;
    (void)socket_self;
    if (m->http->closing)
        return 0;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &slot);
    cs_watches_want(m->http->watches, m, slot, fd,
                    what == CURL_POLL_REMOVE ? 0
                                             : ((what & CURL_POLL_IN) != 0 ? CS_WATCH_READ : 0) |
                                                   ((what & CURL_POLL_OUT) != 0 ? CS_WATCH_WRITE : 0));
    return 0;
}

static void on_timeout(uv_timer_t *timer)
{
    struct multi *m = timer->data;
    int running;
    curl_multi_socket_action(m->curl, CURL_SOCKET_TIMEOUT, 0, &running);
    drain_messages(m);
}

static int on_timer(CURLM *curl, long timeout_ms, void *self)
{
    struct multi *m = self;
    (void)curl;
    if (m->http->closing)
        return 0;
    if (timeout_ms < 0)
        uv_timer_stop(&m->timer);
    else
        uv_timer_start(&m->timer, on_timeout, (uint64_t)timeout_ms, 0);
    return 0;
}

/* ---- one call -------------------------------------------------------------------------------------- */

/* The largest reply in flight; of equal ones the youngest, so that the oldest comes to its end. */
static struct slot *largest(struct cs_http *h)
{
    struct slot *most = NULL;
    for (uint32_t i = 0; i < h->n_slots; i++) {
        struct slot *s = &h->slots[i];
        if (s->active && s->body.len > 0 &&
            (most == NULL || s->body.len > most->body.len ||
             (s->body.len == most->body.len && s->serial > most->serial)))
            most = s;
    }
    return most;
}

/* Its memory is free at once. */
static void give_up_reply(struct slot *s)
{
    struct cs_http *h = s->http;
    s->crowded = true;
    snprintf(s->why, sizeof s->why, "replies in flight filled the %zu MiB of the worker, of which this one held %zu kB",
             h->replies.cap >> 20, s->body.len / 1000);
    h->replies.held -= s->body.len;
    cs_buf_release(&s->body);
    doom(s);
}

static size_t on_body(char *bytes, size_t size, size_t n, void *self)
{
    struct slot *s = self;
    struct cs_http *h = s->http;
    const size_t more = size * n, len = s->body.len;
    if (more > s->body.max - len) {
        s->too_long = true;
        return 0;
    }
    while (!s->crowded && more > h->replies.cap - h->replies.held) {
        struct slot *most = largest(h);
        give_up_reply(most != NULL && most->body.len > len ? most : s);
    }
    if (s->crowded)
        return 0;
    h->replies.held += more;
    s->received += more;
    cs_buf_append(&s->body, bytes, more);
    return more;
}

static size_t on_header(char *bytes, size_t size, size_t n, void *self)
{
    struct slot *s = self;
    s->headed = size * n <= 2 && bytes[size * n - 1] == '\n';
    if (size * n >= 5 && memcmp(bytes, "HTTP/", 5) == 0)
        cs_buf_clear(&s->headers); /* a final response after 1xx */
    else
        cs_buf_append(&s->headers, bytes, size * n);
    return size * n;
}

/* A request with images is written while it is sent. */
static size_t on_read(char *to, size_t size, size_t n, void *self)
{
    return cs_sent_read(&((struct slot *)self)->sent, to, size * n);
}

static int on_seek(void *self, curl_off_t to, int whence)
{
    struct slot *s = self;
    if (to != 0 || whence != SEEK_SET)
        return CURL_SEEKFUNC_CANTSEEK;
    cs_sent_rewind(&s->sent);
    return CURL_SEEKFUNC_OK;
}

static void open_gate(struct slot *s)
{
    if (cs_gates_open(&s->http->gates, &s->gate))
        uv_idle_start(&s->http->idle, on_idle);
}

/* Just before the request is sent. A second time in one call means that the connection broke after the first:
 * the server may have taken that request, so sending it again would be a repetition that nobody has counted. */
static int on_request(void *self, char *remote, char *local, int remote_port, int local_port)
{
    struct slot *s = self;
    (void)remote;
    (void)local;
    (void)remote_port;
    (void)local_port;
    open_gate(s);
    return s->sends++ == 0 ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

static enum cs_transfer transfer_of(const struct slot *s, CURLcode code, long status)
{
    long sent = 0;
    curl_easy_getinfo(s->easy, CURLINFO_REQUEST_SIZE, &sent);
    if (s->crowded)
        return CS_TRANSFER_CROWDED;
    if (code == CURLE_OK && s->headed) /* to libcurl a reply that ends inside its headers is one without a body */
        return CS_TRANSFER_WHOLE;
    if (s->too_long)
        return CS_TRANSFER_TOO_LONG;
    if (s->sends == 0 || (sent == 0 && s->sends < 2)) /* a proxy may have been sent something */
        return CS_TRANSFER_UNSENT;
    if (code == CURLE_OPERATION_TIMEDOUT)
        return CS_TRANSFER_TIMEOUT;
    return status == 0 ? CS_TRANSFER_LOST : CS_TRANSFER_CUT;
}

/* The host that nobody answered at is not the one asked for: then it is the proxy, by account or environment. */
static bool is_proxys(const struct slot *s, CURLcode code)
{
    static const char to[] = "Failed to connect to ";
    const char *url = NULL, *at = strstr(s->why, to);
    long said = 0;
    char host[128];
    curl_easy_getinfo(s->easy, CURLINFO_HTTP_CONNECTCODE, &said);
    if (said >= 300)
        return true;
    curl_easy_getinfo(s->easy, CURLINFO_EFFECTIVE_URL, &url);
    if (code != CURLE_COULDNT_CONNECT || at == NULL || url == NULL)
        return false;
    at += sizeof to - 1;
    snprintf(host, sizeof host, "%.*s", (int)strcspn(at, " "), at);
    return strstr(url, host) == NULL;
}

static enum cs_below below_of(const struct slot *s, CURLcode code)
{
    static const struct {
        CURLcode code;
        enum cs_below below;
    } rows[] = {
        {CURLE_COULDNT_RESOLVE_HOST, CS_BELOW_NAME},
        {CURLE_COULDNT_RESOLVE_PROXY, CS_BELOW_PROXY},
        {CURLE_PROXY, CS_BELOW_PROXY},
        {CURLE_COULDNT_CONNECT, CS_BELOW_CONNECT},
        {CURLE_OPERATION_TIMEDOUT, CS_BELOW_TIME},
        {CURLE_SSL_CONNECT_ERROR, CS_BELOW_TLS},
        {CURLE_PEER_FAILED_VERIFICATION, CS_BELOW_TLS},
        {CURLE_SSL_CACERT_BADFILE, CS_BELOW_TLS},
        {CURLE_SSL_CERTPROBLEM, CS_BELOW_TLS},
        {CURLE_SSL_ISSUER_ERROR, CS_BELOW_TLS},
        {CURLE_SSL_CIPHER, CS_BELOW_TLS},
    };
    if (code == CURLE_OK)
        return CS_BELOW_NONE;
    if (is_proxys(s, code))
        return CS_BELOW_PROXY;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].code == code)
            return rows[i].below;
    }
    return CS_BELOW_OTHER;
}

static size_t memory_of(const struct slot *s)
{
    return s->body.cap + s->request.cap;
}

/* Buffers of the usual size stay for the slot's next call, while all that are kept so are not many. */
static void rest(struct slot *s)
{
    struct cs_http *h = s->http;
    cs_sent_release(&s->sent);
    if (s->body.cap > KEEP_BYTES || h->kept + memory_of(s) > h->replies.cap / 4)
        cs_buf_release(&s->body);
    if (s->request.cap > KEEP_BYTES || h->kept + memory_of(s) > h->replies.cap / 4)
        cs_buf_release(&s->request);
    h->kept += memory_of(s);
    s->rested = true;
}

/* Takes the call out of libcurl and out of all lists. */
static void leave(struct slot *s)
{
    struct cs_http *h = s->http;
    CS_ASSERT(curl_multi_remove_handle(s->multi->curl, s->easy) == CURLM_OK);
    if (s->doomed)
        TAILQ_REMOVE(&h->doomed, s, in_doomed);
    s->doomed = s->active = false;
    if (!s->crowded)
        h->replies.held -= s->body.len;
    open_gate(s); /* also when it never got through */
}

/* A body that came compressed although nobody asked: its limit is that of any other body. The answer's way stays as it is otherwise. */
static void decode(struct cs_http_reply *r, struct cs_buf *plain)
{
    if (r->transfer != CS_TRANSFER_WHOLE || !cs_inflate_is_deflated(r->headers, r->body, r->body_len))
        return;
    const enum cs_inflated is = cs_inflate(r->body, r->body_len, plain);
    r->body = cs_buf_cstr(plain);
    r->body_len = plain->len;
    if (is == CS_INFLATED_WHOLE)
        return;
    r->transfer = is == CS_INFLATED_TOO_LONG ? CS_TRANSFER_TOO_LONG : CS_TRANSFER_CUT;
    r->why = is == CS_INFLATED_TOO_LONG ? "the reply is over its limit when it is decompressed"
                                        : "the reply's compression, which was not asked for, is damaged or cut short";
}

static void finish(struct slot *s, CURLcode code)
{
    struct cs_buf plain = CS_BUF_INIT(CS_HTTP_BODY_MAX);
    struct cs_http *h = s->http;
    long status = 0, os_error = 0;
    curl_off_t us = 0;
    curl_easy_getinfo(s->easy, CURLINFO_OS_ERRNO, &os_error);
    curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(s->easy, CURLINFO_TOTAL_TIME_T, &us);
    struct cs_http_reply reply = {
        .transfer = transfer_of(s, code, status),
        .status = (uint16_t)(status > 0 && status <= UINT16_MAX ? status : 0),
        .headers = cs_buf_cstr(&s->headers),
        .body = cs_buf_cstr(&s->body),
        .body_len = s->body.len,
        .received = s->received,
        .latency_ms = (uint32_t)((us + 500) / 1000),
        .wall_ms = cs_clock_wall_ms(),
        .why = code == CURLE_OK    ? (s->headed ? "" : "the reply ends inside its headers")
               : s->why[0] != '\0' ? s->why
                                   : curl_easy_strerror(code),
        .below = s->no_files ? CS_BELOW_FILES : below_of(s, code),
        .os_error = (int)os_error,
    };
    decode(&reply, &plain);
    leave(s);
    h->done(h->self, (uint32_t)(s - h->slots), &reply);
    cs_buf_release(&plain);
    if (!s->active)
        rest(s);
}

static void drain_messages(struct multi *m)
{
    int left;
    for (CURLMsg *msg; (msg = curl_multi_info_read(m->curl, &left)) != NULL;) {
        struct slot *s;
        if (msg->msg != CURLMSG_DONE)
            continue;
        CURLcode code = msg->data.result; /* the message dies with the handle's removal */
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&s);
        finish(s, code);
    }
}

static struct multi *multi_of(struct cs_http *h, uint32_t slot)
{
    struct multi *m = &h->multis[slot / SLOTS_PER_MULTI];
    if (m->curl != NULL)
        return m;
    m->http = h;
    m->curl = curl_multi_init();
    CS_ASSERT(m->curl != NULL);
    curl_multi_setopt(m->curl, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(m->curl, CURLMOPT_SOCKETDATA, m);
    curl_multi_setopt(m->curl, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(m->curl, CURLMOPT_TIMERDATA, m);
    curl_multi_setopt(m->curl, CURLMOPT_MAXCONNECTS, (long)SLOTS_PER_MULTI + 64);
    curl_multi_setopt(m->curl, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    m->timer.data = m;
    return m;
}

/* What is the same for all calls. */
static void slot_init(struct cs_http *h, uint32_t n)
{
    struct slot *s = &h->slots[n];
    s->easy = curl_easy_init();
    CS_ASSERT(s->easy != NULL);
    s->multi = multi_of(h, n);
    s->request = CS_BUF_INIT(3 * CS_BODY_MAX + 1024); /* a form is longer than what it says */
    s->body = CS_BUF_INIT(CS_HTTP_BODY_MAX);
    s->headers = CS_BUF_INIT(HEADERS_MAX);
    SET(s->easy, CURLOPT_PRIVATE, (char *)s);
    SET(s->easy, CURLOPT_NOSIGNAL, 1L);
    SET(s->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1); /* older HTTP/2 code reports cut bodies as whole */
    SET(s->easy, CURLOPT_FOLLOWLOCATION, 0L);
    SET(s->easy, CURLOPT_SSL_VERIFYPEER, 1L);
    SET(s->easy, CURLOPT_SSL_VERIFYHOST, 2L);
    SET(s->easy, CURLOPT_BUFFERSIZE, 4096L);
    SET(s->easy, CURLOPT_TCP_KEEPALIVE, 1L);
    SET(s->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CS_HTTP_CONNECT_MS);
    SET(s->easy, CURLOPT_DNS_CACHE_TIMEOUT, 300L);
    SET(s->easy, CURLOPT_MAXLIFETIME_CONN, 300L);
    SET(s->easy, CURLOPT_SHARE, h->share);
    SET(s->easy, CURLOPT_USERAGENT, h->agent);
    SET(s->easy, CURLOPT_ERRORBUFFER, s->why);
    SET(s->easy, CURLOPT_WRITEFUNCTION, on_body);
    SET(s->easy, CURLOPT_WRITEDATA, s);
    SET(s->easy, CURLOPT_HEADERFUNCTION, on_header);
    SET(s->easy, CURLOPT_HEADERDATA, s);
    SET(s->easy, CURLOPT_READFUNCTION, on_read);
    SET(s->easy, CURLOPT_READDATA, s);
    SET(s->easy, CURLOPT_SEEKFUNCTION, on_seek);
    SET(s->easy, CURLOPT_SEEKDATA, s);
    SET(s->easy, CURLOPT_PREREQFUNCTION, on_request);
    SET(s->easy, CURLOPT_PREREQDATA, s);
    SET(s->easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    SET(s->easy, CURLOPT_OPENSOCKETDATA, s);
    SET(s->easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    SET(s->easy, CURLOPT_CLOSESOCKETDATA, h);
}

static void set_endpoint(struct slot *s, const struct cs_endpoint *e)
{
    if (s->endpoint == e->serial)
        return;
    s->endpoint = e->serial;
    SET(s->easy, CURLOPT_URL, e->url);
    SET(s->easy, CURLOPT_PROTOCOLS_STR, e->plain_http ? "http,https" : "https");
    SET(s->easy, CURLOPT_CAINFO, e->ca_file != NULL ? e->ca_file : s->http->default_ca);
    SET(s->easy, CURLOPT_SSLCERT, e->certificate);
    SET(s->easy, CURLOPT_SSLKEY, e->certificate); /* both in one file */
    SET(s->easy, CURLOPT_PROXY, e->proxy);        /* NULL: as the environment says; "": none */
}

/* libcurl only reads it. */
static char *as_line(const char *text)
{
    union {
        const char *is;
        char *as;
    } line = {.is = text};
    return line.as;
}

static void set_lines(struct slot *s, const struct cs_http_request *r)
{
    static char json[] = "Content-Type: application/json", no_expect[] = "Expect:";
    const struct cs_endpoint *e = r->endpoint;
    int n = 0;
    CS_ASSERT(strlen(r->request_id) < ID_MAX && r->n_lines <= CS_HEADERS_MAX + 2);
    if (r->type != NULL)
        snprintf(s->type_line, sizeof s->type_line, "Content-Type: %s", r->type);
    snprintf(s->id_line, sizeof s->id_line, "X-Client-Request-Id: %s", r->request_id);
    if (r->body != NULL)
        s->lines[n++].data = r->type != NULL ? s->type_line : json;
    s->lines[n++].data = no_expect;
    s->lines[n++].data = s->id_line;
    if (e->auth != NULL && r->url == NULL)
        s->lines[n++].data = as_line(e->auth);
    CS_ASSERT(e->n_headers <= CS_HEADERS_MAX + 1);
    for (uint32_t i = 0; i < e->n_headers; i++)
        s->lines[n++].data = as_line(e->headers[i]);
    for (uint32_t i = 0; i < r->n_lines; i++)
        s->lines[n++].data = as_line(r->lines[i]);
    for (int i = 0; i < n; i++)
        s->lines[i].next = i + 1 < n ? &s->lines[i + 1] : NULL;
    SET(s->easy, CURLOPT_HTTPHEADER, s->lines);
}

/* What is sent, and how. The body is the slot's copy. */
static void set_request(struct slot *s, const struct cs_http_request *r)
{
    const bool posts = r->body != NULL;
    set_endpoint(s, r->endpoint);
    if (r->url != NULL)
        SET(s->easy, CURLOPT_URL, r->url);
    set_lines(s, r);
    if (s->sent.held != NULL) {
        SET(s->easy, CURLOPT_POSTFIELDS, NULL);
        SET(s->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)s->sent.length);
    } else {
        SET(s->easy, CURLOPT_POSTFIELDSIZE, posts ? (long)s->request.len : -1L);
        SET(s->easy, CURLOPT_POSTFIELDS, posts ? cs_buf_cstr(&s->request) : NULL);
    }
    SET(s->easy, posts ? CURLOPT_POST : CURLOPT_HTTPGET, 1L); /* behind POSTFIELDS, which makes it a POST */
    SET(s->easy, CURLOPT_CUSTOMREQUEST, r->method);           /* NULL: by what is sent */
    SET(s->easy, CURLOPT_TIMEOUT_MS, (long)r->timeout_ms);
}

static void let_through(struct slot *s)
{
    CS_ASSERT(curl_multi_add_handle(s->multi->curl, s->easy) == CURLM_OK);
}

static void on_idle(uv_idle_t *idle)
{
    struct cs_http *h = idle->data;
    uv_idle_stop(idle);
    for (struct slot *s; (s = TAILQ_FIRST(&h->doomed)) != NULL;)
        finish(s, CURLE_ABORTED_BY_CALLBACK);
    for (struct cs_gate_call *c; (c = cs_gates_next(&h->gates)) != NULL;)
        let_through((struct slot *)(void *)((char *)c - offsetof(struct slot, gate)));
}

void cs_http_start(struct cs_http *h, uint32_t slot, const struct cs_http_request *r)
{
    CS_ASSERT(slot < h->n_slots);
    struct slot *s = &h->slots[slot];
    CS_ASSERT(!s->active);
    if (s->easy == NULL)
        slot_init(h, slot);
    h->kept -= s->rested ? memory_of(s) : 0;
    s->rested = false;
    s->active = true;
    s->serial = ++h->starts;
    s->received = 0;
    s->too_long = s->crowded = s->headed = s->no_files = false;
    s->sends = 0;
    s->why[0] = '\0';
    cs_buf_clear(&s->body);
    cs_buf_clear(&s->headers);
    cs_buf_clear(&s->request);
    cs_buf_append(&s->request, r->body != NULL ? r->body : "", r->body != NULL ? r->body_len : 0);
    CS_ASSERT(!s->request.overflow);
    cs_sent_release(&s->sent);
    if (r->held != NULL)
        cs_sent_make(&s->sent, s->request.data, s->request.len, r->held);
    set_request(s, r);
    s->gate.endpoint = s->endpoint;
    if (cs_gates_enter(&h->gates, &s->gate))
        let_through(s);
}

void cs_http_abort(struct cs_http *h, uint32_t slot)
{
    struct slot *s = &h->slots[slot];
    if (!s->active)
        return;
    if (cs_gates_leave(&h->gates, &s->gate)) {
        s->active = false;
        rest(s);
        return;
    }
    leave(s);
    rest(s);
}

size_t cs_http_held(const struct cs_http *h)
{
    return h->replies.held;
}

/* The system's certificates, as libcurl was built: setting the option to NULL would mean "none". */
static char *default_ca(void)
{
    CURL *easy = curl_easy_init();
    char *path = NULL;
    CS_ASSERT(easy != NULL);
    curl_easy_getinfo(easy, CURLINFO_CAINFO, &path);
    path = path != NULL ? cs_xstrdup(path) : NULL;
    curl_easy_cleanup(easy);
    return path;
}

/* ---- all ------------------------------------------------------------------------------------------- */

enum cs_err cs_http_open(struct cs_http **out, struct uv_loop_s *loop, uint32_t slots, size_t reply_memory,
                         cs_http_done_fn done, void *self, struct cs_error *err)
{
    *out = NULL;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return cs_error_set(err, CS_EINTERNAL, "libcurl does not start");
    struct cs_http *h = cs_xcalloc(1, sizeof *h);
    h->loop = loop;
    h->done = done;
    h->self = self;
    h->n_slots = slots;
    h->replies.cap = reply_memory;
    h->watches = cs_watches_open(loop, on_ready, on_lost);
    TAILQ_INIT(&h->doomed);
    h->slots = cs_xcalloc(slots, sizeof *h->slots);
    for (uint32_t i = 0; i < slots; i++)
        h->slots[i].http = h;
    h->n_multis = (slots + SLOTS_PER_MULTI - 1) / SLOTS_PER_MULTI;
    h->multis = cs_xcalloc(h->n_multis, sizeof *h->multis);
    for (uint32_t i = 0; i < h->n_multis; i++)
        uv_timer_init(loop, &h->multis[i].timer);
    h->share = curl_share_init();
    CS_ASSERT(h->share != NULL);
    curl_share_setopt(h->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
    uv_idle_init(loop, &h->idle);
    h->idle.data = h;
    h->agent = cs_xasprintf("clinsafe/%s", cs_version);
    h->default_ca = default_ca();
    *out = h;
    return CS_OK;
}

/* The last handle to close frees the memory that they live in. */
static void on_closed(uv_handle_t *handle)
{
    struct cs_http *h = handle->data;
    if (--h->n_closing > 0)
        return;
    free(h->multis);
    free(h);
}

static void close_handle(struct cs_http *h, uv_handle_t *handle)
{
    handle->data = h;
    h->n_closing++;
    uv_close(handle, on_closed);
}

void cs_http_close(struct cs_http *h)
{
    if (h == NULL)
        return;
    h->closing = true;
    for (uint32_t i = 0; i < h->n_slots; i++) {
        struct slot *s = &h->slots[i];
        if (s->easy == NULL)
            continue;
        curl_multi_remove_handle(s->multi->curl, s->easy);
        curl_easy_cleanup(s->easy);
        cs_sent_release(&s->sent);
        cs_buf_release(&s->request);
        cs_buf_release(&s->body);
        cs_buf_release(&s->headers);
    }
    for (uint32_t i = 0; i < h->n_multis; i++) {
        if (h->multis[i].curl != NULL)
            curl_multi_cleanup(h->multis[i].curl);
        close_handle(h, (uv_handle_t *)&h->multis[i].timer);
    }
    cs_watches_close(h->watches);
    curl_share_cleanup(h->share);
    free(h->slots);
    free(h->default_ca);
    free(h->agent);
    close_handle(h, (uv_handle_t *)&h->idle);
    curl_global_cleanup();
}
