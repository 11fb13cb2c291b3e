/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.h - the configuration: a file, the environment and the command line, checked and ready to use.
 *
 * Every setting is a row of settings.def. What follows from the table: parsing, --set key=value,
 * DRAGOMAN_KEY, --help, docs/CONFIGURATION.md and the test that walks them. Later sources win: defaults,
 * file, environment, command line.
 *
 * Every string of a configuration is zero-terminated too; absent (p == NULL) means "not set". Durations are
 * milliseconds, 0 is "off".
 */
#ifndef GATEWAY_CONFIG_H
#define GATEWAY_CONFIG_H

#include "auth/keyring.h"
#include "base/arena.h"

#include <sys/socket.h>

/* ---- what it holds ---------------------------------------------------------------------------------- */

/** Several strings: locations, origins. */
struct gw_strs {
    const struct dgm_str *at;
    size_t n;
};

/** One address to listen on. */
struct gw_listen {
    struct dgm_str text; /* as written: "127.0.0.1:8080", "[::1]:8080", "unix:/run/dragoman.sock" */
    /* AF_INET, AF_INET6 or AF_UNIX, for bind(2); port 0 takes a free one */
    struct sockaddr_storage addr;
    socklen_t addr_bytes;
    bool loopback;                    /* only this machine can reach it; true for unix: */
    struct dgm_str tls_cert, tls_key; /* paths of PEM files; both or neither */
    struct dgm_str tls_client_ca;     /* of the authorities of clients; absent: they need none */
};

enum gw_credentials_kind {
    GW_CREDENTIALS_NONE,
    GW_CREDENTIALS_ADC,      /* Application Default Credentials */
    GW_CREDENTIALS_CALLER,   /* the caller's own bearer is forwarded */
    GW_CREDENTIALS_FILE,     /* value: the path of a key file */
    GW_CREDENTIALS_API_KEY,  /* value: the key, a secret */
    GW_CREDENTIALS_BEARER,   /* value: a token that does not change, a secret */
    GW_CREDENTIALS_METADATA, /* the machine's own account: GCE, GKE, Cloud Run */
};

/** Whether the keeper fetches tokens for them, and refreshes these. */
static inline bool gw_credentials_are_fetched(enum gw_credentials_kind kind)
{
    return kind == GW_CREDENTIALS_ADC || kind == GW_CREDENTIALS_FILE ||
           kind == GW_CREDENTIALS_METADATA;
}

struct gw_credentials {
    enum gw_credentials_kind kind;
    struct dgm_str value;
};

/** In the order of the words in settings.def. */
enum gw_upstream_kind { GW_VERTEX, GW_GEMINI, GW_VLLM, GW_TGI, GW_OPENAI, GW_EMULATOR };

/** What an emulator is taken for, in the order of the words in settings.def: Gemini, or a server of one's own. */
enum gw_dialect { GW_DIALECT_GEMINI, GW_DIALECT_VLLM, GW_DIALECT_TGI };

/** Which URLs of requests are fetched for an upstream, in the order of the words in settings.def. */
enum gw_fetch_mode { GW_FETCH_OFF, GW_FETCH_GCS, GW_FETCH_PUBLIC };

/** Whether something is done to requests for an upstream: where it was learnt that it must be, never, or always. */
enum gw_mend { GW_MEND_AUTO, GW_MEND_NEVER, GW_MEND_ALWAYS };

/** What becomes of system messages, in the order of the words in settings.def; the first three are enum gw_mend. */
enum gw_system { GW_SYSTEM_AUTO, GW_SYSTEM_OFF, GW_SYSTEM_FIRST, GW_SYSTEM_USER };

/** What is done about a refusal without a reason, in the order of the words in settings.def. */
enum gw_diagnose { GW_DIAGNOSE_SUSPECTS, GW_DIAGNOSE_PROBE };

/** Whether the beginning of a request is kept by its upstream: never, or where a client marks it (caching.h). */
enum gw_context_cache { GW_CONTEXT_CACHE_OFF, GW_CONTEXT_CACHE_MARKED };

/** Somewhere a request can go. */
struct gw_upstream {
    struct dgm_str name;
    size_t index;             /* among all of them */
    int kind;                 /* enum gw_upstream_kind */
    struct dgm_str project;   /* vertex: absent means the one of the request's path */
    struct gw_strs locations; /* vertex: none means the one of the request's path */
    struct dgm_str
        base_url; /* instead of the kind's own host; the servers' address for vllm tgi openai */
    const struct gw_origin *origin; /* base_url taken apart (origin.h); NULL: there is none */
    bool at_endpoint;               /* vertex: base_url is that of an endpoint */
    int dialect;                    /* emulator: enum gw_dialect */
    struct dgm_str model;           /* sent instead of the client's */
    struct dgm_str ca;              /* path of a PEM file to trust instead of the system's */
    /* address of one, or "none"; absent: what the environment says. May hold a password */
    struct dgm_str proxy;
    struct gw_credentials credentials;
    struct gw_strs
        residency;         /* where it may be asked, besides what holds for all; none: anywhere */
    int64_t cold_start_ms; /* how long requests are held while it refuses; 0: they are not */
    int fetch;             /* enum gw_fetch_mode */
    int diagnose;          /* enum gw_diagnose; probing.h */
    /* Of messages, for chat templates that take no others (tries.def): */
    int merge_system;       /* enum gw_system */
    int alternate, content; /* enum gw_mend */
    int context_cache;      /* enum gw_context_cache */
};

#define GW_CHOICES_MAX 16 /* upstreams of one row */

/** One of the upstreams of a row, and how often it is chosen among them; 0: when no other can be. */
struct gw_choice {
    const struct gw_upstream *upstream;
    int64_t weight;
};

/** The upstreams of a row of models or endpoints: at least one. */
struct gw_choices {
    const struct gw_choice *at;
    size_t n;
    bool remakes; /* a request that was made for one of them is not the one that others get */
};

/** A pattern of model names ('*' stands for any run of characters) and where they go. */
struct gw_model {
    struct dgm_str match;
    const struct gw_upstream *upstream; /* the first of: */
    struct gw_choices choices;
};

/** A pattern of model names, and the model that they stand for. */
struct gw_alias {
    struct dgm_str match, model;
};

/** What endpoints/{id} means. */
struct gw_endpoint {
    struct dgm_str id, display_name;
    const struct gw_upstream *upstream; /* the first of: */
    struct gw_choices choices;
};

enum gw_google { GW_GOOGLE_OFF, GW_GOOGLE_EMULATED, GW_GOOGLE_VERIFY };
enum gw_compat { GW_COMPAT_OPENAI, GW_COMPAT_GOOGLE };
enum gw_reasoning {
    GW_REASONING_CONTENT,
    GW_REASONING_PLAIN,
    GW_REASONING_BOTH,
    GW_REASONING_TAG,
    GW_REASONING_OFF,
};
enum gw_blocked { GW_BLOCKED_REFUSAL, GW_BLOCKED_ERROR };
enum gw_image_output { GW_IMAGES, GW_IMAGES_PARTS, GW_IMAGES_IN_TEXT, GW_IMAGES_EXTRA };
enum gw_log_level { GW_LOG_ERROR, GW_LOG_WARN, GW_LOG_INFO, GW_LOG_DEBUG };

/** Whose tokens of Google's let them in (auth/holder.h says how the lists go together), and who is asked whose they are. */
struct gw_verifying {
    struct gw_strs issuers, audiences, emails, domains;
    struct dgm_str jwks_url, tokeninfo_url;
    int64_t limits[AUTH_LIMITS]; /* of each of them; 0: none */
};

struct gw_auth {
    struct dgm_str
        keys;   /* path of the file of keys; absent: any bearer is accepted, on loopback alone */
    int google; /* enum gw_google */
    struct gw_verifying verify;
    struct gw_strs origins; /* whose pages may ask, as "https://chat.example"; none: no page may */
};

struct gw_store {
    struct dgm_str path;
    int64_t max_bytes, max_age_ms; /* max_age_ms 0: for ever */
    struct dgm_str valkey;         /* redis://...; may hold a password */
};

struct gw_limits {
    int64_t body_bytes;           /* of one request */
    int64_t memory_bytes;         /* of one worker, over which it takes no more of any body */
    int64_t connections;          /* of one worker, clients only */
    int64_t upstream_connections; /* of one worker, to one address */
    int64_t waiting;              /* requests that wait for one of those */
};

struct gw_timeouts {
    int64_t head_ms;       /* a request's head, from its first byte to its last */
    int64_t body_ms;       /* the client's silence in the middle of a body */
    int64_t keep_alive_ms; /* a client's connection between two requests */
    int64_t connect_ms;    /* to an upstream: its name, a proxy and TLS included */
    int64_t waiting_ms;    /* for a connection to an upstream that has as many as it may */
    int64_t first_byte_ms; /* of an upstream's answer */
    /* no byte moves in an open answer: the upstream is silent, or the client does not read */
    int64_t idle_ms;
    int64_t total_ms;       /* one exchange, from the request's first byte to the answer's last */
    int64_t comment_ms;     /* a stream still without a byte gets a comment line after this long */
    int64_t models_ms;      /* a server's list of models serves so long */
    int64_t retry_after_ms; /* an upstream's Retry-After that is waited for */
    int64_t drain_ms;       /* what runs at SIGTERM may take this long to end */
};

/** HTTP_PROXY, HTTPS_PROXY and NO_PROXY, in either case; the first two may hold passwords. */
struct gw_proxies {
    struct dgm_str http, https, except;
};

/** SSL_CERT_FILE and SSL_CERT_DIR: the system's authorities, when somebody moved them. */
struct gw_roots {
    struct dgm_str file, dir;
};

struct gw_trust;
struct gw_lessons;
struct gw_prefixes;
struct gw_probed;

struct emu_scenario;

/** Fetching URLs of requests, for upstreams that want it. */
struct gw_fetching {
    int64_t max_bytes;    /* of what one URL leads to */
    int64_t timeout_ms;   /* all URLs of a request */
    struct gw_strs allow; /* hosts and networks besides the public ones (fetch_policy.h) */
};

/** The emulator: the pace of its streams, and what tests want of it. */
struct gw_emulator {
    int64_t first_ms;        /* before the first piece */
    int64_t piece_ms;        /* between two pieces */
    int64_t piece_chars;     /* characters of text in a piece */
    struct dgm_str scenario; /* path of a file of scripted answers; absent: none */
    bool read_back;          /* what it receives is kept */
    struct dgm_str seed;     /* of the keys that seal and sign its tokens; a secret */
    int64_t token_life_ms;
    /* what the file says, once gw_config_scenario has read it; or NULL */
    const struct emu_scenario *script;
};

/** Exchanges written to files, recorder.h. */
struct gw_record {
    struct dgm_str dir; /* absent: nothing is recorded */
    int64_t max_bytes;  /* of a worker's memory */
};

struct gw_corpus;

enum gw_replay_timing { GW_REPLAY_AT_ONCE, GW_REPLAY_RECORDED };

/** Recordings that answer instead of the upstreams, corpus.h. */
struct gw_replay {
    struct dgm_str dir; /* absent: upstreams answer */
    int timing;         /* enum gw_replay_timing */
    /* what the folder holds, once it was read: the configuration's; or NULL */
    struct gw_corpus *corpus;
};

struct gw_log {
    int level;   /* enum gw_log_level */
    bool access; /* one line a request */
};

/**
 * A whole configuration. Lifetime:
 *   1. gw_config_parse makes it; nothing in it changes afterwards, so processes forked later may share it.
 *   2. All it points at lives as long as it does.
 *   3. gw_config_free overwrites all of it before giving it back: there are secrets in it.
 */
struct gw_config {
    const struct gw_listen *listen; /* at least one */
    size_t listen_n;
    int64_t workers;                     /* at least 1: "auto" is resolved already */
    const struct gw_upstream *upstreams; /* at least one: the emulator, when none is configured */
    size_t upstreams_n;
    /* at least one: "*" and the first upstream, when none is configured */
    const struct gw_model *models;
    size_t models_n;
    const struct gw_alias *aliases;
    size_t aliases_n;
    const struct gw_endpoint *endpoints;
    size_t endpoints_n;
    bool mixed;        /* some upstreams speak OpenAI's protocol, some Google's; or one does both */
    bool lists;        /* a row has several upstreams */
    bool any_endpoint; /* every other id is one too: they are the emulator's two */
    struct gw_auth auth;
    struct gw_store store;
    struct gw_limits limits;
    struct gw_timeouts timeouts;
    struct gw_fetching fetch;
    struct gw_emulator emulator;
    struct gw_strs residency; /* Google's locations that may be asked; none: all */
    struct gw_record record;
    struct gw_replay replay;
    struct gw_proxies proxies;
    struct gw_roots roots;
    struct gw_trust *trusts; /* gw_trust_open; not from gw_config_parse, which reads no file */
    size_t trusts_n;
    struct gw_lessons *lessons;   /* gw_lessons_new, likewise; NULL: nothing is remembered */
    struct gw_prefixes *prefixes; /* gw_prefixes_new, likewise, where an upstream keeps some */
    struct gw_probed *probed;     /* gw_probed_new, likewise; NULL: nothing is probed */
    struct gw_log log;
    int compat;       /* enum gw_compat */
    int reasoning;    /* enum gw_reasoning */
    int blocked;      /* enum gw_blocked */
    int image_output; /* enum gw_image_output */
    bool strict;      /* a member that is not supported is a 400, not ignored */
    bool always_usage;
    bool max_tokens_includes_thinking, reasoning_details;
    bool adapt;     /* a request that is refused may be sent otherwise, healing.h */
    bool ask_again; /* for an answer without a word, or with a call that can not be read */
    bool fallback;  /* no upstream was configured: the emulator answers */
    struct dgm_arena _arena;
    const struct dgm_alloc *_alloc;
    struct dgm_alloc _wiping;
};

/* ---- making one ------------------------------------------------------------------------------------- */

#define GW_CONFIG_FILE_MAX (1024 * 1024) /* bytes of a configuration file */
#define GW_CONFIG_PROBLEMS_MAX 20        /* told at once */

/** One thing that is wrong. `line` and `column` count from 1; 0 when it does not stand in the file. */
struct gw_problem {
    size_t line, column;
    char text[320];
};

struct gw_problems {
    struct gw_problem at[GW_CONFIG_PROBLEMS_MAX];
    size_t n;    /* of `at` */
    size_t more; /* not kept */
};

/** Where a configuration comes from. Everything is borrowed for the call; all of it may be zero. */
struct gw_config_source {
    const struct dgm_alloc *alloc;  /* NULL: dgm_alloc_libc */
    struct dgm_str file;            /* the YAML text; absent: no file */
    const char *const *environment; /* "NAME=value" strings, NULL at the end, as environ(7) */
    const struct dgm_str *sets;     /* "key=value", as --set takes them; a later one wins */
    size_t sets_n;
    const struct dgm_str *listen; /* --listen: replaces all that other sources say */
    size_t listen_n;
    const struct gw_upstream *upstream; /* --upstream: becomes the only one, all models go there */
    int64_t cpus;                       /* what `workers: auto` means; below 1 counts as 1 */
};

/**
 * Parses and checks a configuration; reads no file and no clock.
 *
 * DGM_OK: `*ret` is the caller's to free. DGM_E_REFUSED: `*reterr` has at least one problem, in the order of
 * the file. DGM_E_NOMEM: memory was short, `*reterr` may be empty.
 */
DGM_MUST_USE enum dgm_rc gw_config_parse(const struct gw_config_source *, struct gw_config **ret,
                                         struct gw_problems *reterr);

#define GW_SCENARIO_FILE_MAX GW_CONFIG_FILE_MAX /* bytes of a scenario file */

/**
 * Reads the text of the file that `emulator.scenario` names into the configuration. DGM_OK; DGM_E_REFUSED and
 * DGM_E_NOMEM as gw_config_parse, and the configuration is as it was.
 */
DGM_MUST_USE enum dgm_rc gw_config_scenario(struct gw_config *, struct dgm_str text,
                                            struct gw_problems *reterr);

/** Overwrites and frees it. NULL is fine. */
void gw_config_free(struct gw_config *);

/** Puts one line a problem: "FILE:7:3: TEXT", or "TEXT" for what does not stand in the file. */
void gw_problems_put(const struct gw_problems *, struct dgm_str file_name, struct dgm_buf *out);

/** Puts the settings in force, "key=value" a line as --set takes them, the rest as comments; secrets as ***. */
void gw_config_put(const struct gw_config *, struct dgm_buf *out);

/** Puts the reference page, docs/CONFIGURATION.md, made of settings.def alone. */
void gw_config_put_reference(struct dgm_buf *out);

/** Puts the settings that --set takes, one line each, with their defaults. */
void gw_config_put_help(struct dgm_buf *out);

/**
 * Puts a line for each variable that begins with DRAGOMAN_, is no setting, and is nearly one. Others are let
 * be: an orchestrator may set DRAGOMAN_SERVICE_HOST and the like for a service of that name.
 */
void gw_config_put_suspects(const char *const *environment, struct dgm_buf *out);

/* ---- looking things up ------------------------------------------------------------------------------ */

/**
 * The model that a name stands for: that of the first row of `aliases` whose pattern matches it as the client spelled it,
 * or its long form ("google/x" for "x", "models/x" and "publishers/google/models/x"); else itself. What an alias stands
 * for is not looked up again.
 */
struct dgm_str gw_config_meant(const struct gw_config *, struct dgm_str model);

/**
 * Where a model goes: the first row of `models` whose pattern matches the name, or its long form, of what it stands for.
 * NULL when none does.
 */
const struct gw_upstream *gw_config_model(const struct gw_config *, struct dgm_str model);

/** The same with all upstreams of the row. */
const struct gw_choices *gw_config_choices(const struct gw_config *, struct dgm_str model);

/**
 * What endpoints/{id} means; NULL when it is not configured. "openapi" is none of these. Without any configuration every
 * id is one of the emulator's: those that begin with "tgi-" a TGI server, the others vLLM.
 */
const struct gw_endpoint *gw_config_endpoint(const struct gw_config *, struct dgm_str id);

/** Whether clients must say who they are, by a key or a token of Google's. The emulated identity gives tokens to anybody: it asks nobody. */
bool gw_config_asks(const struct gw_config *);

/** Whether a pattern of model names is like a name as the client spelled it, or like its long form. */
bool gw_model_is_like(struct dgm_str pattern, struct dgm_str model);

/** "vertex", "emulator", ... for people. */
struct dgm_str gw_upstream_kind_name(int kind);

#endif
