/* SPDX-License-Identifier: Apache-2.0 */
/* record.c - a value as it stands in the file. */
#include "store/record.h"

#include "base/endian.h"

#include <assert.h>
#include <string.h>

#define VERSION 1
#define SUM_AT 16 /* in the head */

enum fate { AGES, STAYS };

static const struct row {
    enum store_map map;
    enum fate fate;
    size_t max_bytes, max_n;
} rows[] = {
#define MAP(id, number, fate, max_bytes, max_n) {STORE_##id, fate, (max_bytes), (max_n)},
#include "store/maps.def"
#undef MAP
};

static const struct row *find_row(uint64_t number)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].map == number)
            return &rows[i];
    return NULL;
}

static const struct row *row_of(enum store_map map)
{
    const struct row *row = find_row(map);
    assert(row);
    return row;
}

enum store_map store_map_of(uint64_t number)
{
    const struct row *row = find_row(number);
    return row ? row->map : (enum store_map)0;
}

bool store_map_ages(enum store_map map)
{
    return row_of(map)->fate == AGES;
}

size_t store_map_max_n(enum store_map map)
{
    return row_of(map)->max_n;
}

size_t store_value_max(enum store_map map)
{
    return row_of(map)->max_bytes;
}

/* ---- numbers ---- */

void store_put_be(char *to, uint64_t n)
{
    for (unsigned i = 8; i-- != 0; n >>= 8)
        to[i] = (char)(n & 0xff);
}

uint64_t store_read_be(const char *p)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < 8; i++)
        n = n << 8 | (unsigned char)p[i];
    return n;
}

/* ---- checksums ---- */

/* Each step can be undone, so two texts that differ in one word never come to the same. */
static uint64_t mix(uint64_t sum, uint64_t word)
{
    sum = (sum ^ word) * 0x9e3779b97f4a7c15;
    return sum ^ sum >> 32;
}

uint64_t store_hash(uint64_t from, struct dgm_str s)
{
    uint64_t sum = mix(from, s.n);
    for (; s.n >= 8; s.p += 8, s.n -= 8)
        sum = mix(sum, dgm_read_le(s.p, 8));
    return s.n != 0 ? mix(sum, dgm_read_le(s.p, (unsigned)s.n)) : sum;
}

static uint64_t checksum(const char *head, struct dgm_str key, struct dgm_str value)
{
    uint64_t sum = store_hash(0, (struct dgm_str){head, SUM_AT});
    return store_hash(store_hash(sum, key), value);
}

/* ---- records ---- */

void store_record_write(char *to, enum store_map map, struct dgm_str key,
                        const struct store_record *record)
{
    to[0] = VERSION;
    to[1] = (char)map;
    dgm_put_le(to + 2, 0, 2);
    dgm_put_le(to + 4, record->value.n, 4);
    dgm_put_le(to + 8, record->stamp, 8);
    dgm_put_le(to + SUM_AT, checksum(to, key, record->value), 8);
    if (record->value.n != 0)
        memcpy(to + STORE_HEAD_BYTES, record->value.p, record->value.n);
}

bool store_record_read(struct dgm_str bytes, enum store_map map, struct dgm_str key,
                       struct store_record *ret)
{
    if (bytes.n < STORE_HEAD_BYTES || bytes.p[0] != VERSION || bytes.p[1] != (char)map)
        return false;
    struct dgm_str value = {bytes.p + STORE_HEAD_BYTES, bytes.n - STORE_HEAD_BYTES};
    if (dgm_read_le(bytes.p + 4, 4) != value.n ||
        dgm_read_le(bytes.p + SUM_AT, 8) != checksum(bytes.p, key, value))
        return false;
    *ret = (struct store_record){dgm_read_le(bytes.p + 8, 8), value};
    return true;
}
