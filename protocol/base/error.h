/* error.h - what can go wrong, in one list, with a sentence for the reader.
 *
 * A function that can fail returns enum cs_err (0 is success). One that crosses a folder boundary also
 * takes `struct cs_error *err` (may be NULL) and leaves there a complete sentence, to which callers
 * prefix context with cs_error_wrap. Impossible states are CS_ASSERT (assert.h), never an error.
 */
#ifndef CS_ERROR_H
#define CS_ERROR_H

enum cs_err_class {
    CS_CLASS_NONE,
    CS_CLASS_RETRYABLE, /* the same call may succeed later */
    CS_CLASS_PERMANENT, /* this input will never succeed */
    CS_CLASS_FATAL,     /* the process cannot go on safely: exit 75, restart */
};

/*     name        exit  class      text */
/* clang-format off */
#define CS_ERR_TABLE(X)                                                                            \
    X(CS_OK, 0, NONE, "success")                                                                   \
    X(CS_EUSAGE, 64, PERMANENT, "wrong usage")                                                     \
    X(CS_EINVAL, 65, PERMANENT, "invalid input")                                                   \
    X(CS_ENOENT, 66, PERMANENT, "not found")                                                       \
    X(CS_EEXIST, 73, PERMANENT, "exists already")                                                  \
    X(CS_ETOOBIG, 65, PERMANENT, "larger than its limit")                                          \
    X(CS_EPROTO, 76, PERMANENT, "malformed or unexpected message")                                 \
    X(CS_ECORRUPT, 74, FATAL, "stored data is damaged")                                            \
    X(CS_EIO, 75, FATAL, "input/output error")                                                     \
    X(CS_EBUSY, 75, RETRYABLE, "in use by another process")                                        \
    X(CS_EAGAIN, 75, RETRYABLE, "not now, try again")                                              \
    X(CS_ETIMEDOUT, 75, RETRYABLE, "no answer in time")                                            \
    X(CS_EDENIED, 77, PERMANENT, "not permitted")                                                  \
    X(CS_ESTALE, 1, PERMANENT, "superseded by something newer")                                    \
    X(CS_EINCOMPLETE, 2, PERMANENT, "not complete")                                                \
    X(CS_EINTERRUPTED, 130, PERMANENT, "interrupted")                                              \
    X(CS_EINTERNAL, 70, FATAL, "internal error")
/* clang-format on */

enum cs_err {
#define X(name, exit_code, class, text) name,
    CS_ERR_TABLE(X)
#undef X
        CS_ERR_COUNT
};

#define CS_WARN_UNUSED __attribute__((warn_unused_result))
#define CS_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

struct cs_error {
    enum cs_err code;
    char msg[512]; /* one line, no newline at the end */
};

const char *cs_error_name(enum cs_err code); /* "CS_EINVAL" */
const char *cs_error_text(enum cs_err code); /* "invalid input" */
enum cs_err_class cs_error_class(enum cs_err code);
int cs_error_exit_code(enum cs_err code); /* sysexits-like status of a program that ends with it */

/* Records code and sentence; returns code, so that `return cs_error_set(...)` reads well. err may be NULL. */
enum cs_err cs_error_set(struct cs_error *err, enum cs_err code, const char *fmt, ...) CS_PRINTF(3, 4);
/* Prefixes "context: " to the sentence already there; returns its code. */
enum cs_err cs_error_wrap(struct cs_error *err, enum cs_err code, const char *fmt, ...) CS_PRINTF(3, 4);

#endif
