/* clinsafe export - the outputs as a table, streaming, while the study runs too. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tools/commands.h"
#include "tools/export/elements.h"
#include "tools/export/format.h"
#include "tools/export/origin.h"
#include "tools/export/panels.h"
#include "tools/base/part_file.h"
#include "tools/base/reader.h"
#include "tools/base/wrote.h"
#include "tools/screen/screen.h"
#include "tools/base/text.h"

struct export
{
    struct cs_export_row row;
    struct cs_ratings ratings; /* what people said of the outputs; empty if nothing */
    const struct cs_export_format *format;
    const char *with;                /* the study that judges these outputs; NULL: none */
    const char *store;               /* --store */
    struct cs_export_origin *origin; /* of a study of judges */
    struct cs_export_panels *judged; /* by `with` */
    FILE *out, *elements_out;        /* elements_out NULL: elements have no table */
    struct cs_export_elements elements;
    struct cs_reader *reader;
    bool all;        /* planned trials too */
    bool superseded; /* answers that were asked again too */
    uint64_t next;   /* position not yet written in this lane */
    uint32_t before; /* superseded answers written of it */
    uint64_t rows, element_rows;
    struct cs_ticker ticker;
};

static enum cs_err write_row(struct export *e, uint32_t lane, uint64_t position, const struct cs_stored *stored,
                             const struct cs_export_again *again, struct cs_error *err)
{
    enum cs_err rc = cs_export_row_fill(&e->row, lane, position, stored, again, err);
    if (rc != CS_OK)
        return rc;
    e->format->row(e->out, &e->row);
    if (e->elements_out != NULL)
        e->element_rows += cs_export_elements_write(&e->elements, &e->row, e->format, e->elements_out);
    if (e->elements_out != NULL && ferror(e->elements_out))
        return cs_error_set(err, CS_EIO, "writing the elements: %s", strerror(errno));
    cs_screen_ticker_at(&e->ticker, ++e->rows);
    return ferror(e->out) ? cs_error_set(err, CS_EIO, "writing the export: %s", strerror(errno)) : CS_OK;
}

static enum cs_err write_planned(struct export *e, uint32_t lane, uint64_t to, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    for (; e->all && e->next < to && rc == CS_OK; e->next++) {
        bool out = false;
        rc = cs_reader_left_out(e->reader, lane, e->next, &out, err);
        if (rc == CS_OK && !out)
            rc = write_row(e, lane, e->next, NULL, NULL, err);
    }
    return rc;
}

/* What followed an answer that was asked again: the trial's place names all of them, the latest first. */
static enum cs_err find_follower(struct export *e, uint32_t lane, uint64_t position, uint64_t output_id, uint64_t *by,
                                 struct cs_error *err)
{
    struct cs_place place;
    enum cs_err rc = cs_store_rows_place(e->reader->store, e->reader->view.generation.number, lane, position, &place,
                                         err);
    *by = 0;
    for (uint32_t i = 0; rc == CS_OK && i < place.n_earlier; i++) {
        if (place.earlier[i] == output_id)
            *by = i > 0 ? place.earlier[i - 1] : place.output_id;
    }
    return rc;
}

static enum cs_err write_superseded(struct export *e, uint32_t lane, uint64_t position, const struct cs_stored *stored,
                                    struct cs_error *err)
{
    struct cs_export_again again = {.before = e->before++};
    enum cs_err rc = find_follower(e, lane, position, stored->output_id, &again.by, err);
    return rc == CS_OK ? write_row(e, lane, position, stored, &again, err) : rc;
}

static enum cs_err on_stored(void *self, uint32_t lane, uint64_t position, const struct cs_stored *stored,
                             struct cs_error *err)
{
    struct export *e = self;
    if (position != e->next) /* else it is that of the superseded ones */
        e->before = 0;
    enum cs_err rc = write_planned(e, lane, position, err);
    e->next = position;
    if (rc == CS_OK && stored->flags & CS_OUTPUT_SUPERSEDED)
        return write_superseded(e, lane, position, stored, err);
    e->next = position + 1;
    e->before = 0;
    return rc == CS_OK ? write_row(e, lane, position, stored, NULL, err) : rc;
}

static enum cs_err export_all(struct export *e, struct cs_reader *r, struct cs_error *err)
{
    const struct cs_plan *plan = &r->view.plan;
    enum cs_err rc = cs_export_row_open(&e->row, &r->view, &e->ratings, err);
    if (rc == CS_OK)
        rc = cs_export_row_served(&e->row, r->store, err);
    cs_export_row_turns(&e->row, r->store);
    if (rc == CS_OK && e->with != NULL)
        rc = cs_export_panels_open(&e->judged, e->with, r, e->store, err);
    e->origin = cs_export_origin_open(&r->view);
    if (rc == CS_OK && e->origin != NULL)
        cs_export_row_add(&e->row, cs_export_origin_more(e->origin));
    if (rc == CS_OK && e->judged != NULL)
        cs_export_row_add(&e->row, cs_export_panels_more(e->judged));
    if (rc == CS_OK && e->elements_out != NULL)
        rc = cs_export_elements_open(&e->elements, &e->row, err);
    if (rc == CS_OK && e->elements_out != NULL)
        e->format->header(e->elements_out, &e->elements.row);
    if (rc == CS_OK)
        e->format->header(e->out, &e->row);
    e->reader = r;
    cs_screen_ticker_init(&e->ticker, "export", plan->n_planned);
    for (uint32_t lane = 0; lane < plan->n_lanes && rc == CS_OK; lane++) {
        e->next = 0;
        e->before = 0;
        rc = (e->superseded ? cs_store_scan_all : cs_store_scan)(r->store, r->view.generation.number, lane, on_stored,
                                                                 e, err);
        if (rc == CS_OK)
            rc = write_planned(e, lane, plan->lanes[lane].n_trials, err);
    }
    cs_screen_ticker_end(&e->ticker);
    cs_export_elements_close(&e->elements);
    cs_export_row_close(&e->row);
    cs_export_origin_close(e->origin);
    cs_export_panels_close(e->judged);
    return rc;
}

static enum cs_err export_to(struct export *e, struct cs_reader *r, const char *path, bool readable,
                             struct cs_error *err)
{
    if (path == NULL || strcmp(path, "-") == 0) {
        e->out = stdout;
        enum cs_err rc = export_all(e, r, err);
        return fflush(stdout) != 0 && rc == CS_OK ? cs_error_set(err, CS_EIO, "writing the export: %s", strerror(errno))
                                                  : rc;
    }
    struct cs_part_file file;
    enum cs_err rc = cs_part_file_open(&file, path, err);
    if (rc != CS_OK)
        return rc;
    file.readable = readable;
    e->out = file.out;
    return cs_part_file_close(&file, export_all(e, r, err), err);
}

/* Both files appear, or none. */
static enum cs_err export_both(struct export *e, struct cs_reader *r, const char *path, const char *elements,
                               bool readable, struct cs_error *err)
{
    struct cs_part_file file;
    if (elements == NULL)
        return export_to(e, r, path, readable, err);
    enum cs_err rc = cs_part_file_open(&file, elements, err);
    if (rc != CS_OK)
        return rc;
    file.readable = readable;
    e->elements_out = file.out;
    return cs_part_file_close(&file, export_to(e, r, path, readable, err), err);
}

static void say_written(const struct export *e, const char *path, const char *elements)
{
    char count[CS_TEXT_MAX_LEN];
    if (path != NULL)
        fprintf(stderr, "%s rows written to %s\n", cs_text_count(count, e->rows), path);
    if (elements != NULL)
        fprintf(stderr, "%s elements written to %s\n", cs_text_count(count, e->element_rows), elements);
}

static void print_json(const struct export *e, const char *path, const char *elements)
{
    struct cs_json *w = cs_wrote_begin("export");
    cs_wrote_file(w, path, (int64_t)e->rows);
    if (elements != NULL)
        cs_wrote_file(w, elements, (int64_t)e->element_rows);
    cs_wrote_print(w, NULL);
}

int cmd_export(int argc, char **argv)
{
    struct cs_study_args args = {0};
    struct export e = {0};
    bool readable = false, excel = false, json = false;
    const char *format = "csv", *path = NULL, *elements = NULL, *name = NULL;
    char formats[CS_FORMAT_NAMES_LEN], formats_help[CS_FORMAT_NAMES_LEN];
    const struct cs_option table[] = {
        CS_DIR_OPTION(args),
        CS_WHICH_OPTION(name),
        {"store", CS_OPT_STR, &e.store, "DIR", "the database folder itself (a coordinator's --dir)"},
        {"format", CS_OPT_STR, &format, "FORMAT", cs_format_names(formats_help, " (default)")},
        {"excel", CS_OPT_FLAG, &excel, NULL,
         "CSV for Excel: byte-order mark, no cell that runs as a formula, long texts cut"},
        {"out", CS_OPT_STR, &path, "FILE", "where to write; default: standard output"},
        {"elements", CS_OPT_STR, &elements, "FILE", "a second table: a row for every element of list answers"},
        {"readable", CS_OPT_FLAG, &readable, NULL, "others of this machine may read the file (default: you alone)"},
        {"all", CS_OPT_FLAG, &e.all, NULL, "a row for trials without an output too (state: planned)"},
        {"superseded", CS_OPT_FLAG, &e.superseded, NULL,
         "before the answer of a trial those that were asked again (state: superseded)"},
        {"with", CS_OPT_STR, &e.with, "CHILD",
         "beside each output what this study's judges say of it: a study file, a study's directory, or a name in the same store"},
        {"json", CS_OPT_FLAG, &json, NULL, "print JSON, with --out FILE: what was written"},
        {0},
    };
    const struct cs_command_help help = {
        "clinsafe export [STUDY] [options]",
        "Writes one row a trial: all coordinates, outcome, parsed answers, text, usage, cost, served model, attempts, times. The columns are\n"
        "described in tools/README.md. Works while the study runs; the view is that of the start of the export.",
        "clinsafe export ops/studies/demo/study.yaml --format csv --out outputs.csv",
    };
    struct cs_reader reader = {0};
    struct cs_error err = {0};
    int n_args, status;
    if (!cs_command_args(table, &help, argc, argv, 0, 1, &n_args, &status))
        return status;
    enum cs_err rc = CS_OK;
    e.format = cs_format_find(format);
    if (e.format == NULL)
        rc = cs_error_set(&err, CS_EUSAGE, "--format %s: want %s", format, cs_format_names(formats, ""));
    if (rc == CS_OK && excel && e.format != &cs_export_csv)
        rc = cs_error_set(&err, CS_EUSAGE, "--excel goes with --format csv");
    if (rc == CS_OK && json && (path == NULL || strcmp(path, "-") == 0))
        rc = cs_error_set(&err, CS_EUSAGE,
                          "--json tells what was written: say where, with --out FILE; rows as JSON are --format jsonl");
    if (excel)
        e.format = &cs_export_csv_excel;
    if (rc == CS_OK)
        rc = cs_reader_open(&reader, n_args > 0 ? argv[1] : NULL, args.dir, e.store, name, &err);
    char *folder = cs_ratings_folder(n_args > 0 ? argv[1] : NULL, args.dir, e.store, reader.apart);
    if (rc == CS_OK)
        rc = cs_ratings_load(&e.ratings, folder, &err);
    free(folder);
    if (rc == CS_OK)
        rc = export_both(&e, &reader, path, elements, readable, &err);
    cs_ratings_release(&e.ratings);
    cs_reader_close(&reader);
    if (rc != CS_OK)
        return cs_command_fail(rc, &err);
    if (json)
        print_json(&e, path, elements);
    else
        say_written(&e, path, elements);
    return 0;
}
