/* SPDX-License-Identifier: Apache-2.0 */
/* read.c - tests of json/read. */
#include "json/read.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "support/alloc_fail.h"

/* One parse, on memory that ends right behind the padding, so that AddressSanitizer sees every step too far. */
struct parse {
    struct alloc_fail memory;
    struct dgm_arena arena;
    char *text;
    const struct json_val *root;
    struct json_error error;
    enum dgm_rc rc;
};

static void parse_with(struct parse *p, struct dgm_str text, unsigned depth, size_t fail_at,
                       size_t max_bytes)
{
    *p = (struct parse){0};
    alloc_fail_init(&p->memory, fail_at);
    dgm_arena_init(&p->arena, &p->memory.alloc, max_bytes);
    p->text = malloc(text.n + JSON_PADDING);
    assert_non_null(p->text);
    memcpy(p->text, text.p, text.n);
    memset(p->text + text.n, 'x', JSON_PADDING);
    p->rc = json_parse(&p->arena, p->text, text.n, depth, &p->root, &p->error);
    if (p->rc != DGM_OK)
        assert_null(p->root);
    else
        assert_int_equal(p->error.trouble, JSON_FINE);
}

static void parse(struct parse *p, struct dgm_str text)
{
    parse_with(p, text, JSON_DEPTH_MAX, 0, SIZE_MAX);
}

static void done(struct parse *p)
{
    dgm_arena_dispose(&p->arena);
    alloc_fail_done(&p->memory, "json_parse");
    free(p->text);
}

static void assert_str(struct dgm_str got, const char *expected)
{
    assert_non_null(got.p);
    assert_int_equal(got.n, strlen(expected));
    assert_memory_equal(got.p, expected, got.n);
}

static void assert_trouble(struct dgm_str text, enum json_trouble trouble, size_t offset)
{
    struct parse p;
    parse(&p, text);
    if (p.error.trouble != trouble || p.error.offset != offset)
        print_error("%.*s: trouble %d at %zu\n", (int)text.n, text.p, (int)p.error.trouble,
                    p.error.offset);
    assert_int_equal(p.rc, trouble == JSON_DEEP ? DGM_E_LIMIT : DGM_E_SYNTAX);
    assert_int_equal(p.error.trouble, trouble);
    assert_int_equal(p.error.offset, offset);
    assert_non_null(p.error.what);
    done(&p);
}

/* The string that `json`, one JSON string, stands for. */
static void assert_reads(const char *json, const char *expected)
{
    struct parse p;
    parse(&p, dgm_str_c(json));
    assert_int_equal(p.rc, DGM_OK);
    assert_str(json_str(p.root), expected);
    done(&p);
}

static void reads_every_kind(void **state)
{
    (void)state;
    struct parse p;
    parse(
        &p,
        DGM_STR(
            " {\"a\":null, \"b\":true,\"c\":[1,-2.50e+3,\"x\",{}],\n\"d\":{\"e\":\"\\u00e9\"}}\r\n\t"));
    assert_int_equal(p.rc, DGM_OK);
    assert_int_equal(json_kind(p.root), JSON_OBJ);
    assert_int_equal(json_size(p.root), 4);
    assert_int_equal(json_kind(json_get(p.root, DGM_STR("a"))), JSON_NULL);
    assert_true(json_bool(json_get(p.root, DGM_STR("b")), false));

    const struct json_val *c = json_get(p.root, DGM_STR("c"));
    assert_int_equal(json_kind(c), JSON_ARR);
    assert_int_equal(json_size(c), 4);
    assert_str(json_num(json_at(c, 1)), "-2.50e+3");
    assert_str(json_str(json_at(c, 2)), "x");
    assert_int_equal(json_size(json_at(c, 3)), 0);
    assert_null(json_at(c, 4));
    assert_str(json_get_str(json_get(p.root, DGM_STR("d")), DGM_STR("e")), "\xc3\xa9");
    done(&p);
}

static void is_total(void **state)
{
    (void)state;
    int64_t i = 7;
    double d = 7;
    assert_int_equal(json_kind(NULL), JSON_NONE);
    assert_null(json_get(NULL, DGM_STR("a")));
    assert_null(json_at(NULL, 0));
    assert_int_equal(json_size(NULL), 0);
    assert_null(json_str(NULL).p);
    assert_null(json_num(NULL).p);
    assert_true(json_bool(NULL, true));
    assert_false(json_int(NULL, &i));
    assert_false(json_double(NULL, &d));
    struct json_iter none = json_iter(NULL);
    assert_false(json_next(&none));

    struct parse p;
    parse(&p, DGM_STR("\"text\""));
    assert_null(json_get(p.root, DGM_STR("a")));
    assert_null(json_at(p.root, 0));
    assert_int_equal(json_size(p.root), 0);
    assert_null(json_num(p.root).p);
    assert_false(json_bool(p.root, false));
    assert_false(json_int(p.root, &i));
    struct json_iter text = json_iter(p.root);
    assert_false(json_next(&text));
    done(&p);
    assert_int_equal(i, 7);
    assert_true(d == 7);
}

static void names_kinds(void **state)
{
    (void)state;
    assert_string_equal(json_kind_name(JSON_NONE), "nothing");
    assert_string_equal(json_kind_name(JSON_NULL), "null");
    assert_string_equal(json_kind_name(JSON_BOOL), "a boolean");
    assert_string_equal(json_kind_name(JSON_NUM), "a number");
    assert_string_equal(json_kind_name(JSON_STR), "a string");
    assert_string_equal(json_kind_name(JSON_ARR), "an array");
    assert_string_equal(json_kind_name(JSON_OBJ), "an object");
}

static void keeps_numbers_as_text(void **state)
{
    (void)state;
    static const char *const numbers[] = {
        "0",    "-0",  "5.0",      "2512292042121000001",          "1e400", "-0.00",
        "1E+5", "1e5", "0.1e-999", "12345678901234567890123456789"};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct parse p;
        parse(&p, dgm_str_c(numbers[i]));
        assert_int_equal(p.rc, DGM_OK);
        assert_int_equal(json_kind(p.root), JSON_NUM);
        assert_str(json_num(p.root), numbers[i]);
        done(&p);
    }

    static const char *const not[] = {"01",  "-",   "1.",       ".5",  "+1",  "1e",
                                      "0x1", "NaN", "Infinity", "- 1", "1.e5"};
    for (size_t i = 0; i < sizeof not / sizeof *not; i++) {
        struct parse p;
        parse(&p, dgm_str_c(not[i]));
        assert_int_equal(p.rc, DGM_E_SYNTAX);
        assert_int_equal(p.error.trouble, JSON_SYNTAX);
        done(&p);
    }
}

static void reads_integers_and_doubles(void **state)
{
    (void)state;
    struct parse p;
    int64_t i = 0;
    double d = 0;
    parse(&p, DGM_STR("[9223372036854775807,9223372036854775808,5.0,5.5]"));
    assert_true(json_int(json_at(p.root, 0), &i));
    assert_true(i == INT64_MAX);
    assert_false(json_int(json_at(p.root, 1), &i));
    assert_true(json_int(json_at(p.root, 2), &i));
    assert_int_equal(i, 5);
    assert_false(json_int(json_at(p.root, 3), &i));
    assert_true(json_double(json_at(p.root, 3), &d));
    assert_true(d == 5.5);
    done(&p);
}

static void mends_half_pairs(void **state)
{
    (void)state;
    assert_reads("\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80"); /* a pair stays */
    assert_reads("\"\\uD83D\\uDE00\"", "\xf0\x9f\x98\x80"); /* in either case */
    assert_reads("\"a\\ud83d\"", "a\xef\xbf\xbd");          /* high, end of string */
    assert_reads("\"\\ud83dx\"", "\xef\xbf\xbdx");          /* high, no escape */
    assert_reads("\"\\ud83d\\n\"", "\xef\xbf\xbd\n");       /* high, another escape */
    assert_reads("\"\\ud83d\\u0041\"", "\xef\xbf\xbd"
                                       "A");                        /* high, no surrogate */
    assert_reads("\"\\ude00\"", "\xef\xbf\xbd");                    /* low alone */
    assert_reads("\"\\ude00\\ud83d\"", "\xef\xbf\xbd\xef\xbf\xbd"); /* the wrong way round */
    assert_reads("\"\\ud83d\\ud83d\\ude00\"",
                 "\xef\xbf\xbd\xf0\x9f\x98\x80"); /* high, then a pair */
    assert_reads("\"\\uDFFF\\uD800\\uDC00\"", "\xef\xbf\xbd\xf0\x90\x80\x80");
    assert_reads("\"\\\\ud83d\"", "\\ud83d");          /* a backslash and letters */
    assert_reads("\"\\\\\\ud83d\"", "\\\xef\xbf\xbd"); /* a backslash, then half a pair */
    assert_reads("\"\\\\\\\\ud83d\"", "\\\\ud83d");
    assert_reads("\"\\\"\\ud83d\\\"\"", "\"\xef\xbf\xbd\"");

    struct parse p;
    parse(&p, DGM_STR("{\"\\udead\":[\"\\ud800\"]}")); /* in names too */
    assert_str(json_str(json_at(json_get(p.root, DGM_STR("\xef\xbf\xbd")), 0)), "\xef\xbf\xbd");
    done(&p);
}

static void tells_where_syntax_is_wrong(void **state)
{
    (void)state;
    assert_trouble(DGM_STR("{\"a\":1,}"), JSON_SYNTAX, 6);
    assert_trouble(DGM_STR("{\"a\" 1}"), JSON_SYNTAX, 5);
    assert_trouble(DGM_STR("[1,2"), JSON_SYNTAX, 4);
    assert_trouble(DGM_STR("[1]x"), JSON_SYNTAX, 3);
    assert_trouble(DGM_STR("{\"a\":\"\\q\"}"), JSON_SYNTAX, 7);
    assert_trouble(DGM_STR("\"\\ud83d\\ud83d \\u12\""), JSON_SYNTAX,
                   14); /* behind what was mended */
    assert_trouble(DGM_STR("]"), JSON_SYNTAX, 0);
    assert_trouble(DGM_STR("\"\\"), JSON_SYNTAX, 2);
    assert_trouble(DGM_STR("\"a\nb\""), JSON_SYNTAX, 2); /* a bare control character */
    assert_trouble(DGM_STR("[1]\0"), JSON_SYNTAX, 3);
    assert_trouble(DGM_STR("/* c */1"), JSON_SYNTAX, 0);
}

static void tells_where_utf8_is_wrong(void **state)
{
    (void)state;
    assert_trouble(DGM_STR("\"ab\xff\""), JSON_UTF8, 3);
    assert_trouble(DGM_STR("\"abcdefghijklmnopqrstuvw\xc0\x80\""), JSON_UTF8, 24); /* overlong */
    assert_trouble(DGM_STR("\"\xed\xa0\x80\""), JSON_UTF8, 1);                     /* a surrogate */
    assert_trouble(DGM_STR("\"\xf4\x90\x80\x80\""), JSON_UTF8, 1); /* over U+10FFFF */
    assert_trouble(DGM_STR("\"\\n\\n\xe2\x82\""), JSON_UTF8, 5);   /* cut, behind unescaped text */
    assert_trouble(DGM_STR("\"\xe2\x82"), JSON_SYNTAX, 3);         /* cut by the end: the text is */
    assert_trouble(DGM_STR("\xff"), JSON_UTF8, 0);
    assert_trouble(DGM_STR("[\x80]"), JSON_UTF8, 1);
    assert_trouble(DGM_STR("[\xc3\xa9]"), JSON_SYNTAX, 1); /* sound, and in the wrong place */
    assert_trouble(DGM_STR("\"\xc3\xa9\\ud800 \xc3\""), JSON_UTF8, 10);
}

static void tells_empty(void **state)
{
    (void)state;
    assert_trouble(DGM_STR(""), JSON_EMPTY, 0);
    assert_trouble(DGM_STR(" \r\n\t "), JSON_EMPTY, 5);
    assert_trouble(DGM_STR("\xef\xbb\xbf \n"), JSON_EMPTY, 5);
}

static void skips_byte_order_mark(void **state)
{
    (void)state;
    struct parse p;
    parse(&p, DGM_STR("\xef\xbb\xbf[1]"));
    assert_int_equal(p.rc, DGM_OK);
    assert_int_equal(json_size(p.root), 1);
    done(&p);
    assert_trouble(DGM_STR("\xef\xbb\xbf[1"), JSON_SYNTAX, 5);
    assert_trouble(DGM_STR("\xef\xbb\xbf\xef\xbb\xbf[1]"), JSON_SYNTAX, 3); /* one is enough */
}

static void assert_same(const struct json_val *a, const struct json_val *b)
{
    struct dgm_str s = json_str(a), t = json_str(b);
    assert_int_equal(json_kind(a), json_kind(b));
    assert_int_equal(json_size(a), json_size(b));
    assert_true(dgm_str_eq(s, t));
    assert_true(dgm_str_eq(json_num(a), json_num(b)));
    struct json_iter i = json_iter(a), k = json_iter(b);
    while (json_next(&i)) {
        assert_true(json_next(&k));
        assert_true(dgm_str_eq(i.name, k.name));
        assert_same(i.value, k.value);
    }
}

static void holds_depth(void **state)
{
    (void)state;
    char text[1000];
    struct parse p;
    for (unsigned depth = 1; depth <= JSON_DEPTH_MAX; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        parse_with(&p, (struct dgm_str){text, 2 * depth}, depth, 0, SIZE_MAX);
        assert_int_equal(p.rc, DGM_OK);
        done(&p);

        memset(text, '{', depth + 1); /* and no JSON at all behind it */
        parse_with(&p, (struct dgm_str){text, depth + 1}, depth, 0, SIZE_MAX);
        assert_int_equal(p.rc, DGM_E_LIMIT);
        assert_int_equal(p.error.trouble, JSON_DEEP);
        assert_int_equal(p.error.offset, depth);
        done(&p);
    }

    /* Brackets in strings, behind escaped quotes too, are no brackets. */
    parse_with(&p, DGM_STR("[\"[[[\\\"[[[\\\\\",\"\\\\\\\"[[\",\"[\"]"), 1, 0, SIZE_MAX);
    assert_int_equal(p.rc, DGM_OK);
    done(&p);
    parse_with(&p, DGM_STR("[\"\\\\\",[]]"), 1, 0, SIZE_MAX);
    assert_int_equal(p.rc, DGM_E_LIMIT);
    assert_int_equal(p.error.offset, 6);
    done(&p);
}

/* Looked over in one go or in the other, a text reads the same. */
static void reads_short_and_long_texts_alike(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"role\":\"user\",\"parts\":[{\"text\":\"\\ud83d and \\\\ud83d\"}]}",
        "[\"\\ud83d\\ude00 \\ude00 \\n\\\"[{[{\",[[[[1]]]], {} ]",
        "{\"a\":[1,2,{\"b\":null}],\"c\":true,\"d\":1e3}",
        "[[[[[[[[[[[[[[[[[[ \"too deep\"",
        "{\"a\": \"no end\\",
        "[1,2,3,4,5,6,7,8,9,10] \\ud800",
        "[\"1234567890\",[[[[[[",
    };
    char spaced[5000]; /* beyond all lengths at which a text is read another way */
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (size_t blanks = 0; blanks < 4800; blanks += blanks < 40 ? 1 : 487) {
            struct dgm_str text = dgm_str_c(texts[i]);
            memset(spaced, ' ', blanks);
            memcpy(spaced + blanks, text.p, text.n);
            struct parse bare, led;
            parse_with(&bare, text, 5, 0, SIZE_MAX);
            parse_with(&led, (struct dgm_str){spaced, blanks + text.n}, 5, 0, SIZE_MAX);
            assert_int_equal(bare.rc, led.rc);
            assert_int_equal(bare.error.trouble, led.error.trouble);
            if (bare.rc == DGM_OK)
                assert_same(bare.root, led.root);
            else
                assert_int_equal(bare.error.offset + blanks, led.error.offset);
            done(&bare);
            done(&led);
        }
}

/* Half a pair is found wherever it stands among the sixteen bytes looked at together. */
static void mends_half_pairs_anywhere(void **state)
{
    (void)state;
    for (size_t at = 1; at < 60; at++) {
        char text[70];
        memset(text, 'x', sizeof text);
        text[0] = text[sizeof text - 1] = '"';
        memcpy(text + at, "\\uDbff", 6);
        struct parse p;
        parse(&p, (struct dgm_str){text, sizeof text});
        assert_int_equal(p.rc, DGM_OK);
        assert_memory_equal(json_str(p.root).p + at - 1, "\xef\xbf\xbd", 3);
        done(&p);
    }
}

static void survives_a_million_brackets(void **state)
{
    (void)state;
    size_t n = 1000000;
    char *text = malloc(n);
    assert_non_null(text);
    memset(text, '[', n);
    struct parse p;
    parse(&p, (struct dgm_str){text, n});
    assert_int_equal(p.error.trouble, JSON_DEEP);
    assert_int_equal(p.error.offset, JSON_DEPTH_MAX);
    done(&p);
    free(text);
}

static void every_allocation_can_fail(void **state)
{
    (void)state;
    struct dgm_str text = DGM_STR("{\"a\":[1,2,3,{\"b\":\"c\"}]}");
    for (size_t k = 1;; k++) {
        struct parse p;
        parse_with(&p, text, JSON_DEPTH_MAX, k, SIZE_MAX);
        bool failed = alloc_fail_failed(&p.memory);
        assert_int_equal(p.rc, failed ? DGM_E_NOMEM : DGM_OK);
        assert_int_equal(p.error.trouble, failed ? JSON_NOMEM : JSON_FINE);
        done(&p);
        if (!failed)
            return;
    }
}

/* A body of 100 MiB must fit beside its own tree: what counts is the values, not the length of a string. */
static void takes_memory_by_values(void **state)
{
    (void)state;
    size_t n = 4u << 20;
    char *text = malloc(n);
    assert_non_null(text);
    memset(text, 'A', n);
    text[0] = text[n - 1] = '"';
    struct parse p;
    parse_with(&p, (struct dgm_str){text, n}, 1, 0, 64u << 10);
    assert_int_equal(p.rc, DGM_OK);
    assert_int_equal(json_str(p.root).n, n - 2);
    assert_true(p.memory.live_bytes <= 64u << 10);
    done(&p);

    for (size_t i = 0; i < n; i++)
        text[i] = i % 2 ? ',' : '1';
    text[0] = '[';
    text[n - 1] = ']';
    text[1] = ' ';
    parse_with(&p, (struct dgm_str){text, n}, 1, 0, 64u << 10); /* two million values do not fit */
    assert_int_equal(p.rc, DGM_E_NOMEM);
    assert_true(p.memory.peak_bytes <= 64u << 10);
    done(&p);
    free(text);
}

static void walks_in_order(void **state)
{
    (void)state;
    struct parse p;
    parse(&p, DGM_STR("{\"z\":[[1],2],\"a\":{\"q\":{}},\"z\":\"\",\"\":0}"));
    static const char *const names[] = {"z", "a", "z", ""};
    static const enum json_kind kinds[] = {JSON_ARR, JSON_OBJ, JSON_STR, JSON_NUM};
    size_t n = 0;
    for (struct json_iter i = json_iter(p.root); json_next(&i); n++) {
        assert_true(n < 4);
        assert_int_equal(i.index, n);
        assert_str(i.name, names[n]);
        assert_int_equal(json_kind(i.value), kinds[n]);
    }
    assert_int_equal(n, 4);

    n = 0;
    for (struct json_iter i = json_iter(json_at(p.root, 0)); json_next(&i);)
        n++;
    assert_int_equal(n, 0); /* json_at is for arrays */
    for (struct json_iter i = json_iter(json_get(p.root, DGM_STR("z"))); json_next(&i); n++) {
        assert_null(i.name.p);
        assert_int_equal(i.index, n);
        assert_int_equal(json_kind(i.value), n ? JSON_NUM : JSON_ARR);
    }
    assert_int_equal(n, 2);
    done(&p);
}

/* An object of `n` names "k0".."kn-1", where name `at` is called as name `as`. */
static struct dgm_str object_with(char *text, size_t size, size_t n, size_t at, size_t as)
{
    size_t end = 0;
    for (size_t i = 0; i < n; i++)
        end += (size_t)snprintf(text + end, size - end, "%c\"k%zu\":[{\"k0\":1,\"k0\":2}]",
                                i ? ',' : '{', i == at ? as : i);
    end += (size_t)snprintf(text + end, size - end, n ? "}" : "{}");
    assert_true(end < size);
    return (struct dgm_str){text, end};
}

/* All names in one walk, as one by one: the first of a name counts, others are counted. */
static void picks_as_it_gets(void **state)
{
    (void)state;
    static const struct dgm_str names[] = {
        {"b", 1}, {"", 0}, {"missing", 7}, {"a longer name", 13}, {"nul\0l", 5}, {"c", 1}};
    enum { N = sizeof names / sizeof *names };
    const struct json_val *found[N];
    struct parse p;
    parse(&p, DGM_STR("{\"a\":{\"b\":1,\"x\":[{}]},\"b\":[[2],3],\"\":null,\"b\":4,\"other\":{},"
                      "\"a longer name\":{\"c\":{}},\"nul\\u0000l\":5,\"nul\\u0000x\":6}"));
    assert_int_equal(json_pick(p.root, names, N, found), 3);
    for (size_t i = 0; i < N; i++)
        assert_ptr_equal(found[i], json_get(p.root, names[i]));
    assert_int_equal(json_size(found[0]), 2);
    assert_null(found[2]);

    const struct json_val *const none[] = {NULL, json_get(p.root, DGM_STR("b")), found[1]};
    for (size_t k = 0; k < sizeof none / sizeof *none; k++) {
        found[0] = found[N - 1] = p.root;
        assert_int_equal(json_pick(none[k], names, N, found), 0);
        assert_null(found[0]);
        assert_null(found[N - 1]);
    }
    done(&p);
}

static void finds_doubled_names(void **state)
{
    (void)state;
    static char text[1 << 16];
    for (size_t n = 0; n <= 70; n++) {
        for (size_t at = 1; at <= n; at++) { /* at == n: none is doubled */
            struct parse p;
            parse(&p, object_with(text, sizeof text, n, at, at / 2));
            struct dgm_str twice = DGM_STR("untouched");
            assert_int_equal(json_twice(p.root, &p.arena, &twice), DGM_OK);
            if (at == n) {
                assert_null(twice.p);
            } else {
                char expected[8];
                snprintf(expected, sizeof expected, "k%zu", at / 2);
                assert_str(twice, expected);
            }
            done(&p);
        }
    }

    struct dgm_str twice;
    assert_int_equal(json_twice(NULL, NULL, &twice), DGM_OK);
    assert_null(twice.p);
}

static void first_doubled_name_and_no_memory(void **state)
{
    (void)state;
    char text[400] = "{\"b\":1,\"a\":1,\"c\\u0041\":1,\"cA\":1,\"a\":1,\"b\":1";
    struct dgm_str twice;
    for (int i = 0; i < 2; i++) {
        char whole[420];
        snprintf(whole, sizeof whole, "%s}", text);
        struct parse p;
        parse(&p, dgm_str_c(whole));
        assert_int_equal(json_twice(p.root, &p.arena, &twice), DGM_OK);
        assert_str(twice, "cA"); /* the first to come again, escapes seen through */

        struct alloc_fail none;
        struct dgm_arena scratch;
        alloc_fail_init(&none, 1);
        dgm_arena_init(&scratch, &none.alloc, SIZE_MAX);
        assert_int_equal(json_twice(p.root, &scratch, &twice), i ? DGM_E_NOMEM : DGM_OK);
        done(&p);
        for (int more = 0; more < 20; more++)
            snprintf(text + strlen(text), sizeof text - strlen(text), ",\"m%d\":0", more);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_kind),
        cmocka_unit_test(is_total),
        cmocka_unit_test(names_kinds),
        cmocka_unit_test(keeps_numbers_as_text),
        cmocka_unit_test(reads_integers_and_doubles),
        cmocka_unit_test(mends_half_pairs),
        cmocka_unit_test(tells_where_syntax_is_wrong),
        cmocka_unit_test(tells_where_utf8_is_wrong),
        cmocka_unit_test(tells_empty),
        cmocka_unit_test(skips_byte_order_mark),
        cmocka_unit_test(holds_depth),
        cmocka_unit_test(survives_a_million_brackets),
        cmocka_unit_test(reads_short_and_long_texts_alike),
        cmocka_unit_test(mends_half_pairs_anywhere),
        cmocka_unit_test(every_allocation_can_fail),
        cmocka_unit_test(takes_memory_by_values),
        cmocka_unit_test(walks_in_order),
        cmocka_unit_test(picks_as_it_gets),
        cmocka_unit_test(finds_doubled_names),
        cmocka_unit_test(first_doubled_name_and_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
