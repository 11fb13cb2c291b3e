/* SPDX-License-Identifier: Apache-2.0 */
/* keys.c - the key file, read and read again. */
#include "gateway/keys.h"

#include "gateway/log.h"
#include "gateway/watched.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LOOK_EVERY_MS 100
#define ARENA_BYTES_MAX (4 * AUTH_KEYRING_FILE_MAX)

/** Lifetime: read to its last holder; the newest is held by its worker. */
struct gw_key_set {
    const struct dgm_alloc *alloc;
    size_t holders;
    struct dgm_buf text;
    struct dgm_arena arena;
    struct auth_keyring ring;
};

struct gw_keys {
    const struct dgm_alloc *alloc;
    const char *path;
    struct gw_key_set *set; /* the newest that could be read; NULL: none could */
    struct gw_file_mark mark;
    int64_t looked_ms;
    bool again; /* what the mark is of could not be read, and not for what stands in it */
};

void gw_key_set_give(struct gw_key_set *s)
{
    if (s == NULL || --s->holders != 0)
        return;
    dgm_arena_dispose(&s->arena);
    dgm_buf_dispose(&s->text);
    s->alloc->resize(s->alloc->ctx, s, sizeof *s, 0);
}

/* NULL: `why` says why; `*ret_passes`: it is for want of memory, or the system's refusal, and may be read another time. */
static struct gw_key_set *read_set(const char *path, const struct dgm_alloc *alloc,
                                   char why[GW_KEYS_WHY_BYTES], bool *ret_passes)
{
    struct gw_key_set *s = alloc->resize(alloc->ctx, NULL, 0, sizeof *s);
    struct auth_keyring_fault fault = {0};
    (void)snprintf(why, GW_KEYS_WHY_BYTES, "%.250s: out of memory", path);
    *ret_passes = true;
    if (s == NULL)
        return NULL;
    *s = (struct gw_key_set){.alloc = alloc, .holders = 1};
    dgm_buf_init(&s->text, alloc, AUTH_KEYRING_FILE_MAX);
    dgm_arena_init(&s->arena, alloc, ARENA_BYTES_MAX);
    int error = gw_file_read(path, &s->text);
    struct dgm_str text = s->text.n != 0 ? dgm_buf_str(&s->text) : DGM_STR("");
    enum dgm_rc rc =
        error == 0 ? auth_keyring_read(text, &s->arena, &s->ring, &fault) : DGM_E_REFUSED;
    if (rc == DGM_OK)
        return s;
    if (error != 0)
        (void)snprintf(why, GW_KEYS_WHY_BYTES, "%.250s: %s", path, strerror(error));
    else if (rc == DGM_E_REFUSED)
        (void)snprintf(why, GW_KEYS_WHY_BYTES, "%.250s:%zu: %s", path, fault.line, fault.why);
    *ret_passes = error != 0 ? error != EFBIG : rc != DGM_E_REFUSED;
    gw_key_set_give(s);
    return NULL;
}

static void look(struct gw_keys *k, int64_t now_ms)
{
    char why[GW_KEYS_WHY_BYTES];
    k->looked_ms = now_ms;
    bool changed = gw_file_changed(k->path, &k->mark);
    if (!changed && !k->again)
        return;
    struct gw_key_set *set = read_set(k->path, k->alloc, why, &k->again);
    if (set == NULL) {
        if (changed || !k->again) /* one that is tried ten times a second is told once */
            gw_log(GW_LOG_WARN, "the keys are not read anew: %s", why);
        return;
    }
    k->again = false;
    gw_log(GW_LOG_DEBUG, "%zu keys", set->ring.n);
    gw_key_set_give(k->set);
    k->set = set;
}

struct gw_keys *gw_keys_new(const char *path, const struct dgm_alloc *alloc)
{
    struct gw_keys *k = alloc->resize(alloc->ctx, NULL, 0, sizeof *k);
    if (k == NULL)
        return NULL;
    *k = (struct gw_keys){.alloc = alloc, .path = path};
    look(k, 0);
    return k;
}

void gw_keys_free(struct gw_keys *k)
{
    if (k == NULL)
        return;
    gw_key_set_give(k->set);
    k->alloc->resize(k->alloc->ctx, k, sizeof *k, 0);
}

const struct auth_client *gw_keys_find(struct gw_keys *k, int64_t now_ms, struct dgm_str key,
                                       struct gw_key_set **ret_set)
{
    if (now_ms - k->looked_ms >= LOOK_EVERY_MS)
        look(k, now_ms);
    const struct auth_client *c = k->set != NULL ? auth_keyring_find(&k->set->ring, key) : NULL;
    if (c == NULL)
        return NULL;
    k->set->holders++;
    *ret_set = k->set;
    return c;
}

bool gw_keys_check(const char *path, char why[GW_KEYS_WHY_BYTES])
{
    bool passes;
    struct gw_key_set *set = read_set(path, &dgm_alloc_libc, why, &passes);
    gw_key_set_give(set);
    return set != NULL;
}
