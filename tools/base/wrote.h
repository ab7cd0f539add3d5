/* wrote.h - `written/1`: which files a command wrote, as JSON on stdout. Thread: main. */
#ifndef CS_WROTE_H
#define CS_WROTE_H

#include <stdint.h>

struct cs_json;

/* Of a command that prints no JSON it is NULL, and NULL is fine below: nothing is noted. */
struct cs_json *cs_wrote_begin(const char *command);
void cs_wrote_file(struct cs_json *w, const char *path, int64_t rows); /* rows below 0: nobody counted any */
/* more: further members (consumed); or NULL. w is consumed. */
void cs_wrote_print(struct cs_json *w, struct cs_json *more);

#endif
