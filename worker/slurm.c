#include "worker/slurm.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocol/base/clock.h"
#include "worker/deadline.h"

enum { TRIES = 4, ANSWER_MS = 15000, PAUSE_S = 2, ANSWER_MAX = 128, JOB_MAX = 48 };

/* What `squeue` prints, without its end of line; false when it fails, says nothing, or takes too long. */
static bool read_answer(int fd, char out[ANSWER_MAX])
{
    const uint64_t end = cs_clock_mono_ms() + ANSWER_MS;
    size_t n = 0;

    for (;;) {
        const uint64_t now = cs_clock_mono_ms();
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (now >= end || poll(&p, 1, (int)(end - now)) <= 0)
            return false;
        const ssize_t got = read(fd, out + n, ANSWER_MAX - 1 - n);
        if (got <= 0 || n + (size_t)got == ANSWER_MAX - 1) {
            out[n] = '\0';
            out[strcspn(out, " \n")] = '\0';
            return got == 0 && out[0] != '\0';
        }
        n += (size_t)got;
    }
}

static bool ask_squeue(const char *job, char out[ANSWER_MAX])
{
    char *const args[] = {(char *)(uintptr_t) "squeue",
                          (char *)(uintptr_t) "-h",
                          (char *)(uintptr_t) "-j",
                          (char *)(uintptr_t)job,
                          (char *)(uintptr_t) "-o",
                          (char *)(uintptr_t) "%L",
                          NULL};
    posix_spawn_file_actions_t actions;
    int pipes[2], status = -1;
    pid_t pid = 0;
    bool good;

    if (pipe2(pipes, O_CLOEXEC) != 0)
        return false;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipes[1], STDOUT_FILENO);
    good = posix_spawnp(&pid, args[0], &actions, NULL, args, environ) == 0;
    posix_spawn_file_actions_destroy(&actions);
    close(pipes[1]);
    if (good) {
        good = read_answer(pipes[0], out);
        if (!good)
            kill(pid, SIGKILL);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            continue;
        good = good && status == 0;
    }
    close(pipes[0]);
    return good;
}

static bool end_by_environment(uint64_t *left_ms)
{
    const char *text = getenv("SLURM_JOB_END_TIME");
    char *end = NULL;
    const long long at = text != NULL ? strtoll(text, &end, 10) : 0;
    const int64_t now = cs_clock_wall_ms();

    if (at <= 0 || *end != '\0')
        return false;
    *left_ms = at * 1000 > now ? (uint64_t)(at * 1000 - now) : 1;
    return true;
}

static const char *number(const char *variable)
{
    const char *text = getenv(variable);

    return text != NULL && text[0] != '\0' && strspn(text, "0123456789") == strlen(text) ? text : NULL;
}

/* One task of each array has the array's own number as its job's, by which `squeue` would tell of all of them. */
static bool own_job(char out[JOB_MAX])
{
    const char *job = number("SLURM_JOB_ID"), *array = number("SLURM_ARRAY_JOB_ID"),
               *task = number("SLURM_ARRAY_TASK_ID");

    if (job != NULL && array != NULL && task != NULL)
        snprintf(out, JOB_MAX, "%.20s_%.20s", array, task);
    else if (job != NULL)
        snprintf(out, JOB_MAX, "%.40s", job);
    return job != NULL;
}

enum cs_err cs_slurm_left(uint64_t *left_ms, struct cs_error *err)
{
    char answer[ANSWER_MAX], job[JOB_MAX];

    if (!own_job(job))
        return cs_error_set(err, CS_EUSAGE, "--deadline slurm: SLURM_JOB_ID is not set, so this is no job of Slurm's");
    for (int i = 0; i < TRIES; i++) {
        if (i > 0)
            sleep(PAUSE_S);
        if (ask_squeue(job, answer))
            return cs_deadline_parse(answer, cs_clock_wall_ms(), left_ms, err);
    }
    if (end_by_environment(left_ms))
        return CS_OK;
    return cs_error_set(err, CS_EAGAIN, "--deadline slurm: `squeue -h -j %s -o %%L` does not say when the job ends",
                        job);
}
