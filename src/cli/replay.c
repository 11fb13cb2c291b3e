/* SPDX-License-Identifier: Apache-2.0 */
/* replay.c - `dragoman replay DIR`: recorded exchanges done again with this version, and what changed. */
#include "cli/cli.h"
#include "gateway/corpus.h"
#include "gateway/rerun.h"

#include "base/str.h"

#include <unistd.h>

#define TEXT_BYTES_MAX ((size_t)64 * 1024 * 1024)

/* What came of all of them. */
struct counts {
    int64_t all, changed, not_run;
};

/* One recording; puts its name and what changed, or nothing. Returns an enum cli_exit, never CLI_REFUSED for a change. */
static int run_one(const struct gw_recording *recording, struct dgm_str name, struct counts *counts,
                   struct dgm_buf *out)
{
    struct dgm_buf lines;
    dgm_buf_init(&lines, &dgm_alloc_libc, TEXT_BYTES_MAX);
    enum gw_rerun came = gw_rerun(recording, &lines);
    counts->all++;
    counts->changed += came == GW_RERUN_CHANGED;
    counts->not_run += came == GW_RERUN_NOT_RUN;
    if (lines.n != 0) {
        dgm_buf_put(out, name);
        dgm_buf_put_lit(out, "\n");
        dgm_buf_put(out, dgm_buf_str(&lines));
    }
    dgm_buf_dispose(&lines);
    if (came == GW_RERUN_NOMEM)
        cli_tell(name, DGM_STR(": out of memory"));
    return came == GW_RERUN_NOMEM ? CLI_REFUSED : CLI_DONE;
}

static void put_counts(const struct counts *c, struct dgm_buf *out)
{
    dgm_buf_put_int(out, c->all);
    dgm_buf_put(out, c->all == 1 ? DGM_STR(" recording: ") : DGM_STR(" recordings: "));
    dgm_buf_put_int(out, c->all - c->changed - c->not_run);
    dgm_buf_put_lit(out, " the same, ");
    dgm_buf_put_int(out, c->changed);
    dgm_buf_put_lit(out, " changed, ");
    dgm_buf_put_int(out, c->not_run);
    dgm_buf_put_lit(out, " not run\n");
}

static int run_all(const struct gw_corpus *corpus)
{
    struct counts counts = {0};
    const struct gw_recording *recording;
    struct dgm_str name;
    struct dgm_buf out;
    int code = CLI_DONE;
    dgm_buf_init(&out, &dgm_alloc_libc, TEXT_BYTES_MAX);
    for (size_t i = 0; code == CLI_DONE && (recording = gw_corpus_at(corpus, i, &name)); i++) {
        code = run_one(recording, name, &counts, &out);
        if (!cli_write(STDOUT_FILENO, &out, false))
            code = CLI_REFUSED;
        dgm_buf_clear(&out);
    }
    put_counts(&counts, &out);
    if (code == CLI_DONE && !cli_write(STDOUT_FILENO, &out, false))
        code = CLI_REFUSED;
    dgm_buf_dispose(&out);
    return counts.changed != 0 ? CLI_REFUSED : code;
}

int cli_replay(const struct cli_args *args)
{
    struct gw_corpus *corpus = NULL;
    const char *dir = cli_get_word(args);
    if (dir == NULL)
        return cli_misused(args, DGM_STR("DIR is missing: a folder of recordings"));
    int code = cli_corpus(dir, &corpus);
    if (code == CLI_DONE)
        code = run_all(corpus);
    gw_corpus_free(corpus);
    return code;
}
