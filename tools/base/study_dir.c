#include "tools/base/study_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/clock.h"
#include "protocol/base/file.h"
#include "protocol/base/json.h"

static bool has_suffix(const char *s, size_t n, const char *suffix)
{
    size_t m = strlen(suffix);
    return n >= m && strncmp(s + n - m, suffix, m) == 0;
}

void cs_study_dir_init(struct cs_study_dir *d, const char *study_path, const char *dir)
{
    *d = (struct cs_study_dir){.lock_fd = -1};
    if (dir != NULL) {
        d->path = cs_xstrdup(dir);
    } else {
        size_t n = strlen(study_path);
        if (has_suffix(study_path, n, ".yaml"))
            n -= 5;
        else if (has_suffix(study_path, n, ".yml"))
            n -= 4;
        d->path = cs_xasprintf("%.*s.clinsafe", (int)n, study_path);
    }
    d->store = cs_xasprintf("%s/store", d->path);
    d->redis = cs_xasprintf("%s/redis", d->path);
    d->logs = cs_xasprintf("%s/logs", d->path);
    d->run_json = cs_xasprintf("%s/run.json", d->path);
}

static void remove_sockets(const char *folder)
{
    static const char *const names[] = {"work", "announce", "admin", "redis", "simulator.port", "ready.json"};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *p = cs_xasprintf("%s/%s", folder, names[i]);
        unlink(p);
        free(p);
    }
    rmdir(folder);
}

void cs_study_dir_release(struct cs_study_dir *d)
{
    if (d->sockets != NULL)
        remove_sockets(d->sockets);
    if (d->lock_fd >= 0)
        close(d->lock_fd);
    free(d->path);
    free(d->store);
    free(d->redis);
    free(d->logs);
    free(d->run_json);
    free(d->sockets);
    *d = (struct cs_study_dir){.lock_fd = -1};
}

static enum cs_err make_sockets(struct cs_study_dir *d, struct cs_error *err)
{
    const char *base = getenv("XDG_RUNTIME_DIR");
    if (base == NULL || strlen(base) > 60 || access(base, W_OK) != 0)
        base = "/tmp";
    d->sockets = cs_xasprintf("%s/clinsafe-XXXXXX", base);
    if (mkdtemp(d->sockets) != NULL)
        return CS_OK;
    enum cs_err rc = cs_error_set(err, CS_EIO, "%s: %s", d->sockets, strerror(errno));
    CS_FREE(d->sockets);
    return rc;
}

/* Who has the lock, and what a person can do about it. */
static enum cs_err in_use(const struct cs_study_dir *d, struct cs_error *err)
{
    char text[32] = "", mode[16] = "";
    int pid = 0;
    const ssize_t n = pread(d->lock_fd, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    (void)!sscanf(text, "%d %15s", &pid, mode);
    const bool detached = strcmp(mode, "detached") == 0;
    return cs_error_set(
        err, CS_EBUSY, "%s is in use by a %srun with pid %d; watch it with `clinsafe status --dir %s --watch`, %s",
        d->path, detached ? "detached " : "", pid, d->path,
        detached ? "end it with `clinsafe drain` and the same --dir" : "wait for it, or stop it with Ctrl-C there");
}

static enum cs_err cannot_write(int error, enum cs_err rc, struct cs_error *err)
{
    const bool refused = error == EACCES || error == EROFS || error == EPERM || error == ENOTDIR;
    if (!refused || err == NULL)
        return rc;
    const size_t n = strlen(err->msg);
    snprintf(err->msg + n, sizeof err->msg - n, "; --dir DIR keeps the study in a folder where you may write");
    return rc;
}

static enum cs_err make_folders(struct cs_study_dir *d, struct cs_error *err)
{
    const char *const folders[] = {d->path, d->logs, d->redis};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        const enum cs_err rc = cs_file_mkdir_p(folders[i], err);
        if (rc != CS_OK)
            return cannot_write(errno, rc, err);
    }
    return CS_OK;
}

enum cs_err cs_study_dir_lock(struct cs_study_dir *d, struct cs_error *err)
{
    enum cs_err rc = make_folders(d, err);
    if (rc != CS_OK)
        return rc;
    char *path = cs_xasprintf("%s/lock", d->path);
    d->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    const int error = errno;
    free(path);
    if (d->lock_fd < 0)
        return cannot_write(error, cs_error_set(err, CS_EIO, "%s/lock: %s", d->path, strerror(error)), err);
    if (flock(d->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        rc = in_use(d, err);
        close(d->lock_fd);
        d->lock_fd = -1;
        return rc;
    }
    char text[32];
    int n = snprintf(text, sizeof text, "%d%s\n", (int)getpid(), d->detached ? " detached" : "");
    if (ftruncate(d->lock_fd, 0) != 0 || pwrite(d->lock_fd, text, (size_t)n, 0) != n)
        return cs_error_set(err, CS_EIO, "%s/lock: %s", d->path, strerror(errno));
    return make_sockets(d, err);
}

uint64_t cs_study_dir_process_started(pid_t pid)
{
    char path[64], *stat = NULL;
    uint64_t ticks = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    if (cs_file_read(path, 4096, &stat, NULL, NULL) != CS_OK)
        return 0;
    const char *p = strrchr(stat, ')'); /* the name before it may hold anything */
    char state = 'Z';
    if (p == NULL ||
        sscanf(p + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %" SCNu64, &state,
               &ticks) != 2 ||
        state == 'Z')
        ticks = 0;
    free(stat);
    return ticks;
}

static enum cs_err end_process(pid_t pid, uint64_t started, struct cs_error *err)
{
    const uint64_t deadline = cs_clock_mono_ms() + 10000;
    for (bool killed = false; cs_study_dir_process_started(pid) == started && started != 0; usleep(20000)) {
        /* PDEATHSIG is on its way to it anyway; give it a moment before helping. */
        if (!killed && cs_clock_mono_ms() + 9500 > deadline) {
            kill(pid, SIGKILL);
            killed = true;
        }
        if (cs_clock_mono_ms() > deadline)
            return cs_error_set(err, CS_EBUSY, "process %d of the previous run does not end", (int)pid);
    }
    return CS_OK;
}

enum cs_err cs_study_dir_reap(struct cs_study_dir *d, struct cs_error *err)
{
    char *text = NULL;
    enum cs_err rc = cs_file_read(d->run_json, 65536, &text, NULL, err);
    if (rc == CS_ENOENT)
        return CS_OK;
    if (rc != CS_OK)
        return rc;
    struct cs_json *root = cs_json_loads(text, 0, NULL), *item;
    size_t i;
    cs_json_array_foreach(cs_json_object_get(root, "processes"), i, item)
    {
        pid_t pid = (pid_t)cs_json_integer_value(cs_json_object_get(item, "pid"));
        uint64_t started = (uint64_t)cs_json_integer_value(cs_json_object_get(item, "started"));
        if (pid > 1 && rc == CS_OK)
            rc = end_process(pid, started, err);
    }
    const char *sockets = cs_json_string_value(cs_json_object_get(root, "sockets"));
    if (sockets != NULL && rc == CS_OK)
        remove_sockets(sockets);
    cs_json_decref(root);
    free(text);
    return rc;
}

enum cs_err cs_study_dir_record(struct cs_study_dir *d, const pid_t *pids, unsigned n, struct cs_error *err)
{
    struct cs_json *root = cs_json_pack("{s:i, s:s, s:[]}", "run", (int)getpid(), "sockets", d->sockets, "processes");
    for (unsigned i = 0; i < n; i++) {
        if (pids[i] > 0)
            cs_json_array_append_new(cs_json_object_get(root, "processes"),
                                     cs_json_pack("{s:i, s:I}", "pid", (int)pids[i], "started",
                                                  (int64_t)cs_study_dir_process_started(pids[i])));
    }
    if (d->shared_redis != NULL)
        cs_json_object_set_new(root, "redis", cs_json_string(d->shared_redis));
    char *text = cs_json_dumps(root, CS_JSON_INDENT(2));
    enum cs_err rc = cs_file_write(d->run_json, text, strlen(text), 0640, err);
    free(text);
    cs_json_decref(root);
    return rc;
}

static enum cs_err read_json(const char *path, struct cs_json **out, struct cs_error *err)
{
    char *text = NULL;
    enum cs_err rc = cs_file_read(path, 65536, &text, NULL, err);
    *out = rc == CS_OK ? cs_json_loads(text, 0, NULL) : NULL;
    free(text);
    return rc;
}

static enum cs_err sockets_of(const struct cs_study_dir *d, const struct cs_json *root, char **out,
                              struct cs_error *err)
{
    const char *sockets = cs_json_string_value(cs_json_object_get(root, "sockets"));
    if (sockets == NULL)
        return cs_error_set(err, CS_ENOENT, "%s: no run was ever started there", d->path);
    if (access(sockets, F_OK) != 0)
        return cs_error_set(err, CS_ENOENT,
                            "%s: no run is going on there; `clinsafe verify` and `clinsafe export` read what it left",
                            d->path);
    *out = cs_xstrdup(sockets);
    return CS_OK;
}

enum cs_err cs_study_dir_sockets(const struct cs_study_dir *d, char **out, struct cs_error *err)
{
    struct cs_json *root;
    (void)!read_json(d->run_json, &root, err);
    const enum cs_err rc = sockets_of(d, root, out, err);
    cs_json_decref(root);
    return rc;
}

enum cs_err cs_study_dir_redis(const struct cs_study_dir *d, char **address, char **fleet, struct cs_error *err)
{
    struct cs_json *root, *ready = NULL;
    char *sockets = NULL;
    (void)!read_json(d->run_json, &root, err);
    const enum cs_err rc = sockets_of(d, root, &sockets, err);
    if (rc == CS_OK) {
        const char *shared = cs_json_string_value(cs_json_object_get(root, "redis"));
        char *file = cs_xasprintf("%s/ready.json", sockets);
        *address = shared != NULL ? cs_xstrdup(shared) : cs_xasprintf("unix:%s/redis", sockets);
        (void)!read_json(file, &ready, NULL);
        const char *id = cs_json_string_value(cs_json_object_get(ready, "fleet"));
        *fleet = id != NULL ? cs_xstrdup(id) : NULL;
        free(file);
    }
    free(sockets);
    cs_json_decref(ready);
    cs_json_decref(root);
    return rc;
}
