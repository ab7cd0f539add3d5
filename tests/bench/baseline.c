/* baseline - the least that HTTP calls cost here: libcurl's multi_socket interface on a libuv loop, and nothing else.
 *
 *   baseline URL BODY-FILE CONNECTIONS REQUESTS
 *
 * Keeps CONNECTIONS POSTs of the same body in flight until REQUESTS are answered; prints `us CPU a request` of this process (user and
 * system time) and requests a second. It follows the plain recipe of libcurl's documentation, a uv_poll made for each socket when libcurl
 * asks for it; what the worker spends is compared with it (tests/bench/throughput).
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <uv.h>

enum { CONNECTIONS_MAX = 256, BODY_MAX = 1024 * 1024 };

struct load {
    uv_loop_t loop;
    uv_timer_t timer;
    CURLM *multi;
    long left, answered, failed;
    size_t received;
};

static size_t take(char *data, size_t size, size_t n, void *self)
{
    struct load *l = self;
    (void)data;
    l->received += size * n;
    return size * n;
}

static void start(struct load *l, CURL *easy)
{
    if (l->left-- > 0)
        curl_multi_add_handle(l->multi, easy);
}

static void collect(struct load *l)
{
    int more;
    for (CURLMsg *m; (m = curl_multi_info_read(l->multi, &more)) != NULL;) {
        CURL *easy = m->easy_handle;
        long status = 0;
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        l->answered++;
        l->failed += m->data.result != CURLE_OK || status != 200;
        curl_multi_remove_handle(l->multi, easy);
        start(l, easy);
    }
}

static void on_timer(uv_timer_t *t)
{
    struct load *l = t->data;
    int running;
    curl_multi_socket_action(l->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    collect(l);
}

static int set_timer(CURLM *multi, long ms, void *self)
{
    struct load *l = self;
    (void)multi;
    if (ms < 0)
        uv_timer_stop(&l->timer);
    else
        uv_timer_start(&l->timer, on_timer, (uint64_t)(ms > 0 ? ms : 1), 0);
    return 0;
}

struct watch {
    uv_poll_t poll;
    struct load *load;
    curl_socket_t fd;
};

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct watch *w = poll->data;
    int flags = (events & UV_READABLE ? CURL_CSELECT_IN : 0) | (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0), running;
    struct load *l = w->load;
    curl_multi_socket_action(l->multi, w->fd, status < 0 ? CURL_CSELECT_ERR : flags, &running);
    collect(l);
}

static void free_watch(uv_handle_t *h)
{
    free(h->data);
}

static int set_socket(CURL *easy, curl_socket_t fd, int what, void *self, void *of_socket)
{
    struct load *l = self;
    struct watch *w = of_socket;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (w != NULL)
            uv_close((uv_handle_t *)&w->poll, free_watch);
        curl_multi_assign(l->multi, fd, NULL);
        return 0;
    }
    if (w == NULL) {
        w = calloc(1, sizeof *w);
        w->load = l;
        w->fd = fd;
        uv_poll_init_socket(&l->loop, &w->poll, fd);
        w->poll.data = w;
        curl_multi_assign(l->multi, fd, w);
    }
    uv_poll_start(&w->poll, (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0),
                  on_poll);
    return 0;
}

static CURL *make_call(struct load *l, const char *url, const char *body, long len, struct curl_slist *headers)
{
    CURL *easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, len);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, l);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    return easy;
}

static double cpu_us(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

int main(int argc, char **argv)
{
    static char body[BODY_MAX];
    static CURL *calls[CONNECTIONS_MAX];
    struct load l = {0};
    FILE *f = argc == 5 ? fopen(argv[2], "r") : NULL;
    if (f == NULL) {
        fprintf(stderr, "usage: baseline URL BODY-FILE CONNECTIONS REQUESTS\n");
        return 64;
    }
    const long len = (long)fread(body, 1, sizeof body, f), asked = strtol(argv[4], NULL, 10);
    fclose(f);
    long n = strtol(argv[3], NULL, 10);
    n = n < 1 ? 1 : n > CONNECTIONS_MAX ? CONNECTIONS_MAX : n;

    curl_global_init(CURL_GLOBAL_DEFAULT);
    uv_loop_init(&l.loop);
    uv_timer_init(&l.loop, &l.timer);
    l.timer.data = &l;
    l.left = asked;
    l.multi = curl_multi_init();
    curl_multi_setopt(l.multi, CURLMOPT_SOCKETFUNCTION, set_socket);
    curl_multi_setopt(l.multi, CURLMOPT_SOCKETDATA, &l);
    curl_multi_setopt(l.multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(l.multi, CURLMOPT_TIMERDATA, &l);
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    headers = curl_slist_append(headers, "Authorization: Bearer simulated");
    for (long i = 0; i < n; i++) {
        calls[i] = make_call(&l, argv[1], body, len, headers);
        start(&l, calls[i]);
    }
    const double before = cpu_us();
    const uint64_t began = uv_hrtime();
    while (l.answered < asked && uv_run(&l.loop, UV_RUN_ONCE) != 0)
        continue;
    const double seconds = (double)(uv_hrtime() - began) / 1e9, spent = cpu_us() - before;
    printf("{\"requests\": %ld, \"failed\": %ld, \"cpu_us\": %.2f, \"per_s\": %.0f, \"reply_bytes\": %.0f}\n",
           l.answered, l.failed, spent / (double)l.answered, (double)l.answered / seconds,
           (double)l.received / (double)l.answered);
    for (long i = 0; i < n; i++)
        curl_easy_cleanup(calls[i]);
    curl_multi_cleanup(l.multi);
    curl_slist_free_all(headers);
    curl_global_cleanup();
    return l.failed > 0;
}
