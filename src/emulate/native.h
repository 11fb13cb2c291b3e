/* SPDX-License-Identifier: Apache-2.0 */
/* native.h - what Google's parser knows: the messages, members and enums of a native request, by surface. */
#ifndef EMULATE_NATIVE_H
#define EMULATE_NATIVE_H

#include <dragoman/types.h>

/** The versions of the two native APIs; a set of them is a sum. */
enum native_surface {
    NATIVE_NOWHERE = 0,
    NATIVE_V1 = 1,   /* Vertex, v1 */
    NATIVE_V1B1 = 2, /* Vertex, v1beta1 */
    NATIVE_G1B = 4,  /* Gemini API, v1beta */
    NATIVE_G1 = 8,   /* Gemini API, v1 */
    NATIVE_VERTEX = NATIVE_V1 | NATIVE_V1B1,
    NATIVE_GEMINI = NATIVE_G1B | NATIVE_G1,
};

enum native_kind {
    NATIVE_STRING,
    NATIVE_BYTES,
    NATIVE_BOOL,
    NATIVE_INT32,
    NATIVE_INT64,
    NATIVE_FLOAT,
    NATIVE_DOUBLE,
    NATIVE_ENUM,
    NATIVE_MESSAGE,
    NATIVE_STRUCT, /* any JSON object */
    NATIVE_VALUE,  /* any JSON value */
    NATIVE_DURATION,
    NATIVE_TIMESTAMP,
};

enum native_shape { NATIVE_ONE, NATIVE_LIST, NATIVE_MAP };

enum native_message_id {
#define MESSAGE(id, ...) NATIVE_##id,
#include "emulate/native.def"
#undef MESSAGE
};

enum native_enum_id {
#define ENUM(id, ...) NATIVE_ENUM_##id,
#include "emulate/native.def"
#undef ENUM
};

#define NATIVE_NO_TYPE 0

struct native_field {
    const char *name, *snake;
    unsigned char name_n, snake_n; /* their lengths */
    enum native_kind kind;
    unsigned type; /* an enum native_message_id or native_enum_id, as `kind` says */
    enum native_shape shape;
    unsigned surfaces;
    const char *oneof; /* NULL when it is of none */
};

/** The field of a message that a member's name means on a surface, in either spelling. NULL: there is none. */
const struct native_field *emu_native_field(enum native_message_id, struct dgm_str name,
                                            enum native_surface);

/** The name of a message or enum within its package: "GenerationConfig.ThinkingConfig". */
const char *emu_native_message_name(enum native_message_id);
const char *emu_native_enum_name(enum native_enum_id);

/** The package of a surface: "google.cloud.aiplatform.v1". */
const char *emu_native_package(enum native_surface);

/** Whether an enum has a value of that name on a surface; case does not count (google.md 6). */
bool emu_native_enum_has(enum native_enum_id, struct dgm_str name, enum native_surface);

#endif
