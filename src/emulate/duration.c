/* SPDX-License-Identifier: Apache-2.0 */
/* duration.c - lengths of time, read. */
#include "emulate/duration.h"

#include "base/str.h"

#define DURATION_MAX_S 3155760000.0

bool emu_duration_read(struct dgm_str s, int64_t *ret_ms)
{
    double seconds;
    if (!dgm_str_ends(s, DGM_STR("s")) || !dgm_str_double(dgm_str_head(s, s.n - 1), &seconds) ||
        !(seconds >= -DURATION_MAX_S && seconds <= DURATION_MAX_S))
        return false;
    *ret_ms = (int64_t)(seconds * 1000);
    return true;
}
