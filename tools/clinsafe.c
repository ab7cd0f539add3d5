/* clinsafe - one command line for people: see the table below and `clinsafe COMMAND --help`. */
#include <stdio.h>
#include <string.h>

#include "protocol/base/log.h"
#include "protocol/base/version.h"
#include "tools/base/command.h"

static const struct cs_command commands[] = {
    {"run", "run a study on this machine: starts all it needs, shows progress, continues where it was", cmd_run},
    {"plan", "show what a study file means: factors, trials, prompts, price; pays for nothing", cmd_plan},
    {"submit", "give a study to a coordinator that runs already", cmd_submit},
    {"status", "show how a fleet is doing, from any host that reaches its Redis", cmd_status},
    {"pause", "start no further calls, in all models or one", cmd_pause},
    {"resume", "go on after a pause", cmd_resume},
    {"cancel", "give up what is not done, in all models or one", cmd_cancel},
    {"retry", "plan failed trials again", cmd_retry},
    {"drain", "let the fleet finish what is in flight, then end", cmd_drain},
    {"export", "write outputs as CSV or JSON Lines, while the study runs too", cmd_export},
    {"verify", "check that every planned trial has exactly one sound output, or is listed", cmd_verify},
    {"report", "what the outputs say: noise, shifts, verdicts, labels, provenance", cmd_report},
    {"providers", "check that each lane can be used: one tiny call per model", cmd_providers},
    {"labels", "let people rate a blinded sample of the outputs, and bring their ratings back", cmd_labels},
    {"drill", "kill every part of a fleet that works on a study, simulated, and count what was lost", cmd_drill},
    {"store", "bring a study's store up to the format of this version, before a run does", cmd_store},
    {"keygen", "make a key pair for a host of the fleet", cmd_keygen},
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

int main(int argc, char **argv)
{
    cs_log_init("clinsafe");
    if (argc < 2) {
        print_help(stderr);
        return 64;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("clinsafe %s\n", cs_version);
        return 0;
    }
    for (int i = 0; i < N_COMMANDS; i++) {
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    }
    fprintf(stderr, "clinsafe: no command `%s`; `clinsafe --help` lists them\n", argv[1]);
    return 64;
}
