/* SPDX-License-Identifier: Apache-2.0 */
/* config_errors.c - what a configuration is refused for, each with its line and column. */
#include "gateway/config.h"
#include "support/config_source.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define URL "upstreams: {a: {kind: openai, base_url: "
#define H64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* clang-format off */
static const struct {
    const char *yaml, *problems;
} cases[] = {
    /* names */
    {"upstrems: {}\n", "f:1:1: unknown key \"upstrems\"; did you mean \"upstreams\"?\n"},
    {"workers: 2\n\nlimits:\n  body_mbs: 3\n",
     "f:4:3: unknown key \"body_mbs\" in \"limits\"; did you mean \"body_mb\"?\n"},
    {"body_mb: 3\n", "f:1:1: unknown key \"body_mb\"; did you mean \"limits.body_mb\"?\n"},
    {"qqqqqqq: 3\n", "f:1:1: unknown key \"qqqqqqq\"\n"},
    {"\"\": 3\n", "f:1:1: unknown key \"\"\n"},
    {"limits.body_mb: 3\n",
     "f:1:1: \"limits.body_mb\" is written with a mapping: limits: {body_mb: ...}\n"},
    {"workers: 1\nworkers: 2\n", "f:2:1: \"workers\" stands twice; first in line 1\n"},
    {"limits: {body_mb: 1, body_mb: 1}\n", "f:1:22: \"body_mb\" stands twice; first in line 1\n"},
    {"upstreams:\n  a: {kind: emulator}\n  a: {kind: emulator}\n",
     "f:3:3: \"a\" stands twice; first in line 2\n"},
    /* types */
    {"workers: many\n", "f:1:10: workers: \"many\" is not a whole number, or auto\n"},
    {"workers: 1.5\n", "f:1:10: workers: \"1.5\" is not a whole number, or auto\n"},
    {"workers: \"\"\n", "f:1:10: workers: \"\" is not a whole number, or auto\n"},
    {"workers:\n", "f:1:9: workers: nothing where a number is expected\n"},
    {"workers: [2]\n", "f:1:10: workers: a list where a number is expected\n"},
    {"timeouts: {head: {a: 1}}\n",
     "f:1:18: timeouts.head: a mapping where a duration is expected\n"},
    {"timeouts:\n  head: 5\n",
     "f:2:9: timeouts.head: \"5\" is no duration; write a number and a unit, as 250ms, 5s, 2m or 1h\n"},
    {"timeouts: {idle: 5 s}\n",
     "f:1:18: timeouts.idle: \"5 s\" is no duration; write a number and a unit, as 250ms, 5s, 2m or 1h, or off\n"},
    {"timeouts: 5s\n", "f:1:11: timeouts: \"5s\" where a mapping of names to values is expected\n"},
    {"strict: maybe\n", "f:1:9: strict: \"maybe\" is neither true nor false\n"},
    {"compat: opneai\n", "f:1:9: compat: \"opneai\"; did you mean \"openai\"?\n"},
    {"compat: azure-x\n", "f:1:9: compat: \"azure-x\" is none of openai, google\n"},
    {"auth: {origins: {a: b}}\n", "f:1:17: auth.origins: a mapping where a list is expected\n"},
    {"auth: {origins: [[a]]}\n", "f:1:18: auth.origins: a list where a text is expected\n"},
    {"- a\n", "f:1:1: a list where a mapping of names to values is expected\n"},
    {"hello\n", "f:1:1: \"hello\" where a mapping of names to values is expected\n"},
    {"? [a]\n: b\n", "f:1:3: a name must be a plain text\n"},
    /* ranges */
    {"limits: {body_mb: 0}\n", "f:1:19: limits.body_mb: \"0\" is out of range; 1 to 1024\n"},
    {"limits: {body_mb: -5}\n", "f:1:19: limits.body_mb: \"-5\" is out of range; 1 to 1024\n"},
    {"limits: {body_mb: 99999999999999999999999}\n",
     "f:1:19: limits.body_mb: \"99999999999999999999999\" is out of range; 1 to 1024\n"},
    {"workers: 0\n", "f:1:10: workers: \"0\" is out of range; 1 to 1024, or auto\n"},
    {"timeouts: {head: 2h}\n", "f:1:18: timeouts.head: \"2h\" is out of range; 100ms to 1h\n"},
    {"timeouts: {head: off}\n",
     "f:1:18: timeouts.head: \"off\" is no duration; write a number and a unit, as 250ms, 5s, 2m or 1h\n"},
    {"timeouts: {head: 9999999999999999h}\n",
     "f:1:18: timeouts.head: \"9999999999999999h\" is out of range; 100ms to 1h\n"},
    /* YAML itself */
    {"limits:\n\tbody_mb: 3\n", "f:2:1: a tab where YAML wants spaces\n"},
    {"a: \"b\nc: d\n",
     "f:3:1: not YAML: found unexpected end of stream while scanning a quoted scalar\n"},
    {"timeouts: {head: 2l",
     "f:1:20: not YAML: did not find expected ',' or '}' while parsing a flow mapping\n"},
    {"a: [b\n",
     "f:2:1: not YAML: did not find expected ',' or ']' while parsing a flow sequence\n"},
    {"workers: 1\n  compat: google\n",
     "f:2:9: not YAML: mapping values are not allowed in this context\n"},
    {"workers: &w 1\n", "f:1:10: anchors, aliases and tags are not taken here\n"},
    {"workers: *w\n", "f:1:10: anchors, aliases and tags are not taken here\n"},
    {"limits: &l {body_mb: 1}\n", "f:1:9: anchors, aliases and tags are not taken here\n"},
    {"workers: !!int 1\n", "f:1:10: anchors, aliases and tags are not taken here\n"},
    {"workers: 1\n---\nworkers: 2\n", "f:2:1: a second document; the file must be one\n"},
    {"a: b\xff\n", "f:1:5: a byte that is not UTF-8, or a control character\n"},
    {"# \xc3\xa4\n\xc3\xa4: 1\xff\n", "f:2:5: a byte that is not UTF-8, or a control character\n"},
    {"store: {path: \"a\\0b\"}\n", "f:1:15: a text with control characters or line breaks in it\n"},
    {"store: {path: \"a\\nb\"}\n", "f:1:15: a text with control characters or line breaks in it\n"},
    {"[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]\n", "f:1:17: nested more than 16 deep\n"},
    /* variables */
    /* who may come in with a token of Google's */
    {"auth: {google: verify}\n",
     "f:1:16: auth.google: verify lets nobody in without auth.verify.emails, auth.verify.domains or "
     "auth.verify.audiences\n"},
    {"auth: {google: verify, verify: {emails: [], domains: []}}\n",
     "f:1:16: auth.google: verify lets nobody in without auth.verify.emails, auth.verify.domains or "
     "auth.verify.audiences\n"},
    {"auth:\n  verify: {emails: [a@b.c]}\n",
     "f:2:11: auth.verify lets nobody in, and keeps nobody out, without auth.google: verify\n"},
    {"auth: {google: verify, verify: {audiences: "
     "[x, 32555940559.apps.googleusercontent.com]}}\n",
     "f:1:44: auth.verify.audiences: gcloud's own client lets everybody in who has an account of "
     "Google's; say who, with auth.verify.emails or auth.verify.domains\n"},
    {"auth: {google: verify, verify: {emails: [example.com]}}\n",
     "f:1:41: auth.verify.emails: \"example.com\" is no address\n"},
    {"auth: {google: verify, verify: {emails: [\"*@example.com\"]}}\n",
     "f:1:41: auth.verify.emails: \"*@example.com\" is no address\n"},
    {"auth: {google: verify, verify: {domains: [com]}}\n",
     "f:1:42: auth.verify.domains: \"com\" is no domain\n"},
    {"auth: {google: verify, verify: {domains: [\"*.example.com\"]}}\n",
     "f:1:42: auth.verify.domains: \"*.example.com\" is no domain\n"},
    {"auth: {google: verify, verify: {emails: [a@b.c], tokeninfo_url: http://x.example/t}}\n",
     "f:1:65: auth.verify.tokeninfo_url must begin with https:// for another machine: tokens go "
     "there\n"},
    {"auth: {google: verify, verify: {emails: [a@b.c], jwks_url: certs}}\n",
     "f:1:60: auth.verify.jwks_url must begin with http:// or https://\n"},
    {"store: {path: \"${NOT_SET}\"}\n", "f:1:15: the environment variable NOT_SET is not set\n"},
    {"store: {path: \"${HOME_DIR\"}\n",
     "f:1:15: \"${\" without its \"}\"; write \"$${\" for the characters themselves\n"},
    {"store: {path: \"${}\"}\n",
     "f:1:15: \"${...}\" wants the name of an environment variable, of letters, digits and _\n"},
    {"store: {path: \"${1A}\"}\n",
     "f:1:15: \"${...}\" wants the name of an environment variable, of letters, digits and _\n"},
    {"store: {path: \"${LINES}\"}\n",
     "f:1:15: a text with control characters or line breaks in it\n"},
    {"store: {path: \"${BAD}\"}\n", "f:1:15: a text that is not UTF-8\n"},
    {"timeouts: {idle: \"${NOT_SET}\"}\n", "f:1:18: the environment variable NOT_SET is not set\n"},
    {"workers: ${GEMINI_API_KEY}\n", "f:1:10: workers: the value is not a whole number, or auto\n"},
    {"compat: ${GEMINI_API_KEY}\n", "f:1:9: compat: the value is none of openai, google\n"},
    /* listen */
    {"listen: 8080\n",
     "f:1:9: listen: \"8080\" is no address; write ADDR:PORT, as 127.0.0.1:8080, \"[::1]:8080\" or unix:/path\n"},
    {"listen: [127.0.0.1:8080, 127.0.0.1:65536]\n",
     "f:1:26: listen: \"127.0.0.1:65536\" is no address; write ADDR:PORT, as 127.0.0.1:8080, \"[::1]:8080\" or unix:/path\n"},
    {"listen: example.com:80\n",
     "f:1:9: listen: \"example.com:80\" is no address; write ADDR:PORT, as 127.0.0.1:8080, \"[::1]:8080\" or unix:/path\n"},
    {"listen: \"::1:80\"\n",
     "f:1:9: listen: \"::1:80\" is no address; write ADDR:PORT, as 127.0.0.1:8080, \"[::1]:8080\" or unix:/path\n"},
    {"listen: unix:here\n",
     "f:1:9: listen: \"unix:here\" is no address; write ADDR:PORT, as 127.0.0.1:8080, \"[::1]:8080\" or unix:/path\n"},
    {"listen: []\n", "f:1:9: listen: an empty list; there must be an address to listen on\n"},
    {"listen: [[a]]\n", "f:1:10: listen: a list where an address is expected\n"},
    {"listen: [{tls: {cert: a, key: b}}]\n", "f:1:10: listen: \"address\" is missing\n"},
    {"listen: [{address: 127.0.0.1:1, tls: {cert: a}}]\n",
     "f:1:10: listen: tls wants both \"cert\" and \"key\"\n"},
    {"listen: [{address: 127.0.0.1:1, tsl: {cert: a}}]\n",
     "f:1:33: unknown key \"tsl\" in \"listen\"; did you mean \"tls\"?\n"},
    {"listen: [127.0.0.1:1, 127.0.0.1:1]\n", "f:1:9: listen: 127.0.0.1:1 stands twice\n"},
    {"listen: 0.0.0.0:80\n",
     "f:1:9: listen: 0.0.0.0:80 can be reached from other machines, and without auth.keys anybody there could ask; "
     "listen on loopback\n"},
    {"listen: \"[::]:80\"\n",
     "f:1:9: listen: [::]:80 can be reached from other machines, and without auth.keys anybody there could ask; "
     "listen on loopback\n"},
    {"listen: 0.0.0.0:80\nauth: {google: emulated}\n",
     "f:1:9: listen: 0.0.0.0:80 can be reached from other machines, and without auth.keys anybody there could ask; "
     "listen on loopback\n"},
    {"listen: 0.0.0.0:80\nauth: {keys: /dev/null, google: emulated}\n",
     "f:1:9: listen: 0.0.0.0:80 can be reached from other machines, and with auth.google: emulated anybody there could "
     "get a token; listen on loopback\n"},
    /* upstreams */
    {"upstreams: 5\n", "f:1:12: upstreams: \"5\" where a mapping of names is expected\n"},
    {"upstreams: [a]\n", "f:1:12: upstreams: a list where a mapping of names is expected\n"},
    {"upstreams: {a: vertex}\n", "f:1:16: upstreams.a: \"vertex\" where {kind: ...} is expected\n"},
    {"upstreams: {a: {}}\n",
     "f:1:16: upstreams.a: \"kind\" is missing: vertex, gemini, vllm, tgi, openai or emulator\n"},
    {"upstreams: {a: {kind: vertx}}\n",
     "f:1:23: upstreams.a.kind: \"vertx\"; did you mean \"vertex\"?\n"},
    {"upstreams: {a: {kind: vertex, projct: x}}\n",
     "f:1:31: unknown key \"projct\" in \"upstreams.a\"; did you mean \"project\"?\n"},
    {"upstreams: {\"a b\": {kind: emulator}}\n",
     "f:1:13: \"a b\" is no name for an upstream: up to 64 letters, digits and - _ .\n"},
    {"upstreams: {a: {kind: emulator, project: x}}\n",
     "f:1:33: upstreams.a.project means nothing for kind emulator\n"},
    {"upstreams: {a: {kind: vllm, base_url: \"http://h\", locations: [x]}}\n",
     "f:1:51: upstreams.a.locations means nothing for kind vllm\n"},
    {"upstreams: {a: {kind: vllm}}\n",
     "f:1:16: upstreams.a: kind vllm needs \"base_url\", as http://127.0.0.1:8000\n"},
    {"upstreams: {a: {kind: gemini}}\n",
     "f:1:16: upstreams.a: kind gemini needs \"credentials\": {api_key: KEY} or caller\n"},
    {"upstreams: {a: {kind: vertex, project: \"../x\"}}\n",
     "f:1:40: upstreams.a.project: \"../x\" is no name that can stand in a URL: letters, digits and . _ : @ -\n"},
    {"upstreams: {a: {kind: vertex, locations: [\"a/b\"]}}\n",
     "f:1:42: upstreams.a.locations: \"a/b\" is no name that can stand in a URL: letters, digits and . _ : @ -\n"},
    {"upstreams: {a: {kind: vertex, credentials: sk-secret}}\n",
     "f:1:44: upstreams.a.credentials: expected adc, metadata, caller, none, {file: PATH}, {api_key: KEY} or {bearer: TOKEN}\n"},
    {"upstreams: {a: {kind: vertex, credentials: {file: a, api_key: b}}}\n",
     "f:1:44: upstreams.a.credentials: expected adc, metadata, caller, none, {file: PATH}, {api_key: KEY} or {bearer: TOKEN}\n"},
    {"upstreams: {a: {kind: vertex, credentials: {api_key: ya29.x}}}\n",
     "f:1:44: upstreams.a.credentials: this is an access token, which is no API key: write {bearer: TOKEN}, or adc, for tokens end after an hour\n"},
    {"upstreams: {a: {kind: gemini, credentials: {bearer: AIzaSyX}}}\n",
     "f:1:44: upstreams.a.credentials: this is an API key, which is no token: write {api_key: KEY}\n"},
    {"upstreams: {a: {kind: vertex, credentials: {file: AQ.x}}}\n",
     "f:1:44: upstreams.a.credentials: this is an API key, where the path of a file is expected\n"},
    {"upstreams: {a: {kind: vertex, credentials: {bearer: \"1//x\"}}}\n",
     "f:1:44: upstreams.a.credentials: this is a refresh token, which says nobody's name by itself: write {file: PATH} with the file it belongs to\n"},
    {"upstreams: {a: {kind: vertex, credentials: {api_key: }}}\n",
     "f:1:54: upstreams.a.credentials.api_key: a text is expected\n"},
    {URL "\"127.0.0.1:80\"}}\n",
     "f:1:41: upstreams.a.base_url must begin with http:// or https://\n"},
    {URL "\"http://u:p@h\"}}\n",
     "f:1:41: upstreams.a.base_url must be without a user; that belongs under credentials\n"},
    {URL "\"http://\"}}\n", "f:1:41: upstreams.a.base_url has no host\n"},
    {URL "\"http://:80\"}}\n", "f:1:41: upstreams.a.base_url has no host\n"},
    {URL "\"http://[::1\"}}\n", "f:1:41: upstreams.a.base_url has no host\n"},
    {URL "\"https://./v1\"}}\n", "f:1:41: upstreams.a.base_url has no host\n"},
    {URL "\"https://" H64 H64 H64 H64 "\"}}\n",
     "f:1:41: upstreams.a.base_url has a host longer than 255 bytes\n"},
    {URL "\"http://h:99999/\"}}\n", "f:1:41: upstreams.a.base_url has a port that is none\n"},
    {URL "\"http://[::1]:0/\"}}\n", "f:1:41: upstreams.a.base_url has a port that is none\n"},
    {URL "\"http://h/?a\"}}\n",
     "f:1:41: upstreams.a.base_url must be plain ASCII without blanks, ? and #\n"},
    /* aliases */
    {"aliases: [a]\n", "f:1:10: aliases: a list where a mapping of names is expected\n"},
    {"aliases: {a: [b]}\n", "f:1:14: aliases.a: a list where the name of a model is expected\n"},
    {"aliases: {a: }\n", "f:1:14: aliases.a: nothing where the name of a model is expected\n"},
    {"aliases: {a: \"b*\"}\n",
     "f:1:14: aliases.a: \"b*\" where the name of a model is expected\n"},
    {"aliases: {\"a b\": c}\n",
     "f:1:11: aliases: \"a b\" is no pattern: up to 256 bytes of ASCII without blanks\n"},
    /* models and endpoints */
    {"models: {a: b}\n",
     "f:1:9: models: a mapping where a list of {match: PATTERN, upstream: NAME} is expected\n"},
    {"models: [a]\n", "f:1:10: models: \"a\" where {match: PATTERN, upstream: NAME} is expected\n"},
    {"models: [{match: a}]\n", "f:1:10: models: \"upstream\" is missing\n"},
    {"models: [{upstream: emulator}]\n", "f:1:10: models: \"match\" is missing\n"},
    {"models: [{match: a, upstream: emulatr}]\n",
     "f:1:31: models.upstream: \"emulatr\" is no upstream; did you mean \"emulator\"?\n"},
    {"models: [{match: \"a b\", upstream: emulator}]\n",
     "f:1:18: models.match: a pattern is up to 256 bytes of ASCII without blanks\n"},
    {"endpoints: {a: {upstream: nowhere-at-all}}\n",
     "f:1:27: endpoints.a.upstream: \"nowhere-at-all\" is no upstream\n"},
    {"models: [{match: a, upstream: []}]\n",
     "f:1:31: models.upstream: a list has 1 to 16 names\n"},
    {"upstreams: {a: {kind: emulator}}\nmodels:\n- match: a\n  upstream:\n  - a\n  - {name: b}\n  - {name: a}\n",
     "f:6:12: models.upstream: \"b\" is no upstream\nf:7:12: models.upstream: \"a\" stands twice\n"},
    {"upstreams: {a: {kind: emulator}}\nmodels: [{match: a, upstream: [{weight: 1}]}]\n",
     "f:2:32: models.upstream: \"name\" is missing\n"},
    {"upstreams: {a: {kind: emulator}}\nmodels: [{match: a, upstream: [{name: a, weight: -1}]}]\n",
     "f:2:50: models.upstream.weight: \"-1\" is out of range; 0 to 1000\n"},
    {"upstreams: {a: {kind: emulator}}\nmodels: [{match: a, upstream: [{name: a, weight: 0}]}]\n",
     "f:2:31: models.upstream: all weights are 0\n"},
    {"upstreams: {a: {kind: emulator}}\nendpoints: {e: {upstream: [[a]]}}\n",
     "f:2:28: endpoints.e.upstream: a list where a name or {name: NAME, weight: N} is expected\n"},
    /* where it may be asked */
    {"residency: [eu]\nupstreams:\n  g: {kind: vertex, credentials: none, locations: [eu, europe-west2]}\n",
     "f:3:56: upstreams.g.locations: europe-west2 is none of those that \"residency\" allows\n"},
    {"residency: eu\nupstreams: {g: {kind: gemini, credentials: {api_key: k}}}\n",
     "f:2:16: upstreams.g: kind gemini can not be asked with \"residency\" set: the Gemini API promises no location\n"},
    {"upstreams: {g: {kind: gemini, credentials: {api_key: k}, cold_start: {max_wait: 5s}}}\n",
     "f:1:58: upstreams.g.cold_start means nothing for kind gemini\n"},
    {"upstreams: {a: {kind: vllm, base_url: \"http://h\", cold_start: {max_wait: 5}}}\n",
     "f:1:74: upstreams.a.cold_start.max_wait: \"5\" is no duration; write a number and a unit, as 250ms, 5s, 2m or 1h, or off\n"},
    {"endpoints: {a: 5}\n", "f:1:16: endpoints.a: \"5\" where {upstream: NAME} is expected\n"},
    {"endpoints: {openapi: {upstream: emulator}}\n",
     "f:1:13: \"openapi\" is no endpoint ID: letters, digits and . _ : @ -, and not \"openapi\"\n"},
    {"endpoints: {\"a/b\": {upstream: emulator}}\n",
     "f:1:13: \"a/b\" is no endpoint ID: letters, digits and . _ : @ -, and not \"openapi\"\n"},
    /* several at once, in the file's order whatever found them */
    {"listen: 0.0.0.0:80\nworkers: x\nstore: {path: \"${NOT_SET}\"}\nzzzzzzz: 1\n",
     "f:1:9: listen: 0.0.0.0:80 can be reached from other machines, and without auth.keys anybody there could ask; "
     "listen on loopback\n"
     "f:2:10: workers: \"x\" is not a whole number, or auto\n"
     "f:3:15: the environment variable NOT_SET is not set\n"
     "f:4:1: unknown key \"zzzzzzz\"\n"},
};
/* clang-format on */

static void test_errors(void **state)
{
    (void)state;
    int wrong = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[4096];
        struct gw_config_source source = config_source(cases[i].yaml);
        config_refused(&source, text, sizeof text);
        if (strcmp(text, cases[i].problems) == 0)
            continue;
        print_error("--- %s--- wanted\n%s--- got\n%s", cases[i].yaml, cases[i].problems, text);
        wrong++;
    }
    assert_int_equal(wrong, 0);
}

static void test_twenty_at_most(void **state)
{
    (void)state;
    char yaml[4096], text[8192];
    size_t n = 0;
    for (int i = 0; i < 30; i++)
        n += (size_t)snprintf(yaml + n, sizeof yaml - n, "zzzzzzz%02d: 1\n", i);
    struct gw_config_source source = config_source(yaml);
    config_refused(&source, text, sizeof text);
    assert_non_null(strstr(text, "f:20:1:"));
    assert_null(strstr(text, "f:21:1:"));
    assert_non_null(strstr(text, "and 10 more\n"));
}

static void test_too_large(void **state)
{
    (void)state;
    char text[1024];
    size_t n = GW_CONFIG_FILE_MAX + 1;
    char *yaml = calloc(1, n);
    memset(yaml, '#', n);
    struct gw_config_source source = {.file = {yaml, n}};
    config_refused(&source, text, sizeof text);
    assert_string_equal(text, "f:1:1: the file is larger than 1 MiB\n");
    source.file.n--;
    struct gw_config *c = NULL;
    struct gw_problems problems;
    assert_int_equal(gw_config_parse(&source, &c, &problems), DGM_OK);
    gw_config_free(c);

    n = 0; /* many small values */
    for (int i = 0; i < 20000; i++, n += 2)
        memcpy(yaml + n, "a,", 2);
    memcpy(yaml, "a: [", 4);
    source.file = (struct dgm_str){yaml, n};
    config_refused(&source, text, sizeof text);
    assert_non_null(strstr(text, "a file of more than 16384 values"));

    static char big[70000] = "BIG="; /* a variable that would blow up the text */
    memset(big + 4, 'x', sizeof big - 5);
    const char *const env[] = {big, NULL};
    source = (struct gw_config_source){.file = DGM_STR("store: {path: \"${BIG}\"}\n"),
                                       .environment = env};
    config_refused(&source, text, sizeof text);
    assert_string_equal(text, "f:1:15: a text of more than 64 KiB\n");
    free(yaml);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_twenty_at_most),
        cmocka_unit_test(test_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
