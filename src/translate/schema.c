/* SPDX-License-Identifier: Apache-2.0 */
/* schema.c - JSON Schemas as Gemini takes them. */
#include "translate/schema.h"

#include "base/str.h"

enum schema_form schema_form(const struct dgm_request *r, const struct json_val *schema)
{
    (void)schema;
    return r->model.can & CAN_JSON_SCHEMA ? SCHEMA_JSON : SCHEMA_SUBSET;
}

void schema_put(struct dgm_request *r, struct json_writer *w, const struct json_val *schema,
                enum schema_form form, struct dgm_str label, const struct chat_place *place)
{
    (void)form;
    (void)label;
    if (chat_expect(r, schema, J_OBJ, place))
        json_put_val(w, schema);
}

bool schema_is_empty(const struct json_val *schema)
{
    return json_size(json_get(schema, DGM_STR("properties"))) == 0;
}

void schema_put_parameters(struct dgm_request *r, struct json_writer *w,
                           const struct json_val *schema, enum schema_form form,
                           struct dgm_str label, const struct chat_place *place)
{
    schema_put(r, w, schema, form, label, place);
}

bool schema_is_object(const struct json_val *schema)
{
    return dgm_str_eq(json_get_str(schema, DGM_STR("type")), DGM_STR("object"));
}
