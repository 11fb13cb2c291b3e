/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names.h - function names that Gemini takes, for any that a client uses, and back (user-pain C5).
 *
 * Legal on both surfaces: a letter or "_", then letters, digits, "_", "." and "-", 64 bytes at most. A legal name
 * stays as it is; another one is made legal with a short hash of the whole, so that no two names become one. The
 * map lives in the request: the same request always gives the same names.
 *
 * Who is asked for first has the better claim: should a name be taken already, as a legal one that reads like another
 * one's hash, the later one gets a hash, and another one, until it is free. So tools.c asks for the legal names of the
 * declared tools first, then for their other names; those of the conversation follow in its order.
 */
#ifndef TRANSLATE_NAMES_H
#define TRANSLATE_NAMES_H

#include "translate/chat.h"

#define NATIVE_NAME_MAX 64

/* Bytes of a client's name, at most: a native one of 64 becomes no more than a stream's event has room for
 * (dragoman.h, dgm_stream_feed). Control characters, six bytes each as JSON, are in none. */
#define CLIENT_NAME_MAX 256

/** One function's name, both ways. */
struct chat_name {
    struct dgm_str client; /* absent: a name of ours, which no client knows */
    struct dgm_str native;
    size_t declared; /* who declares it: the last of the tools, counted from 1; 0 when none does */
    bool chosen;     /* tool_choice names it */
};

/** Whether a name can go to Gemini as it is. */
bool names_legal(struct dgm_str);

/** Whether a name can come back to the client: no longer than CLIENT_NAME_MAX, without control characters. */
bool names_returnable(struct dgm_str);

/** The entry of a client's name, made when there was none: O(its length). NULL only when memory is short. */
struct chat_name *names_enter(struct dgm_request *, struct dgm_str client);

/** The entry of a client's name; NULL when nobody entered it. */
struct chat_name *names_find(const struct dgm_request *, struct dgm_str client);

/** Enters a legal name of ours under a native name that nobody has, `wish` if it can be. NULL: memory is short. */
struct chat_name *names_invent(struct dgm_request *, struct dgm_str wish);

/** The entry behind a native name; NULL when there is none. */
const struct chat_name *names_behind(const struct dgm_request *, struct dgm_str native);

/** The name Gemini gets for a client's. Absent only when memory is short, and the request has failed. */
struct dgm_str names_native(struct dgm_request *, struct dgm_str client);

/**
 * The client's own name for one that Gemini used; a name that nobody declared comes back as it is, and so does one
 * whose client's cannot: of a tool of the past, for tools.c refuses to declare such a name.
 */
struct dgm_str names_client(const struct dgm_request *, struct dgm_str native);

#endif
