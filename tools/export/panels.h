/* panels.h - beside an output what the judges of another study say of it: `export PARENT --with CHILD`.
 *
 *   CHILD.ANSWER          the panel's verdict: a word, or a mean (votes.h); of an `each`, over its elements: the share of the yes word, the mean;
 *                         of pairs won, lost, tie, or over several the share won less the share lost
 *   CHILD.ANSWER@JUDGE    that judge alone
 *   CHILD.ANSWER.votes    "2 of 3": for the word, of those asked; of a mean: how many gave a number. Of an `each` or several pairs: those judged, of all
 *   CHILD.score.NAME      a declared score of the output (tools/judged/scored.h), with @TAG for each tag of a `split`; empty: it has none
 *   CHILD.state           judged (all answers), no verdict (of some), not judged (not taken, or still to come)
 *
 * The link from a row to a case of CHILD is the output's number and digest: a sorted index of sixteen bytes an output, beside the votes.
 * Thread: main. Errors: those of the store; CS_EUSAGE: CHILD does not judge this study.
 */
#ifndef CS_EXPORT_PANELS_H
#define CS_EXPORT_PANELS_H

#include "tools/base/reader.h"
#include "tools/export/row.h"

struct cs_export_panels;

/* with: a study file, a study's directory, or the name of a study in the parent's store. */
CS_WARN_UNUSED enum cs_err cs_export_panels_open(struct cs_export_panels **out, const char *with,
                                                 const struct cs_reader *parent, const char *parent_store,
                                                 struct cs_error *err);
const struct cs_export_more *cs_export_panels_more(const struct cs_export_panels *v);
void cs_export_panels_close(struct cs_export_panels *v); /* NULL is fine */

#endif
