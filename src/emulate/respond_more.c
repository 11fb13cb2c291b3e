/* SPDX-License-Identifier: Apache-2.0 */
/* respond_more.c - what stands beside a text: programs, images, sounds, sources. */
#include "emulate/respond.h"

#include "base/str.h"
#include "base/utf8.h"
#include "emulate/base64.h"
#include "emulate/sample.h"

#define SOUND_SAMPLES (SAMPLE_RATE / 4)
#define SOUND_TOKENS 8    /* 32 a second, as of sounds that are read */
#define IMAGE_TOKENS 1290 /* up to 2.5; then 1120 (the model pages) */
#define IMAGE_TOKENS_FROM_3 1120
#define FILE_MAX_BYTES ((size_t)16 << 20)
#define CODE "print(sum(range(1, 11)))"
#define CODE_OUTPUT "55\\n"
#define QUERY_BYTES 200

/* ---- parts -------------------------------------------------------------------------------------------- */

static enum dgm_rc add(const struct composer *c, struct plan_candidate *to, struct plan_part part)
{
    struct plan_part *added = emu_plan_add_part(to, c->arena);
    if (!added)
        return DGM_E_NOMEM;
    *added = part;
    return DGM_OK;
}

enum dgm_rc emu_respond_code(const struct composer *c, struct plan_candidate *to)
{
    static const struct plan_part parts[] = {
        {.kind = PART_OTHER,
         .name = DGM_STR("executableCode"),
         .text = DGM_STR("{\"language\":\"PYTHON\",\"code\":\"" CODE "\\n\"}"),
         .tokens = 12},
        {.kind = PART_OTHER,
         .name = DGM_STR("codeExecutionResult"),
         .text = DGM_STR("{\"outcome\":\"OUTCOME_OK\",\"output\":\"" CODE_OUTPUT "\"}"),
         .tokens = 6},
    };
    enum dgm_rc rc = DGM_OK;
    for (size_t i = 0; rc == DGM_OK && i < sizeof parts / sizeof *parts; i++)
        rc = add(c, to, parts[i]);
    return rc;
}

static bool has_search(const struct ask *ask)
{
    for (struct ask_list t = emu_ask_list(ask->tools); emu_ask_next(&t);)
        if (emu_ask_member(t.value, "googleSearch"))
            return true;
    return false;
}

/* One of the two parts; `value` is its args or its response. */
static enum dgm_rc add_tool_part(const struct composer *c, struct plan_candidate *to,
                                 struct dgm_str id, struct dgm_str member, struct dgm_str inner,
                                 struct dgm_str value)
{
    struct dgm_buf json;
    dgm_buf_init(&json, dgm_arena_alloc(c->arena), SIZE_MAX);
    struct json_writer w = json_writer(&json);
    json_open_obj(&w);
    json_member_lit(&w, "toolType", "GOOGLE_SEARCH_WEB");
    json_put_key(&w, inner);
    json_put_raw(&w, value);
    json_member_str(&w, "id", id);
    json_close_obj(&w);
    if (json.rc != DGM_OK)
        return DGM_E_NOMEM;
    return add(c, to,
               (struct plan_part){
                   .kind = PART_OTHER, .name = member, .text = dgm_buf_str(&json), .tokens = 6});
}

enum dgm_rc emu_respond_search(const struct composer *c, struct dgm_str id,
                               struct plan_candidate *to)
{
    struct dgm_buf args;
    if (!emu_ask_circulates(c->ask) || !has_search(c->ask) || c->prompt->nresults != 0)
        return DGM_OK;
    dgm_buf_init(&args, dgm_arena_alloc(c->arena), SIZE_MAX);
    struct json_writer w = json_writer(&args);
    json_open_obj(&w);
    json_put_name(&w, "queries");
    json_open_arr(&w);
    json_put_str(&w, dgm_utf8_head(c->prompt->text, QUERY_BYTES));
    json_close_arr(&w);
    json_close_obj(&w);
    if (args.rc != DGM_OK)
        return DGM_E_NOMEM;
    enum dgm_rc rc =
        add_tool_part(c, to, id, DGM_STR("toolCall"), DGM_STR("args"), dgm_buf_str(&args));
    return rc == DGM_OK
               ? add_tool_part(
                     c, to, id, DGM_STR("toolResponse"), DGM_STR("response"),
                     DGM_STR("{\"search_suggestions\":\"<div>An emulated search.</div>\"}"))
               : rc;
}

static enum dgm_rc add_image(const struct composer *c, struct plan_candidate *to)
{
    struct dgm_buf png, json;
    dgm_buf_init(&png, dgm_arena_source(c->arena), FILE_MAX_BYTES);
    dgm_buf_init(&json, dgm_arena_alloc(c->arena), 2 * FILE_MAX_BYTES);
    emu_sample_put_png(&png, c->responder->width, c->responder->height);
    dgm_buf_put_lit(&json, "{\"mimeType\":\"image/png\",\"data\":\"");
    if (png.rc == DGM_OK)
        emu_base64_put(&json, dgm_buf_str(&png));
    dgm_buf_put_lit(&json, "\"}");
    bool made = png.rc == DGM_OK && json.rc == DGM_OK;
    dgm_buf_dispose(&png);
    if (!made)
        return DGM_E_NOMEM;
    bool new = c->ask->model.generation >= GENERATION_3;
    return add(c, to,
               (struct plan_part){.kind = PART_OTHER,
                                  .name = DGM_STR("inlineData"),
                                  .text = dgm_buf_str(&json),
                                  .tokens = new ? IMAGE_TOKENS_FROM_3 : IMAGE_TOKENS,
                                  .modality = MODALITY_IMAGE});
}

/* A file of its own must not be cut; samples may. */
static enum dgm_rc add_sound(const struct composer *c, struct plan_candidate *to)
{
    struct dgm_buf bytes, base64;
    bool wav = c->responder->wav;
    dgm_buf_init(&bytes, dgm_arena_source(c->arena), FILE_MAX_BYTES);
    dgm_buf_init(&base64, dgm_arena_alloc(c->arena), 2 * FILE_MAX_BYTES);
    if (wav) {
        emu_sample_put_wav(&bytes, SOUND_SAMPLES);
        dgm_buf_put_lit(&base64, "{\"mimeType\":\"audio/wav\",\"data\":\"");
    } else {
        emu_sample_put_pcm(&bytes, SOUND_SAMPLES);
    }
    if (bytes.rc == DGM_OK)
        emu_base64_put(&base64, dgm_buf_str(&bytes));
    if (wav)
        dgm_buf_put_lit(&base64, "\"}");
    bool made = bytes.rc == DGM_OK && base64.rc == DGM_OK;
    dgm_buf_dispose(&bytes);
    if (!made)
        return DGM_E_NOMEM;
    return add(c, to,
               (struct plan_part){.kind = wav ? PART_OTHER : PART_SOUND,
                                  .name = wav ? DGM_STR("inlineData")
                                              : DGM_STR("audio/L16;codec=pcm;rate=24000"),
                                  .text = dgm_buf_str(&base64),
                                  .tokens = SOUND_TOKENS,
                                  .modality = MODALITY_AUDIO});
}

enum dgm_rc emu_respond_files(const struct composer *c, struct plan_candidate *to)
{
    enum dgm_rc rc = c->image ? add_image(c, to) : DGM_OK;
    return rc == DGM_OK && c->sound ? add_sound(c, to) : rc;
}

/* ---- sources ------------------------------------------------------------------------------------------ */

/* A sentence, and the page it is said to come from. */
static const struct cited {
    struct dgm_str sentence, uri, title, domain;
} cited[] = {
    {DGM_STR("Das Caf\u00e9 \u201e\u00dcberall\u201c \u00f6ffnet um 9 Uhr \u2615."),
     DGM_STR("https://cafe.example/zeiten?tag=heute&lang=de"),
     DGM_STR("Caf\u00e9 \u00dcberall: \u00d6ffnungszeiten"), DGM_STR("cafe.example")},
    {DGM_STR(
         "\u6771\u4eac\u30bf\u30ef\u30fc\u306f333\u30e1\u30fc\u30c8\u30eb\u3067\u3059 \U0001f5fc."),
     DGM_STR("https://tower.example/%E6%9D%B1%E4%BA%AC"), DGM_STR("\u6771\u4eac\u30bf\u30ef\u30fc"),
     DGM_STR("tower.example")},
};

#define CITED (sizeof cited / sizeof *cited)

void emu_respond_cited(struct dgm_buf *out)
{
    dgm_buf_put_lit(out, "Zwei S\u00e4tze mit Quelle \U0001f50e: ");
    for (size_t i = 0; i < CITED; i++) {
        dgm_buf_put(out, cited[i].sentence);
        dgm_buf_put_lit(out, " \u2013 ");
    }
    dgm_buf_put_lit(out, "und einer ohne. (An emulated answer: no model was asked.)");
}

/* The text of a candidate, which emu_respond_cited made in one part, and the number of that part. */
static struct dgm_str text_of(const struct plan_candidate *to, size_t *ret_part)
{
    for (size_t i = 0; i < to->nparts; i++)
        if (to->parts[i].kind == PART_TEXT) {
            *ret_part = i;
            return to->parts[i].text;
        }
    return (struct dgm_str){0};
}

static void put_range(struct json_writer *w, size_t start, size_t n)
{
    if (start != 0) /* as proto3 leaves zeros out */
        json_member_int(w, "startIndex", (int64_t)start);
    json_member_int(w, "endIndex", (int64_t)(start + n));
}

static void put_citation(const struct composer *c, const struct cited *from, size_t start,
                         struct json_writer *w)
{
    json_open_obj(w);
    put_range(w, start, from->sentence.n);
    json_member_str(w, "uri", from->uri);
    if (emu_ask_is_vertex(c->ask)) {
        json_member_str(w, "title", from->title);
        json_put_name(w, "publicationDate");
        json_put_raw(w, DGM_STR("{\"year\":2024,\"month\":2,\"day\":29}"));
    }
    json_member_str(w, "license", DGM_STR("CC-BY-4.0"));
    json_close_obj(w);
}

static void put_citations(const struct composer *c, struct dgm_str text, struct json_writer *w)
{
    json_open_obj(w);
    json_put_key(w, emu_ask_is_vertex(c->ask) ? DGM_STR("citations") : DGM_STR("citationSources"));
    json_open_arr(w);
    for (size_t i = 0; i < CITED; i++) {
        size_t at = dgm_str_find(text, cited[i].sentence);
        if (at < text.n)
            put_citation(c, cited + i, at, w);
    }
    json_close_arr(w);
    json_close_obj(w);
}

static void put_chunks(struct json_writer *w)
{
    json_put_name(w, "groundingChunks");
    json_open_arr(w);
    for (size_t i = 0; i < CITED; i++) {
        json_open_obj(w);
        json_put_name(w, "web");
        json_open_obj(w);
        json_member_str(w, "uri", cited[i].uri);
        json_member_str(w, "title", cited[i].title);
        json_close_obj(w);
        json_close_obj(w);
    }
    json_close_arr(w);
}

/* The i-th sentence has its own page, and the first of all. */
static void put_support(size_t i, size_t start, size_t part, struct json_writer *w)
{
    json_open_obj(w);
    json_put_name(w, "segment");
    json_open_obj(w);
    if (part != 0)
        json_member_int(w, "partIndex", (int64_t)part);
    put_range(w, start, cited[i].sentence.n);
    json_member_str(w, "text", cited[i].sentence);
    json_close_obj(w);
    json_put_name(w, "groundingChunkIndices");
    json_put_raw(w, i == 0 ? DGM_STR("[0]") : DGM_STR("[1,0]"));
    json_put_name(w, "confidenceScores");
    json_put_raw(w, i == 0 ? DGM_STR("[0.98]") : DGM_STR("[0.9,0.61]"));
    json_close_obj(w);
}

static void put_grounding(const struct composer *c, struct dgm_str text, size_t part,
                          struct json_writer *w)
{
    json_open_obj(w);
    json_put_name(w, "webSearchQueries");
    json_open_arr(w);
    json_put_str(w, dgm_utf8_head(c->prompt->text, QUERY_BYTES));
    json_close_arr(w);
    json_put_name(w, "searchEntryPoint");
    json_put_raw(w, DGM_STR("{\"renderedContent\":\"<div>An emulated search.</div>\"}"));
    put_chunks(w);
    json_put_name(w, "groundingSupports");
    json_open_arr(w);
    for (size_t i = 0; i < CITED; i++) {
        size_t at = dgm_str_find(text, cited[i].sentence);
        if (at < text.n)
            put_support(i, at, part, w);
    }
    json_close_arr(w);
    json_put_name(w, "retrievalMetadata");
    json_put_raw(w, DGM_STR("{}"));
    json_close_obj(w);
}

static void put_fetched(struct json_writer *w)
{
    static const char *const statuses[CITED] = {"URL_RETRIEVAL_STATUS_SUCCESS",
                                                "URL_RETRIEVAL_STATUS_ERROR"};
    json_open_obj(w);
    json_put_name(w, "urlMetadata");
    json_open_arr(w);
    for (size_t i = 0; i < CITED; i++) {
        json_open_obj(w);
        json_member_str(w, "retrievedUrl", cited[i].uri);
        json_member_str(w, "urlRetrievalStatus", dgm_str_c(statuses[i]));
        json_close_obj(w);
    }
    json_close_arr(w);
    json_close_obj(w);
}

enum dgm_rc emu_respond_sources(const struct composer *c, struct plan_candidate *to)
{
    enum responder_id id = c->responder->id;
    size_t part = 0;
    struct dgm_str text = text_of(to, &part);
    struct dgm_buf json, fetched;
    dgm_buf_init(&json, dgm_arena_alloc(c->arena), SIZE_MAX);
    dgm_buf_init(&fetched, dgm_arena_alloc(c->arena), SIZE_MAX);
    struct json_writer w = json_writer(&json), more = json_writer(&fetched);
    if (id == RESPONDER_CITATIONS)
        put_citations(c, text, &w);
    else
        put_grounding(c, text, part, &w);
    to->members[to->nmembers++] = (struct plan_member){
        id == RESPONDER_CITATIONS ? DGM_STR("citationMetadata") : DGM_STR("groundingMetadata"),
        dgm_buf_str(&json)};
    if (id == RESPONDER_URL_CONTEXT) {
        put_fetched(&more);
        to->members[to->nmembers++] =
            (struct plan_member){DGM_STR("urlContextMetadata"), dgm_buf_str(&fetched)};
    }
    return json.rc == DGM_OK && fetched.rc == DGM_OK ? DGM_OK : DGM_E_NOMEM;
}
