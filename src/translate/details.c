/* SPDX-License-Identifier: Apache-2.0 */
/* details.c - reasoning_details of a message or a delta. */
#include "translate/details.h"

#include "base/str.h"
#include "translate/carriers.h"
#include "translate/compat.h"

static void close_detail(struct json_writer *w, int64_t index)
{
    json_member_lit(w, "format", CARRIERS_GEMINI);
    json_member_int(w, "index", index);
    json_close_obj(w);
}

static void put_thoughts(struct json_writer *w, struct choice *c, const struct json_val *parts)
{
    struct json_iter it = json_iter(parts);
    if (!c->detailed)
        c->thoughts = c->details++;
    c->detailed = true;
    json_open_obj(w);
    json_member_lit(w, "type", "reasoning.text");
    json_put_name(w, "text");
    json_open_str(w);
    while (json_next(&it))
        if (answer_part(it.value) == SAYS_THOUGHT)
            json_add_str(w, json_get_str(it.value, DGM_STR("text")));
    json_close_str(w);
    close_detail(w, c->thoughts);
}

static void put_signature(struct json_writer *w, struct choice *c, struct dgm_str signature,
                          struct dgm_str id)
{
    json_open_obj(w);
    json_member_lit(w, "type", "reasoning.encrypted");
    json_member_str(w, "data", signature);
    if (id.n != 0)
        json_member_str(w, "id", id);
    close_detail(w, c->details++);
}

void details_put(const struct dgm_request *r, struct json_writer *w, struct choice *c,
                 const struct answer_piece *p, size_t kept)
{
    struct json_iter it = json_iter(p->parts);
    bool any = (p->said & (SAID_THOUGHTS | SAID_SIGNATURE)) != 0;
    if (!r->env.reasoning_details || compat_is_google(r))
        return;
    for (size_t i = kept; !any && i < r->kept_n; i++)
        any = r->kept[i].call_id.n != 0 && r->kept[i].signature.n != 0;
    if (!any)
        return;
    json_put_name(w, "reasoning_details");
    json_open_arr(w);
    if (p->said & SAID_THOUGHTS)
        put_thoughts(w, c, p->parts);
    for (size_t i = kept; i < r->kept_n; i++)
        if (r->kept[i].call_id.n != 0 && r->kept[i].signature.n != 0)
            put_signature(w, c, r->kept[i].signature, r->kept[i].call_id);
    while (p->said & SAID_SIGNATURE && json_next(&it))
        if (answer_signature(it.value).n != 0)
            put_signature(w, c, answer_signature(it.value), (struct dgm_str){0});
    json_close_arr(w);
}
