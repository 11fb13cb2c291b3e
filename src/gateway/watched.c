/* SPDX-License-Identifier: Apache-2.0 */
/* watched.c - small files that may change while we run. */
#include "gateway/watched.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE_BYTES ((size_t)64 * 1024)

static int64_t in_ns(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

bool gw_file_changed(const char *path, struct gw_file_mark *mark)
{
    struct stat s;
    struct gw_file_mark now = {0};
    if (stat(path, &s) == 0)
        now = (struct gw_file_mark){.device = (uint64_t)s.st_dev,
                                    .inode = (uint64_t)s.st_ino,
                                    .bytes = (uint64_t)s.st_size,
                                    .written_ns = in_ns(s.st_mtim),
                                    .changed_ns = in_ns(s.st_ctim)};
    bool changed = memcmp(&now, mark, sizeof now) != 0;
    *mark = now;
    return changed;
}

int gw_fd_read(int fd, struct dgm_buf *out)
{
    for (;;) {
        size_t room = out->max - out->n < PIECE_BYTES ? out->max - out->n : PIECE_BYTES;
        char extra, *to = dgm_buf_reserve(out, room);
        if (room != 0 && to == NULL)
            return ENOMEM;
        ssize_t n = room != 0 ? read(fd, to, room) : read(fd, &extra, 1);
        if (n == 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return errno;
        if (n > 0 && room == 0)
            return EFBIG;
        out->n += n > 0 ? (size_t)n : 0;
    }
}

int gw_file_read(const char *path, struct dgm_buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno;
    int error = gw_fd_read(fd, out);
    close(fd);
    return error;
}
