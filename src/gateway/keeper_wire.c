/* SPDX-License-Identifier: Apache-2.0 */
/* keeper_wire.c - messages between workers and the keeper as data. */
#include "gateway/keeper_wire.h"

#include "base/endian.h"
#include "base/str.h"

#include <assert.h>

#define VERSION 1

static const struct row {
    enum gw_message kind;
    enum gw_way way;
    size_t max_bytes;
} rows[] = {
#define MESSAGE(id, number, way, max_bytes) {GW_MSG_##id, GW_WAY_##way, (max_bytes)},
#include "gateway/keeper_messages.def"
#undef MESSAGE
};

static const struct row *find_row(unsigned kind)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].kind == kind)
            return &rows[i];
    return NULL;
}

size_t gw_message_max_bytes(enum gw_message kind)
{
    const struct row *row = find_row(kind);
    assert(row);
    return row->max_bytes;
}

enum gw_way gw_message_way(enum gw_message kind)
{
    const struct row *row = find_row(kind);
    assert(row);
    return row->way;
}

/* ---- frames ---- */

void gw_frame_put_head(struct dgm_buf *out, enum gw_message kind, uint32_t id, size_t n)
{
    assert(n <= gw_message_max_bytes(kind));
    char head[GW_FRAME_HEAD_BYTES] = {[4] = VERSION, [5] = (char)kind};
    dgm_put_le(head, n, 4);
    dgm_put_le(head + 8, id, 4);
    dgm_buf_put(out, (struct dgm_str){head, sizeof head});
}

void gw_frame_put(struct dgm_buf *out, const struct gw_frame *frame)
{
    gw_frame_put_head(out, frame->kind, frame->id, frame->payload.n);
    dgm_buf_put(out, frame->payload);
}

void gw_wire_init(struct gw_wire *w, const struct dgm_alloc *alloc, enum gw_sender sender)
{
    size_t max = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        max = rows[i].max_bytes > max ? rows[i].max_bytes : max;
    *w = (struct gw_wire){._sender = sender};
    dgm_buf_init(&w->_held, alloc, GW_FRAME_HEAD_BYTES + max);
}

void gw_wire_dispose(struct gw_wire *w)
{
    dgm_buf_dispose(&w->_held);
}

static bool may_send(enum gw_sender sender, enum gw_way way)
{
    bool worker = way == GW_WAY_TELL || way == GW_WAY_ASK;
    return worker == (sender == GW_FROM_WORKER);
}

/* A question without an id could not be answered; an id where nothing is asked means that we read out of step. */
static bool id_fits(enum gw_way way, uint32_t id)
{
    return (way == GW_WAY_ASK || way == GW_WAY_REPLY) == (id != 0);
}

/* DGM_OK: `ret` is what the head says, and `*ret_n` how long the payload is. */
static enum dgm_rc read_head(const struct gw_wire *w, const char *head, struct gw_frame *ret,
                             size_t *ret_n)
{
    const struct row *row = find_row((unsigned char)head[5]);
    if (head[4] != VERSION || head[6] != 0 || head[7] != 0 || !row ||
        !may_send(w->_sender, row->way))
        return DGM_E_SYNTAX;
    uint32_t id = (uint32_t)dgm_read_le(head + 8, 4);
    if (!id_fits(row->way, id))
        return DGM_E_SYNTAX;
    size_t n = (size_t)dgm_read_le(head, 4);
    if (n > row->max_bytes)
        return DGM_E_LIMIT;
    *ret = (struct gw_frame){.kind = row->kind, .id = id};
    *ret_n = n;
    return DGM_OK;
}

/* Moves up to `n` bytes in all into what is held. False: there are not so many yet, or memory is short. */
static bool hold(struct gw_wire *w, struct dgm_str *in, size_t n)
{
    size_t wanted = n > w->_held.n ? n - w->_held.n : 0;
    struct dgm_str piece = dgm_str_head(*in, wanted);
    dgm_buf_put(&w->_held, piece);
    *in = dgm_str_skip(*in, piece.n);
    w->_rc = w->_held.rc;
    return w->_rc == DGM_OK && piece.n == wanted;
}

enum dgm_rc gw_wire_next(struct gw_wire *w, struct dgm_str *in, struct gw_frame *ret)
{
    struct gw_frame frame;
    size_t n;
    if (w->_rc != DGM_OK)
        return w->_rc;
    if (w->_given)
        dgm_buf_dispose(&w->_held); /* messages of megabytes are rare, and links live long */
    w->_given = false;

    bool whole_head = w->_held.n == 0 && in->n >= GW_FRAME_HEAD_BYTES;
    if (!whole_head && !hold(w, in, GW_FRAME_HEAD_BYTES))
        return w->_rc != DGM_OK ? w->_rc : DGM_MORE;
    w->_rc = read_head(w, whole_head ? in->p : w->_held.p, &frame, &n);
    if (w->_rc != DGM_OK)
        return w->_rc;

    if (whole_head && in->n - GW_FRAME_HEAD_BYTES >= n) { /* the usual case: nothing is copied */
        frame.payload = dgm_str_head(dgm_str_skip(*in, GW_FRAME_HEAD_BYTES), n);
        *in = dgm_str_skip(*in, GW_FRAME_HEAD_BYTES + n);
        *ret = frame;
        return DGM_EVENT;
    }
    if (!hold(w, in, GW_FRAME_HEAD_BYTES + n))
        return w->_rc != DGM_OK ? w->_rc : DGM_MORE;
    frame.payload = dgm_str_skip(dgm_buf_str(&w->_held), GW_FRAME_HEAD_BYTES);
    w->_given = true;
    *ret = frame;
    return DGM_EVENT;
}

/* ---- fields ---- */

static void put_le(struct dgm_buf *out, uint64_t n, unsigned bytes)
{
    char text[8];
    dgm_put_le(text, n, bytes);
    dgm_buf_put(out, (struct dgm_str){text, bytes});
}

void gw_field_put_u64(struct dgm_buf *out, uint64_t n)
{
    put_le(out, n, 8);
}

void gw_field_put_str(struct dgm_buf *out, struct dgm_str s)
{
    assert(s.n <= UINT32_MAX);
    put_le(out, s.n, 4);
    dgm_buf_put(out, s);
}

static struct dgm_str take(struct gw_fields *f, uint64_t n)
{
    if (f->bad || n > f->rest.n) {
        f->bad = true;
        return (struct dgm_str){0};
    }
    struct dgm_str field = dgm_str_head(f->rest, (size_t)n);
    f->rest = dgm_str_skip(f->rest, (size_t)n);
    return field;
}

uint64_t gw_field_u64(struct gw_fields *f)
{
    struct dgm_str field = take(f, 8);
    return field.n == 8 ? dgm_read_le(field.p, 8) : 0;
}

struct dgm_str gw_field_str(struct gw_fields *f)
{
    struct dgm_str length = take(f, 4);
    struct dgm_str field = length.n == 4 ? take(f, dgm_read_le(length.p, 4)) : (struct dgm_str){0};
    return field.p ? field : DGM_STR("");
}

bool gw_fields_ended(const struct gw_fields *f)
{
    return !f->bad && f->rest.n == 0;
}
