/* asked.h - what a study of a run has asked of its models, read from its store: the parameters that went with every call, and levels that
 * sent the same requests.
 *
 * Two cards of one model at two settings are cards of two things, and so are two of which one was read leniently; two arms that send the same are one. What a providers file says now
 * is not looked at: the store has what was sent. Thread: main.
 */
#ifndef CS_SUITE_ASKED_H
#define CS_SUITE_ASKED_H

#include "protocol/base/error.h"
#include "protocol/base/json.h"

/* {"models": [{"name", "parameters": {...}, "reading": "strict" or "lenient"}], "same": [{"factor", "a", "b"}]}, the caller's: of the study whose file this is. Parameters
 * are the model's own, without what it omits and with its cap (max_output_tokens); what a level sets stands in the study. */
CS_WARN_UNUSED enum cs_err cs_asked_read(const char *study, struct cs_json **out, struct cs_error *err);
/* The parameters of one model of it, or NULL. */
struct cs_json *cs_asked_parameters(const struct cs_json *asked, const char *model);
/* How the replies of one model of it are read, "strict" or "lenient"; "" of none. */
const char *cs_asked_reading(const struct cs_json *asked, const char *model);
/* Whether these two levels sent the same requests, in all cases. */
bool cs_asked_same(const struct cs_json *asked, const char *factor, const char *a, const char *b);

#endif
