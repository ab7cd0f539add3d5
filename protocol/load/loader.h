/* loader.h - inside this folder only: what its parts share while a study is being read.
 *
 * Order: judge, cases, factors, questions, models, prompt, blocks, analysis; each part may look at those before it.
 * Columns are those of the case table and then the added ones, which hold one text per case.
 */
#ifndef CS_LOADER_H
#define CS_LOADER_H

#include "protocol/table/names.h"
#include "protocol/table/node.h"
#include "protocol/load/load.h"
#include "protocol/study/judge.h"
#include "protocol/study/template.h"
#include "protocol/table/table.h"

enum { CS_STRATA_MAX = 32 };

struct cs_loader_by_name { /* what shows a column by its own name: {{case.COLUMN}}, `use` */
    const struct cs_node *node;
    const char *what, *column;
};

struct cs_loader {
    const char *path; /* the study file's path */
    const struct cs_load_opts *opts;
    const struct cs_node *root;
    struct cs_study *s;
    struct cs_arena *arena; /* the study's */
    struct cs_error *err;
    const char *data_dir;         /* where tables are looked for first, or NULL */
    struct cs_table table;        /* the cases */
    struct cs_snapshot *snapshot; /* from_study: what the table's texts are mapped from */
    const char **values;          /* from_study: those of all rows */
    uint32_t *nth;                /* each: which element of its list a case is, from 1; or NULL */
    struct cs_case *all;
    const char **columns; /* CS_COLUMNS_MAX; s->columns */
    const char **added[CS_COLUMNS_MAX];
    struct cs_names column_names;
    uint32_t repeats;            /* the study's */
    bool placed[CS_FACTORS_MAX]; /* the factor stands in a template */
    struct cs_judge judge;
    bool judges, first_shown, second_shown; /* a template shows outputs; sides of a pair */
    struct cs_loader_by_name by_name;       /* the first one of what no judge may see */
    const struct cs_node *pair;             /* the first answer of kind pair, or NULL */
    bool blind[CS_MODELS_MAX];              /* models that take no images */
    struct cs_names picture_names;          /* paths as the study has them */
    const struct cs_load_picture **pictures;
    uint32_t n_pictures;
    uint32_t question_tools[CS_QUESTIONS_MAX]; /* each question's set (struct cs_question) */
    struct cs_toolset *toolsets;               /* s->toolsets */
};

/* ---- the parts ---------------------------------------------------------------------------------- */
CS_WARN_UNUSED enum cs_err cs_load_cases(struct cs_loader *l);
CS_WARN_UNUSED enum cs_err cs_load_factors(struct cs_loader *l);
CS_WARN_UNUSED enum cs_err cs_load_questions(struct cs_loader *l);
CS_WARN_UNUSED enum cs_err cs_load_models(struct cs_loader *l);
CS_WARN_UNUSED enum cs_err cs_load_prompt(struct cs_loader *l);
CS_WARN_UNUSED enum cs_err cs_load_blocks(struct cs_loader *l);
CS_WARN_UNUSED enum cs_err cs_load_analysis(struct cs_loader *l);

/* `judge:` as it is written; once the cases are there, what it hides in a table of outputs; once the prompt is, whether all of it fits. */
CS_WARN_UNUSED enum cs_err cs_load_judging(struct cs_loader *l);
CS_WARN_UNUSED enum cs_err cs_load_judging_hide(struct cs_loader *l);
CS_WARN_UNUSED enum cs_err cs_load_judging_check(struct cs_loader *l);
/* A template at n shows an output's column ({{output.NAME}} and the like). CS_EINVAL: it is not one that a judge may see. */
CS_WARN_UNUSED enum cs_err cs_load_judging_shown(struct cs_loader *l, const struct cs_node *n, const char *what,
                                                 const char *column);

/* A column that is shown by its own name, with or without "case." before it: where outputs are judged it is held to the same. CS_EINVAL now
 * (the study has a parent) or with the check. */
CS_WARN_UNUSED enum cs_err cs_load_judging_by_name(struct cs_loader *l, const struct cs_node *n, const char *what,
                                                   const char *name);
/* cs_loader_column of one whose texts a model is sent. */
CS_WARN_UNUSED enum cs_err cs_load_judging_column(struct cs_loader *l, const struct cs_node *n, const char *what,
                                                  uint32_t *out);

/* What a child carries for others: `scores`. */
CS_WARN_UNUSED enum cs_err cs_load_from_study_carried(struct cs_loader *l);
/* `from_study`: the outputs of another study become the table of the cases; then their ids. */
CS_WARN_UNUSED enum cs_err cs_load_from_study(struct cs_loader *l, const struct cs_node *cases,
                                              const struct cs_node *from);
void cs_load_from_study_ids(struct cs_loader *l);
/* `each`: puts a case for every element of a list in place of the cases. */
CS_WARN_UNUSED enum cs_err cs_load_each(struct cs_loader *l, const struct cs_node *each);

/* Keeps the cases that `only` names, once all of them have their texts. */
CS_WARN_UNUSED enum cs_err cs_load_only(struct cs_loader *l);
/* The talk of a prompt, named at n; out has its system and user. */
CS_WARN_UNUSED enum cs_err cs_load_history(struct cs_loader *l, const struct cs_node *n, struct cs_template_set *out);

/* A template at n, with all its placeholders known; of_each: in a turn for each element of a list. what: "prompt user". */
CS_WARN_UNUSED enum cs_err cs_load_placeholders(struct cs_loader *l, const struct cs_node *n, const char *what,
                                                bool of_each);
/* `images:` of a prompt, and the images that levels bring to it; out has the rest. */
CS_WARN_UNUSED enum cs_err cs_load_image_files(struct cs_loader *l, const struct cs_node *prompt,
                                               struct cs_template_set *out);
/* The turns of a prompt; `answer_at` of a question, or NULL; and, once both are read, whether they fit. */
CS_WARN_UNUSED enum cs_err cs_load_turn_list(struct cs_loader *l, const struct cs_node *n, struct cs_template_set *out);
CS_WARN_UNUSED enum cs_err cs_load_turn_list_answer_at(struct cs_loader *l, const struct cs_node *n,
                                                       struct cs_question *q);
CS_WARN_UNUSED enum cs_err cs_load_turn_list_check(const struct cs_loader *l);

/* One answer of a question, of a kind as a question has them. */
CS_WARN_UNUSED enum cs_err cs_load_questions_field(struct cs_loader *l, const struct cs_node *n, struct cs_field *f);
/* `{list: case.LIST, key, fields, show}` at n, whose fields are loaded: every case has a list to grade. */
CS_WARN_UNUSED enum cs_err cs_load_graded(struct cs_loader *l, const struct cs_node *n, const struct cs_field *fields,
                                          uint32_t n_fields, const struct cs_list_answer **out);
/* Once the models are known: the schemas of the longest lists are such as providers take. */
CS_WARN_UNUSED enum cs_err cs_load_graded_fits(struct cs_loader *l);
/* What `where` may say of a list's elements: a rule's count (study.h). */
CS_WARN_UNUSED enum cs_err cs_load_graded_where(struct cs_loader *l, const struct cs_question *q, uint32_t field,
                                                const struct cs_node *where, struct cs_derive_rule *r);

/* `tools:` of the study and of its questions, which come behind; once models and prompt are read, whether they fit. */
CS_WARN_UNUSED enum cs_err cs_load_tool_list(struct cs_loader *l);
CS_WARN_UNUSED enum cs_err cs_load_tool_list_check(struct cs_loader *l);

/* `derive:` of a question whose answers are read; NULL: none. */
CS_WARN_UNUSED enum cs_err cs_load_derived(struct cs_loader *l, const struct cs_node *derive, struct cs_question *q);
/* `lookup: {file, by, value}`: which columns of the table are the keys, and its rows. Terms are already set, one a key of `by`. */
CS_WARN_UNUSED enum cs_err cs_load_lookup(const struct cs_loader *l, const struct cs_node *n,
                                          const struct cs_question *q, enum cs_derive_kind kind,
                                          struct cs_derive_rule *r);

/* The place of a word among the answers, or CS_NONE. */
uint32_t cs_load_answers_category(const struct cs_field *f, const char *word);
/* A text as the label of an answer: one of its words, a number where it is one, or nothing. */
bool cs_load_answers_is_label(const struct cs_field *f, const char *label);
/* Every case's text in a column must be one of the answers, or empty where nobody labelled it. */
CS_WARN_UNUSED enum cs_err cs_load_answers_labels(const struct cs_loader *l, const struct cs_field *f, uint32_t column);
/* n's key as a name; what: "the name of an answer". */
CS_WARN_UNUSED enum cs_err cs_load_answers_name(const struct cs_loader *l, const struct cs_node *n, const char *what,
                                                enum cs_name_rule rule);

/* The analysis's `calibrate`, and `scores` of the study: checked; the first travels with the analysis, the second is kept by others. */
CS_WARN_UNUSED enum cs_err cs_load_calibrate(const struct cs_loader *l, const struct cs_node *calibrate);
CS_WARN_UNUSED enum cs_err cs_load_scores(struct cs_loader *l);

/* The analysis's warrant: checked, and the rows of its table as a JSON list of [case, level, answer, raters, agreement]. */
CS_WARN_UNUSED enum cs_err cs_load_warrant(const struct cs_loader *l, const struct cs_node *n, const char **json);
CS_WARN_UNUSED enum cs_err cs_load_warrant_label_source(const struct cs_loader *l, const struct cs_node *n);

/* ---- shared ------------------------------------------------------------------------------------- */

/* The text of a case in a column. */
const char *cs_loader_value(const struct cs_loader *l, uint32_t case_index, uint32_t column);
/* Adds a column (one text per case, all "" at first); CS_NONE when there is no room. The name must be new. */
uint32_t cs_loader_add_column(struct cs_loader *l, const char *name);
/* A column named in the study file, with or without "case." before it. */
CS_WARN_UNUSED enum cs_err cs_loader_column(const struct cs_loader *l, const struct cs_node *n, const char *what,
                                            uint32_t *out);
/* One text or a list of them; *out lives in the arena. */
CS_WARN_UNUSED enum cs_err cs_loader_words(const struct cs_loader *l, const struct cs_node *n, const char *what,
                                           const char *const **out, uint32_t *n_out);
/* The file that a key names: in data_dir when it is there, else beside the study. */
CS_WARN_UNUSED enum cs_err cs_loader_table(const struct cs_loader *l, const struct cs_node *file, struct cs_table *out);
/* The same, with columns of lists. */
CS_WARN_UNUSED enum cs_err cs_loader_table_lists(const struct cs_loader *l, const struct cs_node *file,
                                                 const char *const *lists, uint32_t n_lists, struct cs_table *out);
bool cs_loader_is_list(const struct cs_loader *l, uint32_t column);
/* A level or factor by its name (CS_NONE when unknown), and as the study names it at n (its key, if name is that). */
uint32_t cs_loader_level(const struct cs_factor *f, const char *id);
CS_WARN_UNUSED enum cs_err cs_loader_level_ref(const struct cs_loader *l, const struct cs_node *n, const char *id,
                                               const struct cs_factor *f, uint32_t *out);
CS_WARN_UNUSED enum cs_err cs_loader_factor_ref(const struct cs_loader *l, const struct cs_node *n, const char *name,
                                                uint32_t *out);

#endif
