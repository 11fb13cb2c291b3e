/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stops.h - stop sequences that the gateway enforces itself (user-pain A6: Gemini takes five, clients send ten).
 *
 * All sequences are looked for at once, in one pass over a text that comes in pieces (Aho and Corasick, 1975). What
 * is shown is the same for any cut of the text: all that stands before the sequence that is complete first; of those
 * that end at the same byte, the longest. Whatever may still become a sequence is held back until that is known.
 */
#ifndef TRANSLATE_STOPS_H
#define TRANSLATE_STOPS_H

#include <dragoman/types.h>

#define STOPS_MAX 64
#define STOPS_BYTES_MAX 16384 /* of all sequences together */

/** A beginning that sequences share. */
struct stop_node {
    uint16_t fail; /* the longest other beginning that it ends in; 0: none */
    uint16_t child, sibling;
    uint16_t depth; /* its bytes */
    uint16_t hit;   /* bytes of the longest sequence that it ends in; 0: none */
    unsigned char byte;
};

/** The sequences of a request. All zero: none, and every text is shown whole. Nothing is borrowed. */
struct stops {
    size_t longest; /* bytes; 0: there are none */
    const struct dgm_alloc *_alloc;
    struct stop_node *_nodes; /* the first stands for nothing read */
    size_t _nodes_n, _nodes_cap;
    uint16_t *_first; /* the children of the first, by byte: behind the nodes */
};

/**
 * Makes them of UTF-8 strings; empty ones are left out. DGM_OK. DGM_E_LIMIT: more than STOPS_MAX, or than
 * STOPS_BYTES_MAX bytes of them. DGM_E_NOMEM. After a failure there are none.
 */
DGM_MUST_USE enum dgm_rc stops_init(struct stops *, const struct dgm_alloc *,
                                    const struct dgm_str *sequences, size_t n);

void stops_dispose(struct stops *); /* fine on a zeroed one and twice */

/** The search in the text of one choice. */
struct stop_scan {
    const struct stops *_stops;
    struct dgm_buf _held; /* never more than the longest sequence, or a character */
    uint16_t _at;
    bool hit; /* a sequence was found: the choice's finish reason is "stop" */
};

/** Begins one; `stops` is borrowed. All memory is taken here. DGM_OK, DGM_E_NOMEM. */
DGM_MUST_USE enum dgm_rc stop_scan_init(struct stop_scan *, const struct stops *,
                                        const struct dgm_alloc *);

void stop_scan_dispose(struct stop_scan *); /* fine on a zeroed one and twice */

/**
 * Reads a piece of the text, and puts what of it and of the bytes held back can be shown, which ends at a
 * character's border. DGM_MORE: no sequence yet. DGM_DONE: one was hit; nothing is shown from there on, whatever
 * comes. DGM_E_NOMEM, DGM_E_LIMIT: `out` failed; sticky as `out` is.
 */
DGM_MUST_USE enum dgm_rc stop_feed(struct stop_scan *, struct dgm_str text, struct dgm_buf *out);

/** The text has ended: puts what was held back. DGM_DONE; or as above when `out` failed. */
DGM_MUST_USE enum dgm_rc stop_end(struct stop_scan *, struct dgm_buf *out);

#endif
