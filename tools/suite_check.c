#include "tools/suite_check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/file.h"
#include "tools/base/command.h"
#include "tools/suite/fixed.h"
#include "tools/suite/hidden.h"
#include "tools/suite_run.h"

static const char *text_of(const struct cs_json *o, const char *key)
{
    const char *s = cs_json_string_value(cs_json_object_get(o, key));
    return s != NULL ? s : "";
}

/* ---- its runs --------------------------------------------------------------------------------------------- */

/* What was run and is unwelcome cannot be said not to have been run. */
static enum cs_err left_out_for_good(const char *path, const struct cs_stage_study *s, struct cs_error *err)
{
    char *begun = cs_stage_begun(s);
    const enum cs_err rc = begun != NULL ? cs_error_set(err, CS_EINVAL, "%s says that %s was not run, but %s is there",
                                                        path, s->study->name, begun)
                                         : CS_OK;
    free(begun);
    return rc;
}

/* The stage that a card was made from, for its runs to be read again. */
static enum cs_err stage_again(struct cs_stage *t, const struct cs_suite *s, const char *path,
                               const struct cs_json *card, const char *dir, const char *providers, struct cs_error *err)
{
    const struct cs_json *findings = cs_json_object_get(card, "findings");
    *t = (struct cs_stage){.suite = s, .dir = dir, .n = s->n_studies, .providers = providers};
    t->model = text_of(cs_json_object_get(card, "model"), "name");
    t->simulated = cs_suite_is_simulated(s, t->model);
    enum cs_err rc = cs_recheck_owner(t, err);
    for (uint32_t i = 0; i < t->n && rc == CS_OK; i++) {
        const struct cs_json *f = cs_json_array_get(findings, i);
        struct cs_stage_study *to = &t->studies[i];
        *to = (struct cs_stage_study){.study = &s->studies[i]};
        to->folder = cs_arena_printf(&t->arena, "%s/%s", dir, s->studies[i].name);
        if (strcmp(text_of(f, "state"), "not run") == 0) {
            to->left_out = text_of(f, "why");
            rc = left_out_for_good(path, to, err);
        }
    }
    return rc;
}

/* A private table is held to its commitments where the salt is at hand. */
static enum cs_err check_hidden(const struct cs_stage *t, uint32_t i, const char *salt, bool *unseen,
                                struct cs_error *err)
{
    const struct cs_suite_study *s = t->studies[i].study;
    if (s->table == NULL)
        return CS_OK;
    *unseen = *unseen || salt == NULL;
    if (salt == NULL)
        return CS_OK;
    char *table = cs_xasprintf("%s/%s", t->studies[i].folder, s->table);
    const enum cs_err rc = cs_hidden_check(t->suite, s, salt, table, err);
    free(table);
    return rc;
}

static enum cs_err check_folders(const struct cs_stage *t, const struct cs_suite_check *o, bool *unseen,
                                 struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; i < t->n && rc == CS_OK; i++) {
        if (t->studies[i].left_out != NULL)
            continue;
        rc = cs_recheck_folder(t, i, err);
        if (rc == CS_OK)
            rc = check_hidden(t, i, o->hidden, unseen, err);
        if (rc == CS_OK && (t->simulated || o->providers != NULL))
            rc = cs_suite_run_is_of(t, i, err);
    }
    return rc;
}

static char *say_recomputed(bool compared, bool unseen)
{
    return cs_xasprintf("recomputed from its runs%s: the same digits%s%s",
                        compared ? ", which are of these studies" : "",
                        compared ? "" : " (with --providers: also whether the runs are of these studies)",
                        unseen ? "; private table not checked (with --private: held to its commitments)" : "");
}

/* Whether the runs beside a card are what it says. *said, to free(): what was looked at. */
static int check_runs(const char *path, const struct cs_json *card, const struct cs_suite *s,
                      const struct cs_suite_check *o, bool *recomputed, char **said)
{
    char *dir = cs_file_beside(path, "."), *whose = cs_xasprintf("%s/suite.json", dir);
    struct cs_card_study studies[CS_SUITE_STUDIES_MAX] = {{{NULL}, {NULL}, {NULL}}};
    struct cs_stage t = {.n = 0};
    struct cs_error err = {0};
    enum cs_err rc = CS_OK;
    bool unseen = false;
    int status = 0;
    *recomputed = access(whose, F_OK) == 0;
    if (!*recomputed) {
        *said = cs_xstrdup("the card alone: its runs are not beside it, so that its numbers are its maker's word");
    } else {
        rc = stage_again(&t, s, path, card, dir, o->providers, &err);
        if (rc == CS_OK)
            rc = check_folders(&t, o, &unseen, &err);
        if (rc == CS_OK)
            status = cs_suite_run_read(&t, false, studies);
        if (rc == CS_OK && status == 0)
            rc = cs_recheck_runs(path, card, &t, studies, &err);
        *said = say_recomputed(t.simulated || o->providers != NULL, unseen);
        cs_suite_run_free(studies, t.n);
        cs_stage_release(&t);
    }
    free(whose);
    free(dir);
    return rc != CS_OK ? cs_command_fail(rc, &err) : status;
}

/* ---- all of it -------------------------------------------------------------------------------------------- */

static enum cs_err open_suite(const struct cs_suite_check *o, const struct cs_json *card, struct cs_suite *s,
                              struct cs_error *err)
{
    char *path = NULL;
    enum cs_err rc = o->suite != NULL
                         ? cs_suite_find(o->suite, &path, err)
                         : cs_suite_find_named(text_of(cs_json_object_get(card, "suite"), "name"), &path, err);
    if (rc == CS_OK)
        rc = cs_suite_load(path, s, err);
    for (uint32_t i = 0; i < s->n_studies && rc == CS_OK; i++)
        rc = cs_fixed_check(s, &s->studies[i], err);
    free(path);
    return rc;
}

static struct cs_json *tell(const char *path, const struct cs_json *card, const struct cs_suite *s,
                            const struct cs_seal *seal, const char *said, bool recomputed, bool quiet)
{
    const struct cs_seal_model model = cs_recheck_model(
        card, cs_suite_is_simulated(s, text_of(cs_json_object_get(card, "model"), "name")));
    const char *name = text_of(cs_json_object_get(card, "model"), "name");
    char *standing = cs_seal_standing(seal, &model);
    if (!quiet)
        printf("%s: %s on suite %s, digest %s (%s): %s. %s.\n", path, name, s->name, s->digest_hex, s->path, said,
               standing);
    struct cs_json *o = cs_json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b}", "path", path, "model", name, "suite",
                                     s->name, "digest", s->digest_hex, "digits", text_of(card, "digits"), "standing",
                                     standing, "looked_at", said, "recomputed", recomputed);
    free(standing);
    return o;
}

int cs_suite_check_card(const char *path, const struct cs_suite_check *o, struct cs_json **card,
                        struct cs_json **result)
{
    struct cs_suite s = {.n_studies = 0};
    struct cs_seal seal = {.there = false};
    struct cs_error err = {0};
    bool recomputed = false;
    char *said = NULL;
    enum cs_err rc = cs_recheck_load(path, card, &err);
    *result = NULL;
    if (rc == CS_OK)
        rc = open_suite(o, *card, &s, &err);
    if (rc == CS_OK)
        rc = cs_seal_read(&s, o->trusted, &seal, &err);
    if (rc == CS_OK)
        rc = cs_recheck_card(path, *card, &s, &seal, &err);
    const int status = rc != CS_OK ? cs_command_fail(rc, &err) : check_runs(path, *card, &s, o, &recomputed, &said);
    if (status == 0)
        *result = tell(path, *card, &s, &seal, said, recomputed, o->quiet);
    free(said);
    cs_suite_release(&s);
    return status;
}
