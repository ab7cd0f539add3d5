/* acted.h - `act/1`: what a person asked of a running coordinator, and what came of it, as JSON on stdout. Thread: main. */
#ifndef CS_ACTED_H
#define CS_ACTED_H

#include "protocol/base/json.h"

/* study, model: as they were said, or NULL. more: members that this command has besides (consumed), money as in document.h; or NULL. */
void cs_acted_print(const char *command, const char *study, const char *model, struct cs_json *more);

#endif
