#include "tools/simulator/timers.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"

struct timer {
    uint64_t due_ms;
    void *arg;
};

struct cs_timers {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    void (*fire)(void *);
    struct timer *heap; /* the earliest first */
    size_t n, cap;
    bool stopping;
};

/* The condition variable's clock. */
static uint64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void push(struct cs_timers *t, struct timer x)
{
    if (t->n == t->cap) {
        t->cap = t->cap != 0 ? 2 * t->cap : 64;
        t->heap = cs_xrealloc(t->heap, t->cap, sizeof *t->heap);
    }
    size_t i = t->n++;
    for (; i > 0 && t->heap[(i - 1) / 2].due_ms > x.due_ms; i = (i - 1) / 2)
        t->heap[i] = t->heap[(i - 1) / 2];
    t->heap[i] = x;
}

static void *pop(struct cs_timers *t)
{
    CS_ASSERT(t->n > 0);
    void *arg = t->heap[0].arg;
    const struct timer x = t->heap[--t->n];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < t->n; i = child) {
        if (child + 1 < t->n && t->heap[child + 1].due_ms < t->heap[child].due_ms)
            child++;
        if (t->heap[child].due_ms >= x.due_ms)
            break;
        t->heap[i] = t->heap[child];
    }
    t->heap[i] = x;
    return arg;
}

static void wait_for_change(struct cs_timers *t)
{
    if (t->n == 0) {
        pthread_cond_wait(&t->changed, &t->lock);
        return;
    }
    const uint64_t due = t->heap[0].due_ms;
    const struct timespec until = {.tv_sec = (time_t)(due / 1000), .tv_nsec = (long)(due % 1000) * 1000000};
    pthread_cond_timedwait(&t->changed, &t->lock, &until);
}

static void *serve(void *arg)
{
    struct cs_timers *t = arg;
    pthread_mutex_lock(&t->lock);
    while (!t->stopping || t->n > 0) {
        if (t->n > 0 && (t->stopping || t->heap[0].due_ms <= now_ms())) {
            void *due = pop(t);
            pthread_mutex_unlock(&t->lock);
            t->fire(due);
            pthread_mutex_lock(&t->lock);
        } else {
            wait_for_change(t);
        }
    }
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

struct cs_timers *cs_timers_open(void (*fire)(void *))
{
    struct cs_timers *t = cs_xcalloc(1, sizeof *t);
    pthread_condattr_t attr;
    t->fire = fire;
    pthread_mutex_init(&t->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&t->changed, &attr);
    pthread_condattr_destroy(&attr);
    CS_ASSERT(pthread_create(&t->thread, NULL, serve, t) == 0);
    return t;
}

void cs_timers_stop(struct cs_timers *t)
{
    pthread_mutex_lock(&t->lock);
    t->stopping = true;
    pthread_cond_signal(&t->changed);
    pthread_mutex_unlock(&t->lock);
    pthread_join(t->thread, NULL);
}

void cs_timers_close(struct cs_timers *t)
{
    if (t == NULL)
        return;
    CS_ASSERT(t->stopping && t->n == 0);
    pthread_cond_destroy(&t->changed);
    pthread_mutex_destroy(&t->lock);
    free(t->heap);
    free(t);
}

bool cs_timers_add(struct cs_timers *t, uint64_t delay_ms, void *arg)
{
    const uint64_t tick = CS_TIMERS_TICK_MS, due = (now_ms() + delay_ms + tick - 1) / tick * tick;
    pthread_mutex_lock(&t->lock);
    const bool open = !t->stopping;
    if (open) {
        const bool earlier = t->n == 0 || due < t->heap[0].due_ms;
        push(t, (struct timer){due, arg});
        if (earlier)
            pthread_cond_signal(&t->changed);
    }
    pthread_mutex_unlock(&t->lock);
    return open;
}
