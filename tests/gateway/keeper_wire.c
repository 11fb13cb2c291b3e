/* SPDX-License-Identifier: Apache-2.0 */
/* keeper_wire.c - frames and fields: cut anywhere, torn anywhere, with every allocation failing. */
#include "gateway/keeper_wire.h"

#include "base/str.h"
#include "support/alloc_fail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    enum gw_message kind;
    unsigned number;
    enum gw_way way;
    size_t max_bytes;
} rows[] = {
#define MESSAGE(id, number, way, max_bytes) {GW_MSG_##id, number, GW_WAY_##way, max_bytes},
#include "gateway/keeper_messages.def"
#undef MESSAGE
};
#define ROWS (sizeof rows / sizeof *rows)

static enum gw_sender sender_of(size_t row)
{
    return rows[row].way == GW_WAY_TELL || rows[row].way == GW_WAY_ASK ? GW_FROM_WORKER
                                                                       : GW_FROM_KEEPER;
}

static uint32_t id_of(size_t row)
{
    return rows[row].way == GW_WAY_ASK || rows[row].way == GW_WAY_REPLY ? 7 : 0;
}

static void test_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        assert_in_range(rows[i].number, 1, 255);
        assert_true(rows[i].max_bytes <= UINT32_MAX);
        assert_int_equal(gw_message_way(rows[i].kind), rows[i].way);
        assert_int_equal(gw_message_max_bytes(rows[i].kind), rows[i].max_bytes);
        for (size_t k = 0; k < i; k++)
            assert_int_not_equal(rows[i].number, rows[k].number);
    }
}

/* Three frames of a worker's; the second is as long as it may be. */
static void put_three(struct dgm_buf *out)
{
    static char large[256 * 1024];
    dgm_buf_init(out, &dgm_alloc_libc, 1 << 20);
    memset(large, 'x', sizeof large);
    gw_frame_put(out, &(struct gw_frame){GW_MSG_EMULATOR_READ, 1, DGM_STR("")});
    gw_frame_put(out, &(struct gw_frame){GW_MSG_EMULATED, 0, {large, sizeof large}});
    gw_frame_put(out, &(struct gw_frame){GW_MSG_EMULATOR_RESET, UINT32_MAX, DGM_STR("")});
}

/* Reads all in pieces; returns what stopped it. */
static enum dgm_rc read_pieces(struct dgm_str bytes, size_t piece, const struct dgm_alloc *alloc,
                               enum gw_sender sender, size_t *ret_frames)
{
    struct gw_wire w;
    struct gw_frame frame;
    enum dgm_rc rc = DGM_MORE;
    gw_wire_init(&w, alloc, sender);
    *ret_frames = 0;
    while (bytes.n != 0 && rc == DGM_MORE) {
        struct dgm_str in = dgm_str_head(bytes, piece);
        bytes = dgm_str_skip(bytes, piece);
        while ((rc = gw_wire_next(&w, &in, &frame)) == DGM_EVENT)
            ++*ret_frames;
        if (rc == DGM_MORE)
            assert_int_equal(in.n, 0);
        else
            assert_int_equal(gw_wire_next(&w, &in, &frame), rc); /* sticky */
    }
    gw_wire_dispose(&w);
    return rc;
}

static void test_any_cut(void **state)
{
    (void)state;
    struct dgm_buf three;
    size_t n;
    put_three(&three);
    const size_t pieces[] = {1, 2, 3, 11, 12, 13, 4095, 65536, SIZE_MAX};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        assert_int_equal(
            read_pieces(dgm_buf_str(&three), pieces[i], &dgm_alloc_libc, GW_FROM_WORKER, &n),
            DGM_MORE);
        assert_int_equal(n, 3);
    }
    dgm_buf_dispose(&three);
}

static void test_contents(void **state)
{
    (void)state;
    struct dgm_buf out;
    struct gw_wire w;
    struct gw_frame frame;
    dgm_buf_init(&out, &dgm_alloc_libc, 1 << 10);
    gw_frame_put(&out, &(struct gw_frame){GW_MSG_HELLO, 0, DGM_STR("12345678")});
    gw_frame_put(&out, &(struct gw_frame){GW_MSG_EMULATOR_LOG, 0xfedcba98, DGM_STR("{}")});
    gw_wire_init(&w, &dgm_alloc_libc, GW_FROM_KEEPER);
    struct dgm_str in = dgm_buf_str(&out);
    assert_int_equal(gw_wire_next(&w, &in, &frame), DGM_EVENT);
    assert_int_equal(frame.kind, GW_MSG_HELLO);
    assert_true(dgm_str_eq(frame.payload, DGM_STR("12345678")));
    assert_int_equal(gw_wire_next(&w, &in, &frame), DGM_EVENT);
    assert_true(frame.kind == GW_MSG_EMULATOR_LOG && frame.id == 0xfedcba98);
    assert_true(dgm_str_eq(frame.payload, DGM_STR("{}")));
    assert_int_equal(gw_wire_next(&w, &in, &frame), DGM_MORE);
    gw_wire_dispose(&w);
    dgm_buf_dispose(&out);
}

/* One head, with one byte of it changed. */
static enum dgm_rc read_changed(size_t row, size_t at, unsigned char byte, enum gw_sender sender)
{
    char head[GW_FRAME_HEAD_BYTES];
    struct dgm_buf out = {.p = head, .cap = sizeof head, .max = sizeof head};
    size_t n;
    gw_frame_put_head(&out, rows[row].kind, id_of(row), 0);
    if (at < sizeof head)
        head[at] = (char)byte;
    return read_pieces(dgm_buf_str(&out), SIZE_MAX, &dgm_alloc_libc, sender, &n);
}

static void test_hostile_heads(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        enum gw_sender sender = sender_of(i);
        enum gw_sender other = sender == GW_FROM_WORKER ? GW_FROM_KEEPER : GW_FROM_WORKER;
        assert_int_equal(read_changed(i, SIZE_MAX, 0, sender), DGM_MORE);
        assert_int_equal(read_changed(i, SIZE_MAX, 0, other), DGM_E_SYNTAX);
        assert_int_equal(read_changed(i, 3, 0x7f, sender), DGM_E_LIMIT); /* length */
        assert_int_equal(read_changed(i, 4, 2, sender), DGM_E_SYNTAX);   /* version */
        assert_int_equal(read_changed(i, 5, 0, sender), DGM_E_SYNTAX);   /* kind */
        assert_int_equal(read_changed(i, 5, 0xff, sender), DGM_E_SYNTAX);
        assert_int_equal(read_changed(i, 6, 1, sender), DGM_E_SYNTAX); /* reserved */
        assert_int_equal(read_changed(i, 7, 1, sender), DGM_E_SYNTAX);
        assert_int_equal(read_changed(i, 8, id_of(i) ? 0 : 1, sender), DGM_E_SYNTAX); /* id */
    }
}

static void test_failing_allocations(void **state)
{
    (void)state;
    struct dgm_buf three;
    size_t n;
    put_three(&three);
    for (size_t k = 1;; k++) {
        struct alloc_fail a;
        alloc_fail_init(&a, k);
        enum dgm_rc rc = read_pieces(dgm_buf_str(&three), 5000, &a.alloc, GW_FROM_WORKER, &n);
        alloc_fail_done(&a, "a wire");
        assert_int_equal(rc, alloc_fail_failed(&a) ? DGM_E_NOMEM : DGM_MORE);
        if (!alloc_fail_failed(&a))
            break;
    }
    dgm_buf_dispose(&three);
}

/* A long message that came in pieces takes its memory with it: a link lives as long as its worker. */
static void test_nothing_is_held_between_messages(void **state)
{
    (void)state;
    static char text[100000];
    struct alloc_fail a;
    struct gw_wire w;
    struct gw_frame frame;
    struct dgm_buf bytes;
    dgm_buf_init(&bytes, &dgm_alloc_libc, 1 << 20);
    gw_frame_put(&bytes, &(struct gw_frame){GW_MSG_EMULATED, 0, {text, sizeof text}});
    alloc_fail_init(&a, 0);
    gw_wire_init(&w, &a.alloc, GW_FROM_WORKER);
    struct dgm_str first = dgm_str_head(dgm_buf_str(&bytes), 70000),
                   rest = dgm_str_skip(dgm_buf_str(&bytes), 70000);
    assert_int_equal(gw_wire_next(&w, &first, &frame), DGM_MORE);
    assert_int_equal(gw_wire_next(&w, &rest, &frame), DGM_EVENT);
    assert_int_equal(frame.payload.n, sizeof text);
    assert_int_equal(gw_wire_next(&w, &rest, &frame), DGM_MORE);
    assert_int_equal(a.live_bytes, 0);
    gw_wire_dispose(&w);
    dgm_buf_dispose(&bytes);
    alloc_fail_done(&a, "a wire");
}

static void test_fields(void **state)
{
    (void)state;
    struct dgm_buf out;
    dgm_buf_init(&out, &dgm_alloc_libc, 1 << 10);
    gw_field_put_u64(&out, UINT64_MAX - 1);
    gw_field_put_str(&out, DGM_STR("one"));
    gw_field_put_str(&out, (struct dgm_str){0});
    gw_field_put_u64(&out, 3);
    for (size_t n = 0; n <= out.n; n++) {
        struct gw_fields f = {.rest = dgm_str_head(dgm_buf_str(&out), n)};
        uint64_t first = gw_field_u64(&f);
        struct dgm_str one = gw_field_str(&f), two = gw_field_str(&f);
        uint64_t last = gw_field_u64(&f);
        assert_int_equal(gw_fields_ended(&f), n == out.n);
        assert_int_equal(first, n >= 8 ? UINT64_MAX - 1 : 0);
        assert_true(dgm_str_eq(one, n >= 15 ? DGM_STR("one") : DGM_STR("")));
        assert_true(two.p != NULL && two.n == 0);
        assert_int_equal(last, n == out.n ? 3 : 0);
    }
    struct gw_fields more = {.rest = dgm_buf_str(&out)};
    gw_field_u64(&more);
    assert_false(gw_fields_ended(&more)); /* something is left */
    dgm_buf_dispose(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_table),
        cmocka_unit_test(test_any_cut),
        cmocka_unit_test(test_contents),
        cmocka_unit_test(test_hostile_heads),
        cmocka_unit_test(test_failing_allocations),
        cmocka_unit_test(test_nothing_is_held_between_messages),
        cmocka_unit_test(test_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
