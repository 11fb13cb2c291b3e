/* SPDX-License-Identifier: Apache-2.0 */
/* policy.c - what is asked next, with a clock and dice of the test's own; and what always holds, over random lives. */
#include "gateway/policy.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define UPSTREAMS 4

static const struct dgm_str places[] = {{"europe-west4", 12}, {"europe-west1", 12}, {"eu", 2}};

/* Upstreams 0 and 1 have three locations and one, 2 is a server of one's own, 3 one that sleeps. */
struct rig {
    struct gw_upstream upstreams[UPSTREAMS];
    struct gw_choice list[UPSTREAMS];
    struct gw_choices choices;
    struct gw_config config;
    struct gw_policy *policy;
    int64_t now;
};

static void rig_open(struct rig *r)
{
    *r = (struct rig){.now = 1000000};
    for (size_t i = 0; i < UPSTREAMS; i++) {
        r->upstreams[i] = (struct gw_upstream){.index = i, .kind = i < 2 ? GW_VERTEX : GW_VLLM};
        r->list[i] = (struct gw_choice){&r->upstreams[i], 1};
    }
    r->upstreams[0].locations = (struct gw_strs){places, 3};
    r->upstreams[1].locations = (struct gw_strs){places, 1};
    r->upstreams[3].cold_start_ms = 10000;
    r->config.upstreams = r->upstreams;
    r->config.upstreams_n = UPSTREAMS;
    r->config.timeouts.retry_after_ms = 2000;
    r->policy = gw_policy_new(&r->config, &dgm_alloc_libc);
    assert_non_null(r->policy);
}

static void rig_close(struct rig *r)
{
    gw_policy_free(r->policy);
}

/* A plan over `n` upstreams from `first` on. */
static struct gw_plan plan(struct rig *r, size_t first, size_t n)
{
    struct gw_plan p;
    r->choices = (struct gw_choices){.at = &r->list[first], .n = n};
    gw_plan_init(&p, &r->choices, DGM_STR("google/gemini-2.5-flash"));
    return p;
}

static enum gw_move next(struct rig *r, struct gw_plan *p, uint32_t random)
{
    int64_t ms;
    return gw_policy_next(r->policy, p, r->now, random, &ms);
}

static void assert_asks(struct rig *r, struct gw_plan *p, uint32_t random, size_t choice,
                        size_t location)
{
    assert_int_equal(next(r, p, random), GW_ASK);
    assert_int_equal(p->choice, choice);
    assert_int_equal(p->location, location);
}

static void tell(struct rig *r, struct gw_plan *p, enum gw_outcome outcome, int64_t after_ms)
{
    gw_policy_tell(r->policy, p, outcome, after_ms, r->now);
}

/* Waits for `ms` exactly. */
static void assert_waits(struct rig *r, struct gw_plan *p, int64_t ms)
{
    int64_t got;
    assert_int_equal(gw_policy_next(r->policy, p, r->now, 0, &got), GW_WAIT);
    assert_int_equal(got, ms);
    r->now += ms;
}

/* ---- one place -------------------------------------------------------------------------------------- */

static void test_a_single_place_never_rests(void **state)
{
    struct rig r;
    (void)state;
    rig_open(&r);
    for (int i = 0; i < 100; i++) {
        struct gw_plan p = plan(&r, 2, 1);
        assert_true(p.plain);
        assert_asks(&r, &p, 0, 0, 0);
        tell(&r, &p, i % 2 ? GW_UNREACHED : GW_UNAVAILABLE, -1);
        assert_int_equal(next(&r, &p, 0), GW_GIVE_UP);
    }
    rig_close(&r);
}

/* Something else of the same request: out of the same budget, of the place that was asked, eight times in all at most. */
static void test_asked_again_aside(void **state)
{
    struct rig r;
    (void)state;
    rig_open(&r);
    struct gw_plan p = plan(&r, 2, 1);
    assert_asks(&r, &p, 0, 0, 0);
    assert_false(gw_policy_again(r.policy, &p, r.now)); /* what came of it was not told yet */
    tell(&r, &p, GW_ODD, -1);
    for (int i = 1; i < GW_ATTEMPTS_MAX; i++) {
        assert_true(gw_policy_again(r.policy, &p, r.now));
        assert_true(p.choice == 0 && p.location == 0);
        tell(&r, &p, GW_ODD, -1);
    }
    assert_false(gw_policy_again(r.policy, &p, r.now));
    p.attempts =
        1; /* of ten in this second, and of those that requests have earned, three are left */
    for (int i = 0; i < 3; i++) {
        assert_true(gw_policy_again(r.policy, &p, r.now));
        tell(&r, &p, GW_WORKED, -1);
    }
    assert_false(gw_policy_again(r.policy, &p, r.now));
    r.now += 1000;
    p.begun = true;
    assert_false(gw_policy_again(r.policy, &p, r.now));
    p.begun = false;
    assert_true(gw_policy_again(r.policy, &p, r.now));
    rig_close(&r);
}

static void test_a_short_retry_after_is_waited_for(void **state)
{
    struct rig r;
    (void)state;
    rig_open(&r);
    struct gw_plan p = plan(&r, 2, 1);
    assert_asks(&r, &p, 0, 0, 0);
    tell(&r, &p, GW_LIMITED, 1500);
    assert_waits(&r, &p, 1500);
    assert_asks(&r, &p, 0, 0, 0);
    tell(&r, &p, GW_LIMITED, 1500);
    assert_int_equal(next(&r, &p, 0), GW_GIVE_UP); /* two seconds in all */
    p = plan(&r, 2, 1);
    r.now += 2000;
    assert_asks(&r, &p, 0, 0, 0);
    tell(&r, &p, GW_UNAVAILABLE, 2001);
    assert_int_equal(next(&r, &p, 0), GW_GIVE_UP);
    rig_close(&r);
}

static void test_the_emulator_is_not_waited_for(void **state)
{
    struct rig r;
    (void)state;
    rig_open(&r);
    r.upstreams[2].kind = GW_EMULATOR;
    struct gw_plan p = plan(&r, 2, 1);
    assert_asks(&r, &p, 0, 0, 0);
    tell(&r, &p, GW_LIMITED, 100);
    assert_int_equal(next(&r, &p, 0), GW_GIVE_UP);
    rig_close(&r);
}

/* ---- locations -------------------------------------------------------------------------------------- */

/* How many places rest, as it is shown. */
static int64_t resting(const struct rig *r)
{
    struct gw_counters c;
    gw_policy_count_resting(r->policy, r->now, &c);
    assert_true((c.resting != 0) == (c.rests_until_ms > r->now));
    return c.resting;
}

static void test_locations_in_their_order(void **state)
{
    struct rig r;
    (void)state;
    rig_open(&r);
    struct gw_plan p = plan(&r, 0, 1);
    assert_asks(&r, &p, 0, 0, 0);
    tell(&r, &p, GW_LIMITED, -1);
    assert_asks(&r, &p, 0, 0, 1);
    tell(&r, &p, GW_NOT_SERVED, -1);
    assert_asks(&r, &p, 0, 0, 2);
    tell(&r, &p, GW_UNREACHED, -1);
    assert_int_equal(next(&r, &p, 0), GW_GIVE_UP);
    assert_int_equal(resting(&r), 2);
    /* What does not serve one model rests for none. */
    p = plan(&r, 0, 1);
    assert_asks(&r, &p, 0, 0, 1);
    rig_close(&r);
}

static void test_what_worked_is_asked_first_for_a_minute(void **state)
{
    struct rig r;
    (void)state;
    rig_open(&r);
    struct gw_plan p = plan(&r, 0, 1);
    assert_asks(&r, &p, 0, 0, 0);
    tell(&r, &p, GW_NOT_SERVED, -1);
    assert_asks(&r, &p, 0, 0, 1);
    tell(&r, &p, GW_WORKED, -1);
    int64_t since = r.now;
    for (; r.now < since + GW_STICKY_MS; r.now += 7000) {
        p = plan(&r, 0, 1);
        assert_asks(&r, &p, 0, 0, 1);
        tell(&r, &p, GW_WORKED, -1); /* which makes it no longer */
    }
    p = plan(&r, 0, 1);
    assert_asks(&r, &p, 0, 0, 0);
    rig_close(&r);
}

static void test_a_byte_ends_it(void **state)
{
    struct rig r;
    (void)state;
    rig_open(&r);
    struct gw_plan p = plan(&r, 0, 3);
    assert_int_equal(next(&r, &p, 0), GW_ASK);
    tell(&r, &p, GW_UNREACHED, -1);
    p.begun = true;
    assert_int_equal(next(&r, &p, 0), GW_GIVE_UP);
    rig_close(&r);
}

/* ---- weights ---------------------------------------------------------------------------------------- */

static void test_weights(void **state)
{
    struct rig r;
    size_t asked[3] = {0};
    (void)state;
    rig_open(&r);
    r.list[0].weight = 3;
    r.list[2].weight = 0;
    for (uint32_t i = 0; i < 4000; i++) {
        struct gw_plan p = plan(&r, 0, 3);
        assert_int_equal(next(&r, &p, i * 2654435761u), GW_ASK);
        asked[p.choice]++;
        tell(&r, &p, GW_WORKED, -1);
    }
    assert_in_range(asked[0], 2900, 3100);
    assert_in_range(asked[1], 900, 1100);
    assert_int_equal(asked[2], 0);
    /* One without a weight is for when nothing else is left. */
    struct gw_plan p = plan(&r, 1, 2);
    assert_asks(&r, &p, 12345, 0, 0);
    tell(&r, &p, GW_UNREACHED, -1);
    assert_asks(&r, &p, 12345, 1, 0);
    rig_close(&r);
}

/* ---- rest ------------------------------------------------------------------------------------------- */

static void test_rest_grows_and_one_tries_it(void **state)
{
    static const int64_t wanted[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000};
    struct rig r;
    (void)state;
    rig_open(&r);
    r.list[2].weight = 0; /* so that the first one is asked whenever it can be */
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        struct gw_plan p = plan(&r, 1, 2), other = plan(&r, 1, 2), third = plan(&r, 1, 2);
        assert_asks(&r, &p, 0, 0, 0);
        if (i != 0) { /* it is a probe: nobody else asks meanwhile */
            assert_asks(&r, &other, 0, 1, 0);
            tell(&r, &other, GW_WORKED, -1);
        }
        tell(&r, &p, GW_UNREACHED, -1);
        r.now += wanted[i] - 1;
        assert_asks(&r, &third, 0, 1, 0);
        tell(&r, &third, GW_WORKED, -1);
        r.now++;
    }
    struct gw_plan p = plan(&r, 1, 2);
    assert_asks(&r, &p, 0, 0, 0);
    tell(&r, &p, GW_WORKED, -1);
    p = plan(&r, 1, 2);
    assert_asks(&r, &p, 0, 0, 0);
    rig_close(&r);
}

static void test_a_probe_that_leaves_makes_room(void **state)
{
    struct rig r;
    (void)state;
    rig_open(&r);
    r.list[2].weight = 0;
    struct gw_plan p = plan(&r, 1, 2), other = plan(&r, 1, 2);
    assert_asks(&r, &p, 0, 0, 0);
    tell(&r, &p, GW_UNAVAILABLE, -1);
    r.now += 1000;
    p = plan(&r, 1, 2);
    assert_asks(&r, &p, 0, 0, 0);
    tell(&r, &p, GW_LEFT, -1);
    assert_asks(&r, &other, 0, 0, 0);
    /* And one that neither fails nor answers holds nobody up for long. */
    r.now += GW_PROBE_MS;
    p = plan(&r, 1, 2);
    assert_asks(&r, &p, 0, 0, 0);
    rig_close(&r);
}

static void test_those_who_failed_together_failed_once(void **state)
{
    struct rig r;
    struct gw_plan p[20];
    (void)state;
    rig_open(&r);
    for (size_t i = 0; i < 20; i++) {
        p[i] = plan(&r, 1, 2);
        assert_asks(&r, &p[i], 0, 0, 0);
    }
    for (size_t i = 0; i < 20; i++)
        tell(&r, &p[i], GW_UNREACHED, -1);
    r.now += 1000;
    struct gw_plan next_one = plan(&r, 1, 2);
    assert_asks(&r, &next_one, 0, 0, 0);
    rig_close(&r);
}

static void test_all_rest(void **state)
{
    struct rig r;
    (void)state;
    rig_open(&r);
    struct gw_plan p = plan(&r, 1, 2);
    assert_asks(&r, &p, 0, 0, 0);
    tell(&r, &p, GW_UNREACHED, -1);
    assert_asks(&r, &p, 0, 1, 0);
    tell(&r, &p, GW_LIMITED, 30000);
    assert_int_equal(next(&r, &p, 0), GW_GIVE_UP);
    /* Who comes now waits for the first of them, if that is soon. */
    p = plan(&r, 1, 2);
    assert_waits(&r, &p, 1000);
    assert_asks(&r, &p, 0, 0, 0);
    tell(&r, &p, GW_LIMITED, 40000);
    p = plan(&r, 1, 2);
    int64_t ms;
    assert_int_equal(gw_policy_next(r.policy, &p, r.now, 0, &ms), GW_GIVE_UP);
    assert_int_equal(ms, 29000);
    rig_close(&r);
}

/* ---- the budget ------------------------------------------------------------------------------------- */

/* user-pain J3 */
static void test_retries_do_not_multiply_load(void **state)
{
    struct rig r;
    size_t first = 0, again = 0;
    (void)state;
    rig_open(&r);
    /* Two upstreams that both say 429, to come again at once: 100 requests a second for 100 seconds. */
    for (int i = 0; i < 10000; i++, r.now += 10) {
        struct gw_plan p = plan(&r, 1, 2);
        for (int64_t until = r.now + 1000; r.now < until;) {
            int64_t ms;
            enum gw_move move = gw_policy_next(r.policy, &p, r.now, (uint32_t)i, &ms);
            if (move != GW_ASK)
                break;
            *(p.tries == 1 ? &first : &again) += 1;
            tell(&r, &p, GW_LIMITED, 0);
        }
    }
    assert_int_equal(first, 10000);
    assert_in_range(again, 1000, 10000 / 5 + 2 * (100 * 10 + 10) + 1);
    rig_close(&r);
}

/* What a long good time earned is not spent in a moment, however many places a row has. */
static void test_savings_are_bounded(void **state)
{
    struct rig r;
    (void)state;
    rig_open(&r);
    for (size_t first = 0; first < 3; first += 2) {
        size_t again = 0;
        for (int i = 0; i < 10000; i++) {
            struct gw_plan p = plan(&r, first, 1);
            assert_asks(&r, &p, 0, 0, 0);
            tell(&r, &p, i < 9000 ? GW_WORKED : GW_ODD, -1);
            again += i >= 9000 && next(&r, &p, 0) == GW_ASK;
            tell(&r, &p, GW_LEFT, -1);
        }
        assert_in_range(again, 110, 110 + 1000 / 5); /* those earn too */
    }
    rig_close(&r);
}

/* ---- cold start ------------------------------------------------------------------------------------- */

#define SLEEPERS 100 /* more than any budget has */

static void test_one_wakes_it_and_the_others_wait(void **state)
{
    struct rig r;
    struct gw_plan p[SLEEPERS];
    size_t asking = 0, asked = 0, done = 0;
    (void)state;
    rig_open(&r);
    for (size_t i = 0; i < SLEEPERS; i++)
        p[i] = plan(&r, 3, 1);
    assert_asks(&r, &p[0], 0, 0, 0);
    tell(&r, &p[0], GW_UNREACHED, -1);
    int64_t ready = r.now + 6000, due[SLEEPERS];
    for (size_t i = 0; i < SLEEPERS; i++)
        due[i] = r.now;
    while (done < SLEEPERS) {
        for (size_t i = 0; i < SLEEPERS; i++) {
            int64_t ms;
            if (p[i].begun || due[i] > r.now)
                continue;
            enum gw_move move = gw_policy_next(r.policy, &p[i], r.now, 0, &ms);
            assert_int_not_equal(move, GW_GIVE_UP);
            due[i] = r.now + ms;
            if (move == GW_WAIT)
                continue;
            asking++;
            asked += r.now < ready;
            assert_true(r.now >= ready || asking == 1);
            tell(&r, &p[i], r.now < ready ? GW_UNAVAILABLE : GW_WORKED, -1);
            asking--;
            p[i].begun = r.now >= ready;
            done += p[i].begun;
            due[i] = r.now;
        }
        r.now += 10;
    }
    assert_in_range(asked, 3, 8);
    assert_true(r.now < ready + 5000);
    rig_close(&r);
}

static void test_it_is_not_waited_for_longer_than_max_wait(void **state)
{
    struct rig r;
    int64_t ms, began;
    (void)state;
    rig_open(&r);
    began = r.now;
    struct gw_plan p = plan(&r, 3, 1);
    for (;;) {
        enum gw_move move = gw_policy_next(r.policy, &p, r.now, 0, &ms);
        if (move == GW_GIVE_UP)
            break;
        if (move == GW_ASK)
            tell(&r, &p, GW_UNREACHED, -1);
        else
            r.now += ms;
    }
    assert_true(p.cold);
    assert_in_range(r.now - began, 9000, 10000);
    rig_close(&r);
}

/* ---- whatever happens ------------------------------------------------------------------------------- */

static uint32_t roll(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

#define LIVES 20

/* Requests come, fail, wait, leave and succeed at random; what policy.h promises is looked at at every step. */
static void live(uint32_t seed)
{
    struct rig r;
    struct gw_plan p[LIVES];
    int64_t due[LIVES];
    int64_t probe_since[UPSTREAMS][3];
    size_t retries[UPSTREAMS] = {0}, firsts[UPSTREAMS] = {0};
    uint32_t dice = seed;
    rig_open(&r);
    int64_t began = r.now;
    size_t n = 1 + roll(&dice) % UPSTREAMS, first = roll(&dice) % (UPSTREAMS - n + 1);
    for (size_t i = 0; i < LIVES; i++) {
        p[i] = plan(&r, first, n);
        due[i] = r.now;
    }
    memset(probe_since, 0, sizeof probe_since);
    for (int step = 0; step < 400; step++) {
        size_t i = roll(&dice) % LIVES;
        r.now += roll(&dice) % 4 == 0 ? roll(&dice) % 700 : 0;
        if (p[i].asked) {
            enum gw_outcome outcome = (enum gw_outcome)(roll(&dice) % (GW_LEFT + 1));
            size_t u = first + p[i].choice, l = p[i].location;
            if (p[i].probing)
                probe_since[u][l] = 0;
            tell(&r, &p[i], outcome, roll(&dice) % 3 == 0 ? (int64_t)(roll(&dice) % 5000) : -1);
            p[i].begun = outcome == GW_WORKED;
            if (outcome == GW_LEFT || outcome == GW_ODD || roll(&dice) % 8 == 0)
                p[i] = plan(&r, first, n);
            continue;
        }
        if (due[i] > r.now)
            continue;
        bool begun = p[i].begun, again = p[i].tries != 0;
        unsigned attempts = p[i].attempts;
        int64_t ms, held = p[i].held_ms;
        enum gw_move move = gw_policy_next(r.policy, &p[i], r.now, roll(&dice), &ms);
        assert_true(!begun || move == GW_GIVE_UP);
        if (move == GW_WAIT) {
            assert_true(ms > 0 && p[i].held_ms >= 0 && (held < 0 || held == p[i].held_ms));
            assert_true(r.now + ms <= p[i].held_ms + 10000);
            due[i] = r.now + ms;
        } else if (move == GW_GIVE_UP) {
            p[i] = plan(&r, first, n);
        } else {
            size_t u = first + p[i].choice, l = p[i].location;
            assert_true(p[i].choice < n && (l == 0 || l < r.upstreams[u].locations.n));
            assert_true(p[i].attempts <= GW_ATTEMPTS_MAX);
            if (p[i].probing) {
                assert_true(probe_since[u][l] == 0 || r.now >= probe_since[u][l] + GW_PROBE_MS);
                probe_since[u][l] = r.now;
            }
            firsts[u] += !again;
            retries[u] += again && p[i].attempts != attempts;
        }
    }
    for (size_t u = 0; u < UPSTREAMS; u++)
        assert_true((int64_t)retries[u] <=
                    (int64_t)firsts[u] / 5 + 1 + 10 + (r.now - began) / 100 + 1);
    rig_close(&r);
}

static void test_whatever_happens(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 5000; seed++)
        live(seed * 2654435761u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_single_place_never_rests),
        cmocka_unit_test(test_asked_again_aside),
        cmocka_unit_test(test_a_short_retry_after_is_waited_for),
        cmocka_unit_test(test_the_emulator_is_not_waited_for),
        cmocka_unit_test(test_locations_in_their_order),
        cmocka_unit_test(test_what_worked_is_asked_first_for_a_minute),
        cmocka_unit_test(test_a_byte_ends_it),
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_rest_grows_and_one_tries_it),
        cmocka_unit_test(test_a_probe_that_leaves_makes_room),
        cmocka_unit_test(test_those_who_failed_together_failed_once),
        cmocka_unit_test(test_all_rest),
        cmocka_unit_test(test_retries_do_not_multiply_load),
        cmocka_unit_test(test_savings_are_bounded),
        cmocka_unit_test(test_one_wakes_it_and_the_others_wait),
        cmocka_unit_test(test_it_is_not_waited_for_longer_than_max_wait),
        cmocka_unit_test(test_whatever_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
