#include "tools/backup/restored.h"

#include <errno.h>
#include <limits.h>
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
#include "store/acked.h"
#include "store/events.h"
#include "store/generation.h"
#include "store/holders.h"
#include "tools/backup/counted.h"
#include "tools/backup/since.h"

struct restoring {
    const struct cs_shelf_item *backup;
    const struct cs_restored_opts *o;
    struct cs_arena *arena;
    struct cs_since since;
    struct cs_copied_opts copying;
    char *to, *part; /* without a slash at the end */
    uint64_t done;
};

/* ---- the files ------------------------------------------------------------------------------------------------ */

static void on_bytes(void *self, uint64_t n)
{
    struct restoring *r = self;
    r->done += n;
    if (r->o->on_progress != NULL)
        r->o->on_progress(r->o->self, false, r->done, r->backup->m.bytes);
}

static bool stops(void *self)
{
    const struct restoring *r = self;
    return r->o->stops != NULL && r->o->stops(r->o->self);
}

static enum cs_err copy_one(struct restoring *r, const struct cs_manifest_file *f, const char *to, struct cs_error *err)
{
    char *from = cs_xasprintf("%s/%s", r->backup->path, f->name), *folder = cs_file_beside(to, ".");
    struct cs_manifest_file found = {0};
    struct stat st;
    enum cs_err rc = cs_file_mkdir_p(folder, err);
    if (rc == CS_OK && stat(from, &st) != 0)
        rc = cs_error_set(err, CS_ECORRUPT, "%s: missing: the backup is damaged and cannot be used", from);
    if (rc == CS_OK && (uint64_t)st.st_size != f->bytes)
        rc = cs_error_set(err, CS_ECORRUPT, "%s: has %lld bytes, not %llu: the backup is damaged and cannot be used",
                          from, (long long)st.st_size, (unsigned long long)f->bytes);
    if (rc == CS_OK)
        rc = cs_copied_copy(from, to, 0640, &r->copying, &found, err);
    if (rc == CS_OK && memcmp(found.sum, f->sum, sizeof f->sum) != 0)
        rc = cs_error_set(err, CS_ECORRUPT,
                          "%s: its checksum is not that of the day of the backup: it is damaged and cannot be used",
                          from);
    free(folder);
    free(from);
    return rc;
}

static bool is_of_store(const struct cs_manifest_file *f)
{
    return strncmp(f->name, "store/", 6) == 0;
}

static enum cs_err copy_store(struct restoring *r, struct cs_error *err)
{
    enum cs_err rc = cs_folder_remove(r->part, err);
    for (uint32_t i = 0; i < r->backup->m.n_files && rc == CS_OK; i++) {
        const struct cs_manifest_file *f = &r->backup->m.files[i];
        char *to = cs_xasprintf("%s/%s", r->part, f->name + 6);
        if (is_of_store(f))
            rc = copy_one(r, f, to, err);
        free(to);
    }
    return rc == CS_OK ? cs_folder_sync(r->part, err) : rc;
}

/* What people did: what stands there already is not older, and stays. */
static enum cs_err copy_beside(struct restoring *r, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; i < r->backup->m.n_files && rc == CS_OK; i++) {
        const struct cs_manifest_file *f = &r->backup->m.files[i];
        char *to = is_of_store(f) ? NULL : cs_xasprintf("%s.%s", r->to, f->name + strlen("beside/"));
        if (to != NULL && access(to, F_OK) != 0)
            rc = copy_one(r, f, to, err);
        free(to);
    }
    return rc;
}

/* ---- what the coordinator must know of it ------------------------------------------------------------------------ */

struct settling {
    struct restoring *r;
    struct cs_store *store;
    struct cs_batch batch;
    uint64_t first_study; /* key of generation 1's; 0: that study is deleted */
    struct cs_error *err;
};

static enum cs_err take_generation(void *self, const char *key, const void *value, uint32_t len)
{
    struct settling *s = self;
    struct cs_generation g;
    struct cs_generation_view view = {0};
    (void)key;
    enum cs_err rc = cs_store_generation_unpack(value, len, &g, s->err);
    if (rc == CS_OK)
        rc = cs_store_generation_view_open(&view, s->store, &g, s->err);
    if (rc == CS_OK && g.number == 1)
        s->first_study = cs_digest_study_key(view.spec.study->name);
    for (uint32_t i = 0; rc == CS_OK && g.built && i < view.plan.n_lanes; i++) {
        const struct cs_batch_frontier all = {.gen = g.number, .lane = i, .frontier = view.plan.lanes[i].n_trials};
        cs_batch_add_frontier(&s->batch, &all);
    }
    cs_store_generation_view_close(&view);
    return rc;
}

static enum cs_err presume(struct settling *s, const struct cs_since_study *spent)
{
    const uint64_t study = cs_digest_study_key(spent->name);
    char key[32] = "presumed", text[32];
    void *value = NULL;
    uint32_t n = 0;
    if (!spent->budget || spent->nano_usd == 0)
        return CS_OK;
    if (study != s->first_study)
        snprintf(key, sizeof key, "presumed/%016llx", (unsigned long long)study);
    enum cs_err rc = cs_store_rows_meta(s->store, key, &value, &n, s->err);
    const int64_t was = rc == CS_OK ? strtoll(value, NULL, 10) : 0;
    free(value);
    if (rc != CS_OK && rc != CS_ENOENT)
        return rc;
    const int len = snprintf(text, sizeof text, "%lld", (long long)(was + spent->nano_usd));
    cs_batch_add_meta(&s->batch, key, text, (uint32_t)len + 1);
    return CS_OK;
}

static enum cs_err note_it(struct settling *s)
{
    const struct cs_restored_since *k = &s->r->since.known;
    struct cs_events_row row = {.act = "restore",
                                .at_wall_ms = cs_clock_wall_ms(),
                                .by = "local",
                                .role = "operator",
                                .reason = s->r->o->reason,
                                .trials = k->trials,
                                .nano_usd = -1};
    char detail[160], later[64];
    uint64_t last = 0;
    enum cs_err rc = cs_events_last(s->store, CS_EVENTS_RING_ACT, &last, s->err);
    if (k->commits > 0)
        snprintf(later, sizeof later, "%llu later commits are given up", (unsigned long long)k->commits);
    else
        snprintf(later, sizeof later, "%s",
                 k->redis || k->acked > 0 ? "no later commit is known" : "nobody knows of later commits");
    snprintf(detail, sizeof detail, "from the backup %.32s, commit %llu; %s", s->r->backup->id,
             (unsigned long long)s->r->backup->m.commit, later);
    row.detail = detail;
    if (rc == CS_OK)
        cs_events_add(&s->batch, CS_EVENTS_RING_ACT, last + 1, &row);
    return rc;
}

/* Whoever may hold leases since the backup has the grace to say so, however often coordinators start meanwhile. */
static void note_workers(struct settling *s)
{
    const struct cs_since *since = &s->r->since;
    for (uint32_t i = 0; i < since->known.workers; i++)
        cs_holders_note(&s->batch, since->workers[i], true);
    if (!since->known.redis)
        cs_holders_note(&s->batch, "(since the backup)", true); /* nobody is called so: the whole grace is waited for */
}

/* For coordinator/rollback.h. */
static void note_term(struct settling *s)
{
    char text[16];
    const int n = snprintf(text, sizeof text, "%u", cs_store_term(s->store));
    cs_batch_add_meta(&s->batch, "accepted", text, (uint32_t)n + 1);
}

static enum cs_err settle(struct restoring *r, struct cs_error *err)
{
    const struct cs_store_opts so = {.dir = r->part,
                                     .write = true,
                                     .accept_rollback = true,
                                     .term_above = r->since.known.term + CS_STORE_TERMS_SKIPPED};
    struct settling s = {.r = r, .err = err};
    enum cs_err rc = cs_store_open(&s.store, &so, err);
    if (rc != CS_OK)
        return rc;
    cs_batch_init(&s.batch);
    rc = cs_store_scan_metas(s.store, "gen/", take_generation, &s, err);
    for (uint32_t i = 0; i < r->since.n_studies && rc == CS_OK; i++)
        rc = presume(&s, &r->since.studies[i]);
    if (rc == CS_OK)
        rc = note_it(&s);
    note_workers(&s);
    note_term(&s);
    if (rc == CS_OK)
        rc = cs_store_write(s.store, &s.batch, err);
    if (rc == CS_OK)
        cs_store_note_acked(s.store);
    cs_batch_release(&s.batch);
    cs_store_close(s.store);
    return rc;
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

static bool on_output(void *self, uint64_t done, uint64_t total)
{
    struct restoring *r = self;
    if (r->o->on_progress != NULL)
        r->o->on_progress(r->o->self, true, done, total);
    return !stops(r);
}

static enum cs_err check(struct restoring *r, struct cs_error *err)
{
    const struct cs_counted_opts o = {.on_output = on_output, .self = r};
    const struct cs_manifest *m = &r->backup->m;
    struct cs_manifest found = {0};
    enum cs_err rc = cs_backup_counted_store(r->part, &o, r->arena, &found, err);
    if (rc == CS_OK && (strcmp(found.fleet, m->fleet) != 0 || found.commit != m->commit || found.outputs != m->outputs))
        rc = cs_error_set(err, CS_ECORRUPT, "%s: opens with %llu outputs, and had %llu when it was taken",
                          r->backup->path, (unsigned long long)found.outputs, (unsigned long long)m->outputs);
    return rc;
}

static enum cs_err is_free(const struct restoring *r, struct cs_error *err)
{
    struct cs_folder_files files;
    enum cs_err rc = cs_folder_list(r->to, &files, err);
    if (rc == CS_ENOENT)
        return CS_OK;
    if (rc == CS_OK && files.n > 0)
        rc = cs_error_set(err, CS_EEXIST, "%s: something is there; put it aside first: mv %s %s.lost", r->to, r->to,
                          r->to);
    cs_folder_release(&files);
    return rc;
}

static enum cs_err refuse_rollback(const struct restoring *r, struct cs_error *err)
{
    const struct cs_restored_since *k = &r->since.known;
    char trials[80] = "how many answers that were is not known";
    char who[PATH_MAX + 40] = "Redis";
    if (k->commits == 0 || r->o->accept_rollback)
        return CS_OK;
    if (k->unseen > 0)
        snprintf(who, sizeof who, "%s%s.acked", k->unseen < k->commits ? "Redis with " : "", r->to);
    if (k->trials >= 0)
        snprintf(trials, sizeof trials, "%s%lld answers would be asked and paid again",
                 k->unseen > 0 ? "at least " : "", (long long)k->trials);
    return cs_error_set(
        err, CS_ECORRUPT,
        "%s knows %llu later commits than the backup %s has: %s. Is there a later backup, or the store itself? If not: "
        "--accept-rollback",
        who, (unsigned long long)k->commits, r->backup->id, trials);
}

/* The folder first: where only that came about, a coordinator refuses, and the restore can be done again. */
static enum cs_err put_in_place(struct restoring *r, struct cs_error *err)
{
    char *acked = cs_xasprintf("%s.acked", r->to), *acked_part = cs_xasprintf("%s.acked", r->part);
    char *folder = cs_file_beside(r->to, ".");
    enum cs_err rc = CS_OK;
    (void)!rmdir(r->to); /* an empty one */
    if (rename(r->part, r->to) != 0)
        rc = cs_error_set(err, CS_EIO, "%s: %s", r->to, strerror(errno));
    if (rc == CS_OK && rename(acked_part, acked) != 0)
        rc = cs_error_set(err, CS_EIO, "%s: %s", acked, strerror(errno));
    if (rc == CS_OK)
        rc = cs_folder_sync(folder, err);
    free(folder);
    free(acked);
    free(acked_part);
    return rc;
}

static enum cs_err put(struct restoring *r, struct cs_error *err)
{
    enum cs_err rc = copy_store(r, err);
    if (rc == CS_OK)
        rc = check(r, err);
    if (rc == CS_OK)
        rc = settle(r, err);
    if (rc == CS_OK)
        rc = copy_beside(r, err);
    if (rc == CS_OK)
        rc = put_in_place(r, err);
    if (rc != CS_OK) {
        char *acked = cs_xasprintf("%s.acked", r->part);
        (void)!cs_folder_remove(r->part, NULL);
        (void)!unlink(acked);
        free(acked);
    }
    return rc;
}

enum cs_err cs_restored_put(const struct cs_shelf_item *backup, const struct cs_restored_opts *o,
                            struct cs_arena *arena, struct cs_restored_since *since, struct cs_error *err)
{
    struct restoring r = {.backup = backup, .o = o, .arena = arena, .to = cs_xstrdup(o->to)};
    for (size_t n = strlen(r.to); n > 1 && r.to[n - 1] == '/'; n--)
        r.to[n - 1] = '\0';
    r.part = cs_xasprintf("%s.restoring", r.to);
    r.copying = (struct cs_copied_opts){.on_bytes = on_bytes, .stops = stops, .self = &r};
    enum cs_err rc = cs_since_look(&backup->m, r.to, o->redis, arena, &r.since, err);
    *since = r.since.known;
    if (rc == CS_OK)
        rc = is_free(&r, err);
    if (rc == CS_OK)
        rc = refuse_rollback(&r, err);
    if (rc == CS_OK)
        rc = put(&r, err);
    free(r.to);
    free(r.part);
    return rc;
}
