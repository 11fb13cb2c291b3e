/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recording.h - one exchange as a file: what the client asked, what was asked of upstreams and answered there, what the
 * client got.
 *
 * The file is YAML, made to be read, to differ line by line, and to give every byte back. A text stands under the key that
 * says how it is written, so that it can be read (`content` below):
 *
 *   json     JSON without blanks between its words, laid out over lines here; reading takes the blanks out again
 *   spaced   the same of JSON with one blank behind each comma and colon
 *   text     as it is: a block where YAML has one that gives it back, else in quotation marks with escapes
 *   crlf     text whose line breaks are all CR LF, written as LF
 *   base64   whatever is no UTF-8
 *
 * A piece of an answer is what came at once: its milliseconds since the call began, and its bytes. Where one ends in the
 * middle of a character it is written in parts, of which those without `ms` belong to the piece before.
 */
#ifndef GATEWAY_RECORDING_H
#define GATEWAY_RECORDING_H

#include "gateway/config.h"
#include "gateway/upstream.h"

struct dgm_request;

#define GW_RECORDING_VERSION 1
#define GW_RECORDING_FILE_MAX ((size_t)512 * 1024 * 1024) /* bytes of a file */

/** A run of bytes of a body, and when it came. */
struct gw_recorded_piece {
    int64_t ms;
    struct dgm_str bytes;
    struct gw_recorded_piece *next;
};

/** How an upstream's answer ended. */
enum gw_recorded_end {
    GW_RECORDED_LEFT, /* nobody wanted more of it, or the client was gone */
    GW_RECORDED_WHOLE,
    GW_RECORDED_FAILED, /* `error`, in the words of `detail` */
};

/** A message's start line and head, without secrets (scrub.h), and its body. */
struct gw_recorded_message {
    struct dgm_str method, target;
    struct gw_call_header *headers;
    size_t headers_n;
    struct dgm_str body;
};

/** One call of an upstream. */
struct gw_recorded_call {
    struct gw_upstream upstream; /* name, kind, dialect, model and base_url; nothing else of it */
    struct gw_recorded_message request;
    int status; /* 0: none came */
    struct dgm_str type, warning;
    int64_t retry_ms; /* Retry-After; negative: it said none */
    struct gw_recorded_piece *pieces;
    enum gw_recorded_end end;
    enum dgm_error error;
    struct dgm_str detail;
    struct gw_recorded_call *next;
};

/** What a URL of the client's messages led to, when it was fetched for the upstream (fetch.h). */
struct gw_recorded_url {
    struct dgm_str url, mime, base64; /* as dgm_request_give takes them; base64 is not scrubbed */
    bool sure;
    struct gw_recorded_url *next;
};

/** A whole exchange. Texts are borrowed. */
struct gw_recording {
    int64_t time_ms;   /* since 1970; of the exchange's begin */
    struct dgm_str id; /* x-request-id */
    /* What a translation takes from outside; absent `seed`: nothing was translated. */
    struct dgm_str seed, endpoint, model; /* the latter two are the path's */
    int64_t now;
    int compat, reasoning, blocked, image_output; /* as the configuration's */
    bool strict, max_tokens_includes_thinking, always_usage, reasoning_details;
    struct gw_recorded_message client;
    struct gw_recorded_url *fetched;
    struct gw_recorded_call *calls;
    /* What the client got. */
    int status; /* 0: nothing */
    struct dgm_str type;
    struct gw_recorded_piece *reply; /* without times */
};

/**
 * Takes what is secret out of a recording (scrub.h), `known` wherever it stands; changed texts stand in `arena`. Pieces
 * across which a secret lay become one. False: memory is short, and it is not to be used.
 */
DGM_MUST_USE bool gw_recording_clean(struct gw_recording *, const struct gw_strs *known,
                                     struct dgm_arena *arena);

/** Puts a recording as the text of a file. `out` fails as buffers do. */
void gw_recording_put(const struct gw_recording *, struct dgm_buf *out);

/**
 * Reads the text of a file; what it says stands in `arena`, and nothing points into `text`.
 * DGM_OK; DGM_E_REFUSED: `*reterr` has the places at fault; DGM_E_NOMEM.
 */
DGM_MUST_USE enum dgm_rc gw_recording_read(struct dgm_str text, struct dgm_arena *arena,
                                           struct gw_recording *ret, struct gw_problems *reterr);

/** The first with this URL, scrubbed as in recordings. NULL: none has it. */
const struct gw_recorded_url *gw_recorded_url_find(const struct gw_recorded_url *, struct dgm_str);

typedef const struct gw_recorded_url *gw_recorded_url_fn(const void *ctx, struct dgm_str url);

/**
 * Gives a request what its URLs led to then, instead of fetching them: between gw_destination_make's DGM_NEED and
 * gw_destination_finish. What `find` returns outlives the request. DGM_OK; DGM_E_REFUSED: one was not recorded; DGM_E_NOMEM:
 * `*reterr` says so.
 */
DGM_MUST_USE enum dgm_rc gw_recorded_give(const struct gw_upstream *, struct dgm_request *,
                                          gw_recorded_url_fn *find, const void *ctx,
                                          struct dgm_fail *reterr);

/** All bytes of pieces, in `arena`. Absent when memory is short; "" when there are none. */
struct dgm_str gw_recorded_bytes(const struct gw_recorded_piece *, struct dgm_arena *arena);

/* ---- for recording_put.c, recording_read.c and their tests -------------------------------------------- */

/** Words of a file, in the order of their enum. */
struct gw_recorded_words {
    const struct dgm_str *at;
    size_t n;
};
extern const struct gw_recorded_words gw_recorded_ends, gw_recorded_compats, gw_recorded_reasonings,
    gw_recorded_blocked, gw_recorded_images, gw_recorded_kinds, gw_recorded_dialects;

/** The name of an error's row, "UPSTREAM_CUT"; DGM_ERR_NONE for a name that has none. */
struct dgm_str gw_recorded_error(enum dgm_error);
enum dgm_error gw_recorded_error_named(struct dgm_str);

/** Puts JSON over lines. It changes nothing but blanks between words. */
void gw_layout_put(struct dgm_str json, struct dgm_buf *out);

/** Puts JSON without blanks between its words, or with one behind each comma and colon. */
void gw_layout_take(struct dgm_str json, bool spaced, struct dgm_buf *out);

#endif
