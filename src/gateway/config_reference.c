/* SPDX-License-Identifier: Apache-2.0 */
/* config_reference.c - the configuration for people: what is in force, and the reference page. */
#include "gateway/config_near.h"
#include "gateway/config_parse.h"

#include "base/str.h"

static void put_c(struct dgm_buf *out, const char *text)
{
    dgm_buf_put(out, dgm_str_c(text));
}

/* ---- what is in force ---- */

static void put_line(const struct gw_row *row, const void *base, struct dgm_str prefix,
                     struct dgm_buf *out)
{
    dgm_buf_put(out, prefix);
    dgm_buf_put(out, row->key);
    dgm_buf_put_char(out, '=');
    gw_value_put(row, base, out);
    dgm_buf_put_char(out, '\n');
}

static void put_listen(const struct gw_config *c, struct dgm_buf *out)
{
    dgm_buf_put_lit(out, "listen=");
    for (size_t i = 0; i < c->listen_n; i++) {
        if (i)
            dgm_buf_put_char(out, ',');
        dgm_buf_put(out, c->listen[i].text);
    }
    dgm_buf_put_char(out, '\n');
}

static void put_upstream(const struct gw_upstream *u, struct dgm_buf *out)
{
    dgm_buf_put_lit(out, "# upstreams.");
    dgm_buf_put(out, u->name);
    for (size_t i = 0; i < gw_rows_n; i++) {
        bool dialect = dgm_str_eq(gw_rows[i].key, DGM_STR("dialect"));
        if (gw_rows[i].owner != GW_OF_UPSTREAM || (dialect && u->kind != GW_EMULATOR))
            continue;
        dgm_buf_put_char(out, ' ');
        dgm_buf_put(out, gw_rows[i].key);
        dgm_buf_put_char(out, '=');
        gw_value_put(&gw_rows[i], u, out);
    }
    dgm_buf_put_char(out, '\n');
}

static void put_choices(const struct gw_choices *choices, struct dgm_buf *out)
{
    for (size_t i = 0; i < choices->n; i++) {
        if (i)
            dgm_buf_put_lit(out, ", ");
        dgm_buf_put(out, choices->at[i].upstream->name);
        if (choices->n == 1)
            continue;
        dgm_buf_put_lit(out, " (");
        dgm_buf_put_int(out, choices->at[i].weight);
        dgm_buf_put_char(out, ')');
    }
}

void gw_config_put(const struct gw_config *c, struct dgm_buf *out)
{
    for (size_t i = 0; i < gw_rows_n; i++) {
        if (!gw_row_is_scalar(&gw_rows[i]))
            continue;
        if (gw_rows[i].kind == GW_ROW_LISTEN)
            put_listen(c, out);
        else
            put_line(&gw_rows[i], c, DGM_STR(""), out);
    }
    for (size_t i = 0; i < c->upstreams_n; i++)
        put_upstream(&c->upstreams[i], out);
    for (size_t i = 0; i < c->models_n; i++) {
        dgm_buf_put_lit(out, "# models ");
        dgm_buf_put(out, c->models[i].match);
        dgm_buf_put_lit(out, " -> ");
        put_choices(&c->models[i].choices, out);
        dgm_buf_put_char(out, '\n');
    }
    for (size_t i = 0; i < c->aliases_n; i++) {
        dgm_buf_put_lit(out, "# aliases ");
        dgm_buf_put(out, c->aliases[i].match);
        dgm_buf_put_lit(out, " -> ");
        dgm_buf_put(out, c->aliases[i].model);
        dgm_buf_put_char(out, '\n');
    }
    for (size_t i = 0; i < c->endpoints_n; i++) {
        dgm_buf_put_lit(out, "# endpoints ");
        dgm_buf_put(out, c->endpoints[i].id);
        dgm_buf_put_lit(out, " -> ");
        put_choices(&c->endpoints[i].choices, out);
        dgm_buf_put_char(out, '\n');
    }
}

/* ---- for the command line ---- */

void gw_config_put_help(struct dgm_buf *out)
{
    for (size_t i = 0; i < gw_rows_n; i++) {
        const struct gw_row *row = &gw_rows[i];
        if (!gw_row_is_scalar(row))
            continue;
        dgm_buf_put_lit(out, "  ");
        dgm_buf_put(out, row->key);
        dgm_buf_put_char(out, '=');
        put_c(out, row->standard ? row->standard : "");
        dgm_buf_put_lit(out, "\n      ");
        put_c(out, row->help);
        dgm_buf_put_char(out, '\n');
    }
}

#define SUSPECT_ROWS_MAX 128

void gw_config_put_suspects(const char *const *environment, struct dgm_buf *out)
{
    struct dgm_buf text;
    struct dgm_str names[SUSPECT_ROWS_MAX], rest, prefix = DGM_STR("DRAGOMAN_");
    size_t n = 0;
    dgm_buf_init(&text, &dgm_alloc_libc, 16384);
    for (size_t i = 0; i < gw_rows_n; i++)
        if (gw_row_is_scalar(&gw_rows[i])) {
            gw_row_put_env(&gw_rows[i], &text);
            dgm_buf_put_char(&text, '\n');
        }
    dgm_buf_put_lit(&text, "DRAGOMAN_CONFIG");
    for (rest = dgm_buf_str(&text); n < SUSPECT_ROWS_MAX && dgm_str_split(&rest, '\n', &names[n]);
         n++)
        names[n] = dgm_str_skip(names[n], prefix.n);
    for (const char *const *at = environment; *at; at++) {
        struct dgm_str name = dgm_str_head(dgm_str_c(*at), dgm_str_find_char(dgm_str_c(*at), '='));
        if (!dgm_str_starts(name, prefix))
            continue;
        struct dgm_str rest_of_name = dgm_str_skip(name, prefix.n),
                       near = gw_near(rest_of_name, names, n);
        if (!near.p || dgm_str_eq(near, rest_of_name))
            continue;
        dgm_buf_put_lit(out, "dragoman: ");
        dgm_buf_put(out, name);
        dgm_buf_put_lit(out, " is no setting; did you mean ");
        dgm_buf_put(out, prefix);
        dgm_buf_put(out, near);
        dgm_buf_put_lit(out, "?\n");
    }
    dgm_buf_dispose(&text);
}

/* ---- the reference page ---- */

static const char head[] =
    "<!-- Made from src/gateway/settings.def by `dragoman check --reference`; change it there. -->\n"
    "# Configuration\n"
    "\n"
    "One YAML file, named by `--config FILE` or `DRAGOMAN_CONFIG`; without one everything has a working default and\n"
    "the built-in emulator answers. What is set later wins: the defaults, the file, the environment, the command line.\n"
    "\n"
    "- A key with a dot stands inside: `limits.body_mb` is `limits: {body_mb: 100}` in the file.\n"
    "- Each key of the first table is also `--set KEY=VALUE` and an environment variable; several values of a list are\n"
    "  separated by commas there, and an empty variable counts as unset.\n"
    "- `${VAR}` in any text of the file is replaced by that environment variable, which must be set; the value is text,\n"
    "  whatever it looks like. Inside `{ }` and `[ ]` put it in quotation marks. `$${` stands for the characters `${`.\n"
    "- A duration is a whole number with its unit: `250ms`, `5s`, `2m`, `1h`.\n"
    "- YAML's anchors, aliases, tags and second documents are refused, and so are files over 1 MiB.\n"
    "- Every problem is told with its line and column, up to 20 at once: `dragoman check --config FILE`.\n";

static const char *kind_name(enum gw_row_kind kind)
{
    static const char *const names[] = {"text",      "secret text", "number",      "true or false",
                                        "duration",  "MiB",         "word",        "list",
                                        "addresses", "credentials", "map",         "list",
                                        "map",       "map",         "name or list"};
    return names[kind];
}

/* A cell of a table: "|" would end it. */
static void put_cell(struct dgm_buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            dgm_buf_put_char(out, '\\');
        dgm_buf_put_char(out, *text);
    }
}

static void put_words(struct dgm_buf *out, const char *words, const char *between)
{
    struct dgm_str rest = dgm_str_c(words), word;
    for (bool first = true; dgm_str_split(&rest, '|', &word); first = false) {
        if (!first)
            put_c(out, between);
        dgm_buf_put_char(out, '`');
        dgm_buf_put(out, word);
        dgm_buf_put_char(out, '`');
    }
}

static void put_values(struct dgm_buf *out, const struct gw_row *row)
{
    bool ranged = row->kind == GW_ROW_INT || row->kind == GW_ROW_TIME || row->kind == GW_ROW_MB;
    if (row->kind == GW_ROW_WORD) {
        put_words(out, row->words, ", ");
        return;
    }
    put_c(out, kind_name(row->kind));
    if (!ranged)
        return;
    dgm_buf_put_lit(out, ", ");
    gw_limit_put(row, row->min, out);
    dgm_buf_put_lit(out, " to ");
    gw_limit_put(row, row->max, out);
    if (!row->words)
        return;
    dgm_buf_put_lit(out, ", or ");
    put_words(out, row->words, ", ");
}

static void put_help(struct dgm_buf *out, const struct gw_row *row)
{
    put_cell(out, row->help);
    dgm_buf_put_lit(out, " |\n");
}

static void put_setting(struct dgm_buf *out, const struct gw_row *row)
{
    dgm_buf_put_lit(out, "| `");
    dgm_buf_put(out, row->key);
    dgm_buf_put_lit(out, "` | ");
    put_values(out, row);
    dgm_buf_put_lit(out, " | ");
    if (row->standard) {
        dgm_buf_put_char(out, '`');
        put_cell(out, row->standard);
        dgm_buf_put_char(out, '`');
    }
    dgm_buf_put_lit(out, " | ");
    if (gw_row_is_scalar(row)) {
        dgm_buf_put_char(out, '`');
        gw_row_put_env(row, out);
        dgm_buf_put_char(out, '`');
    }
    dgm_buf_put_lit(out, " | ");
    put_help(out, row);
}

static void put_part(struct dgm_buf *out, const struct gw_row *row)
{
    dgm_buf_put_lit(out, "| `");
    dgm_buf_put(out, row->key);
    dgm_buf_put_lit(out, "` | ");
    put_values(out, row);
    dgm_buf_put_lit(out, " | ");
    put_help(out, row);
}

static void put_parts(struct dgm_buf *out, enum gw_row_owner owner, const char *title)
{
    put_c(out, title);
    dgm_buf_put_lit(out, "\n| key | value | meaning |\n| --- | --- | --- |\n");
    for (size_t i = 0; i < gw_rows_n; i++)
        if (gw_rows[i].owner == owner)
            put_part(out, &gw_rows[i]);
}

static void put_counters(struct dgm_buf *out)
{
    put_c(
        out,
        "\n## What is counted\n\n`GET /_dragoman/stats`, from this machine alone. `worker`, `pid`, `draining` and "
        "`keeper_pid` are of the worker that answers;\n`workers` is how many there are, and each member below the sum "
        "of all workers. What ends in `_total` only goes up, from the\ndaemon's start on, and outlives the worker "
        "that counted it; the others are what is alive now.\n\n| member | counts |\n| --- | --- |\n");
#define COUNTER(name, help) put_c(out, "| `" #name "` | " help " |\n");
#include "gateway/counters.def"
#undef COUNTER
}

void gw_config_put_reference(struct dgm_buf *out)
{
    put_c(out, head);
    dgm_buf_put_lit(out, "\n## Settings\n\n| key | value | default | environment | meaning |\n"
                         "| --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < gw_rows_n; i++)
        if (gw_rows[i].owner == GW_OF_CONFIG)
            put_setting(out, &gw_rows[i]);
    put_parts(out, GW_OF_LISTEN,
              "\n## An entry of `listen`\n\nAn address alone, or a mapping of:\n");
    put_parts(
        out, GW_OF_UPSTREAM,
        "\n## An entry of `upstreams`\n\n`NAME: {kind: KIND, ...}`. vllm, tgi and openai need a "
        "`base_url`, gemini needs `credentials`;\nvertex uses adc unless told otherwise, and caller when it "
        "is `--upstream vertex`. docs/UPSTREAMS.md has an example of each.\n");
    put_parts(
        out, GW_OF_MODEL,
        "\n## An entry of `models`\n\n`{match: PATTERN, upstream: NAME}`. A pattern is tried on the "
        "name as the client wrote it and on its\n`google/` form; the first that matches wins. Patterns of `aliases` are tried in the same way, and before.\n");
    put_parts(out, GW_OF_ENDPOINT, "\n## An entry of `endpoints`\n\n`ID: {upstream: NAME}`.\n");
    put_parts(
        out, GW_OF_CHOICE,
        "\n## An entry of a list of upstreams\n\nA name alone, or a mapping of what stands below. They may be of "
        "different kinds: a request is then kept\nuntil its answer begins, and made anew for the one that is asked "
        "next.\n");
    put_counters(out);
}
