#include "store/acked.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/log.h"
#include "protocol/study/digest.h"
#include "store/keyspace.h"

enum { SEQ_BYTES = 8, FILE_BYTES = 16 };

static void encode(uint64_t seq, uint8_t out[FILE_BYTES])
{
    uint8_t sum[32];
    cs_put_u64(out, seq);
    cs_blake2b_256(out, SEQ_BYTES, sum);
    memcpy(out + SEQ_BYTES, sum, FILE_BYTES - SEQ_BYTES);
}

enum cs_err cs_acked_open(struct cs_acked *a, const char *store_dir, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    uint8_t found[FILE_BYTES], right[FILE_BYTES];
    size_t n = strlen(store_dir);
    while (n > 1 && store_dir[n - 1] == '/')
        n--;
    char *path = cs_xasprintf("%.*s.acked", (int)n, store_dir);
    *a = (struct cs_acked){.fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640)};
    ssize_t got = a->fd < 0 ? -1 : pread(a->fd, found, sizeof found, 0);
    if (got < 0) {
        rc = cs_error_set(err, CS_EIO, "%s: %s", path, strerror(errno));
        cs_acked_close(a);
        goto out;
    }
    if (got == 0)
        goto out;
    uint64_t seq = got == FILE_BYTES ? cs_get_u64(found) : 0;
    encode(seq, right);
    if (got == FILE_BYTES && memcmp(found, right, sizeof found) == 0)
        a->seq = seq;
    else
        cs_log(CS_WARN, "acked_damaged", "file=\"%s\"", path);

out:
    free(path);
    return rc;
}

void cs_acked_close(struct cs_acked *a)
{
    if (a->fd >= 0)
        close(a->fd);
    a->fd = -1;
}

void cs_acked_note(struct cs_acked *a, uint64_t seq)
{
    uint8_t bytes[FILE_BYTES];
    if (seq == a->seq)
        return;
    encode(seq, bytes);
    if (pwrite(a->fd, bytes, sizeof bytes, 0) == (ssize_t)sizeof bytes)
        a->seq = seq; /* a failed write only blunts the tripwire; a full disk shows in the store itself */
}
