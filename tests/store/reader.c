/* SPDX-License-Identifier: Apache-2.0 */
/* reader.c - workers read what the keeper wrote as soon as it is acknowledged, each in its own process. */
#include "store/store.h"

#include "base/str.h"
#include "support/alloc_fail.h"
#include "support/store_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/** A process that opens the folder when it is told its name, and says for each key what it reads. */
struct worker {
    pid_t pid;
    int ask, hear;
};

#define NOTHING "-"
#define ANSWER_MAX 64

static void serve(int in, int out)
{
    struct store_reader *r = NULL;
    char line[STORE_PATH_MAX], why_not[] = NOTHING;
    ssize_t n;
    while ((n = read(in, line, sizeof line - 1)) > 0) {
        struct dgm_buf value;
        line[n] = '\0';
        dgm_buf_init(&value, &dgm_alloc_libc, ANSWER_MAX);
        if (line[0] == '/') {
            store_reader_close(r);
            r = store_reader_open(line, &dgm_alloc_libc);
        } else if (r && store_read(r, STORE_SIGNATURES, dgm_str_c(line), STORE_NOW_MS, &value) !=
                            DGM_OK) {
            dgm_buf_clear(&value);
        }
        if (value.n == 0)
            dgm_buf_put(&value, line[0] == '/' && r ? DGM_STR("open") : dgm_str_c(why_not));
        if (write(out, value.p, value.n) != (ssize_t)value.n)
            _exit(1);
        dgm_buf_dispose(&value);
    }
    store_reader_close(r);
    _exit(0);
}

static struct worker start(void)
{
    int to[2], from[2];
    assert_int_equal(pipe(to), 0);
    assert_int_equal(pipe(from), 0);
    struct worker w = {.pid = fork(), .ask = to[1], .hear = from[0]};
    assert_true(w.pid >= 0);
    if (w.pid == 0) {
        close(to[1]), close(from[0]);
        serve(to[0], from[1]);
    }
    close(to[0]), close(from[1]);
    return w;
}

static void says(const struct worker *w, const char *line, const char *answer)
{
    char room[ANSWER_MAX + 1];
    assert_true(write(w->ask, line, strlen(line)) > 0);
    ssize_t n = read(w->hear, room, ANSWER_MAX);
    assert_true(n > 0);
    room[n] = '\0';
    assert_string_equal(room, answer);
}

static void end(struct worker *w)
{
    close(w->ask);
    close(w->hear);
    assert_int_equal(waitpid(w->pid, NULL, 0), w->pid);
}

static void test_reads_at_once(void **state)
{
    (void)state;
    struct worker a = start(), b = start();
    const char *folder = store_folder_new();
    says(&a, folder, NOTHING);
    struct store *s = store_folder_open(folder, &store_bounds_usual, &dgm_alloc_libc);
    says(&a, folder, "open");
    says(&b, folder, "open");
    for (char c = 'a'; c <= 'z'; c++) {
        char key[2] = {c, '\0'};
        says(&a, key, NOTHING);
        assert_int_equal(store_folder_put(s, STORE_SIGNATURES, dgm_str_c(key), DGM_STR("value"),
                                          STORE_NOW_MS + 1),
                         STORE_DURABLE);
        says(&a, key, "value");
        says(&b, key, "value");
    }
    kill(a.pid, SIGKILL); /* as it may die at any time */
    end(&a);
    store_reader_died(s);
    store_folder_put(s, STORE_SIGNATURES, DGM_STR("a"), DGM_STR("new"), STORE_NOW_MS + 1);
    says(&b, "a", "new");
    store_free(s);
    says(&b, "a", "new"); /* without a keeper too */
    end(&b);
}

static void test_too_old(void **state)
{
    (void)state;
    struct worker w = start();
    const char *folder = store_folder_new();
    struct store *s = store_folder_open(folder, &store_bounds_usual, &dgm_alloc_libc);
    store_folder_put(s, STORE_SIGNATURES, DGM_STR("old"), DGM_STR("v"), STORE_NOW_MS - 1);
    store_folder_put(s, STORE_SIGNATURES, DGM_STR("young"), DGM_STR("v"), STORE_NOW_MS);
    says(&w, folder, "open");
    says(&w, "old", NOTHING);
    says(&w, "young", "v");
    store_free(s);
    end(&w);
}

/* A file that may become larger than it could when its reader opened it. */
static void test_larger(void **state)
{
    (void)state;
    struct worker w = start();
    struct store_bounds bounds = store_bounds_usual;
    const char *folder = store_folder_new();
    char value[60000] = "v", key[2] = "a";
    bounds.file_bytes = STORE_MIB;
    store_free(store_folder_open(folder, &bounds, &dgm_alloc_libc));
    says(&w, folder, "open");
    bounds.file_bytes = 16 * STORE_MIB;
    struct store *s = store_folder_open(folder, &bounds, &dgm_alloc_libc);
    for (; key[0] <= 'z'; key[0]++)
        for (int i = 0; i < 4; i++)
            assert_int_equal(store_folder_put(s, STORE_TEXTS,
                                              (struct dgm_str){(char[]){key[0], (char)i}, 2},
                                              (struct dgm_str){value, sizeof value}, STORE_NOW_MS),
                             STORE_DURABLE);
    store_folder_put(s, STORE_SIGNATURES, DGM_STR("last"), DGM_STR("v"), STORE_NOW_MS);
    says(&w, "last", "v");
    store_free(s);
    end(&w);
}

static void test_odd_keys(void **state)
{
    (void)state;
    char key[STORE_KEY_MAX + 1] = "k";
    struct dgm_buf out;
    const char *folder = store_folder_new();
    store_free(store_folder_open(folder, &store_bounds_usual, &dgm_alloc_libc));
    struct store_reader *r = store_reader_open(folder, &dgm_alloc_libc);
    dgm_buf_init(&out, &dgm_alloc_libc, ANSWER_MAX);
    assert_int_equal(store_read(r, STORE_TEXTS, DGM_STR(""), 0, &out), DGM_MORE);
    assert_int_equal(store_read(r, STORE_TEXTS, (struct dgm_str){key, sizeof key}, 0, &out),
                     DGM_MORE);
    assert_int_equal(store_read(r, STORE_TEXTS, (struct dgm_str){key, STORE_KEY_MAX}, 0, &out),
                     DGM_MORE);
    store_reader_close(r);
    assert_null(store_reader_open("/dev/null/store", &dgm_alloc_libc));
}

static void test_memory_is_short(void **state)
{
    (void)state;
    struct alloc_fail a;
    struct dgm_buf out;
    const char *folder = store_folder_new();
    struct store *s = store_folder_open(folder, &store_bounds_usual, &dgm_alloc_libc);
    store_folder_put(s, STORE_TEXTS, DGM_STR("k"), DGM_STR("v"), STORE_NOW_MS);
    store_free(s);
    alloc_fail_init(&a, 1);
    assert_null(store_reader_open(folder, &a.alloc));
    alloc_fail_init(&a, 2);
    struct store_reader *r = store_reader_open(folder, &a.alloc);
    dgm_buf_init(&out, &a.alloc, ANSWER_MAX);
    assert_int_equal(store_read(r, STORE_TEXTS, DGM_STR("k"), 0, &out), DGM_E_NOMEM);
    dgm_buf_dispose(&out);
    store_reader_close(r);
    alloc_fail_done(&a, "a reader");
}

/* A command puts while the keeper has the file, and while it has not. */
static void test_command(void **state)
{
    (void)state;
    const char *folder = store_folder_new();
    char why[STORE_WHY_BYTES], large[300000] = "";
    for (int kept = 0; kept < 2; kept++) {
        struct store *s =
            kept ? store_folder_open(folder, &store_bounds_usual, &dgm_alloc_libc) : NULL;
        pid_t pid = fork();
        if (pid == 0)
            _exit(store_put_now(folder, &store_bounds_usual, STORE_ACCOUNTS,
                                kept ? DGM_STR("second") : DGM_STR("first"), DGM_STR("key"),
                                STORE_NOW_MS, why)
                      ? 0
                      : 1);
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        if (!s)
            s = store_folder_open(folder, &store_bounds_usual, &dgm_alloc_libc);
        assert_true(store_folder_get(s, STORE_ACCOUNTS, kept ? DGM_STR("second") : DGM_STR("first"),
                                     STORE_NOW_MS, NULL));
        assert_int_equal(
            store_folder_put(s, STORE_ACCOUNTS, DGM_STR("own"), DGM_STR("v"), STORE_NOW_MS),
            STORE_DURABLE);
        store_free(s);
    }
    assert_false(store_put_now("/dev/null/store", &store_bounds_usual, STORE_ACCOUNTS, DGM_STR("k"),
                               DGM_STR("v"), STORE_NOW_MS, why));
    assert_non_null(strstr(why, "/dev/null/store"));
    assert_false(store_put_now(folder, &store_bounds_usual, STORE_ACCOUNTS, DGM_STR("k"),
                               (struct dgm_str){large, sizeof large}, STORE_NOW_MS, why));
    store_folder_write(folder, large, 8192);
    assert_false(store_put_now(folder, &store_bounds_usual, STORE_ACCOUNTS, DGM_STR("k"),
                               DGM_STR("v"), STORE_NOW_MS, why));
    assert_non_null(strstr(why, "damaged"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_at_once),   cmocka_unit_test(test_too_old),
        cmocka_unit_test(test_larger),          cmocka_unit_test(test_odd_keys),
        cmocka_unit_test(test_memory_is_short), cmocka_unit_test(test_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
