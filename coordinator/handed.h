/* handed.h - a file that programs of operators fetch in parts: whose parts they are, and when another file may take its place.
 *
 * The file is made for whoever asks for it; all who were told of it read it to its end, where they are through. Who has asked for nothing for
 * CS_HANDED_MS is gone. Pure. Thread: the I/O loop. Units: milliseconds, now_ms of the monotonic clock.
 */
#ifndef CS_HANDED_H
#define CS_HANDED_H

#include <stdbool.h>
#include <stdint.h>

enum { CS_HANDED_MS = 30000 };

struct cs_handed {     /* zeroed: no file was there yet */
    uint64_t id;       /* of the file: none has it twice, whatever coordinator made it */
    bool told;         /* somebody was told of it */
    uint32_t readers;  /* who were told of it, and are not through */
    uint64_t asked_ms; /* when it was last asked for */
};

/* Another file is made. wall_ms: Unix time. */
void cs_handed_begin(struct cs_handed *h, int64_t wall_ms, uint64_t now_ms);
/* Somebody still waits for it; is told of it, now that it is made. */
void cs_handed_waits(struct cs_handed *h, uint64_t now_ms);
void cs_handed_told(struct cs_handed *h, uint64_t now_ms);
/* A part is asked for; false: of another file. */
bool cs_handed_part(struct cs_handed *h, uint64_t id, uint64_t now_ms);
/* That part was the empty one at the end. true: nobody reads it any more. */
bool cs_handed_through(struct cs_handed *h);
/* Whether the file has to stay. */
bool cs_handed_is_wanted(const struct cs_handed *h, uint64_t now_ms);

#endif
