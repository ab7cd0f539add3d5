/* leak_counts.h - how many answers of an arm give it away to their judge (leaks.h counts them). */
#ifndef CS_LEAK_COUNTS_H
#define CS_LEAK_COUNTS_H

#include <stdint.h>

enum cs_leak { CS_LEAK_LEVEL_TEXT, CS_LEAK_LEVEL_ID, CS_LEAK_MODEL, CS_LEAKS };

struct cs_leak_counts { /* of the answers of one arm */
    uint64_t answers;
    uint64_t raw[CS_LEAKS], raw_any;     /* that hold such, as they came */
    uint64_t shown[CS_LEAKS], shown_any; /* as the judge is shown them */
};

#endif
