/* Repaired JSON: whatever the bytes, the copy is valid UTF-8 inside its strings, bounded, the same when it is repaired again, and where a
 * strict reader took the bytes as they were it says the same. */
#include <stdint.h>
#include <string.h>

#include "protocol/base/assert.h"
#include "protocol/base/repair.h"
#include "protocol/base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const char *bytes = (const char *)data;
    struct cs_buf once = CS_BUF_INIT(6 * n + 64), twice = CS_BUF_INIT(36 * n + 512);
    const size_t flags = CS_JSON_ALLOW_NUL | CS_JSON_DISABLE_EOF_CHECK;
    const size_t read = cs_repair_json(bytes, n, &once);
    CS_ASSERT(read <= n);
    CS_ASSERT(!once.overflow);
    (void)cs_repair_json(cs_buf_cstr(&once), once.len, &twice);
    struct cs_json *was = cs_json_loadb(bytes, n, flags, NULL),
                   *is = once.len > 0 ? cs_json_loadb(once.data, once.len, flags, NULL) : NULL;
    struct cs_json *again = twice.len > 0 ? cs_json_loadb(twice.data, twice.len, flags, NULL) : NULL;
    CS_ASSERT((is == NULL) == (again == NULL));
    if (is != NULL)
        CS_ASSERT(cs_json_equal(is, again));
    if (was != NULL && memchr(bytes, '\0', n) == NULL && memmem(bytes, n, "\\u0000", 6) == NULL) {
        CS_ASSERT(is != NULL);
        CS_ASSERT(cs_json_equal(was, is));
    }
    cs_json_decref(was);
    cs_json_decref(is);
    cs_json_decref(again);
    cs_buf_release(&once);
    cs_buf_release(&twice);
    return 0;
}
