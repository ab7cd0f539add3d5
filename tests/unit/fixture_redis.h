/* fixture_redis.h - a real redis-server on a unix socket in a folder of its own, started and killed by the test. */
#ifndef CS_TEST_FIXTURE_REDIS_H
#define CS_TEST_FIXTURE_REDIS_H

#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <uv.h>

#include "protocol/base/alloc.h"
#include "store/redis/redis.h"

#define FIXTURE_FN static __attribute__((unused))

extern char **environ;

struct server {
    char *folder, *socket, *address;
    pid_t pid;
};

/* extra: further arguments, or NULL; at most four. */
FIXTURE_FN void server_start(struct server *s, const char *const *extra)
{
    struct cs_error err = {0};
    char *argv[20];
    const char *args[] = {"redis-server", "--port",  "0",          "--unixsocket", s->socket, "--save", "",
                          "--dir",        s->folder, "--loglevel", "warning"};
    int n = 0;
    posix_spawn_file_actions_t actions;
    for (size_t i = 0; i < sizeof args / sizeof args[0]; i++)
        argv[n++] = cs_xstrdup(args[i]);
    for (int i = 0; extra != NULL && extra[i] != NULL; i++)
        argv[n++] = cs_xstrdup(extra[i]);
    argv[n] = NULL;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", 1, 0);
    assert_int_equal(posix_spawnp(&s->pid, argv[0], &actions, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    while (n > 0)
        free(argv[--n]);
    for (int i = 0; i < 500; i++) { /* until it answers, be it with "no" */
        struct cs_redis_sync *r = NULL;
        enum cs_err rc = cs_redis_sync_open(&r, s->address, 1000, &err);
        cs_redis_sync_close(r);
        if (rc == CS_OK || rc == CS_EDENIED)
            return;
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    fail_msg("redis-server does not start: %s", err.msg);
}

FIXTURE_FN void server_kill(struct server *s)
{
    if (s->pid <= 0)
        return;
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
    s->pid = 0;
}

FIXTURE_FN int server_folder(void **state)
{
    const char *tmp = getenv("TMPDIR");
    struct server *s = cs_xcalloc(1, sizeof *s);
    s->folder = cs_xasprintf("%s/clinsafe-redis-XXXXXX", tmp != NULL ? tmp : "/tmp");
    assert_non_null(mkdtemp(s->folder));
    s->socket = cs_xasprintf("%s/s", s->folder);
    s->address = cs_xasprintf("unix:%s", s->socket);
    *state = s;
    return 0;
}

FIXTURE_FN int server_up(void **state)
{
    server_folder(state);
    server_start(*state, NULL);
    return 0;
}

static int server_unlink(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

FIXTURE_FN int server_down(void **state)
{
    struct server *s = *state;
    server_kill(s);
    nftw(s->folder, server_unlink, 16, FTW_DEPTH | FTW_PHYS);
    free(s->folder);
    free(s->socket);
    free(s->address);
    free(s);
    return 0;
}

static void stop_loop(uv_timer_t *t)
{
    *(bool *)t->data = true;
    uv_stop(t->loop);
}

/* Turns the loop until *done or the time is over; returns *done. */
FIXTURE_FN bool run_until(uv_loop_t *loop, const bool *done, uint64_t timeout_ms)
{
    bool over = false;
    uv_timer_t timer;
    uv_timer_init(loop, &timer);
    timer.data = &over;
    uv_timer_start(&timer, stop_loop, timeout_ms, 0);
    while (!*done && !over)
        uv_run(loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&timer, NULL);
    for (int i = 0; i < 3; i++)
        uv_run(loop, UV_RUN_NOWAIT);
    return *done;
}

FIXTURE_FN bool run_until_connected(uv_loop_t *loop, struct cs_redis *r, bool wanted, int timeout_ms)
{
    const bool never = false;
    for (int ms = 0; ms < timeout_ms && cs_redis_connected(r) != wanted; ms += 10)
        run_until(loop, &never, 10);
    return cs_redis_connected(r) == wanted;
}

FIXTURE_FN void close_and_finish(uv_loop_t *loop, struct cs_redis *r)
{
    cs_redis_close(r);
    uv_run(loop, UV_RUN_DEFAULT); /* nothing may keep it alive */
    assert_int_equal(uv_loop_close(loop), 0);
}

#endif
