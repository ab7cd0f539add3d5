/* read.h - inside the dialects only: what they all read in the same way. */
#ifndef CS_READ_H
#define CS_READ_H

#include <stdbool.h>

#include "protocol/base/arena.h"
#include "protocol/base/buf.h"
#include "protocol/base/json.h"
#include "protocol/dialects/replies/reply.h"
#include "protocol/study/study.h"

struct cs_json;

/* Begins a reading: nothing said, the request id from the first of these headers (NULL-terminated) that is there, and on
 * errors how long to wait. Returns the whole body as JSON (json_decref), repaired where it is odd (base/repair.h), or NULL; out->text is
 * then what came instead. */
struct cs_json *cs_read_begin(const struct cs_http_reply *reply, const char *const *id_headers, struct cs_arena *arena,
                              struct cs_reading *out);
/* The same of a system that no vendor's rules hold for: a list of one object is left as it is, and of a good reply in which more stands
 * behind the first value, which is given, out->text says so. */
struct cs_json *cs_read_begin_as_is(const struct cs_http_reply *reply, const char *const *id_headers,
                                    struct cs_arena *arena, struct cs_reading *out);
/* Where its body begins, behind a byte order mark and blanks. */
const char *cs_read_start(const struct cs_http_reply *reply);
/* Whether it is this text. */
bool cs_read_is(const struct cs_json *v, const char *word);
/* The text of a JSON string, clean and not longer than max; "" for anything else. */
const char *cs_read_text(const struct cs_json *v, size_t max, struct cs_arena *arena);
/* A count, also as a real number or as digits in a text, at most UINT32_MAX; 0 for anything else. */
uint32_t cs_read_count(const struct cs_json *v);
/* Appends a piece of an answer: a text, or the object that a tool was called with. */
void cs_read_piece(struct cs_buf *text, const struct cs_json *piece);

/* What a reply says, in pieces. Release it. */
struct cs_read_said {
    struct cs_buf text, refusal, reasoning;
    struct cs_json *tool_calls; /* array of what the vendor calls a call, or NULL */
    bool has_answer_tool;       /* the form asked for is a tool, and `text` is what it was called with */
};
#define CS_READ_SAID_INIT                                                                                              \
    {                                                                                                                  \
        .text = CS_BUF_INIT(SIZE_MAX), .refusal = CS_BUF_INIT(SIZE_MAX), .reasoning = CS_BUF_INIT(SIZE_MAX)            \
    }
void cs_read_said_release(struct cs_read_said *p);
/* Reasoning: a text, a list of parts with one, or an object with one. */
void cs_read_said_reason(struct cs_read_said *p, const struct cs_json *said);
void cs_read_said_call(struct cs_read_said *p, struct cs_json *call);
/* The call of a tool: if a tool was asked for, its input is the answer, and the text before it is said beside the answer. */
void cs_read_said_tool(struct cs_read_said *p, enum cs_form asked, struct cs_json *call, const struct cs_json *input);

/* What ended an answer, in the words of all vendors, for gateways pass on each other's: out->says, outcome, cause, finish. No word at all
 * (NULL, null, ""): nothing is said, for a reply without its end marker is not whole. */
void cs_ends_read(const struct cs_json *word, struct cs_arena *arena, struct cs_reading *out);
/* Takes the answer's text and what was said beside it, after cs_ends_read. An answer that is longer than an output can hold is not whole,
 * and so unparsable; so is one without the tool that was asked for. Of a fault the text is said in our words. */
void cs_read_take(struct cs_read_said *p, enum cs_form asked, struct cs_arena *arena, struct cs_reading *out);
/* A good reply in which nothing is an answer: says what is missing, with what the provider says itself, if anything. */
void cs_read_nothing(const struct cs_json *root, const char *missing, struct cs_arena *arena, struct cs_reading *out);

/* The error that a reply holds instead of an answer, or NULL; the root itself where its members are the error's. */
const struct cs_json *cs_read_error_of(const struct cs_json *root);
/* Whether this is an error, and not the empty member that some send with every answer. */
bool cs_read_is_error(const struct cs_json *error);
/* The status that an error means by itself: its code as a number or in digits, or a vendor's word for it; 0: none is said. */
uint16_t cs_statuses_read(const struct cs_json *error);
uint16_t cs_statuses_of_word(const char *word);
/* An error's message and word, and if it came in a good reply its status and how long to wait. */
void cs_read_error(const struct cs_json *error, const char *word, const struct cs_http_reply *reply,
                   struct cs_arena *arena, struct cs_reading *out);
/* The id that the body has of its own; it is the request's where no header said one. */
void cs_read_response_id(const struct cs_json *id, struct cs_arena *arena, struct cs_reading *out);
bool cs_read_is_good(const struct cs_http_reply *reply); /* a 2xx */

#endif
