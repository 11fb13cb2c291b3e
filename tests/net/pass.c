/* SPDX-License-Identifier: Apache-2.0 */
/* pass.c - descriptors through a socket pair: given, taken, left without one, and the end. */
#include "net/pass.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static void test_one(void **state)
{
    (void)state;
    int door[2], pair[2], got = -1;
    char byte = 0;
    assert_true(net_pass_pair(door) && net_stream_pair(pair));
    assert_int_equal(net_pass_take(door[1], &got), NET_PASS_NONE);
    assert_true(net_pass_give(door[0], pair[1]));
    close(pair[1]);
    assert_int_equal(net_pass_take(door[1], &got), NET_PASSED);
    assert_true(fcntl(got, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(got, F_GETFL) & O_NONBLOCK);
    assert_int_equal(write(pair[0], "x", 1), 1);
    assert_int_equal(read(got, &byte, 1), 1);
    assert_int_equal(byte, 'x');
    assert_int_equal(net_pass_take(door[1], &got), NET_PASS_NONE);
    close(got);
    close(pair[0]);
    close(door[0]);
    close(door[1]);
}

static void test_none_and_too_many(void **state)
{
    (void)state;
    int door[2], got = 99;
    assert_true(net_pass_pair(door));
    assert_int_equal(send(door[0], "x", 1, 0), 1);
    assert_int_equal(net_pass_take(door[1], &got), NET_PASSED);
    assert_int_equal(got, -1);

    int fds[2] = {door[0], door[1]};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof fds)];
    } control = {0};
    struct iovec part = {.iov_base = &(char){0}, .iov_len = 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof fds);
    memcpy(CMSG_DATA(head), fds, sizeof fds);
    int next = dup(door[0]); /* the lowest that is free: it must be free again afterwards */
    close(next);
    assert_int_equal(sendmsg(door[0], &message, 0), 1);
    assert_int_equal(net_pass_take(door[1], &got), NET_PASSED);
    assert_int_equal(got, -1);
    int again = dup(door[0]);
    assert_int_equal(again, next);
    close(again);
    close(door[0]);
    close(door[1]);
}

/* What is given before the giver ends is taken before the end is. A full door says EAGAIN. */
static void test_full_and_ended(void **state)
{
    (void)state;
    int door[2], got = -1;
    size_t given = 0, taken = 0;
    assert_true(net_pass_pair(door));
    while (given < 100000 && net_pass_give(door[0], door[0]))
        given++;
    assert_true(given > 0 && given < 100000 && (errno == EAGAIN || errno == ETOOMANYREFS));
    close(door[0]);
    /* Its own end travels in it, so it ends when all of those are taken and closed. */
    while (net_pass_take(door[1], &got) == NET_PASSED) {
        assert_true(got >= 0);
        close(got);
        taken++;
    }
    assert_int_equal(taken, given);
    assert_int_equal(net_pass_take(door[1], &got), NET_PASS_ENDED);
    close(door[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one),
        cmocka_unit_test(test_none_and_too_many),
        cmocka_unit_test(test_full_and_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
