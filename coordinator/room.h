/* room.h - how much room the store's disk has, and for how long at the pace of the last ten to twenty minutes. Pure but for cs_room_look. */
#ifndef CS_ROOM_H
#define CS_ROOM_H

#include <stdint.h>

enum { CS_ROOM_LOOK_MS = 5000, CS_ROOM_SPAN_MS = 10 * 60 * 1000, CS_ROOM_SPAN_MIN_MS = 60 * 1000 };

struct cs_room {         /* a zeroed struct is fine */
    uint64_t free, size; /* bytes; size 0: unknown */
    struct cs_room_then {
        uint64_t ms, free;
    } then, next; /* the pace is that since `then`, whose place the younger one takes after a while */
    uint64_t looked_ms;
};
void cs_room_look(struct cs_room *r, const char *dir,
                  uint64_t now_ms); /* asks the system every CS_ROOM_LOOK_MS at most */
void cs_room_note(struct cs_room *r, uint64_t free, uint64_t size, uint64_t now_ms);
/* Seconds until the disk is full; -1: it does not shrink, or it is too early to say. */
double cs_room_full_s(const struct cs_room *r, uint64_t now_ms);

#endif
