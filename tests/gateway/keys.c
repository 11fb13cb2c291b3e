/* SPDX-License-Identifier: Apache-2.0 */
/* keys.c - the key file read anew: what is wrong with it is told, what is wrong around it is tried again. */
#include "gateway/keys.h"

#include "base/str.h"
#include "support/alloc_fail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

/* SHA-256 of "one" and of "two". */
#define ONE "one 7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed\n"
#define TWO "two 3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3\n"

static char path[] = "/tmp/dragoman-keys-XXXXXX";
static int64_t now_ms;

/* Replaced by rename, as `dragoman keys` does. */
static void write_keys(const char *text)
{
    char fresh[64];
    snprintf(fresh, sizeof fresh, "%s.new", path);
    FILE *f = fopen(fresh, "we");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(rename(fresh, path), 0);
}

/* Whether a key is somebody's, in a request a second after the last. */
static bool is_known(struct gw_keys *k, const char *key)
{
    struct gw_key_set *set = NULL;
    bool known = gw_keys_find(k, now_ms += 1000, dgm_str_c(key), &set) != NULL;
    gw_key_set_give(set);
    return known;
}

static void allow_files(rlim_t n)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = n;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void test_a_key_that_was_revoked_while_descriptors_were_short(void **state)
{
    (void)state;
    struct rlimit before;
    write_keys(ONE TWO);
    struct gw_keys *k = gw_keys_new(path, &dgm_alloc_libc);
    assert_true(is_known(k, "one") && is_known(k, "two"));
    write_keys(TWO);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    allow_files(3);
    bool known = is_known(k, "one");
    allow_files(before.rlim_cur);
    assert_true(known); /* the keys of before go on */
    assert_false(is_known(k, "one"));
    assert_true(is_known(k, "two"));
    gw_keys_free(k);
}

static void test_a_key_that_was_revoked_while_memory_was_short(void **state)
{
    (void)state;
    struct alloc_fail memory;
    size_t failed = 0;
    for (size_t at = 1;; at++, failed++) {
        alloc_fail_init(&memory, 0);
        write_keys(ONE TWO);
        struct gw_keys *k = gw_keys_new(path, &memory.alloc);
        assert_true(is_known(k, "one"));
        write_keys(TWO);
        memory.fail_at = memory.calls + at;
        bool known = is_known(k, "one"), came = alloc_fail_failed(&memory);
        memory.fail_at = 0;
        assert_int_equal(known, came);
        assert_false(is_known(k, "one"));
        gw_keys_free(k);
        alloc_fail_done(&memory, "keys");
        if (!came)
            break;
    }
    assert_in_range(failed, 2, 100);
}

static void test_what_is_wrong_in_it_changes_nothing(void **state)
{
    (void)state;
    char why[GW_KEYS_WHY_BYTES];
    write_keys(ONE);
    struct gw_keys *k = gw_keys_new(path, &dgm_alloc_libc);
    write_keys("oh no\n");
    assert_true(is_known(k, "one") && is_known(k, "one"));
    assert_false(gw_keys_check(path, why));
    assert_int_equal(unlink(path), 0);
    assert_true(is_known(k, "one"));
    write_keys(TWO);
    assert_true(!is_known(k, "one") && is_known(k, "two"));
    gw_keys_free(k);
}

static int make_path(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_path(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_key_that_was_revoked_while_descriptors_were_short),
        cmocka_unit_test(test_a_key_that_was_revoked_while_memory_was_short),
        cmocka_unit_test(test_what_is_wrong_in_it_changes_nothing),
    };
    return cmocka_run_group_tests(tests, make_path, remove_path);
}
