/* SPDX-License-Identifier: Apache-2.0 */
/* probes.c - which reduced requests are worth asking after a bare refusal, and what their answers tell. */
#include "translate/probes.h"

#include "base/str.h"
#include "translate/compat.h"
#include "translate/failure.h"

#define UNANSWERED (-1)
#define LIKELY_ACCEPTED 100
#define LIKELY_REFUSED 4 /* what is refused without it too is so many times less likely */

static const struct {
    const char *id, *sentence;
    struct dgm_str param;
} rests[] = {
#define REST(id, param, sentence) {#id, sentence, {param, sizeof param - 1}},
#include "translate/probes.def"
#undef REST
};

#define RESTS (sizeof rests / sizeof *rests)

/* ---- what is known ---- */

/* `candidates` comes first: every probe leaves candidateCount out, so no later one would tell it from its own suspect. */
static void put_in_order(struct probes *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->suspects_n; i++)
        if (dgm_str_eq(dgm_str_c(p->suspects[i].id), DGM_STR("candidates")))
            p->order[n++] = (uint8_t)i;
    for (size_t i = 0; i < p->suspects_n; i++)
        if (!dgm_str_eq(dgm_str_c(p->suspects[i].id), DGM_STR("candidates")))
            p->order[n++] = (uint8_t)i;
}

static void move_to_front(struct probes *p, size_t i, const struct suspect *s)
{
    for (; i != 0; i--)
        p->suspects[i] = p->suspects[i - 1];
    p->suspects[0] = *s;
}

/* What was accepted leads; what was refused without one of them all the same is less likely than it was. */
static void settle(struct probes *p)
{
    p->settled = true;
    if (p->accepted && p->rests) {
        p->suspects_n += p->suspects_n < SUSPECTS_MAX;
        move_to_front(p, p->suspects_n - 1, &p->rest);
    }
    for (size_t i = 1; i < p->suspects_n; i++) {
        const struct suspect s = p->suspects[i];
        size_t at = i;
        while (at != 0 && p->suspects[at - 1].likely < s.likely) {
            p->suspects[at] = p->suspects[at - 1];
            at--;
        }
        p->suspects[at] = s;
    }
}

const struct probes *probes_begin(struct dgm_request *r)
{
    struct probes *p = r->probes;
    if (p && p->asked) {
        if (!p->settled)
            settle(p);
        return p;
    }
    if (!p)
        p = dgm_arena_take0(&r->arena, sizeof *p);
    if (!p) {
        chat_no_memory(r);
        return NULL;
    }
    *p = (struct probes){0};
    p->suspects_n = suspects_find(r, p->suspects, &p->native);
    put_in_order(p);
    r->probes = p;
    return r->rc == DGM_OK ? p : NULL;
}

void probes_forget(struct dgm_request *r)
{
    r->probes = NULL;
}

/* ---- asking ---- */

/* What the next probe leaves out: a suspect, and one of the rests where none of them could be. NULL: nothing any more. */
static const struct suspect *next(struct probes *p)
{
    size_t i = p->next++;
    if (i < p->suspects_n)
        return &p->suspects[p->order[i]];
    i -= p->suspects_n;
    if (i >= RESTS || (p->made != 0 && !p->rests))
        return NULL;
    p->rests = true;
    p->rest =
        (struct suspect){.id = rests[i].id, .sentence = rests[i].sentence, .param = rests[i].param};
    return &p->rest;
}

enum dgm_rc dgm_request_probe(struct dgm_request *r, struct dgm_buf *out)
{
    struct probes *p = r->probes;
    const struct suspect *s;
    if (!p || !p->native || p->settled || p->accepted || p->ended_by != 0 || compat_is_google(r))
        return DGM_DONE;
    while (p->made < PROBES_MAX && (s = next(p)) != NULL) {
        dgm_buf_clear(out);
        size_t n = probes_put(r, p->native, s, out);
        if (out->rc != DGM_OK)
            return out->rc;
        if (n == 0)
            continue;
        p->made++;
        return DGM_OK;
    }
    return DGM_DONE;
}

/* Whether an answer is a refusal that names nothing. */
static bool is_bare(struct dgm_request *r, struct dgm_str answer)
{
    const struct json_val *error = failure_find(chat_parse(r, answer));
    return suspects_wanted(json_get_str(error, DGM_STR("message")));
}

bool dgm_request_probed(struct dgm_request *r, int status, struct dgm_str answer)
{
    struct probes *p = r->probes;
    assert(p && p->asked < p->made && p->next != 0);
    p->asked++;
    struct suspect *s = p->rests ? &p->rest : &p->suspects[p->order[p->next - 1]];
    if (status >= 200 && status < 300) {
        s->probe = PROBE_ACCEPTED;
        s->likely = LIKELY_ACCEPTED;
        p->accepted = true;
    } else if (status != 400) {
        p->ended_by = status != 0 ? status : UNANSWERED;
    } else if (is_bare(r, answer)) {
        s->probe = PROBE_REFUSED;
        s->likely /= LIKELY_REFUSED;
    } else {
        s->probe = PROBE_UNCLEAR;
    }
    return !p->accepted && p->ended_by == 0;
}

unsigned dgm_request_probes(const struct dgm_request *r, bool *ret_accepted)
{
    *ret_accepted = r->probes && r->probes->accepted;
    return r->probes ? r->probes->asked : 0;
}

/* ---- telling ---- */

void probes_add_sentence(struct json_writer *w, const struct probes *p)
{
    char text[160];
    struct dgm_buf said = {.p = text, .cap = sizeof text, .max = sizeof text};
    if (p->asked == 0)
        return;
    dgm_buf_put_lit(&said, " The gateway sent ");
    dgm_buf_put_int(&said, p->asked);
    dgm_buf_put(&said, p->asked == 1 ? DGM_STR(" reduced request to find out")
                                     : DGM_STR(" reduced requests to find out"));
    if (p->ended_by == UNANSWERED) {
        dgm_buf_put_lit(&said, ", the last of which was not answered");
    } else if (p->ended_by != 0) {
        dgm_buf_put_lit(&said, ", the last of which met an HTTP ");
        dgm_buf_put_int(&said, p->ended_by);
    } else if (!p->accepted) {
        dgm_buf_put(&said, p->asked == 1 ? DGM_STR(", which was refused")
                                         : DGM_STR(", all of which were refused"));
    }
    dgm_buf_put_char(&said, '.');
    json_add_str(w, dgm_buf_str(&said));
}
