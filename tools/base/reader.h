/* reader.h - a study's outputs for reading, also while it runs: the store as a RocksDB secondary, its newest generation opened. */
#ifndef CS_READER_H
#define CS_READER_H

#include "store/generation.h"

struct cs_reader {
    struct cs_store *store;
    struct cs_generation_view view;
    uint64_t
        apart; /* key of the study, unless it is the store's first: what is kept beside the store has it in its name */
    uint32_t
        rereads; /* a newer generation that is only being made, by rereading this one, and is left aside; 0: none */
};

#define CS_WHICH_OPTION(name)                                                                                          \
    {                                                                                                                  \
        "study", CS_OPT_STR, &(name), "NAME", "which study, where the store holds several"                             \
    }
/* store: the database folder, or NULL: that of the study directory (`dir`, or beside `study`). name: of a study in it, NULL: the only
 * one, or the one that the file `study` is of (else CS_EUSAGE names them where there are several). A consistent view of this moment. */
CS_WARN_UNUSED enum cs_err cs_reader_open(struct cs_reader *r, const char *study, const char *dir, const char *store,
                                          const char *name, struct cs_error *err);
/* Turns to another generation of the same store. CS_ENOENT: it has none of this number. */
CS_WARN_UNUSED enum cs_err cs_reader_generation(struct cs_reader *r, uint32_t number, struct cs_error *err);
/* Whether the study leaves the trial at a position out (applies.h). */
CS_WARN_UNUSED enum cs_err cs_reader_left_out(const struct cs_reader *r, uint32_t lane, uint64_t position, bool *out,
                                              struct cs_error *err);
void cs_reader_close(struct cs_reader *r); /* a zeroed struct is fine */

#endif
