/* SPDX-License-Identifier: Apache-2.0 */
/* target.h - where a native request goes: method, path and query, read (google.md 1.4, 1.6). */
#ifndef EMULATE_TARGET_H
#define EMULATE_TARGET_H

#include "emulate/native.h"

enum target_verb {
    TARGET_GENERATE,
    TARGET_STREAM,
    TARGET_COUNT, /* countTokens */
    TARGET_GET,   /* GET of a model */
    TARGET_LIST,  /* GET of all */
    TARGET_CACHE_CREATE,
    TARGET_CACHE_LIST,
    TARGET_CACHE_GET,
    TARGET_CACHE_PATCH,
    TARGET_CACHE_DELETE,
    TARGET_UNSERVED, /* a method of Google's that is not emulated */
};

/** Views of the target text. */
struct target {
    enum native_surface surface;
    enum target_verb verb;
    struct dgm_str resource;  /* "projects/p/locations/l/publishers/google/models/m", "models/m" */
    struct dgm_str publisher; /* "google"; absent on the Gemini API */
    struct dgm_str model;     /* "gemini-2.5-flash"; absent of a list */
    struct dgm_str cache;     /* the last of "cachedContents/123"; absent else */
    struct dgm_str method;    /* "generateContent"; absent of GET */
    struct dgm_str query;     /* behind the "?" */
    bool sse;                 /* alt=sse */
};

/** Reads it. False: no such path, no such verb, or not its method; Google's frontend answers 404 to all three. */
bool emu_target_read(struct dgm_str method, struct dgm_str target, struct target *ret);

#endif
