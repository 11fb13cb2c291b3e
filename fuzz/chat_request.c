/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chat_request.c - any bytes as an OpenAI request: refused with an error object, or a native body that is
 * valid JSON, ends in `contents`, is the same a second time, and that the emulator's parser takes: no unknown name, no
 * wrong type, one of a oneof. So are the two halves of it where marks count (prefix.h).
 *
 * The last byte chooses the surface, whether what the core asks for is known, and both settings of a translation.
 */
#include "base/str.h"
#include "emulate/check.h"
#include "emulate/target.h"
#include "parsed.h"

#include <dragoman/dragoman.h>

#include <assert.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void supply_all(struct dgm_request *r)
{
    const struct dgm_need *needs;
    size_t count = dgm_request_needs(r, &needs);
    assert(count != 0);
    for (size_t i = 0; i < count; i++) {
        assert(!needs[i].call_id.p == (needs[i].digest.n == 64) && !needs[i].signature.p);
        struct dgm_str known =
            needs[i].digest.n != 0 ? DGM_STR("0+1:U0lH 3+0:U0lH") : DGM_STR("U0lH");
        assert(dgm_request_supply(r, i, i % 2 ? known : (struct dgm_str){0}));
    }
}

static void check_refusal(const struct dgm_fail *fail)
{
    struct dgm_buf out;
    struct dgm_arena arena;
    dgm_buf_init(&out, &dgm_alloc_libc, 8192);
    dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
    dgm_fail_put(fail, &out);
    assert(out.rc == DGM_OK);
    const struct json_val *error =
        json_get(parsed_well(&arena, dgm_buf_str(&out)), DGM_STR("error"));
    assert(json_get_str(error, DGM_STR("message")).n != 0);
    assert(dgm_error_status(fail->id) == 400 || dgm_error_status(fail->id) == 404);
    dgm_arena_dispose(&arena);
    dgm_buf_dispose(&out);
}

/* The parts of all contents. */
static size_t count_parts(const struct json_val *root)
{
    size_t n = 0;
    struct json_iter it = json_iter(json_get(root, DGM_STR("contents")));
    while (json_next(&it))
        n += json_size(json_get(it.value, DGM_STR("parts")));
    return n;
}

/* Two that know nothing of each other's tables agree on what Google's parser takes. Returns how many parts it has. */
static size_t check_parsed_as(struct dgm_str path, enum native_message_id type,
                              struct dgm_str native)
{
    struct dgm_buf text;
    struct dgm_arena arena;
    struct target target;
    struct refusal refusal;
    const struct json_val *root;
    dgm_buf_init(&text, &dgm_alloc_libc, SIZE_MAX);
    dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
    assert(emu_target_read(DGM_STR("POST"), path, &target));
    dgm_buf_put(&text, native);
    assert(dgm_buf_reserve(&text, JSON_PADDING));
    enum dgm_rc rc = emu_check_body(&arena, text.p, text.n, type, target.surface, &root, &refusal);
    if (rc != DGM_OK)
        fprintf(stderr, "%.*s\n%.*s\n", (int)refusal.message.n, refusal.message.p, (int)native.n,
                native.p);
    assert(rc == DGM_OK);
    size_t parts = count_parts(root);
    dgm_arena_dispose(&arena);
    dgm_buf_dispose(&text);
    return parts;
}

static size_t check_parsed(const struct dgm_request *r, enum dgm_surface surface,
                           struct dgm_str native)
{
    const struct dgm_place place = {surface, DGM_STR("p"), DGM_STR("global")};
    struct dgm_buf path;
    dgm_buf_init(&path, &dgm_alloc_libc, 1024);
    dgm_request_put_path(r, &place, &path);
    size_t parts = check_parsed_as(dgm_buf_str(&path), NATIVE_GENERATE_CONTENT_REQUEST, native);
    dgm_buf_dispose(&path);
    return parts;
}

static void check_body(struct dgm_buf *body)
{
    struct dgm_arena arena;
    dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
    struct json_iter it = json_iter(parsed_well(&arena, dgm_buf_str(body)));
    struct dgm_str last = {0};
    while (json_next(&it))
        last = it.name;
    assert(dgm_str_eq(last, DGM_STR("contents")));
    dgm_arena_dispose(&arena);
}

/* What a model made elsewhere is named where all else is refused, and there may be more of it than is shown. */
static bool is_all_of_models(struct dgm_str ignored)
{
    struct dgm_str item;
    bool good = true;
    while (ignored.n != 0 && good && dgm_str_split(&ignored, ',', &item))
        good = dgm_str_find(item, DGM_STR("extra_content")) < item.n ||
               dgm_str_eq(dgm_str_trim(item), DGM_STR("..."));
    return good;
}

/* Notes are header values: printable, and of a bounded length. Nothing is ignored where that is refused. */
static void check_notes(const struct dgm_request *r, bool strict)
{
    for (enum dgm_note kind = DGM_NOTE_IGNORED; kind <= DGM_NOTE_WARNING; kind++) {
        struct dgm_str notes = dgm_request_notes(r, kind);
        assert(notes.n <= 4096);
        for (size_t i = 0; i < notes.n; i++)
            assert(notes.p[i] >= ' ' && notes.p[i] < 0x7f);
    }
    assert(!strict || is_all_of_models(dgm_request_notes(r, DGM_NOTE_IGNORED)));
}

/* The same request otherwise: as good a body, or refused for being too much in that form. */
static void adapt(struct dgm_request *r, enum dgm_surface surface, uint8_t choice)
{
    struct dgm_buf out;
    struct dgm_fail fail;
    const struct dgm_str *segments;
    enum dgm_rc rc = DGM_OK;
    dgm_buf_init(&out, &dgm_alloc_libc, SIZE_MAX);
    for (unsigned id = 0; rc == DGM_OK && id < DGM_TRIES; id++)
        if (!dgm_try_is_relayed((enum dgm_try_id)id) && (id ^ choice >> 5) % 3 == 0)
            rc = dgm_request_adapt(
                r, &(struct dgm_try){(enum dgm_try_id)id, 1000, (int64_t)choice * 1000}, &fail);
    assert(rc == DGM_OK || rc == DGM_E_REFUSED);
    size_t count = rc == DGM_OK ? dgm_request_body(r, &segments) : 0;
    for (size_t i = 0; i < count; i++)
        dgm_buf_put(&out, segments[i]);
    if (rc == DGM_OK) {
        check_notes(r, false);
        check_parsed(r, surface, dgm_buf_str(&out));
    }
    dgm_buf_dispose(&out);
}

/* Refused without a reason, it is as good a body without what may be the reason. */
static void probe(struct dgm_request *r, enum dgm_surface surface, uint8_t choice)
{
    const struct dgm_str bare =
        DGM_STR("{\"error\":{\"code\":400,\"message\":\"Request contains an invalid argument.\"}}");
    struct dgm_buf out;
    int status;
    dgm_buf_init(&out, &dgm_alloc_libc, SIZE_MAX);
    enum dgm_rc rc = dgm_chat_response(r, 400, bare, &out, &status);
    assert(rc == DGM_OK && status == 400);
    for (unsigned i = 0; (rc = dgm_request_probe(r, &out)) == DGM_OK; i++) {
        assert(i < 3);
        check_parsed(r, surface, dgm_buf_str(&out));
        bool more = dgm_request_probed(r, i == choice >> 6 ? 200 : 400, bare);
        assert(more == (i != choice >> 6));
    }
    assert(rc == DGM_DONE);
    dgm_buf_clear(&out);
    rc = dgm_chat_response(r, 400, bare, &out, &status);
    assert(rc == DGM_OK && status == 400 && out.n != 0);
    dgm_buf_dispose(&out);
}

/* One translation; the body, or nothing when it was refused, is put to `ret`. */
static void run(const uint8_t *data, size_t n, uint8_t choice, struct dgm_buf *ret)
{
    struct dgm_env env = {.surface = choice & 1 ? DGM_GEMINI : DGM_VERTEX,
                          .strict = (choice & 4) != 0,
                          .max_tokens_bounds_thoughts = (choice & 8) != 0,
                          .now = 1,
                          .id = DGM_STR("fuzz")};
    struct dgm_request *r = NULL;
    struct dgm_fail fail;
    struct dgm_buf in;
    dgm_buf_init(&in, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_put(&in, (struct dgm_str){(const char *)data, n});
    enum dgm_rc rc = dgm_chat_request(&env, &in, &r, &fail);
    if (rc == DGM_NEED) {
        if (choice & 2)
            supply_all(r);
        rc = dgm_request_resume(r, &fail);
    }
    assert(rc == DGM_OK || rc == DGM_E_REFUSED);
    if (rc == DGM_E_REFUSED)
        check_refusal(&fail);
    if (rc == DGM_OK)
        check_notes(r, env.strict);
    const struct dgm_str *segments;
    size_t count = rc == DGM_OK ? dgm_request_body(r, &segments) : 0;
    for (size_t i = 0; i < count; i++)
        dgm_buf_put(ret, segments[i]);
    if (rc == DGM_OK)
        check_parsed(r, env.surface, dgm_buf_str(ret));
    if (rc == DGM_OK && choice & 16)
        adapt(r, env.surface, choice);
    else if (rc == DGM_OK && choice & 32)
        probe(r, env.surface, choice);
    dgm_request_free(r);
    dgm_buf_dispose(&in);
}

static void put_segments(struct dgm_buf *out, const struct dgm_str *segments, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dgm_buf_put(out, segments[i]);
}

/* What is marked, and what goes beside it, are together what goes whole; each is what Google's parser takes. */
static void check_prefix(struct dgm_request *r, enum dgm_surface surface, struct dgm_str whole)
{
    const struct dgm_place place = {surface, DGM_STR("p"), DGM_STR("global")};
    const struct dgm_str *segments;
    struct dgm_buf path, cache, rest;
    dgm_buf_init(&path, &dgm_alloc_libc, 1024);
    dgm_buf_init(&cache, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&rest, &dgm_alloc_libc, SIZE_MAX);
    dgm_request_put_prefix_path(&place, &path);
    size_t n = dgm_request_prefix_body(r, &place, &segments);
    put_segments(&cache, segments, n);
    assert(dgm_request_use_prefix(r, surface == DGM_GEMINI
                                         ? DGM_STR("cachedContents/1")
                                         : DGM_STR("projects/p/locations/l/cachedContents/1")));
    n = dgm_request_body(r, &segments);
    put_segments(&rest, segments, n);
    size_t kept = check_parsed_as(dgm_buf_str(&path), NATIVE_CACHED_CONTENT, dgm_buf_str(&cache));
    size_t left = check_parsed(r, surface, dgm_buf_str(&rest));
    assert(left != 0 && kept + left == check_parsed(r, surface, whole));
    check_body(&rest);
    dgm_buf_dispose(&path);
    dgm_buf_dispose(&cache);
    dgm_buf_dispose(&rest);
}

/* Marks that count change nothing of the body. */
static void run_marked(const uint8_t *data, size_t n, uint8_t choice, struct dgm_str whole)
{
    const struct dgm_env env = {
        .max_tokens_bounds_thoughts = (choice & 8) != 0, .now = 1, .id = DGM_STR("fuzz")};
    enum dgm_surface surface = choice & 1 ? DGM_GEMINI : DGM_VERTEX;
    struct dgm_request *r = NULL;
    struct dgm_fail fail;
    struct dgm_buf in, out;
    const struct dgm_str *segments;
    dgm_buf_init(&in, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&out, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_put(&in, (struct dgm_str){(const char *)data, n});
    assert(dgm_request_open(&env, &in, &r, &fail) == DGM_OK && dgm_request_use_marks(r));
    if (dgm_request_translate(r, surface, &fail) == DGM_NEED && choice & 2)
        supply_all(r);
    assert(dgm_request_resume(r, &fail) == DGM_OK);
    size_t count = dgm_request_body(r, &segments);
    put_segments(&out, segments, count);
    assert(dgm_str_eq(dgm_buf_str(&out), whole));
    if (dgm_request_prefix(r) != NULL)
        check_prefix(r, surface, whole);
    dgm_request_free(r);
    dgm_buf_dispose(&in);
    dgm_buf_dispose(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    uint8_t choice = n ? data[--n] : 0;
    struct dgm_buf once, twice;
    dgm_buf_init(&once, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&twice, &dgm_alloc_libc, SIZE_MAX);
    run(data, n, choice, &once);
    run(data, n, choice, &twice);
    assert(dgm_str_eq(dgm_buf_str(&once), dgm_buf_str(&twice)));
    if (once.n)
        check_body(&once);
    if (once.n)
        run_marked(data, n, choice, dgm_buf_str(&once));
    dgm_buf_dispose(&once);
    dgm_buf_dispose(&twice);
    return 0;
}
