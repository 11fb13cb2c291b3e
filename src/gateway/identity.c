/* SPDX-License-Identifier: Apache-2.0 */
/* identity.c - the emulated identity servers in the keeper. */
#include "gateway/identity.h"

#include "base/str.h"
#include "gateway/keeper_wire.h"
#include "gateway/random.h"
#include "json/write.h"

#include <assert.h>
#include <string.h>

#define WORK_BYTES_MAX ((size_t)4 * 1024 * 1024)
#define SEED_BYTES_MAX 1024
#define LOOKUPS_MAX 4096 /* that wait at once */

/** A question that waits for its account. */
struct lookup {
    struct gw_identity *identity;
    struct lookup *next;
    void *link; /* NULL: it is gone */
    uint32_t id;
    int64_t now_ms;
    struct dgm_buf payload;
};

struct counts {
    uint64_t answered, issued, refused;
};

struct gw_identity {
    const struct dgm_alloc *alloc;
    struct gw_accounts *accounts;
    struct gw_revoked *revoked;
    gw_identity_say_fn *say;
    struct lookup *lookups;
    size_t lookups_n;
    struct counts counts[EMU_SERVERS];
    struct auth_key *signer; /* of ID tokens; NULL: nobody wanted one yet */
    struct dgm_buf signer_seed;
    struct dgm_str seed; /* of the request at hand */
};

/* ---- payloads ---- */

/* The texts of a request, in the order in which they are put. */
static struct dgm_str *text_at(struct gw_identity_request *r, size_t index)
{
    struct emu_identity_call *c = &r->call;
    struct dgm_str *const texts[] = {&r->seed,          &c->method, &c->target,    &c->host,
                                     &c->authorization, &c->flavor, &c->forwarded, &c->body};
    return index < sizeof texts / sizeof *texts ? texts[index] : NULL;
}

void gw_identity_request_put(const struct gw_identity_request *r, struct dgm_buf *out)
{
    struct gw_identity_request copy = *r;
    gw_field_put_u64(out, (uint64_t)r->life_s);
    for (size_t i = 0; text_at(&copy, i) != NULL; i++)
        gw_field_put_str(out, *text_at(&copy, i));
}

bool gw_identity_request_read(struct dgm_str payload, struct gw_identity_request *ret)
{
    struct gw_fields f = {.rest = payload};
    struct gw_identity_request r = {.life_s = (int64_t)(gw_field_u64(&f) & INT32_MAX)};
    for (size_t i = 0; text_at(&r, i) != NULL; i++)
        *text_at(&r, i) = gw_field_str(&f);
    if (!gw_fields_ended(&f) || r.seed.n > SEED_BYTES_MAX)
        return false;
    *ret = r;
    return true;
}

static void put_says(const struct emu_identity_answer *a, struct dgm_str body, struct dgm_buf *out)
{
    gw_field_put_u64(out, (uint64_t)a->status);
    gw_field_put_u64(out, a->flavored);
    gw_field_put_str(out, a->media);
    gw_field_put_str(out, a->doubt);
    gw_field_put_str(out, body);
}

bool gw_identity_says_read(struct dgm_str payload, struct gw_identity_says *ret)
{
    struct gw_fields f = {.rest = payload};
    uint64_t status = gw_field_u64(&f), flavored = gw_field_u64(&f);
    struct gw_identity_says says = {.status = status >= 200 && status < 600 ? (int)status : 500,
                                    .flavored = flavored != 0};
    says.media = gw_field_str(&f);
    says.doubt = gw_field_str(&f);
    says.body = gw_field_str(&f);
    if (!gw_fields_ended(&f))
        return false;
    *ret = says;
    return true;
}

/* ---- what the servers ask back ---- */

static bool is_revoked(void *ctx, const struct emu_pass *pass)
{
    struct gw_identity *d = ctx;
    return gw_revoked_has(d->revoked, pass);
}

static bool revoke(void *ctx, const struct emu_pass *pass)
{
    struct gw_identity *d = ctx;
    return gw_revoked_add(d->revoked, pass);
}

/* The key of ID tokens; made once for a seed, for it takes some tenths of a second. */
static const struct auth_key *signer(void *ctx)
{
    struct gw_identity *d = ctx;
    unsigned char seed[AUTH_SEED_BYTES];
    if (d->signer != NULL && dgm_str_eq(dgm_buf_str(&d->signer_seed), d->seed))
        return d->signer;
    auth_key_free(d->signer);
    d->signer = NULL;
    dgm_buf_clear(&d->signer_seed);
    dgm_buf_put(&d->signer_seed, d->seed);
    static_assert(AUTH_SEED_BYTES == AUTH_MAC_BYTES, "a seal is a seed");
    if (d->signer_seed.rc == DGM_OK &&
        auth_mac(d->seed, DGM_STR("dragoman: emulated ID tokens"), seed))
        d->signer = auth_key_of_seed(seed);
    return d->signer;
}

/* ---- answers ---- */

static void count(struct gw_identity *d, const struct emu_identity_answer *a)
{
    struct counts *c = &d->counts[a->server];
    c->answered++;
    c->issued += a->issued;
    c->refused += a->status >= 400;
}

static void answer(struct gw_identity *d, void *link, uint32_t id,
                   const struct gw_identity_request *r, struct dgm_str public_key, int64_t now_ms)
{
    struct dgm_arena arena;
    struct dgm_buf body, payload;
    struct emu_identity_answer a;
    uint64_t fresh;
    gw_random_bytes(&fresh, sizeof fresh);
    const struct emu_identity world = {.seed = r->seed,
                                       .life_s = r->life_s,
                                       .now_ms = now_ms,
                                       .fresh = fresh,
                                       .ctx = d,
                                       .is_revoked = is_revoked,
                                       .revoke = revoke,
                                       .signer = signer};
    d->seed = r->seed;
    dgm_arena_init(&arena, d->alloc, WORK_BYTES_MAX);
    dgm_buf_init(&body, d->alloc, gw_message_max_bytes(GW_MSG_IDENTITY_SAYS) - 256);
    dgm_buf_init(&payload, d->alloc, gw_message_max_bytes(GW_MSG_IDENTITY_SAYS));
    emu_identity_answer(&world, &r->call, public_key, &arena, &body, &a);
    count(d, &a);
    put_says(&a, dgm_buf_str(&body), &payload);
    if (payload.rc == DGM_OK)
        d->say(link, id, dgm_buf_str(&payload));
    dgm_buf_dispose(&payload);
    dgm_buf_dispose(&body);
    dgm_arena_dispose(&arena);
}

/* ---- accounts ---- */

static void free_lookup(struct lookup *l)
{
    struct gw_identity *d = l->identity;
    struct lookup **at = &d->lookups;
    while (*at != l)
        at = &(*at)->next;
    *at = l->next;
    d->lookups_n--;
    dgm_buf_dispose(&l->payload);
    d->alloc->resize(d->alloc->ctx, l, sizeof *l, 0);
}

static void on_account(void *owner, struct dgm_str public_key)
{
    struct lookup *l = owner;
    struct gw_identity_request r;
    bool sound = gw_identity_request_read(dgm_buf_str(&l->payload), &r);
    assert(sound); /* it was read before */
    if (l->link != NULL)
        answer(l->identity, l->link, l->id, &r, public_key, l->now_ms);
    free_lookup(l);
}

static void look_up(struct gw_identity *d, const struct lookup *asked, struct dgm_str payload,
                    struct dgm_str account)
{
    struct lookup *l =
        d->lookups_n < LOOKUPS_MAX ? d->alloc->resize(d->alloc->ctx, NULL, 0, sizeof *l) : NULL;
    if (l == NULL)
        return;
    *l = *asked;
    l->next = d->lookups;
    d->lookups = l;
    d->lookups_n++;
    dgm_buf_init(&l->payload, d->alloc, gw_message_max_bytes(GW_MSG_IDENTITY));
    dgm_buf_put(&l->payload, payload);
    if (l->payload.rc != DGM_OK || !gw_account_find(d->accounts, account, on_account, l))
        free_lookup(l);
}

bool gw_identity_hear(struct gw_identity *d, void *link, uint32_t id, struct dgm_str payload,
                      int64_t now_ms)
{
    struct gw_identity_request r;
    struct dgm_arena arena;
    if (!gw_identity_request_read(payload, &r))
        return false;
    dgm_arena_init(&arena, d->alloc, WORK_BYTES_MAX);
    struct dgm_str account = emu_identity_account(&r.call, &arena);
    /* Until it is read what was revoked everybody waits for a word of the store's, which has told that before. */
    if (account.n == 0 && !gw_revoked_is_known(d->revoked, now_ms))
        account = DGM_STR("-");
    const struct lookup asked = {.identity = d, .link = link, .id = id, .now_ms = now_ms};
    if (account.n != 0 && account.n <= STORE_KEY_MAX) /* a longer name is nobody's */
        look_up(d, &asked, payload, account);
    else
        answer(d, link, id, &r, (struct dgm_str){0}, now_ms);
    dgm_arena_dispose(&arena);
    return true;
}

void gw_identity_forget(struct gw_identity *d, const void *link)
{
    for (struct lookup *l = d->lookups; l != NULL; l = l->next)
        if (l->link == link)
            l->link = NULL;
}

/* ---- public ---- */

struct gw_identity *gw_identity_new(const struct dgm_alloc *a, struct gw_accounts *accounts,
                                    struct gw_revoked *revoked, gw_identity_say_fn *say)
{
    struct gw_identity *d = a->resize(a->ctx, NULL, 0, sizeof *d);
    if (d == NULL)
        return NULL;
    *d = (struct gw_identity){.alloc = a, .accounts = accounts, .revoked = revoked, .say = say};
    dgm_buf_init(&d->signer_seed, a, SEED_BYTES_MAX);
    return d;
}

void gw_identity_free(struct gw_identity *d)
{
    if (d == NULL)
        return;
    while (d->lookups != NULL) {
        gw_account_cancel(d->accounts, d->lookups);
        free_lookup(d->lookups);
    }
    auth_key_free(d->signer);
    dgm_buf_dispose(&d->signer_seed);
    d->alloc->resize(d->alloc->ctx, d, sizeof *d, 0);
}

void gw_identity_put(const struct gw_identity *d, int64_t pid, struct dgm_buf *out)
{
    struct json_writer w = json_writer(out);
    json_open_obj(&w);
    json_member_int(&w, "keeper", pid);
    for (enum emu_server s = EMU_SERVER_NONE + 1; s < EMU_SERVERS; s++) {
        json_put_key(&w, emu_server_pattern(s));
        json_open_obj(&w);
        json_member_int(&w, "answered", (int64_t)d->counts[s].answered);
        json_member_int(&w, "issued", (int64_t)d->counts[s].issued);
        json_member_int(&w, "refused", (int64_t)d->counts[s].refused);
        json_close_obj(&w);
    }
    json_close_obj(&w);
}

void gw_identity_reset(struct gw_identity *d)
{
    memset(d->counts, 0, sizeof d->counts);
}
