/* SPDX-License-Identifier: Apache-2.0 */
/* credentials.c - `dragoman credentials create`: credentials that the emulated identity servers know. */
#include "cli/cli.h"
#include "emulate/identity.h"
#include "gateway/random.h"
#include "json/write.h"
#include "store/store.h"

#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NAME_CHARS_MAX 30
#define FILE_BYTES_MAX 16384
#define CLIENT EMU_PROJECT_NUMBER "-dragoman.apps.googleusercontent.com"

/** What a file of credentials is made of. */
struct credentials {
    struct dgm_str name, file, token_uri;
    struct dgm_buf email, key, public_key, text;
    char email_room[128];
};

/* ---- the command line ---- */

/* As Google wants it of a service account's id, but for its length of at least six. */
static bool is_name(struct dgm_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = c >= 'a' && c <= 'z', inside = (c >= '0' && c <= '9') || c == '-';
        if (!letter && !(inside && i != 0))
            return false;
    }
    return s.n != 0 && s.n <= NAME_CHARS_MAX && s.p[s.n - 1] != '-';
}

/* Where the daemon hands out tokens: --token-uri, or the first address of the configuration that is no unix socket. */
static bool put_token_uri(const struct cli_args *args, const struct gw_config *c,
                          struct dgm_buf *out)
{
    struct dgm_str given = cli_get(args, CLI_OPT_TOKEN_URI);
    for (size_t i = 0; !given.p && i < c->listen_n; i++) {
        if (dgm_str_starts(c->listen[i].text, DGM_STR("unix:")))
            continue;
        dgm_buf_put(out, c->listen[i].tls_cert.p ? DGM_STR("https://") : DGM_STR("http://"));
        dgm_buf_put(out, c->listen[i].text);
        dgm_buf_put_lit(out, "/token");
        return true;
    }
    dgm_buf_put(out, given);
    return given.p != NULL;
}

/* ---- what is written ---- */

static void put_service_account(struct credentials *c)
{
    struct json_writer w = json_writer(&c->text);
    char kid[EMU_KID_CHARS];
    if (!emu_kid(dgm_buf_str(&c->public_key), kid))
        c->text.rc = DGM_E_NOMEM;
    json_open_obj(&w);
    json_member_str(&w, "type", DGM_STR("service_account"));
    json_member_str(&w, "project_id", DGM_STR(EMU_PROJECT));
    json_member_str(&w, "private_key_id", ((struct dgm_str){kid, sizeof kid}));
    json_member_str(&w, "private_key", dgm_buf_str(&c->key));
    json_member_str(&w, "client_email", dgm_buf_str(&c->email));
    json_member_str(&w, "client_id", DGM_STR("100000000000000000001"));
    json_member_str(&w, "auth_uri", DGM_STR("https://accounts.google.com/o/oauth2/auth"));
    json_member_str(&w, "token_uri", c->token_uri);
    json_member_str(&w, "universe_domain", DGM_STR("googleapis.com"));
    json_close_obj(&w);
}

static void put_user(struct credentials *c, const struct gw_config *config, int64_t now_ms)
{
    unsigned char key[EMU_KEY_BYTES];
    struct emu_pass pass = {.kind = EMU_PASS_REFRESH,
                            .issued_ms = now_ms,
                            .who = dgm_buf_str(&c->email),
                            .scope = DGM_STR(EMU_SCOPE),
                            .client = DGM_STR(CLIENT)};
    gw_random_bytes(&pass.id, sizeof pass.id);
    struct json_writer w = json_writer(&c->text);
    if (!emu_key_of_seed(config->emulator.seed, key))
        c->text.rc = DGM_E_NOMEM;
    emu_client_secret_put(key, pass.client, &c->public_key);
    emu_pass_put(&pass, key, &c->key);
    json_open_obj(&w);
    json_member_str(&w, "type", DGM_STR("authorized_user"));
    json_member_str(&w, "client_id", pass.client);
    json_member_str(&w, "client_secret", dgm_buf_str(&c->public_key));
    json_member_str(&w, "refresh_token", dgm_buf_str(&c->key));
    json_member_str(&w, "token_uri", c->token_uri);
    json_member_str(&w, "universe_domain", DGM_STR("googleapis.com"));
    json_close_obj(&w);
}

/* A fresh key, both halves of it. */
static bool make_key(struct credentials *c)
{
    unsigned char seed[AUTH_SEED_BYTES];
    gw_random_bytes(seed, sizeof seed);
    struct auth_key *key = auth_key_of_seed(seed);
    explicit_bzero(seed, sizeof seed);
    bool made = key != NULL && auth_key_put(key, AUTH_PRIVATE, &c->key) &&
                auth_key_put(key, AUTH_PUBLIC, &c->public_key);
    auth_key_free(key);
    return made;
}

static int64_t now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* The account into the store. False with the reason told. */
static bool keep(const struct credentials *c, const struct gw_config *config)
{
    char why[STORE_WHY_BYTES];
    const struct store_bounds bounds = {.file_bytes = (size_t)config->store.max_bytes};
    if (store_put_now(config->store.path.p, &bounds, STORE_ACCOUNTS, dgm_buf_str(&c->email),
                      dgm_buf_str(&c->public_key), now(), why))
        return true;
    cli_tell(DGM_STR("the account was not made: "), dgm_str_c(why));
    return false;
}

/* Makes all of it. False with the reason told. */
static bool make(struct credentials *c, const struct gw_config *config, bool user)
{
    dgm_buf_put(&c->email, c->name);
    dgm_buf_put(&c->email, user ? DGM_STR("@example.com") : DGM_STR(EMU_ACCOUNT_DOMAIN));
    if (!user && !make_key(c)) {
        cli_tell(DGM_STR("out of memory"));
        return false;
    }
    if (!user && !keep(c, config))
        return false;
    if (user)
        put_user(c, config, now());
    else
        put_service_account(c);
    return true;
}

/* Never over a file that is there, and for its owner's eyes alone. */
static int open_file(struct dgm_str path)
{
    int fd = open(path.p, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        cli_tell(DGM_STR("cannot write "), path, DGM_STR(": "), dgm_str_c(strerror(errno)));
    return fd;
}

static int create(struct credentials *c, const struct gw_config *config, bool user)
{
    int fd = open_file(c->file);
    if (fd < 0)
        return CLI_REFUSED;
    bool written = make(c, config, user) && cli_write(fd, &c->text, true);
    if (close(fd) != 0 || !written) {
        unlink(c->file.p);
        return CLI_REFUSED;
    }
    printf("%.*s: %.*s\n", (int)c->file.n, c->file.p, (int)c->email.n, c->email.p);
    return fflush(stdout) == 0 ? CLI_DONE : CLI_REFUSED;
}

int cli_credentials_create(const struct cli_args *args)
{
    char file[NAME_CHARS_MAX + sizeof ".json"], uri_room[2048];
    const char *name = cli_get_word(args);
    struct credentials c = {.name = name ? dgm_str_c(name) : (struct dgm_str){0}};
    struct dgm_buf uri = {.p = uri_room, .cap = sizeof uri_room, .max = sizeof uri_room};
    struct gw_config *config = NULL;
    bool user = cli_get(args, CLI_OPT_USER).p != NULL;
    if (!is_name(c.name))
        return cli_misused(args, DGM_STR("NAME: up to 30 lower case letters, digits and dashes"));
    int code = cli_config(args, &config);
    if (code != CLI_DONE)
        return code;
    snprintf(file, sizeof file, "%.*s.json", (int)c.name.n, c.name.p);
    c.file = cli_get(args, CLI_OPT_OUT).n != 0 ? cli_get(args, CLI_OPT_OUT) : dgm_str_c(file);
    c.email =
        (struct dgm_buf){.p = c.email_room, .cap = sizeof c.email_room, .max = sizeof c.email_room};
    dgm_buf_init(&c.key, &dgm_alloc_libc, FILE_BYTES_MAX);
    dgm_buf_init(&c.public_key, &dgm_alloc_libc, FILE_BYTES_MAX);
    dgm_buf_init(&c.text, &dgm_alloc_libc, FILE_BYTES_MAX);
    if (!put_token_uri(args, config, &uri) || uri.rc != DGM_OK) {
        code = cli_misused(args,
                           DGM_STR("--token-uri is wanted: the daemon listens on no TCP address"));
    } else if (!user && !config->store.path.p) {
        cli_tell(DGM_STR(
            "store.path is not set, so no daemon would know this account; set it for the daemon and "
            "here alike: in the file of --config, by --set store.path=FOLDER, or DRAGOMAN_STORE_PATH"));
        code = CLI_CONFIG;
    } else {
        c.token_uri = dgm_buf_str(&uri);
        code = create(&c, config, user);
    }
    if (c.key.p)
        explicit_bzero(c.key.p, c.key.cap);
    if (c.text.p)
        explicit_bzero(c.text.p, c.text.cap);
    dgm_buf_dispose(&c.key);
    dgm_buf_dispose(&c.public_key);
    dgm_buf_dispose(&c.text);
    gw_config_free(config);
    return code;
}
