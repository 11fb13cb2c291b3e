/* SPDX-License-Identifier: Apache-2.0 */
/* urls.h - what somebody fetched for URLs in a request, to be sent in their place. */
#ifndef TRANSLATE_URLS_H
#define TRANSLATE_URLS_H

#include "json/raw.h"
#include "translate/chat.h"

/** What was given for a URL; NULL: nothing, it is sent as it is. The second takes it as JSON has it, in quotes. */
const struct dgm_url *urls_find(const struct dgm_request *, struct dgm_str url);
const struct dgm_url *urls_find_quoted(const struct dgm_request *, struct dgm_str quoted);

/** Its MIME type, for a server that is told nothing else: as given, else of its name. Absent: nobody knows. */
struct dgm_str urls_mime(const struct dgm_url *);

/** How a relayed part holds its medium (relay_parts.def). */
struct url_part {
    struct dgm_str type;   /* of the part, and its member that holds it */
    struct dgm_str source; /* the member of that where a URL stands, unless it is a string itself */
    bool bare;             /* base64 stands there alone, not as a data: URL */
};

/** That of a member's name in its quotes; NULL: it holds none. */
const struct url_part *urls_part(struct dgm_str quoted_name);

#endif
