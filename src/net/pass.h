/* SPDX-License-Identifier: Apache-2.0 */
/* pass.h - descriptors handed from process to process over a unix socket pair. */
#ifndef NET_PASS_H
#define NET_PASS_H

#include <dragoman/types.h>

/** A pair for net_pass_give and net_pass_take: one message is one descriptor. Nonblocking, closed on exec. */
bool net_pass_pair(int ret[2]);

/** A pair of connected streams, to hand one of. */
bool net_stream_pair(int ret[2]);

/** Gives `fd`, which is still the caller's to close. False, and errno: EAGAIN when so many wait there already. */
bool net_pass_give(int at, int fd);

enum net_passed { NET_PASSED, NET_PASS_NONE, NET_PASS_ENDED };

/**
 * Takes one. NET_PASSED: `*ret` is the caller's; -1 for a message without one, or with too many. NET_PASS_NONE: nothing waits. NET_PASS_ENDED:
 * the other side is closed, in all processes.
 */
enum net_passed net_pass_take(int at, int *ret);

#endif
