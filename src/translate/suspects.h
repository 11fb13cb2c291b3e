/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suspects.h - the likeliest causes of an upstream's error that names none (user-pain G3).
 *
 * "Request contains an invalid argument." says the same of two hundred tools and of a broken PDF. Only when such an
 * answer has come is the request looked at again, as it was parsed and as it was sent: by every row of suspects.def.
 */
#ifndef TRANSLATE_SUSPECTS_H
#define TRANSLATE_SUSPECTS_H

#include "translate/chat.h"
#include "translate/media.h"

#define SUSPECTS_MAX 5  /* told to the client */
#define SUSPECT_SURE 60 /* so likely that `param` names it */

/** What came of asking without it (probes.h). */
enum suspect_probe {
    PROBE_NONE,     /* nobody asked */
    PROBE_ACCEPTED, /* it is the cause, or part of it */
    PROBE_REFUSED,  /* as the request itself was: it is not the cause, or not alone */
    PROBE_UNCLEAR,  /* for another reason, which tells nothing */
};

/** One of them. Texts stand in the request's arena. */
struct suspect {
    const char *id, *sentence; /* {0} in the sentence is `what` */
    unsigned likely;           /* of a hundred */
    enum suspect_probe probe;
    size_t at;             /* the message or the schema that it is of, where its row has one */
    struct dgm_str native; /* the member of generationConfig, likewise */
    /* where in the client's request: "messages[3].tool_calls"; absent: nowhere */
    struct dgm_str param;
    struct dgm_str what; /* what was found, printable */
};

/** Whether an upstream's message is one that names nothing. */
bool suspects_wanted(struct dgm_str message);

/**
 * Looks at a request that was refused. Fills `ret`, likeliest first, and returns how many there are; 0 too when memory
 * is short, and then the request has failed. `*ret_native` is the body as it was sent, or NULL.
 */
size_t suspects_find(struct dgm_request *, struct suspect ret[SUSPECTS_MAX],
                     const struct json_val **ret_native);

/** Whether it is about the tools or schemas of a request, which can be sent in a simpler form. */
bool suspect_is_schema(const struct suspect *);

/** Adds the sentence of a suspect to the string that is open in the writer. */
void suspect_add_sentence(struct json_writer *, const struct suspect *);

/** Puts them as an array of {id, likelihood ("high", "medium", "low"), param, message}, and `probe` where one was asked. */
void suspects_put(struct json_writer *, const struct suspect *, size_t n);

/* ---- between suspects.c and suspects_*.c ---- */

#define SUSPECT_WHAT_BYTES 96
#define SUSPECT_ENUM_VALUES 100 /* of one enum: fewer are never a large one */
#define SUSPECT_TOOLS_FEW 128   /* OpenAI's own limit: most clients stay below it */

/** What is looked at. */
struct look {
    struct dgm_request *r;
    const struct json_val *native; /* the body as it was sent */
    const struct json_val *config; /* its generationConfig; NULL: it has none */
};

/** What a check found. `likely` is its row's until the check knows better; 0: it is not there after all. */
struct finding {
    unsigned likely;
    struct dgm_buf param, what;
    size_t at;             /* as in struct suspect */
    struct dgm_str native; /* so too; a constant */
};

/* The checks, one a row: true when it found something. */
#define SUSPECT(id, likely, source, sentence) bool look_##id(const struct look *, struct finding *);
#include "translate/suspects.def"
#undef SUSPECT

/** One medium of the conversation; it begins as all zero. */
struct suspect_file {
    struct media media;
    size_t message, part;
    struct json_iter _parts; /* of the message: what is behind this one */
    bool _begun;             /* the message's parts are walked */
};

/** The next medium. False: there is none any more. */
bool suspect_next_file(const struct look *, struct suspect_file *);

/** What three of the rows find wrong with one. */
bool suspect_file_is_broken(const struct suspect_file *);
bool suspect_file_is_unread(const struct suspect_file *);
bool suspect_file_is_away(const struct look *, const struct suspect_file *);

/** Puts a text into `what`, with "?" for what is not printable, and as much as there is room for. */
void finding_what(struct finding *, struct dgm_str);

#endif
