/* SPDX-License-Identifier: Apache-2.0 */
/* emu_chat.h - chat completions asked of the emulator's dialects, for their tests. */
#ifndef SUPPORT_EMU_CHAT_H
#define SUPPORT_EMU_CHAT_H

#include "emulate/dialect.h"
#include "support/emu_run.h"

/* Members of requests. */
#define SAYS(text) "\"messages\":[{\"role\":\"user\",\"content\":\"" text "\"}]"
#define HELLO SAYS("Hello!")
#define WEATHER_TOOL                                                                               \
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"get_weather\",\"parameters\":{"    \
    "\"type\":\"object\",\"properties\":{\"location\":{\"type\":\"string\"}},"                     \
    "\"required\":[\"location\"]}}}]"
#define WEATHER SAYS("What is the weather in Chicago?") "," WEATHER_TOOL
#define BOTH SAYS("What is the weather in Chicago and Paris?") "," WEATHER_TOOL
#define SCHEMA                                                                                     \
    "{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}},\"required\":[\"city\"]}"
#define TURNS(a, b)                                                                                \
    "\"messages\":[{\"role\":\"" a "\",\"content\":\"a\"},{\"role\":\"" b "\",\"content\":\"b\"}]"

extern const struct emu_options emu_options_plain;

/** Asks for a completion, with a fault or (NULL) without. */
void emu_chat(struct emu_run *, enum emu_dialect, const char *fault, const char *body);

/** The first choice's message, and its finish_reason. */
const struct json_val *emu_chat_message(struct emu_run *);
struct dgm_str emu_chat_finish(struct emu_run *);

void emu_assert_text(struct dgm_str is, const char *wanted);

#endif
