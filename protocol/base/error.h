/* error.h - what can go wrong, in one list, with a sentence for the reader.
 *
 * A function that can fail returns enum cs_err (0 is success). One that crosses a folder boundary also
 * takes `struct cs_error *err` (may be NULL) and leaves there a complete sentence, to which callers
 * prefix context with cs_error_wrap. Impossible states are CS_ASSERT (assert.h), never an error.
 */
#ifndef CS_ERROR_H
#define CS_ERROR_H

/*     name, exit status, text */
/* clang-format off */
#define CS_ERR_TABLE(X)                                                            \
    X(CS_OK, 0, "success")                                                         \
    X(CS_EUSAGE, 64, "wrong usage")                                                \
    X(CS_EINVAL, 65, "invalid input")                                              \
    X(CS_ENOENT, 66, "not found")                                                  \
    X(CS_EEXIST, 73, "exists already")                                             \
    X(CS_ETOOBIG, 65, "larger than its limit")                                     \
    X(CS_EPROTO, 76, "malformed or unexpected message")                            \
    X(CS_ECORRUPT, 74, "stored data is damaged")                                   \
    X(CS_EIO, 75, "input/output error")                                            \
    X(CS_EBUSY, 75, "in use by another process")                                   \
    X(CS_EAGAIN, 75, "not now, try again")                                         \
    X(CS_ETIMEDOUT, 75, "no answer in time")                                       \
    X(CS_EDENIED, 77, "not permitted")                                             \
    X(CS_ESTALE, 1, "superseded by something newer")                               \
    X(CS_EINCOMPLETE, 2, "not complete")                                           \
    X(CS_EINTERRUPTED, 130, "interrupted")                                         \
    X(CS_EINTERNAL, 70, "internal error")
/* clang-format on */

enum cs_err {
#define X(name, exit_code, text) name,
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
int cs_error_exit_code(enum cs_err code);    /* sysexits-like status of a program that ends with it */

/* Records code and sentence; returns code, so that `return cs_error_set(...)` reads well. err may be NULL. */
enum cs_err cs_error_set(struct cs_error *err, enum cs_err code, const char *fmt, ...) CS_PRINTF(3, 4);
/* Prefixes "context: " to the sentence already there; returns its code. */
enum cs_err cs_error_wrap(struct cs_error *err, enum cs_err code, const char *fmt, ...) CS_PRINTF(3, 4);

#endif
