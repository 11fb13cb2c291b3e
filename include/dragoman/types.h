/* SPDX-License-Identifier: Apache-2.0 */
/* types.h - what every call of libdragoman is made of: results, strings, buffers, memory, errors. */
#ifndef DRAGOMAN_TYPES_H
#define DRAGOMAN_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DGM_MUST_USE __attribute__((warn_unused_result))

/**
 * What a call came to. Zero is done, positive values are states ("not yet" is no error), negative ones
 * are errors. A header names the values a call can return; no call returns any other.
 */
enum dgm_rc {
    DGM_OK = 0,          /* done */
    DGM_MORE = 1,        /* the input is used up; call again with more of it */
    DGM_EVENT = 2,       /* one thing was decoded; call again for the next */
    DGM_FULL = 3,        /* the output has no room for what comes next; drain it and call again */
    DGM_NEED = 4,        /* something remembered is asked for; supply it and resume */
    DGM_KEEP = 5,        /* something must be stored before the output may leave */
    DGM_DONE = 6,        /* nothing more will ever come */
    DGM_E_NOMEM = -1,    /* the allocator said no */
    DGM_E_LIMIT = -2,    /* a ceiling was reached */
    DGM_E_SYNTAX = -3,   /* bytes that are not what they claim to be */
    DGM_E_REFUSED = -4,  /* understood and refused: a struct dgm_fail tells why */
    DGM_E_UPSTREAM = -5, /* the upstream failed or broke off: the output already says so */
};

/** A view of bytes somebody else owns. Not zero-terminated. `p == NULL` is "absent", `n == 0` "empty". */
struct dgm_str {
    const char *p;
    size_t n;
};

/** A view of a string literal. */
#define DGM_STR(literal) ((struct dgm_str){"" literal, sizeof(literal) - 1})

/**
 * Where memory comes from. `resize(ctx, p, old_n, n)` is malloc (p == NULL), realloc and free (n == 0) in
 * one; it returns NULL when it frees and when it cannot, and then leaves `p` as it was.
 */
struct dgm_alloc {
    void *(*resize)(void *ctx, void *p, size_t old_n, size_t n);
    void *ctx;
};

/** The C library's memory. */
extern const struct dgm_alloc dgm_alloc_libc;

/**
 * A growing run of bytes with a ceiling it is born with. Writers are sticky: after the first failure
 * nothing is added and `rc` says why, so a caller writes all it has and looks once.
 *
 * Invariant: n <= cap <= max. There is no terminating zero.
 */
struct dgm_buf {
    char *p;
    size_t n, cap, max;
    enum dgm_rc rc; /* DGM_OK, DGM_E_NOMEM or DGM_E_LIMIT */
    const struct dgm_alloc *_alloc;
};

/** Makes an empty buffer that never holds more than `max` bytes. Allocates nothing yet. */
void dgm_buf_init(struct dgm_buf *, const struct dgm_alloc *, size_t max);

/** Frees what it holds. Fine on a zeroed buffer and twice. */
void dgm_buf_dispose(struct dgm_buf *);

/** Empties it, keeps the memory and forgets a failure. */
void dgm_buf_clear(struct dgm_buf *);

/** Makes room for `n` more bytes. Returns where they go, NULL (and sets `rc`) when there is none. */
char *dgm_buf_reserve(struct dgm_buf *, size_t n);

void dgm_buf_put(struct dgm_buf *, struct dgm_str);
void dgm_buf_put_char(struct dgm_buf *, char);
void dgm_buf_put_int(struct dgm_buf *, int64_t);
void dgm_buf_put_hex(struct dgm_buf *, uint64_t, unsigned digits); /* lower case, zero-filled */

/** Puts a string literal. */
#define dgm_buf_put_lit(buf, literal) dgm_buf_put((buf), DGM_STR(literal))

/** Drops the first `n` bytes (at most all), moving the rest down. */
void dgm_buf_drop(struct dgm_buf *, size_t n);

/** What it holds now; valid until the next call that changes it. */
static inline struct dgm_str dgm_buf_str(const struct dgm_buf *b)
{
    return (struct dgm_str){b->p, b->n};
}

/** Every way Dragoman itself refuses or fails: one row each in errors.def. Numbers are never reused. */
enum dgm_error {
#define ERROR(id, number, status, type, code, sentence) DGM_ERR_##id = (number),
#include <dragoman/errors.def>
#undef ERROR
};

/** Trouble a peer or a user caused, as a value: no memory hangs on it. Texts are zero-terminated UTF-8. */
struct dgm_fail {
    enum dgm_error id;
    char param[128];  /* the member at fault, as "messages[3].content"; "" when there is none */
    char detail[512]; /* one sentence for people; "" stands for the row's own sentence */
};

/** The HTTP status of an error, from its row; 500 for a number that has none. */
int dgm_error_status(enum dgm_error);

/** Its OpenAI `code` ("" where the row has none) and `type`, and the sentence, from its row. */
struct dgm_str dgm_error_sentence(enum dgm_error);
struct dgm_str dgm_error_code(enum dgm_error);
struct dgm_str dgm_error_type(enum dgm_error);

/**
 * Fills `f`. `param` may be empty. The detail is put together from up to four pieces (absent ones are left
 * out), each cut at a character's border when the place is full.
 */
void dgm_fail_set(struct dgm_fail *f, enum dgm_error, struct dgm_str param,
                  const struct dgm_str detail[4]);

/** The same with nothing but the row's own sentence. */
void dgm_fail_row(struct dgm_fail *f, enum dgm_error);

/** Whose contract an answer keeps where the two differ (docs/COMPAT.md, compat: google). */
enum dgm_compat {
    DGM_COMPAT_OPENAI, /* OpenAI's, with Google's own members inside */
    DGM_COMPAT_GOOGLE, /* that of Google's own endpoint, to the letter */
};

/** Puts OpenAI's error object `{"error":{"message","type","param","code"}}`, param and code null when absent. */
void dgm_fail_put(const struct dgm_fail *, struct dgm_buf *out);

/** Puts the error as a whole answer in one form or the other: Google's is `[{"error":{code,message,status,details}}]`. */
void dgm_fail_put_as(const struct dgm_fail *, enum dgm_compat, struct dgm_buf *out);

/** Such an answer, in either form, as the data of an event: without Google's array around it. */
struct dgm_str dgm_fail_event(struct dgm_str answer);

#endif
