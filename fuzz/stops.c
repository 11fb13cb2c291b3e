/* SPDX-License-Identifier: Apache-2.0 */
/* stops.c - fuzzes translate/stops: however a text is cut, what stands before the first stop is shown. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/utf8.h"
#include "translate/stops.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* By the definition: the sequence that is complete first, the longest of those. */
static size_t shown_by_reference(const struct dgm_str *sequences, size_t n, struct dgm_str text)
{
    for (size_t end = 1; end <= text.n; end++) {
        size_t longest = 0;
        for (size_t k = 0; k < n; k++)
            if (sequences[k].n > longest && dgm_str_ends(dgm_str_head(text, end), sequences[k]))
                longest = sequences[k].n;
        if (longest != 0)
            return end - longest;
    }
    return text.n;
}

/* Feeds pieces whose sizes come from `cuts`, round and round; none: all at once. `sound`: all is UTF-8. */
static void scan(const struct stops *stops, struct dgm_str text, struct dgm_str cuts, bool sound,
                 struct dgm_buf *out, bool *ret_hit)
{
    struct stop_scan c;
    size_t fed = 0;
    assert(stop_scan_init(&c, stops, &dgm_alloc_libc) == DGM_OK);
    for (size_t i = 0; fed < text.n; i++) {
        size_t n = cuts.n ? (unsigned char)cuts.p[i % cuts.n] % 16 + (size_t)1 : text.n;
        struct dgm_str piece = dgm_str_head(dgm_str_skip(text, fed), n);
        char *copy = malloc(piece.n);
        assert(copy);
        memcpy(copy, piece.p, piece.n);
        enum dgm_rc rc = stop_feed(&c, (struct dgm_str){copy, piece.n}, out);
        free(copy);
        fed += piece.n;
        assert(rc == (c.hit ? DGM_DONE : DGM_MORE));
        assert(c._held.cap <= stops->longest + 4);
        assert(c.hit || out->n + c._held.n == fed);
        assert(!sound || dgm_utf8_bad(dgm_buf_str(out)) == out->n);
    }
    assert(stop_end(&c, out) == DGM_DONE);
    *ret_hit = c.hit;
    stop_scan_dispose(&c);
}

static void check(const struct dgm_str *sequences, size_t n, struct dgm_str text,
                  struct dgm_str cuts)
{
    struct stops stops;
    size_t bytes = 0, used = 0;
    bool sound = dgm_utf8_bad(text) == text.n;
    for (size_t k = 0; k < n; k++) {
        sound = sound && dgm_utf8_bad(sequences[k]) == sequences[k].n;
        bytes += sequences[k].n;
        used += sequences[k].n != 0;
    }
    enum dgm_rc rc = stops_init(&stops, &dgm_alloc_libc, sequences, n);
    assert(rc == (bytes > STOPS_BYTES_MAX || used > STOPS_MAX ? DGM_E_LIMIT : DGM_OK));
    size_t shown = rc == DGM_OK ? shown_by_reference(sequences, n, text) : text.n;
    for (int cut = 0; cut < 3; cut++) {
        struct dgm_buf out;
        bool hit;
        dgm_buf_init(&out, &dgm_alloc_libc, SIZE_MAX);
        scan(&stops, text,
             cut == 0   ? (struct dgm_str){0}
             : cut == 1 ? DGM_STR("\0")
                        : cuts,
             sound, &out, &hit);
        assert(dgm_str_eq(dgm_buf_str(&out), dgm_str_head(text, shown)) && hit == (shown < text.n));
        dgm_buf_dispose(&out);
    }
    stops_dispose(&stops);
}

/* Lines: the cuts, then a sequence each up to a line "=", then the text. "\n" within a sequence is a line's end. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dgm_str rest = {(const char *)data, size}, cuts, line, sequences[STOPS_MAX + 8];
    char *room = malloc(size + 1), *to = room;
    size_t n = 0;
    assert(room);
    if (size > 4096 || size == 0 || !dgm_str_split(&rest, '\n', &cuts)) {
        free(room);
        return 0;
    }
    while (n < STOPS_MAX + 8 && dgm_str_split(&rest, '\n', &line) &&
           !dgm_str_eq(line, DGM_STR("="))) {
        char *from = to;
        for (size_t i = 0; i < line.n; i++) {
            bool escape = line.p[i] == '\\' && i + 1 < line.n && line.p[i + 1] == 'n';
            *to++ = escape ? '\n' : line.p[i];
            i += escape;
        }
        sequences[n++] = (struct dgm_str){from, (size_t)(to - from)};
    }
    if (rest.p)
        check(sequences, n, rest, cuts);
    free(room);
    return 0;
}
