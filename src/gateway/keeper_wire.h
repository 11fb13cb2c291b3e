/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper_wire.h - messages between workers and the keeper as data: frames, and the fields inside them. No sockets.
 *
 * A frame is twelve bytes and a payload: u32 length of the payload, u8 version (1), u8 kind, u16 zero, u32 id; numbers
 * are little-endian. Kinds and their ceilings stand in keeper_messages.def. Both ends are of one program, but a frame
 * is read as if it came from anywhere: what is not as told here ends the link, never the process.
 */
#ifndef GATEWAY_KEEPER_WIRE_H
#define GATEWAY_KEEPER_WIRE_H

#include <dragoman/types.h>

#define GW_FRAME_HEAD_BYTES 12

enum gw_message {
#define MESSAGE(id, number, way, max_bytes) GW_MSG_##id = (number),
#include "gateway/keeper_messages.def"
#undef MESSAGE
};

/** Who says a message, and whether it is answered. */
enum gw_way { GW_WAY_TELL, GW_WAY_ASK, GW_WAY_REPLY, GW_WAY_PUSH };

/** One message. `payload` is borrowed: see who gives it. */
struct gw_frame {
    enum gw_message kind;
    uint32_t id; /* of a question and its reply; else 0 */
    struct dgm_str payload;
};

/** Puts the head of a frame whose payload of `n` bytes follows; within the kind's ceiling (asserted). */
void gw_frame_put_head(struct dgm_buf *, enum gw_message, uint32_t id, size_t n);

/** Puts a whole frame. */
void gw_frame_put(struct dgm_buf *, const struct gw_frame *);

/** The longest payload of a kind, and its way. */
size_t gw_message_max_bytes(enum gw_message);
enum gw_way gw_message_way(enum gw_message);

/** Who sends the bytes that a reader reads. */
enum gw_sender { GW_FROM_WORKER, GW_FROM_KEEPER };

/** Frames out of bytes that may be cut anywhere. The caller owns it; fields starting with _ are private. */
struct gw_wire {
    struct dgm_buf _held; /* a frame that is not whole */
    enum gw_sender _sender;
    enum dgm_rc _rc;
    bool _given;
};

void gw_wire_init(struct gw_wire *, const struct dgm_alloc *, enum gw_sender);
void gw_wire_dispose(struct gw_wire *); /* fine on a zeroed one */

/**
 * Takes up to one frame off `*in`.
 *
 * DGM_EVENT: `*ret` is one, its payload borrowed from `in` or from the reader until the next call; call again. DGM_MORE: `*in` is
 * used up. DGM_E_SYNTAX: no frame, or one that this sender may not send; DGM_E_LIMIT: longer than its kind may be;
 * DGM_E_NOMEM. These three are sticky: end the link.
 */
DGM_MUST_USE enum dgm_rc gw_wire_next(struct gw_wire *, struct dgm_str *in, struct gw_frame *ret);

/* ---- fields ------------------------------------------------------------------------------------------ */

/** Puts a number: eight bytes. Puts a text: u32 its length, then its bytes; an absent one reads as empty. */
void gw_field_put_u64(struct dgm_buf *, uint64_t);
void gw_field_put_str(struct dgm_buf *, struct dgm_str);

/** Reads them in their order. Total: where one is missing or torn it and all after it read as 0 and "". */
struct gw_fields {
    struct dgm_str rest;
    bool bad;
};

uint64_t gw_field_u64(struct gw_fields *);
struct dgm_str gw_field_str(struct gw_fields *); /* borrowed from the payload */

/** Whether all was read that there was, and nothing was missing. */
bool gw_fields_ended(const struct gw_fields *);

#endif
