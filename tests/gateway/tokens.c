/* SPDX-License-Identifier: Apache-2.0 */
/* tokens.c - a worker's tokens: who waits, who is woken, and what the keeper is told. */
#define gw_keeper_tell fake_tell /* what leaves for the keeper is looked at here */
#include "../../src/gateway/tokens.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define IN_AN_HOUR_MS 3600000
#define ASKS 3

/** One that looks for the token, and looks again when it is woken. */
struct ask {
    struct gw_token_wait wait;
    unsigned looks;
    enum gw_token_state state;
    struct ask *sends_away; /* when it is woken */
};

/** A worker with one upstream whose credentials are fetched. */
struct rig {
    struct gw_upstream upstream;
    struct gw_config config;
    struct gw_worker worker;
    struct gw_token_said said; /* what the last look gave */
    struct ask asks[ASKS];
    unsigned wants, bads; /* that were told to the keeper */
    bool is_full;         /* nothing more can be told */
};

static struct rig rig;

bool fake_tell(struct gw_keeper_link *l, enum gw_message kind, struct dgm_str payload)
{
    (void)l, (void)payload;
    if (rig.is_full)
        return false;
    rig.wants += kind == GW_MSG_TOKEN_WANT;
    rig.bads += kind == GW_MSG_TOKEN_BAD;
    return true;
}

static void look(void *owner)
{
    struct ask *a = owner;
    a->looks++;
    assert_in_range(a->looks, 1, 10); /* or it is woken for ever */
    a->state = gw_tokens_look(&rig.worker, &rig.upstream, &rig.said, &a->wait, look, a);
    if (a->looks > 1 && a->sends_away != NULL)
        gw_token_leave(&a->sends_away->wait);
}

static void open_rig(void)
{
    rig = (struct rig){.upstream = {.kind = GW_VERTEX, .credentials = {.kind = GW_CREDENTIALS_ADC}},
                       .config = {.upstreams = &rig.upstream, .upstreams_n = 1}};
    rig.worker = (struct gw_worker){.config = &rig.config, .alloc = dgm_alloc_libc};
    rig.worker.loop = net_loop_new(&rig.worker.alloc);
    rig.worker.tokens = gw_tokens_new(&rig.worker);
    assert_true(rig.worker.loop != NULL && rig.worker.tokens != NULL);
}

static void close_rig(void)
{
    for (size_t i = 0; i < ASKS; i++)
        gw_token_leave(&rig.asks[i].wait);
    gw_tokens_free(rig.worker.tokens);
    assert_true(net_loop_free(rig.worker.loop));
}

/* The keeper's word. */
static void hear(uint64_t generation, int64_t in_ms, const char *trouble)
{
    char room[512];
    struct dgm_buf payload = {.p = room, .cap = sizeof room, .max = sizeof room};
    const struct gw_token_said said = {.generation = generation,
                                       .ends_ms = net_loop_wall_ms(rig.worker.loop) + in_ms,
                                       .token = DGM_STR("ya29.a"),
                                       .quota_project = DGM_STR(""),
                                       .universe = DGM_STR(""),
                                       .project = DGM_STR(""),
                                       .trouble = dgm_str_c(trouble)};
    gw_token_said_put(&said, &payload);
    assert_int_equal(payload.rc, DGM_OK);
    gw_tokens_hear(rig.worker.tokens, &(struct gw_frame){GW_MSG_TOKEN, 0, dgm_buf_str(&payload)});
}

/* Woken once, each waits again: not in the round that woke it. */
static void test_what_is_no_help_wakes_each_once(void **state)
{
    (void)state;
    open_rig();
    gw_tokens_begin(rig.worker.tokens);
    for (size_t i = 0; i < ASKS; i++)
        look(&rig.asks[i]);
    hear(1, -1, ""); /* it has ended already */
    for (size_t i = 0; i < ASKS; i++)
        assert_true(rig.asks[i].looks == 2 && rig.asks[i].state == GW_TOKEN_WAIT);
    hear(2, IN_AN_HOUR_MS, "");
    for (size_t i = 0; i < ASKS; i++)
        assert_true(rig.asks[i].looks == 3 && rig.asks[i].state == GW_TOKEN_READY);
    close_rig();
}

/* A link that ended while the keeper lives: the want is told again, and the keeper repeats what was refused. */
static void test_a_refused_token_that_is_told_again(void **state)
{
    (void)state;
    open_rig();
    gw_tokens_begin(rig.worker.tokens);
    hear(1, IN_AN_HOUR_MS, "");
    gw_tokens_refused(&rig.worker, &rig.upstream, 1);
    look(&rig.asks[0]);
    assert_int_equal(rig.asks[0].state, GW_TOKEN_WAIT);
    assert_int_equal(rig.bads, 1);
    gw_tokens_hear(rig.worker.tokens, NULL);
    assert_int_equal(rig.wants, 2);
    hear(1, IN_AN_HOUR_MS, "");
    assert_int_equal(rig.asks[0].state, GW_TOKEN_WAIT);
    assert_int_equal(rig.bads, 2); /* the first may have gone with the link */
    hear(1, IN_AN_HOUR_MS, "");
    assert_int_equal(rig.bads, 2);
    hear(2, IN_AN_HOUR_MS, "");
    assert_int_equal(rig.asks[0].state, GW_TOKEN_READY);
    close_rig();
}

/* Whoever is woken may end others: these hear nothing any more. */
static void test_one_that_is_woken_sends_another_away(void **state)
{
    (void)state;
    for (size_t sent = 0; sent < ASKS; sent++)
        for (size_t sends = 0; sends < ASKS; sends++) {
            open_rig();
            for (size_t i = 0; i < ASKS; i++)
                look(&rig.asks[i]);
            rig.asks[sends].sends_away = &rig.asks[sent];
            hear(1, -1, "");
            for (size_t i = 0; i < ASKS; i++)
                assert_in_range(rig.asks[i].looks, i == sent ? 1 : 2, 2);
            assert_null(rig.asks[sent].looks == 1 ? rig.asks[sent].wait.slot : NULL);
            close_rig();
        }
}

/* What waits for a keeper that is away may fill all there is: the want is told when there is room. */
static void test_a_want_that_found_no_room_is_told_later(void **state)
{
    (void)state;
    open_rig();
    rig.is_full = true;
    gw_tokens_begin(rig.worker.tokens);
    look(&rig.asks[0]);
    assert_int_equal(rig.wants, 0);
    rig.is_full = false;
    look(&rig.asks[1]);
    look(&rig.asks[2]);
    assert_int_equal(rig.wants, 1);
    hear(1, IN_AN_HOUR_MS, "");
    assert_int_equal(rig.asks[0].state, GW_TOKEN_READY);

    rig.is_full = true; /* the same while there is a good one: nobody is to wait for the next */
    gw_tokens_hear(rig.worker.tokens, NULL);
    rig.is_full = false;
    look(&rig.asks[0]);
    assert_int_equal(rig.wants, 2);

    rig.is_full = true; /* and of a token that was refused */
    gw_tokens_refused(&rig.worker, &rig.upstream, 1);
    assert_int_equal(rig.bads, 0);
    rig.is_full = false;
    look(&rig.asks[0]);
    look(&rig.asks[1]);
    assert_int_equal(rig.bads, 1);
    close_rig();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_no_help_wakes_each_once),
        cmocka_unit_test(test_a_refused_token_that_is_told_again),
        cmocka_unit_test(test_one_that_is_woken_sends_another_away),
        cmocka_unit_test(test_a_want_that_found_no_room_is_told_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
