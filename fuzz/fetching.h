/* SPDX-License-Identifier: Apache-2.0 */
/* fetching.h - a fetch of a token, driven with any answers: what holds for credentials.c and token_answer.c. */
#ifndef FUZZ_FETCHING_H
#define FUZZ_FETCHING_H

#include "auth/credentials.h"
#include "base/str.h"

#include "property.h"

#include <string.h>

#define FETCH_STEPS_MAX 16
#define FETCH_NOW_MS INT64_C(1767225600000)

/* A part of the bytes, up to the next 0xff. */
static inline struct dgm_str fetch_part(struct dgm_str *rest)
{
    struct dgm_str part = {0};
    (void)dgm_str_split(rest, '\xff', &part);
    return part.p != NULL ? part : DGM_STR("");
}

static inline bool fetch_is_line(struct dgm_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
            return false;
    return true;
}

/* What an errand may be; a program is never run, for no variable allows it. */
static inline void fetch_check_errand(const struct auth_errand *e)
{
    PROPERTY(e->act != AUTH_RUN && e->headers_n <= AUTH_ERRAND_HEADERS_MAX);
    if (e->act == AUTH_READ) {
        PROPERTY(e->path.n != 0);
        return;
    }
    PROPERTY(dgm_str_starts(e->url, DGM_STR("http")) && fetch_is_line(e->url));
    PROPERTY(e->method.n != 0 && e->timeout_ms > 0);
    PROPERTY(e->body.n == 0 || dgm_str_eq(e->method, DGM_STR("POST")));
}

/* A sentence, in which nothing of `secret` stands. */
static inline void fetch_check_trouble(const struct auth_trouble *t, struct dgm_str secret)
{
    struct dgm_str text = dgm_str_c(t->text);
    PROPERTY(text.n != 0 && fetch_is_line(text));
    PROPERTY(secret.n < 16 || dgm_str_find(text, secret) == text.n);
}

/* Drives a fetch; answers are taken off `rest`: a byte for the status, then the text. */
static inline void fetch_run(const struct auth_credential *c, struct dgm_str rest,
                             struct dgm_str secret)
{
    static const int statuses[] = {200, 200, 200, 400, 403, 500, 503, 0};
    const struct auth_fetch_ask ask = {.credential = c, .now_ms = FETCH_NOW_MS, .who = true};
    struct auth_fetch *f = auth_fetch_new(&ask, &dgm_alloc_libc);
    struct auth_errand e;
    enum dgm_rc rc = DGM_NEED;
    PROPERTY(f != NULL);
    for (int i = 0; (rc = auth_fetch_next(f, &e)) == DGM_NEED; i++) {
        PROPERTY(i < FETCH_STEPS_MAX);
        fetch_check_errand(&e);
        struct dgm_str part = fetch_part(&rest);
        unsigned choice = part.n != 0 ? (unsigned char)part.p[0] : 0;
        const struct auth_result result = {.status = statuses[choice % 8],
                                           .text = dgm_str_skip(part, 1),
                                           .why = DGM_STR("it is a test"),
                                           .is_googles = (choice & 8) != 0};
        auth_fetch_tell(f, &result);
    }
    PROPERTY(rc == DGM_DONE || rc == DGM_E_REFUSED || rc == DGM_E_NOMEM);
    if (rc == DGM_E_REFUSED)
        fetch_check_trouble(auth_fetch_trouble(f), secret);
    if (rc == DGM_DONE) {
        struct auth_token t = auth_fetch_token(f);
        PROPERTY(t.text.n != 0 && fetch_is_line(t.text) && t.ends_ms > 0);
    }
    auth_fetch_free(f);
}

#endif
