/* SPDX-License-Identifier: Apache-2.0 */
/* args.c - the command line, parsed by the tables of commands.def. */
#include "cli/cli.h"
#include "gateway/config_near.h"

#include "base/str.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define IN(id) (1u << CLI_CMD_##id)

const struct cli_command cli_commands[CLI_COMMANDS] = {
#define COMMAND(id, name, words, run, help, more) {name, words, run, help, more},
#define OPTION(...)
#include "cli/commands.def"
#undef COMMAND
#undef OPTION
};

const struct cli_option cli_options[CLI_OPTIONS] = {
#define COMMAND(...)
#define OPTION(id, name, argument, commands, help) {name, argument, commands, help},
#include "cli/commands.def"
#undef COMMAND
#undef OPTION
};

/* ---- options ---- */

/* One word of a command line, understood. */
struct word {
    const struct cli_option *option; /* NULL: none of the command's options */
    struct dgm_str name, value;      /* name: without "--", absent for what is no option */
    bool is_help, lacks_value;
    int used; /* words: 2 where the value is the next one */
};

static struct word read_word(const struct cli_args *args, int i)
{
    struct word w = {.used = 1, .value = dgm_str_c(args->argv[i])};
    if (dgm_str_eq(w.value, DGM_STR("-h")))
        w.is_help = true;
    if (!dgm_str_starts(w.value, DGM_STR("-")) || w.value.n == 1)
        return w;
    struct dgm_str text = dgm_str_skip(w.value, dgm_str_starts(w.value, DGM_STR("--")) ? 2 : 1);
    size_t equals = dgm_str_find_char(text, '=');
    w.name = dgm_str_head(text, equals);
    w.value = equals < text.n ? dgm_str_skip(text, equals + 1) : (struct dgm_str){0};
    w.is_help |= dgm_str_eq(w.name, DGM_STR("help")) && !w.value.p;
    if (!dgm_str_starts(dgm_str_c(args->argv[i]), DGM_STR("--")))
        return w;
    for (size_t k = 0; k < CLI_OPTIONS && !w.option; k++)
        if (cli_options[k].commands & 1u << args->command &&
            dgm_str_eq(w.name, dgm_str_c(cli_options[k].name)))
            w.option = &cli_options[k];
    if (!w.option || !w.option->argument || w.value.p)
        return w;
    /* What begins so is the next option: one forgets a folder's name more easily than one has "--x" for a name. */
    w.lacks_value =
        i + 1 == args->argc || dgm_str_starts(dgm_str_c(args->argv[i + 1]), DGM_STR("--"));
    if (!w.lacks_value) {
        w.value = dgm_str_c(args->argv[i + 1]);
        w.used = 2;
    }
    return w;
}

size_t cli_get_all(const struct cli_args *args, enum cli_option_id id, struct dgm_str *ret,
                   size_t n)
{
    size_t found = 0;
    for (int i = 0; i < args->argc;) {
        struct word w = read_word(args, i);
        i += w.used;
        if (w.option != &cli_options[id])
            continue;
        if (found < n)
            ret[found] = w.value.p ? w.value : DGM_STR("");
        found++;
    }
    return found;
}

struct dgm_str cli_get(const struct cli_args *args, enum cli_option_id id)
{
    struct dgm_str last = {0};
    for (int i = 0; i < args->argc;) {
        struct word w = read_word(args, i);
        i += w.used;
        if (w.option == &cli_options[id])
            last = w.value.p ? w.value : DGM_STR("");
    }
    return last;
}

/* ---- saying what is wrong ---- */

int cli_usage(const struct cli_args *args, const struct dgm_str *texts, size_t n)
{
    fprintf(stderr, "dragoman %s: ", cli_commands[args->command].name);
    for (size_t i = 0; i < n; i++)
        fprintf(stderr, "%.*s", (int)texts[i].n, texts[i].p ? texts[i].p : "");
    fprintf(stderr, "\nTry: dragoman %s --help\n", cli_commands[args->command].name);
    return CLI_USAGE;
}

static int tell_unknown_option(const struct cli_args *args, int i, struct dgm_str name)
{
    struct dgm_str names[CLI_OPTIONS + 1] = {DGM_STR("help")}, given = dgm_str_c(args->argv[i]);
    size_t n = 1;
    for (size_t k = 0; k < CLI_OPTIONS; k++)
        if (cli_options[k].commands & 1u << args->command)
            names[n++] = dgm_str_c(cli_options[k].name);
    struct dgm_str near = gw_near(name, names, n);
    given = dgm_str_head(given, dgm_str_find_char(given, '='));
    if (near.p)
        return cli_misused(args, DGM_STR("unknown option "), given, DGM_STR("; did you mean --"),
                           near, DGM_STR("?"));
    return cli_misused(args, DGM_STR("unknown option "), given);
}

static int tell_unknown_command(struct dgm_str name)
{
    struct dgm_str names[CLI_COMMANDS];
    for (size_t i = 0; i < CLI_COMMANDS; i++) {
        names[i] = dgm_str_c(cli_commands[i].name);
        if (dgm_str_find_char(name, ' ') == name.n) /* "transalte" is to find "translate" */
            names[i] = dgm_str_head(names[i], dgm_str_find_char(names[i], ' '));
    }
    struct dgm_str near = gw_near(name, names, CLI_COMMANDS);
    fprintf(stderr, "dragoman: unknown command \"%.*s\"", (int)name.n, name.p);
    if (near.p)
        fprintf(stderr, "; did you mean \"%.*s\"?", (int)near.n, near.p);
    fprintf(stderr, "\nTry: dragoman --help\n");
    return CLI_USAGE;
}

/* ---- the whole line ---- */

static int print_help(struct dgm_str name)
{
    struct dgm_buf out;
    dgm_buf_init(&out, &dgm_alloc_libc, 1 << 20);
    bool known = cli_put_help(name, &out);
    int code = !known                                  ? tell_unknown_command(name)
               : cli_write(STDOUT_FILENO, &out, false) ? CLI_DONE
                                                       : CLI_REFUSED;
    dgm_buf_dispose(&out);
    return code;
}

/* How many words besides options a command takes, by its usage line. */
static size_t words_max(const struct cli_args *args)
{
    const char *words = cli_commands[args->command].words;
    switch (*words) {
    case '[': /* [COMMAND], whose name may be two words; [UPSTREAM] */
        return words[1] == 'C' ? SIZE_MAX : 1;
    case 'D': /* DIR */
    case 'N': /* NAME */
        return 1;
    default: /* what is read comes from standard input */
        return 0;
    }
}

const char *cli_get_word(const struct cli_args *args)
{
    for (int i = 0; i < args->argc;) {
        struct word w = read_word(args, i);
        if (!w.name.p)
            return args->argv[i];
        i += w.used;
    }
    return NULL;
}

/* Checks every word before anything runs. Returns -1 to go on, else the exit code. */
static int check_words(const struct cli_args *args)
{
    size_t words = 0;
    for (int i = 0; i < args->argc;) {
        struct word w = read_word(args, i);
        if (w.is_help)
            return print_help(dgm_str_c(cli_commands[args->command].name));
        if (w.name.p && !w.option)
            return tell_unknown_option(args, i, w.name);
        if (w.lacks_value)
            return cli_misused(args, DGM_STR("--"), w.name, DGM_STR(" wants "),
                               dgm_str_c(w.option->argument));
        if (w.option && !w.option->argument && w.value.p)
            return cli_misused(args, DGM_STR("--"), w.name, DGM_STR(" takes no value"));
        if (!w.name.p && words++ == words_max(args))
            return cli_misused(args, DGM_STR("unexpected \""), w.value, DGM_STR("\""));
        i += w.used;
    }
    return -1;
}

/* How many words of the line are the command's name: all of the name's, or 0. */
static int name_words(struct dgm_str name, int argc, char **argv)
{
    struct dgm_str part;
    int n = 0;
    while (dgm_str_split(&name, ' ', &part)) {
        if (n == argc || !dgm_str_eq(part, dgm_str_c(argv[n])))
            return 0;
        n++;
    }
    return n;
}

static int find_command(int argc, char **argv, enum cli_command_id *ret)
{
    int n = 0;
    for (size_t i = 0; i < CLI_COMMANDS && n == 0; i++) {
        n = name_words(dgm_str_c(cli_commands[i].name), argc, argv);
        if (n != 0)
            *ret = (enum cli_command_id)i;
    }
    return n;
}

/* Whether some command's name begins with this word and another. */
static bool is_group(struct dgm_str first)
{
    for (size_t i = 0; i < CLI_COMMANDS; i++) {
        struct dgm_str name = dgm_str_c(cli_commands[i].name);
        size_t blank = dgm_str_find_char(name, ' ');
        if (blank < name.n && dgm_str_eq(first, dgm_str_head(name, blank)))
            return true;
    }
    return false;
}

/* A line without a command of ours: help, a version, or a mistake. */
static int run_none(int argc, char **argv)
{
    struct dgm_str first = argc ? dgm_str_c(argv[0]) : DGM_STR("");
    struct dgm_str second = argc > 1 ? dgm_str_c(argv[1]) : DGM_STR("");
    if (dgm_str_eq(first, DGM_STR("--version")) || dgm_str_eq(first, DGM_STR("-V")))
        return cli_version(&(const struct cli_args){.command = CLI_CMD_VERSION});
    if (dgm_str_eq(first, DGM_STR("--help")) || dgm_str_eq(first, DGM_STR("-h")))
        return print_help(DGM_STR(""));
    bool wants_help = dgm_str_eq(second, DGM_STR("--help")) || dgm_str_eq(second, DGM_STR("-h"));
    if (is_group(first) && wants_help)
        return print_help(first);
    if (argc == 0 || (is_group(first) && argc == 1)) {
        struct dgm_buf out;
        dgm_buf_init(&out, &dgm_alloc_libc, 1 << 20);
        (void)cli_put_help(first, &out);
        (void)cli_write(STDERR_FILENO, &out, false);
        dgm_buf_dispose(&out);
        return CLI_USAGE;
    }
    if (!is_group(first))
        return tell_unknown_command(first);
    char name[64];
    snprintf(name, sizeof name, "%.*s %s", (int)first.n, first.p, argv[1]);
    return tell_unknown_command(dgm_str_c(name));
}

int cli_run(int argc, char **argv)
{
    struct cli_args args = {.argc = argc, .argv = argv};
    int skip = argc > 0 ? 1 : 0;
    int words = find_command(argc - skip, argv + skip, &args.command);
    if (words == 0)
        return run_none(argc - skip, argv + skip);
    args.argc = argc - skip - words;
    args.argv = argv + skip + words;
    int code = check_words(&args);
    return code >= 0 ? code : cli_commands[args.command].run(&args);
}

int cli_help(const struct cli_args *args)
{
    char name[64] = "";
    size_t n = 0;
    if (cli_get(args, CLI_OPT_MAN).p)
        return cli_print(cli_put_man);
    for (int i = 0; i < args->argc && n < sizeof name; i++)
        n += (size_t)snprintf(name + n, sizeof name - n, "%s%s", i ? " " : "", args->argv[i]);
    return print_help(dgm_str_c(name));
}
