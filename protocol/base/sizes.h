/* sizes.h - the sizes that tables keep to as well as the studies made from them. */
#ifndef CS_SIZES_H
#define CS_SIZES_H

#include <stdint.h>

enum {
    CS_COLUMNS_MAX = 4096, /* columns of a table, texts per level included */
    CS_CASES_MAX = 4 * 1000 * 1000,
    CS_TEXT_MAX = 256 * 1024, /* bytes of one text cell or template */
    CS_NONE = UINT32_MAX,     /* "no such index" */
};

#endif
