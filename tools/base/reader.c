#include "tools/base/reader.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "tools/base/study_dir.h"

enum cs_err cs_reader_open(struct cs_reader *r, const char *study, const char *dir, const char *store,
                           struct cs_error *err)
{
    struct cs_study_dir d;
    struct cs_generation g;
    *r = (struct cs_reader){0};
    if (study == NULL && dir == NULL && store == NULL)
        return cs_error_set(err, CS_EUSAGE, "say which outputs: a STUDY, --dir DIR or --store DIR");
    cs_study_dir_init(&d, study != NULL ? study : "", dir);
    enum cs_err rc = cs_store_open_reader(&r->store, store != NULL ? store : d.store, err);
    cs_study_dir_release(&d);
    if (rc == CS_OK)
        rc = cs_store_generation_newest(r->store, &g, err);
    if (rc == CS_OK)
        rc = cs_store_generation_view_open(&r->view, r->store, &g, err);
    if (rc != CS_OK)
        cs_reader_close(r);
    return rc;
}

enum cs_err cs_reader_generation(struct cs_reader *r, uint32_t number, struct cs_error *err)
{
    struct cs_generation g;
    char key[CS_META_KEY_MAX];
    void *value = NULL;
    uint32_t n = 0;
    cs_store_generation_key(number, key);
    enum cs_err rc = cs_store_rows_meta(r->store, key, &value, &n, err);
    if (rc == CS_ENOENT)
        rc = cs_error_set(err, CS_ENOENT, "the store has no generation %u", number);
    if (rc == CS_OK)
        rc = cs_store_generation_unpack(value, n, &g, err);
    free(value);
    if (rc != CS_OK)
        return rc;
    cs_store_generation_view_close(&r->view);
    return cs_store_generation_view_open(&r->view, r->store, &g, err);
}

void cs_reader_close(struct cs_reader *r)
{
    cs_store_generation_view_close(&r->view);
    cs_store_close(r->store);
    *r = (struct cs_reader){0};
}
