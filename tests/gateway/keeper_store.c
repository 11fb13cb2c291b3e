/* SPDX-License-Identifier: Apache-2.0 */
/* keeper_store.c - a real keeper with a store in a child, and a worker's link that puts and asks. */
#include "gateway/keeper.h"

#include "base/str.h"
#include "gateway/keeper_link.h"
#include "gateway/store_mark.h"
#include "support/store_folder.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define GIVE_UP_MS 20000

struct rig {
    struct gw_door door;
    struct gw_store_place place;
    bool is_suspect;
    pid_t keeper, next; /* the next waits to be let go */
    struct net_loop *loop;
    struct gw_keeper_link *link;
    struct net_timer give_up;
    bool gave_up, durable;
    bool durable_then; /* when the last reply came: what is told behind it counts for the next */
    uint64_t generation, pushes;
    int64_t dropped;
    struct dgm_buf reply;
    enum gw_message kind;
};

static pid_t make_keeper(const struct rig *r)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nobody waiting */
    close(r->door.workers);
    raise(SIGSTOP);
    _exit(gw_keeper_run(&(struct gw_keeper_start){
        .door = r->door.keeper, .store = &r->place, .is_suspect = r->is_suspect}));
}

static void let_go(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(WIFSTOPPED(status));
    kill(pid, SIGCONT);
}

static void on_give_up(void *owner)
{
    struct rig *r = owner;
    r->gave_up = true;
    net_loop_stop(r->loop);
}

static void on_push(void *owner, const struct gw_frame *frame)
{
    struct rig *r = owner;
    if (!frame || frame->kind != GW_MSG_STORE_STATE)
        return;
    struct gw_fields f = {.rest = frame->payload};
    r->durable = gw_field_u64(&f) != 0;
    r->generation = gw_field_u64(&f);
    assert_true(gw_field_u64(&f) == (uint64_t)store_bounds_usual.age_ms);
    assert_true(dgm_str_eq(gw_field_str(&f), dgm_str_c(r->place.folder)));
    assert_true(gw_fields_ended(&f));
    r->pushes++;
}

static void on_reply(void *owner, const struct gw_frame *frame)
{
    struct rig *r = owner;
    assert_non_null(frame);
    r->kind = frame->kind;
    r->durable_then = r->durable;
    dgm_buf_clear(&r->reply);
    dgm_buf_put(&r->reply, frame->payload);
    net_loop_stop(r->loop);
}

static void begin(struct rig *r, const char *folder)
{
    *r = (struct rig){.place = {.bounds = store_bounds_usual}};
    snprintf(r->place.folder, sizeof r->place.folder, "%s", folder);
    assert_true(gw_door_open(&r->door));
}

static void start(struct rig *r)
{
    r->next = make_keeper(r);
    r->keeper = make_keeper(r);
    let_go(r->keeper);
    r->loop = net_loop_new(&dgm_alloc_libc);
    net_timer_init(&r->give_up, on_give_up, r);
    dgm_buf_init(&r->reply, &dgm_alloc_libc, 1 << 24);
    r->link = gw_keeper_link_new(r->loop, r->door.workers, on_push, r, &r->dropped);
}

static void ask(struct rig *r, enum gw_message kind, const struct dgm_buf *payload)
{
    assert_int_equal(payload->rc, DGM_OK);
    assert_non_null(gw_keeper_ask(r->link, kind, dgm_buf_str(payload), on_reply, r));
    net_timer_start(r->loop, &r->give_up, GIVE_UP_MS);
    net_loop_run(r->loop);
    assert_false(r->gave_up);
}

static enum store_rank put(struct rig *r, const char *key, struct dgm_str value)
{
    struct dgm_buf payload;
    dgm_buf_init(&payload, &dgm_alloc_libc, 1 << 20);
    gw_field_put_u64(&payload, STORE_SIGNATURES);
    gw_field_put_str(&payload, dgm_str_c(key));
    gw_field_put_str(&payload, value);
    ask(r, GW_MSG_STORE_PUT, &payload);
    dgm_buf_dispose(&payload);
    assert_int_equal(r->kind, GW_MSG_STORE_KEPT);
    struct gw_fields f = {.rest = dgm_buf_str(&r->reply)};
    return (enum store_rank)gw_field_u64(&f);
}

/* Asks for keys that are letters: what is known of them, as "a=value b=value ". */
static const char *get(struct rig *r, const char *keys)
{
    static char said[4096];
    struct dgm_buf payload, out = {.p = said, .cap = sizeof said, .max = sizeof said - 1};
    dgm_buf_init(&payload, &dgm_alloc_libc, 1 << 20);
    gw_field_put_u64(&payload, STORE_SIGNATURES);
    for (const char *k = keys; *k; k++)
        gw_field_put_str(&payload, (struct dgm_str){k, 1});
    ask(r, GW_MSG_STORE_GET, &payload);
    dgm_buf_dispose(&payload);
    assert_int_equal(r->kind, GW_MSG_STORE_VALUES);
    struct gw_fields f = {.rest = dgm_buf_str(&r->reply)};
    const char *values[GW_STORE_GETS_MAX] = {0};
    size_t lengths[GW_STORE_GETS_MAX];
    while (!f.bad && f.rest.n != 0) {
        uint64_t index = gw_field_u64(&f);
        struct dgm_str value = gw_field_str(&f);
        assert_true(index < strlen(keys) && !values[index]);
        values[index] = value.p;
        lengths[index] = value.n;
    }
    assert_true(gw_fields_ended(&f));
    for (size_t i = 0; keys[i]; i++) {
        if (!values[i])
            continue;
        dgm_buf_put_char(&out, keys[i]);
        dgm_buf_put_char(&out, '=');
        dgm_buf_put(&out, (struct dgm_str){values[i], lengths[i]});
        dgm_buf_put_char(&out, ' ');
    }
    said[out.n] = '\0';
    return said;
}

/* Asks for nothing that is there: the answer comes when the file is open, or is known not to be. */
static void wait_until_open(struct rig *r)
{
    assert_string_equal(get(r, "-"), "");
}

/* The keeper is killed; the next one takes its place. */
static void replace(struct rig *r)
{
    kill(r->keeper, SIGKILL);
    waitpid(r->keeper, NULL, 0);
    r->keeper = r->next;
    let_go(r->keeper);
    r->next = 0;
}

static void end(struct rig *r)
{
    int status = -1;
    net_timer_stop(&r->give_up);
    gw_keeper_link_free(r->link);
    net_loop_free(r->loop);
    dgm_buf_dispose(&r->reply);
    if (r->next) {
        kill(r->next, SIGKILL);
        waitpid(r->next, NULL, 0);
    }
    gw_door_close(&r->door);
    assert_int_equal(waitpid(r->keeper, &status, 0), r->keeper);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void test_kept(void **state)
{
    (void)state;
    struct rig r;
    const char *folder = store_folder_new();
    begin(&r, folder);
    start(&r);
    assert_string_equal(get(&r, "abc"), "");
    assert_int_equal(put(&r, "a", DGM_STR("1")), STORE_DURABLE);
    assert_int_equal(put(&r, "c", DGM_STR("")), STORE_DURABLE);
    assert_string_equal(get(&r, "abca"), "a=1 c= a=1 ");
    assert_true(r.durable);
    replace(&r);
    assert_string_equal(get(&r, "abc"), "a=1 c= ");
    assert_int_equal(put(&r, "a", DGM_STR("2")), STORE_DURABLE);
    end(&r);

    begin(&r, folder);
    start(&r);
    assert_string_equal(get(&r, "a"), "a=2 ");
    end(&r);
    assert_int_equal(store_folder_check(folder), STORE_SOUND);
}

static bool is_set_aside(const struct rig *r)
{
    char path[STORE_PATH_MAX + 64];
    struct stat s;
    snprintf(path, sizeof path, "%s/" STORE_SET_ASIDE, r->place.folder);
    return stat(path, &s) == 0;
}

static void test_damaged(void **state)
{
    (void)state;
    struct rig r;
    char noise[9000];
    const char *folder = store_folder_new();
    memset(noise, 'x', sizeof noise);
    store_folder_write(folder, noise, sizeof noise);
    begin(&r, folder);
    start(&r);
    assert_string_equal(get(&r, "a"), "");
    assert_true(is_set_aside(&r));
    assert_int_equal(put(&r, "a", DGM_STR("1")), STORE_DURABLE);
    end(&r);
}

static void test_suspect(void **state)
{
    (void)state;
    struct rig r;
    const char *folder = store_folder_new();
    begin(&r, folder);
    start(&r);
    wait_until_open(&r);
    assert_int_equal(put(&r, "a", DGM_STR("1")), STORE_DURABLE);
    end(&r);
    begin(&r, folder);
    r.is_suspect = true;
    start(&r);
    assert_string_equal(get(&r, "a"), "");
    assert_true(is_set_aside(&r));
    end(&r);
}

static void test_no_folder(void **state)
{
    (void)state;
    struct rig r;
    begin(&r, "/dev/null/store");
    start(&r);
    assert_int_equal(put(&r, "a", DGM_STR("1")), STORE_VOLATILE);
    assert_string_equal(get(&r, "ab"), "a=1 ");
    assert_false(r.durable);
    assert_int_equal(r.generation, 0);
    end(&r);
    begin(&r, "");
    start(&r);
    assert_int_equal(put(&r, "a", DGM_STR("1")), STORE_VOLATILE);
    replace(&r);
    assert_string_equal(get(&r, "a"), "");
    end(&r);
}

/* What comes before the file is open is told so, stands in memory, and moves: and the state is told before it counts. */
static void test_early(void **state)
{
    (void)state;
    struct rig r;
    const char *folder = store_folder_new();
    begin(&r, folder);
    start(&r);
    enum store_rank rank = put(&r, "a", DGM_STR("1"));
    assert_int_equal(rank, r.durable_then ? STORE_DURABLE : STORE_VOLATILE);
    wait_until_open(&r);
    assert_int_equal(put(&r, "b", DGM_STR("2")), STORE_DURABLE);
    assert_true(r.durable && r.generation == 1);
    replace(&r);
    assert_string_equal(get(&r, "ab"), "a=1 b=2 ");
    end(&r);
}

static void test_temporary_goes(void **state)
{
    (void)state;
    struct rig r;
    struct stat s;
    char folder[] = "/tmp/dragoman-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    begin(&r, folder);
    r.place.temporary = true;
    start(&r);
    wait_until_open(&r);
    assert_int_equal(put(&r, "a", DGM_STR("1")), STORE_DURABLE);
    end(&r);
    assert_int_equal(stat(folder, &s), -1);
}

static void test_no_key(void **state)
{
    (void)state;
    struct rig r;
    struct dgm_buf payload;
    begin(&r, store_folder_new());
    start(&r);
    dgm_buf_init(&payload, &dgm_alloc_libc, 1 << 20);
    gw_field_put_u64(&payload, STORE_SIGNATURES);
    gw_field_put_str(&payload, DGM_STR("")); /* no key: nothing is known of it, and nothing kept */
    ask(&r, GW_MSG_STORE_GET, &payload);
    assert_int_equal(r.reply.n, 0);
    dgm_buf_clear(&payload);
    gw_field_put_u64(&payload, STORE_SIGNATURES);
    gw_field_put_str(&payload, DGM_STR(""));
    gw_field_put_str(&payload, DGM_STR("value"));
    ask(&r, GW_MSG_STORE_PUT, &payload);
    assert_int_equal(r.reply.p[0], STORE_LOST);
    dgm_buf_dispose(&payload);
    end(&r);
}

static void test_marks(void **state)
{
    (void)state;
    int killed = 0, crashed = 0;
    pid_t pid = fork();
    if (pid == 0)
        raise(SIGKILL);
    waitpid(pid, &killed, 0);
    pid = fork();
    if (pid == 0)
        raise(SIGABRT); /* of all crashes the one that no sanitizer reports */
    waitpid(pid, &crashed, 0);
    volatile bool *marks = gw_store_marks_new();
    assert_non_null(marks);
    assert_false(gw_store_mark_take(marks, 3, crashed));
    *gw_store_mark(marks, 3) = true;
    assert_false(gw_store_mark_take(marks, 2, crashed));
    assert_true(gw_store_mark_take(marks, 3, crashed));
    assert_false(gw_store_mark_take(marks, 3, crashed));
    *gw_store_mark(marks, 3) = true;
    assert_false(gw_store_mark_take(marks, 3, killed));
    assert_false(gw_store_mark_take(marks, 3, crashed));
    assert_null(gw_store_mark(marks, GW_STORE_MARKS));
    assert_null(gw_store_mark(NULL, 0));
    gw_store_marks_free(marks);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept),    cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_suspect), cmocka_unit_test(test_no_folder),
        cmocka_unit_test(test_early),   cmocka_unit_test(test_temporary_goes),
        cmocka_unit_test(test_no_key),  cmocka_unit_test(test_marks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
