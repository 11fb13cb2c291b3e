/* SPDX-License-Identifier: Apache-2.0 */
/* prefix.c - tests of translate/prefix: what is the same beginning, and what a client's own cache has already (user-pain A9). */
#include "translate/prefix.h"
#include "base/str.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#define BODY_MAX ((size_t)1 << 20)
#define CACHE ",\"google\":{\"cached_content\":\"projects/p/locations/l/cachedContents/1\"}"
#define MARK ",\"cache_control\":{\"type\":\"ephemeral\"}"
#define SYSTEM(text) "{\"role\":\"system\",\"content\":\"" text "\"" MARK "}"
#define USER(text) "{\"role\":\"user\",\"content\":\"" text "\"}"
#define TOOL(name) ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"" name "\"}}]"
#define REQUEST(messages, more)                                                                    \
    "{\"model\":\"google/gemini-2.5-flash\",\"messages\":[" messages "]" more "}"

struct asked {
    struct dgm_request *r;
    struct dgm_buf body;
    struct dgm_fail fail;
    enum dgm_rc rc;
};

static void ask(struct asked *a, const char *body, const struct dgm_lead *lead)
{
    const struct dgm_env env = {.id = DGM_STR("prefix")};
    *a = (struct asked){0};
    dgm_buf_init(&a->body, &dgm_alloc_libc, BODY_MAX);
    dgm_buf_put(&a->body, dgm_str_c(body));
    assert_int_equal(dgm_request_open(&env, &a->body, &a->r, &a->fail), DGM_OK);
    if (lead != NULL)
        assert_true(dgm_request_tell_cache(a->r, lead));
    else
        assert_true(dgm_request_use_marks(a->r));
    a->rc = dgm_request_translate(a->r, DGM_VERTEX, &a->fail);
}

static void dispose(struct asked *a)
{
    dgm_request_free(a->r);
    dgm_buf_dispose(&a->body);
}

static struct dgm_prefix prefix_of_body(const char *body)
{
    struct asked a;
    ask(&a, body, NULL);
    assert_int_equal(a.rc, DGM_OK);
    assert_non_null(dgm_request_prefix(a.r));
    struct dgm_prefix p = *dgm_request_prefix(a.r);
    dispose(&a);
    return p;
}

static bool same(const char *a, const char *b)
{
    struct dgm_prefix p = prefix_of_body(a), q = prefix_of_body(b);
    return memcmp(p.digest, q.digest, sizeof p.digest) == 0;
}

static void the_same_beginning(void **state)
{
    (void)state;
    const char *first = REQUEST(SYSTEM("Law.") "," USER("What?"), TOOL("f"));
    assert_true(same(first, first));
    /* What comes behind the mark, and how the answer is to be, is nothing of it. */
    assert_true(same(first, REQUEST(SYSTEM("Law.") "," USER("Who?") "," USER("Why?"),
                                    TOOL("f") ",\"temperature\":0.5,\"stream\":true")));
    assert_false(same(first, REQUEST(SYSTEM("Lore.") "," USER("What?"), TOOL("f"))));
    assert_false(same(first, REQUEST(SYSTEM("Law.") "," USER("What?"), TOOL("g"))));
    assert_false(same(first, REQUEST(SYSTEM("Law.") "," USER("What?"), "")));
    assert_false(same(first, REQUEST(SYSTEM("Law.") "," USER("What?"),
                                     TOOL("f") ",\"tool_choice\":\"required\"")));
    /* A turn that is marked belongs to it. */
    assert_false(same(first, REQUEST(SYSTEM("Law.") ",{\"role\":\"user\",\"content\":\"Art.\"" MARK
                                                    "}," USER("What?"),
                                     TOOL("f"))));
}

static void no_marks_no_beginning(void **state)
{
    (void)state;
    struct asked a;
    ask(&a, REQUEST(USER("What?"), TOOL("f")), NULL);
    assert_int_equal(a.rc, DGM_OK);
    assert_null(dgm_request_prefix(a.r));
    assert_int_equal(dgm_request_cache(a.r).n, 0);
    dispose(&a);
}

/* Made anew, otherwise, it has the same beginning, and is whole. */
static void it_outlives_another_try(void **state)
{
    (void)state;
    struct asked a;
    struct dgm_fail f;
    const struct dgm_try try = {.id = DGM_TRY_PENALTIES};
    const struct dgm_str *segments, *again;
    ask(&a, REQUEST(SYSTEM("Law.") "," USER("What?"), ",\"presence_penalty\":0.5"), NULL);
    struct dgm_prefix before = *dgm_request_prefix(a.r);
    assert_true(dgm_request_use_prefix(a.r, DGM_STR("projects/p/locations/l/cachedContents/1")));
    size_t n = dgm_request_body(a.r, &segments);
    assert_int_equal(n, 2);
    assert_true(dgm_str_starts(segments[0], DGM_STR("{\"cachedContent\":\"projects/p/")));
    assert_int_equal(dgm_request_adapt(a.r, &try, &f), DGM_OK);
    assert_memory_equal(dgm_request_prefix(a.r)->digest, before.digest, sizeof before.digest);
    assert_int_equal(dgm_request_body(a.r, &again), 1);
    assert_true(dgm_str_starts(again[0], DGM_STR("{\"systemInstruction\":")));
    dgm_request_use_whole(a.r);
    assert_int_equal(dgm_request_body(a.r, &segments), 1);
    assert_ptr_equal(segments[0].p, again[0].p);
    dispose(&a);
}

/* With a cache that the client names. */
static void what_a_cache_has_is_left_out(void **state)
{
    (void)state;
    struct dgm_prefix made = prefix_of_body(REQUEST(SYSTEM("Law.") "," USER("What?"), TOOL("f")));
    static const struct {
        const char *body, *refused;
    } cases[] = {
        {REQUEST(SYSTEM("Law.") "," USER("Who?"), TOOL("f") CACHE), NULL},
        {REQUEST(SYSTEM("Law.") "," USER("Who?"), CACHE), NULL},
        {REQUEST(USER("Who?"), TOOL("f") CACHE), NULL},
        {REQUEST(USER("Who?"), CACHE), NULL},
        {REQUEST(SYSTEM("Lore.") "," USER("Who?"), TOOL("f") CACHE), "messages[0]"},
        {REQUEST(SYSTEM("Law.") "," USER("Who?"), TOOL("g") CACHE), "tools"},
        {REQUEST(USER("Who?"), TOOL("f") ",\"tool_choice\":\"required\"" CACHE), "tools"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct asked a;
        const struct dgm_str *segments;
        ask(&a, cases[i].body, &made.lead);
        assert_true(
            dgm_str_eq(dgm_request_cache(a.r), DGM_STR("projects/p/locations/l/cachedContents/1")));
        assert_int_equal(a.rc, cases[i].refused ? DGM_E_REFUSED : DGM_OK);
        if (cases[i].refused) {
            assert_int_equal(a.fail.id, DGM_ERR_VALUE);
            assert_string_equal(a.fail.param, cases[i].refused);
        } else {
            assert_int_equal(dgm_request_body(a.r, &segments), 1);
            struct dgm_str body = segments[0];
            assert_true(dgm_str_starts(body, DGM_STR("{\"cachedContent\":")));
            assert_int_equal(dgm_str_find(body, DGM_STR("systemInstruction")), body.n);
            assert_int_equal(dgm_str_find(body, DGM_STR("tool")), body.n);
            bool brought = i < 3;
            assert_true((dgm_request_notes(a.r, DGM_NOTE_WARNING).n != 0) == brought);
            assert_null(dgm_request_prefix(a.r));
        }
        dispose(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_beginning),
        cmocka_unit_test(no_marks_no_beginning),
        cmocka_unit_test(it_outlives_another_try),
        cmocka_unit_test(what_a_cache_has_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
