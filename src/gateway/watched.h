/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watched.h - small files that may change while we run: the key file, certificates.
 *
 * Nobody is told of a change: whoever needs a file looks, and no more often than it is worth. A file that is replaced by
 * rename(2), as `dragoman keys` and certbot do, is never seen half written.
 */
#ifndef GATEWAY_WATCHED_H
#define GATEWAY_WATCHED_H

#include <dragoman/types.h>

/** What tells one content of a file from another. All zero: there was none. */
struct gw_file_mark {
    uint64_t device, inode, bytes;
    int64_t written_ns, changed_ns;
};

/** Looks at a path. True: it is not what it was, and `*mark` is what it is now. */
bool gw_file_changed(const char *path, struct gw_file_mark *mark);

/** Reads to the end into `out`, up to its ceiling. 0, or an errno; EFBIG for more. The descriptor stays open. */
int gw_fd_read(int fd, struct dgm_buf *out);

/** The same of a file. */
int gw_file_read(const char *path, struct dgm_buf *out);

#endif
