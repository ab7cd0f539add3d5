#include "tools/export/origin.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/study/parent.h"
#include "protocol/study/take.h"

enum what { STUDY, CASE, MODEL, QUESTION, FACTOR, REPEAT, ELEMENT, OUTPUT_ID, DIGEST, OUTPUTS };

static const struct {
    const char *name;
    enum what what;
} fixed[] = {{"study", STUDY},         {"case", CASE},     {"model", MODEL},
             {"question", QUESTION},   {"repeat", REPEAT}, {"element", ELEMENT},
             {"output_id", OUTPUT_ID}, {"digest", DIGEST}, {"outputs", OUTPUTS}};
enum { N_FIXED = sizeof fixed / sizeof fixed[0] };

struct column {
    enum what what;
    uint32_t factor;
    enum cs_parent_side side;
};

struct cs_export_origin {
    const struct cs_study *study;
    struct cs_arena arena, row;
    struct column *columns;
    const char **names;
    struct cs_export_more more;
};

static void add(struct cs_export_origin *o, const char *prefix, const char *name, struct column c)
{
    o->names[o->more.n] = cs_arena_printf(&o->arena, "%s.%s", prefix, name);
    o->columns[o->more.n++] = c;
}

static bool is_fixed(const char *name)
{
    for (int i = 0; i < N_FIXED; i++) {
        if (strcmp(fixed[i].name, name) == 0)
            return true;
    }
    return false;
}

static void add_side(struct cs_export_origin *o, const char *prefix, enum cs_parent_side side)
{
    const struct cs_parent_study *p = o->study->parent;
    for (int i = 0; i < N_FIXED; i++) {
        add(o, prefix, fixed[i].name, (struct column){fixed[i].what, 0, side});
        for (uint32_t f = 0; fixed[i].what == QUESTION && f < p->n_factors; f++)
            add(o, prefix,
                is_fixed(p->factors[f].name) ? cs_arena_printf(&o->arena, "factor.%s", p->factors[f].name)
                                             : p->factors[f].name,
                (struct column){FACTOR, f, side});
    }
}

/* ---- values --------------------------------------------------------------------------------------------------------- */

static const char *value_of(struct cs_export_origin *o, const struct column *c, const struct cs_parent *p)
{
    const struct cs_parent_study *s = o->study->parent;
    char hex[33];
    switch (c->what) {
    case STUDY:
        return s->study;
    case CASE:
        return p->case_id;
    case MODEL:
        return s->models[p->model];
    case QUESTION:
        return s->questions[p->question];
    case FACTOR:
        return s->factors[c->factor].levels[p->levels[c->factor]].id;
    case REPEAT:
        return cs_arena_printf(&o->row, "%u", p->repeat + 1);
    case ELEMENT:
        return p->element > 0 ? cs_arena_printf(&o->row, "%u", p->element) : "";
    case OUTPUT_ID:
        return p->output_id > 0 ? cs_arena_printf(&o->row, "%" PRIu64, p->output_id) : "";
    case DIGEST:
        cs_digest_hex(p->digest.b, sizeof p->digest.b, hex);
        return cs_arena_strdup(&o->row, hex);
    case OUTPUTS:
        break;
    }
    return "";
}

/* Each different value once. */
static const char *values_of(struct cs_export_origin *o, const struct column *c, const struct cs_parent *p, uint32_t n)
{
    struct cs_buf text = CS_BUF_INIT(1 << 20);
    const char **seen = cs_arena_array(&o->row, n + 1u, sizeof *seen);
    uint32_t n_seen = 0, outputs = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t k = 0;
        if (p[i].side != c->side)
            continue;
        outputs++;
        const char *value = value_of(o, c, &p[i]);
        while (k < n_seen && strcmp(seen[k], value) != 0)
            k++;
        if (k < n_seen)
            continue;
        seen[n_seen++] = value;
        cs_buf_printf(&text, "%s%s", n_seen > 1 ? "|" : "", value);
    }
    if (c->what == OUTPUTS)
        cs_buf_printf(&text, "%u", outputs);
    const char *out = cs_arena_strdup(&o->row, cs_buf_cstr(&text));
    cs_buf_release(&text);
    return out;
}

static enum cs_err fill(void *self, const struct cs_export_at *at, struct cs_cell *cells, struct cs_error *err)
{
    struct cs_export_origin *o = self;
    const struct cs_parent *parents;
    uint32_t n = 0;
    cs_arena_reset(&o->row);
    enum cs_err rc = cs_parents_read(o->study, at->c, &o->row, &parents, &n, err);
    for (uint32_t i = 0; i < o->more.n && rc == CS_OK; i++) {
        const char *text = values_of(o, &o->columns[i], parents, n);
        cells[i] = (struct cs_cell){.kind = text[0] != '\0' ? CS_CELL_TEXT : CS_CELL_NONE, .text = text};
    }
    return rc;
}

struct cs_export_origin *cs_export_origin_open(const struct cs_generation_view *view)
{
    const struct cs_study *s = view->spec.study;
    if (s->parent == NULL)
        return NULL;
    struct cs_export_origin *o = cs_xcalloc(1, sizeof *o);
    const uint32_t most = 2 * (N_FIXED + s->parent->n_factors);
    struct cs_take take;
    o->study = s;
    o->columns = cs_arena_array(&o->arena, most, sizeof *o->columns);
    o->names = cs_arena_array(&o->arena, most, sizeof *o->names);
    o->more = (struct cs_export_more){.self = o, .names = o->names, .fill = fill};
    if (cs_take_parse(s->parent->take, &o->arena, &take, NULL) == CS_OK && take.pair[0] != '\0') {
        add_side(o, "first", CS_PARENT_FIRST);
        add_side(o, "second", CS_PARENT_SECOND);
    } else {
        add_side(o, "parent", CS_PARENT_ALONE);
    }
    return o;
}

const struct cs_export_more *cs_export_origin_more(const struct cs_export_origin *o)
{
    return &o->more;
}

void cs_export_origin_close(struct cs_export_origin *o)
{
    if (o == NULL)
        return;
    cs_arena_release(&o->arena);
    cs_arena_release(&o->row);
    free(o);
}
