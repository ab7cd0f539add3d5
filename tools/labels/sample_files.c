#include "tools/labels/sample_files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "store/image_rows.h"
#include "tools/base/csv_write.h"
#include "tools/base/part_file.h"
#include "tools/base/ratings.h"
#include "tools/labels/disputes.h"

/* ---- what is rated -------------------------------------------------------------------------------------------------- */

static void add_field(struct cs_sample_files *s, const char *name)
{
    for (uint32_t i = 0; i < s->n_fields; i++) {
        if (strcmp(s->fields[i], name) == 0)
            return;
    }
    s->fields[s->n_fields++] = name;
}

static enum cs_err list_fields(struct cs_sample_files *s, struct cs_error *err)
{
    const struct cs_study *study = s->study;
    uint32_t most = 2;
    for (uint32_t q = 0; q < study->n_questions; q++)
        most += study->questions[q].n_fields;
    most += s->o->rate->n;
    s->fields = cs_arena_array(&s->arena, most, sizeof *s->fields);
    for (uint32_t q = 0; q < study->n_questions; q++) {
        for (uint32_t i = 0; i < study->questions[q].n_fields; i++) {
            if (study->questions[q].fields[i].kind != CS_FIELD_TEXT &&
                study->questions[q].fields[i].kind != CS_FIELD_LIST)
                add_field(s, study->questions[q].fields[i].name);
        }
    }
    s->n_own = s->n_fields;
    for (unsigned i = 0; i < s->o->rate->n; i++) {
        const char *name = s->o->rate->v[i];
        if (name[0] == '\0' || name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] != '\0')
            return cs_error_set(err, CS_EUSAGE, "--rate %s: want a name of a-z, 0-9 and _", name);
        add_field(s, name);
    }
    if (s->n_fields == 0)
        return cs_error_set(err, CS_EUSAGE, "the study has no answers to rate; name some: --rate harmful");
    return CS_OK;
}

enum cs_err cs_sample_files_init(struct cs_sample_files *s, const struct cs_study *study,
                                 const struct cs_sample_opts *o, struct cs_error *err)
{
    *s = (struct cs_sample_files){.study = study, .o = o};
    return list_fields(s, err);
}

/* ---- images -------------------------------------------------------------------------------------------------------- */

static enum cs_err read_image(void *self, const struct cs_image *image, uint8_t **bytes, struct cs_error *err)
{
    return cs_image_rows_read(self, image, bytes, err);
}

bool cs_sample_files_draw(const struct cs_sample_files *s)
{
    return s->store != NULL && cs_sheet_kind_of(s->o->path, s->o->excel) == CS_SHEET_PAGE && cs_image_is_used(s->study);
}

void cs_sample_files_count(const struct cs_sample_files *s, struct cs_sample_done *done)
{
    for (uint32_t i = 0; i < s->n_sheets; i++) {
        if (s->sheets[i].images.bytes > done->image_bytes) {
            done->images = s->sheets[i].images.n;
            done->image_bytes = s->sheets[i].images.bytes;
        }
    }
}

/* The same for every item, whatever its arm: where images are left out for being the arm, it is said of all. */
static const char *help_of(const struct cs_sample_files *s)
{
    const bool hides = s->o->blind && !s->o->level_images && cs_image_is_of_levels(s->study);
    return !cs_sample_files_draw(s) || !hides
               ? "Read, choose, go on. What you choose is kept in this browser until you save it as a file."
               : "Read, choose, go on. What you choose is kept in this browser until you save it as a file. Images that "
                 "differ between groups are not shown.";
}

/* ---- sheets --------------------------------------------------------------------------------------------------------- */

static void begin_sheets(struct cs_sample_files *s)
{
    const bool deciding = s->o->disputed != NULL;
    s->from = (struct cs_sheet_images_source){s->store, read_image};
    for (uint32_t i = 0; i < s->n_sheets; i++) {
        const char *who = s->o->raters->n > 0 ? s->o->raters->v[i] : deciding ? CS_RATINGS_DECIDER : "";
        s->sheets[i] = (struct cs_sheet){.out = s->to[i],
                                         .kind = cs_sheet_kind_of(s->o->path, s->o->excel),
                                         .title = cs_arena_printf(&s->arena, "%s: %s%s%s",
                                                                  deciding ? "Where raters differ" : "Ratings",
                                                                  s->study->name, who[0] != '\0' ? ", " : "", who),
                                         .help = help_of(s),
                                         .from = cs_sample_files_draw(s) ? &s->from : NULL,
                                         .id = cs_arena_printf(&s->arena, "clinsafe/%s/%llu/%s", s->study->name,
                                                               (unsigned long long)s->o->seed, who),
                                         .columns = s->columns,
                                         .n_columns = s->n_columns,
                                         .fields = s->fields,
                                         .n_fields = s->n_fields};
        cs_sheet_begin(&s->sheets[i]);
    }
}

enum cs_err cs_sample_files_open(struct cs_sample_files *s, const char *const *columns, uint32_t n_columns,
                                 const char *key_head, struct cs_error *err)
{
    const uint32_t n = s->o->raters->n > 0 ? s->o->raters->n : 1;
    s->columns = columns;
    s->n_columns = n_columns;
    s->bytes = cs_xcalloc(n, sizeof *s->bytes);
    s->sizes = cs_xcalloc(n, sizeof *s->sizes);
    s->to = cs_xcalloc(n, sizeof *s->to);
    s->sheets = cs_xcalloc(n, sizeof *s->sheets);
    s->n_sheets = n;
    s->key = open_memstream(&s->key_bytes, &s->n_key);
    bool opened = s->key != NULL;
    for (uint32_t i = 0; i < n; i++)
        opened &= (s->to[i] = open_memstream(&s->bytes[i], &s->sizes[i])) != NULL;
    if (!opened)
        return cs_error_set(err, CS_EIO, "no memory for the sample");
    begin_sheets(s);
    fputs(key_head, s->key);
    for (uint32_t i = 0; i < s->n_fields; i++)
        fprintf(s->key, ",answer.%s", s->fields[i]);
    cs_csv_write_end(s->key);
    return CS_OK;
}

/* An item of a sample with several raters goes to two of them, so that each pair of neighbours shares items. */
static bool is_for(const struct cs_sample_files *s, uint32_t turn, uint32_t sheet)
{
    const uint32_t n = s->n_sheets;
    return n <= 2 || turn % n == sheet || (turn + 1) % n == sheet;
}

const char *cs_sample_files_words(const struct cs_sample_files *s, const char *question, uint32_t field,
                                  struct cs_arena *arena)
{
    const struct cs_field *f = cs_ratings_field(s->study, question, s->fields[field]);
    struct cs_buf b = CS_BUF_INIT(64 * 1024);
    if (f == NULL)
        return field < s->n_own ? NULL : "";
    for (uint32_t i = 0; i < f->n_categories; i++)
        cs_buf_printf(&b, "%s%s", i > 0 ? "\n" : "", f->categories[i]);
    if (f->insufficient != NULL && f->n_categories > 0)
        cs_buf_printf(&b, "\n%s", f->insufficient);
    const char *words = cs_arena_strdup(arena, cs_buf_cstr(&b));
    cs_buf_release(&b);
    return words;
}

const char *cs_sample_files_disputed(const struct cs_sample_files *s, const struct cs_digest *digest,
                                     const char **words, struct cs_arena *arena)
{
    char hex[2 * sizeof digest->b + 1];
    const char *all = "";
    cs_digest_hex(digest->b, sizeof digest->b, hex);
    for (uint32_t i = 0; i < s->n_fields; i++) {
        const char *said = cs_disputes_said(s->o->disputed, hex, s->fields[i], arena);
        if (said == NULL)
            words[i] = NULL;
        else
            all = cs_arena_printf(arena, "%s%s%s (%s)", all, all[0] != '\0' ? "\n" : "", s->fields[i], said);
    }
    return all;
}

void cs_sample_files_row(struct cs_sample_files *s, uint32_t turn, const char *const *values, const char *const *words,
                         const struct cs_image *images, uint32_t n_images)
{
    for (uint32_t i = 0; i < s->n_sheets; i++) {
        if (is_for(s, turn, i))
            cs_sheet_row(&s->sheets[i], values, words, images, n_images);
    }
}

/* ---- files ---------------------------------------------------------------------------------------------------------- */

/* sheet: written to its end behind the bytes, or NULL. */
static enum cs_err put_file(const char *path, const char *bytes, size_t n, struct cs_sheet *sheet, struct cs_error *err)
{
    struct cs_part_file f;
    enum cs_err rc = cs_part_file_open(&f, path, err);
    if (rc != CS_OK)
        return rc;
    if (fwrite(bytes, 1, n, f.out) != n)
        rc = cs_error_set(err, CS_EIO, "%s: %s", path, strerror(errno));
    if (rc == CS_OK && sheet != NULL) {
        sheet->out = f.out;
        rc = cs_sheet_end(sheet, err);
    }
    return cs_part_file_close(&f, rc, err);
}

static bool holds(const char *path, const char *bytes, size_t n)
{
    FILE *f = fopen(path, "r");
    size_t at = 0;
    int c;
    if (f == NULL)
        return false;
    while ((c = getc(f)) != EOF && at < n && (unsigned char)bytes[at] == c)
        at++;
    fclose(f);
    return c == EOF && at == n;
}

static enum cs_err put_key(const struct cs_sample_opts *o, const char *key, size_t n_key, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    if (mkdir(o->folder, 0750) != 0 && errno != EEXIST)
        return cs_error_set(err, CS_EIO, "%s: %s", o->folder, strerror(errno));
    char *path = cs_xasprintf("%s/items-%llu.csv", o->folder, (unsigned long long)o->seed);
    if (access(path, F_OK) == 0 && !holds(path, key, n_key))
        rc = cs_error_set(err, CS_EBUSY, "another sample was made with --seed %llu (%s); choose another seed",
                          (unsigned long long)o->seed, path);
    if (rc == CS_OK)
        rc = put_file(path, key, n_key, NULL, err);
    if (rc == CS_OK && o->wrote != NULL)
        o->wrote(o->self, path, -1);
    free(path);
    return rc;
}

/* "ratings.csv" of one rater is "ratings-NAME.csv"; free() it. */
static char *path_of(const struct cs_sample_opts *o, uint32_t rater)
{
    const char *dot = strrchr(o->path, '.');
    const size_t n = dot != NULL && strchr(dot, '/') == NULL ? (size_t)(dot - o->path) : strlen(o->path);
    return o->raters->n == 0 ? cs_xstrdup(o->path)
                             : cs_xasprintf("%.*s-%s%s", (int)n, o->path, o->raters->v[rater], o->path + n);
}

static void close_streams(struct cs_sample_files *s)
{
    for (uint32_t i = 0; i < s->n_sheets; i++) {
        if (s->to[i] != NULL)
            fclose(s->to[i]);
        s->to[i] = NULL;
    }
    if (s->key != NULL)
        fclose(s->key);
    s->key = NULL;
}

enum cs_err cs_sample_files_put(struct cs_sample_files *s, bool with_key, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; i < s->n_sheets && rc == CS_OK; i++) {
        char *path = path_of(s->o, i);
        if ((rc = cs_sheet_images_fit(&s->sheets[i].images, err)) != CS_OK)
            rc = cs_error_wrap(err, rc, "%s", path);
        free(path);
    }
    close_streams(s);
    if (rc == CS_OK && with_key)
        rc = put_key(s->o, s->key_bytes, s->n_key, err);
    for (uint32_t i = 0; i < s->n_sheets && rc == CS_OK; i++) {
        char *path = path_of(s->o, i);
        rc = put_file(path, s->bytes[i], s->sizes[i], &s->sheets[i], err);
        if (rc == CS_OK && s->o->wrote != NULL)
            s->o->wrote(s->o->self, path, s->sheets[i].rows);
        free(path);
    }
    return rc;
}

void cs_sample_files_release(struct cs_sample_files *s)
{
    close_streams(s);
    for (uint32_t i = 0; i < s->n_sheets; i++) {
        cs_sheet_release(&s->sheets[i]);
        free(s->bytes[i]);
    }
    free(s->bytes);
    free(s->sizes);
    free(s->to);
    free(s->sheets);
    free(s->key_bytes);
    cs_arena_release(&s->arena);
    *s = (struct cs_sample_files){0};
}
