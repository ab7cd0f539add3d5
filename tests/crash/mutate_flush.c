/* With mutate_sync.c, the coarser fault: the log stays in the memory of the process, so that kill -9 loses what is acknowledged. */
#include <rocksdb/c.h>

void __real_rocksdb_options_set_manual_wal_flush(rocksdb_options_t *o, unsigned char on);
void __wrap_rocksdb_options_set_manual_wal_flush(rocksdb_options_t *o, unsigned char on);

void __wrap_rocksdb_options_set_manual_wal_flush(rocksdb_options_t *o, unsigned char on)
{
    (void)on;
    __real_rocksdb_options_set_manual_wal_flush(o, 1);
}
