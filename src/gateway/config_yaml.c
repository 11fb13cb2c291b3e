/* SPDX-License-Identifier: Apache-2.0 */
/* config_yaml.c - YAML as nodes with lines and columns; the only code that sees libyaml. */
#include "gateway/config_parse.h"

#include "base/str.h"
#include "base/utf8.h"

#include <assert.h>
#include <string.h>
#include <yaml.h>

#define DEPTH_MAX 16 /* the deepest key we know stands at 4 */
#define NODES_MAX                                                                                  \
    16384 /* also keeps the search for doubled names, quadratic in a map, in its bounds */
#define SCALAR_BYTES_MAX ((size_t)64 * 1024)
#define LIT(s) {"" s, sizeof(s) - 1}

/* One reading of the file. Open lists and maps stand on the stack; `name` waits for its value. */
struct reader {
    struct gw_parse *parse;
    yaml_parser_t yaml;
    struct gw_node *root, *open[DEPTH_MAX], *names[DEPTH_MAX];
    size_t depth, nodes, documents;
    bool failed; /* and the problem is told */
};

/* ---- ${VAR} ---- */

struct dgm_str gw_parse_env(const struct gw_parse *p, struct dgm_str name)
{
    for (const char *const *at = p->source->environment; at && *at; at++) {
        struct dgm_str entry = dgm_str_c(*at);
        if (dgm_str_starts(entry, name) && entry.n > name.n && entry.p[name.n] == '=')
            return dgm_str_skip(entry, name.n + 1);
    }
    return (struct dgm_str){0};
}

static bool is_variable_name(struct dgm_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    return s.n != 0;
}

/* Takes one "${VAR}" off `*rest`, which begins with it. False with the problem told. */
static bool put_variable(struct gw_parse *p, const struct gw_node *node, struct dgm_str *rest,
                         struct dgm_buf *out)
{
    size_t end = dgm_str_find_char(*rest, '}');
    if (end == rest->n) {
        gw_problem(
            p, node,
            DGM_STR("\"${\" without its \"}\"; write \"$${\" for the characters themselves"));
        return false;
    }
    struct dgm_str name = dgm_str_skip(dgm_str_head(*rest, end), 2);
    if (!is_variable_name(name)) {
        gw_problem(
            p, node,
            DGM_STR(
                "\"${...}\" wants the name of an environment variable, of letters, digits and _"));
        return false;
    }
    struct dgm_str value = gw_parse_env(p, name);
    if (!value.p) {
        gw_problem(p, node, DGM_STR("the environment variable "), dgm_str_head(name, 80),
                   DGM_STR(" is not set"));
        return false;
    }
    dgm_buf_put(out, value);
    *rest = dgm_str_skip(*rest, end + 1);
    return true;
}

/* Sets the node's text, every ${VAR} in it replaced: the value is text, it cannot bring YAML along. */
static void set_text(struct gw_parse *p, struct gw_node *node, struct dgm_str raw)
{
    struct dgm_buf out;
    dgm_buf_init(&out, dgm_arena_alloc(&p->scratch), p->recorded ? SIZE_MAX : SCALAR_BYTES_MAX);
    struct dgm_str rest = raw;
    while (rest.n != 0) {
        size_t at = dgm_str_find(rest, DGM_STR("${"));
        if (p->verbatim)
            at = rest.n;
        bool literal = at != rest.n && at != 0 && rest.p[at - 1] == '$';
        dgm_buf_put(&out, dgm_str_head(rest, literal ? at - 1 : at));
        rest = dgm_str_skip(rest, at);
        if (rest.n == 0)
            break;
        if (literal) {
            dgm_buf_put_lit(&out, "${");
            rest = dgm_str_skip(rest, 2);
            continue;
        }
        node->hidden = true;
        if (!put_variable(p, node, &rest, &out))
            break;
    }
    if (out.rc == DGM_E_LIMIT)
        gw_problem(p, node, DGM_STR("a text of more than 64 KiB"));
    node->text = gw_parse_text(p, &out);
    for (size_t i = 0; i < node->text.n && !p->recorded; i++)
        if (((unsigned char)node->text.p[i] < ' ' || node->text.p[i] == 0x7f) &&
            !(p->verbatim && (node->text.p[i] == '\n' || node->text.p[i] == '\t'))) {
            gw_problem(p, node, DGM_STR("a text with control characters or line breaks in it"));
            node->text = gw_join(p, DGM_STR(""));
        }
    if (dgm_utf8_bad(node->text) !=
        node->text.n) { /* a variable's; libyaml looks at the file's own bytes */
        gw_problem(p, node, DGM_STR("a text that is not UTF-8"));
        node->text = gw_join(p, DGM_STR(""));
    }
    dgm_buf_dispose(&out);
}

/* ---- from events to nodes ---- */

static void stop(struct reader *r, size_t line, size_t column, struct dgm_str what,
                 struct dgm_str more)
{
    gw_parse_problem(r->parse, line, column, (const struct dgm_str[]){what, more}, 2);
    r->failed = true;
}

/* The length of the line break a text begins with, of those that YAML 1.1 knows; 0 for none. */
static size_t break_bytes(struct dgm_str s)
{
    static const struct dgm_str breaks[] = {LIT("\r\n"),         LIT("\n"),
                                            LIT("\r"),           LIT("\xc2\x85"),
                                            LIT("\xe2\x80\xa8"), LIT("\xe2\x80\xa9")};
    for (size_t i = 0; i < sizeof breaks / sizeof *breaks; i++)
        if (dgm_str_starts(s, breaks[i]))
            return breaks[i].n;
    return 0;
}

/* Line and column, from 1, of a byte of the file. */
static void place_of_byte(struct dgm_str file, size_t offset, size_t *ret_line, size_t *ret_column)
{
    size_t i = 0, start = 0, line = 1;
    while (i < offset && i < file.n) {
        size_t n = break_bytes(dgm_str_skip(file, i));
        i += n ? n : 1;
        line += n != 0;
        start = n ? i : start;
    }
    struct dgm_str before = dgm_str_skip(dgm_str_head(file, offset), start);
    *ret_line = line;
    *ret_column = dgm_utf8_count(dgm_str_head(before, dgm_utf8_bad(before))) + 1;
}

/* libyaml's marks count characters; the file was found to be UTF-8 as far as this mark. */
static bool is_tab(const struct reader *r, yaml_mark_t mark)
{
    struct dgm_str file = r->parse->source->file;
    size_t characters = 0, i = 0;
    if (dgm_str_starts(file, DGM_STR("\xef\xbb\xbf")))
        i = 3;
    for (; i < file.n; i++) {
        if (((unsigned char)file.p[i] & 0xc0) == 0x80)
            continue;
        if (characters++ == mark.index)
            return file.p[i] == '\t';
    }
    return false;
}

static void stop_at_yaml(struct reader *r)
{
    const yaml_parser_t *y = &r->yaml;
    if (y->error == YAML_MEMORY_ERROR) {
        r->parse->no_memory = true;
        r->failed = true;
        return;
    }
    size_t line = 0, column = 0;
    struct dgm_str file = r->parse->source->file;
    if (y->error == YAML_READER_ERROR) {
        place_of_byte(file, y->problem_offset, &line, &column);
        stop(r, line, column, DGM_STR("a byte that is not UTF-8, or a control character"),
             (struct dgm_str){0});
        return;
    }
    /* Where the file ends without a line break libyaml thinks of one, and of the line behind it. */
    place_of_byte(file, file.n, &line, &column);
    if (y->problem_mark.line < line) {
        line = y->problem_mark.line + 1;
        column = y->problem_mark.column + 1;
    }
    if (is_tab(r, y->problem_mark)) {
        stop(r, line, column, DGM_STR("a tab where YAML wants spaces"), (struct dgm_str){0});
        return;
    }
    struct dgm_str what = dgm_str_c(y->problem ? y->problem : "unreadable");
    struct dgm_str context = dgm_str_c(y->context ? y->context : "");
    struct dgm_str link = context.n ? DGM_STR(" ") : DGM_STR("");
    stop(r, line, column, DGM_STR("not YAML: "), gw_join(r->parse, what, link, context));
}

static struct gw_node *add_node(struct reader *r, const yaml_event_t *event, enum gw_node_kind kind)
{
    size_t line = event->start_mark.line + 1, column = event->start_mark.column + 1;
    if (++r->nodes > NODES_MAX && !r->parse->recorded) {
        stop(r, line, column, DGM_STR("a file of more than 16384 values"), (struct dgm_str){0});
        return NULL;
    }
    struct gw_node *node = gw_parse_scratch(r->parse, sizeof *node);
    if (!node) {
        r->failed = true;
        return NULL;
    }
    *node = (struct gw_node){.kind = kind, .line = line, .column = column};
    return node;
}

static void append(struct gw_node *to, struct gw_node *node)
{
    if (to->last)
        to->last->next = node;
    else
        to->first = node;
    to->last = node;
    to->n++;
}

/* A name of the open map: it waits for its value. */
static void take_name(struct reader *r, struct gw_node *node)
{
    struct gw_node *map = r->open[r->depth - 1];
    if (node->kind != GW_NODE_SCALAR) {
        stop(r, node->line, node->column, DGM_STR("a name must be a plain text"),
             (struct dgm_str){0});
        return;
    }
    const struct gw_node *twin = gw_node_get(map, node->text);
    if (twin) {
        struct dgm_buf line;
        dgm_buf_init(&line, dgm_arena_alloc(&r->parse->scratch), 32);
        dgm_buf_put_int(&line, (int64_t)twin->name->line);
        gw_problem(r->parse, node, gw_node_quoted(r->parse, node),
                   DGM_STR(" stands twice; first in line "), gw_parse_text(r->parse, &line));
    }
    r->names[r->depth - 1] = node;
}

static void place_node(struct reader *r, struct gw_node *node)
{
    if (r->depth == 0) {
        r->root = node;
        return;
    }
    struct gw_node *parent = r->open[r->depth - 1], **name = &r->names[r->depth - 1];
    if (parent->kind == GW_NODE_MAP && !*name) {
        take_name(r, node);
        return;
    }
    node->name = *name;
    *name = NULL;
    append(parent, node);
}

static bool is_null(const yaml_event_t *event, struct dgm_str raw)
{
    return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (raw.n == 0 || dgm_str_eq(raw, DGM_STR("~")) || dgm_str_eq(raw, DGM_STR("null")));
}

static void take_scalar(struct reader *r, const yaml_event_t *event)
{
    struct gw_node *node = add_node(r, event, GW_NODE_SCALAR);
    if (!node)
        return;
    struct dgm_str raw = {(const char *)event->data.scalar.value, event->data.scalar.length};
    node->null = is_null(event, raw);
    node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    set_text(r->parse, node, raw);
    place_node(r, node);
    explicit_bzero(event->data.scalar.value, event->data.scalar.length);
}

static void take_open(struct reader *r, const yaml_event_t *event, enum gw_node_kind kind)
{
    struct gw_node *node = add_node(r, event, kind);
    if (!node)
        return;
    if (r->depth == DEPTH_MAX) {
        stop(r, node->line, node->column, DGM_STR("nested more than 16 deep"), (struct dgm_str){0});
        return;
    }
    place_node(r, node);
    if (r->failed)
        return;
    r->names[r->depth] = NULL;
    r->open[r->depth++] = node;
}

/* Anchors and tags have no use in a configuration, and aliases are how a small file becomes a huge one. */
static bool is_plain(const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_ALIAS_EVENT:
        return false;
    case YAML_SCALAR_EVENT:
        return !event->data.scalar.anchor && !event->data.scalar.tag;
    case YAML_SEQUENCE_START_EVENT:
        return !event->data.sequence_start.anchor && !event->data.sequence_start.tag;
    case YAML_MAPPING_START_EVENT:
        return !event->data.mapping_start.anchor && !event->data.mapping_start.tag;
    default:
        return true;
    }
}

static void take_event(struct reader *r, const yaml_event_t *event)
{
    size_t line = event->start_mark.line + 1, column = event->start_mark.column + 1;
    if (!is_plain(event)) {
        stop(r, line, column, DGM_STR("anchors, aliases and tags are not taken here"),
             (struct dgm_str){0});
        return;
    }
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (r->documents++ != 0)
            stop(r, line, column, DGM_STR("a second document; the file must be one"),
                 (struct dgm_str){0});
        break;
    case YAML_SCALAR_EVENT:
        take_scalar(r, event);
        break;
    case YAML_SEQUENCE_START_EVENT:
        take_open(r, event, GW_NODE_LIST);
        break;
    case YAML_MAPPING_START_EVENT:
        take_open(r, event, GW_NODE_MAP);
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        assert(r->depth > 0);
        r->depth--;
        break;
    default:
        break;
    }
}

static void read_events(struct reader *r)
{
    bool end = false;
    while (!end && !r->failed && !r->parse->no_memory) {
        yaml_event_t event;
        if (!yaml_parser_parse(&r->yaml, &event)) {
            stop_at_yaml(r);
            return;
        }
        end = event.type == YAML_STREAM_END_EVENT;
        take_event(r, &event);
        yaml_event_delete(&event);
    }
}

const struct gw_node *gw_yaml_read(struct gw_parse *p)
{
    struct dgm_str file = p->source->file;
    if (!file.p)
        return NULL;
    struct reader r = {.parse = p};
    if (file.n > GW_CONFIG_FILE_MAX && !p->recorded) {
        stop(&r, 1, 1, DGM_STR("the file is larger than 1 MiB"), (struct dgm_str){0});
        return NULL;
    }
    if (!yaml_parser_initialize(&r.yaml)) {
        p->no_memory = true;
        return NULL;
    }
    yaml_parser_set_encoding(&r.yaml, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.yaml, (const unsigned char *)file.p, file.n);
    read_events(&r);
    /* The file may hold keys in clear, and these two buffers held the file. */
    explicit_bzero(r.yaml.raw_buffer.start,
                   (size_t)(r.yaml.raw_buffer.end - r.yaml.raw_buffer.start));
    explicit_bzero(r.yaml.buffer.start, (size_t)(r.yaml.buffer.end - r.yaml.buffer.start));
    yaml_parser_delete(&r.yaml);
    return r.failed ? NULL : r.root;
}

const struct gw_node *gw_node_get(const struct gw_node *map, struct dgm_str name)
{
    if (!map || map->kind != GW_NODE_MAP)
        return NULL;
    for (const struct gw_node *at = map->first; at; at = at->next)
        if (dgm_str_eq(at->name->text, name))
            return at;
    return NULL;
}
