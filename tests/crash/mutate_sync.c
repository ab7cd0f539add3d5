/* A deliberate fault, linked into a coordinator of the tests' own: commits are written and not synced, so that what is acknowledged
 * is in the page cache alone. kill -9 cannot show it; a power cut must. */
#include <rocksdb/c.h>

void __real_rocksdb_writeoptions_set_sync(rocksdb_writeoptions_t *o, unsigned char on);
void __wrap_rocksdb_writeoptions_set_sync(rocksdb_writeoptions_t *o, unsigned char on);

void __wrap_rocksdb_writeoptions_set_sync(rocksdb_writeoptions_t *o, unsigned char on)
{
    (void)on;
    __real_rocksdb_writeoptions_set_sync(o, 0);
}
