/* SPDX-License-Identifier: Apache-2.0 */
/* fault.c - what a client asked to go wrong. */
#include "emulate/fault.h"

#include "base/str.h"

#include <string.h>

#define NUMBER_MAX 1000000000 /* of a fault, and of its TIMES */
#define BIG_EVENT_BYTES (((size_t)1 << 20) + 1)

static const struct refuses {
    const char *name;
    int status;
    const char *google, *message, *details;
} refuses[] = {
#define REFUSES(name, status, google, message, details, source, help)                              \
    {name, status, google, message, details},
#include "emulate/faults.def"
#undef REFUSES
};

static const struct breaks {
    const char *name;
    enum fault_kind kind;
    uint64_t standard;
} breaks[] = {
#define BREAKS(name, kind, standard, source, help) {name, kind, standard},
#include "emulate/faults.def"
#undef BREAKS
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- reading ---- */

/* One fault of a SPEC, taken apart. */
struct wish {
    struct dgm_str name;
    uint64_t number, times; /* UINT64_MAX: none was said */
};

/* Takes "*3" or "=3" off the end of a fault. False when what stands there is no number. */
static bool take_number(struct dgm_str *fault, char sign, uint64_t *ret)
{
    size_t at = dgm_str_find_char(*fault, sign);
    *ret = UINT64_MAX;
    if (at == fault->n)
        return true;
    struct dgm_str digits = dgm_str_trim(dgm_str_skip(*fault, at + 1));
    *fault = dgm_str_trim(dgm_str_head(*fault, at));
    return dgm_str_u64(digits, ret) && *ret <= NUMBER_MAX;
}

static bool read_wish(struct dgm_str fault, struct wish *ret)
{
    fault = dgm_str_trim(fault);
    bool sound = take_number(&fault, '*', &ret->times) && take_number(&fault, '=', &ret->number);
    ret->name = fault;
    return sound && fault.n != 0;
}

/* Google's text, with the number where {0} stands. */
static struct dgm_str fill(struct dgm_arena *arena, const char *text, uint64_t number)
{
    struct dgm_str rest = dgm_str_c(text), hole = DGM_STR("{0}");
    struct dgm_buf out;
    dgm_buf_init(&out, dgm_arena_alloc(arena), SIZE_MAX);
    for (size_t at; (at = dgm_str_find(rest, hole)) < rest.n;) {
        dgm_buf_put(&out, dgm_str_head(rest, at));
        dgm_buf_put_int(&out, (int64_t)number);
        rest = dgm_str_skip(rest, at + hole.n);
    }
    dgm_buf_put(&out, rest);
    return out.rc == DGM_OK ? dgm_buf_str(&out) : (struct dgm_str){0};
}

static enum dgm_rc refuse(const struct refuses *row, const struct wish *wish,
                          struct dgm_arena *arena, struct refusal *reterr)
{
    uint64_t number = wish->number == UINT64_MAX ? 1 : wish->number;
    *reterr = (struct refusal){
        .status = row->status,
        .google = dgm_str_c(row->google),
        .message = fill(arena, row->message, number),
        .details = fill(arena, row->details, number),
    };
    bool failed =
        (row->message[0] && !reterr->message.p) || (row->details[0] && !reterr->details.p);
    return failed ? DGM_E_NOMEM : DGM_E_REFUSED;
}

/* A fault that does not exist is an error of its own, or a test would pass for want of it. */
static enum dgm_rc refuse_unknown(struct dgm_str fault, struct dgm_arena *arena,
                                  struct refusal *reterr)
{
    struct dgm_buf message;
    dgm_buf_init(&message, dgm_arena_alloc(arena), SIZE_MAX);
    dgm_buf_put_lit(&message, "The emulator knows no fault \"");
    for (size_t i = 0; i < fault.n && i < 64; i++)
        dgm_buf_put_char(&message, fault.p[i] >= ' ' && fault.p[i] < 0x7f ? fault.p[i] : '?');
    dgm_buf_put_lit(&message, "\"; there are ");
    for (size_t i = 0; i < COUNT(refuses); i++) {
        dgm_buf_put(&message, dgm_str_c(refuses[i].name));
        dgm_buf_put_lit(&message, ", ");
    }
    for (size_t i = 0; i < COUNT(breaks); i++) {
        dgm_buf_put(&message, dgm_str_c(breaks[i].name));
        dgm_buf_put(&message, i + 1 < COUNT(breaks) ? DGM_STR(", ") : DGM_STR("."));
    }
    *reterr = (struct refusal){.status = 400, .message = dgm_buf_str(&message)};
    return message.rc == DGM_OK ? DGM_E_REFUSED : DGM_E_NOMEM;
}

/* One fault: DGM_OK when it is noted in `ret`, or spent. */
static enum dgm_rc read_fault(struct dgm_str fault, uint64_t seen, struct dgm_arena *arena,
                              struct faults *ret, struct refusal *reterr)
{
    struct wish wish;
    if (!read_wish(fault, &wish))
        return refuse_unknown(fault, arena, reterr);
    for (size_t i = 0; i < COUNT(refuses); i++)
        if (dgm_str_eq(wish.name, dgm_str_c(refuses[i].name)))
            return seen >= wish.times ? DGM_OK : refuse(&refuses[i], &wish, arena, reterr);
    for (size_t i = 0; i < COUNT(breaks); i++) {
        if (!dgm_str_eq(wish.name, dgm_str_c(breaks[i].name)))
            continue;
        ret->on[breaks[i].kind] = seen < wish.times;
        ret->at[breaks[i].kind] = wish.number == UINT64_MAX ? breaks[i].standard : wish.number;
        return DGM_OK;
    }
    return refuse_unknown(fault, arena, reterr);
}

enum dgm_rc emu_faults_read(struct dgm_str spec, uint64_t seen, struct dgm_arena *arena,
                            struct faults *ret, struct refusal *reterr)
{
    struct dgm_str fault;
    enum dgm_rc rc = DGM_OK;
    *ret = (struct faults){0};
    if (spec.n == 0)
        return DGM_OK;
    while (rc == DGM_OK && dgm_str_split(&spec, ';', &fault))
        rc = read_fault(fault, seen, arena, ret, reterr);
    return rc;
}

static bool is_known(struct dgm_str name)
{
    for (size_t i = 0; i < COUNT(refuses); i++)
        if (dgm_str_eq(name, dgm_str_c(refuses[i].name)))
            return true;
    for (size_t i = 0; i < COUNT(breaks); i++)
        if (dgm_str_eq(name, dgm_str_c(breaks[i].name)))
            return true;
    return false;
}

bool emu_faults_known(struct dgm_str spec)
{
    struct dgm_str fault;
    struct wish wish;
    while (dgm_str_split(&spec, ';', &fault))
        if (!read_wish(fault, &wish) || !is_known(wish.name))
            return false;
    return true;
}

bool emu_faults_any(const struct faults *f)
{
    for (size_t i = 0; i < FAULT_KINDS; i++)
        if (f->on[i])
            return true;
    return false;
}

/* ---- doing ---- */

enum fault_turn emu_fault_turn(const struct faults *f, uint64_t index)
{
    static const struct {
        enum fault_kind kind;
        enum fault_turn turn;
    } turns[] = {
        {FAULT_CUT_EVENT, FAULT_TURN_CUT},     {FAULT_END_EVENT, FAULT_TURN_END},
        {FAULT_STALL_EVENT, FAULT_TURN_STALL}, {FAULT_ERROR_EVENT, FAULT_TURN_ERROR},
        {FAULT_TAIL_EVENT, FAULT_TURN_ERROR},
    };
    for (size_t i = 0; i < COUNT(turns); i++)
        if (f->on[turns[i].kind] && index >= f->at[turns[i].kind])
            return turns[i].turn;
    return FAULT_TURN_NONE;
}

void emu_fault_put_error(const struct faults *f, struct dgm_buf *out)
{
    if (f->on[FAULT_ERROR_EVENT])
        dgm_buf_put_lit(out,
                        "data: {\"error\":{\"code\":503,\"message\":\"The model is overloaded. "
                        "Please try again later.\",\"status\":\"UNAVAILABLE\"}}\r\n\r\n");
    else
        dgm_buf_put_lit(out,
                        "{\n  \"error\": {\n    \"code\": 499,\n    \"message\": \"The "
                        "operation was cancelled.\",\n    \"status\": \"CANCELLED\"\n  }\n}\n");
}

/* ---- lines ---- */

static struct dgm_str line_end(const struct faults *f)
{
    if (f->on[FAULT_LF])
        return DGM_STR("\n");
    return f->on[FAULT_CR] ? DGM_STR("\r") : DGM_STR("\r\n");
}

static void put_line(const struct faults *f, struct dgm_str line, struct dgm_buf *out)
{
    dgm_buf_put(out, line);
    dgm_buf_put(out, line_end(f));
}

/* Ends the line at a place between two tokens of the JSON, and begins another. */
static void split_line(const struct faults *f, size_t at, struct dgm_buf *out)
{
    size_t before = out->n, moved = before - at;
    dgm_buf_put(out, line_end(f));
    dgm_buf_put_lit(out, "data: ");
    size_t n = out->n - before;
    if (out->rc != DGM_OK || !dgm_buf_reserve(out, n))
        return;
    memcpy(out->p + out->n, out->p + before, n); /* the new bytes, while the others make room */
    memmove(out->p + at + n, out->p + at, moved);
    memcpy(out->p + at, out->p + before + n, n);
}

void emu_fault_open_event(const struct faults *f, uint64_t index, struct dgm_buf *out)
{
    if (f->on[FAULT_BOM] && index == 0)
        dgm_buf_put_lit(out, "\xef\xbb\xbf");
    if (f->on[FAULT_COMMENTS]) {
        static const char *const lines[] = {": a comment", "",       "event: message", "id: 1",
                                            "retry: 3000", "unknown"};
        for (size_t i = 0; i < COUNT(lines); i++)
            put_line(f, dgm_str_c(lines[i]), out);
    }
    dgm_buf_put_lit(out, "data: ");
    if (f->on[FAULT_BIG_EVENT] && index == f->at[FAULT_BIG_EVENT] &&
        dgm_buf_reserve(out, BIG_EVENT_BYTES)) {
        memset(out->p + out->n, ' ', BIG_EVENT_BYTES);
        out->n += BIG_EVENT_BYTES;
    }
}

void emu_fault_close_event(const struct faults *f, bool is_last, size_t json_at,
                           struct dgm_buf *out)
{
    uint64_t ends = 2;
    bool object = out->rc == DGM_OK && out->n - json_at > 2 && out->p[json_at] == '{';
    if (f->on[FAULT_MULTI_LINE] && object) { /* "[DONE]" in lines would be another word */
        split_line(f, out->n - 1, out);      /* before the last brace, */
        split_line(f, json_at + 1, out);     /* and behind the first */
    }
    if (f->on[FAULT_NO_BLANK_LINE] && is_last)
        ends = f->at[FAULT_NO_BLANK_LINE];
    for (uint64_t i = 0; i < ends && i < 2; i++)
        dgm_buf_put(out, line_end(f));
}

/* ---- events of a dialect ---- */

bool emu_faults_form(const struct faults *f)
{
    static const enum fault_kind forms[] = {
        FAULT_CR,         FAULT_CRLF,      FAULT_BOM,           FAULT_COMMENTS,
        FAULT_MULTI_LINE, FAULT_BIG_EVENT, FAULT_NO_BLANK_LINE,
    };
    for (size_t i = 0; i < COUNT(forms); i++)
        if (f->on[forms[i]])
            return true;
    return false;
}

void emu_fault_put_events(const struct faults *f, uint64_t index, bool is_last,
                          struct dgm_str piece, struct dgm_buf *out)
{
    const struct dgm_str name = DGM_STR("data: "), end = DGM_STR("\n\n");
    struct faults form = *f;
    form.on[FAULT_LF] = !f->on[FAULT_CR] && !f->on[FAULT_CRLF]; /* these servers' own */
    while (piece.n != 0) {
        struct dgm_str event = dgm_str_head(piece, dgm_str_find(piece, end));
        piece = dgm_str_skip(piece, event.n + end.n);
        emu_fault_open_event(&form, index, out);
        size_t data_at = out->n;
        dgm_buf_put(out, dgm_str_skip(event, name.n));
        emu_fault_close_event(&form, is_last && piece.n == 0, data_at, out);
        index = UINT64_MAX; /* events are counted by pieces */
    }
}
