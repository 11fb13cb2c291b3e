/* SPDX-License-Identifier: Apache-2.0 */
/* number.h - a number within limits, as a JSON text. */
#ifndef EMULATE_NUMBER_H
#define EMULATE_NUMBER_H

#include <dragoman/types.h>

#define NUMBER_MAX 9e15 /* whole numbers up to here are exact */
#define NUMBER_MAX_BYTES 32

/** What it must be. */
struct number {
    double min, max;           /* -NUMBER_MAX, NUMBER_MAX: no limit */
    bool above_min, below_max; /* not the limit itself */
    bool integer;
    struct dgm_str step; /* a multiple of this; absent: of anything */
};

/** Whether a JSON number is such a one; `step` is not looked at. */
bool emu_number_fits(const struct number *, struct dgm_str text);

/**
 * Makes one: 1 (or the step) where it may, else the least, else the largest; between two whole numbers the
 * middle. `index` is added where there is room, for numbers that are to differ. A step of more than nine
 * digits is not looked at; limits without a number between them are not kept. The text stands in the room.
 */
struct dgm_str emu_number_make(char room[NUMBER_MAX_BYTES], const struct number *, size_t index);

#endif
