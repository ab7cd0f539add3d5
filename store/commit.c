#include "store/commit.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/clock.h"

/* A ring of batches: [taken, written) are done, [written, submitted) wait or are being written. */
struct cs_commit {
    struct cs_store *store;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t wake;
    struct cs_batch *ring[CS_COMMIT_MAX];
    enum cs_err results[CS_COMMIT_MAX];
    uint64_t since_ms[CS_COMMIT_MAX];
    uint64_t submitted, written, taken;
    struct cs_error failure; /* the first failed write's; code CS_OK: none */
    bool closing;
    int fd;
};

static void ring_bell(int fd)
{
    uint64_t one = 1;
    ssize_t n = write(fd, &one, sizeof one);
    CS_ASSERT(n == (ssize_t)sizeof one);
}

static void *commit_thread(void *self)
{
    struct cs_commit *c = self;
    CS_ASSERT(pthread_mutex_lock(&c->lock) == 0);
    for (;;) {
        while (c->written == c->submitted && !c->closing)
            pthread_cond_wait(&c->wake, &c->lock);
        if (c->written == c->submitted)
            break;
        uint32_t at = (uint32_t)(c->written % CS_COMMIT_MAX);
        struct cs_batch *batch = c->ring[at];
        struct cs_error failure = c->failure;
        if (failure.code == CS_OK) {
            pthread_mutex_unlock(&c->lock);
            (void)!cs_store_write(c->store, batch, &failure);
            CS_ASSERT(pthread_mutex_lock(&c->lock) == 0);
            c->failure = failure;
        }
        c->results[at] = failure.code;
        c->written++;
        ring_bell(c->fd);
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

enum cs_err cs_commit_open(struct cs_commit **out, struct cs_store *store, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    struct cs_commit *c = cs_xcalloc(1, sizeof *c);
    c->store = store;
    CS_ASSERT(pthread_mutex_init(&c->lock, NULL) == 0);
    CS_ASSERT(pthread_cond_init(&c->wake, NULL) == 0);
    c->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (c->fd < 0) {
        rc = cs_error_set(err, CS_EIO, "no eventfd for the commit thread: %s", strerror(errno));
        goto out;
    }
    int e = pthread_create(&c->thread, NULL, commit_thread, c);
    if (e != 0)
        rc = cs_error_set(err, CS_EIO, "no commit thread: %s", strerror(e));
    c->started = e == 0;

out:
    if (rc != CS_OK) {
        cs_commit_close(c);
        c = NULL;
    }
    *out = c;
    return rc;
}

void cs_commit_close(struct cs_commit *c)
{
    if (c == NULL)
        return;
    if (c->started) {
        CS_ASSERT(pthread_mutex_lock(&c->lock) == 0);
        c->closing = true;
        pthread_cond_signal(&c->wake);
        pthread_mutex_unlock(&c->lock);
        pthread_join(c->thread, NULL);
    }
    for (; c->taken < c->submitted; c->taken++) {
        cs_batch_release(c->ring[c->taken % CS_COMMIT_MAX]);
        free(c->ring[c->taken % CS_COMMIT_MAX]);
    }
    if (c->fd >= 0)
        close(c->fd);
    pthread_cond_destroy(&c->wake);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

void cs_commit_waiting(struct cs_commit *c, uint64_t *n, uint64_t *oldest_ms)
{
    CS_ASSERT(pthread_mutex_lock(&c->lock) == 0);
    *n = c->submitted - c->written;
    *oldest_ms = *n > 0 ? cs_clock_mono_ms() - c->since_ms[c->written % CS_COMMIT_MAX] : 0;
    pthread_mutex_unlock(&c->lock);
}

int cs_commit_fd(const struct cs_commit *c)
{
    return c->fd;
}

void cs_commit_submit(struct cs_commit *c, struct cs_batch *batch)
{
    CS_ASSERT(pthread_mutex_lock(&c->lock) == 0);
    CS_ASSERT(c->submitted - c->taken < CS_COMMIT_MAX);
    c->since_ms[c->submitted % CS_COMMIT_MAX] = cs_clock_mono_ms();
    c->ring[c->submitted++ % CS_COMMIT_MAX] = batch;
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->lock);
}

struct cs_batch *cs_commit_take(struct cs_commit *c, enum cs_err *rc, struct cs_error *err)
{
    struct cs_batch *batch = NULL;
    uint64_t bells;
    CS_ASSERT(pthread_mutex_lock(&c->lock) == 0);
    if (c->taken < c->written) {
        uint32_t at = (uint32_t)(c->taken++ % CS_COMMIT_MAX);
        batch = c->ring[at];
        *rc = c->results[at];
        if (*rc != CS_OK)
            cs_error_set(err, *rc, "%s", c->failure.msg);
    }
    if (c->taken == c->written && read(c->fd, &bells, sizeof bells) < 0)
        CS_ASSERT(errno == EAGAIN);
    pthread_mutex_unlock(&c->lock);
    return batch;
}
