/* SPDX-License-Identifier: Apache-2.0 */
/* property.h - how a fuzzer says what must hold. */
#ifndef FUZZ_PROPERTY_H
#define FUZZ_PROPERTY_H

#include <stdio.h>
#include <stdlib.h>

/* Unlike assert it names the property, and stays when somebody defines NDEBUG. */
#define PROPERTY(holds)                                                                            \
    do {                                                                                           \
        if (!(holds)) {                                                                            \
            fprintf(stderr, "%s:%d: property: %s\n", __FILE__, __LINE__, #holds);                  \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
