/* SPDX-License-Identifier: Apache-2.0 */
/*
 * front.h - one address as a worker listens on it, with the certificate that it shows there.
 *
 * A worker looks at the files when a client comes, once a second at most, as at the keys (keys.h): a certificate that was renewed
 * is shown without a restart, and one that can not be used is told, tried again, and changes nothing.
 */
#ifndef GATEWAY_FRONT_H
#define GATEWAY_FRONT_H

#include "gateway/watched.h"
#include "gateway/worker.h"
#include "net/tls_server.h"

struct gw_front {
    struct gw_worker *worker;
    const struct gw_listen *listen;
    struct net_listener *listener;
    struct net_server *server; /* NULL: plain, or nothing that could be used was there yet */
    struct gw_file_mark marks[3];
    int64_t looked_ms;
    bool again;              /* what is there could not be read, perhaps for want of a descriptor */
    char why[NET_WHY_BYTES]; /* which was told */
};

/** Whom to speak TLS as with a client that comes now; NULL: nobody. Lives until it is asked again. */
const struct net_server *gw_front_server(struct gw_front *);

/** Whether the files of an address can be used. False: `why` has a sentence. */
bool gw_front_check(const struct gw_listen *, char why[NET_WHY_BYTES]);

#endif
