#include "tools/fleet/death.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocol/base/arena.h"
#include "protocol/wire/output.h"

enum { TAIL = 4096, LINE_MAX_SHOWN = 240 };

/* The last line that is not empty, from its `ev=` on; "" if there is none. */
static const char *last_line(const char *path, char tail[TAIL + 1])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = -1;
    if (fd >= 0) {
        off_t size = lseek(fd, 0, SEEK_END);
        n = pread(fd, tail, TAIL, size > TAIL ? size - TAIL : 0);
        close(fd);
    }
    while (n > 0 && (tail[n - 1] == '\n' || tail[n - 1] == '\0'))
        n--;
    tail[n > 0 ? n : 0] = '\0';
    const char *newline = strrchr(tail, '\n'), *line = newline != NULL ? newline + 1 : tail;
    const char *event = strncmp(line, "ts=", 3) == 0 ? strstr(line, " ev=") : NULL;
    return event != NULL ? event + 1 : line;
}

static void in_words(int status, char *out, size_t n)
{
    if (!WIFSIGNALED(status)) {
        snprintf(out, n, "exit status %d", WEXITSTATUS(status));
        return;
    }
    const int number = WTERMSIG(status);
    const char *name = sigabbrev_np(number), *words = sigdescr_np(number);
    snprintf(out, n, "killed by SIG%s (%s%s)", name != NULL ? name : "?", words != NULL ? words : "an unknown signal",
             number == SIGKILL ? ": by hand, or by the system for want of memory" : "");
}

void cs_death_text(int status, const char *log, char *out, size_t n)
{
    char tail[TAIL + 1] = "", how[128];
    struct cs_arena arena = {0};
    const char *line = last_line(log, tail);
    in_words(status, how, sizeof how);
    snprintf(out, n, "%s%s%s", how, line[0] != '\0' ? ", its last line: " : "",
             cs_clean_text(&arena, line, strlen(line), LINE_MAX_SHOWN));
    for (char *c = out; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    }
    cs_arena_release(&arena);
}
