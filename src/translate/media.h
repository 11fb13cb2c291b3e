/* SPDX-License-Identifier: Apache-2.0 */
/* media.h - what stands in a conversation and is no text: base64 or a URI, and its MIME type (google.md 2.3). */
#ifndef TRANSLATE_MEDIA_H
#define TRANSLATE_MEDIA_H

#include "translate/chat.h"

/** One medium: either `data` or `uri`. All borrowed from the request. */
struct media {
    struct dgm_str data; /* base64 of either alphabet, as the client wrote it */
    struct dgm_str uri;
    struct dgm_str mime; /* absent: nobody told */
    struct dgm_str name; /* displayName, which Vertex alone knows; absent: none */
    bool blanks;         /* blanks or line ends stand within `data` */
    bool sure;           /* `mime` was read in the bytes: it goes before what anybody says */
};

/** How a text is a medium. */
enum media_form {
    MEDIA_DATA,      /* a data: URL, or bare base64 */
    MEDIA_URI,       /* a URI: gs://, https://, ...; nothing is fetched, whatever it is */
    MEDIA_NOT_DATA,  /* a data: URL that is not in base64 */
    MEDIA_NOT_BASE64 /* neither a URI nor base64 */
};

/** Reads a text into `data` or `uri`, and the MIME type of a data: URL into `mime`. */
enum media_form media_read(struct dgm_str, struct media *ret);

/**
 * Whether a text is base64 as proto3 JSON reads it: either alphabet, padded or not; and whether blanks and line
 * ends stand in between, which Google's parsers refuse. One pass over all of it, at a fraction of what parsing costs.
 */
bool media_is_base64(struct dgm_str, bool *ret_blanks);

/** The MIME type of a name's, a path's or a URI's extension, or of an extension alone. Absent: it has none we know. */
struct dgm_str media_mime_of_name(struct dgm_str);
struct dgm_str media_mime_of_extension(struct dgm_str);

/** Whether a text is a URI. */
bool media_is_uri(struct dgm_str);

/** Whether a URI leads to YouTube, where nothing in it tells that it is a video; and to a file of the Files API. */
bool media_is_youtube(struct dgm_str uri);
bool media_is_file(struct dgm_str uri);

/** Puts the member inlineData or fileData. */
void media_put(struct json_writer *, enum dgm_surface, const struct media *);

#endif
