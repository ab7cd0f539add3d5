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

static void clean(char *s)
{
    for (; *s != '\0'; s++) {
        if ((unsigned char)*s < ' ' || *s == 127)
            *s = ' ';
    }
}

/* The last sentence that it wrote for people; without one the last line of its log, from its `ev=` on. NULL: it wrote nothing. */
static char *last_sentence(const char *log, off_t from)
{
    const int fd = open(log, O_RDONLY | O_CLOEXEC);
    const off_t end = fd >= 0 ? lseek(fd, 0, SEEK_END) : 0;
    char *text = cs_xcalloc(1, TAIL + 1), *rest = text, *line, *found = NULL, *last = NULL;
    if (end - from > TAIL)
        from = end - TAIL;
    if (fd >= 0 && pread(fd, text, TAIL, from) > 0) {
        while ((line = strsep(&rest, "\n")) != NULL) {
            const char *s = sentence_of(line);
            if (s == NULL) {
                last = line[0] != '\0' ? line : last;
                continue;
            }
            free(found);
            found = cs_xasprintf("%.*s", SHOWN, s);
        }
    }
    if (found == NULL && last != NULL) {
        const char *event = strncmp(last, "ts=", 3) == 0 ? strstr(last, " ev=") : NULL;
        found = cs_xasprintf("its last line: %.*s", SHOWN, event != NULL ? event + 1 : last);
    }
    if (found != NULL)
        clean(found);
    if (fd >= 0)
        close(fd);
    free(text);
    return found;
}

static char *signal_words(int number)
{
    const char *name = sigabbrev_np(number), *words = sigdescr_np(number);
    switch (number) {
    case SIGXFSZ:
        return cs_xstrdup("a file grew beyond the limit of `ulimit -f`");
    case SIGXCPU:
        return cs_xstrdup("it used up the time that `ulimit -t` allows");
    default:
        return cs_xasprintf("killed by SIG%s (%s%s)", name != NULL ? name : "?",
                            words != NULL ? words : "an unknown signal",
                            number == SIGKILL ? ": by hand, or by the system for want of memory" : "");
    }
}

char *cs_last_words(const char *log, off_t from, int status)
{
    char *said = last_sentence(log, from), *how, *both;
    if (!WIFSIGNALED(status))
        return said != NULL ? said : cs_xasprintf("exit status %d", WEXITSTATUS(status));
    how = signal_words(WTERMSIG(status));
    if (said == NULL || WTERMSIG(status) == SIGXFSZ || WTERMSIG(status) == SIGXCPU) {
        free(said);
        return how;
    }
    both = cs_xasprintf("%s, %s", how, said);
    free(how);
    free(said);
    return both;
}
