#include "tools/slurm/sbatch.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocol/base/buf.h"

enum { ARGS_MAX = 6, SAID_MAX = 512 };

/* Its status, or -1; said: what it printed, on stdout and stderr, to its end. */
static int run(const char *const args[ARGS_MAX], char said[SAID_MAX])
{
    posix_spawn_file_actions_t actions;
    int pipes[2], status = -1;
    size_t n = 0;
    ssize_t got;
    pid_t pid;

    if (pipe2(pipes, O_CLOEXEC) != 0)
        return -1;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipes[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, pipes[1], STDERR_FILENO);
    errno = posix_spawnp(&pid, args[0], &actions, NULL, (char *const *)(uintptr_t)args, environ);
    const bool started = errno == 0;
    posix_spawn_file_actions_destroy(&actions);
    close(pipes[1]);
    while (started && (got = read(pipes[0], said + n, SAID_MAX - 1 - n)) > 0)
        n += (size_t)got;
    said[n] = '\0';
    close(pipes[0]);
    while (started && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    errno = started ? 0 : ENOENT;
    return status;
}

/* `--parsable` prints JOB or JOB;CLUSTER, perhaps behind words of the site. */
static bool take_id(char *said, char id[CS_SBATCH_ID_MAX])
{
    char *line = said, *next;

    for (; line != NULL; line = next) {
        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        const size_t n = strspn(line, "0123456789");
        if (n > 0 && n < CS_SBATCH_ID_MAX && (line[n] == '\0' || line[n] == ';')) {
            snprintf(id, CS_SBATCH_ID_MAX, "%.*s", (int)n, line);
            return true;
        }
    }
    return false;
}

enum cs_err cs_sbatch_submit(const char *script, const char *after, char id[CS_SBATCH_ID_MAX], struct cs_error *err)
{
    char dependency[64], said[SAID_MAX];
    const char *args[ARGS_MAX] = {"sbatch", "--parsable"};
    unsigned n = 2;

    if (after != NULL) {
        snprintf(dependency, sizeof dependency, "--dependency=after:%s", after);
        args[n++] = dependency;
    }
    args[n] = script;
    const int status = run(args, said);
    if (errno == ENOENT || (WIFEXITED(status) && WEXITSTATUS(status) == 127))
        return cs_error_set(err, CS_ENOENT,
                            "there is no sbatch here: go to a host that submits to Slurm, or use --print");
    if (status == 0 && take_id(said, id))
        return CS_OK;
    said[strcspn(said, "\n")] = '\0';
    return cs_error_set(err, CS_EINCOMPLETE, "sbatch %s: %s", script,
                        said[0] != '\0' ? said : "it failed, and says nothing");
}

enum cs_err cs_sbatch_check_lines(const struct cs_option_list *lines, struct cs_error *err)
{
    struct cs_buf text = CS_BUF_INIT(CS_OPT_LIST_MAX * 4096);
    char said[SAID_MAX];
    enum cs_err rc = CS_OK;

    for (unsigned i = 0; i < lines->n; i++)
        cs_buf_printf(&text, "%s\n", lines->v[i]);
    if (text.overflow)
        rc = cs_error_set(err, CS_EUSAGE, "--line: that is more than a script may have");
    else if (lines->n > 0) {
        const char *args[ARGS_MAX] = {"bash", "-n", "-c", cs_buf_cstr(&text)};
        const int status = run(args, said);
        said[strcspn(said, "\n")] = '\0';
        if (errno == 0 && WIFEXITED(status) && WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 127)
            rc = cs_error_set(err, CS_EUSAGE, "--line: %.300s", said);
    }
    cs_buf_release(&text);
    return rc;
}
