/* SPDX-License-Identifier: Apache-2.0 */
/* config_table.c - settings.def as data. */
#include "gateway/config_parse.h"

#include "base/str.h"

#include <assert.h>

/* What a member must be for its row; checked below by the compiler, so that a row cannot write past it. */
#define TYPE_TEXT struct dgm_str
#define TYPE_SECRET struct dgm_str
#define TYPE_INT int64_t
#define TYPE_BOOL bool
#define TYPE_TIME int64_t
#define TYPE_MB int64_t
#define TYPE_WORD int
#define TYPE_LIST struct gw_strs
#define TYPE_LISTEN const struct gw_listen *
#define TYPE_CREDENTIALS struct gw_credentials
#define TYPE_CHOICES const struct gw_node *
#define TYPE_UPSTREAMS const struct gw_upstream *
#define TYPE_MODELS const struct gw_model *
#define TYPE_ALIASES const struct gw_alias *
#define TYPE_ENDPOINTS const struct gw_endpoint *

#define CHECK(type, member, kind, key)                                                             \
    static_assert(__builtin_types_compatible_p(__typeof__(((type *)0)->member), TYPE_##kind),      \
                  key ": its member has another type");
#define SETTING(key, kind, member, standard, min, max, words, help)                                \
    CHECK(struct gw_config, member, kind, key)
#define PART(key, kind, owner, member, words, help) CHECK(struct owner, member, kind, key)
#include "gateway/settings.def"
#undef SETTING
#undef PART

/* What a part may have at least and at most, by its kind: entries, a number, milliseconds. */
#define MIN_TEXT 0
#define MIN_SECRET 0
#define MIN_WORD 0
#define MIN_CREDENTIALS 0
#define MIN_CHOICES 1
#define MIN_LIST 0
#define MIN_INT 0
#define MIN_TIME 10
#define MAX_TEXT 0
#define MAX_SECRET 0
#define MAX_WORD 0
#define MAX_CREDENTIALS 0
#define MAX_CHOICES GW_CHOICES_MAX
#define MAX_LIST 64
#define MAX_INT 1000
#define MAX_TIME 3600000
#define OWNER_raw_listen GW_OF_LISTEN
#define OWNER_gw_upstream GW_OF_UPSTREAM
#define OWNER_raw_model GW_OF_MODEL
#define OWNER_raw_endpoint GW_OF_ENDPOINT
#define OWNER_raw_choice GW_OF_CHOICE

/* clang-format off */
const struct gw_row gw_rows[] = {
#define KEY(key) {key, sizeof key - 1}
#define SETTING(key, kind, member, standard, min, max, words, help) \
    {GW_OF_CONFIG, GW_ROW_##kind, KEY(key), offsetof(struct gw_config, member), standard, min, max, words, help},
#define PART(key, kind, owner, member, words, help) \
    {OWNER_##owner, GW_ROW_##kind, KEY(key), offsetof(struct owner, member), NULL, MIN_##kind, MAX_##kind, words, help},
#include "gateway/settings.def"
#undef SETTING
#undef PART
};
/* clang-format on */

const size_t gw_rows_n = sizeof gw_rows / sizeof *gw_rows;

const struct gw_row *gw_row_find(enum gw_row_owner owner, struct dgm_str key)
{
    for (size_t i = 0; i < gw_rows_n; i++)
        if (gw_rows[i].owner == owner && dgm_str_eq(gw_rows[i].key, key))
            return &gw_rows[i];
    return NULL;
}

bool gw_row_is_scalar(const struct gw_row *row)
{
    return row->owner == GW_OF_CONFIG && row->kind != GW_ROW_UPSTREAMS &&
           row->kind != GW_ROW_MODELS && row->kind != GW_ROW_ALIASES &&
           row->kind != GW_ROW_ENDPOINTS;
}

void gw_row_put_env(const struct gw_row *row, struct dgm_buf *out)
{
    dgm_buf_put_lit(out, "DRAGOMAN_");
    for (size_t i = 0; i < row->key.n; i++) {
        char c = row->key.p[i];
        dgm_buf_put_char(out, c == '.' ? '_' : c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c);
    }
}
