/* SPDX-License-Identifier: Apache-2.0 */
/* sockets.c - what is listened on, what a taken address says, what a reload takes over. */
#include "gateway/sockets.h"

#include "base/str.h"
#include "support/config_source.h"

#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static char why[256];

static struct gw_config *config(const char *listen, const char *workers)
{
    struct gw_config_source source = config_source(NULL);
    struct gw_config *ret = NULL;
    struct gw_problems problems;
    struct dgm_str address = dgm_str_c(listen), set = dgm_str_c(workers);
    source.listen = &address;
    source.listen_n = 1;
    source.sets = &set;
    source.sets_n = 1;
    assert_int_equal(gw_config_parse(&source, &ret, &problems), DGM_OK);
    return ret;
}

static int connect_to(const struct gw_address *a)
{
    int fd = socket(a->addr.ss_family, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&a->addr, a->addr_bytes), 0);
    return fd;
}

static size_t waiting(const struct gw_sockets *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->slots; i++) {
        struct pollfd p = {.fd = s->at[0].fds[i], .events = POLLIN};
        n += poll(&p, 1, 0) == 1;
    }
    return n;
}

static void test_a_queue_for_each_slot(void **state)
{
    (void)state;
    struct gw_config *c = config("127.0.0.1:0", "workers=4");
    struct gw_sockets s;
    assert_true(gw_sockets_open(&s, c, NULL, why, sizeof why));
    assert_int_equal(s.slots, 4);
    assert_string_equal(s.at[0].text, "127.0.0.1:0");
    assert_string_not_equal(s.at[0].bound, "127.0.0.1:0");
    assert_int_equal(waiting(&s), 0);

    int fds[64];
    for (size_t i = 0; i < 64; i++)
        fds[i] = connect_to(&s.at[0]);
    assert_true(waiting(&s) >= 2); /* the kernel spreads them by a hash */
    for (size_t i = 0; i < 64; i++)
        close(fds[i]);
    gw_sockets_close(&s, NULL);
    gw_sockets_close(&s, NULL);
    gw_config_free(c);
}

/* Though all of our own sockets share the port, a second server is told that it is taken. */
static void test_taken_port_is_named(void **state)
{
    (void)state;
    struct gw_config *first = config("127.0.0.1:0", "workers=2");
    struct gw_sockets s, other = {0};
    assert_true(gw_sockets_open(&s, first, NULL, why, sizeof why));
    struct gw_config *second = config(s.at[0].bound, "workers=2");
    assert_false(gw_sockets_open(&other, second, NULL, why, sizeof why));
    assert_non_null(strstr(why, s.at[0].bound));
    assert_null(other.at);
    gw_sockets_close(&s, NULL);
    assert_true(
        gw_sockets_open(&other, second, NULL, why, sizeof why)); /* it is free again at once */
    gw_sockets_close(&other, NULL);
    gw_config_free(first);
    gw_config_free(second);
}

/* A connection that waits for the old set is accepted by the new one, on the same port, with more slots. */
static void test_reload_takes_over(void **state)
{
    (void)state;
    struct gw_config *c2 = config("127.0.0.1:0", "workers=2"),
                     *c3 = config("127.0.0.1:0", "workers=3");
    struct gw_sockets old, new;
    assert_true(gw_sockets_open(&old, c2, NULL, why, sizeof why));
    int waits = connect_to(&old.at[0]);
    assert_true(gw_sockets_open(&new, c3, &old, why, sizeof why));
    assert_string_equal(new.at[0].bound, old.at[0].bound);
    gw_sockets_close(&old, &new);
    assert_int_equal(waiting(&new), 1);
    int after = connect_to(&new.at[0]);
    close(waits);
    close(after);
    gw_sockets_close(&new, NULL);
    gw_config_free(c2);
    gw_config_free(c3);
}

static void test_unix_path(void **state)
{
    (void)state;
    char folder[] = "/tmp/dragoman-test-XXXXXX", address[80];
    assert_non_null(mkdtemp(folder));
    snprintf(address, sizeof address, "unix:%s/socket", folder);
    const char *path = address + 5;
    struct gw_config *c = config(address, "workers=2");
    struct gw_sockets s, again, other = {0};
    struct stat st;

    assert_true(gw_sockets_open(&s, c, NULL, why, sizeof why));
    int fd = connect_to(&s.at[0]);
    assert_int_equal(waiting(&s), 2); /* one queue, seen by both */
    close(fd);

    assert_false(gw_sockets_open(&other, c, NULL, why, sizeof why)); /* it is taken, and stays */
    assert_non_null(strstr(why, path));
    assert_int_equal(lstat(path, &st), 0);

    assert_true(gw_sockets_open(&again, c, &s, why, sizeof why));
    gw_sockets_close(&s, &again);
    assert_int_equal(lstat(path, &st), 0);
    gw_sockets_close(&again, NULL);
    assert_int_not_equal(lstat(path, &st), 0);

    /* left behind by a server that was killed */
    int dead = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    snprintf(addr.sun_path, sizeof addr.sun_path, "%s", path);
    assert_int_equal(bind(dead, (struct sockaddr *)&addr, sizeof addr), 0);
    close(dead);
    assert_true(gw_sockets_open(&s, c, NULL, why, sizeof why));
    gw_sockets_close(&s, NULL);

    /* no socket at all: not ours to remove */
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fclose(f);
    assert_false(gw_sockets_open(&s, c, NULL, why, sizeof why));
    assert_int_equal(lstat(path, &st), 0);
    unlink(path);
    rmdir(folder);
    gw_config_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_queue_for_each_slot),
        cmocka_unit_test(test_taken_port_is_named),
        cmocka_unit_test(test_reload_takes_over),
        cmocka_unit_test(test_unix_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
