/* SPDX-License-Identifier: Apache-2.0 */
/* config_near.c - "did you mean": the word nearest to one that is unknown. */
#include "gateway/config_near.h"

#include "base/str.h"

#define WORD_MAX 40 /* longer words have no neighbours worth naming */

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Optimal string alignment distance: three rows of the usual table. */
static unsigned distance(struct dgm_str a, struct dgm_str b)
{
    unsigned rows[3][WORD_MAX + 1];
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
