#include "coordinator/room.h"

#include <sys/statvfs.h>

void cs_room_note(struct cs_room *r, uint64_t free, uint64_t size, uint64_t now_ms)
{
    r->free = free;
    r->size = size;
    if (r->next.ms != 0 && now_ms < r->next.ms + CS_ROOM_SPAN_MS)
        return;
    const struct cs_room_then now = {now_ms, free};
    r->then = r->next.ms != 0 ? r->next : now;
    r->next = now;
}

void cs_room_look(struct cs_room *r, const char *dir, uint64_t now_ms)
{
    struct statvfs v;
    if (r->looked_ms != 0 && now_ms < r->looked_ms + CS_ROOM_LOOK_MS)
        return;
    r->looked_ms = now_ms;
    if (statvfs(dir, &v) == 0)
        cs_room_note(r, (uint64_t)v.f_bavail * v.f_frsize, (uint64_t)v.f_blocks * v.f_frsize, now_ms);
}

double cs_room_full_s(const struct cs_room *r, uint64_t now_ms)
{
    const uint64_t span = now_ms > r->then.ms ? now_ms - r->then.ms : 0;
    if (r->size == 0 || span < CS_ROOM_SPAN_MIN_MS || r->free >= r->then.free)
        return -1;
    return (double)r->free / (double)(r->then.free - r->free) * (double)span / 1e3;
}
