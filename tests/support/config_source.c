/* SPDX-License-Identifier: Apache-2.0 */
/* config_source.c - configurations for tests. */
#include "support/config_source.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *const environment[] = {
    "GEMINI_API_KEY=AIzaSecret",
    "PORT=9090",
    "EMPTY=",
    "HOME_DIR=/home/x",
    "LINES=a\nb",
    "YAML={a: b}",
    "BAD=\xff",
    NULL,
};

struct gw_config_source config_source(const char *yaml)
{
    return (struct gw_config_source){
        .file = dgm_str_c(yaml), .environment = environment, .cpus = 4};
}

void config_refused(const struct gw_config_source *source, char *to, size_t size)
{
    struct gw_config *c = NULL;
    struct gw_problems problems = {0};
    if (gw_config_parse(source, &c, &problems) != DGM_E_REFUSED)
        fail_msg("not refused: %.*s", (int)source->file.n, source->file.p);
    assert_null(c);
    assert_true(problems.n > 0);
    struct dgm_buf out;
    dgm_buf_init(&out, &dgm_alloc_libc, size - 1);
    gw_problems_put(&problems, DGM_STR("f"), &out);
    assert_int_equal(out.rc, DGM_OK);
    memcpy(to, out.p, out.n);
    to[out.n] = '\0';
    dgm_buf_dispose(&out);
}
