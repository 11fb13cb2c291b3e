/* SPDX-License-Identifier: Apache-2.0 */
/* case.h - one golden case: a folder of files, read. README.md says what the files are. */
#ifndef GOLDEN_CASE_H
#define GOLDEN_CASE_H

#include <dragoman/dragoman.h>

#define GOLDEN_ID "golden"
#define GOLDEN_NOW 1750000000
#define GOLDEN_SUPPLIES_MAX 16

enum golden_kind { GOLDEN_REQUEST, GOLDEN_RESPONSE, GOLDEN_STREAM };

/** What a URL leads to: what the case gives for one that the core finds. */
struct golden_fetch {
    struct dgm_str url, mime, base64;
    bool sure;
};

/** A remembered signature: what the case answers to a need. */
struct golden_supply {
    struct dgm_str call_id, signature, native_id;
};

struct golden_case {
    enum golden_kind kind;
    char name[256]; /* "stream/two-choices" */
    char path[512];

    struct dgm_buf request; /* the OpenAI request: openai.json or request.json, or one made up */
    struct dgm_buf native;  /* gemini.json or gemini.sse; empty for a request */
    struct dgm_buf _options, _status;

    enum dgm_surface surface;
    bool relayed; /* to `server`, whose files are upstream.json and upstream.sse */
    struct dgm_server server;
    struct dgm_str model;    /* that a URL named; absent: none did */
    struct dgm_str near;     /* what the caller says which names are near; absent: nothing */
    struct dgm_str asked_at; /* where the caller says that it asked; absent: nowhere */
    enum dgm_reasoning reasoning;
    bool strict, bounds_thoughts, details; /* as in struct dgm_env */
    enum dgm_compat compat;
    int status; /* of the upstream's answer */
    enum dgm_error
        end; /* a stream that its caller ends so; DGM_ERR_NONE: the upstream just closes */
    bool always_usage;
    enum dgm_blocked blocked;
    enum dgm_image_output image_output;
    struct golden_supply supplies[GOLDEN_SUPPLIES_MAX];
    size_t supplies_n;
    struct golden_fetch fetches[GOLDEN_SUPPLIES_MAX];
    struct dgm_try tries[DGM_TRIES]; /* that were learnt */
    size_t tries_n;
    size_t fetches_n; /* without any, nobody asks for URLs */
    bool marks;       /* they count, and what they mark is kept */
};

/** Reads the case. Returns what is wrong with it, or NULL. Dispose of it in any case. */
const char *golden_case_init(struct golden_case *, enum golden_kind, const char *folder);
void golden_case_dispose(struct golden_case *);

/** The folders of a kind, sorted, as a NULL-ended array; NULL when there are none. */
char **golden_list(enum golden_kind);
void golden_list_free(char **);

const char *golden_kind_name(enum golden_kind);

/** Reads a file of the case into `ret`. False when there is none. */
bool golden_read(const struct golden_case *, const char *file, struct dgm_buf *ret);

/** Writes a file of the case; removes it when `text` is absent. */
void golden_write(const struct golden_case *, const char *file, struct dgm_str text);

#endif
