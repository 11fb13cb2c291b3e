/* SPDX-License-Identifier: Apache-2.0 */
/* child.h - one program run to its end, and what it printed. */
#ifndef GATEWAY_CHILD_H
#define GATEWAY_CHILD_H

#include "auth/credentials.h"

#define GW_CHILD_WHY_BYTES 120

/** A command: words parted by blanks; '...' and "..." keep theirs, a backslash the next character. No shell. */
struct gw_child {
    struct dgm_str command;
    const struct auth_header *variables; /* put into the environment */
    size_t variables_n;
    const char *const *environment;
    int64_t timeout_ms; /* then it is killed */
};

/**
 * Runs it, and waits: for a thread. True: it ended with 0, and what it printed, at most AUTH_ANSWER_MAX bytes, stands in `out`.
 * False: `why` ends a sentence that begins with it: "ended with 1".
 */
bool gw_child_run(const struct gw_child *, struct dgm_buf *out, char why[GW_CHILD_WHY_BYTES]);

#endif
