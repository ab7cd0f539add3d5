/* A worker whose trials want pictures: how many it asks for at once, and how far ahead. */
#include "tests/unit/worker_bench.h"

static void a_picture_comes(struct bench *b, uint8_t position)
{
    uint8_t bytes[8] = {0};
    struct cs_message m = {.kind = CS_SPEC, .spec = {.digest = {3, position}, .bytes = bytes, .len = 8}};
    memset(m.spec.digest + 2, 2, 30);
    bench_say(b, &m);
}

/* Trials that want a picture each: 32 of 100 KiB are asked for at once, not each when the one before has come. */
static void pictures_of_the_trials_to_come_are_asked_for_together(void **state)
{
    (void)state;
    struct bench b;
    bench_ready(&b, 32);
    b.source.picture_bytes = 100 * 1024;
    bench_assign(&b, 0, 0, 50, 32);
    assert_int_equal(b.started, 0);
    assert_int_equal(b.sent[CS_SPEC_GET], 32);
    for (uint8_t i = 0; i < 32; i++) { /* in the order in which they are wanted */
        a_picture_comes(&b, i);
        assert_int_equal(b.total_started, i + 1u);
        assert_int_equal(b.sent[CS_SPEC_GET], 0);
    }
    bench_done(&b);
}

/* Of large ones never more than 4 MiB are on their way, and never much less. */
static void pictures_on_their_way_are_bounded_by_their_bytes(void **state)
{
    (void)state;
    enum { BYTES = 1000 * 1024, MOST = 5, N = 40 };
    struct bench b;
    bench_ready(&b, N);
    b.source.picture_bytes = BYTES;
    bench_assign(&b, 0, 0, 50, N);
    uint32_t asked = b.sent[CS_SPEC_GET];
    assert_int_equal(asked, MOST);
    for (uint32_t come = 0; come < N; come++) {
        a_picture_comes(&b, (uint8_t)come);
        asked += b.sent[CS_SPEC_GET];
        assert_in_range(asked - (come + 1), come + 1 + 2 < N ? 2 : 0, MOST);
    }
    assert_int_equal(asked, N);
    assert_int_equal(b.total_started, N);
    a_picture_comes(&b, 0); /* once more: nobody waits for it */
    bench_done(&b);
}

/* What was lost on the way is asked for again, and counts no more meanwhile. */
static void a_lost_picture_does_not_narrow_the_way(void **state)
{
    (void)state;
    struct bench b;
    bench_ready(&b, 8);
    b.source.picture_bytes = 1000 * 1024;
    bench_assign(&b, 0, 0, 50, 8);
    assert_int_equal(b.sent[CS_SPEC_GET], 5);
    uint32_t again = 0;
    for (uint64_t end = b.now + CS_SPEC_AGAIN_MS; b.now < end && again == 0;) {
        bench_wait(&b, 500);
        again = b.sent[CS_SPEC_GET];
        bench_pong(&b, b.now);
    }
    assert_int_equal(again, 5);
    bench_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_of_the_trials_to_come_are_asked_for_together),
        cmocka_unit_test(pictures_on_their_way_are_bounded_by_their_bytes),
        cmocka_unit_test(a_lost_picture_does_not_narrow_the_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
