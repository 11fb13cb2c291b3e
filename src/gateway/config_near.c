/* SPDX-License-Identifier: Apache-2.0 */
/* config_near.c - "did you mean": the word nearest to one that is unknown, or the three nearest. */
#include "gateway/config_near.h"

#include "base/str.h"

#include <string.h>

#define WORD_MAX 40     /* longer words have no neighbours worth naming */
#define COMPARED_MAX 64 /* letters */

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Optimal string alignment distance: three rows of the usual table. */
static unsigned distance(struct dgm_str a, struct dgm_str b)
{
    unsigned rows[3][COMPARED_MAX + 1];
    for (unsigned j = 0; j <= b.n; j++)
        rows[0][j] = j;
    for (unsigned i = 1; i <= a.n; i++) {
        unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (unsigned j = 1; j <= b.n; j++) {
            row[j] =
                least(least(row[j - 1], above[j]) + 1, above[j - 1] + (a.p[i - 1] != b.p[j - 1]));
            if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1])
                row[j] = least(row[j], above2[j - 2] + 1);
        }
    }
    return rows[a.n % 3][b.n];
}

struct dgm_str gw_near(struct dgm_str word, const struct dgm_str *words, size_t n)
{
    struct dgm_str best = {0};
    if (word.n == 0 || word.n > WORD_MAX)
        return best;
    unsigned best_distance = least(((unsigned)word.n + 2) / 3, 4) + 1;
    for (size_t i = 0; i < n; i++) {
        if (words[i].n > WORD_MAX)
            continue;
        unsigned d = distance(word, words[i]);
        if (d < best_distance && d < words[i].n) {
            best_distance = d;
            best = words[i];
        }
    }
    return best;
}

unsigned gw_near_letters(struct dgm_str a, struct dgm_str b)
{
    return distance(dgm_str_head(a, COMPARED_MAX), dgm_str_head(b, COMPARED_MAX));
}

static struct dgm_str text_at(const struct gw_nearest *all, size_t i)
{
    return (struct dgm_str){all->at[i].text, all->at[i].bytes};
}

void gw_nearest_see(struct gw_nearest *all, struct dgm_str word, unsigned letters)
{
    size_t at = all->n;
    if (word.n == 0 || word.n > GW_NEAREST_BYTES_MAX)
        return;
    for (size_t i = 0; i < all->n; i++)
        if (dgm_str_eq(text_at(all, i), word))
            return;
    while (at != 0 && all->at[at - 1].letters > letters)
        at--;
    if (at == GW_NEAREST)
        return;
    all->n += all->n < GW_NEAREST;
    memmove(&all->at[at + 1], &all->at[at], (all->n - 1 - at) * sizeof all->at[at]);
    all->at[at].letters = letters;
    all->at[at].bytes = word.n;
    memcpy(all->at[at].text, word.p, word.n);
}

void gw_nearest_put(const struct gw_nearest *all, struct dgm_buf *out)
{
    for (size_t i = 0; i < all->n; i++) {
        if (i != 0)
            dgm_buf_put(out, i + 1 == all->n ? DGM_STR(" or ") : DGM_STR(", "));
        dgm_buf_put_char(out, '"');
        dgm_buf_put(out, text_at(all, i));
        dgm_buf_put_char(out, '"');
    }
}
