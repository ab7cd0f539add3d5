#include "tools/base/reader.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/digest.h"
#include "protocol/study/applies.h"
#include "protocol/table/node.h"
#include "store/tomb.h"
#include "tools/base/study_dir.h"

enum cs_err cs_reader_generation(struct cs_reader *r, uint32_t number, struct cs_error *err)
{
    struct cs_generation g;
    char key[CS_META_KEY_MAX];
    void *value = NULL;
    uint32_t n = 0;
    cs_store_generation_key(number, key);
    enum cs_err rc = cs_store_rows_meta(r->store, key, &value, &n, err);
    if (rc == CS_ENOENT)
        rc = cs_error_set(err, CS_ENOENT, "the store has no generation %u", number);
    if (rc == CS_OK)
        rc = cs_store_generation_unpack(value, n, &g, err);
    free(value);
    if (rc != CS_OK)
        return rc;
    cs_store_generation_view_close(&r->view);
    return cs_store_generation_view_open(&r->view, r->store, &g, err);
}

/* ---- which study ----------------------------------------------------------------------------------------- */

struct studies {
    uint64_t *keys; /* different ones, in the order of their first generations; 0: of format 1, which held one */
    uint32_t
        *last; /* the newest generation of each; one that is only being made, to reread the one before, is left aside */
    uint32_t *rereads; /* that one, or 0 */
    uint32_t *first;   /* the oldest generation of each */
    uint32_t n;
};

static enum cs_err take_key(void *self, const char *key, const void *value, uint32_t len)
{
    struct studies *s = self;
    struct cs_generation g;
    uint32_t i = 0;
    (void)key;
    enum cs_err rc = cs_store_generation_unpack(value, len, &g, NULL);
    if (rc != CS_OK)
        return rc;
    while (i < s->n && s->keys[i] != g.study && s->keys[i] != 0)
        i++;
    if (i == s->n) {
        s->keys = cs_xrealloc(s->keys, ++s->n, sizeof *s->keys);
        s->last = cs_xrealloc(s->last, s->n, sizeof *s->last);
        s->rereads = cs_xrealloc(s->rereads, s->n, sizeof *s->rereads);
        s->rereads[i] = 0;
        s->first = cs_xrealloc(s->first, s->n, sizeof *s->first);
        s->first[i] = g.number;
    }
    s->keys[i] = g.study;
    if (!g.built && g.reading == g.number)
        s->rereads[i] = g.number;
    else
        s->last[i] = g.number;
    return CS_OK;
}

static enum cs_err say_which(struct cs_reader *r, const struct studies *s, struct cs_error *err)
{
    struct cs_buf names = CS_BUF_INIT(400);
    for (uint32_t i = 0; i < s->n; i++) {
        if (cs_reader_generation(r, s->last[i], err) != CS_OK)
            continue;
        cs_buf_printf(&names, "%s%s", names.len > 0 ? ", " : "", r->view.spec.study->name);
    }
    enum cs_err rc = cs_error_set(err, CS_EUSAGE, "this store holds several studies, say which with --study: %s",
                                  cs_buf_cstr(&names));
    cs_buf_release(&names);
    return rc;
}

static enum cs_err say_missing(struct cs_reader *r, const char *name, struct cs_error *err)
{
    struct cs_tomb t;
    char how[400];
    enum cs_err rc = cs_tomb_find(r->store, name, &t, err);
    if (rc == CS_OK) {
        cs_tomb_say(&t, how, sizeof how);
        rc = cs_error_set(err, CS_ENOENT, "the study \"%.100s\" was %s", name, how);
    } else if (rc == CS_ENOENT) {
        rc = cs_error_set(err, CS_ENOENT, "this store holds no study \"%s\"", name);
    }
    cs_tomb_release(&t);
    return rc;
}

/* What the study of a file is called; NULL: there is no such file, or it cannot be read. */
static const char *name_in(const char *file, struct cs_arena *arena)
{
    const struct cs_yaml *doc;
    struct cs_error err;
    if (file == NULL || cs_yaml_load(file, arena, &doc, &err) != CS_OK)
        return NULL;
    const struct cs_node *n = doc->root->kind == CS_NODE_MAP ? cs_node_get(doc->root, "study") : NULL;
    return n != NULL ? n->text : NULL;
}

static enum cs_err find_study(struct cs_reader *r, const char *file, const char *name, struct cs_error *err)
{
    struct cs_arena arena = {0};
    struct studies s = {0};
    uint32_t i = 0;
    enum cs_err rc = cs_store_scan_metas(r->store, "gen/", take_key, &s, err);
    if (rc == CS_OK && s.n > 1 && name == NULL)
        name = name_in(file, &arena);
    const uint64_t key = name != NULL ? cs_digest_study_key(name) : 0;
    while (i < s.n && name != NULL && s.keys[i] != key && s.keys[i] != 0)
        i++;
    if (rc == CS_OK && name != NULL && i == s.n)
        rc = say_missing(r, name, err);
    else if (rc == CS_OK && s.n == 0)
        rc = cs_error_set(err, CS_ENOENT, "this store holds no study");
    else if (rc == CS_OK && s.n > 1 && name == NULL)
        rc = say_which(r, &s, err);
    else if (rc == CS_OK)
        rc = cs_reader_generation(r, s.last[i], err);
    if (rc == CS_OK && name != NULL && strcmp(r->view.spec.study->name, name) != 0)
        rc = cs_error_set(err, CS_ENOENT, "this store holds no study \"%s\", but \"%s\"", name,
                          r->view.spec.study->name);
    if (rc == CS_OK) {
        r->apart = s.first[i] != 1 ? s.keys[i] : 0;
        r->rereads = s.rereads[i];
    }
    free(s.keys);
    free(s.first);
    free(s.last);
    free(s.rereads);
    cs_arena_release(&arena);
    return rc;
}

/* ---- opening --------------------------------------------------------------------------------------------- */

enum cs_err cs_reader_open(struct cs_reader *r, const char *study, const char *dir, const char *store, const char *name,
                           struct cs_error *err)
{
    struct cs_study_dir d;
    *r = (struct cs_reader){0};
    if (study == NULL && dir == NULL && store == NULL)
        return cs_error_set(err, CS_EUSAGE, "say which outputs: a STUDY, --dir DIR or --store DIR");
    cs_study_dir_init(&d, study != NULL ? study : "", dir);
    enum cs_err rc = cs_store_open_reader(&r->store, store != NULL ? store : d.store, err);
    cs_study_dir_release(&d);
    if (rc == CS_OK)
        rc = find_study(r, study, name, err);
    if (rc != CS_OK)
        cs_reader_close(r);
    return rc;
}

enum cs_err cs_reader_left_out(const struct cs_reader *r, uint32_t lane, uint64_t position, bool *out,
                               struct cs_error *err)
{
    const struct cs_plan *plan = &r->view.plan;
    struct cs_coords at;
    struct cs_case c;
    *out = false;
    if (plan->lanes[lane].n_planned == plan->lanes[lane].n_trials)
        return CS_OK;
    cs_plan_coords(plan, lane, cs_plan_at(plan, lane, position), &at);
    enum cs_err rc = r->view.cases.get(r->view.cases.self, at.case_index, &c, err);
    *out = rc == CS_OK && !cs_applies_cell(plan->study, &at, &c);
    return rc;
}

void cs_reader_close(struct cs_reader *r)
{
    cs_store_generation_view_close(&r->view);
    cs_store_close(r->store);
    *r = (struct cs_reader){0};
}
