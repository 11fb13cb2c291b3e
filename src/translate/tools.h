/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools.h - the tools of a request: functions, Google's own, and the choice among them (google.md 2.4, 6.3).
 *
 * Functions come from `tools`, or else from the deprecated `functions`, or from functionDeclarations among Google's
 * own; all of them are one Tool object, and each of Google's kinds (tool_kinds.def) is another. Of two functions of
 * one name the last counts, as in a client's map of them.
 *
 * Models before Gemini 3 refuse Google's kinds beside functions: the functions stay, the others are named as ignored.
 *
 * Models that cannot have functions beside a JSON answer (user-pain B3) get the answer as one function more, of a name
 * that nobody has, whose arguments are the answer; they must call something, so an answer is always JSON. The client
 * sees the arguments as content, and "stop". Nothing of it is left in the conversation.
 */
#ifndef TRANSLATE_TOOLS_H
#define TRANSLATE_TOOLS_H

#include "translate/google.h"
#include "translate/names.h"

enum tools_mode { MODE_UNSAID, MODE_AUTO, MODE_ANY, MODE_NONE, MODE_VALIDATED };

/** How a JSON answer stands in the arguments of the function for it. */
enum tools_answer {
    ANSWER_NONE,   /* there is no such function */
    ANSWER_ARGS,   /* they are the answer */
    ANSWER_MEMBER, /* their member "answer" is: its schema is no object's */
    ANSWER_TEXT,   /* the text of their member "answer" is: there is no schema */
};

enum tool_source { FROM_TOOLS, FROM_FUNCTIONS, FROM_GOOGLE };

/** One function as it was declared. */
struct tool {
    const struct json_val *function; /* {name, description, parameters}, or Google's declaration */
    struct chat_name *name;
    enum tool_source source;
    size_t index, inner; /* of the element, and of the declaration inside of Google's */
};

/** What was read of a request's tools. All of it stands in the request's arena. */
struct chat_tools {
    struct tool *functions;
    size_t functions_n;
    size_t declared_n; /* of different names */
    bool google_search;
    bool functions_alone; /* the model takes nothing beside functions */

    enum tools_mode mode;
    bool chosen_only; /* only chosen functions may be called: left out (AUTO), or named (ANY) */
    bool legacy;      /* `functions`: answers carry function_call */
    bool single;      /* parallel_tool_calls is false */
    bool stream_args;

    bool carries_answer;
    enum tools_answer answer;
    const struct chat_name *answer_name;
};

/** Checks tools, functions, tool_choice, function_call, parallel_tool_calls and web_search_options, and notes them. */
void tools_read(struct dgm_request *);

/** Puts `tools` and `toolConfig`, members of the native request, where there are any. */
void tools_put(struct dgm_request *, struct json_writer *);

/** Whether the tools see to a JSON answer, so that response_format must not. After tools_read. */
bool tools_carry_answer(const struct dgm_request *);

/** How many calls of an answer reach the client: one where it asked for one at a time, or can take no more. */
size_t tools_calls_max(const struct dgm_request *);

/** Whether answers carry the deprecated function_call. */
bool tools_legacy(const struct dgm_request *);

/** The JSON Schema that was declared for the arguments of a native call; NULL: none was. */
const struct json_val *tools_schema(const struct dgm_request *, struct dgm_str native_name);

/** Whether a native call is the answer itself. */
bool tools_is_answer(const struct dgm_request *, struct dgm_str native_name);

/** Puts the answer that the arguments of such a call are, as a string. */
void tools_put_answer(const struct dgm_request *, struct json_writer *,
                      const struct json_val *args);

/* ---- between tools.c, tools_put.c and google_tools.c ---- */

/** Adds a function of Google's own declarations, at a place, to those that were read. */
void tools_add_declaration(struct dgm_request *, const struct json_val *declaration,
                           const struct chat_place *, size_t index, size_t inner);

/** How many functions google.tools declare, at most. */
size_t google_tools_declarations(const struct dgm_request *);

/** Checks google.tools, and adds the functions among them. */
void google_tools_read(struct dgm_request *);

/** Leaves out and names Google's kinds beside functions, for models that take only one of the two (C11). */
void google_tools_leave_out(struct dgm_request *);

/** Puts a function of theirs, an element of functionDeclarations. */
void google_tools_put_declaration(struct dgm_request *, struct json_writer *, const struct tool *);

/** Whether there are other kinds; puts each as an element of `tools`, and web_search_options too. */
bool google_tools_any(const struct dgm_request *);
void google_tools_put(struct dgm_request *, struct json_writer *);

#endif
