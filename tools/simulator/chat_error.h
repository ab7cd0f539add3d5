/* chat_error.h - why a request is refused, in OpenAI's words; each dialect says it in its own (dialect.h). Pure; any thread. */
#ifndef CS_SIM_CHAT_ERROR_H
#define CS_SIM_CHAT_ERROR_H

#include <stdbool.h>

#include "protocol/base/buf.h"

enum { CS_CHAT_BODY_MAX = 32 * 1024 * 1024 }; /* bytes of a request's body, images included */

struct cs_chat_error {
    unsigned status;
    const char *type, *code; /* code may be NULL */
    struct cs_buf param;     /* empty: null */
    struct cs_buf message;
};
#define CS_CHAT_ERROR_INIT                                                                                             \
    ((struct cs_chat_error){.param = CS_BUF_INIT(256), .message = CS_BUF_INIT(2 * CS_CHAT_BODY_MAX)})
void cs_chat_error_release(struct cs_chat_error *e);
/* Fills e; param may be NULL. Returns false. */
bool cs_chat_error_set(struct cs_chat_error *e, unsigned status, const char *type, const char *param, const char *code,
                       const char *fmt, ...) __attribute__((format(printf, 6, 7)));

#endif
