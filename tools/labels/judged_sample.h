/* judged_sample.h - which judged texts people are asked to rate: a random sample of them, stratified so that it can correct the judge.
 *
 * An item is a case of a study of judges under one question. Strata are the judged output's model, its levels, and what the panel says of
 * it (every answer that `calibrate` names, else every one with words; no verdict is a stratum of its own). Each has its share
 * (strata.h), inside any item is as likely as any other: pi = taken / size, kept in the key. Texts that the panel is not through with are not
 * asked about, and counted (`unjudged`): once they are judged too, this sample corrects nothing. Raters see what judges saw, and neither arm, model nor verdict.
 * With `disputed` it is no sample but the items on which raters differ, with what was said; nothing is written when there are none.
 * Memory: 24 bytes a case. Thread: main. Errors: those of the store; CS_EUSAGE: no study of judges, fewer items than strata; CS_EBUSY: another
 * sample was made with this seed.
 */
#ifndef CS_LABELS_JUDGED_SAMPLE_H
#define CS_LABELS_JUDGED_SAMPLE_H

#include "tools/labels/sample.h"

CS_WARN_UNUSED enum cs_err cs_judged_sample_write(struct cs_reader *r, const struct cs_sample_opts *o,
                                                  struct cs_sample_done *done, struct cs_error *err);

#endif
