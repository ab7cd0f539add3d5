/* origin.h - in the export of a study of judges: which outputs of its parent a row is about.
 *
 *   parent.study, parent.case, parent.model, parent.question, parent.FACTOR, parent.repeat, parent.element, parent.output_id, parent.digest,
 *   parent.outputs      how many outputs have this text (`identical: once`); what differs between them stands with | between
 * Of pairs the same twice, first.* and second.*. A factor that is called as one of these is parent.factor.NAME. Thread: main.
 */
#ifndef CS_EXPORT_ORIGIN_H
#define CS_EXPORT_ORIGIN_H

#include "tools/export/row.h"

struct cs_export_origin;

/* NULL: the study is no study of judges. The view must outlive it. */
struct cs_export_origin *cs_export_origin_open(const struct cs_generation_view *view);
const struct cs_export_more *cs_export_origin_more(const struct cs_export_origin *o);
void cs_export_origin_close(struct cs_export_origin *o); /* NULL is fine */

#endif
