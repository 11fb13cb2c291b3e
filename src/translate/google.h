/* SPDX-License-Identifier: Apache-2.0 */
/* google.h - Google's own members of a request, wherever clients put them (google.md 3). */
#ifndef TRANSLATE_GOOGLE_H
#define TRANSLATE_GOOGLE_H

#include "translate/chat.h"

/**
 * Reads extra_body.google, extra_body.extra_body.google and google into r->google, by google_fields.def. A member
 * without a row is refused with its path (user-pain A10); anything beside `google` in extra_body is ignored and named.
 */
void google_read(struct dgm_request *);

/** A member of one of Google's objects, by its name in snake case, in either spelling. NULL: absent or null. */
const struct json_val *google_get(const struct json_val *obj, struct dgm_str snake);

/** Whether a name is a given one of snake case, in either spelling: "thought_signature", "thoughtSignature". */
bool google_is_name(struct dgm_str name, struct dgm_str snake);

/** The place of a member that r->google has. */
#define GOOGLE_PLACE(r, id) CHAT_MEMBER(CHAT_MEMBER(NULL, DGM_STR("google")), DGM_STR(#id))

/** What extra_content.google (or .vertex) says of a message, a part or a call (google.md 3.3). */
struct google_extra {
    bool thought_said, thought;              /* `thought` is there; what it says */
    struct dgm_str signature;                /* thought_signature; absent when it has none */
    const struct json_val *parts;            /* of a tool's message: FunctionResponsePart objects */
    const struct json_val *video_metadata;   /* of a part */
    const struct json_val *media_resolution; /* of a part */
};

/** Which of them a place takes; others are ignored and named. */
enum google_extra_kind {
    EXTRA_THOUGHT = 1,
    EXTRA_SIGNATURE = 2,
    EXTRA_PARTS = 4,
    EXTRA_VIDEO_METADATA = 8,
    EXTRA_MEDIA_RESOLUTION = 16,
};

/** Reads `extra_content` of what stands at a place; `takes` is a set of enum google_extra_kind. */
struct google_extra google_extra(struct dgm_request *, const struct json_val *obj,
                                 const struct chat_place *, unsigned takes);

#endif
