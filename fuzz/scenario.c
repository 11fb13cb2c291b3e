/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scenario.c - any bytes as a scenario file: refused with places inside the file, or rules that answer a request with
 * sound JSON.
 */
#include "gateway/config.h"

#include "base/str.h"
#include "base/utf8.h"
#include "emulate/scenario.h"

#include "property.h"

#define BODY "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"weather in Paris\"}]}]}"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_rule(const struct scenario_rule *rule)
{
    PROPERTY(rule->name.p && rule->nanswers >= 1 && rule->stream >= -1 && rule->stream <= 1);
    PROPERTY(rule->nth == 0 || rule->nanswers == 1);
    for (size_t i = 0; i < rule->nanswers; i++) {
        const struct scenario_answer *a = rule->answers + i;
        PROPERTY(!a->responder.p || !emu_scenario_says(a));
        PROPERTY(a->first_ms <= 600000 && a->piece_ms <= 600000);
        PROPERTY(a->ncalls <= SCENARIO_CALLS_MAX);
        for (size_t k = 0; k < a->ncalls; k++)
            PROPERTY(a->calls[k].name.p && a->calls[k].args.n >= 2 && a->calls[k].args.p[0] == '{');
    }
}

/* One request, to its end: whole, so that a good answer is one JSON text. */
static void answer(const struct emu_scenario *scenario, uint64_t seen)
{
    const struct emu_env env = {
        .id = DGM_STR("f"), .scenario = scenario, .fault_seen = seen, .counter = {NULL, NULL}};
    const struct emu_options options = {0};
    struct dgm_str body = DGM_STR(BODY);
    const struct emu_request request = {
        .method = DGM_STR("POST"),
        .target = DGM_STR("/v1beta/models/gemini-3-pro-preview:generateContent"),
        .segs = &body,
        .nsegs = 1};
    struct emu_call *call = emu_call_new(&env, &options, &request);
    struct dgm_buf out;
    uint32_t wait_ms = 0;
    enum dgm_rc rc = DGM_EVENT;
    PROPERTY(call);
    dgm_buf_init(&out, &dgm_alloc_libc, SIZE_MAX);
    while (rc == DGM_EVENT && wait_ms != UINT32_MAX)
        rc = emu_call_next(call, &out, &wait_ms);
    if (rc == DGM_DONE && emu_call_status(call) == 200 && emu_call_account(call)->fault.n == 0) {
        struct dgm_arena arena;
        const struct json_val *root;
        struct json_error error;
        dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
        dgm_buf_reserve(&out, JSON_PADDING);
        PROPERTY(json_parse(&arena, out.p, out.n, JSON_DEPTH_MAX, &root, &error) == DGM_OK);
        dgm_arena_dispose(&arena);
    }
    dgm_buf_dispose(&out);
    emu_call_free(call);
}

static void check_refusal(const struct gw_problems *problems, struct dgm_str file)
{
    PROPERTY(problems->n >= 1 && problems->n <= GW_CONFIG_PROBLEMS_MAX);
    for (size_t i = 0; i < problems->n; i++) {
        const struct gw_problem *at = &problems->at[i];
        struct dgm_str text = dgm_str_c(at->text);
        PROPERTY(at->line >= 1 && at->line <= file.n + 1);
        PROPERTY(at->column >= 1 && at->column <= file.n + 1);
        PROPERTY(text.n != 0 && dgm_utf8_bad(text) == text.n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct gw_config *c; /* one for all: only its arena grows */
    static unsigned runs;
    const struct gw_config_source source = {0};
    struct gw_problems problems = {0};
    struct dgm_str file = {n ? (const char *)data : "", n};
    if (c == NULL)
        PROPERTY(gw_config_parse(&source, &c, &problems) == DGM_OK);
    switch (gw_config_scenario(c, file, &problems)) {
    case DGM_OK:
        for (size_t i = 0; i < c->emulator.script->nrules; i++)
            check_rule(c->emulator.script->rules + i);
        answer(c->emulator.script, 0);
        break;
    case DGM_E_REFUSED:
        check_refusal(&problems, file);
        break;
    default:
        PROPERTY(false); /* memory is not short */
    }
    if (++runs % 64 == 0) {
        gw_config_free(c);
        c = NULL;
    }
    return 0;
}
