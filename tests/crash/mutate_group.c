/* A coordinator that opens the cases of a cluster one by one: `make budget` must notice. */
#include "protocol/study/plan.h"

uint32_t __wrap_cs_plan_group_end(const struct cs_plan *p, uint32_t rank);

uint32_t __wrap_cs_plan_group_end(const struct cs_plan *p, uint32_t rank)
{
    (void)p;
    return rank + 1;
}
