/* together.h - several studies that one fleet of `clinsafe run` works on. Thread: main. */
#ifndef CS_TOGETHER_H
#define CS_TOGETHER_H

#include "protocol/load/load.h"
#include "tools/fleet/admin_client.h"

/* The accounts and models of all, under the name of the first, for those who ask for nothing else: which keys, which simulator. Borrows
 * the studies; cs_together_release frees the rest. */
struct cs_together {
    struct cs_study study;
};
void cs_together_make(struct cs_together *t, const struct cs_study *const *studies, uint32_t n);
void cs_together_release(struct cs_together *t);

/* The coordinator's store holds no other study than these, unless it is over and they are one alone: it would be worked on unasked, and a name
 * that was changed in a file would buy everything anew. CS_EINVAL: err names it. */
CS_WARN_UNUSED enum cs_err cs_together_check(struct cs_admin_client *a, const struct cs_study *const *studies,
                                             uint32_t n, struct cs_error *err);

#endif
