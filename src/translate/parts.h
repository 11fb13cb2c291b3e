/* SPDX-License-Identifier: Apache-2.0 */
/* parts.h - one part of a message's content: text, refusal, image, audio, file, video (google.md 2.3). */
#ifndef TRANSLATE_PARTS_H
#define TRANSLATE_PARTS_H

#include "translate/google.h"
#include "translate/media.h"

/** A part, looked at once. All borrowed. */
struct part {
    const struct json_val *val, *extra; /* the part; its extra_content, NULL when there is none */
    const struct part_kind *kind;       /* NULL: refused */
    const struct json_val *body; /* what stands under its type: of a kind that this accepts */
};

/** Reads a part: refuses an unknown type, and a part without what its type names. Members without effect are named. */
struct part part_read(struct dgm_request *, const struct json_val *, const struct chat_place *);

/** Its text; absent: it is a medium. */
struct dgm_str part_text(const struct part *);

/**
 * Reads the medium of a part. Refuses what is neither a URI nor base64, and a medium whose MIME type nobody told.
 * False when it did, or is a text.
 */
bool part_media(struct dgm_request *, const struct part *, const struct chat_place *,
                struct media *ret);

/** The URI that stands for the medium of a part which may be unsound; absent: none does. `*ret_type` is its type. */
struct dgm_str part_uri(const struct json_val *part, struct dgm_str *ret_type);

/**
 * Puts a part of a user's turn or the model's: text, or inlineData or fileData. Base64 goes on as it came, and so
 * does a URI, unless what it leads to was given (urls.h). An empty text leaves no trace. `extra` is what the whole message says of its texts; its
 * signature goes with this part, so hand it over with the last text alone.
 */
void part_put(struct chat_contents *, enum chat_turn, const struct json_val *part,
              const struct google_extra *extra, const struct chat_place *);

/** Puts an image of the model's, with its signature, which may be absent. */
void part_put_image(struct chat_contents *, const struct media *, struct dgm_str signature);

/** Puts a text as part_put does, so with `extra`, and what stands in thought tags as thoughts. */
void part_put_text(struct chat_contents *, enum chat_turn, struct dgm_str,
                   const struct google_extra *extra);

/**
 * Notes what a message's parts ask of the whole request (`media_resolution`), for a model that takes no resolution
 * for each part. Refuses parts that ask for different ones.
 */
void part_read_resolution(struct dgm_request *, const struct json_val *part,
                          const struct chat_place *);

#endif
