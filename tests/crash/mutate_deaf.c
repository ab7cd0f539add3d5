/* A deliberate fault: a coordinator that does not hear that a write failed, and acknowledges on. */
#include <rocksdb/c.h>

void __real_rocksdb_write(rocksdb_t *db, const rocksdb_writeoptions_t *o, rocksdb_writebatch_t *b, char **why);
void __wrap_rocksdb_write(rocksdb_t *db, const rocksdb_writeoptions_t *o, rocksdb_writebatch_t *b, char **why);

void __wrap_rocksdb_write(rocksdb_t *db, const rocksdb_writeoptions_t *o, rocksdb_writebatch_t *b, char **why)
{
    __real_rocksdb_write(db, o, b, why);
    if (*why != NULL)
        rocksdb_free(*why);
    *why = NULL;
}
