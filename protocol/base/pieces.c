#include "protocol/base/pieces.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "protocol/base/alloc.h"

/* The C library's sizes: 24 bytes, and 16 more each time. */
enum { LEAST = 24, STEP = 16, SIZES = 15 };

struct piece {
    struct piece *next;
};

static _Thread_local struct {
    bool keeps;
    struct {
        struct piece *first;
        uint32_t n;
    } of[SIZES];
} own;

void cs_pieces_keep(void)
{
#ifndef __SANITIZE_ADDRESS__ /* which is to see what is used after it was given back */
    own.keeps = true;
#endif
}

void cs_pieces_drop(void)
{
    for (int i = 0; i < SIZES; i++) {
        for (struct piece *p; (p = own.of[i].first) != NULL;) {
            own.of[i].first = p->next;
            free(p);
        }
        own.of[i].n = 0;
    }
    own.keeps = false;
}

void *cs_pieces_take(size_t size)
{
    const size_t i = size <= LEAST ? 0 : (size - LEAST + STEP - 1) / STEP;
    struct piece *p = i < SIZES ? own.of[i].first : NULL;
    if (p == NULL)
        return cs_xmalloc(size);
    own.of[i].first = p->next;
    own.of[i].n--;
    return p;
}

void cs_pieces_give_back(void *piece)
{
    const size_t room = own.keeps && piece != NULL ? malloc_usable_size(piece) : 0;
    const size_t i = (room - LEAST) / STEP;
    struct piece *p = piece;
    if (room < LEAST || i >= SIZES || own.of[i].n == CS_PIECES_OF_A_SIZE) {
        free(piece);
        return;
    }
    p->next = own.of[i].first;
    own.of[i].first = p;
    own.of[i].n++;
}
