#include "worker/watch.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"

struct watch {
    uv_poll_t poll;
    struct cs_watches *all;
    void *owner, *user; /* user: NULL while no call wants it */
    int fd;
    dev_t dev; /* with ino: which socket it is, whatever becomes of its number */
    ino_t ino;
    bool made;  /* by cs_watches_socket: it may be kept between calls */
    bool dirty; /* in the list: wanted and polled are to be compared */
    int wanted, polled;
    TAILQ_ENTRY(watch) in_dirty;
};

struct cs_watches {
    uv_loop_t *loop;
    cs_watch_ready_fn ready;
    cs_watch_lost_fn lost;
    struct watch **by_fd;
    size_t n;
    TAILQ_HEAD(, watch) dirty;
    uv_prepare_t prepare; /* runs while the list is not empty */
    int most;             /* descriptors below this may be used */
};

static struct watch *find(const struct cs_watches *ws, int fd)
{
    return (size_t)fd < ws->n ? ws->by_fd[fd] : NULL;
}

/* Is its number still that socket's? */
static bool is_itself(const struct watch *w)
{
    struct stat st;
    return fstat(w->fd, &st) == 0 && st.st_ino == w->ino && st.st_dev == w->dev;
}

static void free_watch(uv_handle_t *handle)
{
    free(handle->data);
}

/* Also when its number is another's by now: libuv takes the number out of its epoll set, and the other one is not in there yet,
 * since it is forgotten before the other is armed. */
static void forget(struct watch *w)
{
    struct cs_watches *ws = w->all;
    CS_ASSERT(ws->by_fd[w->fd] == w);
    ws->by_fd[w->fd] = NULL;
    if (w->dirty)
        TAILQ_REMOVE(&ws->dirty, w, in_dirty);
    uv_close((uv_handle_t *)&w->poll, free_watch);
}

static void on_prepare(uv_prepare_t *prepare);

static void touch(struct watch *w)
{
    struct cs_watches *ws = w->all;
    if (w->dirty)
        return;
    w->dirty = true;
    TAILQ_INSERT_TAIL(&ws->dirty, w, in_dirty);
    uv_prepare_start(&ws->prepare, on_prepare);
}

static void reserve(struct cs_watches *ws, int fd)
{
    if ((size_t)fd < ws->n)
        return;
    size_t grown = (size_t)fd + 256;
    ws->by_fd = cs_xrealloc((void *)ws->by_fd, grown, sizeof(struct watch *));
    memset((void *)(ws->by_fd + ws->n), 0, (grown - ws->n) * sizeof(struct watch *));
    ws->n = grown;
}

static struct watch *add(struct cs_watches *ws, void *owner, void *user, int fd)
{
    struct watch *old = find(ws, fd), *w;
    struct stat st;
    if (old != NULL)
        forget(old);
    if (fstat(fd, &st) != 0)
        return NULL;
    w = cs_xcalloc(1, sizeof *w);
    *w = (struct watch){.all = ws, .owner = owner, .user = user, .fd = fd, .dev = st.st_dev, .ino = st.st_ino};
    w->poll.data = w;
    int rc = uv_poll_init_socket(ws->loop, &w->poll, fd);
    if (rc != 0) {
        free(w);
        errno = -rc;
        return NULL;
    }
    reserve(ws, fd);
    ws->by_fd[fd] = w;
    return w;
}

static int uv_events(int events)
{
    return ((events & CS_WATCH_READ) != 0 ? UV_READABLE : 0) | ((events & CS_WATCH_WRITE) != 0 ? UV_WRITABLE : 0);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct watch *w = poll->data;
    struct cs_watches *ws = w->all;
    if (status < 0) { /* libuv has stopped it */
        w->polled = 0;
        events = 0;
    }
    if (w->wanted == 0) { /* an idle connection that the server closed; libcurl will notice when it looks for one */
        uv_poll_stop(poll);
        w->polled = 0;
        return;
    }
    if (status < 0)
        touch(w);
    ws->ready(w->owner, w->fd,
              (status < 0 ? CS_WATCH_ERROR : 0) | ((events & UV_READABLE) != 0 ? CS_WATCH_READ : 0) |
                  ((events & UV_WRITABLE) != 0 ? CS_WATCH_WRITE : 0));
}

/* One without a use at present stays watched, so that its next call finds it so; but not for writing, which it always could. */
static void arm(struct watch *w)
{
    struct cs_watches *ws = w->all;
    void *user = w->user;
    const int events = w->wanted != 0 ? w->wanted : w->polled != 0 ? CS_WATCH_READ : 0;
    if (events == w->polled)
        return;
    if (!is_itself(w)) {
        forget(w); /* closed without a word: nobody waits for it */
        return;
    }
    const int rc = events != 0 ? uv_poll_start(&w->poll, uv_events(events), on_poll) : uv_poll_stop(&w->poll);
    w->polled = events;
    if (rc == 0)
        return;
    forget(w);
    if (user != NULL)
        ws->lost(user);
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct cs_watches *ws = prepare->data;
    struct watch *w;
    while ((w = TAILQ_FIRST(&ws->dirty)) != NULL) {
        TAILQ_REMOVE(&ws->dirty, w, in_dirty);
        w->dirty = false;
        arm(w);
    }
    uv_prepare_stop(prepare);
}

int cs_watches_socket(struct cs_watches *ws, void *owner, void *user, int family, int type, int protocol)
{
    int fd = socket(family, type | SOCK_CLOEXEC, protocol);
    if (fd < 0)
        return -1;
    struct watch *w = NULL;
    if (fd >= ws->most)
        errno = EMFILE;
    else
        w = add(ws, owner, user, fd);
    if (w == NULL) {
        int why = errno;
        close(fd);
        errno = why;
        return -1;
    }
    w->made = true;
    w->wanted = CS_WATCH_WRITE;
    touch(w);
    return fd;
}

int cs_watches_shut(struct cs_watches *ws, int fd)
{
    struct watch *w = find(ws, fd);
    if (w != NULL)
        forget(w);
    return close(fd);
}

static void want_nothing(struct watch *w, const void *owner)
{
    if (w == NULL || w->owner != owner)
        return; /* hearsay of a socket that is gone: the number is another's */
    if (!w->made || !is_itself(w)) {
        forget(w);
        return;
    }
    w->wanted = 0;
    w->user = NULL;
    if ((w->polled & CS_WATCH_WRITE) != 0)
        touch(w);
}

void cs_watches_want(struct cs_watches *ws, void *owner, void *user, int fd, int events)
{
    struct watch *w = find(ws, fd);
    if (events == 0) {
        want_nothing(w, owner);
        return;
    }
    if (w != NULL && (w->owner != owner || w->dirty) && !is_itself(w)) {
        forget(w);
        w = NULL;
    }
    if (w == NULL)
        w = add(ws, owner, user, fd);
    if (w == NULL) {
        if (user != NULL)
            ws->lost(user);
        return;
    }
    w->owner = owner;
    w->user = user;
    w->wanted = events;
    if (w->wanted != w->polled)
        touch(w);
}

struct cs_watches *cs_watches_open(struct uv_loop_s *loop, cs_watch_ready_fn ready, cs_watch_lost_fn lost)
{
    struct cs_watches *ws = cs_xcalloc(1, sizeof *ws);
    struct rlimit l;
    ws->loop = loop;
    ws->ready = ready;
    ws->lost = lost;
    ws->most = getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < INT32_MAX ? (int)l.rlim_cur - CS_WATCH_SPARE
                                                                           : INT32_MAX;
    TAILQ_INIT(&ws->dirty);
    uv_prepare_init(loop, &ws->prepare);
    ws->prepare.data = ws;
    return ws;
}

static void free_all(uv_handle_t *handle)
{
    free(handle->data);
}

void cs_watches_close(struct cs_watches *ws)
{
    for (size_t fd = 0; fd < ws->n; fd++) {
        if (ws->by_fd[fd] != NULL)
            forget(ws->by_fd[fd]);
    }
    free((void *)ws->by_fd);
    ws->by_fd = NULL;
    ws->n = 0;
    uv_close((uv_handle_t *)&ws->prepare, free_all);
}
