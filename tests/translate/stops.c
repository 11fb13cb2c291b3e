/* SPDX-License-Identifier: Apache-2.0 */
/* stops.c - tests of translate/stops: the same text is shown, however it was cut (user-pain A6). */
#include "translate/stops.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "base/utf8.h"
#include "support/alloc_fail.h"

static uint64_t random_state = 0x9e3779b97f4a7c15;

static uint32_t next_random(uint32_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 32) % below;
}

/* By the definition: what stands before the sequence that is complete first, the longest of those. */
static size_t shown_by_hand(const struct dgm_str *sequences, size_t n, struct dgm_str text)
{
    for (size_t end = 1; end <= text.n; end++) {
        size_t longest = 0;
        for (size_t k = 0; k < n; k++)
            if (sequences[k].n > longest && dgm_str_ends(dgm_str_head(text, end), sequences[k]))
                longest = sequences[k].n;
        if (longest != 0)
            return end - longest;
    }
    return text.n;
}

/* Feeds `text` in pieces of `piece` bytes; 0: of a random size each. */
static void scan(const struct stops *stops, struct dgm_str text, size_t piece, struct dgm_buf *out,
                 bool *ret_hit)
{
    struct stop_scan c;
    enum dgm_rc rc = DGM_MORE;
    assert_int_equal(stop_scan_init(&c, stops, &dgm_alloc_libc), DGM_OK);
    dgm_buf_clear(out);
    while (text.n != 0) {
        size_t n = piece ? piece : next_random(5);
        rc = stop_feed(&c, dgm_str_head(text, n), out);
        assert_int_equal(rc, c.hit ? DGM_DONE : DGM_MORE);
        assert_int_equal(dgm_utf8_bad(dgm_buf_str(out)), out->n); /* no character was cut */
        text = dgm_str_skip(text, n);
    }
    assert_int_equal(stop_end(&c, out), DGM_DONE);
    *ret_hit = c.hit;
    stop_scan_dispose(&c);
}

static void check(const struct dgm_str *sequences, size_t n, struct dgm_str text)
{
    struct stops stops;
    struct dgm_buf out;
    bool hit;
    size_t shown = shown_by_hand(sequences, n, text);
    dgm_buf_init(&out, &dgm_alloc_libc, SIZE_MAX);
    assert_int_equal(stops_init(&stops, &dgm_alloc_libc, sequences, n), DGM_OK);
    for (size_t piece = 0; piece <= text.n; piece++) {
        scan(&stops, text, piece, &out, &hit);
        assert_true(dgm_str_eq(dgm_buf_str(&out), dgm_str_head(text, shown)));
        assert_int_equal(hit, shown < text.n);
    }
    dgm_buf_dispose(&out);
    stops_dispose(&stops);
}

#define CHECK(text, ...)                                                                           \
    check((const struct dgm_str[]){__VA_ARGS__},                                                   \
          sizeof((const struct dgm_str[]){__VA_ARGS__}) / sizeof(struct dgm_str), DGM_STR(text))

static void shows_what_stands_before(void **state)
{
    (void)state;
    CHECK("no stop at all", DGM_STR("END"));
    CHECK("one END two", DGM_STR("END"));
    CHECK("END", DGM_STR("END"));
    CHECK("text EN and no more EN", DGM_STR("END"));
    CHECK("aaab aab", DGM_STR("aab"));
    CHECK("abababc", DGM_STR("ababc"));
    CHECK("any text", DGM_STR(""));
    CHECK("one\n\ntwo", DGM_STR(""), DGM_STR("\n\n"), DGM_STR("two"));
    CHECK("a stop of one byte", DGM_STR("o"), DGM_STR("o"));
}

/* "bc" is complete before "abcd" is; of "bcd" and "abcd" the longer counts; "ab" before "abc". */
static void the_first_to_end_counts(void **state)
{
    (void)state;
    CHECK("xabcd", DGM_STR("abcd"), DGM_STR("bc"));
    CHECK("xabcd", DGM_STR("bcd"), DGM_STR("abcd"));
    CHECK("xabcd", DGM_STR("abc"), DGM_STR("ab"));
    CHECK("xabce", DGM_STR("abcd"), DGM_STR("bce"), DGM_STR("e"));
}

static void characters_stay_whole(void **state)
{
    (void)state;
    CHECK("\xc3\xa4\xe6\x97\xa5\xf0\x9f\x98\x80z", DGM_STR("\xf0\x9f\x98\x81"));
    CHECK("\xc3\xa4\xe6\x97\xa5\xf0\x9f\x98\x80z", DGM_STR("\xf0\x9f\x98\x80"));
    CHECK("\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", DGM_STR("\xe6\x9c\xac\xe8\xaa\x9e!"));
}

/* Ten sequences, as an editor's completion sends them, and one that comes over three pieces. */
static void a6_ten_over_three_pieces(void **state)
{
    static const char *const words[] = {
        "<fim_prefix>",  "<fim_suffix>", "<fim_middle>", "<file_sep>", "<|endoftext|>",
        "</fim_middle>", "</code>",      "\n\n",         "\r\n\r\n",   "/src/"};
    static const char *const pieces[] = {"int x;<|endo", "ftex", "t|>more", "and more"};
    static const char *const shown[] = {"int x;", "int x;", "int x;", "int x;"};
    struct dgm_str sequences[10];
    struct stops stops;
    struct stop_scan c;
    struct dgm_buf out;
    (void)state;
    for (size_t i = 0; i < 10; i++)
        sequences[i] = dgm_str_c(words[i]);
    dgm_buf_init(&out, &dgm_alloc_libc, SIZE_MAX);
    assert_int_equal(stops_init(&stops, &dgm_alloc_libc, sequences, 10), DGM_OK);
    assert_int_equal(stop_scan_init(&c, &stops, &dgm_alloc_libc), DGM_OK);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(stop_feed(&c, dgm_str_c(pieces[i]), &out), i < 2 ? DGM_MORE : DGM_DONE);
        assert_true(dgm_str_eq(dgm_buf_str(&out), dgm_str_c(shown[i])));
    }
    assert_int_equal(stop_end(&c, &out), DGM_DONE);
    assert_true(c.hit && dgm_str_eq(dgm_buf_str(&out), DGM_STR("int x;")));
    stop_scan_dispose(&c);
    stops_dispose(&stops);
    dgm_buf_dispose(&out);
}

/* Few letters, so that beginnings meet everywhere. */
static void random_texts(void **state)
{
    (void)state;
    for (int round = 0; round < 3000; round++) {
        char bytes[6][8], text[40];
        struct dgm_str sequences[6];
        size_t n = 1 + next_random(6), text_n = next_random(sizeof text);
        for (size_t k = 0; k < n; k++) {
            sequences[k] = (struct dgm_str){bytes[k], next_random(sizeof bytes[k])};
            for (size_t i = 0; i < sequences[k].n; i++)
                bytes[k][i] = "abc"[next_random(3)];
        }
        for (size_t i = 0; i < text_n; i++)
            text[i] = "abc"[next_random(3)];
        check(sequences, n, (struct dgm_str){text, text_n});
    }
}

static void has_its_bounds(void **state)
{
    static char long_one[STOPS_BYTES_MAX + 1];
    struct dgm_str many[STOPS_MAX + 2];
    struct stops stops;
    struct dgm_buf out;
    bool hit;
    (void)state;
    dgm_buf_init(&out, &dgm_alloc_libc, SIZE_MAX);
    memset(long_one, 'a', sizeof long_one);
    struct dgm_str all = {long_one, sizeof long_one};
    assert_int_equal(stops_init(&stops, &dgm_alloc_libc, &all, 1), DGM_E_LIMIT);
    assert_int_equal(stops.longest, 0);
    all.n--;
    assert_int_equal(stops_init(&stops, &dgm_alloc_libc, &all, 1), DGM_OK);
    scan(&stops, (struct dgm_str){long_one, sizeof long_one}, 1000, &out, &hit);
    assert_true(hit && out.n == 0);
    stops_dispose(&stops);

    for (size_t i = 0; i < STOPS_MAX + 2; i++)
        many[i] = i == 7 ? DGM_STR("") : DGM_STR("stop");
    assert_int_equal(stops_init(&stops, &dgm_alloc_libc, many, STOPS_MAX + 2), DGM_E_LIMIT);
    assert_int_equal(stops_init(&stops, &dgm_alloc_libc, many, STOPS_MAX + 1), DGM_OK);
    stops_dispose(&stops);
    stops_dispose(&stops);

    /* None at all: everything is shown. */
    struct stops none = {0};
    scan(&none, DGM_STR("all of \xe6\x97\xa5 it"), 1, &out, &hit);
    assert_true(!hit && dgm_str_eq(dgm_buf_str(&out), DGM_STR("all of \xe6\x97\xa5 it")));
    dgm_buf_dispose(&out);
}

static void memory_may_be_short(void **state)
{
    static const struct dgm_str sequences[] = {DGM_STR("stop"), DGM_STR("halt")};
    (void)state;
    for (size_t k = 1;; k++) {
        struct alloc_fail memory;
        struct stops stops;
        struct stop_scan c = {0};
        struct dgm_buf out;
        alloc_fail_init(&memory, k);
        dgm_buf_init(&out, &memory.alloc, SIZE_MAX);
        enum dgm_rc rc = stops_init(&stops, &memory.alloc, sequences, 2);
        if (rc == DGM_OK)
            rc = stop_scan_init(&c, &stops, &memory.alloc);
        if (rc == DGM_OK)
            rc = stop_feed(&c, DGM_STR("some text that must sto"), &out);
        if (rc == DGM_MORE)
            rc = stop_feed(&c, DGM_STR("p here"), &out);
        bool failed = alloc_fail_failed(&memory);
        assert_int_equal(rc, failed ? DGM_E_NOMEM : DGM_DONE);
        dgm_buf_dispose(&out);
        stop_scan_dispose(&c);
        stops_dispose(&stops);
        alloc_fail_done(&memory, "stops");
        if (!failed)
            return;
    }
}

static void a_full_output_is_told(void **state)
{
    static const struct dgm_str sequence = DGM_STR("stop");
    struct stops stops;
    struct stop_scan c;
    struct dgm_buf out;
    (void)state;
    dgm_buf_init(&out, &dgm_alloc_libc, 4);
    assert_int_equal(stops_init(&stops, &dgm_alloc_libc, &sequence, 1), DGM_OK);
    assert_int_equal(stop_scan_init(&c, &stops, &dgm_alloc_libc), DGM_OK);
    assert_int_equal(stop_feed(&c, DGM_STR("12345"), &out), DGM_E_LIMIT);
    assert_int_equal(stop_feed(&c, DGM_STR("stop"), &out), DGM_E_LIMIT);
    assert_int_equal(stop_feed(&c, DGM_STR("more"), &out), DGM_E_LIMIT);
    assert_int_equal(stop_end(&c, &out), DGM_E_LIMIT);
    stop_scan_dispose(&c);
    stops_dispose(&stops);
    dgm_buf_dispose(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_what_stands_before),
        cmocka_unit_test(the_first_to_end_counts),
        cmocka_unit_test(characters_stay_whole),
        cmocka_unit_test(a6_ten_over_three_pieces),
        cmocka_unit_test(random_texts),
        cmocka_unit_test(has_its_bounds),
        cmocka_unit_test(memory_may_be_short),
        cmocka_unit_test(a_full_output_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
