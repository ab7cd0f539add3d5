/* visit.h - what the visitors of messages.c and output.c share, on top of codec.h. Only they include it. */
#ifndef CS_VISIT_H
#define CS_VISIT_H

#include "protocol/wire/codec.h"

/* Opens the array `items` of `n`; when unpacking it makes the room. The visitor walks it and calls cs_codec_end. */
#define CS_VISIT_ITEMS(c, n, items, max)                                                                               \
    do {                                                                                                               \
        cs_codec_array((c), &(n), (max));                                                                              \
        if (!cs_codec_packing(c))                                                                                      \
            (items) = cs_codec_alloc((c), (n), sizeof *(items));                                                       \
    } while (0)

/* A string that is always there: NULL packs as "", nil from outside is a fault. */
static inline void cs_visit_text(struct cs_codec *c, const char **s, uint32_t max)
{
    const char *text = *s != NULL ? *s : "";
    cs_codec_str(c, &text, max);
    if (text == NULL)
        cs_codec_fail(c, "a string is missing");
    if (!cs_codec_packing(c))
        *s = text != NULL ? text : "";
}

#endif
