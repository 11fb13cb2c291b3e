/* SPDX-License-Identifier: Apache-2.0 */
/*
 * count.c - countTokens. Known: the members (protos), the refusal of a body that asks for nothing (zed#17343), a line about
 * a part (gemini-balance#196). Inferred: that both members together are refused, which proto says exclude each other.
 */
#include "emulate/count.h"

#include "base/str.h"
#include "emulate/prompt.h"
#include "emulate/rules.h"
#include "json/write.h"

static enum dgm_rc refuse(struct dgm_str message, struct refusal *reterr)
{
    *reterr = (struct refusal){.status = 400, .message = message};
    return DGM_E_REFUSED;
}

/* The Gemini API counts `contents`, or all of a `generateContentRequest`. */
static enum dgm_rc choose(const struct ask *ask, const struct json_val **root,
                          struct refusal *reterr)
{
    const struct json_val *whole = emu_ask_member(*root, "generateContentRequest");
    size_t contents = emu_ask_count(emu_ask_member(*root, "contents"));
    if (emu_ask_is_vertex(ask))
        return DGM_OK;
    if (!whole && contents == 0)
        return refuse(
            DGM_STR("CountTokens requires generate_content_request or contents to be set."),
            reterr);
    if (whole && contents != 0)
        return refuse(DGM_STR("CountTokens takes generate_content_request or contents, not both."),
                      reterr);
    *root = whole ? whole : *root;
    return DGM_OK;
}

/* The lines of a request are those of what it stands in. */
static enum dgm_rc rename_lines(struct dgm_str lines, bool inside, struct dgm_arena *arena,
                                struct refusal *reterr)
{
    const struct dgm_str old = DGM_STR("* GenerateContentRequest");
    struct dgm_buf out;
    dgm_buf_init(&out, dgm_arena_alloc(arena), SIZE_MAX);
    while (lines.n != 0) {
        size_t at = dgm_str_find(lines, old);
        dgm_buf_put(&out, dgm_str_head(lines, at));
        if (at < lines.n)
            dgm_buf_put(&out, inside ? DGM_STR("* CountTokensRequest.generate_content_request")
                                     : DGM_STR("* CountTokensRequest"));
        lines = dgm_str_skip(lines, at < lines.n ? at + old.n : at);
    }
    return out.rc == DGM_OK ? refuse(dgm_buf_str(&out), reterr) : DGM_E_NOMEM;
}

/* Characters that are no blanks: what Vertex calls billable. */
static uint64_t billable(const struct json_val *parts)
{
    uint64_t n = 0;
    for (struct ask_list l = emu_ask_list(parts); emu_ask_next(&l);) {
        struct dgm_str text = json_str(emu_ask_member(l.value, "text"));
        for (size_t i = 0; i < text.n; i++) {
            unsigned char c = (unsigned char)text.p[i];
            n += c > ' ' && (c & 0xc0) != 0x80; /* a character is counted at its first byte */
        }
    }
    return n;
}

static uint64_t billable_of(const struct ask *ask)
{
    uint64_t n = billable(emu_ask_member(ask->system, "parts"));
    for (struct ask_list c = emu_ask_list(ask->contents); emu_ask_next(&c);)
        n += billable(emu_ask_member(c.value, "parts"));
    return n;
}

static void put(const struct ask *ask, const struct prompt *prompt, struct dgm_buf *out)
{
    struct json_writer w = json_writer(out);
    bool listed = false;
    json_open_obj(&w);
    if (prompt->tokens_total != 0) /* what is 0 is left out, as in all of proto3's JSON */
        json_member_int(&w, "totalTokens", (int64_t)prompt->tokens_total);
    uint64_t characters = emu_ask_is_vertex(ask) ? billable_of(ask) : 0;
    if (characters != 0)
        json_member_int(&w, "totalBillableCharacters", (int64_t)characters);
    for (size_t m = 0; m < MODALITIES; m++) {
        if (prompt->tokens[m] == 0)
            continue;
        if (!listed) {
            json_put_name(&w, "promptTokensDetails");
            json_open_arr(&w);
            listed = true;
        }
        json_open_obj(&w);
        json_member_str(&w, "modality", emu_prompt_modality_name((enum modality)m));
        json_member_int(&w, "tokenCount", (int64_t)prompt->tokens[m]);
        json_close_obj(&w);
    }
    if (listed)
        json_close_arr(&w);
    json_close_obj(&w);
}

enum dgm_rc emu_count_put(struct ask *ask, const struct json_val *root, struct dgm_arena *arena,
                          struct dgm_buf *out, struct refusal *reterr)
{
    const struct json_val *counted = root;
    struct prompt prompt;
    struct findings findings;
    enum dgm_rc rc = choose(ask, &counted, reterr);
    if (rc != DGM_OK)
        return rc;
    emu_ask_init(ask, counted);
    rc = emu_prompt_read(ask, arena, &prompt);
    if (rc != DGM_OK)
        return rc;
    rc = emu_rules_check_lines(ask, arena, &findings);
    if (rc == DGM_E_REFUSED)
        return rename_lines(findings.refusal.message, counted != root, arena, reterr);
    if (rc == DGM_OK)
        put(ask, &prompt, out);
    return rc == DGM_OK ? out->rc : rc;
}
