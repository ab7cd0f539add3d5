#include "tools/backup/manifest.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/digest.h"
#include "protocol/base/document.h"
#include "protocol/base/file.h"
#include "protocol/base/json.h"

enum { MANIFEST_MAX = 256 * 1024 * 1024 };
static const char schema[] = "clinsafe.manifest/1";

static void text(struct cs_buf *out, const char *key, const char *value)
{
    cs_buf_printf(out, "\"%s\":", key);
    cs_json_str(out, value, strlen(value));
    cs_buf_str(out, ",");
}

static void put_files(const struct cs_manifest *m, struct cs_buf *out)
{
    char sum[2 * CS_MANIFEST_SUM + 1], tail[2 * CS_MANIFEST_TAIL + 1];
    cs_buf_str(out, ",\"files\":[");
    for (uint32_t i = 0; i < m->n_files; i++) {
        const struct cs_manifest_file *f = &m->files[i];
        cs_digest_hex(f->sum, sizeof f->sum, sum);
        cs_digest_hex(f->tail, sizeof f->tail, tail);
        cs_buf_str(out, i > 0 ? ",\n{" : "\n{");
        text(out, "name", f->name);
        cs_buf_printf(out, "\"bytes\":%llu,\"sum\":\"%s\",\"tail\":\"%s\"}", (unsigned long long)f->bytes, sum, tail);
    }
    cs_buf_str(out, "]");
}

void cs_manifest_text(const struct cs_manifest *m, struct cs_buf *out)
{
    cs_buf_str(out, "{");
    text(out, "schema", schema);
    text(out, "id", m->id);
    text(out, "fleet", m->fleet);
    text(out, "version", m->version);
    cs_buf_printf(out,
                  "\"format\":%u,\"term\":%u,\"commit\":%llu,\"outputs\":%llu,\"bytes\":%llu,\"copied_bytes\":%llu,"
                  "\"taken_ms\":%lld,\"studies\":[",
                  m->format, m->term, (unsigned long long)m->commit, (unsigned long long)m->outputs,
                  (unsigned long long)m->bytes, (unsigned long long)m->copied_bytes, (long long)m->taken_wall_ms);
    for (uint32_t i = 0; i < m->n_studies; i++) {
        const struct cs_manifest_study *s = &m->studies[i];
        cs_buf_str(out, i > 0 ? ",{" : "{");
        text(out, "name", s->name);
        cs_buf_printf(out, "\"generation\":%u,\"done\":%llu,\"failed\":%llu,\"spent_nano_usd\":%lld}", s->generation,
                      (unsigned long long)s->done, (unsigned long long)s->failed, (long long)s->spent_nano_usd);
    }
    cs_buf_str(out, "]");
    put_files(m, out);
    cs_buf_str(out, "}\n");
}

struct cs_json *cs_manifest_json(const struct cs_manifest *m)
{
    struct cs_json *studies = cs_json_array();
    uint64_t failed = 0;
    for (uint32_t i = 0; i < m->n_studies; i++) {
        const struct cs_manifest_study *s = &m->studies[i];
        failed += s->failed;
        cs_json_array_append_new(studies,
                                 cs_json_pack("{s:s, s:I, s:I, s:I, s:I}", "name", s->name, "generation",
                                              (long long)s->generation, "done", (long long)s->done, "failed",
                                              (long long)s->failed, "spent_nano_usd", (long long)s->spent_nano_usd));
    }
    return cs_document_money(cs_json_pack(
        "{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "id", m->id, "fleet", m->fleet, "version",
        m->version, "format", (long long)m->format, "term", (long long)m->term, "commit", (long long)m->commit,
        "outputs", (long long)m->outputs, "done", (long long)cs_manifest_done(m), "failed", (long long)failed, "bytes",
        (long long)m->bytes, "copied_bytes", (long long)m->copied_bytes, "studies", studies));
}

static uint64_t number(const struct cs_json *o, const char *key)
{
    return (uint64_t)cs_json_integer_value(cs_json_object_get(o, key));
}

static const char *word(const struct cs_json *o, const char *key, struct cs_arena *arena)
{
    const char *s = cs_json_string_value(cs_json_object_get(o, key));
    return cs_arena_strdup(arena, s != NULL ? s : "");
}

static bool hex(const struct cs_json *o, const char *key, uint8_t *out, size_t n)
{
    const char *s = cs_json_string_value(cs_json_object_get(o, key));
    return s != NULL && cs_digest_unhex(s, out, n);
}

/* A name leads nowhere but into the backup. */
static bool is_inside(const char *name)
{
    return name[0] != '\0' && name[0] != '/' && strcmp(name, "..") != 0 && strncmp(name, "../", 3) != 0 &&
           strstr(name, "/../") == NULL;
}

static bool take_files(const struct cs_json *list, struct cs_arena *arena, struct cs_manifest *m)
{
    struct cs_json *item;
    size_t i;
    m->files = cs_arena_array(arena, cs_json_array_size(list) + 1, sizeof *m->files);
    cs_json_array_foreach(list, i, item)
    {
        struct cs_manifest_file *f = &m->files[m->n_files++];
        f->name = word(item, "name", arena);
        f->bytes = number(item, "bytes");
        if (!is_inside(f->name) || !hex(item, "sum", f->sum, sizeof f->sum) ||
            !hex(item, "tail", f->tail, sizeof f->tail) || (i > 0 && strcmp(f[-1].name, f->name) >= 0))
            return false;
    }
    return m->n_files > 0;
}

static bool take(const struct cs_json *j, struct cs_arena *arena, struct cs_manifest *m)
{
    const struct cs_json *studies = cs_json_object_get(j, "studies");
    const char *said = cs_json_string_value(cs_json_object_get(j, "schema"));
    struct cs_json *item;
    size_t i;
    *m = (struct cs_manifest){.id = word(j, "id", arena),
                              .fleet = word(j, "fleet", arena),
                              .version = word(j, "version", arena),
                              .format = (uint32_t)number(j, "format"),
                              .term = (uint32_t)number(j, "term"),
                              .commit = number(j, "commit"),
                              .outputs = number(j, "outputs"),
                              .bytes = number(j, "bytes"),
                              .copied_bytes = number(j, "copied_bytes"),
                              .taken_wall_ms = (int64_t)number(j, "taken_ms")};
    m->studies = cs_arena_array(arena, cs_json_array_size(studies) + 1, sizeof *m->studies);
    cs_json_array_foreach(studies, i, item) m->studies[m->n_studies++] = (struct cs_manifest_study){
        .name = word(item, "name", arena),
        .generation = (uint32_t)number(item, "generation"),
        .done = number(item, "done"),
        .failed = number(item, "failed"),
        .spent_nano_usd = (int64_t)number(item, "spent_nano_usd")};
    return said != NULL && strcmp(said, schema) == 0 && m->fleet[0] != '\0' &&
           take_files(cs_json_object_get(j, "files"), arena, m);
}

enum cs_err cs_manifest_read(const char *folder, struct cs_arena *arena, struct cs_manifest *out, struct cs_error *err)
{
    char *path = cs_xasprintf("%s/%s", folder, CS_MANIFEST_NAME), *data = NULL;
    size_t n = 0;
    enum cs_err rc = cs_file_read(path, MANIFEST_MAX, &data, &n, err);
    struct cs_json *j = rc == CS_OK ? cs_json_loadb(data, n, 0, NULL) : NULL;
    if (rc == CS_ENOENT)
        rc = cs_error_set(err, CS_ENOENT, "%s: not a backup: it has no %s", folder, CS_MANIFEST_NAME);
    else if (rc == CS_OK && !take(j, arena, out))
        rc = cs_error_set(err, CS_ECORRUPT, "%s: damaged, or of a later version: the backup cannot be used", path);
    cs_json_decref(j);
    free(data);
    free(path);
    return rc;
}

static int by_name(const void *key, const void *file)
{
    return strcmp(key, ((const struct cs_manifest_file *)file)->name);
}

const struct cs_manifest_file *cs_manifest_find(const struct cs_manifest *m, const char *name)
{
    return m->n_files > 0 ? bsearch(name, m->files, m->n_files, sizeof *m->files, by_name) : NULL;
}

uint64_t cs_manifest_done(const struct cs_manifest *m)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < m->n_studies; i++)
        sum += m->studies[i].done;
    return sum;
}
