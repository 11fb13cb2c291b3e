/* SPDX-License-Identifier: Apache-2.0 */
/* wipe.h - memory for secrets: overwritten before it is given back. */
#ifndef AUTH_WIPE_H
#define AUTH_WIPE_H

#include <dragoman/types.h>

/** An allocator over another one, which is borrowed, and must outlive it. */
struct dgm_alloc auth_wiping(const struct dgm_alloc *under);

#endif
