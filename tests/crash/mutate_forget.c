/* A coordinator that does not write what its leases may cost: the test of the budget must notice. */
#include <string.h>

#include "store/store.h"

void __real_cs_batch_add_meta(struct cs_batch *b, const char *key, const void *value, uint32_t len);
void __wrap_cs_batch_add_meta(struct cs_batch *b, const char *key, const void *value, uint32_t len);

void __wrap_cs_batch_add_meta(struct cs_batch *b, const char *key, const void *value, uint32_t len)
{
    if (strncmp(key, "risk/", 5) != 0)
        __real_cs_batch_add_meta(b, key, value, len);
}
