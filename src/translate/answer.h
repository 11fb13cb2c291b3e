/* SPDX-License-Identifier: Apache-2.0 */
/*
 * answer.h - what whole and streamed answers share.
 *
 * A candidate comes in one piece or, in a stream, in many; each piece is read (answer_read), and what it says is put
 * as members of a message or of a delta (answer_put_members). What must be known from one piece to the next stands in
 * its struct choice. So both ways say the same: a stream whose deltas are added up is the whole answer.
 */
#ifndef TRANSLATE_ANSWER_H
#define TRANSLATE_ANSWER_H

#include "translate/chat.h"
#include "translate/offsets.h"
#include "translate/partial_args.h"

#define CHOICES_MAX 8 /* candidates Gemini gives (google.md 2.1) */

/** The members of a native answer, or event. */
struct answer_root {
    const struct json_val *candidates, *feedback, *usage, *version;
};

struct answer_root answer_root(const struct json_val *root);

/**
 * Where a part stands among what has a place of OpenAI's: behind so many bytes of the content, all that is written there
 * (tags, images in Markdown and their gaps too), and so many calls.
 */
struct part_at {
    int64_t bytes, calls;
};

/** One candidate over all its pieces. All zero but `text` is the start. */
struct choice {
    bool started;          /* its first chunk, with the role, was put */
    bool thinking;         /* a tagged thought is open in `content` */
    bool said;             /* it has something to show: text, a call, an image, a sound */
    bool other;            /* it has what extra_content alone shows: code and its result, a file */
    bool sounded;          /* its first sound was put */
    struct dgm_str finish; /* OpenAI's finish_reason; absent while it goes on. A constant */
    struct dgm_str native; /* the native one, in the request's arena */
    bool failed;           /* its finish is a failure's, by finish.def */
    int64_t calls, images, sources, others, more; /* so far: the next index */
    bool written, pictured; /* its content has something; an image ends it (images.h) */
    struct part_at at; /* where the next part stands; its bytes are counted where they are put */
    struct dgm_buf places; /* int64_t: where in its content those of a piece stand that has_place */
    bool listed;           /* the last piece of its content was a list */
    unsigned carried;      /* bits of carried.def's rows that a chunk has had */
    struct offsets text;   /* of its content, thoughts left out */
    struct stop_scan scan; /* of its content, where the request has sequences that we look for */
    struct dgm_buf shown;  /* what the scan lets through */
    struct echo *echo;     /* by what it will be known again: echo.h; NULL: it need not be */
    struct partial_args *partial; /* the call whose arguments are being streamed; NULL: none is */
    bool broken;                  /* they make no sense: the answer cannot go on */
    bool detailed;                /* `thoughts` is the index of theirs in reasoning_details */
    int64_t thoughts, details;    /* `details`: the next index there */
};

void choice_init(struct choice *, struct dgm_request *);

/** What a part of a candidate is. */
enum answer_part {
    SAYS_TEXT,
    SAYS_THOUGHT,
    SAYS_CALL,
    SAYS_IMAGE,
    SAYS_SOUND,
    SAYS_OTHER,
    SAYS_NOTHING /* a signature alone, or not even that */
};
enum answer_part answer_part(const struct json_val *part);

/** Moves a place on, behind a part of that kind, where it is a call. */
void part_at_pass(struct part_at *, const struct json_val *part, enum answer_part kind);

/** Whether `places` has one for a part of that kind: extra_content may have to tell where it stood. */
static inline bool answer_has_place(enum answer_part kind)
{
    return kind == SAYS_IMAGE || kind == SAYS_SOUND || kind == SAYS_OTHER;
}

/** What a piece of a candidate says, as bits. */
enum answer_said {
    SAID_TEXT = 1,
    SAID_THOUGHTS = 2,
    SAID_CALLS = 4,
    SAID_IMAGES = 8,
    SAID_SOUND = 16,
    SAID_SOURCES = 32,
    /* What only extra_content.google has a place for: members of the candidate, a part's signature, parts. */
    SAID_CARRIED = 64,
    SAID_SIGNATURE = 128,
    SAID_PARTS = 256,
    SAID_MARKS = 512, /* signatures of images that stand in the content */
};

/** Members of a candidate that are carried as they came, by the rows of carried.def. */
enum {
    CARRIED_N = 0
#define CARRIED(native, name, when) +1
#include "translate/carried.def"
#undef CARRIED
};

struct answer_piece {
    const struct json_val *candidate, *parts;
    const struct json_val *carried[CARRIED_N]; /* those that are there */
    const struct json_val
        *answer;         /* the call that is the answer itself (tools.h); it counts as a text */
    struct part_at at;   /* where its first part stands */
    int64_t first_image; /* of the choice's, the number of its first */
    size_t images;       /* how many it has */
    size_t image_from, image_end; /* what is put: from which image on, and up to which */
    bool more;     /* the candidate has other members than its content, index and finish */
    unsigned said; /* a set of enum answer_said */
};

/**
 * Whether a part is to be put now. `*images` is how many images came before it, and is counted on. What stands before the
 * first image goes with it.
 */
static inline bool answer_takes(const struct answer_piece *p, enum answer_part kind, size_t *images)
{
    size_t before = *images, i = before != 0 ? before - 1 : 0;
    if (kind == SAYS_IMAGE) {
        i = before;
        (*images)++;
    }
    return i >= p->image_from && i < p->image_end;
}

/**
 * Leaves of a piece what stands from image `i` up to the next one: of its content, images and parts, in their order. All
 * else that it has goes with the first. To be asked from 0 on.
 */
void answer_take_image(const struct dgm_request *, const struct choice *, struct answer_piece *,
                       size_t i);

/** Reads a piece: notes its finish in the choice, and tells what there is to put. */
struct answer_piece answer_read(struct dgm_request *, struct choice *,
                                const struct json_val *candidate);

/**
 * Puts the members of a message (`whole`) or of a delta that the piece gives rise to: content, reasoning, tool_calls or
 * function_call, annotations, images, audio, extra_content. A whole message always has its content, null where calls or
 * media stand for it, and a refusal of null. Signatures that came with calls are noted in `kept`.
 */
void answer_put_members(struct dgm_request *, struct json_writer *, struct choice *,
                        const struct answer_piece *, bool whole);

/** Puts extra_content.google with the native finish reason and the model's version, as the last piece's. */
void answer_put_end(const struct dgm_request *, struct json_writer *, const struct choice *);

/** The finish_reason of a choice that has come to its end; what it said besides "stop" counts. */
struct dgm_str answer_finish(const struct dgm_request *, const struct choice *);

/** What is wrong with a choice that has come to its end: DGM_ERR_NONE, CALL_MALFORMED or ANSWER_EMPTY. */
enum dgm_error answer_fault(const struct dgm_request *, const struct choice *);

/**
 * Puts what is held back until a choice's end: the members content (a text that might have become a stop sequence, a
 * tag that closes a thought) and tool_calls (the rest of streamed arguments), where there is any.
 */
void answer_put_rest(struct dgm_request *, struct json_writer *, struct choice *);

/** Keeps the upstream's modelVersion for answer_put_end. */
void answer_note_version(struct dgm_request *, const struct json_val *said);

/** The error that a blocked prompt is where `blocked` says so: the upstream's own words, or its reason. */
void answer_fail_blocked(const struct json_val *prompt_feedback, struct dgm_fail *ret);

/** Puts content, refusal and extra_content for a prompt that was blocked: the upstream's own words, or its reason. */
void answer_put_blocked(const struct dgm_request *, struct json_writer *,
                        const struct json_val *prompt_feedback, bool whole);

/** Puts id, object, created and model: what begins every answer and every chunk. */
void answer_put_head(const struct dgm_request *, struct json_writer *, struct dgm_str object);

/* ---- calls.c ---- */

/** A new id for a call, in the request's arena. Absent when memory is short. */
struct dgm_str answer_new_call_id(struct dgm_request *);

/** Notes a record in `kept`; its texts last as long as dgm_request_kept says. */
void answer_keep(struct dgm_request *, struct dgm_kept);

/** A part's functionCall; NULL for any other part. */
const struct json_val *answer_call(const struct json_val *part);

/** The signature of a part that is neither a call nor carried: theirs stand with them. Absent when it has none. */
struct dgm_str answer_signature(const struct json_val *part);

/** Whether a part is a call that is the answer itself. */
bool answer_is_answer(const struct dgm_request *, const struct json_val *part);

/**
 * Puts the member tool_calls, or function_call, with the calls that the client gets to see: each with a new id and the
 * client's own name for it; their signatures are noted in `kept`. `*calls_n` counts them from one piece to the next;
 * `indexed` puts it as the index that deltas have.
 */
void answer_put_calls(struct dgm_request *, struct json_writer *, const struct json_val *parts,
                      int64_t *calls_n, bool indexed);

/**
 * The same for the pieces of calls whose arguments are streamed (google.md 4.4): each call begins with id and name, and
 * goes on in pieces that add up to its arguments. `c->broken` afterwards: they cannot.
 */
void answer_put_partial(struct dgm_request *, struct json_writer *, struct choice *,
                        const struct json_val *parts);

/** Whether a piece has such parts, or a call of the choice waits for more of them. */
bool answer_is_partial(const struct choice *, const struct json_val *parts);

/** Ends the call whose arguments are streamed, as an element of tool_calls, when there is one. */
void answer_end_partial(struct dgm_request *, struct json_writer *, struct choice *);

#endif
