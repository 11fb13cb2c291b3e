/* SPDX-License-Identifier: Apache-2.0 */
/* native.c - what Google's parser knows. */
#include "emulate/native.h"

#include "base/str.h"

#include <assert.h>

struct span {
    const char *name;
    size_t first, count;
};

static const struct span messages[] = {
#define MESSAGE(id, name, first, count) {name, first, count},
#include "emulate/native.def"
#undef MESSAGE
};

static const struct native_field fields[] = {
#define FIELD(name, snake, kind, type, shape, surfaces, oneof)                                     \
    {name,     snake, sizeof(name) - 1, sizeof(snake) - 1, NATIVE_##kind, type, NATIVE_##shape,    \
     surfaces, oneof},
#include "emulate/native.def"
#undef FIELD
};

static const struct span enums[] = {
#define ENUM(id, name, first, count) {name, first, count},
#include "emulate/native.def"
#undef ENUM
};

static const struct {
    const char *name;
    unsigned surfaces;
} values[] = {
#define VALUE(name, surfaces) {name, surfaces},
#include "emulate/native.def"
#undef VALUE
};

const struct native_field *emu_native_field(enum native_message_id id, struct dgm_str name,
                                            enum native_surface surface)
{
    assert((size_t)id < sizeof messages / sizeof *messages);
    const struct native_field *field = fields + messages[id].first;
    for (size_t i = 0; i < messages[id].count; i++, field++)
        if (field->surfaces & surface &&
            (dgm_str_eq(name, (struct dgm_str){field->name, field->name_n}) ||
             dgm_str_eq(name, (struct dgm_str){field->snake, field->snake_n})))
            return field;
    return NULL;
}

const char *emu_native_message_name(enum native_message_id id)
{
    assert((size_t)id < sizeof messages / sizeof *messages);
    return messages[id].name;
}

const char *emu_native_enum_name(enum native_enum_id id)
{
    assert((size_t)id < sizeof enums / sizeof *enums);
    return enums[id].name;
}

const char *emu_native_package(enum native_surface surface)
{
    switch (surface) {
    case NATIVE_V1:
        return "google.cloud.aiplatform.v1";
    case NATIVE_V1B1:
        return "google.cloud.aiplatform.v1beta1";
    case NATIVE_G1B:
        return "google.ai.generativelanguage.v1beta";
    default:
        assert(surface == NATIVE_G1); /* one surface, not a set */
        return "google.ai.generativelanguage.v1";
    }
}

bool emu_native_enum_has(enum native_enum_id id, struct dgm_str name, enum native_surface surface)
{
    assert((size_t)id < sizeof enums / sizeof *enums);
    for (size_t i = enums[id].first; i < enums[id].first + enums[id].count; i++)
        if (values[i].surfaces & surface && dgm_str_eq_nocase(name, dgm_str_c(values[i].name)))
            return true;
    return false;
}
