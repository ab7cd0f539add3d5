#include "store/acked.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/log.h"
#include "protocol/base/digest.h"
#include "store/keyspace.h"

enum { SEQ_BYTES = 8, FILE_BYTES = 16 };

static void encode(uint64_t seq, uint8_t out[FILE_BYTES])
{
    uint8_t sum[32];
    cs_keyspace_put_u64(out, seq);
    cs_digest_blake2b_256(out, SEQ_BYTES, sum);
    memcpy(out + SEQ_BYTES, sum, FILE_BYTES - SEQ_BYTES);
}

static char *path_of(const char *store_dir)
{
    size_t n = strlen(store_dir);
    while (n > 1 && store_dir[n - 1] == '/')
        n--;
    return cs_xasprintf("%.*s.acked", (int)n, store_dir);
}

/* False: damaged. An empty file has 0. */
static bool decode(const uint8_t *found, ssize_t got, uint64_t *seq)
{
    uint8_t right[FILE_BYTES];
    *seq = 0;
    if (got == 0)
        return true;
    if (got != FILE_BYTES)
        return false;
    encode(cs_keyspace_get_u64(found), right);
    if (memcmp(found, right, sizeof right) != 0)
        return false;
    *seq = cs_keyspace_get_u64(found);
    return true;
}

enum cs_err cs_acked_open(struct cs_acked *a, const char *store_dir, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    uint8_t found[FILE_BYTES];
    char *path = path_of(store_dir);
    *a = (struct cs_acked){.fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640)};
    ssize_t got = a->fd < 0 ? -1 : pread(a->fd, found, sizeof found, 0);
    if (got < 0) {
        rc = cs_error_set(err, CS_EIO, "%s: %s", path, strerror(errno));
        cs_acked_close(a);
    } else if (!decode(found, got, &a->seq)) {
        cs_log(CS_WARN, "acked_damaged", "file=\"%s\"", path);
    }
    free(path);
    return rc;
}

uint64_t cs_acked_peek(const char *store_dir)
{
    uint8_t found[FILE_BYTES];
    uint64_t seq = 0;
    char *path = path_of(store_dir);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void)decode(found, pread(fd, found, sizeof found, 0), &seq);
        close(fd);
    }
    free(path);
    return seq;
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
