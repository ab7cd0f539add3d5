#include "tools/backup/shelf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/file.h"
#include "protocol/base/folder.h"

enum { BACKUPS_MAX = 20000 };

static bool ends(const char *name, const char *with)
{
    const size_t n = strlen(name), w = strlen(with);
    return n > w && strcmp(name + n - w, with) == 0;
}

/* 20261129T190212Z, and what may follow. */
static bool is_id(const char *name)
{
    for (int i = 0; i < 16; i++) {
        const char want = i == 8 ? 'T' : i == 15 ? 'Z' : '0';
        if (want == '0' ? name[i] < '0' || name[i] > '9' : name[i] != want)
            return false;
    }
    return true;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum cs_err names_in(struct cs_shelf *s, const char ***names, uint32_t *n, struct cs_error *err)
{
    DIR *d = opendir(s->path);
    if (d == NULL)
        return cs_error_set(err, errno == ENOENT ? CS_ENOENT : CS_EIO, "%s: %s", s->path,
                            errno == ENOENT ? "there is no such folder" : strerror(errno));
    *names = cs_arena_array(&s->arena, BACKUPS_MAX, sizeof **names);
    for (struct dirent *e; (e = readdir(d)) != NULL && *n < BACKUPS_MAX;) {
        if (is_id(e->d_name))
            (*names)[(*n)++] = cs_arena_strdup(&s->arena, e->d_name);
    }
    closedir(d);
    qsort(*names, *n, sizeof **names, by_text);
    return CS_OK;
}

static enum cs_err look(struct cs_shelf *s, struct cs_error *err)
{
    const char **names = NULL;
    uint32_t n = 0;
    enum cs_err rc = names_in(s, &names, &n, err);
    if (rc != CS_OK)
        return rc;
    s->items = cs_arena_array(&s->arena, n + 1, sizeof *s->items);
    s->broken_off = cs_arena_array(&s->arena, n + 1, sizeof *s->broken_off);
    s->gone = cs_arena_array(&s->arena, n + 1, sizeof *s->gone);
    for (uint32_t i = 0; i < n; i++) {
        const char *path = cs_arena_printf(&s->arena, "%s/%s", s->path, names[i]);
        struct cs_error why = {0};
        if (ends(names[i], ".part")) {
            s->broken_off[s->n_broken_off++] = path;
        } else if (ends(names[i], ".gone")) {
            s->gone[s->n_gone++] = path;
        } else {
            struct cs_shelf_item *item = &s->items[s->n_items++];
            *item = (struct cs_shelf_item){.id = names[i], .path = path};
            if (cs_manifest_read(path, &s->arena, &item->m, &why) != CS_OK)
                item->fault = cs_arena_strdup(&s->arena, why.msg);
        }
    }
    return CS_OK;
}

/* A database tidies its folder as it likes, and whoever removes a lost store, or a backup, would remove what lies in it. */
static enum cs_err is_beside_stores(const char *path, struct cs_error *err)
{
    char *at = cs_xstrdup(path), *whole = NULL, *slash;
    enum cs_err rc = CS_OK;
    while ((whole = realpath(at, NULL)) == NULL && (slash = strrchr(at, '/')) != NULL && slash != at)
        *slash = '\0'; /* what is not there yet is made in the last of them that is */
    if (whole == NULL)
        whole = realpath(at[0] == '/' ? "/" : ".", NULL);
    while (rc == CS_OK && whole != NULL && whole[0] != '\0') {
        char *current = cs_xasprintf("%s/CURRENT", whole), *copied = cs_xasprintf("%s/store/CURRENT", whole),
             *manifest = cs_xasprintf("%s/" CS_MANIFEST_NAME, whole);
        if (access(manifest, F_OK) == 0 && access(copied, F_OK) == 0)
            rc = cs_error_set(err, CS_EUSAGE, "%s: lies in the backup %s: say the folder that it is in", path, whole);
        else if (access(current, F_OK) == 0)
            rc = cs_error_set(err, CS_EUSAGE,
                              "%s: lies in the database %s: say a folder elsewhere, best on another disk", path, whole);
        free(current);
        free(copied);
        free(manifest);
        *strrchr(whole, '/') = '\0';
    }
    free(whole);
    free(at);
    return rc;
}

static enum cs_err lock(struct cs_shelf *s, struct cs_error *err)
{
    char *path = cs_xasprintf("%s/lock", s->path);
    enum cs_err rc = is_beside_stores(s->path, err);
    if (rc == CS_OK)
        rc = cs_file_mkdir_p(s->path, err);
    if (rc == CS_OK) {
        s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
        if (s->lock_fd < 0)
            rc = cs_error_set(err, CS_EIO, "%s: %s", path, strerror(errno));
        else if (flock(s->lock_fd, LOCK_EX | LOCK_NB) != 0)
            rc = cs_error_set(err, CS_EBUSY, "%s: another backup is being written here", s->path);
    }
    free(path);
    return rc;
}

enum cs_err cs_shelf_open(struct cs_shelf *s, const char *path, bool write, struct cs_error *err)
{
    *s = (struct cs_shelf){.path = cs_xstrdup(path), .lock_fd = -1};
    for (size_t n = strlen(s->path); n > 1 && s->path[n - 1] == '/'; n--)
        s->path[n - 1] = '\0';
    enum cs_err rc = write ? lock(s, err) : CS_OK;
    return rc == CS_OK ? look(s, err) : rc;
}

void cs_shelf_close(struct cs_shelf *s)
{
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    cs_arena_release(&s->arena);
    free(s->path);
    *s = (struct cs_shelf){.lock_fd = -1};
}

const struct cs_shelf_item *cs_shelf_newest(const struct cs_shelf *s)
{
    for (uint32_t i = s->n_items; i-- > 0;) {
        if (s->items[i].fault == NULL)
            return &s->items[i];
    }
    return NULL;
}

static enum cs_err none(const struct cs_shelf *s, const char *which, struct cs_error *err)
{
    struct cs_buf list = CS_BUF_INIT(400);
    for (uint32_t i = s->n_items; i-- > 0 && list.len < 250;)
        cs_buf_printf(&list, "%s%s", list.len > 0 ? ", " : "", s->items[i].id);
    enum cs_err rc;
    if (s->n_items > 0)
        rc = cs_error_set(err, CS_ENOENT, "%s: no one backup is called %s; there are: %s", s->path, which,
                          cs_buf_cstr(&list));
    else if (s->n_broken_off > 0)
        rc = cs_error_set(err, CS_ENOENT, "%s: no whole backup there, only one that was broken off", s->path);
    else
        rc = cs_error_set(err, CS_ENOENT, "%s: no backup there", s->path);
    cs_buf_release(&list);
    return rc;
}

enum cs_err cs_shelf_find(const struct cs_shelf *s, const char *which, const struct cs_shelf_item **out,
                          struct cs_error *err)
{
    const struct cs_shelf_item *found = NULL;
    uint32_t n = 0;
    const bool latest = strcmp(which, "latest") == 0;
    for (uint32_t i = 0; i < s->n_items && which[0] != '\0'; i++) {
        if (latest || strncmp(s->items[i].id, which, strlen(which)) == 0) {
            found = &s->items[i];
            n = latest ? 1 : n + 1;
        }
        if (strcmp(s->items[i].id, which) == 0) { /* itself, though others begin so */
            n = 1;
            break;
        }
    }
    if (n != 1)
        return none(s, which, err);
    if (found->fault != NULL)
        return cs_error_set(err, CS_ECORRUPT, "%s", found->fault);
    *out = found;
    return CS_OK;
}

const char *cs_shelf_new_id(struct cs_shelf *s, int64_t now_wall_ms)
{
    char text[32];
    struct tm tm;
    const time_t now = (time_t)(now_wall_ms / 1000);
    const char *last = s->n_items > 0 ? s->items[s->n_items - 1].id : "";
    gmtime_r(&now, &tm);
    strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &tm);
    if (strcmp(text, last) > 0)
        return cs_arena_strdup(&s->arena, text);
    return cs_arena_printf(&s->arena, "%sa", last); /* two within a second, or a clock that was set back */
}

enum cs_err cs_shelf_prune(struct cs_shelf *s, uint64_t keep, uint32_t *removed, struct cs_error *err)
{
    uint64_t whole = 0;
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; i < s->n_gone && rc == CS_OK; i++)
        rc = cs_folder_remove(s->gone[i], err);
    for (uint32_t i = 0; i < s->n_items; i++)
        whole += s->items[i].fault == NULL;
    for (uint32_t i = 0; i < s->n_items && rc == CS_OK && whole > keep; i++) {
        char *gone = cs_xasprintf("%s.gone", s->items[i].path);
        if (s->items[i].fault == NULL) {
            if (rename(s->items[i].path, gone) != 0)
                rc = cs_error_set(err, CS_EIO, "%s: %s", gone, strerror(errno));
            else if ((rc = cs_folder_remove(gone, err)) == CS_OK)
                (*removed)++;
            whole--;
        }
        free(gone);
    }
    return rc;
}
