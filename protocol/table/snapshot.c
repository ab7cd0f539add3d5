#include "protocol/table/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"

#define MAGIC "clinsafe-cases-1\n"

struct file_head {
    char magic[24];
    uint32_t n_cases, n_columns;
    uint64_t names, cases, about, stamp, size; /* where they begin; of the whole file */
};
_Static_assert(sizeof(struct file_head) == 72, "no holes");
_Static_assert(sizeof MAGIC <= sizeof((struct file_head){0}.magic), "room");

enum { WRITE_BUFFER = 1 << 20, FIXED = 2 /* places of a case beside its values */ };

/* ---- writing --------------------------------------------------------------------------------------------------- */

struct cs_snapshot_writer {
    char *path, *tmp, *cases_path;
    FILE *out, *cases; /* cases: places, until the texts are through */
    uint64_t at;
    uint64_t *names;
    uint32_t n_columns, n_cases;
    int error; /* errno of the first write that failed */
};

/* Whether the name still stands for what is locked: whoever had it may have been through since we opened it, and then this is the whole
 * file, which others map. */
static bool is_named(int fd, const char *path)
{
    struct stat locked, there;
    if (fstat(fd, &locked) != 0)
        return false;
    if (stat(path, &there) == 0 && there.st_ino == locked.st_ino && there.st_dev == locked.st_dev)
        return true;
    errno = EWOULDBLOCK;
    return false;
}

static FILE *create(const char *path)
{
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    FILE *f = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && is_named(fd, path) && ftruncate(fd, 0) == 0
                  ? fdopen(fd, "w+")
                  : NULL;
    if (f != NULL)
        setvbuf(f, NULL, _IOFBF, WRITE_BUFFER);
    else if (fd >= 0)
        close(fd);
    return f;
}

static void put(struct cs_snapshot_writer *w, FILE *to, const void *bytes, size_t n)
{
    if (w->error == 0 && n > 0 && fwrite(bytes, 1, n, to) != n)
        w->error = errno != 0 ? errno : EIO;
}

enum cs_err cs_snapshot_create(struct cs_snapshot_writer **out, const char *path, struct cs_error *err)
{
    static const struct file_head nothing;
    struct cs_snapshot_writer *w = cs_xcalloc(1, sizeof *w);
    w->path = cs_xstrdup(path);
    w->tmp = cs_xasprintf("%s.tmp", path);
    w->cases_path = cs_xasprintf("%s.places", path);
    w->out = create(w->tmp);
    w->cases = w->out != NULL ? create(w->cases_path) : NULL;
    *out = NULL;
    if (w->cases == NULL) {
        const bool busy = errno == EWOULDBLOCK;
        enum cs_err rc = cs_error_set(err, busy ? CS_EBUSY : CS_EIO, "%s: %s", path,
                                      busy ? "another program is making it just now" : strerror(errno));
        if (w->out == NULL)
            CS_FREE(w->tmp); /* it may be the other one's */
        if (w->cases == NULL)
            CS_FREE(w->cases_path);
        cs_snapshot_abandon(w);
        return rc;
    }
    put(w, w->out, &nothing, sizeof nothing);
    w->at = sizeof nothing;
    *out = w;
    return CS_OK;
}

uint64_t cs_snapshot_text(struct cs_snapshot_writer *w, const char *text, size_t n)
{
    const uint64_t at = w->at;
    put(w, w->out, text, n);
    put(w, w->out, "", 1);
    w->at += n + 1;
    return at;
}

void cs_snapshot_columns(struct cs_snapshot_writer *w, const char *const *names, uint32_t n)
{
    CS_ASSERT(w->names == NULL);
    w->names = cs_xcalloc(n + 1u, sizeof *w->names);
    w->n_columns = n;
    for (uint32_t i = 0; i < n; i++)
        w->names[i] = cs_snapshot_text(w, names[i], strlen(names[i]));
}

void cs_snapshot_case(struct cs_snapshot_writer *w, uint64_t id, uint64_t cluster, const uint64_t *values)
{
    put(w, w->cases, &id, sizeof id);
    put(w, w->cases, &cluster, sizeof cluster);
    put(w, w->cases, values, w->n_columns * sizeof *values);
    w->n_cases++;
}

/* The places of all cases, behind the texts. */
static void append_cases(struct cs_snapshot_writer *w)
{
    char *block = cs_xmalloc(WRITE_BUFFER);
    size_t n;
    if (fflush(w->cases) != 0 || fseeko(w->cases, 0, SEEK_SET) != 0)
        w->error = w->error != 0 ? w->error : errno;
    while (w->error == 0 && (n = fread(block, 1, WRITE_BUFFER, w->cases)) > 0) {
        put(w, w->out, block, n);
        w->at += n;
    }
    if (ferror(w->cases) != 0 && w->error == 0)
        w->error = EIO;
    free(block);
}

static void finish(struct cs_snapshot_writer *w, const char *about, const char *stamp)
{
    static const char zeros[8];
    struct file_head head = {.magic = MAGIC, .n_cases = w->n_cases, .n_columns = w->n_columns};
    const size_t hole = (8 - w->at % 8) % 8;
    put(w, w->out, zeros, hole);
    head.names = w->at += hole;
    put(w, w->out, w->names, w->n_columns * sizeof *w->names);
    head.cases = w->at += w->n_columns * sizeof *w->names;
    append_cases(w);
    head.about = w->at;
    put(w, w->out, about, strlen(about) + 1);
    head.stamp = w->at + strlen(about) + 1;
    put(w, w->out, stamp, strlen(stamp) + 1);
    head.size = head.stamp + strlen(stamp) + 1;
    if (w->error == 0 && (fflush(w->out) != 0 || fseeko(w->out, 0, SEEK_SET) != 0))
        w->error = errno;
    put(w, w->out, &head, sizeof head);
    if (w->error == 0 && (fflush(w->out) != 0 || fsync(fileno(w->out)) != 0 || rename(w->tmp, w->path) != 0))
        w->error = errno;
    if (w->error == 0)
        CS_FREE(w->tmp); /* the name is free for the next one */
}

enum cs_err cs_snapshot_finish(struct cs_snapshot_writer *w, const char *about, const char *stamp, struct cs_error *err)
{
    CS_ASSERT(w->names != NULL);
    finish(w, about, stamp);
    const enum cs_err rc = w->error == 0 ? CS_OK : cs_error_set(err, CS_EIO, "%s: %s", w->path, strerror(w->error));
    cs_snapshot_abandon(w);
    return rc;
}

void cs_snapshot_abandon(struct cs_snapshot_writer *w)
{
    if (w == NULL)
        return;
    if (w->tmp != NULL)
        unlink(w->tmp);
    if (w->cases_path != NULL)
        unlink(w->cases_path);
    if (w->cases != NULL)
        fclose(w->cases);
    if (w->out != NULL)
        fclose(w->out); /* last: its lock keeps the names for us */
    free(w->names);
    free(w->path);
    free(w->tmp);
    free(w->cases_path);
    free(w);
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

struct cs_snapshot {
    const char *bytes;
    size_t size;
    const struct file_head *head;
    const uint64_t *names, *cases;
};

static size_t width(const struct file_head *h)
{
    return h->n_columns + (size_t)FIXED;
}

/* Everything that is followed later leads into the texts, which end with a NUL. */
static bool is_sound(const struct cs_snapshot *s)
{
    const struct file_head *h = s->head;
    if (s->size < sizeof *h || memcmp(h->magic, MAGIC, sizeof MAGIC) != 0 || h->size != s->size ||
        h->n_cases > CS_CASES_MAX || h->n_columns > CS_COLUMNS_MAX)
        return false;
    const uint64_t names = h->n_columns * sizeof(uint64_t), cases = h->n_cases * width(h) * sizeof(uint64_t);
    if (h->names < sizeof *h || h->names > h->size || h->names % 8 != 0 || h->size - h->names < names + cases + 2 ||
        h->cases != h->names + names || h->about != h->cases + cases || h->stamp <= h->about || h->stamp >= h->size ||
        s->bytes[h->stamp - 1] != '\0' || s->bytes[h->size - 1] != '\0' ||
        (h->names > sizeof *h && s->bytes[h->names - 1] != '\0'))
        return false;
    const uint64_t *place = (const uint64_t *)(const void *)(s->bytes + h->names), n = (names + cases) / 8;
    for (uint64_t i = 0; i < n; i++) {
        if (place[i] < sizeof *h || place[i] >= h->names)
            return false;
    }
    return true;
}

enum cs_err cs_snapshot_open(struct cs_snapshot **out, const char *path, struct cs_error *err)
{
    struct stat st;
    enum cs_err rc = CS_OK;
    struct cs_snapshot *s = cs_xcalloc(1, sizeof *s);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    *out = NULL;
    if (fd < 0 || fstat(fd, &st) != 0)
        rc = cs_error_set(err, errno == ENOENT ? CS_ENOENT : CS_EIO, "%s: %s", path, strerror(errno));
    if (rc == CS_OK && st.st_size > 0) {
        void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
        if (map == MAP_FAILED) {
            rc = cs_error_set(err, CS_EIO, "%s: %s", path, strerror(errno));
        } else {
            s->bytes = map;
            s->size = (size_t)st.st_size;
            s->head = map;
        }
    }
    if (fd >= 0)
        close(fd);
    if (rc == CS_OK && !is_sound(s))
        rc = cs_error_set(err, CS_EINVAL, "%s: no whole snapshot of cases; remove it, it is made again", path);
    if (rc != CS_OK) {
        cs_snapshot_close(s);
        return rc;
    }
    cs_snapshot_trim(s);
    s->names = (const uint64_t *)(const void *)(s->bytes + s->head->names);
    s->cases = (const uint64_t *)(const void *)(s->bytes + s->head->cases);
    *out = s;
    return CS_OK;
}

void cs_snapshot_close(struct cs_snapshot *s)
{
    if (s == NULL)
        return;
    if (s->bytes != NULL)
        munmap((void *)(uintptr_t)s->bytes, s->size);
    free(s);
}

const char *cs_snapshot_about(const struct cs_snapshot *s)
{
    return s->bytes + s->head->about;
}

const char *cs_snapshot_stamp(const struct cs_snapshot *s)
{
    return s->bytes + s->head->stamp;
}

uint32_t cs_snapshot_n_cases(const struct cs_snapshot *s)
{
    return s->head->n_cases;
}

uint32_t cs_snapshot_n_columns(const struct cs_snapshot *s)
{
    return s->head->n_columns;
}

const char *cs_snapshot_column(const struct cs_snapshot *s, uint32_t column)
{
    CS_ASSERT(column < s->head->n_columns);
    return s->bytes + s->names[column];
}

static const uint64_t *places(const struct cs_snapshot *s, uint32_t index)
{
    CS_ASSERT(index < s->head->n_cases);
    return s->cases + index * width(s->head);
}

const char *cs_snapshot_id(const struct cs_snapshot *s, uint32_t index)
{
    return s->bytes + places(s, index)[0];
}

const char *cs_snapshot_cluster(const struct cs_snapshot *s, uint32_t index)
{
    return s->bytes + places(s, index)[1];
}

void cs_snapshot_values(const struct cs_snapshot *s, uint32_t index, const char **values)
{
    const uint64_t *at = places(s, index) + FIXED;
    for (uint32_t i = 0; i < s->head->n_columns; i++)
        values[i] = s->bytes + at[i];
}

void cs_snapshot_trim(const struct cs_snapshot *s)
{
    madvise((void *)(uintptr_t)s->bytes, s->size, MADV_DONTNEED);
}
