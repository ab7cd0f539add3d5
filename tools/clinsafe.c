/* clinsafe - one command line for people: see commands.h and `clinsafe COMMAND --help`. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/log.h"
#include "protocol/base/version.h"
#include "protocol/table/names.h"
#include "tools/commands.h"

static const struct {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
} commands[] = {
#define X(name, summary) {#name, summary, cmd_##name},
    CS_COMMANDS(X)
#undef X
};
enum { N_COMMANDS = sizeof commands / sizeof commands[0] };

static void print_help(FILE *to)
{
    fprintf(to, "clinsafe stress-tests medical language models: one case, one demographic detail changed,\n"
                "does the recommendation change?\n\nUsage: clinsafe COMMAND [arguments]\n\nCommands:\n");
    for (int i = 0; i < N_COMMANDS; i++)
        fprintf(to, "  %-9s %s\n", commands[i].name, commands[i].summary);
    fprintf(to, "\n`clinsafe COMMAND --help` explains one and shows an example.\n\nExample:\n"
                "  clinsafe run ops/studies/demo/study.yaml\n");
}

static int no_command(const char *word)
{
    const char *names[N_COMMANDS];
    for (int i = 0; i < N_COMMANDS; i++)
        names[i] = commands[i].name;
    struct cs_hint hint = cs_names_hint(word, names, N_COMMANDS);
    const bool near = strncmp(hint.text, "; did you mean", 14) == 0;
    fprintf(stderr, "clinsafe: no command `%s`%s%s\n", word, near ? hint.text : "",
            near ? " (`clinsafe --help` lists them)" : "; `clinsafe --help` lists them");
    return 64;
}

/* The launcher of `make dist` (ops/dist/launcher.sh) is what people type. */
static void be_called_as_typed(void)
{
    char *as = getenv("CLINSAFE_INVOKED");
    if (as != NULL)
        program_invocation_name = cs_xstrdup(as);
    unsetenv("CLINSAFE_INVOKED");
}

int main(int argc, char **argv)
{
    cs_log_init("clinsafe");
    be_called_as_typed();
    if (argc < 2) {
        print_help(stderr);
        return 64;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("clinsafe %s\n", cs_version_line);
        return 0;
    }
    for (int i = 0; i < N_COMMANDS; i++) {
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    }
    return no_command(argv[1]);
}
