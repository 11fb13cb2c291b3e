/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema.c - any JSON as the parameters of a function: refused, or a schema in a form that Gemini takes.
 *
 * In OpenAPI's subset: only its keywords, a type everywhere but beside anyOf, which stands alone; items for arrays;
 * enums of texts, none empty; nothing required that is no property; bounded. As JSON Schema: the very text. Notes are
 * short and printable. The last byte chooses model and surface.
 */
#include "base/str.h"
#include "json/write.h"
#include "parsed.h"

#include <dragoman/dragoman.h>

#include <assert.h>

#define SUBSET_BYTES_MAX ((size_t)5 << 20)
#define NOTES_BYTES_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool is_one_of(struct dgm_str s, const char *const *words)
{
    for (; *words; words++)
        if (dgm_str_eq(s, dgm_str_c(*words)))
            return true;
    return false;
}

static void check_strings(const struct json_val *list)
{
    struct json_iter it = json_iter(list);
    while (json_next(&it))
        assert(json_str(it.value).n != 0);
}

static void check_object(const struct json_val *v)
{
    const struct json_val *properties = json_get(v, DGM_STR("properties"));
    struct json_iter it = json_iter(json_get(v, DGM_STR("required")));
    while (json_next(&it))
        assert(json_get(properties, json_str(it.value)));
    for (it = json_iter(json_get(v, DGM_STR("propertyOrdering"))); json_next(&it);)
        assert(json_get(properties, json_str(it.value)));
}

static void check_subset(const struct json_val *v, bool vertex)
{
    static const char *const types[] = {"STRING", "NUMBER", "INTEGER", "BOOLEAN",
                                        "ARRAY",  "OBJECT", NULL};
    static const char *const known[] = {"type",
                                        "format",
                                        "title",
                                        "description",
                                        "nullable",
                                        "enum",
                                        "default",
                                        "example",
                                        "minimum",
                                        "maximum",
                                        "minLength",
                                        "maxLength",
                                        "pattern",
                                        "minItems",
                                        "maxItems",
                                        "items",
                                        "minProperties",
                                        "maxProperties",
                                        "properties",
                                        "required",
                                        "anyOf",
                                        "propertyOrdering",
                                        "additionalProperties",
                                        NULL};
    const struct json_val *choice = json_get(v, DGM_STR("anyOf"));
    struct dgm_str type = json_get_str(v, DGM_STR("type"));
    assert(json_kind(v) == JSON_OBJ);
    if (choice) {
        struct json_iter it = json_iter(choice);
        assert(json_size(v) == 1 && json_size(choice) > 1);
        while (json_next(&it))
            check_subset(it.value, vertex);
        return;
    }
    assert(is_one_of(type, types));
    assert(!json_get(v, DGM_STR("items")) == !dgm_str_eq(type, DGM_STR("ARRAY")));
    assert(!json_get(v, DGM_STR("enum")) || dgm_str_eq(type, DGM_STR("STRING")));
    check_strings(json_get(v, DGM_STR("enum")));
    check_object(v);
    struct json_iter it = json_iter(v);
    while (json_next(&it)) {
        assert(is_one_of(it.name, known));
        bool extra = dgm_str_eq(it.name, DGM_STR("additionalProperties"));
        assert(!extra || vertex);
        if (dgm_str_eq(it.name, DGM_STR("items")) || (extra && json_kind(it.value) == JSON_OBJ))
            check_subset(it.value, vertex);
        struct json_iter in =
            json_iter(dgm_str_eq(it.name, DGM_STR("properties")) ? it.value : NULL);
        while (json_next(&in))
            check_subset(in.value, vertex);
    }
}

static void check_notes(const struct dgm_request *r)
{
    struct dgm_str notes = dgm_request_notes(r, DGM_NOTE_SCHEMA);
    assert(notes.n < NOTES_BYTES_MAX);
    for (size_t i = 0; i < notes.n; i++)
        assert(notes.p[i] >= ' ' && notes.p[i] < 0x7f);
}

/* The text of a value, compact. */
static void put_compact(struct dgm_buf *out, const struct json_val *v)
{
    struct json_writer w = json_writer(out);
    json_put_val(&w, v);
}

static void check_body(const struct dgm_request *r, struct dgm_buf *body,
                       const struct json_val *sent, bool vertex)
{
    struct dgm_arena arena;
    struct dgm_buf one, two;
    dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&one, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&two, &dgm_alloc_libc, SIZE_MAX);
    size_t bytes = body->n;
    const struct json_val *tool =
        json_at(json_get(parsed_well(&arena, dgm_buf_str(body)), DGM_STR("tools")), 0);
    const struct json_val *function = json_at(json_get(tool, DGM_STR("functionDeclarations")), 0);
    const struct json_val *subset = json_get(function, DGM_STR("parameters"));
    const struct json_val *whole = json_get(function, DGM_STR("parametersJsonSchema"));
    assert(dgm_str_eq(json_get_str(function, DGM_STR("name")), DGM_STR("f")));
    assert(!subset || !whole);
    if (subset) {
        assert(bytes < SUBSET_BYTES_MAX);
        assert(dgm_str_eq(json_get_str(subset, DGM_STR("type")), DGM_STR("OBJECT")));
        check_subset(subset, vertex);
    }
    if (whole) {
        put_compact(&one, whole);
        put_compact(&two, sent);
        assert(dgm_str_eq(dgm_buf_str(&one), dgm_buf_str(&two)));
    }
    check_notes(r);
    dgm_arena_dispose(&arena);
    dgm_buf_dispose(&one);
    dgm_buf_dispose(&two);
}

static void run(const struct json_val *schema, struct dgm_str model, enum dgm_surface surface)
{
    struct dgm_env env = {.surface = surface, .now = 1, .id = DGM_STR("fuzz"), .model = model};
    struct dgm_request *r = NULL;
    struct dgm_fail fail;
    struct dgm_buf in, body;
    dgm_buf_init(&in, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&body, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_put_lit(&in, "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"tools\":[{"
                         "\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":");
    put_compact(&in, schema);
    dgm_buf_put_lit(&in, "}}]}");
    enum dgm_rc rc = dgm_chat_request(&env, &in, &r, &fail);
    assert(rc == DGM_OK || rc == DGM_E_REFUSED);
    assert(rc == DGM_OK || dgm_error_status(fail.id) == 400);
    const struct dgm_str *segments;
    size_t count = rc == DGM_OK ? dgm_request_body(r, &segments) : 0;
    for (size_t i = 0; i < count; i++)
        dgm_buf_put(&body, segments[i]);
    if (rc == DGM_OK)
        check_body(r, &body, schema, surface == DGM_VERTEX);
    dgm_request_free(r);
    dgm_buf_dispose(&in);
    dgm_buf_dispose(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    uint8_t choice = n ? data[--n] : 0;
    struct dgm_arena arena;
    struct dgm_buf text;
    const struct json_val *schema = NULL;
    struct json_error e;
    dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&text, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_put(&text, (struct dgm_str){(const char *)data, n});
    assert(dgm_buf_reserve(&text, JSON_PADDING));
    if (json_parse(&arena, text.p, n, JSON_DEPTH_MAX - 4, &schema, &e) == DGM_OK)
        run(schema, choice & 2 ? DGM_STR("gemini-2.5-pro") : DGM_STR("gemini-2.0-flash"),
            choice & 1 ? DGM_GEMINI : DGM_VERTEX);
    dgm_arena_dispose(&arena);
    dgm_buf_dispose(&text);
    return 0;
}
