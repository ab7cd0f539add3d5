/* render.h - from coordinates to the exact prompt. Byte for byte the same wherever it runs.
 *
 * A prompt is a system text, what was said before (talk.h; most have none), and the user's text that is answered. Of a conversation (script.h) it is
 * that of its first call; cs_script_go makes it another's.
 *
 * Order: (1) each factor in file order: its level's use_column (as the case has it) replaces the text of into_column, then its text is inserted;
 * (2) templates (template.h; the level's system text of the last factor that has one, else the prompt's) are expanded once, left
 * to right, never recursively; {{fenced X}} stands between marks (fence.h); {{question.options}} is one line an option, "A. text",
 * {{question.list}} one an element, "1. text". An insertion after the first occurrence of a string puts the text and one
 * space behind it; an empty text inserts nothing. An insertion at a marker replaces the marker; an empty text also takes one
 * space that follows it. Images (image.h) are those of the prompt's places that are not empty. Pure; any thread.
 */
#ifndef CS_RENDER_H
#define CS_RENDER_H

#include "protocol/base/buf.h"
#include "protocol/study/image.h"
#include "protocol/study/plan.h"
#include "protocol/study/script.h"
#include "protocol/study/talk.h"
#include "protocol/study/tools.h"

struct cs_prompt {
    struct cs_buf system, user;   /* system empty: no system message */
    const struct cs_said *before; /* n_before messages, which end with the assistant's; in `arena` */
    uint32_t n_before;
    const struct cs_script_turn *turns; /* n_turns calls, in `arena`; NULL: one call */
    uint32_t n_turns;
    const struct cs_image *images; /* n_images, with the user's first message; in `arena` */
    uint32_t n_images;
    uint32_t images_of_levels;      /* bit i: images[i] comes with a level, not with the case */
    const struct cs_toolbox *tools; /* of a question with tools, in `arena`; NULL: none */
    struct cs_buf
        after; /* of a call in their loop: JSON of what follows the user's text, as the dialect has it (dialects/dialect_tools.h) */
    struct cs_arena arena;
    struct cs_buf shown; /* cs_render_shown's */
};

#define CS_PROMPT_INIT                                                                                                 \
    ((struct cs_prompt){.system = CS_BUF_INIT(CS_BODY_MAX),                                                            \
                        .user = CS_BUF_INIT(CS_BODY_MAX),                                                              \
                        .after = CS_BUF_INIT(CS_BODY_MAX),                                                             \
                        .shown = CS_BUF_INIT(4 * (size_t)CS_BODY_MAX)})
void cs_render_release(struct cs_prompt *p);
/* For people: a line for each image (its name, kind, size, and the first digits of its hash), then the user's text; after a talk, all of it as `user: ...`, `assistant: ...`, with blank lines between; of a conversation all turns, with
 * `assistant: [reply]` where a reply comes. Valid until the next call. */
const char *cs_render_shown(struct cs_prompt *p);
void cs_render_images_shown(const struct cs_prompt *p, struct cs_buf *out); /* those lines alone */
/* Bytes of all texts of the call at hand. */
size_t cs_render_bytes(const struct cs_prompt *p);

/* The wording that holds for this case (joins resolved). CS_EINVAL when no wording matches the case. */
CS_WARN_UNUSED enum cs_err cs_render_wording(const struct cs_study *s, uint32_t factor, const struct cs_arm *arm,
                                             const struct cs_case *c, const struct cs_wording **out,
                                             struct cs_error *err);
/* CS_EINVAL when an insertion point or the prompt for this case is missing; err names the case and the factor. */
CS_WARN_UNUSED enum cs_err cs_render(const struct cs_study *s, const struct cs_coords *at, const struct cs_case *c,
                                     struct cs_prompt *out, struct cs_error *err);

#endif
