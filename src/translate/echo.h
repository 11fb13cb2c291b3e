/* SPDX-License-Identifier: Apache-2.0 */
/*
 * echo.h - what the model said, known again when a client sends it back: signatures of texts and images (user-pain D13).
 *
 * A call has an id to remember its signature by; a text has nothing but itself. So what is kept stands under a digest of
 * the text, or the image, as the client got it and will send it back, and of the question that it answers: the last
 * user's texts before it. Without that a "Done." of one conversation would bring the thoughts of another.
 *
 * A signature belongs to its part, and a client gets the texts of all parts as one. So a record is a list of marks: where
 * in the text a signed part stands, "AT+BYTES:SIGNATURE", with blanks between them. One of no bytes is an empty text, as
 * streams end with (google.md 9.1). Gemini recommends that they come back and insists on nothing: what is not found, or
 * was changed, goes without.
 *
 * In a content that is a list each text is known by itself. One with images as Markdown is not: it is neither kept nor asked
 * for, and its signatures come back in extra_content alone (images.h).
 */
#ifndef TRANSLATE_ECHO_H
#define TRANSLATE_ECHO_H

#include "base/digest.h"
#include "translate/chat.h"

/* ---- an answer ---- */

/** What a choice has said so far. */
struct echo {
    struct dgm_digest question; /* and nothing behind it */
    struct dgm_digest digest;   /* of the question and the text */
    size_t bytes;               /* of the text */
    struct dgm_buf marks;
    bool lost; /* there is more than is kept of one text: none of it is */
};

/**
 * In the request's arena. NULL: it is a model that does not sign, or stop sequences may change what is shown; or memory
 * is short, and the request has failed.
 */
struct echo *echo_new(struct dgm_request *);

/** The client gets so much more of its text. NULL is fine. */
void echo_add(struct echo *, struct dgm_str shown);

/** The last `n` bytes of it are a part that came with a signature. */
void echo_sign(struct echo *, size_t n, struct dgm_str signature);

/** Notes in `kept` what an image came with. */
void echo_keep_image(struct dgm_request *, struct dgm_str base64, struct dgm_str signature);

/** A text ends as echo_end has it, and another begins: that of the next part of a content that is a list. NULL is fine. */
void echo_part(struct dgm_request *, struct echo *);

/** The text is to be known by nothing. NULL is fine. */
void echo_lose(struct echo *);

/** The text is whole: notes in `kept` where its signatures stand, if it has any. NULL is fine. */
void echo_end(struct dgm_request *, struct echo *);

/* ---- a conversation ---- */

/** How many needs echo_collect may add. */
size_t echo_count(const struct dgm_request *);

/**
 * Adds to the needs those of the model's texts and images, the first 1,024 of them: which they are does not change as a
 * conversation grows, and with it the beginning of the body. `needs` has room for echo_count.
 */
void echo_collect(struct dgm_request *);

/** The need of a text or an image; `element` of the content's list, or 0. NULL: there is none. To be asked in order. */
const struct dgm_need *echo_need(struct chat_contents *, size_t message, size_t element);

/** One mark: the signature of the part that stands at `at` in a text. */
struct echo_mark {
    size_t at, n;
    struct dgm_str signature;
};

/**
 * Takes the next mark off a record, of a text of which `done` bytes have been put. False: there is none, or it is none of
 * this text's.
 */
bool echo_next(struct dgm_str *marks, struct dgm_str text, size_t done, struct echo_mark *ret);

#endif
