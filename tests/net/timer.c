/* SPDX-License-Identifier: Apache-2.0 */
/* timer.c - the heap of deadlines against a plain array of them. */
#include "net/timer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define TIMERS 200
#define STEPS 20000

struct subject {
    struct net_timers *timers;
    struct net_timer timer;
    int64_t due_ms; /* the reference: -1 when it is off */
    int64_t *now_ms;
    unsigned fired;
    struct subject *stops; /* on firing, stops this one; or itself starts again */
    int64_t again_ms;      /* -1: no */
};

static void on_fire(void *owner)
{
    struct subject *s = owner;
    assert_false(net_timer_is_on(&s->timer));
    assert_true(s->due_ms >= 0 && s->due_ms <= *s->now_ms);
    s->due_ms = -1;
    s->fired++;
    if (s->stops != NULL) {
        net_timer_stop(&s->stops->timer);
        s->stops->due_ms = -1;
    }
    if (s->again_ms >= 0) {
        s->due_ms = *s->now_ms + s->again_ms;
        net_timers_set(s->timers, &s->timer, s->due_ms);
    }
}

static unsigned seed;
static unsigned next_random(void)
{
    seed = seed * 1664525u + 1013904223u;
    return seed >> 8;
}

static void check_all(const struct subject *s, size_t n, const struct net_timers *ts)
{
    int64_t first = INT64_MAX;
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(net_timer_is_on(&s[i].timer), s[i].due_ms >= 0);
        if (s[i].due_ms >= 0 && s[i].due_ms < first)
            first = s[i].due_ms;
    }
    assert_true(net_timers_next(ts) <= first); /* early is allowed, late is not */
    assert_int_equal(net_timers_next(ts) == INT64_MAX, first == INT64_MAX);
}

static void test_like_an_array(void **state)
{
    (void)state;
    static struct subject s[TIMERS];
    struct net_timers ts = {0};
    int64_t now = 0;
    seed = 1;
    for (size_t i = 0; i < TIMERS; i++) {
        s[i] = (struct subject){.timers = &ts, .due_ms = -1, .now_ms = &now, .again_ms = -1};
        net_timer_init(&s[i].timer, on_fire, &s[i]);
    }
    for (unsigned step = 0; step < STEPS; step++) {
        struct subject *one = &s[next_random() % TIMERS];
        switch (next_random() % 8) {
        case 0:
            net_timer_stop(&one->timer);
            one->due_ms = -1;
            break;
        case 1:
            one->stops = next_random() % 4 == 0 ? &s[next_random() % TIMERS] : NULL;
            one->again_ms = next_random() % 4 == 0 ? (int64_t)(next_random() % 50) : -1;
            break;
        case 2:
            now += (int64_t)(next_random() % 100);
            net_timers_run(&ts, now);
            /* All that was due has fired, but for what callbacks started with no delay. */
            for (size_t i = 0; i < TIMERS; i++)
                assert_true(s[i].due_ms < 0 || s[i].due_ms >= now);
            break;
        default:
            one->due_ms = now + (int64_t)(next_random() % 300);
            net_timers_set(&ts, &one->timer, one->due_ms);
            break;
        }
        if (step % 16 == 0)
            check_all(s, TIMERS, &ts);
    }
    unsigned fired = 0;
    for (size_t i = 0; i < TIMERS; i++)
        fired += s[i].fired;
    assert_true(fired > 1000);
}

static void test_no_delay_waits_for_the_next_run(void **state)
{
    (void)state;
    struct net_timers ts = {0};
    int64_t now = 5;
    struct subject s = {.timers = &ts, .due_ms = 5, .now_ms = &now, .again_ms = 0};
    net_timer_init(&s.timer, on_fire, &s);
    net_timers_set(&ts, &s.timer, 5);
    net_timers_run(&ts, now);
    assert_int_equal(s.fired, 1);
    net_timers_run(&ts, now);
    assert_int_equal(s.fired, 2);
    net_timer_stop(&s.timer);
    net_timer_stop(&s.timer);
    assert_true(net_timers_next(&ts) == INT64_MAX);
}

static void test_later_costs_no_move(void **state)
{
    (void)state;
    struct net_timers ts = {0};
    int64_t now = 10;
    struct subject s = {.timers = &ts, .due_ms = 100, .now_ms = &now, .again_ms = -1};
    net_timer_init(&s.timer, on_fire, &s);
    net_timers_set(&ts, &s.timer, 10);
    net_timers_set(&ts, &s.timer, 100);
    assert_true(net_timers_next(&ts) == 10);
    net_timers_run(&ts, now);
    assert_int_equal(s.fired, 0);
    assert_true(net_timers_next(&ts) == 100);
    now = 100;
    net_timers_run(&ts, now);
    assert_int_equal(s.fired, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_like_an_array),
        cmocka_unit_test(test_no_delay_waits_for_the_next_run),
        cmocka_unit_test(test_later_costs_no_move),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
