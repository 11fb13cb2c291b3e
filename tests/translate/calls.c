/* SPDX-License-Identifier: Apache-2.0 */
/* calls.c - tests of translate/calls: a million ids of calls (user-pain C6, D4). */
#include "translate/answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"

#define REQUESTS 1000
#define CALLS 1000      /* of each */
#define ID_BYTES_MAX 40 /* clients refuse longer ones */

static char ids[REQUESTS * CALLS][ID_BYTES_MAX + 1];

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* Ids as the gateway gives requests. */
static void name_request(char *to, size_t size, unsigned number)
{
    snprintf(to, size, "%08x%08x%08x", number * 2654435761u, number, number * 40503u);
}

static void a_million_ids_differ(void **state)
{
    (void)state;
    for (unsigned i = 0; i < REQUESTS; i++) {
        char name[64];
        name_request(name, sizeof name, i);
        struct dgm_env env = {.now = 1, .id = dgm_str_c(name)};
        struct dgm_request *r = NULL;
        struct dgm_fail fail;
        struct dgm_buf body;
        dgm_buf_init(&body, &dgm_alloc_libc, SIZE_MAX);
        dgm_buf_put_lit(&body, "{\"model\":\"google/gemini-2.5-flash\",\"messages\":[{\"role\":"
                               "\"user\",\"content\":\"x\"}]}");
        assert_int_equal(dgm_chat_request(&env, &body, &r, &fail), DGM_OK);
        for (unsigned k = 0; k < CALLS; k++) {
            struct dgm_str id = answer_new_call_id(r);
            assert_in_range(id.n, 1, ID_BYTES_MAX);
            memcpy(ids[i * CALLS + k], id.p, id.n);
        }
        dgm_request_free(r);
        dgm_buf_dispose(&body);
    }
    qsort(ids, REQUESTS * CALLS, sizeof *ids, compare);
    for (size_t i = 1; i < REQUESTS * CALLS; i++)
        if (strcmp(ids[i - 1], ids[i]) == 0)
            fail_msg("twice: %s", ids[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_million_ids_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
