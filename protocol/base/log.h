/* log.h - logfmt lines on stderr: `ts=... lvl=warn ev=lease_lost worker=w17 silent_ms=30112`.
 *
 * Prompts, outputs and keys are never values; ids and digests are (decision 22). `ev` is lower_snake and stable:
 * operators search for it. CS_LOG in the environment sets the level (default info), with the words of `--log-level`, which is above it.
 * ops/EVENTS.md has every event; `make lint` compares.
 * Workers and people elsewhere cause warnings, and could fill the disk with them: of one `ev` 500 are written at once, then one a
 * second; a line after a gap says `left_out=N`.
 * Thread: any; one line is one write, whatever a value contains (plain.h).
 */
#ifndef CS_LOG_H
#define CS_LOG_H

#include "protocol/base/error.h"

enum cs_log_level { CS_DEBUG, CS_INFO, CS_WARN, CS_ERROR };

void cs_log_init(const char *program); /* reads CS_LOG; call once in main */
/* "error", "warning" or "warn", "info", "debug"; NULL: as it is. CS_EUSAGE: another word. */
CS_WARN_UNUSED enum cs_err cs_log_level(const char *word, struct cs_error *err);
#define CS_LOG_LEVEL_OPTION(into)                                                                                      \
    {                                                                                                                  \
        "log-level", CS_OPT_STR, &(into), "LEVEL",                                                                     \
            "error, warning, info (default) or debug: what is logged (ops/EVENTS.md)"                                  \
    }
/* fmt holds the key=value pairs after ev, e.g. "worker=%s silent_ms=%llu"; quote values with spaces yourself. */
void cs_log(enum cs_log_level level, const char *ev, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* From now on a signal by which a program ends itself (SIGABRT, SIGSEGV, ...) is its last line: `ev=died signal=ABRT`. Then it ends as
 * it would have. */
void cs_log_deaths(void);

#endif
