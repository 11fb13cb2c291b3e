/* SPDX-License-Identifier: Apache-2.0 */
/* tools.h - the tools of a request: functions, Google's own, and the choice among them (google.md 2.4, 6.3). */
#ifndef TRANSLATE_TOOLS_H
#define TRANSLATE_TOOLS_H

#include "translate/google.h"
#include "translate/names.h"

/** Checks tools, functions, tool_choice, function_call, parallel_tool_calls and web_search_options, and notes them. */
void tools_read(struct dgm_request *);

/** Puts `tools` and `toolConfig`, members of the native request, where there are any. */
void tools_put(struct dgm_request *, struct json_writer *);

#endif
