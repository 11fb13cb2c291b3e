/* SPDX-License-Identifier: Apache-2.0 */
/* blocked.c - a prompt that was blocked: as a message, or as an error. */
#include "translate/answer.h"
#include "translate/extra.h"

void answer_fail_blocked(const struct json_val *prompt_feedback, struct dgm_fail *ret)
{
    struct dgm_str said = json_get_str(prompt_feedback, DGM_STR("blockReasonMessage"));
    struct dgm_str reason = json_get_str(prompt_feedback, DGM_STR("blockReason"));
    dgm_fail_set(ret, DGM_ERR_PROMPT_BLOCKED, DGM_STR("messages"),
                 (const struct dgm_str[4]){DGM_STR("The prompt was blocked: "), reason,
                                           said.n ? DGM_STR(". ") : DGM_STR("."), said});
}

void answer_put_blocked(const struct dgm_request *r, struct json_writer *w,
                        const struct json_val *prompt_feedback, bool whole)
{
    struct dgm_str said = json_get_str(prompt_feedback, DGM_STR("blockReasonMessage"));
    struct dgm_str reason = json_get_str(prompt_feedback, DGM_STR("blockReason"));
    json_member_lit(w, "content", ""); /* a text, or clients break on it (user-pain G8) */
    json_put_name(w, "refusal");
    json_open_str(w);
    if (said.n) {
        json_add_str(w, said);
    } else {
        json_add_lit(w, "The prompt was blocked: ");
        json_add_str(w, reason);
        json_add_lit(w, ".");
    }
    json_close_str(w);
    extra_open(w);
    json_member_str(w, "block_reason", reason);
    if (whole && r->version.n)
        json_member_str(w, "model_version", r->version);
    extra_close(w);
}
