/* SPDX-License-Identifier: Apache-2.0 */
/* sse.c - fuzzes base/sse: however it is cut, a stream decodes to the same, in bounded memory. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/sse.h"
#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The events of a stream, written so that two lists are equal when their bytes are. */
struct log {
    struct dgm_buf text;
    enum dgm_rc rc;
};

static void log_init(struct log *log)
{
    dgm_buf_init(&log->text, &dgm_alloc_libc, SIZE_MAX);
    log->rc = DGM_MORE;
}

static void log_event(struct log *log, const struct dgm_sse_event *e, size_t max)
{
    assert(e->data.p && e->data.n <= max);
    dgm_buf_put_char(&log->text, e->raw ? 'r' : 'd');
    dgm_buf_put_char(&log->text, e->cut ? 'c' : ' ');
    dgm_buf_put_int(&log->text, (int64_t)e->data.n);
    dgm_buf_put_char(&log->text, ' ');
    dgm_buf_put(&log->text, e->data);
}

/* Writes an event of `data` as a server would, one field a line. */
static void encode(struct dgm_buf *out, struct dgm_str data)
{
    struct dgm_str line;
    while (dgm_str_split(&data, '\n', &line)) {
        dgm_buf_put_lit(out, "data: ");
        dgm_buf_put(out, line);
        dgm_buf_put_char(out, '\n');
    }
    dgm_buf_put_char(out, '\n');
}

static void feed(struct dgm_sse *d, struct dgm_str piece, size_t max, struct log *log,
                 struct dgm_buf *encoded)
{
    struct dgm_sse_event e;
    char *copy = malloc(piece.n);
    assert(copy);
    memcpy(copy, piece.p, piece.n);
    struct dgm_str in = {copy, piece.n};
    while ((log->rc = dgm_sse_next(d, &in, &e)) == DGM_EVENT) {
        log_event(log, &e, max);
        if (encoded)
            encode(encoded, e.data);
    }
    assert(log->rc < 0 || (log->rc == DGM_MORE && in.n == 0));
    assert(d->_line.cap + d->_data.cap <= 2 * max + 16);
    free(copy);
}

static void decode(struct dgm_str s, size_t step, size_t max, struct log *log,
                   struct dgm_buf *encoded)
{
    struct dgm_sse d;
    struct dgm_sse_event e;
    dgm_sse_init(&d, &dgm_alloc_libc, max);
    for (; s.n != 0 && log->rc == DGM_MORE; s = dgm_str_skip(s, step))
        feed(&d, dgm_str_head(s, step), max, log, encoded);
    while (log->rc >= 0 && (log->rc = dgm_sse_finish(&d, &e)) == DGM_EVENT) {
        log_event(log, &e, max);
        if (encoded)
            encode(encoded, e.data);
    }
    assert(log->rc == DGM_DONE || log->rc == DGM_E_LIMIT);
    dgm_sse_dispose(&d);
}

static void check_same(const struct log *a, const struct log *b)
{
    assert(a->rc == b->rc && dgm_str_eq(dgm_buf_str(&a->text), dgm_buf_str(&b->text)));
}

/* The last two bytes choose the size of the pieces and the ceiling. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    size_t step = data[size - 1] + (size_t)1;
    size_t max = data[size - 2] == 255 ? SIZE_MAX / 4 : (size_t)data[size - 2] * 4;
    struct dgm_str s = {(const char *)data, size - 2};

    struct log whole, cut, single, again;
    struct dgm_buf encoded, twice;
    log_init(&whole);
    log_init(&cut);
    log_init(&single);
    log_init(&again);
    dgm_buf_init(&encoded, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&twice, &dgm_alloc_libc, SIZE_MAX);

    decode(s, s.n + 1, max, &whole, &encoded);
    decode(s, step, max, &cut, NULL);
    decode(s, 1, max, &single, NULL);
    check_same(&whole, &cut);
    check_same(&whole, &single);

    /* What was decoded, encoded in the plain form, decodes to the same payloads. */
    decode(dgm_buf_str(&encoded), step, SIZE_MAX / 4, &again, &twice);
    assert(again.rc == DGM_DONE && dgm_str_eq(dgm_buf_str(&encoded), dgm_buf_str(&twice)));

    dgm_buf_dispose(&whole.text);
    dgm_buf_dispose(&cut.text);
    dgm_buf_dispose(&single.text);
    dgm_buf_dispose(&again.text);
    dgm_buf_dispose(&encoded);
    dgm_buf_dispose(&twice);
    return 0;
}
