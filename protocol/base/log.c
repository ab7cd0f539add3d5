#include "protocol/base/log.h"

#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/clock.h"
#include "protocol/base/plain.h"

static const char *const names[] = {"debug", "info", "warn", "error"};
static const char *log_program = "clinsafe";
static enum cs_log_level log_level = CS_INFO;

static bool take_level(const char *word)
{
    for (int i = 0; i < 4; i++) {
        if (strcmp(word, names[i]) == 0 || (i == CS_WARN && strcmp(word, "warning") == 0)) {
            log_level = (enum cs_log_level)i;
            return true;
        }
    }
    return false;
}

void cs_log_init(const char *program)
{
    log_program = program;
    const char *want = getenv("CS_LOG");
    if (want != NULL)
        take_level(want); /* another word: info */
}

enum cs_err cs_log_level(const char *word, struct cs_error *err)
{
    if (word == NULL || take_level(word))
        return CS_OK;
    return cs_error_set(err, CS_EUSAGE, "--log-level %s: want error, warning, info or debug", word);
}

/* Of each kind of warning (the names of events are literals, few, and never freed): what it may still write, and since when. Kinds
 * beyond the table are not held back. */
enum { KINDS = 64, BURST = 500, EVERY_MS = 1000, GAP = 40 };
static struct {
    const char *ev;
    uint64_t at_ms, left, left_out;
} kinds[KINDS];
static pthread_mutex_t kinds_lock = PTHREAD_MUTEX_INITIALIZER;

/* Whether this warning is written; then *left_out of its kind were not, since the last. */
static bool may_warn(const char *ev, uint64_t *left_out)
{
    bool may = true;
    const uint64_t now = cs_clock_mono_ms();
    pthread_mutex_lock(&kinds_lock);
    for (int i = 0; i < KINDS; i++) {
        if (kinds[i].ev == NULL) {
            kinds[i].ev = ev;
            kinds[i].at_ms = now;
            kinds[i].left = BURST;
        }
        if (kinds[i].ev != ev)
            continue;
        const uint64_t more = (now - kinds[i].at_ms) / EVERY_MS;
        kinds[i].at_ms += more * EVERY_MS;
        kinds[i].left = kinds[i].left + more < BURST ? kinds[i].left + more : BURST;
        may = kinds[i].left > 0;
        kinds[i].left -= may;
        *left_out = kinds[i].left_out;
        kinds[i].left_out = may ? 0 : kinds[i].left_out + 1;
        break;
    }
    pthread_mutex_unlock(&kinds_lock);
    return may;
}

void cs_log(enum cs_log_level level, const char *ev, const char *fmt, ...)
{
    if (level < log_level)
        return;
    uint64_t left_out = 0;
    if (level == CS_WARN && !may_warn(ev, &left_out))
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
    if (left_out > 0 && (size_t)n < sizeof line - GAP)
        n += snprintf(line + n, GAP, " left_out=%llu", (unsigned long long)left_out);
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
