/* SPDX-License-Identifier: Apache-2.0 */
/* runner.c - runs the golden cases in every way that must not matter; TAP, one line a case. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "drive.h"
#include "json/write.h"
#include "support/alloc_fail.h"
#include "support/chunks.h"

#define EVERY_CUT_BYTES ((size_t)8 << 10) /* streams up to here are cut everywhere */
#define CUTS_WORK_BYTES                                                                            \
    ((size_t)32 << 20) /* above, so much is fed in all for the cuts near borders */
#define OUT_BYTES ((size_t)64 << 20)

enum mode { CHECK, QUICK, BLESS };

static const char usage[] =
    "usage: golden [--quick | --first | --bless] [NAME...]\n"
    "Runs the golden cases whose name has one of NAME in it; all without. --quick runs each in one way only,\n"
    "--first does too and ends with the first that fails, --bless rewrites the expected files.\n";

/* ---- saying what is wrong ------------------------------------------------------------------------------ */

/* The case at work: its first trouble is told, under its line. */
struct report {
    const struct golden_case *c;
    enum mode mode;
    bool failed, blessed;
    char text[8192];
};

__attribute__((format(printf, 2, 3))) static void fail(struct report *r, const char *format, ...)
{
    if (r->failed)
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(r->text, sizeof r->text, format, args);
    va_end(args);
    r->failed = true;
}

static void print_diagnosis(const char *text)
{
    struct dgm_str rest = dgm_str_c(text), line;
    while (dgm_str_split(&rest, '\n', &line))
        printf("#   %.*s\n", (int)line.n, line.p);
}

/* The surroundings of the first difference. */
static void fail_difference(struct report *r, const char *file, struct dgm_str expected,
                            struct dgm_str got)
{
    enum { BEFORE = 60, SHOWN = 400 };
    size_t at = 0;
    while (at < expected.n && at < got.n && expected.p[at] == got.p[at])
        at++;
    size_t from = at > BEFORE ? at - BEFORE : 0;
    struct dgm_str e = dgm_str_head(dgm_str_skip(expected, from), SHOWN);
    struct dgm_str g = dgm_str_head(dgm_str_skip(got, from), SHOWN);
    fail(r, "%s differs at byte %zu (JSON without blanks)\nexpected ...%.*s\n     got ...%.*s",
         file, at, (int)e.n, e.p ? e.p : "", (int)g.n, g.p ? g.p : "");
}

/* ---- expected files ------------------------------------------------------------------------------------ */

static void put_pretty(struct dgm_buf *out, const struct json_val *v, unsigned level);

static void put_line(struct dgm_buf *out, unsigned level)
{
    dgm_buf_put_char(out, '\n');
    for (unsigned i = 0; i < level; i++)
        dgm_buf_put_lit(out, "  ");
}

static void put_pretty_container(struct dgm_buf *out, const struct json_val *v, unsigned level)
{
    bool is_obj = json_kind(v) == JSON_OBJ;
    dgm_buf_put_char(out, is_obj ? '{' : '[');
    for (struct json_iter i = json_iter(v); json_next(&i);) {
        if (i.index)
            dgm_buf_put_char(out, ',');
        put_line(out, level + 1);
        if (is_obj) {
            struct json_writer w = json_writer(out);
            json_put_str(&w, i.name);
            dgm_buf_put_lit(out, ": ");
        }
        put_pretty(out, i.value, level + 1);
    }
    put_line(out, level);
    dgm_buf_put_char(out, is_obj ? '}' : ']');
}

static void put_pretty(struct dgm_buf *out, const struct json_val *v, unsigned level)
{
    if (json_size(v) != 0) {
        put_pretty_container(out, v, level);
        return;
    }
    struct json_writer w = json_writer(out);
    json_put_val(&w, v);
}

/* JSON without its blanks, or with those people like; the order of members and the text of numbers stay. */
static bool normalize(struct dgm_str json, bool pretty, struct dgm_buf *ret)
{
    struct dgm_arena arena;
    const struct json_val *v;
    struct json_error error;
    char *text = malloc(json.n + JSON_PADDING);
    if (!text)
        abort();
    if (json.n)
        memcpy(text, json.p, json.n);
    dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
    bool good = json_parse(&arena, text, json.n, JSON_DEPTH_MAX, &v, &error) == DGM_OK;
    if (good && pretty)
        put_pretty(ret, v, 0);
    if (good && !pretty) {
        struct json_writer w = json_writer(ret);
        json_put_val(&w, v);
    }
    dgm_arena_dispose(&arena);
    free(text);
    return good;
}

enum form { JSON, TEXT, BYTES };

static void bless(struct report *r, const char *file, enum form form, struct dgm_str got)
{
    struct dgm_buf text;
    dgm_buf_init(&text, &dgm_alloc_libc, SIZE_MAX);
    if (form == JSON && got.p)
        normalize(got, true, &text);
    else
        dgm_buf_put(&text, got);
    if (form != BYTES && got.p)
        dgm_buf_put_char(&text, '\n');
    golden_write(r->c, file, got.p ? (text.p ? dgm_buf_str(&text) : DGM_STR("")) : got);
    r->blessed = true;
    dgm_buf_dispose(&text);
}

/* Compares what the run made, absent for nothing, with the case's file of that name. */
static void compare(struct report *r, const char *file, enum form form, struct dgm_str got)
{
    struct dgm_buf expected, got_json, expected_json;
    dgm_buf_init(&expected, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&got_json, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&expected_json, &dgm_alloc_libc, SIZE_MAX);

    bool exists = golden_read(r->c, file, &expected);
    struct dgm_str e = dgm_buf_str(&expected), g = got;
    if (form == JSON && got.p) {
        if (!normalize(got, false, &got_json))
            fail(r, "%s: the run made what is no JSON: %.*s", file, (int)dgm_str_head(got, 1000).n,
                 got.p);
        g = dgm_buf_str(&got_json);
        e = normalize(e, false, &expected_json) ? dgm_buf_str(&expected_json) : (struct dgm_str){0};
    }
    if (form == TEXT && e.n != 0 && e.p[e.n - 1] == '\n')
        e.n--;

    bool same = exists == (got.p != NULL) && (!exists || dgm_str_eq(e, g));
    if (!same && r->mode == BLESS)
        bless(r, file, form, got);
    else if (!exists && got.p)
        fail(r, "there is no %s, and the run made: %.*s", file, (int)dgm_str_head(g, 2000).n, g.p);
    else if (exists && !got.p)
        fail(r, "there is a %s, and the run made nothing of the kind", file);
    else if (!same)
        fail_difference(r, file, e, g);

    dgm_buf_dispose(&expected);
    dgm_buf_dispose(&got_json);
    dgm_buf_dispose(&expected_json);
}

static struct dgm_str absent_if_empty(const struct dgm_buf *b)
{
    return b->n ? dgm_buf_str(b) : (struct dgm_str){0};
}

static void compare_status(struct report *r, int status, int usual)
{
    char text[16];
    snprintf(text, sizeof text, "%d", status);
    bool is_usual = status == 0 || status == usual;
    compare(r, "reply-status.txt", TEXT, is_usual ? (struct dgm_str){0} : dgm_str_c(text));
}

static bool has_file(const struct golden_case *c, const char *file)
{
    struct dgm_buf text;
    dgm_buf_init(&text, &dgm_alloc_libc, SIZE_MAX);
    bool exists = golden_read(c, file, &text);
    dgm_buf_dispose(&text);
    return exists;
}

/* The reference run against the case's files. */
static void compare_files(struct report *r, const struct outcome *o)
{
    switch (r->c->kind) {
    case GOLDEN_REQUEST:
        if (o->rc != DGM_OK && o->rc != DGM_E_REFUSED)
            fail(r, "the request came to %d", (int)o->rc);
        /* What is relayed is the client's own text: every byte counts. */
        compare(r, r->c->relayed ? "upstream.json" : "gemini.json", r->c->relayed ? TEXT : JSON,
                absent_if_empty(&o->body));
        compare(r, "error.json", JSON, absent_if_empty(&o->error));
        compare(r, "ignored.txt", TEXT, absent_if_empty(&o->ignored));
        compare(r, "schema-notes.txt", TEXT, absent_if_empty(&o->schema));
        compare(r, "warning.txt", TEXT, absent_if_empty(&o->warning));
        compare(r, "headers.txt", BYTES, absent_if_empty(&o->headers));
        compare(r, "urls.txt", BYTES, absent_if_empty(&o->urls));
        compare(r, "cache.json", JSON, absent_if_empty(&o->cache));
        compare(r, "cached.json", JSON, absent_if_empty(&o->cached));
        compare_status(r, o->status, 400);
        if (has_file(r->c, "target.txt"))
            compare(r, "target.txt", TEXT, absent_if_empty(&o->target));
        return;
    case GOLDEN_RESPONSE:
        if (o->rc != DGM_OK)
            fail(r, "the answer came to %d", (int)o->rc);
        compare(r, "openai.json", JSON, absent_if_empty(&o->body));
        compare_status(r, o->status, 200);
        compare(r, "retry.txt", TEXT, absent_if_empty(&o->retry));
        compare(r, "kept.txt", TEXT, absent_if_empty(&o->kept));
        compare(r, "probes.txt", TEXT, absent_if_empty(&o->probes));
        return;
    case GOLDEN_STREAM:
    default:
        if (o->rc != DGM_DONE && o->rc != DGM_E_UPSTREAM)
            fail(r, "the stream came to %d", (int)o->rc);
        compare(r, "openai.sse", BYTES, absent_if_empty(&o->body));
        compare(r, "error.json", JSON, absent_if_empty(&o->error));
        compare_status(r, o->status, 0);
        compare(r, "retry.txt", TEXT, absent_if_empty(&o->retry));
        compare(r, "kept.txt", TEXT, absent_if_empty(&o->kept));
        return;
    }
}

/* ---- all the ways -------------------------------------------------------------------------------------- */

static bool same_outcome(const struct outcome *a, const struct outcome *b)
{
    return a->rc == b->rc && a->status == b->status &&
           dgm_str_eq(dgm_buf_str(&a->body), dgm_buf_str(&b->body)) &&
           dgm_str_eq(dgm_buf_str(&a->error), dgm_buf_str(&b->error)) &&
           dgm_str_eq(dgm_buf_str(&a->ignored), dgm_buf_str(&b->ignored)) &&
           dgm_str_eq(dgm_buf_str(&a->schema), dgm_buf_str(&b->schema)) &&
           dgm_str_eq(dgm_buf_str(&a->warning), dgm_buf_str(&b->warning)) &&
           dgm_str_eq(dgm_buf_str(&a->headers), dgm_buf_str(&b->headers)) &&
           dgm_str_eq(dgm_buf_str(&a->kept), dgm_buf_str(&b->kept)) &&
           dgm_str_eq(dgm_buf_str(&a->probes), dgm_buf_str(&b->probes));
}

/* One more run, which must come to the same, or to "out of memory" where an allocation failed. */
static void run_again(struct report *r, const struct outcome *expected, const struct way *way,
                      size_t fail_at, bool *ret_failed)
{
    struct alloc_fail memory;
    struct outcome o;
    alloc_fail_init(&memory, fail_at);
    drive(r->c, &memory, way, &o);
    bool failed = alloc_fail_failed(&memory);
    const char *what = o.broken;
    if (!what && !same_outcome(&o, expected) && !(failed && o.rc == DGM_E_NOMEM))
        what = "it comes to the same";
    if (what)
        fail(
            r,
            "a promise was broken: %s\nfirst piece %zu, then %zu bytes a piece, out of %zu, allocation %zu failing; "
            "rc %d, expected %d",
            what, way->first, way->step, way->out_bytes, fail_at, (int)o.rc, (int)expected->rc);
    if (ret_failed)
        *ret_failed = failed;
    outcome_dispose(&o);
}

static void fail_every_allocation(struct report *r, const struct outcome *expected,
                                  const struct way *way)
{
    bool failed = true;
    for (size_t k = 1; failed && !r->failed; k++)
        run_again(r, expected, way, k, &failed);
}

/* The bytes of the largest event, blank line included; at most too many. */
static size_t largest_event(struct dgm_str sse)
{
    size_t largest = 0, from = 0;
    for (size_t i = 0; i + 1 < sse.n; i++) {
        bool border = (sse.p[i] == '\n' || sse.p[i] == '\r') &&
                      (sse.p[i + 1] == '\n' || sse.p[i + 1] == '\r');
        if (!border || memcmp(sse.p + i, "\r\n", 2) == 0)
            continue;
        if (i + 2 - from > largest)
            largest = i + 2 - from;
        from = i + 2;
    }
    return sse.n - from > largest ? sse.n - from : largest;
}

/* An output that holds just the largest event's bound (dragoman.h): FULL before nearly every event. */
static void run_in_small_outputs(struct report *r, const struct outcome *expected)
{
    struct dgm_str sse = dgm_buf_str(&r->c->native);
    size_t bound = 8 * largest_event(sse) + (8 << 10);
    size_t steps[] = {1, 7, sse.n};
    for (size_t i = 0; i < 3 && !r->failed; i++) {
        run_again(r, expected, &(struct way){steps[i], steps[i], bound}, 0, NULL);
        run_again(r, expected, &(struct way){steps[i], steps[i], 2 * bound + 1}, 0, NULL);
    }
}

static void cut_everywhere(struct report *r, const struct outcome *expected)
{
    size_t n = r->c->native.n;
    for (size_t i = 1; i <= n && !r->failed; i++) {
        run_again(r, expected, &(struct way){i, i, OUT_BYTES}, 0, NULL);
        run_again(r, expected, &(struct way){i, n, OUT_BYTES}, 0, NULL);
    }
}

static bool is_in(char c, const char *set)
{
    return c != '\0' && strchr(set, c);
}

/* In two pieces, cut within two bytes of each of these characters; of too many, each so-and-so-many-th is taken. */
static void cut_near(struct report *r, const struct outcome *expected, const char *set)
{
    struct dgm_str sse = dgm_buf_str(&r->c->native);
    size_t borders = 0, seen = 0;
    for (size_t i = 0; i < sse.n; i++)
        borders += is_in(sse.p[i], set);
    size_t stride = 1 + borders * 5 / (1 + CUTS_WORK_BYTES / sse.n);
    for (size_t i = 0; i < sse.n && !r->failed; i++) {
        if (!is_in(sse.p[i], set) || seen++ % stride)
            continue;
        for (size_t cut = i > 2 ? i - 2 : 1; cut <= i + 2 && cut < sse.n; cut++)
            run_again(r, expected, &(struct way){cut, sse.n, OUT_BYTES}, 0, NULL);
    }
}

static void cut_near_borders(struct report *r, const struct outcome *expected)
{
    static const size_t sizes[] = {1, 2, 3, 7, 64, 4095, 65536};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes && !r->failed; i++)
        run_again(r, expected, &(struct way){sizes[i], sizes[i], OUT_BYTES}, 0, NULL);
    cut_near(r, expected, "\r\n");
    cut_near(r, expected, "\\");
}

static void run_in_every_way(struct report *r, const struct outcome *expected)
{
    size_t n = r->c->native.n;
    fail_every_allocation(r, expected, &(struct way){n + 1, n + 1, OUT_BYTES});
    if (r->c->kind != GOLDEN_STREAM)
        return;
    fail_every_allocation(r, expected,
                          &(struct way){7, n <= EVERY_CUT_BYTES ? 7 : 4095, OUT_BYTES});
    run_in_small_outputs(r, expected);
    if (n <= EVERY_CUT_BYTES)
        cut_everywhere(r, expected);
    else
        cut_near_borders(r, expected);
}

static void run_case(struct report *r)
{
    struct alloc_fail memory;
    struct outcome o;
    size_t n = r->c->native.n;
    alloc_fail_init(&memory, 0);
    drive(r->c, &memory, &(struct way){n + 1, n + 1, OUT_BYTES}, &o);
    if (o.broken)
        fail(r, "a promise was broken: %s\n%.*s", o.broken, (int)o.error.n,
             o.error.n ? o.error.p : "");
    if (r->c->kind == GOLDEN_STREAM && !r->failed) {
        enum chunks_of of = r->c->relayed                       ? CHUNKS_RELAYED
                            : r->c->compat == DGM_COMPAT_GOOGLE ? CHUNKS_GOOGLE
                                                                : CHUNKS_GEMINI;
        const char *broken = chunks_broken(of, dgm_buf_str(&o.body));
        if (broken)
            fail(r, "a promise was broken: %s\n%.*s", broken,
                 (int)dgm_str_head(dgm_buf_str(&o.body), 4000).n, o.body.n ? o.body.p : "");
    }
    if (!r->failed)
        compare_files(r, &o);
    if (!r->failed && r->mode == CHECK)
        run_in_every_way(r, &o);
    outcome_dispose(&o);
}

/* ---- the run ------------------------------------------------------------------------------------------- */

struct plan {
    enum mode mode;
    bool first; /* one failure is enough */
    char **names;
    size_t names_n;
    size_t cases, failed;
};

static bool is_wanted(const struct plan *plan, enum golden_kind kind, const char *folder)
{
    char name[512];
    snprintf(name, sizeof name, "%s/%s", golden_kind_name(kind), folder);
    bool wanted = plan->names_n == 0;
    for (size_t i = 0; i < plan->names_n; i++)
        wanted = wanted || strstr(name, plan->names[i]);
    return wanted;
}

static void run_folder(struct plan *plan, enum golden_kind kind, const char *folder)
{
    struct golden_case c;
    struct report r = {.c = &c, .mode = plan->mode};
    const char *trouble = golden_case_init(&c, kind, folder);
    if (trouble)
        fail(&r, "%s", trouble);
    else
        run_case(&r);
    plan->cases++;
    if (plan->mode != BLESS) {
        printf("%sok %zu - %s\n", r.failed ? "not " : "", plan->cases, c.name);
    } else if (r.failed || r.blessed) {
        printf("%s: %s\n", r.failed ? "failed" : "written", c.name); /* what to read now */
    }
    if (r.failed) {
        plan->failed++;
        print_diagnosis(r.text);
    }
    fflush(stdout);
    golden_case_dispose(&c);
}

int main(int argc, char **argv)
{
    struct plan plan = {.mode = CHECK};
    int first = 1;
    for (; first < argc && argv[first][0] == '-'; first++) {
        if (strcmp(argv[first], "--bless") == 0) {
            plan.mode = BLESS;
        } else if (strcmp(argv[first], "--quick") == 0) {
            plan.mode = QUICK;
        } else if (strcmp(argv[first], "--first") == 0) {
            plan.mode = QUICK;
            plan.first = true;
        } else {
            fputs(usage, stderr);
            return 2;
        }
    }
    plan.names = argv + first;
    plan.names_n = (size_t)(argc - first);

    for (int kind = GOLDEN_REQUEST; kind <= GOLDEN_STREAM; kind++) {
        char **list = golden_list((enum golden_kind)kind);
        for (char **folder = list; folder && *folder && !(plan.first && plan.failed); folder++)
            if (is_wanted(&plan, (enum golden_kind)kind, *folder))
                run_folder(&plan, (enum golden_kind)kind, *folder);
        golden_list_free(list);
    }
    if (plan.mode != BLESS)
        printf("1..%zu\n", plan.cases);
    return plan.failed != 0 || plan.cases == 0;
}
