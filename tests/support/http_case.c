/* SPDX-License-Identifier: Apache-2.0 */
/* http_case.c - the cases of tests/http/corpus. */
#include "support/http_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CORPUS DGM_TESTS_DIR "/http/corpus/"
#define CASE_BYTES ((size_t)1024 * 1024)

static void stop(const char *name, const char *why)
{
    fprintf(stderr, "tests/http/corpus: %s: %s\n", name, why);
    exit(1);
}

static void *take(size_t n)
{
    void *p = malloc(n);
    if (!p)
        stop("memory", "none left");
    return p;
}

/* A whole file, zero-terminated. */
static char *read_file(const char *name, const char *suffix)
{
    char path[512];
    snprintf(path, sizeof(path), CORPUS "%s%s", name, suffix);
    FILE *f = fopen(path, "rb");
    if (!f)
        stop(name, "cannot be opened");
    char *text = take(CASE_BYTES);
    size_t n = fread(text, 1, CASE_BYTES - 1, f);
    if (ferror(f) || !feof(f))
        stop(name, "cannot be read, or is too large");
    fclose(f);
    text[n] = 0;
    return text;
}

struct decoder {
    const char *name;
    char *out;
    size_t n;
};

static void put(struct decoder *d, char c)
{
    if (d->n == CASE_BYTES)
        stop(d->name, "decodes to more than a MiB");
    d->out[d->n++] = c;
}

/*
 * Decodes up to `end` (a zero, or the brace that ends a repeated text) and returns where it stands.
 */
static const char *decode(struct decoder *d, const char *s, char end)
{
    while (*s != end) {
        unsigned number;
        int used = 0;
        if (*s == 0)
            stop(d->name, "a brace is not closed");
        if (*s != '\\') {
            if (*s != '\n')
                put(d, *s);
            s++;
        } else if (strchr("rnt\\", s[1]) && s[1]) {
            put(d, s[1] == 'r' ? '\r' : s[1] == 'n' ? '\n' : s[1] == 't' ? '\t' : '\\');
            s += 2;
        } else if (sscanf(s, "\\x%2x%n", &number, &used) == 1 && used == 4) {
            put(d, (char)number);
            s += 4;
        } else if (sscanf(s, "\\p{%u}%n", &number, &used) == 1 && used != 0) {
            s += used;
        } else if (sscanf(s, "\\*%u{%n", &number, &used) == 1 && used != 0 && end == 0) {
            const char *text = s + used;
            for (s = text; number-- != 0;)
                s = decode(d, text, '}');
            s++;
        } else {
            stop(d->name, "holds an unknown escape");
        }
    }
    return s;
}

static struct dgm_str load_bytes(const char *name)
{
    char *text = read_file(name, ".http");
    struct decoder d = {.name = name, .out = take(CASE_BYTES)};
    decode(&d, text, 0);
    free(text);
    /* Exactly as large as its bytes: AddressSanitizer then sees a reader that goes beyond. */
    char *bytes = take(d.n ? d.n : 1);
    memcpy(bytes, d.out, d.n);
    free(d.out);
    return (struct dgm_str){bytes, d.n};
}

struct http_cases http_cases_load(void)
{
    struct http_cases cases = {._index = read_file("index", "")};
    char *lines = NULL, *line = strtok_r(cases._index, "\n", &lines);
    for (; line; line = strtok_r(NULL, "\n", &lines)) {
        char *rest = NULL;
        if (line[0] == '#')
            continue;
        struct http_case c = {.name = strtok_r(line, " ", &rest)};
        c.answers = strtok_r(NULL, " ", &rest);
        c.then = strtok_r(NULL, " ", &rest);
        const char *reader = strtok_r(NULL, " ", &rest);
        char *colon;
        if (!reader || !strtok_r(NULL, "\n", &rest))
            stop(c.name, "its line has too few columns");
        c.complete = (unsigned)strtoul(reader, &colon, 10);
        if (*colon != ':')
            stop(c.name, "its reader column is malformed");
        c.outcome = colon + 1;
        c.bytes = load_bytes(c.name);
        cases.at = realloc(cases.at, (cases.n + 1) * sizeof(c));
        if (!cases.at)
            stop("memory", "none left");
        cases.at[cases.n++] = c;
    }
    return cases;
}

void http_cases_free(struct http_cases *cases)
{
    for (size_t i = 0; i < cases->n; i++)
        free((void *)(uintptr_t)cases->at[i].bytes.p);
    free(cases->at);
    free(cases->_index);
}
