/* app.h - the simulated application (app.c): its dialects stand in dialect.h, here is what needs no model. Pure but for the clock. */
#ifndef CS_SIM_APP_H
#define CS_SIM_APP_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/base/buf.h"

#define CS_APP_SESSION "session-"

/* The state of a job by its name; false: there is none such. */
bool cs_app_job(const char *job, struct cs_buf *out);
void cs_app_session(uint64_t number, struct cs_buf *out);

#endif
