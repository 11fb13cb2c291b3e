/* SPDX-License-Identifier: Apache-2.0 */
/* config.c - the members of generationConfig: the put column of chat_fields.def; and the service tier. */
#include "translate/google.h"

#include "base/str.h"
#include "translate/schema.h"
#include "translate/tools.h"
#include "translate/tries.h"

#define STOP_MAX 5 /* stop sequences Gemini takes (google.md 6.4) */

static const struct {
    struct dgm_str openai, gemini;
} voices[] = {
#define VOICE(openai, gemini) {{openai, sizeof openai - 1}, {gemini, sizeof gemini - 1}},
#include "translate/voices.def"
#undef VOICE
};

/* What OpenAI calls a tier, and Google: an empty one is what both do anyway. */
static const struct {
    struct dgm_str openai, google;
} tiers[] = {
    {{"auto", 4}, {"", 0}},     {{"default", 7}, {"", 0}},          {{"standard", 8}, {"", 0}},
    {{"flex", 4}, {"flex", 4}}, {{"priority", 8}, {"priority", 8}}, {{"fast", 4}, {"priority", 8}},
};

/* ---- what the model does not take ---- */

/* A tuning hint that the model's server would refuse: it is left out, and named (user-pain A11). */
static void leave_out(struct dgm_request *r, const struct chat_field *f)
{
    chat_ignore(r, CHAT_MEMBER(NULL, f->name));
    chat_note(r, DGM_NOTE_WARNING,
              (const struct dgm_str[4]){f->name, DGM_STR(": "), r->model.name,
                                        DGM_STR(" does not take it")});
}

static bool can(const struct dgm_request *r, enum model_ability vertex, enum model_ability gemini)
{
    return (r->model.can & (unsigned)(r->surface == DGM_VERTEX ? vertex : gemini)) != 0;
}

/* ---- numbers ---- */

/* Numbers go as the text they came in. */
static void put_number(struct dgm_request *r, const struct chat_field *f, const struct json_val *v,
                       struct json_writer *w)
{
    (void)r;
    json_put_quoted_name(w, f->native);
    json_put_raw(w, json_num(v));
}

static void put_sampling(struct dgm_request *r, const struct chat_field *f,
                         const struct json_val *v, struct json_writer *w)
{
    if (r->model.can & CAN_SAMPLING)
        put_number(r, f, v, w);
    else
        leave_out(r, f);
}

static void put_penalty(struct dgm_request *r, const struct chat_field *f, const struct json_val *v,
                        struct json_writer *w)
{
    if (can(r, CAN_PENALTIES, CAN_PENALTIES_GEMINI))
        put_number(r, f, v, w);
    else
        leave_out(r, f);
}

/* One answer is what Gemini gives anyway, and its newest models want candidateCount left out (google.md 9.6). */
static void put_n(struct dgm_request *r, const struct chat_field *f, const struct json_val *v,
                  struct json_writer *w)
{
    const struct chat_place *place = CHAT_MEMBER(NULL, f->name);
    int64_t i;
    if (!chat_need_int(r, v, place, &i))
        return;
    if (i > r->model.candidates) { /* which gives one or eight, as much as the row lets pass */
        chat_refuse(r, DGM_ERR_RANGE, place, " must be 1: this model gives no more answers.");
        return;
    }
    if (i == 1)
        return;
    json_put_quoted_name(w, f->native);
    json_put_int(w, i);
}

static void put_limit(struct dgm_request *r, const struct chat_field *f, const struct json_val *v,
                      struct json_writer *w, int64_t room)
{
    int64_t i;
    if (!chat_need_int(r, v, CHAT_MEMBER(NULL, f->name), &i))
        return;
    uint32_t most = tries_output(r);
    if (i > most)
        chat_warn(r, f->name, DGM_STR("it was brought down to what the model gives at most"));
    json_put_quoted_name(w, f->native);
    json_put_int(w, i + room < most ? i + room : most);
}

static void put_max_completion_tokens(struct dgm_request *r, const struct chat_field *f,
                                      const struct json_val *v, struct json_writer *w)
{
    put_limit(r, f, v, w, 0);
}

/*
 * Google calls the two aliases; with both sent the newer name counts. What clients of the older one mean is the
 * visible answer, so that thoughts get room of their own on top (user-pain A2).
 */
static void put_max_tokens(struct dgm_request *r, const struct chat_field *f,
                           const struct json_val *v, struct json_writer *w)
{
    if (r->field[CHAT_MAX_COMPLETION_TOKENS])
        chat_ignore(r, CHAT_MEMBER(NULL, f->name));
    else
        put_limit(r, f, v, w, r->env.max_tokens_bounds_thoughts ? 0 : chat_thinking_room(r));
}

/* OpenAI's seed is an int64, Gemini's an int32: what does not fit is folded, the same way every time. */
static void put_seed(struct dgm_request *r, const struct chat_field *f, const struct json_val *v,
                     struct json_writer *w)
{
    int64_t i;
    if (!chat_need_int(r, v, CHAT_MEMBER(NULL, f->name), &i))
        return;
    if (i < INT32_MIN || i > INT32_MAX)
        i = (int64_t)((uint64_t)i % ((uint64_t)INT32_MAX + 1));
    json_put_quoted_name(w, f->native);
    json_put_int(w, i);
}

/* ---- log probabilities ---- */

/* They are part of the answer and no hint: what the model does not give is refused (user-pain A11). */
static void put_logprobs(struct dgm_request *r, const struct chat_field *f,
                         const struct json_val *v, struct json_writer *w)
{
    if (!json_bool(v, false))
        return;
    if (can(r, CAN_LOGPROBS, CAN_LOGPROBS_GEMINI)) {
        json_put_quoted_name(w, f->native);
        json_put_bool(w, true);
        return;
    }
    chat_refuse(r, DGM_ERR_UNSUPPORTED, CHAT_MEMBER(NULL, f->name),
                " is not supported: this model gives no log probabilities.");
}

static void put_top_logprobs(struct dgm_request *r, const struct chat_field *f,
                             const struct json_val *v, struct json_writer *w)
{
    int64_t i;
    if (!chat_need_int(r, v, CHAT_MEMBER(NULL, f->name), &i))
        return;
    if (!json_bool(r->field[CHAT_LOGPROBS], false)) {
        chat_ignore(r, CHAT_MEMBER(NULL, f->name));
        return;
    }
    if (i == 0)
        return;
    json_put_quoted_name(w, f->native);
    json_put_int(w, i);
}

/* ---- stop ---- */

/* How many sequences are worth sending. Refuses what is no string. */
static size_t count_stops(struct dgm_request *r, const struct chat_field *f,
                          const struct json_val *v)
{
    const struct chat_place *place = CHAT_MEMBER(NULL, f->name);
    struct json_iter it = json_iter(v);
    size_t n = json_str(v).n != 0;
    while (json_next(&it))
        if (chat_expect(r, it.value, J_STR, CHAT_ELEMENT(place, it.index)))
            n += json_str(it.value).n != 0;
    return n;
}

/* Hands the sequences that Gemini has no room for to our own search in the answer (user-pain A6). */
static void keep_stops(struct dgm_request *r, const struct json_val *v,
                       const struct chat_place *place)
{
    struct dgm_str more[STOPS_MAX];
    size_t seen = 0, n = 0;
    struct json_iter it = json_iter(v);
    while (json_next(&it)) {
        if (json_str(it.value).n == 0 || seen++ < STOP_MAX)
            continue;
        if (n < STOPS_MAX)
            more[n++] = json_str(it.value);
        else
            chat_ignore(r, CHAT_ELEMENT(place, it.index));
    }
    struct stops *stops = dgm_arena_take0(&r->arena, sizeof *stops);
    switch (stops ? stops_init(stops, dgm_arena_alloc(&r->arena), more, n) : DGM_E_NOMEM) {
    case DGM_OK:
        r->stops = stops;
        return;
    case DGM_E_LIMIT:
        chat_ignore(r, CHAT_ELEMENT(place, STOP_MAX));
        return;
    default:
        chat_no_memory(r);
    }
}

/* Empty sequences stop nothing, and Gemini takes five at most; the others are looked for in the answer. */
static void put_stop(struct dgm_request *r, const struct chat_field *f, const struct json_val *v,
                     struct json_writer *w)
{
    const struct chat_place *place = CHAT_MEMBER(NULL, f->name);
    size_t n = count_stops(r, f, v), put = 0;
    if (r->rc != DGM_OK)
        return;
    if (n > STOP_MAX)
        keep_stops(r, v, place);
    if (n == 0) {
        chat_ignore(r, place);
        return;
    }
    struct json_iter it = json_iter(v);
    json_put_quoted_name(w, f->native);
    json_open_arr(w);
    if (json_kind(v) == JSON_STR)
        json_put_str(w, json_str(v));
    while (put < STOP_MAX && json_next(&it)) {
        if (json_str(it.value).n == 0)
            continue;
        json_put_str(w, json_str(it.value));
        put++;
    }
    json_close_arr(w);
}

/* ---- response_format ---- */

static void put_mime(struct json_writer *w, const struct chat_field *f, struct dgm_str mime)
{
    json_put_quoted_name(w, f->native);
    json_put_str(w, mime);
}

/* The schema's name is no more than a name, and Gemini always keeps to a schema: `strict` needs nothing. */
static void put_json_schema(struct dgm_request *r, const struct chat_field *f,
                            const struct json_val *v, struct json_writer *w)
{
    const struct chat_place *place =
        CHAT_MEMBER(CHAT_MEMBER(NULL, f->name), DGM_STR("json_schema"));
    const struct chat_place *at = CHAT_MEMBER(place, DGM_STR("schema"));
    const struct json_val *json_schema = json_get(v, place->member);
    if (!json_schema || json_kind(json_schema) == JSON_NULL) {
        chat_missing(r, place);
        return;
    }
    if (!chat_expect(r, json_schema, J_OBJ, place))
        return;
    chat_ignore_but(r, json_schema, place, "name", "strict", "schema");
    put_mime(w, f, DGM_STR("application/json"));
    const struct json_val *schema = json_get(json_schema, at->member);
    if (!schema || json_kind(schema) == JSON_NULL)
        return;
    enum schema_form form = schema_form(r, schema);
    if (form == SCHEMA_JSON)
        json_put_name(w, "responseJsonSchema");
    else
        json_put_name(w, "responseSchema");
    schema_put(r, w, schema, form, f->name, at);
}

/* Whether Google's own members tell the format already; one of them counts for all. */
static bool has_google_format(const struct dgm_request *r)
{
    struct google_place place;
    return google_config(r, DGM_STR("responseMimeType"), &place) ||
           google_config(r, DGM_STR("responseSchema"), &place) ||
           google_config(r, DGM_STR("responseJsonSchema"), &place);
}

static void put_response_format(struct dgm_request *r, const struct chat_field *f,
                                const struct json_val *v, struct json_writer *w)
{
    const struct chat_place *format = CHAT_MEMBER(NULL, f->name);
    const struct chat_place *place = CHAT_MEMBER(format, DGM_STR("type"));
    struct dgm_str name;
    if (has_google_format(r)) {
        chat_ignore(r, format);
        return;
    }
    if (tools_carry_answer(r) || !chat_need_str(r, v, place, &name))
        return;
    if (dgm_str_eq(name, DGM_STR("json_schema"))) {
        chat_ignore_but(r, v, format, "type", "json_schema");
        put_json_schema(r, f, v, w);
        return;
    }
    chat_ignore_but(r, v, format, "type");
    if (dgm_str_eq(name, DGM_STR("text")))
        put_mime(w, f, DGM_STR("text/plain"));
    else if (dgm_str_eq(name, DGM_STR("json_object")))
        put_mime(w, f, DGM_STR("application/json"));
    else if (dgm_str_find_char(name, '/') < name.n) /* a MIME type goes as it is, google.md 2.5 */
        put_mime(w, f, name);
    else
        chat_refuse(r, DGM_ERR_VALUE, place,
                    " must be text, json_object, json_schema or a MIME type.");
}

/* ---- modalities and audio ---- */

static const struct dgm_str modalities[] = {{"TEXT", 4}, {"IMAGE", 5}, {"AUDIO", 5}};

enum { MODALITY_TEXT = 1, MODALITY_IMAGE = 2, MODALITY_AUDIO = 4 };

/* A set of the modalities asked for; refuses a word that is none. */
static unsigned read_modalities(struct dgm_request *r)
{
    const struct chat_place *place = CHAT_MEMBER(NULL, DGM_STR("modalities"));
    struct json_iter it = json_iter(r->field[CHAT_MODALITIES]);
    unsigned set = 0;
    while (json_next(&it)) {
        unsigned bit = 0;
        for (size_t i = 0; i < sizeof modalities / sizeof *modalities; i++)
            if (dgm_str_eq_nocase(json_str(it.value), modalities[i]))
                bit = 1u << i;
        if (!bit)
            chat_refuse(r, DGM_ERR_VALUE, CHAT_ELEMENT(place, it.index),
                        " must be text, image or audio.");
        if (bit == MODALITY_AUDIO && !(r->model.can & CAN_AUDIO))
            chat_refuse(r, DGM_ERR_UNSUPPORTED, CHAT_ELEMENT(place, it.index),
                        " is not supported: this model does not answer in audio.");
        set |= bit;
    }
    return set;
}

/* OpenAI's clients ask for text beside audio, as its transcript; a model that speaks does nothing else. */
static void put_modalities(struct dgm_request *r, const struct chat_field *f,
                           const struct json_val *v, struct json_writer *w)
{
    unsigned set = read_modalities(r);
    if (json_size(v) == 0)
        chat_ignore(r, CHAT_MEMBER(NULL, f->name));
    if (r->rc != DGM_OK || set == 0)
        return;
    if (set & MODALITY_AUDIO && set != MODALITY_AUDIO) {
        set = MODALITY_AUDIO;
        chat_warn(r, f->name, DGM_STR("audio alone was asked for; nothing comes beside it"));
    }
    json_put_quoted_name(w, f->native);
    json_open_arr(w);
    for (size_t i = 0; i < sizeof modalities / sizeof *modalities; i++)
        if (set & 1u << i)
            json_put_str(w, modalities[i]);
    json_close_arr(w);
}

/* Gemini's voice for a name of either side. */
static struct dgm_str find_voice(struct dgm_request *r, struct dgm_str name)
{
    for (size_t i = 0; i < sizeof voices / sizeof *voices; i++) {
        if (!dgm_str_eq(name, voices[i].openai))
            continue;
        chat_note(r, DGM_NOTE_WARNING,
                  (const struct dgm_str[4]){DGM_STR("audio.voice: "), voices[i].gemini,
                                            DGM_STR(" speaks for "), name});
        return voices[i].gemini;
    }
    return name;
}

static void put_voice(struct json_writer *w, struct dgm_str name)
{
    json_put_name(w, "voiceConfig");
    json_open_obj(w);
    json_put_name(w, "prebuiltVoiceConfig");
    json_open_obj(w);
    json_member_str(w, "voiceName", name);
    json_close_obj(w);
    json_close_obj(w);
}

/* Gemini speaks in PCM of 16 bits and lets nobody choose; without audio asked for there is no voice to choose. */
static void put_audio(struct dgm_request *r, const struct chat_field *f, const struct json_val *v,
                      struct json_writer *w)
{
    const struct chat_place *place = CHAT_MEMBER(NULL, f->name);
    const struct chat_place *at = CHAT_MEMBER(place, DGM_STR("voice"));
    const struct json_val *voice = json_get(v, at->member);
    bool asked = !r->field[CHAT_MODALITIES] || read_modalities(r) & MODALITY_AUDIO;
    if (!asked || !(r->model.can & CAN_AUDIO)) {
        chat_ignore(r, place);
        return;
    }
    if (dgm_str_eq(json_get_str(v, DGM_STR("format")), DGM_STR("pcm16")))
        chat_ignore_but(r, v, place, "voice", "format");
    else
        chat_ignore_but(r, v, place, "voice");
    if (!voice || json_kind(voice) == JSON_NULL || !chat_expect(r, voice, J_STR | J_OBJ, at))
        return;
    if (json_kind(voice) == JSON_OBJ) { /* one of OpenAI's own making: Gemini cannot know it */
        chat_ignore(r, at);
        return;
    }
    json_put_quoted_name(w, f->native);
    json_open_obj(w);
    put_voice(w, find_voice(r, json_str(voice)));
    json_close_obj(w);
}

/* ---- the service tier ---- */

static void add_header(struct dgm_request *r, struct dgm_str name, struct dgm_str value)
{
    if (!r->headers)
        r->headers = dgm_arena_take(&r->arena, HEADERS_MAX * sizeof *r->headers);
    if (r->headers)
        r->headers[r->headers_n++] = (struct dgm_header){name, value};
    else
        chat_no_memory(r);
}

/* Puts a tier by its name; one that Google does not have has no effect. */
static void put_tier(struct dgm_request *r, struct json_writer *w, struct dgm_str name,
                     const struct chat_place *place)
{
    size_t i = 0, n = sizeof tiers / sizeof *tiers;
    while (i < n && !dgm_str_eq_nocase(name, tiers[i].openai))
        i++;
    if (i == n) {
        chat_ignore(r, place);
        return;
    }
    if (tiers[i].google.n == 0)
        return;
    if (r->surface == DGM_GEMINI) {
        json_member_str(w, "serviceTier", tiers[i].google);
        return;
    }
    add_header(r, DGM_STR("X-Vertex-AI-LLM-Request-Type"), DGM_STR("shared"));
    add_header(r, DGM_STR("X-Vertex-AI-LLM-Shared-Request-Type"), tiers[i].google);
}

void chat_put_tier(struct dgm_request *r, struct json_writer *w)
{
    const struct chat_place *place = CHAT_MEMBER(NULL, DGM_STR("service_tier"));
    const struct json_val *openai = r->field[CHAT_SERVICE_TIER];
    const struct json_val *google = r->google[GOOGLE_SERVICE_TIER];
    if (openai && google)
        chat_ignore(r, place);
    if (google)
        put_tier(r, w, json_str(google), GOOGLE_PLACE(r, SERVICE_TIER));
    else if (openai)
        put_tier(r, w, json_str(openai), place);
}

/* ---- all of them ---- */

#define QUOTED_NAME(name) {"\"" name "\":", sizeof "\"" name "\":" - 1}

const struct chat_field chat_fields[CHAT_FIELDS] = {
#define FIELD(id, name, accepts, fate, native, min, max, put, ...)                                 \
    [CHAT_##id] = {{name, sizeof name - 1}, accepts, fate, QUOTED_NAME(native), min, max, put},
#include "translate/chat_fields.def"
#undef FIELD
};

/* The member of a row as it is called, without the marks that json_put_quoted_name wants. */
static struct dgm_str native_name(const struct chat_field *f)
{
    return dgm_str_head(dgm_str_skip(f->native, 1), f->native.n - 3);
}

/* What `detail` asks of all images, where the model takes one resolution for the whole request. */
static void put_details(struct dgm_request *r, struct json_writer *w)
{
    struct google_place place;
    if (google_config(r, DGM_STR("mediaResolution"), &place))
        chat_warn(r, DGM_STR("detail"), DGM_STR("media_resolution counts before it"));
    else
        json_member_str(w, "mediaResolution", r->media_resolution);
}

/* A member, unless its model refused it; or what it may be. */
static void put_member(struct dgm_request *r, const struct chat_field *f, const struct json_val *v,
                       struct json_writer *w)
{
    if (r->tries)
        v = tries_value(r, native_name(f), f->name, v);
    if (v)
        f->put(r, f, v, w);
}

static void put_members(struct dgm_request *r, struct json_writer *w)
{
    for (uint64_t left = r->said; left != 0 && r->rc == DGM_OK; left &= left - 1) {
        size_t i = (size_t)__builtin_ctzll(left);
        const struct chat_field *f = &chat_fields[i];
        struct google_place place;
        if (f->fate != CONFIG)
            continue;
        if (r->google_said &&
            google_config(r, native_name(f),
                          &place)) /* Google's own member counts before OpenAI's */
            chat_ignore(r, CHAT_MEMBER(NULL, f->name));
        else
            put_member(r, f, r->field[i], w);
    }
    chat_put_thinking(r, w);
    if (r->media_resolution.n)
        put_details(r, w);
    google_put_config(r, w);
}

void chat_put_config(struct dgm_request *r, struct json_writer *w)
{
    struct json_writer before = *w;
    size_t bytes = r->body.n;
    json_put_name(w, "generationConfig");
    json_open_obj(w);
    size_t empty_bytes = r->body.n;
    put_members(r, w);
    if (r->rc != DGM_OK) /* the body is of no use any more */
        return;
    if (r->body.n == empty_bytes) { /* nothing was put: no object either */
        r->body.n = bytes;
        *w = before;
        return;
    }
    json_close_obj(w);
}
