/* SPDX-License-Identifier: Apache-2.0 */
/*
 * native_parts.h - parts of Gemini's that OpenAI has no place for, as a message of the model brings them back.
 *
 * An answer hands them out in extra_content.google.parts as they came (extra.c): code and its result, what Google's own
 * tools were asked and answered beside functions (toolCall, toolResponse), and images where image_output wants them there.
 * Gemini 3 signs them and wants all of them back where they stood. For that each has `after_bytes` and `after_calls`, where
 * they are not 0: how many bytes of the content, tags and images in it too, and how many calls come before it. Of a text that is
 * another by now, what they say is taken as far as it goes.
 */
#ifndef TRANSLATE_NATIVE_PARTS_H
#define TRANSLATE_NATIVE_PARTS_H

#include "translate/answer.h"
#include "translate/google.h"

/** A walk over the parts of one message. */
struct native_parts {
    struct dgm_request *r;
    size_t message;
    struct json_iter it;
    struct dgm_str name;          /* of the part that comes next: "toolCall"; absent: none does */
    const struct json_val *value; /* of that member */
    struct dgm_str signature;     /* absent: it has none */
    struct part_at at;            /* where it belongs */
};

/** Begins at the first that can be sent; `parts` may be NULL. What cannot be is named, or refused as Google's members are. */
struct native_parts native_parts(struct dgm_request *, const struct json_val *parts,
                                 size_t message);

/** Puts the part that comes next, and moves on. */
void native_parts_put(struct native_parts *, struct chat_contents *);

/**
 * Up to where a text, of which `from` bytes are put, goes before the next part; the text's length when no part stands within
 * or before it.
 */
size_t native_parts_within(const struct native_parts *, struct dgm_str text, size_t from);

#endif
