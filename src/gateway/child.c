/* SPDX-License-Identifier: Apache-2.0 */
/* child.c - one program run to its end. It is waited for in a thread, so nothing here needs a signal. */
#include "gateway/child.h"

#include "base/arena.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORDS_MAX 64
#define ARENA_MAX ((size_t)1024 * 1024)
#define READ_BYTES 4096
#define NAP_MIN_NS 500000 /* between two looks whether it has ended, which grow */
#define NAP_MAX_NS 32000000

static int64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- the command ---- */

/* The next word, zero-terminated. NULL: there is none, or a quote that does not end. */
static char *take_word(struct dgm_str *rest, struct dgm_arena *arena)
{
    *rest = dgm_str_trim(*rest);
    char *word = dgm_arena_take(arena, rest->n + 1), quote = '\0';
    size_t n = 0, i = 0;
    if (word == NULL || rest->n == 0)
        return NULL;
    for (; i < rest->n; i++) {
        char c = rest->p[i];
        if (quote == '\0' && (c == ' ' || c == '\t'))
            break;
        if (c == quote)
            quote = '\0';
        else if (quote == '\0' && (c == '\'' || c == '"'))
            quote = c;
        else if (c == '\\' && quote != '\'' && i + 1 < rest->n)
            word[n++] = rest->p[++i];
        else
            word[n++] = c;
    }
    *rest = dgm_str_skip(*rest, i);
    word[n] = '\0';
    return quote == '\0' ? word : NULL;
}

static bool split(struct dgm_str command, struct dgm_arena *arena, char *words[WORDS_MAX + 1])
{
    size_t n = 0;
    for (; dgm_str_trim(command).n != 0; n++) {
        words[n] = n < WORDS_MAX ? take_word(&command, arena) : NULL;
        if (words[n] == NULL)
            return false;
    }
    words[n] = NULL;
    return n != 0;
}

/* ---- its environment ---- */

static bool is_replaced(const struct gw_child *c, struct dgm_str variable)
{
    struct dgm_str name = dgm_str_head(variable, dgm_str_find_char(variable, '='));
    for (size_t i = 0; i < c->variables_n; i++)
        if (dgm_str_eq(name, c->variables[i].name))
            return true;
    return false;
}

/* Ours, with the variables put in. NULL: memory is short. */
static char **make_environment(const struct gw_child *c, struct dgm_arena *arena)
{
    size_t n = 0, all = c->variables_n + 1;
    for (const char *const *at = c->environment; at != NULL && *at != NULL; at++)
        all++;
    char **to = dgm_arena_take(arena, all * sizeof *to);
    if (to == NULL)
        return NULL;
    for (const char *const *at = c->environment; at != NULL && *at != NULL; at++) {
        struct dgm_str variable = dgm_str_c(*at);
        char *copy = is_replaced(c, variable) ? NULL : dgm_arena_take(arena, variable.n + 1);
        if (copy != NULL)
            to[n++] = memcpy(copy, variable.p, variable.n + 1);
    }
    for (size_t i = 0; i < c->variables_n; i++) {
        const struct auth_header *v = &c->variables[i];
        char *text = dgm_arena_take(arena, v->name.n + v->value.n + 2);
        if (text == NULL)
            return NULL;
        snprintf(text, v->name.n + v->value.n + 2, "%.*s=%.*s", (int)v->name.n, v->name.p,
                 (int)v->value.n, v->value.n != 0 ? v->value.p : "");
        to[n++] = text;
    }
    to[n] = NULL;
    return to;
}

/* ---- its life ---- */

/* What it prints, until it has closed its end. False: it took too long, or said too much. */
static bool read_all(int fd, int64_t until_ms, struct dgm_buf *out)
{
    for (;;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        int64_t left = until_ms - now_ms();
        int n = left > 0 ? poll(&ready, 1, (int)left) : 0;
        if (n < 0 && errno == EINTR)
            continue;
        char *to = n > 0 ? dgm_buf_reserve(out, READ_BYTES) : NULL;
        if (to == NULL)
            return false;
        ssize_t got = read(fd, to, READ_BYTES);
        if (got <= 0)
            return got == 0;
        out->n += (size_t)got;
    }
}

static pid_t wait_for(pid_t pid, int *status, int options)
{
    pid_t ended;
    do
        ended = waitpid(pid, status, options);
    while (ended < 0 && errno == EINTR);
    return ended;
}

/* One that has closed its end may live on: it is looked for until its time is over. */
static bool wait_end(pid_t pid, bool kill_it, int64_t until_ms, char why[GW_CHILD_WHY_BYTES])
{
    int status = 0;
    struct timespec nap = {.tv_nsec = NAP_MIN_NS};
    while (!kill_it && wait_for(pid, &status, WNOHANG) == 0) {
        kill_it = now_ms() >= until_ms;
        if (!kill_it)
            nanosleep(&nap, NULL);
        if (nap.tv_nsec < NAP_MAX_NS)
            nap.tv_nsec *= 2;
    }
    if (kill_it) {
        kill(pid, SIGKILL);
        (void)wait_for(pid, &status, 0);
    }
    if (kill_it)
        snprintf(why, GW_CHILD_WHY_BYTES, "did not end in time, or printed too much");
    else if (WIFSIGNALED(status))
        snprintf(why, GW_CHILD_WHY_BYTES, "died of signal %d", WTERMSIG(status));
    else
        snprintf(why, GW_CHILD_WHY_BYTES, "ended with %d", WEXITSTATUS(status));
    return !kill_it && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Its stdin is empty, its stderr ours; no signal is blocked for it. Returns an errno. */
static int spawn(pid_t *ret, char *const *words, char *const *environment, int out)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&how);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, out, 1);
    posix_spawnattr_setsigmask(&how, &none);
    posix_spawnattr_setsigdefault(&how, &all);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int error = posix_spawnp(ret, words[0], &files, &how, words, environment);
    posix_spawnattr_destroy(&how);
    posix_spawn_file_actions_destroy(&files);
    return error;
}

static bool run(const struct gw_child *c, struct dgm_arena *arena, struct dgm_buf *out,
                char why[GW_CHILD_WHY_BYTES])
{
    char *words[WORDS_MAX + 1];
    char **environment = make_environment(c, arena);
    int fds[2];
    pid_t pid;
    if (environment == NULL || !split(c->command, arena, words)) {
        snprintf(why, GW_CHILD_WHY_BYTES, "is no command: a quote does not end, or it is too long");
        return false;
    }
    if (pipe2(fds, O_CLOEXEC) != 0) {
        snprintf(why, GW_CHILD_WHY_BYTES, "could not be started: %s", strerror(errno));
        return false;
    }
    int64_t until_ms = now_ms() + c->timeout_ms;
    int error = spawn(&pid, words, environment, fds[1]);
    close(fds[1]);
    bool all = error == 0 && read_all(fds[0], until_ms, out);
    close(fds[0]);
    if (error == 0)
        return wait_end(pid, !all, until_ms, why);
    snprintf(why, GW_CHILD_WHY_BYTES, "could not be started: %s", strerror(error));
    return false;
}

bool gw_child_run(const struct gw_child *c, struct dgm_buf *out, char why[GW_CHILD_WHY_BYTES])
{
    struct dgm_arena arena;
    dgm_arena_init(&arena, &dgm_alloc_libc, ARENA_MAX);
    bool done = run(c, &arena, out, why);
    dgm_arena_dispose(&arena);
    return done;
}
