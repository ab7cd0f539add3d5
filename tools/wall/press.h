/* press.h - what each key does to the wall screen. Thread: main; a key may wait for a coordinator (acts.h) or the disk (opened.h). */
#ifndef CS_WALL_PRESS_H
#define CS_WALL_PRESS_H

#include "tools/wall/state.h"

/* Keys that are no character. */
enum {
    CS_WALL_KEY_UP = 1000,
    CS_WALL_KEY_DOWN,
    CS_WALL_KEY_PAGE_UP,
    CS_WALL_KEY_PAGE_DOWN,
    CS_WALL_KEY_ENTER,
    CS_WALL_KEY_BACK
};
enum { CS_WALL_KEY_ESCAPE = 27 };

/* False: the person wants it to end. */
bool cs_wall_press_key(struct cs_wall *w, int key);

#endif
