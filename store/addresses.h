/* addresses.h - at which address each lane was last called: a changed `base_url` is another lane (decision 6b).
 *
 *   address/KEY   MessagePack [study, model, account, address, [[gen, lane]...]], KEY = cs_digest_lane_key in hex
 *
 * Written with the row of each generation, for each of its lanes. Addresses are compared as cs_address_of_account (protocol/study)
 * writes them: neither order nor blanks nor a slash at the end count, and a list of servers is the same place as long as one of them stays.
 */
#ifndef CS_ADDRESSES_H
#define CS_ADDRESSES_H

#include "store/generation.h"

/* Adds the rows of generation `gen` to the batch. Format 1 has none: the upgrade adds those of all generations. */
CS_WARN_UNUSED enum cs_err cs_addresses_add(struct cs_store *s, struct cs_batch *b, uint32_t gen,
                                            const struct cs_study *study, struct cs_error *err);
/* CS_EINVAL: a lane of the study has answers, and they came from another address; err names both. */
CS_WARN_UNUSED enum cs_err cs_addresses_check(struct cs_store *s, const struct cs_study *study, struct cs_error *err);

/* For each lane of the study one that it has no more, and that is the same under another name: of the same model or account, at
 * the same address. 0: none. Format 1 does not know. */
CS_WARN_UNUSED enum cs_err cs_addresses_heirs(struct cs_store *s, const struct cs_study *study, uint64_t *heir_of,
                                              struct cs_error *err);
/* Keys of all lanes that the study ever had; free() them. */
CS_WARN_UNUSED enum cs_err cs_addresses_lanes(struct cs_store *s, const struct cs_study *study, uint64_t **keys,
                                              uint32_t *n, struct cs_error *err);

#endif
