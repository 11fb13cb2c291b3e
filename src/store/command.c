/* SPDX-License-Identifier: Apache-2.0 */
/* command.c - one value put by a program that does not stay. */
#include "store/file.h"

#include <stdio.h>
#include <unistd.h>

/* Whether the file may be opened. */
static bool is_fit(const char *folder, char why[STORE_WHY_BYTES])
{
    int fd, pid;
    if (!store_check_start(folder, &fd, &pid)) {
        snprintf(why, STORE_WHY_BYTES, "no process can be made that looks at %.150s", folder);
        return false;
    }
    close(fd);
    if (store_check_end(pid) != STORE_DAMAGED)
        return true;
    snprintf(why, STORE_WHY_BYTES,
             "%.150s/" STORE_FILE " is damaged; a gateway that starts with it sets it aside",
             folder);
    return false;
}

static bool put(struct store_file *f, enum store_map map, struct dgm_str key, struct dgm_str value,
                int64_t now_ms)
{
    if (!store_file_begin(f, now_ms))
        return false;
    if (store_file_put(f, map, key, value) == STORE_PUT_DONE)
        return store_file_commit(f);
    store_file_abort(f);
    return false;
}

bool store_put_now(const char *folder, const struct store_bounds *bounds, enum store_map map,
                   struct dgm_str key, struct dgm_str value, int64_t now_ms,
                   char why[STORE_WHY_BYTES])
{
    if (key.n == 0 || key.n > STORE_KEY_MAX || value.n > store_value_max(map)) {
        snprintf(why, STORE_WHY_BYTES, "its name or its value is too long");
        return false;
    }
    struct store_file *f =
        is_fit(folder, why) ? store_file_open(folder, bounds, &dgm_alloc_libc, why) : NULL;
    if (!f)
        return false;
    bool done = put(f, map, key, value, now_ms);
    if (done)
        store_file_sync(f);
    else
        snprintf(why, STORE_WHY_BYTES, "%.120s/" STORE_FILE ": no room, or %.70s", folder,
                 store_file_why(f));
    store_file_close(f);
    return done;
}
