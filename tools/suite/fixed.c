#include "tools/suite/fixed.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/digest.h"
#include "protocol/base/json.h"
#include "protocol/wire/spec.h"
#include "tools/base/command.h"

struct watch {
    const char *canary;
    bool seen;
};

static bool holds(const char *canary, const void *bytes, size_t n)
{
    return memmem(bytes, n, canary, strlen(canary)) != NULL;
}

static enum cs_err look(void *self, const uint8_t digest[32], const void *bytes, uint32_t n, struct cs_error *err)
{
    struct watch *w = self;
    (void)digest;
    (void)err;
    w->seen = w->seen || holds(w->canary, bytes, n);
    return CS_OK;
}

static enum cs_err load(const struct cs_suite_study *study, uint32_t part, char **path, struct cs_loaded *l,
                        struct cs_error *err)
{
    const struct cs_study_args args = {.planned = true};
    *path = cs_xasprintf("%s/%s", study->folder, study->parts[part].file);
    return cs_command_load_study(&args, *path, l, err);
}

/* One case without texts, in the place of outputs that are not there yet. */
static enum cs_err get_blank(void *self, uint32_t index, struct cs_case *out, struct cs_error *err)
{
    (void)index;
    (void)err;
    *out = (struct cs_case){.id = "-", .cluster = "-", .values = self};
    return CS_OK;
}

/* All that a prompt is made of is in the spec and its chunks. */
static enum cs_err measure(const struct cs_suite *s, const char *path, const struct cs_loaded *l, struct cs_fixed *out,
                           struct cs_error *err)
{
    struct cs_buf spec = CS_BUF_INIT(CS_SPEC_MAX);
    struct watch w = {.canary = s->canary};
    struct cs_study bare = *l->study;
    struct cs_case_source cases = l->cases;
    const char **blanks = cs_xcalloc(bare.n_columns + 1u, sizeof *blanks);
    uint8_t digest[32];
    for (uint32_t i = 0; i < bare.n_columns; i++)
        blanks[i] = "";
    if (bare.parent != NULL) {
        cases = (struct cs_case_source){.self = blanks, .get = get_blank};
        bare.parent = NULL;
        bare.n_cases = 1;
    }
    enum cs_err rc = cs_spec_pack(&bare, &cases, &spec, look, &w, err);
    free(blanks);
    if (rc == CS_OK && (w.seen || holds(s->canary, spec.data, spec.len)))
        rc = cs_error_set(
            err, CS_EDENIED,
            "%s: the suite's canary stands in a text that models would be shown; it belongs into comments", path);
    if (rc == CS_OK) {
        cs_digest_blake2b_256(spec.data, spec.len, digest);
        cs_digest_hex(digest, sizeof digest, out->spec);
        cs_digest_hex(l->study->analysis_digest, 32, out->analysis);
    }
    cs_buf_release(&spec);
    return rc;
}

enum cs_err cs_fixed_of(const struct cs_suite *s, const struct cs_suite_study *study, uint32_t part,
                        struct cs_fixed *out, struct cs_error *err)
{
    struct cs_loaded l = {0};
    char *path = NULL;
    enum cs_err rc = load(study, part, &path, &l, err);
    if (rc == CS_OK)
        rc = measure(s, path, &l, out, err);
    cs_load_release(&l);
    free(path);
    return rc;
}

/* What the study declares of a margin stands in its analysis, as canonical JSON. */
static enum cs_err check_margins(const struct cs_suite *s, const struct cs_suite_study *study, const char *analysis,
                                 struct cs_error *err)
{
    struct cs_json *root = cs_json_loads(analysis, 0, NULL);
    const struct cs_json *primary = cs_json_object_get(root, "primary");
    enum cs_err rc = CS_OK;
    if (cs_json_object_size(primary) != study->n_margins)
        rc = cs_error_set(err, CS_EINVAL, "%s:%u: %s has %zu primary answers, the suite names %u margins", s->path,
                          study->line, study->name, cs_json_object_size(primary), study->n_margins);
    for (uint32_t i = 0; i < study->n_margins && rc == CS_OK; i++) {
        const struct cs_suite_pair *m = &study->margins[i];
        const char *said = cs_json_string_value(cs_json_object_get(cs_json_object_get(primary, m->name), "margin"));
        if (said == NULL || strcmp(said, m->value) != 0)
            rc = cs_error_set(err, CS_EINVAL, "%s:%u: the margin of %s is %s in the study %s, %s here", s->path,
                              m->line, m->name, said != NULL ? said : "not declared", study->name, m->value);
    }
    cs_json_decref(root);
    return rc;
}

static enum cs_err differs(const struct cs_suite *s, const struct cs_suite_study *study, const char *path,
                           const char *what, const char *is, const char *wanted, struct cs_error *err)
{
    if (strcmp(is, wanted) == 0)
        return CS_OK;
    return cs_error_set(err, CS_EINVAL,
                        "%s is not the study of suite %s (line %u): its %s digest is %.16s..., fixed is %.16s...; take "
                        "the files of the version that the suite came with",
                        path, s->name, study->line, what, is, wanted);
}

enum cs_err cs_fixed_check(const struct cs_suite *s, const struct cs_suite_study *study, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; i < study->n_parts && rc == CS_OK; i++) {
        const struct cs_suite_part *p = &study->parts[i];
        struct cs_loaded l = {0};
        struct cs_fixed now = {{0}, {0}};
        char *path = NULL;
        rc = load(study, i, &path, &l, err);
        if (rc == CS_OK)
            rc = measure(s, path, &l, &now, err);
        if (rc == CS_OK)
            rc = differs(s, study, path, "spec", now.spec, p->spec, err);
        if (rc == CS_OK)
            rc = differs(s, study, path, "analysis", now.analysis, p->analysis, err);
        if (rc == CS_OK && i + 1 == study->n_parts)
            rc = check_margins(s, study, l.study->analysis, err);
        cs_load_release(&l);
        free(path);
    }
    return rc;
}
