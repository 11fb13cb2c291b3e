/* SPDX-License-Identifier: Apache-2.0 */
/* policy.c - what next: which upstream, at which location, is asked for a request. */
#include "gateway/policy.h"

#include "base/str.h"

#include <assert.h>
#include <string.h>

#define STICKY_SLOTS 8
/* In thousandths of a request. */
#define EARNED_PER_REQUEST 200
#define EARNED_MAX 100000
#define GIVEN_PER_MS 10
#define GIVEN_MAX 10000
#define RETRY_COSTS 1000

/* How a place has fared. */
struct place {
    int64_t rests_until_ms;
    int64_t probed_until_ms; /* somebody is trying it; others wait until then */
    unsigned failures;       /* in a row */
    bool told;               /* it said itself how long */
};

struct sticky {
    uint32_t model;
    uint8_t location;
    int64_t until_ms;
};

struct side {
    size_t first, places_n; /* of all places */
    int64_t cold_ms;
    int64_t earned, given; /* what is left of the budget */
    int64_t given_ms;      /* when that was looked at */
    struct sticky sticky[STICKY_SLOTS];
};

/** Made once, for a worker's life: a side for each upstream, and their places. */
struct gw_policy {
    const struct dgm_alloc *alloc;
    int64_t retry_ms;
    struct side *sides;
    size_t sides_n;
    struct place *places;
    size_t places_n;
};

/* ---- begin and end ---------------------------------------------------------------------------------- */

static void *take(const struct dgm_alloc *a, size_t n)
{
    void *at = a->resize(a->ctx, NULL, 0, n);
    if (at != NULL)
        memset(at, 0, n);
    return at;
}

struct gw_policy *gw_policy_new(const struct gw_config *c, const struct dgm_alloc *alloc)
{
    size_t places_n = 0;
    for (size_t i = 0; i < c->upstreams_n; i++)
        places_n += c->upstreams[i].locations.n > 1 ? c->upstreams[i].locations.n : 1;
    struct gw_policy *p = take(alloc, sizeof *p);
    if (p == NULL)
        return NULL;
    *p = (struct gw_policy){.alloc = alloc,
                            .retry_ms = c->timeouts.retry_after_ms,
                            .sides = take(alloc, c->upstreams_n * sizeof *p->sides),
                            .sides_n = c->upstreams_n,
                            .places = take(alloc, places_n * sizeof *p->places),
                            .places_n = places_n};
    if (p->sides == NULL || p->places == NULL) {
        gw_policy_free(p);
        return NULL;
    }
    size_t first = 0;
    for (size_t i = 0; i < c->upstreams_n; i++) {
        const struct gw_upstream *u = &c->upstreams[i];
        size_t n = u->locations.n > 1 ? u->locations.n : 1;
        p->sides[i] = (struct side){
            .first = first, .places_n = n, .cold_ms = u->cold_start_ms, .given = GIVEN_MAX};
        first += n;
    }
    return p;
}

void gw_policy_free(struct gw_policy *p)
{
    if (p == NULL)
        return;
    const struct dgm_alloc *a = p->alloc;
    if (p->sides != NULL)
        a->resize(a->ctx, p->sides, p->sides_n * sizeof *p->sides, 0);
    if (p->places != NULL)
        a->resize(a->ctx, p->places, p->places_n * sizeof *p->places, 0);
    a->resize(a->ctx, p, sizeof *p, 0);
}

static bool is_plain(const struct gw_upstream *u)
{
    return u->locations.n <= 1 && u->cold_start_ms == 0;
}

/* FNV-1a: two models that share a hash share a location for a minute. */
static uint32_t hash(struct dgm_str s)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * 16777619u;
    return h;
}

void gw_plan_init(struct gw_plan *p, const struct gw_choices *choices, struct dgm_str model)
{
    const struct gw_upstream *u = choices->at[0].upstream;
    *p = (struct gw_plan){.choices = choices,
                          .plain = choices->n == 1 && is_plain(u),
                          .patient = u->kind != GW_EMULATOR || choices->n > 1,
                          .held_ms = -1};
    if (!p->plain)
        p->model = hash(model);
}

/* ---- places ----------------------------------------------------------------------------------------- */

static struct side *side_of(const struct gw_policy *p, const struct gw_plan *plan, size_t choice)
{
    size_t i = plan->choices->at[choice].upstream->index;
    assert(i < p->sides_n);
    return &p->sides[i];
}

static struct place *place_of(const struct gw_policy *p, const struct gw_plan *plan, size_t choice,
                              size_t location)
{
    const struct side *s = side_of(p, plan, choice);
    assert(location < s->places_n);
    return &p->places[s->first + location];
}

static bool was_tried(const struct gw_plan *plan, size_t choice, size_t location)
{
    for (size_t i = 0; i < plan->tried_n; i++)
        if (plan->tried[i].choice == choice && plan->tried[i].location == location)
            return true;
    return false;
}

/* From when on a place may be asked. */
static int64_t free_from(const struct place *at)
{
    if (at->failures == 0)
        return 0;
    return at->rests_until_ms > at->probed_until_ms ? at->rests_until_ms : at->probed_until_ms;
}

static size_t sticky_location(const struct side *s, uint32_t model, int64_t now)
{
    const struct sticky *slot = &s->sticky[model % STICKY_SLOTS];
    return slot->model == model && slot->until_ms > now ? slot->location : 0;
}

/* The first location of a choice that may be asked now: the one that is remembered, then in their order. */
static bool find_location(const struct gw_policy *p, const struct gw_plan *plan, size_t choice,
                          int64_t now, uint8_t *ret)
{
    const struct side *s = side_of(p, plan, choice);
    size_t first = sticky_location(s, plan->model, now);
    for (size_t i = 0; i <= s->places_n; i++) {
        size_t location = i == 0 ? first : i - 1;
        if ((i != 0 && location == first) || was_tried(plan, choice, location) ||
            free_from(place_of(p, plan, choice, location)) > now)
            continue;
        *ret = (uint8_t)location;
        return true;
    }
    return false;
}

/* ---- what next -------------------------------------------------------------------------------------- */

/* Draws among the choices that may be asked, by their weights; those without any come when no other can. */
static bool draw(const struct gw_policy *p, struct gw_plan *plan, int64_t now, uint32_t random)
{
    uint8_t location[GW_CHOICES_MAX];
    uint64_t total = 0;
    bool can[GW_CHOICES_MAX] = {0}, any = false;
    for (size_t i = 0; i < plan->choices->n; i++) {
        can[i] = find_location(p, plan, i, now, &location[i]);
        total += can[i] ? (uint64_t)plan->choices->at[i].weight : 0;
        any = any || can[i];
    }
    uint64_t at = total != 0 ? random % total : 0;
    for (size_t i = 0; any && i < plan->choices->n; i++) {
        uint64_t weight = (uint64_t)plan->choices->at[i].weight;
        if (!can[i] || (total != 0 && at >= weight)) {
            at -= can[i] ? weight : 0;
            continue;
        }
        plan->choice = (uint8_t)i;
        plan->location = location[i];
        return true;
    }
    return false;
}

static void earn(struct side *s)
{
    s->earned += s->earned < EARNED_MAX ? EARNED_PER_REQUEST : 0;
}

static bool pay(struct side *s, int64_t now)
{
    int64_t more = now > s->given_ms ? (now - s->given_ms) * GIVEN_PER_MS : 0;
    s->given = more > GIVEN_MAX - s->given ? GIVEN_MAX : s->given + more;
    s->given_ms = now;
    int64_t *from = s->given >= RETRY_COSTS ? &s->given : &s->earned;
    if (*from < RETRY_COSTS)
        return false;
    *from -= RETRY_COSTS;
    return true;
}

/* The place that was found is asked, if there is money for it. */
static bool begin(struct gw_policy *p, struct gw_plan *plan, int64_t now)
{
    struct side *s = side_of(p, plan, plan->choice);
    struct place *at = place_of(p, plan, plan->choice, plan->location);
    bool wakes = s->cold_ms != 0 && at->failures != 0;
    if (plan->tries == 0)
        earn(s);
    else if (!wakes && (plan->attempts == GW_ATTEMPTS_MAX || (!plan->cold && !pay(s, now))))
        return false;
    plan->cold = false;
    if (!wakes || plan->attempts == 0)
        plan->attempts++;
    if (plan->tries < UINT16_MAX)
        plan->tries++;
    plan->asked = true;
    plan->probing = at->failures != 0 && !plan->plain;
    if (plan->probing)
        at->probed_until_ms = now + GW_PROBE_MS;
    return true;
}

/* Whether a plan that has nothing to ask now may wait for a place, and when that is free. */
static bool is_worth(const struct gw_policy *p, const struct gw_plan *plan, size_t choice,
                     size_t location, int64_t now, int64_t *ret_from, bool *ret_cold)
{
    const struct place *at = place_of(p, plan, choice, location);
    bool cold = side_of(p, plan, choice)->cold_ms != 0 && at->failures != 0 && !at->told;
    for (size_t i = 0; i < plan->tried_n; i++)
        if (plan->tried[i].for_good && plan->tried[i].choice == choice &&
            plan->tried[i].location == location)
            return false;
    /* Who has an error in hand gives that, unless the server itself said when to come again. */
    if (plan->tries != 0 && !at->told && !cold)
        return false;
    *ret_from = free_from(at);
    /* A probe may end long before its lease does. */
    if (at->rests_until_ms <= now && *ret_from > now + GW_LOOK_MS)
        *ret_from = now + GW_LOOK_MS;
    *ret_cold = cold;
    return true;
}

static enum gw_move wait_or_end(struct gw_policy *p, struct gw_plan *plan, int64_t now,
                                int64_t *ret_ms)
{
    int64_t soonest = INT64_MAX, cold_ms = 0;
    for (size_t i = 0; i < plan->choices->n; i++) {
        const struct side *s = side_of(p, plan, i);
        for (size_t j = 0; j < s->places_n; j++) {
            int64_t from;
            bool cold;
            if (!is_worth(p, plan, i, j, now, &from, &cold))
                continue;
            cold_ms = cold && s->cold_ms > cold_ms ? s->cold_ms : cold_ms;
            soonest = from < soonest ? from : soonest;
        }
    }
    plan->cold = cold_ms != 0;
    *ret_ms = soonest == INT64_MAX ? -1 : soonest > now ? soonest - now : 1;
    if (soonest == INT64_MAX || !plan->patient)
        return GW_GIVE_UP;
    int64_t most = plan->cold ? cold_ms : p->retry_ms;
    int64_t held = plan->held_ms < 0 ? now : plan->held_ms;
    int64_t last = held + most;
    /* What is being woken may be there sooner than it rests. */
    if (*ret_ms > last - now && (!plan->cold || now >= last))
        return GW_GIVE_UP;
    plan->held_ms = held;
    *ret_ms = *ret_ms > last - now ? last - now : *ret_ms;
    for (size_t i = 0; i < plan->tried_n; i++)
        if (!plan->tried[i].for_good)
            plan->tried[i--] = plan->tried[--plan->tried_n];
    return GW_WAIT;
}

enum gw_move gw_policy_next(struct gw_policy *p, struct gw_plan *plan, int64_t now, uint32_t random,
                            int64_t *ret_ms)
{
    *ret_ms = -1;
    if (plan->begun)
        return GW_GIVE_UP;
    if (plan->plain && plan->tries == 0) {
        earn(side_of(p, plan, 0));
        plan->tries = plan->attempts = 1;
        plan->asked = true;
        return GW_ASK;
    }
    bool found = plan->attempts != 0 && plan->choice < plan->choices->n &&
                 find_location(p, plan, plan->choice, now, &plan->location);
    if (found || draw(p, plan, now, random))
        return begin(p, plan, now) ? GW_ASK : GW_GIVE_UP;
    return wait_or_end(p, plan, now, ret_ms);
}

bool gw_policy_again(struct gw_policy *p, struct gw_plan *plan, int64_t now)
{
    if (plan->begun || plan->asked || plan->attempts >= GW_ATTEMPTS_MAX ||
        !pay(side_of(p, plan, plan->choice), now))
        return false;
    plan->attempts++;
    plan->tries++;
    plan->asked = true;
    return true;
}

/* ---- what came of it -------------------------------------------------------------------------------- */

static void rest(struct place *at, bool wakes, int64_t after, int64_t now)
{
    int64_t most = wakes ? GW_COLD_REST_MAX_MS : GW_REST_MAX_MS;
    int64_t ms = wakes ? GW_COLD_REST_MS : GW_REST_MS;
    /* Many that were under way together fail together: that is one failure. */
    if (at->failures == 0 || now >= at->rests_until_ms)
        at->failures++;
    for (unsigned i = 1; i < at->failures && ms < most; i++)
        ms *= 2;
    ms = ms < most ? ms : most;
    at->told = after >= 0 && !wakes;
    if (after >= 0)
        ms = wakes ? (after < most ? after : most)
                   : (after < GW_REST_TOLD_MAX_MS ? after : GW_REST_TOLD_MAX_MS);
    if (at->rests_until_ms < now + ms)
        at->rests_until_ms = now + ms;
}

static void remember(struct side *s, const struct gw_plan *plan, int64_t now)
{
    struct sticky *slot = &s->sticky[plan->model % STICKY_SLOTS];
    if (s->places_n == 1 || plan->location == sticky_location(s, plan->model, now))
        return; /* not for longer and longer: the first one shall have its turn */
    *slot = (struct sticky){plan->model, plan->location, now + GW_STICKY_MS};
}

void gw_policy_tell(struct gw_policy *p, struct gw_plan *plan, enum gw_outcome outcome,
                    int64_t after, int64_t now)
{
    struct side *s = side_of(p, plan, plan->choice);
    struct place *at = place_of(p, plan, plan->choice, plan->location);
    if (!plan->asked)
        return;
    plan->asked = false;
    if (plan->probing)
        at->probed_until_ms = 0;
    plan->probing = false;
    switch (outcome) {
    case GW_WORKED:
    case GW_ODD:
    case GW_NOT_SERVED:
        at->failures = 0;
        at->rests_until_ms = 0;
        break;
    case GW_UNREACHED:
    case GW_UNAVAILABLE:
        rest(at, s->cold_ms != 0, after, now);
        break;
    case GW_LIMITED:
        rest(at, false, after, now);
        break;
    case GW_NO_ROOM:
    case GW_LEFT:
        break;
    }
    if (outcome == GW_WORKED)
        remember(s, plan, now);
    if (outcome == GW_WORKED || outcome == GW_ODD || outcome == GW_LEFT)
        return;
    if (plan->tried_n < sizeof plan->tried / sizeof *plan->tried) {
        plan->tried[plan->tried_n].choice = plan->choice;
        plan->tried[plan->tried_n].location = plan->location;
        plan->tried[plan->tried_n++].for_good = outcome == GW_NOT_SERVED || outcome == GW_NO_ROOM;
    }
}

void gw_policy_count_resting(const struct gw_policy *p, int64_t now, struct gw_counters *c)
{
    c->resting = 0;
    c->rests_until_ms = 0;
    for (size_t i = 0; i < p->places_n; i++) {
        int64_t until = free_from(&p->places[i]);
        c->resting += until > now;
        if (until > c->rests_until_ms)
            c->rests_until_ms = until;
    }
}
