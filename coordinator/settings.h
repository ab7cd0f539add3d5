/* settings.h - what an operator has set by hand for a study: its budget, limits of its models. Holds over restarts and edits until it is
 * lifted, and instead of what the study's files say. Row: `operator/KEY/set`, a JSON object with `budget_nano_usd` and, by the names of models,
 * `limits`. Weight and priority have a row of their own (roster.h).
 *
 * Pure. Thread: the I/O loop.
 */
#ifndef CS_SETTINGS_H
#define CS_SETTINGS_H

#include "protocol/base/buf.h"
#include "protocol/base/error.h"
#include "protocol/study/study.h"

struct cs_settings_model {
    char *name;
    struct cs_limits limits; /* of the minute and `concurrent`; 0: as the study says */
};
struct cs_settings {
    bool has_budget;
    int64_t budget_nano_usd;
    uint32_t n;
    struct cs_settings_model *models;
};
void cs_settings_release(struct cs_settings *s); /* a zeroed one is fine; zeroes it */
/* Into a zeroed one. CS_ECORRUPT: the row is none of ours. */
CS_WARN_UNUSED enum cs_err cs_settings_read(struct cs_settings *out, const char *row, uint32_t n);
/* The row's value; leaves `out` empty when nothing is set. */
void cs_settings_write(const struct cs_settings *s, struct cs_buf *out);
/* All 0: nothing is set for this model. */
struct cs_limits cs_settings_limits(const struct cs_settings *s, const char *model);
/* The budget that holds: a study without one gets none by hand. */
int64_t cs_settings_budget(const struct cs_settings *s, const struct cs_study *study);
/* For people, after a blank each: " budget_usd=20 requests_per_minute=600 (model-a)"; "" when nothing is set. */
void cs_settings_say(const struct cs_settings *s, struct cs_buf *out);

/* One word of an operator: KEY=VALUE, or, to lift, KEY. */
enum cs_settings_key { CS_SETTINGS_WEIGHT, CS_SETTINGS_PRIORITY, CS_SETTINGS_BUDGET, CS_SETTINGS_LIMIT };
struct cs_settings_word {
    enum cs_settings_key key;
    unsigned limit;   /* which one */
    uint64_t number;  /* weight; limit; nano-USD; 0 when it is lifted */
    const char *text; /* priority */
};
/* CS_EUSAGE: one line that says what would be right. out->text points into text. */
CS_WARN_UNUSED enum cs_err cs_settings_parse(const char *text, bool lifts, struct cs_settings_word *out,
                                             struct cs_error *err);
/* A limit of one model. */
void cs_settings_limit(struct cs_settings *s, const char *model, const struct cs_settings_word *w);

#endif
