/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.c - any bytes as a configuration file: refused with places inside the file, or whole and usable.
 *
 * The last byte chooses how many CPUs there are.
 */
#include "gateway/config.h"

#include "base/str.h"
#include "base/utf8.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Lines as YAML counts them: CR LF is one break; NEL, LS and PS break too. */
static size_t lines_of(struct dgm_str s)
{
    size_t lines = 1;
    for (size_t i = 0; i < s.n; i++) {
        struct dgm_str rest = dgm_str_skip(s, i);
        lines += s.p[i] == '\n' || (s.p[i] == '\r' && !dgm_str_starts(rest, DGM_STR("\r\n"))) ||
                 dgm_str_starts(rest, DGM_STR("\xc2\x85")) ||
                 dgm_str_starts(rest, DGM_STR("\xe2\x80\xa8")) ||
                 dgm_str_starts(rest, DGM_STR("\xe2\x80\xa9"));
    }
    return lines;
}

static void check_refusal(const struct gw_problems *problems, struct dgm_str file)
{
    size_t lines = lines_of(file);
    assert(problems->n >= 1 && problems->n <= GW_CONFIG_PROBLEMS_MAX);
    assert(problems->more == 0 || problems->n == GW_CONFIG_PROBLEMS_MAX);
    for (size_t i = 0; i < problems->n; i++) {
        const struct gw_problem *at = &problems->at[i];
        struct dgm_str text = dgm_str_c(at->text);
        assert(at->line >= 1 && at->line <= lines);
        assert(at->column >= 1 && at->column <= file.n + 1);
        assert(text.n != 0 && dgm_utf8_bad(text) == text.n &&
               dgm_str_find_char(text, '\n') == text.n);
        if (i)
            assert(at[-1].line < at->line ||
                   (at[-1].line == at->line && at[-1].column < at->column));
    }
}

static void check_upstream(const struct gw_config *c, const struct gw_upstream *u)
{
    bool listed = u >= c->upstreams && u < c->upstreams + c->upstreams_n;
    assert(listed ||
           (c->any_endpoint && u->kind == GW_EMULATOR && u->dialect != GW_DIALECT_GEMINI));
    assert(u->kind >= GW_VERTEX && u->kind <= GW_EMULATOR && u->name.n != 0);
    assert(u->name.p[u->name.n] == '\0');
}

static void check_config(const struct gw_config *c)
{
    assert(c->listen_n >= 1 && c->upstreams_n >= 1 && c->models_n >= 1 && c->workers >= 1);
    assert(c->limits.body_bytes >= 1024 * 1024 && c->limits.connections >= 1);
    for (size_t i = 0; i < c->listen_n; i++) /* no key is checked yet, or none is configured */
        assert(c->listen[i].addr_bytes != 0 && (c->listen[i].loopback || c->auth.keys.p));
    for (size_t i = 0; i < c->models_n; i++)
        check_upstream(c, c->models[i].upstream);
    for (size_t i = 0; i < c->endpoints_n; i++)
        check_upstream(c, c->endpoints[i].upstream);
    (void)gw_config_model(c, DGM_STR("publishers/google/models/gemini-2.5-flash"));
    struct dgm_buf shown;
    dgm_buf_init(&shown, &dgm_alloc_libc, SIZE_MAX);
    gw_config_put(c, &shown);
    assert(shown.rc == DGM_OK &&
           dgm_str_find(dgm_buf_str(&shown), DGM_STR("fuzz-secret")) == shown.n);
    dgm_buf_dispose(&shown);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const environment[] = {"A=1", "KEY=fuzz", "HOME=/home/x", NULL};
    struct dgm_str file = {n > 1 ? (const char *)data : "", n > 1 ? n - 1 : 0};
    struct gw_config_source source = {
        .file = file, .environment = environment, .cpus = n ? data[n - 1] : 0};
    struct gw_config *c = NULL;
    struct gw_problems problems = {0};
    switch (gw_config_parse(&source, &c, &problems)) {
    case DGM_OK:
        check_config(c);
        gw_config_free(c);
        break;
    case DGM_E_REFUSED:
        assert(!c);
        check_refusal(&problems, file);
        break;
    default: /* memory is not short, and the arena's ceiling is far above what a megabyte of YAML needs */
        assert(problems.n != 0 && c);
    }
    return 0;
}
