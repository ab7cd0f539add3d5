/* foreign.h - a table of outputs whose columns are called otherwise than those of the export: what each of ours is called there.
 *
 *   --map case_id=Q,model=llm,factor.group=race,answer.visit=VISIT,rater.dr_a.visit=A
 *
 * A column may serve several of ours; one that is called as ours is, and is not what was mapped to it, is not read. Rows come as from a table
 * (protocol/table/table.h), from CSV, TSV or JSON Lines. Thread: any. Errors: CS_EUSAGE for the map, else those of the table; columns that
 * are not there are all named at once.
 */
#ifndef CS_FOREIGN_H
#define CS_FOREIGN_H

#include "protocol/table/table.h"

enum { CS_FOREIGN_MAX = 256 };

struct cs_foreign { /* a zeroed struct maps nothing */
    struct cs_arena arena;
    const char *ours[CS_FOREIGN_MAX], *theirs[CS_FOREIGN_MAX];
    uint32_t n;
};

/* text NULL: nothing. */
CS_WARN_UNUSED enum cs_err cs_foreign_read(struct cs_foreign *f, const char *text, struct cs_error *err);
void cs_foreign_release(struct cs_foreign *f);

/* f NULL: the columns are called as ours. */
CS_WARN_UNUSED enum cs_err cs_foreign_stream(const struct cs_foreign *f, const char *path,
                                             const struct cs_table_sink *sink, struct cs_error *err);

#endif
