/* Study files, tables and providers files of others: loading one either works or ends in a sentence.
 *
 * An input holds files one after the other, each behind a line `%% NAME`: study.yaml, providers.yaml, cases.csv, levels.csv,
 * cases.jsonl. What stands before the first such line is study.yaml. They are written to a folder of their own, which is removed
 * at the end. Without providers.yaml a small one is there.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/assert.h"
#include "protocol/study/plan.h"
#include "protocol/study/render.h"
#include "protocol/load/load.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char *const names[] = {"study.yaml", "providers.yaml", "cases.csv", "levels.csv", "cases.jsonl"};
enum { NAMES = sizeof names / sizeof names[0] };
static char folder[256];

static void clean_up(void)
{
    char path[512];
    for (size_t i = 0; i < NAMES; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/clinsafe-fuzz-XXXXXX", tmp != NULL ? tmp : "/tmp");
    CS_ASSERT(mkdtemp(folder) != NULL);
    atexit(clean_up);
    return 0;
}

static void put(const char *name, const void *bytes, size_t n)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    CS_ASSERT(f != NULL);
    CS_ASSERT(fwrite(bytes, 1, n, f) == n);
    CS_ASSERT(fclose(f) == 0);
}

/* The next `%% NAME` line at or after p, or the end; *name is the file that it opens. */
static const char *next_file(const char *p, const char *end, size_t *name, const char **body)
{
    for (; p < end; p++) {
        for (size_t i = 0; i < NAMES; i++) {
            size_t len = strlen(names[i]);
            if ((size_t)(end - p) < len + 4 || memcmp(p, "%% ", 3) != 0 || memcmp(p + 3, names[i], len) != 0 ||
                p[3 + len] != '\n')
                continue;
            *name = i;
            *body = p + len + 4;
            return p;
        }
    }
    *body = end;
    return end;
}

static void put_all(const char *p, const char *end)
{
    static const char providers[] = "accounts: {s: {provider: simulated}}\nmodels: {m: {account: s, model: x}}\n";
    size_t name = 0, next = 0;
    const char *body = p;
    for (size_t i = 0; i < NAMES; i++)
        put(names[i], i == 1 ? providers : "", i == 1 ? sizeof providers - 1 : 0);
    do {
        const char *from = body, *to = next_file(body, end, &next, &body);
        put(names[name], from, (size_t)(to - from));
        name = next;
        p = to;
    } while (p < end);
}

/* A loop of its tools, with calls of the first one, of none, and words. */
static void call_tools(struct cs_prompt *p)
{
    static const char said[] = "{\"said\":\"A.\",\"calls\":[],\"blocks\":[]}";
    struct cs_arena arena = {0};
    struct cs_tool_loop *loop = cs_arena_alloc(&arena, sizeof *loop);
    const char *rounds[CS_TURNS_MAX];
    for (uint32_t k = 0; k + 1 < cs_script_calls(p); k++)
        rounds[k] = k % 2 > 0 ? said
                              : cs_arena_printf(&arena,
                                                "{\"said\":\"\",\"calls\":[{\"id\":\"1\",\"name\":\"%s\",\"arguments\":"
                                                "\"{}\"},{\"name\":\"none\"}],\"blocks\":[1]}",
                                                p->tools->tools[0].tool->name);
    for (uint32_t n = 0; n < cs_script_calls(p); n++) {
        if (cs_tool_loop_go(p->tools, rounds, n, &arena, loop, NULL) != CS_OK)
            break;
        CS_ASSERT(loop->n == n);
    }
    cs_arena_release(&arena);
}

/* All calls of a conversation. */
static void talk(struct cs_prompt *p)
{
    static const char *const replies[CS_TURNS_MAX] = {"", "A.", "{}"};
    const char *said[CS_TURNS_MAX];
    for (uint32_t k = 0; k < CS_TURNS_MAX; k++)
        said[k] = replies[k] != NULL ? replies[k] : "";
    for (uint32_t k = cs_script_calls(p); k-- > 0;) {
        cs_script_go(p, k, said);
        CS_ASSERT(cs_script_bytes(p, k) <= cs_render_bytes(p));
    }
}

/* Some prompts of what was accepted. */
static void use(const struct cs_loaded *l)
{
    struct cs_plan plan;
    struct cs_prompt prompt = CS_PROMPT_INIT;
    cs_plan_init(&plan, l->study);
    for (uint32_t lane = 0; lane < plan.n_lanes; lane++) {
        for (uint32_t k = 0; k < 4 && plan.lanes[lane].n_cells > 0; k++) {
            struct cs_coords at;
            struct cs_case c;
            uint32_t which = (uint32_t)((uint64_t)(l->study->n_cases - 1) * k / 3);
            cs_plan_cell(&plan, lane, which, (uint32_t)((uint64_t)(plan.lanes[lane].n_cells - 1) * k / 3), &at);
            CS_ASSERT(l->cases.get(l->cases.self, which, &c, NULL) == CS_OK);
            if (cs_render(l->study, &at, &c, &prompt, NULL) != CS_OK)
                continue;
            if (prompt.tools != NULL)
                call_tools(&prompt);
            else
                talk(&prompt);
        }
    }
    cs_render_release(&prompt);
    cs_plan_release(&plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char path[512];
    struct cs_loaded l;
    struct cs_error err = {0};
    if (n > 256 * 1024)
        return 0;
    put_all((const char *)data, (const char *)data + n);
    snprintf(path, sizeof path, "%s/study.yaml", folder);
    enum cs_err rc = cs_load_study(path, NULL, &l, &err);
    if (rc == CS_OK)
        use(&l);
    else
        CS_ASSERT(err.code == rc && err.msg[0] != '\0');
    cs_load_release(&l);
    return 0;
}
