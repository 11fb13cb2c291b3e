/* SPDX-License-Identifier: Apache-2.0 */
/* help.c - --help and the manual page, made of commands.def and settings.def. */
#include "cli/cli.h"

#include "base/str.h"

#define OPTION_COLUMN 28
#define COMMAND_COLUMN 22

static void put_c(struct dgm_buf *out, const char *text)
{
    dgm_buf_put(out, dgm_str_c(text));
}

/* Blanks up to a column, counted from `start`; at least one. */
static void put_blanks(struct dgm_buf *out, size_t start, size_t column)
{
    do
        dgm_buf_put_char(out, ' ');
    while (out->rc == DGM_OK && out->n - start < column);
}

/* A command's line of help as a sentence. */
static void put_sentence(const char *text, struct dgm_buf *out)
{
    dgm_buf_put_char(out, (char)(*text - 'a' + 'A')); /* a letter: these are our own texts */
    put_c(out, text + 1);
    dgm_buf_put_lit(out, ".\n");
}

static void put_option_name(const struct cli_option *o, struct dgm_buf *out)
{
    dgm_buf_put_lit(out, "--");
    put_c(out, o->name);
    if (!o->argument)
        return;
    dgm_buf_put_char(out, ' ');
    put_c(out, o->argument);
}

static void put_usage(enum cli_command_id id, struct dgm_buf *out)
{
    dgm_buf_put_lit(out, "dragoman ");
    put_c(out, cli_commands[id].name);
    for (size_t i = 0; i < CLI_OPTIONS; i++)
        if (cli_options[i].commands & 1u << id) {
            dgm_buf_put_lit(out, " [OPTIONS]");
            break;
        }
    if (cli_commands[id].words[0])
        dgm_buf_put_char(out, ' ');
    put_c(out, cli_commands[id].words);
    dgm_buf_put_char(out, '\n');
}

static void put_command_help(enum cli_command_id id, struct dgm_buf *out)
{
    dgm_buf_put_lit(out, "Usage: ");
    put_usage(id, out);
    put_sentence(cli_commands[id].help, out);
    if (cli_commands[id].more[0])
        dgm_buf_put_char(out, '\n');
    put_c(out, cli_commands[id].more);
    dgm_buf_put_lit(out, "\nOptions:\n");
    for (size_t i = 0; i < CLI_OPTIONS; i++) {
        if (!(cli_options[i].commands & 1u << id))
            continue;
        size_t start = out->n;
        dgm_buf_put_lit(out, "  ");
        put_option_name(&cli_options[i], out);
        put_blanks(out, start, OPTION_COLUMN);
        put_c(out, cli_options[i].help);
        dgm_buf_put_char(out, '\n');
    }
    size_t start = out->n;
    dgm_buf_put_lit(out, "  --help");
    put_blanks(out, start, OPTION_COLUMN);
    dgm_buf_put_lit(out, "print this\n");
    if (id != CLI_CMD_SERVE)
        return;
    dgm_buf_put_lit(
        out, "\nSettings, for --set KEY=VALUE; each is also a key of the file and a variable, as\n"
             "DRAGOMAN_LIMITS_BODY_MB for limits.body_mb:\n");
    gw_config_put_help(out);
}

static void put_all_help(struct dgm_buf *out)
{
    dgm_buf_put_lit(out,
                    "Usage: dragoman COMMAND [OPTIONS]\n"
                    "OpenAI's Chat Completions in front, Gemini and others behind.\n\nCommands:\n");
    for (size_t i = 0; i < CLI_COMMANDS; i++) {
        size_t start = out->n;
        dgm_buf_put_lit(out, "  ");
        put_c(out, cli_commands[i].name);
        put_blanks(out, start, COMMAND_COLUMN);
        put_c(out, cli_commands[i].help);
        dgm_buf_put_char(out, '\n');
    }
    dgm_buf_put_lit(
        out, "\nTo start: dragoman serve. Each command explains itself: dragoman COMMAND --help.\n"
             "\nExit codes: 0 done, 1 refused, 2 usage, 3 configuration, 4 cannot listen.\n");
}

bool cli_put_help(struct dgm_str name, struct dgm_buf *out)
{
    bool found = false;
    if (name.n == 0) {
        put_all_help(out);
        return true;
    }
    for (size_t i = 0; i < CLI_COMMANDS; i++) {
        struct dgm_str command = dgm_str_c(cli_commands[i].name),
                       rest = dgm_str_skip(command, name.n);
        if (!dgm_str_starts(command, name) || (rest.n != 0 && rest.p[0] != ' '))
            continue;
        if (found)
            dgm_buf_put_char(out, '\n');
        put_command_help((enum cli_command_id)i, out);
        found = true;
    }
    return found;
}

/* ---- the manual page ---- */

/* Text as troff takes it: no line may begin with a dot, a backslash is not meant. */
static void put_troff(struct dgm_buf *out, const char *text)
{
    bool start = true;
    for (; *text; text++) {
        if (start && (*text == '.' || *text == '\''))
            dgm_buf_put_lit(out, "\\&");
        if (*text == '\\')
            dgm_buf_put_lit(out, "\\e");
        else if (*text == '-')
            dgm_buf_put_lit(out, "\\-");
        else
            dgm_buf_put_char(out, *text);
        start = *text == '\n';
    }
}

static void put_man_command(enum cli_command_id id, struct dgm_buf *out)
{
    dgm_buf_put_lit(out, ".SS dragoman ");
    put_c(out, cli_commands[id].name);
    dgm_buf_put_char(out, '\n');
    put_sentence(cli_commands[id].help, out);
    put_troff(out, cli_commands[id].more);
    for (size_t i = 0; i < CLI_OPTIONS; i++) {
        if (!(cli_options[i].commands & 1u << id))
            continue;
        dgm_buf_put_lit(out, ".TP\n\\fB\\-\\-");
        put_troff(out, cli_options[i].name);
        dgm_buf_put_lit(out, "\\fR");
        if (cli_options[i].argument)
            dgm_buf_put_char(out, ' ');
        put_troff(out, cli_options[i].argument ? cli_options[i].argument : "");
        dgm_buf_put_char(out, '\n');
        put_troff(out, cli_options[i].help);
        dgm_buf_put_lit(out, "\n");
    }
}

void cli_put_man(struct dgm_buf *out)
{
    put_c(out, ".\\\" Made by `dragoman help --man` from src/cli/commands.def; change it there.\n"
               ".TH DRAGOMAN 1\n"
               ".SH NAME\n"
               "dragoman \\- OpenAI's Chat Completions in front, Gemini and others behind\n"
               ".SH SYNOPSIS\n"
               ".nf\n");
    for (size_t i = 0; i < CLI_COMMANDS; i++)
        put_usage((enum cli_command_id)i, out);
    put_c(
        out,
        ".fi\n"
        ".SH DESCRIPTION\n"
        "Dragoman is a gateway: unmodified OpenAI clients ask it, and Gemini, vLLM, TGI or any server that\n"
        "speaks OpenAI's API answers. A strict emulator is built in and answers when nothing is configured.\n"
        ".SH COMMANDS\n");
    for (size_t i = 0; i < CLI_COMMANDS; i++)
        put_man_command((enum cli_command_id)i, out);
    put_c(
        out,
        ".SH EXIT STATUS\n"
        "0 done, 1 refused, 2 usage, 3 configuration, 4 cannot listen.\n"
        ".SH ENVIRONMENT\n"
        "DRAGOMAN_CONFIG names the configuration. Every setting is a variable too, as DRAGOMAN_LIMITS_BODY_MB.\n"
        "GEMINI_API_KEY is the key of \\-\\-upstream gemini.\n");
}
