/* SPDX-License-Identifier: Apache-2.0 */
/* refusal.c - Google's errors. */
#include "emulate/refusal.h"

#include "json/write.h"

static void put_details(struct json_writer *w, const struct refusal *r)
{
    json_put_key(w, DGM_STR("details"));
    json_open_arr(w);
    json_open_obj(w);
    json_member_str(w, "@type", DGM_STR("type.googleapis.com/google.rpc.BadRequest"));
    json_put_key(w, DGM_STR("fieldViolations"));
    json_open_arr(w);
    for (size_t i = 0; i < r->nviolations; i++) {
        json_open_obj(w);
        if (r->violations[i].field.n != 0)
            json_member_str(w, "field", r->violations[i].field);
        json_member_str(w, "description", r->violations[i].description);
        json_close_obj(w);
    }
    json_close_arr(w);
    json_close_obj(w);
    json_close_arr(w);
}

void emu_refusal_put(const struct refusal *r, struct dgm_buf *out)
{
    if (r->status == 404 && r->message.n == 0) {
        dgm_buf_put_lit(out,
                        "<!DOCTYPE html>\n<html lang=en>\n<title>Error 404 (Not Found)!!1</title>\n"
                        "<p><b>404.</b> The requested URL was not found on this server. "
                        "(An emulated answer.)</p>\n</html>\n");
        return;
    }
    struct json_writer w = json_writer(out);
    json_open_obj(&w);
    json_put_key(&w, DGM_STR("error"));
    json_open_obj(&w);
    json_member_int(&w, "code", r->status);
    json_member_str(&w, "message", r->message);
    json_member_str(&w, "status",
                    r->google.n        ? r->google
                    : r->status == 404 ? DGM_STR("NOT_FOUND")
                                       : DGM_STR("INVALID_ARGUMENT"));
    if (r->details.n != 0) {
        json_put_key(&w, DGM_STR("details"));
        json_put_raw(&w, r->details);
    } else if (r->nviolations != 0) {
        put_details(&w, r);
    }
    json_close_obj(&w);
    json_close_obj(&w);
}

enum dgm_rc emu_refuse_size(size_t max_bytes, struct dgm_arena *arena, struct refusal *reterr)
{
    struct dgm_buf message;
    dgm_buf_init(&message, dgm_arena_alloc(arena), SIZE_MAX);
    dgm_buf_put_lit(&message, "Request payload size exceeds the limit: ");
    dgm_buf_put_int(&message, (int64_t)max_bytes);
    dgm_buf_put_lit(&message, " bytes.");
    if (message.rc != DGM_OK)
        return DGM_E_NOMEM;
    *reterr = (struct refusal){.status = 400, .message = dgm_buf_str(&message)};
    return DGM_E_REFUSED;
}
