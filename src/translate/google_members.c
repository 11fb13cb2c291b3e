/* SPDX-License-Identifier: Apache-2.0 */
/* google_members.c - Google's own members of a request, checked and put by google_members.def. */
#include "translate/google.h"

#include "base/str.h"
#include "translate/tries.h"
#include "translate/schema.h"

#define WORDS_BYTES_MAX 400 /* of a set of words, listed for people */

enum fate { GOOGLE_CONFIG, GOOGLE_REQUEST, GOOGLE_READ };

enum surfaces { SURFACES_VERTEX = 1, SURFACES_GEMINI = 2, SURFACES_BOTH = 3 };

enum type {
    TYPE_FLAG,
    TYPE_NUMBER,
    TYPE_INTEGER,
    TYPE_TEXT,
    TYPE_BYTES,
    TYPE_WORD,
    TYPE_OBJECT,
    TYPE_MAP,
    TYPE_SCHEMA,
    TYPE_JSON_SCHEMA,
    TYPE_TIME,
    TYPE_OPEN,
    TYPE_TEXTS,
    TYPE_WORDS,
    TYPE_OBJECTS,
};

static const unsigned type_accepts[] = {
    [TYPE_FLAG] = J_BOOL,  [TYPE_NUMBER] = J_NUM,      [TYPE_INTEGER] = J_NUM, [TYPE_TEXT] = J_STR,
    [TYPE_BYTES] = J_STR,  [TYPE_WORD] = J_STR,        [TYPE_OBJECT] = J_OBJ,  [TYPE_MAP] = J_OBJ,
    [TYPE_SCHEMA] = J_OBJ, [TYPE_JSON_SCHEMA] = J_OBJ, [TYPE_TIME] = J_STR,    [TYPE_OPEN] = J_OBJ,
    [TYPE_TEXTS] = J_ARR,  [TYPE_WORDS] = J_ARR,       [TYPE_OBJECTS] = J_ARR,
};

/* What an element of a list is; other types are their own. */
static enum type element_type(enum type t)
{
    return t == TYPE_TEXTS     ? TYPE_TEXT
           : t == TYPE_WORDS   ? TYPE_WORD
           : t == TYPE_OBJECTS ? TYPE_OBJECT
                               : t;
}

enum set {
    SET_NO_SET,
    /* objects */
    SET_REQUEST,
    SET_SAFETY_SETTING,
    SET_MODEL_ARMOR_CONFIG,
    SET_GENERATION_CONFIG,
    SET_THINKING_CONFIG,
    SET_SPEECH_CONFIG,
    SET_VOICE_CONFIG,
    SET_PREBUILT_VOICE,
    SET_REPLICATED_VOICE,
    SET_MULTI_SPEAKER,
    SET_SPEAKER_VOICE,
    SET_IMAGE_CONFIG,
    SET_IMAGE_OUTPUT,
    SET_ROUTING_CONFIG,
    SET_AUTO_MODE,
    SET_MANUAL_MODE,
    /* settings of tools */
    SET_TOOL,
    SET_GOOGLE_SEARCH,
    SET_SEARCH_RETRIEVAL,
    SET_GOOGLE_MAPS,
    SET_EMPTY,
    SET_COMPUTER_USE,
    SET_RETRIEVAL,
    SET_ENTERPRISE_SEARCH,
    SET_PARTNER_SEARCH,
    SET_FILE_SEARCH,
    SET_INTERVAL,
    SET_DYNAMIC_RETRIEVAL,
    SET_VERTEX_SEARCH,
    SET_RAG_STORE,
    SET_STORE_SPEC,
    SET_RAG_RESOURCE,
    SET_RAG_CONFIG,
    SET_RAG_FILTER,
    SET_RAG_RANKING,
    SET_RANKER,
    SET_FILE_RESOURCE,
    SET_FILE_CONFIG,
    /* parts of the model's */
    SET_PART,
    SET_INLINE_DATA,
    SET_TOOL_CALL,
    SET_TOOL_RESPONSE,
    SET_EXECUTABLE_CODE,
    SET_CODE_RESULT,
    /* words */
    SET_CODE_LANGUAGE,
    SET_CODE_OUTCOME,
    SET_HARM_CATEGORY,
    SET_BLOCK_THRESHOLD,
    SET_BLOCK_METHOD,
    SET_MODALITY,
    SET_MEDIA_RESOLUTION,
    SET_THINKING_LEVEL,
    SET_PERSON_GENERATION,
    SET_ROUTING_PREFERENCE,
    SET_PHISH_THRESHOLD,
    SET_RETRIEVAL_MODE,
    SET_ENVIRONMENT,
};

static const enum fate fates[GOOGLE_FIELDS] = {
#define GOOGLE(id, name, accepts, fate, ...) [GOOGLE_##id] = GOOGLE_##fate,
#include "translate/google_fields.def"
#undef GOOGLE
};

struct member {
    struct dgm_str name;
    double min, max;
    enum set in;
    enum type type;
    enum set of;
    enum surfaces surfaces;
};

static const struct member members[] = {
#define MEMBER(in, name, type, of, surfaces, min, max)                                             \
    {{name, sizeof name - 1}, min, max, SET_##in, TYPE_##type, SET_##of, SURFACES_##surfaces},
#include "translate/google_members.def"
#undef MEMBER
};

#define MEMBERS (sizeof members / sizeof *members)

static const struct {
    struct dgm_str word;
    enum set set;
    enum surfaces surfaces;
} words[] = {
#define GOOGLE_WORD(set, word, surfaces) {{word, sizeof word - 1}, SET_##set, SURFACES_##surfaces},
#include "translate/google_words.def"
#undef GOOGLE_WORD
};

static const struct member *find_member(enum set in, struct dgm_str name)
{
    for (size_t i = 0; i < MEMBERS; i++)
        if (members[i].in == in && google_is_name(name, members[i].name))
            return &members[i];
    return NULL;
}

static bool is_here(const struct dgm_request *r, enum surfaces surfaces)
{
    return (surfaces & (r->surface == DGM_VERTEX ? SURFACES_VERTEX : SURFACES_GEMINI)) != 0;
}

/* ---- checking ---- */

static void check_value(struct dgm_request *, const struct member *, enum type,
                        const struct json_val *, const struct chat_place *);

/* The word as Google writes it; absent when the surface has no such word. */
static struct dgm_str find_word(const struct dgm_request *r, enum set set, struct dgm_str word)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i].set == set && is_here(r, words[i].surfaces) &&
            dgm_str_eq_nocase(word, words[i].word))
            return words[i].word;
    return (struct dgm_str){0};
}

static void check_word(struct dgm_request *r, enum set set, struct dgm_str word,
                       const struct chat_place *place)
{
    char text[WORDS_BYTES_MAX];
    struct dgm_buf list = {.p = text, .cap = sizeof text - 1, .max = sizeof text - 1};
    if (find_word(r, set, word).p)
        return;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (words[i].set != set || !is_here(r, words[i].surfaces))
            continue;
        if (list.n)
            dgm_buf_put_lit(&list, ", ");
        dgm_buf_put(&list, words[i].word);
    }
    text[list.n] = '\0';
    chat_refuse(r, DGM_ERR_VALUE, place, " must be one of ", text, ".");
}

/* Either alphabet, with padding or without, as proto3 JSON parsers take it. */
static bool is_base64(struct dgm_str s)
{
    size_t n = s.n;
    while (n != 0 && s.p[n - 1] == '=' && s.n - n < 2)
        n--;
    if (n % 4 == 1 || (n != s.n && s.n % 4 != 0))
        return false;
    for (size_t i = 0; i < n; i++) {
        char c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '+' || c == '/' || c == '-' || c == '_'))
            return false;
    }
    return true;
}

/* Of some members one alone may be there: they are a oneof of the protos. */
static bool is_oneof(const struct member *m)
{
    return m->in == SET_VOICE_CONFIG || m->in == SET_ROUTING_CONFIG || m->in == SET_RAG_RANKING ||
           (m->in == SET_RETRIEVAL && m->type == TYPE_OBJECT) ||
           (m->in == SET_RAG_FILTER && m->type == TYPE_NUMBER);
}

/* "", or a point with one to nine digits. */
static bool is_fraction(struct dgm_str s)
{
    if (s.n == 0)
        return true;
    for (size_t i = 1; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.p[0] == '.' && s.n >= 2 && s.n <= 10;
}

/* RFC 3339 in UTC, as proto3 JSON writes it: "2026-01-31T00:00:00Z". */
static bool is_time(struct dgm_str s)
{
    static const char form[] = "0000-00-00T00:00:00";
    static const struct {
        size_t at;
        unsigned min, max;
    } pairs[] = {{5, 1, 12}, {8, 1, 31}, {11, 0, 23}, {14, 0, 59}, {17, 0, 59}};
    size_t n = sizeof form - 1;
    if (s.n <= n || dgm_str_starts(s, DGM_STR("0000")))
        return false;
    for (size_t i = 0; i < n; i++)
        if (form[i] == '0' ? s.p[i] < '0' || s.p[i] > '9' : s.p[i] != form[i])
            return false;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        unsigned v =
            (unsigned)(s.p[pairs[i].at] - '0') * 10 + (unsigned)(s.p[pairs[i].at + 1] - '0');
        if (v < pairs[i].min || v > pairs[i].max)
            return false;
    }
    return s.p[s.n - 1] == 'Z' && is_fraction(dgm_str_head(dgm_str_skip(s, n), s.n - n - 1));
}

static void check_object(struct dgm_request *r, enum set set, const struct json_val *obj,
                         const struct chat_place *place)
{
    struct json_iter it = json_iter(obj);
    size_t n = 0;
    while (r->rc == DGM_OK && json_next(&it)) {
        const struct member *m = find_member(set, it.name);
        const struct chat_place *at = CHAT_MEMBER(place, it.name);
        if (json_kind(it.value) == JSON_NULL)
            continue;
        if (!m)
            google_refuse_unknown(r, at);
        else if (google_get(obj, m->name) != it.value)
            google_refuse_again(r, at);
        else if (!is_here(r, m->surfaces))
            chat_ignore(r, at);
        else if (is_oneof(m) && n++)
            chat_refuse(r, DGM_ERR_VALUE, at, " cannot stand beside the one before.");
        else
            check_value(r, m, m->type, it.value, at);
    }
}

static void check_list(struct dgm_request *r, const struct member *m, const struct json_val *list,
                       const struct chat_place *place)
{
    struct json_iter it = json_iter(list);
    while (r->rc == DGM_OK && json_next(&it))
        check_value(r, m, element_type(m->type), it.value, CHAT_ELEMENT(place, it.index));
}

static void check_map(struct dgm_request *r, const struct json_val *map,
                      const struct chat_place *place)
{
    struct json_iter it = json_iter(map);
    chat_names_differ(r, map, place);
    while (r->rc == DGM_OK && json_next(&it))
        (void)chat_expect(r, it.value, J_STR, CHAT_MEMBER(place, it.name));
}

static void check_value(struct dgm_request *r, const struct member *m, enum type type,
                        const struct json_val *v, const struct chat_place *place)
{
    int64_t i;
    double d;
    if (!chat_expect(r, v, type_accepts[type], place))
        return;
    switch (type) {
    case TYPE_INTEGER:
        if (!chat_need_int(r, v, place, &i))
            return;
        chat_in_range(r, v, m->min, m->max, place);
        return;
    case TYPE_NUMBER:
        if (!json_double(v, &d))
            chat_refuse(r, DGM_ERR_RANGE, place, " is larger than any number that can be sent.");
        chat_in_range(r, v, m->min, m->max, place);
        return;
    case TYPE_BYTES:
        if (!is_base64(json_str(v)))
            chat_refuse(r, DGM_ERR_VALUE, place, " must be base64.");
        return;
    case TYPE_WORD:
        check_word(r, m->of, json_str(v), place);
        return;
    case TYPE_OBJECT:
        check_object(r, m->of, v, place);
        return;
    case TYPE_MAP:
        check_map(r, v, place);
        return;
    case TYPE_TEXTS:
    case TYPE_WORDS:
    case TYPE_OBJECTS:
        check_list(r, m, v, place);
        return;
    case TYPE_TIME:
        if (!is_time(json_str(v)))
            chat_refuse(r, DGM_ERR_VALUE, place, " must be a time as \"2026-01-31T12:00:00Z\".");
        return;
    case TYPE_OPEN:
        (void)schema_is_sound(r, v, SCHEMA_DEPTH_MAX, place);
        return;
    case TYPE_FLAG:
    case TYPE_TEXT:
    case TYPE_SCHEMA:
    case TYPE_JSON_SCHEMA:
        return;
    }
}

bool google_is_cache(enum dgm_surface surface, struct dgm_str name)
{
    static const struct dgm_str vertex[] = {{"projects", 8},        {0}, {"locations", 9}, {0},
                                            {"cachedContents", 14}, {0}};
    static const struct dgm_str gemini[] = {{"cachedContents", 14}, {0}};
    const struct dgm_str *form = surface == DGM_VERTEX ? vertex : gemini;
    size_t n = surface == DGM_VERTEX ? 6 : 2, i = 0;
    struct dgm_str segment;
    for (; dgm_str_split(&name, '/', &segment); i++)
        if (i == n || !(form[i].p ? dgm_str_eq(segment, form[i]) : dgm_name_ok(segment)))
            return false;
    return i == n;
}

/* The Gemini API's documents write the ID alone too. */
static bool is_bare_cache(const struct dgm_request *r, struct dgm_str name)
{
    return r->surface == DGM_GEMINI && dgm_name_ok(name);
}

static void check_cache(struct dgm_request *r)
{
    struct dgm_str name = json_str(r->google[GOOGLE_CACHED_CONTENT]);
    if (!name.p || is_bare_cache(r, name) || google_is_cache(r->surface, name))
        return;
    chat_refuse(r, DGM_ERR_VALUE, GOOGLE_PLACE(r, CACHED_CONTENT), " must be ",
                r->surface == DGM_VERTEX
                    ? "\"projects/PROJECT/locations/LOCATION/cachedContents/ID\"."
                    : "\"cachedContents/ID\".");
}

void google_check(struct dgm_request *r)
{
    if (!r->google_said)
        return;
    for (size_t id = 0; id < GOOGLE_FIELDS; id++) {
        enum set in = fates[id] == GOOGLE_REQUEST ? SET_REQUEST : SET_GENERATION_CONFIG;
        const struct member *m = find_member(in, google_names[id]);
        if (!r->google[id] || fates[id] == GOOGLE_READ || !m)
            continue;
        if (is_here(r, m->surfaces))
            check_value(r, m, m->type, r->google[id], GOOGLE_MEMBER(r, id));
        else
            chat_ignore(r, GOOGLE_MEMBER(r, id));
    }
    if (r->google[GOOGLE_GENERATION_CONFIG])
        check_object(r, SET_GENERATION_CONFIG, r->google[GOOGLE_GENERATION_CONFIG],
                     GOOGLE_PLACE(r, GENERATION_CONFIG));
    check_cache(r);
    if (r->surface == DGM_VERTEX && r->google[GOOGLE_MODEL_ARMOR_CONFIG] &&
        r->google[GOOGLE_SAFETY_SETTINGS])
        chat_refuse(r, DGM_ERR_VALUE, GOOGLE_PLACE(r, MODEL_ARMOR_CONFIG),
                    " cannot be sent with safety_settings.");
}

/* ---- putting ---- */

static void put_value(struct dgm_request *, struct json_writer *, const struct member *, enum type,
                      const struct json_val *);

static void put_members(struct dgm_request *r, struct json_writer *w, enum set set,
                        const struct json_val *obj)
{
    for (size_t i = 0; i < MEMBERS; i++) {
        const struct member *m = &members[i];
        const struct json_val *v = m->in == set ? google_get(obj, m->name) : NULL;
        if (!v || !is_here(r, m->surfaces))
            continue;
        google_put_key(w, m->name);
        put_value(r, w, m, m->type, v);
    }
}

static void put_value(struct dgm_request *r, struct json_writer *w, const struct member *m,
                      enum type type, const struct json_val *v)
{
    int64_t i = 0;
    switch (type) {
    case TYPE_INTEGER:
        json_int(v, &i);
        json_put_int(w, i);
        return;
    case TYPE_WORD:
        json_put_str(w, find_word(r, m->of, json_str(v)));
        return;
    case TYPE_OBJECT:
        json_open_obj(w);
        put_members(r, w, m->of, v);
        json_close_obj(w);
        return;
    case TYPE_TEXTS:
    case TYPE_WORDS:
    case TYPE_OBJECTS:
        json_open_arr(w);
        for (struct json_iter it = json_iter(v); json_next(&it);)
            put_value(r, w, m, element_type(type), it.value);
        json_close_arr(w);
        return;
    case TYPE_FLAG:
    case TYPE_NUMBER:
    case TYPE_TEXT:
    case TYPE_BYTES:
    case TYPE_MAP:
    case TYPE_TIME:
    case TYPE_OPEN:
    case TYPE_SCHEMA: /* these two stand in generationConfig alone, where their place is known */
    case TYPE_JSON_SCHEMA:
        json_put_val(w, v);
        return;
    }
}

static void put_cache(struct dgm_request *r, struct json_writer *w)
{
    struct dgm_str name = json_str(r->google[GOOGLE_CACHED_CONTENT]);
    if (!name.p)
        return;
    json_put_name(w, "cachedContent");
    json_open_str(w);
    if (is_bare_cache(r, name))
        json_add_str(w, DGM_STR("cachedContents/"));
    json_add_str(w, name);
    json_close_str(w);
}

void google_put(struct dgm_request *r, struct json_writer *w)
{
    if (!r->google_said)
        return;
    put_cache(r, w);
    for (size_t i = 0; i < MEMBERS; i++) {
        const struct member *m = &members[i];
        for (size_t id = 0; m->in == SET_REQUEST && id < GOOGLE_FIELDS; id++) {
            if (!r->google[id] || !is_here(r, m->surfaces) ||
                !dgm_str_eq(m->name, google_names[id]))
                continue;
            google_put_key(w, m->name);
            put_value(r, w, m, m->type, r->google[id]);
        }
    }
}

void google_check_tool(struct dgm_request *r, const struct json_val *settings,
                       const struct chat_place *place)
{
    const struct member *m = find_member(SET_TOOL, place->member);
    check_object(r, m ? m->of : SET_EMPTY, settings, place);
}

void google_put_tool(struct dgm_request *r, struct json_writer *w, struct dgm_str kind,
                     const struct json_val *settings)
{
    const struct member *m = find_member(SET_TOOL, kind);
    json_open_obj(w);
    google_put_key(w, kind);
    json_open_obj(w);
    put_members(r, w, m ? m->of : SET_EMPTY, settings);
    json_close_obj(w);
    json_close_obj(w);
}

/* ---- parts ---- */

bool google_is_part(struct dgm_str name)
{
    return find_member(SET_PART, name) != NULL;
}

bool google_check_part(struct dgm_request *r, const struct json_val *value,
                       const struct chat_place *place)
{
    const struct member *m = find_member(SET_PART, place->member);
    check_value(r, m, m->type, value, place);
    return r->rc == DGM_OK;
}

void google_put_part(struct dgm_request *r, struct json_writer *w, struct dgm_str name,
                     const struct json_val *value)
{
    const struct member *m = find_member(SET_PART, name);
    google_put_key(w, m->name);
    put_value(r, w, m, m->type, value);
}

/* ---- generationConfig ---- */

const struct json_val *google_config(const struct dgm_request *r, struct dgm_str native,
                                     struct google_place *ret)
{
    if (!r->google_said)
        return NULL;
    for (size_t id = 0; id < GOOGLE_FIELDS; id++) {
        if (fates[id] != GOOGLE_CONFIG || !r->google[id] ||
            !google_is_name(native, google_names[id]))
            continue;
        ret->member = (struct chat_place){.in = r->google_said->in[id], .member = google_names[id]};
        return r->google[id];
    }
    const struct member *m = find_member(SET_GENERATION_CONFIG, native);
    const struct json_val *v = m ? google_get(r->google[GOOGLE_GENERATION_CONFIG], m->name) : NULL;
    if (!v || !is_here(r, m->surfaces))
        return NULL;
    ret->config = (struct chat_place){.in = r->google_said->in[GOOGLE_GENERATION_CONFIG],
                                      .member = google_names[GOOGLE_GENERATION_CONFIG]};
    ret->member = (struct chat_place){.in = &ret->config, .member = m->name};
    return v;
}

/* imageConfig, with the aspect ratio that may stand beside it. */
static void put_image_config(struct dgm_request *r, struct json_writer *w,
                             const struct json_val *config)
{
    const struct json_val *ratio = r->google[GOOGLE_ASPECT_RATIO];
    if (!config && !ratio)
        return;
    json_put_name(w, "imageConfig");
    json_open_obj(w);
    if (ratio && google_get(config, DGM_STR("aspect_ratio")))
        chat_ignore(r, GOOGLE_PLACE(r, ASPECT_RATIO));
    else if (ratio)
        json_member_val(w, "aspectRatio", ratio);
    put_members(r, w, SET_IMAGE_CONFIG, config);
    json_close_obj(w);
}

/* What stands in generation_config and at its own place too counts there. */
static void note_overruled(struct dgm_request *r, const struct member *m,
                           const struct json_val *found)
{
    const struct json_val *inner = google_get(r->google[GOOGLE_GENERATION_CONFIG], m->name);
    if (inner && inner != found)
        chat_ignore(r, CHAT_MEMBER(GOOGLE_PLACE(r, GENERATION_CONFIG), m->name));
}

void google_put_config(struct dgm_request *r, struct json_writer *w)
{
    struct google_place place;
    for (size_t i = 0; r->google_said && r->rc == DGM_OK && i < MEMBERS; i++) {
        const struct member *m = &members[i];
        if (m->in != SET_GENERATION_CONFIG || !is_here(r, m->surfaces))
            continue;
        const struct json_val *v = google_config(r, m->name, &place);
        note_overruled(r, m, v);
        if (m->of == SET_IMAGE_CONFIG)
            put_image_config(r, w, v);
        if (!v || m->of == SET_IMAGE_CONFIG || m->of == SET_THINKING_CONFIG)
            continue;
        v = tries_value(r, m->name, m->name, v);
        if (!v)
            continue;
        google_put_key(w, m->name);
        if (m->type == TYPE_SCHEMA)
            schema_put(r, w, v, SCHEMA_SUBSET, m->name, &place.member);
        else if (m->type == TYPE_JSON_SCHEMA)
            schema_put(r, w, v, SCHEMA_JSON, m->name, &place.member);
        else
            put_value(r, w, m, m->type, v);
    }
}
