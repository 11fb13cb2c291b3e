/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dialect.h - self-deployed servers that speak OpenAI's own protocol, each in its way: vLLM and TGI.
 *
 * What they refuse, and how they answer, stands in dialect.def with its sources (google.md 8.3, 8.4); nothing was
 * recorded from a server. A request is read as that server reads it and put as a native request that asks the same,
 * so that the emulator's own responders answer it; the plan they make is put as that server's completion.
 */
#ifndef EMULATE_DIALECT_H
#define EMULATE_DIALECT_H

#include "emulate/plan.h"
#include "emulate/refusal.h"

#define DIALECT_STOPS_MAX 16

/** What a server remembers of a request for its answer. Texts are views of the body. */
struct dialect_ask {
    enum emu_dialect dialect;
    struct dgm_str model; /* as its answers have it */
    bool stream, usage;   /* a stream; its last chunk is to have usage */
    bool reasons;         /* the model thinks, by its name or the chat template's arguments */
    bool named;           /* tool_choice names a function: vLLM calls it and says "stop" */
    struct dgm_str stops[DIALECT_STOPS_MAX];
    size_t nstops;
    int64_t created; /* seconds since 1970; the caller's business, as the next */
    uint64_t seed;   /* of ids */
};

/**
 * Reads a chat completion request and puts the native request that asks the same. `body` is changed, and has
 * JSON_PADDING bytes behind its `n`; `native` is one JSON text.
 *
 * DGM_OK. DGM_E_REFUSED: `*reterr` is the server's error, whose `google` is its type. DGM_E_NOMEM.
 */
DGM_MUST_USE enum dgm_rc emu_dialect_read(enum emu_dialect, char *body, size_t n,
                                          struct dgm_arena *, struct dialect_ask *ret,
                                          struct dgm_buf *native, struct refusal *reterr);

/** Cuts the plan's texts before the first stop sequence; the finish is STOP_SEQUENCE then. */
void emu_dialect_cut(const struct dialect_ask *, struct plan *);

/** Puts an error as the server does, whole or as an event of a stream. */
void emu_dialect_put_refusal(enum emu_dialect, const struct refusal *, struct dgm_buf *out);
void emu_dialect_put_event(enum emu_dialect, const struct refusal *, struct dgm_buf *out);

/** Puts the whole completion. */
void emu_dialect_put(const struct dialect_ask *, const struct plan *, struct dgm_buf *out);

/** How far a stream is. All zero is the start. */
struct dialect_mark {
    struct plan_mark marks[PLAN_CANDIDATES_MAX];
    size_t calls[PLAN_CANDIDATES_MAX]; /* put so far, of each candidate */
    size_t candidate;                  /* whose turn it is */
    enum { DIALECT_ROLES, DIALECT_PARTS, DIALECT_FINISHES, DIALECT_USAGE, DIALECT_DONE } step;
};

/**
 * Puts the next event of a stream, `data: {...}` and an empty line; the last is `data: [DONE]`. Returns whether that
 * was it.
 */
bool emu_dialect_put_next(const struct dialect_ask *, const struct plan *, size_t chars,
                          struct dialect_mark *, struct dgm_buf *out);

#endif
