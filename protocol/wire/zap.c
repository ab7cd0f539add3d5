#include "protocol/wire/zap.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/clock.h"
#include "protocol/base/log.h"

static const char endpoint[] = "inproc://zeromq.zap.01";

/* Frames of a request (RFC 27): version, request id, domain, address, routing id, mechanism, credentials. */
enum { VERSION, REQUEST_ID, ADDRESS = 3, MECHANISM = 5, CURVE_KEY, FRAMES };
enum { FRAME_MAX = 256, DENIED_LOG_MS = 5000 };

struct frame {
    size_t n;
    char bytes[FRAME_MAX];
};

struct cs_zap {
    char *file;
    pthread_mutex_t mutex; /* guards list */
    struct cs_allowed list;
    void *rep; /* the thread's, once it runs */
    pthread_t thread;
    bool running;
    uint64_t denied, denied_told_ms; /* the thread's */
};

static bool frame_is(const struct frame *f, const char *text)
{
    return f->n == strlen(text) && memcmp(f->bytes, text, f->n) == 0;
}

/* Reads a whole request. False when the context is going down. *ok: it has the frames of one that we can judge. */
static bool receive(void *rep, struct frame f[FRAMES], bool *ok)
{
    int count = 0, more = 1;
    size_t size = sizeof more;
    *ok = true;
    memset(f, 0, FRAMES * sizeof *f);
    while (more) {
        struct frame spare, *into = count < FRAMES ? &f[count] : &spare;
        int n = zmq_recv(rep, into->bytes, FRAME_MAX, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || zmq_getsockopt(rep, ZMQ_RCVMORE, &more, &size) != 0)
            return false;
        *ok = *ok && n <= FRAME_MAX;
        into->n = n <= FRAME_MAX ? (size_t)n : FRAME_MAX;
        count++;
    }
    *ok = *ok && count == FRAMES && frame_is(&f[VERSION], "1.0");
    return true;
}

static bool reply(void *rep, const struct frame *id, bool admitted, const char *user)
{
    const char *const text[] = {admitted ? "200" : "400", admitted ? "OK" : "this key is not on the allow-list",
                                admitted ? user : "", ""};
    bool sent = zmq_send(rep, "1.0", 3, ZMQ_SNDMORE) >= 0 && zmq_send(rep, id->bytes, id->n, ZMQ_SNDMORE) >= 0;
    for (int i = 0; sent && i < 4; i++)
        sent = zmq_send(rep, text[i], strlen(text[i]), i < 3 ? ZMQ_SNDMORE : 0) >= 0;
    return sent;
}

/* At most one line per DENIED_LOG_MS: a refused worker comes back every few seconds. The key goes in part, to be
 * found. */
static void tell_denied(struct cs_zap *z, const char *key, const struct frame *address)
{
    uint64_t now = cs_clock_mono_ms();
    z->denied++;
    if (z->denied_told_ms != 0 && now - z->denied_told_ms < DENIED_LOG_MS)
        return;
    z->denied_told_ms = now;
    cs_log(CS_WARN, "zap_denied", "key=%.8s address=%.*s denied=%llu", key, (int)address->n, address->bytes,
           (unsigned long long)z->denied);
}

static void *serve(void *self)
{
    struct cs_zap *z = self;
    struct frame f[FRAMES];
    bool ok;
    while (receive(z->rep, f, &ok)) {
        char key[41] = "(none)";
        if (ok && frame_is(&f[MECHANISM], "CURVE") && f[CURVE_KEY].n == 32)
            zmq_z85_encode(key, (const uint8_t *)f[CURVE_KEY].bytes, 32);
        bool admitted = cs_zap_admits(z, key);
        if (!admitted)
            tell_denied(z, key, &f[ADDRESS]);
        if (!reply(z->rep, &f[REQUEST_ID], admitted, key))
            break;
    }
    zmq_close(z->rep);
    return NULL;
}

static enum cs_err start(struct cs_zap *z, struct cs_error *err)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* inherited: signals are the event loop's business */
    int rc = pthread_create(&z->thread, NULL, serve, z);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0)
        return cs_error_set(err, CS_EIO, "cannot start the key checker's thread: %s", strerror(rc));
    z->running = true;
    return CS_OK;
}

/* Files from before there were roles: their keys are workers', people's too. */
static void tell_roles(const struct cs_zap *z)
{
    uint32_t without = 0, first = 0;
    for (uint32_t i = 0; i < z->list.n; i++) {
        const struct cs_allowed_key *k = &z->list.keys[i];
        without += !k->role_said;
        if (!k->role_said && (first == 0 || k->line < first))
            first = k->line;
    }
    if (without > 0)
        cs_log(CS_WARN, "keys_without_role",
               "keys=%u first_line=%u why=\"without role= a key is a worker's; write "
               "role=operator or role=viewer behind those of people\"",
               without, first);
}

enum cs_err cs_zap_open(void *context, const char *allowed_file, struct cs_zap **out, struct cs_error *err)
{
    const int linger = 0;
    struct cs_zap *z = cs_xcalloc(1, sizeof *z);
    z->file = cs_xstrdup(allowed_file);
    pthread_mutex_init(&z->mutex, NULL);
    enum cs_err rc = cs_allowed_load(z->file, &z->list, err);
    if (rc != CS_OK)
        goto out;
    tell_roles(z);
    z->rep = zmq_socket(context, ZMQ_REP);
    if (z->rep == NULL || zmq_setsockopt(z->rep, ZMQ_LINGER, &linger, sizeof linger) != 0 ||
        zmq_bind(z->rep, endpoint) != 0) {
        rc = cs_error_set(err, errno == EADDRINUSE ? CS_EEXIST : CS_EIO, "%s: %s", endpoint, zmq_strerror(errno));
        goto out;
    }
    rc = start(z, err);
out:
    if (rc != CS_OK) {
        cs_zap_close(z);
        z = NULL;
    }
    *out = z;
    return rc;
}

void cs_zap_close(struct cs_zap *z)
{
    if (z == NULL)
        return;
    if (z->running)
        CS_ASSERT(pthread_join(z->thread, NULL) == 0);
    else if (z->rep != NULL)
        zmq_close(z->rep);
    cs_allowed_release(&z->list);
    pthread_mutex_destroy(&z->mutex);
    free(z->file);
    free(z);
}

enum cs_err cs_zap_reload(struct cs_zap *z, struct cs_error *err)
{
    struct cs_allowed fresh;
    enum cs_err rc = cs_allowed_load(z->file, &fresh, err);
    if (rc != CS_OK)
        return rc;
    pthread_mutex_lock(&z->mutex);
    struct cs_allowed old = z->list;
    z->list = fresh;
    pthread_mutex_unlock(&z->mutex);
    cs_allowed_release(&old);
    return CS_OK;
}

bool cs_zap_find(struct cs_zap *z, const char *key, struct cs_allowed_key *out)
{
    pthread_mutex_lock(&z->mutex);
    const struct cs_allowed_key *found = cs_allowed_find(&z->list, key);
    if (found != NULL && out != NULL)
        *out = *found;
    pthread_mutex_unlock(&z->mutex);
    return found != NULL;
}

bool cs_zap_admits(struct cs_zap *z, const char *key)
{
    return cs_zap_find(z, key, NULL);
}
