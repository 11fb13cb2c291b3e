/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chat.h - one chat completion request inside the core: what its files share.
 *
 *   request.c   the life of a request: parse, check every member, put the native body
 *   notes.c     places, refusals, and notes: what is ignored, lost, made up
 *   google.c    Google's own members: extra_body.google, google, extra_content.google (google_fields.def);
 *               google_members.c checks and puts them (google_members.def)
 *   config.c    members of generationConfig (the put column of chat_fields.def), and the service tier
 *   thinking.c  how much to think, and the room it takes (thinking.def)
 *   tools.c     tools and toolConfig; names.c their names; schema.c JSON Schemas
 *   messages.c  the conversation, checked and read message by message
 *   contents.c  the conversation put: systemInstruction and contents
 *   parts.c     one content part: text, images, audio, files; media.c what is no text
 *   urls.c      URLs that somebody reads for the upstream (relay_parts.def)
 *   images.c    images that the model made, in answers and coming back
 *   native_parts.c   parts of Gemini's own, where they stood
 *   results.c   tool results, brought behind the calls they answer
 *   arguments.c the arguments of a call, which may be broken
 *   failure.c   an upstream's error as OpenAI's; suspects.c, for one that names nothing, what may have caused it
 *   probes.c    what may have, asked for: reduced requests, and what came of them (probes.def)
 *   tries.c     what a request is sent otherwise in, as its upstream refused it (tries.def)
 *   prefix.c    the beginning that an upstream keeps, or that a cache has already
 *   usage.c, logprobs.c, annotations.c (with offsets.c)   a candidate's numbers and sources
 *   calls.c     the calls of an answer
 *   args.c      their arguments by their schema; partial_args.c the same streamed in parts
 *   stops.c     stop sequences that are enforced here
 *   answer.c    what whole and streamed answers share, with extra.c; response.c and stream.c are the two of them
 *   relay.c     a request for a server that speaks OpenAI's protocol itself (relay.h says how; quirks.def)
 *   compat.c    both of them in the shapes of Google's own endpoint (compat.def)
 */
#ifndef TRANSLATE_CHAT_H
#define TRANSLATE_CHAT_H

#include "json/write.h"
#include "translate/model.h"
#include "translate/stops.h"

#include <dragoman/dragoman.h>

#include <assert.h>

/* The JSON kinds a row accepts, as bits. */
#define J_BOOL (1u << JSON_BOOL)
#define J_NUM (1u << JSON_NUM)
#define J_STR (1u << JSON_STR)
#define J_ARR (1u << JSON_ARR)
#define J_OBJ (1u << JSON_OBJ)
#define J_ANY (J_BOOL | J_NUM | J_STR | J_ARR | J_OBJ)

enum field_fate { CONFIG, READ, IGNORE };

enum chat_field_id {
#define FIELD(id, ...) CHAT_##id,
#include "translate/chat_fields.def"
#undef FIELD
    CHAT_FIELDS,
};

/* Those that are kept stand before those that nobody asks for. */
enum {
    CHAT_KEPT_FIELDS = 0
#define FIELD(id, name, accepts, fate, ...) +(fate != IGNORE)
#include "translate/chat_fields.def"
#undef FIELD
};

#define FIELD(id, name, accepts, fate, ...)                                                        \
    static_assert((fate == IGNORE) == ((int)CHAT_##id >= (int)CHAT_KEPT_FIELDS),                   \
                  name " stands among rows of the other kind");
#include "translate/chat_fields.def"
#undef FIELD

struct chat_field {
    struct dgm_str name;
    unsigned accepts;
    enum field_fate fate;
    struct dgm_str native; /* the member of generationConfig, as json_put_quoted_name wants it */
    double min, max;
    /* Puts the member, name and value, or refuses with chat_refuse. */
    void (*put)(struct dgm_request *, const struct chat_field *, const struct json_val *,
                struct json_writer *);
};

enum chat_role {
    ROLE_SYSTEM,
    ROLE_USER,
    ROLE_MODEL,
    ROLE_TOOL,
    ROLE_FUNCTION,
};

struct chat_message {
    const struct json_val *val;     /* an object whose members have been checked */
    const struct json_val *content; /* a string or an array; NULL when absent or null */
    size_t first_call; /* in `history`; its calls end where those of the next message begin */
    enum chat_role role;
    bool taken; /* a result that answers a call */
};

#define CHAT_NO_RESULT SIZE_MAX

/** One call of an assistant's message. */
struct chat_call {
    struct dgm_str id;   /* absent for the deprecated function_call */
    struct dgm_str name; /* as Gemini gets it */
    struct dgm_str arguments;
    struct dgm_str signature; /* that came back with it; absent when none did */
    struct dgm_need *need;    /* what is remembered of it; NULL: it was not asked for */
    size_t message;           /* whose it is */
    size_t result;            /* the message that answers it, or CHAT_NO_RESULT */
};

/** A text or an image of the model's whose signature is asked for: echo.h. */
struct chat_echo {
    size_t message, element; /* of the content's list; 0 where that is a string */
    struct dgm_need *need;
};

static_assert(CHAT_FIELDS <= 64, "struct dgm_request has a bit for each");

extern const struct chat_field chat_fields[CHAT_FIELDS]; /* by chat_field_id; stands in config.c */

enum google_field_id {
#define GOOGLE(id, ...) GOOGLE_##id,
#include "translate/google_fields.def"
#undef GOOGLE
    GOOGLE_FIELDS
};

/* What a good request never calls: the compiler moves the way there out of the way. */
#define CHAT_COLD __attribute__((cold))

#define NOTES_MAX 32 /* of one kind; more become one "..." */
#define NOTE_KINDS 3 /* of enum dgm_note */

struct chat_notes {
    struct dgm_str *notes; /* as they are shown; NOTES_MAX of them once there is one */
    size_t n;
    size_t
        kept; /* so many are of what was read; those behind are of the body that was put, and go with it */
    struct dgm_str text; /* all of them, at the end */
};

#define HEADERS_MAX 4

/** Google's own members, and the object each was found in. */
struct google_said {
    const struct json_val *value[GOOGLE_FIELDS];
    const struct chat_place *in[GOOGLE_FIELDS];
};

/** Where the body stood before its contents, so that they can be put anew. */
struct chat_head {
    size_t body_n, lent_n;
    struct json_writer writer;
};

/**
 * One request. It is small, for what most never need stands elsewhere. Lifetime:
 *   1. dgm_chat_request makes it; the body is parsed in place and borrowed until the end.
 *   2. `field` points into the parsed body; system and config are put; needs are collected.
 *   3. With all needs answered the contents are put and `body` is whole; nothing here changes any more.
 *   4. An answer may add to `kept`; everything stands in `arena` and goes with it.
 */
struct dgm_request {
    struct dgm_arena arena;
    struct relay *relay; /* relay.h; NULL for one that is translated */
    struct dgm_env env;
    struct dgm_limits limits;
    enum dgm_surface surface;
    enum dgm_rc rc;        /* sticky: the first refusal or lack of memory */
    struct dgm_fail *fail; /* why it was refused */
    const struct json_val *field[CHAT_KEPT_FIELDS]; /* NULL where absent or null */
    uint64_t said;                                  /* a bit for each that is not NULL */
    const struct json_val *const
        *google;                     /* the same of Google's own members: GOOGLE_FIELDS of them */
    struct google_said *google_said; /* where they stand; NULL: there is none */
    struct dgm_str asked_at;         /* dgm_request_asked_at; absent while nobody said */
    struct dgm_str near;             /* dgm_request_near; absent too */
    struct dgm_str thought_marker;   /* thought_tag_marker: "think"; absent when there is none */
    struct dgm_str model_sent;
    struct model model;
    enum dgm_rc
        model_rc; /* of its reading; what is wrong with a name is refused by dgm_request_translate */
    bool stream, usage;
    bool complete;       /* the body is whole, or never will be */
    int64_t tokens_used; /* as dgm_request_tokens_used tells */

    struct chat_message *messages; /* one for each element of `messages` */
    size_t messages_n;
    struct chat_call *history; /* all calls of all messages, in their order */
    size_t history_n;
    /* What the parts' `detail` asks of the whole request, where the model takes no other: a level of
     * generationConfig.mediaResolution, "" for auto; absent when no part says. */
    struct dgm_str media_resolution;

    struct dgm_buf body; /* in the arena, without `lent`: what is large stays in the parsed body */
    struct dgm_buf lent; /* struct json_lent */
    struct json_writer writer;
    const struct dgm_str *segments; /* of the whole of it */
    size_t segments_n;
    struct chat_notes *notes;   /* of each kind; NULL: there is none of any */
    struct dgm_header *headers; /* HEADERS_MAX of them once there is one */
    size_t headers_n;
    struct chat_head head; /* of a body that is complete */

    struct name_node *names;  /* names.c: the functions' names, both ways */
    struct chat_tools *tools; /* tools.c: what was read of the tools; NULL where there are none */

    size_t schema_objects,
        schema_spent; /* in schemas so far; what these have cost: schema_parts.h */

    struct dgm_need *needs;
    size_t needs_n;
    struct chat_echo *echoes; /* in their order */
    size_t echoes_n;
    struct dgm_url *urls; /* urls.c; none unless somebody asked for them */
    size_t urls_n;
    struct dgm_kept *kept;
    size_t kept_n, kept_cap, calls_n; /* calls_n: ids given out so far */

    struct tries *tries; /* tries.h; NULL: it is made as ever, and nothing calls for another way */
    struct prefix
        *prefix; /* prefix.h; NULL: marks do not count, and of its cache nothing is known */

    struct probes *probes; /* probes.h; NULL: its last answer was no bare refusal */

    struct stops *stops;        /* sequences beyond those that Gemini looks for; NULL: none */
    struct dgm_retry retry;     /* of the upstream's last error */
    struct dgm_str version;     /* the modelVersion of the answer */
    struct dgm_str response_id; /* its responseId, for compat.c; absent elsewhere */
};

static_assert(sizeof(struct dgm_request) <= 1032, "what malloc hands out quickest: glibc's tcache");

/**
 * The place of a value, "messages[3].content[0].text", as a chain that costs nothing until an error shows
 * it: a member or, where `member` is absent, an element of what `in` is.
 */
struct chat_place {
    const struct chat_place *in; /* NULL: the body itself */
    struct dgm_str member;
    size_t index;
};

#define CHAT_MEMBER(place, name) (&(struct chat_place){.in = (place), .member = (name)})
#define CHAT_ELEMENT(place, i) (&(struct chat_place){.in = (place), .index = (i)})

/** Puts a place as people read it. */
CHAT_COLD void chat_put_place(struct dgm_buf *, const struct chat_place *);

/** messages[i] and messages[i].member */
#define CHAT_MESSAGE(i) CHAT_ELEMENT(CHAT_MEMBER(NULL, DGM_STR("messages")), (i))
#define CHAT_MESSAGE_MEMBER(i, name) CHAT_MEMBER(CHAT_MESSAGE(i), (name))

/**
 * Refuses the request, unless it already failed: at a place (NULL: none), which begins the sentence, in up
 * to three more pieces; with the first of them NULL the error's own sentence stands alone.
 */
#define chat_refuse(r, id, place, ...)                                                             \
    chat__refuse((r), (id), (place), (const char *const[3]){__VA_ARGS__})
CHAT_COLD void chat__refuse(struct dgm_request *, enum dgm_error, const struct chat_place *,
                            const char *const pieces[3]);

/** Refuses the request as `chat_refuse` does, with all that dgm_fail_set wants. */
CHAT_COLD void chat_fail(struct dgm_request *, enum dgm_error, struct dgm_str param,
                         const struct dgm_str detail[4]);

/** Makes a request and lets `read` read the body; both as dgm_request_open says, whose end it is. */
enum dgm_rc chat_open(const struct dgm_env *, struct dgm_buf *openai,
                      void (*read)(struct dgm_request *, struct dgm_buf *openai),
                      struct dgm_request **ret, struct dgm_fail *reterr);

/** Refuses a body that json_parse or json_check refused. */
CHAT_COLD void chat_refuse_syntax(struct dgm_request *, const struct json_error *);

/** Tells why a request failed. */
CHAT_COLD void chat_report(const struct dgm_request *, struct dgm_fail *reterr);

/** Remembers that memory, or the arena's ceiling, ran out, unless the request already failed. */
CHAT_COLD void chat_no_memory(struct dgm_request *);

/** An answer was none: that of `id`. It is the last thing that dgm_request_retry knows of. */
CHAT_COLD void chat_note_fault(struct dgm_request *, enum dgm_error id);

/** The upstream told what its answer costs. */
static inline void chat_note_tokens(struct dgm_request *r, int64_t prompt, int64_t completion)
{
    r->tokens_used = prompt + completion;
}

/** The tag that thoughts stand in, in a content; absent: they do not. */
static inline struct dgm_str chat_thought_marker(const struct dgm_request *r)
{
    bool is_set = r->thought_marker.n == 0 && r->env.reasoning == DGM_REASONING_TAG;
    return is_set ? DGM_STR("thought") : r->thought_marker;
}

/** Whether a member is there, and not null. */
static inline bool chat_is_said(const struct json_val *v)
{
    return json_kind(v) != JSON_NONE && json_kind(v) != JSON_NULL;
}

/** Refuses the request for something that is not there. */
CHAT_COLD void chat_missing(struct dgm_request *, const struct chat_place *);

/**
 * Refuses a value that is not of one of the kinds, naming what was expected. True when it is fine, and then
 * `place` is never made.
 */
#define chat_expect(r, v, accepts, place)                                                          \
    (((accepts) & 1u << json_kind(v)) != 0 || chat__unexpected((r), (v), (accepts), (place)))
CHAT_COLD bool chat__unexpected(struct dgm_request *, const struct json_val *, unsigned accepts,
                                const struct chat_place *);

/** Refuses a number outside of a range, both ends allowed. True when it is fine, and for 0 0, "any". */
bool chat_in_range(struct dgm_request *, const struct json_val *, double min, double max,
                   const struct chat_place *);

/** Reads a number of integral value; refuses any other. */
bool chat_need_int(struct dgm_request *, const struct json_val *, const struct chat_place *,
                   int64_t *ret);

/** Refuses an object in which a name stands twice. True when it is fine. */
bool chat_names_differ(struct dgm_request *, const struct json_val *obj, const struct chat_place *);

/** Reads the string that `place` names in `obj`; refuses when it is missing, null or no string. */
bool chat_need_str(struct dgm_request *, const struct json_val *obj, const struct chat_place *place,
                   struct dgm_str *ret);

/**
 * Notes that what is at a place has no effect. Elements are shown as "[]", and each place once. A strict
 * request is refused instead.
 */
CHAT_COLD void chat_ignore(struct dgm_request *, const struct chat_place *);

/** The same for what a client rightly sends and the upstream has no use for: it is named, and never refused. */
CHAT_COLD void chat_ignore_softly(struct dgm_request *, const struct chat_place *);

/**
 * Adds a note in up to four pieces, absent ones left out, unless there is one like it already. What is not
 * printable ASCII, and commas, become "?"; a long note is cut.
 */
void chat_note(struct dgm_request *, enum dgm_note, const struct dgm_str pieces[4]);

/** Warns of a member of the body: what was made of it. `sentence` has no comma. */
CHAT_COLD void chat_warn(struct dgm_request *, struct dgm_str member, struct dgm_str sentence);

/** Notes all members of an object but null ones and those of a list. */
#define chat_ignore_but(r, obj, place, ...)                                                        \
    chat__ignore_but((r), (obj), (place), (const char *const[]){__VA_ARGS__, NULL})
void chat__ignore_but(struct dgm_request *, const struct json_val *obj, const struct chat_place *,
                      const char *const names[]);

/** The notes of a kind, made when they are first asked for. NULL: memory is short, and the request has failed. */
struct chat_notes *chat_notes(struct dgm_request *, enum dgm_note);

/** The body is put now: what was noted before stays whatever becomes of it; or it is put anew, without what it was noted for. */
void chat_keep_notes(struct dgm_request *);
void chat_drop_notes(struct dgm_request *);

/** Puts the notes of each kind together, for headers. */
void chat_end_notes(struct dgm_request *);

/**
 * Parses a copy of a text that may be JSON, to be put as `args` or `response`. NULL when it is none, or too deep
 * to stand there, or the request failed for memory.
 */
const struct json_val *chat_parse(struct dgm_request *, struct dgm_str text);

/** Puts the members of generationConfig, the object included, when there are any. */
void chat_put_config(struct dgm_request *, struct json_writer *);

/** Puts serviceTier for the Gemini API; Vertex gets its headers (google.md 1.7). */
void chat_put_tier(struct dgm_request *, struct json_writer *);

/** Puts thinkingConfig, of reasoning_effort or of Google's own thinking_config, when there is one. */
void chat_put_thinking(struct dgm_request *, struct json_writer *);

/** The most tokens that thoughts may take: 0 where the model does not think, or was asked not to. */
int64_t chat_thinking_room(const struct dgm_request *);

/** Puts the body of a request that is complete anew, from its first byte, after chat_open and dgm_request_translate. */
enum dgm_rc chat_rebuild(struct dgm_request *, struct dgm_fail *reterr);

/** The same of a relayed one (relay.c). */
enum dgm_rc relay_rebuild(struct dgm_request *, struct dgm_fail *reterr);

/** Checks every message, and fills `messages`, `history` and `media_resolution`. */
void chat_check_messages(struct dgm_request *);

/** Asks for what is remembered of the conversation's calls: fills `needs`. */
void chat_collect_needs(struct dgm_request *);

/** Puts systemInstruction, when there is one. */
void chat_put_system(struct dgm_request *, struct json_writer *);

/** Puts `contents`, the last member: one more turn only appends (implicit caching depends on it). */
void chat_put_contents(struct dgm_request *, struct json_writer *);

/* ---- between messages.c, contents.c, parts.c, results.c and arguments.c ---- */

enum chat_turn { TURN_NONE, TURN_SYSTEM, TURN_USER, TURN_RESULTS, TURN_MODEL };

/** The content being put; opened by its first part, so that a message without text leaves no trace. */
struct chat_contents {
    struct dgm_request *r;
    struct json_writer *w;
    enum chat_turn open;
    bool begun;  /* a content has been put */
    size_t echo; /* the next of the request's that may be asked for */
};

/** Opens a part, in a content of its own kind: follow it by the part's members and json_close_obj. */
void chat_open_part(struct chat_contents *, enum chat_turn);

/** Puts a text as a part, unless it is empty: Gemini refuses empty parts (user-pain A12). */
void chat_put_text(struct chat_contents *, enum chat_turn, struct dgm_str);

/** The signature a client sent back at a place: as it is, or ignored and named when it is no base64. */
struct dgm_str chat_signature(struct dgm_request *, struct dgm_str, const struct chat_place *);

/** Puts the member `id` that the upstream itself gave a call: in the call and in its result, or in neither. */
void chat_put_native_id(struct chat_contents *, const struct chat_call *);

/** Where the calls of a message end in `history`. */
static inline size_t chat_calls_end(const struct dgm_request *r, size_t message)
{
    return message + 1 < r->messages_n ? r->messages[message + 1].first_call : r->history_n;
}

/** Where the messages of the model that begin at `first` end: the first that is another's. */
size_t chat_turn_end(const struct dgm_request *, size_t first);

/** Finds the result of every call, and marks the messages that are one. */
void chat_match_results(struct dgm_request *);

/** Puts a functionResponse for each of the calls from `first` to `end`, which are one turn's. */
void chat_put_results(struct chat_contents *, size_t first, size_t end);

/** Puts a result that answers no call as text: the model may still read it. */
void chat_put_orphan(struct chat_contents *, size_t message);

/**
 * The object that a text is, to be put as `args` or `response`; NULL: it is none, or one that Google's parsers would
 * refuse (too deep, a name twice), or the request failed for memory.
 */
const struct json_val *chat_read_object(struct dgm_request *, struct dgm_str text);

/** Puts the member `args`. What is no JSON object is mended, or kept where the model can see it (user-pain C4). */
void chat_put_arguments(struct chat_contents *, const struct chat_call *);

#endif
