#include "protocol/signals/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include "protocol/base/alloc.h"
#include "protocol/base/clock.h"
#include "protocol/base/digest.h"
#include "protocol/base/file.h"

enum {
    KEPT_PAGES = 32,
    PATH_MAX_BYTES = 512,
    KEEP_MS = 1000,
    TURN_MS = 1000,
    TURNS_MAX = 64,
    TOKEN_MIN = 16,
    TOKEN_MAX = 256
};
enum { HASH_HEX = 65 };

struct kept {
    char path[PATH_MAX_BYTES];
    bool used;
    uint64_t made_ms;
    struct cs_listener_page page;
};

struct cs_listener {
    struct MHD_Daemon *daemon;
    uv_poll_t poll;
    uv_timer_t turn;
    unsigned handles; /* not yet closed */
    cs_listener_make_fn make;
    void *self;
    char *address, *unix_path;
    char host[80]; /* its own, as a browser names it; "": a socket of the file system, which no browser reaches */
    char **hosts;
    unsigned n_hosts;
    bool has_token;
    char token[HASH_HEX], cookie[HASH_HEX]; /* hashes, in hex: of the token, and of that */
    struct kept kept[KEPT_PAGES];
};

/* ---- who may come in ---------------------------------------------------------------------------------------- */

static void hash(const char *text, char out[HASH_HEX])
{
    uint8_t b[32];

    cs_digest_blake2b_256(text, strlen(text), b);
    cs_digest_hex(b, sizeof b, out);
}

/* In a time that does not depend on where they differ. */
static bool is_same(const char a[HASH_HEX], const char *b)
{
    unsigned differs = 0;

    if (strlen(b) != HASH_HEX - 1)
        return false;
    for (unsigned i = 0; i < HASH_HEX - 1; i++)
        differs |= (unsigned)(a[i] ^ b[i]);
    return differs == 0;
}

static bool is_token(const struct cs_listener *l, const char *said)
{
    char hashed[HASH_HEX];

    hash(said, hashed);
    return is_same(l->token, hashed);
}

/* HOST of "HOST", "HOST:PORT", "[::1]:PORT". */
static bool is_host(const struct cs_listener *l, const char *header)
{
    static const char *const loopback[] = {"localhost", "127.0.0.1", "[::1]"};
    char host[256];
    const char *end = header != NULL ? strrchr(header, ':') : NULL;

    if (l->host[0] == '\0')
        return true;
    if (header == NULL || strlen(header) >= sizeof host)
        return false;
    if (end == NULL || strchr(end, ']') != NULL)
        end = header + strlen(header);
    memcpy(host, header, (size_t)(end - header));
    host[end - header] = '\0';
    for (unsigned i = 0; i < 3; i++) {
        if (strcasecmp(host, loopback[i]) == 0)
            return true;
    }
    for (unsigned i = 0; i < l->n_hosts; i++) {
        if (strcasecmp(host, l->hosts[i]) == 0)
            return true;
    }
    return strcasecmp(host, l->host) == 0;
}

static bool is_let_in(const struct cs_listener *l, struct MHD_Connection *c)
{
    const char *auth = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Authorization");
    const char *cookie = MHD_lookup_connection_value(c, MHD_COOKIE_KIND, "clinsafe");

    if (!l->has_token)
        return true;
    if (auth != NULL && strncasecmp(auth, "Bearer ", 7) == 0 && is_token(l, auth + 7))
        return true;
    return cookie != NULL && is_same(l->cookie, cookie);
}

/* ---- answers -------------------------------------------------------------------------------------------------- */

static void secure(struct MHD_Response *r)
{
    static const char *const headers[][2] = {
        {"Content-Security-Policy",
         "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
        {"Cache-Control", "no-store"},
    };

    for (unsigned i = 0; i < sizeof headers / sizeof headers[0]; i++)
        MHD_add_response_header(r, headers[i][0], headers[i][1]);
}

static enum MHD_Result answer(struct MHD_Connection *c, unsigned status, const char *type, const void *body, size_t n,
                              const char *header, const char *value)
{
    struct MHD_Response *r = MHD_create_response_from_buffer(n, (void *)(uintptr_t)body, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result done;

    if (r == NULL)
        return MHD_NO;
    secure(r);
    MHD_add_response_header(r, "Content-Type", type);
    if (header != NULL)
        MHD_add_response_header(r, header, value);
    if (status == MHD_HTTP_SEE_OTHER)
        MHD_add_response_header(r, "Location", "?");
    done = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return done;
}

static enum MHD_Result say(struct MHD_Connection *c, unsigned status, const char *text, const char *header,
                           const char *value)
{
    return answer(c, status, "text/plain; charset=utf-8", text, strlen(text), header, value);
}

static struct kept *page_of(struct cs_listener *l, const char *path)
{
    const uint64_t now = cs_clock_mono_ms();
    struct kept *k = &l->kept[0];

    for (unsigned i = 0; i < KEPT_PAGES; i++) {
        if (l->kept[i].used && strcmp(l->kept[i].path, path) == 0) {
            k = &l->kept[i];
            if (now < k->made_ms + KEEP_MS)
                return k;
            break;
        }
        if (!l->kept[i].used || l->kept[i].made_ms < k->made_ms)
            k = &l->kept[i];
    }
    snprintf(k->path, sizeof k->path, "%s", path);
    k->used = true;
    k->made_ms = now;
    cs_buf_clear(&k->page.body);
    k->page.status = MHD_HTTP_NOT_FOUND;
    k->page.type = "text/plain; charset=utf-8";
    l->make(l->self, path, &k->page);
    if (k->page.status == MHD_HTTP_NOT_FOUND && k->page.body.len == 0)
        cs_buf_str(&k->page.body, "there is no such page\n");
    return k;
}

static enum MHD_Result on_request(void *self, struct MHD_Connection *c, const char *url, const char *method,
                                  const char *version, const char *upload, size_t *upload_size, void **seen)
{
    static int once;
    struct cs_listener *l = self;
    char cookie[HASH_HEX + 64];

    (void)version, (void)upload;
    if (*seen == NULL) {
        *seen = &once;
        return MHD_YES; /* its head is here; it is answered when all of it is */
    }
    if (*upload_size != 0) {
        *upload_size = 0; /* nothing is made of a body */
        return MHD_YES;
    }
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        return say(c, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD: nothing can be changed here\n", "Allow",
                   "GET, HEAD");
    if (strlen(url) >= PATH_MAX_BYTES)
        return say(c, MHD_HTTP_URI_TOO_LONG, "the path is too long\n", NULL, NULL);
    if (strcmp(url, "/healthz") != 0 && strcmp(url, "/readyz") != 0) {
        const char *token = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "token");
        if (!is_host(l, MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Host")))
            return say(c, MHD_HTTP_MISDIRECTED_REQUEST,
                       "this page is not known by that name: use the address, or start with --http-host NAME\n", NULL,
                       NULL);
        if (l->has_token && token != NULL && is_token(l, token)) {
            snprintf(cookie, sizeof cookie, "clinsafe=%s; Path=/; HttpOnly; SameSite=Strict", l->cookie);
            return say(c, MHD_HTTP_SEE_OTHER, "", "Set-Cookie", cookie);
        }
        if (!is_let_in(l, c))
            return say(c, MHD_HTTP_UNAUTHORIZED, "a token is needed: ?token=TOKEN, or Authorization: Bearer TOKEN\n",
                       "WWW-Authenticate", "Bearer");
    }
    const struct kept *k = page_of(l, url);
    return answer(c, k->page.status, k->page.type, cs_buf_cstr(&k->page.body), k->page.body.len, NULL, NULL);
}

/* ---- its loop --------------------------------------------------------------------------------------------------- */

static void run(struct cs_listener *l)
{
    MHD_UNSIGNED_LONG_LONG ms = 0;

    for (unsigned i = 0; i < TURNS_MAX; i++) {
        MHD_run(l->daemon);
        if (MHD_get_timeout(l->daemon, &ms) != MHD_YES || ms > 0)
            break;
    }
}

static void on_ready(uv_poll_t *h, int status, int events)
{
    (void)status, (void)events;
    run(h->data);
}

static void on_turn(uv_timer_t *h)
{
    run(h->data);
}

/* ---- opening ------------------------------------------------------------------------------------------------------ */

static enum cs_err read_token(struct cs_listener *l, const char *path, struct cs_error *err)
{
    char *text;
    size_t n;
    enum cs_err rc = cs_file_read(path, TOKEN_MAX, &text, &n, err);

    if (rc != CS_OK)
        return rc;
    text[strcspn(text, "\r\n")] = '\0';
    if (strlen(text) < TOKEN_MIN)
        rc = cs_error_set(err, CS_EINVAL,
                          "%s: the token is shorter than %d characters; `openssl rand -hex 24` makes one", path,
                          TOKEN_MIN);
    hash(text, l->token);
    hash(l->token, l->cookie);
    l->has_token = true;
    explicit_bzero(text, n);
    free(text);
    return rc;
}

static enum cs_err listen_unix(struct cs_listener *l, const char *path, int *fd, struct cs_error *err)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct stat st;

    if (path[0] == '\0' || strlen(path) >= sizeof a.sun_path)
        return cs_error_set(err, CS_EUSAGE, "--http unix:%s: want a path of 1 to %zu bytes", path,
                            sizeof a.sun_path - 1);
    memcpy(a.sun_path, path, strlen(path) + 1);
    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
        unlink(path); /* what an earlier process left */
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (*fd < 0 || bind(*fd, (struct sockaddr *)&a, sizeof a) != 0 || chmod(path, 0660) != 0 ||
        listen(*fd, CS_LISTENER_CONNECTIONS) != 0)
        return cs_error_set(err, CS_EIO, "--http unix:%s: %s", path, strerror(errno));
    l->unix_path = cs_xstrdup(path);
    l->address = cs_xasprintf("unix:%s", path);
    return CS_OK;
}

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static enum cs_err read_address(const char *text, union address *out, bool *is_loopback, struct cs_error *err)
{
    char host[64];
    const char *colon = strrchr(text, ':');
    char *end = NULL;
    const unsigned long port = colon != NULL ? strtoul(colon + 1, &end, 10) : 0;

    memset(out, 0, sizeof *out);
    if (colon == NULL || colon == text || (size_t)(colon - text) >= sizeof host || end == colon + 1 || *end != '\0' ||
        port > 65535)
        return cs_error_set(err, CS_EUSAGE, "--http %s: want HOST:PORT, [HOST]:PORT or unix:/PATH", text);
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    if (strcmp(host, "localhost") == 0)
        snprintf(host, sizeof host, "127.0.0.1");
    if (inet_pton(AF_INET, host, &out->v4.sin_addr) == 1) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons((uint16_t)port);
        *is_loopback = ntohl(out->v4.sin_addr.s_addr) >> 24 == 127;
        return CS_OK;
    }
    const size_t n = strlen(host);
    if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
        host[n - 1] = '\0';
        if (inet_pton(AF_INET6, host + 1, &out->v6.sin6_addr) == 1) {
            out->v6.sin6_family = AF_INET6;
            out->v6.sin6_port = htons((uint16_t)port);
            *is_loopback = IN6_IS_ADDR_LOOPBACK(&out->v6.sin6_addr);
            return CS_OK;
        }
    }
    return cs_error_set(err, CS_EUSAGE, "--http %s: want an IP address or localhost before the port", text);
}

static enum cs_err listen_tcp(struct cs_listener *l, const struct cs_listener_opts *o, int *fd, struct cs_error *err)
{
    union address a;
    char host[64];
    bool is_loopback = false;
    const int on = 1;
    enum cs_err rc = read_address(o->address, &a, &is_loopback, err);
    socklen_t len = sizeof a;

    if (rc != CS_OK)
        return rc;
    if (!is_loopback && o->token_file == NULL)
        return cs_error_set(err, CS_EUSAGE,
                            "--http %s reaches beyond this machine: give --http-token-file FILE too, or listen on "
                            "127.0.0.1 and come through ssh -L",
                            o->address);
    *fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (*fd < 0 || setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(*fd, &a.any, a.any.sa_family == AF_INET ? sizeof a.v4 : sizeof a.v6) != 0 ||
        listen(*fd, CS_LISTENER_CONNECTIONS) != 0 || getsockname(*fd, &a.any, &len) != 0)
        return cs_error_set(err, CS_EIO, "--http %s: %s", o->address, strerror(errno));
    if (a.any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &a.v4.sin_addr, host, sizeof host);
        snprintf(l->host, sizeof l->host, "%s", host);
    } else {
        inet_ntop(AF_INET6, &a.v6.sin6_addr, host, sizeof host);
        snprintf(l->host, sizeof l->host, "[%s]", host);
    }
    l->address = cs_xasprintf("http://%s:%u", l->host,
                              ntohs(a.any.sa_family == AF_INET ? a.v4.sin_port : a.v6.sin6_port));
    return CS_OK;
}

static void start(struct cs_listener *l, struct uv_loop_s *loop)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_EPOLL_FD);

    uv_poll_init(loop, &l->poll, info->epoll_fd);
    uv_timer_init(loop, &l->turn);
    l->poll.data = l->turn.data = l;
    l->handles = 2;
    uv_poll_start(&l->poll, UV_READABLE, on_ready);
    uv_timer_start(&l->turn, on_turn, TURN_MS, TURN_MS); /* connections that say nothing are closed */
}

enum cs_err cs_listener_open(struct cs_listener **out, struct uv_loop_s *loop, const struct cs_listener_opts *opts,
                             struct cs_error *err)
{
    struct cs_listener *l = cs_xcalloc(1, sizeof *l);
    int fd = -1;
    enum cs_err rc = opts->token_file != NULL ? read_token(l, opts->token_file, err) : CS_OK;

    l->make = opts->make;
    l->self = opts->self;
    l->hosts = cs_xcalloc(opts->n_hosts + 1, sizeof *l->hosts);
    for (; l->n_hosts < opts->n_hosts; l->n_hosts++)
        l->hosts[l->n_hosts] = cs_xstrdup(opts->hosts[l->n_hosts]);
    for (unsigned i = 0; i < KEPT_PAGES; i++)
        l->kept[i].page.body = CS_BUF_INIT(CS_LISTENER_PAGE_MAX);
    if (rc == CS_OK)
        rc = strncmp(opts->address, "unix:", 5) == 0 ? listen_unix(l, opts->address + 5, &fd, err)
                                                     : listen_tcp(l, opts, &fd, err);
    if (rc == CS_OK) {
        l->daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, l, MHD_OPTION_LISTEN_SOCKET, fd,
                                     MHD_OPTION_CONNECTION_LIMIT, (unsigned)CS_LISTENER_CONNECTIONS,
                                     MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CS_LISTENER_REQUEST_MAX * 2,
                                     MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)CS_LISTENER_IDLE_S, MHD_OPTION_END);
        if (l->daemon == NULL)
            rc = cs_error_set(err, CS_EIO, "--http %s: cannot serve: %s", opts->address, strerror(errno));
    }
    if (rc == CS_OK) {
        start(l, loop);
    } else {
        if (fd >= 0)
            close(fd);
        cs_listener_close(l);
        l = NULL;
    }
    *out = l;
    return rc;
}

const char *cs_listener_address(const struct cs_listener *l)
{
    return l->address;
}

static void release(struct cs_listener *l)
{
    for (unsigned i = 0; i < KEPT_PAGES; i++)
        cs_buf_release(&l->kept[i].page.body);
    for (unsigned i = 0; i < l->n_hosts; i++)
        free(l->hosts[i]);
    free(l->hosts);
    free(l->address);
    free(l->unix_path);
    free(l);
}

static void on_closed(uv_handle_t *h)
{
    struct cs_listener *l = h->data;

    if (--l->handles == 0)
        release(l);
}

void cs_listener_close(struct cs_listener *l)
{
    if (l == NULL)
        return;
    if (l->unix_path != NULL)
        unlink(l->unix_path);
    if (l->daemon == NULL) {
        release(l);
        return;
    }
    uv_close((uv_handle_t *)&l->poll, on_closed);
    uv_close((uv_handle_t *)&l->turn, on_closed);
    MHD_stop_daemon(l->daemon);
}
