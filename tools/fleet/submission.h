/* submission.h - hands a loaded study to a coordinator: the spec, the chunks that it lacks, then the start. */
#ifndef CS_SUBMISSION_H
#define CS_SUBMISSION_H

#include "protocol/load/load.h"
#include "store/generation.h"
#include "tools/fleet/admin_client.h"

/* Repeating it is harmless: what is there is not sent again, the same study is continued. *gen: the generation that runs now;
 * *is_new: it did not exist before. adopt_other: answers of lanes that it does not have any more, or from another address, are its own.
 * CS_EINVAL without it: a lane's address has changed. place: NULL is fine. */
struct cs_submission_place {      /* among other studies; the coordinator judges it */
    uint64_t weight;              /* 0: nothing is said */
    const char *priority, *after; /* NULL: nothing is said */
    bool alone;                   /* refused (CS_EINVAL) where another study is, and this one is not yet */
    bool reread;                  /* what stands is read anew (reread.h) */
    bool stop_old;                /* nothing more is asked of the study as it was while the edit is prepared */
};
CS_WARN_UNUSED enum cs_err cs_submission_send(struct cs_admin_client *a, const struct cs_loaded *l, bool adopt_other,
                                              const struct cs_submission_place *place, uint32_t *gen, bool *is_new,
                                              struct cs_error *err);
#define CS_ADOPT_OTHER_OPTION(flag)                                                                                    \
    {                                                                                                                  \
        "adopt-from-other", CS_OPT_FLAG, &(flag), NULL,                                                                \
            "take over answers from another address of a model, and of models that the study has no more"              \
    }

/* Whether a loaded study is the one that a generation runs; a pilot is compared as the pilot that it was, which changes `l`. */
CS_WARN_UNUSED enum cs_err cs_submission_is_of(struct cs_loaded *l, const struct cs_generation_view *v, bool *same,
                                               struct cs_error *err);

/* Makes the study a pilot of its first n cases, marked in the title. Its answers are taken over by the whole study later. */
CS_WARN_UNUSED enum cs_err cs_submission_make_pilot(struct cs_loaded *l, uint32_t n_cases, struct cs_error *err);
bool cs_submission_is_pilot(const struct cs_study *s);

#endif
