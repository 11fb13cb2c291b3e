/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scaling.c - requests whose lists a client makes long: four times as long takes about four times as long. A loop in a loop
 * over two of them would take sixteen times, and one request would hold a worker for seconds.
 */
#include <dragoman/dragoman.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/str.h"

#define LENGTH 2000   /* of the short lists; the long ones have four times as many */
#define TRIES 5       /* for whatever else the machine does */
#define RATIO_MAX 8   /* between the four of one loop and the sixteen of two */
#define NOISE_MS 10.0 /* of what takes hardly any time */

/* ---- lists -------------------------------------------------------------------------------------------- */

/* Puts `text` n times, with what stands between; each '%' in it becomes the number of the element. */
static void put_many(struct dgm_buf *out, size_t n, const char *between, const char *text,
                     bool backwards)
{
    for (size_t i = 0; i < n; i++) {
        if (i != 0)
            dgm_buf_put(out, dgm_str_c(between));
        for (const char *p = text; *p; p++) {
            if (*p == '%')
                dgm_buf_put_int(out, (int64_t)(backwards ? n - 1 - i : i));
            else
                dgm_buf_put_char(out, *p);
        }
    }
}

static void put_list(struct dgm_buf *out, size_t n, const char *text)
{
    put_many(out, n, ",", text, false);
}

#define QUESTION "{\"role\":\"user\",\"content\":\"x\"}"
#define ASSISTANT "{\"role\":\"assistant\",\"content\":"

/* ---- texts -------------------------------------------------------------------------------------------- */

static void put_text(struct dgm_buf *out, size_t n, const char *piece)
{
    dgm_buf_put_lit(out, "\"messages\":[" QUESTION "," ASSISTANT "\"");
    put_many(out, n, "", piece, false);
    dgm_buf_put_lit(out, "\"}," QUESTION "]");
}

static void put_brackets(struct dgm_buf *out, size_t n)
{
    put_text(out, 8 * n, "](data:image/");
}

static void put_images_unclosed(struct dgm_buf *out, size_t n)
{
    put_text(out, 4 * n, "![image](data:image/png;base64,AAAA");
}

static void put_images_wrong(struct dgm_buf *out, size_t n)
{
    put_text(out, 4 * n, "![image](data:image/png;base64,A)");
}

static void put_heads_of_images(struct dgm_buf *out, size_t n)
{
    put_text(out, 4 * n, "![image](data:image/png;");
}

static void put_tags(struct dgm_buf *out, size_t n)
{
    put_text(out, 4 * n, "<think>");
    dgm_buf_put_lit(out, ",\"google\":{\"thought_tag_marker\":\"think\"}");
}

/* ---- images of the model's, and their signatures ------------------------------------------------------ */

static void put_marked(struct dgm_buf *out, size_t n, const char *mark, bool backwards)
{
    dgm_buf_put_lit(out, "\"messages\":[" QUESTION "," ASSISTANT "\"");
    put_many(out, n, "", "![image](data:image/png;base64,AAAA)", false);
    dgm_buf_put_lit(out, "\",\"extra_content\":{\"google\":{\"images\":[");
    put_many(out, n, ",", mark, backwards);
    dgm_buf_put_lit(out, "]}}}," QUESTION "]");
}

static void put_marks(struct dgm_buf *out, size_t n)
{
    put_marked(out, n, "{\"index\":%,\"thought_signature\":\"c2lnMQ==\"}", false);
}

static void put_marks_backwards(struct dgm_buf *out, size_t n)
{
    put_marked(out, n, "{\"index\":%,\"thought_signature\":\"c2lnMQ==\"}", true);
}

static void put_marks_of_none(struct dgm_buf *out, size_t n)
{
    put_marked(out, n, "{\"index\":-1,\"thought_signature\":\"c2lnMQ==\"}", true);
}

static void put_native_parts(struct dgm_buf *out, size_t n)
{
    dgm_buf_put_lit(out, "\"messages\":[" QUESTION "," ASSISTANT "\"");
    put_many(out, n, "", "![image](data:image/png;base64,AAAA)", false);
    dgm_buf_put_lit(out, "\",\"extra_content\":{\"google\":{\"parts\":[");
    put_list(out, n,
             "{\"executableCode\":{\"language\":\"PYTHON\",\"code\":\"1\"},\"after_bytes\":%}");
    dgm_buf_put_lit(out, "]}}}," QUESTION "]");
}

/* ---- calls, their results and their signatures -------------------------------------------------------- */

#define CALL                                                                                       \
    "{\"id\":\"c%\",\"type\":\"function\",\"function\":{\"name\":\"f%\",\"arguments\":\"{}\"}}"

static void put_calls(struct dgm_buf *out, size_t n, const char *more, const char *element,
                      const char *between)
{
    dgm_buf_put_lit(out, "\"messages\":[" QUESTION "," ASSISTANT "null,\"tool_calls\":[");
    put_list(out, n, CALL);
    dgm_buf_put_lit(out, "]");
    dgm_buf_put(out, dgm_str_c(more));
    put_many(out, n, ",", element, true);
    dgm_buf_put(out, dgm_str_c(between));
    put_many(out, n, ",", "{\"role\":\"tool\",\"tool_call_id\":\"c%\",\"content\":\"ok\"}", true);
    dgm_buf_put_lit(out, "]");
}

static void put_results(struct dgm_buf *out, size_t n)
{
    put_calls(out, n, "},", QUESTION, ",");
}

static void put_details(struct dgm_buf *out, size_t n)
{
    put_calls(out, n, ",\"reasoning_details\":[",
              "{\"type\":\"reasoning.encrypted\",\"id\":\"c%\",\"data\":\"c2lnMQ==\"}", "]},");
}

static void put_details_of_none(struct dgm_buf *out, size_t n)
{
    put_calls(out, n, ",\"reasoning_details\":[",
              "{\"type\":\"reasoning.encrypted\",\"id\":\"d\",\"data\":\"c2lnMQ==\"}", "]},");
}

static void put_blocks(struct dgm_buf *out, size_t n)
{
    put_calls(out, n, ",\"thinking_blocks\":[", "{\"type\":\"thinking\",\"signature\":\"-\"}",
              "]},");
}

static void put_members(struct dgm_buf *out, size_t n)
{
    put_calls(out, n, ",", "\"m%\":1", "},");
}

static void put_function_calls(struct dgm_buf *out, size_t n)
{
    dgm_buf_put_lit(out, "\"messages\":[" QUESTION ",");
    put_list(out, n,
             ASSISTANT "null,\"function_call\":{\"name\":\"f%\",\"arguments\":\"{}\"}},"
                       "{\"role\":\"function\",\"name\":\"f%\",\"content\":\"ok\"}");
    dgm_buf_put_lit(out, "]");
}

/* ---- tools -------------------------------------------------------------------------------------------- */

#define TOOL "{\"type\":\"function\",\"function\":{\"name\":\"f%\"}}"

static void put_tools(struct dgm_buf *out, size_t n)
{
    size_t tools = n / 32; /* Gemini takes 512 */
    put_results(out, n);
    dgm_buf_put_lit(out, ",\"tools\":[");
    put_list(out, tools, TOOL);
    dgm_buf_put_lit(out, "],\"tool_choice\":{\"type\":\"allowed_tools\",\"allowed_tools\":{"
                         "\"mode\":\"auto\",\"tools\":[");
    put_many(out, tools, ",", TOOL, true);
    dgm_buf_put_lit(out, "]}}");
}

static void put_schema(struct dgm_buf *out, size_t n)
{
    dgm_buf_put_lit(out,
                    "\"messages\":[" QUESTION "],\"tools\":[{\"type\":\"function\",\"function\":{"
                    "\"name\":\"f\",\"parameters\":{\"type\":\"object\",\"properties\":{");
    put_list(out, n, "\"p%\":{\"type\":\"string\"}");
    dgm_buf_put_lit(out, "},\"required\":[");
    put_many(out, n, ",", "\"p%\"", true);
    dgm_buf_put_lit(out, "]}}}]");
}

static void put_enum(struct dgm_buf *out, size_t n)
{
    dgm_buf_put_lit(out,
                    "\"messages\":[" QUESTION "],\"tools\":[{\"type\":\"function\",\"function\":{"
                    "\"name\":\"f\",\"parameters\":{\"type\":\"object\",\"properties\":{\"p\":{"
                    "\"type\":\"string\",\"enum\":[");
    put_list(out, n, "\"e%\"");
    dgm_buf_put_lit(out, "]}}}}}]");
}

/* ---- messages and parts ------------------------------------------------------------------------------- */

static void put_messages(struct dgm_buf *out, size_t n)
{
    dgm_buf_put_lit(out, "\"messages\":[");
    put_list(out, n, QUESTION "," ASSISTANT "\"Done %.\"}");
    dgm_buf_put_lit(out, "," QUESTION "]");
}

static void put_turn_of_the_models(struct dgm_buf *out, size_t n)
{
    dgm_buf_put_lit(out, "\"messages\":[" QUESTION ",");
    put_list(out, n, ASSISTANT "\"Done %.\",\"tool_calls\":[" CALL "]}");
    dgm_buf_put_lit(out, "," QUESTION "]");
}

static void put_parts(struct dgm_buf *out, size_t n)
{
    dgm_buf_put_lit(out, "\"messages\":[" QUESTION "," ASSISTANT "[");
    put_list(out, n, "{\"type\":\"text\",\"text\":\"t%\"}");
    dgm_buf_put_lit(out, "],\"reasoning_details\":[");
    put_list(out, n, "{\"type\":\"reasoning.encrypted\",\"id\":\"d\",\"data\":\"c2lnMQ==\"}");
    dgm_buf_put_lit(out, "]},{\"role\":\"user\",\"content\":[");
    put_list(out, n,
             "{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://a.example/%.png\"}}");
    dgm_buf_put_lit(out, "]}]");
}

static void put_orphans(struct dgm_buf *out, size_t n)
{
    dgm_buf_put_lit(out, "\"messages\":[" QUESTION "," ASSISTANT "null,\"tool_calls\":[");
    put_list(out, n, CALL);
    dgm_buf_put_lit(out, "]},");
    put_list(out, n, "{\"role\":\"tool\",\"tool_call_id\":\"c0\",\"content\":\"ok\"}");
    dgm_buf_put_lit(out, "]");
}

/* ---- how long they take ------------------------------------------------------------------------------- */

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double translate_ms(void (*put)(struct dgm_buf *, size_t), size_t n)
{
    const struct dgm_env env = {.id = DGM_STR("0123456789abcdef01234567")};
    struct dgm_buf body;
    struct dgm_request *r = NULL;
    struct dgm_fail fail;
    dgm_buf_init(&body, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_put_lit(&body, "{\"model\":\"gemini-3-flash-preview\",");
    put(&body, n);
    dgm_buf_put_lit(&body, "}");
    double begin = now_ms();
    enum dgm_rc rc = dgm_chat_request(&env, &body, &r, &fail);
    if (rc == DGM_NEED) /* nothing is known of what it asks for */
        rc = dgm_request_resume(r, &fail);
    double took = now_ms() - begin;
    assert_int_equal(rc, DGM_OK);
    dgm_request_free(r);
    dgm_buf_dispose(&body);
    return took;
}

#define ROW(f) {#f, f}

static void takes_as_long_as_it_is(void **state)
{
    static const struct {
        const char *name;
        void (*put)(struct dgm_buf *, size_t);
    } rows[] = {
        ROW(put_brackets),
        ROW(put_images_unclosed),
        ROW(put_images_wrong),
        ROW(put_heads_of_images),
        ROW(put_tags),
        ROW(put_marks),
        ROW(put_marks_backwards),
        ROW(put_marks_of_none),
        ROW(put_native_parts),
        ROW(put_results),
        ROW(put_details),
        ROW(put_details_of_none),
        ROW(put_blocks),
        ROW(put_members),
        ROW(put_function_calls),
        ROW(put_tools),
        ROW(put_schema),
        ROW(put_enum),
        ROW(put_messages),
        ROW(put_turn_of_the_models),
        ROW(put_parts),
        ROW(put_orphans),
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double once = 0, more = 2 * NOISE_MS;
        for (size_t k = 0; k < TRIES && more > RATIO_MAX * once + NOISE_MS; k++) {
            once = translate_ms(rows[i].put, LENGTH);
            more = translate_ms(rows[i].put, 4 * (size_t)LENGTH);
        }
        if (more > RATIO_MAX * once + NOISE_MS)
            fail_msg("%s: %.2f ms, and four times as long %.2f ms", rows[i].name, once, more);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(takes_as_long_as_it_is)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
