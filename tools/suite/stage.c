#include "tools/suite/stage.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/file.h"
#include "protocol/base/json.h"
#include "protocol/load/providers.h"
#include "tools/suite/hidden.h"

enum { FILE_BYTES_MAX = 64 * 1024 * 1024, TEXT_MAX = 4 * 1024 * 1024, OTHERS_MAY_READ = 0640, PRIVATE = 0600 };

/* ---- the text of a study ------------------------------------------------------------------------------- */

static void put_models(struct cs_buf *out, const char *const *models, uint32_t n)
{
    cs_buf_str(out, "models: [");
    for (uint32_t i = 0; i < n; i++) {
        cs_buf_str(out, i > 0 ? ", " : "");
        cs_json_str(out, models[i], strlen(models[i]));
    }
    cs_buf_str(out, "]\n");
}

/* A line of the file without `model` among what a contrast may differ by. */
static void put_line(struct cs_buf *out, const char *line, size_t n)
{
    static const char *const words[] = {"differs_by: [model, ", ", model, ", ", model]"};
    static const char *const instead[] = {"differs_by: [", ", ", "]"};
    const char *by = memmem(line, n, "differs_by: [", 13), *at = NULL;
    size_t which = 0;
    for (size_t i = 0; by != NULL && at == NULL && i < sizeof words / sizeof *words; i++) {
        at = memmem(by, (size_t)(line + n - by), words[i], strlen(words[i]));
        which = i;
    }
    if (at == NULL) {
        cs_buf_append(out, line, n);
        return;
    }
    cs_buf_append(out, line, (size_t)(at - line));
    cs_buf_str(out, instead[which]);
    const char *rest = at + strlen(words[which]);
    cs_buf_append(out, rest, (size_t)(line + n - rest));
}

enum cs_err cs_stage_text(const char *text, const char *const *models, uint32_t n, char **out, struct cs_error *err)
{
    struct cs_buf b = CS_BUF_INIT(TEXT_MAX);
    bool found = false, inside = false;
    for (const char *line = text; line[0] != '\0';) {
        const size_t len = strcspn(line, "\n") + (line[strcspn(line, "\n")] == '\n');
        const bool is_models = strncmp(line, "models:", 7) == 0;
        found = found || is_models;
        inside = n > 0 && (is_models || (inside && (line[0] == ' ' || line[0] == '-'))); /* what belongs to `models:` */
        if (is_models && n > 0) {
            put_models(&b, models, n);
        } else if (!inside) {
            put_line(&b, line, len);
        }
        line += len;
    }
    *out = cs_buf_take(&b);
    return found ? CS_OK : cs_error_set(err, CS_EINVAL, "no line begins with `models:`");
}

/* ---- files ------------------------------------------------------------------------------------------------ */

/* Writes it unless it is there with these bytes. What a run was made of is never replaced. */
static enum cs_err keep(const char *path, const char *bytes, size_t n, unsigned mode, struct cs_error *err)
{
    char *there = NULL;
    size_t len = 0;
    enum cs_err rc = cs_file_read(path, FILE_BYTES_MAX, &there, &len, err);
    if (rc == CS_ENOENT)
        rc = cs_file_write(path, bytes, n, mode, err);
    else if (rc == CS_OK && (len != n || memcmp(there, bytes, n) != 0))
        rc = cs_error_set(err, CS_EEXIST,
                          "%s is there with other contents: this folder is of another version of the suite, or was "
                          "edited; use another --dir",
                          path);
    free(there);
    return rc;
}

bool cs_stage_keeps(const struct cs_stage *t, const struct cs_suite_study *s, const char *name)
{
    for (uint32_t i = 0; i < s->n_parts; i++) {
        if (strcmp(s->parts[i].file, name) == 0)
            return false; /* written apart */
    }
    if (name[0] == '.' || strcmp(name, "README.md") == 0 || (s->table != NULL && strcmp(s->table, name) == 0))
        return false;
    return t->simulated || (strcmp(name, "providers.yaml") != 0 && strcmp(name, "truth.yaml") != 0);
}

static enum cs_err copy(const char *from, const char *to, unsigned mode, struct cs_error *err)
{
    char *bytes = NULL;
    size_t n = 0;
    enum cs_err rc = cs_file_read(from, FILE_BYTES_MAX, &bytes, &n, err);
    if (rc == CS_OK)
        rc = keep(to, bytes, n, mode, err);
    free(bytes);
    return rc;
}

static enum cs_err copy_tables(const struct cs_stage *t, const struct cs_stage_study *s, struct cs_error *err)
{
    const char *folder = s->study->folder;
    enum cs_err rc = CS_OK;
    DIR *d = opendir(folder);
    if (d == NULL)
        return cs_error_set(err, CS_ENOENT, "%s: %s; the suite's studies belong beside it, in ../studies", folder,
                            strerror(errno));
    for (struct dirent *e; rc == CS_OK && (e = readdir(d)) != NULL;) {
        struct stat st;
        char *from = cs_xasprintf("%s/%s", folder, e->d_name), *to = cs_xasprintf("%s/%s", s->folder, e->d_name);
        if (cs_stage_keeps(t, s->study, e->d_name) && stat(from, &st) == 0 && S_ISREG(st.st_mode))
            rc = copy(from, to, OTHERS_MAY_READ, err);
        free(from);
        free(to);
    }
    closedir(d);
    return rc;
}

char *cs_stage_file(const struct cs_stage *t, uint32_t study, uint32_t part)
{
    const struct cs_stage_study *s = &t->studies[study];
    return cs_xasprintf("%s/%s", s->folder, s->study->parts[part].file);
}

static enum cs_err write_part(const struct cs_stage *t, uint32_t study, uint32_t part, struct cs_error *err)
{
    const struct cs_stage_study *s = &t->studies[study];
    const char *stand_in = t->simulated ? cs_suite_stand_in(s->study, t->model) : t->model;
    char *from = cs_xasprintf("%s/%s", s->study->folder, s->study->parts[part].file), *text = NULL, *made = NULL;
    char *to = cs_stage_file(t, study, part);
    size_t n = 0;
    enum cs_err rc = cs_file_read(from, TEXT_MAX, &text, &n, err);
    if (rc == CS_OK)
        rc = part == 0 ? cs_stage_text(text, &stand_in, 1, &made, err)
                       : cs_stage_text(text, s->judges, s->n_judges, &made, err);
    if (rc == CS_EINVAL)
        rc = cs_error_wrap(err, rc, "%s", from);
    if (rc == CS_OK)
        rc = keep(to, made, strlen(made), OTHERS_MAY_READ, err);
    free(from);
    free(to);
    free(text);
    free(made);
    return rc;
}

static enum cs_err stage_study(const struct cs_stage *t, uint32_t i, const char *hidden, struct cs_error *err)
{
    const struct cs_stage_study *s = &t->studies[i];
    enum cs_err rc = cs_file_mkdir_p(s->folder, err);
    if (rc == CS_OK)
        rc = copy_tables(t, s, err);
    if (rc == CS_OK && s->study->table != NULL) {
        char *from = cs_hidden_table(hidden, s->study), *to = cs_xasprintf("%s/%s", s->folder, s->study->table);
        rc = copy(from, to, PRIVATE, err);
        free(from);
        free(to);
    }
    for (uint32_t part = 0; part < s->study->n_parts && rc == CS_OK; part++)
        rc = write_part(t, i, part, err);
    return rc;
}

/* ---- judges ---------------------------------------------------------------------------------------------- */

static const struct cs_provider_model *model_of_id(const struct cs_providers *p, const char *id)
{
    for (uint32_t i = 0; i < p->n_models; i++) {
        if (strcmp(p->models[i].model, id) == 0)
            return &p->models[i];
    }
    return NULL;
}

/* What stands behind the last "/": a gateway's "openai/gpt-4.1" is "gpt-4.1". */
static const char *bare_id(const char *id)
{
    const char *slash = strrchr(id, '/');
    return slash != NULL ? slash + 1 : id;
}

/* "-2025-04-14", "-20250414", "@20250414" */
static bool is_date(const char *s)
{
    unsigned digits = 0;
    for (const char *c = s; c[0] != '\0'; c++) {
        digits += isdigit((unsigned char)c[0]) != 0;
        if (!isdigit((unsigned char)c[0]) && c[0] != '-' && (c[0] != '@' || c != s))
            return false;
    }
    return digits == 8 && (s[0] == '-' || s[0] == '@');
}

bool cs_stage_same_model(const char *a, const char *b)
{
    const char *one = bare_id(a), *two = bare_id(b);
    const size_t n = strlen(one), m = strlen(two);
    if (n > m)
        return cs_stage_same_model(two, one);
    return strncmp(one, two, n) == 0 && (two[n] == '\0' || is_date(two + n));
}

/* The suite's judges are models of the user's file that are sent under the ids that it names. */
static void choose_judges(struct cs_stage *t, struct cs_stage_study *s, const struct cs_providers *p,
                          const struct cs_stage_options *o)
{
    const struct cs_suite_part *part = &s->study->parts[1];
    if (s->study->n_parts < 2 || t->simulated)
        return;
    for (uint32_t i = 0; i < part->n_judges; i++) {
        const struct cs_provider_model *m = o->n_judges == 0  ? model_of_id(p, part->judges[i])
                                            : i < o->n_judges ? &p->models[cs_providers_model(p, o->judges[i])]
                                                              : NULL;
        if (m == NULL) {
            s->left_out = o->n_judges > 0
                              ? cs_arena_printf(&t->arena, "it needs %u judges, and --judge names %u", part->n_judges,
                                                o->n_judges)
                              : cs_arena_printf(&t->arena,
                                                "its judge %s is not in the providers file; add it, or name others "
                                                "with --judge",
                                                part->judges[i]);
            return;
        }
        if (cs_stage_same_model(m->model, p->models[cs_providers_model(p, o->model)].model)) {
            s->left_out = cs_arena_printf(&t->arena, "its judge %s is the model itself; name others with --judge",
                                          m->model);
            return;
        }
        s->judges[s->n_judges++] = m->name;
    }
}

/* ---- all of it -------------------------------------------------------------------------------------------- */

static enum cs_err read_providers(struct cs_stage *t, const struct cs_stage_options *o, struct cs_providers *p,
                                  struct cs_error *err)
{
    char real[PATH_MAX];
    const char *path = NULL;
    enum cs_err rc = cs_providers_find("./study.yaml", o->providers, &t->arena, &path, err);
    if (rc != CS_OK)
        return cs_error_set(err, CS_ENOENT, "model %s is looked up in a providers file: name it with --providers FILE",
                            o->model);
    if (realpath(path, real) == NULL)
        return cs_error_set(err, CS_ENOENT, "there is no providers file %s", path);
    t->providers = cs_arena_strdup(&t->arena, real);
    rc = cs_providers_load(path, &t->arena, p, err);
    for (uint32_t i = 0; rc == CS_OK && i < 1 + o->n_judges; i++) {
        const char *name = i == 0 ? o->model : o->judges[i - 1];
        const uint32_t at = cs_providers_model(p, name);
        if (at == CS_NONE)
            rc = cs_error_set(err, CS_EINVAL, "%s %s is not in %s, and no simulated model of the suite",
                              i == 0 ? "model" : "judge", name, path);
        else if (p->accounts[p->models[at].account].simulated)
            rc = cs_error_set(err, CS_EINVAL, "%s is simulated in %s; of simulated models a suite knows its own alone",
                              name, path);
    }
    return rc;
}

static enum cs_err note_whose(const struct cs_stage *t, struct cs_error *err)
{
    struct cs_json *o = cs_json_pack("{s:s, s:s, s:s, s:s}", "schema", "clinsafe.suite-folder/1", "suite",
                                     t->suite->name, "digest", t->suite->digest_hex, "model", t->model);
    char *path = cs_xasprintf("%s/suite.json", t->dir), *text = cs_json_dumps(o, CS_JSON_INDENT(1));
    char *line = cs_xasprintf("%s\n", text);
    enum cs_err rc = keep(path, line, strlen(line), OTHERS_MAY_READ, err);
    if (rc == CS_EEXIST)
        rc = cs_error_set(err, CS_EEXIST,
                          "%s is a folder of another suite, version or model (suite.json in it says which); use "
                          "another --dir",
                          t->dir);
    cs_json_decref(o);
    free(path);
    free(text);
    free(line);
    return rc;
}

enum cs_err cs_stage_make(struct cs_stage *out, const struct cs_suite *s, const struct cs_stage_options *o,
                          struct cs_error *err)
{
    struct cs_providers p = {0};
    *out = (struct cs_stage){.suite = s, .n = s->n_studies, .simulated = cs_suite_is_simulated(s, o->model)};
    out->dir = cs_arena_strdup(&out->arena, o->dir);
    out->model = cs_arena_strdup(&out->arena, o->model);
    enum cs_err rc = out->simulated ? CS_OK : read_providers(out, o, &p, err);
    for (uint32_t i = 0; i < s->n_studies && rc == CS_OK; i++) {
        struct cs_stage_study *t = &out->studies[i];
        t->study = &s->studies[i];
        t->folder = cs_arena_printf(&out->arena, "%s/%s", out->dir, t->study->name);
        choose_judges(out, t, &p, o);
        if (out->simulated && cs_suite_stand_in(t->study, o->model) == NULL)
            t->left_out = "no simulated model stands for it";
        if (t->study->table != NULL && o->hidden == NULL)
            t->left_out = "its texts are private: they are with whoever keeps them";
        else if (t->study->table != NULL) {
            char *table = cs_hidden_table(o->hidden, t->study);
            rc = cs_hidden_check(s, t->study, o->hidden, table, err);
            free(table);
        }
    }
    if (rc == CS_OK)
        rc = cs_file_mkdir_p(out->dir, err);
    if (rc == CS_OK)
        rc = note_whose(out, err);
    for (uint32_t i = 0; i < out->n && rc == CS_OK; i++) {
        if (out->studies[i].left_out == NULL)
            rc = stage_study(out, i, o->hidden, err);
    }
    return rc;
}

char *cs_stage_begun(const struct cs_stage_study *s)
{
    for (uint32_t p = 0; p < s->study->n_parts; p++) {
        const char *file = s->study->parts[p].file, *dot = strrchr(file, '.');
        char *store = cs_xasprintf("%s/%.*s.clinsafe", s->folder, dot != NULL ? (int)(dot - file) : (int)strlen(file),
                                   file);
        if (access(store, F_OK) == 0)
            return store;
        free(store);
    }
    return NULL;
}

void cs_stage_release(struct cs_stage *t)
{
    cs_arena_release(&t->arena);
}
