/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names.c - names kept, asked for once, and served from memory while the resolver fails; addresses in order, and
 * raced. The resolver is the test's own.
 */
#include "net/names.h"

#include "net/connect.h"
#include "support/alloc_fail.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define ASKERS 5
#define GIVE_UP_MS 10000
#define QUEUED 4 /* connections that fill a queue of none */

struct rig {
    struct alloc_fail memory;
    struct net_loop *loop;
    struct net_resolver resolver;
    struct net_query *query; /* the last one that was not answered */
    struct net_timer give_up, answer_timer;
    struct net_addresses answer;
    int error;         /* answered instead */
    int64_t answer_ms; /* after so long; -1: never */
    int refuses;       /* a lookup can not even begin */
    unsigned lookups, found, failed, wanted;
    int last_error;
    struct net_addresses last;
    int fd;
    int64_t began_ms, ended_ms;
};

static void on_answer(void *owner)
{
    struct rig *r = owner;
    struct net_query *q = r->query;
    r->query = NULL;
    net_query_answer(q, &r->answer, r->error);
}

static int look_up(void *ctx, struct net_query *q, const char *host)
{
    struct rig *r = ctx;
    assert_true(host[0] != '\0');
    r->lookups++;
    if (r->refuses != 0)
        return r->refuses;
    assert_null(r->query);
    r->query = q;
    if (r->answer_ms >= 0)
        net_timer_start(r->loop, &r->answer_timer, r->answer_ms);
    return 0;
}

static void on_give_up(void *owner)
{
    (void)owner;
    fail_msg("nothing happened for too long");
}

static void add(struct net_addresses *to, const char *text)
{
    union net_address a = {.v4 = {.sin_family = AF_INET}};
    if (inet_pton(AF_INET, text, &a.v4.sin_addr) != 1) {
        a = (union net_address){.v6 = {.sin6_family = AF_INET6}};
        assert_int_equal(inet_pton(AF_INET6, text, &a.v6.sin6_addr), 1);
    }
    net_addresses_add(to, &a.any);
}

static void rig_open(struct rig *r)
{
    *r = (struct rig){.fd = -1};
    alloc_fail_init(&r->memory, 0);
    r->loop = net_loop_new(&r->memory.alloc);
    assert_non_null(r->loop);
    r->resolver = (struct net_resolver){look_up, r, NET_NAME_KEEP_MS, NET_NAME_PATIENCE_MS};
    net_names_use(r->loop, &r->resolver);
    add(&r->answer, "127.0.0.1");
    net_timer_init(&r->answer_timer, on_answer, r);
    net_timer_init(&r->give_up, on_give_up, r);
    net_timer_start(r->loop, &r->give_up, GIVE_UP_MS);
}

static void rig_close(struct rig *r)
{
    net_timer_stop(&r->give_up);
    net_timer_stop(&r->answer_timer);
    if (r->query != NULL) /* the loop waits for nobody: an answer may come after all */
        net_query_answer(r->query, &(struct net_addresses){.n = 0}, -1);
    if (r->fd >= 0)
        close(r->fd);
    net_loop_free(r->loop);
    alloc_fail_done(&r->memory, "names");
}

static void on_found(void *owner, const struct net_addresses *found, int error)
{
    struct rig *r = owner;
    assert_true((error == 0) == (found->n != 0));
    r->found += error == 0;
    r->failed += error != 0;
    r->last_error = error;
    r->last = *found;
    if (r->found + r->failed == r->wanted)
        net_loop_stop(r->loop);
}

static struct net_lookup lookups[NET_NAMES_MAX + 8];

/* Asks; DGM_OK counts as found at once. */
static enum dgm_rc ask(struct rig *r, struct net_lookup *w, const char *host)
{
    *w = (struct net_lookup){.on_found = on_found, .owner = r};
    return net_lookup_start(r->loop, w, host, &r->last);
}

static void run(struct rig *r, unsigned wanted)
{
    r->wanted = r->found + r->failed + wanted;
    net_loop_run(r->loop);
}

/* ---- order ------------------------------------------------------------------------------------------ */

static void test_families_take_turns(void **state)
{
    (void)state;
    static const struct {
        const char *given, *want; /* a letter an address: 4 or 6, each with its number */
    } cases[] = {
        {"", ""},
        {"4a", "4a"},
        {"6a6b4c4d", "6a4c6b4d"},
        {"4a4b6c", "4a6c4b"},
        {"4a4b4c", "4a4b4c"},
        {"6a4b4c4d", "6a4b4c4d"},
        {"4a6b6c6d", "4a6b6c6d"},
        {"6a6b6c4d4e6f", "6a4d6b4e6c6f"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct net_addresses all = {.n = 0};
        for (const char *at = cases[i].given; *at != '\0'; at += 2) {
            char text[32];
            (void)snprintf(text, sizeof text, at[0] == '4' ? "10.0.0.%d" : "fd00::%x", at[1]);
            add(&all, text);
        }
        net_addresses_interleave(&all);
        assert_int_equal(all.n * 2, strlen(cases[i].want));
        for (size_t j = 0; j < all.n; j++) {
            bool v4 = all.at[j].any.sa_family == AF_INET;
            unsigned last = v4 ? ntohl(all.at[j].v4.sin_addr.s_addr) & 0xff
                               : all.at[j].v6.sin6_addr.s6_addr[15];
            assert_int_equal(v4 ? '4' : '6', cases[i].want[2 * j]);
            assert_int_equal(last, cases[i].want[2 * j + 1]);
        }
    }
}

/* ---- what is kept ----------------------------------------------------------------------------------- */

static void test_asked_for_once(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r);
    for (int i = 0; i < ASKERS; i++)
        assert_int_equal(ask(&r, &lookups[i], "a.example"), DGM_MORE);
    net_lookup_cancel(&lookups[1]);
    net_lookup_cancel(&lookups[1]);
    run(&r, ASKERS - 1);
    assert_int_equal(r.found, ASKERS - 1);
    assert_int_equal(ask(&r, &lookups[0], "a.example"), DGM_OK); /* kept */
    assert_int_equal(r.last.n, 1);
    assert_int_equal(r.lookups, 1);
    assert_int_equal(ask(&r, &lookups[0], "b.example"), DGM_MORE);
    run(&r, 1);
    assert_int_equal(r.lookups, 2);
    rig_close(&r);
}

static void test_an_old_answer_is_asked_for_anew(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r);
    r.resolver.keep_ms = 0;
    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(ask(&r, &lookups[0], "a.example"), DGM_MORE);
        add(&r.answer, "127.0.0.2");
        run(&r, 1);
        assert_int_equal(r.lookups, i);
        assert_int_equal(r.last.n, i + 1); /* the new one */
    }
    rig_close(&r);
}

static void test_the_last_good_answer_serves_on(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r);
    r.resolver.keep_ms = 0;
    assert_int_equal(ask(&r, &lookups[0], "a.example"), DGM_MORE);
    run(&r, 1);
    r.error = -3001;
    r.answer.n = 0;
    assert_int_equal(ask(&r, &lookups[0], "a.example"), DGM_MORE);
    run(&r, 1);
    assert_int_equal(r.found, 2);
    assert_int_equal(r.last.n, 1);
    assert_int_equal(ask(&r, &lookups[0], "a.example"),
                     DGM_OK); /* and is not asked for at once again */
    assert_int_equal(r.lookups, 2);

    net_names_doubt(r.loop, "a.example"); /* but when nobody was there, it is */
    net_names_doubt(r.loop, "unknown.example");
    r.refuses = -12;
    assert_int_equal(ask(&r, &lookups[0], "a.example"), DGM_OK);
    assert_int_equal(r.lookups, 3);
    rig_close(&r);
}

static void test_a_resolver_that_hangs(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r);
    r.resolver.keep_ms = 0;
    r.resolver.patience_ms = 20;
    assert_int_equal(ask(&r, &lookups[0], "a.example"), DGM_MORE);
    run(&r, 1);
    r.answer_ms = -1;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ask(&r, &lookups[0], "a.example"), DGM_MORE);
        run(&r, 1);
        assert_int_equal(r.last.n, 1);
    }
    assert_int_equal(r.lookups, 2); /* the one that hangs is joined */
    rig_close(&r);
}

static void test_failures_are_told_to_all(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r);
    r.error = -3008;
    r.answer.n = 0;
    for (int i = 0; i < ASKERS; i++)
        assert_int_equal(ask(&r, &lookups[i], "none.example"), DGM_MORE);
    run(&r, ASKERS);
    assert_int_equal(r.failed, ASKERS);
    assert_int_equal(r.last_error, -3008);
    r.refuses = -12; /* told in the loop's next turn */
    assert_int_equal(ask(&r, &lookups[0], "none.example"), DGM_MORE);
    assert_int_equal(r.failed, ASKERS);
    run(&r, 1);
    assert_int_equal(r.last_error, -12);
    r.refuses = 0;
    r.error = 0; /* an answer without an address is none */
    assert_int_equal(ask(&r, &lookups[0], "none.example"), DGM_MORE);
    run(&r, 1);
    assert_int_equal(r.failed, ASKERS + 2);
    rig_close(&r);
}

static void test_no_more_names_than_the_bound(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r);
    char host[32];
    for (int i = 0; i < NET_NAMES_MAX + 5; i++) {
        (void)snprintf(host, sizeof host, "h%d.example", i);
        assert_int_equal(ask(&r, &lookups[0], host), DGM_MORE);
        run(&r, 1);
    }
    assert_int_equal(ask(&r, &lookups[0], host), DGM_OK);
    assert_int_equal(ask(&r, &lookups[0], "h0.example"), DGM_MORE); /* it had made room */
    run(&r, 1);
    rig_close(&r);
}

/* ---- the race --------------------------------------------------------------------------------------- */

static void on_connected(void *owner, int fd)
{
    struct rig *r = owner;
    r->fd = fd;
    r->ended_ms = net_loop_now_ms(r->loop);
    net_loop_stop(r->loop);
}

static void on_failed(void *owner, enum net_phase phase, struct dgm_str why)
{
    struct rig *r = owner;
    assert_int_equal(phase, NET_PHASE_CONNECT);
    assert_true(why.n != 0);
    r->failed++;
    r->ended_ms = net_loop_now_ms(r->loop);
    net_loop_stop(r->loop);
}

static const struct net_connect_events connect_events = {on_connected, on_failed};

static int listen_at(const char *address, uint16_t *port, int backlog)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(*port)};
    socklen_t n = sizeof addr;
    assert_int_equal(inet_pton(AF_INET, address, &addr.sin_addr), 1);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, n), 0);
    assert_int_equal(listen(fd, backlog), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &n), 0);
    *port = ntohs(addr.sin_port);
    return fd;
}

/* An address that neither accepts nor refuses. */
static int black_hole(const char *address, uint16_t *port, int queued[QUEUED])
{
    int fd = listen_at(address, port, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(*port)};
    inet_pton(AF_INET, address, &to.sin_addr);
    for (int i = 0; i < QUEUED; i++) {
        queued[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(queued[i], (struct sockaddr *)&to, sizeof to);
    }
    return fd;
}

static void race(struct rig *r, uint16_t port, int64_t timeout_ms)
{
    r->began_ms = net_loop_now_ms(r->loop);
    assert_non_null(
        net_connect_new(r->loop, DGM_STR("race.example"), port, timeout_ms, &connect_events, r));
    net_loop_run(r->loop);
}

static const char *winner(const struct rig *r)
{
    static char text[INET_ADDRSTRLEN];
    struct sockaddr_in addr;
    socklen_t n = sizeof addr;
    assert_int_equal(getpeername(r->fd, (struct sockaddr *)&addr, &n), 0);
    return inet_ntop(AF_INET, &addr.sin_addr, text, sizeof text);
}

static void test_a_dead_address_costs_the_stagger(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r);
    int queued[QUEUED];
    uint16_t port = 0;
    int hole = black_hole("127.0.0.2", &port, queued);
    int good = listen_at("127.0.0.3", &port, 8);
    r.answer.n = 0;
    add(&r.answer, "127.0.0.2");
    add(&r.answer, "127.0.0.3");
    race(&r, port, 5000);
    assert_string_equal(winner(&r), "127.0.0.3");
    assert_in_range(r.ended_ms - r.began_ms, NET_CONNECT_STAGGER_MS - 10,
                    NET_CONNECT_STAGGER_MS + 1500);
    rig_close(&r);
    close(good);
    close(hole);
    for (int i = 0; i < QUEUED; i++)
        close(queued[i]);
}

static void test_a_refusal_costs_nothing(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r);
    uint16_t port = 0;
    int good = listen_at("127.0.0.3", &port, 8);
    r.answer.n = 0;
    for (int i = 4; i < 4 + NET_ADDRESSES_MAX - 1; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "127.0.0.%d", i);
        add(&r.answer, text);
    }
    add(&r.answer, "127.0.0.3");
    race(&r, port, 5000);
    assert_string_equal(winner(&r), "127.0.0.3");
    assert_in_range(r.ended_ms - r.began_ms, 0, NET_CONNECT_STAGGER_MS - 50);
    assert_int_equal(r.lookups, 1);
    rig_close(&r);
    close(good);
}

static void test_the_first_that_connects_wins(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r);
    uint16_t port = 0;
    int a = listen_at("127.0.0.2", &port, 8), b = listen_at("127.0.0.3", &port, 8);
    r.answer.n = 0;
    add(&r.answer, "127.0.0.2");
    add(&r.answer, "127.0.0.3");
    race(&r, port, 5000);
    assert_string_equal(winner(&r), "127.0.0.2");
    rig_close(&r);
    close(a);
    close(b);
}

/* All fail: the name is looked up anew by the next, as it may have moved. */
static void test_when_none_is_there(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r);
    uint16_t port = 0;
    close(listen_at("127.0.0.2", &port, 1));
    race(&r, port, 5000);
    assert_int_equal(r.failed, 1);
    race(&r, port, 5000);
    assert_int_equal(r.failed, 2);
    assert_int_equal(r.lookups, 2);
    rig_close(&r);
}

static void test_all_too_slow(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r);
    int queued[2][QUEUED];
    uint16_t port = 0;
    int a = black_hole("127.0.0.2", &port, queued[0]),
        b = black_hole("127.0.0.3", &port, queued[1]);
    r.answer.n = 0;
    add(&r.answer, "127.0.0.2");
    add(&r.answer, "127.0.0.3");
    race(&r, port, 400);
    assert_int_equal(r.failed, 1);
    assert_in_range(r.ended_ms - r.began_ms, 390, 2000);
    rig_close(&r);
    close(a);
    close(b);
    for (int i = 0; i < 2 * QUEUED; i++)
        close(queued[i / QUEUED][i % QUEUED]);
}

/* ---- guests ----------------------------------------------------------------------------------------- */

static enum dgm_rc ask_guest(struct rig *r, struct net_lookup *w, const char *host)
{
    *w = (struct net_lookup){.on_found = on_found, .owner = r};
    return net_lookup_guest(r->loop, w, host);
}

/* One at a time, each name once, and nothing is kept. */
static void test_guests_take_turns(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(ask_guest(&r, &lookups[0], "a.example"), DGM_MORE);
        assert_int_equal(ask_guest(&r, &lookups[1], "b.example"), DGM_MORE);
        assert_int_equal(ask_guest(&r, &lookups[2], "a.example"), DGM_MORE);
        assert_int_equal(ask_guest(&r, &lookups[3], "c.example"), DGM_MORE);
        run(&r, 4);
        assert_int_equal(r.found, 4 * (i + 1));
        assert_int_equal(r.lookups, 3 * (i + 1));
    }
    rig_close(&r);
}

/* A guest's name that hangs holds no other name; one that nobody waits for any more is not looked up. */
static void test_a_guest_that_hangs(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r);
    r.answer_ms = -1;
    assert_int_equal(ask_guest(&r, &lookups[0], "hangs.example"), DGM_MORE);
    assert_int_equal(ask_guest(&r, &lookups[1], "left.example"), DGM_MORE);
    assert_int_equal(ask_guest(&r, &lookups[2], "waits.example"), DGM_MORE);
    assert_int_equal(r.lookups, 1);
    struct net_query *hanging = r.query;
    r.query = NULL;
    r.answer_ms = 0;
    assert_int_equal(ask(&r, &lookups[3], "upstream.example"), DGM_MORE);
    run(&r, 1);
    assert_int_equal(r.lookups, 2);
    net_lookup_cancel(&lookups[0]);
    net_lookup_cancel(&lookups[1]);
    net_query_answer(hanging, &r.answer, 0); /* that nobody wants: the next one's turn */
    run(&r, 1);
    assert_int_equal(r.lookups, 3);
    assert_int_equal(r.found, 2);
    rig_close(&r);
}

static void test_guests_that_can_not_begin(void **state)
{
    (void)state;
    struct rig r;
    rig_open(&r);
    r.refuses = -1;
    assert_int_equal(ask_guest(&r, &lookups[0], "a.example"), DGM_MORE);
    assert_int_equal(ask_guest(&r, &lookups[1], "b.example"), DGM_MORE);
    run(&r, 2);
    assert_int_equal(r.failed, 2);
    r.memory.fail_at = r.memory.calls + 1;
    assert_int_equal(ask_guest(&r, &lookups[0], "a.example"), DGM_E_NOMEM);
    r.memory.fail_at = 0;
    rig_close(&r);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_families_take_turns),
        cmocka_unit_test(test_asked_for_once),
        cmocka_unit_test(test_an_old_answer_is_asked_for_anew),
        cmocka_unit_test(test_the_last_good_answer_serves_on),
        cmocka_unit_test(test_a_resolver_that_hangs),
        cmocka_unit_test(test_failures_are_told_to_all),
        cmocka_unit_test(test_no_more_names_than_the_bound),
        cmocka_unit_test(test_a_dead_address_costs_the_stagger),
        cmocka_unit_test(test_a_refusal_costs_nothing),
        cmocka_unit_test(test_the_first_that_connects_wins),
        cmocka_unit_test(test_when_none_is_there),
        cmocka_unit_test(test_all_too_slow),
        cmocka_unit_test(test_guests_take_turns),
        cmocka_unit_test(test_a_guest_that_hangs),
        cmocka_unit_test(test_guests_that_can_not_begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
