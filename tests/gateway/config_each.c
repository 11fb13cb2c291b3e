/* SPDX-License-Identifier: Apache-2.0 */
/* config_each.c - each setting of the file lands where it belongs, in the unit of its member. */
#include "gateway/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/str.h"
#include "support/config_source.h"

static struct gw_config *read(const char *yaml)
{
    struct gw_config_source source = config_source(yaml);
    struct gw_config *c = NULL;
    struct gw_problems problems = {0};
    if (gw_config_parse(&source, &c, &problems) != DGM_OK)
        fail_msg("%s: %s", yaml, problems.n ? problems.at[0].text : "out of memory");
    return c;
}

static void numbers(void **state)
{
    (void)state;
    static const struct {
        const char *yaml;
        size_t at;
        int64_t wanted;
    } settings[] = {
#define AT(member) offsetof(struct gw_config, member)
        {"workers: 3", 0, 3},
        {"store: {max_mb: 3}", AT(store.max_bytes), 3 << 20},
        {"store: {max_age: 3s}", AT(store.max_age_ms), 3000},
        {"limits: {body_mb: 3}", AT(limits.body_bytes), 3 << 20},
        {"limits: {memory_mb: 65}", AT(limits.memory_bytes), 65 << 20},
        {"limits: {connections: 3}", AT(limits.connections), 3},
        {"limits: {upstream_connections: 3}", AT(limits.upstream_connections), 3},
        {"limits: {waiting: 3}", AT(limits.waiting), 3},
        {"timeouts: {head: 3s}", AT(timeouts.head_ms), 3000},
        {"timeouts: {body: 3s}", AT(timeouts.body_ms), 3000},
        {"timeouts: {keep_alive: 3s}", AT(timeouts.keep_alive_ms), 3000},
        {"timeouts: {connect: 3s}", AT(timeouts.connect_ms), 3000},
        {"timeouts: {waiting: 3s}", AT(timeouts.waiting_ms), 3000},
        {"timeouts: {first_byte: 3s}", AT(timeouts.first_byte_ms), 3000},
        {"timeouts: {idle: 3s}", AT(timeouts.idle_ms), 3000},
        {"timeouts: {total: 3s}", AT(timeouts.total_ms), 3000},
        {"timeouts: {comment: 3s}", AT(timeouts.comment_ms), 3000},
        {"timeouts: {models: 3s}", AT(timeouts.models_ms), 3000},
        {"timeouts: {retry_after: 3s}", AT(timeouts.retry_after_ms), 3000},
        {"timeouts: {drain: 3s}", AT(timeouts.drain_ms), 3000},
        {"fetch: {max_mb: 3}", AT(fetch.max_bytes), 3 << 20},
        {"fetch: {timeout: 3s}", AT(fetch.timeout_ms), 3000},
        {"record: {max_mb: 3}", AT(record.max_bytes), 3 << 20},
        {"emulator: {token_life: 3s}", AT(emulator.token_life_ms), 3000},
        {"emulator: {first_ms: 3}", AT(emulator.first_ms), 3},
        {"emulator: {piece_ms: 3}", AT(emulator.piece_ms), 3},
        {"emulator: {piece_chars: 3}", AT(emulator.piece_chars), 3},
#undef AT
    };
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        struct gw_config *c = read(settings[i].yaml);
        const char *place = (const char *)c + settings[i].at;
        int64_t is =
            settings[i].at == 0 ? (int64_t)c->workers : *(const int64_t *)(const void *)place;
        if (is != settings[i].wanted)
            fail_msg("%s: %lld", settings[i].yaml, (long long)is);
        gw_config_free(c);
    }
}

static void recording_and_replaying(void **state)
{
    (void)state;
    struct gw_config *c = read("record: {dir: /var/exchanges}");
    assert_true(dgm_str_eq(c->record.dir, DGM_STR("/var/exchanges")));
    gw_config_free(c);
    c = read("replay: {dir: /var/exchanges, timing: recorded}");
    assert_true(dgm_str_eq(c->replay.dir, DGM_STR("/var/exchanges")));
    assert_int_equal(c->replay.timing, GW_REPLAY_RECORDED);
    gw_config_free(c);
}

static void texts_and_words(void **state)
{
    (void)state;
    struct gw_config *c = read(
        "auth: {origins: [\"https://chat.example\"]}\n"
        "fetch: {allow: [127.0.0.0/8, files.example]}\n"
        "emulator: {scenario: /etc/scenario.yaml, read_back: false, seed: sown}\n"
        "log: {level: debug, access: true}\n"
        "compat: google\nreasoning: tag\nstrict: true\n"
        "max_tokens_includes_thinking: true\nask_again: false\nadapt: false\n"
        "always_usage: true\nblocked: error\nimage_output: extra_content\n"
        "upstreams: {a: {kind: vertex, fetch: public, merge_system: user, alternate: merge, "
        "content: flatten-text, diagnose: probe, context_cache: marked}, b: {kind: vertex}}\n");
    assert_int_equal(c->auth.origins.n, 1);
    assert_int_equal(c->fetch.allow.n, 2);
    assert_true(dgm_str_eq(c->emulator.scenario, DGM_STR("/etc/scenario.yaml")));
    assert_false(c->emulator.read_back);
    assert_true(dgm_str_eq(c->emulator.seed, DGM_STR("sown")));
    assert_int_equal(c->log.level, GW_LOG_DEBUG);
    assert_true(c->log.access && c->strict && c->max_tokens_includes_thinking);
    assert_false(c->ask_again || c->adapt);
    assert_true(c->always_usage);
    assert_int_equal(c->blocked, GW_BLOCKED_ERROR);
    assert_int_equal(c->image_output, GW_IMAGES_EXTRA);
    assert_int_equal(c->compat, GW_COMPAT_GOOGLE);
    assert_int_equal(c->reasoning, GW_REASONING_TAG);
    assert_int_equal(c->upstreams[0].fetch, GW_FETCH_PUBLIC);
    assert_int_equal(c->upstreams[1].fetch, GW_FETCH_OFF);
    assert_int_equal(c->upstreams[0].diagnose, GW_DIAGNOSE_PROBE);
    assert_int_equal(c->upstreams[1].diagnose, GW_DIAGNOSE_SUSPECTS);
    assert_int_equal(c->upstreams[0].merge_system, GW_SYSTEM_USER);
    assert_int_equal(c->upstreams[0].alternate, GW_MEND_ALWAYS);
    assert_int_equal(c->upstreams[0].content, GW_MEND_ALWAYS);
    assert_int_equal(c->upstreams[1].merge_system, GW_SYSTEM_AUTO);
    assert_int_equal(c->upstreams[1].alternate, GW_MEND_AUTO);
    assert_int_equal(c->upstreams[1].content, GW_MEND_AUTO);
    assert_int_equal(c->upstreams[0].context_cache, GW_CONTEXT_CACHE_MARKED);
    assert_int_equal(c->upstreams[1].context_cache, GW_CONTEXT_CACHE_OFF);
    gw_config_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(recording_and_replaying),
        cmocka_unit_test(texts_and_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
