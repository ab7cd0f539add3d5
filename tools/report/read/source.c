#include "tools/report/read/source.h"

#include <string.h>

#include "tools/report/read/inferred.h"
#include "tools/report/read/rated_answers.h"
#include "tools/report/read/table_raters.h"

static enum cs_err judged(struct cs_report_source *s, struct cs_reader *reader, struct cs_error *err)
{
    enum cs_err rc = cs_judged_source_open(&s->judged, reader, err);
    if (rc != CS_OK)
        return rc;
    s->study = s->judged.study;
    s->plan = s->judged.plan;
    s->cases = s->judged.cases;
    s->got = s->judged.got;
    return CS_OK;
}

enum cs_err cs_source_store(struct cs_report_source *s, struct cs_reader *reader, const struct cs_ratings *ratings,
                            unsigned threads, struct cs_collect_watch watch, struct cs_error *err)
{
    *s = (struct cs_report_source){.study = reader->view.spec.study,
                                   .plan = &reader->view.plan,
                                   .cases = reader->view.cases,
                                   .name = "the study's store",
                                   .reader = reader};
    if (s->study->parent != NULL)
        return judged(s, reader, err);
    s->rated = cs_rated_answers_open(s->study, ratings);
    if (s->rated != NULL) {
        s->study = cs_rated_answers_study(s->rated);
        cs_plan_init(&s->own_plan, s->study);
        s->plan = &s->own_plan;
    }
    return cs_collect_store(&s->got, reader, s->plan, s->rated, threads, watch, err);
}

/* A study that the columns tell, and what a file declares of it. */
static enum cs_err infer(struct cs_report_source *s, const struct cs_source_from *from, struct cs_error *err)
{
    enum cs_err rc = cs_inferred_read(&s->infer, &s->map, from->path, err);
    if (rc != CS_OK)
        return rc;
    struct cs_study *study = cs_inferred_study(s->infer);
    s->study = study;
    s->cases = cs_inferred_cases(s->infer);
    s->inferred = true;
    s->analysis = from->analysis;
    return from->analysis != NULL ? cs_load_declared(from->analysis, study, &s->cases, err) : CS_OK;
}

enum cs_err cs_source_table(struct cs_report_source *s, const struct cs_source_from *from, struct cs_error *err)
{
    const char *slash = strrchr(from->path, '/');
    *s = (struct cs_report_source){.name = slash != NULL ? slash + 1 : from->path};
    enum cs_err rc = cs_foreign_read(&s->map, from->map, err);
    if (rc == CS_OK && from->study == NULL)
        rc = infer(s, from, err);
    if (rc == CS_OK && from->study != NULL) {
        rc = cs_load_study(from->study, &from->opts, &s->loaded, err);
        s->study = s->loaded.study;
        s->cases = s->loaded.cases;
    }
    if (rc == CS_OK && s->study->parent != NULL)
        rc = cs_error_set(err, CS_EUSAGE,
                          "\"%s\" is a study of judges: its report is made from its store, not from a table of votes",
                          s->study->name);
    if (rc == CS_OK)
        rc = cs_plan_check(s->study, err);
    if (rc != CS_OK)
        return rc;
    cs_plan_init(&s->own_plan, s->study);
    s->plan = &s->own_plan;
    rc = cs_collect_table(&s->got, s->plan, &s->cases, &s->map, from->path, s->inferred, err);
    return rc == CS_OK ? cs_table_raters_read(&s->table_ratings, s->study, &s->map, from->path, err) : rc;
}

void cs_source_release(struct cs_report_source *s)
{
    if (s->judged.own == NULL)
        cs_collect_release(&s->got);
    cs_judged_source_close(&s->judged);
    if (s->plan == &s->own_plan)
        cs_plan_release(&s->own_plan);
    cs_rated_answers_close(s->rated);
    cs_inferred_release(s->infer);
    cs_foreign_release(&s->map);
    cs_ratings_release(&s->table_ratings);
    cs_load_release(&s->loaded);
    *s = (struct cs_report_source){0};
}
