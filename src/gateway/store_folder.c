/* SPDX-License-Identifier: Apache-2.0 */
/* store_folder.c - where the store is. */
#include "gateway/store_folder.h"

#include "gateway/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MEMORY_BYTES_MAX ((size_t)64 * 1024 * 1024) /* of what the file does not take */

static bool make_temporary(char folder[STORE_PATH_MAX])
{
    const char *tmp = getenv("TMPDIR");
    int n = snprintf(folder, STORE_PATH_MAX, "%s/dragoman-store-XXXXXX",
                     tmp != NULL && tmp[0] == '/' ? tmp : "/tmp");
    if (n < STORE_PATH_MAX && mkdtemp(folder) != NULL)
        return true;
    gw_log(GW_LOG_WARN, "no temporary folder can be made, the store is in memory alone: %s",
           strerror(errno));
    folder[0] = '\0';
    return false;
}

void gw_store_place_make(struct gw_store_place *p, const struct gw_config *config)
{
    const struct gw_store *s = &config->store;
    size_t bytes = (size_t)s->max_bytes;
    p->bounds =
        (struct store_bounds){.file_bytes = bytes,
                              .memory_bytes = bytes < MEMORY_BYTES_MAX ? bytes : MEMORY_BYTES_MAX,
                              .age_ms = s->max_age_ms};
    p->temporary = s->path.n == 0;
    if (p->temporary)
        p->temporary = make_temporary(p->folder);
    else
        snprintf(p->folder, sizeof p->folder, "%.*s", (int)s->path.n, s->path.p);
}

void gw_store_place_remove(const struct gw_store_place *p)
{
    static const char *const names[] = {STORE_FILE, STORE_FILE "-lock", STORE_SET_ASIDE};
    char path[STORE_PATH_MAX + 64];
    if (!p->temporary)
        return;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%.*s/%s", STORE_PATH_MAX, p->folder, names[i]);
        unlink(path);
    }
    rmdir(p->folder);
}
