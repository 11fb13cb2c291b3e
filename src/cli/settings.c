/* SPDX-License-Identifier: Apache-2.0 */
/* settings.c - the configuration that a command line, the environment and a file make together. */
#include "cli/cli.h"
#include "gateway/front.h"
#include "gateway/keys.h"
#include "gateway/lessons.h"
#include "gateway/prefixes.h"
#include "gateway/probed.h"
#include "gateway/trust.h"

#include "base/str.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SETS_MAX 256
#define LISTEN_MAX 64
#define SHORT_FORM_BYTES 4096

/* The CPUs this process may run on: in a container fewer than the machine has. */
static int64_t count_cpus(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return CPU_COUNT(&set);
    return sysconf(_SC_NPROCESSORS_ONLN);
}

/* --upstream KIND[=URL] with --project and --location. Returns an enum cli_exit. */
static int read_upstream(const struct cli_args *args, struct gw_upstream *ret,
                         struct dgm_str *ret_location)
{
    struct dgm_str text = cli_get(args, CLI_OPT_UPSTREAM), project = cli_get(args, CLI_OPT_PROJECT);
    size_t equals = dgm_str_find_char(text, '=');
    struct dgm_str kind = dgm_str_head(text, equals);
    *ret = (struct gw_upstream){.kind = -1, .project = project};
    *ret_location = cli_get(args, CLI_OPT_LOCATION);
    for (int i = GW_VERTEX; i <= GW_EMULATOR; i++)
        if (dgm_str_eq(gw_upstream_kind_name(i), kind))
            ret->kind = i;
    if (text.p && ret->kind < 0)
        return cli_misused(
            args, DGM_STR("--upstream "), kind,
            DGM_STR(": expected vertex, gemini, or openai=URL, vllm=URL or tgi=URL"));
    if (ret->kind != GW_VERTEX && (project.p || ret_location->p))
        return cli_misused(args, DGM_STR("--project and --location go with --upstream vertex"));
    if (equals < text.n)
        ret->base_url = dgm_str_skip(text, equals + 1);
    if (ret_location->p)
        ret->locations = (struct gw_strs){ret_location, 1};
    return CLI_DONE;
}

/* Options that are settings: --workers N is --set workers=N. */
static const struct {
    enum cli_option_id option;
    const char *key;
} short_forms[] = {
    {CLI_OPT_WORKERS, "workers"}, {CLI_OPT_RECORD, "record.dir"}, {CLI_OPT_REPLAY, "replay.dir"}};
#define SHORT_FORMS (sizeof short_forms / sizeof *short_forms)

/* The --set, and behind them the short forms: these are meant where there are both. */
static int read_sets(const struct cli_args *args, struct dgm_str *sets, size_t *n,
                     char texts[SHORT_FORMS][SHORT_FORM_BYTES])
{
    *n = cli_get_all(args, CLI_OPT_SET, sets, SETS_MAX);
    if (*n > SETS_MAX - SHORT_FORMS)
        return cli_misused(args, DGM_STR("more --set than are taken"));
    for (size_t i = 0; i < SHORT_FORMS; i++) {
        struct dgm_str value = cli_get(args, short_forms[i].option);
        if (!value.p)
            continue;
        if (value.n > SHORT_FORM_BYTES - 64)
            return cli_misused(args, DGM_STR("--"), dgm_str_c(short_forms[i].key),
                               DGM_STR(": too long"));
        snprintf(texts[i], SHORT_FORM_BYTES, "%s=%.*s", short_forms[i].key, (int)value.n, value.p);
        sets[(*n)++] = dgm_str_c(texts[i]);
    }
    return CLI_DONE;
}

/* What reading a file came to, told and as an enum cli_exit. */
static int tell_problems(enum dgm_rc rc, const struct gw_problems *problems,
                         struct dgm_str file_name)
{
    struct dgm_buf out;
    switch (rc) {
    case DGM_OK:
        return CLI_DONE;
    case DGM_E_REFUSED:
        dgm_buf_init(&out, &dgm_alloc_libc, 1 << 20);
        gw_problems_put(problems, file_name, &out);
        (void)cli_write(STDERR_FILENO, &out, false);
        dgm_buf_dispose(&out);
        return CLI_CONFIG;
    default:
        cli_tell(DGM_STR("out of memory"));
        return CLI_REFUSED;
    }
}

/* The file that `emulator.scenario` names. */
static int read_scenario(struct gw_config *c)
{
    struct gw_problems problems = {0};
    struct dgm_str name = c->emulator.scenario;
    struct dgm_buf file = {0};
    if (!name.p)
        return CLI_DONE;
    int code = CLI_CONFIG;
    if (cli_read(name.p, GW_SCENARIO_FILE_MAX + 1, &file)) {
        struct dgm_str text = file.p ? dgm_buf_str(&file) : DGM_STR("");
        code = tell_problems(gw_config_scenario(c, text, &problems), &problems, name);
    }
    dgm_buf_dispose(&file);
    return code;
}

static struct dgm_str file_name(const struct cli_args *args, const char *const *environment)
{
    static const struct dgm_str variable = {"DRAGOMAN_CONFIG=", 16};
    struct dgm_str name = cli_get(args, CLI_OPT_CONFIG);
    for (const char *const *at = environment; !name.p && *at; at++)
        if (dgm_str_starts(dgm_str_c(*at), variable) && (*at)[variable.n])
            name = dgm_str_skip(dgm_str_c(*at), variable.n);
    return name;
}

/* Loads the authorities that upstreams need: what can not be read is wrong now, not at the first request. */
static int open_trust(struct gw_config *c)
{
    char why[NET_WHY_BYTES];
    if (gw_trust_open(c, why)) {
        c->lessons = gw_lessons_new(); /* without it nothing is remembered */
        c->probed = gw_probed_new();   /* without it nothing is probed */
        for (size_t i = 0; i < c->upstreams_n && c->prefixes == NULL; i++)
            if (c->upstreams[i].context_cache != GW_CONTEXT_CACHE_OFF)
                c->prefixes = gw_prefixes_new();
        return CLI_DONE;
    }
    cli_tell(dgm_str_c(why));
    return CLI_CONFIG;
}

/* The file of keys: one that can not be read lets nobody in, which is better told now. */
static int check_keys(const struct cli_args *args, const struct gw_config *c)
{
    char why[GW_KEYS_WHY_BYTES];
    bool wanted = args->command == CLI_CMD_SERVE || args->command == CLI_CMD_CHECK;
    if (!wanted || c->auth.keys.p == NULL || gw_keys_check(c->auth.keys.p, why))
        return CLI_DONE;
    cli_tell(DGM_STR("auth.keys: "), dgm_str_c(why),
             access(c->auth.keys.p, F_OK) != 0 ? DGM_STR("; `dragoman keys add NAME` makes one")
                                               : DGM_STR(""));
    return CLI_CONFIG;
}

/* Certificates of our own, which workers read when they start. */
static int check_certificates(const struct cli_args *args, const struct gw_config *c)
{
    char why[NET_WHY_BYTES];
    bool wanted = args->command == CLI_CMD_SERVE || args->command == CLI_CMD_CHECK;
    for (size_t i = 0; wanted && i < c->listen_n; i++) {
        if (gw_front_check(&c->listen[i], why))
            continue;
        cli_tell(DGM_STR("listen: tls: "), dgm_str_c(why));
        return CLI_CONFIG;
    }
    return CLI_DONE;
}

int cli_config(const struct cli_args *args, struct gw_config **ret)
{
    struct dgm_str sets[SETS_MAX], listen[LISTEN_MAX], location;
    struct gw_upstream upstream;
    char texts[SHORT_FORMS][SHORT_FORM_BYTES];
    struct gw_config_source source = {.environment = (const char *const *)environ,
                                      .sets = sets,
                                      .listen = listen,
                                      .cpus = count_cpus()};

    source.listen_n = cli_get_all(args, CLI_OPT_LISTEN, listen, LISTEN_MAX);
    if (source.listen_n > LISTEN_MAX)
        return cli_misused(args, DGM_STR("more --listen than are taken"));
    int code = read_sets(args, sets, &source.sets_n, texts);
    if (code == CLI_DONE)
        code = read_upstream(args, &upstream, &location);
    if (code != CLI_DONE)
        return code;
    if (cli_get(args, CLI_OPT_UPSTREAM).p)
        source.upstream = &upstream;

    struct dgm_str name = file_name(args, source.environment);
    struct dgm_buf file = {0};
    if (name.p && !cli_read(name.p, GW_CONFIG_FILE_MAX + 1, &file)) {
        dgm_buf_dispose(&file);
        return CLI_CONFIG;
    }
    if (name.p)
        source.file = file.p ? dgm_buf_str(&file) : DGM_STR("");
    struct gw_config *c = NULL;
    struct gw_problems problems = {0};
    code = tell_problems(gw_config_parse(&source, &c, &problems), &problems, name);
    if (file.p)
        explicit_bzero(file.p, file.cap);
    dgm_buf_dispose(&file);
    if (code == CLI_DONE)
        code = read_scenario(c);
    if (code == CLI_DONE)
        code = check_keys(args, c);
    if (code == CLI_DONE)
        code = check_certificates(args, c);
    if (code == CLI_DONE && c->replay.dir.p != NULL)
        code = cli_corpus(c->replay.dir.p, &c->replay.corpus);
    else if (code == CLI_DONE)
        code = open_trust(c);
    if (code == CLI_DONE)
        *ret = c;
    else
        gw_config_free(c);
    return code;
}

void cli_tell_suspects(void)
{
    struct dgm_buf out;
    dgm_buf_init(&out, &dgm_alloc_libc, 1 << 20);
    gw_config_put_suspects((const char *const *)environ, &out);
    (void)cli_write(STDERR_FILENO, &out, false);
    dgm_buf_dispose(&out);
}
