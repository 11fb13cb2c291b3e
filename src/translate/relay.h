/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay.h - a request that goes on to a server that speaks OpenAI's protocol, and its answer.
 *
 *   relay.c           the life of such a request: its body checked, its top level spliced
 *   relay_turns.c     the messages: which of them become one; relay_messages.c what some servers need of each
 *   relay_answer.c    a choice, whole or a piece of it, as OpenAI promises it; relay_calls.c its calls
 *   relay_stream.c    the same for the events of a stream; stream.c frames, holds and ends them
 *
 * quirks.def says who needs what; nobody else knows the name of a server.
 */
#ifndef TRANSLATE_RELAY_H
#define TRANSLATE_RELAY_H

#include "translate/chat.h"
#include "translate/splice.h"
#include "translate/stream.h"

enum quirk {
#define QUIRK(id, ...) QUIRK_##id,
#include "translate/quirks.def"
#undef QUIRK
    QUIRKS
};

/**
 * What a relayed request has besides. Lifetime:
 *   1. dgm_relay_open checks the body and finds the members that matter; the body is borrowed until the end.
 *   2. dgm_relay_make splices it for one server; the segments point into the body, the arena and literals.
 *   3. The answer needs no more of it than the server's kind and the model.
 */
struct relay {
    struct json_raw root, messages, tools, stream_options;
    struct dgm_server server;
    struct dgm_str model; /* as the server gets it; absent: it gets none */
    bool usage_put;       /* the body asks for the usage already */
    struct splice body;
    size_t held_bytes; /* of arguments that wait for their calls' names, all choices together */
};

#define RELAY_CALLS_MAX 1024               /* of one choice */
#define RELAY_HELD_MAX ((size_t)64 * 1024) /* bytes that may wait so */
#define RELAY_OWED_MAX 64                  /* calls without arguments that one chunk tells of */

/** Whether the server of the request has a quirk. */
bool relay_has(const struct dgm_request *, enum quirk);

/** Splices the messages, an array of objects, in their place. */
void relay_put_messages(struct dgm_request *, struct json_raw messages);

/* ---- between relay_turns.c and relay_messages.c ---- */

/** Splices a message, or a part of a content, in its place. */
void relay_put_message(struct dgm_request *, const struct json_raw_iter *);
void relay_put_part(struct dgm_request *, struct json_raw part, const struct chat_place *);

/** Whether a value is there, and not null. */
bool relay_is_there(struct json_raw);

/** Whether a content is a text: a string, or an array of text parts alone. */
bool relay_is_text(struct json_raw content);

/** What stands between the quotes of a string. */
struct dgm_str relay_inside(struct dgm_str quoted);

/** Puts what stands between the quotes of a text: its parts are lines of it. */
void relay_put_text(struct splice *, struct json_raw content);

/* ---- answers ---------------------------------------------------------------------------------------- */

/** One call of a choice, from its first piece to its last. */
struct relay_call {
    int64_t upstream_index; /* the server's number for it */
    int64_t index;          /* ours; negative: it has not begun, for its name has not come */
    struct dgm_str id;      /* the server's, in the request's arena */
    struct dgm_buf held;    /* arguments that came before the name */
    bool argued;            /* some of its arguments were put */
};

/** One choice over all its pieces. All zero is the start. */
struct relay_choice {
    bool heard;            /* the server named it */
    bool started;          /* its first chunk, with the role, was put */
    bool said;             /* something of it was put: text, thoughts, a call */
    bool thinking;         /* a tagged thought is open in `content` */
    bool ended;            /* it has its finish_reason */
    bool broken;           /* its calls make no sense, or the server says that it failed */
    struct dgm_str finish; /* as FINISH_WORD has it, absent for a word that has no row */
    struct dgm_buf last;   /* members that came with the finish_reason and nothing else */
    struct relay_call *calls;
    size_t calls_n, calls_cap;
    int64_t begun_n;
};

/** Notes the finish_reason of a choice, when there is one. */
void relay_read_finish(struct relay_choice *, const struct json_val *choice);

/** The finish_reason of a choice that has ended; calls count. */
struct dgm_str relay_finish(const struct relay_choice *);

/** What is wrong with a choice when the answer is over: DGM_ERR_NONE, UPSTREAM_CUT or CALL_MALFORMED. */
enum dgm_error relay_fault(const struct relay_choice *);

/**
 * Puts the members of a message (`whole`) or of a delta. True when it says anything; what a delta that says nothing
 * put is for the caller to take back. The role stands in it unless the choice has started.
 */
bool relay_put_piece(struct dgm_request *, struct json_writer *, struct relay_choice *,
                     const struct json_val *piece, bool whole);

/** Puts what the last delta still owes: a tag that closes a thought, arguments of RELAY_OWED_MAX calls that have none. */
void relay_put_rest(struct json_writer *, struct relay_choice *);

/** Puts the members of a choice, or of an answer, that no other code knows, null ones left out. True if any. */
bool relay_put_others(struct json_writer *, const struct json_val *obj, const char *const known[]);

extern const char *const relay_known_of_answer[], *const relay_known_of_choice[];

/** Puts id, object, created and model, as the first piece of an answer has them. */
void relay_put_head(struct dgm_request *, struct json_writer *, const struct json_val *answer,
                    struct dgm_str object);

/** Puts a usage object of a server's, and notes its tokens; false, and nothing, where `usage` is none. */
bool relay_put_usage(struct dgm_request *, struct json_writer *, const struct json_val *usage);

/** Puts a whole answer, or the error that it is; returns the client's status. */
int relay_put_answer(struct dgm_request *, int status, const struct json_val *root,
                     struct dgm_str text, struct dgm_buf *out);

/* ---- relay_stream.c ---- */

/** Makes what a stream of a relayed request has besides. NULL when memory is short. */
struct relay_stream *relay_stream_new(struct dgm_request *);

/** Handles the event that waits in a stream. DGM_OK, or what failed. */
enum dgm_rc relay_stream_take(struct dgm_stream *, struct dgm_buf *out);

/** Whether the server said [DONE]: nothing that follows counts, and the stream is to be ended. */
bool relay_stream_over(const struct relay_stream *);

/** Ends a stream as it should end. DGM_DONE, DGM_FULL (call again), or what failed. */
enum dgm_rc relay_stream_end(struct dgm_stream *, struct dgm_buf *out);

bool relay_stream_started(const struct relay_stream *);

/* ---- relay_calls.c ---- */

/** Puts the member tool_calls, with what a piece says of the choice's calls. False, and nothing, when it says nothing. */
bool relay_put_calls(struct dgm_request *, struct json_writer *, struct relay_choice *,
                     const struct json_val *calls, bool whole);

/** How many calls are owed their arguments: those that got none, where no limit cut the answer off. */
size_t relay_owed_calls(const struct relay_choice *);

/** Puts the member tool_calls with the arguments of so many of these at most, if there are such. */
void relay_put_owed_calls(struct json_writer *, struct relay_choice *, size_t most);

#endif
