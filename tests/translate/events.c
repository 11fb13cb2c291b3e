/* SPDX-License-Identifier: Apache-2.0 */
/*
 * events.c - tests of a native answer in all the ways a stream may have it: parts split and joined at random, candidates in
 * turn, members missing. What a client puts together is what the whole answer says (user-pain C1, C10, F7, F10).
 */
#include <dragoman/dragoman.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/sse.h"
#include "base/str.h"
#include "json/write.h"
#include "support/chunks.h"

#define SPLIT_ROUNDS 1000
#define DELETED_ROUNDS 4000
#define CANDIDATES_MAX 3
#define PARTS_MAX 8
#define ATOMS_MAX 256
#define MAX_BYTES ((size_t)16 << 20)

static uint64_t random_state;

static uint32_t below(uint32_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 33) % n;
}

/* ---- an answer ---------------------------------------------------------------------------------------- */

enum kind { TEXT, THOUGHT, CALL, IMAGE, CODE, KINDS };

/* A part, or a piece of one: what comes in one event cannot be told apart from what comes in two. */
struct atom {
    enum kind kind;
    char text[64]; /* of a text; of the others what tells them apart */
};

struct candidate {
    struct atom atoms[ATOMS_MAX];
    size_t n, sent;
    const char *finish;
    bool cited, finished;
};

struct answer {
    struct candidate candidates[CANDIDATES_MAX];
    size_t n;
    unsigned prompt, said, thought, cached;
};

static void make_text(struct atom *a)
{
    static const char *const letters[] = {"a",
                                          " ",
                                          "\\n",
                                          "\\\"",
                                          "\\\\",
                                          "\\u00e9",
                                          "\xc3\xa4",
                                          "\xe2\x82\xac",
                                          "\xf0\x9f\x98\x80",
                                          "<",
                                          "\\u2028",
                                          "\\ud83d\\ude00"};
    a->text[0] = '\0';
    for (uint32_t n = below(4) + 1; n != 0; n--)
        strcat(a->text, letters[below(sizeof letters / sizeof *letters)]);
}

static void make_atom(struct candidate *c, enum kind kind)
{
    struct atom *a = &c->atoms[c->n++];
    a->kind = kind;
    if (kind == TEXT || kind == THOUGHT)
        make_text(a);
    else
        snprintf(a->text, sizeof a->text, "%u", below(100000));
}

static void make_answer(struct answer *a)
{
    static const char *const finishes[] = {"STOP",       "STOP",   "STOP",
                                           "MAX_TOKENS", "SAFETY", "SOMETHING_NEW"};
    memset(a, 0, sizeof *a);
    a->n = below(CANDIDATES_MAX) + 1;
    for (size_t i = 0; i < a->n; i++) {
        struct candidate *c = &a->candidates[i];
        for (uint32_t parts = below(PARTS_MAX) + 1; parts != 0; parts--) {
            enum kind kind = (enum kind)below(KINDS);
            for (uint32_t n = kind == TEXT || kind == THOUGHT ? below(8) + 1 : 1; n != 0; n--)
                make_atom(c, kind);
        }
        make_atom(c, TEXT); /* so that there is something to show */
        c->finish = finishes[below(sizeof finishes / sizeof *finishes)];
        c->cited = below(3) == 0;
    }
    a->prompt = below(1000);
    a->said = below(1000);
    a->thought = below(3) ? below(1000) : 0;
    a->cached = below(a->prompt + 1);
}

__attribute__((format(printf, 2, 3))) static void put(struct dgm_buf *out, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    assert_true(n >= 0 && (size_t)n < sizeof text);
    dgm_buf_put(out, (struct dgm_str){text, (size_t)n});
}

static void put_atoms(const struct candidate *c, size_t from, size_t to, struct dgm_buf *out)
{
    for (size_t i = from; i < to; i++) {
        const struct atom *a = &c->atoms[i];
        if (i != from)
            put(out, ",");
        if (a->kind == TEXT)
            put(out, "{\"text\":\"%s\"}", a->text);
        else if (a->kind == THOUGHT)
            put(out, "{\"thought\":true,\"text\":\"%s\"}", a->text);
        else if (a->kind == CALL)
            put(out, "{\"functionCall\":{\"name\":\"f\",\"args\":{\"a\":%s,\"b\":[\"{\",null]}}}",
                a->text);
        else if (a->kind == IMAGE)
            put(out, "{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"%s\"}}", a->text);
        else
            put(out, "{\"executableCode\":{\"language\":\"PYTHON\",\"code\":\"%s\"}}", a->text);
    }
}

/* The candidate's next atoms up to `to`; its end with the last of them, or with none. */
static void put_candidate(const struct answer *a, size_t index, size_t from, size_t to, bool ends,
                          struct dgm_buf *out)
{
    const struct candidate *c = &a->candidates[index];
    put(out, "{\"index\":%zu", index);
    if (from != to || below(2)) {
        put(out, ",\"content\":{\"role\":\"model\",\"parts\":[");
        put_atoms(c, from, to, out);
        put(out, "]}");
    }
    if (ends)
        put(out, ",\"finishReason\":\"%s\"", c->finish);
    if (ends && c->cited)
        put(out,
            ",\"citationMetadata\":{\"citations\":[{\"endIndex\":1,\"uri\":\"https://a.example\"},"
            "{\"startIndex\":1,\"endIndex\":3,\"uri\":\"https://b.example\"}]}");
    put(out, "}");
}

static void put_usage(const struct answer *a, bool last, struct dgm_buf *out)
{
    unsigned said = last ? a->said : below(a->said + 1), thought = last ? a->thought : 0;
    put(out,
        ",\"usageMetadata\":{\"promptTokenCount\":%u,\"candidatesTokenCount\":%u,\"totalTokenCount\":%u,"
        "\"thoughtsTokenCount\":%u,\"cachedContentTokenCount\":%u}}",
        a->prompt, said, a->prompt + said + thought, thought, a->cached);
}

static void put_whole(const struct answer *a, struct dgm_buf *out)
{
    put(out, "{\"modelVersion\":\"m-1\",\"candidates\":[");
    for (size_t i = 0; i < a->n; i++) {
        if (i != 0)
            put(out, ",");
        put_candidate(a, i, 0, a->candidates[i].n, true, out);
    }
    put(out, "]");
    put_usage(a, true, out);
}

static bool is_sent(const struct answer *a)
{
    for (size_t i = 0; i < a->n; i++)
        if (!a->candidates[i].finished)
            return false;
    return true;
}

/* One event: some candidates, of each some atoms. */
static void put_event(struct answer *a, struct dgm_buf *out)
{
    bool any = false;
    put(out, "{\"modelVersion\":\"m-1\",\"candidates\":[");
    for (size_t i = 0; i < a->n; i++) {
        struct candidate *c = &a->candidates[i];
        if (c->finished || below(3) == 0)
            continue;
        size_t from = c->sent, left = c->n - from, n = below(6);
        c->sent += n < left ? n : left;
        c->finished = c->sent == c->n && below(2);
        if (any)
            put(out, ",");
        any = true;
        put_candidate(a, i, from, c->sent, c->finished, out);
    }
    put(out, "]");
    if (is_sent(a) || below(2))
        put_usage(a, is_sent(a), out);
    else
        put(out, "}");
}

static void put_stream(struct answer *a, struct dgm_buf *out)
{
    static const char *const ends[] = {"\r\n", "\n", "\r"}, *const nothings[] = {
                                                                "{}", "{\"candidates\":[]}",
                                                                "{\"usageMetadata\":null}"};
    const char *end = ends[below(3)];
    while (!is_sent(a)) {
        if (below(5) == 0)
            put(out, ": nothing%s%sdata: %s%s%s", end, end, nothings[below(3)], end, end);
        put(out, "data: ");
        put_event(a, out);
        put(out, "%s%s", end, end);
    }
}

/* ---- the core ----------------------------------------------------------------------------------------- */

#define ASKED                                                                                      \
    "{\"model\":\"google/gemini-2.0-flash\",\"n\":3,\"stream_options\":{\"include_usage\":true},"  \
    "\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"tools\":[{\"type\":\"function\","      \
    "\"function\":{\"name\":\"f\"}}],\"stream\":"

/* `body` is borrowed by the request. */
static struct dgm_request *open_request(bool streams, struct dgm_buf *body)
{
    const struct dgm_env env = {.now = 1, .id = DGM_STR("test")};
    struct dgm_request *r = NULL;
    struct dgm_fail fail;
    dgm_buf_init(body, &dgm_alloc_libc, MAX_BYTES);
    dgm_buf_put(body, streams ? DGM_STR(ASKED "true}") : DGM_STR(ASKED "false}"));
    assert_int_equal(dgm_chat_request(&env, body, &r, &fail), DGM_OK);
    return r;
}

static void answer_whole(struct dgm_str native, struct dgm_buf *out)
{
    struct dgm_buf body;
    struct dgm_request *r = open_request(false, &body);
    int status = 0;
    enum dgm_rc rc = dgm_chat_response(r, 200, native, out, &status);
    assert_true(rc == DGM_OK || rc == DGM_KEEP);
    dgm_request_free(r);
    dgm_buf_dispose(&body);
}

/* In pieces of up to `most` bytes. */
static enum dgm_rc answer_stream(struct dgm_str native, uint32_t most, struct dgm_buf *out)
{
    struct dgm_buf body;
    struct dgm_request *r = open_request(true, &body);
    struct dgm_stream *s = dgm_stream_new(r);
    enum dgm_rc rc = DGM_MORE;
    assert_non_null(s);
    while (rc == DGM_MORE && native.n != 0) {
        struct dgm_str piece = dgm_str_head(native, below(most) + 1);
        native = dgm_str_skip(native, piece.n);
        do
            rc = dgm_stream_feed(s, &piece, out);
        while (rc == DGM_KEEP);
    }
    while (rc == DGM_MORE || rc == DGM_KEEP)
        rc = dgm_stream_finish(s, out);
    if (rc == DGM_E_UPSTREAM && out->n == 0)
        dgm_stream_put_error(s, out);
    dgm_stream_free(s);
    dgm_request_free(r);
    dgm_buf_dispose(&body);
    return rc;
}

/* ---- what a client has in the end ---------------------------------------------------------------------- */

struct said {
    struct dgm_buf content[CANDIDATES_MAX], thoughts[CANDIDATES_MAX], calls[CANDIDATES_MAX],
        rest[CANDIDATES_MAX], usage;
};

static void said_each(struct said *s, void (*visit)(struct dgm_buf *))
{
    for (size_t i = 0; i < CANDIDATES_MAX; i++) {
        struct dgm_buf *const bufs[] = {&s->content[i], &s->thoughts[i], &s->calls[i], &s->rest[i]};
        for (size_t k = 0; k < sizeof bufs / sizeof *bufs; k++)
            visit(bufs[k]);
    }
    visit(&s->usage);
}

static void init_buf(struct dgm_buf *b)
{
    dgm_buf_init(b, &dgm_alloc_libc, MAX_BYTES);
}

static const struct json_val *get(const struct json_val *v, const char *name)
{
    return json_get(v, dgm_str_c(name));
}

static void add_value(struct dgm_buf *out, const struct json_val *v)
{
    struct json_writer w = json_writer(out);
    json_put_val(&w, v);
    dgm_buf_put_char(out, '\n');
}

/* A delta, or a message, which is one delta. */
static void add_delta(struct said *s, size_t i, const struct json_val *d)
{
    const struct json_val *google = get(get(d, "extra_content"), "google");
    dgm_buf_put(&s->content[i], json_str(get(d, "content")));
    dgm_buf_put(&s->thoughts[i], json_str(get(d, "reasoning_content")));
    for (struct json_iter it = json_iter(get(d, "tool_calls")); json_next(&it);) {
        const struct json_val *f = get(it.value, "function");
        if (get(it.value, "id"))
            put(&s->calls[i], "\n%.*s ", (int)json_str(get(f, "name")).n,
                json_str(get(f, "name")).p);
        dgm_buf_put(&s->calls[i], json_str(get(f, "arguments")));
    }
    for (struct json_iter it = json_iter(get(d, "images")); json_next(&it);)
        add_value(&s->rest[i], get(it.value, "image_url"));
    for (struct json_iter it = json_iter(get(google, "parts")); json_next(&it);)
        add_value(&s->rest[i], get(it.value, "executableCode"));
    for (struct json_iter it = json_iter(get(d, "annotations")); json_next(&it);)
        add_value(&s->rest[i], get(it.value, "url_citation"));
    if (get(google, "citation_metadata"))
        add_value(&s->rest[i], get(google, "citation_metadata"));
    if (get(google, "finish_reason"))
        add_value(&s->rest[i], get(google, "finish_reason"));
}

/* Images, code and sources each in their own order: a stream may have them one between the other. */
static void add_choice(struct said *s, const struct json_val *choice)
{
    int64_t index = 0;
    assert_true(json_int(get(choice, "index"), &index) && index < CANDIDATES_MAX);
    const struct json_val *delta = get(choice, "delta");
    add_delta(s, (size_t)index, delta ? delta : get(choice, "message"));
    if (json_str(get(choice, "finish_reason")).p)
        add_value(&s->rest[index], get(choice, "finish_reason"));
}

static const struct json_val *parse(struct dgm_arena *arena, struct dgm_str text)
{
    const struct json_val *root = NULL;
    struct json_error e;
    char *copy = dgm_arena_take(arena, text.n + JSON_PADDING);
    assert_non_null(copy);
    memcpy(copy, text.p, text.n);
    if (json_parse(arena, copy, text.n, JSON_DEPTH_MAX, &root, &e) != DGM_OK)
        fail_msg("no JSON: %.*s", (int)text.n, text.p);
    return root;
}

/* prompt + completion = total, whatever came (user-pain K1). */
static void check_usage(const struct json_val *usage)
{
    int64_t prompt = -1, completion = -1, total = -1;
    json_int(get(usage, "prompt_tokens"), &prompt);
    json_int(get(usage, "completion_tokens"), &completion);
    json_int(get(usage, "total_tokens"), &total);
    assert_true(prompt >= 0 && completion >= 0 && prompt + completion == total);
}

static void read_chunk(struct said *s, struct dgm_str text)
{
    struct dgm_arena arena;
    dgm_arena_init(&arena, &dgm_alloc_libc, MAX_BYTES);
    const struct json_val *root = parse(&arena, text);
    for (struct json_iter it = json_iter(get(root, "choices")); json_next(&it);)
        add_choice(s, it.value);
    if (json_kind(get(root, "usage")) == JSON_OBJ) {
        check_usage(get(root, "usage"));
        add_value(&s->usage, get(root, "usage"));
    }
    dgm_arena_dispose(&arena);
}

static void read_stream(struct said *s, struct dgm_str sse)
{
    struct dgm_sse decoder;
    struct dgm_sse_event e;
    dgm_sse_init(&decoder, &dgm_alloc_libc, MAX_BYTES);
    while (dgm_sse_next(&decoder, &sse, &e) == DGM_EVENT)
        if (!dgm_str_eq(e.data, DGM_STR("[DONE]")))
            read_chunk(s, e.data);
    dgm_sse_dispose(&decoder);
}

/* Lines in an order of their own. */
static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort_lines(struct dgm_buf *b)
{
    char *lines[512], *copy, *rest;
    size_t n = 0;
    dgm_buf_put_char(b, '\0');
    copy = strdup(b->p);
    assert_non_null(copy);
    rest = copy;
    for (char *end; (end = strchr(rest, '\n')) && n < 512; rest = end + 1) {
        *end = '\0';
        lines[n++] = rest;
    }
    qsort(lines, n, sizeof *lines, compare_lines);
    dgm_buf_clear(b);
    for (size_t i = 0; i < n; i++)
        put(b, "%s\n", lines[i]);
    free(copy);
}

static void expect_same(const struct dgm_buf *streamed, const struct dgm_buf *whole,
                        const char *what, struct dgm_str native)
{
    if (!dgm_str_eq(dgm_buf_str(streamed), dgm_buf_str(whole)))
        fail_msg("%s: %.*s\nbut whole: %.*s\nof %.*s", what, (int)streamed->n, streamed->p,
                 (int)whole->n, whole->p, (int)native.n, native.p);
}

/* ---- tests -------------------------------------------------------------------------------------------- */

static void compare(struct answer *a)
{
    struct dgm_buf native, events, completion, chunks;
    struct said whole, streamed;
    said_each(&whole, init_buf);
    said_each(&streamed, init_buf);
    init_buf(&native), init_buf(&events), init_buf(&completion), init_buf(&chunks);
    put_whole(a, &native);
    put_stream(a, &events);
    answer_whole(dgm_buf_str(&native), &completion);
    enum dgm_rc rc = answer_stream(dgm_buf_str(&events), below(2) ? 7 : 900, &chunks);
    if (rc != DGM_DONE || chunks_broken(CHUNKS_GEMINI, dgm_buf_str(&chunks)))
        fail_msg("%d %s: %.*s", rc, chunks_broken(CHUNKS_GEMINI, dgm_buf_str(&chunks)),
                 (int)events.n, events.p);
    read_chunk(&whole, dgm_buf_str(&completion));
    read_stream(&streamed, dgm_buf_str(&chunks));
    for (size_t i = 0; i < a->n; i++) {
        sort_lines(&whole.rest[i]);
        sort_lines(&streamed.rest[i]);
        expect_same(&streamed.content[i], &whole.content[i], "content", dgm_buf_str(&events));
        expect_same(&streamed.thoughts[i], &whole.thoughts[i], "thoughts", dgm_buf_str(&events));
        expect_same(&streamed.calls[i], &whole.calls[i], "calls", dgm_buf_str(&events));
        expect_same(&streamed.rest[i], &whole.rest[i], "the rest", dgm_buf_str(&events));
    }
    expect_same(&streamed.usage, &whole.usage, "usage", dgm_buf_str(&events));
    said_each(&whole, dgm_buf_dispose);
    said_each(&streamed, dgm_buf_dispose);
    dgm_buf_dispose(&native), dgm_buf_dispose(&events);
    dgm_buf_dispose(&completion), dgm_buf_dispose(&chunks);
}

static void parts_split_and_joined_are_the_whole(void **state)
{
    (void)state;
    random_state = 0x2545f4914f6cdd1d;
    for (int round = 0; round < SPLIT_ROUNDS; round++) {
        struct answer a;
        make_answer(&a);
        compare(&a);
    }
}

/* A value without some of its members, or with null, a number, an empty thing in their place. */
static void put_damaged(struct json_writer *w, const struct json_val *v, uint32_t rarely)
{
    static const char *const others[] = {"null", "-1", "1e99", "\"\"", "{}", "[]", "true", "[{}]"};
    enum json_kind kind = json_kind(v);
    if (below(rarely) == 0) {
        json_put_raw(w, dgm_str_c(others[below(sizeof others / sizeof *others)]));
        return;
    }
    if (kind < JSON_ARR) {
        json_put_val(w, v);
        return;
    }
    kind == JSON_OBJ ? json_open_obj(w) : json_open_arr(w);
    for (struct json_iter it = json_iter(v); json_next(&it);) {
        if (below(rarely) < 3)
            continue;
        if (it.name.p)
            json_put_key(w, it.name);
        put_damaged(w, it.value, rarely);
    }
    kind == JSON_OBJ ? json_close_obj(w) : json_close_arr(w);
}

static void damage(struct dgm_str text, uint32_t rarely, struct dgm_buf *out)
{
    struct dgm_arena arena;
    struct json_writer w = json_writer(out);
    dgm_arena_init(&arena, &dgm_alloc_libc, MAX_BYTES);
    put_damaged(&w, parse(&arena, text), rarely);
    dgm_arena_dispose(&arena);
}

static void damage_stream(struct dgm_str sse, uint32_t rarely, struct dgm_buf *out)
{
    struct dgm_sse decoder;
    struct dgm_sse_event e;
    dgm_sse_init(&decoder, &dgm_alloc_libc, MAX_BYTES);
    while (dgm_sse_next(&decoder, &sse, &e) == DGM_EVENT) {
        put(out, "data: ");
        damage(e.data, rarely, out);
        put(out, "\n\n");
    }
    dgm_sse_dispose(&decoder);
}

static const char *const finish_reasons[] = {"stop", "length", "tool_calls", "content_filter",
                                             "function_call"};

static void check_finish(const struct json_val *choice)
{
    struct dgm_str finish = json_str(get(choice, "finish_reason"));
    bool known = false;
    for (size_t i = 0; i < sizeof finish_reasons / sizeof *finish_reasons; i++)
        known = known || dgm_str_eq(finish, dgm_str_c(finish_reasons[i]));
    assert_true(known);
}

/* A completion has choices, each with a message and an end; else it is an error. */
static void check_whole(struct dgm_str text)
{
    struct dgm_arena arena;
    dgm_arena_init(&arena, &dgm_alloc_libc, MAX_BYTES);
    const struct json_val *root = parse(&arena, text), *choices = get(root, "choices");
    if (!get(root, "error")) {
        assert_true(json_size(choices) != 0);
        for (struct json_iter it = json_iter(choices); json_next(&it);) {
            assert_int_equal(json_kind(get(it.value, "message")), JSON_OBJ);
            check_finish(it.value);
        }
        check_usage(get(root, "usage"));
    } else {
        assert_true(json_str(get(get(root, "error"), "message")).n != 0);
    }
    dgm_arena_dispose(&arena);
}

static void whatever_is_missing_nothing_lies(void **state)
{
    size_t done = 0;
    (void)state;
    random_state = 0x9e3779b97f4a7c15;
    for (int round = 0; round < DELETED_ROUNDS; round++) {
        struct answer a;
        struct dgm_buf native, events, damaged, out;
        struct said said;
        uint32_t rarely = 1U << (3 + below(5));
        said_each(&said, init_buf);
        init_buf(&native), init_buf(&events), init_buf(&damaged), init_buf(&out);
        make_answer(&a);
        put_whole(&a, &native);
        damage(dgm_buf_str(&native), rarely, &damaged);
        answer_whole(dgm_buf_str(&damaged), &out);
        check_whole(dgm_buf_str(&out));

        put_stream(&a, &events);
        dgm_buf_clear(&damaged), dgm_buf_clear(&out);
        damage_stream(dgm_buf_str(&events), rarely, &damaged);
        enum dgm_rc rc = answer_stream(dgm_buf_str(&damaged), 400, &out);
        assert_true(rc == DGM_DONE || rc == DGM_E_UPSTREAM);
        const char *broken =
            out.p[0] == '{' ? NULL : chunks_broken(CHUNKS_GEMINI, dgm_buf_str(&out));
        if (broken)
            fail_msg("%s: %.*s", broken, (int)damaged.n, damaged.p);
        read_stream(&said, dgm_buf_str(&out));
        done += rc == DGM_DONE;
        said_each(&said, dgm_buf_dispose);
        dgm_buf_dispose(&native), dgm_buf_dispose(&events);
        dgm_buf_dispose(&damaged), dgm_buf_dispose(&out);
    }
    assert_true(done > DELETED_ROUNDS / 20 && done < DELETED_ROUNDS); /* both ways were seen */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_split_and_joined_are_the_whole),
        cmocka_unit_test(whatever_is_missing_nothing_lies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
