/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cases.c - native requests that are refused and accepted: tests/emulate/cases, and that each rule has its case.
 *
 * rules.json: {rule} is refused by that rule and no other, {near: rule} is a near miss and accepted.
 * parser.json: the exact message. accepted.json: what must pass. The body is `body`, a `config` alone, `raw`
 * text, or so many `euros`.
 */
#include "emulate/rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "json/write.h"
#include "support/emu_run.h"

#define FILE_MAX_BYTES ((size_t)1 << 20)

static struct dgm_arena arena;
static const struct emu_options options;

static const struct json_val *read_cases(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/emulate/cases/%s", DGM_TESTS_DIR, name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char *text = dgm_arena_take(&arena, FILE_MAX_BYTES + JSON_PADDING);
    assert_non_null(text);
    size_t n = fread(text, 1, FILE_MAX_BYTES, f);
    fclose(f);
    const struct json_val *root = NULL;
    struct json_error error;
    assert_int_equal(json_parse(&arena, text, n, JSON_DEPTH_MAX, &root, &error), DGM_OK);
    assert_true(json_size(root) != 0);
    return root;
}

static void put_target(const struct json_val *c, struct dgm_buf *out)
{
    struct dgm_str on = json_get_str(c, DGM_STR("on"));
    if (dgm_str_eq(on, DGM_STR("g1b")))
        dgm_buf_put_lit(out, "/v1beta/models/");
    else if (dgm_str_eq(on, DGM_STR("g1")))
        dgm_buf_put_lit(out, "/v1/models/");
    else if (dgm_str_eq(on, DGM_STR("v1b1")))
        dgm_buf_put_lit(out, "/v1beta1/projects/p/locations/global/publishers/google/models/");
    else
        dgm_buf_put_lit(out, "/v1/projects/p/locations/us-central1/publishers/google/models/");
    dgm_buf_put(out, json_get_str(c, DGM_STR("model")));
    dgm_buf_put_lit(out, ":generateContent");
}

static void put_body(const struct json_val *c, struct dgm_buf *out)
{
    struct json_writer w = json_writer(out);
    int64_t euros;
    if (json_get(c, DGM_STR("raw"))) {
        dgm_buf_put(out, json_get_str(c, DGM_STR("raw")));
    } else if (json_get(c, DGM_STR("config"))) {
        dgm_buf_put_lit(out,
                        "{\"contents\":[{\"parts\":[{\"text\":\"Hi\"}]}],\"generationConfig\":");
        json_put_val(&w, json_get(c, DGM_STR("config")));
        dgm_buf_put_lit(out, "}");
    } else if (json_int(json_get(c, DGM_STR("euros")), &euros)) {
        dgm_buf_put_lit(out, "{\"contents\":[{\"parts\":[{\"text\":\"");
        while (euros-- != 0)
            dgm_buf_put_lit(out, "\xe2\x82\xac");
        dgm_buf_put_lit(out, "\"}]}]}");
    } else {
        json_put_val(&w, json_get(c, DGM_STR("body")));
    }
}

static void run_case(const struct json_val *c, struct emu_run *run, struct dgm_str *ret_message)
{
    struct dgm_buf target, body;
    dgm_buf_init(&target, &dgm_alloc_libc, 1024);
    dgm_buf_init(&body, &dgm_alloc_libc, FILE_MAX_BYTES);
    put_target(c, &target);
    put_body(c, &body);
    assert_int_equal(body.rc, DGM_OK);
    emu_run_post(run, &dgm_alloc_libc, &options, dgm_buf_str(&target), dgm_buf_str(&body), 0);
    dgm_buf_dispose(&target);
    dgm_buf_dispose(&body);
    *ret_message = json_get_str(json_get(emu_run_json(run), DGM_STR("error")), DGM_STR("message"));
}

/* Whether a line is a rule's text, the holes standing for anything. */
static bool fits(struct dgm_str line, const char *text)
{
    struct dgm_str rest = dgm_str_c(text), piece;
    if (dgm_str_ends(rest, DGM_STR("\n")))
        rest.n--;
    bool first = true;
    while (dgm_str_split(&rest, '{', &piece)) {
        size_t at = rest.p ? dgm_str_find(line, piece)
                           : line.n - (dgm_str_ends(line, piece) ? piece.n : line.n + 1);
        if (at > line.n || (first && at != 0) || (at == line.n && piece.n != 0))
            return false;
        line = dgm_str_skip(line, at + piece.n);
        if (rest.p)
            rest = dgm_str_skip(rest, 2);
        first = false;
    }
    return line.n == 0;
}

/* The one rule whose text a message is, line by line; a list may say the same of several places. */
static const char *rule_of(struct dgm_str message, bool vertex)
{
    const char *found = NULL;
    struct dgm_str line;
    bool list = dgm_str_starts(message, DGM_STR("* "));
    while (list ? dgm_str_split(&message, '\n', &line) : message.p != NULL) {
        if (!list) {
            line = message;
            message = (struct dgm_str){0};
        }
        if (line.n == 0)
            continue;
        const char *here = NULL;
        for (size_t i = 0; emu_rules_at(i); i++) {
            const char *text = vertex ? emu_rules_at(i)->vertex : emu_rules_at(i)->gemini;
            if (text && fits(line, text) && !here)
                here = emu_rules_at(i)->id;
        }
        if (!here || (found && strcmp(found, here) != 0))
            return NULL;
        found = here;
    }
    return found;
}

static int setup(void **state)
{
    (void)state;
    dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    dgm_arena_dispose(&arena);
    return 0;
}

static void each_rule_refuses_its_case_alone(void **state)
{
    (void)state;
    bool seen[128][2] = {{false}}, near_seen[128] = {false};
    for (struct json_iter i = json_iter(read_cases("rules.json")); json_next(&i);) {
        struct dgm_str rule = json_get_str(i.value, DGM_STR("rule")), message;
        struct dgm_str near_rule = json_get_str(i.value, DGM_STR("near"));
        bool vertex = json_get_str(i.value, DGM_STR("on")).p[0] == 'v';
        struct emu_run run;
        run_case(i.value, &run, &message);
        const char *found = run.status == 400 ? rule_of(message, vertex) : NULL;
        if (run.status != (rule.p ? 400 : 200) || (rule.p && !dgm_str_eq(rule, dgm_str_c(found))))
            fail_msg("case %zu (%.*s%.*s): %d %s: %.*s", i.index, (int)rule.n, rule.p,
                     (int)near_rule.n, near_rule.p, run.status, found ? found : "no rule",
                     (int)message.n, message.p);
        for (size_t k = 0; emu_rules_at(k); k++) {
            seen[k][vertex] |= dgm_str_eq(rule, dgm_str_c(emu_rules_at(k)->id));
            near_seen[k] |= dgm_str_eq(near_rule, dgm_str_c(emu_rules_at(k)->id));
        }
        emu_run_dispose(&run);
    }
    for (size_t k = 0; emu_rules_at(k); k++) {
        const struct rule *rule = emu_rules_at(k);
        if (seen[k][1] != !!rule->vertex || seen[k][0] != !!rule->gemini || !near_seen[k])
            fail_msg("%s lacks a case", rule->id);
        assert_true(rule->source[0] != '\0');
    }
}

static void parser_says_what_google_says(void **state)
{
    (void)state;
    for (struct json_iter i = json_iter(read_cases("parser.json")); json_next(&i);) {
        struct dgm_str wanted = json_get_str(i.value, DGM_STR("message")), message;
        struct emu_run run;
        run_case(i.value, &run, &message);
        if (run.status != 400 || !dgm_str_eq(message, wanted))
            fail_msg("case %zu: %d: %.*s, not %.*s", i.index, run.status, (int)message.n, message.p,
                     (int)wanted.n, wanted.p);
        const struct json_val *error = json_get(emu_run_json(&run), DGM_STR("error"));
        const struct json_val *detail = json_at(json_get(error, DGM_STR("details")), 0);
        assert_true(json_size(json_get(detail, DGM_STR("fieldViolations"))) >= 1);
        emu_run_dispose(&run);
    }
}

static void what_google_takes_is_taken(void **state)
{
    (void)state;
    for (struct json_iter i = json_iter(read_cases("accepted.json")); json_next(&i);) {
        struct dgm_str name = json_get_str(i.value, DGM_STR("name")), message;
        struct emu_run run;
        run_case(i.value, &run, &message);
        if (run.status != 200)
            fail_msg("%.*s: %d: %.*s", (int)name.n, name.p, run.status, (int)message.n, message.p);
        emu_run_dispose(&run);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule_refuses_its_case_alone),
        cmocka_unit_test(parser_says_what_google_says),
        cmocka_unit_test(what_google_takes_is_taken),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
