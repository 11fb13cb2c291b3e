/* SPDX-License-Identifier: Apache-2.0 */
/* serve.c - `dragoman serve`: the daemon, and what it says when it is ready. */
#include "cli/cli.h"
#include "gateway/master.h"

#include "base/str.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BASE_PATH "/v1/projects/my-project/locations/us-central1/endpoints/openapi"

static void put_curl(struct dgm_str at, struct dgm_buf *out)
{
    struct dgm_str path = dgm_str_skip(at, 5);
    bool is_unix = dgm_str_starts(at, DGM_STR("unix:"));
    dgm_buf_put_lit(out, "  curl ");
    if (is_unix) {
        dgm_buf_put_lit(out, "--unix-socket ");
        dgm_buf_put(out, path);
        dgm_buf_put_char(out, ' ');
    }
    dgm_buf_put_lit(out, "-X POST http://");
    dgm_buf_put(out, is_unix ? DGM_STR("localhost") : at);
    dgm_buf_put_lit(
        out, BASE_PATH
        "/chat/completions \\\n"
        "    -H \"Authorization: Bearer test\" -H \"Content-Type: application/json\" \\\n"
        "    -d '{\"model\": \"google/gemini-2.0-flash-001\", \"messages\": [{\"role\": \"user\", "
        "\"content\": \"Why is the sky blue?\"}]}'\n");
}

static void put_exports(struct dgm_str at, struct dgm_buf *out)
{
    if (dgm_str_starts(at, DGM_STR("unix:")))
        return;
    dgm_buf_put_lit(out, "\nor point any OpenAI SDK at it:\n\n  export OPENAI_BASE_URL=http://");
    dgm_buf_put(out, at);
    dgm_buf_put_lit(out, BASE_PATH "\n  export OPENAI_API_KEY=test\n");
}

/* Where Google's libraries find a token, and one for the shell. */
static void put_identity(struct dgm_str at, struct dgm_buf *out)
{
    if (dgm_str_starts(at, DGM_STR("unix:")))
        return;
    dgm_buf_put_lit(
        out, "\nauth.google is emulated: clients need a token. Google's libraries find one by\n\n"
             "  export GCE_METADATA_HOST=");
    dgm_buf_put(out, at);
    dgm_buf_put_lit(out, " GCE_METADATA_IP=");
    dgm_buf_put(out, at);
    dgm_buf_put_lit(out,
                    "\n\nand this prints one:\n\n  curl -H \"Metadata-Flavor: Google\" http://");
    dgm_buf_put(out, at);
    dgm_buf_put_lit(out, "/computeMetadata/v1/instance/service-accounts/default/token\n\n");
}

static void on_listening(void *ctx, const struct gw_config *c, const struct dgm_str *at, size_t n)
{
    (void)ctx;
    struct dgm_buf out;
    dgm_buf_init(&out, &dgm_alloc_libc, 1 << 16);
    for (size_t i = 0; i < n; i++) {
        dgm_buf_put(&out, i ? DGM_STR(", ") : DGM_STR("Dragoman " DGM_VERSION " listens on "));
        if (!dgm_str_starts(at[i], DGM_STR("unix:")))
            dgm_buf_put(&out, c->listen[i].tls_cert.p ? DGM_STR("https://") : DGM_STR("http://"));
        dgm_buf_put(&out, at[i]);
    }
    dgm_buf_put_lit(&out, "\n");
    if (c->auth.google == GW_GOOGLE_EMULATED)
        put_identity(at[0], &out);
    else if (c->fallback) {
        dgm_buf_put_lit(
            &out,
            "No upstream is configured: the built-in emulator answers, and no model is asked.\n"
            "\nTry it:\n\n");
        put_curl(at[0], &out);
        put_exports(at[0], &out);
        dgm_buf_put_lit(&out, "\n");
    }
    (void)cli_write(STDOUT_FILENO, &out, false);
    dgm_buf_dispose(&out);
}

/* The folder for recordings, made where it is not there. Only who runs us is to read it. */
static int open_recordings(const struct gw_config *c)
{
    const char *dir = c->record.dir.p;
    if (dir == NULL ||
        ((mkdir(dir, 0700) == 0 || errno == EEXIST) && access(dir, W_OK | X_OK) == 0))
        return CLI_DONE;
    cli_tell(DGM_STR("record.dir: cannot write into "), c->record.dir, DGM_STR(": "),
             dgm_str_c(strerror(errno)));
    return CLI_CONFIG;
}

/* A configuration with all that it needs. Returns an enum cli_exit; it told why where it is not CLI_DONE. */
static int open_config(const struct cli_args *args, struct gw_config **ret)
{
    struct gw_config *c = NULL;
    int code = cli_config(args, &c);
    if (code == CLI_DONE)
        code = open_recordings(c);
    if (code == CLI_DONE)
        *ret = c;
    else
        gw_config_free(c);
    return code;
}

static struct gw_config *reload(void *ctx)
{
    struct gw_config *c = NULL;
    if (open_config(ctx, &c) != CLI_DONE)
        return NULL;
    cli_tell_suspects();
    return c;
}

int cli_serve(const struct cli_args *args)
{
    struct gw_config *c = NULL;
    int code = open_config(args, &c);
    if (code != CLI_DONE)
        return code;
    cli_tell_suspects();
    struct cli_args again = *args;
    struct gw_master_hooks hooks = {.ctx = &again, .on_listening = on_listening, .reload = reload};
    code = gw_master_run(c, &hooks);
    gw_config_free(c);
    return code;
}
