#include "protocol/base/log.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/clock.h"
#include "protocol/base/plain.h"

static const char *const names[] = {"debug", "info", "warn", "error"};
static const char *log_program = "clinsafe";
static enum cs_log_level log_level = CS_INFO;

void cs_log_init(const char *program)
{
    log_program = program;
    const char *want = getenv("CS_LOG");
    for (int i = 0; want != NULL && i < 4; i++) {
        if (strcmp(want, names[i]) == 0)
            log_level = (enum cs_log_level)i;
    }
}

void cs_log(enum cs_log_level level, const char *ev, const char *fmt, ...)
{
    if (level < log_level)
        return;
    char line[1024], said[sizeof line], ts[32];
    cs_clock_format_utc(cs_clock_wall_ms(), ts);
    int n = snprintf(line, sizeof line, "ts=%s lvl=%s prog=%s pid=%d ev=%s ", ts, names[level], log_program,
                     (int)getpid(), ev);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(said, sizeof said, fmt, ap);
    va_end(ap);
    cs_plain_text(line + n, sizeof line - 1 - (size_t)n, said); /* a value cannot begin a line of its own */
    n += (int)strlen(line + n);
    line[n++] = '\n';
    if (write(STDERR_FILENO, line, (size_t)n) < 0)
        return; /* nowhere left to complain to */
}

/* The process ends whatever happens here: that snprintf is not made for signal handlers costs a line at worst. */
static void on_death(int number)
{
    const char *name = sigabbrev_np(number);
    cs_log(CS_ERROR, "died", "signal=%s", name != NULL ? name : "?");
    raise(number); /* the handler is gone already */
}

void cs_log_deaths(void)
{
    const int all[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV};
    struct sigaction a = {.sa_handler = on_death, .sa_flags = (int)(SA_RESETHAND | SA_NODEFER)};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct sigaction was;
        if (sigaction(all[i], NULL, &was) == 0 && was.sa_handler == SIG_DFL) /* a sanitizer says more than we can */
            sigaction(all[i], &a, NULL);
    }
}
