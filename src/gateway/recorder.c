/* SPDX-License-Identifier: Apache-2.0 */
/* recorder.c - tapes that are over become files, one after the other, in a thread. */
#include "gateway/recorder.h"

#include "base/str.h"
#include "gateway/log.h"
#include "gateway/worker.h"
#include "net/work.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define TOLD_EVERY_MS 10000
#define ID_CHARS 8      /* of a name */
#define SECRETS_MAX 258 /* one an upstream, and the client's two */
#define PATH_BYTES_MAX 4096

struct gw_recorder {
    struct gw_worker *worker;
    struct dgm_alloc alloc; /* the worker's, up to record.max_mb */
    int64_t held_bytes;
    struct net_work *work;
    struct gw_tape *first, **end; /* that wait for the disk; where the next is put */
    struct gw_tape *writing;      /* the thread's until it is done */
    int error;                    /* of that one: an errno, or 0 */
    uint64_t count;
    int64_t told_ms; /* when the log last had a loss; 0: never */
};

/* ---- memory ----------------------------------------------------------------------------------------- */

static void *resize_counted(void *ctx, void *p, size_t old_n, size_t n)
{
    struct gw_recorder *r = ctx;
    const struct dgm_alloc *a = &r->worker->alloc;
    int64_t more = (int64_t)n - (int64_t)(p != NULL ? old_n : 0);
    if (n != 0 && more > r->worker->config->record.max_bytes - r->held_bytes)
        return NULL;
    void *now = a->resize(a->ctx, p, old_n, n);
    if (now != NULL || n == 0)
        r->held_bytes += more;
    return now;
}

static void drop(struct gw_tape *t)
{
    struct gw_recorder *r = t->recorder;
    for (size_t i = 0; i < 2; i++)
        if (t->secrets[i].n != 0)
            explicit_bzero(t->secrets[i].p, t->secrets[i].n);
    dgm_arena_dispose(&t->arena);
    r->alloc.resize(r->alloc.ctx, t, sizeof *t, 0);
}

static void tell_loss(struct gw_recorder *r, const char *why)
{
    struct gw_worker *w = r->worker;
    int64_t now = net_loop_now_ms(w->loop);
    w->counters->recordings_lost_total++;
    if (r->told_ms != 0 && now - r->told_ms < TOLD_EVERY_MS)
        return;
    r->told_ms = now;
    gw_log(GW_LOG_WARN, "a recording was lost: %s; %lld are lost so far", why,
           (long long)w->counters->recordings_lost_total);
}

struct gw_tape *gw_recorder_take(struct gw_recorder *r)
{
    struct gw_tape *t = r->alloc.resize(r->alloc.ctx, NULL, 0, sizeof *t);
    if (t == NULL) {
        tell_loss(r, "record.max_mb is used up");
        return NULL;
    }
    *t = (struct gw_tape){.recorder = r, .number = r->count++};
    dgm_arena_init(&t->arena, &r->alloc, SIZE_MAX);
    return t;
}

/* ---- secrets ---------------------------------------------------------------------------------------- */

/* Those that we know of: the configuration's, and what the client showed who he is with. */
static size_t list_secrets(const struct gw_tape *t, const struct gw_config *config,
                           struct dgm_str to[SECRETS_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < config->upstreams_n && n < SECRETS_MAX - 2; i++) {
        const struct gw_credentials *c = &config->upstreams[i].credentials;
        if (c->kind == GW_CREDENTIALS_API_KEY || c->kind == GW_CREDENTIALS_BEARER)
            to[n++] = c->value;
    }
    for (size_t i = 0; i < 2; i++)
        to[n++] = (struct dgm_str){t->secrets[i].p, t->secrets[i].n};
    return n;
}

/* ---- files, in the thread ---------------------------------------------------------------------------- */

/* "DIR/20261121T192031.123Z-0-000042-0a1b2c3d.yaml" */
static bool name_file(const struct gw_tape *t, const struct gw_worker *w, char path[PATH_BYTES_MAX])
{
    char stamp[32] = "";
    time_t seconds = (time_t)(t->recording.time_ms / 1000);
    struct tm tm;
    if (gmtime_r(&seconds, &tm) != NULL)
        strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%S", &tm);
    struct dgm_str dir = w->config->record.dir;
    int n = snprintf(path, PATH_BYTES_MAX, "%.*s/%s.%03dZ-%zu-%06llu-%.*s.yaml", (int)dir.n, dir.p,
                     stamp, (int)(t->recording.time_ms % 1000), w->slot,
                     (unsigned long long)t->number, ID_CHARS, t->file_id);
    return n > 0 && n < PATH_BYTES_MAX - 8;
}

static int write_all(int fd, struct dgm_str rest)
{
    while (rest.n != 0) {
        ssize_t n = write(fd, rest.p, rest.n);
        if (n < 0 && errno != EINTR)
            return errno;
        rest = dgm_str_skip(rest, n > 0 ? (size_t)n : 0);
    }
    return 0;
}

/* Writes a file beside its place, and renames it. Returns an errno. */
static int write_file(const char *path, struct dgm_str text)
{
    char part[PATH_BYTES_MAX];
    (void)snprintf(part, sizeof part, "%.*s.part", PATH_BYTES_MAX - 8, path);
    int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    int error = write_all(fd, text);
    if (close(fd) != 0 && error == 0)
        error = errno;
    if (error == 0 && rename(part, path) != 0)
        error = errno;
    if (error != 0)
        unlink(part);
    return error;
}

/* Puts what is to be written. Returns an errno. */
static int put_text(struct gw_tape *t, const struct gw_config *config, struct dgm_buf *out)
{
    struct dgm_str secrets[SECRETS_MAX];
    const struct gw_strs known = {secrets, list_secrets(t, config, secrets)};
    struct dgm_arena arena;
    dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
    bool cleaned = gw_recording_clean(&t->recording, &known, &arena);
    if (cleaned)
        gw_recording_put(&t->recording, out);
    dgm_arena_dispose(&arena);
    return !cleaned || out->rc == DGM_E_NOMEM ? ENOMEM : out->rc != DGM_OK ? EFBIG : 0;
}

static void run_writing(void *owner)
{
    struct gw_recorder *r = owner;
    char path[PATH_BYTES_MAX];
    struct dgm_buf text;
    dgm_buf_init(&text, &dgm_alloc_libc, GW_RECORDING_FILE_MAX);
    r->error = put_text(r->writing, r->worker->config, &text);
    if (r->error == 0 && !name_file(r->writing, r->worker, path))
        r->error = ENAMETOOLONG;
    if (r->error == 0)
        r->error = write_file(path, dgm_buf_str(&text));
    dgm_buf_dispose(&text);
}

/* ---- the queue --------------------------------------------------------------------------------------- */

static void on_written(void *owner);

static void write_next(struct gw_recorder *r)
{
    struct gw_tape *t = r->first;
    if (r->writing != NULL || t == NULL)
        return;
    r->first = t->next;
    if (r->first == NULL)
        r->end = &r->first;
    r->writing = t;
    net_work_start(r->work, run_writing, on_written, r);
}

static void on_written(void *owner)
{
    struct gw_recorder *r = owner;
    char why[PATH_BYTES_MAX];
    r->worker->counters->recordings--;
    r->worker->counters->recordings_total += r->error == 0;
    if (r->error != 0) {
        (void)snprintf(why, sizeof why, "cannot write into %s: %s", r->worker->config->record.dir.p,
                       strerror(r->error));
        tell_loss(r, why);
    }
    drop(r->writing);
    r->writing = NULL;
    write_next(r);
    gw_worker_settled(r->worker);
}

void gw_recorder_give(struct gw_tape *t)
{
    struct gw_recorder *r = t->recorder;
    if (t->lost)
        tell_loss(r, "record.max_mb is used up");
    if (t->lost || t->recording.calls == NULL) {
        drop(t);
        return;
    }
    gw_random_id(t->file_id);
    r->worker->counters->recordings++;
    *r->end = t;
    r->end = &t->next;
    write_next(r);
}

struct gw_recorder *gw_recorder_new(struct gw_worker *w)
{
    struct gw_recorder *r = w->alloc.resize(w->alloc.ctx, NULL, 0, sizeof *r);
    if (r == NULL)
        return NULL;
    *r = (struct gw_recorder){.worker = w, .work = net_work_new(w->loop)};
    r->alloc = (struct dgm_alloc){resize_counted, r};
    r->end = &r->first;
    if (r->work != NULL)
        return r;
    gw_recorder_free(r);
    return NULL;
}

void gw_recorder_free(struct gw_recorder *r)
{
    if (r == NULL)
        return;
    struct gw_worker *w = r->worker;
    assert(r->first == NULL && r->writing == NULL && r->held_bytes == 0);
    net_work_free(r->work);
    w->alloc.resize(w->alloc.ctx, r, sizeof *r, 0);
}
