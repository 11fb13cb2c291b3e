/* SPDX-License-Identifier: Apache-2.0 */
/* store_folder.c - where the store is. */
#include "gateway/store_folder.h"

#include "gateway/log.h"
#include "gateway/trust.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "dragoman-store-" /* of temporary folders */
#define PATH_ROOM (STORE_PATH_MAX + 64)
#define MEMORY_BYTES_MAX ((size_t)64 * 1024 * 1024) /* of what the file does not take */

static void remove_folder(const char *folder)
{
    static const char *const names[] = {STORE_FILE, STORE_FILE "-lock", STORE_SET_ASIDE};
    char path[PATH_ROOM];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%.*s/%s", STORE_PATH_MAX, folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

/* A folder is locked as long as any process of its daemon lives: they all have the descriptor. -1: somebody does. */
static int lock_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    close(fd);
    return -1;
}

/* Those that were killed as a whole could not tidy up. */
static void remove_left(const char *tmp)
{
    char path[PATH_ROOM];
    struct dirent *entry;
    struct stat s;
    DIR *dir = opendir(tmp);
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (strncmp(entry->d_name, PREFIX, sizeof PREFIX - 1) != 0)
            continue;
        snprintf(path, sizeof path, "%.700s/%.300s", tmp, entry->d_name);
        int fd = lstat(path, &s) == 0 && s.st_uid == geteuid() ? lock_folder(path) : -1;
        if (fd < 0)
            continue;
        remove_folder(path);
        close(fd);
    }
    if (dir != NULL)
        closedir(dir);
}

static bool make_temporary(char folder[STORE_PATH_MAX])
{
    const char *tmp = getenv("TMPDIR");
    tmp = tmp != NULL && tmp[0] == '/' ? tmp : "/tmp";
    remove_left(tmp);
    int n = snprintf(folder, STORE_PATH_MAX, "%s/" PREFIX "XXXXXX", tmp);
    if (n < STORE_PATH_MAX && mkdtemp(folder) != NULL) {
        lock_folder(folder); /* never closed */
        return true;
    }
    gw_log(GW_LOG_WARN, "no temporary folder can be made, the store is in memory alone: %s",
           strerror(errno));
    folder[0] = '\0';
    return false;
}

/* The configuration has read the address already: it is sound. */
static void find_valkey(struct gw_store_place *p, const struct gw_config *config)
{
    const struct net_roots roots = {.file = config->roots.file.p, .dir = config->roots.dir.p};
    char why[NET_WHY_BYTES];
    if (config->store.valkey.n == 0 || gw_valkey_read(config->store.valkey, &p->valkey) != NULL)
        return;
    p->trust = p->valkey.tls ? net_trust_new(&roots, why) : NULL;
    p->is_shared = !p->valkey.tls || p->trust != NULL;
    if (!p->is_shared)
        gw_log(GW_LOG_WARN, "Valkey can not be used, what is kept is this machine's alone: %s",
               why);
}

void gw_store_place_make(struct gw_store_place *p, const struct gw_config *config)
{
    const struct gw_store *s = &config->store;
    size_t bytes = (size_t)s->max_bytes;
    p->bounds =
        (struct store_bounds){.file_bytes = bytes,
                              .memory_bytes = bytes < MEMORY_BYTES_MAX ? bytes : MEMORY_BYTES_MAX,
                              .age_ms = s->max_age_ms};
    find_valkey(p, config);
    p->temporary = s->path.n == 0;
    if (p->temporary)
        p->temporary = make_temporary(p->folder);
    else
        snprintf(p->folder, sizeof p->folder, "%.*s", (int)s->path.n, s->path.p);
}

void gw_store_place_remove(const struct gw_store_place *p)
{
    if (p->temporary)
        remove_folder(p->folder);
}
