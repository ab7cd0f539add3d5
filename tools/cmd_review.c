/* clinsafe review - people look at the cases before anything is paid: what they say becomes `warrant:` and `reviewed:`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/json.h"
#include "protocol/table/names.h"
#include "tools/base/wrote.h"
#include "tools/commands.h"
#include "tools/labels/review.h"

struct review_args {
    const char *out, *factor, *warrant;
    struct cs_option_list files;
    uint64_t cases;
    bool excel, json;
};

static enum cs_err check(const struct review_args *a, struct cs_error *err)
{
    if ((a->out != NULL) == (a->files.n > 0))
        return cs_error_set(err, CS_EUSAGE, "say what to do: --out FILE, or --import FILE --warrant TABLE");
    if ((a->files.n > 0) != (a->warrant != NULL))
        return cs_error_set(err, CS_EUSAGE,
                            "--import and --warrant belong together: the table that it writes is a .csv file");
    return CS_OK;
}

/* The named factor; else the first that inserts something. */
static enum cs_err find_factor(const struct cs_study *s, const char *name, uint32_t *out, struct cs_error *err)
{
    const char *names[CS_FACTORS_MAX];
    *out = CS_NONE;
    for (uint32_t i = 0; i < s->n_factors; i++) {
        names[i] = s->factors[i].name;
        const bool is = name != NULL ? strcmp(s->factors[i].name, name) == 0 : s->factors[i].into_column != CS_NONE;
        *out = *out == CS_NONE && is ? i : *out;
    }
    if (*out == CS_NONE && name == NULL && s->n_factors > 0)
        *out = 0;
    return *out != CS_NONE ? CS_OK
                           : cs_error_set(err, CS_EINVAL, "there is no factor \"%s\"%s", name != NULL ? name : "",
                                          cs_names_hint(name != NULL ? name : "", names, s->n_factors).text);
}

static void say_what_to_write(const struct cs_study *s, const struct review_args *a, const struct cs_review_opts *o,
                              const struct cs_review_done *d)
{
    printf("%u ratings by %u people; %u rows of what is warranted%s%s\n", d->ratings, d->raters, d->warranted,
           d->warranted > 0 ? " written to " : "", d->warranted > 0 ? a->warrant : "");
    if (d->implausible > 0)
        printf("%u pairs are not plausible to most, for example %s: change the case or leave the level out.\n",
               d->implausible, d->example);
    printf("Into the study file, with your own words for the source:\n  analysis:\n");
    if (d->warranted > 0)
        printf("    warrant: {file: %s, factor: %s, source: \"case review by %u people\"}\n", a->warrant,
               s->factors[o->factor].name, d->raters);
    printf("    labels: {source: \"WHO SET THE LABELS\", reviewed: yes, raters: %u}\n", d->raters);
}

static void print_json(const struct review_args *a, const struct cs_review_done *d)
{
    struct cs_json *w = cs_wrote_begin("review");
    if (a->out != NULL || d->warranted > 0)
        cs_wrote_file(w, a->out != NULL ? a->out : a->warrant, a->out != NULL ? d->rows : d->warranted);
    cs_wrote_print(w, a->out != NULL ? NULL
                                     : cs_json_pack("{s:I, s:I, s:I}", "ratings", (int64_t)d->ratings, "raters",
                                                    (int64_t)d->raters, "implausible", (int64_t)d->implausible));
}

int cmd_review(int argc, char **argv)
{
    struct cs_study_args args = {0};
    struct review_args a = {0};
    const struct cs_option table[] = {
        CS_STUDY_OPTIONS(args),
        {"factor", CS_OPT_STR, &a.factor, "NAME",
         "whose levels are looked at; default: the first that changes the case"},
        {"cases", CS_OPT_U64, &a.cases, "N", "only N cases, spread evenly; default: all"},
        {"out", CS_OPT_STR, &a.out, "FILE", "the sheet: a table (.csv), or one page for a browser (.html)"},
        {"excel", CS_OPT_FLAG, &a.excel, NULL, "the table for Excel: byte-order mark, no cell that runs as a formula"},
        {"import", CS_OPT_LIST, &a.files, "FILE", "a sheet that came back; may be repeated, one file a person"},
        {"warrant", CS_OPT_STR, &a.warrant, "TABLE", "with --import: the table for `warrant:` to write"},
        {"json", CS_OPT_FLAG, &a.json, NULL, "print JSON"},
        {0},
    };
    const struct cs_command_help help = {
        "clinsafe review STUDY (--out FILE | --import FILE --warrant TABLE) [options]",
        "Before you pay: lets physicians say of each case and level whether it is plausible, and for which answers a different one would\n"
        "be right. Their sheets become the table of `warrant:`, and say what to write under `labels:`. Sends nothing.",
        "clinsafe review ops/studies/demo/study.yaml --cases 5 --out review.html\n"
        "  clinsafe review ops/studies/demo/study.yaml --import dr-a.csv --import dr-b.csv --warrant warrant.csv",
    };
    struct cs_loaded loaded = {0};
    struct cs_review_opts o = {0};
    struct cs_review_done done = {0};
    struct cs_error err = {0};
    int n_args, status;
    if (!cs_command_args(table, &help, argc, argv, 1, 1, &n_args, &status))
        return status;
    enum cs_err rc = check(&a, &err);
    if (rc == CS_OK)
        rc = cs_command_load_study(&args, argv[1], &loaded, &err);
    if (rc == CS_OK)
        rc = find_factor(loaded.study, a.factor, &o.factor, &err);
    o.cases = (uint32_t)(a.cases < UINT32_MAX ? a.cases : UINT32_MAX);
    o.excel = a.excel;
    if (rc == CS_OK)
        rc = a.out != NULL ? cs_review_write(&loaded, &o, a.out, &done, &err)
                           : cs_review_import(&loaded, &o, &a.files, a.warrant, &done, &err);
    if (rc == CS_OK && a.json)
        print_json(&a, &done);
    else if (rc == CS_OK && a.out != NULL)
        printf("%u pairs of case and level written to %s\n", done.rows, a.out);
    else if (rc == CS_OK)
        say_what_to_write(loaded.study, &a, &o, &done);
    cs_load_release(&loaded);
    return rc == CS_OK ? 0 : cs_command_fail(rc, &err);
}
