#include "tools/simulator/chat_error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "protocol/base/assert.h"

void cs_chat_error_release(struct cs_chat_error *e)
{
    cs_buf_release(&e->param);
    cs_buf_release(&e->message);
}

bool cs_chat_error_set(struct cs_chat_error *e, unsigned status, const char *type, const char *param, const char *code,
                       const char *fmt, ...)
{
    va_list ap;
    char *text = NULL;
    e->status = status;
    e->type = type;
    e->code = code;
    cs_buf_clear(&e->param);
    cs_buf_clear(&e->message);
    if (param != NULL)
        cs_buf_str(&e->param, param);
    va_start(ap, fmt);
    CS_ASSERT(vasprintf(&text, fmt, ap) >= 0);
    va_end(ap);
    cs_buf_str(&e->message, text);
    free(text);
    return false;
}
