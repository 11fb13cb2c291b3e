/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rerun.h - a recorded exchange done again: would this version ask the same, and say the same?
 *
 * The client's request is made anew for the upstream of each call, with the settings, ids and time of then, and compared
 * with what was sent; what the upstream answered goes through the answer side, in the pieces in which it came, and what
 * comes out is compared with what the client got. Nothing is asked and nothing is remembered.
 */
#ifndef GATEWAY_RERUN_H
#define GATEWAY_RERUN_H

#include "gateway/recording.h"

enum gw_rerun {
    GW_RERUN_SAME,
    GW_RERUN_CHANGED,
    GW_RERUN_NOT_RUN, /* nothing was translated, or what it came to is not in the recording */
    GW_RERUN_NOMEM,
};

/** Puts a line, indented, for each thing that changed, or one that says why it can not be run. */
enum gw_rerun gw_rerun(const struct gw_recording *, struct dgm_buf *out);

#endif
