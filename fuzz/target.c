/* SPDX-License-Identifier: Apache-2.0 */
/*
 * target.c - fuzzes http/target: a target, up to the first NUL-free line, as a path and a query.
 *
 * What is accepted holds nothing that could be read differently: no control, no slash within a
 * segment, no dot segment, sound UTF-8; put again in escapes it parses to the same path; and it
 * fits the patterns made from itself.
 */
#include "base/str.h"
#include "base/utf8.h"
#include "http/media.h"
#include "http/target.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define PROPERTY(holds)                                                                            \
    do {                                                                                           \
        if (!(holds)) {                                                                            \
            fprintf(stderr, "%s:%d: property: %s\n", __FILE__, __LINE__, #holds);                  \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_segments(const struct http_path *path)
{
    size_t n = 0;
    for (size_t i = 0; i < path->segments && i < HTTP_SEGMENTS_MAX; i++) {
        struct dgm_str s = path->segment[i];
        PROPERTY(s.n != 0 && s.p == path->text.p + n + 1 && s.p[-1] == '/');
        PROPERTY(!dgm_str_eq(s, DGM_STR(".")) && !dgm_str_eq(s, DGM_STR("..")));
        PROPERTY(dgm_utf8_bad(s) == s.n);
        for (size_t k = 0; k < s.n; k++)
            PROPERTY((unsigned char)s.p[k] >= 0x20 && s.p[k] != 0x7f && s.p[k] != '/' &&
                     s.p[k] != '\\');
        n += s.n + 1;
    }
    PROPERTY(path->segments > HTTP_SEGMENTS_MAX || n == path->text.n ||
             (n == 0 && dgm_str_eq(path->text, DGM_STR("/"))));
}

/* Every byte but slashes as an escape: the same path. */
static void check_again(const struct http_path *path, struct dgm_arena *arena)
{
    struct dgm_buf escaped;
    struct http_path again;
    struct dgm_fail fail;
    dgm_buf_init(&escaped, &dgm_alloc_libc, (size_t)64 << 20);
    for (size_t i = 0; i < path->text.n; i++) {
        if (path->text.p[i] == '/') {
            dgm_buf_put_char(&escaped, '/');
            continue;
        }
        dgm_buf_put_char(&escaped, '%');
        dgm_buf_put_hex(&escaped, (unsigned char)path->text.p[i], 2);
    }
    PROPERTY(http_path_parse(dgm_buf_str(&escaped), arena, &again, &fail) == DGM_OK);
    PROPERTY(dgm_str_eq(again.text, path->text) && again.segments == path->segments);
    dgm_buf_dispose(&escaped);
}

static void check_patterns(const struct http_path *path)
{
    struct dgm_str captured[HTTP_CAPTURES_MAX];
    PROPERTY(http_path_match(path, DGM_STR("/{all+}"), captured) == (path->segments != 0));
    if (path->segments == 0)
        return;
    PROPERTY(dgm_str_eq(captured[0], dgm_str_skip(path->text, 1)) && !captured[1].p);
    PROPERTY(http_path_match(path, DGM_STR("/{a}"), captured) == (path->segments == 1));
    PROPERTY(http_path_match(path, DGM_STR("/{a}/{b+}"), captured) == (path->segments > 1));
    PROPERTY(dgm_str_eq(captured[0], path->segment[0]));
}

static void check_query(struct dgm_str query)
{
    struct dgm_buf out;
    dgm_buf_init(&out, &dgm_alloc_libc, (size_t)64 << 20);
    bool found = http_query_get(query, DGM_STR("alt"), &out);
    PROPERTY(out.rc == DGM_OK && out.n <= query.n && (found || out.n == 0));
    dgm_buf_dispose(&out);
}

/* The same bytes as the value of every header that media.h reads. */
static void check_values(struct dgm_str s)
{
    struct http_host host;
    struct dgm_str token = http_bearer(s);
    PROPERTY(!token.p || (token.n != 0 && token.p >= s.p && token.p + token.n <= s.p + s.n));
    if (http_host_parse(s, &host)) {
        PROPERTY(host.name.n != 0 && host.name.n <= s.n && host.port >= -1 && host.port <= 65535);
        PROPERTY(dgm_str_find_char(s, '@') == s.n && dgm_str_find_char(s, '/') == s.n);
        PROPERTY(!host.loopback || host.kind != HTTP_HOST_IPV4 ||
                 dgm_str_starts(host.name, DGM_STR("127.")));
    }
    PROPERTY(!http_origin_parse(s, &host) || dgm_str_find(s, DGM_STR("://")) < s.n);
    PROPERTY(http_media_type(s) != HTTP_MEDIA_JSON || dgm_str_find_char(s, '/') < s.n);
    PROPERTY(!http_token_ok(s) || http_list_has(s, s));
    PROPERTY(!http_request_id_ok(s) || http_token_ok(s));
    PROPERTY(http_coding_is_plain(s) || s.n != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dgm_str target = {(const char *)data, size};
    struct dgm_arena arena;
    struct http_path path;
    struct dgm_fail fail = {.id = DGM_ERR_NONE};
    dgm_arena_init(&arena, &dgm_alloc_libc, (size_t)64 << 20);
    enum dgm_rc rc = http_path_parse(target, &arena, &path, &fail);
    PROPERTY(rc == DGM_OK || (rc == DGM_E_REFUSED && fail.id == DGM_ERR_HTTP_TARGET));
    if (rc == DGM_OK) {
        check_segments(&path);
        check_again(&path, &arena);
        check_patterns(&path);
        check_query(path.query);
    }
    check_query(target);
    check_values(target);
    dgm_arena_dispose(&arena);
    return 0;
}
