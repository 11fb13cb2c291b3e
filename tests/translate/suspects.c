/* SPDX-License-Identifier: Apache-2.0 */
/* suspects.c - every row of suspects.def finds what it looks for, and nothing in what is sound. */
#include "translate/probes.h"

#include "base/str.h"
#include "support/emu_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* ---- what is left out for them (probes.def) ---- */

/* Of each row something was left out once. */
static struct {
    const char *suspect;
    bool seen;
} left_out[] = {
#define SUSPECT(id, likely, source, sentence) {#id, false},
#include "translate/suspects.def"
#undef SUSPECT
};

/* A reduced body is one that the emulator reads, and answers or refuses for another reason. */
static void ask_emulator(const struct suspect *s, struct dgm_request *r, struct dgm_str body)
{
    static const struct emu_options plain;
    char target[256];
    struct emu_run run;
    snprintf(target, sizeof target,
             r->surface == DGM_GEMINI ? "/v1beta/models/%s:generateContent"
                                      : "/v1/projects/p/locations/l/publishers/google/models/"
                                        "%s:generateContent",
             "gemini-2.5-flash");
    emu_run_post(&run, &dgm_alloc_libc, &plain, dgm_str_c(target), body, 0);
    const struct json_val *error = json_get(emu_run_json(&run), DGM_STR("error"));
    struct dgm_str message = json_get_str(error, DGM_STR("message"));
    if (run.status != 200 &&
        (run.status != 400 || dgm_str_starts(message, DGM_STR("Invalid JSON payload"))))
        fail_msg("%s: %d %.*s", s->id, run.status, (int)message.n, message.p);
    emu_run_dispose(&run);
}

static void leave_out(struct dgm_request *r, const struct json_val *native, const struct suspect *s)
{
    struct dgm_buf out;
    dgm_buf_init(&out, &dgm_alloc_libc, SIZE_MAX);
    size_t n = probes_put(r, native, s, &out);
    assert_int_equal(out.rc, DGM_OK);
    for (size_t i = 0; n != 0 && i < sizeof left_out / sizeof *left_out; i++)
        if (strcmp(left_out[i].suspect, s->id) == 0)
            left_out[i].seen = true;
    if (n != 0 && out.n < 1 << 20)
        ask_emulator(s, r, dgm_buf_str(&out));
    dgm_buf_dispose(&out);
}

static void test_each_can_be_left_out(void **state)
{
    char wrong[1024] = "";
    (void)state;
    for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++)
        if (left_out[i].seen == (strcmp(left_out[i].suspect, "mended") == 0))
            snprintf(wrong + strlen(wrong), sizeof wrong - strlen(wrong), " %s",
                     left_out[i].suspect);
    assert_string_equal(wrong, "");
}

#define BARE "Request contains an invalid argument."

/* The suspects of a body that was refused with a message, as "id:likely:param" and a blank each. */
static char *suspects_of(struct dgm_str body, const char *message, enum dgm_surface surface)
{
    static char text[2048];
    struct dgm_env env = {.now = 1, .id = DGM_STR("suspects"), .surface = surface};
    struct dgm_request *r = NULL;
    struct dgm_fail fail;
    struct dgm_buf in;
    dgm_buf_init(&in, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_put(&in, body);
    enum dgm_rc rc = dgm_chat_request(&env, &in, &r, &fail);
    if (rc == DGM_NEED)
        rc = dgm_request_resume(r, &fail);
    if (rc != DGM_OK)
        fail_msg("%s: %.200s", fail.detail, body.p);
    text[0] = '\0';
    if (suspects_wanted(dgm_str_c(message))) {
        struct suspect found[SUSPECTS_MAX];
        const struct json_val *native;
        size_t n = suspects_find(r, found, &native), at = 0;
        for (size_t i = 0; i < n; i++) {
            leave_out(r, native, &found[i]);
            assert_true(i == 0 || found[i - 1].likely >= found[i].likely);
            at += (size_t)snprintf(text + at, sizeof text - at, "%s:%u:%.*s ", found[i].id,
                                   found[i].likely, (int)found[i].param.n,
                                   found[i].param.n ? found[i].param.p : "");
        }
    }
    dgm_request_free(r);
    dgm_buf_dispose(&in);
    return text;
}

#define USER "{\"role\":\"user\",\"content\":\"Hello\"}"
#define BODY(model, messages, more) "{\"model\":\"" model "\",\"messages\":[" messages "]" more "}"
#define SAYS(more) BODY("gemini-3-flash-preview", USER, more)
#define PART(part) BODY("gemini-2.5-flash", "{\"role\":\"user\",\"content\":[" part "]}", "")
#define IMAGE(url) PART("{\"type\":\"image_url\",\"image_url\":{\"url\":\"" url "\"}}")
#define FUNCTION(properties)                                                                                              \
    "{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{\"type\":\"object\",\"properties\":{" properties \
    "}}}}"
#define CALL(id, more)                                                                             \
    "{\"id\":\"" id                                                                                \
    "\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}" more "}"
#define CALLS(calls) "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[" calls "]}"
#define RESULT(id) "{\"role\":\"tool\",\"tool_call_id\":\"" id "\",\"content\":\"ok\"}"
#define TOOL ",\"tools\":[" FUNCTION("\"a\":{\"type\":\"string\"}") "]"
#define DEEP "{\"type\":\"array\",\"items\":"
#define DEEP3 DEEP DEEP DEEP

static const struct {
    const char *body, *expected; /* a piece of what is found; "": nothing at all */
    enum dgm_surface surface;
} cases[] = {
    {SAYS(""), "", DGM_VERTEX},
    {SAYS(TOOL), "", DGM_VERTEX},
    {BODY("gemini-3-flash-preview", USER "," CALLS(CALL("1", "")) "," RESULT("1"), TOOL),
     "signature_unknown:58:messages[1].tool_calls ", DGM_VERTEX},
    {BODY("gemini-3-flash-preview",
          USER "," CALLS(CALL(
              "1",
              ",\"extra_content\":{\"google\":{\"thought_signature\":\"c2ln\"}}")) "," RESULT("1"),
          TOOL),
     "signature_given:44:messages[1].tool_calls ", DGM_VERTEX},
    {BODY("gemini-2.5-flash",
          USER "," CALLS(CALL("1", "") "," CALL("1", "")) "," RESULT("1") "," RESULT("1"), TOOL),
     "calls_same_id:94:messages[1].tool_calls ", DGM_VERTEX},
    {BODY("gemini-2.5-flash", USER "," CALLS(CALL("1", "")) "," RESULT("1"), ""),
     "result_undeclared:62:messages[2] ", DGM_VERTEX},
    {BODY(
         "gemini-2.5-flash",
         USER
         ",{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"Well\"}],\"tool_calls\":[" CALL(
             "1", "") "]}," RESULT("1"),
         TOOL),
     "text_and_calls:15:messages[1] ", DGM_VERTEX},
    {BODY("gemini-3.5-flash-lite",
          USER ",{\"role\":\"assistant\",\"content\":\"Well\",\"tool_calls\":[" CALL(
              "1", "") "]}," RESULT("1"),
          TOOL),
     "text_and_calls:72:messages[1] ", DGM_VERTEX},
    {BODY("gemini-2.5-flash", USER ",{\"role\":\"assistant\",\"content\":\"Well\"}", ""),
     "prefill:50:messages[1] ", DGM_VERTEX},
    {BODY("gemini-2.5-flash", USER "," RESULT("9"), ""), "mended:20:", DGM_VERTEX},
    {BODY("gemini-2.5-flash", "{\"role\":\"user\",\"content\":\"a\\u0007b\"}", ""),
     "control_character:42:messages[0].content ", DGM_VERTEX},
    {PART("{\"type\":\"text\",\"text\":\"a\\u007f\"}"), "control_character:42:messages[0].content ",
     DGM_VERTEX},
    {IMAGE("gs://bucket/a.png"), "uri_unreadable:85:messages[0].content[0] ", DGM_GEMINI},
    {IMAGE("gs://bucket/a.png"), "", DGM_VERTEX},
    {IMAGE("s3://bucket/a.png"), "uri_unreadable:85:messages[0].content[0] ", DGM_VERTEX},
    {IMAGE("https://example.com/a.png"), "uri_unreadable:50:messages[0].content[0] ", DGM_VERTEX},
    {SAYS(",\"google\":{\"image_config\":{\"aspect_ratio\":\"1:1\"}}"),
     "image_config:83:google.image_config ", DGM_VERTEX},
    {BODY("gemini-3-pro-image-preview", USER, ",\"google\":{\"aspect_ratio\":\"1:1\"}"),
     "image_config:45:google.aspect_ratio ", DGM_VERTEX},
    {SAYS(",\"google\":{\"response_modalities\":[\"TEXT\",\"IMAGE\"]}"),
     "modalities:82:google.response_modalities ", DGM_VERTEX},
    {SAYS(",\"google\":{\"response_modalities\":[\"AUDIO\"]}"),
     "modalities:82:google.response_modalities ", DGM_VERTEX},
    {BODY("gemini-2.5-flash-image", USER, ",\"modalities\":[\"text\",\"image\"]"), "", DGM_VERTEX},
    {SAYS(",\"reasoning_effort\":\"low\""), "thinking_unknown:22:reasoning_effort ", DGM_VERTEX},
    {SAYS(TOOL ",\"response_format\":{\"type\":\"json_object\"}"),
     "tools_with_json:43:response_format ", DGM_VERTEX},
    {SAYS(TOOL ",\"web_search_options\":{}"), "tools_mixed:48:web_search_options ", DGM_VERTEX},
    {SAYS(TOOL ",\"google\":{\"tools\":[{\"google_search\":{}}]}"), "tools_mixed:48:google.tools ",
     DGM_VERTEX},
    {SAYS(",\"google\":{\"cached_content\":\"projects/p/locations/l/cachedContents/c\"}"),
     "cached_content:55:google.cached_content ", DGM_VERTEX},
    {BODY("gemini-2.5-flash", USER, ",\"logprobs\":true"), "logprobs:52:logprobs ", DGM_VERTEX},
    {BODY("gemini-2.5-flash", USER, ",\"n\":2"), "candidates:46:n ", DGM_VERTEX},
    {BODY("gemini-2.5-flash", USER, ",\"presence_penalty\":2"), "range_edge:35:presence_penalty ",
     DGM_VERTEX},
    {SAYS(
         ",\"google\":{\"safety_settings\":[{\"category\":\"HARM_CATEGORY_HARASSMENT\",\"threshold\":\"OFF\"}]}"),
     "safety_settings:30:google.safety_settings ", DGM_VERTEX},
    {SAYS(
         ",\"google\":{\"safety_settings\":[{\"category\":\"HARM_CATEGORY_CIVIC_INTEGRITY\",\"threshold\":\"OFF\"}]}"),
     "safety_settings:63:google.safety_settings ", DGM_VERTEX},
    {SAYS(",\"tools\":[" FUNCTION("\"a\":{\"type\":\"string\",\"pattern\":\"x\"}") "]"),
     "schema_keyword:40:tools[0].function.parameters ", DGM_VERTEX},
    {SAYS(",\"tools\":[" FUNCTION("\"a\":" DEEP3 DEEP3 DEEP3 "{\"type\":\"string\"}}}}}}}}}}") "]"),
     "schema_depth:57:tools[0].function.parameters ", DGM_VERTEX},
    {SAYS(",\"tools\":[" FUNCTION(
         "\"a\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"maxItems\":700}") "]"),
     "schema_max_items:40:tools[0].function.parameters ", DGM_VERTEX},
    {SAYS(",\"tools\":[" FUNCTION(
         "\"a\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"maxItems\":400}") "]"),
     "", DGM_VERTEX},
    {BODY(
         "gemini-2.5-flash", USER,
         ",\"functions\":[{\"name\":\"f\",\"parameters\":{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#\"}}}}]"),
     "schema_cycle:90:functions[0].parameters ", DGM_VERTEX},
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *found = suspects_of(dgm_str_c(cases[i].body), BARE, cases[i].surface);
        bool fits = cases[i].expected[0] ? strstr(found, cases[i].expected) != NULL : !found[0];
        if (!fits)
            fail_msg("%s\n found    \"%s\"\n expected \"%s\"", cases[i].body, found,
                     cases[i].expected);
    }
}

static void test_what_is_bare(void **state)
{
    (void)state;
    assert_true(suspects_wanted(DGM_STR("Request contains an invalid argument.")));
    assert_true(suspects_wanted(DGM_STR("Invalid argument provided to Gemini.")));
    assert_true(suspects_wanted(DGM_STR("INVALID_ARGUMENT")));
    assert_false(suspects_wanted(DGM_STR("Please use a valid role: user, model.")));
    assert_false(suspects_wanted(DGM_STR("")));
}

/* ---- files ---- */

static void put_base64(struct dgm_buf *out, const char *bytes, size_t n)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        uint32_t three = 0;
        for (size_t k = 0; k < 3; k++)
            three = three << 8 | (i + k < n ? (unsigned char)bytes[i + k] : 0);
        for (size_t k = 0; k < 4; k++)
            dgm_buf_put_char(out, i + k > n ? '=' : letters[three >> (18 - 6 * k) & 63]);
    }
}

/* What is found of a file with such bytes. */
static char *suspects_of_file(const char *type, const char *bytes, size_t n)
{
    struct dgm_buf body;
    dgm_buf_init(&body, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_put_lit(&body,
                    "{\"model\":\"gemini-2.5-flash\",\"messages\":[{\"role\":\"user\",\"content\":"
                    "[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:");
    dgm_buf_put(&body, dgm_str_c(type));
    dgm_buf_put_lit(&body, ";base64,");
    put_base64(&body, bytes, n);
    dgm_buf_put_lit(&body, "\"}}]}]}");
    char *found = suspects_of(dgm_buf_str(&body), BARE, DGM_VERTEX);
    dgm_buf_dispose(&body);
    return found;
}

static void test_files(void **state)
{
    static const struct {
        const char *type;
        size_t at;
        const char *first, *last;
    } files[] = {
        {"image/png", 0, "\x89PNG", "IEND"},
        {"image/jpeg", 0, "\xff\xd8\xff", ""},
        {"image/gif", 0, "GIF8", ""},
        {"image/webp", 8, "WEBP", ""},
        {"application/pdf", 0, "%PDF-", "%%EOF"},
        {"audio/wav", 8, "WAVE", ""},
        {"audio/flac", 0, "fLaC", ""},
        {"audio/ogg", 0, "OggS", ""},
        {"video/mp4", 4, "ftyp", ""},
        {"video/quicktime", 4, "ftyp", ""},
        {"video/webm", 0, "\x1a\x45\xdf\xa3", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char bytes[3000];
        memset(bytes, 'x', sizeof bytes);
        assert_string_equal(
            strstr(suspects_of_file(files[i].type, bytes, sizeof bytes), "media_broken"),
            i == 2 ? "media_broken:92:messages[0].content[0] media_type:88:messages[0].content[0] "
                   : "media_broken:92:messages[0].content[0] ");
        memcpy(bytes + files[i].at, files[i].first, strlen(files[i].first));
        if (files[i].last[0])
            assert_non_null(
                strstr(suspects_of_file(files[i].type, bytes, sizeof bytes), "media_broken"));
        memcpy(bytes + sizeof bytes - 20, files[i].last, strlen(files[i].last));
        assert_null(strstr(suspects_of_file(files[i].type, bytes, sizeof bytes), "media_broken"));
        assert_non_null(strstr(suspects_of_file(files[i].type, bytes, 12), "media_broken"));
    }
}

static void test_types(void **state)
{
    static const char *const read[] = {
        "image/png",      "image/jpeg",     "image/webp",    "image/heic",      "image/heif",
        "audio/anything", "video/anything", "text/anything", "application/pdf", "application/json"};
    char bytes[64] = {0};
    (void)state;
    for (size_t i = 0; i < sizeof read / sizeof *read; i++)
        assert_null(strstr(suspects_of_file(read[i], bytes, sizeof bytes), "media_type"));
    assert_non_null(strstr(suspects_of_file("image/tiff", bytes, sizeof bytes), "media_type:88"));
    assert_non_null(
        strstr(suspects_of_file("application/zip", bytes, sizeof bytes), "media_type:88"));
}

/* ---- what is large ---- */

static void put_times(struct dgm_buf *out, const char *text, size_t times)
{
    for (size_t i = 0; i < times; i++)
        dgm_buf_put(out, dgm_str_c(text));
}

static void test_large(void **state)
{
    struct dgm_buf body;
    (void)state;
    dgm_buf_init(&body, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_put_lit(&body, "{\"model\":\"gemini-2.5-flash\",\"messages\":[" USER
                           ",{\"role\":\"user\",\"content\":\"");
    put_times(&body, "0123456789abcdef", 200000);
    dgm_buf_put_lit(&body, "\"}]}");
    assert_non_null(
        strstr(suspects_of(dgm_buf_str(&body), BARE, DGM_VERTEX), "text_long:45:messages[1] "));

    dgm_buf_clear(&body);
    dgm_buf_put_lit(
        &body,
        "{\"model\":\"gemini-2.5-flash\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
        "\"image_url\",\"image_url\":{\"url\":\"data:image/heic;base64,");
    put_times(&body, "0123456789abcdef", 700000);
    dgm_buf_put_lit(&body, "\"}}]}]}");
    assert_non_null(strstr(suspects_of(dgm_buf_str(&body), BARE, DGM_VERTEX),
                           "media_large:70:messages[0].content[0] "));
    assert_null(strstr(suspects_of(dgm_buf_str(&body), BARE, DGM_GEMINI), "media_large"));

    dgm_buf_clear(&body);
    dgm_buf_put_lit(
        &body,
        "{\"model\":\"gemini-2.5-flash\",\"messages\":[" USER "],\"tools\":[{\"type\":\"function\","
        "\"function\":{\"name\":\"f\",\"parameters\":{\"type\":\"object\",\"properties\":{\"a\":{}");
    for (int i = 0; i < 500; i++) {
        char member[32];
        snprintf(member, sizeof member, ",\"a%d\":{}", i);
        dgm_buf_put(&body, dgm_str_c(member));
    }
    dgm_buf_put_lit(&body, "}}}}]}");
    assert_non_null(strstr(suspects_of(dgm_buf_str(&body), BARE, DGM_VERTEX),
                           "schema_large:38:tools[0].function.parameters "));

    dgm_buf_clear(&body);
    dgm_buf_put_lit(&body, "{\"model\":\"gemini-2.5-flash\",\"messages\":[" USER
                           "],\"tool_choice\":\"required\",\"tools\":[{\"type\":\"function\","
                           "\"function\":{\"name\":\"f\",\"parameters\":{\"type\":\"object\","
                           "\"properties\":{\"a\":{\"type\":\"string\",\"enum\":[\"a\"");
    for (int i = 0; i < 250; i++) {
        char value[32];
        snprintf(value, sizeof value, ",\"value number %d\"", i);
        dgm_buf_put(&body, dgm_str_c(value));
    }
    dgm_buf_put_lit(&body, "]}}}}}]}");
    const char *enums = suspects_of(dgm_buf_str(&body), BARE, DGM_VERTEX);
    assert_non_null(strstr(enums, "enum_any:87:tools[0].function.parameters "));
    assert_non_null(strstr(enums, "enum_large:84:tools[0].function.parameters "));
    dgm_buf_dispose(&body);
}

/* ---- what is hostile ---- */

#define CPU_SECONDS_MAX 8 /* the sanitizers' included; what grows by squares takes minutes */

/* Looks at `head`, `times` of `element` with a number for "@", and `tail`, and holds the time it takes to the most. */
static void look_in_time(const char *head, const char *element, size_t times, const char *tail)
{
    struct dgm_buf body;
    dgm_buf_init(&body, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_put(&body, dgm_str_c(head));
    for (size_t i = 0; i < times; i++) {
        struct dgm_str rest = dgm_str_c(element), piece;
        if (i)
            dgm_buf_put_char(&body, ',');
        while (dgm_str_split(&rest, '@', &piece)) {
            dgm_buf_put(&body, piece);
            if (rest.p)
                dgm_buf_put_int(&body, (int64_t)i);
        }
    }
    dgm_buf_put(&body, dgm_str_c(tail));
    clock_t began = clock();
    suspects_of(dgm_buf_str(&body), BARE, DGM_VERTEX);
    double seconds = (double)(clock() - began) / CLOCKS_PER_SEC;
    if (seconds > CPU_SECONDS_MAX)
        fail_msg("%s: %.1f s", element, seconds);
    dgm_buf_dispose(&body);
}

/* Schemas that refer twice to the next of their like: two more steps for each of the one before. */
#define REF(name) "{\"$ref\":\"#/$defs/" name "\"}"
#define FORK(name, next) "\"" name "\":{\"anyOf\":[" REF(next) "," REF(next) "]},"
#define FORKS(number, forks)                                                                       \
    "{\"type\":\"function\",\"function\":{\"name\":\"f" number                                     \
    "\",\"parameters\":{\"type\":\"object\",\"$defs\":{" forks                                     \
    "\"o\":{}},\"properties\":{\"p\":" REF("a") "}}}}"

static void test_hostile_bodies_take_no_longer(void **state)
{
    const char *begin = "{\"model\":\"gemini-2.5-flash\",\"messages\":[" USER ",";
    char head[256];
    (void)state;
    snprintf(head, sizeof head, "%s{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[",
             begin);
    look_in_time(head, CALL("call_@", ""), 60000, "]}]}");
    snprintf(head, sizeof head, "%s{\"role\":\"user\",\"content\":[", begin);
    look_in_time(head,
                 "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/heic;base64,"
                 "aGVpY2hlaWNoZWljaGVpY2hlaWNoZWljaGVpYw==\"}}",
                 40000, "]}]}");
    look_in_time("{\"model\":\"gemini-2.5-flash\",\"messages\":[" USER "],\"tools\":[",
                 FORKS("@", FORK("a", "b") FORK("b", "c") FORK("c", "d") FORK("d", "e")
                                FORK("e", "f") FORK("f", "g") FORK("g", "h") FORK("h", "i")
                                    FORK("i", "j") FORK("j", "k") FORK("k", "l") FORK("l", "m")
                                        FORK("m", "n") FORK("n", "o")),
                 500, "]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_what_is_bare),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_hostile_bodies_take_no_longer),
        cmocka_unit_test(test_each_can_be_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
