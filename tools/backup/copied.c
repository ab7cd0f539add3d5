#include "tools/backup/copied.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/clock.h"
#include "protocol/base/digest.h"

enum { CHUNK = 1024 * 1024, TAIL = 64 * 1024, SYNC_EVERY = 8 * CHUNK };

static enum cs_err failed(const char *path, struct cs_error *err)
{
    return cs_error_set(err, CS_EIO, "%s: %s", path, strerror(errno));
}

/* At most n bytes, fewer only at the end of the file. */
static ssize_t read_full(int fd, uint8_t *to, size_t n)
{
    size_t got = 0;
    while (got < n) {
        const ssize_t r = read(fd, to + got, n - got);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return -1;
        if (r == 0)
            break;
        got += (size_t)r;
    }
    return (ssize_t)got;
}

static bool write_full(int fd, const uint8_t *from, size_t n)
{
    while (n > 0) {
        const ssize_t w = write(fd, from, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w < 0)
            return false;
        from += w;
        n -= (size_t)w;
    }
    return true;
}

static void pace(const struct cs_copied_opts *o, uint64_t began_ms, uint64_t bytes)
{
    if (o->bytes_per_s == 0)
        return;
    const uint64_t due = began_ms + bytes * 1000 / o->bytes_per_s, now = cs_clock_mono_ms();
    if (due > now)
        nanosleep(&(struct timespec){(time_t)((due - now) / 1000), (long)((due - now) % 1000) * 1000000}, NULL);
}

/* What passes through a copy or a sum. */
struct stream {
    const struct cs_copied_opts *o;
    struct cs_digest_stream sum;
    uint8_t *chunk, *last; /* two chunks in turn, so that the tail is there at the end */
    size_t n_last;
    uint64_t bytes, began_ms;
};

static void begin(struct stream *s, const struct cs_copied_opts *o)
{
    *s = (struct stream){.o = o, .chunk = cs_xmalloc(CHUNK), .last = cs_xmalloc(CHUNK), .began_ms = cs_clock_mono_ms()};
    cs_digest_stream_begin(&s->sum);
}

static void tail_of(const uint8_t *before, size_t n_before, const uint8_t *last, size_t n,
                    uint8_t out[CS_MANIFEST_TAIL])
{
    struct cs_digest_stream h;
    uint8_t full[32];
    const size_t take = n >= TAIL ? TAIL : n, more = TAIL - take < n_before ? TAIL - take : n_before;
    cs_digest_stream_begin(&h);
    cs_digest_stream_add(&h, before + n_before - more, more);
    cs_digest_stream_add(&h, last + n - take, take);
    cs_digest_stream_end(&h, full);
    memcpy(out, full, CS_MANIFEST_TAIL);
}

/* Reads all of `from`, writes it where to >= 0. */
static enum cs_err pass(struct stream *s, int from, const char *from_path, int to, const char *to_path,
                        struct cs_manifest_file *out, struct cs_error *err)
{
    uint64_t synced = 0;
    for (;;) {
        const ssize_t n = read_full(from, s->chunk, CHUNK);
        if (n < 0)
            return failed(from_path, err);
        if (n > 0) {
            cs_digest_stream_add(&s->sum, s->chunk, (size_t)n);
            if (to >= 0 && !write_full(to, s->chunk, (size_t)n))
                return failed(to_path, err);
            s->bytes += (uint64_t)n;
        }
        if (n < CHUNK) {
            tail_of(s->last, s->n_last, s->chunk, (size_t)n, out->tail);
            break;
        }
        uint8_t *swap = s->last;
        s->last = s->chunk;
        s->chunk = swap;
        s->n_last = (size_t)n;
        if (to >= 0 && s->o->on_bytes != NULL)
            s->o->on_bytes(s->o->self, (uint64_t)n);
        if (s->o->stops != NULL && s->o->stops(s->o->self))
            return cs_error_set(err, CS_EINTERRUPTED, "interrupted");
        /* In small steps: one large sync would hold up those of the store's own log on the same disk. */
        if (to >= 0 && s->bytes - synced >= SYNC_EVERY) {
            if (fdatasync(to) != 0)
                return failed(to_path, err);
            synced = s->bytes;
        }
        pace(s->o, s->began_ms, s->bytes);
    }
    if (to >= 0 && s->o->on_bytes != NULL)
        s->o->on_bytes(s->o->self, s->bytes % CHUNK);
    cs_digest_stream_end(&s->sum, out->sum);
    out->bytes = s->bytes;
    return CS_OK;
}

static enum cs_err run(const char *from_path, int to, const char *to_path, const struct cs_copied_opts *o,
                       struct cs_manifest_file *out, struct cs_error *err)
{
    struct stream s;
    const int from = open(from_path, O_RDONLY | O_CLOEXEC);
    if (from < 0)
        return failed(from_path, err);
    begin(&s, o);
    enum cs_err rc = pass(&s, from, from_path, to, to_path, out, err);
    free(s.chunk);
    free(s.last);
    close(from);
    return rc;
}

enum cs_err cs_copied_sums(const char *path, const struct cs_copied_opts *o, struct cs_manifest_file *out,
                           struct cs_error *err)
{
    return run(path, -1, NULL, o, out, err);
}

enum cs_err cs_copied_tail(const char *path, uint64_t bytes, uint8_t out[CS_MANIFEST_TAIL], struct cs_error *err)
{
    uint8_t *tail = cs_xmalloc(TAIL);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const uint64_t from = bytes > TAIL ? bytes - TAIL : 0;
    ssize_t n = fd >= 0 && lseek(fd, (off_t)from, SEEK_SET) >= 0 ? read_full(fd, tail, TAIL) : -1;
    enum cs_err rc = n < 0 ? failed(path, err) : CS_OK;
    if (rc == CS_OK)
        tail_of(tail, 0, tail, (size_t)n, out);
    if (fd >= 0)
        close(fd);
    free(tail);
    return rc;
}

/* From the disk, not from memory, as far as the system allows. */
static enum cs_err read_again(int fd, const char *path, const struct cs_manifest_file *wrote,
                              const struct cs_copied_opts *o, struct cs_error *err)
{
    struct cs_copied_opts quiet = {.stops = o->stops, .self = o->self};
    struct cs_manifest_file found = {0};
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    enum cs_err rc = cs_copied_sums(path, &quiet, &found, err);
    if (rc == CS_OK && (found.bytes != wrote->bytes || memcmp(found.sum, wrote->sum, sizeof found.sum) != 0))
        rc = cs_error_set(err, CS_ECORRUPT,
                          "%s: what was read again is not what was written: the disk cannot be trusted", path);
    if (rc == CS_OK && o->cold)
        posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    return rc;
}

enum cs_err cs_copied_copy(const char *from, const char *to, unsigned mode, const struct cs_copied_opts *o,
                           struct cs_manifest_file *out, struct cs_error *err)
{
    char *tmp = cs_xasprintf("%s.tmp", to);
    const int fd = open(tmp, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    enum cs_err rc = fd < 0 ? failed(tmp, err) : run(from, fd, tmp, o, out, err);
    if (rc == CS_OK && fsync(fd) != 0)
        rc = failed(tmp, err);
    if (rc == CS_OK)
        rc = read_again(fd, tmp, out, o, err);
    if (rc == CS_OK && (fchmod(fd, mode) != 0 || rename(tmp, to) != 0))
        rc = failed(to, err);
    if (fd >= 0)
        close(fd);
    if (rc != CS_OK && fd >= 0)
        unlink(tmp);
    free(tmp);
    return rc;
}
