/* commands.h - the table of commands. A command is a function cmd_NAME in cmd_NAME.c and a row here; `--help` shows the row. */
#ifndef CS_COMMANDS_H
#define CS_COMMANDS_H

#include "tools/base/command.h"

/* X(name, what it does, in a line for `clinsafe --help`) */
/* clang-format off */
#define CS_COMMANDS(X)                                                                                                 \
    X(run, "run a study on this machine: starts all it needs, shows progress, continues where it was")                 \
    X(suite, "run a fixed set of studies on a model: its score card; check, compare and seal")                          \
    X(init, "write a small study to begin with, which runs as it stands")                                              \
    X(plan, "show what a study file means: factors, trials, prompts, price; pays for nothing")                         \
    X(protocol, "the protocol of a study in words, for an ethics board or a registry; and where it was registered")     \
    X(submit, "give studies to a coordinator that runs already")                                                       \
    X(list, "show the studies of a coordinator")                                                                       \
    X(wait, "wait until a study is over; the exit status says how")                                                    \
    X(status, "show how a fleet is doing, from any host that reaches its Redis")                                       \
    X(pause, "start no further calls, in all models or one")                                                           \
    X(resume, "go on after a pause")                                                                                   \
    X(cancel, "give up what is not done, in all models or one")                                                        \
    X(retry, "plan failed trials again; or ask timeouts and unparsable answers again")                                 \
    X(reread, "read the stored answers anew, as the study file declares now; nothing is asked again")                    \
    X(set, "set a study's budget, weight and limits by hand, in mid-run; or take that back")                              \
    X(void, "take spend out of the account that nobody believes, with a reason")                                        \
    X(delete, "take a study out of a coordinator's store, with its answers")                                            \
    X(drain, "let the fleet, or one worker, finish what is in flight, then end")                                        \
    X(events, "what operators did and why, and what the coordinator did of itself")                                     \
    X(bill, "what a study has cost, by day and model; and whether the vendor's own account agrees")                      \
    X(export, "write outputs as CSV or JSON Lines, while the study runs too")                                          \
    X(verify, "check that every planned trial has exactly one sound output, or is listed")                             \
    X(report, "what the outputs say: noise, shifts, verdicts, labels, provenance")                                     \
    X(show, "one prompt of a study: the exact request, every output of it, what it cost")                              \
    X(providers, "check that each lane can be used: one tiny call per model")                                          \
    X(review, "let people say what is plausible and warranted in the cases, before anything is paid")                     \
    X(labels, "let people rate a blinded sample of the outputs, and bring their ratings back")                         \
    X(slurm, "a fleet as jobs of Slurm: print or submit the scripts of a coordinator and its workers")                    \
    X(drill, "kill every part of a fleet that works on a study, simulated, and count what was lost")                   \
    X(backup, "keep a checked copy of a store, also while its fleet works; only what is new is copied")                   \
    X(restore, "put a store back from a backup, whole or not at all")                                                  \
    X(store, "bring a study's store up to the format of this version, before a run does")                              \
    X(keygen, "make a key pair for a host of the fleet, or for a person")                                              \
    X(keys, "who may come into a fleet and as what; revoke a key")
/* clang-format on */

#define X(name, summary) int cmd_##name(int argc, char **argv);
CS_COMMANDS(X)
#undef X

#endif
