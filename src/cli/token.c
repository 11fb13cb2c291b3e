/* SPDX-License-Identifier: Apache-2.0 */
/* token.c - `dragoman token`, and who `dragoman check` says we are. */
#include "cli/cli.h"
#include "gateway/source.h"

#include "base/str.h"

#include <unistd.h>

#define TEXT_BYTES ((size_t)32 * 1024)

/** One fetch, and what becomes of it. */
struct fetch {
    struct net_loop *loop;
    const struct gw_upstream *upstream;
    void (*put)(const struct fetch *, const struct gw_source_said *, struct dgm_buf *out);
    int code;
};

static void on_said(void *owner, const struct gw_source_said *said)
{
    struct fetch *f = owner;
    char room[TEXT_BYTES];
    struct dgm_buf out = {.p = room, .cap = sizeof room, .max = sizeof room};
    net_loop_stop(f->loop);
    if (said->token.n == 0) {
        cli_tell(DGM_STR("upstreams."), f->upstream->name, DGM_STR(": "), said->trouble);
        return;
    }
    f->put(f, said, &out);
    f->code = cli_write(STDOUT_FILENO, &out, true) ? CLI_DONE : CLI_REFUSED;
    explicit_bzero(room, sizeof room);
}

static int fetch(const struct gw_config *c, const struct gw_upstream *u,
                 void (*put)(const struct fetch *, const struct gw_source_said *, struct dgm_buf *))
{
    struct fetch f = {
        .loop = net_loop_new(&dgm_alloc_libc), .upstream = u, .put = put, .code = CLI_REFUSED};
    const struct gw_source_place place = gw_source_place_of(c, u);
    struct gw_source *s =
        f.loop != NULL ? gw_source_new(f.loop, &place, (const char *const *)environ, on_said, &f)
                       : NULL;
    if (s == NULL) {
        cli_tell(DGM_STR("out of memory or descriptors"));
    } else {
        gw_source_fetch(s, net_loop_wall_ms(f.loop));
        net_loop_run(f.loop);
    }
    gw_source_free(s);
    if (f.loop != NULL && !net_loop_free(f.loop))
        _exit(f.code); /* a name server is still being asked, and nobody waits for it */
    return f.code;
}

/* ---- who we are ---- */

static void put_member(struct dgm_buf *out, const char *before, struct dgm_str value)
{
    if (value.n == 0)
        return;
    dgm_buf_put(out, dgm_str_c(before));
    dgm_buf_put(out, value);
}

static void put_identity(const struct fetch *f, const struct gw_source_said *said,
                         struct dgm_buf *out)
{
    const struct gw_upstream *u = f->upstream;
    int64_t left_s = (said->ends_ms - net_loop_wall_ms(f->loop) + 999) / 1000;
    dgm_buf_put(out, u->name);
    put_member(out, ": ", said->about);
    put_member(out, ", ", said->who);
    put_member(out, " (", said->file);
    put_member(out, "", said->file.n != 0 ? DGM_STR(")") : DGM_STR(""));
    put_member(out, ", project ", u->project.n != 0 ? u->project : said->project);
    for (size_t i = 0; i < u->locations.n; i++)
        put_member(out, i == 0 ? ", locations " : " ", u->locations.at[i]);
    put_member(out, ", quota of ", said->quota_project);
    dgm_buf_put_lit(out, ", a token for ");
    dgm_buf_put_int(out, left_s);
    dgm_buf_put_lit(out, " s");
}

int cli_tell_identities(const struct gw_config *c)
{
    int worst = CLI_DONE;
    for (size_t i = 0; i < c->upstreams_n; i++) {
        const struct gw_upstream *u = &c->upstreams[i];
        if (!gw_credentials_are_fetched(u->credentials.kind))
            continue;
        int code = fetch(c, u, put_identity);
        worst = code != CLI_DONE ? code : worst;
    }
    return worst;
}

/* ---- the command ---- */

static void put_token(const struct fetch *f, const struct gw_source_said *said, struct dgm_buf *out)
{
    (void)f;
    dgm_buf_put(out, said->token);
}

/* The upstream of that name, or the first whose credentials are fetched; where nothing is configured one of Google's. */
static const struct gw_upstream *choose(const struct gw_config *c, struct dgm_str name)
{
    static const struct gw_upstream google = {
        .name = {"google", 6}, .kind = GW_VERTEX, .credentials = {.kind = GW_CREDENTIALS_ADC}};
    for (size_t i = 0; i < c->upstreams_n; i++) {
        const struct gw_upstream *u = &c->upstreams[i];
        if (name.p != NULL ? dgm_str_eq(u->name, name)
                           : gw_credentials_are_fetched(u->credentials.kind))
            return u;
    }
    return c->fallback && name.p == NULL ? &google : NULL;
}

int cli_token(const struct cli_args *args)
{
    struct gw_config *c = NULL;
    const struct dgm_str name = dgm_str_c(cli_get_word(args));
    int code = cli_config(args, &c);
    if (code != CLI_DONE)
        return code;
    const struct gw_upstream *u = choose(c, name);
    if (u != NULL && gw_credentials_are_fetched(u->credentials.kind)) {
        code = fetch(c, u, put_token);
    } else {
        code = CLI_REFUSED;
        cli_tell(
            name.p == NULL ? DGM_STR("no upstream has credentials of Google's to fetch tokens with")
            : u == NULL    ? DGM_STR("there is no upstream of that name")
                           : DGM_STR("that upstream's credentials are none to fetch tokens with"));
    }
    gw_config_free(c);
    return code;
}
