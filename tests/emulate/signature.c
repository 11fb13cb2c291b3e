/* SPDX-License-Identifier: Apache-2.0 */
/* signature.c - thought signatures: what was made is known again, and every way to spoil one is told apart. */
#include "emulate/signature.h"

#include "base/str.h"
#include "json/write.h"
#include "support/emu_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define CALL_ARGS "{\"b\":5,\"a\":[1,{\"x\":null}]}"

static struct ask ask_of(enum native_surface surface, const char *model)
{
    struct ask ask = {.target = {.surface = surface}};
    assert_true(emu_model_find(dgm_str_c(model), &ask.model));
    return ask;
}

static const char *make(const struct ask *ask, struct signed_part part)
{
    static char text[64];
    struct dgm_arena arena;
    struct dgm_buf out;
    dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&out, &dgm_alloc_libc, sizeof text - 1);
    assert_int_equal(emu_signature_put(&out, ask, &part, &arena), DGM_OK);
    assert_int_equal(out.n, 44);
    memcpy(text, out.p, out.n);
    text[out.n] = '\0';
    dgm_buf_dispose(&out);
    dgm_arena_dispose(&arena);
    return text;
}

/* Judges the last part of a history; "@" in it is the signature. */
static enum signature judge(const struct ask *ask, const char *history, const char *signature)
{
    struct dgm_buf body;
    struct dgm_arena arena;
    const struct json_val *root;
    struct json_error error;
    struct signature_reader reader = {0};
    enum signature last = SIGNATURE_MISSING;
    dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&body, dgm_arena_alloc(&arena), 1024);
    for (; *history != '\0'; history++) {
        if (*history == '@')
            dgm_buf_put(&body, dgm_str_c(signature));
        else
            dgm_buf_put_char(&body, *history);
    }
    assert_non_null(dgm_buf_reserve(&body, JSON_PADDING));
    assert_int_equal(json_parse(&arena, body.p, body.n, JSON_DEPTH_MAX, &root, &error), DGM_OK);
    for (struct json_iter c = json_iter(root); json_next(&c);)
        for (struct json_iter p = json_iter(json_get(c.value, DGM_STR("parts"))); json_next(&p);)
            last = emu_signature_next(&reader, ask, c.value, p.value);
    dgm_arena_dispose(&arena);
    return last;
}

#define MODEL(parts) "[{\"role\":\"model\",\"parts\":[" parts "]}]"
#define CALL(name, args)                                                                           \
    MODEL("{\"functionCall\":{\"name\":\"" name "\",\"args\":" args "},\"thoughtSignature\":\"@\"}")
#define TEXT(text) "{\"text\":\"" text "\",\"thoughtSignature\":\"@\"}"

static const struct signed_part call = {SIGNED_CALL, DGM_STR("f"), DGM_STR(CALL_ARGS)};
static const struct signed_part text = {SIGNED_TEXT, {0}, DGM_STR("Hello world")};

static void calls_are_compared_by_meaning(void **state)
{
    (void)state;
    struct ask ask = ask_of(NATIVE_V1, "gemini-3-flash-preview");
    const char *s = make(&ask, call);
    assert_int_equal(judge(&ask, CALL("f", CALL_ARGS), s), SIGNATURE_GOOD);
    assert_int_equal(judge(&ask, CALL("f", "{\"a\":[1.0,{\"x\":null}],\"b\":5}"), s),
                     SIGNATURE_GOOD);
    assert_int_equal(judge(&ask, CALL("f", "{\"a\":[{\"x\":null},1],\"b\":5}"), s),
                     SIGNATURE_MOVED);
    assert_int_equal(judge(&ask, CALL("f", "{\"b\":5}"), s), SIGNATURE_MOVED);
    assert_int_equal(judge(&ask, CALL("f", "{\"b\":\"5\",\"a\":[1,{\"x\":null}]}"), s),
                     SIGNATURE_MOVED);
    assert_int_equal(judge(&ask, CALL("g", CALL_ARGS), s), SIGNATURE_MOVED);
    assert_int_equal(judge(&ask, MODEL(TEXT("f")), s), SIGNATURE_MOVED);
}

static void a_call_without_arguments_has_none_or_an_empty_object(void **state)
{
    (void)state;
    struct ask ask = ask_of(NATIVE_G1B, "gemini-3-flash-preview");
    struct signed_part bare = {SIGNED_CALL, DGM_STR("f"), DGM_STR("")};
    const char *s = make(&ask, bare);
    assert_int_equal(judge(&ask, CALL("f", "{}"), s), SIGNATURE_GOOD);
    assert_int_equal(judge(&ask, CALL("f", "null"), s), SIGNATURE_GOOD);
    bare.body = DGM_STR("{}");
    assert_int_equal(judge(&ask, CALL("f", "{}"), make(&ask, bare)), SIGNATURE_GOOD);
    assert_int_equal(judge(&ask, CALL("f", "{\"a\":0}"), make(&ask, bare)), SIGNATURE_MOVED);
}

static void texts_are_whole_or_in_pieces(void **state)
{
    (void)state;
    struct ask ask = ask_of(NATIVE_V1, "gemini-3-flash-preview");
    const char *s = make(&ask, text);
    assert_int_equal(judge(&ask, MODEL(TEXT("Hello world")), s), SIGNATURE_GOOD);
    assert_int_equal(judge(&ask, MODEL("{\"text\":\"Hello \"}," TEXT("world")), s), SIGNATURE_GOOD);
    assert_int_equal(judge(&ask, MODEL("{\"text\":\"Hello world\"}," TEXT("")), s), SIGNATURE_GOOD);
    assert_int_equal(
        judge(&ask,
              MODEL("{\"text\":\"hm\",\"thought\":true},{\"text\":\"Hello \"}," TEXT("world")), s),
        SIGNATURE_GOOD);
    assert_int_equal(judge(&ask, MODEL(TEXT("Hello world!")), s), SIGNATURE_MERGED);
    assert_int_equal(judge(&ask, MODEL(TEXT("Well. Hello world")), s), SIGNATURE_MERGED);
    assert_int_equal(judge(&ask, MODEL(TEXT("Hello World")), s), SIGNATURE_MOVED);
    assert_int_equal(judge(&ask, MODEL(TEXT("")), s), SIGNATURE_MOVED);
    assert_int_equal(
        judge(&ask, MODEL("{\"text\":\"Hello world\",\"thought\":true,\"thoughtSignature\":\"@\"}"),
              s),
        SIGNATURE_MOVED);
    struct signed_part thought = {SIGNED_THOUGHT, {0}, DGM_STR("hm")};
    assert_int_equal(judge(&ask,
                           MODEL("{\"text\":\"hm\",\"thought\":true,\"thoughtSignature\":\"@\"}"),
                           make(&ask, thought)),
                     SIGNATURE_GOOD);
}

static void data_is_compared_by_its_letters(void **state)
{
    (void)state;
    struct ask ask = ask_of(NATIVE_V1, "gemini-3-flash-preview");
    struct signed_part data = {SIGNED_DATA, {0}, DGM_STR("+/+=")};
    const char *s = make(&ask, data);
#define DATA(data)                                                                                 \
    MODEL("{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"" data                           \
          "\"},\"thoughtSignature\":\"@\"}")
    assert_int_equal(judge(&ask, DATA("+/+="), s), SIGNATURE_GOOD);
    assert_int_equal(judge(&ask, DATA("-_-"), s), SIGNATURE_GOOD);
    assert_int_equal(judge(&ask, DATA("+/8="), s), SIGNATURE_MOVED);
}

static void the_two_documented_texts_skip_it(void **state)
{
    (void)state;
    static const char *const sentinels[] = {
        "skip_thought_signature_validator",
        "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I=",
        "context_engineering_is_the_way_to_go",
        "Y29udGV4dF9lbmdpbmVlcmluZ19pc190aGVfd2F5X3RvX2dv",
    };
    struct ask ask = ask_of(NATIVE_V1, "gemini-3-flash-preview");
    for (size_t i = 0; i < sizeof sentinels / sizeof *sentinels; i++)
        assert_int_equal(judge(&ask, CALL("f", "{}"), sentinels[i]), SIGNATURE_SENTINEL);
    assert_int_equal(judge(&ask, CALL("f", "{}"), "skip_thought_signature_validator_"),
                     SIGNATURE_ALTERED);
    assert_int_equal(judge(&ask, CALL("f", "{}"), ""), SIGNATURE_MISSING);
}

static void every_changed_letter_is_seen(void **state)
{
    (void)state;
    struct ask ask = ask_of(NATIVE_V1, "gemini-3-flash-preview");
    char s[64];
    strcpy(s, make(&ask, call));
    for (size_t i = 0; i < 44; i++) {
        char was = s[i];
        s[i] = was == 'A' ? 'B' : 'A';
        assert_int_equal(judge(&ask, CALL("f", CALL_ARGS), s), SIGNATURE_ALTERED);
        s[i] = was;
    }
    s[43] = '\0';
    assert_int_equal(judge(&ask, CALL("f", CALL_ARGS), s), SIGNATURE_ALTERED);
}

static void others_are_foreign(void **state)
{
    (void)state;
    struct ask ask = ask_of(NATIVE_V1, "gemini-3-flash-preview");
    static const struct {
        enum native_surface surface;
        const char *model;
        enum signature is;
    } makers[] = {
        {NATIVE_V1, "gemini-3-pro-preview", SIGNATURE_GOOD},
        {NATIVE_V1B1, "gemini-3-flash-preview", SIGNATURE_GOOD},
        {NATIVE_G1B, "gemini-3-flash-preview", SIGNATURE_FOREIGN},
        {NATIVE_V1, "gemini-2.5-flash", SIGNATURE_FOREIGN},
        {NATIVE_V1, "gemini-3.1-pro-preview", SIGNATURE_RELATED},
    };
    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++) {
        struct ask maker = ask_of(makers[i].surface, makers[i].model);
        assert_int_equal(judge(&ask, CALL("f", CALL_ARGS), make(&maker, call)), makers[i].is);
    }
}

static void another_key_made_none_of_it(void **state)
{
    (void)state;
    unsigned char seeds[2][AUTH_MAC_BYTES] = {{1}, {2}};
    struct ask one = ask_of(NATIVE_V1, "gemini-3-flash-preview"), other = one;
    one.signature_key = emu_signature_key(seeds[0]);
    other.signature_key = emu_signature_key(seeds[1]);
    assert_true(one.signature_key == emu_signature_key(seeds[0]));
    const char *s = make(&one, call);
    assert_int_equal(judge(&one, CALL("f", CALL_ARGS), s), SIGNATURE_GOOD);
    assert_int_equal(judge(&other, CALL("f", CALL_ARGS), s), SIGNATURE_ALTERED);
}

/* The same part gives the same letters for ever: a history that was kept stays good. */
static void the_letters_do_not_change(void **state)
{
    (void)state;
    struct ask ask = ask_of(NATIVE_V1, "gemini-3-flash-preview");
    assert_string_equal(make(&ask, text), "ZW11bAEBHgAAx2Q3o4X3EycLAAAAAAAAAPtr/yK+VdcK");
}

#define ASKED "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"Why is the sky blue?\"}]}"

/* What the emulator said comes back: whole, and as the pieces of a stream. */
static void answers_come_back_good(void **state)
{
    (void)state;
    static const char *const verbs[] = {":generateContent", ":streamGenerateContent"};
    static const struct emu_options plain = {.piece_chars = 20};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        struct emu_run said, back;
        struct dgm_buf target, body;
        dgm_buf_init(&target, &dgm_alloc_libc, 1024);
        dgm_buf_init(&body, &dgm_alloc_libc, 1 << 20);
        dgm_buf_put_lit(&target, "/v1beta/models/gemini-3-flash-preview");
        dgm_buf_put(&target, dgm_str_c(verbs[i]));
        emu_run_post(&said, &dgm_alloc_libc, &plain, dgm_buf_str(&target), DGM_STR(ASKED "]}"), 0);
        const struct json_val *root = emu_run_json(&said);

        struct json_writer w = json_writer(&body);
        bool array = json_kind(root) == JSON_ARR;
        dgm_buf_put_lit(&body, ASKED);
        for (size_t k = 0; k < (array ? json_size(root) : 1); k++) {
            const struct json_val *one = array ? json_at(root, k) : root;
            dgm_buf_put_char(&body, ',');
            json_put_val(
                &w, json_get(json_at(json_get(one, DGM_STR("candidates")), 0), DGM_STR("content")));
            w = json_writer(&body);
        }
        assert_true(dgm_str_find(dgm_buf_str(&body), DGM_STR("thoughtSignature")) < body.n);
        dgm_buf_put_lit(&body, ",{\"role\":\"user\",\"parts\":[{\"text\":\"And at night?\"}]}]}");
        emu_run_post(&back, &dgm_alloc_libc, &plain, dgm_buf_str(&target), dgm_buf_str(&body), 0);
        if (back.status != 200)
            fail_msg("%.*s", (int)back.body.n, back.body.p);
        emu_run_dispose(&said);
        emu_run_dispose(&back);
        dgm_buf_dispose(&target);
        dgm_buf_dispose(&body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_are_compared_by_meaning),
        cmocka_unit_test(a_call_without_arguments_has_none_or_an_empty_object),
        cmocka_unit_test(texts_are_whole_or_in_pieces),
        cmocka_unit_test(data_is_compared_by_its_letters),
        cmocka_unit_test(the_two_documented_texts_skip_it),
        cmocka_unit_test(every_changed_letter_is_seen),
        cmocka_unit_test(others_are_foreign),
        cmocka_unit_test(another_key_made_none_of_it),
        cmocka_unit_test(the_letters_do_not_change),
        cmocka_unit_test(answers_come_back_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
