/* SPDX-License-Identifier: Apache-2.0 */
/* corpus.c - the files of a folder of recordings. */
#include "cli/cli.h"
#include "gateway/corpus.h"

#include "base/sort.h"
#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATH_BYTES_MAX 4096

/* ---- names ---- */

static bool is_recording(struct dgm_str name)
{
    return dgm_str_ends(name, DGM_STR(".yaml")) && name.p[0] != '.';
}

static int compare(const void *a, const void *b)
{
    return dgm_str_compare(*(const struct dgm_str *)a, *(const struct dgm_str *)b);
}

/* Puts the names of the files in order, zero-terminated, as an array of struct dgm_str. An errno, or 0. */
static int list_files(const char *dir, struct dgm_arena *arena, struct dgm_buf *out)
{
    DIR *d = opendir(dir);
    const struct dirent *entry;
    if (d == NULL)
        return errno;
    while ((entry = readdir(d)) != NULL) {
        struct dgm_str name = dgm_str_c(entry->d_name);
        if (!is_recording(name))
            continue;
        name.n++; /* with its zero */
        name = dgm_arena_copy(arena, name);
        name.n -= name.n != 0;
        dgm_buf_put(out, (struct dgm_str){(const char *)&name, sizeof name});
    }
    closedir(d);
    if (out->rc != DGM_OK)
        return ENOMEM;
    if (out->n != 0)
        dgm_sort(out->p, out->n / sizeof(struct dgm_str), sizeof(struct dgm_str), compare);
    return 0;
}

/* ---- files ---- */

/* Tells what is wrong with a file. */
static void tell_problems(const struct gw_problems *problems, struct dgm_str path)
{
    struct dgm_buf out;
    dgm_buf_init(&out, &dgm_alloc_libc, 1 << 20);
    gw_problems_put(problems, path, &out);
    (void)cli_write(STDERR_FILENO, &out, false);
    dgm_buf_dispose(&out);
}

static int add_file(struct gw_corpus *c, const char *dir, const char *name)
{
    struct gw_problems problems = {0};
    char path[PATH_BYTES_MAX];
    struct dgm_buf text = {0};
    int n = snprintf(path, sizeof path, "%s/%s", dir, name);
    if (n < 0 || n >= PATH_BYTES_MAX || !cli_read(path, GW_RECORDING_FILE_MAX, &text)) {
        dgm_buf_dispose(&text);
        return CLI_CONFIG;
    }
    enum dgm_rc rc =
        gw_corpus_add(c, dgm_str_c(name), text.p ? dgm_buf_str(&text) : DGM_STR(""), &problems);
    dgm_buf_dispose(&text);
    if (rc == DGM_E_REFUSED)
        tell_problems(&problems, dgm_str_c(path));
    else if (rc != DGM_OK)
        cli_tell(DGM_STR("out of memory"));
    return rc == DGM_OK ? CLI_DONE : CLI_CONFIG;
}

/* Every file's faults are told, not the first one's alone. */
static int add_files(struct gw_corpus *c, const char *dir)
{
    struct dgm_arena arena;
    struct dgm_buf names;
    dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&names, &dgm_alloc_libc, SIZE_MAX);
    int error = list_files(dir, &arena, &names), code = CLI_DONE;
    if (error != 0) {
        cli_tell(DGM_STR("cannot read the folder "), dgm_str_c(dir), DGM_STR(": "),
                 dgm_str_c(strerror(error)));
        code = CLI_CONFIG;
    }
    const struct dgm_str *at = (const struct dgm_str *)(const void *)names.p;
    for (size_t i = 0; error == 0 && i < names.n / sizeof *at; i++) {
        int added = at[i].p != NULL ? add_file(c, dir, at[i].p) : CLI_CONFIG;
        code = added != CLI_DONE ? added : code;
    }
    dgm_buf_dispose(&names);
    dgm_arena_dispose(&arena);
    return code;
}

int cli_corpus(const char *dir, struct gw_corpus **ret)
{
    struct gw_corpus *c = gw_corpus_new();
    int code = c != NULL ? add_files(c, dir) : CLI_REFUSED;
    if (code == CLI_DONE && !gw_corpus_close(c))
        code = CLI_REFUSED;
    if (code == CLI_REFUSED)
        cli_tell(DGM_STR("out of memory"));
    if (code == CLI_DONE)
        *ret = c;
    else
        gw_corpus_free(c);
    return code;
}
