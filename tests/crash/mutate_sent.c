/* A coordinator in whose store the last call of a conversation answers another request than the one that its turns give: the replay
 * of verify must notice. (It compares what it stores itself; so this happens behind that.) */
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/arena.h"
#include "protocol/wire/output.h"
#include "store/store.h"

void __real_cs_batch_add_output(struct cs_batch *b, const struct cs_batch_output *o);
void __wrap_cs_batch_add_output(struct cs_batch *b, const struct cs_batch_output *o);

void __wrap_cs_batch_add_output(struct cs_batch *b, const struct cs_batch_output *o)
{
    struct cs_batch_output changed = *o;
    struct cs_arena arena = {0};
    struct cs_output read;
    uint8_t *bytes = cs_xmalloc(o->len), *sent;
    memcpy(bytes, o->bytes, o->len);
    if (!(o->flags & CS_OUTPUT_TURN) && o->turn.number > 0 &&
        cs_output_unpack(bytes, o->len, &arena, &read, NULL) == CS_OK) {
        sent = memmem(bytes, o->len, read.sent, sizeof read.sent);
        if (sent == NULL)
            abort();
        *sent ^= 1;
    }
    changed.bytes = bytes;
    __real_cs_batch_add_output(b, &changed);
    free(bytes);
    cs_arena_release(&arena);
}
