/* SPDX-License-Identifier: Apache-2.0 */
/* keeper_process.c - the keeper's process: forked, replaced, ended. */
#include "gateway/keeper_process.h"

#include "gateway/log.h"
#include "gateway/store_folder.h"
#include "gateway/store_mark.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define INSTANT_MS 1000    /* one that lives no longer died at once */
#define DELAY_MIN_MS 1000  /* before such a one is replaced; doubled each time ... */
#define DELAY_MAX_MS 30000 /* ... up to this */
#define FORK_RETRY_MS 1000
#define KILL_AFTER_MS 5000
#define SUSPECT_MS 60000 /* two crashes over the store's file in this time, and it is set aside */

/* Of the door a process keeps its own side alone: that all others are gone is how the keeper knows its end. */
static int keep_side(int ours, int theirs)
{
    if (theirs >= 0)
        close(theirs);
    return ours;
}

bool gw_keeper_process_open(struct gw_keeper_process *k, const struct gw_config *config)
{
    if (k->door.keeper >= 0 || !gw_keeper_needed(config))
        return true;
    if (!gw_door_open(&k->door))
        return false;
    k->marks = gw_store_marks_new();
    gw_store_place_make(&k->store, config);
    return true;
}

int gw_keeper_process_door(const struct gw_keeper_process *k)
{
    return keep_side(k->door.workers, k->door.keeper);
}

bool gw_keeper_process_missing(const struct gw_keeper_process *k)
{
    return k->door.keeper >= 0 && k->pid == 0;
}

void gw_keeper_process_start(struct gw_keeper_process *k, int64_t now_ms, void (*forget)(void *ctx),
                             void *ctx)
{
    if (!gw_keeper_process_missing(k) || now_ms < k->again_ms)
        return;
    char own[16] = "";
    prctl(PR_GET_NAME, own);
    prctl(PR_SET_NAME, "dragoman-keeper"); /* for ps and top: from its first moment on */
    pid_t pid = fork();
    if (pid == 0) {
        const struct gw_keeper_start start = {.door = keep_side(k->door.keeper, k->door.workers),
                                              .store = &k->store,
                                              .is_suspect = k->is_suspect,
                                              .revoked = k->revoked,
                                              .quota = k->quota,
                                              .busy =
                                                  gw_store_mark(k->marks, GW_STORE_MARK_KEEPER)};
        forget(ctx);
        exit(gw_keeper_run(&start));
    }
    prctl(PR_SET_NAME, own);
    if (pid < 0) {
        gw_log(GW_LOG_ERROR, "the keeper can not be started: %s", strerror(errno));
        k->again_ms = now_ms + FORK_RETRY_MS;
        return;
    }
    k->pid = pid;
    k->since_ms = now_ms;
    k->is_suspect = false;
}

void gw_keeper_process_look(struct gw_keeper_process *k, int64_t now_ms, size_t slot, int status)
{
    if (!gw_store_mark_take(k->marks, slot, status))
        return;
    k->is_suspect = k->suspect_ms != 0 && now_ms - k->suspect_ms < SUSPECT_MS;
    k->suspect_ms = now_ms;
    gw_log(GW_LOG_WARN, "it died while it had the store's file in hand%s",
           k->is_suspect ? ", as another did: the file is set aside" : "");
    if (k->is_suspect && k->pid != 0)
        kill(k->pid, SIGKILL); /* workers do without it for a moment */
}

/* One that dies at once, and not of a SIGKILL, which comes from outside, is given more and more time: what it keeps is
 * not worth the daemon's end. */
void gw_keeper_process_died(struct gw_keeper_process *k, int64_t now_ms, int status,
                            const char *how)
{
    int was = (int)k->pid;
    bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    bool instant = !killed && now_ms - k->since_ms <= INSTANT_MS;
    k->pid = 0;
    if (k->door.keeper < 0) /* it was asked to end */
        return;
    gw_keeper_process_look(k, now_ms, GW_STORE_MARK_KEEPER, status);
    k->delay_ms = !instant ? 0 : k->delay_ms == 0 ? DELAY_MIN_MS : 2 * k->delay_ms;
    if (k->delay_ms > DELAY_MAX_MS)
        k->delay_ms = DELAY_MAX_MS;
    k->again_ms = now_ms + k->delay_ms;
    gw_log(GW_LOG_WARN, "the keeper (pid %d) %s; it is replaced%s, and begins anew", was, how,
           k->delay_ms != 0 ? " a little later" : "");
}

bool gw_keeper_process_end(struct gw_keeper_process *k, int64_t now_ms)
{
    gw_door_close(&k->door);
    if (k->kill_ms == 0)
        k->kill_ms = now_ms + KILL_AFTER_MS;
    if (k->pid != 0 && now_ms >= k->kill_ms)
        kill(k->pid, SIGKILL);
    if (k->pid != 0)
        return false;
    gw_store_place_remove(&k->store);
    gw_store_marks_free(k->marks);
    k->marks = NULL;
    return true;
}
