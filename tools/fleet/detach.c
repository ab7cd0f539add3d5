#include "tools/fleet/detach.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t heard; /* a signal to pass on, or 0 */

static void on_signal(int sig)
{
    heard = sig;
}

/* The child's word, or its end. */
static int wait_for(int fd, pid_t child)
{
    const struct sigaction sa = {.sa_handler = on_signal}; /* without SA_RESTART */
    const int signals[] = {SIGINT, SIGTERM};
    char byte;
    int status;
    ssize_t n;
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &sa, NULL);
    while ((n = read(fd, &byte, 1)) < 0 && errno == EINTR) {
        if (heard != 0)
            kill(child, heard);
        heard = 0;
    }
    if (n == 1)
        return 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool cs_detach_begin(int *fd, int *status, struct cs_error *err)
{
    int ends[2];
    fflush(NULL); /* what is buffered is written once */
    if (pipe2(ends, O_CLOEXEC) != 0) {
        (void)cs_error_set(err, CS_EIO, "cannot detach: %s", strerror(errno));
        return false;
    }
    const pid_t child = fork();
    if (child < 0)
        (void)cs_error_set(err, CS_EIO, "cannot detach: %s", strerror(errno));
    if (child != 0)
        close(ends[1]);
    if (child > 0)
        *status = wait_for(ends[0], child);
    close(ends[0]);
    if (child == 0) {
        setsid();
        *fd = ends[1];
    }
    return child > 0;
}

enum cs_err cs_detach_done(int *fd, const char *log, struct cs_error *err)
{
    const int out = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (out < 0 || null < 0)
        return cs_error_set(err, CS_EIO, "%s: %s", log, strerror(errno));
    fflush(NULL);
    const bool good = dup2(null, 0) == 0 && dup2(out, 1) == 1 && dup2(out, 2) == 2;
    if (good)
        (void)!write(*fd, "", 1); /* a parent that was killed does not matter any more */
    close(out);
    close(null);
    close(*fd);
    *fd = -1;
    return good ? CS_OK : cs_error_set(err, CS_EIO, "cannot detach: %s", strerror(errno));
}
