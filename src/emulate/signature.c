/* SPDX-License-Identifier: Apache-2.0 */
/* signature.c - thought signatures. */
#include "emulate/signature.h"

#include "base/str.h"
#include "emulate/base64.h"
#include "emulate/hash.h"

#include <string.h>

/*
 * What the letters stand for: 33 bytes, so that no letter has bits that mean nothing, numbers with the low
 * byte first. MAGIC, kind, surface (1 Vertex, 2 the Gemini API), generation, two of zero; the content's digest
 * and its length at 9 and 17, and at 25 the seal over all before it.
 */
#define MAGIC "emul"
#define BYTES 33
#define DIGEST_AT 9
#define LENGTH_AT 17
#define SEAL_AT 25
#define LETTERS (BYTES / 3 * 4)

#define FNV_START UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

struct content {
    unsigned kind; /* an enum signed_kind; 0: what nobody signs */
    uint64_t digest, length;
};

/* ---- digests ------------------------------------------------------------------------------------------ */

/* FNV-1a, to be gone on with. */
static uint64_t go_on(uint64_t h, struct dgm_str s)
{
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * FNV_PRIME;
    return h;
}

static uint64_t digest_number(struct dgm_str text)
{
    int64_t i;
    double d;
    uint64_t bits = 0;
    if (dgm_str_i64(text, &i))
        return emu_hash_mix((uint64_t)i);
    if (!dgm_str_double(text, &d))
        return emu_hash_str(text); /* too large for a double: as it is written */
    memcpy(&bits, &d, sizeof d);
    return emu_hash_mix(bits + 1);
}

/* Members add up, so their order does not count; elements are chained, so it does. */
static uint64_t digest_value(const struct json_val *v)
{
    uint64_t h = (uint64_t)json_kind(v);
    switch (json_kind(v)) {
    case JSON_BOOL:
        return emu_hash_mix(h + (json_bool(v, false) ? 0x100 : 0));
    case JSON_NUM:
        return emu_hash_mix(h ^ digest_number(json_num(v)));
    case JSON_STR:
        return emu_hash_mix(h ^ emu_hash_str(json_str(v)));
    case JSON_ARR:
        for (struct json_iter i = json_iter(v); json_next(&i);)
            h = emu_hash_mix(h ^ digest_value(i.value));
        return emu_hash_mix(h);
    case JSON_OBJ:
        for (struct json_iter i = json_iter(v); json_next(&i);)
            h += emu_hash_mix(emu_hash_str(i.name) ^ digest_value(i.value));
        return emu_hash_mix(h);
    default:
        return emu_hash_mix(h);
    }
}

static uint64_t digest_call(struct dgm_str name, const struct json_val *args)
{
    static const uint64_t nothing = JSON_OBJ; /* absent arguments are none */
    return emu_hash_mix(emu_hash_str(name) ^
                        (json_size(args) != 0 ? digest_value(args) : emu_hash_mix(nothing)));
}

static uint64_t digest_data(struct dgm_str base64, uint64_t *ret_length)
{
    uint64_t h = FNV_START;
    while (base64.n != 0 && base64.p[base64.n - 1] == '=')
        base64.n--;
    for (size_t i = 0; i < base64.n; i++) {
        char c = base64.p[i] == '-' ? '+' : base64.p[i] == '_' ? '/' : base64.p[i];
        h = (h ^ (unsigned char)c) * FNV_PRIME;
    }
    *ret_length = base64.n;
    return h;
}

/* ---- making ------------------------------------------------------------------------------------------- */

static void put_number(unsigned char *at, uint64_t n)
{
    for (size_t i = 0; i < 8; i++)
        at[i] = (unsigned char)(n >> 8 * i);
}

static uint64_t get_number(const unsigned char *at)
{
    uint64_t n = 0;
    for (size_t i = 0; i < 8; i++)
        n |= (uint64_t)at[i] << 8 * i;
    return n;
}

uint64_t emu_signature_key(const unsigned char key[AUTH_MAC_BYTES])
{
    /* Of the key of tokens nothing must be seen in what can be computed back. */
    unsigned char own[AUTH_MAC_BYTES];
    bool made = auth_mac((struct dgm_str){(const char *)key, AUTH_MAC_BYTES},
                         DGM_STR("dragoman: emulated thought signatures"), own);
    return made ? get_number(own) : 0;
}

static uint64_t seal(const struct ask *ask, const unsigned char *bytes)
{
    uint64_t h = emu_hash_str((struct dgm_str){(const char *)bytes, SEAL_AT});
    return emu_hash_mix(h ^ ask->signature_key);
}

static unsigned char surface_byte(const struct ask *ask)
{
    return emu_ask_is_vertex(ask) ? 1 : 2;
}

static void put(struct dgm_buf *out, const struct ask *ask, const struct content *c)
{
    unsigned char bytes[BYTES] = MAGIC;
    bytes[4] = (unsigned char)c->kind;
    bytes[5] = surface_byte(ask);
    bytes[6] = (unsigned char)ask->model.generation;
    put_number(bytes + DIGEST_AT, c->digest);
    put_number(bytes + LENGTH_AT, c->length);
    put_number(bytes + SEAL_AT, seal(ask, bytes));
    emu_base64_put(out, (struct dgm_str){(const char *)bytes, sizeof bytes});
}

static enum dgm_rc digest_args(const struct signed_part *part, struct dgm_arena *scratch,
                               uint64_t *ret)
{
    const struct json_val *args = NULL;
    struct json_error error;
    char *text = dgm_arena_take(scratch, part->body.n + JSON_PADDING);
    if (!text)
        return DGM_E_NOMEM;
    if (part->body.n != 0)
        memcpy(text, part->body.p, part->body.n);
    enum dgm_rc rc = json_parse(scratch, text, part->body.n, JSON_DEPTH_MAX, &args, &error);
    if (rc == DGM_E_NOMEM)
        return rc;
    *ret = digest_call(part->name, args);
    return DGM_OK;
}

enum dgm_rc emu_signature_put(struct dgm_buf *out, const struct ask *ask,
                              const struct signed_part *part, struct dgm_arena *scratch)
{
    struct content c = {.kind = part->kind};
    enum dgm_rc rc = DGM_OK;
    if (part->kind == SIGNED_CALL || part->kind == SIGNED_TOOL) {
        rc = digest_args(part, scratch, &c.digest);
    } else if (part->kind == SIGNED_DATA) {
        c.digest = digest_data(part->body, &c.length);
    } else {
        c.digest = go_on(FNV_START, part->body);
        c.length = part->body.n;
    }
    if (rc != DGM_OK)
        return rc;
    put(out, ask, &c);
    return out->rc;
}

/* ---- judging ------------------------------------------------------------------------------------------ */

/* The six bits of a letter of either alphabet, 64 for no letter. */
static unsigned letter_bits(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (unsigned)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (unsigned)(c - 'a') + 26;
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0') + 52;
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : 64;
}

/* Reads letters without padding, four for three bytes. */
static bool read_letters(struct dgm_str s, unsigned char *bytes, size_t n)
{
    if (s.n != n / 3 * 4)
        return false;
    for (size_t i = 0; i < n / 3; i++) {
        unsigned triple = 0;
        for (size_t k = 0; k < 4; k++) {
            unsigned bits = letter_bits(s.p[4 * i + k]);
            if (bits > 63)
                return false;
            triple = triple << 6 | bits;
        }
        for (size_t k = 0; k < 3; k++)
            bytes[3 * i + k] = (unsigned char)(triple >> (16 - 8 * k));
    }
    return true;
}

static bool is_sentinel(struct dgm_str s)
{
    static const struct dgm_str sentinels[] = {
        DGM_STR("skip_thought_signature_validator"),
        DGM_STR("c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I"),
        DGM_STR("context_engineering_is_the_way_to_go"),
        DGM_STR("Y29udGV4dF9lbmdpbmVlcmluZ19pc190aGVfd2F5X3RvX2dv"),
    };
    while (s.n != 0 && s.p[s.n - 1] == '=')
        s.n--;
    for (size_t i = 0; i < sizeof sentinels / sizeof *sentinels; i++)
        if (dgm_str_eq(s, sentinels[i]))
            return true;
    return false;
}

/* What the service itself called, and what that answered. */
static bool read_tool(const struct json_val *part, struct content *ret)
{
    static const struct dgm_str names[] = {DGM_STR("toolCall"), DGM_STR("toolResponse")};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct json_val *tool = emu_ask_get(part, names[i]);
        if (!tool)
            continue;
        *ret = (struct content){.kind = SIGNED_TOOL, .digest = digest_call(names[i], tool)};
        return true;
    }
    return false;
}

static struct content content_of(const struct json_val *part)
{
    struct content c = {0};
    const struct json_val *call = emu_ask_member(part, "functionCall");
    struct dgm_str text = json_str(emu_ask_member(part, "text"));
    struct dgm_str data = json_str(emu_ask_member(emu_ask_member(part, "inlineData"), "data"));
    if (read_tool(part, &c))
        return c;
    if (call) {
        c.kind = SIGNED_CALL;
        c.digest =
            digest_call(json_str(emu_ask_member(call, "name")), emu_ask_member(call, "args"));
    } else if (data.p) {
        c.kind = SIGNED_DATA;
        c.digest = digest_data(data, &c.length);
    } else if (text.p) {
        c.kind = json_bool(emu_ask_member(part, "thought"), false) ? SIGNED_THOUGHT : SIGNED_TEXT;
        c.digest = go_on(FNV_START, text);
        c.length = text.n;
    }
    return c;
}

/* Whether the text that was signed begins or ends a longer one. */
static bool joined(struct dgm_str text, uint64_t digest, uint64_t length)
{
    if (length == 0 || length >= text.n)
        return false;
    struct dgm_str head = dgm_str_head(text, (size_t)length);
    struct dgm_str tail = dgm_str_skip(text, text.n - (size_t)length);
    return go_on(FNV_START, head) == digest || go_on(FNV_START, tail) == digest;
}

/* Adds a text to the pieces before it. */
static void extend(struct signature_reader *r, enum signed_kind kind, struct dgm_str text)
{
    uint64_t *digest = kind == SIGNED_THOUGHT ? &r->_thought : &r->_text;
    size_t *bytes = kind == SIGNED_THOUGHT ? &r->_thought_bytes : &r->_text_bytes;
    *digest = go_on(*bytes != 0 ? *digest : FNV_START, text);
    *bytes += text.n;
}

enum signature emu_signature_next(struct signature_reader *r, const struct ask *ask,
                                  const struct json_val *content, const struct json_val *part)
{
    struct dgm_str signature = json_str(emu_ask_member(part, "thoughtSignature"));
    struct dgm_str text = json_str(emu_ask_member(part, "text"));
    bool is_text = text.p && !emu_ask_member(part, "functionCall");
    bool thought = json_bool(emu_ask_member(part, "thought"), false);
    bool model = dgm_str_eq(json_get_str(content, DGM_STR("role")), DGM_STR("model"));
    if (!model || !is_text)
        *r = (struct signature_reader){0};
    else
        extend(r, thought ? SIGNED_THOUGHT : SIGNED_TEXT, text);
    struct signature_reader run = *r;
    if (signature.n == 0)
        return SIGNATURE_MISSING;
    *r = (struct signature_reader){0}; /* what is signed has ended */
    if (is_sentinel(signature))
        return SIGNATURE_SENTINEL;

    unsigned char bytes[BYTES];
    if (!read_letters(signature, bytes, sizeof bytes) || memcmp(bytes, MAGIC, 4) != 0 ||
        get_number(bytes + SEAL_AT) != seal(ask, bytes))
        return SIGNATURE_ALTERED;
    struct content is = content_of(part);
    uint64_t digest = get_number(bytes + DIGEST_AT), length = get_number(bytes + LENGTH_AT);
    bool whole = is.digest == digest && is.length == length;
    bool pieces = is_text && digest == (thought ? run._thought : run._text) &&
                  length == (thought ? run._thought_bytes : run._text_bytes);
    if (bytes[4] != is.kind || (!whole && !pieces))
        return bytes[4] == SIGNED_TEXT && is_text && joined(text, digest, length) ? SIGNATURE_MERGED
                                                                                  : SIGNATURE_MOVED;
    if (bytes[5] != surface_byte(ask) || bytes[6] / 10 != ask->model.generation / 10)
        return SIGNATURE_FOREIGN;
    return bytes[6] == ask->model.generation ? SIGNATURE_GOOD : SIGNATURE_RELATED;
}
