#include "tools/fleet/last_words.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocol/base/alloc.h"

enum { TAIL = 16 * 1024, SHOWN = 240 };

/* "clinsafe-NAME: sentence", or Redis' warnings: "PID:M DATE # sentence". NULL: none. */
static const char *sentence_of(const char *line)
{
    static const char ours[] = "clinsafe-";
    if (strncmp(line, ours, sizeof ours - 1) == 0) {
        const char *colon = strstr(line, ": ");
        return colon != NULL ? colon + 2 : NULL;
    }
    const char *mark = strstr(line, " # ");
    return mark != NULL && strspn(line, "0123456789") > 0 ? mark + 3 : NULL;
}

static char *last_sentence(const char *log, off_t from)
{
    const int fd = open(log, O_RDONLY | O_CLOEXEC);
    const off_t end = fd >= 0 ? lseek(fd, 0, SEEK_END) : 0;
    char *text = cs_xcalloc(1, TAIL + 1), *rest = text, *line, *found = NULL;
    if (end - from > TAIL)
        from = end - TAIL;
    if (fd >= 0 && pread(fd, text, TAIL, from) > 0) {
        while ((line = strsep(&rest, "\n")) != NULL) {
            const char *s = sentence_of(line);
            if (s == NULL)
                continue;
            free(found);
            found = cs_xasprintf("%.*s", SHOWN, s);
        }
    }
    for (char *s = found; s != NULL && *s != '\0'; s++) {
        if ((unsigned char)*s < ' ' || *s == 127)
            *s = ' ';
    }
    if (fd >= 0)
        close(fd);
    free(text);
    return found;
}

char *cs_last_words(const char *log, off_t from, int status)
{
    if (!WIFSIGNALED(status))
        return last_sentence(log, from);
    const int sig = WTERMSIG(status);
    const char *name = sigabbrev_np(sig);
    switch (sig) {
    case SIGXFSZ:
        return cs_xstrdup("a file grew beyond the limit of `ulimit -f`");
    case SIGXCPU:
        return cs_xstrdup("it used up the time that `ulimit -t` allows");
    case SIGKILL:
        return cs_xstrdup("it was killed (SIGKILL; when memory runs out the system does that)");
    default:
        return cs_xasprintf("it was ended by SIG%s", name != NULL ? name : "?");
    }
}
