/* SPDX-License-Identifier: Apache-2.0 */
/* relay.c - the life of a relayed request: its body checked, then spliced for one server. */
#include "translate/relay.h"

#include "base/str.h"

#include <assert.h>

#define MODEL_BYTES_MAX 512 /* of a name; it stands in every chunk */

enum {
    VLLM = 1 << DGM_SERVER_VLLM,
    TGI = 1 << DGM_SERVER_TGI,
    OPENAI = 1 << DGM_SERVER_OPENAI,
    EVERY = VLLM | TGI | OPENAI,
};

static const int quirks[QUIRKS] = {
#define ON(kind) kind
#define QUIRK(id, kinds, ...) [QUIRK_##id] = (kinds),
#include "translate/quirks.def"
#undef QUIRK
#undef ON
};

bool relay_has(const struct dgm_request *r, enum quirk quirk)
{
    return quirks[quirk] >> r->relay->server.kind & 1;
}

#define PLACE(name) CHAT_MEMBER(NULL, DGM_STR(name))

/* ---- opening ---- */

/* Names the kind of a value that must be of another. True when it is fine; null and absent are. */
static bool expect(struct dgm_request *r, struct json_raw v, unsigned accepts,
                   const struct chat_place *place)
{
    if (v.kind <= JSON_NULL && v.kind != JSON_NUM)
        return true;
    const struct json_val stand_in = {._tag = v.kind};
    return chat_expect(r, &stand_in, accepts, place);
}

static bool is_true(struct json_raw v)
{
    return dgm_str_eq(v.text, DGM_STR("true"));
}

/* What a string says, in the arena. Absent for anything else, and when memory is short. */
static struct dgm_str said_by(struct dgm_request *r, struct json_raw v)
{
    struct dgm_buf text;
    dgm_buf_init(&text, dgm_arena_alloc(&r->arena), v.text.n);
    if (v.kind != JSON_STR)
        return (struct dgm_str){0};
    if (!dgm_buf_reserve(&text, v.text.n))
        chat_no_memory(r);
    json_raw_put(v.text, &text);
    return dgm_buf_str(&text);
}

static void read_model(struct dgm_request *r, struct json_raw v)
{
    if (!expect(r, v, J_STR, PLACE("model")))
        return;
    r->model_sent = said_by(r, v);
    if (r->model_sent.n > MODEL_BYTES_MAX)
        chat_refuse(r, DGM_ERR_MODEL_NAME, PLACE("model"), " is longer than 512 bytes.");
    if (r->model_sent.n == 0)
        r->model_sent = r->env.model;
}

static void read_stream(struct dgm_request *r, struct json_raw stream, struct json_raw options)
{
    const struct chat_place *place = PLACE("stream_options");
    if (!expect(r, stream, J_BOOL, PLACE("stream")) || !expect(r, options, J_OBJ, place))
        return;
    struct json_raw usage = json_raw_get(options, DGM_STR("include_usage"));
    if (!expect(r, usage, J_BOOL, CHAT_MEMBER(place, DGM_STR("include_usage"))))
        return;
    r->stream = is_true(stream);
    bool is_said = usage.kind == JSON_BOOL;
    r->usage = r->stream && (is_said ? is_true(usage) : r->env.always_usage);
    r->relay->stream_options = options;
}

/* Refuses an object in which a name stands twice: two readers in a row would each obey another one. */
static bool names_differ(struct dgm_request *r, struct json_raw obj, const struct chat_place *place)
{
    struct dgm_str name;
    if (json_raw_twice(obj, &r->arena, &name) != DGM_OK)
        chat_no_memory(r);
    else if (name.p)
        chat_refuse(r, DGM_ERR_BODY_TWICE, CHAT_MEMBER(place, name),
                    " stands twice in the same object.");
    return r->rc == DGM_OK;
}

static void read_messages(struct dgm_request *r, struct json_raw messages)
{
    const struct chat_place *place = PLACE("messages");
    struct json_raw_iter it = json_raw_iter(messages);
    size_t n = 0;
    if (!expect(r, messages, J_ARR, place))
        return;
    if (messages.kind != JSON_ARR) {
        chat_missing(r, place);
        return;
    }
    for (; r->rc == DGM_OK && json_raw_next(&it); n++) {
        const struct chat_place *element = CHAT_ELEMENT(place, it.index);
        const struct json_val stand_in = {._tag = it.value.kind};
        if (chat_expect(r, &stand_in, J_OBJ, element))
            names_differ(r, it.value, element);
    }
    if (n == 0)
        chat_refuse(r, DGM_ERR_VALUE, place, " must have at least one message.");
    r->relay->messages = messages;
}

static void read_members(struct dgm_request *r, struct json_raw root)
{
    if (root.kind != JSON_OBJ) {
        chat_refuse(r, DGM_ERR_BODY_NOT_OBJECT, NULL, NULL);
        return;
    }
    if (!names_differ(r, root, NULL))
        return;
    r->relay->root = root;
    r->relay->tools = json_raw_get(root, DGM_STR("tools"));
    read_model(r, json_raw_get(root, DGM_STR("model")));
    read_stream(r, json_raw_get(root, DGM_STR("stream")),
                json_raw_get(root, DGM_STR("stream_options")));
    read_messages(r, json_raw_get(root, DGM_STR("messages")));
}

static void open_body(struct dgm_request *r, struct dgm_buf *openai)
{
    struct json_raw root;
    struct json_error e;
    r->relay = dgm_arena_take0(&r->arena, sizeof *r->relay);
    if (!r->relay || !dgm_buf_reserve(openai, JSON_PADDING)) {
        r->rc = r->relay ? openai->rc : dgm_arena_rc(&r->arena);
        return;
    }
    if (json_check(openai->p, openai->n, r->limits.depth, &root, &e) == DGM_OK)
        read_members(r, root);
    else
        chat_refuse_syntax(r, &e);
}

enum dgm_rc dgm_relay_open(const struct dgm_env *env, struct dgm_buf *openai,
                           struct dgm_request **ret, struct dgm_fail *reterr)
{
    return chat_open(env, openai, open_body, ret, reterr);
}

bool dgm_request_is_relayed(const struct dgm_request *r)
{
    return r->relay != NULL;
}

void dgm_body_put_model(struct dgm_str openai, struct dgm_buf *out)
{
    struct json_raw model = json_raw_get(json_raw_first(openai), DGM_STR("model"));
    if (model.kind == JSON_STR)
        json_raw_put(model.text, out);
}

/* ---- splicing ---- */

enum fate { KEEP, DROP, DONE }; /* DONE: it was put, in another form */

struct field {
    struct dgm_str name;
    enum quirk quirk;
    enum fate (*edit)(struct dgm_request *, struct splice_level *, const struct json_raw_iter *);
};

static bool has_tools(const struct dgm_request *r)
{
    struct json_raw_iter it = json_raw_iter(r->relay->tools);
    return r->relay->tools.kind == JSON_ARR && json_raw_next(&it);
}

static enum fate drop_named(struct dgm_request *r, struct dgm_str name)
{
    chat_ignore(r, CHAT_MEMBER(NULL, name));
    return DROP;
}

static enum fate edit_model(struct dgm_request *r, struct splice_level *l,
                            const struct json_raw_iter *m)
{
    struct splice *s = &r->relay->body;
    if (!r->relay->model.p)
        return DROP; /* it is empty: a server takes that for a name; or any name will do */
    if (!r->relay->server.model.p && m->value.text.n > 2)
        return KEEP;
    struct dgm_buf quoted;
    dgm_buf_init(&quoted, dgm_arena_alloc(&r->arena), r->limits.arena_bytes);
    struct json_writer w = json_writer(&quoted);
    json_put_str(&w, r->relay->model);
    if (quoted.rc != DGM_OK)
        chat_no_memory(r);
    splice_begin(s, l, m);
    splice_put(s, dgm_buf_str(&quoted));
    return DONE;
}

static enum fate edit_tools(struct dgm_request *r, struct splice_level *l,
                            const struct json_raw_iter *m)
{
    (void)l;
    return m->value.kind == JSON_ARR && !has_tools(r) ? DROP : KEEP;
}

/* A choice among nothing. One that asks for a call would be lost in silence. */
static enum fate edit_choice_alone(struct dgm_request *r, struct splice_level *l,
                                   const struct json_raw_iter *m)
{
    (void)l;
    if (has_tools(r))
        return KEEP;
    bool idle = m->value.kind == JSON_BOOL || json_raw_says(m->value.text, DGM_STR("none")) ||
                json_raw_says(m->value.text, DGM_STR("auto"));
    return idle ? DROP : drop_named(r, DGM_STR("tool_choice"));
}

/* The name of the one function there is; absent where there are several, or other tools. */
static struct dgm_str only_function(const struct dgm_request *r)
{
    struct json_raw_iter it = json_raw_iter(r->relay->tools);
    if (!json_raw_next(&it))
        return (struct dgm_str){0};
    struct json_raw name =
        json_raw_get(json_raw_get(it.value, DGM_STR("function")), DGM_STR("name"));
    bool alone = name.kind == JSON_STR && !json_raw_next(&it);
    return alone ? name.text : (struct dgm_str){0};
}

static enum fate edit_required(struct dgm_request *r, struct splice_level *l,
                               const struct json_raw_iter *m)
{
    struct splice *s = &r->relay->body;
    struct dgm_str name = only_function(r);
    if (!name.p || !json_raw_says(m->value.text, DGM_STR("required")))
        return KEEP;
    splice_begin(s, l, m);
    splice_put_lit(s, "{\"type\":\"function\",\"function\":{\"name\":");
    splice_put(s, name);
    splice_put_lit(s, "}}");
    return DONE;
}

static enum fate edit_options_alone(struct dgm_request *r, struct splice_level *l,
                                    const struct json_raw_iter *m)
{
    (void)l, (void)m;
    return r->stream ? KEEP : drop_named(r, DGM_STR("stream_options"));
}

/* Asks for the usage, whatever the client asked for. */
static enum fate edit_options(struct dgm_request *r, struct splice_level *outer,
                              const struct json_raw_iter *m)
{
    struct splice *s = &r->relay->body;
    struct splice_level l;
    struct json_raw_iter it = json_raw_iter(m->value);
    const struct dgm_str continuous = DGM_STR("continuous_usage_stats");
    splice_begin(s, outer, m);
    splice_open(s, &l, m->value);
    while (json_raw_next(&it)) {
        bool is_continuous = json_raw_says(it.name, continuous);
        if (is_continuous && is_true(it.value))
            chat_ignore(r, CHAT_MEMBER(PLACE("stream_options"), continuous));
        if (json_raw_says(it.name, DGM_STR("include_usage")) || is_continuous ||
            it.value.kind == JSON_NULL)
            splice_drop(&l, &it);
        else
            splice_keep(s, &l, &it);
    }
    splice_add(s, &l);
    splice_put_lit(s, "\"include_usage\":true");
    splice_close(s, &l);
    r->relay->usage_put = true;
    return DONE;
}

static enum fate edit_google(struct dgm_request *r, struct splice_level *l,
                             const struct json_raw_iter *m)
{
    (void)l, (void)m;
    return drop_named(r, DGM_STR("google"));
}

static enum fate edit_extra_body(struct dgm_request *r, struct splice_level *l,
                                 const struct json_raw_iter *m)
{
    (void)l;
    struct json_raw_iter it = json_raw_iter(m->value);
    if (m->value.kind != JSON_OBJ)
        return drop_named(r, DGM_STR("extra_body"));
    while (json_raw_next(&it)) {
        struct json_raw name = {JSON_STR, it.name};
        chat_ignore(r, CHAT_MEMBER(PLACE("extra_body"), said_by(r, name)));
    }
    return DROP;
}

static enum fate edit_response_format(struct dgm_request *r, struct splice_level *l,
                                      const struct json_raw_iter *m)
{
    struct splice *s = &r->relay->body;
    struct dgm_str type = json_raw_get(m->value, DGM_STR("type")).text;
    struct dgm_str schema =
        json_raw_get(json_raw_get(m->value, DGM_STR("json_schema")), DGM_STR("schema")).text;
    if (json_raw_says(type, DGM_STR("text")))
        return DROP;
    if (json_raw_get(m->value, DGM_STR("value")).kind != JSON_NONE)
        return KEEP; /* it is in TGI's own form */
    if (json_raw_says(type, DGM_STR("json_object")))
        schema = DGM_STR("{\"type\":\"object\"}");
    if (!schema.p)
        return KEEP;
    splice_begin(s, l, m);
    splice_put_lit(s, "{\"type\":\"json_object\",\"value\":");
    splice_put(s, schema);
    splice_put_lit(s, "}");
    return DONE;
}

static enum fate edit_stop(struct dgm_request *r, struct splice_level *l,
                           const struct json_raw_iter *m)
{
    struct splice *s = &r->relay->body;
    if (m->value.kind != JSON_STR)
        return KEEP;
    splice_begin(s, l, m);
    splice_put_lit(s, "[");
    splice_put(s, m->value.text);
    splice_put_lit(s, "]");
    return DONE;
}

static bool is_one(struct json_raw v)
{
    double d;
    return v.kind == JSON_NUM && dgm_str_double(v.text, &d) && d == 1;
}

static enum fate edit_top_p(struct dgm_request *r, struct splice_level *l,
                            const struct json_raw_iter *m)
{
    (void)r, (void)l;
    return is_one(m->value) ? DROP : KEEP;
}

static enum fate edit_logit_bias(struct dgm_request *r, struct splice_level *l,
                                 const struct json_raw_iter *m)
{
    (void)l, (void)m;
    return drop_named(r, DGM_STR("logit_bias"));
}

static enum fate edit_n(struct dgm_request *r, struct splice_level *l,
                        const struct json_raw_iter *m)
{
    (void)l;
    return is_one(m->value) ? DROP : drop_named(r, DGM_STR("n"));
}

static enum fate edit_max_tokens(struct dgm_request *r, struct splice_level *l,
                                 const struct json_raw_iter *m)
{
    (void)l, (void)m;
    struct json_raw other = json_raw_get(r->relay->root, DGM_STR("max_completion_tokens"));
    return other.kind == JSON_NUM ? drop_named(r, DGM_STR("max_tokens")) : KEEP;
}

static enum fate edit_messages(struct dgm_request *r, struct splice_level *l,
                               const struct json_raw_iter *m)
{
    splice_begin(&r->relay->body, l, m);
    relay_put_messages(r, m->value);
    return DONE;
}

/* A member may have several rows; the first that does something counts. */
static const struct field fields[] = {
    {{"tools", 5}, QUIRK_TOOLS_EMPTY, edit_tools},
    {{"tool_choice", 11}, QUIRK_CHOICE_ALONE, edit_choice_alone},
    {{"tool_choice", 11}, QUIRK_REQUIRED, edit_required},
    {{"parallel_tool_calls", 19}, QUIRK_CHOICE_ALONE, edit_choice_alone},
    {{"stream_options", 14}, QUIRK_STREAM_OPTIONS, edit_options_alone},
    {{"stream_options", 14}, QUIRK_USAGE_ASKED, edit_options},
    {{"google", 6}, QUIRK_GOOGLE_MEMBERS, edit_google},
    {{"extra_body", 10}, QUIRK_GOOGLE_MEMBERS, edit_extra_body},
    {{"response_format", 15}, QUIRK_RESPONSE_FORMAT, edit_response_format},
    {{"stop", 4}, QUIRK_STOP_STRING, edit_stop},
    {{"top_p", 5}, QUIRK_TOP_P_ONE, edit_top_p},
    {{"logit_bias", 10}, QUIRK_LOGIT_BIAS, edit_logit_bias},
    {{"n", 1}, QUIRK_CHOICES_MANY, edit_n},
    {{"max_tokens", 10}, QUIRK_TOKENS_TWICE, edit_max_tokens},
};

static enum fate edit_member(struct dgm_request *r, struct splice_level *l,
                             const struct json_raw_iter *m)
{
    if (json_raw_says(m->name, DGM_STR("messages")))
        return edit_messages(r, l, m);
    if (m->value.kind == JSON_NULL && relay_has(r, QUIRK_NULLS))
        return DROP;
    if (json_raw_says(m->name, DGM_STR("model")))
        return edit_model(r, l, m);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (!relay_has(r, fields[i].quirk) || !json_raw_says(m->name, fields[i].name))
            continue;
        enum fate fate = fields[i].edit(r, l, m);
        if (fate != KEEP)
            return fate;
    }
    return KEEP;
}

/* What the body has not, and the server is to get. */
static void add_members(struct dgm_request *r, struct splice_level *l)
{
    struct splice *s = &r->relay->body;
    struct json_raw model = json_raw_get(r->relay->root, DGM_STR("model"));
    if (r->stream && !r->relay->usage_put && relay_has(r, QUIRK_USAGE_ASKED)) {
        splice_add(s, l);
        splice_put_lit(s, "\"stream_options\":{\"include_usage\":true}");
    }
    if (model.kind == JSON_STR || !r->relay->model.p)
        return;
    struct dgm_buf member;
    dgm_buf_init(&member, dgm_arena_alloc(&r->arena), r->limits.arena_bytes);
    dgm_buf_put_lit(&member, "\"model\":");
    struct json_writer w = json_writer(&member);
    json_put_str(&w, r->relay->model);
    if (member.rc != DGM_OK)
        chat_no_memory(r);
    splice_add(s, l);
    splice_put(s, dgm_buf_str(&member));
}

static void put_body(struct dgm_request *r)
{
    struct relay *relay = r->relay;
    struct splice_level l;
    struct json_raw_iter it = json_raw_iter(relay->root);
    splice_init(&relay->body, dgm_arena_alloc(&r->arena), r->limits.arena_bytes, relay->root.text);
    splice_open(&relay->body, &l, relay->root);
    while (r->rc == DGM_OK && json_raw_next(&it)) {
        switch (edit_member(r, &l, &it)) {
        case KEEP:
            splice_keep(&relay->body, &l, &it);
            break;
        case DROP:
            splice_drop(&l, &it);
            break;
        case DONE:
            break;
        }
    }
    add_members(r, &l);
    splice_close(&relay->body, &l);
}

/* The body, for the server and the model that are known. */
static enum dgm_rc make(struct dgm_request *r, struct dgm_fail *reterr)
{
    enum dgm_rc rc;
    r->relay->usage_put = false;
    put_body(r);
    chat_end_notes(r);
    r->segments_n = splice_segments(&r->relay->body, &r->segments, &rc);
    if (rc != DGM_OK)
        chat_no_memory(r);
    r->complete = true;
    if (r->rc != DGM_OK)
        chat_report(r, reterr);
    return r->rc;
}

enum dgm_rc relay_rebuild(struct dgm_request *r, struct dgm_fail *reterr)
{
    chat_drop_notes(r);
    return make(r, reterr);
}

enum dgm_rc dgm_relay_make(struct dgm_request *r, const struct dgm_server *server,
                           struct dgm_fail *reterr)
{
    assert(r->relay && !r->complete);
    r->relay->server = *server;
    if (server->model.n == 0)
        r->relay->server.model = (struct dgm_str){0};
    r->relay->model = server->model.n != 0   ? server->model
                      : r->model_sent.n != 0 ? r->model_sent
                                             : (struct dgm_str){0};
    if (server->serves_one && server->model.n == 0)
        r->relay->model = (struct dgm_str){0};
    r->model.name = r->relay->model;
    chat_keep_notes(r);
    return make(r, reterr);
}
