/* study.h - a study in memory, complete and checked: what plan, render, request and answer work from.
 *
 * Made from a file by load/load.h, or from the wire by wire/spec.h; never changed afterwards. All strings are
 * NUL-terminated UTF-8 and live in `arena`. Indexes (case, factor, level, wording, question, model, lane) are
 * positions in the arrays below and are the numbers used on the wire and in the ledger of one generation.
 *
 * Case texts are not part of it: they come through cs_case_source, so that a worker holds only what it works on.
 */
#ifndef CS_STUDY_H
#define CS_STUDY_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/base/arena.h"
#include "protocol/base/error.h"
#include "protocol/base/sizes.h"
#include "protocol/study/parent.h"
#include "protocol/study/price.h"
#include "protocol/study/protocols.h"

enum {
    CS_FACTORS_MAX = 12,
    CS_LEVELS_MAX = 4096,  /* levels of one factor */
    CS_WORDINGS_MAX = 256, /* wordings of one level */
    CS_QUESTIONS_MAX = 64,
    CS_FIELDS_MAX = 64,      /* answer fields of one question */
    CS_CATEGORIES_MAX = 256, /* categories of one answer field */
    CS_MODELS_MAX = 256,
    CS_RECTS_MAX = 1024,
    CS_REPEATS_MAX = 100000,
    CS_BODY_MAX = 1024 * 1024, /* bytes of one request body */
};

/* ---- cases ------------------------------------------------------------------------------------ */

struct cs_case {
    uint32_t index;
    const char *id;            /* composite ids joined by "/" */
    const char *cluster;       /* the unit of statistics; default: id */
    const char *const *values; /* one per cs_study.columns, never NULL */
};

/* Where cases come from: memory (coordinator's file, CLI) or chunks fetched over the wire (worker). */
struct cs_case_source {
    void *self;
    /* The case stays valid until the next call on this source. CS_EAGAIN: not here yet (a worker has asked for
     * its chunk and must try again); CS_ECORRUPT: digest of the chunk is wrong. */
    enum cs_err (*get)(void *self, uint32_t index, struct cs_case *out, struct cs_error *err);
};

/* ---- factors ---------------------------------------------------------------------------------- */

enum cs_role { CS_ROLE_LEVEL, CS_ROLE_CONTROL, CS_ROLE_PLACEBO, CS_ROLE_AA };

/* One row of a factor's table. A level has one or more; a joined factor picks it by the case (match). */
struct cs_wording {
    const char *id;            /* "" when the level has just one */
    const char *match;         /* joined factors: what case column match_column must be; NULL: any case */
    const char *const *values; /* one per cs_factor.columns: what {{factor.column}} means */
};

struct cs_require { /* a case has one of these values in this column */
    uint32_t column;
    const char *const *values;
    uint32_t n_values;
};
enum { CS_REQUIRES_MAX = 16, CS_REQUIRE_VALUES_MAX = 64 };

struct cs_level {
    const char *id;
    enum cs_role role;
    uint32_t repeats_times; /* repeats of this level are multiplied by it; 1 normally */
    const struct cs_wording *wordings;
    uint32_t n_wordings;    /* >= 1 */
    const char *system;     /* replaces prompt.system, or NULL */
    const char *parameters; /* JSON object merged over the model's ("omit" removes), or NULL */
    uint32_t use_column;    /* case column that stands for into_column under this level, or CS_NONE */
    uint32_t text_column;   /* case column inserted under this level (texts per case), or CS_NONE */
    const uint32_t *order;  /* permutation of the options of questions ordered by this factor, or NULL */
    uint32_t n_order;
    const struct cs_require *requires; /* all of them; cases that lack one are not asked under this level (applies.h) */
    uint32_t n_requires;
    uint32_t image; /* 1 + the case column with the image that this level shows (image.h); 0: its wording's */
};

enum cs_insert { CS_INSERT_NONE, CS_INSERT_AFTER_FIRST, CS_INSERT_AT };

struct cs_factor {
    const char *name;
    const char *const *columns; /* its table's; for inline levels the extra keys */
    uint32_t n_columns;
    const struct cs_level *levels;
    uint32_t n_levels;
    bool joined;           /* wording chosen by the case: not a dimension of the plan */
    uint32_t match_column; /* case column of the join, or CS_NONE */
    enum cs_insert insert;
    const char *anchor;     /* the string to insert after, or the marker to replace */
    uint32_t into_column;   /* case column inserted into / replaced by use, or CS_NONE */
    uint32_t insert_column; /* factor column inserted, or CS_NONE (text_column of the level, or nothing) */
};

/* ---- questions -------------------------------------------------------------------------------- */

enum cs_field_kind {
    CS_FIELD_BOOLEAN,
    CS_FIELD_ORDINAL,
    CS_FIELD_NOMINAL,
    CS_FIELD_TEXT,
    CS_FIELD_NUMBER,
    CS_FIELD_OPTIONS,
    CS_FIELD_LIST
};

/* The same answers about each element of a list that the case brings (list.h). */
struct cs_list_answer {
    uint32_t column;               /* case column of the list */
    const char *key;               /* member of a reply's element that tells its number, from 1 */
    const char *show;              /* key of the elements that {{question.list}} writes */
    uint32_t most;                 /* elements of the longest list */
    const struct cs_field *fields; /* boolean, ordinal, nominal, number, text */
    uint32_t n_fields;
};

struct cs_field {
    const char *name;
    enum cs_field_kind kind;
    const char *const *categories; /* boolean: yes word, no word; ordinal: lowest first; options: column names */
    uint32_t n_categories;
    const char *insufficient;          /* the word for "insufficient information" if allowed, or NULL; not a category */
    const char *describe;              /* for the schema, or NULL */
    uint32_t truth_column;             /* case column with the label, or CS_NONE */
    double min, max;                   /* number */
    const uint32_t *option_columns;    /* options: case column of each option's text */
    uint32_t order_factor;             /* options: factor whose levels carry the order, or CS_NONE */
    const struct cs_list_answer *list; /* list */
    const char *truth_key;             /* of a list's field: key of its elements with the label, or NULL */
};

/* What a rule of a derived answer looks at. */
enum cs_derive_from {
    CS_DERIVE_LITERAL, /* a text of the study file */
    CS_DERIVE_FIELD,   /* an answer of the question */
    CS_DERIVE_EARLIER, /* a derived answer of the question that stands before this one */
    CS_DERIVE_COLUMN,  /* of the case */
    CS_DERIVE_REPLY,   /* the whole reply as it came */
    CS_DERIVE_TURN,    /* an answer of the question at one turn of the conversation: `pick@1` */
    CS_DERIVE_MEMBER,  /* of an element: an answer about it */
    CS_DERIVE_OWN,     /* of an element: what the case has under its key `literal` */
    CS_DERIVE_FROMS
};
struct cs_derive_term {
    enum cs_derive_from from;
    uint32_t
        at; /* field, derived answer, column or a list's field; at a turn: its number << CS_DERIVE_TURN_SHIFT | field */
    const char *literal; /* else "" */
};

enum cs_derive_op {
    CS_DERIVE_VALUE,        /* terms: one that is true or false */
    CS_DERIVE_EQUALS,       /* two */
    CS_DERIVE_DIFFERS,      /* two */
    CS_DERIVE_CONTAINS,     /* a text, then words, any of which is in it; capitals a-z make no difference */
    CS_DERIVE_MATCHES,      /* a text, and a pattern; as a number or text: what its first group took */
    CS_DERIVE_ANY,          /* parts */
    CS_DERIVE_ALL,          /* parts */
    CS_DERIVE_NOT,          /* one part */
    CS_DERIVE_COUNT,        /* how many of the parts hold */
    CS_DERIVE_LENGTH,       /* characters of a text */
    CS_DERIVE_LOOKUP,       /* the keys of a row of the table, which ends on its value */
    CS_DERIVE_EXPECTED,     /* an answer: its mean over what else the model might have said, by log probabilities */
    CS_DERIVE_FIRST_CHANGE, /* an answer: how many turns hold what the first one said before one says something else */
    CS_DERIVE_CHANGES,      /* an answer: how often a turn says something else than the one before it */
    /* Over the elements of a list answer, which is the first term: */
    CS_DERIVE_ELEMENTS, /* how many: of each further pair of terms the first is the second; pairs in a row with one first: any */
    CS_DERIVE_SHARE, /* two parts, which count: the share of those that both count among those that the second does */
    CS_DERIVE_MEAN,  /* a second term, a number or an order; its mean over those that the part counts */
    CS_DERIVE_HARMONIC, /* numbers: their harmonic mean */
    CS_DERIVE_QUOTED,   /* true or false: a text, then texts in one of which it stands as cited (quoted.h) */
    /* Over the calls of tools that were answered (tools.h); terms: names of tools, or "" for any; `at`: how many calls there can be. */
    CS_DERIVE_CALLED,       /* whether one of them was called */
    CS_DERIVE_FIRST_CALLED, /* which of them was called first; "none" */
    CS_DERIVE_CALLS,        /* how often they were */
    CS_DERIVE_OPS
};
enum { CS_DERIVE_TURN_SHIFT = 16, CS_DERIVE_DEPTH_MAX = 3, CS_DERIVE_TERMS_MAX = 256, CS_LOOKUP_CELLS_MAX = 200000 };

struct cs_derive_rule {
    enum cs_derive_op op;
    const struct cs_derive_term *terms;
    uint32_t n_terms;
    const struct cs_derive_rule *parts;
    uint32_t n_parts;
    const struct cs_pattern *pattern; /* matches: its second term, compiled */
    const char *const *cells;         /* lookup: rows of n_terms keys and a value, ascending by their keys */
    uint32_t n_cells;
};

enum cs_derive_kind { CS_DERIVES_BOOLEAN, CS_DERIVES_NUMBER, CS_DERIVES_TEXT, CS_DERIVES };

struct cs_derived { /* computed from answers */
    const char *name;
    /* without a rule, a boolean: */
    uint32_t field;
    uint32_t column;     /* equals this case column, or CS_NONE */
    const char *literal; /* equals this word, when column is CS_NONE */
    enum cs_derive_kind kind;
    const struct cs_derive_rule *rule; /* or NULL */
};

/* How a reply's text is read (answer.h). What is sent does not depend on it. */
enum cs_reads { CS_READS_UNSAID, CS_READS_STRICT, CS_READS_LENIENT, CS_READS };
/* Whether a provider is asked to keep what a trial's next call begins with. It changes what is paid, not what is asked. */
enum cs_keeps { CS_KEEPS_UNSAID, CS_KEEPS_NO, CS_KEEPS_YES, CS_KEEPS };

struct cs_question {
    const char *name, *ask;
    enum cs_reads reads; /* over the account's */
    const struct cs_field *fields;
    uint32_t n_fields;
    const struct cs_derived *derived;
    uint32_t n_derived;
    const uint32_t *answer_at; /* turns at which the answer is asked for beside the last, ascending (script.h) */
    uint32_t n_answer_at;
    uint32_t tools; /* 1 + the set of tools that it is asked with; 0: none */
};

/* ---- tools (tools.h) -------------------------------------------------------------------------- */

struct cs_tool { /* a source that the model may call */
    const char *name;
    const char *describe;             /* template */
    const struct cs_field *arguments; /* boolean, ordinal, nominal, number, text */
    uint32_t n_arguments;
    const char *returns;  /* template; NULL: looked up in the table */
    const uint32_t *keys; /* of the table, each an argument, or CS_TOOL_KEY_COLUMN | a column of the case */
    uint32_t n_keys;
    const char *const *cells; /* rows of n_keys keys and what is returned, ascending by their keys */
    uint32_t n_cells;
    size_t all_longest; /* of a table without keys of the case, from tool_rows.h; not sent */
    uint8_t all_digest[32];
    const char *missing; /* returned where the table has no row, or the template came to nothing */
};
struct cs_toolset {
    const struct cs_tool *tools;
    uint32_t n_tools;
    uint32_t max_calls;    /* of one trial, answered or not */
    bool all;              /* who has not used all of them is reminded, once, */
    const char *remind;    /* ... by this template */
    const char *last;      /* template: asks for the answer */
    uint32_t order_factor; /* whose levels carry the order in which they are shown, or CS_NONE */
    bool shuffled;         /* else in an order of the seed's, one for each case */
};
enum {
    CS_TOOLS_MAX = 16,
    CS_TOOL_ARGUMENTS_MAX = 8,
    CS_TOOL_KEYS_MAX = 16,        /* of a table */
    CS_TOOL_CALLS_MAX = 30,       /* a call each, the reminder and the answer are at most CS_TURNS_MAX */
    CS_TOOL_TEXT_MAX = 64 * 1024, /* bytes of one result */
    CS_TOOL_KEY_COLUMN = 1 << 16,
};

/* ---- models ----------------------------------------------------------------------------------- */

/* How an answer's form is asked for. */
enum cs_form {
    CS_FORM_JSON_SCHEMA, /* the provider holds the model to the schema */
    CS_FORM_JSON_OBJECT, /* to JSON only; the prompt says which */
    CS_FORM_TOOL,        /* a forced call of a tool whose arguments are the answer */
    CS_FORM_NONE,        /* by the prompt alone */
    CS_FORMS
};

enum cs_auth { CS_AUTH_DEFAULT, CS_AUTH_BEARER, CS_AUTH_API_KEY }; /* default: as the dialect's vendor has it */

struct cs_limits { /* 0 = none declared */
    uint64_t requests_per_minute, tokens_per_minute, input_tokens_per_minute, output_tokens_per_minute;
    uint64_t requests_per_day, tokens_per_day;
    uint32_t concurrent;
};

struct cs_shared_limits { /* a pool of an account: shared by the models that name it */
    const char *name;
    struct cs_limits limits;
};

struct cs_account {
    const char *name;
    enum cs_protocol protocol;
    bool simulated;               /* provider: simulated; base_url then comes from the fleet */
    const char *base_url;         /* "https://api.example.com/v1", no slash at the end; "" for simulated */
    const char *key_env;          /* name of the variable that holds the key, or NULL */
    const char *key_file;         /* or the file that does, or NULL */
    const char *truth;            /* simulated: absolute path of the truth file, or NULL; never sent on the wire */
    bool confidential_ok;         /* approved for confidential cases */
    bool insecure_network;        /* plain http to another machine, by declaration */
    const char *max_tokens_field; /* openai-chat: "max_completion_tokens" (default) or "max_tokens" */
    const char *ca_file, *proxy;  /* or NULL */
    enum cs_form response_format;
    enum cs_reads reads; /* unsaid: strict */
    enum cs_keeps keeps; /* unsaid: as the dialect has it */
    enum cs_auth auth;
    const char *path; /* behind base_url in place of the dialect's own, "{model}" in it is the id as sent; or NULL */
    const char *const *headers; /* further header lines, "name: value"; never secret */
    uint32_t n_headers;
    const char *const *limit_headers; /* "header: limit": what its headers say of limits, where that is not the usual */
    uint32_t n_limit_headers;
    const char *const *parameter_names; /* openai-chat: "name: name as sent", or "name: omit" */
    uint32_t n_parameter_names;
    const struct cs_shared_limits *pools;
    uint32_t n_pools;
    const char *service; /* http: what is sent and how it is read, as JSON (dialects/system/service.h); else NULL */
};
enum {
    CS_SERVICE_BYTES_MAX = 64 * 1024,
    CS_HEADERS_MAX = 16 /* headers of an account; also its limit headers and its parameter names */,
    CS_ACCOUNT_POOLS_MAX = 64,
    CS_MODEL_POOLS_MAX = 3,
};

struct cs_model {      /* a model of the study = a lane */
    const char *name;  /* as the study calls it */
    const char *model; /* id as sent */
    uint32_t account;
    /* JSON object: the study's, then the model's; caps and timeout taken out. "omit" of the model stays as a mark: no level sets it. */
    const char *parameters;
    uint32_t max_output_tokens; /* 0: none sent */
    uint32_t timeout_ms;
    struct cs_price price;
    struct cs_limits limits;
    uint32_t pools[CS_MODEL_POOLS_MAX]; /* its account's, the narrowest first */
    uint32_t n_pools;
    uint32_t image_tokens; /* what an image counts at most, by declaration; 0: none */
    int64_t sunset_ms;     /* sunset.h; for people, not on the wire */
};

/* ---- plan ------------------------------------------------------------------------------------- */

struct cs_template_turn { /* of a scripted conversation (script.h) */
    bool by_model;        /* a reply that is given, not asked for */
    const char *text;     /* template */
    uint32_t each;        /* 1 + the column with a list: a turn for every element of it; 0: one turn */
};
enum { CS_TURNS_MAX = 32 };

struct cs_image_place { /* where an image of the prompt stands: a column of references (image.h) */
    uint32_t factor;    /* whose levels bring it, or CS_NONE: the case does */
    uint32_t column;    /* of the factor; of the case */
};

struct cs_template_set {                  /* the prompt; several when it differs by a case column */
    const char *when;                     /* value of prompt_by_column, or "" */
    const char *system;                   /* "" = no system message */
    const char *user;                     /* "": the last message of the talk */
    uint32_t talk;                        /* 1 + the column with the talk that comes before (talk.h); 0: none */
    const struct cs_template_turn *turns; /* in place of user and talk; NULL: one question */
    uint32_t n_turns;
    const struct cs_image_place *images; /* with the user's first message, in this order */
    uint32_t n_images;
};

/* One rectangle of the plan: the cross of everything named, for every case. */
struct cs_rect {
    uint32_t block;                  /* number in the file, from 0 */
    uint32_t n_arms[CS_FACTORS_MAX]; /* per factor: how many of its arms */
    const struct cs_arm *arms[CS_FACTORS_MAX];
    const uint32_t *questions;
    uint32_t n_questions;
    const uint32_t *models;
    uint32_t n_models;
    uint32_t repeats;
};
struct cs_arm {
    uint32_t level, wording; /* wording CS_NONE: chosen by the case (joined factor) */
};

struct cs_study {
    struct cs_arena arena;
    const char *name, *title;
    uint64_t seed;
    bool confidential;
    bool fictional; /* what looks like an identifier in the cases is made up; of the study file, does not travel */
    const char *const *columns; /* case columns, as in {{case.NAME}}; texts per level are named "factor/level" */
    uint32_t n_columns;
    const uint32_t *strata; /* columns */
    uint32_t n_strata;
    uint32_t n_cases;
    uint32_t prompt_by_column; /* or CS_NONE */
    const struct cs_template_set *prompts;
    uint32_t n_prompts;
    const struct cs_factor *factors;
    uint32_t n_factors;
    const struct cs_question *questions;
    uint32_t n_questions;
    const struct cs_toolset *toolsets; /* that questions name; n_toolsets 0: none has tools */
    uint32_t n_toolsets;
    const struct cs_account *accounts;
    uint32_t n_accounts;
    const struct cs_model *models;
    uint32_t n_models;
    const struct cs_rect *rects;
    uint32_t n_rects;
    const uint64_t
        *left_out; /* per model: trials that keep a position and are not asked; NULL: no level requires anything */
    int64_t budget_nano_usd; /* -1: none */
    bool accept_unparsable;  /* a lane whose answers are all unparsable does not pause */
    const char *analysis;    /* canonical JSON of the `analysis:` part ("{}" when absent); order of keys as written */
    uint8_t analysis_digest[32];          /* BLAKE2b-256 of it */
    const struct cs_parent_study *parent; /* whose outputs the cases are; NULL: an ordinary study */
    const char *judge, *scores;           /* canonical JSON of these parts, order of keys as written; "": absent */
};

uint32_t cs_study_column(const struct cs_study *s, const char *name); /* CS_NONE if absent */
uint32_t cs_study_factor(const struct cs_study *s, const char *name);
void cs_study_free(struct cs_study *s); /* NULL is fine */

#endif
