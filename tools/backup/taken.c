#include "tools/backup/taken.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/clock.h"
#include "protocol/base/digest.h"
#include "protocol/base/file.h"
#include "protocol/base/folder.h"
#include "protocol/base/version.h"
#include "tools/backup/counted.h"

struct taking {
    const struct cs_taken_opts *o;
    struct cs_shelf *shelf;
    const struct cs_shelf_item *before; /* NULL: this is the first */
    struct cs_manifest *m;
    char *part, *folder;
    struct cs_copied_opts copying;
    uint64_t done, total, outputs_before;
};

/* ---- what belongs to it ------------------------------------------------------------------------------------ */

static bool has_end(const char *name, const char *end)
{
    const size_t n = strlen(name), e = strlen(end);
    return n > e && strcmp(name + n - e, end) == 0;
}

static bool is_table(const char *name)
{
    return has_end(name, ".sst");
}

/* RocksDB's log for people, its lock and unfinished files are no part of the database. */
static bool is_database(const char *name)
{
    return is_table(name) || has_end(name, ".log") || strcmp(name, "CURRENT") == 0 || strcmp(name, "IDENTITY") == 0 ||
           strncmp(name, "MANIFEST-", 9) == 0 || (strncmp(name, "OPTIONS-", 8) == 0 && strstr(name, ".dbtmp") == NULL);
}

/* Beside the store: ratings, acts. Not the acknowledged commits, nor what the next run makes anew. */
static bool is_beside(const char *rest)
{
    return (strncmp(rest, "labels", 6) == 0 || strncmp(rest, "acts", 4) == 0) && !has_end(rest, ".part");
}

struct part {
    char *from;
    const char *name; /* in the backup */
    uint64_t bytes;
};
struct parts {
    struct part *v;
    uint32_t n;
    uint64_t bytes;
};

static void add(struct taking *t, struct parts *p, char *from, const char *name, uint64_t bytes)
{
    p->v = cs_xrealloc(p->v, p->n + 1, sizeof *p->v);
    p->v[p->n++] = (struct part){from, cs_arena_strdup(&t->shelf->arena, name), bytes};
    p->bytes += bytes;
}

static enum cs_err add_database(struct taking *t, struct parts *p, struct cs_error *err)
{
    struct cs_folder_files files;
    enum cs_err rc = cs_folder_list(t->o->source, &files, err);
    for (uint32_t i = 0; i < files.n; i++) {
        if (!is_database(files.v[i].name))
            continue;
        add(t, p, cs_xasprintf("%s/%s", t->o->source, files.v[i].name),
            cs_arena_printf(&t->shelf->arena, "store/%s", files.v[i].name), files.v[i].bytes);
    }
    cs_folder_release(&files);
    return rc;
}

static enum cs_err add_one_beside(struct taking *t, struct parts *p, const char *path, const char *rest,
                                  struct cs_error *err)
{
    struct cs_folder_files files = {0};
    struct stat st;
    if (stat(path, &st) != 0)
        return CS_OK;
    if (S_ISREG(st.st_mode)) {
        add(t, p, cs_xstrdup(path), cs_arena_printf(&t->shelf->arena, "beside/%s", rest), (uint64_t)st.st_size);
        return CS_OK;
    }
    enum cs_err rc = S_ISDIR(st.st_mode) ? cs_folder_list(path, &files, err) : CS_OK;
    for (uint32_t i = 0; i < files.n; i++)
        add(t, p, cs_xasprintf("%s/%s", path, files.v[i].name),
            cs_arena_printf(&t->shelf->arena, "beside/%s/%s", rest, files.v[i].name), files.v[i].bytes);
    cs_folder_release(&files);
    return rc;
}

static enum cs_err add_beside(struct taking *t, struct parts *p, struct cs_error *err)
{
    char *prefix = cs_xstrdup(t->o->store);
    for (size_t n = strlen(prefix); n > 1 && prefix[n - 1] == '/'; n--)
        prefix[n - 1] = '\0';
    char *folder = cs_file_beside(prefix, ".");
    const char *base = strrchr(prefix, '/') != NULL ? strrchr(prefix, '/') + 1 : prefix;
    const size_t n_base = strlen(base);
    enum cs_err rc = CS_OK;
    DIR *d = opendir(folder);
    for (struct dirent *e; d != NULL && rc == CS_OK && (e = readdir(d)) != NULL;) {
        char *path = cs_xasprintf("%s/%s", folder, e->d_name);
        if (strncmp(e->d_name, base, n_base) == 0 && e->d_name[n_base] == '.' && is_beside(e->d_name + n_base + 1))
            rc = add_one_beside(t, p, path, e->d_name + n_base + 1, err);
        free(path);
    }
    if (d != NULL)
        closedir(d);
    free(folder);
    free(prefix);
    return rc;
}

/* ---- one file ------------------------------------------------------------------------------------------------ */

/* The same bytes as f? A table is named by what stands at its end, for good; anything else is read whole. */
static bool is_same(const struct part *p, const struct cs_manifest_file *f)
{
    struct cs_manifest_file found = {0};
    if (f == NULL || f->bytes != p->bytes)
        return false;
    if (is_table(p->name))
        return cs_copied_tail(p->from, p->bytes, found.tail, NULL) == CS_OK &&
               memcmp(found.tail, f->tail, sizeof found.tail) == 0;
    return cs_copied_sums(p->from, &(struct cs_copied_opts){0}, &found, NULL) == CS_OK && found.bytes == f->bytes &&
           memcmp(found.sum, f->sum, sizeof found.sum) == 0;
}

static const struct cs_manifest_file *of_before(const struct taking *t, const struct part *p)
{
    const struct cs_manifest_file *f = t->before != NULL ? cs_manifest_find(&t->before->m, p->name) : NULL;
    return is_same(p, f) ? f : NULL;
}

/* Read whole where it lies, though the store's own is known to be the same: it may have rotted there. */
static bool is_sound(const struct taking *t, const char *path, const struct cs_manifest_file *f)
{
    const struct cs_copied_opts o = {.stops = t->copying.stops, .self = t->copying.self, .cold = true};
    struct cs_manifest_file found = {0};
    if (cs_copied_sums(path, &o, &found, NULL) != CS_OK)
        return false;
    if (found.bytes == f->bytes && memcmp(found.sum, f->sum, sizeof found.sum) == 0)
        return true;
    if (t->o->on_rotten != NULL)
        t->o->on_rotten(t->o->self, path);
    return false;
}

static bool link_before(struct taking *t, const struct part *p, const char *to, struct cs_manifest_file *out)
{
    const struct cs_manifest_file *f = of_before(t, p);
    if (f == NULL)
        return false;
    char *old = cs_xasprintf("%s/%s", t->before->path, p->name);
    const bool linked = is_sound(t, old, f) && link(old, to) == 0;
    free(old);
    if (linked)
        memcpy(out->sum, f->sum, sizeof out->sum), memcpy(out->tail, f->tail, sizeof out->tail);
    return linked;
}

/* A file that a backup that was broken off had copied whole: its name says so. One that it had linked may have rotted since. */
static bool is_there(const struct taking *t, const struct part *p, const char *to, struct cs_manifest_file *out)
{
    const struct cs_manifest_file *f = of_before(t, p);
    struct cs_manifest_file found = {0};
    if (cs_copied_sums(to, &(struct cs_copied_opts){0}, &found, NULL) != CS_OK)
        return false;
    found.name = p->name;
    if (!is_same(p, &found) || (f != NULL && memcmp(f->sum, found.sum, sizeof found.sum) != 0)) {
        unlink(to);
        return false;
    }
    *out = found;
    return true;
}

static enum cs_err take_file(struct taking *t, const struct part *p, struct cs_manifest_file *out, struct cs_error *err)
{
    char *to = cs_xasprintf("%s/%s", t->part, p->name), *folder = cs_file_beside(to, ".");
    enum cs_err rc = cs_file_mkdir_p(folder, err);
    if (rc == CS_OK && !is_there(t, p, to, out) && !link_before(t, p, to, out)) {
        rc = cs_copied_copy(p->from, to, 0440, &t->copying, out, err);
        t->m->copied_bytes += rc == CS_OK ? out->bytes : 0;
    } else {
        t->done += p->bytes;
    }
    out->name = p->name;
    out->bytes = rc == CS_OK && out->bytes != 0 ? out->bytes : p->bytes;
    free(folder);
    free(to);
    return rc;
}

static void on_bytes(void *self, uint64_t n)
{
    struct taking *t = self;
    t->done += n;
    if (t->o->on_progress != NULL)
        t->o->on_progress(t->o->self, CS_TAKEN_COPIES, t->done, t->total);
}

static bool stops(void *self)
{
    const struct taking *t = self;
    return t->o->stops != NULL && t->o->stops(t->o->self);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct part *)a)->name, ((const struct part *)b)->name);
}

static enum cs_err take_files(struct taking *t, struct parts *p, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    qsort(p->v, p->n, sizeof *p->v, by_name);
    t->total = p->bytes;
    t->m->files = cs_arena_array(&t->shelf->arena, p->n + 1, sizeof *t->m->files);
    for (uint32_t i = 0; i < p->n && rc == CS_OK; i++) {
        struct cs_manifest_file *f = &t->m->files[t->m->n_files++];
        rc = stops(t) ? cs_error_set(err, CS_EINTERRUPTED, "interrupted") : take_file(t, &p->v[i], f, err);
        t->m->bytes += f->bytes;
        on_bytes(t, 0);
    }
    return rc;
}

/* ---- what was left by one that was broken off ------------------------------------------------------------------ */

/* A file there that the source has no more would be taken for a part of the database. */
static enum cs_err clear_strangers(struct taking *t, const struct parts *p, struct cs_error *err)
{
    struct cs_folder_files files;
    enum cs_err rc = cs_folder_list(t->part, &files, err);
    for (uint32_t i = 0; i < files.n && rc == CS_OK; i++) {
        bool wanted = false;
        for (uint32_t k = 0; k < p->n && !wanted; k++)
            wanted = strcmp(p->v[k].name, files.v[i].name) == 0;
        char *path = cs_xasprintf("%s/%s", t->part, files.v[i].name);
        if (!wanted && unlink(path) != 0)
            rc = cs_error_set(err, CS_EIO, "%s: %s", path, strerror(errno));
        free(path);
    }
    cs_folder_release(&files);
    return rc;
}

static enum cs_err begin_part(struct taking *t, const struct parts *p, struct cs_error *err)
{
    struct cs_shelf *s = t->shelf;
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; i + 1 < s->n_broken_off && rc == CS_OK; i++)
        rc = cs_folder_remove(s->broken_off[i], err);
    if (rc != CS_OK || s->n_broken_off == 0)
        return rc == CS_OK ? cs_file_mkdir_p(t->part, err) : rc;
    if (rename(s->broken_off[s->n_broken_off - 1], t->part) != 0)
        return cs_error_set(err, CS_EIO, "%s: %s", t->part, strerror(errno));
    return clear_strangers(t, p, err);
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

static bool on_output(void *self, uint64_t done, uint64_t total)
{
    struct taking *t = self;
    if (t->o->on_progress != NULL)
        t->o->on_progress(t->o->self, CS_TAKEN_COUNTS, done, total);
    return !stops(t);
}

static enum cs_err count(struct taking *t, struct cs_error *err)
{
    struct cs_counted_opts o = {.from_output = t->before != NULL ? t->before->m.outputs + 1 : 0,
                                .from_term = t->before != NULL ? t->before->m.term : 0,
                                .on_output = on_output,
                                .self = t};
    char *store = cs_xasprintf("%s/store", t->part);
    enum cs_err rc = cs_backup_counted_store(store, &o, &t->shelf->arena, t->m, err);
    if (rc == CS_OK && t->before != NULL && strcmp(t->m->fleet, t->before->m.fleet) != 0)
        rc = cs_error_set(err, CS_EINVAL, "%s: backups of another store (%s) stand there; name another folder",
                          t->shelf->path, t->before->m.fleet);
    if (rc == CS_OK && t->m->commit < t->o->commit_min)
        rc = cs_error_set(
            err, CS_ECORRUPT,
            "the copy has commits up to %llu, and the store had acknowledged %llu: data is lost, and this is no backup",
            (unsigned long long)t->m->commit, (unsigned long long)t->o->commit_min);
    free(store);
    return rc;
}

/* The names in every folder of it; files stand sorted, so that those of a folder are neighbours. */
static enum cs_err sync_folders(struct taking *t, struct cs_error *err)
{
    char *last = NULL;
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; i < t->m->n_files && rc == CS_OK; i++) {
        char *path = cs_xasprintf("%s/%s", t->part, t->m->files[i].name), *folder = cs_file_beside(path, ".");
        if (last == NULL || strcmp(last, folder) != 0)
            rc = cs_folder_sync(folder, err);
        free(path);
        free(last);
        last = folder;
    }
    free(last);
    return rc;
}

static enum cs_err finish(struct taking *t, struct cs_error *err)
{
    struct cs_buf text = CS_BUF_INIT(256 * 1024 * 1024);
    char *path = cs_xasprintf("%s/%s", t->part, CS_MANIFEST_NAME);
    cs_manifest_text(t->m, &text);
    enum cs_err rc = sync_folders(t, err);
    if (rc == CS_OK)
        rc = cs_file_write(path, text.data, text.len, 0440, err);
    if (rc == CS_OK)
        rc = cs_folder_sync(t->part, err);
    if (rc == CS_OK && rename(t->part, t->folder) != 0)
        rc = cs_error_set(err, CS_EIO, "%s: %s", t->folder, strerror(errno));
    if (rc == CS_OK)
        rc = cs_folder_sync(t->shelf->path, err);
    free(path);
    cs_buf_release(&text);
    return rc;
}

static enum cs_err refuse_stranger(const struct taking *t, struct cs_error *err)
{
    if (t->before == NULL || t->o->fleet == NULL || strcmp(t->o->fleet, t->before->m.fleet) == 0)
        return CS_OK;
    return cs_error_set(err, CS_EINVAL, "%s: backups of another store (%s) stand there; name another folder",
                        t->shelf->path, t->before->m.fleet);
}

enum cs_err cs_taken_backup(struct cs_shelf *shelf, const struct cs_taken_opts *o, struct cs_manifest *out,
                            struct cs_error *err)
{
    struct taking t = {.o = o, .shelf = shelf, .before = cs_shelf_newest(shelf), .m = out};
    struct parts p = {0};
    *out = (struct cs_manifest){.taken_wall_ms = cs_clock_wall_ms(), .version = cs_version};
    out->id = cs_shelf_new_id(shelf, out->taken_wall_ms);
    t.folder = cs_xasprintf("%s/%s", shelf->path, out->id);
    t.part = cs_xasprintf("%s.part", t.folder);
    t.copying = (struct cs_copied_opts){
        .on_bytes = on_bytes, .stops = stops, .self = &t, .bytes_per_s = o->bytes_per_s, .cold = true};
    enum cs_err rc = refuse_stranger(&t, err);
    if (rc == CS_OK)
        rc = add_database(&t, &p, err);
    if (rc == CS_OK)
        rc = add_beside(&t, &p, err);
    if (rc == CS_OK)
        rc = begin_part(&t, &p, err);
    if (rc == CS_OK)
        rc = take_files(&t, &p, err);
    if (rc == CS_OK)
        rc = count(&t, err);
    if (rc == CS_OK)
        rc = finish(&t, err);
    for (uint32_t i = 0; i < p.n; i++)
        free(p.v[i].from);
    free(p.v);
    free(t.part);
    free(t.folder);
    return rc;
}
