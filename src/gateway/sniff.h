/* SPDX-License-Identifier: Apache-2.0 */
/* sniff.h - what a file is, by its first bytes: hosts and names say what they like. */
#ifndef GATEWAY_SNIFF_H
#define GATEWAY_SNIFF_H

#include <dragoman/types.h>

#define GW_SNIFF_BYTES 64 /* as many are looked at */

/** The MIME type of what begins so (sniff.def); absent: nobody knows. */
struct dgm_str gw_sniff(struct dgm_str first_bytes);

#endif
