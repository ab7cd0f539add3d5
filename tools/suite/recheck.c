#include "tools/suite/recheck.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "protocol/base/alloc.h"
#include "protocol/base/buf.h"
#include "protocol/base/clock.h"
#include "protocol/base/file.h"

enum { FILE_BYTES_MAX = 64 * 1024 * 1024 };

static const char *text(const struct cs_json *o, const char *key)
{
    const char *s = cs_json_string_value(cs_json_object_get(o, key));
    return s != NULL ? s : "";
}

static const char *of(const struct cs_json *card, const char *part, const char *key)
{
    return text(cs_json_object_get(card, part), key);
}

/* What every card has, and is what it should be. */
static enum cs_err check_members(const char *path, const struct cs_json *card, struct cs_error *err)
{
    static const char *const objects[] = {"suite", "model", "harness"}, *const lists[] = {"findings", "runs"};
    for (size_t i = 0; i < sizeof objects / sizeof *objects; i++) {
        if (!cs_json_is_object(cs_json_object_get(card, objects[i])))
            return cs_error_set(err, CS_EINVAL, "%s:1:1: no whole score card: `%s` is missing, or no object", path,
                                objects[i]);
    }
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        if (!cs_json_is_array(cs_json_object_get(card, lists[i])))
            return cs_error_set(err, CS_EINVAL, "%s:1:1: no whole score card: `%s` is missing, or no list", path,
                                lists[i]);
    }
    return CS_OK;
}

enum cs_err cs_recheck_load(const char *path, struct cs_json **out, struct cs_error *err)
{
    struct cs_json_error why = {0};
    char *bytes = NULL;
    enum cs_err rc = cs_file_read(path, CS_CARD_MAX, &bytes, NULL, err);
    *out = rc == CS_OK ? cs_json_loads(bytes, CS_JSON_REJECT_DUPLICATES, &why) : NULL;
    free(bytes);
    if (rc != CS_OK)
        return rc;
    if (*out == NULL)
        return cs_error_set(err, CS_EINVAL, "%s:%d:%d: not JSON: %s; a card is the card.json of `clinsafe suite run`",
                            path, why.line, why.column, why.text);
    if (strcmp(text(*out, "schema"), CS_CARD_SCHEMA) != 0)
        rc = cs_error_set(err, CS_EINVAL, "%s:1:1: no score card: its schema is \"%.60s\", wanted is \"%s\"", path,
                          text(*out, "schema"), CS_CARD_SCHEMA);
    else
        rc = check_members(path, *out, err);
    if (rc != CS_OK) {
        cs_json_decref(*out);
        *out = NULL;
    }
    return rc;
}

/* ---- against its suite ----------------------------------------------------------------------------------- */

static enum cs_err check_studies(const char *path, const struct cs_json *findings, const struct cs_suite *s,
                                 struct cs_error *err)
{
    if (cs_json_array_size(findings) != s->n_studies)
        return cs_error_set(err, CS_EINVAL, "%s: %zu studies; suite %s has %u, and a card has them all", path,
                            cs_json_array_size(findings), s->name, s->n_studies);
    for (uint32_t i = 0; i < s->n_studies; i++) {
        const struct cs_json *f = cs_json_array_get(findings, i);
        const struct cs_suite_study *study = &s->studies[i];
        if (strcmp(text(f, "study"), study->name) != 0 || strcmp(text(f, "spec"), study->parts[0].spec) != 0 ||
            strcmp(text(f, "analysis"), study->parts[study->n_parts - 1].analysis) != 0)
            return cs_error_set(err, CS_EINVAL, "%s: study %u (%s) is not the suite's %s, or at another digest", path,
                                i + 1, text(f, "study"), study->name);
    }
    return CS_OK;
}

struct cs_seal_model cs_recheck_model(const struct cs_json *card, bool simulated)
{
    const char *released = of(card, "model", "released");
    return (struct cs_seal_model){.released = released[0] != '\0' ? released : NULL,
                                  .asked = cs_card_asked(cs_json_object_get(card, "runs")),
                                  .simulated = simulated};
}

static enum cs_err check_standing(const char *path, const struct cs_json *card, const struct cs_suite *s,
                                  const struct cs_seal *seal, struct cs_error *err)
{
    const bool simulated = cs_suite_is_simulated(s, of(card, "model", "name"));
    const struct cs_seal_model model = cs_recheck_model(card, simulated);
    const bool said = cs_json_is_true(cs_json_object_get(card, "confirmatory")) ||
                      strncmp(text(card, "standing"), "confirmatory", 12) == 0;
    struct cs_error day = {0};
    if (cs_json_is_true(cs_json_object_get(cs_json_object_get(card, "model"), "simulated")) != simulated)
        return cs_error_set(err, CS_EINVAL, "%s: model %s is %s simulated one of suite %s, the card says otherwise",
                            path, of(card, "model", "name"), simulated ? "a" : "no", s->name);
    if (cs_seal_day(model.released, cs_clock_wall_ms(), &day) != CS_OK)
        return cs_error_set(err, CS_EINVAL, "%s: %s", path, day.msg);
    if (said && !cs_seal_is_confirmatory(seal, &model))
        return cs_error_set(err, CS_EINVAL,
                            "%s says that it is confirmatory; by the seal here and the date that it states it is "
                            "exploratory",
                            path);
    return CS_OK;
}

static const struct cs_json *run_of(const struct cs_json *card, const char *study)
{
    struct cs_json *r;
    size_t i;
    cs_json_array_foreach(cs_json_object_get(card, "runs"), i, r)
    {
        if (strcmp(text(r, "study"), study) == 0)
            return r;
    }
    return NULL;
}

/* What has findings has a run, with its judges. */
static enum cs_err check_has_runs(const char *path, const struct cs_json *card, const struct cs_suite *s,
                                  struct cs_error *err)
{
    for (uint32_t i = 0; i < s->n_studies; i++) {
        const struct cs_json *f = cs_json_array_get(cs_json_object_get(card, "findings"), i);
        const struct cs_json *run = run_of(card, s->studies[i].name);
        const bool is_run = strcmp(text(f, "state"), "not run") != 0;
        if (is_run != (run != NULL))
            return cs_error_set(err, CS_EINVAL, "%s: %s is %s, and %s", path, s->studies[i].name,
                                is_run ? "said to be run" : "said not to be run",
                                is_run ? "`runs` does not have it" : "`runs` has it");
        if (is_run && s->studies[i].n_parts > 1 && cs_json_array_size(cs_json_object_get(run, "judges")) == 0)
            return cs_error_set(err, CS_EINVAL, "%s: %s does not say who judged it", path, s->studies[i].name);
    }
    return CS_OK;
}

enum cs_err cs_recheck_card(const char *path, const struct cs_json *card, const struct cs_suite *s,
                            const struct cs_seal *seal, struct cs_error *err)
{
    const struct cs_json *findings = cs_json_object_get(card, "findings");
    char digits[65];
    cs_card_digits(findings, digits);
    if (strcmp(digits, text(card, "digits")) != 0)
        return cs_error_set(err, CS_EINVAL,
                            "%s: its findings have the digest %.16s..., it states %.16s...: a number was changed", path,
                            digits, text(card, "digits"));
    if (strcmp(of(card, "suite", "digest"), s->digest_hex) != 0)
        return cs_error_set(err, CS_EINVAL, "%s is of suite %s with the digest %.16s...; %s has %.16s...", path,
                            of(card, "suite", "name"), of(card, "suite", "digest"), s->path, s->digest_hex);
    enum cs_err rc = check_studies(path, findings, s, err);
    if (rc == CS_OK)
        rc = check_has_runs(path, card, s, err);
    return rc == CS_OK ? check_standing(path, card, s, seal, err) : rc;
}

/* ---- against another card ---------------------------------------------------------------------------------- */

static bool answered(const struct cs_json *list, const char *model)
{
    struct cs_json *m;
    size_t i;
    cs_json_array_foreach(list, i, m)
    {
        if (strcmp(text(m, "model"), model) == 0)
            return true;
    }
    return false;
}

/* An alias may have been another model in another month: by what answered they are told apart. How often does not matter. */
static bool same_answerers(const struct cs_json *a, const struct cs_json *b)
{
    const struct cs_json *lists[2] = {cs_json_object_get(a, "answered_by"), cs_json_object_get(b, "answered_by")};
    bool same = true;
    for (int k = 0; k < 2; k++) {
        struct cs_json *m;
        size_t i;
        cs_json_array_foreach(lists[k], i, m)
        {
            same = same && answered(lists[1 - k], text(m, "model"));
        }
    }
    return same;
}

static bool same_settings(const struct cs_json *a, const struct cs_json *b)
{
    return cs_json_equal(cs_json_object_get(a, "parameters"), cs_json_object_get(b, "parameters"));
}

/* "id (answered by x; {parameters})" of each judge. */
static char *judges_of(const struct cs_json *run)
{
    struct cs_buf b = CS_BUF_INIT(64 * 1024);
    struct cs_json *j, *m;
    size_t i, k;
    cs_json_array_foreach(cs_json_object_get(run, "judges"), i, j)
    {
        char *settings = cs_card_line(cs_json_object_get(j, "parameters"));
        cs_buf_printf(&b, "%s%s (answered by", i > 0 ? ", " : "", text(j, "sent"));
        cs_json_array_foreach(cs_json_object_get(j, "answered_by"), k, m)
        {
            cs_buf_printf(&b, " %s", text(m, "model"));
        }
        cs_buf_printf(&b, "; %s)", settings != NULL ? settings : "{}");
        free(settings);
    }
    cs_buf_str(&b, "");
    return b.data != NULL ? cs_buf_take(&b) : cs_xstrdup("");
}

static bool are_same_judges(const struct cs_json *a, const struct cs_json *b)
{
    const struct cs_json *of_a = cs_json_object_get(a, "judges"), *of_b = cs_json_object_get(b, "judges");
    bool same = cs_json_array_size(of_a) == cs_json_array_size(of_b);
    for (size_t i = 0; same && i < cs_json_array_size(of_a); i++) {
        const struct cs_json *one = cs_json_array_get(of_a, i), *two = cs_json_array_get(of_b, i);
        same = strcmp(text(one, "sent"), text(two, "sent")) == 0 && same_answerers(one, two) && same_settings(one, two);
    }
    return same;
}

static enum cs_err same_run(const char *study, const struct cs_json *a, const struct cs_json *b, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    char *of_a = judges_of(a), *of_b = judges_of(b), *set_a = cs_card_line(cs_json_object_get(a, "parameters")),
         *set_b = cs_card_line(cs_json_object_get(b, "parameters"));
    if (!same_settings(a, b))
        rc = cs_error_set(err, CS_EINVAL,
                          "the cards are not compared: %s was asked with %.160s in one and with %.160s in the other",
                          study, set_a != NULL ? set_a : "{}", set_b != NULL ? set_b : "{}");
    else if (strcmp(text(a, "reading"), text(b, "reading")) != 0)
        rc = cs_error_set(
            err, CS_EINVAL,
            "the cards are not compared: replies of %s were read by `reading: %.20s` in one and by `reading: "
            "%.20s` in the other",
            study, text(a, "reading"), text(b, "reading"));
    else if (!are_same_judges(a, b))
        rc = cs_error_set(err, CS_EINVAL,
                          "the cards are not compared: %s was judged by %.200s in one and by %.200s in the other, and "
                          "judges differ by more than models do",
                          study, of_a, of_b);
    free(of_a);
    free(of_b);
    free(set_a);
    free(set_b);
    return rc;
}

static bool is_run(const struct cs_json *finding)
{
    return finding != NULL && strcmp(text(finding, "state"), "not run") != 0;
}

static enum cs_err same_runs(const struct cs_json *a, const struct cs_json *b, struct cs_error *err)
{
    const struct cs_json *of_b = cs_json_object_get(b, "findings");
    enum cs_err rc = CS_OK;
    struct cs_json *f;
    size_t i;
    cs_json_array_foreach(cs_json_object_get(a, "findings"), i, f)
    {
        const char *study = text(f, "study");
        const struct cs_json *one = run_of(a, study), *two = run_of(b, study);
        if (rc != CS_OK || !is_run(f) || !is_run(cs_json_array_get(of_b, i)))
            continue;
        if (one == NULL || two == NULL)
            rc = cs_error_set(err, CS_EINVAL, "the cards are not compared: one does not say how %s was run", study);
        else
            rc = same_run(study, one, two, err);
    }
    return rc;
}

enum cs_err cs_recheck_pair(const struct cs_json *a, const struct cs_json *b, struct cs_error *err)
{
    const struct cs_json *of_a = cs_json_object_get(a, "suite"), *of_b = cs_json_object_get(b, "suite");
    const int64_t major_a = cs_json_integer_value(cs_json_object_get(of_a, "major"));
    const int64_t major_b = cs_json_integer_value(cs_json_object_get(of_b, "major"));
    if (major_a != major_b)
        return cs_error_set(err, CS_EINVAL,
                            "the cards are not compared: suites of major versions %d and %d ask different things",
                            (int)major_a, (int)major_b);
    if (strcmp(text(of_a, "digest"), text(of_b, "digest")) != 0)
        return cs_error_set(err, CS_EINVAL,
                            "the cards are not compared: both are of suite %s, but of different digests (%.16s..., "
                            "%.16s...)",
                            text(of_a, "name"), text(of_a, "digest"), text(of_b, "digest"));
    const int64_t method_a = cs_json_integer_value(cs_json_object_get(cs_json_object_get(a, "harness"), "method"));
    const int64_t method_b = cs_json_integer_value(cs_json_object_get(cs_json_object_get(b, "harness"), "method"));
    if (method_a != method_b)
        return cs_error_set(
            err, CS_EINVAL,
            "the cards are not compared: they were computed by methods %d and %d; run the older one again",
            (int)method_a, (int)method_b);
    return same_runs(a, b, err);
}

/* ---- a run's folder ------------------------------------------------------------------------------------------ */

/* The names in the line "models: [...]" that staging wrote; JSON, or NULL. */
static struct cs_json *names_in(const char *study)
{
    static const char key[] = "models: ";
    const char *at = strncmp(study, key, sizeof key - 1) == 0 ? study : strstr(study, "\nmodels: ");
    if (at == NULL)
        return NULL;
    at += (at[0] == '\n') + sizeof key - 1;
    return cs_json_loadb(at, strcspn(at, "\n"), 0, NULL);
}

/* What staging would have written. A model has no parameters of its own there: a name, and that of part 0 is known. */
static enum cs_err staged_text(const struct cs_stage *t, uint32_t study, uint32_t part, const char *text_from,
                               const char *text_to, char **out, struct cs_error *err)
{
    const struct cs_suite_study *s = t->studies[study].study;
    const char *names[CS_SUITE_JUDGES_MAX] = {t->simulated ? cs_suite_stand_in(s, t->model) : t->model};
    uint32_t n = part == 0;
    struct cs_json *judges = part > 0 && !t->simulated ? names_in(text_to) : NULL, *j;
    size_t i;
    cs_json_array_foreach(judges, i, j)
    {
        if (cs_json_is_string(j) && n < CS_SUITE_JUDGES_MAX)
            names[n++] = cs_json_string_value(j);
    }
    enum cs_err rc = cs_stage_text(text_from, names, n, out, err);
    cs_json_decref(judges);
    return rc;
}

static enum cs_err same_study(const struct cs_stage *t, uint32_t study, uint32_t part, struct cs_error *err)
{
    const struct cs_suite_study *s = t->studies[study].study;
    char *from = cs_xasprintf("%s/%s", s->folder, s->parts[part].file), *to = cs_stage_file(t, study, part);
    char *a = NULL, *b = NULL, *wanted = NULL;
    enum cs_err rc = cs_file_read(from, FILE_BYTES_MAX, &a, NULL, err);
    if (rc == CS_OK)
        rc = cs_file_read(to, FILE_BYTES_MAX, &b, NULL, err);
    if (rc == CS_OK)
        rc = staged_text(t, study, part, a, b, &wanted, err);
    if (rc == CS_OK && strcmp(wanted, b) != 0)
        rc = cs_error_set(err, CS_EINVAL, "%s says something else than the suite's %s", to, from);
    free(a);
    free(b);
    free(wanted);
    free(from);
    free(to);
    return rc;
}

static enum cs_err same_bytes(const char *from, const char *to, struct cs_error *err)
{
    char *a = NULL, *b = NULL;
    size_t n = 0, m = 0;
    enum cs_err rc = cs_file_read(from, FILE_BYTES_MAX, &a, &n, err);
    if (rc == CS_OK)
        rc = cs_file_read(to, FILE_BYTES_MAX, &b, &m, err);
    if (rc == CS_OK && (n != m || memcmp(a, b, n) != 0))
        rc = cs_error_set(err, CS_EINVAL, "%s is not the suite's %s", to, from);
    free(a);
    free(b);
    return rc;
}

enum cs_err cs_recheck_folder(const struct cs_stage *t, uint32_t study, struct cs_error *err)
{
    const struct cs_suite_study *s = t->studies[study].study;
    const char *folder = t->studies[study].folder;
    enum cs_err rc = CS_OK;
    for (uint32_t p = 0; p < s->n_parts && rc == CS_OK; p++)
        rc = same_study(t, study, p, err);
    DIR *d = rc == CS_OK ? opendir(s->folder) : NULL;
    for (struct dirent *e; d != NULL && rc == CS_OK && (e = readdir(d)) != NULL;) {
        struct stat st;
        char *from = cs_xasprintf("%s/%s", s->folder, e->d_name), *to = cs_xasprintf("%s/%s", folder, e->d_name);
        if (cs_stage_keeps(t, s, e->d_name) && stat(from, &st) == 0 && S_ISREG(st.st_mode))
            rc = same_bytes(from, to, err);
        free(from);
        free(to);
    }
    if (d != NULL)
        closedir(d);
    return rc;
}

enum cs_err cs_recheck_owner(const struct cs_stage *t, struct cs_error *err)
{
    char *path = cs_xasprintf("%s/suite.json", t->dir), *bytes = NULL;
    enum cs_err rc = cs_file_read(path, FILE_BYTES_MAX, &bytes, NULL, err);
    struct cs_json *o = rc == CS_OK ? cs_json_loads(bytes, 0, NULL) : NULL;
    if (rc == CS_OK &&
        (strcmp(text(o, "digest"), t->suite->digest_hex) != 0 || strcmp(text(o, "model"), t->model) != 0))
        rc = cs_error_set(err, CS_EINVAL,
                          "%s: the runs here are of model %.80s, suite digest %.16s...; the card is of %s", path,
                          text(o, "model"), text(o, "digest"), t->model);
    cs_json_decref(o);
    free(bytes);
    free(path);
    return rc;
}

/* The store knows whether its model was simulated, and by which name the study called it. */
static enum cs_err same_model(const char *path, const struct cs_stage *t, uint32_t study,
                              const struct cs_card_study *again, struct cs_error *err)
{
    const struct cs_json *m = cs_json_array_get(cs_json_object_get(again->reports[0], "models"), 0);
    const char *name = t->simulated ? cs_suite_stand_in(t->studies[study].study, t->model) : t->model;
    if (cs_json_is_true(cs_json_object_get(m, "simulated")) == t->simulated && strcmp(text(m, "name"), name) == 0)
        return CS_OK;
    return cs_error_set(err, CS_EINVAL, "%s: the answers of %s are by %s%s, not by %s", path,
                        t->studies[study].study->name, text(m, "name"),
                        cs_json_is_true(cs_json_object_get(m, "simulated")) ? " (simulated)" : "", name);
}

/* The first study whose run is another than the card says. */
static enum cs_err same_as_stored(const char *path, const struct cs_json *card, const struct cs_json *again,
                                  struct cs_error *err)
{
    const struct cs_json *said = cs_json_object_get(card, "runs");
    enum cs_err rc = CS_OK;
    for (size_t i = 0; i < cs_json_array_size(again) && rc == CS_OK; i++) {
        const struct cs_json *now = cs_json_array_get(again, i);
        char *a = cs_card_line(cs_json_array_get(said, i)), *b = cs_card_line(now);
        if (a == NULL || b == NULL || strcmp(a, b) != 0)
            rc = cs_error_set(err, CS_EINVAL,
                              "%s: its runs say of %s something else than the stored answers: who answered or judged, "
                              "with which parameters, when, how often, how it was read, or for how much",
                              path, text(now, "study"));
        free(a);
        free(b);
    }
    return rc;
}

enum cs_err cs_recheck_runs(const char *path, const struct cs_json *card, const struct cs_stage *t,
                            const struct cs_card_study *again, struct cs_error *err)
{
    struct cs_json *findings = cs_card_findings(t, again), *runs = cs_card_runs(t, again);
    char digits[65];
    enum cs_err rc = CS_OK;
    const int64_t method = cs_json_integer_value(cs_json_object_get(cs_json_object_get(card, "harness"), "method"));
    if (method != CS_SUITE_METHOD) /* other digits of the same answers: nobody changed a number */
        rc = cs_error_set(err, CS_EINVAL,
                          "%s was computed by method %d, this version has method %d: `clinsafe suite run` in its place "
                          "makes it anew of the same answers, and asks nothing again",
                          path, (int)method, CS_SUITE_METHOD);
    for (uint32_t i = 0; i < t->n && rc == CS_OK; i++) {
        if (t->studies[i].left_out == NULL)
            rc = same_model(path, t, i, &again[i], err);
    }
    cs_card_digits(findings, digits);
    if (rc == CS_OK && strcmp(digits, text(card, "digits")) != 0)
        rc = cs_error_set(err, CS_EINVAL, "%s: its runs have other digits (%.16s...) than it has (%.16s...)", path,
                          digits, text(card, "digits"));
    if (rc == CS_OK)
        rc = same_as_stored(path, card, runs, err);
    cs_json_decref(findings);
    cs_json_decref(runs);
    return rc;
}
