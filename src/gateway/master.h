/* SPDX-License-Identifier: Apache-2.0 */
/*
 * master.h - the daemon's first process: it opens the sockets, keeps one worker a slot alive, and answers
 * signals. SIGTERM, SIGINT: drain and end (twice: end at once). SIGHUP: read the configuration again.
 */
#ifndef GATEWAY_MASTER_H
#define GATEWAY_MASTER_H

#include "gateway/config.h"

/** How the daemon ended, as the program's exit code. */
enum gw_exit {
    GW_EXIT_DONE = 0,    /* a signal asked for it */
    GW_EXIT_REFUSED = 1, /* it could not go on: the log says why */
    GW_EXIT_CONFIG = 3,  /* never from here: the caller's, before there is a configuration */
    GW_EXIT_LISTEN = 4,  /* an address could not be listened on: the log names it */
};

/** What the master asks of its caller. Members may be NULL; `ctx` goes to each. */
struct gw_master_hooks {
    void *ctx;
    /* All addresses are being listened on; `at[i]` is as configured, with the port that it really has. */
    void (*on_listening)(void *ctx, const struct gw_config *, const struct dgm_str *at, size_t n);
    /* SIGHUP: a new configuration, which the master then owns; NULL (and the caller has told why): go on as is. */
    struct gw_config *(*reload)(void *ctx);
};

/**
 * Runs the daemon in this process and its children until a signal ends it; returns an enum gw_exit. The
 * configuration is borrowed throughout. `hooks` may be NULL. Logs to stderr.
 */
int gw_master_run(const struct gw_config *, const struct gw_master_hooks *hooks);

#endif
