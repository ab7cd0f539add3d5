/* clinsafe labels - blinded samples of outputs for people to rate, and their ratings back beside the store. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/json.h"
#include "tools/commands.h"
#include "tools/labels/import.h"
#include "tools/labels/judged_sample.h"
#include "tools/base/text.h"
#include "tools/base/wrote.h"
#include "tools/labels/sample.h"
#include "tools/labels/sheet.h"

enum { ITEMS_MAX = 100000 };

struct labels_args {
    uint64_t sample, seed, twice;
    const char *out, *adjudicate, *stratify;
    struct cs_option_list rate, files, decided, raters;
    bool blind, no_answer, excel, level_images, json;
    struct cs_json *written; /* with --json */
};

static enum cs_err check(const struct labels_args *a, struct cs_error *err)
{
    const int tasks = (a->sample > 0) + (a->files.n > 0) + (a->adjudicate != NULL) + (a->decided.n > 0);
    if (tasks != 1)
        return cs_error_set(
            err, CS_EUSAGE,
            "say what to do: --sample N --out FILE, --import FILE, --adjudicate FILE, or --adjudicated FILE");
    if (a->sample > 0 && a->out == NULL)
        return cs_error_set(err, CS_EUSAGE, "--sample needs --out FILE, which the raters get");
    if (a->sample > ITEMS_MAX || a->twice > ITEMS_MAX)
        return cs_error_set(err, CS_EUSAGE, "a sample has at most %d items", ITEMS_MAX);
    if (a->stratify != NULL && (a->sample == 0 || strcmp(a->stratify, "judge") != 0))
        return cs_error_set(err, CS_EUSAGE,
                            "--stratify judge goes with --sample: by model, level and verdict of what was judged");
    if (a->stratify != NULL && a->no_answer)
        return cs_error_set(err, CS_EUSAGE, "--no-answer hides what is to be rated; leave it out with --stratify");
    if (a->raters.n == 1 || (a->raters.n > 0 && a->sample == 0))
        return cs_error_set(err, CS_EUSAGE,
                            "--rater goes with --sample, and two or more of them: each item goes to two");
    for (unsigned i = 0; i < a->raters.n; i++) {
        const char *name = a->raters.v[i];
        if (name[0] == '\0' || strpbrk(name, "/\\") != NULL || strcmp(name, CS_RATINGS_DECIDER) == 0)
            return cs_error_set(err, CS_EUSAGE, "--rater %s: want a name that can be part of a file's", name);
    }
    return CS_OK;
}

static void on_wrote(void *self, const char *path, int64_t rows)
{
    cs_wrote_file(self, path, rows);
}

static void add_sample(struct cs_json *written, const struct cs_sample_done *done)
{
    struct cs_json *more = cs_json_pack("{s:I, s:I, s:I, s:I}", "items", (int64_t)done->items, "outputs",
                                        (int64_t)done->outputs, "images", (int64_t)done->images, "unjudged",
                                        (int64_t)done->unjudged);
    cs_json_object_update(written, more);
    cs_json_decref(more);
}

/* What raters see of the images that the model saw. */
static void say_images(const struct cs_study *s, const struct cs_sample_opts *o, const struct cs_sample_done *done)
{
    char n[CS_TEXT_MAX_LEN], bytes[CS_TEXT_MAX_LEN];
    if (!cs_image_is_used(s))
        return;
    if (cs_sheet_kind_of(o->path, o->excel) != CS_SHEET_PAGE)
        printf("a table shows no images, and the model saw some: --out FILE.html draws them\n");
    else
        printf("%s images of %s bytes are on %s%s\n", cs_text_count(n, done->images),
               cs_text_count(bytes, done->image_bytes), o->raters->n > 0 ? "the largest page" : "the page",
               o->blind && !o->level_images && cs_image_is_of_levels(s)
                   ? "; those that levels bring are not (--level-images)"
                   : "");
}

static enum cs_err make_sample(struct cs_reader *r, const struct labels_args *a, const char *folder,
                               struct cs_error *err)
{
    const struct cs_sample_opts o = {.seed = a->seed,
                                     .n = (uint32_t)a->sample,
                                     .twice = (uint32_t)a->twice,
                                     .blind = a->blind,
                                     .no_answer = a->no_answer,
                                     .excel = a->excel,
                                     .level_images = a->level_images,
                                     .rate = &a->rate,
                                     .raters = &a->raters,
                                     .path = a->out,
                                     .folder = folder,
                                     .wrote = on_wrote,
                                     .self = a->written};
    struct cs_sample_done done;
    enum cs_err rc = a->stratify != NULL ? cs_judged_sample_write(r, &o, &done, err)
                                         : cs_sample_write(r, &o, &done, err);
    if (rc == CS_OK && a->json) {
        add_sample(a->written, &done);
        return CS_OK;
    }
    if (rc == CS_OK)
        printf("%u items of %u outputs written to %s; their key stays in %s\n", done.items, done.outputs, a->out,
               folder);
    if (rc == CS_OK)
        say_images(r->view.spec.study, &o, &done);
    if (rc == CS_OK && done.unjudged > 0)
        printf("%" PRIu64 " texts are not judged yet and had no chance to be in this sample: once they are, the report "
               "corrects nothing by it; draw it when the judges are through\n",
               done.unjudged);
    return rc;
}

/* A sheet of what raters differ about, for the one who decides. */
static enum cs_err make_disputes(struct cs_reader *r, const struct labels_args *a, const char *folder,
                                 struct cs_error *err)
{
    struct cs_ratings ratings = {0};
    struct cs_sample_done done = {0};
    const struct cs_sample_opts o = {.seed = a->seed,
                                     .n = ITEMS_MAX,
                                     .blind = a->blind,
                                     .excel = a->excel,
                                     .level_images = a->level_images,
                                     .rate = &a->rate,
                                     .raters = &a->raters,
                                     .disputed = &ratings,
                                     .path = a->adjudicate,
                                     .folder = folder,
                                     .wrote = on_wrote,
                                     .self = a->written};
    enum cs_err rc = cs_ratings_load(&ratings, folder, err);
    if (rc == CS_OK && r->view.spec.study->parent != NULL)
        rc = cs_judged_sample_write(r, &o, &done, err);
    if (rc == CS_OK && done.items == 0)
        rc = cs_sample_write(r, &o, &done, err);
    if (rc == CS_OK && a->json)
        add_sample(a->written, &done);
    else if (rc == CS_OK)
        printf("%u items about which raters differ written to %s; bring it back with --adjudicated\n", done.items,
               a->adjudicate);
    if (rc == CS_OK && !a->json)
        say_images(r->view.spec.study, &o, &done);
    cs_ratings_release(&ratings);
    return rc;
}

static void add_import(struct cs_json *written, const char *folder, const struct cs_ratings *all,
                       const struct cs_import_done *done)
{
    struct cs_json *more = cs_json_pack("{s:I, s:I, s:I}", "added", (int64_t)done->added, "replaced",
                                        (int64_t)done->replaced, "empty", (int64_t)done->empty);
    char *path = cs_xasprintf("%s/ratings.csv", folder);
    cs_wrote_file(written, path, all->n);
    cs_json_object_update(written, more);
    cs_json_decref(more);
    free(path);
}

static enum cs_err import_files(const struct cs_reader *r, const struct labels_args *a, const char *folder,
                                struct cs_error *err)
{
    const struct cs_option_list *files = a->files.n > 0 ? &a->files : &a->decided;
    const char *rater = a->files.n > 0 ? NULL : CS_RATINGS_DECIDER;
    struct cs_ratings ratings = {0};
    struct cs_import_done done = {0};
    enum cs_err rc = cs_ratings_load(&ratings, folder, err);
    for (unsigned i = 0; i < files->n && rc == CS_OK; i++)
        rc = cs_import_ratings(&ratings, r->view.spec.study, folder, files->v[i], rater, &done, err);
    if (rc == CS_OK)
        rc = cs_ratings_save(&ratings, folder, err);
    if (rc == CS_OK && a->json)
        add_import(a->written, folder, &ratings, &done);
    else if (rc == CS_OK)
        printf("%u ratings added, %u replaced, %u left empty; `clinsafe report` shows how raters agree\n", done.added,
               done.replaced, done.empty);
    cs_ratings_release(&ratings);
    return rc;
}

int cmd_labels(int argc, char **argv)
{
    struct cs_study_args args = {0};
    struct labels_args a = {.seed = 1};
    const char *store = NULL, *name = NULL;
    const struct cs_option table[] = {
        CS_DIR_OPTION(args),
        CS_WHICH_OPTION(name),
        {"store", CS_OPT_STR, &store, "DIR", "the database folder itself (a coordinator's --dir)"},
        {"sample", CS_OPT_U64, &a.sample, "N", "choose N outputs, each model and level with its share"},
        {"stratify", CS_OPT_STR, &a.stratify, "judge",
         "of a study of judges: what they judged, by model, level and verdict, each with a known chance; always blind"},
        {"seed", CS_OPT_U64, &a.seed, "N", "of the choice and of the order; default 1"},
        {"blind", CS_OPT_FLAG, &a.blind, NULL, "leave out levels and models (an answer may still name a group)"},
        {"level-images", CS_OPT_FLAG, &a.level_images, NULL,
         "blind raters see the images that levels bring too, without names (an image may show the group)"},
        {"no-answer", CS_OPT_FLAG, &a.no_answer, NULL, "raters see the case and the question, not what the model said"},
        {"twice", CS_OPT_U64, &a.twice, "N", "N of the items come a second time, for the agreement of one rater"},
        {"rate", CS_OPT_LIST, &a.rate, "NAME", "something else to rate than the study's answers; may be repeated"},
        {"out", CS_OPT_STR, &a.out, "FILE",
         "what the raters get: a table (.csv) with empty columns rating.NAME, or one page for a browser (.html)"},
        {"excel", CS_OPT_FLAG, &a.excel, NULL, "the table for Excel: byte-order mark, no cell that runs as a formula"},
        {"rater", CS_OPT_LIST, &a.raters, "NAME",
         "with --sample, twice or more: each item goes to two of them, in FILE-NAME"},
        {"adjudicate", CS_OPT_STR, &a.adjudicate, "FILE",
         "write what raters differ about, with what they said, for the one who decides"},
        {"adjudicated", CS_OPT_LIST, &a.decided, "FILE",
         "bring those decisions back: they count in place of the majority, and in no agreement"},
        {"import", CS_OPT_LIST, &a.files, "FILE", "bring ratings back; may be repeated, one file a rater"},
        {"json", CS_OPT_FLAG, &a.json, NULL, "print JSON"},
        {0},
    };
    const struct cs_command_help help = {
        "clinsafe labels [STUDY] (--sample N --out FILE | --import FILE | --adjudicate FILE | --adjudicated FILE) [options]",
        "Asks people: writes a random sample of outputs as a table without levels and models, and brings the ratings back. They are kept\n"
        "beside the store, by digest; outputs never change. Export then has them as columns, report shows the agreement (Cohen, Fleiss).\n"
        "A rater is named by a column `rater`, by rating.NAME@RATER, or by the file's name.",
        "clinsafe labels ops/studies/demo/study.yaml --sample 200 --blind --seed 7 --out ratings.csv\n"
        "  clinsafe labels ops/studies/demo/study.yaml --import dr-a.csv --import dr-b.csv",
    };
    struct cs_reader reader = {0};
    struct cs_error err = {0};
    int n_args, status;
    if (!cs_command_args(table, &help, argc, argv, 0, 1, &n_args, &status))
        return status;
    const char *study = n_args > 0 ? argv[1] : NULL;
    enum cs_err rc = check(&a, &err);
    if (rc == CS_OK)
        rc = cs_reader_open(&reader, study, args.dir, store, name, &err);
    char *folder = cs_ratings_folder(study, args.dir, store, reader.apart);
    a.written = a.json ? cs_wrote_begin("labels") : NULL;
    if (rc == CS_OK)
        rc = a.sample > 0           ? make_sample(&reader, &a, folder, &err)
             : a.adjudicate != NULL ? make_disputes(&reader, &a, folder, &err)
                                    : import_files(&reader, &a, folder, &err);
    if (rc == CS_OK && a.json)
        cs_wrote_print(a.written, NULL);
    else
        cs_json_decref(a.written);
    free(folder);
    cs_reader_close(&reader);
    return rc == CS_OK ? 0 : cs_command_fail(rc, &err);
}
