/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signature.h - thought signatures: made for one part of an answer, told apart when they come back (google.md 9.1).
 *
 * A signature is 44 letters of base64 over what it was made for: the kind of the part and its content, the
 * generation of the model, and the surface, under a seal with a key that comes of a seed. It needs no memory and no clock:
 * whoever has the key, every worker and every restart, makes the same one again. Content is compared by meaning: a call by its name and arguments, whatever the order of members and the
 * spelling of numbers; a text by its bytes; inline data by its letters, in either alphabet.
 */
#ifndef EMULATE_SIGNATURE_H
#define EMULATE_SIGNATURE_H

#include "auth/mac.h"
#include "emulate/ask.h"

/** The key that belongs to the key of a seed (emu_key_of_seed). It tells emulators apart, and guards nothing. */
uint64_t emu_signature_key(const unsigned char key[AUTH_MAC_BYTES]);

/** What a signature is made for. A thought summary is a text of its own. */
enum signed_kind { SIGNED_TEXT = 1, SIGNED_THOUGHT, SIGNED_CALL, SIGNED_DATA, SIGNED_TOOL };

struct signed_part {
    enum signed_kind kind;
    /* of a call; of SIGNED_TOOL: the part's member, toolCall or toolResponse */
    struct dgm_str name;
    /* the whole text; a call's arguments or the member's value as a JSON text ("" reads as {}); base64 */
    struct dgm_str body;
};

/**
 * Puts the signature of a part as the answer to `ask` has it. A part that is sent in pieces has one, over all
 * of it, with its last piece. DGM_OK, DGM_E_NOMEM, DGM_E_LIMIT (of `out`).
 */
DGM_MUST_USE enum dgm_rc emu_signature_put(struct dgm_buf *out, const struct ask *,
                                           const struct signed_part *, struct dgm_arena *scratch);

/** What a part's signature turns out to be. */
enum signature {
    SIGNATURE_MISSING,
    SIGNATURE_GOOD,     /* made for this part, this generation, this surface */
    SIGNATURE_SENTINEL, /* one of the two documented texts that skip the validation, raw or as base64 */
    SIGNATURE_ALTERED, /* never made here, or under another key */
    SIGNATURE_MOVED,   /* made for a part with other content */
    SIGNATURE_MERGED,  /* made for a text that begins or ends this one: texts were joined */
    SIGNATURE_FOREIGN, /* made for this part on the other surface, or by a model of another first number */
    SIGNATURE_RELATED, /* made for this part by another version of the same first number: 3 and 3.1 */
};

/** A walk over the parts of a history; zero is its start. */
struct signature_reader {
    uint64_t _text, _thought; /* the texts of the model since it last said something else */
    size_t _text_bytes, _thought_bytes;
};

/**
 * Judges the next part; `content` is what it stands in. To be called with every part, in order: the pieces of
 * a streamed text that stand side by side are what the signature at their end was made for.
 */
enum signature emu_signature_next(struct signature_reader *, const struct ask *,
                                  const struct json_val *content, const struct json_val *part);

#endif
