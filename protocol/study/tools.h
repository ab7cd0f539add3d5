/* tools.h - tools as a study declares them: sources that the model may call before it answers. Their results are texts of the study; nothing is run.
 *
 * A trial with tools is a conversation (script.h, turn rows): its first calls offer the tools, its last one offers none and asks for the answer.
 *
 *   a reply of the loop                                     what we say to it
 *   calls tools, and calls are left                         a result for each call, in their order
 *   calls tools, and none are left after it                 the results: the next call is the last
 *   calls none; `require: all`, not all were used           `remind`, once in a trial
 *   calls none                                              `last`: the next call is the last
 *
 * A call is answered where its arguments fit what is declared; else a fixed text says so: malformed, unknown (no such tool), duplicate (the
 * same tool with the same arguments was answered before), over (`max_calls` had come), cut (the last call of a reply that its limit of length
 * cut short: it is told what a malformed one is, and is not the model's own mistake). All of them count as calls. More than CS_TOOL_SPARE over
 * `max_calls` in one reply, or a refusal: the conversation ends there.
 *
 * A reply of the loop is kept as a *round*, a JSON object: {"said": its text, "calls": [{"id", "name", "arguments": text}], "blocks": [...]}, and
 * "cut": true where the limit of length ended it. Arguments that are null are none: "". blocks are
 * the vendor's own parts of the reply, word for word: reasoning with its signature must go back as it came. Such a round stands where
 * the text of a reply stands in a conversation without tools: in the worker's memory, in TURNS, in what a request is made from.
 *
 * Identity: in place of the body's digest
 *   BLAKE2b-256( "clinsafe-tools-1" 00 | max_calls u32 | all u8 | digest of the body of the first call (32 bytes) | tail of the last call, remind, last |
 *                number of tools u32, for each as shown: name, 0 and what it returns; or 1, missing, number of keys u32, for each: 0 and the argument
 *                u32, or 1 and the case's text; digest of the rows that the case can look up (tool_rows.h, 32 bytes) )
 * where a text is its length u32 and the bytes, integers big-endian; names, descriptions, arguments and the order stand in the first body.
 *
 * A table's row is found by its keys without regard to capitals a-z and to blanks around. Pure; any thread. What is laid out lives in the arena.
 */
#ifndef CS_TOOLS_H
#define CS_TOOLS_H

#include "protocol/base/arena.h"
#include "protocol/base/buf.h"
#include "protocol/base/json.h"
#include "protocol/study/study.h"

enum { CS_TOOL_SPARE = 16 };
#define CS_TOOLS_NONE "none" /* the first tool called, where none was */

/* ---- tools as one cell shows them ----------------------------------------------------------------- */

struct cs_shown_tool {
    const struct cs_tool *tool;
    const char *describe;
    const char *returns;          /* NULL: the table's */
    const char *const *key_texts; /* a key: the case's text, or NULL for an argument */
};
struct cs_toolbox {
    const struct cs_toolset *set;
    struct cs_shown_tool tools[CS_TOOLS_MAX]; /* in the order shown */
    const char *remind, *last;
};

struct cs_coords;
/* Writes a template as the condition at hand shows it. */
typedef enum cs_err (*cs_tools_expand)(void *self, const char *template, struct cs_buf *out, struct cs_error *err);
/* order: of the level that has one, or NULL. */
CS_WARN_UNUSED enum cs_err cs_tools_lay(const struct cs_study *s, const struct cs_toolset *set, const uint32_t *order,
                                        const struct cs_case *c, cs_tools_expand expand, void *self,
                                        struct cs_arena *arena, struct cs_toolbox *out, struct cs_error *err);
/* The schema of a tool's arguments, as of an answer (answer.h). */
void cs_tools_schema(const struct cs_tool *t, struct cs_buf *out);
uint32_t cs_tools_calls(
    const struct cs_toolset *set); /* calls of a trial, at most: the answer's and the reminder's among them */
bool cs_tools_is_used(const struct cs_study *s);
/* The toolset of a question, or NULL. */
const struct cs_toolset *cs_tools_of(const struct cs_study *s, const struct cs_question *q);
/* Bytes that results, reminder and question for the answer can add to a call, at most, with `wrap` bytes around each result. */
size_t cs_tools_bytes(const struct cs_toolbox *box, size_t wrap);
size_t cs_tools_longest(const struct cs_toolbox *box); /* bytes of the longest result, as JSON writes it */
void cs_tools_digest(const struct cs_toolbox *box, const uint8_t first_body[32], const char *last_tail,
                     uint8_t out[32]);

/* ---- rounds ------------------------------------------------------------------------------------------ */

struct cs_tool_call { /* as the model made it */
    const char *id, *name;
    const char *arguments; /* JSON, or what came in its place */
};
struct cs_tool_round {
    const char *said;
    struct cs_tool_call *calls;
    uint32_t n_calls;
    const char *blocks; /* JSON array */
    bool cut;           /* its limit of length ended it */
};
/* CS_EINVAL: it is none. */
CS_WARN_UNUSED enum cs_err cs_tool_loop_read(const char *text, struct cs_arena *arena, struct cs_tool_round *out,
                                             struct cs_error *err);
/* The round as text. calls: [{"id","name","arguments"}], blocks: both are taken over. */
char *cs_tool_loop_write(const char *said, struct cs_json *calls, struct cs_json *blocks, bool cut);

/* ---- the loop ---------------------------------------------------------------------------------------- */

/*    name       what the model is told in place of a result */
#define CS_CALL_TABLE(X)                                                                                               \
    X(answered, "")                                                                                                    \
    X(malformed, "The arguments do not fit the declaration of this tool.")                                             \
    X(unknown, "There is no such tool.")                                                                               \
    X(duplicate, "This call was made before; its result stands above.")                                                \
    X(over, "No calls are left.")                                                                                      \
    X(cut, "The arguments do not fit the declaration of this tool.")
enum cs_call_came {
#define X(name, text) CS_CALL_##name,
    CS_CALL_TABLE(X)
#undef X
        CS_CALL_CAMES
};
const char *cs_tool_loop_came_name(enum cs_call_came c);

struct cs_called {
    struct cs_tool_call call;
    const struct cs_tool *tool; /* NULL: unknown */
    enum cs_call_came came;
    const char *result;
};
struct cs_tool_step { /* a reply of the loop, and what we say to it */
    struct cs_tool_round round;
    struct cs_called *calls; /* round.n_calls */
    const char *user;        /* behind the results, or NULL */
};
struct cs_tool_loop {
    struct cs_tool_step steps[CS_TURNS_MAX];
    uint32_t n;
    uint32_t calls, came[CS_CALL_CAMES]; /* together, and by what they came to */
    bool last;                           /* the next call asks for the answer */
    bool reminded;
};
/* The loop after n replies of a trial, rounds as texts. CS_EINVAL: one is no round, or the loop ended before. */
CS_WARN_UNUSED enum cs_err cs_tool_loop_go(const struct cs_toolbox *box, const char *const *rounds, uint32_t n,
                                           struct cs_arena *arena, struct cs_tool_loop *out, struct cs_error *err);
/* Whether a round can be gone on from: it says or calls something, and not too much in one reply. */
bool cs_tool_loop_goes_on(const struct cs_tool_round *r, uint32_t max_calls);

#endif
