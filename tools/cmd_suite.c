/* clinsafe suite - a fixed set of studies, run on one model, and the score card that comes of it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/clock.h"
#include "protocol/base/document.h"
#include "protocol/base/file.h"
#include "protocol/base/sign.h"
#include "tools/base/part_file.h"
#include "tools/base/typed.h"
#include "tools/commands.h"
#include "tools/suite/beside.h"
#include "tools/suite/fixed.h"
#include "tools/suite/hidden.h"
#include "tools/suite_check.h"
#include "tools/suite_run.h"

enum { INCOMPLETE = 2, INTERRUPTED = 130 };

static enum cs_err open_suite(const char *word, struct cs_suite *s, struct cs_error *err)
{
    char *path = NULL;
    enum cs_err rc = cs_suite_find(word, &path, err);
    if (rc == CS_OK)
        rc = cs_suite_load(path, s, err);
    free(path);
    return rc;
}

static enum cs_err check_fixed(const struct cs_suite *s, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; i < s->n_studies && rc == CS_OK; i++)
        rc = cs_fixed_check(s, &s->studies[i], err);
    return rc;
}

/* A document of a subcommand: name as "suite-seal/1", its members. */
static void print_document(const char *name, struct cs_json *members)
{
    struct cs_json *root = cs_document_begin(name, cs_clock_wall_ms());
    cs_document_add(root, members);
    (void)!cs_document_print(root, stdout);
}

/* ---- run and plan ------------------------------------------------------------------------------------------- */

struct wanted {
    struct cs_stage_options stage;
    struct cs_suite_run_options run;
    struct cs_option_list judges;
    const char *released, *trusted;
    bool json, readable;
    char *again; /* this command as it would be typed again */
};

/* What both have. */
#define STAGE_OPTIONS(w)                                                                                                   \
    {"model", CS_OPT_STR, &(w).stage.model, "NAME",                                                                        \
     "of your providers file, or a simulated one of the suite (`suite show`); it takes the place of the studies' models"}, \
        {"providers", CS_OPT_STR, &(w).stage.providers, "FILE",                                                            \
         "your accounts and models; default: providers.yaml here, else in your configuration folder"},                     \
        {"judge", CS_OPT_LIST, &(w).judges, "NAME",                                                                        \
         "judges of yours in place of the suite's, as many as it names; may be repeated; the card says so"},               \
        {"private", CS_OPT_STR, &(w).stage.hidden, "DIR", "where the private tier's texts are, if you have them"},         \
    {                                                                                                                      \
        "dir", CS_OPT_STR, &(w).stage.dir, "DIR", "where all of it is kept; default: suite-NAME-MODEL here"                \
    }

static enum cs_err stage(const char *word, struct wanted *w, struct cs_suite *s, struct cs_stage *t,
                         struct cs_error *err)
{
    char *dir = NULL;
    struct cs_seal seal;
    if (w->stage.model == NULL)
        return cs_error_set(err, CS_EUSAGE, "which model? --model NAME, one of your providers.yaml");
    if (strchr(w->stage.model, '/') != NULL && w->stage.dir == NULL)
        return cs_error_set(err, CS_EUSAGE, "a model with \"/\" in its name needs --dir");
    if (w->judges.n > CS_SUITE_JUDGES_MAX)
        return cs_error_set(err, CS_EUSAGE, "at most %d judges", CS_SUITE_JUDGES_MAX);
    for (unsigned i = 0; i < w->judges.n; i++)
        w->stage.judges[w->stage.n_judges++] = w->judges.v[i];
    enum cs_err rc = open_suite(word, s, err);
    if (rc == CS_OK) /* before anything is paid, or written; the card reads it again */
        rc = cs_seal_read(s, w->trusted, &seal, err);
    if (rc == CS_OK)
        rc = check_fixed(s, err);
    if (rc == CS_OK && w->stage.dir == NULL)
        w->stage.dir = dir = cs_xasprintf("suite-%s-%s", s->name, w->stage.model);
    if (rc == CS_OK)
        rc = cs_stage_make(t, s, &w->stage, err);
    if (rc == CS_OK)
        rc = cs_suite_run_fit(t, err);
    free(dir);
    return rc;
}

static enum cs_err write_card(const struct cs_stage *t, const struct cs_json *card, bool readable, struct cs_error *err)
{
    char *json = cs_xasprintf("%s/card.json", t->dir), *html = cs_xasprintf("%s/card.html", t->dir);
    char *text = cs_card_text(card);
    struct cs_part_file f;
    enum cs_err rc = cs_part_file_open(&f, json, err);
    if (rc == CS_OK) {
        f.readable = readable;
        fputs(text, f.out);
        rc = cs_part_file_close(&f, CS_OK, err);
    }
    if (rc == CS_OK)
        rc = cs_part_file_open(&f, html, err);
    if (rc == CS_OK) {
        f.readable = readable;
        cs_card_page(card, f.out);
        rc = cs_part_file_close(&f, CS_OK, err);
    }
    free(text);
    free(json);
    free(html);
    return rc;
}

/* Who has not the texts of a private study has all the same run what there is. */
static bool is_whole(const struct cs_json *f)
{
    const char *state = cs_json_string_value(cs_json_object_get(f, "state"));
    const char *tier = cs_json_string_value(cs_json_object_get(f, "tier"));
    return strcmp(state, "complete") == 0 || (strcmp(tier, "private") == 0 && strcmp(state, "not run") == 0);
}

/* More than 2 % of a study's trials, or of the verdicts on them, cannot be used: what `clinsafe run` ends with 2 for. Said of the card, so that
 * the same command says the same when nothing is left to run. */
static bool is_short(const struct cs_json *f)
{
    enum { PART = 50 };
    const struct cs_json *e = cs_json_object_get(f, "ended"), *v = cs_json_object_get(f, "verdicts");
    const int64_t used = cs_json_integer_value(cs_json_object_get(e, "ok")) +
                         cs_json_integer_value(cs_json_object_get(e, "refused")) +
                         cs_json_integer_value(cs_json_object_get(e, "content_filtered")),
                  planned = cs_json_integer_value(cs_json_object_get(e, "planned")),
                  none = cs_json_integer_value(cs_json_object_get(v, "no_verdict")),
                  wanted = cs_json_integer_value(cs_json_object_get(v, "planned"));
    return (planned - used) * PART > planned || none * PART > wanted;
}

/* What stood still in the run of a study, as the card has it. */
static void say_stopped(const struct cs_json *card, const char *study, FILE *out)
{
    struct cs_json *run, *stop;
    size_t i, k;
    cs_json_array_foreach(cs_json_object_get(card, "runs"), i, run)
    {
        if (strcmp(cs_json_string_value(cs_json_object_get(run, "study")), study) != 0)
            continue;
        cs_json_array_foreach(cs_json_object_get(run, "stopped"), k, stop)
        {
            fprintf(out, "  %s %s: %s\n", cs_json_string_value(cs_json_object_get(stop, "model")),
                    cs_json_string_value(cs_json_object_get(stop, "state")),
                    cs_json_string_value(cs_json_object_get(stop, "reason")));
        }
    }
}

/* What the card lacks, a line a study; whether it lacks anything. */
static bool say_lacks(const struct cs_json *card, FILE *out)
{
    const struct cs_json *findings = cs_json_object_get(card, "findings");
    struct cs_json *f;
    size_t i;
    bool some = false;
    cs_json_array_foreach(findings, i, f)
    {
        const char *state = cs_json_string_value(cs_json_object_get(f, "state")),
                   *name = cs_json_string_value(cs_json_object_get(f, "study")),
                   *why = cs_json_string_value(cs_json_object_get(f, "why"));
        if (is_whole(f) && !is_short(f))
            continue;
        fprintf(out, "%s%s: %s%s%s\n", some ? "" : "\n", name,
                is_whole(f) ? "more than 2 % of its answers or verdicts cannot be used" : state,
                why[0] != '\0' ? ": " : "", why);
        say_stopped(card, name, out);
        some = true;
    }
    return some;
}

/* Reports, findings, card. */
static int make_card(const struct cs_stage *t, const struct wanted *w, const struct cs_quote *said, int status)
{
    struct cs_card_study studies[CS_SUITE_STUDIES_MAX] = {{{NULL}, {NULL}, {NULL}}};
    struct cs_seal seal;
    struct cs_error err = {0};
    const int read = cs_suite_run_read(t, true, studies);
    enum cs_err rc = read == 0 ? cs_seal_read(t->suite, w->trusted, &seal, &err) : CS_OK;
    if (read == 0 && rc == CS_OK) {
        const struct cs_card_head head = {&seal, w->released, said->unpriced ? NAN : said->expected,
                                          said->unpriced || said->open_ended ? NAN : said->most, cs_clock_wall_ms()};
        struct cs_json *card = cs_card_make(t, studies, cs_card_findings(t, studies), &head);
        rc = write_card(t, card, w->readable, &err);
        if (rc == CS_OK && say_lacks(card, stderr))
            status = INCOMPLETE;
        if (rc == CS_OK && w->json) {
            char *text = cs_card_text(card); /* the same bytes as in the file */
            fputs(text, stdout);
            free(text);
        } else if (rc == CS_OK)
            printf("\n%s\nThe card: %s/card.html, and as JSON %s/card.json\n",
                   cs_json_string_value(cs_json_object_get(card, "standing")), t->dir, t->dir);
        cs_json_decref(card);
    }
    cs_suite_run_free(studies, t->n);
    return read != 0 ? read : rc != CS_OK ? cs_command_fail(rc, &err) : status;
}

/* What was begun here is on its card, complete or not: one that said "not run" would be refused by `suite check`. */
static enum cs_err leaves_none_behind(const struct cs_stage *t, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; i < t->n && rc == CS_OK; i++) {
        char *begun = t->studies[i].left_out != NULL ? cs_stage_begun(&t->studies[i]) : NULL;
        if (begun != NULL)
            rc = cs_error_set(err, CS_EUSAGE,
                              "%s was begun in %s, and now %s. Give what it was begun with%s; or another --dir",
                              t->studies[i].study->name, begun, t->studies[i].left_out,
                              t->studies[i].study->table != NULL ? " (--private DIR)" : "");
        free(begun);
    }
    return rc;
}

static int suite_run(int argc, char **argv)
{
    struct wanted w = {.json = false};
    const struct cs_option table[] = {
        STAGE_OPTIONS(w),
        {"released", CS_OPT_STR, &w.released, "DAY",
         "when the model was released, as in 2026-11-29, not after its first call; not said, the card is exploratory"},
        {"trust", CS_OPT_STR, &w.trusted, "FILE", "the .pub file of the key that has to have sealed the suite"},
        {"workers", CS_OPT_STR, &w.run.workers, "N", "as of `clinsafe run`"},
        {"slots", CS_OPT_STR, &w.run.slots, "N", "as of `clinsafe run`"},
        {"simulator-args", CS_OPT_STR, &w.run.simulator_args, "ARGS", "as of `clinsafe run`"},
        {"readable", CS_OPT_FLAG, &w.readable, NULL, "others of this machine may read the card (default: you alone)"},
        {"json", CS_OPT_FLAG, &w.json, NULL, "print the card as JSON on standard output"},
        {0},
    };
    const struct cs_command_help help = {
        "clinsafe suite run SUITE --model NAME [options]",
        "Runs every study of a suite on one model, judged ones with their judges, by `clinsafe run`; says first what it will cost. Stopped at any\n"
        "point, the same command goes on and pays nothing twice. Then it makes the score card: card.html and card.json in --dir.\n"
        "Exit status: 0 all studies are complete; 2 some are not, were not run, or more than 2 % of their answers cannot be used; 130 interrupted; else as `clinsafe run`.",
        "clinsafe suite run v1 --model my-model --providers providers.yaml --released 2026-11-29",
    };
    struct cs_suite s = {.n_studies = 0};
    struct cs_stage t = {.n = 0};
    struct cs_quote said;
    struct cs_error err = {0};
    int n_args, status;
    w.again = cs_typed_command("suite run", argc, argv);
    if (!cs_command_args(table, &help, argc, argv, 1, 1, &n_args, &status)) {
        free(w.again);
        return status;
    }
    enum cs_err rc = cs_seal_day(w.released, cs_clock_wall_ms(), &err);
    if (rc == CS_OK)
        rc = stage(argv[1], &w, &s, &t, &err);
    if (rc == CS_OK)
        rc = leaves_none_behind(&t, &err);
    if (rc == CS_OK)
        rc = cs_suite_run_quote(&t, stderr, &said, &err);
    status = rc != CS_OK ? cs_command_fail(rc, &err) : cs_suite_run_studies(&t, &w.run);
    if (rc == CS_OK && (status == 0 || status == INCOMPLETE))
        status = make_card(&t, &w, &said, status);
    else if (rc == CS_OK)
        fprintf(stderr, "%s of the suite:\n %s\n", status == INTERRUPTED ? "The rest" : "When that is mended, the rest",
                w.again);
    cs_stage_release(&t);
    cs_suite_release(&s);
    free(w.again);
    return status;
}

static int suite_plan(int argc, char **argv)
{
    struct wanted w = {.json = false};
    const struct cs_option table[] = {
        STAGE_OPTIONS(w),
        {"json", CS_OPT_FLAG, &w.json, NULL, "print JSON"},
        {0},
    };
    const struct cs_command_help help = {
        "clinsafe suite plan SUITE --model NAME [options]",
        "What a suite will ask of a model, its price and time, and which studies cannot be run and why. Sends nothing; `suite run` says the same\n"
        "before it begins. \"about\" takes the tokens of a call that the suite assumes (of simulated models measured), \"at most\" every reply at its cap.",
        "clinsafe suite plan v1 --model my-model --providers providers.yaml",
    };
    struct cs_suite s = {.n_studies = 0};
    struct cs_stage t = {.n = 0};
    struct cs_quote said;
    struct cs_json *reach = NULL;
    struct cs_error err = {0};
    int n_args, status;
    if (!cs_command_args(table, &help, argc, argv, 1, 1, &n_args, &status))
        return status;
    enum cs_err rc = stage(argv[1], &w, &s, &t, &err);
    if (rc == CS_OK)
        rc = cs_suite_run_quote(&t, w.json ? stderr : stdout, &said, &err);
    if (rc == CS_OK)
        rc = cs_suite_run_reach(&t, w.json ? NULL : stdout, &reach, &err);
    if (rc == CS_OK && w.json) {
        struct cs_json *o = cs_suite_run_quote_json(&t, &said);
        cs_json_object_set(o, "verdicts", reach);
        (void)!cs_document_print(o, stdout);
    }
    cs_json_decref(reach);
    cs_stage_release(&t);
    cs_suite_release(&s);
    return rc == CS_OK ? 0 : cs_command_fail(rc, &err);
}

/* ---- show ------------------------------------------------------------------------------------------------------ */

static struct cs_json *show_study(const struct cs_suite *s, const struct cs_suite_study *study, bool json, bool *fits,
                                  struct cs_error *err)
{
    struct cs_json *parts = cs_json_array();
    struct cs_error why = {0};
    for (uint32_t p = 0; p < study->n_parts && err->code == CS_OK; p++) {
        struct cs_fixed now;
        if (cs_fixed_of(s, study, p, &now, err) != CS_OK)
            break;
        cs_json_array_append_new(parts, cs_json_pack("{s:s, s:s, s:s}", "file", study->parts[p].file, "spec", now.spec,
                                                     "analysis", now.analysis));
        if (!json)
            printf("  %-12s spec %s\n  %-12s analysis %s\n", study->parts[p].file, now.spec, "", now.analysis);
    }
    const bool same = err->code == CS_OK && cs_fixed_check(s, study, &why) == CS_OK;
    *fits = *fits && same;
    if (!json && err->code == CS_OK)
        printf("  %s\n", same ? "as the suite fixes it" : why.msg);
    return cs_json_pack("{s:s, s:b, s:o}", "study", study->name, "as_fixed", same, "parts", parts);
}

static int suite_show(int argc, char **argv)
{
    bool json = false, fits = true;
    const char *trusted = NULL;
    const struct cs_option table[] = {
        {"trust", CS_OPT_STR, &trusted, "FILE", "the .pub file of the key that has to have sealed it"},
        {"json", CS_OPT_FLAG, &json, NULL, "print JSON"},
        {0},
    };
    const struct cs_command_help help = {
        "clinsafe suite show SUITE [options]",
        "What is in a suite, the digests of its studies as they are here, and whether they are those that it fixes; its seal. Exit status 65\n"
        "when something is not as fixed.",
        "clinsafe suite show v1",
    };
    struct cs_suite s = {.n_studies = 0};
    struct cs_seal seal = {.there = false};
    struct cs_error err = {0};
    int n_args, status;
    if (!cs_command_args(table, &help, argc, argv, 1, 1, &n_args, &status))
        return status;
    enum cs_err rc = open_suite(argv[1], &s, &err);
    if (rc == CS_OK)
        rc = cs_seal_read(&s, trusted, &seal, &err);
    struct cs_json *studies = cs_json_array();
    if (rc == CS_OK && !json)
        printf("suite %s: %s\ndigest %s\n%s%s%s%s\n", s.name, s.title, s.digest_hex,
               seal.there ? "sealed " : "not sealed", seal.date, seal.there ? " by " : "", seal.verifier);
    for (uint32_t i = 0; rc == CS_OK && i < s.n_studies; i++) {
        if (!json)
            printf("\n%s%s: %s\n", s.studies[i].name, s.studies[i].table != NULL ? " (private)" : "", s.studies[i].why);
        cs_json_array_append_new(studies, show_study(&s, &s.studies[i], json, &fits, &err));
        rc = err.code;
    }
    if (rc == CS_OK && json)
        print_document("suite/1", cs_json_pack("{s:s, s:s, s:b, s:s, s:O}", "suite", s.name, "digest", s.digest_hex,
                                               "as_fixed", fits, "sealed", seal.date, "studies", studies));
    cs_json_decref(studies);
    cs_suite_release(&s);
    return rc != CS_OK ? cs_command_fail(rc, &err) : fits ? 0 : cs_error_exit_code(CS_EINVAL);
}

/* ---- check ------------------------------------------------------------------------------------------------------ */

static int suite_check(int argc, char **argv)
{
    struct cs_suite_check o = {.suite = NULL};
    const struct cs_option table[] = {
        {"suite", CS_OPT_STR, &o.suite, "SUITE", "the suite's file; default: the one of the card's name"},
        {"providers", CS_OPT_STR, &o.providers, "FILE",
         "the providers file of the run: its store is then compared with its studies too"},
        {"private", CS_OPT_STR, &o.hidden, "DIR",
         "where the private tier's salt is: the table that was run is then held to its commitments"},
        {"trust", CS_OPT_STR, &o.trusted, "FILE", "the .pub file of the key that has to have sealed the suite"},
        {"json", CS_OPT_FLAG, &o.quiet, NULL, "print JSON"},
        {0},
    };
    const struct cs_command_help help = {
        "clinsafe suite check CARD.json [CARD2.json] [options]",
        "Re-checks a card: its numbers against its digest, its studies against the suite here, and, where its runs lie beside it, all that it\n"
        "says against the stored answers: findings, who answered and judged, parameters. A card alone can be held to its suite only: whether\n"
        "its numbers are true nobody can see. With two cards it shows their estimates side by side, and refuses where suite, method,\n"
        "parameters or judges differ. Exit status: 0 all holds; 65 it does not, or the two are not to be compared.",
        "clinsafe suite check suite-v1-a/card.json suite-v1-b/card.json",
    };
    struct cs_json *cards[2] = {NULL, NULL}, *all = cs_json_array();
    struct cs_error err = {0};
    int n_args, status;
    if (!cs_command_args(table, &help, argc, argv, 1, 2, &n_args, &status)) {
        cs_json_decref(all);
        return status;
    }
    for (int i = 0; i < n_args && status == 0; i++)
        status = cs_recheck_load(argv[1 + i], &cards[i], &err) == CS_OK ? 0 : cs_command_fail(err.code, &err);
    /* That two are not to be compared is known without their suites. */
    if (status == 0 && n_args == 2 && cs_recheck_pair(cards[0], cards[1], &err) != CS_OK)
        status = cs_command_fail(err.code, &err);
    for (int i = 0; i < n_args && status == 0; i++) {
        struct cs_json *result = NULL;
        cs_json_decref(cards[i]);
        cards[i] = NULL;
        status = cs_suite_check_card(argv[1 + i], &o, &cards[i], &result);
        if (result != NULL)
            cs_json_array_append_new(all, result);
    }
    if (status == 0 && n_args == 2 && !o.quiet)
        cs_beside_print(cards[0], cards[1], stdout);
    if (status == 0 && o.quiet) {
        const struct cs_json *first = cs_json_array_get(all, 0);
        print_document("suite-check/1",
                       cs_json_pack("{s:b, s:O, s:O, s:O}", "holds", 1, "digits", cs_json_object_get(first, "digits"),
                                    "standing", cs_json_object_get(first, "standing"), "cards", all));
    }
    cs_json_decref(all);
    cs_json_decref(cards[0]);
    cs_json_decref(cards[1]);
    return status;
}

/* ---- seal, key, hide ----------------------------------------------------------------------------------------------- */

static int suite_seal(int argc, char **argv)
{
    const char *key = NULL;
    bool json = false;
    const struct cs_option table[] = {
        {"key", CS_OPT_STR, &key, "FILE", "your signing key (`clinsafe suite key` makes one)"},
        {"json", CS_OPT_FLAG, &json, NULL, "print JSON"},
        {0},
    };
    const struct cs_command_help help = {
        "clinsafe suite seal SUITE --key FILE",
        "Fixes a suite and its analysis with date and signature, in SUITE.seal beside its file: for models that do not exist yet. Publish it (a git\n"
        "tag, a DOI): the date is the signer's word. A card of a model that was released on a later day is then confirmatory.",
        "clinsafe suite seal v1 --key me.key",
    };
    struct cs_suite s = {.n_studies = 0};
    struct cs_seal seal = {.there = false};
    struct cs_error err = {0};
    int n_args, status;
    if (!cs_command_args(table, &help, argc, argv, 1, 1, &n_args, &status))
        return status;
    enum cs_err rc = key != NULL ? CS_OK : cs_error_set(&err, CS_EUSAGE, "seal: --key FILE is missing: who signs?");
    if (rc == CS_OK)
        rc = open_suite(argv[1], &s, &err);
    if (rc == CS_OK)
        rc = check_fixed(&s, &err);
    if (rc == CS_OK)
        rc = cs_seal_make(&s, key, &err);
    if (rc == CS_OK)
        rc = cs_seal_read(&s, NULL, &seal, &err);
    if (rc == CS_OK && json)
        print_document("suite-seal/1", cs_json_pack("{s:s, s:s, s:s, s:s}", "suite", s.name, "digest", s.digest_hex,
                                                    "date", seal.date, "key", seal.verifier));
    else if (rc == CS_OK)
        printf("suite %s, digest %s, sealed %s by %s\n", s.name, s.digest_hex, seal.date, seal.verifier);
    cs_suite_release(&s);
    return rc == CS_OK ? 0 : cs_command_fail(rc, &err);
}

static int suite_key(int argc, char **argv)
{
    const char *name = NULL;
    bool json = false;
    const struct cs_option table[] = {
        {"name", CS_OPT_STR, &name, "NAME", "who signs; default: the last part of BASE"},
        {"json", CS_OPT_FLAG, &json, NULL, "print JSON"},
        {0},
    };
    const struct cs_command_help help = {
        "clinsafe suite key BASE [--name NAME]",
        "Makes an Ed25519 key to seal with: BASE.key (secret, mode 0600) and BASE.pub (one line, to publish). It is no key of a fleet.",
        "clinsafe suite key me",
    };
    struct cs_error err = {0};
    int n_args, status;
    if (!cs_command_args(table, &help, argc, argv, 1, 1, &n_args, &status))
        return status;
    const char *slash = strrchr(argv[1], '/');
    enum cs_err rc = cs_sign_make(argv[1], name != NULL ? name : slash != NULL ? slash + 1 : argv[1], &err);
    if (rc != CS_OK)
        return cs_command_fail(rc, &err);
    if (json)
        print_document("suite-key/1", cs_json_pack("{s:s}", "base", argv[1]));
    else
        printf("%s.key  secret: whoever has it can seal in your name\n%s.pub  public: for --trust\n", argv[1], argv[1]);
    return 0;
}

static int suite_hide(int argc, char **argv)
{
    const char *dir = NULL;
    bool json = false;
    const struct cs_option table[] = {
        {"private", CS_OPT_STR, &dir, "DIR", "the folder that has, or gets, the salt"},
        {"json", CS_OPT_FLAG, &json, NULL, "print JSON"},
        {0},
    };
    const struct cs_command_help help = {
        "clinsafe suite hide TABLE --private DIR",
        "The commitments of a private table, a line a row, for `private: rows:` of a suite file: HMACs under the salt in DIR/salt, which is made if\n"
        "there is none. Publish salt and table when the suite is retired: everybody can then see that nothing was exchanged.",
        "clinsafe suite hide private/fabricated-private/vignettes.csv --private private",
    };
    struct cs_error err = {0};
    int n_args, status;
    if (!cs_command_args(table, &help, argc, argv, 1, 1, &n_args, &status))
        return status;
    struct cs_json *rows = cs_json_array();
    enum cs_err rc = dir != NULL ? CS_OK : cs_error_set(&err, CS_EUSAGE, "hide: --private DIR is missing");
    if (rc == CS_OK)
        rc = cs_hidden_commit(dir, argv[1], rows, &err);
    if (rc == CS_OK && json)
        print_document("suite-hide/1", cs_json_pack("{s:O}", "rows", rows));
    for (size_t i = 0; rc == CS_OK && !json && i < cs_json_array_size(rows); i++)
        printf("        - %s\n", cs_json_string_value(cs_json_array_get(rows, i)));
    cs_json_decref(rows);
    return rc == CS_OK ? 0 : cs_command_fail(rc, &err);
}

/* ---- which --------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"run", "run all of it on one model, and make the score card", suite_run},
    {"plan", "what that will ask and cost", suite_plan},
    {"show", "what is in a suite, and whether the studies here are those that it fixes", suite_show},
    {"check", "re-check a card, or show two side by side", suite_check},
    {"seal", "fix a suite with date and signature, before a model exists", suite_seal},
    {"key", "make a key to seal with", suite_key},
    {"hide", "commitments to texts that are kept private", suite_hide},
};
enum { N_COMMANDS = sizeof commands / sizeof *commands };

int cmd_suite(int argc, char **argv)
{
    static const struct cs_option table[] = {{0}};
    static const char usage[] = "clinsafe suite COMMAND [arguments]";
    struct cs_error err = {0};
    struct cs_buf summary = CS_BUF_INIT(64 * 1024);
    int n_args, status;
    for (int i = 0; argc > 1 && i < N_COMMANDS; i++) {
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    }
    cs_buf_str(
        &summary,
        "A suite is a fixed set of studies, with fixed margins, analysis and judges: what a ClinSafe result is. Commands:\n");
    for (int i = 0; i < N_COMMANDS; i++)
        cs_buf_printf(&summary, "  %-6s %s%s", commands[i].name, commands[i].summary, i + 1 < N_COMMANDS ? "\n" : "");
    const struct cs_command_help help = {usage, cs_buf_cstr(&summary), "clinsafe suite run v1 --model simulated-sound"};
    if (cs_command_args(table, &help, argc, argv, 1, 1, &n_args, &status))
        status = cs_command_fail(
            cs_error_set(&err, CS_EUSAGE, "suite %.60s: no such command; `clinsafe suite --help` lists them", argv[1]),
            &err);
    cs_buf_release(&summary);
    return status;
}
