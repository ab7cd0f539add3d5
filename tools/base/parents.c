#include "tools/base/parents.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/digest.h"
#include "protocol/base/file.h"
#include "protocol/table/node.h"
#include "protocol/table/yaml.h"
#include "store/children/children.h"
#include "tools/base/study_dir.h"

enum { STAMP_HEX = 32 };

enum cs_err cs_parents_open(struct cs_reader *r, const char *parent, const char *name, const char *dir,
                            struct cs_error *err)
{
    struct cs_error none = {0};
    enum cs_err rc = cs_reader_open(r, parent, NULL, NULL, name, err);
    if (rc == CS_ENOENT && dir != NULL && cs_reader_open(r, NULL, dir, NULL, name, &none) == CS_OK)
        return CS_OK;
    return rc;
}

char *cs_parents_file(const char *path, char **name)
{
    struct cs_arena arena = {0};
    struct cs_error none;
    const struct cs_yaml *doc;
    const struct cs_node *cases = NULL, *from = NULL, *study = NULL;
    char *file = NULL;
    if (cs_yaml_load(path, &arena, &doc, &none) == CS_OK && doc->root->kind == CS_NODE_MAP) {
        cases = cs_node_get(doc->root, "cases");
        study = cs_node_get(doc->root, "study");
    }
    if (cases != NULL && cases->kind == CS_NODE_MAP)
        from = cs_node_get(cases, "from_study");
    if (from != NULL && from->kind == CS_NODE_TEXT)
        file = cs_file_beside(path, from->text);
    if (name != NULL)
        *name = cs_xstrdup(study != NULL && study->kind == CS_NODE_TEXT ? study->text : "");
    cs_arena_release(&arena);
    return file;
}

struct making {
    struct cs_parents_at_hand *h;
    const char *parent; /* its file */
    const struct cs_take *take;
    char stamp[2 * STAMP_HEX + 2]; /* what is taken, of what */
    char *path;                    /* the child's snapshot */
    struct cs_study_dir dir;       /* the child's */
};

static void half_stamp(const struct cs_buf *b, char out[STAMP_HEX + 1])
{
    uint8_t whole[32];
    cs_digest_blake2b_256(b->data, b->len, whole);
    cs_digest_hex(whole, STAMP_HEX / 2, out);
}

static void stamp(struct making *x, const struct cs_reader *r, uint64_t open)
{
    struct cs_buf b = CS_BUF_INIT(SIZE_MAX);
    cs_take_json(x->take, &b);
    half_stamp(&b, x->stamp);
    x->stamp[STAMP_HEX] = '\0';
    if (r != NULL) {
        cs_buf_clear(&b);
        cs_buf_printf(&b, "%s %u %llu %llu", cs_store_fleet(r->store), r->view.generation.number,
                      (unsigned long long)cs_store_commit_seq(r->store), (unsigned long long)open);
        x->stamp[STAMP_HEX] = ' ';
        half_stamp(&b, x->stamp + STAMP_HEX + 1);
    }
    cs_buf_release(&b);
}

/* The snapshot that is there, if it is the one that is wanted. */
static bool is_there(const struct making *x, size_t stamp_n, struct cs_snapshot **out)
{
    if (cs_snapshot_open(out, x->path, NULL) != CS_OK)
        return false;
    if (strncmp(cs_snapshot_stamp(*out), x->stamp, stamp_n) == 0)
        return true;
    cs_snapshot_close(*out);
    *out = NULL;
    return false;
}

/* In a file of its own that goes with the mapping. */
static enum cs_err make_planned(struct making *x, struct cs_snapshot **out, struct cs_error *err)
{
    const char *tmp = getenv("TMPDIR");
    char *folder = cs_xasprintf("%s/clinsafe-plan-XXXXXX", tmp != NULL && tmp[0] != '\0' ? tmp : "/tmp"), *path = NULL;
    struct cs_loaded parent = {0};
    enum cs_err rc = mkdtemp(folder) != NULL ? CS_OK : cs_error_set(err, CS_EIO, "%s: %s", folder, strerror(errno));
    if (rc == CS_OK) {
        path = cs_xasprintf("%s/cases", folder);
        const struct cs_children_opts opts = {.take = x->take, .path = path, .stamp = ""};
        rc = cs_load_study(x->parent, x->h->opts, &parent, err);
        if (rc == CS_OK)
            rc = cs_children_planned(parent.study, &parent.cases, &opts, err);
        if (rc == CS_OK)
            rc = cs_snapshot_open(out, path, err);
        cs_load_release(&parent);
        unlink(path);
        rmdir(folder);
    }
    free(path);
    free(folder);
    return rc;
}

static enum cs_err make(struct making *x, const struct cs_reader *r, struct cs_snapshot **out, struct cs_error *err)
{
    const struct cs_children_opts opts = {.take = x->take, .path = x->path, .stamp = x->stamp};
    enum cs_err rc = cs_file_mkdir_p(x->dir.path, err);
    if (rc == CS_OK)
        rc = cs_children_snapshot(r->store, &r->view, &opts, err);
    return rc == CS_OK ? cs_snapshot_open(out, x->path, err) : rc;
}

static enum cs_err of_reader(struct making *x, const struct cs_reader *r, struct cs_snapshot **out,
                             struct cs_error *err)
{
    uint64_t open = 0;
    enum cs_err rc = cs_children_open_trials(r->store, &r->view, &open, err);
    if (rc != CS_OK)
        return rc;
    if (open > 0 && !x->h->args->partial)
        return x->h->args->planned
                   ? make_planned(x, out, err)
                   : cs_error_set(
                         err, CS_EINCOMPLETE,
                         "the study \"%s\" is not finished: %llu of its trials have no end yet. Run it, or judge "
                         "what is there with --partial",
                         x->take->parent, (unsigned long long)open);
    stamp(x, r, open);
    return is_there(x, sizeof x->stamp, out) ? CS_OK : make(x, r, out, err);
}

char *cs_parents_snapshot_path(const struct cs_study_dir *d, const char *name)
{
    return cs_xasprintf("%s/cases-%016llx", d->path, (unsigned long long)cs_digest_study_key(name));
}

static enum cs_err snapshot(void *self, const char *path, const char *name, const char *parent,
                            const struct cs_take *take, struct cs_snapshot **out, struct cs_error *err)
{
    struct making x = {.h = self, .parent = parent, .take = take};
    struct cs_error none = {0};
    struct cs_reader r = {0};
    cs_study_dir_init(&x.dir, path, x.h->args->dir);
    x.path = cs_parents_snapshot_path(&x.dir, name);
    enum cs_err rc = cs_parents_open(&r, parent, take->parent, x.h->args->dir, &none);
    if (rc == CS_OK) {
        rc = of_reader(&x, &r, out, err);
    } else if (rc == CS_ENOENT) {
        stamp(&x, NULL, 0);
        if (is_there(&x, STAMP_HEX, out))
            rc = CS_OK; /* its parent has moved */
        else if (x.h->args->planned)
            rc = make_planned(&x, out, err);
        else
            rc = cs_error_set(err, rc, "the study \"%s\", whose outputs are the cases: %s", take->parent, none.msg);
    } else {
        rc = cs_error_set(err, rc, "%s", none.msg);
    }
    cs_reader_close(&r);
    cs_study_dir_release(&x.dir);
    free(x.path);
    return rc;
}

void cs_parents_at_hand_init(struct cs_parents_at_hand *h, const struct cs_study_args *args, struct cs_load_opts *opts)
{
    *h = (struct cs_parents_at_hand){.args = args, .opts = opts, .parents = {h, snapshot}};
    opts->parents = &h->parents;
}
