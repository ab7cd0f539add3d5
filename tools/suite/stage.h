/* stage.h - the studies of a suite made ready for one model: a folder of ordinary study files, which every command reads.
 *
 *   DIR/suite.json            which suite (digest) and model this folder is of
 *   DIR/STUDY/...             the study's files; in its study.yaml `models:` is the model, in the judges' file the judges
 *   DIR/STUDY/study.clinsafe  the run, as ever
 * Nothing else of a study changes, but that `differs_by: [model, ...]` loses `model`: a card is of one. Providers are not copied:
 * cs_stage.providers is given to every command. For a simulated model of the suite each study keeps its own providers.yaml, and the
 * judges that it ships with.
 *
 * Thread: main. Staging again changes nothing; a folder of another suite or model is refused (CS_EEXIST).
 */
#ifndef CS_SUITE_STAGE_H
#define CS_SUITE_STAGE_H

#include "tools/suite/suite.h"

struct cs_stage_options {
    const char *dir, *model;
    const char *providers; /* the user's file; NULL: providers.yaml here, else in the user's configuration folder */
    const char *judges[CS_SUITE_JUDGES_MAX]; /* the user's models in place of the suite's judges */
    uint32_t n_judges;
    const char *hidden; /* folder with the private texts; NULL: not here */
};

struct cs_stage_study {
    const struct cs_suite_study *study;
    char *folder;                            /* in DIR */
    const char *left_out;                    /* why it is not run; NULL: it is */
    const char *judges[CS_SUITE_JUDGES_MAX]; /* names in the providers file; none: those of the study */
    uint32_t n_judges;
};

struct cs_stage {
    struct cs_arena arena;
    const struct cs_suite *suite;
    const char *dir, *model;
    const char *providers; /* NULL: each study's own */
    bool simulated;        /* the model is one of the suite's simulated ones */
    struct cs_stage_study studies[CS_SUITE_STUDIES_MAX];
    uint32_t n;
};

CS_WARN_UNUSED enum cs_err cs_stage_make(struct cs_stage *out, const struct cs_suite *s,
                                         const struct cs_stage_options *o, struct cs_error *err);
void cs_stage_release(struct cs_stage *t);

/* The text of a study file with other models (n 0: with its own); free() it. CS_EINVAL: no line begins with `models:`. */
CS_WARN_UNUSED enum cs_err cs_stage_text(const char *text, const char *const *models, uint32_t n, char **out,
                                         struct cs_error *err);
/* The study directory of a part of it that was begun here; for free(). NULL: none was. */
char *cs_stage_begun(const struct cs_stage_study *s);
/* Whether a file of a study's folder is copied as it is: tables and the like; not README.md, study files, or a private table. */
bool cs_stage_keeps(const struct cs_stage *t, const struct cs_suite_study *s, const char *name);
/* Whether two ids name one model: the same but for what stands before a "/" and for a date behind, "gpt-4.1" and "gpt-4.1-2025-04-14". */
bool cs_stage_same_model(const char *a, const char *b);
char *cs_stage_file(const struct cs_stage *t, uint32_t study, uint32_t part); /* path of a study file; free() it */

#endif
