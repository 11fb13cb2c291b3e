/* SPDX-License-Identifier: Apache-2.0 */
/* config_parse.h - what the files of the configuration share; included by config*.c and their tests alone. */
#ifndef GATEWAY_CONFIG_PARSE_H
#define GATEWAY_CONFIG_PARSE_H

#include "gateway/config.h"

/* ---- the table, as data (config_table.c) ------------------------------------------------------------ */

/** How a text becomes a value. TYPE_x is the type of the member it goes to; the compiler checks the table. */
enum gw_row_kind {
    GW_ROW_TEXT,
    GW_ROW_SECRET, /* a text that is never shown */
    GW_ROW_INT,
    GW_ROW_BOOL,
    GW_ROW_TIME, /* "5s"; kept in milliseconds */
    GW_ROW_MB,   /* kept in bytes */
    GW_ROW_WORD, /* one of a few; kept as its index */
    GW_ROW_LIST, /* of texts */
    GW_ROW_LISTEN,
    GW_ROW_CREDENTIALS,
    GW_ROW_UPSTREAMS,
    GW_ROW_MODELS,
    GW_ROW_ALIASES,
    GW_ROW_ENDPOINTS,
    GW_ROW_CHOICES, /* upstreams by their names, with weights; kept as they stand in the file */
};

/** Whose member a row is. */
enum gw_row_owner {
    GW_OF_CONFIG,
    GW_OF_LISTEN,
    GW_OF_UPSTREAM,
    GW_OF_MODEL,
    GW_OF_ENDPOINT,
    GW_OF_CHOICE,
};

struct gw_row {
    enum gw_row_owner owner;
    enum gw_row_kind kind;
    struct dgm_str key;
    size_t offset;
    const char *standard; /* the default, as one would write it; NULL: not set */
    int64_t min, max;
    const char *words; /* "a|b|c", or NULL */
    const char *help;
};

extern const struct gw_row gw_rows[];
extern const size_t gw_rows_n;

/** The row of a key, or NULL. */
const struct gw_row *gw_row_find(enum gw_row_owner, struct dgm_str key);

/** Whether the row's values fit into one text: what --set and the environment can say. */
bool gw_row_is_scalar(const struct gw_row *);

/** Puts "DRAGOMAN_LIMITS_BODY_MB" for "limits.body_mb". */
void gw_row_put_env(const struct gw_row *, struct dgm_buf *out);

struct gw_node;

/** Entries of the file before their names are looked up. */
struct raw_listen {
    struct dgm_str address, tls_cert, tls_key, tls_client_ca;
};
struct raw_model {
    struct dgm_str match;
    const struct gw_node *upstream;
};
struct raw_endpoint {
    const struct gw_node *upstream;
    struct dgm_str display_name;
};
struct raw_choice {
    struct dgm_str name;
    int64_t weight;
};

/* ---- one run of gw_config_parse (config.c) ---------------------------------------------------------- */

/** Lives for one gw_config_parse; `scratch` ends with it, the configuration's own arena does not. */
struct gw_parse {
    const struct gw_config_source *source;
    struct gw_config *config;
    struct dgm_arena scratch;
    struct gw_problems problems;
    bool no_memory;
    bool verbatim; /* texts of the file may have line breaks, and no ${VAR} is replaced in them */
    /* besides, they may have any character, and the file may be as large as it likes */
    bool recorded;
    const struct gw_node *listen, *upstreams, *models, *endpoints, *valkey,
        *auth; /* where they stand in the file, or NULL */
    bool workers_set;
};

/** Takes memory for the length of the parse, or of the configuration; NULL sets no_memory. Zeroed. */
void *gw_parse_scratch(struct gw_parse *, size_t n);
void *gw_parse_take(struct gw_parse *, size_t n);

/** Joins texts, zero-terminated, for the length of the parse. */
struct dgm_str gw_parse_join(struct gw_parse *, const struct dgm_str *, size_t n);
#define gw_join(p, ...)                                                                            \
    gw_parse_join((p), (const struct dgm_str[]){__VA_ARGS__},                                      \
                  sizeof((const struct dgm_str[]){__VA_ARGS__}) / sizeof(struct dgm_str))

/** The buffer's text, zero-terminated, for the length of the parse; a buffer that failed sets no_memory. */
struct dgm_str gw_parse_text(struct gw_parse *, const struct dgm_buf *);

/** Copies a text into the configuration, zero-terminated. */
struct dgm_str gw_parse_keep(struct gw_parse *, struct dgm_str);

/** Adds a problem: the texts joined. A place of the file has one: what follows from it is not worth telling. */
void gw_parse_problem(struct gw_parse *, size_t line, size_t column, const struct dgm_str *,
                      size_t n);
#define gw_problem(p, node, ...)                                                                   \
    gw_parse_problem((p), (node)->line, (node)->column, (const struct dgm_str[]){__VA_ARGS__},     \
                     sizeof((const struct dgm_str[]){__VA_ARGS__}) / sizeof(struct dgm_str))

/* ---- YAML as nodes (config_yaml.c) ------------------------------------------------------------------ */

enum gw_node_kind { GW_NODE_SCALAR, GW_NODE_LIST, GW_NODE_MAP };

struct gw_node {
    enum gw_node_kind kind;
    size_t line, column;  /* from 1; 0 for what does not stand in the file */
    struct dgm_str text;  /* a scalar's, with every ${VAR} replaced; zero-terminated */
    bool null;            /* nothing, ~ or null, not quoted */
    bool plain;           /* a scalar without quotation marks, on one line or several */
    bool hidden;          /* it came out of a ${VAR}: it may be a secret and is not shown */
    struct gw_node *name; /* in a map: the entry's name, a scalar */
    struct gw_node *first, *last, *next;
    size_t n; /* elements or entries */
};

/** The root of the source's file; NULL when there is no file, nothing in it, or a problem was added. */
const struct gw_node *gw_yaml_read(struct gw_parse *);

/** A map's entry; NULL when there is none, or no map. */
const struct gw_node *gw_node_get(const struct gw_node *map, struct dgm_str name);

/** The value of an environment variable of the source; absent when unset. */
struct dgm_str gw_parse_env(const struct gw_parse *, struct dgm_str name);

/* ---- values (config_value.c) ------------------------------------------------------------------------ */

/** A scalar's text in quotation marks for people, cut when long; "the value" where it must not be shown. */
struct dgm_str gw_node_quoted(struct gw_parse *, const struct gw_node *);

/**
 * Reads a value into the row's member of `base`. `label` names it for people ("upstreams.lab.kind"). What is
 * wrong becomes a problem, and the member stays as it was.
 */
void gw_value_read(struct gw_parse *, const struct gw_row *, void *base, const struct gw_node *,
                   struct dgm_str label);

/** Puts the row's member of `base` as one would write it; a secret as ***. Nothing for what is not set. */
void gw_value_put(const struct gw_row *, const void *base, struct dgm_buf *out);

/** Puts a bound of the row's range as one would write it. */
void gw_limit_put(const struct gw_row *, int64_t bound, struct dgm_buf *out);

/** Reads every entry of a map into `base` by the owner's rows. `prefix` is of the key: "tls." inside listen. */
void gw_map_read(struct gw_parse *, enum gw_row_owner, void *base, const struct gw_node *,
                 struct dgm_str label, struct dgm_str prefix);

/* ---- lists and maps (config_parts.c) ---------------------------------------------------------------- */

void gw_listen_read(struct gw_parse *, const struct gw_node *, struct dgm_str label);
void gw_upstreams_read(struct gw_parse *, const struct gw_node *, struct dgm_str label);

void gw_aliases_read(struct gw_parse *, const struct gw_node *, struct dgm_str label);

/** What is wrong with a base_url (http:// or https://, a host, perhaps a port and a path), as a predicate; NULL: nothing. */
const char *gw_url_fault(struct dgm_str);

/** Makes of --upstream, or of the emulator when nothing is configured, the only upstream. */
void gw_upstreams_single(struct gw_parse *, const struct gw_upstream *);

/** Reads models and endpoints, whose upstreams must be known by now. */
void gw_models_make(struct gw_parse *);
void gw_endpoints_make(struct gw_parse *);

/** config_choices.c: reads the upstreams that an entry of models or endpoints names. */
void gw_choices_read(struct gw_parse *, struct gw_choices *, const struct gw_node *upstream,
                     const struct gw_node *entry, struct dgm_str label);

/** The same for one that is known. */
void gw_choices_single(struct gw_parse *, struct gw_choices *, const struct gw_upstream *);

/** Whether the locations of upstreams are where they may be. */
void gw_residency_check(struct gw_parse *);

/** Finds out whether the model decides how a body is read: upstreams of both sorts, or one that is of both. */
void gw_mixture_find(struct gw_parse *);

/** config_verify.c: that `auth.google: verify` lets in somebody, and not everybody. */
void gw_verify_check(struct gw_parse *);

/** What no row can tell: addresses that only keys may open, an address twice. */
void gw_listen_check(struct gw_parse *);

#endif
