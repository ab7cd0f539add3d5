/* Compressed bodies: never over the limit, and whole only with their end. The first byte says how large the result may be. */
#include <stdint.h>
#include <string.h>

#include "protocol/base/assert.h"
#include "worker/inflate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 1)
        return 0;
    struct cs_buf small = CS_BUF_INIT(1 + (size_t)data[0] * 16), large = CS_BUF_INIT(1024 * 1024);
    const char *bytes = (const char *)data + 1;
    const enum cs_inflated in_small = cs_inflate(bytes, n - 1, &small), in_large = cs_inflate(bytes, n - 1, &large);
    CS_ASSERT(small.len <= small.max && large.len <= large.max);
    if (in_small == CS_INFLATED_WHOLE) {
        CS_ASSERT(in_large == CS_INFLATED_WHOLE);
        CS_ASSERT(small.len == large.len && memcmp(cs_buf_cstr(&small), cs_buf_cstr(&large), small.len) == 0);
    }
    if (in_small == CS_INFLATED_TOO_LONG)
        CS_ASSERT(in_large != CS_INFLATED_WHOLE || large.len > small.max);
    (void)cs_inflate_is_deflated("content-encoding: gzip\r\n", bytes, n - 1);
    cs_buf_release(&small);
    cs_buf_release(&large);
    return 0;
}
