/* Pieces that a thread keeps: what was given back comes again; the rest is the C library's. */
#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/base/json.h"
#include "protocol/base/pieces.h"

/* A piece that comes again has room for what is asked of it, and is nobody else's. */
static void what_comes_again_is_large_enough(void **state)
{
    enum { LARGEST = 400, TIMES = 4 };
    static unsigned char *held[LARGEST * TIMES];
    (void)state;
    cs_pieces_keep();
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < LARGEST * TIMES; i++) {
            const size_t size = (i * 7 + (size_t)round * 3) % LARGEST;
            held[i] = cs_pieces_take(size);
            assert_true(malloc_usable_size(held[i]) >= size);
            memset(held[i], (int)(i % 251), size);
        }
        for (size_t i = 0; i < LARGEST * TIMES; i++) {
            const size_t size = (i * 7 + (size_t)round * 3) % LARGEST;
            for (size_t k = 0; k < size; k++)
                assert_int_equal(held[i][k], i % 251);
            cs_pieces_give_back(held[i]);
        }
    }
    cs_pieces_give_back(NULL);
    cs_pieces_drop();
}

#ifndef __SANITIZE_ADDRESS__ /* under ASan nothing is kept */
static bool keeps(void)
{
    cs_pieces_keep();
    void *first = cs_pieces_take(40), *again;
    cs_pieces_give_back(first);
    again = cs_pieces_take(40);
    const bool same = again == first;
    cs_pieces_give_back(again);
    cs_pieces_drop();
    return same;
}

/* What is kept is bounded, however much is given back. */
static void no_more_than_so_many_are_kept(void **state)
{
    enum { MANY = 20 * CS_PIECES_OF_A_SIZE };
    static void *held[MANY];
    uint32_t again = 0;
    (void)state;
    assert_true(keeps());
    cs_pieces_keep();
    for (int i = 0; i < MANY; i++)
        held[i] = cs_pieces_take(100);
    for (int i = 0; i < MANY; i++)
        cs_pieces_give_back(held[i]);
    const struct mallinfo2 before = mallinfo2();
    for (int i = 0; i < MANY; i++)
        held[i] = cs_pieces_take(100);
    again = (uint32_t)((mallinfo2().uordblks - before.uordblks) / 112); /* what had to be got anew */
    assert_in_range(again, MANY - CS_PIECES_OF_A_SIZE - 16, MANY - CS_PIECES_OF_A_SIZE + 16);
    for (int i = 0; i < MANY; i++)
        free(held[i]); /* a piece is the C library's memory */
    cs_pieces_drop();
}
#endif

static void *give_back(void *piece)
{
    cs_pieces_give_back(piece);
    return NULL;
}

/* A value may end in another thread, and a text of jansson's be freed as its manual says. */
static void any_thread_may_end_them(void **state)
{
    pthread_t other;
    (void)state;
    cs_pieces_keep();
    assert_int_equal(pthread_create(&other, NULL, give_back, cs_pieces_take(64)), 0);
    assert_int_equal(pthread_join(other, NULL), 0);
    struct cs_json *v = cs_json_loads("{\"a\":[1,2.5,\"text\",null],\"b\":{}}", 0, NULL);
    char *text = cs_json_dumps(v, CS_JSON_COMPACT);
    assert_string_equal(text, "{\"a\":[1,2.5,\"text\",null],\"b\":{}}");
    free(text);
    cs_json_decref(v);
    cs_pieces_drop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_again_is_large_enough),
#ifndef __SANITIZE_ADDRESS__
        cmocka_unit_test(no_more_than_so_many_are_kept),
#endif
        cmocka_unit_test(any_thread_may_end_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
