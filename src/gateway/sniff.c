/* SPDX-License-Identifier: Apache-2.0 */
/* sniff.c - what a file is, by its first bytes. */
#include "gateway/sniff.h"

#include "base/str.h"

static const struct {
    size_t offset;
    struct dgm_str bytes, also;
    size_t at;
    struct dgm_str mime;
} rows[] = {
#define LITERAL(s) {s, sizeof s - 1}
#define SNIFF(offset, bytes, also, at, mime)                                                       \
    {offset, LITERAL(bytes), LITERAL(also), at, LITERAL(mime)},
#include "gateway/sniff.def"
#undef SNIFF
#undef LITERAL
};

static bool has(struct dgm_str s, size_t offset, struct dgm_str bytes)
{
    return dgm_str_eq(dgm_str_head(dgm_str_skip(s, offset), bytes.n), bytes);
}

/* A page instead of a file: what hosts answer that want a login, or have lost the file. */
static bool is_page(struct dgm_str s)
{
    const struct dgm_str doctype = DGM_STR("<!doctype html"), html = DGM_STR("<html"),
                         mark = DGM_STR("\xef\xbb\xbf");
    s = dgm_str_skip(s, dgm_str_starts(s, mark) ? mark.n : 0);
    while (s.n != 0 && (s.p[0] == ' ' || (s.p[0] >= '\t' && s.p[0] <= '\r')))
        s = dgm_str_skip(s, 1);
    return dgm_str_eq_nocase(dgm_str_head(s, doctype.n), doctype) ||
           dgm_str_eq_nocase(dgm_str_head(s, html.n), html);
}

struct dgm_str gw_sniff(struct dgm_str first_bytes)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (has(first_bytes, rows[i].offset, rows[i].bytes) &&
            (rows[i].also.n == 0 || has(first_bytes, rows[i].at, rows[i].also)))
            return rows[i].mime;
    return is_page(first_bytes) ? DGM_STR("text/html") : (struct dgm_str){0};
}
