/* verdicts.h - the families of contrasts judged. Thread: main. */
#ifndef CS_REPORT_VERDICTS_H
#define CS_REPORT_VERDICTS_H

#include "tools/report/analysis/work.h"

/* After the contrasts and the counts of usable answers. */
void cs_verdicts_judge(struct cs_report_work *w);

#endif
