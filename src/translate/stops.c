/* SPDX-License-Identifier: Apache-2.0 */
/* stops.c - stop sequences that the gateway enforces itself. */
#include "translate/stops.h"

#include "base/str.h"

#include <assert.h>
#include <string.h>

#define CHAR_BYTES_MAX 4 /* of UTF-8 */

/* ---- the sequences ---- */

static uint16_t child_of(const struct stops *s, uint16_t at, unsigned char byte)
{
    if (at == 0)
        return s->_first[byte];
    uint16_t child = s->_nodes[at].child;
    while (child != 0 && s->_nodes[child].byte != byte)
        child = s->_nodes[child].sibling;
    return child;
}

/* The longest beginning that what was read ends in, one byte later. */
static uint16_t step(const struct stops *s, uint16_t at, unsigned char byte)
{
    uint16_t to = child_of(s, at, byte);
    while (to == 0 && at != 0) {
        at = s->_nodes[at].fail;
        to = child_of(s, at, byte);
    }
    return to;
}

/* Its `fail` is shorter, so it has its final form already: sequences grow together, a byte of each at a time. */
static uint16_t add_child(struct stops *s, uint16_t at, unsigned char byte)
{
    uint16_t fail = at ? step(s, s->_nodes[at].fail, byte) : 0;
    assert(s->_nodes_n < s->_nodes_cap);
    uint16_t child = (uint16_t)s->_nodes_n++;
    s->_nodes[child] = (struct stop_node){
        .fail = fail,
        .depth = (uint16_t)(s->_nodes[at].depth + 1),
        .hit = s->_nodes[fail].hit,
        .byte = byte,
    };
    if (at == 0) {
        s->_first[byte] = child;
        return child;
    }
    s->_nodes[child].sibling = s->_nodes[at].child;
    s->_nodes[at].child = child;
    return child;
}

/* Adds byte `i` of every sequence that has one. */
static void add_level(struct stops *s, const struct dgm_str *sequences, size_t n, size_t i,
                      uint16_t ends[STOPS_MAX])
{
    for (size_t k = 0, used = 0; k < n; k++) {
        if (sequences[k].n == 0)
            continue;
        uint16_t *end = &ends[used++];
        if (i >= sequences[k].n)
            continue;
        unsigned char byte = (unsigned char)sequences[k].p[i];
        uint16_t child = child_of(s, *end, byte);
        *end = child ? child : add_child(s, *end, byte);
        if (i + 1 == sequences[k].n)
            s->_nodes[*end].hit = s->_nodes[*end].depth;
    }
}

static size_t nodes_bytes(const struct stops *s)
{
    return s->_nodes_cap * sizeof *s->_nodes + (UINT8_MAX + 1) * sizeof *s->_first;
}

enum dgm_rc stops_init(struct stops *s, const struct dgm_alloc *alloc,
                       const struct dgm_str *sequences, size_t n)
{
    size_t used = 0, bytes = 0, longest = 0;
    *s = (struct stops){._alloc = alloc};
    for (size_t k = 0; k < n; k++) {
        if (sequences[k].n > STOPS_BYTES_MAX - bytes)
            return DGM_E_LIMIT;
        bytes += sequences[k].n;
        used += sequences[k].n != 0;
        longest = sequences[k].n > longest ? sequences[k].n : longest;
    }
    if (used > STOPS_MAX)
        return DGM_E_LIMIT;
    if (used == 0)
        return DGM_OK;

    s->_nodes_cap = bytes + 1;
    s->_nodes = alloc->resize(alloc->ctx, NULL, 0, nodes_bytes(s));
    if (!s->_nodes)
        return DGM_E_NOMEM;
    s->_first = (uint16_t *)(s->_nodes + s->_nodes_cap);
    memset(s->_first, 0, (UINT8_MAX + 1) * sizeof *s->_first);
    s->_nodes[s->_nodes_n++] = (struct stop_node){0};
    s->longest = longest;
    uint16_t ends[STOPS_MAX] = {0};
    for (size_t i = 0; i < longest; i++)
        add_level(s, sequences, n, i, ends);
    return DGM_OK;
}

void stops_dispose(struct stops *s)
{
    if (s->_nodes)
        s->_alloc->resize(s->_alloc->ctx, s->_nodes, nodes_bytes(s), 0);
    *s = (struct stops){0};
}

/* ---- the search ---- */

enum dgm_rc stop_scan_init(struct stop_scan *c, const struct stops *stops,
                           const struct dgm_alloc *alloc)
{
    size_t max = stops->longest + CHAR_BYTES_MAX;
    *c = (struct stop_scan){._stops = stops};
    dgm_buf_init(&c->_held, alloc, max);
    return dgm_buf_reserve(&c->_held, max) ? DGM_OK : DGM_E_NOMEM;
}

void stop_scan_dispose(struct stop_scan *c)
{
    dgm_buf_dispose(&c->_held);
}

/* Goes on through a text up to the end of the first sequence; returns how far it came. */
static size_t search(struct stop_scan *c, struct dgm_str text)
{
    const struct stops *s = c->_stops;
    uint16_t at = c->_at;
    size_t i = s->longest != 0 ? 0 : text.n; /* without sequences there is nothing to find */
    while (i < text.n && !c->hit) {
        at = step(s, at, (unsigned char)text.p[i++]);
        c->hit = at != 0 && s->_nodes[at].hit != 0;
        while (at == 0 && i < text.n && s->_first[(unsigned char)text.p[i]] == 0)
            i++;
    }
    c->_at = at;
    return i;
}

/* The bytes at the end that begin a character and are not all of it. */
static size_t open_char(struct dgm_str held, struct dgm_str text)
{
    for (size_t back = 1; back < CHAR_BYTES_MAX && back <= held.n + text.n; back++) {
        unsigned char byte = (unsigned char)(back <= text.n ? text.p[text.n - back]
                                                            : held.p[held.n + text.n - back]);
        if ((byte & 0xc0) == 0x80)
            continue;
        size_t whole = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
        return back < whole ? back : 0;
    }
    return 0;
}

enum dgm_rc stop_feed(struct stop_scan *c, struct dgm_str text, struct dgm_buf *out)
{
    if (c->hit)
        return out->rc == DGM_OK ? DGM_DONE : out->rc;

    text = dgm_str_head(text, search(c, text));
    size_t keep = c->_at ? c->_stops->_nodes[c->_at].depth : 0;
    size_t begun = open_char(dgm_buf_str(&c->_held), text);
    if (c->hit)
        keep = c->_stops->_nodes[c->_at].hit;
    else if (begun > keep)
        keep = begun;
    assert(keep <= c->_held.n + text.n);
    size_t show = c->_held.n + text.n - keep;
    size_t of_held = show < c->_held.n ? show : c->_held.n;
    dgm_buf_put(out, dgm_str_head(dgm_buf_str(&c->_held), of_held));
    dgm_buf_put(out, dgm_str_head(text, show - of_held));
    dgm_buf_drop(&c->_held, of_held);
    dgm_buf_put(&c->_held, dgm_str_skip(text, show - of_held));
    assert(c->_held.rc == DGM_OK && c->_held.n == keep);
    if (out->rc != DGM_OK)
        return out->rc;
    return c->hit ? DGM_DONE : DGM_MORE;
}

enum dgm_rc stop_end(struct stop_scan *c, struct dgm_buf *out)
{
    if (!c->hit)
        dgm_buf_put(out, dgm_buf_str(&c->_held));
    dgm_buf_clear(&c->_held);
    c->_at = 0;
    return out->rc == DGM_OK ? DGM_DONE : out->rc;
}
