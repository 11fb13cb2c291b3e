/* SPDX-License-Identifier: Apache-2.0 */
/* write.c - tests of json/write. */
#include "json/write.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "support/alloc_fail.h"

struct place {
    struct alloc_fail memory;
    struct dgm_arena arena;
    struct dgm_buf out;
    struct json_writer w;
};

static void begin(struct place *p)
{
    alloc_fail_init(&p->memory, 0);
    dgm_arena_init(&p->arena, &p->memory.alloc, SIZE_MAX);
    dgm_buf_init(&p->out, &p->memory.alloc, SIZE_MAX);
    p->w = json_writer(&p->out);
}

static void end(struct place *p)
{
    dgm_buf_dispose(&p->out);
    dgm_arena_dispose(&p->arena);
    alloc_fail_done(&p->memory, "json_writer");
}

static void assert_out(struct place *p, struct dgm_str expected)
{
    struct dgm_str got = dgm_buf_str(&p->out);
    assert_int_equal(p->out.rc, DGM_OK);
    if (!dgm_str_eq(got, expected))
        print_error("got %.*s\n", (int)got.n, got.p);
    assert_true(dgm_str_eq(got, expected));
}

static const struct json_val *parse(struct place *p, struct dgm_str json)
{
    char *text = dgm_arena_take(&p->arena, json.n + JSON_PADDING);
    const struct json_val *root = NULL;
    struct json_error error;
    memcpy(text, json.p, json.n);
    assert_int_equal(json_parse(&p->arena, text, json.n, JSON_DEPTH_MAX, &root, &error), DGM_OK);
    return root;
}

static void puts_raw_values(void **state)
{
    (void)state;
    struct place p;
    begin(&p);
    json_open_obj(&p.w);
    json_put_name(&p.w, "a");
    struct dgm_buf *out = json_open_raw(&p.w);
    dgm_buf_add_lit(out, "{\"b\":[1,");
    dgm_buf_put_int(out, 2);
    dgm_buf_add_lit(out, "]}");
    json_close_raw(&p.w);
    json_put_name(&p.w, "c");
    json_open_arr(&p.w);
    for (int64_t i = 99; i <= 101; i++) {
        dgm_buf_put_int(json_open_raw(&p.w), i);
        json_close_raw(&p.w);
    }
    json_close_arr(&p.w);
    json_close_obj(&p.w);
    assert_out(&p, DGM_STR("{\"a\":{\"b\":[1,2]},\"c\":[99,100,101]}"));
    end(&p);
}

static void opens_and_closes_by_text(void **state)
{
    (void)state;
    struct place p;
    begin(&p);
    json_open_arr(&p.w);
    for (int64_t i = 0; i < 2; i++) {
        json_open_text(&p.w, DGM_STR("{\"a\":0,\"b\":["), 2, 1);
        json_put_int(&p.w, i);
        json_open_obj(&p.w);
        json_close_obj(&p.w);
        json_close_text(&p.w, DGM_STR("]}"), 2);
    }
    json_close_arr(&p.w);
    assert_out(&p, DGM_STR("[{\"a\":0,\"b\":[0,{}]},{\"a\":0,\"b\":[1,{}]}]"));
    end(&p);
}

static void puts_commas(void **state)
{
    (void)state;
    struct place p;
    begin(&p);
    struct json_writer *w = &p.w;
    json_open_obj(w);
    json_member_str(w, "a", DGM_STR("x"));
    json_put_key(w, DGM_STR("b"));
    json_open_arr(w);
    json_put_int(w, INT64_MIN);
    json_open_obj(w);
    json_close_obj(w);
    json_open_arr(w);
    json_put_null(w);
    json_put_bool(w, true);
    json_put_bool(w, false);
    json_close_arr(w);
    json_put_raw(w, DGM_STR("1.0"));
    json_close_arr(w);
    json_member_int(w, "c", 0);
    json_member_bool(w, "d", true);
    json_member_null(w, "e");
    json_member_val(w, "f", NULL);
    json_close_obj(w);
    dgm_buf_put_char(&p.out, '\n');
    json_open_arr(w); /* the next text begins without a comma */
    json_close_arr(w);
    json_put_int(w, 7);
    assert_out(&p,
               DGM_STR("{\"a\":\"x\",\"b\":[-9223372036854775808,{},[null,true,false],1.0],\"c\":0,"
                       "\"d\":true,\"e\":null,\"f\":null}\n[]7"));
    end(&p);
}

static void nests_to_its_limit(void **state)
{
    (void)state;
    struct place p;
    begin(&p);
    for (unsigned i = 0; i < JSON_WRITER_DEPTH_MAX; i++) {
        if (i % 3 == 1)
            json_put_key(&p.w, DGM_STR("k"));
        if (i % 3 == 0)
            json_open_obj(&p.w);
        else
            json_open_arr(&p.w);
        if (i % 3 == 0 && i == JSON_WRITER_DEPTH_MAX - 1)
            json_member_int(&p.w, "last", 1);
    }
    for (unsigned i = JSON_WRITER_DEPTH_MAX; i-- > 0;)
        if (i % 3 == 0)
            json_close_obj(&p.w);
        else
            json_close_arr(&p.w);
    struct dgm_str text = dgm_buf_str(&p.out);
    parse(&p, text);
    json_put_int(&p.w, 5);
    assert_true(dgm_str_ends(dgm_buf_str(&p.out), DGM_STR("]}5")));
    end(&p);
}

/* Every byte at every place of a string of every length near the width that is looked at as one. */
static void escapes_every_byte(void **state)
{
    (void)state;
    for (int c = 0; c < 0x80; c++)
        for (size_t n = 1; n <= 18; n++)
            for (size_t at = 0; at < n; at++) {
                char text[18], expected[64];
                memset(text, 'a', n);
                text[at] = (char)c;
                const char *mark = c ? memchr("\"\\\b\f\n\r\t", c, 7) : NULL;
                char escape[8] = {(char)c};
                if (mark)
                    snprintf(escape, sizeof escape, "\\%c", "\"\\bfnrt"[mark - "\"\\\b\f\n\r\t"]);
                else if (c < 0x20)
                    snprintf(escape, sizeof escape, "\\u%04x", (unsigned)c);
                snprintf(expected, sizeof expected, "\"%.*s%s%.*s\"", (int)at, "aaaaaaaaaaaaaaaaaa",
                         escape, (int)(n - at - 1), "aaaaaaaaaaaaaaaaaa");

                struct place p;
                begin(&p);
                json_put_str(&p.w, (struct dgm_str){text, n});
                assert_out(&p, dgm_str_c(expected));
                end(&p);
            }
}

/* Whatever its length, and wherever it stands, what needs an escape is found; nothing past the end is read. */
static void escapes_at_every_place(void **state)
{
    (void)state;
    static const char marks[] = {'"', '\\', '\n', '\x1f', '\0'};
    static const char *const escaped[] = {"\\\"", "\\\\", "\\n", "\\u001f", "\\u0000"};
    for (size_t n = 0; n < 80; n++)
        for (size_t at = 0; at <= n; at++) { /* at n: nowhere */
            struct place p;
            begin(&p);
            char *text = malloc(n + 1), expected[100];
            assert_non_null(text);
            text[n] = '"'; /* behind the end */
            memset(text, n % 2 ? '\x20' : '\xbf', n);
            const char *escape = at < n ? escaped[at % 5] : "";
            if (at < n)
                text[at] = marks[at % 5];
            int length = snprintf(expected, sizeof expected, "{\"%.*s%s%.*s\":1}", (int)at, text,
                                  escape, (int)(n - at - (at < n)), text + at + (at < n));
            json_open_obj(&p.w);
            json_put_key(&p.w, (struct dgm_str){text, n});
            json_put_int(&p.w, 1);
            json_close_obj(&p.w);
            assert_out(&p, (struct dgm_str){expected, (size_t)length});
            free(text);
            end(&p);
        }
}

static void leaves_the_rest_alone(void **state)
{
    (void)state;
    struct place p;
    begin(&p);
    json_put_str(&p.w, DGM_STR("/ \x7f \xc3\xa9 \xe2\x80\xa8\xe2\x80\xa9 \xf0\x9f\x98\x80 <&>'"));
    json_put_str(&p.w, (struct dgm_str){0});
    json_put_str(&p.w, DGM_STR(""));
    assert_out(
        &p, DGM_STR("\"/ \x7f \xc3\xa9 \xe2\x80\xa8\xe2\x80\xa9 \xf0\x9f\x98\x80 <&>'\"\"\"\"\""));
    end(&p);
}

static void puts_strings_in_pieces(void **state)
{
    (void)state;
    struct place p;
    begin(&p);
    json_open_obj(&p.w);
    json_put_key(&p.w, DGM_STR("a\"b"));
    json_open_str(&p.w);
    json_add_str(&p.w, DGM_STR("one\n"));
    json_add_str(&p.w, DGM_STR(""));
    json_add_str(&p.w, DGM_STR("\"two\""));
    json_close_str(&p.w);
    json_member_int(&p.w, "n", 1);
    json_close_obj(&p.w);
    assert_out(&p, DGM_STR("{\"a\\\"b\":\"one\\n\\\"two\\\"\",\"n\":1}"));
    end(&p);
}

static void puts_trees_as_they_came(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "null",
        "[]",
        "{}",
        "{\"z\":[1,2.50,-0,1e400,2512292042121000001],\"a\":{\"\":\"\",\"z\":[[],{}]},\"z\":[true,false,null]}",
        "\"\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f\x7f/\"",
        "[\"\xe2\x80\xa8\",\"\xf0\x9f\x98\x80\"]",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct place p;
        begin(&p);
        json_put_val(&p.w, parse(&p, dgm_str_c(texts[i])));
        assert_out(&p, dgm_str_c(texts[i]));
        end(&p);
    }

    struct place p;
    begin(&p);
    json_put_val(&p.w,
                 parse(&p, DGM_STR(" { \"a\\/\\u0062\" : [ 1 , \"\\ud83d\\ude00\\ud800\" ] } ")));
    assert_out(&p, DGM_STR("{\"a/b\":[1,\"\xf0\x9f\x98\x80\xef\xbf\xbd\"]}"));
    end(&p);
}

/* The text within the string is the same that json_put_val puts. */
static void puts_trees_within_strings(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "null",
        "{\"location\":\"Boston, \\\"MA\\\"\\n\",\"n\":[1.0,true,{}]}",
        "\"\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f\x7f/\"",
        "{\"{\\\"a\\\":\\\"\\\\\\\"\\\"}\":\"C:\\\\\"}",
        "\"\"",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct place p;
        begin(&p);
        const struct json_val *v = parse(&p, dgm_str_c(texts[i]));
        json_open_arr(&p.w);
        json_put_val_as_str(&p.w, v);
        json_put_val_as_str(&p.w, NULL);
        json_close_arr(&p.w);
        const struct json_val *arr = parse(&p, dgm_buf_str(&p.out));
        assert_true(dgm_str_eq(json_str(json_at(arr, 0)), dgm_str_c(texts[i])));
        assert_true(dgm_str_eq(json_str(json_at(arr, 1)), DGM_STR("null")));
        end(&p);
    }
}

/* The same text put together from pieces: an object by hand around a value as it came. */
static void puts_text_within_strings(void **state)
{
    (void)state;
    struct place p;
    begin(&p);
    const struct json_val *v = parse(&p, DGM_STR("[\"\\\"\\\\\\u0001\", 1.0 ]"));
    json_open_arr(&p.w);
    json_open_str(&p.w);
    json_add_str(&p.w, DGM_STR("{"));
    json_add_quoted(&p.w, DGM_STR("a \"name\"\n"));
    json_add_str(&p.w, DGM_STR(":"));
    json_add_val(&p.w, v);
    json_add_str(&p.w, DGM_STR("}"));
    json_close_str(&p.w);
    json_put_int(&p.w, 1);
    json_close_arr(&p.w);
    const struct json_val *arr = parse(&p, dgm_buf_str(&p.out));
    assert_int_equal(json_size(arr), 2);
    assert_true(dgm_str_eq(json_str(json_at(arr, 0)),
                           DGM_STR("{\"a \\\"name\\\"\\n\":[\"\\\"\\\\\\u0001\",1.0]}")));
    end(&p);
}

static void recurses_as_deep_as_a_text_may_be(void **state)
{
    (void)state;
    char text[2 * JSON_DEPTH_MAX];
    memset(text, '[', JSON_DEPTH_MAX);
    memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    struct place p;
    begin(&p);
    json_put_val(&p.w, parse(&p, (struct dgm_str){text, sizeof text}));
    assert_out(&p, (struct dgm_str){text, sizeof text});
    end(&p);
}

static void stops_at_the_ceiling(void **state)
{
    (void)state;
    static const char whole[] = "{\"a\":[\"x\\ny\",1]}";
    for (size_t max = 0; max < sizeof whole; max++) {
        struct place p;
        begin(&p);
        p.out.max = max;
        const struct json_val *v = parse(&p, DGM_STR("[\"x\\ny\",1]"));
        json_open_obj(&p.w);
        json_member_val(&p.w, "a", v);
        json_close_obj(&p.w);
        assert_int_equal(p.out.rc, max < sizeof whole - 1 ? DGM_E_LIMIT : DGM_OK);
        assert_true(p.out.n <= max);
        assert_memory_equal(p.out.n ? p.out.p : "", whole, p.out.n);
        end(&p);
    }
}

static void every_allocation_can_fail(void **state)
{
    (void)state;
    for (size_t k = 1;; k++) {
        struct alloc_fail memory;
        struct dgm_buf out;
        alloc_fail_init(&memory, k);
        dgm_buf_init(&out, &memory.alloc, SIZE_MAX);
        struct json_writer w = json_writer(&out);
        json_open_arr(&w);
        for (int64_t i = 0; i < 2000; i++)
            json_put_int(&w, i);
        json_close_arr(&w);
        bool failed = alloc_fail_failed(&memory);
        assert_int_equal(out.rc, failed ? DGM_E_NOMEM : DGM_OK);
        dgm_buf_dispose(&out);
        alloc_fail_done(&memory, "json_writer");
        if (!failed)
            return;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(puts_raw_values),
        cmocka_unit_test(opens_and_closes_by_text),
        cmocka_unit_test(puts_commas),
        cmocka_unit_test(nests_to_its_limit),
        cmocka_unit_test(escapes_every_byte),
        cmocka_unit_test(escapes_at_every_place),
        cmocka_unit_test(leaves_the_rest_alone),
        cmocka_unit_test(puts_strings_in_pieces),
        cmocka_unit_test(puts_trees_as_they_came),
        cmocka_unit_test(puts_trees_within_strings),
        cmocka_unit_test(puts_text_within_strings),
        cmocka_unit_test(recurses_as_deep_as_a_text_may_be),
        cmocka_unit_test(stops_at_the_ceiling),
        cmocka_unit_test(every_allocation_can_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
