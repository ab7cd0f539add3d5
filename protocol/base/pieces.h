/* pieces.h - small pieces of memory that a thread keeps for their next use.
 *
 * A reply of JSON is read into a hundred values, which are freed together, and the next reply takes as many: the C library keeps only a
 * few of each size at hand. A thread that asks for it keeps up to CS_PIECES_OF_A_SIZE, half a MiB in all; for others these are malloc and free.
 * A piece is the C library's memory: free() may end it too, and any thread may give it back.
 */
#ifndef CS_PIECES_H
#define CS_PIECES_H

#include <stddef.h>

enum { CS_PIECES_OF_A_SIZE = 256 };

void cs_pieces_keep(void);             /* from now on this thread keeps some */
void cs_pieces_drop(void);             /* frees what it keeps, and keeps no more */
void *cs_pieces_take(size_t size);     /* never NULL (alloc.h) */
void cs_pieces_give_back(void *piece); /* NULL is fine */

#endif
