/* typed.h - commands as a person would type them into a POSIX shell. Thread: any. */
#ifndef CS_TYPED_H
#define CS_TYPED_H

#include "protocol/base/buf.h"

void cs_typed_quote(struct cs_buf *out, const char *word); /* a blank, then the word, quoted where it must be */
/* This program, the command, argv[1] and so on. All of them count: another --cases or --data would be another study. free() it. */
char *cs_typed_command(const char *command, int argc, char **argv);
/* A command on the directory of a run, as it can be typed anywhere. free() it. */
char *cs_typed_elsewhere(const char *command, const char *dir);

#endif
