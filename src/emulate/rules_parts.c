/* SPDX-License-Identifier: Apache-2.0 */
/* rules_parts.c - the checks of what a part holds: MIME types, URIs, sizes, video, parts of tool results. */
#include "emulate/rules.h"

#include "base/str.h"
#include "emulate/base64.h"

#define IMAGE_MAX_BYTES ((size_t)7 << 20)
#define INLINE_MAX_BYTES ((size_t)20 << 20)

/* ---- MIME types --------------------------------------------------------------------------------------- */

static const char *const mime_types[] = {
    "image/png",       "image/jpeg",       "image/jpg",
    "image/webp",      "image/heic",       "image/heif",
    "audio/wav",       "audio/x-wav",      "audio/mp3",
    "audio/mpeg",      "audio/mpga",       "audio/aiff",
    "audio/aac",       "audio/ogg",        "audio/flac",
    "audio/x-flac",    "audio/m4a",        "audio/x-m4a",
    "audio/mp4",       "audio/opus",       "audio/pcm",
    "audio/webm",      "audio/x-aac",      "audio/l16",
    "video/mp4",       "video/mpeg",       "video/mpg",
    "video/mov",       "video/quicktime",  "video/avi",
    "video/x-flv",     "video/flv",        "video/webm",
    "video/wmv",       "video/3gpp",       "video/mpegps",
    "application/pdf", "text/plain",       "text/html",
    "text/css",        "text/markdown",    "text/md",
    "text/csv",        "text/xml",         "text/rtf",
    "text/javascript", "text/x-python",    "application/x-javascript",
    "application/rtf", "application/json", "application/x-python",
};

/* What reports say is refused: archives, office documents, bytes of no type. */
static const char *const refused[] = {"application/octet-stream", "application/zip",
                                      "application/gzip",         "application/msword",
                                      "application/cu-seeme",     "application/x-zip-compressed"};

/* The type alone, without parameters such as `; rate=24000`, in lower case as far as `room` goes. */
static struct dgm_str bare(struct dgm_str type, char *room, size_t n)
{
    struct dgm_str s = dgm_str_trim(dgm_str_head(type, dgm_str_find_char(type, ';')));
    s = dgm_str_head(s, n);
    for (size_t i = 0; i < s.n; i++)
        room[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] + ('a' - 'A')) : s.p[i];
    return (struct dgm_str){room, s.n};
}

static bool is_listed(struct dgm_str type)
{
    char room[64];
    return emu_rules_one_of(bare(type, room, sizeof room), mime_types,
                            sizeof mime_types / sizeof *mime_types);
}

static bool is_refused(struct dgm_str type)
{
    char room[64];
    struct dgm_str all = bare(type, room, sizeof room), rest = all, kind;
    dgm_str_split(&rest, '/', &kind);
    return !rest.p || rest.n == 0 ||
           !ONE_OF(kind, "text", "image", "audio", "video", "application") ||
           dgm_str_starts(all, DGM_STR("application/vnd.")) ||
           emu_rules_one_of(all, refused, sizeof refused / sizeof *refused);
}

/* The data of a part, of either kind; NULL when it is none. */
static const struct json_val *data_of(const struct json_val *part)
{
    const struct json_val *data = emu_ask_member(part, "inlineData");
    return data ? data : emu_ask_member(part, "fileData");
}

static struct dgm_str mime_of(const struct json_val *data)
{
    return json_str(emu_ask_member(data, "mimeType"));
}

void emu_rule_mime_missing(struct rules *r)
{
    for (struct part_walk w = emu_rules_parts(r, HOLDS_DATA); emu_rules_next_part(&w);) {
        const struct json_val *data =
            emu_ask_is_vertex(r->ask) ? data_of(w.part) : emu_ask_member(w.part, "inlineData");
        if (data && mime_of(data).n == 0)
            emu_rules_tell(r, HOLES({0}));
    }
}

void emu_rule_mime_refused(struct rules *r)
{
    for (struct part_walk w = emu_rules_parts(r, HOLDS_DATA); emu_rules_next_part(&w);) {
        struct dgm_str type = mime_of(data_of(w.part));
        if (type.n != 0 && is_refused(type))
            emu_rules_tell(r, HOLES(emu_rules_shown(type)));
    }
}

void emu_rule_mime_unlisted(struct rules *r)
{
    for (struct part_walk w = emu_rules_parts(r, HOLDS_DATA); emu_rules_next_part(&w);) {
        struct dgm_str type = mime_of(data_of(w.part));
        if (type.n != 0 && !is_listed(type))
            emu_rules_tell(r, HOLES(emu_rules_shown(type)));
    }
}

/* ---- URIs --------------------------------------------------------------------------------------------- */

static struct dgm_str uri_of(const struct json_val *part)
{
    return json_str(emu_ask_member(emu_ask_member(part, "fileData"), "fileUri"));
}

static bool is_of(struct dgm_str uri, const char *scheme)
{
    struct dgm_str s = dgm_str_c(scheme);
    return dgm_str_eq_nocase(dgm_str_head(uri, s.n), s);
}

static bool is_web(struct dgm_str uri)
{
    return is_of(uri, "https://") || is_of(uri, "http://");
}

/* The Gemini API's own files, and videos that it knows by their address. */
static bool is_google(struct dgm_str uri)
{
    return is_of(uri, "https://generativelanguage.googleapis.com/") || is_of(uri, "files/") ||
           is_of(uri, "https://www.youtube.com/") || is_of(uri, "https://youtube.com/") ||
           is_of(uri, "https://youtu.be/");
}

void emu_rule_uri_refused(struct rules *r)
{
    for (struct part_walk w = emu_rules_parts(r, HOLDS_DATA); emu_rules_next_part(&w);) {
        struct dgm_str uri = uri_of(w.part);
        bool fits = emu_ask_is_vertex(r->ask)
                        ? is_of(uri, "gs://") || is_web(uri)
                        : is_google(uri) || (is_web(uri) && r->ask->model.generation > 20);
        if (emu_ask_member(w.part, "fileData") && !fits)
            emu_rules_tell(r, HOLES(emu_rules_shown(uri)));
    }
}

void emu_rule_uri_plain_http(struct rules *r)
{
    for (struct part_walk w = emu_rules_parts(r, HOLDS_DATA); emu_rules_next_part(&w);)
        if (is_of(uri_of(w.part), "http://"))
            emu_rules_tell(r, HOLES(emu_rules_shown(uri_of(w.part))));
}

void emu_rule_uri_http_old(struct rules *r)
{
    for (struct part_walk w = emu_rules_parts(r, HOLDS_DATA); emu_rules_next_part(&w);)
        if (is_web(uri_of(w.part)))
            emu_rules_tell(r, HOLES(emu_rules_shown(uri_of(w.part))));
}

/* ---- sizes -------------------------------------------------------------------------------------------- */

static size_t inline_bytes(const struct json_val *part)
{
    struct dgm_str data = json_str(emu_ask_member(emu_ask_member(part, "inlineData"), "data"));
    return data.n / 4 * 3; /* near enough for a limit that is round */
}

void emu_rule_inline_image_size(struct rules *r)
{
    for (struct part_walk w = emu_rules_parts(r, HOLDS_DATA); emu_rules_next_part(&w);) {
        size_t n = inline_bytes(w.part);
        if (n > IMAGE_MAX_BYTES && is_of(mime_of(data_of(w.part)), "image/"))
            emu_rules_tell(r, HOLES(emu_rules_number(r, n)));
    }
}

void emu_rule_inline_total_size(struct rules *r)
{
    size_t n = 0;
    for (struct part_walk w = emu_rules_parts(r, HOLDS_DATA); emu_rules_next_part(&w);)
        n += inline_bytes(w.part);
    if (n > INLINE_MAX_BYTES)
        emu_rules_tell(r, HOLES(emu_rules_number(r, n)));
}

/* ---- video and resolution ----------------------------------------------------------------------------- */

void emu_rule_fps_range(struct rules *r)
{
    for (struct part_walk w = emu_rules_parts(r, HOLDS_VIDEO); emu_rules_next_part(&w);) {
        const struct json_val *v = emu_ask_member(emu_ask_member(w.part, "videoMetadata"), "fps");
        double fps;
        if (emu_ask_double(v, &fps) && (fps <= 0 || fps > 24))
            emu_rules_tell(r, HOLES(json_kind(v) == JSON_STR ? json_str(v) : json_num(v),
                                    emu_rules_number(r, w.content_index),
                                    emu_rules_number(r, w.part_index)));
    }
}

/* "3.5s" as 3.5; it passed the parser. */
static bool seconds(const struct json_val *v, double *ret)
{
    struct dgm_str s = json_str(v);
    return s.n > 1 && dgm_str_double(dgm_str_head(s, s.n - 1), ret);
}

void emu_rule_video_offsets(struct rules *r)
{
    for (struct part_walk w = emu_rules_parts(r, HOLDS_VIDEO); emu_rules_next_part(&w);) {
        const struct json_val *v = emu_ask_member(w.part, "videoMetadata");
        double start = 0, end;
        seconds(emu_ask_member(v, "startOffset"), &start);
        if (seconds(emu_ask_member(v, "endOffset"), &end) && end <= start)
            emu_rules_tell(r, HOLES({0}));
    }
}

static bool is_video(const struct json_val *part)
{
    struct dgm_str type = mime_of(data_of(part));
    return is_of(type, "video/") || (type.n == 0 && is_google(uri_of(part)));
}

void emu_rule_video_metadata_alone(struct rules *r)
{
    for (struct part_walk w = emu_rules_parts(r, HOLDS_VIDEO); emu_rules_next_part(&w);)
        if (emu_ask_member(w.part, "videoMetadata") && !is_video(w.part))
            emu_rules_tell(r, HOLES({0}));
}

static struct dgm_str level_of(const struct json_val *part)
{
    return json_str(emu_ask_member(emu_ask_member(part, "mediaResolution"), "level"));
}

void emu_rule_media_resolution_old(struct rules *r)
{
    for (struct part_walk w = emu_rules_parts(r, HOLDS_RESOLUTION); emu_rules_next_part(&w);)
        if (emu_ask_member(w.part, "mediaResolution"))
            emu_rules_tell(r, HOLES(r->ask->model.name));
}

void emu_rule_ultra_high_image(struct rules *r)
{
    for (struct part_walk w = emu_rules_parts(r, HOLDS_RESOLUTION); emu_rules_next_part(&w);)
        if (dgm_str_eq_nocase(level_of(w.part), DGM_STR("MEDIA_RESOLUTION_ULTRA_HIGH")) &&
            !is_of(mime_of(data_of(w.part)), "image/"))
            emu_rules_tell(r, HOLES({0}));
}

/* ---- tool results ------------------------------------------------------------------------------------- */

static const struct json_val *result_parts(const struct json_val *part)
{
    return emu_ask_member(emu_ask_member(part, "functionResponse"), "parts");
}

void emu_rule_response_parts_old(struct rules *r)
{
    for (struct part_walk w = emu_rules_parts(r, HOLDS_RESPONSE); emu_rules_next_part(&w);)
        if (emu_ask_count(result_parts(w.part)) != 0)
            emu_rules_tell(r, HOLES(r->ask->model.name));
}

void emu_rule_response_parts_mime(struct rules *r)
{
    for (struct part_walk w = emu_rules_parts(r, HOLDS_RESPONSE); emu_rules_next_part(&w);)
        for (struct ask_list l = emu_ask_list(result_parts(w.part)); emu_ask_next(&l);) {
            struct dgm_str type = mime_of(data_of(l.value));
            if (is_of(type, "video/"))
                emu_rules_tell(r, HOLES(emu_rules_shown(type)));
        }
}

static bool has_name(const struct json_val *parts, struct dgm_str name)
{
    for (struct ask_list l = emu_ask_list(parts); emu_ask_next(&l);)
        if (dgm_str_eq(json_str(emu_ask_member(data_of(l.value), "displayName")), name))
            return true;
    return false;
}

/* Looks for {"$ref": name} at any depth that a parser lets in. */
static void look_for_refs(struct rules *r, const struct json_val *v, const struct json_val *parts)
{
    for (struct json_iter i = json_iter(v); json_next(&i);) {
        struct dgm_str ref = json_str(i.value);
        if (ref.p && i.name.p && dgm_str_eq(i.name, DGM_STR("$ref")) && !has_name(parts, ref))
            emu_rules_tell(r, HOLES(emu_rules_shown(ref)));
        look_for_refs(r, i.value, parts);
    }
}

void emu_rule_response_ref(struct rules *r)
{
    for (struct part_walk w = emu_rules_parts(r, HOLDS_RESPONSE); emu_rules_next_part(&w);)
        if (emu_ask_count(result_parts(w.part)) != 0)
            look_for_refs(r, emu_ask_member(emu_ask_member(w.part, "functionResponse"), "response"),
                          result_parts(w.part));
}
