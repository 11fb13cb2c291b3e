/* SPDX-License-Identifier: Apache-2.0 */
/* google.h - Google's own members of a request, wherever clients put them (google.md 3). */
#ifndef TRANSLATE_GOOGLE_H
#define TRANSLATE_GOOGLE_H

#include "translate/chat.h"

/**
 * Reads google, extra_body.google and extra_body.extra_body.google into r->google, by google_fields.def; of a member
 * that stands in more than one of them the last counts, and the others are ignored and named. A member without a row
 * is refused with its path (user-pain A10); anything beside `google` in extra_body is ignored and named.
 */
void google_read(struct dgm_request *);

/**
 * Checks all that google_read found and google_members.def describes, for the request's surface: unknown members,
 * types, ranges and words are refused with their path, what only the other surface has is ignored and named.
 */
void google_check(struct dgm_request *);

/** Checks the settings of a tool of Google's own, likewise; the place's member is its kind. Puts it as a Tool object. */
void google_check_tool(struct dgm_request *, const struct json_val *settings,
                       const struct chat_place *);
void google_put_tool(struct dgm_request *, struct json_writer *, struct dgm_str kind,
                     const struct json_val *settings);

/**
 * The same for a part of the model's that comes back, such as toolCall: whether a name is one's; the place's member is it.
 * False: it was refused. Puts it as a member of a part.
 */
bool google_is_part(struct dgm_str name);
bool google_check_part(struct dgm_request *, const struct json_val *, const struct chat_place *);
void google_put_part(struct dgm_request *, struct json_writer *, struct dgm_str name,
                     const struct json_val *);

/** Whether a name has the form of a surface's caches; only the service knows whether there is one. */
bool google_is_cache(enum dgm_surface, struct dgm_str name);

/** Puts those of them that are members of the native request, cachedContent among them. After google_check. */
void google_put(struct dgm_request *, struct json_writer *);

/** Puts those that are members of generationConfig, all but thinkingConfig. After google_check. */
void google_put_config(struct dgm_request *, struct json_writer *);

/**
 * What Google's words say of a member of generationConfig, by its native name: `google.NAME`, or
 * `google.generation_config.NAME`. NULL: nothing. `*ret` is its place; it stays valid as long as `ret` does.
 */
struct google_place {
    struct chat_place config, member;
};
const struct json_val *google_config(const struct dgm_request *, struct dgm_str native,
                                     struct google_place *ret);

/** The place of a member that r->google has, by its id: GOOGLE_PLACE(r, TOOLS). */
#define GOOGLE_MEMBER(r, id) CHAT_MEMBER((r)->google_said->in[id], google_names[id])
#define GOOGLE_PLACE(r, id) GOOGLE_MEMBER((r), GOOGLE_##id)

/** Of a request that says none of them. */
extern const struct json_val *const google_none[GOOGLE_FIELDS];

extern const struct dgm_str google_names[GOOGLE_FIELDS]; /* in snake case, by google_field_id */

/** A member of one of Google's objects, by its name in snake case, in either spelling. NULL: absent or null. */
const struct json_val *google_get(const struct json_val *obj, struct dgm_str snake);

/** Whether a name is a given one of snake case, in either spelling: "thought_signature", "thoughtSignature". */
bool google_is_name(struct dgm_str name, struct dgm_str snake);

/** Refuses a member that no table has, and one that stands twice, in one spelling or in two. */
void google_refuse_unknown(struct dgm_request *, const struct chat_place *);
void google_refuse_again(struct dgm_request *, const struct chat_place *);

/** Puts the key for a name of snake case: "thoughtSignature". */
void google_put_key(struct json_writer *, struct dgm_str snake);

/** What extra_content.google (or .vertex) says of a message, a part or a call (google.md 3.3). */
struct google_extra {
    bool thought_said, thought;   /* `thought` is there; what it says */
    struct dgm_str signature;     /* thought_signature; absent when it has none */
    struct dgm_str marks;         /* echo.h: what is remembered, in its place; absent: nothing is */
    const struct json_val *parts; /* FunctionResponsePart objects; of the model: native_parts.h */
    const struct json_val *images;           /* of the model's message: images.h */
    const struct json_val *video_metadata;   /* of a part: an object */
    const struct json_val *media_resolution; /* of a part: a word, or an object that has it */
};

/** Which of them a place takes; others are ignored and named. */
enum google_extra_kind {
    EXTRA_THOUGHT = 1,
    EXTRA_SIGNATURE = 2,
    EXTRA_PARTS = 4,
    EXTRA_VIDEO_METADATA = 8,
    EXTRA_MEDIA_RESOLUTION = 16,
    EXTRA_IMAGES = 32,
};

/**
 * Reads `extra_content` of what stands at a place; `takes` is a set of enum google_extra_kind. What both `google` and
 * `vertex` say counts as `google` says it.
 */
struct google_extra google_extra(struct dgm_request *, const struct json_val *obj,
                                 const struct chat_place *, unsigned takes);

#endif
