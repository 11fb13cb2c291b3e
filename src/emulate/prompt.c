/* SPDX-License-Identifier: Apache-2.0 */
/* prompt.c - what a request asks, and how many tokens it is. */
#include "emulate/prompt.h"

#include "base/str.h"
#include "emulate/base64.h"
#include "emulate/tokens.h"

#define TURN_TOKENS 4
#define FILE_TOKENS 258

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

static void count_media(struct prompt *p, const struct prompt_media *m)
{
    enum modality modality = modality_of(m->mime_type);
    uint64_t tokens = FILE_TOKENS;
    if (!m->uri.p && (modality == MODALITY_AUDIO || modality == MODALITY_VIDEO))
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
    if (inline_data)
        ret->bytes = emu_base64_size(json_str(emu_ask_member(inline_data, "data")));
    return true;
}

static void count_part(struct prompt *p, const struct json_val *part)
{
    struct prompt_media media;
    if (read_media(part, &media))
        count_media(p, &media);
    else
        p->tokens[MODALITY_TEXT] += emu_tokens_count(json_str(emu_ask_member(part, "text"))) +
                                    count_json(emu_ask_member(part, "functionCall")) +
                                    count_json(emu_ask_member(part, "functionResponse"));
}

static void count(const struct ask *ask, struct prompt *p)
{
    for (struct ask_list c = emu_ask_list(ask->contents); emu_ask_next(&c);) {
        p->tokens[MODALITY_TEXT] += TURN_TOKENS;
        for (struct ask_list l = emu_ask_list(emu_ask_member(c.value, "parts")); emu_ask_next(&l);)
            count_part(p, l.value);
    }
    for (struct ask_list l = emu_ask_list(emu_ask_member(ask->system, "parts")); emu_ask_next(&l);)
        count_part(p, l.value);
    for (struct ask_list t = emu_ask_list(emu_ask_member(ask->root, "tools")); emu_ask_next(&t);) {
        const struct json_val *functions = emu_ask_member(t.value, "functionDeclarations");
        p->nfunctions += emu_ask_count(functions);
        p->tokens[MODALITY_TEXT] += count_json(functions);
    }
    for (size_t m = 0; m < MODALITIES; m++)
        p->tokens_total += p->tokens[m];
}

/* The last content that is not the model's; where there is none, the last. */
static const struct json_val *last_of_user(const struct ask *ask)
{
    const struct json_val *last = NULL, *any = NULL;
    for (struct ask_list c = emu_ask_list(ask->contents); emu_ask_next(&c);) {
        any = c.value;
        if (!emu_ask_turn(c.value).model)
            last = c.value;
    }
    return last ? last : any;
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

enum dgm_rc emu_prompt_read(const struct ask *ask, struct dgm_arena *arena, struct prompt *ret)
{
    *ret = (struct prompt){.nturns = emu_ask_count(ask->contents)};
    count(ask, ret);
    ret->system =
        json_str(emu_ask_member(emu_ask_at(emu_ask_member(ask->system, "parts"), 0), "text"));
    const struct json_val *last = last_of_user(ask);
    for (struct ask_list l = emu_ask_list(emu_ask_member(last, "parts")); emu_ask_next(&l);) {
        const struct json_val *response = emu_ask_member(l.value, "functionResponse");
        struct prompt_media media;
        if (response && !ret->result) {
            ret->result_name = json_str(emu_ask_member(response, "name"));
            ret->result = emu_ask_member(response, "response");
        }
        if (read_media(l.value, &media)) {
            if (ret->nmedia < PROMPT_MEDIA_MAX)
                ret->media[ret->nmedia] = media;
            ret->nmedia++;
        }
    }
    return read_text(last, arena, &ret->text);
}
