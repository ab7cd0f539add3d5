/* powercut.so - a disk of the tests' own, preloaded into a coordinator: keeps beside a folder what of it would survive a power cut,
 * and makes chosen calls fail.
 *
 *   CS_DISK_ROOT=DIR      the folder, absolute
 *   CS_DISK_SHADOW=DIR    absent: faults only. `table` lists its files as `ID PATH` when the process starts; data/ID is what is
 *                         durable of each; `ops` grows by a line for every change of a name, and for every fsync of a folder:
 *                         c ID PATH  m PATH  r FROM TO  l FROM TO  u PATH  x PATH  s PATH
 *   CS_DISK_FAULT=KINDS:WHAT:FROM[:TIMES[:MS]]    calls FROM.. of write, sync or any: EIO, ENOSPC, short, slow (MS milliseconds);
 *                         each is noted in ROOT.faults
 *
 * fsync and fdatasync copy what was written since the last one into the shadow, and nothing else does: sync_file_range, fallocate and
 * close promise nothing. Names are durable once their folder is synced. What to make of it after a SIGKILL is disk.py's.
 * RocksDB's own log (LOG*) goes past it. Files are not written through mmap here (RocksDB's default). Thread: any, one lock.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { FILES_MAX = 65536, FDS_MAX = 65536, PATHS_MAX = 4096, CHUNK = 1 << 16, NOTED_MAX = 1000 };
enum { CALL_WRITE = 1, CALL_SYNC = 2 };

struct file {
    char *path;     /* NULL: has no name any more */
    off_t from, to; /* written since the last sync */
};

static struct file files[FILES_MAX]; /* by ID */
static int n_files = 1;
static struct {
    int file;     /* 0: none of ours */
    char *folder; /* its path, when it is a folder */
} fds[FDS_MAX];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static const char *root, *shadow;
static int ops = -1;
static struct {
    int kinds, error; /* error 0: short or slow */
    bool cut;
    long from, times, ms;
    atomic_long calls;
} fault;

static int (*real_open)(const char *, int, ...);
static ssize_t (*real_write)(int, const void *, size_t), (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_fsync)(int), (*real_close)(int), (*real_rename)(const char *, const char *),
    (*real_unlink)(const char *);
static int (*real_link)(const char *, const char *), (*real_mkdir)(const char *, mode_t), (*real_rmdir)(const char *);

/* dlsym gives an object pointer; POSIX says that it is good for functions. */
static void bind(void *to, const char *name)
{
    void *p = dlsym(RTLD_NEXT, name);
    memcpy(to, &p, sizeof p);
}

static void broken(const char *what)
{
    fprintf(stderr, "powercut.so: %s\n", what);
    _exit(70);
}

static void read_table(void)
{
    char path[PATHS_MAX], line[PATHS_MAX + 32];
    snprintf(path, sizeof path, "%s/table", shadow);
    FILE *in = fopen(path, "re");
    if (in == NULL)
        broken("no table");
    while (fgets(line, sizeof line, in) != NULL) {
        char *name;
        long id = strtol(line, &name, 10);
        line[strcspn(line, "\n")] = '\0';
        if (id <= 0 || id >= FILES_MAX)
            broken("a bad table");
        files[id].path = strdup(name + 1);
        if (id >= n_files)
            n_files = (int)id + 1;
    }
    fclose(in);
    snprintf(path, sizeof path, "%s/ops", shadow);
    ops = real_open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (ops < 0)
        broken("no ops");
}

static void read_fault(const char *text)
{
    char kinds[16], what[16];
    fault.times = fault.ms = 1;
    if (sscanf(text, "%15[^:]:%15[^:]:%ld:%ld:%ld", kinds, what, &fault.from, &fault.times, &fault.ms) < 3)
        broken("CS_DISK_FAULT: want KINDS:WHAT:FROM[:TIMES[:MS]]");
    fault.kinds = strcmp(kinds, "write") == 0  ? CALL_WRITE
                  : strcmp(kinds, "sync") == 0 ? CALL_SYNC
                                               : CALL_WRITE | CALL_SYNC;
    fault.error = strcmp(what, "EIO") == 0 ? EIO : strcmp(what, "ENOSPC") == 0 ? ENOSPC : 0;
    fault.cut = strcmp(what, "short") == 0;
}

static void start(void)
{
    bind(&real_open, "open");
    bind(&real_write, "write");
    bind(&real_pwrite, "pwrite");
    bind(&real_fsync, "fsync");
    bind(&real_close, "close");
    bind(&real_rename, "rename");
    bind(&real_unlink, "unlink");
    bind(&real_link, "link");
    bind(&real_mkdir, "mkdir");
    bind(&real_rmdir, "rmdir");
    root = getenv("CS_DISK_ROOT");
    shadow = getenv("CS_DISK_SHADOW");
    if (root != NULL && shadow != NULL)
        read_table();
    if (root != NULL && getenv("CS_DISK_FAULT") != NULL)
        read_fault(getenv("CS_DISK_FAULT"));
}

static void ready(void)
{
    pthread_once(&once, start);
}

/* ---- names -------------------------------------------------------------------------------------------------- */

static bool is_ours(const char *path)
{
    size_t n = root != NULL ? strlen(root) : 0;
    const char *base = strrchr(path, '/');
    if (n == 0 || strncmp(path, root, n) != 0 || (path[n] != '/' && path[n] != '\0'))
        return false;
    return base == NULL || strncmp(base + 1, "LOG", 3) != 0 || strcmp(base + 1, "LOCK") == 0;
}

static void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void note(const char *fmt, ...)
{
    char line[2 * PATHS_MAX + 32];
    va_list ap;
    if (ops < 0)
        return;
    va_start(ap, fmt);
    int n = vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    if (n >= (int)sizeof line || real_write(ops, line, (size_t)n) != n)
        broken("cannot note");
}

static int find(const char *path)
{
    for (int i = n_files - 1; i > 0; i--) {
        if (files[i].path != NULL && strcmp(files[i].path, path) == 0)
            return i;
    }
    return 0;
}

static void forget(int id)
{
    free(files[id].path);
    files[id].path = NULL;
}

static int opened(int fd, const char *path, int flags)
{
    struct stat st;
    if (fd < 0 || !is_ours(path) || fstat(fd, &st) != 0)
        return fd;
    if (fd >= FDS_MAX || strlen(path) >= PATHS_MAX)
        broken("too many files");
    pthread_mutex_lock(&lock);
    int id = 0;
    if (S_ISDIR(st.st_mode)) {
        size_t n = strlen(path);
        fds[fd].folder = n > 2 && strcmp(path + n - 2, "/.") == 0 ? strndup(path, n - 2) : strdup(path);
    } else {
        id = find(path);
        if (id == 0) {
            if (n_files == FILES_MAX)
                broken("too many files");
            id = n_files++;
            files[id].path = strdup(path);
            if (flags & O_CREAT)
                note("c %d %s\n", id, path);
        }
        fds[fd].file = id;
    }
    pthread_mutex_unlock(&lock);
    return fd;
}

int open(const char *path, int flags, ...)
{
    va_list ap;
    va_start(ap, flags);
    mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(ap, mode_t) : 0;
    va_end(ap);
    ready();
    return opened(real_open(path, flags, mode), path, flags);
}

int open64(const char *path, int flags, ...)
{
    va_list ap;
    va_start(ap, flags);
    mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(ap, mode_t) : 0;
    va_end(ap);
    return open(path, flags, mode);
}

int __open_2(const char *path, int flags);
int __open_2(const char *path, int flags)
{
    return open(path, flags);
}

int close(int fd)
{
    ready();
    if (fd >= 0 && fd < FDS_MAX && (fds[fd].file != 0 || fds[fd].folder != NULL)) {
        pthread_mutex_lock(&lock);
        free(fds[fd].folder);
        fds[fd].folder = NULL;
        fds[fd].file = 0;
        pthread_mutex_unlock(&lock);
    }
    return real_close(fd);
}

/* A call that changes names, and the line that says so. */
#define NAMING(call, line, change)                                                                                     \
    ready();                                                                                                           \
    pthread_mutex_lock(&lock);                                                                                         \
    int rc = call;                                                                                                     \
    if (rc == 0 && is_ours(path)) {                                                                                    \
        change;                                                                                                        \
        note line;                                                                                                     \
    }                                                                                                                  \
    pthread_mutex_unlock(&lock);                                                                                       \
    return rc

static void renamed(const char *from, const char *to)
{
    int id = find(from), over = find(to);
    if (over != 0)
        forget(over);
    if (id != 0) {
        forget(id);
        files[id].path = strdup(to);
    }
}

int rename(const char *path, const char *to)
{
    NAMING(real_rename(path, to), ("r %s %s\n", path, to), renamed(path, to));
}

int link(const char *path, const char *to)
{
    NAMING(real_link(path, to), ("l %s %s\n", path, to), (void)0);
}

int unlink(const char *path)
{
    NAMING(real_unlink(path), ("u %s\n", path), forget(find(path)));
}

int mkdir(const char *path, mode_t mode)
{
    NAMING(real_mkdir(path, mode), ("m %s\n", path), (void)0);
}

int rmdir(const char *path)
{
    NAMING(real_rmdir(path), ("x %s\n", path), (void)0);
}

/* ---- data ------------------------------------------------------------------------------------------------------ */

/* 0, or the error to return; may wait; *n becomes smaller. */
static int strike(int fd, int kind, size_t *n)
{
    char path[PATHS_MAX];
    if (!(fault.kinds & kind) || fd < 0 || fd >= FDS_MAX || (fds[fd].file == 0 && fds[fd].folder == NULL))
        return 0;
    long call = atomic_fetch_add(&fault.calls, 1) + 1;
    if (call < fault.from || call >= fault.from + fault.times)
        return 0;
    if (call < fault.from + NOTED_MAX) {
        snprintf(path, sizeof path, "%s.faults", root);
        int out = real_open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        dprintf(out, "%ld %s\n", call, fds[fd].folder != NULL ? fds[fd].folder : files[fds[fd].file].path);
        real_close(out);
    }
    if (fault.error == 0 && !fault.cut)
        nanosleep(&(struct timespec){.tv_sec = fault.ms / 1000, .tv_nsec = fault.ms % 1000 * 1000000}, NULL);
    if (fault.cut && *n > 1)
        *n /= 2;
    return fault.error;
}

static void written(int fd, off_t from, ssize_t n)
{
    if (n <= 0 || shadow == NULL || fd >= FDS_MAX || fds[fd].file == 0)
        return;
    pthread_mutex_lock(&lock);
    struct file *f = &files[fds[fd].file];
    if (f->to == f->from) {
        f->from = from;
        f->to = from + n;
    }
    if (from < f->from)
        f->from = from;
    if (from + n > f->to)
        f->to = from + n;
    pthread_mutex_unlock(&lock);
}

ssize_t write(int fd, const void *bytes, size_t n)
{
    ready();
    errno = strike(fd, CALL_WRITE, &n);
    if (errno != 0)
        return -1;
    ssize_t done = real_write(fd, bytes, n);
    if (done > 0 && fd < FDS_MAX && fds[fd].file != 0)
        written(fd, lseek(fd, 0, SEEK_CUR) - done, done);
    return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at)
{
    ready();
    errno = strike(fd, CALL_WRITE, &n);
    if (errno != 0)
        return -1;
    ssize_t done = real_pwrite(fd, bytes, n, at);
    written(fd, at, done);
    return done;
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at)
{
    return pwrite(fd, bytes, n, at);
}

/* What was written since the last time goes into the shadow; its length too. The file may be open for writing only. */
static void keep(int id, int fd)
{
    static char chunk[CHUNK];
    char path[PATHS_MAX], self[64];
    struct stat st;
    struct file *f = &files[id];
    snprintf(path, sizeof path, "%s/data/%d", shadow, id);
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    int in = real_open(self, O_RDONLY | O_CLOEXEC), out = real_open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (in < 0 || out < 0 || fstat(in, &st) != 0)
        broken("cannot copy");
    for (off_t at = f->from; at < f->to && at < st.st_size;) {
        ssize_t n = pread(in, chunk, f->to - at < CHUNK ? (size_t)(f->to - at) : CHUNK, at);
        if (n <= 0 || real_pwrite(out, chunk, (size_t)n, at) != n)
            broken("cannot copy");
        at += n;
    }
    if (ftruncate(out, st.st_size) != 0)
        broken("cannot copy");
    f->from = f->to = 0;
    real_close(in);
    real_close(out);
}

int fsync(int fd)
{
    size_t n = 0;
    ready();
    errno = strike(fd, CALL_SYNC, &n);
    if (errno != 0)
        return -1;
    if (shadow == NULL || fd < 0 || fd >= FDS_MAX || (fds[fd].file == 0 && fds[fd].folder == NULL))
        return real_fsync(fd);
    pthread_mutex_lock(&lock);
    if (fds[fd].folder != NULL)
        note("s %s\n", fds[fd].folder);
    else
        keep(fds[fd].file, fd);
    pthread_mutex_unlock(&lock);
    return 0;
}

int fdatasync(int fd)
{
    return fsync(fd);
}
