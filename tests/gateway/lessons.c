/* SPDX-License-Identifier: Apache-2.0 */
/* lessons.c - tests of gateway/lessons: what is kept is recalled by those it is of, for a day, and never more than fits. */
#include "gateway/lessons.h"

#include "base/str.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOW 1750000000

static const struct gw_pupil pupil = {{"lab", 3}, {"m", 1}, 0};
static const struct dgm_try tokens = {DGM_TRY_MAX_TOKENS, 1000, 8192000};

static void it_is_recalled_by_its_own(void **state)
{
    (void)state;
    static const struct gw_pupil others[] = {
        {{"lab", 3}, {"n", 1}, 0}, {{"let", 3}, {"m", 1}, 0}, {{"lab", 3}, {"m", 1}, 7}};
    struct gw_lessons *l = gw_lessons_new();
    struct dgm_try try = {0};
    assert_non_null(l);
    assert_false(gw_lessons_any(l) || gw_lessons_any(NULL));
    assert_false(gw_lessons_recall(l, &pupil, DGM_TRY_MAX_TOKENS, NOW, &try));
    gw_lessons_keep(l, &pupil, &tokens, NOW);
    assert_true(gw_lessons_any(l));
    assert_true(gw_lessons_recall(l, &pupil, DGM_TRY_MAX_TOKENS, NOW, &try));
    assert_true(try.id == tokens.id && try.least == tokens.least && try.most == tokens.most);
    assert_false(gw_lessons_recall(l, &pupil, DGM_TRY_PENALTIES, NOW, &try));
    for (size_t i = 0; i < 3; i++)
        assert_false(gw_lessons_recall(l, &others[i], DGM_TRY_MAX_TOKENS, NOW, &try));
    gw_lessons_free(l);
}

/* Of no schemas nothing is learnt: it would be done to every request of the model. */
static void of_no_schemas_there_is_nothing(void **state)
{
    (void)state;
    struct gw_lessons *l = gw_lessons_new();
    struct gw_pupil p = pupil;
    struct dgm_try try = {.id = DGM_TRY_SCHEMA_TOLD};
    p.schemas = 0;
    gw_lessons_keep(l, &p, &try, NOW);
    assert_false(gw_lessons_any(l) || gw_lessons_recall(l, &p, try.id, NOW, &try));
    p.schemas = 1;
    gw_lessons_keep(l, &p, &try, NOW);
    assert_true(gw_lessons_recall(l, &p, try.id, NOW, &try));
    gw_lessons_free(l);
}

static void it_is_forgotten_after_a_day(void **state)
{
    (void)state;
    struct gw_lessons *l = gw_lessons_new();
    struct dgm_try try;
    gw_lessons_keep(l, &pupil, &tokens, NOW);
    assert_true(gw_lessons_recall(l, &pupil, tokens.id, NOW + GW_LESSON_S - 1, &try));
    assert_false(gw_lessons_recall(l, &pupil, tokens.id, NOW + GW_LESSON_S, &try));
    gw_lessons_keep(l, &pupil, &(struct dgm_try){tokens.id, 0, 1000}, NOW + GW_LESSON_S);
    assert_true(gw_lessons_recall(l, &pupil, tokens.id, NOW + GW_LESSON_S, &try));
    assert_int_equal(try.most, 1000);
    gw_lessons_free(l);
}

/* More than there is room for: the newest are there, and nothing that was never kept. */
static void a_full_one_forgets_the_oldest(void **state)
{
    (void)state;
    enum { MANY = 4 * GW_LESSONS_MAX };
    struct gw_lessons *l = gw_lessons_new();
    struct dgm_try try;
    size_t known = 0;
    for (int i = 0; i < MANY; i++) {
        const struct gw_pupil p = {pupil.upstream, pupil.model, (uint64_t)i + 1};
        gw_lessons_keep(l, &p, &(struct dgm_try){DGM_TRY_SCHEMA_PLAIN, i, i}, NOW + i);
        assert_true(gw_lessons_recall(l, &p, DGM_TRY_SCHEMA_PLAIN, NOW + i, &try));
    }
    for (int i = 0; i < MANY; i++) {
        const struct gw_pupil p = {pupil.upstream, pupil.model, (uint64_t)i + 1};
        if (!gw_lessons_recall(l, &p, DGM_TRY_SCHEMA_PLAIN, NOW, &try))
            continue;
        known++;
        assert_int_equal(try.most, i);
    }
    assert_true(known > GW_LESSONS_MAX / 2 && known <= GW_LESSONS_MAX);
    gw_lessons_free(l);
}

static void another_process_knows_it(void **state)
{
    (void)state;
    struct gw_lessons *l = gw_lessons_new();
    struct dgm_try try;
    int status;
    pid_t child = fork();
    if (child == 0) {
        gw_lessons_keep(l, &pupil, &tokens, NOW);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(gw_lessons_recall(l, &pupil, tokens.id, NOW, &try));
    gw_lessons_free(l);
}

static void settings_say_always_and_never(void **state)
{
    (void)state;
    static const struct {
        int system;
        bool first, user; /* whether they may be tried */
    } rows[] = {{GW_SYSTEM_AUTO, true, true},
                {GW_SYSTEM_OFF, false, false},
                {GW_SYSTEM_FIRST, true, true},
                {GW_SYSTEM_USER, false, true}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct gw_upstream u = {.merge_system = rows[i].system, .alternate = GW_MEND_NEVER};
        assert_int_equal(gw_lessons_allow(&u, DGM_TRY_MERGE_SYSTEM), rows[i].first);
        assert_int_equal(gw_lessons_allow(&u, DGM_TRY_SYSTEM_USER), rows[i].user);
        assert_false(gw_lessons_allow(&u, DGM_TRY_ALTERNATE));
        assert_true(gw_lessons_allow(&u, DGM_TRY_FLATTEN) &&
                    gw_lessons_allow(&u, DGM_TRY_PENALTIES));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_recalled_by_its_own),
        cmocka_unit_test(of_no_schemas_there_is_nothing),
        cmocka_unit_test(it_is_forgotten_after_a_day),
        cmocka_unit_test(a_full_one_forgets_the_oldest),
        cmocka_unit_test(another_process_knows_it),
        cmocka_unit_test(settings_say_always_and_never),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
