/* SPDX-License-Identifier: Apache-2.0 */
/* store_mark.c - which process has the store's file in hand. */
#include "gateway/store_mark.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

volatile bool *gw_store_marks_new(void)
{
    void *marks = mmap(NULL, GW_STORE_MARKS, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                       0); /* all zero */
    return marks != MAP_FAILED ? marks : NULL;
}

void gw_store_marks_free(volatile bool *marks)
{
    if (marks != NULL)
        munmap((void *)(uintptr_t)marks, GW_STORE_MARKS);
}

volatile bool *gw_store_mark(volatile bool *marks, size_t slot)
{
    return marks != NULL && slot < GW_STORE_MARKS ? &marks[slot] : NULL;
}

/* A SIGKILL comes from outside. What a sanitizer makes of a crash is an exit. */
static bool is_crash(int status)
{
    if (WIFSIGNALED(status))
        return WTERMSIG(status) != SIGKILL && WTERMSIG(status) != SIGTERM;
    return WIFEXITED(status) && WEXITSTATUS(status) != 0;
}

bool gw_store_mark_take(volatile bool *marks, size_t slot, int status)
{
    volatile bool *mark = gw_store_mark(marks, slot);
    if (mark == NULL || !*mark)
        return false;
    *mark = false;
    return is_crash(status);
}
