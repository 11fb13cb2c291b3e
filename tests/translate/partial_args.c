/* SPDX-License-Identifier: Apache-2.0 */
/* partial_args.c - tests of translate/partial_args: pieces that are one JSON text together (user-pain C7). */
#include "translate/partial_args.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "support/alloc_fail.h"

/* A call being put together. */
struct place {
    struct alloc_fail memory;
    struct dgm_arena arena;
    struct dgm_buf out; /* all pieces, a '|' behind each, or none between them */
    struct partial_args args;
    bool bars;
};

static void begin(struct place *p, bool bars)
{
    alloc_fail_init(&p->memory, 0);
    dgm_arena_init(&p->arena, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&p->out, &p->memory.alloc, SIZE_MAX);
    partial_args_init(&p->args, &p->memory.alloc);
    p->bars = bars;
}

static void end(struct place *p)
{
    partial_args_dispose(&p->args);
    partial_args_dispose(&p->args);
    dgm_buf_dispose(&p->out);
    dgm_arena_dispose(&p->arena);
    alloc_fail_done(&p->memory, "partial_args");
}

static const struct json_val *parse(struct dgm_arena *arena, struct dgm_str json)
{
    char *text = dgm_arena_take(arena, json.n + JSON_PADDING);
    const struct json_val *root = NULL;
    struct json_error e;
    assert_non_null(text);
    memcpy(text, json.p, json.n);
    assert_int_equal(json_parse(arena, text, json.n, JSON_DEPTH_MAX, &root, &e), DGM_OK);
    return root;
}

static enum dgm_rc feed(struct place *p, const char *call)
{
    enum dgm_rc rc = partial_args_feed(&p->args, parse(&p->arena, dgm_str_c(call)), &p->out);
    if (p->bars)
        dgm_buf_put_char(&p->out, '|');
    return rc;
}

static struct dgm_str value_member(struct dgm_str value)
{
    switch (value.p[0]) {
    case '"':
        return DGM_STR("stringValue");
    case 't':
    case 'f':
        return DGM_STR("boolValue");
    case 'n':
        return DGM_STR("nullValue");
    default:
        return DGM_STR("numberValue");
    }
}

/* A line is an element of partialArgs: PATH=VALUE, PATH+=VALUE for willContinue, without a value too; or its JSON. */
static void put_line(struct json_writer *w, struct dgm_str line)
{
    size_t at = dgm_str_find_char(line, '=');
    bool more = at != 0 && line.p[at - 1] == '+';
    if (line.p[0] == '{') {
        json_put_raw(w, line);
        return;
    }
    struct dgm_str value = dgm_str_skip(line, at + 1);
    json_open_obj(w);
    json_member_str(w, "jsonPath", dgm_str_head(line, at - more));
    if (value.n != 0) {
        json_put_key(w, value_member(value));
        json_put_raw(w, value);
    }
    if (more)
        json_member_bool(w, "willContinue", true);
    json_close_obj(w);
}

/* Feeds a call whose partialArgs are lines. */
static enum dgm_rc feed_lines(struct place *p, const char *lines, bool more)
{
    struct dgm_str rest = dgm_str_c(lines), line;
    struct dgm_buf call;
    dgm_buf_init(&call, &dgm_alloc_libc, SIZE_MAX);
    struct json_writer w = json_writer(&call);
    json_open_obj(&w);
    json_put_name(&w, "partialArgs");
    json_open_arr(&w);
    while (rest.n != 0 && dgm_str_split(&rest, '\n', &line))
        put_line(&w, line);
    json_close_arr(&w);
    json_member_bool(&w, "willContinue", more);
    json_close_obj(&w);
    dgm_buf_put_char(&call, '\0');
    enum dgm_rc rc = feed(p, call.p);
    dgm_buf_dispose(&call);
    return rc;
}

static void assert_out(const struct place *p, const char *expected)
{
    struct dgm_str got = dgm_buf_str(&p->out);
    if (!dgm_str_eq(got, dgm_str_c(expected)))
        print_error("got %.*s\n", (int)got.n, got.p);
    assert_true(dgm_str_eq(got, dgm_str_c(expected)));
}

/* One call whose partialArgs are lines, and which is all; it ends as `rc` says. */
static void check(const char *lines, enum dgm_rc rc, const char *expected)
{
    struct place p;
    begin(&p, false);
    assert_int_equal(feed_lines(&p, lines, false), rc);
    assert_int_equal(partial_args_finish(&p.args, &p.out), rc); /* it stays */
    assert_out(&p, expected);
    if (rc == DGM_DONE)
        parse(&p.arena, dgm_buf_str(&p.out));
    end(&p);
}

/* google.md 4.4: the pieces that Google's own endpoint sends. */
static void c7_the_documented_example(void **state)
{
    struct place p;
    (void)state;
    begin(&p, true);
    assert_int_equal(feed(&p, "{\"name\":\"get_current_weather\",\"willContinue\":true}"),
                     DGM_MORE);
    assert_int_equal(feed_lines(&p, "$.location+=\"Boston, MA\"", true), DGM_MORE);
    assert_int_equal(feed_lines(&p, "$.location=\"\"", true), DGM_MORE);
    assert_int_equal(feed_lines(&p, "$.unit+=\"celsius\"", true), DGM_MORE);
    assert_int_equal(feed_lines(&p, "$.unit=\"\"", true), DGM_MORE);
    assert_int_equal(feed(&p, "{}"), DGM_DONE);
    assert_out(&p, "|{\"location\":\"Boston, MA|\"|,\"unit\":\"celsius|\"|}|");
    assert_int_equal(feed(&p, "{}"), DGM_DONE);
    assert_int_equal(feed_lines(&p, "$.late=1", false), DGM_E_SYNTAX);
    end(&p);
}

/* As recorded: nothing between elements, and a last part that has a value and no willContinue. */
static void c7_arrays_of_objects(void **state)
{
    struct place p;
    (void)state;
    begin(&p, true);
    assert_int_equal(feed_lines(&p, "$.list[0].action+=\"add\"", true), DGM_MORE);
    assert_int_equal(feed_lines(&p, "$.list[0].action=\"\"", true), DGM_MORE);
    assert_int_equal(feed_lines(&p, "$.list[0].price=0.5", true), DGM_MORE);
    assert_int_equal(feed(&p, "{\"willContinue\":true}"), DGM_MORE);
    assert_int_equal(feed_lines(&p, "$.list[1].action+=\"add\"", true), DGM_MORE);
    assert_int_equal(feed_lines(&p, "$.list[1].price=5.0", false), DGM_DONE);
    assert_out(&p, "{\"list\":[{\"action\":\"add|\"|,\"price\":0.5||},{\"action\":\"add|"
                   "\",\"price\":5.0}]}|");
    end(&p);
}

static void no_arguments(void **state)
{
    struct place p;
    (void)state;
    check("", DGM_DONE, "{}");
    check("{}", DGM_DONE, "{}");
    check("$=", DGM_DONE, "{}");
    begin(&p, false);
    assert_int_equal(partial_args_finish(&p.args, &p.out), DGM_DONE);
    assert_out(&p, "{}");
    end(&p);
    begin(&p, false);
    assert_int_equal(feed(&p, "[1]"), DGM_DONE);
    assert_out(&p, "{}");
    end(&p);
}

static void all_kinds(void **state)
{
    (void)state;
    check(
        "$.a=true\n$.b=false\n$.c=null\n$.e=2512292042121000001\n$.f=-1.50e+3\n$.g=\"\"", DGM_DONE,
        "{\"a\":true,\"b\":false,\"c\":null,\"e\":2512292042121000001,\"f\":-1.50e+3,\"g\":\"\"}");
    check("{\"jsonPath\":\"$.d\",\"nullValue\":\"NULL_VALUE\"}", DGM_DONE, "{\"d\":null}");
    /* Nulls that stand for "absent", and a null that was left out. */
    check("{\"jsonPath\":\"$.a\",\"stringValue\":null,\"numberValue\":1,\"nullValue\":null}\n$.b=",
          DGM_DONE, "{\"a\":1,\"b\":null}");
}

static void nested(void **state)
{
    (void)state;
    check("$.a.b.c=1\n$.a.b.d[0]=2\n$.a.b.d[1][0][0].e=3\n$.a.f=4\n$.g[0]=\"x\"", DGM_DONE,
          "{\"a\":{\"b\":{\"c\":1,\"d\":[2,[[{\"e\":3}]]]},\"f\":4},\"g\":[\"x\"]}");
    /* The same name again, in another object. */
    check("$.a.x=1\n$.b.x=2\n$.b.a=3\n$.x=4", DGM_DONE,
          "{\"a\":{\"x\":1},\"b\":{\"x\":2,\"a\":3},\"x\":4}");
}

static void strings_in_pieces(void **state)
{
    (void)state;
    check("$.s+=\"line\\n\"\n$.s+=\"\\\"quoted\\\"\\\\\"\n$.s+=\"\"\n$.s+=\"\\ud83d\\ude00\"\n"
          "$.s+=\"\\u0001\xc3\xa4\"",
          DGM_DONE, "{\"s\":\"line\\n\\\"quoted\\\"\\\\\xf0\x9f\x98\x80\\u0001\xc3\xa4\"}");
    /* One that is left open is closed by what comes next; what says nothing ends it, or lets it wait. */
    check("$.s+=\"a\"\n$.t=1", DGM_DONE, "{\"s\":\"a\",\"t\":1}");
    check("$.a[0]+=\"a\"\n$.a[0]+=\n$.a[0]=\"b\"\n$.a[1]=\"c\"", DGM_DONE,
          "{\"a\":[\"ab\",\"c\"]}");
    check("$.s+=\"a\"\n$.s=\n$.s=\"b\"", DGM_E_SYNTAX, "{\"s\":\"a\"");
    /* A beginning without a value waits for it. */
    check("$.s+=\n$.s=\"b\"", DGM_DONE, "{\"s\":\"b\"}");
}

static void paths(void **state)
{
    (void)state;
    check("$['a']=1\n$[\"b\"]=2\n$[ 'c' ][ 0 ].d=3\n$.x-y z=4\n$.\xc3\xa4=5", DGM_DONE,
          "{\"a\":1,\"b\":2,\"c\":[{\"d\":3}],\"x-y z\":4,\"\xc3\xa4\":5}");
    check("$['a.b[0]']['']=1", DGM_DONE, "{\"a.b[0]\":{\"\":1}}");
    check("$['\\'\\\\\\n\\/\\u00e4\\ud83d\\ude00\\u0000']=1", DGM_DONE,
          "{\"'\\\\\\n/\xc3\xa4\xf0\x9f\x98\x80\\u0000\":1}");
    check("$[\"\\b\\f\\r\\t\\\"\\u00C4\"]=1", DGM_DONE, "{\"\\b\\f\\r\\t\\\"\xc3\x84\":1}");
    /* Two names of one place. */
    check("$.a.b+=\"x\"\n$['\\u0061'][\"b\"]=\"y\"", DGM_DONE, "{\"a\":{\"b\":\"xy\"}}");
}

static void unreadable_paths(void **state)
{
    static const char *const bad[] = {"",
                                      "a",
                                      "$a",
                                      "$.",
                                      "$..a",
                                      "$.a.",
                                      "$.a..b",
                                      "$[",
                                      "$[]",
                                      "$[a]",
                                      "$.a[-1]",
                                      "$.a[*]",
                                      "$.a[0",
                                      "$.a[0:1]",
                                      "$['a'",
                                      "$['a",
                                      "$['a\"]",
                                      "$['\\x']",
                                      "$['\\u12']",
                                      "$['\\u12g4']",
                                      "$['\\ud83d']",
                                      "$['\\ude00']",
                                      "$['\\ud83dx']",
                                      "$['\\ud83d\\u0041']",
                                      "$['\\",
                                      "$.a[4294967295]",
                                      "$.a[99999999999999999999]",
                                      "$.a[?@.b]",
                                      " $.a"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct dgm_buf lines;
        dgm_buf_init(&lines, &dgm_alloc_libc, SIZE_MAX);
        dgm_buf_put_lit(&lines, "$.x=1\n");
        dgm_buf_put(&lines, dgm_str_c(bad[i]));
        dgm_buf_put(&lines, (struct dgm_str){"=2", sizeof "=2"});
        check(lines.p, DGM_E_SYNTAX, "{\"x\":1");
        dgm_buf_dispose(&lines);
    }
}

/* What has left cannot be changed. */
static void places_that_are_none(void **state)
{
    static const char *const bad[] = {
        "$.o.y=3",      /* closed */
        "$.o=3",        /* there already */
        "$.a=3",        /* open, and no scalar */
        "$.a[0]=3",     /* a second value */
        "$.a[0]=\"3\"", /* the same */
        "$.a[2]=3",     /* a gap */
        "$.a.b=3",      /* an array is no object */
        "$.a[0].b=3",   /* through a scalar */
        "$.b[1]=3",     /* does not begin with 0 */
        "$.b[0][1]=3",  /* the same */
        "$[0]=3",       /* the arguments are an object */
        "$=3",          /* the same */
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct dgm_buf lines;
        dgm_buf_init(&lines, &dgm_alloc_libc, SIZE_MAX);
        dgm_buf_put_lit(&lines, "$.o.x=1\n$.a[0]=2\n");
        dgm_buf_put(&lines, (struct dgm_str){bad[i], strlen(bad[i]) + 1});
        check(lines.p, DGM_E_SYNTAX, "{\"o\":{\"x\":1},\"a\":[2");
        dgm_buf_dispose(&lines);
    }
    check("$.a=1\n$.b=2\n$.a=3", DGM_E_SYNTAX, "{\"a\":1,\"b\":2");
    check("$.s+=\"x\"\n$.s.t=1", DGM_E_SYNTAX, "{\"s\":\"x");
    check("$.s+=\"x\"\n$.s=1", DGM_E_SYNTAX, "{\"s\":\"x");
}

static void values_that_are_none(void **state)
{
    static const char *const bad[] = {"\"stringValue\":1", "\"numberValue\":\"NaN\"",
                                      "\"boolValue\":\"true\"", "\"structValue\":{}",
                                      "\"stringValue\":\"x\",\"numberValue\":1"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char line[128];
        snprintf(line, sizeof line, "{\"jsonPath\":\"$.a\",%s}", bad[i]);
        check(line, DGM_E_SYNTAX, "");
    }
    check("{\"stringValue\":\"x\"}", DGM_E_SYNTAX, "");
    check("{\"jsonPath\":null,\"stringValue\":\"x\"}", DGM_E_SYNTAX, "");
    struct place p;
    begin(&p, false);
    assert_int_equal(feed(&p, "{\"partialArgs\":[1]}"), DGM_E_SYNTAX);
    end(&p);
}

/* Lines of one path: "$.a", then "[0]" so that it has `depth` steps. */
static void put_deep(struct dgm_buf *out, unsigned depth)
{
    dgm_buf_put_lit(out, "$.a");
    while (depth-- > 1)
        dgm_buf_put_lit(out, "[0]");
    dgm_buf_put(out, (struct dgm_str){"=1", sizeof "=1"});
}

static void has_its_bounds(void **state)
{
    struct dgm_buf line, expected;
    (void)state;
    dgm_buf_init(&line, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&expected, &dgm_alloc_libc, SIZE_MAX);
    put_deep(&line, PARTIAL_ARGS_DEPTH_MAX + 1);
    check(line.p, DGM_E_LIMIT, "");
    dgm_buf_clear(&line);
    put_deep(&line, PARTIAL_ARGS_DEPTH_MAX);
    dgm_buf_put_lit(&expected, "{\"a\":");
    for (int i = 1; i < PARTIAL_ARGS_DEPTH_MAX; i++)
        dgm_buf_put_char(&expected, '[');
    dgm_buf_put_char(&expected, '1');
    for (int i = 1; i < PARTIAL_ARGS_DEPTH_MAX; i++)
        dgm_buf_put_char(&expected, ']');
    dgm_buf_put_char(&expected, '}');
    dgm_buf_put_char(&expected, '\0');
    check(line.p, DGM_DONE, expected.p);

    dgm_buf_clear(&line);
    dgm_buf_put_lit(&line, "$.");
    for (int i = 0; i < PARTIAL_ARGS_PATH_BYTES_MAX - 1; i++)
        dgm_buf_put_char(&line, 'x');
    dgm_buf_put(&line, (struct dgm_str){"=1", sizeof "=1"});
    check(line.p, DGM_E_LIMIT, "");
    dgm_buf_dispose(&line);
    dgm_buf_dispose(&expected);
}

/* The names of one object are bounded; those of objects that are closed do not count. */
static void names_are_bounded(void **state)
{
    (void)state;
    for (int same_object = 0; same_object < 2; same_object++) {
        struct place p;
        enum dgm_rc rc = DGM_MORE;
        begin(&p, false);
        for (int i = 0; rc == DGM_MORE && i < 4000; i++) {
            char line[64];
            if (same_object)
                snprintf(line, sizeof line, "$.a.a_name_of_some_length_%d=1", i);
            else
                snprintf(line, sizeof line, "$.a[%d].a_name_of_some_length_%d=1", i, i);
            rc = feed_lines(&p, line, true);
        }
        assert_int_equal(rc, same_object ? DGM_E_LIMIT : DGM_MORE);
        assert_true(p.args._names.cap <= PARTIAL_ARGS_NAMES_BYTES_MAX);
        end(&p);
    }
}

static void memory_may_be_short(void **state)
{
    (void)state;
    for (size_t k = 1;; k++) {
        struct place p;
        begin(&p, false);
        p.memory.fail_at = k;
        enum dgm_rc rc = DGM_MORE;
        for (int i = 0; i < 100 && rc == DGM_MORE; i++) {
            char line[64];
            snprintf(line, sizeof line, "$.name_%d=\"value\"", i);
            rc = feed_lines(&p, line, true);
        }
        if (rc == DGM_MORE)
            rc = feed(&p, "{}");
        bool failed = alloc_fail_failed(&p.memory);
        assert_int_equal(rc, failed ? DGM_E_NOMEM : DGM_DONE);
        assert_int_equal(partial_args_finish(&p.args, &p.out), rc);
        end(&p);
        if (!failed)
            return;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(c7_the_documented_example),
        cmocka_unit_test(c7_arrays_of_objects),
        cmocka_unit_test(no_arguments),
        cmocka_unit_test(all_kinds),
        cmocka_unit_test(nested),
        cmocka_unit_test(strings_in_pieces),
        cmocka_unit_test(paths),
        cmocka_unit_test(unreadable_paths),
        cmocka_unit_test(places_that_are_none),
        cmocka_unit_test(values_that_are_none),
        cmocka_unit_test(has_its_bounds),
        cmocka_unit_test(names_are_bounded),
        cmocka_unit_test(memory_may_be_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
