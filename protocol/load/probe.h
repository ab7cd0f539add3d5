/* probe.h - a call that tells whether a lane works: what `clinsafe providers check` sends.
 *
 * For a study file the lanes are its models, and the call is one of its own: the first prompt of its first case, with its schema, its
 * parameters and its cap, so that what comes back is what a run would get. For a providers file the lanes are all models, and a probe
 * asks for one word, with the smallest cap that its dialect takes.
 * Ownership: everything lives in struct cs_probes. Thread: any.
 */
#ifndef CS_PROBE_H
#define CS_PROBE_H

#include "protocol/base/buf.h"
#include "protocol/load/load.h"

enum { CS_PROBE_CAP = 16 /* output tokens: the least that OpenAI Responses takes */ };

struct cs_probe {
    const struct cs_account *account;
    const struct cs_study *study; /* or NULL */
    struct cs_model model;
    const char
        *body;    /* with a study: the trial's own first request, as a worker sends it; NULL: one word is asked for */
    bool goes_on; /* more calls of the trial come after it: its reply is no answer yet */
    uint32_t lane, question, cap;
    uint32_t elements;             /* of the list that the prompt has graded */
    const struct cs_image *images; /* n_images that stand in the body */
    uint32_t n_images;
    const struct cs_load_picture **pictures; /* n_pictures: the files of the study's images */
    uint32_t n_pictures;
    const char *fault; /* why it cannot be asked at all (its parameters), or NULL */
};

struct cs_probes {
    struct cs_probe *all; /* in the order of the file */
    uint32_t n;
    struct cs_arena arena;
    struct cs_loaded study; /* loaded only when the file is a study file */
};

/* path: a study file, or a providers file. `only`: the model of that name, or NULL for all. Faults of the file as its loader tells
 * them; CS_EINVAL for an unknown `only`. A zeroed or failed *out may be released. */
CS_WARN_UNUSED enum cs_err cs_probes_load(const char *path, const struct cs_load_opts *opts, const char *only,
                                          struct cs_probes *out, struct cs_error *err);
void cs_probes_release(struct cs_probes *p);

/* Appends the body. CS_EINVAL: its parameters cannot be sent. */
CS_WARN_UNUSED enum cs_err cs_probe_body(const struct cs_probe *p, struct cs_buf *body, struct cs_error *err);

#endif
