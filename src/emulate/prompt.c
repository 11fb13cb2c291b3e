/* SPDX-License-Identifier: Apache-2.0 */
/* prompt.c - what a request asks, and how many tokens it is. */
#include "emulate/prompt.h"

#include "base/str.h"
#include "emulate/base64.h"
#include "emulate/tokens.h"

#define TURN_TOKENS 4
#define FILE_TOKENS 258
#define TILES_MAX 64
#define AUDIO_TOKENS_A_SECOND 32

struct dgm_str emu_prompt_modality_name(enum modality m)
{
    static const char *const names[MODALITIES] = {"TEXT", "IMAGE", "VIDEO", "AUDIO", "DOCUMENT"};
    return dgm_str_c(names[m]);
}

static enum modality modality_of(struct dgm_str mime_type)
{
    if (dgm_str_starts(mime_type, DGM_STR("image/")))
        return MODALITY_IMAGE;
    if (dgm_str_starts(mime_type, DGM_STR("video/")))
        return MODALITY_VIDEO;
    if (dgm_str_starts(mime_type, DGM_STR("audio/")))
        return MODALITY_AUDIO;
    return MODALITY_DOCUMENT;
}

/* The level that a part or the whole request asks for: "LOW". */
static struct dgm_str resolution_of(const struct ask *ask, const struct json_val *part)
{
    static const struct dgm_str prefix = DGM_STR("MEDIA_RESOLUTION_");
    const struct json_val *own = emu_ask_member(emu_ask_member(part, "mediaResolution"), "level");
    struct dgm_str level = json_str(own ? own : emu_ask_member(ask->config, "mediaResolution"));
    return dgm_str_skip(level, prefix.n);
}

static uint64_t image_tokens(const struct ask *ask, const struct json_val *part,
                             const struct media *m)
{
    static const struct {
        struct dgm_str level;
        uint64_t tokens;
    } levels[] = {{DGM_STR("LOW"), 280}, {DGM_STR("MEDIUM"), 560}, {DGM_STR("ULTRA_HIGH"), 2240}};
    struct dgm_str level = resolution_of(ask, part);
    if (ask->model.generation >= GENERATION_3) {
        for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
            if (dgm_str_eq_nocase(level, levels[i].level))
                return levels[i].tokens;
        return 1120;
    }
    if (dgm_str_eq_nocase(level, DGM_STR("LOW")))
        return 64;
    if (m->width <= 384 && m->height <= 384)
        return FILE_TOKENS;
    uint32_t shorter = m->width < m->height ? m->width : m->height;
    uint32_t side = shorter / 3 * 2 + shorter % 3 * 2 / 3;
    side = side < 256 ? 256 : side > 768 ? 768 : side;
    uint64_t tiles = (uint64_t)(m->width / side + (m->width % side != 0)) *
                     (m->height / side + (m->height % side != 0));
    return FILE_TOKENS * (tiles < TILES_MAX ? tiles : TILES_MAX);
}

static void count_media(const struct ask *ask, struct prompt *p, const struct json_val *part,
                        const struct prompt_media *m)
{
    enum modality modality = modality_of(m->mime_type);
    uint64_t tokens = FILE_TOKENS;
    if (modality == MODALITY_IMAGE)
        tokens = image_tokens(ask, part, &m->seen);
    else if (!m->uri.p && modality == MODALITY_AUDIO && m->seen.plays_ms != 0)
        tokens = (m->seen.plays_ms * AUDIO_TOKENS_A_SECOND + 999) / 1000;
    else if (!m->uri.p && (modality == MODALITY_AUDIO || modality == MODALITY_VIDEO))
        tokens = m->bytes / 500 + 1;
    else if (!m->uri.p && modality == MODALITY_DOCUMENT)
        tokens = FILE_TOKENS * (m->bytes / (100 << 10) + 1);
    p->tokens[modality] += tokens;
}

/* The strings and names of any JSON, counted as text: what is in a call, a result or a declaration. */
static uint64_t count_json(const struct json_val *v)
{
    if (!v)
        return 0;
    uint64_t n = json_kind(v) == JSON_STR ? emu_tokens_count(json_str(v)) : 1;
    for (struct json_iter i = json_iter(v); json_next(&i);)
        n += emu_tokens_count(i.name) + count_json(i.value);
    return n;
}

static bool read_media(const struct json_val *part, struct prompt_media *ret)
{
    const struct json_val *inline_data = emu_ask_member(part, "inlineData");
    const struct json_val *file = inline_data ? inline_data : emu_ask_member(part, "fileData");
    if (!file)
        return false;
    *ret = (struct prompt_media){
        .mime_type = json_str(emu_ask_member(file, "mimeType")),
        .uri = json_str(emu_ask_member(file, "fileUri")),
    };
    if (inline_data) {
        struct dgm_str data = json_str(emu_ask_member(inline_data, "data"));
        ret->bytes = emu_base64_sound_size(data);
        ret->seen = emu_media_read(data, ret->bytes);
    }
    return true;
}

/* `part` is of a content or of a function's result. */
static void count_part(const struct ask *ask, struct prompt *p, const struct json_val *part)
{
    const struct json_val *response = emu_ask_member(part, "functionResponse");
    struct prompt_media media;
    if (read_media(part, &media)) {
        count_media(ask, p, part, &media);
        return;
    }
    p->tokens[MODALITY_TEXT] += emu_tokens_count(json_str(emu_ask_member(part, "text"))) +
                                count_json(emu_ask_member(part, "functionCall")) +
                                emu_tokens_count(json_str(emu_ask_member(response, "name"))) +
                                count_json(emu_ask_member(response, "response"));
    for (struct ask_list l = emu_ask_list(emu_ask_member(response, "parts")); emu_ask_next(&l);)
        if (read_media(l.value, &media))
            count_media(ask, p, l.value, &media);
}

static void count(const struct ask *ask, struct prompt *p)
{
    for (struct ask_list c = emu_ask_list(ask->contents); emu_ask_next(&c);) {
        p->tokens[MODALITY_TEXT] += TURN_TOKENS;
        for (struct ask_list l = emu_ask_list(emu_ask_member(c.value, "parts")); emu_ask_next(&l);)
            count_part(ask, p, l.value);
    }
    for (struct ask_list l = emu_ask_list(emu_ask_member(ask->system, "parts")); emu_ask_next(&l);)
        count_part(ask, p, l.value);
    for (struct ask_list t = emu_ask_list(emu_ask_member(ask->root, "tools")); emu_ask_next(&t);) {
        const struct json_val *functions = emu_ask_member(t.value, "functionDeclarations");
        p->nfunctions += emu_ask_count(functions);
        p->tokens[MODALITY_TEXT] += count_json(functions);
    }
    for (size_t m = 0; m < MODALITIES; m++)
        p->tokens_total += p->tokens[m];
}

/* The content that the current turn begins with; where there is none of the user's, the last. */
static size_t find_opening(const struct ask *ask, bool *ret_answered)
{
    size_t opening = 0, n = 0;
    bool found = false;
    *ret_answered = false;
    for (struct ask_list c = emu_ask_list(ask->contents); emu_ask_next(&c); n++) {
        struct turn t = emu_ask_turn(c.value);
        *ret_answered = t.model;
        if (t.model || (t.others == 0 && t.responses != 0))
            continue;
        opening = n;
        found = true;
    }
    return found || n == 0 ? opening : n - 1;
}

/* One text is a view; several are joined, a line each. */
static enum dgm_rc read_text(const struct json_val *content, struct dgm_arena *arena,
                             struct dgm_str *ret)
{
    struct dgm_buf joined;
    dgm_buf_init(&joined, dgm_arena_alloc(arena), SIZE_MAX);
    *ret = DGM_STR("");
    size_t n = 0;
    for (struct ask_list l = emu_ask_list(emu_ask_member(content, "parts")); emu_ask_next(&l);) {
        struct dgm_str text = json_str(emu_ask_member(l.value, "text"));
        if (text.n == 0)
            continue;
        if (++n == 2)
            dgm_buf_put(&joined, *ret);
        if (n >= 2) {
            dgm_buf_put_char(&joined, '\n');
            dgm_buf_put(&joined, text);
        }
        *ret = n >= 2 ? dgm_buf_str(&joined) : text;
    }
    return joined.rc;
}

static void add_media(struct prompt *p, const struct json_val *part)
{
    struct prompt_media media;
    if (!read_media(part, &media))
        return;
    if (p->nmedia < PROMPT_MEDIA_MAX)
        p->media[p->nmedia] = media;
    p->nmedia++;
}

static void read_part(struct prompt *p, const struct json_val *part)
{
    const struct json_val *response = emu_ask_member(part, "functionResponse");
    add_media(p, part);
    if (!response)
        return;
    if (p->nresults < PROMPT_RESULTS_MAX)
        p->results[p->nresults] = (struct prompt_result){json_str(emu_ask_member(response, "name")),
                                                         emu_ask_member(response, "response")};
    p->nresults++;
    for (struct ask_list l = emu_ask_list(emu_ask_member(response, "parts")); emu_ask_next(&l);)
        add_media(p, l.value);
}

enum dgm_rc emu_prompt_read(const struct ask *ask, struct dgm_arena *arena, struct prompt *ret)
{
    *ret = (struct prompt){.nturns = emu_ask_count(ask->contents), .text = DGM_STR("")};
    enum dgm_rc rc = DGM_OK;
    count(ask, ret);
    ret->system =
        json_str(emu_ask_member(emu_ask_at(emu_ask_member(ask->system, "parts"), 0), "text"));
    ret->opening = find_opening(ask, &ret->answered);
    for (struct ask_list c = emu_ask_list(ask->contents); emu_ask_next(&c);) {
        size_t index = c.index;
        if (index < ret->opening || (index > ret->opening && emu_ask_turn(c.value).model))
            continue;
        if (index == ret->opening)
            rc = read_text(c.value, arena, &ret->text);
        for (struct ask_list l = emu_ask_list(emu_ask_member(c.value, "parts")); emu_ask_next(&l);)
            read_part(ret, l.value);
    }
    return rc;
}
