/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - runs a fuzzer's entry over files and folders of files, with any compiler: the replay of `make test`. */
#include <dragoman/types.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static unsigned long inputs;

static int run_file(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)at;
    if (kind != FTW_F)
        return 0;
    FILE *file = fopen(path, "rb");
    /* As large as the input and no larger, so that a read behind its end is seen. */
    size_t n = (size_t)st->st_size;
    uint8_t *data = malloc(n ? n : 1);
    if (!file || !data || fread(data, 1, n, file) != n) {
        perror(path);
        exit(1);
    }
    fclose(file);
    LLVMFuzzerTestOneInput(data, n);
    free(data);
    inputs++;
    return 0;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (nftw(argv[i], run_file, 16, FTW_PHYS) != 0) {
            perror(argv[i]);
            return 1;
        }
    }
    printf("%lu inputs\n", inputs);
    return inputs == 0;
}
