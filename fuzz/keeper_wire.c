/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper_wire.c - any bytes as what a worker, or the keeper, says: cut or whole the same frames, each within its
 * ceiling, and put again the same bytes.
 *
 * The last byte chooses who says it and the size of the pieces.
 */
#include "gateway/emulator_log.h"
#include "gateway/identity.h"
#include "gateway/keeper_wire.h"

#include "base/str.h"

#include "property.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Reads all in pieces; puts every frame again, and returns what ended it. */
static enum dgm_rc read_all(struct dgm_str bytes, size_t piece, enum gw_sender sender,
                            struct dgm_buf *out)
{
    struct gw_wire w;
    struct gw_frame frame;
    enum dgm_rc rc = DGM_MORE;
    gw_wire_init(&w, &dgm_alloc_libc, sender);
    while (bytes.n != 0 && rc == DGM_MORE) {
        struct dgm_str in = dgm_str_head(bytes, piece);
        bytes = dgm_str_skip(bytes, piece);
        while ((rc = gw_wire_next(&w, &in, &frame)) == DGM_EVENT) {
            PROPERTY(frame.payload.n <= gw_message_max_bytes(frame.kind));
            gw_frame_put(out, &frame);
        }
        PROPERTY(rc != DGM_MORE || in.n == 0);
        PROPERTY(rc == DGM_MORE || rc == DGM_E_SYNTAX || rc == DGM_E_LIMIT);
    }
    gw_wire_dispose(&w);
    return rc;
}

/* A payload is read, or refused; what is read is put as it was. */
static void check_payload(struct dgm_str payload)
{
    struct gw_emulated e;
    struct dgm_buf again;
    struct gw_emulator_log *log = gw_emulator_log_new(&dgm_alloc_libc);
    PROPERTY(log);
    bool sound = gw_emulated_read(payload, &e);
    PROPERTY(gw_emulator_log_add(log, payload) == sound);
    if (sound) {
        dgm_buf_init(&again, &dgm_alloc_libc, SIZE_MAX);
        gw_emulator_log_put(log, 1, &again);
        PROPERTY(again.rc == DGM_OK && again.n < 8 * payload.n + 4096);
        dgm_buf_dispose(&again);
    }
    gw_emulator_log_free(log);
}

/* What is read of a payload and put again is the same payload. */
static void check_identity(struct dgm_str payload)
{
    struct gw_identity_request r;
    struct gw_identity_says says;
    struct dgm_buf again;
    if (gw_identity_request_read(payload, &r) && r.life_s < INT32_MAX) {
        dgm_buf_init(&again, &dgm_alloc_libc, SIZE_MAX);
        gw_identity_request_put(&r, &again);
        PROPERTY(again.n == payload.n);
        PROPERTY(dgm_str_eq(dgm_str_skip(dgm_buf_str(&again), 8), dgm_str_skip(payload, 8)));
        dgm_buf_dispose(&again);
    }
    if (gw_identity_says_read(payload, &says))
        PROPERTY(says.status >= 200 && says.status < 600 &&
                 says.media.n + says.doubt.n + says.body.n + 28 == payload.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0)
        return 0;
    struct dgm_str bytes = {(const char *)data, n - 1};
    enum gw_sender sender = data[n - 1] & 1 ? GW_FROM_KEEPER : GW_FROM_WORKER;
    struct dgm_buf whole, cut;
    dgm_buf_init(&whole, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&cut, &dgm_alloc_libc, SIZE_MAX);
    enum dgm_rc rc = read_all(bytes, SIZE_MAX, sender, &whole);
    PROPERTY(read_all(bytes, 1 + (data[n - 1] >> 1), sender, &cut) == rc);
    PROPERTY(dgm_str_eq(dgm_buf_str(&whole), dgm_buf_str(&cut)));
    PROPERTY(dgm_str_starts(bytes, dgm_buf_str(&whole)));
    dgm_buf_dispose(&whole);
    dgm_buf_dispose(&cut);
    check_payload(bytes);
    check_identity(bytes);
    return 0;
}
