/* verdicts.h - the families of contrasts judged. Thread: main. */
#ifndef CS_REPORT_VERDICTS_H
#define CS_REPORT_VERDICTS_H

#include "tools/report/analysis/work.h"
#include "tools/report/stats/cluster.h"

/* After the contrasts and the counts of usable answers. */
void cs_verdicts_judge(struct cs_report_work *w);

/* The test of a contrast by itself: t, exact of single pairs, wider by its wordings. */
struct cs_cluster_test cs_verdicts_test(const struct cs_report_work *w, size_t at);
/* Both, lost, gained, neither, of clusters that gave one pair of yes/no answers each (p->single). */
struct cs_pairs cs_verdicts_pairs(const struct cs_paired *p);

#endif
