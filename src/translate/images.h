/* SPDX-License-Identifier: Apache-2.0 */
/*
 * images.h - images that the model made: put into answers in the place that image_output names, and found again in the
 * messages that come back, in whichever place (user-pain E5). Each keeps its signature, which edits need (google.md 9.1):
 *
 *   images          message.images[]: {type: image_url, image_url: {url}, extra_content: {google: {thought_signature}}}
 *   content_parts   the same objects among the text parts of a content that is a list
 *   markdown        ![image](data:...) in the content, a blank line around it; signatures in extra_content.google.images[]:
 *                   {index, thought_signature}, by the number of the image
 *   extra_content   extra_content.google.parts[], as they came (native_parts.h)
 */
#ifndef TRANSLATE_IMAGES_H
#define TRANSLATE_IMAGES_H

#include "translate/answer.h"
#include "translate/google.h"
#include "translate/media.h"

/** What an image is to a piece of an answer, as bits of enum answer_said. */
unsigned images_said(const struct dgm_request *, const struct json_val *part);

/** Puts the member `images` of a message, or of a delta where each has an index. */
void images_put(struct json_writer *, const struct answer_piece *, bool whole);

/** Puts an image as a part of a content. */
void images_put_part(struct json_writer *, const struct json_val *part);

/** Adds an image to the content, an open string, as Markdown. */
void images_add(struct json_writer *, struct choice *, const struct json_val *part);

/** Adds what parts a text from an image before it in such a content. */
void images_add_gap(struct json_writer *, struct choice *, struct dgm_str text);

/** The same on the way back: a text without the gap before it. */
struct dgm_str images_skip_gap(struct dgm_str text);

/** Puts the member `images` of extra_content.google: the signatures of those in the content. */
void images_put_marks(struct json_writer *, const struct answer_piece *);

/**
 * Finds the next image in a text of the model's that is Markdown. True: `*ret` is it, `*ret_before` the text before it, and
 * `*text` what is left behind it. False: none is left, and `*text` is as it was.
 */
bool images_next(struct dgm_str *text, struct dgm_str *ret_before, struct media *ret);

/** What extra_content.google.images says of one of them. */
struct image_mark {
    int64_t image; /* its number */
    size_t place;  /* among the marks */
    struct dgm_str signature;
};

/** The marks of a message, by number; in the request's arena, and none when memory is short. All zero: none. */
struct image_marks {
    struct image_mark *at;
    size_t n;
};
struct image_marks images_marks(struct dgm_request *, const struct json_val *marks);

/** The signature of an image; absent: none. To be asked in order: the marks up to its own are passed. */
struct dgm_str images_mark(struct image_marks *, int64_t image);

#endif
