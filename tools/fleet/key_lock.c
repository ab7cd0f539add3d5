#include "tools/fleet/key_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/digest.h"
#include "protocol/base/json.h"
#include "protocol/load/keys_env.h"
#include "tools/base/study_dir.h"

enum { NAME_MAX_LEN = 32, RECORDS_MAX = 64 * 1024, TRIES = 20, TRY_US = 10000 };

/* ---- the folder ------------------------------------------------------------------------------------ */

/* Made by us or found as ours alone; a link is not followed. -1: errno says why. */
static int open_own(const char *path)
{
    struct stat st;
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return -1;
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -1;
    if (fstat(fd, &st) == 0 && st.st_uid == geteuid() && (st.st_mode & 077) == 0)
        return fd;
    close(fd);
    errno = EPERM;
    return -1;
}

static bool is_absent(int error)
{
    return error == ENOENT || error == EACCES || error == EROFS;
}

static int open_folder(struct cs_error *err)
{
    const char *xdg = getenv("XDG_RUNTIME_DIR");
    const unsigned long uid = (unsigned long)geteuid();
    char *paths[] = {
        xdg != NULL && xdg[0] == '/' ? cs_xasprintf("%s/clinsafe", xdg) : NULL,
        cs_xasprintf("/run/user/%lu/clinsafe", uid),
        cs_xasprintf("/tmp/clinsafe-%lu", uid),
    };
    enum { N = sizeof paths / sizeof *paths };
    int fd = -1, i = 0;
    for (errno = ENOENT; i < N; i++) {
        if (paths[i] != NULL && ((fd = open_own(paths[i])) >= 0 || !is_absent(errno)))
            break;
    }
    if (fd < 0)
        (void)cs_error_set(err, CS_EDENIED,
                           "%s, where runs say which key they use, is not a folder of this user alone (mode 0700); "
                           "remove it, or set XDG_RUNTIME_DIR",
                           paths[i < N ? i : N - 1]);
    for (i = 0; i < N; i++)
        free(paths[i]);
    return fd;
}

/* ---- what a lock's file tells ------------------------------------------------------------------------ */

struct ask {
    const struct cs_account *account;
    const char *study, *dir, *redis;
    bool keyed;
    char name[NAME_MAX_LEN];
};

/* Lines of JSON, one a holder; those of the dead are left until someone holds it alone. */
static struct cs_json *read_records(int fd)
{
    char *text = cs_xcalloc(1, RECORDS_MAX + 1), *rest = text, *line;
    struct cs_json *all = cs_json_array();
    if (pread(fd, text, RECORDS_MAX, 0) > 0) {
        while ((line = strsep(&rest, "\n")) != NULL)
            cs_json_array_append_new(all, cs_json_loads(line, 0, NULL));
    }
    free(text);
    return all;
}

static const char *text_of(const struct cs_json *record, const char *key)
{
    const char *s = cs_json_string_value(cs_json_object_get(record, key));
    return s != NULL ? s : "";
}

/* The newest whose process lives; else the newest, and *lives is false. */
static const struct cs_json *holder(const struct cs_json *records, bool *lives)
{
    for (size_t i = cs_json_array_size(records); i-- > 0;) {
        const struct cs_json *r = cs_json_array_get(records, i);
        const uint64_t started = (uint64_t)cs_json_integer_value(cs_json_object_get(r, "started"));
        *lives = started != 0 &&
                 cs_study_dir_process_started((pid_t)cs_json_integer_value(cs_json_object_get(r, "pid"))) == started;
        if (*lives)
            return r;
    }
    *lives = false;
    return cs_json_array_get(records, cs_json_array_size(records) - 1);
}

static enum cs_err write_record(int fd, const struct ask *a, bool first, struct cs_error *err)
{
    struct cs_json *r = cs_json_pack("{s:i, s:I, s:s, s:s, s:s, s:s, s:s}", "pid", (int)getpid(), "started",
                                     (int64_t)cs_study_dir_process_started(getpid()), "study", a->study, "dir", a->dir,
                                     "redis", a->redis != NULL ? a->redis : "", "account", a->account->name, "base_url",
                                     a->account->base_url);
    char *json = cs_json_dumps(r, CS_JSON_COMPACT), *line = cs_xasprintf("%s\n", json != NULL ? json : "{}");
    const size_t n = strlen(line);
    const bool good = (!first || ftruncate(fd, 0) == 0) && lseek(fd, 0, SEEK_END) >= 0 &&
                      write(fd, line, n) == (ssize_t)n;
    free(line);
    free(json);
    cs_json_decref(r);
    return good ? CS_OK : cs_error_set(err, CS_EIO, "%s.lock: %s", a->name, strerror(errno));
}

static enum cs_err refuse(const struct cs_json *other, const struct ask *a, struct cs_error *err)
{
    const char *redis = text_of(other, "redis");
    char way[160];
    if (a->redis == NULL && redis[0] == '\0')
        snprintf(way, sizeof way, "end both and start both with --redis ADDRESS, one Redis for both");
    else if (redis[0] == '\0')
        snprintf(way, sizeof way, "start that one with --redis %.90s too", a->redis);
    else if (a->redis == NULL || strcmp(a->redis, redis) != 0)
        snprintf(way, sizeof way, "use its --redis %.90s", redis);
    else
        snprintf(way, sizeof way, "give the account one name and base_url in both studies");
    return cs_error_set(err, CS_EBUSY,
                        "account %.40s: study %.60s in %.160s (pid %d) %s, and two runs would exceed its limits "
                        "together; wait for it, or to share them %s",
                        a->account->name, text_of(other, "study"), text_of(other, "dir"),
                        (int)cs_json_integer_value(cs_json_object_get(other, "pid")),
                        a->keyed ? "calls with the same key" : "calls the same server", way);
}

static bool may_share(const struct cs_json *other, const struct ask *a)
{
    return a->redis != NULL && strcmp(text_of(other, "redis"), a->redis) == 0 &&
           strcmp(text_of(other, "account"), a->account->name) == 0 &&
           strcmp(text_of(other, "base_url"), a->account->base_url) == 0;
}

/* ---- one lock ---------------------------------------------------------------------------------------- */

/* CS_EAGAIN: somebody else has it, and is about to say who he is or to share it. */
static enum cs_err try_once(int fd, const struct ask *a, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    bool lives;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        rc = write_record(fd, a, true, err);
        if (rc == CS_OK && a->redis != NULL && flock(fd, LOCK_SH | LOCK_NB) != 0)
            rc = cs_error_set(err, CS_EAGAIN, "account %s: its lock is taken", a->account->name);
        return rc;
    }
    if (errno != EWOULDBLOCK)
        return cs_error_set(err, CS_EIO, "%s.lock: %s", a->name, strerror(errno));
    const bool shared = a->redis != NULL && flock(fd, LOCK_SH | LOCK_NB) == 0;
    struct cs_json *records = read_records(fd);
    const struct cs_json *other = holder(records, &lives);
    if (shared && may_share(other, a))
        rc = write_record(fd, a, false, err);
    else if (refuse(other, a, err) == CS_EBUSY)
        rc = lives && !may_share(other, a) ? CS_EBUSY : CS_EAGAIN;
    if (rc != CS_OK)
        flock(fd, LOCK_UN);
    cs_json_decref(records);
    return rc;
}

static enum cs_err take(struct cs_key_locks *k, int folder, const struct ask *a, struct cs_error *err)
{
    char file[NAME_MAX_LEN + 8];
    enum cs_err rc;
    snprintf(file, sizeof file, "%s.lock", a->name);
    const int fd = openat(folder, file, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return cs_error_set(err, CS_EIO, "%s: %s", file, strerror(errno));
    k->fds[k->n++] = fd;
    for (int i = 0; (rc = try_once(fd, a, err)) == CS_EAGAIN && i < TRIES; i++)
        usleep(TRY_US);
    return rc == CS_EAGAIN && err != NULL ? err->code : rc;
}

static bool name_of(const struct cs_account *account, struct ask *a)
{
    char *key = NULL, print[9];
    uint8_t hash[32];
    if (cs_keys_env_find(account, &key, NULL) != CS_OK)
        return false;
    a->account = account;
    a->keyed = key != NULL;
    cs_keys_env_fingerprint(key, print);
    if (key == NULL) {
        cs_digest_blake2b_256(account->base_url, strlen(account->base_url), hash);
        cs_digest_hex(hash, 4, print);
    }
    cs_keys_env_free(key);
    snprintf(a->name, sizeof a->name, "%s-%s", a->keyed ? "key" : "url", print);
    return true;
}

enum cs_err cs_key_lock_take(struct cs_key_locks *k, const struct cs_study *study, const char *dir, const char *redis,
                             struct cs_error *err)
{
    struct ask *asks = cs_xcalloc(study->n_accounts + 1, sizeof *asks);
    char *whole = realpath(dir, NULL);
    uint32_t n = 0;
    int folder = -1;
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; i < study->n_accounts; i++) {
        struct ask *a = &asks[n];
        *a = (struct ask){.study = study->name, .dir = whole != NULL ? whole : dir, .redis = redis};
        bool is_new = cs_keys_env_wanted(study, i) && name_of(&study->accounts[i], a);
        for (uint32_t j = 0; is_new && j < n; j++)
            is_new = strcmp(asks[j].name, a->name) != 0;
        n += is_new;
    }
    *k = (struct cs_key_locks){.fds = cs_xcalloc(n + 1, sizeof *k->fds)};
    if (n > 0 && (folder = open_folder(err)) < 0)
        rc = CS_EDENIED;
    for (uint32_t i = 0; rc == CS_OK && i < n; i++)
        rc = take(k, folder, &asks[i], err);
    if (folder >= 0)
        close(folder);
    if (rc != CS_OK)
        cs_key_lock_release(k);
    free(whole);
    free(asks);
    return rc;
}

void cs_key_lock_release(struct cs_key_locks *k)
{
    for (uint32_t i = 0; i < k->n; i++)
        close(k->fds[i]);
    free(k->fds);
    *k = (struct cs_key_locks){0};
}
