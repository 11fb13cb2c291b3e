/* SPDX-License-Identifier: Apache-2.0 */
/* tools.c - the tools of a request: functions, Google's own, and the choice among them. */
#include "translate/tools.h"

void tools_read(struct dgm_request *r)
{
    (void)r;
}

void tools_put(struct dgm_request *r, struct json_writer *w)
{
    (void)r;
    (void)w;
}
