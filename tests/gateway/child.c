/* SPDX-License-Identifier: Apache-2.0 */
/* child.c - programs that print, fail, say too much, or do not end. */
#include "gateway/child.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define TIMEOUT_MS 1000
#define ROOM ((size_t)64 * 1024)

extern char **environ;

static int64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* What a command prints; `why` NULL: it must end well, else the end of the sentence about it. */
static void check(const char *command, int64_t timeout_ms, const char *prints, const char *why)
{
    char said[GW_CHILD_WHY_BYTES] = "";
    struct dgm_buf out;
    const struct gw_child c = {.command = dgm_str_c(command),
                               .environment = (const char *const *)environ,
                               .timeout_ms = timeout_ms};
    dgm_buf_init(&out, &dgm_alloc_libc, ROOM);
    int64_t began_ms = now_ms();
    assert_int_equal(gw_child_run(&c, &out, said), why == NULL);
    assert_in_range(now_ms() - began_ms, 0, timeout_ms + 20000); /* a busy machine; not for ever */
    if (prints != NULL)
        assert_true(dgm_str_eq(dgm_buf_str(&out), dgm_str_c(prints)));
    if (why != NULL)
        assert_string_equal(said, why);
    dgm_buf_dispose(&out);
}

static void test_words(void **state)
{
    (void)state;
    check("printf %s-%s. a 'b c' \"d e\" f\\ g ''", 20000, "a-b c.d e-f g.-.", NULL);
    check("sh -c 'exit 3'", 20000, "", "ended with 3");
    check("sh -c 'kill -9 $$'", 20000, "", "died of signal 9");
    check("printf 'a", 20000, "", "is no command: a quote does not end, or it is too long");
}

static void test_one_that_does_not_end(void **state)
{
    (void)state;
    const char *late = "did not end in time, or printed too much";
    check("sleep 600", TIMEOUT_MS, "", late);
    /* It has said all there is, and lives on. */
    check("sh -c 'printf done; exec >&-; exec sleep 600'", TIMEOUT_MS, "done", late);
    check("yes", 20000, NULL, late);
}

/* One that takes a moment to end when it has closed its end is waited for. */
static void test_one_that_ends_later(void **state)
{
    (void)state;
    check("sh -c 'printf done; exec >&-; sleep 0.3'", 20000, "done", NULL);
    check("sh -c 'printf done; exec >&-; sleep 0.3; exit 4'", 20000, "done", "ended with 4");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_one_that_does_not_end),
        cmocka_unit_test(test_one_that_ends_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
