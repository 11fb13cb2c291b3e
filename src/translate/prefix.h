/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prefix.h - the beginning of a request that an upstream keeps for it, as a cachedContent (user-pain A9).
 *
 * The body is put as ever; where it could be cut is noted meanwhile, as offsets. What is kept, and what is sent beside its
 * name, are then segments of that same body, so that the body is whole again whenever it must be. Cut is behind a marked part of a
 * user's or behind a marked message, and only where a user goes on: Gemini wants a user's turn first, and results at once
 * behind their calls (google.md 6.2). That this holds of what follows a cache too is inferred.
 */
#ifndef TRANSLATE_PREFIX_H
#define TRANSLATE_PREFIX_H

#include "translate/chat.h"

struct prefix {
    bool marks; /* they count */
    const struct dgm_lead
        *cached; /* what the cache was made with that the client names; NULL: nobody knows */
    int64_t head_ttl_s,
        said_ttl_s; /* of the last mark in the head, of the last in messages; 0: none */
    size_t system_end, head_end; /* of systemInstruction; of it, tools and toolConfig */
    size_t contents;             /* where the first content begins */
    size_t noted, cut;           /* behind a mark: maybe, surely; 0: nowhere */
    int64_t noted_ttl_s, cut_ttl_s;
    bool within; /* the cut is within a turn, which begins anew behind it */
    struct dgm_prefix ret;
    bool any;                    /* `ret` is one */
    const struct dgm_str *whole; /* the body's segments, all of them */
    size_t whole_n;
};

/** Puts systemInstruction, tools and toolConfig, or leaves out what the client's cache has, or refuses what it may not bring. */
void prefix_put_head(struct dgm_request *);

/** Whether a member is a mark that counts, so that it is not ignored. */
bool prefix_is_mark(const struct dgm_request *, struct dgm_str name, const struct json_val *);

/** The same for lists of names that are known in an object: "cache_control", or "type" where it holds none. */
const char *prefix_known(const struct dgm_request *, const struct json_val *obj);

/** Notes the marks of a tool, or of a function; of a message that leads. */
void prefix_mark_head(struct dgm_request *, const struct json_val *obj);
void prefix_mark_system(struct dgm_request *, size_t message);

/** Contents begin, and nothing is noted. */
void prefix_begin_contents(struct dgm_request *);

/** Notes that a cut may be here: behind a part that is marked; behind messages one of which is. */
void prefix_mark_part(struct chat_contents *, const struct json_val *part);
void prefix_mark_messages(struct chat_contents *, size_t first, size_t end);

/** A part is about to be put: what was noted before it counts, or does not. */
void prefix_go_on(struct chat_contents *, enum chat_turn);

/** The body is put: finds what of it is marked. */
void prefix_end(struct dgm_request *);

#endif
