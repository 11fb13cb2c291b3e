/* SPDX-License-Identifier: Apache-2.0 */
/* keeper.c - a real keeper in a child, a worker's link in this process, and what neither may mind. */
#include "gateway/keeper.h"

#include "base/str.h"
#include "gateway/emulator_log.h"
#include "gateway/keeper_link.h"
#include "net/pass.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define GIVE_UP_MS 8000

/* One that waits for begin_keeper: it must be forked before there is a link here, or it would hold both its ends. */
static pid_t make_keeper(const struct gw_door *door)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid != 0)
        return pid;
    close(door->workers);
    raise(SIGSTOP);
    _exit(gw_keeper_run(&(struct gw_keeper_start){.door = door->keeper}));
}

static void begin_keeper(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(WIFSTOPPED(status));
    kill(pid, SIGCONT);
}

static pid_t start_keeper(const struct gw_door *door)
{
    pid_t pid = make_keeper(door);
    begin_keeper(pid);
    return pid;
}

/* Both ends closed: it must end by itself, and well. */
static void end_keeper(struct gw_door *door, pid_t pid)
{
    int status = -1;
    gw_door_close(door);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* ---- a link, by hand ---- */

static int knock(const struct gw_door *door)
{
    int pair[2];
    assert_true(net_stream_pair(pair));
    assert_true(net_pass_give(door->workers, pair[1]));
    close(pair[1]);
    return pair[0];
}

/* Whether the keeper ends a link once it has heard this. */
static bool is_ended_by(const struct gw_door *door, const char *bytes, size_t n)
{
    char room[256];
    int fd = knock(door);
    bool ended = false;
    assert_int_equal(send(fd, bytes, n, MSG_NOSIGNAL), n);
    for (struct pollfd p = {.fd = fd, .events = POLLIN}; !ended && poll(&p, 1, 1000) > 0;)
        ended = recv(fd, room, sizeof room, 0) <= 0;
    close(fd);
    return ended;
}

static void test_hostile_links_end_alone(void **state)
{
    (void)state;
    struct gw_door door;
    assert_true(gw_door_open(&door));
    pid_t pid = start_keeper(&door);
    int good = knock(&door);
    char frame[64];
    struct dgm_buf out = {.p = frame, .cap = sizeof frame, .max = sizeof frame};

    assert_true(is_ended_by(&door, "GET / HTTP/1.1\r\n\r\n", 18));
    gw_frame_put_head(&out, GW_MSG_HELLO, 0, 0); /* the keeper's own word */
    assert_true(is_ended_by(&door, out.p, out.n));
    dgm_buf_clear(&out);
    gw_frame_put(&out, &(struct gw_frame){GW_MSG_EMULATED, 0, DGM_STR("torn")});
    assert_true(is_ended_by(&door, out.p, out.n));
    dgm_buf_clear(&out);
    gw_frame_put(&out, &(struct gw_frame){GW_MSG_EMULATOR_READ, 5, DGM_STR("")});
    frame[3] = 1; /* sixteen million bytes follow, it says */
    assert_true(is_ended_by(&door, out.p, out.n));

    /* The good one still gets its replies: HELLO, STORE_STATE, then DONE. */
    dgm_buf_clear(&out);
    gw_frame_put(&out, &(struct gw_frame){GW_MSG_EMULATOR_RESET, 9, DGM_STR("")});
    assert_int_equal(send(good, out.p, out.n, MSG_NOSIGNAL), out.n);
    const size_t hello = GW_FRAME_HEAD_BYTES + 8, state_bytes = GW_FRAME_HEAD_BYTES + 3 * 8 + 4;
    char got[3 * GW_FRAME_HEAD_BYTES + 8 + 3 * 8 + 4];
    size_t n = 0;
    for (struct pollfd p = {.fd = good, .events = POLLIN}; n < sizeof got && poll(&p, 1, 5000) > 0;)
        n += (size_t)recv(good, got + n, sizeof got - n, 0);
    assert_int_equal(n, sizeof got);
    assert_int_equal(got[hello + 5], GW_MSG_STORE_STATE);
    assert_int_equal(got[hello + state_bytes + 5], GW_MSG_DONE);
    assert_int_equal(got[hello + state_bytes + 8], 9);
    close(good);
    end_keeper(&door, pid);
}

/* ---- a worker's link ---- */

struct rig {
    struct net_loop *loop;
    struct gw_keeper_link *link;
    struct net_timer give_up;
    unsigned replies, failures, pushes;
    int64_t dropped;
    struct dgm_buf text;
    bool gave_up;
};

static void on_give_up(void *owner)
{
    struct rig *r = owner;
    r->gave_up = true;
    net_loop_stop(r->loop);
}

static void on_push(void *owner, const struct gw_frame *frame)
{
    struct rig *r = owner;
    if (!frame)
        return;
    assert_true(frame->kind == GW_MSG_HELLO || frame->kind == GW_MSG_STORE_STATE);
    r->pushes += frame->kind == GW_MSG_HELLO;
}

static void on_reply(void *owner, const struct gw_frame *frame)
{
    struct rig *r = owner;
    r->replies += frame != NULL;
    r->failures += frame == NULL;
    dgm_buf_clear(&r->text);
    if (frame)
        dgm_buf_put(&r->text, frame->payload);
    net_loop_stop(r->loop);
}

static void rig_init(struct rig *r, const struct gw_door *door)
{
    *r = (struct rig){.loop = net_loop_new(&dgm_alloc_libc)};
    net_timer_init(&r->give_up, on_give_up, r);
    dgm_buf_init(&r->text, &dgm_alloc_libc, 1 << 24);
    r->link = gw_keeper_link_new(r->loop, door->workers, on_push, r, &r->dropped);
    assert_non_null(r->link);
}

static void rig_run(struct rig *r)
{
    net_timer_start(r->loop, &r->give_up, GIVE_UP_MS);
    net_loop_run(r->loop);
    assert_false(r->gave_up);
}

static void rig_dispose(struct rig *r)
{
    net_timer_stop(&r->give_up);
    gw_keeper_link_free(r->link);
    net_loop_free(r->loop);
    dgm_buf_dispose(&r->text);
}

static bool tell_one(struct rig *r, size_t body_bytes)
{
    static char body[GW_EMULATED_BODY_MAX];
    struct dgm_buf payload;
    const struct gw_emulated e = {
        .status = 200, .body = {body, body_bytes}, .body_bytes = body_bytes};
    dgm_buf_init(&payload, &dgm_alloc_libc, 1 << 20);
    gw_emulated_put(&e, &payload);
    bool told = gw_keeper_tell(r->link, GW_MSG_EMULATED, dgm_buf_str(&payload));
    dgm_buf_dispose(&payload);
    return told;
}

static void ask(struct rig *r, enum gw_message kind)
{
    assert_non_null(gw_keeper_ask(r->link, kind, DGM_STR(""), on_reply, r));
}

static void expect_received(struct rig *r, const char *member)
{
    ask(r, GW_MSG_EMULATOR_READ);
    rig_run(r);
    if (dgm_str_find(dgm_buf_str(&r->text), dgm_str_c(member)) == r->text.n)
        fail_msg("no %s in %.*s", member, (int)dgm_str_head(dgm_buf_str(&r->text), 200).n,
                 r->text.p);
}

static void test_told_and_asked(void **state)
{
    (void)state;
    struct gw_door door;
    struct rig r;
    assert_true(gw_door_open(&door));
    pid_t pid = make_keeper(&door);
    rig_init(&r, &door);
    for (int i = 0; i < 5; i++)
        assert_true(tell_one(&r, 100));
    /* It knocks although nobody is there yet: all waits at the door. */
    assert_true(gw_keeper_flush(r.link));
    begin_keeper(pid);
    expect_received(&r, "\"received\":5,");
    assert_int_equal(gw_keeper_pid(r.link), pid);
    assert_int_equal(r.pushes, 1);
    ask(&r, GW_MSG_EMULATOR_RESET);
    rig_run(&r);
    expect_received(&r, "\"received\":0,");

    gw_keeper_cancel(gw_keeper_ask(r.link, GW_MSG_EMULATOR_READ, DGM_STR(""), on_reply, &r));
    expect_received(&r, "\"received\":0,"); /* the reply to what was cancelled goes by */
    assert_int_equal(r.replies, 4);
    rig_dispose(&r);
    end_keeper(&door, pid);
}

static void test_the_next_keeper_answers(void **state)
{
    (void)state;
    struct gw_door door;
    struct rig r;
    assert_true(gw_door_open(&door));
    pid_t next = make_keeper(&door), pid = start_keeper(&door);
    rig_init(&r, &door);
    tell_one(&r, 10);
    expect_received(&r, "\"received\":1,");

    kill(pid, SIGSTOP); /* the question has left, and is never heard */
    ask(&r, GW_MSG_EMULATOR_READ);
    gw_keeper_flush(r.link);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    begin_keeper(next);
    rig_run(&r);
    assert_int_equal(r.replies, 2);
    assert_true(dgm_str_find(dgm_buf_str(&r.text), DGM_STR("\"received\":0,")) < r.text.n);
    assert_int_equal(gw_keeper_pid(r.link), next);
    rig_dispose(&r);
    end_keeper(&door, next);
}

static void test_a_flood_is_bounded(void **state)
{
    (void)state;
    struct gw_door door;
    struct rig r;
    size_t told = 0;
    assert_true(gw_door_open(&door));
    pid_t pid = make_keeper(&door);
    rig_init(&r, &door);
    while (told < 1000 && tell_one(&r, GW_EMULATED_BODY_MAX))
        told++;
    assert_true(told >= 60 && told < 66); /* GW_LINK_WAITING_MAX */
    assert_int_equal(r.dropped, 1);
    assert_false(gw_keeper_flush(r.link)); /* more than a socket takes */
    begin_keeper(pid);
    char member[40];
    snprintf(member, sizeof member, "\"received\":%zu,", told);
    expect_received(&r, member);
    assert_true(gw_keeper_flush(r.link));
    rig_dispose(&r);
    end_keeper(&door, pid);
}

/* Every answer flushes its report: what the socket does not take must not pile up behind it. */
static void test_a_keeper_that_stands_still_costs_a_bounded_queue(void **state)
{
    (void)state;
    struct gw_door door;
    struct rig r;
    size_t told = 0;
    assert_true(gw_door_open(&door));
    pid_t pid = make_keeper(&door);
    rig_init(&r, &door);
    while (told < 1000 && tell_one(&r, GW_EMULATED_BODY_MAX)) {
        told++;
        gw_keeper_flush(r.link);
    }
    assert_in_range(told, 60, 80); /* GW_LINK_WAITING_MAX, and what the socket holds */
    assert_int_equal(r.dropped, 1);
    begin_keeper(pid);
    char member[40];
    snprintf(member, sizeof member, "\"received\":%zu,", told);
    expect_received(&r, member); /* all that waited leaves by itself */
    assert_true(gw_keeper_flush(r.link));
    rig_dispose(&r);
    end_keeper(&door, pid);
}

static void test_who_needs_one(void **state)
{
    (void)state;
    struct gw_upstream at[2] = {{.kind = GW_VLLM},
                                {.kind = GW_EMULATOR, .dialect = GW_DIALECT_TGI}};
    struct gw_config c = {.upstreams = at, .upstreams_n = 1, .emulator = {.read_back = true}};
    assert_false(gw_keeper_needed(&c));
    c.upstreams_n = 2;
    assert_true(gw_keeper_needed(&c));
    c.emulator.read_back = false;
    assert_false(gw_keeper_needed(&c));
    at[1].dialect = GW_DIALECT_GEMINI;
    assert_true(gw_keeper_needed(&c));
    at[1].kind = GW_GEMINI;
    assert_true(gw_keeper_needed(&c));
    at[1].kind = GW_VERTEX;
    assert_true(gw_keeper_needed(&c));
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN); /* as the master has it */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hostile_links_end_alone),
        cmocka_unit_test(test_told_and_asked),
        cmocka_unit_test(test_the_next_keeper_answers),
        cmocka_unit_test(test_a_flood_is_bounded),
        cmocka_unit_test(test_a_keeper_that_stands_still_costs_a_bounded_queue),
        cmocka_unit_test(test_who_needs_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
