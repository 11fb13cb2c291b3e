/* SPDX-License-Identifier: Apache-2.0 */
/* check.c - damaged files: never a wrong value, never the end of whoever opens what was found sound. */
#include "store/store.h"
#include "support/alloc_fail.h"
#include "support/store_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define RECORDS 60
#define VALUE_MAX 6000
#define WRONG 255 /* what the child ends with; or this and how many were right */
#define RIGHT 100
#define FLIPS 200 /* of a file's bytes; `make test` must stay short, `make flips` need not */

/* A record's value: of its number alone, so that a wrong one is seen. Some take pages of their own. */
static struct dgm_str value_of(unsigned i, char room[VALUE_MAX])
{
    size_t n = i % 4 == 0 ? 3000 + i * 37 : 40 + i;
    for (size_t k = 0; k < n; k++)
        room[k] = (char)('A' + (i * 7 + k) % 26);
    return (struct dgm_str){room, n};
}

static struct dgm_str key_of(unsigned i, char room[32])
{
    int n = snprintf(room, 32, "call_%020u", i);
    return (struct dgm_str){room, (size_t)n};
}

/* A file that has seen some life: put, replaced, dropped for room. */
static void fill(const char *folder)
{
    char key[32], value[VALUE_MAX];
    struct store *s = store_folder_open(folder, &store_bounds_usual, &dgm_alloc_libc);
    for (unsigned round = 0; round < 3; round++)
        for (unsigned i = 0; i < RECORDS; i++)
            assert_int_equal(store_folder_put(s, i % 10 == 9 ? STORE_ACCOUNTS : STORE_SIGNATURES,
                                              key_of(i, key), value_of(i, value), STORE_NOW_MS),
                             STORE_DURABLE);
    store_free(s);
}

/* Everything is read, and put anew, in a child: how many values were right; -1: one was wrong; -2: it died. */
static int use(const char *folder)
{
    pid_t pid = fork();
    if (pid == 0) {
        char key[32], value[VALUE_MAX];
        int right = 0;
        struct store *s = store_folder_open(folder, &store_bounds_usual, &dgm_alloc_libc);
        for (unsigned i = 0; i < RECORDS; i++) {
            struct dgm_buf out;
            enum store_map map = i % 10 == 9 ? STORE_ACCOUNTS : STORE_SIGNATURES;
            dgm_buf_init(&out, &dgm_alloc_libc, 1 << 20);
            if (store_folder_get(s, map, key_of(i, key), STORE_NOW_MS, &out)) {
                struct dgm_str is = value_of(i, value);
                if (out.n != is.n || memcmp(out.p, is.p, is.n) != 0)
                    _exit(WRONG);
                right++;
            }
            dgm_buf_dispose(&out);
        }
        for (unsigned i = 0; i < RECORDS; i++)
            store_folder_put(s, STORE_SIGNATURES, key_of(i + 1000, key), value_of(i, value),
                             STORE_NOW_MS);
        store_free(s);
        _exit(RIGHT + right);
    }
    int status;
    waitpid(pid, &status, 0);
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 0; /* a sanitizer ends with 1 */
    return code == WRONG ? -1 : code >= RIGHT ? code - RIGHT : -2;
}

static void test_sound(void **state)
{
    (void)state;
    const char *folder = store_folder_new();
    assert_int_equal(store_folder_check(folder), STORE_NONE);
    fill(folder);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(store_folder_check(folder), STORE_SOUND);
        assert_int_equal(use(folder), RECORDS);
    }
}

static void test_no_folder(void **state)
{
    (void)state;
    assert_int_equal(store_folder_check("/nowhere/at/all"), STORE_NONE);
    assert_int_equal(store_folder_check("/dev/null"), STORE_NONE);
}

static void test_truncated(void **state)
{
    (void)state;
    const char *folder = store_folder_new();
    size_t n;
    fill(folder);
    char *bytes = store_folder_read(folder, &n);
    for (size_t cut = 1; cut < n; cut += n / 20 + 1) {
        store_folder_write(folder, bytes, cut);
        assert_int_equal(store_folder_check(folder), STORE_DAMAGED);
    }
    store_folder_write(folder, bytes, 0);
    assert_int_equal(store_folder_check(folder), STORE_NONE);
    free(bytes);
}

/* What the check finds sound never gives a wrong value, and kills nobody. */
static void test_flips(void **state)
{
    (void)state;
    const char *folder = store_folder_new();
    size_t n, sound = 0, all = 0, lost = 0;
    const char *asked = getenv("STORE_FLIPS");
    unsigned flips = asked ? (unsigned)strtoul(asked, NULL, 10) : FLIPS;
    fill(folder);
    char *bytes = store_folder_read(folder, &n);
    for (unsigned i = 0; i < flips; i++) {
        size_t at = (size_t)((uint64_t)i * 2654435761u % n);
        if (i % 2 != 0)
            at = at - at % 4096 + i % 96; /* where a page says what it is */
        char was = bytes[at];
        bytes[at] = (char)(was ^ (1 << i % 8));
        store_folder_write(folder, bytes, n);
        bytes[at] = was;
        if (store_folder_check(folder) == STORE_DAMAGED)
            continue;
        int right = use(folder);
        if (right < 0)
            fail_msg("flip %u, of byte %zu: %s", i, at, right == -1 ? "a wrong value" : "killed");
        lost += right < RECORDS - 1;
        sound++;
        all += right == RECORDS;
    }
    print_message(
        "%zu of %u flipped files were taken for sound: in %zu all was right, in %zu more than "
        "one value was lost; none gave a wrong value, and none killed\n",
        sound, flips, all, lost);
    assert_true(sound != 0 && sound < flips);
    free(bytes);
}

static void test_noise(void **state)
{
    (void)state;
    const char *folder = store_folder_new();
    char bytes[20000];
    uint64_t x = 88172645463325252;
    for (size_t i = 0; i < sizeof bytes; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        bytes[i] = (char)x;
    }
    fill(folder);
    store_folder_write(folder, bytes, sizeof bytes);
    assert_int_equal(store_folder_check(folder), STORE_DAMAGED);
    assert_true(store_set_aside(folder));
    assert_int_equal(store_folder_check(folder), STORE_NONE);
    assert_false(store_set_aside(folder));
    assert_int_equal(use(folder), 0);
    assert_int_equal(store_folder_check(folder), STORE_SOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound),     cmocka_unit_test(test_no_folder),
        cmocka_unit_test(test_truncated), cmocka_unit_test(test_flips),
        cmocka_unit_test(test_noise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
