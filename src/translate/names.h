/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names.h - function names that Gemini takes, for any that a client uses, and back (user-pain C5).
 *
 * Legal on both surfaces: a letter or "_", then letters, digits, "_", "." and "-", 64 bytes at most. A legal name
 * stays as it is; another one is made legal with a short hash of the whole, so that no two names become one. The
 * map lives in the request: the same request always gives the same names.
 */
#ifndef TRANSLATE_NAMES_H
#define TRANSLATE_NAMES_H

#include "translate/chat.h"

#define NATIVE_NAME_MAX 64

/** The name Gemini gets for a client's. Absent only when memory is short, and the request has failed. */
struct dgm_str names_native(struct dgm_request *, struct dgm_str client);

/** The client's own name for one that Gemini used; a name that nobody declared comes back as it is. */
struct dgm_str names_client(const struct dgm_request *, struct dgm_str native);

#endif
