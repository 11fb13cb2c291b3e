/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dragoman.h - the core: OpenAI chat completions to Gemini's generateContent and back, as bytes.
 *
 * Nothing here opens a socket, reads a clock, asks for randomness or looks anything up. Bytes, the time and
 * an id come in as arguments; what must be remembered is asked for (DGM_NEED) and handed over (DGM_KEEP).
 * The same input gives the same output, byte for byte.
 *
 * Ownership, the one law: arguments are borrowed for the call (a request borrows its body until it is
 * freed), what a `new` or dgm_chat_request returns is the caller's to free, and a dgm_str never owns.
 */
#ifndef DRAGOMAN_DRAGOMAN_H
#define DRAGOMAN_DRAGOMAN_H

#include <dragoman/types.h>

/** Which native surface the request is for. They differ in names, members and versions. */
enum dgm_surface {
    DGM_VERTEX, /* aiplatform: /v1/projects/{p}/locations/{l}/publishers/google/models/{m}:... */
    DGM_GEMINI, /* generativelanguage: /v1beta/models/{m}:... */
};

/** Ceilings of one exchange. Zero means the default. */
struct dgm_limits {
    /* Bytes that one request keeps besides its body; default 256 MiB. For the moment of the parse as much
     * again, and a guess of three bytes for each of the body's, come on top. */
    size_t arena_bytes;
    /* Bytes of one upstream event, or of a whole answer that is not streamed; default 64 MiB. */
    size_t event_bytes;
    /* Nesting of JSON; default 100, and never more. */
    unsigned depth;
};

/** The member in which a client gets thoughts (user-pain D10). A thought_tag_marker in the request counts more. */
enum dgm_reasoning {
    DGM_REASONING_CONTENT, /* reasoning_content */
    DGM_REASONING,         /* reasoning */
    DGM_REASONING_BOTH,    /* both */
    DGM_REASONING_TAG,     /* content, between <thought> and </thought> */
    DGM_REASONING_OFF,     /* none: they are left out */
};

/** The place of images that the model made: OpenAI has none (user-pain E5). In messages that come back all are read. */
enum dgm_image_output {
    DGM_IMAGES,         /* message.images, as most gateways */
    DGM_IMAGES_PARTS,   /* image_url parts of a content that is a list then */
    DGM_IMAGES_IN_TEXT, /* Markdown in the content */
    DGM_IMAGES_EXTRA,   /* as they came, in extra_content.google.parts */
};

/** What a prompt that the upstream blocks is to the client (user-pain G8). */
enum dgm_blocked {
    DGM_BLOCKED_REFUSAL, /* an answer: its refusal says why, its finish_reason is content_filter */
    DGM_BLOCKED_ERROR,   /* a 400 whose code is content_policy_violation */
};

/** What a translation takes from outside. Copied; the strings are borrowed until the request is freed. */
struct dgm_env {
    const struct dgm_alloc *alloc;   /* NULL: dgm_alloc_libc */
    const struct dgm_limits *limits; /* NULL: the defaults */
    enum dgm_surface surface; /* whose members to use, where dgm_request_translate does not say */
    enum dgm_reasoning reasoning; /* where thoughts go */
    enum dgm_compat
        compat; /* whose shapes the answer has; Google's leave no choice of `reasoning` */
    /* reasoning_details too, as OpenRouter's clients read and return them */
    bool reasoning_details;
    bool strict; /* refuse what has no effect instead of ignoring and naming it */
    /* max_tokens bounds thoughts too, as Gemini's own maxOutputTokens does. Otherwise thinking gets a budget of
     * its own on top, as OpenAI's clients of max_tokens expect; max_completion_tokens always bounds both. */
    bool max_tokens_bounds_thoughts;
    /* a stream tells its usage unless stream_options.include_usage is false (user-pain F9) */
    bool always_usage;
    enum dgm_blocked blocked;
    enum dgm_image_output image_output; /* with DGM_COMPAT_GOOGLE there is no choice */
    int64_t now;                        /* `created`, seconds since 1970 */
    /* Seed of completion and call ids: 1 to 64 of [A-Za-z0-9_-], of which the first 24 letters and digits
     * must be unique to this exchange. */
    struct dgm_str id;
    /* For a body that names no model because a URL did; absent: the body must. */
    struct dgm_str model;
};

struct dgm_request; /* one request from its body to its last byte of answer */
struct dgm_stream;  /* the answer to it, as a stream */

/* ---- the request ------------------------------------------------------------------------------------ */

/**
 * Translates an OpenAI chat completion request. The body is parsed in place: `openai` is changed, and
 * borrowed until the request is freed.
 *
 * DGM_OK: `*ret` is ready. DGM_NEED: `*ret` is not ready; answer each of dgm_request_needs with
 * dgm_request_supply, then call dgm_request_resume. In both cases `*ret` is the caller's to free.
 * DGM_E_REFUSED: `*reterr` says why, `*ret` is untouched. DGM_E_NOMEM: so too. DGM_E_LIMIT (arena_bytes would
 * be passed): so too; waiting does not help.
 */
DGM_MUST_USE enum dgm_rc dgm_chat_request(const struct dgm_env *, struct dgm_buf *openai,
                                          struct dgm_request **ret, struct dgm_fail *reterr);

/**
 * The two halves of dgm_chat_request, for a caller who chooses the surface by the model. dgm_request_open parses
 * and reads all members but the messages: model, wants_stream and wants_usage tell afterwards. It returns as
 * dgm_chat_request, never DGM_NEED. dgm_request_translate puts the native body, once; it returns as
 * dgm_chat_request, and the request stays the caller's to free whatever it returns.
 */
DGM_MUST_USE enum dgm_rc dgm_request_open(const struct dgm_env *, struct dgm_buf *openai,
                                          struct dgm_request **ret, struct dgm_fail *reterr);
DGM_MUST_USE enum dgm_rc dgm_request_translate(struct dgm_request *, enum dgm_surface,
                                               struct dgm_fail *reterr);

/* ---- a request that is relayed ---------------------------------------------------------------------- */

/** Servers that speak OpenAI's protocol themselves; what each does its own way is in quirks.def. */
enum dgm_server_kind {
    DGM_SERVER_VLLM,
    DGM_SERVER_TGI,    /* Hugging Face's Text Generation Inference */
    DGM_SERVER_OPENAI, /* any other: llama.cpp's, a Vertex endpoint of one's own, OpenAI's own */
};

/** The server that a request is relayed to. Copied; the string is borrowed until the request is freed. */
struct dgm_server {
    enum dgm_server_kind kind;
    struct dgm_str model; /* sent in the place of the client's; absent: the client's own, or none */
    bool serves_one;      /* it serves one model by any name: without a `model` it is sent none */
};

/**
 * Opens a request for such a server, whichever it will be. The body is checked as dgm_request_open checks it (syntax,
 * UTF-8, depth, names that stand twice), but not taken apart: of its members only those are read that we need or that
 * some server takes in another form, and all others will leave byte for byte as they came. Of the body nothing is
 * changed but halves of surrogate pairs. A missing or empty `model` is fine. Returns as dgm_request_open.
 *
 * What comes of it is a struct dgm_request like any other: its body, notes, answers, streams and errors are asked for
 * with the same calls. It has no needs, no kept records, no native model and no path.
 */
DGM_MUST_USE enum dgm_rc dgm_relay_open(const struct dgm_env *, struct dgm_buf *openai,
                                        struct dgm_request **ret, struct dgm_fail *reterr);

/**
 * Makes the body for the server, once: the client's, of which only what had to change is cut out and replaced, as
 * segments. Returns as dgm_request_translate, never DGM_NEED.
 */
DGM_MUST_USE enum dgm_rc dgm_relay_make(struct dgm_request *, const struct dgm_server *,
                                        struct dgm_fail *reterr);

/** Whether it was opened by dgm_relay_open. */
bool dgm_request_is_relayed(const struct dgm_request *);

/**
 * Whether a model is asked for by the name of a publisher other than Google, as Vertex names those that it serves in
 * OpenAI's protocol alone: "deepseek-ai/deepseek-v3.1-maas" (google.md 1.3). Both parts match dgm_name_ok,
 * and the publisher has none of ".:@".
 */
bool dgm_model_is_others(struct dgm_str model);

/**
 * Puts the model that a body names, for a caller who must choose between dgm_request_open and dgm_relay_open before
 * either has read it. Changes nothing, and stops at the member. Puts nothing where there is none, or no sound JSON up
 * to there: whoever opens the body says so. `out` fails as buffers do.
 */
void dgm_body_put_model(struct dgm_str openai, struct dgm_buf *out);

/**
 * Asks for another native model than the body does, before dgm_request_translate, which refuses a name in the body that
 * is none of Google's: till then any may stand there. Answers echo the body's. Borrowed until the request is freed.
 * DGM_OK; DGM_E_REFUSED: it is no model of Google's; `*reterr` says so.
 */
DGM_MUST_USE enum dgm_rc dgm_request_use_model(struct dgm_request *, struct dgm_str model,
                                               struct dgm_fail *reterr);

/** Frees it and all that was borrowed from it. NULL is fine. Free its stream first. */
void dgm_request_free(struct dgm_request *);

/** What Gemini takes instead of a thought signature that nobody knows (google.md 9.1). */
#define DGM_SIGNATURE_STAND_IN "skip_thought_signature_validator"

/**
 * A memory the core asks for: of a tool call of the conversation the thought signature that came with it (google.md 9.1),
 * and the id that the upstream itself gave it; of a text or an image of the model's, which a digest names, what is kept.
 */
struct dgm_need {
    struct dgm_str call_id; /* the client's tool call id; absent where `digest` is there */
    /* 64 letters, of what the model said and of what it was asked; else absent */
    struct dgm_str digest;
    struct dgm_str sent;      /* the signature that the client brought; absent: none */
    struct dgm_str signature; /* the answer, see dgm_request_supply */
    /* see dgm_request_supply_id; absent: none is known, and none is sent */
    struct dgm_str native_id;
    bool stood_in; /* in the body: the stand-in was used for it */
};

/** What is asked for after DGM_NEED: `*ret` points at so many needs, valid until the request is freed. */
size_t dgm_request_needs(const struct dgm_request *, const struct dgm_need **ret);

/**
 * Answers need `i`, again if it is wished, with what dgm_kept.signature was. A signature goes before the client's; absent
 * is "unknown": the client's counts, where there is one; empty is "none that this model takes": the client's is not sent
 * either. Copied. Returns false when memory is short.
 */
DGM_MUST_USE bool dgm_request_supply(struct dgm_request *, size_t i, struct dgm_str signature);

/**
 * Says the upstream's own id of the call of need `i`: it goes back as functionCall.id and, with the call's result, as
 * functionResponse.id, in both or in none (user-pain C6). Absent or "": none. Copied. False when memory is short.
 */
DGM_MUST_USE bool dgm_request_supply_id(struct dgm_request *, size_t i, struct dgm_str native_id);

#define DGM_URLS_MAX                                                                               \
    64 /* different URLs of one request that are looked at; with more it is refused */

/** A URL in a message's content, for a caller who reads it where the upstream can not. */
struct dgm_url {
    struct dgm_str url;   /* as the client means it: without JSON's escapes */
    struct dgm_str param; /* where it stands first: "messages[0].content[1].image_url" */
    struct dgm_str part;  /* the type of that part: "image_url" */
    /* What dgm_request_give said: */
    struct dgm_str mime, base64;
    bool sure;
};

/**
 * Finds the URLs in the content of messages, each different one once, in their order; between dgm_request_open and
 * dgm_request_translate, or dgm_relay_open and dgm_relay_make. Called again, it returns the same again. Who does not ask
 * pays nothing. Left out is what Google alone can read: videos of YouTube, files of the Files API and, on Vertex, gs://.
 *
 * DGM_OK: `*ret` points at `*ret_n` of them, valid until the request is freed. DGM_E_REFUSED (more than DGM_URLS_MAX),
 * DGM_E_NOMEM, DGM_E_LIMIT: `*reterr` says so. The request stays the caller's to free.
 */
DGM_MUST_USE enum dgm_rc dgm_request_urls(struct dgm_request *, enum dgm_surface,
                                          const struct dgm_url **ret, size_t *ret_n,
                                          struct dgm_fail *reterr);

/**
 * Gives what URL `i` leads to: it is sent in the URL's place, wherever that stands. `base64` is padded, of the standard
 * alphabet, not empty, and outlives the request, which never copies it. `mime` is copied; one that is not well formed
 * counts as absent. `sure`: the bytes say so, and it goes before what client, host and name say; else it goes behind the
 * client. URLs that nothing is given for are sent as they are. False when memory is short.
 */
DGM_MUST_USE bool dgm_request_give(struct dgm_request *, size_t i, struct dgm_str base64,
                                   struct dgm_str mime, bool sure);

/**
 * Goes on after DGM_NEED; unanswered needs count as unknown. Returns as dgm_chat_request, never DGM_NEED; the
 * request stays the caller's to free. Called again, it returns the same again.
 */
DGM_MUST_USE enum dgm_rc dgm_request_resume(struct dgm_request *, struct dgm_fail *reterr);

/**
 * Puts the conversation of a body that is complete anew, by what was supplied since. Returns as dgm_request_resume; what
 * dgm_request_body gave is of no use any more.
 */
DGM_MUST_USE enum dgm_rc dgm_request_remake(struct dgm_request *, struct dgm_fail *reterr);

/* ---- a request that is sent otherwise (tries.def) --------------------------------------------------- */

/** What a request can be sent otherwise in, because its upstream refused it as it was; the names are tries.def's. */
enum dgm_try_id {
    DGM_TRY_MERGE_SYSTEM, /* of relayed requests, these four */
    DGM_TRY_SYSTEM_USER,
    DGM_TRY_ALTERNATE,
    DGM_TRY_FLATTEN,
    DGM_TRY_PENALTIES, /* of native ones, from here on */
    DGM_TRY_LOGPROBS,
    DGM_TRY_CANDIDATES,
    DGM_TRY_SAMPLING,
    DGM_TRY_MAX_TOKENS,
    DGM_TRY_TEMPERATURE,
    DGM_TRY_TOP_P,
    DGM_TRY_TOP_K,
    DGM_TRY_TOP_LOGPROBS,
    DGM_TRY_BUDGET,
    DGM_TRY_NO_BUDGET,
    DGM_TRY_NO_LEVEL,
    DGM_TRY_NO_THINKING,
    DGM_TRY_SCHEMA_PLAIN,
    DGM_TRY_SCHEMA_TOLD,
    DGM_TRIES
};

/** One of them, with the bounds that the upstream named, in thousandths; 0 0 where it has none. */
struct dgm_try {
    enum dgm_try_id id;
    int64_t least, most;
};

/** Whether it is remembered of a request's schemas (dgm_request_schemas), or else of its model. */
bool dgm_try_is_of_schemas(enum dgm_try_id);

/** Whether it is one of relayed requests, or else of native ones. */
bool dgm_try_is_relayed(enum dgm_try_id);

/** Its name, "PENALTIES". */
struct dgm_str dgm_try_name(enum dgm_try_id);

/**
 * A number that tells a request's tools and schemas of answers, Google's own members included, from others; nobody can write
 * some that have a given number. 0: it has none, as no relayed one has.
 */
uint64_t dgm_request_schemas(const struct dgm_request *);

/**
 * Makes the request so from the beginning: it was learnt that the upstream wants it. Between dgm_request_open (and
 * dgm_request_use_model) and dgm_request_translate, or dgm_relay_open and dgm_relay_make. Of the other sort's nothing comes.
 * False when memory is short.
 */
DGM_MUST_USE bool dgm_request_learn(struct dgm_request *, const struct dgm_try *);

/**
 * Which of them the request was made by: a set of 1 << id. `*ret` is told each one's bounds, by its id; may be NULL. One of
 * dgm_request_adapt behind which the very message came again that had called for it is taken back: the next body is made
 * without it.
 */
uint32_t dgm_request_tries(const struct dgm_request *, const struct dgm_try **ret);

/**
 * What the error that the request got last (dgm_chat_response) calls for. False: nothing that is known and would change
 * anything; nothing is ever called for twice, nor of a strict request.
 */
bool dgm_request_try(const struct dgm_request *, struct dgm_try *ret);

/**
 * Makes a body that is complete anew, otherwise, what was supplied stays. Returns as dgm_request_resume; what
 * dgm_request_body gave is of no use any more. After anything but DGM_OK the request is good for its answer alone.
 */
DGM_MUST_USE enum dgm_rc dgm_request_adapt(struct dgm_request *, const struct dgm_try *,
                                           struct dgm_fail *reterr);

/* ---- what made an upstream refuse a request without a reason (probes.def) ----------------------------- */

/**
 * Puts the body of the next reduced request: the request as its upstream refused it, without what may be the reason, for one
 * answer of one token. After dgm_chat_response of a 400 that names none; to be asked for without a stream
 * (dgm_request_put_whole_path), at most three times. The answer is told by dgm_request_probed before the next one. Nothing
 * of it is the client's: what was learnt stands in the error when dgm_chat_response is called once more as it was.
 *
 * DGM_OK: `out` has the body. DGM_DONE: there is nothing (more) to ask, and in `compat: google` there never is. DGM_E_NOMEM,
 * DGM_E_LIMIT: `out` could not hold it.
 */
DGM_MUST_USE enum dgm_rc dgm_request_probe(struct dgm_request *, struct dgm_buf *out);

/** What the upstream answered to it, 0 where nothing came; of a 400 the body, too. False: it is known now, or can not be: no more is asked. */
bool dgm_request_probed(struct dgm_request *, int status, struct dgm_str answer);

/** How many reduced requests were answered, or were to be, and whether the last of them was accepted. */
unsigned dgm_request_probes(const struct dgm_request *, bool *ret_accepted);

/**
 * The body for the upstream: `*ret` points at so many segments, to be sent one after the other. What is large, as an image
 * is, stands in a segment of its own: a part of the body that was parsed, not a copy.
 */
size_t dgm_request_body(const struct dgm_request *, const struct dgm_str **ret);

/** The model as the native URL has it: "gemini-2.5-flash". */
struct dgm_str dgm_request_model(const struct dgm_request *);

/** The model as the client wrote it; every answer echoes it. Of a relayed request maybe absent: the server's is told. */
struct dgm_str dgm_request_model_sent(const struct dgm_request *);

bool dgm_request_wants_stream(const struct dgm_request *);
bool dgm_request_wants_usage(const struct dgm_request *); /* stream_options.include_usage */

/**
 * The most tokens that the client wants its answers to have, all of `n` together; Google's own members count before OpenAI's.
 * 0: it did not say.
 */
int64_t dgm_request_tokens_wanted(const struct dgm_request *);

/** How many tokens the last answer cost, prompt and completion, as the upstream told them last; -1: it has not yet. */
int64_t dgm_request_tokens_used(const struct dgm_request *);

/** What a translation has to say besides its body; each is one header's value. */
enum dgm_note {
    DGM_NOTE_IGNORED, /* members without effect: "logit_bias, messages[].name" */
    DGM_NOTE_SCHEMA,  /* what a JSON Schema lost: "get_weather: pattern at /properties/city" */
    DGM_NOTE_WARNING, /* what was changed or made up: "messages: a user's turn was added behind the last" */
};

/**
 * All notes of one kind, printable ASCII, separated by ", "; "" when there are none. At most 4 KiB.
 * A whole answer may add to the warnings: what it made of max_tokens.
 */
struct dgm_str dgm_request_notes(const struct dgm_request *, enum dgm_note);

/** A header that the native request needs besides its body: Vertex takes the service tier so (user-pain A14). */
struct dgm_header {
    struct dgm_str name, value;
};

/** `*ret` points at so many of them, valid until the request is freed. */
size_t dgm_request_headers(const struct dgm_request *, const struct dgm_header **ret);

/** Where on the native surface a request goes. Every name must match dgm_name_ok. */
struct dgm_place {
    enum dgm_surface surface;
    /* Used on Vertex alone. Without a project it is express mode: the path has neither (google.md 1.6). */
    struct dgm_str project, location;
};

/**
 * Puts the path and query of the request's call: ":generateContent", or ":streamGenerateContent?alt=sse"
 * where it wants a stream. Asserts that the names of the place match dgm_name_ok.
 */
void dgm_request_put_path(const struct dgm_request *, const struct dgm_place *,
                          struct dgm_buf *out);

/** The same of a call that wants no stream, whatever the request wants. */
void dgm_request_put_whole_path(const struct dgm_request *, const struct dgm_place *,
                                struct dgm_buf *out);

/**
 * Tells where the call went, as an URL without a query, for the sentence about a page that came instead of an answer
 * (user-pain G7). Borrowed until the request is freed; untold, the sentence names no place.
 */
void dgm_request_asked_at(struct dgm_request *, struct dgm_str url);

/**
 * Tells which models there are whose names are like the one that was asked for, as `"a", "b" or "c"`: an upstream's error
 * about a model that it does not know ends with them (user-pain A5). Borrowed until the request is freed.
 */
void dgm_request_near(struct dgm_request *, struct dgm_str near);

/**
 * Whether a text can stand as one segment of a Google resource path: 1 to 128 of [A-Za-z0-9_.:@-], not
 * starting with "." and without "..". Models, projects, locations and endpoints are all held to it.
 */
bool dgm_name_ok(struct dgm_str);

/* ---- a beginning that the upstream keeps (user-pain A9) --------------------------------------------- */

/**
 * Lets the marks count by which clients of Anthropic's say up to where a prompt is worth keeping: a member
 * `"cache_control": {"type": "ephemeral"}` of a message, a content part or a tool, with a "ttl" of "5m" (as without one), "1h"
 * or seconds, "300s". Otherwise, and where one is not well formed, they are ignored and named. Between dgm_request_open and
 * dgm_request_translate. False when memory is short.
 */
DGM_MUST_USE bool dgm_request_use_marks(struct dgm_request *);

/** What leads a native request, as letters of digests (BLAKE2b-256): systemInstruction; tools with toolConfig. */
struct dgm_lead {
    char system[64], tools[64];
};

/**
 * What a request marks: systemInstruction, tools and toolConfig, and of `contents` what stands up to the last mark behind which
 * a user goes on. With the same digest the same bytes are meant, of whatever model.
 */
struct dgm_prefix {
    char digest[64]; /* of all of it, letters */
    struct dgm_lead lead;
    int64_t ttl_s; /* of the last mark */
};

/** The marked beginning of a body that is complete; NULL: there is none. Valid until the body is made anew. */
const struct dgm_prefix *dgm_request_prefix(const struct dgm_request *);

/**
 * Makes the body of the call that has it kept, a CachedContent, as segments like dgm_request_body's, valid as long; there must
 * be a prefix. 0: memory is short. Puts that call's path. Not for Vertex's express mode, which has none.
 */
size_t dgm_request_prefix_body(struct dgm_request *, const struct dgm_place *,
                               const struct dgm_str **ret);
void dgm_request_put_prefix_path(const struct dgm_place *, struct dgm_buf *out);

/**
 * Makes dgm_request_body the request without its prefix, which the upstream keeps under a name; there must be one. False:
 * memory is short, or the name is none of the surface's, and the body is whole.
 */
DGM_MUST_USE bool dgm_request_use_prefix(struct dgm_request *, struct dgm_str name);

/** Makes it whole again; so does whatever makes the body anew. */
void dgm_request_use_whole(struct dgm_request *);

/** The cache that the client itself names (cached_content); absent: none. After dgm_request_open. */
struct dgm_str dgm_request_cache(const struct dgm_request *);

/**
 * Tells what that cache was made with. A systemInstruction, or tools with toolConfig, that are the same are left out of the body
 * then; else a cache stands beside neither, and that is refused. Between dgm_request_open and dgm_request_translate; copied.
 * False when memory is short.
 */
DGM_MUST_USE bool dgm_request_tell_cache(struct dgm_request *, const struct dgm_lead *);

/** Adds a warning of the caller's to dgm_request_notes: `member`, a colon, a sentence without a comma. The body is complete. */
void dgm_request_warn(struct dgm_request *, struct dgm_str member, struct dgm_str sentence);

/* ---- the answer, whole ------------------------------------------------------------------------------ */

/**
 * Something to remember: of a call of ours the signature that came with it and the id that the upstream gave it, one of
 * which may be absent; or the signatures of a text or an image and where in it they stand, which is nobody's to read. Valid
 * until the next call on the request or its stream, dgm_stream_free included.
 */
struct dgm_kept {
    struct dgm_str call_id, name; /* of a call; else absent */
    struct dgm_str digest;        /* of a text or an image, as a need will have it; else absent */
    struct dgm_str signature, model;
    struct dgm_str native_id; /* of a call; absent: none */
};

/**
 * Translates an upstream's answer with its HTTP status, success or error, to what the client gets; the client's
 * status goes to `*ret_status`. A relayed request's is OpenAI's already, and brought to what OpenAI promises. An error of the upstream becomes OpenAI's error object with Google's
 * `status` and `details` inside; something that is no answer at all becomes UPSTREAM_BROKEN.
 *
 * DGM_OK: `out` is complete. DGM_KEEP: so too, and dgm_request_kept must be stored before it leaves.
 * DGM_E_NOMEM, DGM_E_LIMIT: `out` is of no use.
 */
DGM_MUST_USE enum dgm_rc dgm_chat_response(struct dgm_request *, int status, struct dgm_str native,
                                           struct dgm_buf *out, int *ret_status);

/** When to ask again after an upstream's error (RetryInfo in its details; user-pain G1), or an answer that was none. */
struct dgm_retry {
    int64_t after_ms; /* for Retry-After and retry-after-ms; negative: nobody said */
    /* x-should-retry: false; the same request would fail again, or only after very long */
    bool hopeless;
    bool
        unsaid; /* the model answered without a word, or with a call that can not be read (CALL_MALFORMED, ANSWER_EMPTY):
                    asked the same at once it may do better (user-pain C2, F6) */
};

/** That of the answer, or of the stream's error, which the request got last. */
struct dgm_retry dgm_request_retry(const struct dgm_request *);

/** What DGM_KEEP of dgm_chat_response or dgm_stream_feed asks to store: so many records at `*ret`. */
size_t dgm_request_kept(const struct dgm_request *, const struct dgm_kept **ret);

/* ---- the answer, streamed --------------------------------------------------------------------------- */

/*
 * What holds for the chunks of one stream, whatever the upstream sends (OpenAI's streaming reference; the
 * defects it mends are in Google's own endpoint, google.md 4.4):
 *   - `id`, `created` and `model` are the same in all; `role` stands once a choice, in its first chunk;
 *   - a tool call's id, type and name come once, its index ascends from 0 without gaps;
 *   - one finish_reason a choice, from OpenAI's list;
 *   - usage comes once, last, with empty choices, and only if asked for;
 *   - "[DONE]" comes once, and never after an error: an upstream that breaks off, sends what is no event or
 *     ends without a finishReason ends the stream in an error event.
 */

/** A stream over `request`, which it borrows. NULL when memory is short. */
struct dgm_stream *dgm_stream_new(struct dgm_request *request);

void dgm_stream_free(struct dgm_stream *); /* NULL is fine */

/**
 * Feeds raw bytes of the upstream's event stream, cut anywhere, and puts the client's SSE bytes.
 *
 * DGM_MORE: `*in` is used up. DGM_FULL: `out` might not hold what comes next; drain it and call again with
 * what is left of `*in`. DGM_KEEP: an event was put whose records (dgm_request_kept) must be stored before
 * `out` leaves; then call again. DGM_E_UPSTREAM: the stream ended in an error event, which is in `out`;
 * sticky. DGM_E_NOMEM, DGM_E_LIMIT: sticky; the connection should be closed, not ended well.
 * DGM_DONE: it has ended already; or now, well, for every choice has met a stop sequence that Gemini had no room for,
 * or the one call is there that a client wants at a time (parallel_tool_calls: false) and its usage is told:
 * nothing more is wanted from the upstream. (A relayed stream that says [DONE] itself comes to DGM_MORE once more,
 * so that its connection may end in peace.)
 *
 * FULL comes before an event whose output, at most 8 bytes for each of the event's own and 8 KiB besides,
 * might pass out->max, unless `out` is empty: an `out` with room for the largest event never overflows. With
 * DGM_COMPAT_GOOGLE the last chunk may wait for the event behind it: there it is room for the two largest. Of a
 * relayed stream it is room for what waits, too: a call's arguments for its name (64 KiB at most), members beside
 * the choices for the end.
 */
DGM_MUST_USE enum dgm_rc dgm_stream_feed(struct dgm_stream *, struct dgm_str *in,
                                         struct dgm_buf *out);

/**
 * The upstream's body ended. Puts the usage chunk and "[DONE]", or the error event when it ended too early.
 * DGM_DONE: the stream is complete. Else as dgm_stream_feed (never DGM_MORE); FULL and KEEP: call it again.
 */
DGM_MUST_USE enum dgm_rc dgm_stream_finish(struct dgm_stream *, struct dgm_buf *out);

/**
 * Ends the stream in an error event, for trouble only the caller knows of: a connection that broke, a
 * deadline. Nothing is put when the stream has ended already. dgm_stream_finish tells how it ended.
 */
void dgm_stream_fail(struct dgm_stream *, const struct dgm_fail *, struct dgm_buf *out);

/** Whether any chunk was put yet: until then an error can still be told by an HTTP status. */
bool dgm_stream_started(const struct dgm_stream *);

/**
 * After DGM_E_UPSTREAM or dgm_stream_fail: the error as a whole answer instead of an event, for a stream that had not started.
 * Returns its HTTP status.
 */
int dgm_stream_put_error(const struct dgm_stream *, struct dgm_buf *out);

#endif
