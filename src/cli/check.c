/* SPDX-License-Identifier: Apache-2.0 */
/* check.c - `dragoman check` and `dragoman version`. */
#include "cli/cli.h"

#include "gen/version.h"

#include <stdio.h>
#include <unistd.h>

/* Set by the build, which asked pkg-config. */
#ifndef DGM_LIBRARIES
#define DGM_LIBRARIES "libraries unknown"
#endif

int cli_check(const struct cli_args *args)
{
    if (cli_get(args, CLI_OPT_REFERENCE).p)
        return cli_print(gw_config_put_reference);
    struct gw_config *c = NULL;
    int code = cli_config(args, &c);
    if (code != CLI_DONE)
        return code;
    struct dgm_buf out;
    dgm_buf_init(&out, &dgm_alloc_libc, 1 << 24);
    if (cli_get(args, CLI_OPT_SHOW).p)
        gw_config_put(c, &out);
    if (!cli_get(args, CLI_OPT_OFFLINE).p)
        code = cli_tell_identities(c);
    if (code == CLI_DONE)
        dgm_buf_put_lit(&out, "ok\n");
    if (!cli_write(STDOUT_FILENO, &out, false))
        code = CLI_REFUSED;
    cli_tell_suspects();
    dgm_buf_dispose(&out);
    gw_config_free(c);
    return code;
}

int cli_version(const struct cli_args *args)
{
    (void)args;
    printf("dragoman %s (%s)\n%s\n", DGM_VERSION, DGM_COMMIT, DGM_LIBRARIES);
    return fflush(stdout) == 0 ? CLI_DONE : CLI_REFUSED;
}
