/* SPDX-License-Identifier: Apache-2.0 */
/* fault.h - what a client asked to go wrong (faults.def): read, and done to an answer's pieces. */
#ifndef EMULATE_FAULT_H
#define EMULATE_FAULT_H

#include "emulate/refusal.h"

enum fault_kind {
    FAULT_CUT_EVENT,
    FAULT_CUT_BYTE,
    FAULT_END_EVENT,
    FAULT_STALL_EVENT,
    FAULT_ERROR_EVENT,
    FAULT_TAIL_EVENT,
    FAULT_ONE_BYTE,
    FAULT_LF,
    FAULT_CR,
    FAULT_CRLF,
    FAULT_BOM,
    FAULT_COMMENTS,
    FAULT_MULTI_LINE,
    FAULT_BIG_EVENT,
    FAULT_NO_BLANK_LINE,
    FAULT_KINDS
};

/** What goes wrong with one answer. All zero: nothing does. */
struct faults {
    bool on[FAULT_KINDS];
    uint64_t at[FAULT_KINDS];
};

/**
 * Reads a SPEC; `seen` requests with the same one came before. DGM_OK: `*ret` is what to do. DGM_E_REFUSED: `*reterr`
 * is the error to answer, be it the one asked for or, for a fault that does not exist, a 400 that lists those that do.
 * DGM_E_NOMEM.
 */
DGM_MUST_USE enum dgm_rc emu_faults_read(struct dgm_str spec, uint64_t seen, struct dgm_arena *,
                                         struct faults *ret, struct refusal *reterr);

/** Whether it is a SPEC: for whoever takes one long before a request comes. */
bool emu_faults_known(struct dgm_str spec);

/** Whether any of it goes wrong. */
bool emu_faults_any(const struct faults *);

/** Before piece `index` of an answer is written: what becomes of it. */
enum fault_turn {
    FAULT_TURN_NONE,  /* it is written */
    FAULT_TURN_CUT,   /* the connection breaks */
    FAULT_TURN_END,   /* the body ends */
    FAULT_TURN_STALL, /* nothing comes any more */
    FAULT_TURN_ERROR, /* emu_fault_put_error instead, then the body ends */
};
enum fault_turn emu_fault_turn(const struct faults *, uint64_t index);

/** Puts the error of error-event, as an event, or of tail-event, as raw lines. */
void emu_fault_put_error(const struct faults *, struct dgm_buf *out);

/** Puts what stands before the JSON of event `index`, and behind it: `json_at` is where the JSON begins in `out`. */
void emu_fault_open_event(const struct faults *, uint64_t index, struct dgm_buf *out);
void emu_fault_close_event(const struct faults *, bool is_last, size_t json_at,
                           struct dgm_buf *out);

/** Whether any of it concerns how events are written, and not what they say or where they end. */
bool emu_faults_form(const struct faults *);

/**
 * Puts a piece of a stream of vLLM's or TGI's anew, as the faults want it written. `piece` is events of one line, `data: ...`
 * and an empty line, all ended in LF; the first of them is event `index`, and with `is_last` nothing follows the last.
 */
void emu_fault_put_events(const struct faults *, uint64_t index, bool is_last, struct dgm_str piece,
                          struct dgm_buf *out);

#endif
