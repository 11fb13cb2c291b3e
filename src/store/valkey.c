/* SPDX-License-Identifier: Apache-2.0 */
/*
 * valkey.c - Valkey's protocol, over hiredis' reader.
 *
 * Of hiredis this is all: sockets, TLS and deadlines are the net layer's, for whatever goes over the network.
 */
#include "store/valkey.h"

#include "base/buf.h"
#include "base/str.h"
#include "store/record.h"

#include <hiredis/hiredis.h>

#define PREFIX "dragoman:"
#define UNREAD_MAX ((size_t)16 << 20) /* bytes of replies that are not whole */

struct store_valkey_reader {
    const struct dgm_alloc *alloc;
    redisReader *redis;
    void *reply; /* the last one */
    size_t unread;
};

/* ---- what is put -------------------------------------------------------------------------------------- */

void store_valkey_put(struct dgm_buf *out, const struct dgm_str *words, size_t n)
{
    dgm_buf_put_char(out, '*');
    dgm_buf_put_int(out, (int64_t)n);
    dgm_buf_put_lit(out, "\r\n");
    for (size_t i = 0; i < n; i++) {
        dgm_buf_put_char(out, '$');
        dgm_buf_put_int(out, (int64_t)words[i].n);
        dgm_buf_put_lit(out, "\r\n");
        dgm_buf_put(out, words[i]);
        dgm_buf_put_lit(out, "\r\n");
    }
}

void store_valkey_put_key(struct dgm_buf *out, enum store_map map, struct dgm_str key)
{
    dgm_buf_put_lit(out, PREFIX);
    dgm_buf_put_int(out, (int64_t)map);
    dgm_buf_put_char(out, ':');
    dgm_buf_put(out, key);
}

void store_valkey_put_record(struct dgm_buf *out, enum store_map map, struct dgm_str key,
                             struct dgm_str value, int64_t now_ms)
{
    const struct store_record record = {.stamp = (uint64_t)now_ms * 1000, .value = value};
    size_t n = STORE_HEAD_BYTES + value.n;
    char *to = dgm_buf_room(out, n);
    if (!to)
        return;
    store_record_write(to, map, key, &record);
    out->n += n;
}

struct dgm_str store_valkey_value(struct dgm_str bytes, enum store_map map, struct dgm_str key,
                                  int64_t oldest_ms)
{
    struct store_record record;
    if (!store_record_read(bytes, map, key, &record) ||
        record.stamp / 1000 < (uint64_t)(oldest_ms > 0 ? oldest_ms : 0))
        return (struct dgm_str){0};
    return record.value;
}

bool store_valkey_shares(enum store_map map)
{
    return store_map_ages(map);
}

/* ---- what is read ------------------------------------------------------------------------------------- */

struct store_valkey_reader *store_valkey_reader_new(const struct dgm_alloc *a)
{
    struct store_valkey_reader *r = a->resize(a->ctx, NULL, 0, sizeof *r);
    if (!r)
        return NULL;
    *r = (struct store_valkey_reader){.alloc = a, .redis = redisReaderCreate()};
    if (r->redis)
        return r;
    a->resize(a->ctx, r, sizeof *r, 0);
    return NULL;
}

static void drop_reply(struct store_valkey_reader *r)
{
    if (r->reply)
        freeReplyObject(r->reply);
    r->reply = NULL;
}

void store_valkey_reader_free(struct store_valkey_reader *r)
{
    if (!r)
        return;
    drop_reply(r);
    redisReaderFree(r->redis);
    r->alloc->resize(r->alloc->ctx, r, sizeof *r, 0);
}

bool store_valkey_feed(struct store_valkey_reader *r, struct dgm_str bytes)
{
    r->unread += bytes.n;
    return r->unread <= UNREAD_MAX && redisReaderFeed(r->redis, bytes.p, bytes.n) == REDIS_OK;
}

static struct store_valkey_reply reply_of(const redisReply *raw)
{
    struct store_valkey_reply reply = {.kind = STORE_VALKEY_OK, ._raw = raw};
    switch (raw->type) {
    case REDIS_REPLY_STRING:
        reply.kind = STORE_VALKEY_TEXT;
        break;
    case REDIS_REPLY_ERROR:
        reply.kind = STORE_VALKEY_ERROR;
        break;
    case REDIS_REPLY_NIL:
        reply.kind = STORE_VALKEY_NIL;
        break;
    case REDIS_REPLY_ARRAY:
        reply.kind = STORE_VALKEY_VALUES;
        reply.n = (size_t)raw->elements;
        return reply;
    default:
        break;
    }
    if (raw->str)
        reply.text = (struct dgm_str){raw->str, (size_t)raw->len};
    return reply;
}

enum dgm_rc store_valkey_next(struct store_valkey_reader *r, struct store_valkey_reply *ret)
{
    drop_reply(r);
    if (redisReaderGetReply(r->redis, &r->reply) != REDIS_OK)
        return DGM_E_SYNTAX;
    if (!r->reply)
        return DGM_MORE;
    r->unread = r->redis->len - r->redis->pos;
    *ret = reply_of(r->reply);
    return DGM_OK;
}

struct store_valkey_reply store_valkey_at(const struct store_valkey_reply *reply, size_t i)
{
    const redisReply *raw = reply->_raw;
    if (reply->kind != STORE_VALKEY_VALUES || i >= reply->n)
        return (struct store_valkey_reply){.kind = STORE_VALKEY_NIL};
    return reply_of(raw->element[i]);
}
