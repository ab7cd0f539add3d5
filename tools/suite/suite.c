#include "tools/suite/suite.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/digest.h"
#include "protocol/base/file.h"
#include "protocol/table/node.h"

enum { FILE_MAX = 1024 * 1024, CANARY_MIN = 24 };

/* ---- where it is ------------------------------------------------------------------------------------- */

static char *beside_program(const char *folder, const char *name)
{
    char exe[PATH_MAX];
    const ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n <= 0)
        return NULL;
    exe[n] = '\0';
    char *slash = strrchr(exe, '/');
    if (slash != NULL)
        *slash = '\0';
    return cs_xasprintf("%s/%s/%s.yaml", exe, folder, name);
}

enum cs_err cs_suite_find_named(const char *name, char **path, struct cs_error *err)
{
    const size_t n = strlen(name);
    *path = NULL;
    if (name[0] == '\0' || strchr(name, '/') != NULL || (n > 5 && strcmp(name + n - 5, ".yaml") == 0))
        return cs_error_set(err, CS_EINVAL, "\"%.80s\" is no name of a suite, as in v1; name its file with --suite",
                            name);
    return cs_suite_find(name, path, err);
}

enum cs_err cs_suite_find(const char *word, char **path, struct cs_error *err)
{
    const size_t n = strlen(word);
    if (strchr(word, '/') != NULL || (n > 5 && strcmp(word + n - 5, ".yaml") == 0)) {
        *path = cs_xstrdup(word);
        return access(word, R_OK) == 0 ? CS_OK : cs_error_set(err, CS_ENOENT, "there is no suite file %s", word);
    }
    char *places[] = {cs_xasprintf("ops/suites/%s.yaml", word), beside_program("../ops/suites", word),
                      beside_program("../share/clinsafe/suites", word),
                      beside_program("../../share/clinsafe/suites", word)}; /* in libexec/clinsafe */
    *path = NULL;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (*path == NULL && places[i] != NULL && access(places[i], R_OK) == 0)
            *path = places[i];
        else
            free(places[i]);
    }
    if (*path == NULL)
        return cs_error_set(err, CS_ENOENT,
                            "there is no suite \"%.80s\": no ops/suites/%.80s.yaml here or beside the program; name "
                            "its file",
                            word, word);
    return CS_OK;
}

/* ---- its parts ------------------------------------------------------------------------------------------ */

static enum cs_err read_digest(const struct cs_node *map, const char *key, const char **out, struct cs_error *err)
{
    const struct cs_node *n;
    uint8_t bytes[32];
    enum cs_err rc = cs_node_need(map, "a study of a suite", key, &n, err);
    if (rc == CS_OK)
        rc = cs_node_text(n, key, out, err);
    if (rc == CS_OK && !cs_digest_unhex(*out, bytes, sizeof bytes))
        rc = cs_yaml_fail(n, err, "%s is not a digest of 64 hexadecimal digits; `clinsafe suite show` has it", key);
    return rc;
}

static enum cs_err read_call(const struct cs_node *map, const char *key, struct cs_suite_tokens *out,
                             struct cs_error *err)
{
    const struct cs_node *n;
    enum cs_err rc = cs_node_need(map, "tokens", key, &n, err);
    if (rc == CS_OK)
        rc = cs_node_list(n, key, err);
    if (rc == CS_OK && n->n != 2)
        rc = cs_yaml_fail(n, err, "%s: want two numbers, tokens in and out of one call, as in [120, 30]", key);
    if (rc == CS_OK)
        rc = cs_node_number(n->first, "tokens in", 0, 1e6, &out->in, err);
    return rc == CS_OK ? cs_node_number(n->first->next, "tokens out", 0, 1e6, &out->out, err) : rc;
}

static enum cs_err read_tokens(const struct cs_node *map, struct cs_suite_part *out, struct cs_error *err)
{
    static const char *const keys[] = {"simulated", "real", NULL};
    const struct cs_node *n;
    enum cs_err rc = cs_node_need(map, "a study of a suite", "tokens", &n, err);
    if (rc == CS_OK)
        rc = cs_node_map(n, "tokens", keys, err);
    if (rc == CS_OK)
        rc = read_call(n, "simulated", &out->simulated, err);
    return rc == CS_OK ? read_call(n, "real", &out->real, err) : rc;
}

static enum cs_err read_pairs(const struct cs_node *n, const char *what, struct cs_arena *arena,
                              const struct cs_suite_pair **out, uint32_t *n_out, struct cs_error *err)
{
    enum cs_err rc = cs_node_any_map(n, what, err);
    struct cs_suite_pair *list = cs_arena_array(arena, n->n + 1, sizeof *list);
    for (const struct cs_node *v = n->first; rc == CS_OK && v != NULL; v = v->next) {
        struct cs_suite_pair *p = &list[(*n_out)++];
        *p = (struct cs_suite_pair){.name = v->key, .line = v->key_line};
        rc = cs_node_text(v, what, &p->value, err);
    }
    *out = list;
    return rc;
}

static enum cs_err read_judged(const struct cs_node *n, struct cs_suite_part *out, struct cs_error *err)
{
    static const char *const keys[] = {"file", "spec", "analysis", "judges", "tokens", NULL};
    const struct cs_node *v;
    enum cs_err rc = cs_node_map(n, "judged", keys, err);
    if (rc == CS_OK)
        rc = cs_node_need(n, "judged", "file", &v, err);
    if (rc == CS_OK)
        rc = cs_node_text(v, "file", &out->file, err);
    if (rc == CS_OK)
        rc = read_digest(n, "spec", &out->spec, err);
    if (rc == CS_OK)
        rc = read_digest(n, "analysis", &out->analysis, err);
    if (rc == CS_OK)
        rc = read_tokens(n, out, err);
    if (rc == CS_OK)
        rc = cs_node_need(n, "judged", "judges", &v, err);
    if (rc == CS_OK)
        rc = cs_node_list(v, "judges", err);
    if (rc == CS_OK && v->n > CS_SUITE_JUDGES_MAX)
        rc = cs_yaml_fail(v, err, "%u judges; at most %d", v->n, CS_SUITE_JUDGES_MAX);
    for (const struct cs_node *j = rc == CS_OK ? v->first : NULL; rc == CS_OK && j != NULL; j = j->next)
        rc = cs_node_text(j, "a judge", &out->judges[out->n_judges++], err);
    return rc;
}

/* `private: {table: vignettes.csv, rows: [HMAC, ...]}`. */
static enum cs_err read_private(const struct cs_node *n, struct cs_arena *arena, struct cs_suite_study *out,
                                struct cs_error *err)
{
    static const char *const keys[] = {"table", "rows", NULL};
    const struct cs_node *v;
    uint8_t bytes[32];
    enum cs_err rc = cs_node_map(n, "private", keys, err);
    if (rc == CS_OK)
        rc = cs_node_need(n, "private", "table", &v, err);
    if (rc == CS_OK)
        rc = cs_node_text(v, "table", &out->table, err);
    if (rc == CS_OK && strchr(out->table, '/') != NULL)
        rc = cs_yaml_fail(v, err, "table: name a file of the study's folder, without a path");
    if (rc == CS_OK)
        rc = cs_node_need(n, "private", "rows", &v, err);
    if (rc == CS_OK)
        rc = cs_node_list(v, "rows", err);
    if (rc != CS_OK)
        return rc;
    const char **list = cs_arena_array(arena, v->n, sizeof *list);
    for (const struct cs_node *h = v->first; rc == CS_OK && h != NULL; h = h->next) {
        rc = cs_node_text(h, "a row", &list[out->n_hmacs++], err);
        if (rc == CS_OK && !cs_digest_unhex(list[out->n_hmacs - 1], bytes, sizeof bytes))
            rc = cs_yaml_fail(h, err, "a row is an HMAC of 64 hexadecimal digits; `clinsafe suite hide` makes them");
    }
    out->hmacs = list;
    return rc;
}

static enum cs_err read_study(const struct cs_node *n, struct cs_suite *s, struct cs_error *err)
{
    static const char *const keys[] = {"study",  "folder",  "asks",   "spec",    "analysis", "tokens",
                                       "judged", "margins", "stands", "private", NULL};
    struct cs_suite_study *out = &s->studies[s->n_studies];
    const struct cs_node *v;
    const char *folder;
    *out = (struct cs_suite_study){.n_parts = 1, .line = n->line};
    out->parts[0].file = "study.yaml";
    enum cs_err rc = cs_node_map(n, "a study of a suite", keys, err);
    if (rc == CS_OK)
        rc = cs_node_need(n, "a study of a suite", "study", &v, err);
    if (rc == CS_OK)
        rc = cs_node_name(v, "study", CS_NAME_LOOSE, &out->name, err);
    for (uint32_t i = 0; rc == CS_OK && i < s->n_studies; i++) {
        if (strcmp(s->studies[i].name, out->name) == 0)
            rc = cs_yaml_fail(v, err, "study %s stands twice", out->name);
    }
    folder = out->name;
    if (rc == CS_OK && (v = cs_node_get(n, "folder")) != NULL)
        rc = cs_node_name(v, "folder", CS_NAME_LOOSE, &folder, err);
    if (rc == CS_OK)
        rc = cs_node_need(n, "a study of a suite", "asks", &v, err);
    if (rc == CS_OK)
        rc = cs_node_text(v, "asks", &out->why, err);
    if (rc == CS_OK)
        rc = read_digest(n, "spec", &out->parts[0].spec, err);
    if (rc == CS_OK)
        rc = read_digest(n, "analysis", &out->parts[0].analysis, err);
    if (rc == CS_OK)
        rc = read_tokens(n, &out->parts[0], err);
    if (rc == CS_OK && (v = cs_node_get(n, "judged")) != NULL)
        rc = read_judged(v, &out->parts[out->n_parts++], err);
    if (rc == CS_OK && (v = cs_node_get(n, "margins")) != NULL)
        rc = read_pairs(v, "a margin", &s->arena, &out->margins, &out->n_margins, err);
    if (rc == CS_OK && (v = cs_node_get(n, "private")) != NULL)
        rc = read_private(v, &s->arena, out, err);
    if (rc == CS_OK)
        rc = cs_node_need(n, "a study of a suite", "stands", &v, err);
    if (rc == CS_OK)
        rc = read_pairs(v, "a model that stands for a simulated one", &s->arena, &out->stand_ins, &out->n_stand_ins,
                        err);
    if (rc != CS_OK)
        return rc;
    char *relative = cs_xasprintf("../studies/%s", folder), *path = cs_file_beside(s->path, relative);
    out->folder = cs_arena_strdup(&s->arena, path);
    free(path);
    free(relative);
    s->n_studies++;
    return CS_OK;
}

static enum cs_err read_head(const struct cs_node *root, struct cs_suite *s, struct cs_error *err)
{
    static const char *const keys[] = {"suite", "title", "canary", "studies", NULL};
    const struct cs_node *v;
    enum cs_err rc = cs_node_map(root, "a suite", keys, err);
    if (rc == CS_OK)
        rc = cs_node_need(root, "a suite", "suite", &v, err);
    if (rc == CS_OK)
        rc = cs_node_name(v, "suite", CS_NAME_LOOSE, &s->name, err);
    if (rc == CS_OK) {
        char *end = NULL;
        s->major = s->name[0] == 'v' ? (uint32_t)strtoul(s->name + 1, &end, 10) : 0;
        if (s->major == 0 || (end[0] != '\0' && end[0] != '.'))
            rc = cs_yaml_fail(v, err, "suite: the name is a version, as in v1 or v1.2");
    }
    if (rc == CS_OK)
        rc = cs_node_need(root, "a suite", "title", &v, err);
    if (rc == CS_OK)
        rc = cs_node_text(v, "title", &s->title, err);
    if (rc == CS_OK)
        rc = cs_node_need(root, "a suite", "canary", &v, err);
    if (rc == CS_OK)
        rc = cs_node_text(v, "canary", &s->canary, err);
    if (rc == CS_OK && strlen(s->canary) < CANARY_MIN)
        rc = cs_yaml_fail(v, err, "canary: at least %d characters that stand nowhere else", CANARY_MIN);
    return rc;
}

enum cs_err cs_suite_load(const char *path, struct cs_suite *out, struct cs_error *err)
{
    const struct cs_yaml *doc;
    const struct cs_node *list = NULL;
    char *text = NULL;
    size_t n = 0;
    *out = (struct cs_suite){0};
    enum cs_err rc = cs_file_read(path, FILE_MAX, &text, &n, err);
    if (rc != CS_OK)
        return rc;
    cs_digest_blake2b_256(text, n, out->digest);
    cs_digest_hex(out->digest, sizeof out->digest, out->digest_hex);
    rc = cs_yaml_parse(path, text, n, &out->arena, &doc, err);
    free(text);
    out->path = cs_arena_strdup(&out->arena, path);
    if (rc == CS_OK)
        rc = read_head(doc->root, out, err);
    if (rc == CS_OK)
        rc = cs_node_need(doc->root, "a suite", "studies", &list, err);
    if (rc == CS_OK)
        rc = cs_node_list(list, "studies", err);
    if (rc == CS_OK && list->n > CS_SUITE_STUDIES_MAX)
        rc = cs_yaml_fail(list, err, "%u studies; at most %d", list->n, CS_SUITE_STUDIES_MAX);
    for (const struct cs_node *s = rc == CS_OK ? list->first : NULL; rc == CS_OK && s != NULL; s = s->next)
        rc = read_study(s, out, err);
    return rc;
}

void cs_suite_release(struct cs_suite *s)
{
    cs_arena_release(&s->arena);
}

const char *cs_suite_stand_in(const struct cs_suite_study *s, const char *model)
{
    for (uint32_t i = 0; i < s->n_stand_ins; i++) {
        if (strcmp(s->stand_ins[i].name, model) == 0)
            return s->stand_ins[i].value;
    }
    return NULL;
}

bool cs_suite_is_simulated(const struct cs_suite *s, const char *model)
{
    for (uint32_t i = 0; i < s->n_studies; i++) {
        if (cs_suite_stand_in(&s->studies[i], model) != NULL)
            return true;
    }
    return false;
}
