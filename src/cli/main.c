/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - where the program begins. */
#include "cli/cli.h"

#include <fcntl.h>
#include <stdlib.h>

/* Whoever started us may have closed some of them, and the next descriptor opened must not take their place: a
 * socket would get the log, or a pipe the banner. */
static void open_missing_stdio(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY) != fd)
            abort(); /* there is nowhere to say why */
}

int main(int argc, char **argv)
{
    open_missing_stdio();
    return cli_run(argc, argv);
}
