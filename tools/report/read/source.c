#include "tools/report/read/source.h"

#include <string.h>

#include "tools/report/read/inferred.h"
#include "tools/report/read/rated_answers.h"

enum cs_err cs_source_store(struct cs_report_source *s, struct cs_reader *reader, const struct cs_ratings *ratings,
                            unsigned threads, struct cs_error *err)
{
    *s = (struct cs_report_source){.study = reader->view.spec.study,
                                   .plan = &reader->view.plan,
                                   .cases = reader->view.cases,
                                   .name = "the study's store",
                                   .reader = reader};
    s->rated = cs_rated_answers_open(s->study, ratings);
    if (s->rated != NULL) {
        s->study = cs_rated_answers_study(s->rated);
        cs_plan_init(&s->own_plan, s->study);
        s->plan = &s->own_plan;
    }
    return cs_collect_store(&s->got, reader, s->plan, s->rated, threads, err);
}

enum cs_err cs_source_table(struct cs_report_source *s, const char *path, const char *study,
                            const struct cs_load_opts *opts, struct cs_error *err)
{
    const char *slash = strrchr(path, '/');
    const size_t n = strlen(path);
    enum cs_err rc;
    if (n > 6 && strcmp(path + n - 6, ".jsonl") == 0)
        return cs_error_set(err, CS_EINVAL, "%s: JSON Lines; want CSV, as `clinsafe export --format csv` writes it",
                            path);
    *s = (struct cs_report_source){.name = slash != NULL ? slash + 1 : path, .inferred = study == NULL};
    if (study != NULL) {
        rc = cs_load_study(study, opts, &s->loaded, err);
        s->study = s->loaded.study;
        s->cases = s->loaded.cases;
    } else {
        rc = cs_inferred_read(&s->infer, path, err);
        s->study = s->infer != NULL ? cs_inferred_study(s->infer) : NULL;
        if (s->infer != NULL)
            s->cases = cs_inferred_cases(s->infer);
    }
    if (rc == CS_OK)
        rc = cs_plan_check(s->study, err);
    if (rc != CS_OK)
        return rc;
    cs_plan_init(&s->own_plan, s->study);
    s->plan = &s->own_plan;
    return cs_collect_table(&s->got, s->plan, &s->cases, path, s->inferred, err);
}

void cs_source_release(struct cs_report_source *s)
{
    cs_collect_release(&s->got);
    if (s->plan == &s->own_plan)
        cs_plan_release(&s->own_plan);
    cs_rated_answers_close(s->rated);
    cs_inferred_release(s->infer);
    cs_load_release(&s->loaded);
    *s = (struct cs_report_source){0};
}
