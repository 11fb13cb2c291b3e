/* SPDX-License-Identifier: Apache-2.0 */
/* core.c - what the core costs on four fixed texts, beside bare yyjson reading and writing the same texts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <dragoman/dragoman.h>
#include <yyjson.h>

#include "base/str.h"
#include "gen/version.h"

#define BATCH_MAX 32
#define BATCH_BYTES ((size_t)256 << 10)
#define ROUND_NS INT64_C(100000000) /* of each repeat; the shortest of so many counts: */
#define REPEATS 5
#define TEXT_BYTES_MAX ((size_t)64 << 20)

enum kind { REQUEST, ANSWER, STREAM };

/* What is measured. `events` is how long a stream is made by repeating its file's events; 0: as it is. */
static const struct bench_case {
    const char *name, *file;
    enum kind kind;
    size_t events;
} cases[] = {
    {"chat", "chat.json", REQUEST, 0},
    {"chat-long", "chat-long.json", REQUEST, 0},
    {"answer", "answer.json", ANSWER, 0},
    {"stream", "stream.sse", STREAM, 0},
    /* Does an event cost the same however many came before it? */
    {"stream-100", "stream.sse", STREAM, 100},
    {"stream-10000", "stream.sse", STREAM, 10000},
};

/* A text, and where each of its events ends; one that is no stream is one event. */
struct text {
    struct dgm_str bytes;
    size_t *ends, n;
};

/* One exchange, made ready before the clock runs. */
struct job {
    const struct text *text;
    enum kind kind;
    struct dgm_buf body; /* the request's, which is parsed in place */
    struct dgm_request *request;
};

/* What one exchange came to. */
struct figures {
    double us, allocs; /* CPU time; calls that asked for memory */
};

static const char *folder = DGM_BENCH_DATA;

static void must(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "bench/core: %s\n", what);
    exit(1);
}

/* ---- memory, counted ---- */

static size_t asked; /* calls that wanted memory: new blocks, and blocks that grow */

static void *count_resize(void *ctx, void *p, size_t old_n, size_t n)
{
    (void)ctx, (void)old_n;
    if (n == 0) {
        free(p);
        return NULL;
    }
    asked++;
    return realloc(p, n);
}

static const struct dgm_alloc counting = {count_resize, NULL};

/* ---- texts ---- */

static struct dgm_str read_file(const char *name)
{
    char path[4096];
    must(snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path, "a path is long");
    FILE *f = fopen(path, "rb");
    must(f != NULL, path);
    char *p = malloc(TEXT_BYTES_MAX);
    must(p != NULL, "no memory");
    size_t n = fread(p, 1, TEXT_BYTES_MAX, f);
    must(n != 0 && n < TEXT_BYTES_MAX && !ferror(f), "a text is empty or too large");
    fclose(f);
    return (struct dgm_str){p, n};
}

static struct text split(struct dgm_str s, enum kind kind)
{
    struct text t = {s, malloc((s.n + 1) * sizeof *t.ends), 0};
    must(t.ends != NULL, "no memory");
    if (kind != STREAM)
        t.ends[t.n++] = s.n;
    for (const char *p = s.p, *end = s.p + s.n; kind == STREAM && p < end;) {
        const char *blank = memmem(p, (size_t)(end - p), "\r\n\r\n", 4);
        must(blank != NULL, "a stream's last event is not whole");
        p = blank + 4;
        t.ends[t.n++] = (size_t)(p - s.p);
    }
    return t;
}

static struct dgm_str event_at(const struct text *t, size_t i)
{
    size_t from = i ? t->ends[i - 1] : 0;
    return (struct dgm_str){t->bytes.p + from, t->ends[i] - from};
}

static struct text read_text(const struct bench_case *c)
{
    struct text t = split(read_file(c->file), c->kind);
    if (!c->events)
        return t;
    char *p = malloc(TEXT_BYTES_MAX);
    must(p && t.n > 1, "a stream is too short");
    size_t n = 0;
    for (size_t i = 0; i < c->events; i++) {
        struct dgm_str e = event_at(&t, i + 1 == c->events ? t.n - 1 : i % (t.n - 1));
        must(e.n <= TEXT_BYTES_MAX - n, "a stream is too large");
        memcpy(p + n, e.p, e.n);
        n += e.n;
    }
    return split((struct dgm_str){p, n}, c->kind);
}

/* ---- the core ---- */

static struct dgm_request *new_request(struct dgm_buf *body)
{
    const struct dgm_env env = {.alloc = &counting, .now = 1750000000, .id = DGM_STR("bench")};
    struct dgm_request *r = NULL;
    struct dgm_fail fail;
    enum dgm_rc rc = dgm_chat_request(&env, body, &r, &fail);
    if (rc == DGM_NEED) /* nothing is remembered here */
        rc = dgm_request_resume(r, &fail);
    must(rc == DGM_OK, "a request was refused");
    return r;
}

static void run_request(struct job *j)
{
    const struct dgm_str *segments;
    struct dgm_request *r = new_request(&j->body);
    must(dgm_request_body(r, &segments) != 0, "a request came to nothing");
    dgm_request_free(r);
}

static void run_answer(struct job *j)
{
    struct dgm_buf out;
    int status;
    dgm_buf_init(&out, &counting, TEXT_BYTES_MAX);
    enum dgm_rc rc = dgm_chat_response(j->request, 200, j->text->bytes, &out, &status);
    must(rc == DGM_OK && status == 200, "an answer was not taken");
    dgm_buf_dispose(&out);
}

/* An event a read, as they come over a network, and each sent on at once. */
static void run_stream(struct job *j)
{
    struct dgm_buf out;
    dgm_buf_init(&out, &counting, TEXT_BYTES_MAX);
    struct dgm_stream *s = dgm_stream_new(j->request);
    must(s != NULL, "no memory");
    for (size_t i = 0; i < j->text->n; i++) {
        struct dgm_str in = event_at(j->text, i);
        must(dgm_stream_feed(s, &in, &out) == DGM_MORE, "a stream was not taken");
        dgm_buf_clear(&out);
    }
    must(dgm_stream_finish(s, &out) == DGM_DONE, "a stream did not end well");
    dgm_stream_free(s);
    dgm_buf_dispose(&out);
}

/* Has a name and a frame of its own: scripts/count-instructions counts what happens in it. */
__attribute__((noinline)) static void run_core(struct job *jobs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        switch (jobs[i].kind) {
        case REQUEST:
            run_request(&jobs[i]);
            break;
        case ANSWER:
            run_answer(&jobs[i]);
            break;
        case STREAM:
        default:
            run_stream(&jobs[i]);
            break;
        }
}

/* ---- bare yyjson, with what makes it fast ---- */

static void read_and_write(char *text, size_t n, yyjson_read_flag flags)
{
    yyjson_doc *doc = yyjson_read_opts(text, n, flags | YYJSON_READ_NUMBER_AS_RAW, NULL, NULL);
    must(doc != NULL, "yyjson read nothing");
    size_t written;
    char *out = yyjson_write_opts(doc, 0, NULL, &written, NULL);
    must(out != NULL, "yyjson wrote nothing");
    free(out);
    yyjson_doc_free(doc);
}

__attribute__((noinline)) static void run_bare(struct job *jobs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct job *j = &jobs[i];
        if (j->kind != STREAM) {
            read_and_write(j->body.p, j->text->bytes.n, YYJSON_READ_INSITU);
            continue;
        }
        /* Not in place: behind an event stands the next one, and yyjson wants padding there. */
        for (size_t k = 0; k < j->text->n; k++) {
            struct dgm_str e = event_at(j->text, k);
            size_t before = strlen("data: "), behind = strlen("\r\n\r\n");
            read_and_write(j->body.p + (e.p - j->text->bytes.p) + before, e.n - before - behind, 0);
        }
    }
}

/* ---- measuring ---- */

static void begin(struct job *j, const struct text *t, enum kind kind, bool bare)
{
    *j = (struct job){.text = t, .kind = kind};
    dgm_buf_init(&j->body, &counting, TEXT_BYTES_MAX);
    if (kind == REQUEST || bare)
        dgm_buf_put(&j->body, t->bytes);
    else
        dgm_buf_put_lit(&j->body, "{\"model\":\"google/gemini-2.5-flash\",\"stream\":true,"
                                  "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}");
    must(dgm_buf_reserve(&j->body, YYJSON_PADDING_SIZE) != NULL, "no memory");
    if (bare)
        memset(j->body.p + j->body.n, 0, YYJSON_PADDING_SIZE);
    else if (kind != REQUEST)
        j->request = new_request(&j->body);
}

static void end(struct job *j)
{
    dgm_request_free(j->request);
    dgm_buf_dispose(&j->body);
}

static int64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Runs `n` exchanges; returns the CPU time they took, and adds to `*allocs`. */
static int64_t run_batch(const struct text *t, enum kind kind, bool bare, size_t n, size_t *allocs)
{
    struct job jobs[BATCH_MAX];
    for (size_t i = 0; i < n; i++)
        begin(&jobs[i], t, kind, bare);
    size_t asked_before = asked;
    int64_t start = cpu_ns();
    (bare ? run_bare : run_core)(jobs, n);
    int64_t ns = cpu_ns() - start;
    *allocs += asked - asked_before;
    for (size_t i = 0; i < n; i++)
        end(&jobs[i]);
    return ns;
}

/* The fastest of some repeats: what else runs on the machine only ever adds. */
static struct figures measure(const struct text *t, enum kind kind, bool bare)
{
    struct figures best = {0};
    size_t batch = BATCH_BYTES / t->bytes.n;
    batch = batch < 1 ? 1 : batch > BATCH_MAX ? BATCH_MAX : batch;
    for (int repeat = 0; repeat < REPEATS; repeat++) {
        size_t n = 0, allocs = 0;
        int64_t ns = 0;
        for (; ns < ROUND_NS; n += batch)
            ns += run_batch(t, kind, bare, batch, &allocs);
        double us = (double)ns / 1000 / (double)n;
        if (repeat == 0 || us < best.us)
            best = (struct figures){us, (double)allocs / (double)n};
    }
    return best;
}

static void put_line(const char *bench, const char *name, double value, const char *unit)
{
    char date[32];
    time_t now = time(NULL);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
    printf(
        "{\"bench\":\"%s\",\"case\":\"%s\",\"value\":%.4g,\"unit\":\"%s\",\"commit\":\"" DGM_COMMIT
        "\",\"date\":\"%s\",\"command\":\"bench/core\"}\n",
        bench, name, value, unit, date);
    fflush(stdout);
}

static void report(const struct bench_case *c)
{
    struct text t = read_text(c);
    struct figures core = measure(&t, c->kind, false), bare = measure(&t, c->kind, true);
    put_line("core", c->name, core.us, "us/exchange");
    if (c->kind == STREAM)
        put_line("core", c->name, core.us * 1000 / (double)t.n, "ns/event");
    put_line("core", c->name, (double)t.bytes.n / core.us * 1e6, "bytes/s");
    put_line("core", c->name, core.allocs, "allocations/exchange");
    put_line("yyjson", c->name, bare.us, "us/exchange");
    put_line("core/yyjson", c->name, core.us / bare.us, "ratio");
}

/* Exchanges without a clock: what scripts/count-instructions counts. */
static void run_rounds(const struct bench_case *c, size_t rounds, bool bare)
{
    struct text t = read_text(c);
    size_t allocs = 0;
    for (size_t i = 0; i < rounds; i++)
        (void)run_batch(&t, c->kind, bare, 1, &allocs);
}

static int usage(void)
{
    fputs(
        "Usage: bench/core [--data FOLDER] [--case NAME [--rounds N [--bare]]]\n"
        "Prints a JSON line a figure; with --rounds it runs a case so often and prints nothing.\n",
        stderr);
    return 2;
}

int main(int argc, char **argv)
{
    const char *only = NULL;
    size_t rounds = 0;
    bool bare = false;
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;
        if (strcmp(argv[i], "--bare") == 0)
            bare = true;
        else if (more && strcmp(argv[i], "--data") == 0)
            folder = argv[++i];
        else if (more && strcmp(argv[i], "--case") == 0)
            only = argv[++i];
        else if (more && strcmp(argv[i], "--rounds") == 0)
            rounds = strtoul(argv[++i], NULL, 10);
        else
            return usage();
    }
    bool found = false;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (only && strcmp(only, cases[i].name) != 0)
            continue;
        found = true;
        if (rounds)
            run_rounds(&cases[i], rounds, bare);
        else
            report(&cases[i]);
    }
    return found ? 0 : usage();
}
