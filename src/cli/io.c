/* SPDX-License-Identifier: Apache-2.0 */
/* io.c - files and standard streams of the command line. */
#include "cli/cli.h"

#include "base/str.h"
#include "gateway/watched.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PRINT_BYTES_MAX ((size_t)1024 * 1024) /* of our own texts */

void cli_tell_texts(const struct dgm_str *texts, size_t n)
{
    fprintf(stderr, "dragoman: ");
    for (size_t i = 0; i < n; i++)
        fprintf(stderr, "%.*s", (int)texts[i].n, texts[i].p ? texts[i].p : "");
    fprintf(stderr, "\n");
}

bool cli_read(const char *path, size_t max_bytes, struct dgm_buf *ret)
{
    dgm_buf_init(ret, &dgm_alloc_libc, max_bytes);
    struct dgm_str name = path ? dgm_str_c(path) : DGM_STR("standard input");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
    int error = fd < 0 ? errno : gw_fd_read(fd, ret);
    if (path && fd >= 0)
        close(fd);
    if (error)
        cli_tell(DGM_STR("cannot read "), name, DGM_STR(": "), dgm_str_c(strerror(error)));
    return error == 0;
}

bool cli_write(int fd, const struct dgm_buf *buf, bool line)
{
    struct dgm_str rest = dgm_buf_str(buf);
    if (buf->rc != DGM_OK)
        return false;
    while (rest.n != 0 || line) {
        if (rest.n == 0) {
            rest = DGM_STR("\n");
            line = false;
        }
        ssize_t n = write(fd, rest.p, rest.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            cli_tell(DGM_STR("cannot write: "), dgm_str_c(strerror(errno)));
            return false;
        }
        rest = dgm_str_skip(rest, (size_t)n);
    }
    return true;
}

int cli_print(void (*put)(struct dgm_buf *))
{
    struct dgm_buf out;
    dgm_buf_init(&out, &dgm_alloc_libc, PRINT_BYTES_MAX);
    put(&out);
    bool written = cli_write(STDOUT_FILENO, &out, false);
    dgm_buf_dispose(&out);
    return written ? CLI_DONE : CLI_REFUSED;
}
