/* SPDX-License-Identifier: Apache-2.0 */
/* config.c - the configuration: every key and every source; its errors are in config_errors.c. */
#include "gateway/config.h"
#include "gateway/config_near.h"
#include "gateway/config_parse.h"
#include "gateway/origin.h"
#include "support/config_source.h"

#include "base/str.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

static struct gw_config *good_source(const struct gw_config_source *source)
{
    struct gw_config *c = NULL;
    struct gw_problems problems = {0};
    enum dgm_rc rc = gw_config_parse(source, &c, &problems);
    if (rc != DGM_OK)
        fail_msg("refused: %s", problems.n ? problems.at[0].text : "out of memory");
    return c;
}

static struct gw_config *good(const char *yaml)
{
    struct gw_config_source source = config_source(yaml);
    return good_source(&source);
}

static void assert_text(struct dgm_str got, const char *wanted)
{
    if (!dgm_str_eq(got, dgm_str_c(wanted)))
        fail_msg("\"%.*s\" is not \"%s\"", (int)got.n, got.p ? got.p : "", wanted);
    if (got.p)
        assert_int_equal(got.p[got.n], 0);
}

/* ---- all that the design promises ---- */

static const char example[] =
    "listen: [127.0.0.1:8080]            # ADDR:PORT or unix:/path; tls: {cert, key} to terminate TLS\n"
    "workers: auto\n"
    "auth:\n"
    "  keys: dragoman.keys\n"
    "  google: off\n"
    "upstreams:\n"
    "  google: {kind: vertex, project: my-project, locations: [us-central1, global], credentials: adc}\n"
    "  studio: {kind: gemini, credentials: {api_key: \"${GEMINI_API_KEY}\"}}\n"
    "  lab:    {kind: vllm, base_url: http://127.0.0.1:8000, model: Qwen/Qwen3-8B}\n"
    "  tgi:    {kind: tgi, base_url: https://tgi.internal:8443, ca: internal-ca.pem}\n"
    "  offline: {kind: emulator}\n"
    "models:\n"
    "  - {match: \"google/*\", upstream: google}\n"
    "  - {match: \"lab/*\", upstream: lab}\n"
    "endpoints:\n"
    "  \"4815162342\": {upstream: lab, display_name: \"Qwen on the lab box\"}\n"
    "store: {path: /var/lib/dragoman, max_mb: 1024}\n"
    "compat: openai\n"
    "reasoning: reasoning_content\n"
    "strict: false\n"
    "limits: {body_mb: 100, connections: 10000}\n"
    "timeouts: {connect: 5s, first_byte: 300s, idle: 120s, total: off}\n";

static void test_example_settings(void **state)
{
    (void)state;
    struct gw_config *c = good(example);
    assert_int_equal(c->listen_n, 1);
    assert_text(c->listen[0].text, "127.0.0.1:8080");
    assert_int_equal(c->workers, 4);
    assert_false(c->fallback);
    assert_text(c->auth.keys, "dragoman.keys");
    assert_int_equal(c->auth.google, GW_GOOGLE_OFF);
    assert_text(c->store.path, "/var/lib/dragoman");
    assert_int_equal(c->store.max_bytes, 1024 * 1048576LL);
    assert_int_equal(c->compat, GW_COMPAT_OPENAI);
    assert_int_equal(c->reasoning, GW_REASONING_CONTENT);
    assert_false(c->strict);
    assert_int_equal(c->limits.body_bytes, 100 * 1048576);
    assert_int_equal(c->limits.connections, 10000);
    assert_int_equal(c->timeouts.connect_ms, 5000);
    assert_int_equal(c->timeouts.first_byte_ms, 300000);
    assert_int_equal(c->timeouts.idle_ms, 120000);
    assert_int_equal(c->timeouts.total_ms, 0);
    gw_config_free(c);
}

static void test_example_upstreams(void **state)
{
    (void)state;
    struct gw_config *c = good(example);
    assert_int_equal(c->upstreams_n, 5);
    const struct gw_upstream *u = c->upstreams;
    assert_text(u[0].name, "google");
    assert_int_equal(u[0].kind, GW_VERTEX);
    assert_text(u[0].project, "my-project");
    assert_int_equal(u[0].locations.n, 2);
    assert_text(u[0].locations.at[0], "us-central1");
    assert_text(u[0].locations.at[1], "global");
    assert_int_equal(u[0].credentials.kind, GW_CREDENTIALS_ADC);
    assert_int_equal(u[1].kind, GW_GEMINI);
    assert_int_equal(u[1].credentials.kind, GW_CREDENTIALS_API_KEY);
    assert_text(u[1].credentials.value, "AIzaSecret");
    assert_int_equal(u[2].kind, GW_VLLM);
    assert_text(u[2].base_url, "http://127.0.0.1:8000");
    assert_text(u[2].origin->authority, "127.0.0.1:8000");
    assert_int_equal(u[2].origin->port, 8000);
    assert_true(u[3].origin->tls);
    assert_null(u[0].origin);
    assert_text(u[2].model, "Qwen/Qwen3-8B");
    assert_int_equal(u[2].credentials.kind, GW_CREDENTIALS_NONE);
    assert_int_equal(u[3].kind, GW_TGI);
    assert_text(u[3].ca, "internal-ca.pem");
    assert_int_equal(u[4].kind, GW_EMULATOR);
    assert_int_equal(c->models_n, 2);
    assert_ptr_equal(gw_config_model(c, DGM_STR("google/gemini-2.5-flash")), &u[0]);
    assert_ptr_equal(gw_config_model(c, DGM_STR("gemini-2.5-flash")), &u[0]);
    assert_ptr_equal(gw_config_model(c, DGM_STR("publishers/google/models/gemini-2.5-flash")),
                     &u[0]);
    assert_ptr_equal(gw_config_model(c, DGM_STR("lab/qwen")), &u[2]);
    assert_null(gw_config_model(c, DGM_STR("xai/grok")));
    assert_ptr_equal(gw_config_endpoint(c, DGM_STR("4815162342"))->upstream, &u[2]);
    assert_text(gw_config_endpoint(c, DGM_STR("4815162342"))->display_name, "Qwen on the lab box");
    assert_null(gw_config_endpoint(c, DGM_STR("1")));
    gw_config_free(c);
}

static void test_nothing_configured(void **state)
{
    (void)state;
    static const char *const files[] = {NULL,    "", "# only a comment\n", "upstreams:\nmodels:\n",
                                        "---\n", "~"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct gw_config *c = good(files[i]);
        assert_int_equal(c->listen_n, 1);
        assert_text(c->listen[0].text, "127.0.0.1:8080");
        assert_true(c->listen[0].loopback);
        assert_true(c->fallback);
        assert_int_equal(c->workers, 1);
        assert_int_equal(c->upstreams_n, 1);
        assert_int_equal(c->upstreams[0].kind, GW_EMULATOR);
        assert_ptr_equal(gw_config_model(c, DGM_STR("any/thing")), c->upstreams);
        assert_false(c->auth.keys.p);
        gw_config_free(c);
    }
}

/* ---- single values ---- */

static void test_values(void **state)
{
    (void)state;
    struct gw_config *c =
        good("timeouts: {head: 250ms, body: 2m, total: 1h, comment: off}\n"
             "log: {level: debug, access: Yes}\n"
             "auth:\n  google: emulated\n  origins: [https://a.example, https://b.example]\n"
             "strict: on\nmax_tokens_includes_thinking: true\nreasoning: off\n"
             "workers: 7\n"
             "emulator: {first_ms: 0, piece_ms: 0, piece_chars: \"${PORT}\"}\n");
    assert_int_equal(c->timeouts.head_ms, 250);
    assert_int_equal(c->timeouts.body_ms, 120000);
    assert_int_equal(c->timeouts.total_ms, 3600000);
    assert_int_equal(c->timeouts.comment_ms, 0);
    assert_int_equal(c->log.level, GW_LOG_DEBUG);
    assert_true(c->log.access);
    assert_int_equal(c->auth.google, GW_GOOGLE_EMULATED);
    assert_int_equal(c->auth.origins.n, 2);
    assert_text(c->auth.origins.at[1], "https://b.example");
    assert_true(c->strict);
    assert_true(c->max_tokens_includes_thinking);
    assert_int_equal(c->reasoning, GW_REASONING_OFF);
    assert_int_equal(c->workers, 7);
    assert_int_equal(c->emulator.piece_chars, 9090);
    gw_config_free(c);
}

static void test_variables(void **state)
{
    (void)state;
    struct gw_config *c = good(
        "store: {path: \"${HOME_DIR}/store${EMPTY}\"}\n"
        "upstreams:\n"
        "  a: {kind: openai, base_url: \"http://127.0.0.1:${PORT}/v1\", model: \"$${PORT} $x ${YAML}\"}\n");
    assert_text(c->store.path, "/home/x/store");
    assert_text(c->upstreams[0].base_url, "http://127.0.0.1:9090/v1");
    assert_text(c->upstreams[0].model, "${PORT} $x {a: b}");
    gw_config_free(c);
}

static void test_listen(void **state)
{
    (void)state;
    struct gw_config *c = good("listen:\n"
                               "  - localhost:0\n"
                               "  - \"[::1]:8081\"\n"
                               "  - unix:/run/d.sock\n"
                               "  - {address: 127.8.9.1:8443, tls: {cert: a.pem, key: b.pem}}\n"
                               "  - \"[::ffff:127.0.0.1]:8082\"\n");
    assert_int_equal(c->listen_n, 5);
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
    memcpy(&in, &c->listen[0].addr, sizeof in);
    assert_int_equal(in.sin_family, AF_INET);
    assert_int_equal(ntohl(in.sin_addr.s_addr), INADDR_LOOPBACK);
    assert_int_equal(c->listen[0].addr_bytes, sizeof in);
    memcpy(&in6, &c->listen[1].addr, sizeof in6);
    assert_int_equal(in6.sin6_family, AF_INET6);
    assert_int_equal(ntohs(in6.sin6_port), 8081);
    memcpy(&un, &c->listen[2].addr, sizeof un);
    assert_int_equal(un.sun_family, AF_UNIX);
    assert_string_equal(un.sun_path, "/run/d.sock");
    assert_text(c->listen[3].tls_cert, "a.pem");
    assert_text(c->listen[3].tls_key, "b.pem");
    for (size_t i = 0; i < c->listen_n; i++)
        assert_true(c->listen[i].loopback);
    gw_config_free(c);
}

static void test_patterns(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *model;
        bool match;
    } cases[] = {
        {"*", "", true},
        {"*", "x", true},
        {"google/*", "google/", true},
        {"google/*", "x", true}, /* its long form is google/x */
        {"gemini-2.5-*", "google/gemini-2.5-pro", false},
        {"*pro", "google/gemini-2.5-pro", true},
        {"*-pro*", "models/gemini-2.5-pro-x", true},
        {"a*b*c", "axxbyyc", true},
        {"a*b*c", "axxbyy", false},
        {"google/gemini", "models/gemini", true},
        {"google/a/b", "models/a/b", false},
        {"exact", "exact", true},
        {"exact", "exactly", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char yaml[256];
        snprintf(yaml, sizeof yaml,
                 "upstreams: {e: {kind: emulator}}\nmodels: [{match: \"%s\", upstream: e}]\n",
                 cases[i].pattern);
        struct gw_config *c = good(yaml);
        if ((gw_config_model(c, dgm_str_c(cases[i].model)) != NULL) != cases[i].match)
            fail_msg("\"%s\" on \"%s\"", cases[i].pattern, cases[i].model);
        gw_config_free(c);
    }
}

/* ---- sources ---- */

static void test_precedence(void **state)
{
    (void)state;
    static const char *const env[] = {"DRAGOMAN_LIMITS_BODY_MB=20", "DRAGOMAN_WORKERS=3",
                                      "DRAGOMAN_COMPAT=", "DRAGOMAN_LISTEN=127.0.0.1:1,127.0.0.1:2",
                                      NULL};
    static const struct dgm_str sets[] = {
        {"limits.body_mb=30", 17}, {"workers=5", 9}, {"workers=6", 9}};
    static const struct dgm_str listen[] = {{"127.0.0.1:7", 11}};
    struct gw_config_source source = {.file = DGM_STR("limits: {body_mb: 10, connections: 11}\n"
                                                      "listen: 127.0.0.1:9\ncompat: google\n")};
    struct gw_config *c = good_source(&source);
    assert_int_equal(c->limits.body_bytes, 10 * 1048576);
    gw_config_free(c);

    source.environment = env;
    c = good_source(&source);
    assert_int_equal(c->limits.body_bytes, 20 * 1048576);
    assert_int_equal(c->limits.connections, 11);
    assert_int_equal(c->workers, 3);
    assert_int_equal(c->compat, GW_COMPAT_GOOGLE); /* an empty variable is none */
    assert_int_equal(c->listen_n, 2);
    gw_config_free(c);

    source.sets = sets;
    source.sets_n = 3;
    source.listen = listen;
    source.listen_n = 1;
    c = good_source(&source);
    assert_int_equal(c->limits.body_bytes, 30 * 1048576);
    assert_int_equal(c->workers, 6);
    assert_int_equal(c->listen_n, 1);
    assert_text(c->listen[0].text, "127.0.0.1:7");
    gw_config_free(c);
}

static void test_upstream_option(void **state)
{
    (void)state;
    struct dgm_str location = DGM_STR("us-central1");
    struct gw_upstream vertex = {
        .kind = GW_VERTEX, .project = DGM_STR("p"), .locations = {&location, 1}};
    struct gw_config_source source = config_source(example);
    source.upstream = &vertex;
    struct gw_config *c = good_source(&source);
    assert_int_equal(c->upstreams_n, 1);
    assert_text(c->upstreams[0].name, "vertex");
    assert_text(c->upstreams[0].locations.at[0], "us-central1");
    assert_int_equal(c->upstreams[0].credentials.kind, GW_CREDENTIALS_CALLER);
    assert_int_equal(c->models_n, 1);
    assert_int_equal(c->endpoints_n, 0);
    assert_false(c->fallback);
    gw_config_free(c);

    struct gw_upstream gemini = {.kind = GW_GEMINI};
    source.upstream = &gemini;
    c = good_source(&source);
    assert_text(c->upstreams[0].credentials.value, "AIzaSecret");
    gw_config_free(c);

    char text[1024];
    source.environment = NULL;
    source.file = (struct dgm_str){0};
    config_refused(&source, text, sizeof text);
    assert_string_equal(text,
                        "--upstream gemini: the environment variable GEMINI_API_KEY is not set\n");
    struct gw_upstream openai = {.kind = GW_OPENAI, .base_url = DGM_STR("ftp://x")};
    source.upstream = &openai;
    config_refused(&source, text, sizeof text);
    assert_string_equal(text, "--upstream.base_url must begin with http:// or https://\n");
}

static void test_set_and_environment_errors(void **state)
{
    (void)state;
    static const char *const env[] = {"DRAGOMAN_WORKERS=many", "DRAGOMAN_LOG_LEVEL=wran",
                                      "DRAGOMAN_STORE_VALKEY=a\nb", NULL};
    static const struct dgm_str sets[] = {{"limits.body_mb", 14},
                                          {"limits.body_mib=3", 17},
                                          {"timeouts.idle=5", 15},
                                          {"models=x", 8},
                                          {"zzzzzz=1", 8}};
    char text[2048];
    struct gw_config_source source = {.environment = env, .sets = sets, .sets_n = 5};
    config_refused(&source, text, sizeof text);
    assert_string_equal(
        text,
        "DRAGOMAN_WORKERS: \"many\" is not a whole number, or auto\n"
        "DRAGOMAN_STORE_VALKEY: a text with control characters or line breaks in it\n"
        "DRAGOMAN_LOG_LEVEL: \"wran\"; did you mean \"warn\"?\n"
        "--set wants key=value, not \"limits.body_mb\"\n"
        "--set: unknown key \"limits.body_mib\"; did you mean \"limits.body_mb\"?\n"
        "--set timeouts.idle: \"5\" is no duration; write a number and a unit, as 250ms, 5s, 2m or 1h, or off\n"
        "--set models: this one is set in the file alone\n"
        "--set: unknown key \"zzzzzz\"\n");
}

/* ---- the table ---- */

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < gw_rows_n; i++) {
        const struct gw_row *row = &gw_rows[i];
        assert_true(row->key.n != 0 && row->help && row->help[strlen(row->help) - 1] == '.');
        assert_ptr_equal(gw_row_find(row->owner, row->key), row);
        assert_true((row->kind == GW_ROW_WORD) <= (row->words != NULL));
    }
}

/* Each row's own default, written as gw_config_put shows it, can be set and is taken back as it was. */
static void test_defaults_round_trip(void **state)
{
    (void)state;
    struct gw_config *c = good(NULL);
    struct dgm_buf shown, again;
    dgm_buf_init(&shown, &dgm_alloc_libc, 65536);
    dgm_buf_init(&again, &dgm_alloc_libc, 65536);
    gw_config_put(c, &shown);
    gw_config_free(c);
    struct dgm_str sets[128], rest = dgm_buf_str(&shown), line;
    size_t n = 0;
    while (dgm_str_split(&rest, '\n', &line))
        if (line.n && line.p[0] != '#' && line.p[line.n - 1] != '=')
            sets[n++] = line;
    assert_true(n > 20);
    struct gw_config_source source = {.sets = sets, .sets_n = n};
    c = good_source(&source);
    gw_config_put(c, &again);
    assert_true(dgm_str_eq(dgm_buf_str(&shown), dgm_buf_str(&again)));
    gw_config_free(c);
    dgm_buf_dispose(&shown);
    dgm_buf_dispose(&again);
}

static void test_reference_names_every_key(void **state)
{
    (void)state;
    struct dgm_buf page;
    dgm_buf_init(&page, &dgm_alloc_libc, 1 << 20);
    gw_config_put_reference(&page);
    assert_int_equal(page.rc, DGM_OK);
    for (size_t i = 0; i < gw_rows_n; i++) {
        char cell[128];
        snprintf(cell, sizeof cell, "| `%s` |", gw_rows[i].key.p);
        assert_true(dgm_str_find(dgm_buf_str(&page), dgm_str_c(cell)) != page.n);
    }
    dgm_buf_dispose(&page);
}

/* ---- secrets and memory ---- */

static void test_secrets_are_not_shown(void **state)
{
    (void)state;
    struct gw_config *c =
        good("upstreams: {a: {kind: gemini, credentials: {api_key: \"${GEMINI_API_KEY}\"}}}\n"
             "store: {valkey: \"redis://:hunter2@h\"}\n");
    struct dgm_buf out;
    dgm_buf_init(&out, &dgm_alloc_libc, 65536);
    gw_config_put(c, &out);
    assert_true(dgm_str_find(dgm_buf_str(&out), DGM_STR("AIzaSecret")) == out.n);
    assert_true(dgm_str_find(dgm_buf_str(&out), DGM_STR("hunter2")) == out.n);
    assert_true(dgm_str_find(dgm_buf_str(&out), DGM_STR("credentials={api_key: ***}")) != out.n);
    assert_true(dgm_str_find(dgm_buf_str(&out), DGM_STR("store.valkey=***")) != out.n);
    dgm_buf_dispose(&out);
    gw_config_free(c);
}

/* An allocator that fails at its k-th call and looks for the secret in all that comes back. */
struct watch {
    size_t calls, fail_at, live;
    bool leaked;
};

static void *resize_watched(void *ctx, void *p, size_t old_n, size_t n)
{
    struct watch *w = ctx;
    assert_true(!p || n == 0 || old_n != 0);
    if (n == 0) {
        w->leaked |= p && memmem(p, old_n, "AIzaSecret", 10) != NULL;
        w->live -= p != NULL;
        free(p);
        return NULL;
    }
    if (++w->calls == w->fail_at)
        return NULL;
    w->live += p == NULL;
    return realloc(p, n);
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    enum dgm_rc rc = DGM_E_NOMEM;
    size_t k = 0;
    while (rc != DGM_OK) {
        struct watch w = {.fail_at = ++k};
        struct dgm_alloc alloc = {resize_watched, &w};
        struct gw_config_source source = config_source(example);
        struct gw_config *c = NULL;
        struct gw_problems problems = {0};
        source.alloc = &alloc;
        rc = gw_config_parse(&source, &c, &problems);
        assert_true(rc == DGM_OK || rc == DGM_E_NOMEM);
        gw_config_free(c);
        assert_int_equal(w.live, 0);
        assert_false(w.leaked);
        assert_true(k < 1000);
    }
    assert_true(k > 2);
}

static struct dgm_str nearest_of(struct gw_nearest *all, char *room, size_t n)
{
    struct dgm_buf out = {.p = room, .cap = n, .max = n};
    gw_nearest_put(all, &out);
    assert_int_equal(out.rc, DGM_OK);
    return dgm_buf_str(&out);
}

static void test_the_three_nearest(void **state)
{
    (void)state;
    struct gw_nearest all = {0};
    char room[600], longest[GW_NEAREST_BYTES_MAX + 1];
    assert_text(nearest_of(&all, room, sizeof room), "");
    gw_nearest_see(&all, DGM_STR("c"), 3);
    assert_text(nearest_of(&all, room, sizeof room), "\"c\"");
    gw_nearest_see(&all, DGM_STR("a"), 1);
    gw_nearest_see(&all, DGM_STR("a"), 1); /* once */
    assert_text(nearest_of(&all, room, sizeof room), "\"a\" or \"c\"");
    gw_nearest_see(&all, DGM_STR("d"), 3); /* the first of equals goes before */
    assert_text(nearest_of(&all, room, sizeof room), "\"a\", \"c\" or \"d\"");
    gw_nearest_see(&all, DGM_STR("e"), 3);
    gw_nearest_see(&all, DGM_STR("b"), 2);
    assert_text(nearest_of(&all, room, sizeof room), "\"a\", \"b\" or \"c\"");
    memset(longest, 'x', sizeof longest);
    gw_nearest_see(&all, (struct dgm_str){longest, sizeof longest}, 0);
    gw_nearest_see(&all, DGM_STR(""), 0);
    assert_text(nearest_of(&all, room, sizeof room), "\"a\", \"b\" or \"c\"");
    gw_nearest_see(&all, (struct dgm_str){longest, sizeof longest - 1}, 0);
    assert_int_equal(all.at[0].bytes, GW_NEAREST_BYTES_MAX);
    assert_int_equal(gw_near_letters(DGM_STR("gemini-2.5-flash"), DGM_STR("gemini-2.5-flahs")), 1);
    assert_int_equal(gw_near_letters(DGM_STR(""), DGM_STR("abc")), 3);
    assert_int_equal(gw_near_letters((struct dgm_str){longest, 128}, DGM_STR("")), 64);
}

/* user-pain A5 */
static void test_aliases(void **state)
{
    (void)state;
    struct gw_config *c = good(
        "upstreams: {g: {kind: emulator}, lab: {kind: openai, base_url: \"http://127.0.0.1:1\"}}\n"
        "models: [{match: \"lab/*\", upstream: lab}, {match: \"google/*\", upstream: g}]\n"
        "aliases:\n"
        "  gpt-4o-mini: lab/small\n"
        "  \"gpt-4o*\": gemini-2.5-flash\n"
        "  \"google/old\": gpt-4o\n"
        "  \"anthropic/*\": google/gemini-2.5-pro\n");
    static const struct {
        const char *name, *meant;
        size_t upstream;
    } rows[] = {
        {"gpt-4o", "gemini-2.5-flash", 0},
        {"gpt-4o-2024-08-06", "gemini-2.5-flash", 0},
        {"gpt-4o-mini", "lab/small", 1}, /* the first that matches */
        {"anthropic/claude:free", "google/gemini-2.5-pro", 0},
        {"gemini-2.5-pro", "gemini-2.5-pro", 0},
        {"models/gpt-4o", "models/gpt-4o", 0}, /* neither it nor google/gpt-4o is like a pattern */
    };
    assert_int_equal(c->aliases_n, 4);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_text(gw_config_meant(c, dgm_str_c(rows[i].name)), rows[i].meant);
        assert_ptr_equal(gw_config_model(c, dgm_str_c(rows[i].name)),
                         &c->upstreams[rows[i].upstream]);
    }
    assert_text(gw_config_meant(c, DGM_STR("models/old")),
                "gpt-4o"); /* once, so there are no rings */
    gw_config_free(c);
}

static void test_near(void **state)
{
    (void)state;
    static const struct dgm_str words[] = {
        {"serve", 5}, {"translate", 9}, {"check", 5}, {"version", 7}};
    assert_text(gw_near(DGM_STR("sevre"), words, 4), "serve");
    assert_text(gw_near(DGM_STR("transalte"), words, 4), "translate");
    assert_text(gw_near(DGM_STR("chek"), words, 4), "check");
    assert_null(gw_near(DGM_STR("frobnicate"), words, 4).p);
    assert_null(gw_near(DGM_STR(""), words, 4).p);
    assert_null(
        gw_near(DGM_STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), words, 4)
            .p);
}

/* Kinds are recognised from the secret (user-pain H5). */
static void test_credentials_by_their_looks(void **state)
{
    static const struct {
        const char *text;
        enum gw_credentials_kind kind;
    } cases[] = {{"adc", GW_CREDENTIALS_ADC},           {"metadata", GW_CREDENTIALS_METADATA},
                 {"AIzaSyX", GW_CREDENTIALS_API_KEY},   {"AQ.x", GW_CREDENTIALS_API_KEY},
                 {"ya29.x", GW_CREDENTIALS_BEARER},     {"/run/key.json", GW_CREDENTIALS_FILE},
                 {"key.json", GW_CREDENTIALS_FILE},     {"{file: k}", GW_CREDENTIALS_FILE},
                 {"{bearer: t}", GW_CREDENTIALS_BEARER}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char yaml[200];
        snprintf(yaml, sizeof yaml, "upstreams: {a: {kind: vertex, credentials: %s}}\n",
                 cases[i].text);
        struct gw_config *c = good(yaml);
        assert_int_equal(c->upstreams[0].credentials.kind, cases[i].kind);
        gw_config_free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_example_settings),
        cmocka_unit_test(test_example_upstreams),
        cmocka_unit_test(test_credentials_by_their_looks),
        cmocka_unit_test(test_nothing_configured),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_variables),
        cmocka_unit_test(test_listen),
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_precedence),
        cmocka_unit_test(test_upstream_option),
        cmocka_unit_test(test_set_and_environment_errors),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_defaults_round_trip),
        cmocka_unit_test(test_reference_names_every_key),
        cmocka_unit_test(test_secrets_are_not_shown),
        cmocka_unit_test(test_every_allocation_may_fail),
        cmocka_unit_test(test_near),
        cmocka_unit_test(test_the_three_nearest),
        cmocka_unit_test(test_aliases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
