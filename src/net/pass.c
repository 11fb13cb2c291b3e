/* SPDX-License-Identifier: Apache-2.0 */
/* pass.c - descriptors handed over a unix socket pair (unix(7), SCM_RIGHTS). */
#include "net/pass.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FDS_MAX 4 /* room for what should not be there, so that it can be closed */

union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
};

bool net_pass_pair(int ret[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ret) == 0;
}

bool net_stream_pair(int ret[2])
{
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ret) == 0;
}

bool net_pass_give(int at, int fd)
{
    char byte = 0; /* a message of no bytes reads as the end */
    union control control = {0};
    struct iovec part = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = CMSG_SPACE(sizeof fd)};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(head), &fd, sizeof fd);
    return sendmsg(at, &message, MSG_NOSIGNAL) == 1;
}

/* The descriptors of a message: the first is returned when it is the only one, the others are closed. */
static int take_first(struct msghdr *message)
{
    int first = -1;
    size_t n = 0;
    for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head; head = CMSG_NXTHDR(message, head)) {
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(head) + i * sizeof fd, sizeof fd);
            if (n++ == 0)
                first = fd;
            else
                close(fd);
        }
    }
    if (n > 1) {
        close(first);
        return -1;
    }
    return first;
}

enum net_passed net_pass_take(int at, int *ret)
{
    char byte;
    union control control = {0};
    struct iovec part = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t n;
    do {
        n = recvmsg(at, &message, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n == 0)
        return NET_PASS_ENDED;
    if (n < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? NET_PASS_NONE : NET_PASS_ENDED;
    *ret = take_first(&message);
    return NET_PASSED;
}
