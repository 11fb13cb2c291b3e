/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record.h - a value as it stands in the file: a head that says what it is and when it was put, and the value.
 *
 * u8 version (1), u8 map, u16 0, u32 length of the value, u64 stamp, u64 checksum; little-endian. The checksum is over
 * all of the head before it, the key and the value. One wrong byte is always found; more are missed once in 2^64.
 */
#ifndef STORE_RECORD_H
#define STORE_RECORD_H

#include "store/store.h"

#define STORE_HEAD_BYTES 24

/** A record that was read. The value is borrowed from the bytes it was read of. */
struct store_record {
    uint64_t stamp; /* microseconds since 1970; of maps that age each has its own */
    struct dgm_str value;
};

/** Whether a map's values go when they are old, and how many others there may be. */
bool store_map_ages(enum store_map);
size_t store_map_max_n(enum store_map);

/** Writes a record's STORE_HEAD_BYTES + value.n bytes to `to`. */
void store_record_write(char *to, enum store_map, struct dgm_str key, const struct store_record *);

/** Reads it. False: these bytes are not what was written for this map and key. */
bool store_record_read(struct dgm_str bytes, enum store_map, struct dgm_str key,
                       struct store_record *ret);

/** Numbers of eight bytes as they stand in keys that are to be in their order. */
void store_put_be(char *to, uint64_t n);
uint64_t store_read_be(const char *p);

/** A hash of 64 bits; `from` is 0, or what came before. */
uint64_t store_hash(uint64_t from, struct dgm_str);

#endif
