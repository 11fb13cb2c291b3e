/* SPDX-License-Identifier: Apache-2.0 */
/* routes.c - the table of paths, and what to say about a path that is not in it. */
#include "gateway/routes.h"

#include <dragoman/dragoman.h>

#include "base/str.h"

#include <string.h>

static const struct gw_route routes[] = {
#define ROUTE_OF(pattern_, method_, also_, whose_, what_)                                          \
    {.pattern = {pattern_, sizeof(pattern_) - 1},                                                  \
     .method = HTTP_METHOD_##method_,                                                              \
     .also = HTTP_METHOD_##also_,                                                                  \
     .whose = GW_##whose_,                                                                         \
     .what = GW_##what_},
#define GOOGLE_TOO(pattern_)                                                                       \
    {.pattern = {pattern_, sizeof(pattern_) - 1},                                                  \
     .method = HTTP_METHOD_POST,                                                                   \
     .what = GW_GOOGLE,                                                                            \
     .shared = true},
#include "gateway/routes.def"
};
#define ROUTES_N (sizeof routes / sizeof *routes)

/* As patterns of everything below a base. */
static const struct dgm_str bases[] = {
#define BASE(pattern_) {pattern_ "/{rest+}", sizeof(pattern_ "/{rest+}") - 1},
#include "gateway/routes.def"
};

static const struct dgm_str unserved[] = {
#define UNSERVED(name_) {name_, sizeof(name_) - 1},
#include "gateway/routes.def"
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

size_t gw_routes(const struct gw_route **ret)
{
    *ret = routes;
    return ROUTES_N;
}

bool gw_route_serves(const struct gw_route *r, enum http_method method)
{
    return method == HTTP_METHOD_OPTIONS || method == r->method || r->what == GW_GOOGLE ||
           (method == HTTP_METHOD_HEAD && r->method == HTTP_METHOD_GET) ||
           (method == r->also && r->also != HTTP_METHOD_OTHER);
}

struct dgm_str gw_route_allow(const struct gw_route *r)
{
    if (r == NULL)
        return DGM_STR("GET, HEAD, POST, DELETE, OPTIONS");
    if (r->what == GW_GOOGLE)
        return DGM_STR("GET, HEAD, POST, OPTIONS");
    if (r->method == HTTP_METHOD_POST)
        return DGM_STR("POST, OPTIONS");
    return r->also == HTTP_METHOD_DELETE ? DGM_STR("GET, HEAD, DELETE, OPTIONS")
           : r->also == HTTP_METHOD_POST ? DGM_STR("GET, HEAD, POST, OPTIONS")
                                         : DGM_STR("GET, HEAD, OPTIONS");
}

/* ---- a path that is served -------------------------------------------------------------------------- */

static bool is_capture(struct dgm_str segment)
{
    return segment.n != 0 && segment.p[0] == '{';
}

/* Sorts what was captured, in the order of the pattern, by name. */
static enum dgm_rc name_captures(struct gw_target *t, const struct dgm_str *captured,
                                 struct dgm_fail *reterr)
{
    const struct {
        struct dgm_str in_pattern;
        struct dgm_str *place;
    } names[] = {
        {DGM_STR("{project}"), &t->project},   {DGM_STR("{location}"), &t->location},
        {DGM_STR("{endpoint}"), &t->endpoint}, {DGM_STR("{model}"), &t->model},
        {DGM_STR("{call}"), &t->call},         {DGM_STR("{id+}"), &t->id},
    };
    struct dgm_str rest = t->route->pattern, segment;
    rest = dgm_str_skip(rest, dgm_str_find_char(rest, '{')); /* nothing is left of most patterns */
    while (rest.n != 0 && dgm_str_split(&rest, '/', &segment)) {
        if (!is_capture(segment))
            continue;
        struct dgm_str value = *captured++;
        for (size_t i = 0; i < COUNT(names); i++) {
            if (dgm_str_eq(segment, names[i].in_pattern))
                *names[i].place = value;
        }
        if (dgm_name_ok(value) || dgm_str_eq(segment, DGM_STR("{id+}")))
            continue;
        struct dgm_str name = {segment.p + 1, segment.n - 2};
        dgm_fail_set(
            reterr, DGM_ERR_HTTP_TARGET, (struct dgm_str){0},
            (struct dgm_str[4]){DGM_STR("The path's "), name, DGM_STR(" is not well formed.")});
        return DGM_E_REFUSED;
    }
    return DGM_OK;
}

/* ---- a path that is not ----------------------------------------------------------------------------- */

#define NEAR_COST_MAX 4
#define NEAR_PATH_MAX 256     /* longer ones get no advice: it costs their square */
#define MISSED_SEGMENT_COST 3 /* a segment too many (/v1/v1/...) or too few */

static size_t min(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Letters added, left out or changed between two segments. */
static size_t letters_between(struct dgm_str a, struct dgm_str b)
{
    size_t row[64];
    if (b.n >= COUNT(row))
        return SIZE_MAX / 4;
    for (size_t j = 0; j <= b.n; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            size_t change = diagonal + (a.p[i - 1] != b.p[j - 1]);
            diagonal = row[j];
            row[j] = min(change, min(row[j], row[j - 1]) + 1);
        }
    }
    return row[b.n];
}

static size_t split(struct dgm_str text, struct dgm_str segments[HTTP_SEGMENTS_MAX])
{
    struct dgm_str rest = dgm_str_skip(text, 1), segment;
    size_t n = 0;
    while (n < HTTP_SEGMENTS_MAX && dgm_str_split(&rest, '/', &segment))
        segments[n++] = segment;
    return n;
}

/**
 * How far a path is from a pattern, and in `*out` the path as it may have been meant: the pattern with the
 * path's own words where it has captures. The shortest way through the table of both, segment by segment.
 */
static size_t distance(const struct http_path *path, struct dgm_str pattern, struct dgm_buf *out)
{
    struct dgm_str want[HTTP_SEGMENTS_MAX];
    size_t cost[HTTP_SEGMENTS_MAX + 1][HTTP_SEGMENTS_MAX + 1];
    size_t n = split(pattern, want), m = path->segments;
    const struct dgm_str *have = path->segment;

    for (size_t i = 0; i <= n; i++) {
        for (size_t j = 0; j <= m; j++) {
            if (i == 0 || j == 0) {
                cost[i][j] = (i + j) * MISSED_SEGMENT_COST;
                continue;
            }
            size_t change = is_capture(want[i - 1]) ? 0 : letters_between(have[j - 1], want[i - 1]);
            cost[i][j] = min(cost[i - 1][j - 1] + change,
                             min(cost[i - 1][j], cost[i][j - 1]) + MISSED_SEGMENT_COST);
        }
    }

    /* Back along that way: which of the path's segments stands for which capture. */
    for (size_t i = n, j = m; i > 0 && j > 0;) {
        size_t change = is_capture(want[i - 1]) ? 0 : letters_between(have[j - 1], want[i - 1]);
        if (cost[i][j] == cost[i - 1][j - 1] + change) {
            if (is_capture(want[i - 1]))
                want[i - 1] = have[j - 1];
            i--, j--;
        } else if (cost[i][j] == cost[i - 1][j] + MISSED_SEGMENT_COST) {
            i--;
        } else {
            j--;
        }
    }
    dgm_buf_clear(out);
    for (size_t i = 0; i < n; i++) {
        dgm_buf_put_char(out, '/');
        dgm_buf_put(out, want[i]);
    }
    return cost[n][m];
}

static void advise(const struct http_path *path, struct dgm_fail *ret)
{
    char best[NEAR_PATH_MAX * 2];
    size_t best_n = 0, best_cost = min(NEAR_COST_MAX, path->text.n / 2) + 1;
    struct dgm_buf out;
    dgm_buf_init(&out, &dgm_alloc_libc, sizeof best);

    bool comparable = path->text.n <= NEAR_PATH_MAX && path->segments <= HTTP_SEGMENTS_MAX;
    for (size_t i = 0; comparable && i < ROUTES_N; i++) {
        if (routes[i].what == GW_MODEL || routes[i].what == GW_IDENTITY || routes[i].shared)
            continue; /* the last part of some takes anything, others are "/": /favicon.ico would be near */
        size_t cost = distance(path, routes[i].pattern, &out);
        if (cost >= best_cost || out.rc != DGM_OK)
            continue;
        best_cost = cost;
        best_n = out.n;
        memcpy(best, out.p, out.n);
    }
    dgm_buf_dispose(&out);

    struct dgm_str shown = dgm_str_head(path->text, 100);
    if (best_n == 0) {
        dgm_fail_set(ret, DGM_ERR_PATH_UNKNOWN, (struct dgm_str){0},
                     (struct dgm_str[4]){DGM_STR("There is nothing at "), shown, DGM_STR(".")});
        return;
    }
    best[best_n++] = '?';
    dgm_fail_set(
        ret, DGM_ERR_PATH_UNKNOWN, (struct dgm_str){0},
        (struct dgm_str[4]){
            DGM_STR("There is nothing at "), shown, DGM_STR("; did you mean "), {best, best_n}});
}

/* A path of OpenAI's API that is not served: says which one is, at the same base. */
static bool is_unserved(const struct http_path *path, struct dgm_fail *reterr)
{
    for (size_t i = 0; i < COUNT(bases); i++) {
        struct dgm_str captured[HTTP_CAPTURES_MAX];
        if (!http_path_match(path, bases[i], captured))
            continue;
        struct dgm_str below = {0};
        for (size_t c = 0; c < HTTP_CAPTURES_MAX && captured[c].p != NULL; c++)
            below = captured[c];
        struct dgm_str first = dgm_str_head(below, dgm_str_find_char(below, '/'));
        for (size_t u = 0; u < COUNT(unserved); u++) {
            if (!dgm_str_eq(first, unserved[u]))
                continue;
            struct dgm_str base = dgm_str_head(path->text, path->text.n - below.n - 1);
            dgm_fail_set(reterr, DGM_ERR_ENDPOINT_UNSUPPORTED, (struct dgm_str){0},
                         (struct dgm_str[4]){unserved[u], DGM_STR(" is not served here; POST "),
                                             dgm_str_head(base, 300),
                                             DGM_STR("/chat/completions is.")});
            return true;
        }
    }
    return false;
}

const struct gw_route *gw_route_of(struct dgm_str target)
{
    for (size_t i = 0; i < ROUTES_N; i++)
        if (dgm_str_eq(target, routes[i].pattern))
            return dgm_str_find_char(target, '{') == target.n && !routes[i].shared ? &routes[i]
                                                                                   : NULL;
    return NULL;
}

enum dgm_rc gw_route_find(const struct http_path *path, bool googles, struct gw_target *ret,
                          struct dgm_fail *reterr)
{
    for (size_t i = 0; i < ROUTES_N; i++) {
        struct dgm_str captured[HTTP_CAPTURES_MAX];
        if (routes[i].shared && !googles)
            continue;
        if (!http_path_match(path, routes[i].pattern, captured))
            continue;
        struct gw_target found = {.route = &routes[i]};
        enum dgm_rc rc = name_captures(&found, captured, reterr);
        if (rc == DGM_OK)
            *ret = found;
        return rc;
    }
    if (!is_unserved(path, reterr))
        advise(path, reterr);
    return DGM_E_REFUSED;
}
