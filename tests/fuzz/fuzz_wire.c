/* Foreign bytes as a message and as an output: refused with a sentence, or accepted; what is accepted can be
 * packed again, and then stays the same for ever. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "protocol/base/assert.h"
#include "protocol/wire/messages.h"
#include "protocol/wire/output.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_message(const uint8_t *data, size_t size)
{
    struct cs_arena arena = {0};
    struct cs_message m;
    struct cs_error err = {0};
    enum cs_err rc = cs_message_unpack(data, size, &arena, &m, &err);
    CS_ASSERT(rc == CS_OK || rc == CS_EPROTO || rc == CS_ESTALE);
    CS_ASSERT((rc == CS_OK) == (err.msg[0] == '\0'));
    if (rc == CS_OK) {
        struct cs_buf once = CS_BUF_INIT(CS_MESSAGE_MAX), twice = CS_BUF_INIT(CS_MESSAGE_MAX);
        cs_message_pack(&m, &once);
        CS_ASSERT(cs_message_unpack(once.data, once.len, &arena, &m, &err) == CS_OK);
        cs_message_pack(&m, &twice);
        CS_ASSERT(once.len == twice.len);
        CS_ASSERT(memcmp(once.data, twice.data, once.len) == 0);
        cs_buf_release(&once);
        cs_buf_release(&twice);
    }
    cs_arena_release(&arena);
}

static void check_output(const uint8_t *data, size_t size)
{
    struct cs_arena arena = {0};
    struct cs_output o;
    struct cs_error err = {0};
    enum cs_err rc = cs_output_unpack(data, size, &arena, &o, &err);
    CS_ASSERT(rc == CS_OK || rc == CS_EPROTO);
    CS_ASSERT((rc == CS_OK) == (err.msg[0] == '\0'));
    if (rc == CS_OK) {
        struct cs_buf once = CS_BUF_INIT(CS_OUTPUT_MAX), twice = CS_BUF_INIT(CS_OUTPUT_MAX);
        cs_output_pack(&o, &once);
        CS_ASSERT(cs_output_unpack(once.data, once.len, &arena, &o, &err) == CS_OK);
        cs_output_pack(&o, &twice);
        CS_ASSERT(once.len == twice.len);
        CS_ASSERT(memcmp(once.data, twice.data, once.len) == 0);
        cs_buf_release(&once);
        cs_buf_release(&twice);
    }
    cs_arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_message(data, size);
    check_output(data, size);
    return 0;
}
