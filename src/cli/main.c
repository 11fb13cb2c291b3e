/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - where the program begins. */
#include "cli/cli.h"

int main(int argc, char **argv)
{
    return cli_run(argc, argv);
}
