/* SPDX-License-Identifier: Apache-2.0 */
/*
 * emulate.h - the strict Gemini emulator as data: the request Google would get in, the bytes Google would
 * send out.
 *
 * It refuses what Google refuses, with Google's texts (google.md 5; the tables say of each rule whether it is
 * documented, seen live or inferred), and it asks no model: every text it makes up says so. No socket, no
 * clock, no randomness: the same environment, options and request give the same bytes.
 */
#ifndef EMULATE_EMULATE_H
#define EMULATE_EMULATE_H

#include <dragoman/types.h>

/** One header of a request or of an answer. */
struct emu_header {
    struct dgm_str name, value;
};

/**
 * A request as it would stand on the wire. `target` is path and query ("/v1/projects/.../models/m:generate
 * Content"); the body is the concatenation of its segments.
 */
struct emu_request {
    struct dgm_str method, target;
    const struct emu_header *headers; /* may be NULL; identity is not looked at */
    size_t nheaders;
    const struct dgm_str *segs;
    size_t nsegs;
};

/** What is emulated: Gemini, or a self-deployed server that speaks OpenAI's protocol (dialect.def). */
enum emu_dialect { EMU_GEMINI, EMU_VLLM, EMU_TGI };

struct emu_scenario; /* scenario.h */

/** Who counts what must be counted over many processes: adds one to a rule's and returns how many there were before. */
struct emu_counter {
    uint64_t (*next)(void *ctx, size_t rule); /* from any thread; NULL: always 0 */
    void *ctx;
};

#define EMU_CACHE_NAME_MAX 400 /* bytes; of a longer path no cache is made */
#define EMU_CACHE_TITLE_MAX 128
#define EMU_CACHE_KINDS 8 /* of tokens, at least so many as there are modalities */

/** A cachedContents resource: what is told of it, and what a request that uses it must know; not its content. */
struct emu_cache {
    char name[EMU_CACHE_NAME_MAX +
              1]; /* "projects/P/locations/L/cachedContents/ID", "cachedContents/ID" */
    char model[EMU_CACHE_NAME_MAX + 1]; /* as it was asked for */
    char title[EMU_CACHE_TITLE_MAX + 1];
    int64_t created_ms, updated_ms, expires_ms;     /* since 1970 */
    uint64_t tokens[EMU_CACHE_KINDS], tokens_total; /* by modality */
};

/** Who keeps them, for all processes. All of these come from any thread, and false means that there is none, or no room. */
struct emu_caches {
    bool (*get)(void *ctx, struct dgm_str name, struct emu_cache *ret);
    bool (*put)(void *ctx, const struct emu_cache *,
                int64_t now_ms); /* a new one, or anew; what has expired makes room */
    bool (*drop)(void *ctx, struct dgm_str name);
    bool (*at)(
        void *ctx, size_t i,
        struct emu_cache *ret); /* `name` is "" where there is none; false: behind the last */
    void *ctx;
};

/** What the call takes from outside. Copied; `id` too. */
struct emu_env {
    enum emu_dialect dialect; /* of a server, `target` is "/v1/chat/completions" and nothing else */
    const struct dgm_alloc *alloc; /* NULL: dgm_alloc_libc; borrowed until the call is freed */
    int64_t now_ms;                /* milliseconds since 1970: createTime */
    struct dgm_str id;             /* any text, unique to this call: seed of responseId */
    struct dgm_str responder;      /* who answers, as responders.def says; absent: as usual */
    struct dgm_str fault;          /* what is to go wrong, as faults.def says; absent: nothing */
    uint64_t fault_seen;           /* how many calls with the same `fault` came before */
    /* answers where neither of the two is; NULL: none does. Borrowed until the call is freed */
    const struct emu_scenario *scenario;
    struct emu_counter counter; /* of its rules */
    uint64_t signature_key;     /* emu_signature_key; another one's signatures are none */
    /* borrowed until the call is made; NULL: there are none, and any name of one is taken */
    const struct emu_caches *caches;
};

/** How the server behaves. All zero is a sensible server that answers at once. */
struct emu_options {
    uint32_t first_ms; /* delay of the first byte of a good answer */
    uint32_t piece_ms; /* delay between the events of a stream */
    /* characters of text in one event; 0: 48. A piece ends at a word where it can */
    uint32_t piece_chars;
    size_t body_max_bytes; /* the largest request body; 0: 100 MiB */
};

struct emu_call; /* one request and the answer to it */

/**
 * Takes a request and decides on all of its answer. Nothing is borrowed afterwards but the allocator.
 * NULL: memory is short. A request that is refused is a call too: its answer is Google's error.
 */
struct emu_call *emu_call_new(const struct emu_env *, const struct emu_options *,
                              const struct emu_request *);

void emu_call_free(struct emu_call *); /* at any time; NULL is fine */

#define EMU_ACCOUNT_RULES_MAX 16

/** What was decided, for whoever keeps account of it. Texts live as long as the call; absent where nothing is to be told. */
struct emu_account {
    struct dgm_str responder; /* who answered: "usual", "scenario", ...; absent when refused */
    struct dgm_str fault;     /* the fault that is done to the answer, as it was asked for */
    struct dgm_str scenario;  /* the name of the scenario's rule */
    /* the ids of the rules of rules.def that were broken */
    struct dgm_str rules[EMU_ACCOUNT_RULES_MAX];
    size_t nrules;
};
const struct emu_account *emu_call_account(const struct emu_call *);

/** The answer's HTTP status, from the moment the call is made. */
int emu_call_status(const struct emu_call *);

/**
 * The answer's headers; `*ret` points at so many, valid until the call is freed. Content-Type is the first. Of
 * a good answer x-dragoman-warning is another when a rule was broken of which nobody knows whether Google
 * refuses it: "rule: sentence; rule: sentence" (docs/EMULATOR.md).
 */
size_t emu_call_headers(const struct emu_call *, const struct emu_header **ret);

/** The value of Content-Type: "application/json; charset=UTF-8", "text/event-stream", "text/html; ...". */
struct dgm_str emu_call_type(const struct emu_call *);

/**
 * Puts the next piece of the answer's body: all of it, or one event `data: {...}` and an empty line of a
 * stream (lines end in CR LF as Google's do; there is no [DONE]).
 *
 * DGM_EVENT: a piece was put; wait `*ret_wait_ms` (may be 0) from now, then send it, then call again.
 * DGM_FULL: `out` has no room for the next piece: drain it and call again; never for an empty `out` unless
 * its ceiling is smaller than the piece, which is DGM_E_LIMIT. Nothing was put.
 * DGM_DONE: the body is complete; nothing was put. DGM_E_UPSTREAM: the server breaks off here (faults): close
 * without ending the body well. DGM_E_NOMEM, DGM_E_LIMIT: sticky, `out` is of no use.
 */
DGM_MUST_USE enum dgm_rc emu_call_next(struct emu_call *, struct dgm_buf *out,
                                       uint32_t *ret_wait_ms);

/** One model it serves, as the native `models` resource shows it. Texts are constants. */
struct emu_model {
    struct dgm_str name;                  /* "gemini-2.5-flash" */
    struct dgm_str display_name;          /* "Gemini 2.5 Flash" */
    uint32_t input_tokens, output_tokens; /* limits */
    bool thinks;
};

/** Fills `*ret` with the model of that number. False behind the last. */
bool emu_model_at(size_t index, struct emu_model *ret);

/** Whether it would answer for a model: one of the table, or any well-formed name of a known generation. */
bool emu_model_known(struct dgm_str name);

#endif
