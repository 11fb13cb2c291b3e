/* SPDX-License-Identifier: Apache-2.0 */
/* emu_chat.c - chat completions asked of the emulator's dialects, for their tests. */
#include "support/emu_chat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/str.h"

const struct emu_options emu_options_plain;

void emu_chat(struct emu_run *run, enum emu_dialect dialect, const char *fault, const char *body)
{
    emu_run_post_chat(run, &dgm_alloc_libc, &emu_options_plain, dialect, dgm_str_c(fault),
                      dgm_str_c(body));
}

void emu_assert_text(struct dgm_str is, const char *wanted)
{
    if (!dgm_str_eq(is, dgm_str_c(wanted)))
        fail_msg("\"%.*s\", not \"%s\"", (int)is.n, is.p, wanted);
}

const struct json_val *emu_chat_message(struct emu_run *run)
{
    const struct json_val *choice = json_at(json_get(emu_run_json(run), DGM_STR("choices")), 0);
    return json_get(choice, DGM_STR("message"));
}

struct dgm_str emu_chat_finish(struct emu_run *run)
{
    const struct json_val *choice = json_at(json_get(emu_run_json(run), DGM_STR("choices")), 0);
    return json_get_str(choice, DGM_STR("finish_reason"));
}
