/* SPDX-License-Identifier: Apache-2.0 */
/* rules_holds.c - what a request holds, read once for all rules. */
#include "emulate/rules.h"

struct member {
    struct dgm_str name;
    unsigned holds;
};

#define MEMBER(camel, holds) {{camel, sizeof(camel) - 1}, holds},

static const struct member of_root[] = {
#define ROOT(camel, holds) MEMBER(camel, holds)
#include "emulate/holds.def"
};

static const struct member of_config[] = {
#define CONFIG(camel, holds) MEMBER(camel, holds)
#include "emulate/holds.def"
};

static const struct member of_part[] = {
#define PART(camel, holds) MEMBER(camel, holds)
#include "emulate/holds.def"
};

static unsigned read(const struct json_val *obj, const struct member *members, size_t n)
{
    unsigned holds = 0;
    for (struct json_iter i = json_iter(json_kind(obj) == JSON_OBJ ? obj : NULL); json_next(&i);)
        for (size_t m = 0; m < n; m++)
            if (emu_ask_is(i.name, members[m].name))
                holds |= members[m].holds;
    return holds;
}

#define READ(obj, members) read((obj), (members), sizeof(members) / sizeof *(members))

unsigned emu_rules_holds(const struct ask *ask)
{
    unsigned holds = HOLDS_ANYTHING | READ(ask->root, of_root) | READ(ask->config, of_config);
    for (struct part_walk w = emu_rules_walk(ask); emu_rules_next_part(&w);)
        holds |= READ(w.part, of_part);
    return holds;
}
