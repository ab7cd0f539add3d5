#include "protocol/study/fence.h"

#include <string.h>

#include "protocol/base/digest.h"

void cs_fence_mark(const char *text, char out[CS_FENCE_HEX + 1])
{
    uint8_t digest[32], last[32];
    cs_digest_blake2b_256(text, strlen(text), digest);
    for (;;) {
        for (size_t at = 0; at < sizeof digest; at += CS_FENCE_HEX / 2) {
            cs_digest_hex(digest + at, CS_FENCE_HEX / 2, out);
            if (strcasestr(text, out) == NULL)
                return;
        }
        memcpy(last, digest, sizeof last);
        cs_digest_blake2b_256(last, sizeof last, digest);
    }
}

void cs_fence_put(const char *text, struct cs_buf *out)
{
    char mark[CS_FENCE_HEX + 1];
    cs_fence_mark(text, mark);
    cs_buf_printf(out, "--- begin %s ---\n", mark);
    cs_buf_str(out, text);
    cs_buf_printf(out, "\n--- end %s ---", mark);
}
