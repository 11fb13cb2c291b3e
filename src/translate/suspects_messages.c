/* SPDX-License-Identifier: Apache-2.0 */
/* suspects_messages.c - what is suspect in a conversation: its files, its calls and their results, its texts. */
#include "translate/media.h"
#include "translate/names.h"
#include "translate/suspects.h"
#include "translate/tools.h"

#include "base/sort.h"
#include "base/str.h"

#include <string.h>

#define HEAD_CHARS 24                 /* of base64: the first 18 bytes */
#define TAIL_CHARS ((size_t)2 * 1024) /* of base64, in which a file's end is looked for */
#define FILE_BYTES_MIN 24             /* no image, sound or document is smaller */
#define MEDIA_BYTES_MAX ((size_t)20 << 20)
#define TEXT_BYTES_FINE ((size_t)3 << 20) /* a million tokens are some four million letters */

/* What files of a type begin with, and have near their end. */
static const struct medium {
    struct dgm_str type;
    size_t at;
    struct dgm_str first, last;
} mediums[] = {
#define LITERAL(s) {s, sizeof s - 1}
#define MEDIUM(type, at, first, last) {LITERAL(type), at, LITERAL(first), LITERAL(last)},
#include "translate/suspects.def"
#undef MEDIUM
#undef LITERAL
};

static const char *const read_types[] = {
#define READ(type) type,
#include "translate/suspects.def"
#undef READ
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- files ---- */

/* Where the medium of a part stands; absent: it is none. */
static struct dgm_str source_of(const struct json_val *part, struct dgm_str *ret_mime)
{
    static const char *const urls[] = {"image_url", "video_url"};
    const struct json_val *audio = json_get(part, DGM_STR("input_audio"));
    const struct json_val *file = json_get(part, DGM_STR("file"));
    *ret_mime = (struct dgm_str){0};
    for (size_t i = 0; i < COUNT(urls); i++) {
        const struct json_val *v = json_get(part, dgm_str_c(urls[i]));
        if (v)
            return json_kind(v) == JSON_STR ? json_str(v) : json_get_str(v, DGM_STR("url"));
    }
    if (audio) {
        *ret_mime = media_mime_of_extension(json_get_str(audio, DGM_STR("format")));
        return json_get_str(audio, DGM_STR("data"));
    }
    *ret_mime = media_mime_of_name(json_get_str(file, DGM_STR("filename")));
    struct dgm_str data = json_get_str(file, DGM_STR("file_data"));
    return data.n ? data : json_get_str(file, DGM_STR("file_id"));
}

bool suspect_next_file(const struct look *look, struct suspect_file *ret)
{
    for (; ret->message < look->r->messages_n; ret->message++, ret->_begun = false) {
        if (!ret->_begun)
            ret->_parts = json_iter(look->r->messages[ret->message].content);
        ret->_begun = true;
        while (json_next(&ret->_parts)) {
            struct dgm_str mime, source = source_of(ret->_parts.value, &mime);
            if (source.n == 0)
                continue;
            ret->media = (struct media){0};
            (void)media_read(source, &ret->media);
            if (!ret->media.mime.n)
                ret->media.mime = mime;
            ret->part = ret->_parts.index;
            return true;
        }
    }
    return false;
}

static void name_file(struct finding *f, const struct suspect_file *file)
{
    chat_put_place(&f->param, CHAT_ELEMENT(CHAT_MESSAGE_MEMBER(file->message, DGM_STR("content")),
                                           file->part));
}

/* Decodes base64 of either alphabet as far as there is room; what is no letter of it is skipped. */
static struct dgm_str decode(struct dgm_str text, char *to, size_t room)
{
    uint32_t bits = 0;
    unsigned held = 0;
    size_t n = 0;
    for (size_t i = 0; i < text.n && n < room; i++) {
        char c = text.p[i];
        unsigned value = c >= 'A' && c <= 'Z'   ? (unsigned)(c - 'A')
                         : c >= 'a' && c <= 'z' ? (unsigned)(c - 'a') + 26
                         : c >= '0' && c <= '9' ? (unsigned)(c - '0') + 52
                         : c == '+' || c == '-' ? 62
                         : c == '/' || c == '_' ? 63
                                                : 64;
        if (value == 64)
            continue;
        bits = bits << 6 | value;
        held += 6;
        if (held >= 8) {
            held -= 8;
            to[n++] = (char)(bits >> held & 0xff);
        }
    }
    return (struct dgm_str){to, n};
}

static bool begins_as(const struct medium *m, struct dgm_str head)
{
    return dgm_str_starts(dgm_str_skip(head, m->at), m->first);
}

/* What is wrong with a file's bytes; NULL: nothing that shows. `*ret_other` is the type they look like. */
static const char *fault_of(const struct media *media, struct dgm_str *ret_other)
{
    char head_room[HEAD_CHARS], tail_room[TAIL_CHARS];
    struct dgm_str head =
        decode(dgm_str_head(media->data, HEAD_CHARS), head_room, sizeof head_room);
    size_t from = media->data.n > TAIL_CHARS ? (media->data.n - TAIL_CHARS) / 4 * 4 : 0;
    struct dgm_str tail = decode(dgm_str_skip(media->data, from), tail_room, sizeof tail_room);
    *ret_other = (struct dgm_str){0};
    for (size_t i = 0; i < COUNT(mediums); i++) {
        const struct medium *m = &mediums[i];
        if (!dgm_str_eq(m->type, media->mime)) {
            if (!ret_other->p && begins_as(m, head))
                *ret_other = m->type;
            continue;
        }
        if (media->data.n / 4 * 3 < FILE_BYTES_MIN)
            return " is almost empty";
        if (!begins_as(m, head))
            return " does not begin as such a file";
        if (m->last.n && dgm_str_find(tail, m->last) == tail.n)
            return " is cut off";
        *ret_other = (struct dgm_str){0};
        return NULL;
    }
    return NULL;
}

bool suspect_file_is_broken(const struct suspect_file *file)
{
    struct dgm_str other;
    return file->media.data.n && fault_of(&file->media, &other);
}

bool look_media_broken(const struct look *look, struct finding *f)
{
    for (struct suspect_file file = {0}; suspect_next_file(look, &file);) {
        struct dgm_str other;
        const char *fault = file.media.data.n ? fault_of(&file.media, &other) : NULL;
        if (!fault)
            continue;
        finding_what(f, file.media.mime);
        finding_what(f, dgm_str_c(fault));
        if (other.n) {
            finding_what(f, DGM_STR(" but as "));
            finding_what(f, other);
        }
        name_file(f, &file);
        return true;
    }
    return false;
}

static bool is_read(struct dgm_str type)
{
    for (size_t i = 0; i < COUNT(read_types); i++) {
        struct dgm_str row = dgm_str_c(read_types[i]);
        if (dgm_str_ends(row, DGM_STR("/")) ? dgm_str_starts(type, row) : dgm_str_eq(type, row))
            return true;
    }
    return type.n == 0 || dgm_str_eq(type, DGM_STR("image/*"));
}

/* A file's type without its parameters. */
static struct dgm_str type_of(const struct suspect_file *file)
{
    return dgm_str_head(file->media.mime, dgm_str_find_char(file->media.mime, ';'));
}

bool suspect_file_is_unread(const struct suspect_file *file)
{
    return !is_read(type_of(file));
}

bool look_media_type(const struct look *look, struct finding *f)
{
    for (struct suspect_file file = {0}; suspect_next_file(look, &file);) {
        if (!suspect_file_is_unread(&file))
            continue;
        finding_what(f, type_of(&file));
        name_file(f, &file);
        return true;
    }
    return false;
}

bool look_media_large(const struct look *look, struct finding *f)
{
    struct suspect_file largest = {0};
    size_t total = 0;
    for (struct suspect_file file = {0}; suspect_next_file(look, &file);) {
        total += file.media.data.n;
        if (file.media.data.n > largest.media.data.n)
            largest = file;
    }
    if (total <= (look->r->surface == DGM_GEMINI ? MEDIA_BYTES_MAX : MEDIA_BYTES_MAX / 2))
        return false;
    dgm_buf_put_int(&f->what, (int64_t)total);
    name_file(f, &largest);
    return true;
}

bool suspect_file_is_away(const struct look *look, const struct suspect_file *file)
{
    struct dgm_str uri = file->media.uri;
    if (!uri.n || media_is_youtube(uri))
        return false;
    return look->r->surface == DGM_GEMINI ? !media_is_file(uri)
                                          : !dgm_str_starts(uri, DGM_STR("gs://"));
}

bool look_uri_unreadable(const struct look *look, struct finding *f)
{
    for (struct suspect_file file = {0}; suspect_next_file(look, &file);) {
        struct dgm_str uri = file.media.uri;
        if (!suspect_file_is_away(look, &file))
            continue;
        if (dgm_str_starts(uri, DGM_STR("https://")))
            f->likely = 50; /* newer models fetch some */
        finding_what(f, uri);
        name_file(f, &file);
        return true;
    }
    return false;
}

/* ---- calls and results ---- */

static int compare_ids(const void *a, const void *b)
{
    return dgm_str_compare(*(const struct dgm_str *)a, *(const struct dgm_str *)b);
}

/* Sorted: a client may well send a hundred thousand calls in one message. */
bool look_calls_same_id(const struct look *look, struct finding *f)
{
    const struct dgm_request *r = look->r;
    struct dgm_str *ids =
        r->history_n < 2 ? NULL : dgm_arena_take(&look->r->arena, r->history_n * sizeof *ids);
    if (!ids && r->history_n >= 2)
        chat_no_memory(look->r);
    for (size_t i = 0, end; ids && i < r->history_n; i = end) {
        size_t n = 0;
        end = chat_calls_end(r, r->history[i].message);
        for (size_t k = i; k < end; k++)
            if (r->history[k].id.n)
                ids[n++] = r->history[k].id;
        dgm_sort(ids, n, sizeof *ids, compare_ids);
        for (size_t k = 1; k < n; k++) {
            if (!dgm_str_eq(ids[k - 1], ids[k]))
                continue;
            finding_what(f, ids[k]);
            f->at = r->history[i].message;
            chat_put_place(&f->param, CHAT_MESSAGE_MEMBER(f->at, DGM_STR("tool_calls")));
            return true;
        }
    }
    return false;
}

bool look_result_undeclared(const struct look *look, struct finding *f)
{
    const struct dgm_request *r = look->r;
    for (size_t i = 0; i < r->history_n; i++) {
        const struct chat_call *call = &r->history[i];
        const struct chat_name *name = names_behind(r, call->name);
        if (call->result == CHAT_NO_RESULT || (name && name->declared))
            continue;
        if (!r->tools || r->tools->functions_n == 0)
            f->likely = 62; /* a conversation that went on without tools is not always refused */
        finding_what(f, names_client(r, call->name));
        chat_put_place(&f->param, CHAT_MESSAGE(call->result));
        return true;
    }
    return false;
}

static bool has_text(const struct chat_message *m)
{
    struct json_iter it = json_iter(m->content);
    if (json_str(m->content).n)
        return true;
    while (json_next(&it))
        if (json_get_str(it.value, DGM_STR("text")).n)
            return true;
    return false;
}

bool look_text_and_calls(const struct look *look, struct finding *f)
{
    const struct model *model = &look->r->model;
    bool refuses =
        model->generation >= 36 || (model->generation == 35 && model->words & MODEL_LITE);
    for (size_t i = 0; i < look->r->history_n; i++) {
        size_t message = look->r->history[i].message;
        if (!has_text(&look->r->messages[message]))
            continue;
        f->likely = refuses ? f->likely : 15;
        chat_put_place(&f->param, CHAT_MESSAGE(message));
        return true;
    }
    return false;
}

static const struct chat_call *call_of(const struct dgm_request *r, struct dgm_str id)
{
    for (size_t i = r->history_n; i > 0; i--)
        if (dgm_str_eq(r->history[i - 1].id, id))
            return &r->history[i - 1];
    return NULL;
}

static bool name_call(const struct look *look, struct finding *f, const struct chat_call *call)
{
    finding_what(f, names_client(look->r, call->name));
    chat_put_place(&f->param, CHAT_MESSAGE_MEMBER(call->message, DGM_STR("tool_calls")));
    return true;
}

bool look_signature_unknown(const struct look *look, struct finding *f)
{
    for (size_t i = 0; i < look->r->needs_n; i++) {
        const struct dgm_need *need = &look->r->needs[i];
        const struct chat_call *call = need->stood_in ? call_of(look->r, need->call_id) : NULL;
        if (call)
            return name_call(look, f, call);
    }
    return false;
}

bool look_signature_given(const struct look *look, struct finding *f)
{
    for (size_t i = 0; i < look->r->history_n; i++)
        if (look->r->history[i].signature.n)
            return name_call(look, f, &look->r->history[i]);
    return false;
}

bool look_prefill(const struct look *look, struct finding *f)
{
    const struct dgm_request *r = look->r;
    size_t last = r->messages_n - 1;
    if (r->messages[last].role != ROLE_MODEL)
        return false;
    chat_put_place(&f->param, CHAT_MESSAGE(last));
    return true;
}

/* ---- texts ---- */

static size_t text_bytes(const struct chat_message *m)
{
    struct json_iter it = json_iter(m->content);
    size_t n = json_str(m->content).n;
    while (json_next(&it))
        n += json_get_str(it.value, DGM_STR("text")).n;
    return n;
}

bool look_text_long(const struct look *look, struct finding *f)
{
    size_t total = 0, largest = 0, message = 0;
    for (size_t i = 0; i < look->r->messages_n; i++) {
        size_t n = text_bytes(&look->r->messages[i]);
        total += n;
        message = n > largest ? i : message;
        largest = n > largest ? n : largest;
    }
    if (total <= TEXT_BYTES_FINE)
        return false;
    dgm_buf_put_int(&f->what, (int64_t)total);
    chat_put_place(&f->param, CHAT_MESSAGE(message));
    return true;
}

/* The first control character but tabs and line ends; the length: there is none. */
static size_t find_control(struct dgm_str text)
{
    size_t i = 0;
    while (i < text.n && ((unsigned char)text.p[i] >= ' ' || strchr("\t\n\r", text.p[i])) &&
           text.p[i] != 0x7f)
        i++;
    return i;
}

static bool note_control(struct finding *f, struct dgm_str text, size_t message)
{
    size_t at = find_control(text);
    if (!text.p || at == text.n)
        return false;
    dgm_buf_put_lit(&f->what, "U+");
    dgm_buf_put_hex(&f->what, (unsigned char)text.p[at], 4);
    chat_put_place(&f->param, CHAT_MESSAGE_MEMBER(message, DGM_STR("content")));
    return true;
}

bool look_control_character(const struct look *look, struct finding *f)
{
    for (size_t i = 0; i < look->r->messages_n; i++) {
        const struct chat_message *m = &look->r->messages[i];
        struct json_iter it = json_iter(m->content);
        if (note_control(f, json_str(m->content), i))
            return true;
        while (json_next(&it))
            if (note_control(f, json_get_str(it.value, DGM_STR("text")), i))
                return true;
    }
    return false;
}

bool look_mended(const struct look *look, struct finding *f)
{
    struct dgm_str notes = dgm_request_notes(look->r, DGM_NOTE_WARNING);
    finding_what(f, notes);
    return notes.n != 0;
}
