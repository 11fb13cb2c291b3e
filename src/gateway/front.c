/* SPDX-License-Identifier: Apache-2.0 */
/* front.c - certificates, read and read again. */
#include "gateway/front.h"

#include "gateway/log.h"

#include <string.h>

#define LOOK_EVERY_MS 1000

static struct net_server *read_server(const struct gw_listen *l, char why[NET_WHY_BYTES])
{
    const struct net_server_files files = {l->tls_cert.p, l->tls_key.p, l->tls_client_ca.p};
    return net_server_new(&files, why);
}

static bool have_changed(struct gw_front *f)
{
    const char *const paths[] = {f->listen->tls_cert.p, f->listen->tls_key.p,
                                 f->listen->tls_client_ca.p};
    bool changed = false;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        changed |= paths[i] != NULL && gw_file_changed(paths[i], &f->marks[i]);
    return changed;
}

const struct net_server *gw_front_server(struct gw_front *f)
{
    char why[NET_WHY_BYTES];
    int64_t now_ms = net_loop_now_ms(f->worker->loop);
    bool looked = f->looked_ms != 0 && now_ms - f->looked_ms < LOOK_EVERY_MS;
    if (f->listen->tls_cert.p == NULL || looked)
        return f->server;
    f->looked_ms = now_ms;
    bool changed = have_changed(f);
    if (!changed && !f->again)
        return f->server;
    struct net_server *server = read_server(f->listen, why);
    f->again = server == NULL;
    if (server == NULL) {
        if (changed || strcmp(why, f->why) != 0)
            gw_log(GW_LOG_WARN, "the certificate of %.*s is not read anew: %s",
                   (int)f->listen->text.n, f->listen->text.p, why);
        memcpy(f->why, why, sizeof why);
        return f->server;
    }
    if (f->server != NULL)
        gw_log(GW_LOG_INFO, "the certificate of %.*s was read anew", (int)f->listen->text.n,
               f->listen->text.p);
    net_server_free(f->server);
    f->server = server;
    return server;
}

bool gw_front_check(const struct gw_listen *l, char why[NET_WHY_BYTES])
{
    struct net_server *server = l->tls_cert.p != NULL ? read_server(l, why) : NULL;
    net_server_free(server);
    return l->tls_cert.p == NULL || server != NULL;
}
