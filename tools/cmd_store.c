/* clinsafe store upgrade - makes a store of an earlier format one of this version's, as the first run would. */
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/json.h"
#include "store/store.h"
#include "tools/commands.h"
#include "tools/base/study_dir.h"
#include "tools/base/text.h"
#include "tools/base/wrote.h"
#include "tools/screen/screen.h"

struct upgrade {
    struct cs_ticker ticker; /* total 0: nothing was to be done yet */
    uint64_t outputs;
};

static void on_upgrade(void *self, uint64_t done, uint64_t total)
{
    struct upgrade *u = self;
    if (u->ticker.total == 0)
        cs_screen_ticker_init(&u->ticker, "store upgrade", total);
    cs_screen_ticker_at(&u->ticker, done);
}

/* *format: 0 when it cannot be told beforehand (a damaged store: opening it for writing says what is wrong). */
static enum cs_err look(const char *path, uint32_t *format, uint64_t *outputs, struct cs_error *err)
{
    struct cs_store *s;
    enum cs_err rc = cs_store_open_reader(&s, path, err);
    if (rc != CS_OK)
        return rc;
    *format = cs_store_format(s);
    *outputs = cs_store_last_output(s);
    cs_store_close(s);
    return CS_OK;
}

static void print_json(const char *path, uint32_t before, uint32_t now, uint64_t outputs)
{
    struct cs_json *w = cs_wrote_begin("store");
    if (before != now)
        cs_wrote_file(w, path, -1);
    cs_wrote_print(w, cs_json_pack("{s:I, s:I, s:I}", "format_before", (int64_t)before, "format", (int64_t)now,
                                   "outputs", before != now ? (int64_t)outputs : INT64_C(0)));
}

static enum cs_err upgrade(const char *path, bool json, struct cs_error *err)
{
    struct upgrade u = {.outputs = 0};
    struct cs_store_opts o = {.dir = path, .write = true, .on_upgrade = on_upgrade, .self = &u};
    struct cs_store *s = NULL;
    uint32_t format = 0;
    char count[CS_TEXT_MAX_LEN];
    enum cs_err rc = look(path, &format, &u.outputs, err);
    if (rc == CS_OK)
        rc = cs_store_open(&s, &o, err);
    if (u.ticker.total > 0)
        cs_screen_ticker_end(&u.ticker);
    if (rc != CS_OK)
        return rc;
    if (json)
        print_json(path, format, cs_store_format(s), u.outputs);
    else if (format == cs_store_format(s))
        printf("%s: has format %u already\n", path, format);
    else
        printf(
            "%s: format %u is now format %u; %s outputs looked through. `clinsafe verify` says whether they are whole\n",
            path, format, cs_store_format(s), cs_text_count(count, u.outputs));
    cs_store_close(s);
    return CS_OK;
}

int cmd_store(int argc, char **argv)
{
    struct cs_study_args args = {0};
    const char *store = NULL;
    bool json = false;
    const struct cs_option table[] = {
        CS_DIR_OPTION(args),
        {"store", CS_OPT_STR, &store, "DIR", "the database folder itself (a coordinator's --dir)"},
        {"json", CS_OPT_FLAG, &json, NULL, "print JSON"},
        {0},
    };
    const struct cs_command_help help = {
        "clinsafe store upgrade [STUDY] [options]",
        "Brings a store that an earlier version wrote up to the format of this one; a run, or a coordinator's start, does the same. May be\n"
        "interrupted at any point and goes on where it was. Earlier versions refuse the store afterwards: keep a copy if you need them.\n"
        "Nothing may be running on it. Exit status: 0 done, or nothing to do; 66 no store; 74 damaged; 75 in use, or the disk.",
        "clinsafe store upgrade ops/studies/demo/study.yaml",
    };
    struct cs_error err = {0};
    struct cs_study_dir d;
    int n_args, status;
    if (!cs_command_args(table, &help, argc, argv, 1, 2, &n_args, &status))
        return status;
    enum cs_err rc = CS_OK;
    if (strcmp(argv[1], "upgrade") != 0)
        rc = cs_error_set(&err, CS_EUSAGE, "store %s: there is only `clinsafe store upgrade`", argv[1]);
    else if (n_args < 2 && args.dir == NULL && store == NULL)
        rc = cs_error_set(&err, CS_EUSAGE, "say which store: a STUDY, --dir DIR or --store DIR");
    cs_study_dir_init(&d, n_args > 1 ? argv[2] : "", args.dir);
    if (rc == CS_OK)
        rc = upgrade(store != NULL ? store : d.store, json, &err);
    cs_study_dir_release(&d);
    return rc == CS_OK ? 0 : cs_command_fail(rc, &err);
}
