/* SPDX-License-Identifier: Apache-2.0 */
/* log.c - lines on stderr. */
#include "gateway/log.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* A process has one stderr: the one place with state of its own. */
static int log_level = GW_LOG_INFO;
static char log_who[32];
static unsigned lines_dropped;

static const char *const level_names[] = {[GW_LOG_ERROR] = "error",
                                          [GW_LOG_WARN] = "warn",
                                          [GW_LOG_INFO] = "info",
                                          [GW_LOG_DEBUG] = "debug"};

void gw_log_init(int level, const char *who)
{
    log_level = level;
    snprintf(log_who, sizeof log_who, "%s: ", who);
}

static size_t put_stamp(char *to, size_t n, enum gw_log_level level)
{
    struct timespec now;
    struct tm tm;
    char date[32];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm);
    int put = snprintf(to, n, "%s.%03dZ %-5s %s", date, (int)(now.tv_nsec / 1000000),
                       level_names[level], log_who);
    return put > 0 ? (size_t)put : 0;
}

/* A pipe that says it can be written takes a line (PIPE_BUF) without waiting. */
static bool would_wait(void)
{
    struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
    return poll(&p, 1, 0) != 1 || (p.revents & POLLOUT) == 0;
}

void gw_log(enum gw_log_level level, const char *format, ...)
{
    if ((int)level > log_level)
        return;
    if (would_wait()) {
        lines_dropped++;
        return;
    }
    char line[GW_LOG_LINE_MAX];
    size_t n = put_stamp(line, sizeof line, level);
    if (lines_dropped != 0)
        n += (size_t)snprintf(line + n, sizeof line - n, "[%u lines lost] ", lines_dropped);
    lines_dropped = 0;

    va_list args;
    va_start(args, format);
    int put = vsnprintf(line + n, sizeof line - n, format, args);
    va_end(args);
    size_t room = sizeof line - n - 1;
    n += put < 0 ? 0 : (size_t)put < room ? (size_t)put : room;

    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            line[i] = '?';
    }
    line[n] = '\n'; /* instead of the terminating zero */
    ssize_t rc = write(STDERR_FILENO, line, n + 1);
    (void)rc; /* nowhere to tell it */
}
