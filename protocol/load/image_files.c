/* image_files.c - `prompt: {images: [case.photo, FACTOR.COLUMN]}` and a level's `image:`: files beside the study that go with the prompt.
 *
 * A path is looked up like a table's (loader.h), its bytes are read once, whatever they are called, and a reference (study/image.h) stands for
 * them from then on, in a further column.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/base64.h"
#include "protocol/base/file.h"
#include "protocol/dialects/images.h"
#include "protocol/load/loader.h"

/* ---- one file ------------------------------------------------------------------------------------------ */

static const char *path_of(const struct cs_loader *l, const char *name)
{
    char *beside = cs_file_beside(l->path, name), *in_data = NULL;
    if (l->data_dir != NULL && name[0] != '/')
        in_data = cs_xasprintf("%s/%s", l->data_dir, name);
    const char *path = cs_arena_strdup(l->arena, in_data != NULL && access(in_data, F_OK) == 0 ? in_data : beside);
    free(beside);
    free(in_data);
    return path;
}

/* Every provider of the study takes it. */
static enum cs_err check_fits(const struct cs_loader *l, const struct cs_image *image, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; i < l->s->n_models && rc == CS_OK; i++) {
        rc = cs_images_fit(l->s->accounts[l->s->models[i].account].protocol, image, err);
        if (rc != CS_OK)
            rc = cs_error_set(err, rc, "%s (model %s)", cs_arena_strdup(l->arena, err->msg), l->s->models[i].name);
    }
    return rc;
}

static enum cs_err read_file(struct cs_loader *l, const char *name, const struct cs_load_picture **out,
                             struct cs_error *err)
{
    const uint32_t known = cs_names_get(&l->picture_names, name);
    struct cs_buf text = CS_BUF_INIT(CS_TEXT_MAX);
    struct cs_error why = {0};
    char *bytes = NULL;
    size_t n = 0;
    if (known != CS_NONE) {
        *out = l->pictures[known];
        return CS_OK;
    }
    if (strstr(name, "://") != NULL || strncmp(name, "data:", 5) == 0)
        return cs_error_set(err, CS_EINVAL, "an address; images are files, save it beside the study");
    struct cs_load_picture *p = cs_arena_alloc(l->arena, sizeof *p);
    p->path = path_of(l, name);
    enum cs_err rc = cs_file_read(p->path, CS_IMAGE_BYTES_MAX, &bytes, &n, &why);
    if (rc == CS_ENOENT)
        rc = cs_error_set(err, CS_EINVAL, "there is no file %s; paths are relative to the study file", p->path);
    else if (rc == CS_ETOOBIG)
        rc = cs_error_set(err, rc, "an image over %d bytes; save it smaller", CS_IMAGE_BYTES_MAX);
    else if (rc != CS_OK)
        rc = cs_error_set(err, rc, "%s", why.msg);
    if (rc == CS_OK)
        rc = cs_image_make(bytes, n, cs_arena_strdup(l->arena, name), &p->image, err);
    free(bytes);
    if (rc == CS_OK)
        rc = check_fits(l, &p->image, err);
    if (rc != CS_OK)
        return rc;
    cs_image_put(&p->image, &text);
    p->text = cs_arena_strdup(l->arena, cs_buf_cstr(&text));
    cs_buf_release(&text);
    cs_names_put(&l->picture_names, p->image.name, l->n_pictures);
    l->pictures = cs_xrealloc(l->pictures, l->n_pictures + 1, sizeof *l->pictures);
    l->pictures[l->n_pictures++] = p;
    *out = p;
    return CS_OK;
}

/* ---- where they stand ---------------------------------------------------------------------------------- */

/* The column of references beside a case column. */
static enum cs_err references(struct cs_loader *l, const struct cs_node *n, uint32_t column, uint32_t *out)
{
    const char *name = cs_arena_printf(l->arena, "%s" CS_IMAGE_COLUMN, l->columns[column]);
    *out = cs_names_get(&l->column_names, name);
    if (*out != CS_NONE && *out < l->table.n_columns)
        return cs_yaml_fail(n, l->err, "the cases have a column %s of their own; rename it", name);
    if (*out == CS_NONE)
        *out = cs_loader_add_column(l, name);
    return *out != CS_NONE ? CS_OK : cs_yaml_fail(n, l->err, "more than %d case columns", CS_COLUMNS_MAX);
}

/* when: which cases the prompt is for, or NULL. An empty cell is no image. */
static enum cs_err read_column(struct cs_loader *l, const struct cs_node *n, uint32_t column, const char *when,
                               uint32_t *out)
{
    struct cs_error why = {0};
    enum cs_err rc = references(l, n, column, out);
    for (uint32_t i = 0; i < l->s->n_cases && rc == CS_OK; i++) {
        const char *name = cs_loader_value(l, i, column);
        const struct cs_load_picture *p = NULL;
        if (name[0] == '\0' || l->added[*out][i][0] != '\0' ||
            (when != NULL && strcmp(cs_loader_value(l, i, l->s->prompt_by_column), when) != 0))
            continue;
        if (read_file(l, name, &p, &why) != CS_OK)
            rc = cs_table_fail(&l->table, i, l->err, "%s of case \"%s\" is \"%.200s\": %s", l->columns[column],
                               l->all[i].id, name, why.msg);
        else
            l->added[*out][i] = p->text;
    }
    return rc;
}

static enum cs_err case_column(struct cs_loader *l, const struct cs_node *n, uint32_t *out)
{
    enum cs_err rc = cs_loader_column(l, n, "images", out);
    if (rc == CS_OK && cs_loader_is_list(l, *out))
        rc = cs_yaml_fail(n, l->err, "%s is a list; an image's path stands in a column of its own", n->text);
    return rc;
}

/* The node of a level that is written in the study file, or NULL. */
static const struct cs_node *level_node(const struct cs_loader *l, uint32_t factor, const char *id)
{
    const struct cs_node *f = cs_node_get(l->root, "factors")->first, *n;
    for (; factor > 0; factor--)
        f = f->next;
    n = cs_node_get(f, "levels") != NULL ? cs_node_get(f, "levels")->first : NULL;
    while (n != NULL && strcmp(cs_node_get(n, "id")->text, id) != 0)
        n = n->next;
    return n;
}

/* A path of one wording, or `case.COLUMN` of a level written in the study file. */
static enum cs_err read_wording(struct cs_loader *l, const struct cs_node *n, uint32_t factor, struct cs_level *level,
                                const char *name, const char **text)
{
    const struct cs_node *own = level_node(l, factor, level->id), *at = own != NULL ? cs_node_get(own, "image") : NULL;
    const struct cs_load_picture *p = NULL;
    struct cs_error why = {0};
    uint32_t column, image;
    *text = "";
    if (name[0] == '\0')
        return CS_OK;
    if (at != NULL && strncmp(name, "case.", 5) == 0) {
        enum cs_err rc = case_column(l, at, &column);
        if (rc == CS_OK)
            rc = read_column(l, at, column, NULL, &image);
        level->image = rc == CS_OK ? image + 1 : 0;
        return rc;
    }
    if (read_file(l, name, &p, &why) == CS_OK)
        *text = p->text;
    return p != NULL ? CS_OK
                     : cs_yaml_fail(at != NULL ? at : n, l->err, "the image of level \"%s\" is \"%.200s\": %s",
                                    level->id, name, why.msg);
}

/* The column of references beside a factor's column: all its wordings get one more value. */
static enum cs_err read_factor(struct cs_loader *l, const struct cs_node *n, uint32_t factor, uint32_t column,
                               uint32_t *out)
{
    struct cs_factor *f = (struct cs_factor *)(uintptr_t)&l->s->factors[factor]; /* still being made */
    const char *name = cs_arena_printf(l->arena, "%s" CS_IMAGE_COLUMN, f->columns[column]);
    for (uint32_t i = 0; i < f->n_columns; i++) {
        if (strcmp(f->columns[i], name) == 0) {
            *out = i;
            return CS_OK;
        }
    }
    const char **columns = cs_arena_array(l->arena, f->n_columns + 1, sizeof *columns);
    memcpy(columns, f->columns, f->n_columns * sizeof *columns);
    columns[f->n_columns] = name;
    for (uint32_t i = 0; i < f->n_levels; i++) {
        struct cs_level *level = (struct cs_level *)(uintptr_t)&f->levels[i];
        struct cs_wording *wordings = cs_arena_array(l->arena, level->n_wordings, sizeof *wordings);
        memcpy(wordings, level->wordings, level->n_wordings * sizeof *wordings);
        for (uint32_t w = 0; w < level->n_wordings; w++) {
            const char **values = cs_arena_array(l->arena, f->n_columns + 1, sizeof *values);
            memcpy(values, wordings[w].values, f->n_columns * sizeof *values);
            enum cs_err rc = read_wording(l, n, factor, level, values[column], &values[f->n_columns]);
            if (rc != CS_OK)
                return rc;
            wordings[w].values = values;
        }
        level->wordings = wordings;
    }
    *out = f->n_columns++;
    f->columns = columns;
    l->placed[factor] = true;
    return CS_OK;
}

/* FACTOR.COLUMN; false: no such factor. */
static bool names_factor(const struct cs_loader *l, const char *name, uint32_t *factor, const char **column)
{
    const char *dot = strchr(name, '.');
    if (dot == NULL)
        return false;
    *factor = cs_study_factor(l->s, cs_arena_strndup(l->arena, name, (size_t)(dot - name)));
    *column = dot + 1;
    return *factor != CS_NONE;
}

static enum cs_err load_place(struct cs_loader *l, const struct cs_node *n, const char *when,
                              struct cs_image_place *out)
{
    const char *name, *column;
    uint32_t from = CS_NONE;
    enum cs_err rc = cs_node_text(n, "images", &name, l->err);
    if (rc != CS_OK)
        return rc;
    if (!names_factor(l, name, &out->factor, &column)) {
        out->factor = CS_NONE;
        rc = case_column(l, n, &from);
        return rc == CS_OK ? read_column(l, n, from, when, &out->column) : rc;
    }
    const struct cs_factor *f = &l->s->factors[out->factor];
    for (uint32_t i = 0; i < f->n_columns; i++)
        from = strcmp(f->columns[i], column) == 0 ? i : from;
    if (from == CS_NONE)
        return cs_yaml_fail(n, l->err, "images is \"%s\", but factor \"%s\" has no such column%s", name, f->name,
                            cs_names_hint(column, f->columns, f->n_columns).text);
    return read_factor(l, n, out->factor, from, &out->column);
}

static bool has_place(const struct cs_template_set *set, uint32_t factor, uint32_t column)
{
    for (uint32_t i = 0; i < set->n_images; i++) {
        if (set->images[i].factor == factor && set->images[i].column == column)
            return true;
    }
    return false;
}

/* Factors whose levels have `image:` bring it, whether the prompt names it or not. */
static enum cs_err add_levels(struct cs_loader *l, const struct cs_node *n, struct cs_template_set *set)
{
    struct cs_image_place *places = (struct cs_image_place *)(uintptr_t)set->images; /* still being made */
    enum cs_err rc = CS_OK;
    for (uint32_t f = 0; f < l->s->n_factors && rc == CS_OK; f++) {
        uint32_t from = CS_NONE, column = 0;
        bool inlined = false;
        for (uint32_t i = 0; i < l->s->factors[f].n_levels && !inlined; i++) {
            const struct cs_node *own = level_node(l, f, l->s->factors[f].levels[i].id);
            inlined = own != NULL && cs_node_get(own, "image") != NULL;
        }
        for (uint32_t i = 0; i < l->s->factors[f].n_columns && inlined; i++)
            from = strcmp(l->s->factors[f].columns[i], "image") == 0 ? i : from;
        if (from == CS_NONE)
            continue;
        rc = read_factor(l, n, f, from, &column);
        if (rc == CS_OK && has_place(set, f, column))
            continue;
        if (rc == CS_OK && set->n_images == CS_IMAGES_MAX)
            rc = cs_yaml_fail(n, l->err, "more than %d images in one prompt", CS_IMAGES_MAX);
        if (rc == CS_OK)
            places[set->n_images++] = (struct cs_image_place){f, column};
    }
    return rc;
}

/* ---- all of a prompt ----------------------------------------------------------------------------------- */

static uint64_t bytes_of(const struct cs_image *image)
{
    return cs_base64_length((uint64_t)image->bytes);
}

/* The largest image that a place can show with a case. */
static struct cs_image largest_at(const struct cs_loader *l, const struct cs_image_place *at, uint32_t case_index)
{
    struct cs_image most = {0}, one;
    if (at->factor == CS_NONE) {
        if (cs_image_parse(cs_loader_value(l, case_index, at->column), &one, NULL) == CS_OK)
            most = one;
        return most;
    }
    const struct cs_factor *f = &l->s->factors[at->factor];
    for (uint32_t i = 0; i < f->n_levels; i++) {
        const struct cs_level *level = &f->levels[i];
        for (uint32_t w = 0; w < level->n_wordings; w++) {
            const char *text = level->image != 0 ? cs_loader_value(l, case_index, level->image - 1)
                                                 : level->wordings[w].values[at->column];
            if (cs_image_parse(text, &one, NULL) == CS_OK && bytes_of(&one) > bytes_of(&most))
                most = one;
        }
    }
    return most;
}

/* What the largest of a case's prompts holds, every provider takes. */
static enum cs_err check_together(const struct cs_loader *l, const struct cs_template_set *set)
{
    struct cs_image images[CS_IMAGES_MAX];
    struct cs_error why = {0};
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; i < l->s->n_cases && rc == CS_OK; i++) {
        uint32_t n = 0;
        for (uint32_t k = 0; k < set->n_images; k++) {
            images[n] = largest_at(l, &set->images[k], i);
            n += images[n].bytes > 0;
        }
        for (uint32_t m = 0; m < l->s->n_models && rc == CS_OK; m++) {
            if (cs_images_fit_together(l->s->accounts[l->s->models[m].account].protocol, images, n, &why) != CS_OK)
                rc = cs_table_fail(&l->table, i, l->err, "a prompt of case \"%s\" has %s (model %s)", l->all[i].id,
                                   why.msg, l->s->models[m].name);
        }
    }
    return rc;
}

/* Every model can be shown one. */
static enum cs_err check_models(const struct cs_loader *l, const struct cs_node *n)
{
    for (uint32_t i = 0; i < l->s->n_models; i++) {
        const struct cs_model *m = &l->s->models[i];
        if (l->blind[i])
            return cs_yaml_fail(n, l->err,
                                "model \"%s\" takes no images (images: no in the providers file); leave it "
                                "out of this study, or the images",
                                m->name);
        if (l->s->accounts[m->account].protocol == CS_PROTOCOL_HTTP)
            return cs_yaml_fail(n, l->err,
                                "model \"%s\" is a system behind HTTP, which images have no place in; leave "
                                "it out of this study, or the images",
                                m->name);
    }
    return CS_OK;
}

enum cs_err cs_load_image_files(struct cs_loader *l, const struct cs_node *prompt, struct cs_template_set *set)
{
    const struct cs_node *n = cs_node_get(prompt, "images"), *c = n;
    struct cs_image_place *places = cs_arena_array(l->arena, CS_IMAGES_MAX, sizeof *places);
    const char *when = l->s->prompt_by_column != CS_NONE ? set->when : NULL;
    enum cs_err rc = n != NULL && n->kind != CS_NODE_TEXT ? cs_node_list(n, "images", l->err) : CS_OK;
    if (rc == CS_OK && n != NULL && n->kind == CS_NODE_LIST && n->n > CS_IMAGES_MAX)
        rc = cs_yaml_fail(n, l->err, "%u images in one prompt; at most %d", n->n, CS_IMAGES_MAX);
    set->images = places;
    if (n != NULL && n->kind == CS_NODE_LIST)
        c = n->first;
    for (; c != NULL && rc == CS_OK; c = n->kind == CS_NODE_LIST ? c->next : NULL) {
        struct cs_image_place at = {0};
        rc = load_place(l, c, when, &at);
        if (rc == CS_OK && has_place(set, at.factor, at.column))
            rc = cs_yaml_fail(c, l->err, "\"%s\" stands twice in images; name it once", c->text);
        places[set->n_images++] = at;
    }
    if (rc == CS_OK)
        rc = add_levels(l, n != NULL ? n : prompt, set);
    if (rc != CS_OK || set->n_images == 0)
        return rc;
    if (l->snapshot != NULL)
        return cs_yaml_fail(n != NULL ? n : prompt, l->err,
                            "the cases are outputs of another study; images go with cases of one's own");
    rc = check_models(l, n != NULL ? n : prompt);
    return rc == CS_OK ? check_together(l, set) : rc;
}
