/* SPDX-License-Identifier: Apache-2.0 */
/* cli.h - the command line: what the commands share. They are thin: parse, call, print. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "gateway/config.h"

/** What the program exits with. */
enum cli_exit {
    CLI_DONE = 0,
    CLI_REFUSED = 1, /* what was asked for was refused or failed; stderr says why */
    CLI_USAGE = 2,   /* the command line itself is wrong */
    CLI_CONFIG = 3,  /* the configuration is wrong, or cannot be read */
    CLI_LISTEN = 4,  /* an address cannot be listened on */
};

enum cli_command_id {
#define COMMAND(id, ...) CLI_CMD_##id,
#define OPTION(...)
#include "cli/commands.def"
#undef COMMAND
#undef OPTION
    CLI_COMMANDS
};

enum cli_option_id {
#define COMMAND(...)
#define OPTION(id, ...) CLI_OPT_##id,
#include "cli/commands.def"
#undef COMMAND
#undef OPTION
    CLI_OPTIONS
};

struct cli_args;

struct cli_command {
    const char *name, *words;
    int (*run)(const struct cli_args *);
    const char *help, *more;
};

struct cli_option {
    const char *name, *argument;
    unsigned commands; /* bits, by enum cli_command_id */
    const char *help;
};

extern const struct cli_command cli_commands[CLI_COMMANDS];
extern const struct cli_option cli_options[CLI_OPTIONS];

/** A command line, parsed. Views of argv. */
struct cli_args {
    enum cli_command_id command;
    int argc;
    char **argv; /* what stands behind the command */
};

/** Parses and runs a command line; returns the exit code. */
int cli_run(int argc, char **argv);

/** An option's last value ("" for one without argument); absent when it was not given. */
struct dgm_str cli_get(const struct cli_args *, enum cli_option_id);

/** All values of an option, in order: fills `ret` up to `n` and returns how many there are. */
size_t cli_get_all(const struct cli_args *, enum cli_option_id, struct dgm_str *ret, size_t n);

/** The word that is no option and no option's value; NULL when there is none. */
const char *cli_get_word(const struct cli_args *);

/** Prints "dragoman COMMAND: TEXTS" and where help is, to stderr; returns CLI_USAGE. */
int cli_usage(const struct cli_args *, const struct dgm_str *texts, size_t n);
#define cli_misused(args, ...)                                                                     \
    cli_usage((args), (const struct dgm_str[]){__VA_ARGS__},                                       \
              sizeof((const struct dgm_str[]){__VA_ARGS__}) / sizeof(struct dgm_str))

/* ---- help.c ---- */

/** Puts the help of the commands whose name begins with `name`: of all when it is empty. False: there is none. */
bool cli_put_help(struct dgm_str name, struct dgm_buf *out);

/** Puts the manual page, for man(1). */
void cli_put_man(struct dgm_buf *out);

/* ---- io.c ---- */

/** Reads standard input, or a file, to its end. False with the reason on stderr. `*ret` is disposed by the caller. */
bool cli_read(const char *path, size_t max_bytes, struct dgm_buf *ret);

/** Writes all of a buffer, perhaps with a line break behind it; false when that failed or the buffer did. */
bool cli_write(int fd, const struct dgm_buf *, bool line);

/** Prints to standard output what `put` puts; returns CLI_DONE or CLI_REFUSED. */
int cli_print(void (*put)(struct dgm_buf *));

/** Prints "dragoman: TEXTS" and a line break to stderr. */
void cli_tell_texts(const struct dgm_str *texts, size_t n);
#define cli_tell(...)                                                                              \
    cli_tell_texts((const struct dgm_str[]){__VA_ARGS__},                                          \
                   sizeof((const struct dgm_str[]){__VA_ARGS__}) / sizeof(struct dgm_str))

/* ---- settings.c ---- */

/**
 * Makes the configuration that the command line, the environment and the file name. Returns an enum
 * cli_exit; unless it is CLI_DONE the reason was printed.
 */
int cli_config(const struct cli_args *, struct gw_config **ret);

struct gw_corpus;

/**
 * Reads a folder of recordings, *.yaml in the order of their names. Returns an enum cli_exit; unless it is CLI_DONE the
 * reason was printed, with file, line and column. `*ret` is the caller's to free.
 */
int cli_corpus(const char *dir, struct gw_corpus **ret);

/** Prints environment variables that are nearly settings to stderr. */
void cli_tell_suspects(void);

/* ---- token.c ---- */

/** Fetches a token for each upstream whose credentials are fetched, and prints a line: whose, how long it lives. Returns an enum
 * cli_exit; where there is none the reason was printed. */
int cli_tell_identities(const struct gw_config *);

/* ---- the commands ---- */

int cli_serve(const struct cli_args *);
int cli_translate_request(const struct cli_args *);
int cli_translate_response(const struct cli_args *);
int cli_translate_stream(const struct cli_args *);
int cli_check(const struct cli_args *);
int cli_token(const struct cli_args *);
int cli_replay(const struct cli_args *);
int cli_credentials_create(const struct cli_args *);
int cli_keys_add(const struct cli_args *);
int cli_keys_list(const struct cli_args *);
int cli_keys_revoke(const struct cli_args *);
int cli_version(const struct cli_args *);
int cli_help(const struct cli_args *);

#endif
