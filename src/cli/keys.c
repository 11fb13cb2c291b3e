/* SPDX-License-Identifier: Apache-2.0 */
/* keys.c - `dragoman keys`: who may come in. Daemons that run see a change at once. */
#include "auth/keyring.h"
#include "cli/cli.h"
#include "gateway/random.h"
#include "gateway/watched.h"

#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_MAX_BYTES 4096
#define ARENA_BYTES_MAX (4 * AUTH_KEYRING_FILE_MAX)
#define DIGEST_SHOWN 8 /* characters */

/** The file, as it is while this command has it. */
struct keys {
    const struct cli_args *args;
    struct gw_config *config;      /* where --file is not given */
    struct dgm_str path;           /* of the file itself, where a link leads to it */
    char resolved[PATH_MAX_BYTES]; /* realpath(3) wants so many */
    int lock;
    mode_t mode;
    uid_t owner;
    gid_t group;
    struct dgm_buf text, made; /* as it is; as it is to be */
    struct dgm_arena arena;
    struct auth_keyring ring;
};

/* ---- the file ---------------------------------------------------------------------------------------- */

static int fail(const struct keys *k, const char *what)
{
    cli_tell(dgm_str_c(what), k->path, DGM_STR(": "), dgm_str_c(strerror(errno)));
    return CLI_REFUSED;
}

/* Two commands at once change it one behind the other: whoever waited may hold a file that was replaced meanwhile. */
static int lock_file(struct keys *k, bool make)
{
    struct stat held, there;
    for (;;) {
        k->lock = open(k->path.p, (make ? O_RDWR | O_CREAT : O_RDONLY) | O_CLOEXEC, 0600);
        if (k->lock < 0)
            return fail(k, "cannot open ");
        if (flock(k->lock, LOCK_EX) != 0 || fstat(k->lock, &held) != 0)
            return fail(k, "cannot lock ");
        k->mode = held.st_mode & 0777;
        k->owner = held.st_uid;
        k->group = held.st_gid;
        if (stat(k->path.p, &there) == 0 && there.st_ino == held.st_ino &&
            there.st_dev == held.st_dev)
            return CLI_DONE;
        close(k->lock);
    }
}

static int read_file(struct keys *k)
{
    struct auth_keyring_fault fault;
    char where[32];
    errno = gw_file_read(k->path.p, &k->text);
    if (errno != 0)
        return fail(k, "cannot read ");
    struct dgm_str text = k->text.n != 0 ? dgm_buf_str(&k->text) : DGM_STR("");
    switch (auth_keyring_read(text, &k->arena, &k->ring, &fault)) {
    case DGM_OK:
        return CLI_DONE;
    case DGM_E_REFUSED:
        (void)snprintf(where, sizeof where, ":%zu: ", fault.line);
        cli_tell(k->path, dgm_str_c(where), dgm_str_c(fault.why));
        return CLI_CONFIG;
    default:
        cli_tell(DGM_STR("out of memory"));
        return CLI_REFUSED;
    }
}

static int find_path(struct keys *k)
{
    k->path = cli_get(k->args, CLI_OPT_KEY_FILE);
    if (k->path.n != 0)
        return CLI_DONE;
    int code = cli_config(k->args, &k->config);
    if (code != CLI_DONE)
        return code;
    k->path = k->config->auth.keys;
    if (k->path.n != 0)
        return CLI_DONE;
    cli_tell(
        DGM_STR("which file? --file FILE, or auth.keys in the configuration that --config names"));
    return CLI_CONFIG;
}

static int open_keys(struct keys *k, const struct cli_args *args, bool make)
{
    *k = (struct keys){.args = args, .lock = -1};
    dgm_buf_init(&k->text, &dgm_alloc_libc, AUTH_KEYRING_FILE_MAX);
    dgm_buf_init(&k->made, &dgm_alloc_libc, AUTH_KEYRING_FILE_MAX);
    dgm_arena_init(&k->arena, &dgm_alloc_libc, ARENA_BYTES_MAX);
    int code = find_path(k);
    if (code == CLI_DONE && realpath(k->path.p, k->resolved) != NULL)
        k->path = dgm_str_c(k->resolved);
    if (code == CLI_DONE)
        code = lock_file(k, make);
    return code == CLI_DONE ? read_file(k) : code;
}

static int close_keys(struct keys *k, int code)
{
    if (k->lock >= 0)
        close(k->lock);
    dgm_buf_dispose(&k->text);
    dgm_buf_dispose(&k->made);
    dgm_arena_dispose(&k->arena);
    gw_config_free(k->config);
    return code;
}

/* Whoever could read the file still can: a daemon that can not any more would go on with the keys that it knows. */
static bool keep_rights(const struct keys *k, int fd)
{
    struct stat made;
    if (fstat(fd, &made) != 0)
        return false;
    bool same = made.st_uid == k->owner && made.st_gid == k->group;
    return (same || fchown(fd, k->owner, k->group) == 0) && fchmod(fd, k->mode) == 0;
}

/* What is made takes the file's place in one step: who reads it sees the old one or the new one. */
static int replace(struct keys *k)
{
    char path[PATH_MAX_BYTES];
    int n = snprintf(path, sizeof path, "%.*s.new", (int)k->path.n, k->path.p);
    if (k->made.rc != DGM_OK || n < 0 || (size_t)n >= sizeof path) {
        cli_tell(DGM_STR("the file would be too large"));
        return CLI_REFUSED;
    }
    unlink(path); /* left by one that was killed: nobody else is here */
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, k->mode);
    if (fd < 0)
        return fail(k, "cannot write beside ");
    bool done = keep_rights(k, fd) && cli_write(fd, &k->made, false) && fsync(fd) == 0;
    done = close(fd) == 0 && done && rename(path, k->path.p) == 0;
    if (done)
        return CLI_DONE;
    int code = fail(k, "cannot replace ");
    unlink(path);
    return code;
}

/* ---- adding ------------------------------------------------------------------------------------------ */

static const struct auth_client *newest(const struct keys *k, struct dgm_str name)
{
    const struct auth_client *found = NULL;
    for (size_t i = 0; i < k->ring.n; i++)
        if (dgm_str_eq(k->ring.at[i].name, name))
            found = &k->ring.at[i];
    return found;
}

static const enum cli_option_id limit_options[AUTH_LIMITS] = {
#define LIMIT(id, member, word, help) CLI_OPT_##id,
#include "auth/client_limits.def"
#undef LIMIT
};

/* What the options say a key may; what they do not stays as it was. */
static int read_rights(const struct cli_args *args, struct auth_client *c)
{
    const struct {
        enum cli_option_id option;
        struct dgm_str *to;
    } lists[] = {{CLI_OPT_MODELS, &c->models}, {CLI_OPT_ENDPOINTS, &c->endpoints}};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct dgm_str list = cli_get(args, lists[i].option);
        if (list.p == NULL)
            continue;
        if (!auth_list_ok(list))
            return cli_misused(args, DGM_STR("--"), dgm_str_c(cli_options[lists[i].option].name),
                               DGM_STR(": patterns with commas between them, as google/*,lab/*"));
        *lists[i].to = list;
    }
    for (size_t i = 0; i < AUTH_LIMITS; i++) {
        struct dgm_str text = cli_get(args, limit_options[i]);
        uint64_t number;
        if (text.p == NULL)
            continue;
        if (!dgm_str_u64(text, &number) || number == 0 || number > (uint64_t)AUTH_LIMIT_MAX)
            return cli_misused(args, DGM_STR("--"), auth_limit_words[i],
                               DGM_STR(": a number from 1 to 1000000000000"));
        c->limits[i] = (int64_t)number;
    }
    return CLI_DONE;
}

/* Shows a key, this once; the file gets its digest alone. */
static int make_key(struct keys *k, struct auth_client *c)
{
    unsigned char random[AUTH_KEY_BYTES];
    char room[AUTH_KEY_CHARS];
    struct dgm_buf key = {.p = room, .cap = sizeof room, .max = sizeof room};
    gw_random_bytes(random, sizeof random);
    auth_client_key_put(random, &key);
    bool made = key.rc == DGM_OK && auth_key_digest(dgm_buf_str(&key), c->digest);
    if (made) {
        dgm_buf_put(&k->made, dgm_buf_str(&k->text));
        if (k->text.n != 0 && k->text.p[k->text.n - 1] != '\n')
            dgm_buf_put_char(&k->made, '\n');
        auth_client_put(c, &k->made);
    }
    int code = made ? replace(k) : CLI_REFUSED;
    if (code == CLI_DONE && !cli_write(STDOUT_FILENO, &key, true))
        code = CLI_REFUSED;
    explicit_bzero(random, sizeof random);
    explicit_bzero(room, sizeof room);
    return code;
}

static int add(struct keys *k, struct dgm_str name)
{
    const struct auth_client *old = newest(k, name);
    struct auth_client c = old != NULL ? *old : (struct auth_client){.name = name};
    bool rotate = cli_get(k->args, CLI_OPT_ROTATE).p != NULL;
    if (old != NULL && !rotate) {
        cli_tell(name, DGM_STR(" has a key already; --rotate makes one more, beside it"));
        return CLI_REFUSED;
    }
    if (old == NULL && rotate) {
        cli_tell(name, DGM_STR(" has no key yet: leave --rotate out"));
        return CLI_REFUSED;
    }
    int code = read_rights(k->args, &c);
    if (code == CLI_DONE)
        code = make_key(k, &c);
    if (code == CLI_DONE)
        cli_tell(DGM_STR("this is the key of "), name,
                 DGM_STR("; it is shown this once, the file has its digest alone"));
    return code;
}

/* The name that a command is about; absent: it is none, and that was told. */
static struct dgm_str read_name(const struct cli_args *args)
{
    struct dgm_str name = dgm_str_c(cli_get_word(args));
    if (auth_client_name_ok(name))
        return name;
    (void)cli_misused(args,
                      DGM_STR("NAME: up to 64 letters, digits and ._@-, not beginning with -"));
    return (struct dgm_str){0};
}

int cli_keys_add(const struct cli_args *args)
{
    struct keys k;
    struct dgm_str name = read_name(args);
    if (name.p == NULL)
        return CLI_USAGE;
    int code = open_keys(&k, args, true);
    if (code == CLI_DONE)
        code = add(&k, name);
    return close_keys(&k, code);
}

/* ---- revoking ---------------------------------------------------------------------------------------- */

/* Copies all lines but the keys of a name; `spared` stays. Returns how many went. */
static size_t drop(struct keys *k, struct dgm_str name, const struct auth_client *spared)
{
    struct dgm_str rest = dgm_buf_str(&k->text), line;
    size_t number = 0, next = 0, dropped = 0;
    while (rest.n != 0 && dgm_str_split(&rest, '\n', &line)) {
        const struct auth_client *c = next < k->ring.n ? &k->ring.at[next] : NULL;
        bool is_key = c != NULL && c->line == ++number;
        next += is_key;
        if (is_key && c != spared && dgm_str_eq(c->name, name)) {
            dropped++;
            continue;
        }
        dgm_buf_put(&k->made, line);
        dgm_buf_put_char(&k->made, '\n');
    }
    return dropped;
}

static int revoke_all(struct keys *k, struct dgm_str name)
{
    const struct auth_client *last = newest(k, name);
    bool older = cli_get(k->args, CLI_OPT_OLDER).p != NULL;
    size_t dropped = last != NULL ? drop(k, name, older ? last : NULL) : 0;
    if (dropped == 0) {
        cli_tell(name, last == NULL ? DGM_STR(" has no key") : DGM_STR(" has no older key"));
        return CLI_REFUSED;
    }
    int code = replace(k);
    if (code == CLI_DONE)
        printf("revoked %zu key%s of %.*s\n", dropped, dropped == 1 ? "" : "s", (int)name.n,
               name.p);
    return code == CLI_DONE && fflush(stdout) == 0 ? CLI_DONE : CLI_REFUSED;
}

int cli_keys_revoke(const struct cli_args *args)
{
    struct keys k;
    struct dgm_str name = read_name(args);
    if (name.p == NULL)
        return CLI_USAGE;
    int code = open_keys(&k, args, false);
    if (code == CLI_DONE)
        code = revoke_all(&k, name);
    return close_keys(&k, code);
}

/* ---- listing ----------------------------------------------------------------------------------------- */

static void put_list(const struct keys *k, struct dgm_buf *out)
{
    for (size_t i = 0; i < k->ring.n; i++) {
        const struct auth_client *c = &k->ring.at[i];
        dgm_buf_put(out, c->name);
        dgm_buf_put_char(out, ' ');
        for (size_t b = 0; b < DIGEST_SHOWN / 2; b++)
            dgm_buf_put_hex(out, c->digest[b], 2);
        dgm_buf_put_char(out, ' ');
        size_t before = out->n;
        auth_client_put_rights(c, out);
        if (out->n == before)
            dgm_buf_put_lit(out, "all");
        dgm_buf_put_char(out, '\n');
    }
}

int cli_keys_list(const struct cli_args *args)
{
    struct keys k;
    int code = open_keys(&k, args, false);
    if (code == CLI_DONE) {
        put_list(&k, &k.made);
        code = cli_write(STDOUT_FILENO, &k.made, false) ? CLI_DONE : CLI_REFUSED;
    }
    return close_keys(&k, code);
}
