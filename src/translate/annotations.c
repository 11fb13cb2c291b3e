/* SPDX-License-Identifier: Apache-2.0 */
/* annotations.c - grounding and citations as OpenAI's url_citation annotations. */
#include "translate/annotations.h"

/* One source of one piece of the text. */
struct source {
    size_t start, end; /* bytes */
    struct dgm_str uri, title;
};

/* What is done with each; false ends the walk. */
typedef bool (*visit_source)(void *ctx, const struct source *);

static size_t read_index(const struct json_val *v)
{
    int64_t i = 0;
    return json_int(v, &i) && i > 0 ? (size_t)i : 0;
}

/* A chunk is {"web": {...}}, {"retrievedContext": {...}} or {"maps": {...}}; each has uri and title. */
static struct source read_chunk(const struct json_val *chunk)
{
    struct json_iter kinds = json_iter(chunk);
    struct source s = {0};
    while (!s.uri.n && json_next(&kinds)) {
        s.uri = json_get_str(kinds.value, DGM_STR("uri"));
        s.title = json_get_str(kinds.value, DGM_STR("title"));
    }
    return s;
}

static bool visit_support(const struct json_val *support, const struct json_val *chunks,
                          visit_source visit, void *ctx)
{
    const struct json_val *segment = json_get(support, DGM_STR("segment"));
    struct json_iter indices = json_iter(json_get(support, DGM_STR("groundingChunkIndices")));
    while (json_next(&indices)) {
        struct source s = read_chunk(json_at(chunks, read_index(indices.value)));
        s.start = read_index(json_get(segment, DGM_STR("startIndex")));
        s.end = read_index(json_get(segment, DGM_STR("endIndex")));
        if (s.uri.n && !visit(ctx, &s))
            return false;
    }
    return true;
}

/* Vertex has citations, the Gemini API citationSources. */
static bool visit_citations(const struct json_val *citations, visit_source visit, void *ctx)
{
    struct json_iter it = json_iter(citations);
    while (json_next(&it)) {
        const struct source s = {
            .start = read_index(json_get(it.value, DGM_STR("startIndex"))),
            .end = read_index(json_get(it.value, DGM_STR("endIndex"))),
            .uri = json_get_str(it.value, DGM_STR("uri")),
            .title = json_get_str(it.value, DGM_STR("title")),
        };
        if (s.uri.n && !visit(ctx, &s))
            return false;
    }
    return true;
}

static void visit_all(const struct json_val *candidate, visit_source visit, void *ctx)
{
    const struct json_val *grounding = json_get(candidate, DGM_STR("groundingMetadata"));
    const struct json_val *chunks = json_get(grounding, DGM_STR("groundingChunks"));
    const struct json_val *citation = json_get(candidate, DGM_STR("citationMetadata"));
    if (!grounding && !citation)
        return;
    struct json_iter supports = json_iter(json_get(grounding, DGM_STR("groundingSupports")));
    while (json_next(&supports))
        if (!visit_support(supports.value, chunks, visit, ctx))
            return;
    if (visit_citations(json_get(citation, DGM_STR("citations")), visit, ctx))
        visit_citations(json_get(citation, DGM_STR("citationSources")), visit, ctx);
}

static bool note_any(void *ctx, const struct source *s)
{
    (void)s;
    *(bool *)ctx = true;
    return false;
}

bool annotations_any(const struct json_val *candidate)
{
    bool any = false;
    visit_all(candidate, note_any, &any);
    return any;
}

struct putting {
    struct json_writer *w;
    const struct offsets *text;
    size_t end;     /* where the output is long enough */
    int64_t *index; /* of the next; NULL: they have none */
};

static bool put_source(void *ctx, const struct source *s)
{
    const struct putting *p = ctx;
    if (p->w->buf->n + 2 * (s->uri.n + s->title.n) > p->end)
        return false;
    json_open_obj(p->w);
    if (p->index)
        json_member_int(p->w, "index", (*p->index)++);
    json_member_lit(p->w, "type", "url_citation");
    json_put_name(p->w, "url_citation");
    json_open_obj(p->w);
    json_member_int(p->w, "start_index", (int64_t)offsets_chars(p->text, s->start));
    json_member_int(p->w, "end_index", (int64_t)offsets_chars(p->text, s->end));
    json_member_str(p->w, "url", s->uri);
    json_member_str(p->w, "title", s->title.n ? s->title : s->uri);
    json_close_obj(p->w);
    json_close_obj(p->w);
    return p->w->buf->rc == DGM_OK;
}

void annotations_put(struct json_writer *w, const struct json_val *candidate,
                     const struct offsets *text, size_t max_bytes, int64_t *index)
{
    struct putting p = {w, text, w->buf->n + max_bytes, index};
    json_open_arr(w);
    visit_all(candidate, put_source, &p);
    json_close_arr(w);
}
