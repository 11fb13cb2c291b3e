/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cases.c - native requests that are refused and accepted: tests/emulate/cases, and that each rule has its case.
 *
 * rules.json: {rule} breaks that rule and no other (it is refused, or warned of), {near: rule} is a near miss and
 * accepted. parser.json: the exact message. accepted.json: what must pass. The body is `body`, a `config` alone,
 * `raw` text, so many `euros`, or an image of so many `megabytes`. `at` is the location on Vertex, `verb` the method. SIGNATURE in a
 * body is the one that `signer` (on, model) made for the part `signed`.
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
#include "emulate/check.h"
#include "emulate/prompt.h"
#include "support/emu_run.h"

#define FILE_MAX_BYTES ((size_t)1 << 20)
#define BODY_MAX_BYTES ((size_t)64 << 20)
#define RULES_MAX 256

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

/* Models in preview are global alone, old ones are not there (models.def). */
static void put_location(const struct json_val *c, struct dgm_buf *out)
{
    struct dgm_str at = json_get_str(c, DGM_STR("at")), model = json_get_str(c, DGM_STR("model"));
    bool preview = dgm_str_find(model, DGM_STR("preview")) < model.n;
    dgm_buf_put_lit(out, "/projects/p/locations/");
    dgm_buf_put(out, at.p ? at : preview ? DGM_STR("global") : DGM_STR("us-central1"));
    dgm_buf_put_lit(out, "/publishers/google/models/");
}

static void put_target(const struct json_val *c, struct dgm_buf *out)
{
    struct dgm_str on = json_get_str(c, DGM_STR("on"));
    bool vertex = on.n != 0 && on.p[0] == 'v';
    dgm_buf_put(out, dgm_str_eq(on, DGM_STR("g1b"))    ? DGM_STR("/v1beta/models/")
                     : dgm_str_eq(on, DGM_STR("g1"))   ? DGM_STR("/v1/models/")
                     : dgm_str_eq(on, DGM_STR("v1b1")) ? DGM_STR("/v1beta1")
                                                       : DGM_STR("/v1"));
    if (vertex)
        put_location(c, out);
    dgm_buf_put(out, json_get_str(c, DGM_STR("model")));
    struct dgm_str verb = json_get_str(c, DGM_STR("verb"));
    dgm_buf_put_char(out, ':');
    dgm_buf_put(out, verb.p ? verb : DGM_STR("generateContent"));
}

/* The signature that a case speaks of. */
static void put_signature(const struct json_val *c, struct dgm_buf *out)
{
    struct ask ask = {0};
    struct dgm_buf target, args;
    const struct json_val *part = json_get(c, DGM_STR("signed"));
    const struct json_val *call = json_get(part, DGM_STR("functionCall"));
    struct signed_part signed_part = {SIGNED_TEXT, json_get_str(call, DGM_STR("name")),
                                      json_get_str(part, DGM_STR("text"))};
    dgm_buf_init(&target, dgm_arena_alloc(&arena), 1024);
    dgm_buf_init(&args, dgm_arena_alloc(&arena), 1024);
    put_target(json_get(c, DGM_STR("signer")), &target);
    assert_true(emu_target_read(DGM_STR("POST"), dgm_buf_str(&target), &ask.target));
    assert_true(emu_model_find(ask.target.model, &ask.model));
    if (call) {
        struct json_writer w = json_writer(&args);
        json_put_val(&w, json_get(call, DGM_STR("args")));
        signed_part.kind = SIGNED_CALL;
        signed_part.body = dgm_buf_str(&args);
    }
    assert_int_equal(emu_signature_put(out, &ask, &signed_part, &arena), DGM_OK);
}

static void put_signed(const struct json_val *c, struct dgm_str body, struct dgm_buf *out)
{
    struct dgm_str name = DGM_STR("SIGNATURE");
    for (size_t at; (at = dgm_str_find(body, name)) < body.n;) {
        dgm_buf_put(out, dgm_str_head(body, at));
        put_signature(c, out);
        body = dgm_str_skip(body, at + name.n);
    }
    dgm_buf_put(out, body);
}

static void put_body(const struct json_val *c, struct dgm_buf *out)
{
    struct json_writer w = json_writer(out);
    int64_t euros, megabytes;
    if (json_get(c, DGM_STR("signed"))) {
        struct dgm_buf body;
        dgm_buf_init(&body, dgm_arena_alloc(&arena), FILE_MAX_BYTES);
        struct json_writer plain = json_writer(&body);
        json_put_val(&plain, json_get(c, DGM_STR("body")));
        put_signed(c, dgm_buf_str(&body), out);
    } else if (json_get(c, DGM_STR("raw"))) {
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
    } else if (json_int(json_get(c, DGM_STR("megabytes")), &megabytes)) {
        dgm_buf_put_lit(out,
                        "{\"contents\":[{\"parts\":[{\"inlineData\":{\"mimeType\":\"image/png\","
                        "\"data\":\"");
        for (int64_t i = (megabytes << 20) / 3; i != 0; i--)
            dgm_buf_put_lit(out, "AAAA");
        dgm_buf_put_lit(out, "\"}}]}]}");
    } else {
        json_put_val(&w, json_get(c, DGM_STR("body")));
    }
}

static void run_case(const struct json_val *c, struct emu_run *run, struct dgm_str *ret_message)
{
    struct dgm_buf target, body;
    dgm_buf_init(&target, &dgm_alloc_libc, 1024);
    dgm_buf_init(&body, &dgm_alloc_libc, BODY_MAX_BYTES);
    put_target(c, &target);
    put_body(c, &body);
    assert_int_equal(body.rc, DGM_OK);
    emu_run_post(run, &dgm_alloc_libc, &options, dgm_buf_str(&target), dgm_buf_str(&body), 0);
    dgm_buf_dispose(&target);
    dgm_buf_dispose(&body);
    *ret_message = json_get_str(json_get(emu_run_json(run), DGM_STR("error")), DGM_STR("message"));
}

/* The rules a request breaks. */
static void find_broken(const struct json_val *c, struct findings *ret)
{
    struct ask ask = {0};
    struct prompt prompt;
    struct refusal refusal;
    const struct json_val *root = NULL;
    struct dgm_buf target, body;
    dgm_buf_init(&target, dgm_arena_alloc(&arena), 1024);
    dgm_buf_init(&body, dgm_arena_alloc(&arena), BODY_MAX_BYTES);
    put_target(c, &target);
    put_body(c, &body);
    assert_non_null(dgm_buf_reserve(&body, JSON_PADDING));
    assert_true(emu_target_read(DGM_STR("POST"), dgm_buf_str(&target), &ask.target));
    assert_true(emu_model_find(ask.target.model, &ask.model));
    if (emu_check_body(&arena, body.p, body.n, NATIVE_GENERATE_CONTENT_REQUEST, ask.target.surface,
                       &root, &refusal) != DGM_OK)
        fail_msg("the parser says: %.*s", (int)refusal.message.n, refusal.message.p);
    emu_ask_init(&ask, root);
    assert_int_equal(emu_prompt_read(&ask, &arena, &prompt), DGM_OK);
    assert_int_not_equal(emu_rules_check(&ask, prompt.tokens_total, &arena, ret), DGM_E_NOMEM);
}

static size_t number_of(struct dgm_str id)
{
    for (size_t k = 0; emu_rules_at(k); k++)
        if (dgm_str_eq(id, dgm_str_c(emu_rules_at(k)->id)))
            return k;
    fail_msg("there is no rule %.*s", (int)id.n, id.p);
    return 0;
}

/* Whether a text is a rule's, the holes standing for anything; of a list any line of it is enough. */
static bool fits(struct dgm_str line, const char *text)
{
    struct dgm_str rest = dgm_str_c(text), piece;
    while (dgm_str_split(&rest, '{', &piece)) {
        size_t at = dgm_str_find(line, piece);
        if (at == line.n && piece.n != 0)
            return false;
        line = dgm_str_skip(line, at + piece.n);
        if (rest.p)
            rest = dgm_str_skip(rest, 2);
    }
    return true;
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

/* Breaks its rule and no other, and is answered with what the row says. */
static bool is_broken_as_said(const struct json_val *c, const struct rule *rule,
                              const struct findings *found)
{
    bool vertex = json_get_str(c, DGM_STR("on")).p[0] == 'v';
    struct dgm_str message;
    struct emu_run run;
    run_case(c, &run, &message);
    if (rule->status == RULE_WARNS)
        message = found->warnings;
    bool good = found->nbroken == 1 && found->broken[0] == rule &&
                run.status == (rule->status == RULE_WARNS ? 200 : rule->status) &&
                fits(message, vertex ? rule->vertex : rule->gemini);
    if (!good)
        print_error("%s: %d, broken is %s, of %zu: %.*s\n", rule->id, run.status,
                    found->nbroken != 0 ? found->broken[0]->id : "none", found->nbroken,
                    (int)message.n, message.p);
    emu_run_dispose(&run);
    return good;
}

static bool is_accepted(const struct json_val *c, const struct rule *rule,
                        const struct findings *found)
{
    struct dgm_str message;
    struct emu_run run;
    run_case(c, &run, &message);
    bool good = run.status == 200;
    for (size_t i = 0; i < found->nbroken; i++)
        good = good && found->broken[i] != rule;
    if (!good)
        print_error("near %s: %d, %.*s\n", rule->id, run.status, (int)message.n, message.p);
    emu_run_dispose(&run);
    return good;
}

static void each_rule_has_its_cases(void **state)
{
    (void)state;
    static bool seen[RULES_MAX][2], near_seen[RULES_MAX];
    size_t bad = 0;
    for (struct json_iter i = json_iter(read_cases("rules.json")); json_next(&i);) {
        struct dgm_str rule = json_get_str(i.value, DGM_STR("rule"));
        struct dgm_str near_rule = json_get_str(i.value, DGM_STR("near"));
        size_t number = number_of(rule.p ? rule : near_rule);
        struct findings found;
        find_broken(i.value, &found);
        bool good = rule.p ? is_broken_as_said(i.value, emu_rules_at(number), &found)
                           : is_accepted(i.value, emu_rules_at(number), &found);
        if (!good)
            print_error("    case %zu\n", i.index);
        bad += !good;
        assert_true(number < RULES_MAX);
        seen[number][json_get_str(i.value, DGM_STR("on")).p[0] == 'v'] |= rule.p != NULL;
        near_seen[number] |= near_rule.p != NULL;
    }
    assert_int_equal(bad, 0);
    for (size_t k = 0; emu_rules_at(k); k++) {
        const struct rule *rule = emu_rules_at(k);
        if (seen[k][1] != !!rule->vertex || seen[k][0] != !!rule->gemini || !near_seen[k])
            fail_msg("%s lacks a case: vertex %d, gemini %d, near %d", rule->id, seen[k][1],
                     seen[k][0], near_seen[k]);
    }
}

/* What is sure is refused, what is not is told. */
static void rows_are_sound(void **state)
{
    (void)state;
    size_t n = 0;
    for (; emu_rules_at(n); n++) {
        const struct rule *rule = emu_rules_at(n);
        if ((rule->certainty == CERTAINTY_INFERRED) != (rule->status == RULE_WARNS) ||
            rule->from > rule->to || rule->source[0] == '\0' || (!rule->vertex && !rule->gemini))
            fail_msg("%s: an inferred rule warns, every other refuses, all have a source",
                     rule->id);
        for (size_t k = 0; rule->status == RULE_WARNS && k < 2; k++)
            assert_true(!(k ? rule->vertex : rule->gemini) ||
                        !strchr(k ? rule->vertex : rule->gemini, ';')); /* that divides them */
        for (size_t k = 0; k < n; k++)
            assert_string_not_equal(rule->id, emu_rules_at(k)->id);
    }
    assert_true(n >= 60);
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
        cmocka_unit_test(rows_are_sound),
        cmocka_unit_test(each_rule_has_its_cases),
        cmocka_unit_test(parser_says_what_google_says),
        cmocka_unit_test(what_google_takes_is_taken),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
