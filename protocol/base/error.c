#include "protocol/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "protocol/base/plain.h"

static const struct {
    const char *name, *text;
    int exit_code;
} errs[CS_ERR_COUNT] = {
#define X(name_, exit_code_, text_) [name_] = {#name_, text_, exit_code_},
    CS_ERR_TABLE(X)
#undef X
};

const char *cs_error_name(enum cs_err code)
{
    return code < CS_ERR_COUNT ? errs[code].name : "CS_E?";
}

const char *cs_error_text(enum cs_err code)
{
    return code < CS_ERR_COUNT ? errs[code].text : "unknown error";
}

int cs_error_exit_code(enum cs_err code)
{
    return code < CS_ERR_COUNT ? errs[code].exit_code : 70;
}

/* Sentences quote what others wrote, and are shown to people. */
static void make_plain(char msg[sizeof((struct cs_error *)0)->msg])
{
    char as_said[sizeof((struct cs_error *)0)->msg];
    if (cs_plain_is(msg))
        return;
    memcpy(as_said, msg, sizeof as_said);
    cs_plain_text(msg, sizeof as_said, as_said);
}

enum cs_err cs_error_set(struct cs_error *err, enum cs_err code, const char *fmt, ...)
{
    if (err == NULL)
        return code;
    va_list ap;
    va_start(ap, fmt);
    err->code = code;
    vsnprintf(err->msg, sizeof err->msg, fmt, ap);
    va_end(ap);
    make_plain(err->msg);
    return code;
}

enum cs_err cs_error_wrap(struct cs_error *err, enum cs_err code, const char *fmt, ...)
{
    if (err == NULL)
        return code;
    char old[sizeof err->msg];
    snprintf(old, sizeof old, "%s", err->code == code ? err->msg : cs_error_text(code));
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(err->msg, sizeof err->msg, fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n + 3 < sizeof err->msg) { /* a long chain loses its end, never its context */
        size_t room = sizeof err->msg - (size_t)n - 3, len = strnlen(old, room);
        memcpy(err->msg + n, ": ", 2);
        memcpy(err->msg + n + 2, old, len);
        err->msg[(size_t)n + 2 + len] = '\0';
    }
    make_plain(err->msg);
    err->code = code;
    return code;
}
