/* SPDX-License-Identifier: Apache-2.0 */
/* recording_layout.c - JSON over lines and back, for any text: only blanks between its words come and go. */
#include "gateway/recording.h"

#include "base/buf.h"
#include "base/str.h"

#define STEP 2
#define DEPTH_SHOWN                                                                                \
    32 /* what is deeper stands no farther in, or brackets alone would make a large file */

/* Where in a text we are; both ways see the same. */
struct scan {
    bool quoted, escaped;
};

/* Takes one character. True: it stands between the words, and means something there. */
static bool is_outside(struct scan *s, char c)
{
    if (!s->quoted) {
        s->quoted = c == '"';
        return !s->quoted;
    }
    if (s->escaped)
        s->escaped = false;
    else if (c == '\\')
        s->escaped = true;
    else
        s->quoted = c != '"';
    return false;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static void put_line(struct dgm_buf *out, size_t depth)
{
    dgm_buf_put_char(out, '\n');
    for (size_t i = 0; i < STEP * (depth < DEPTH_SHOWN ? depth : DEPTH_SHOWN); i++)
        dgm_buf_put_char(out, ' ');
}

void gw_layout_put(struct dgm_str json, struct dgm_buf *out)
{
    struct scan scan = {0};
    size_t depth = 0;
    bool opened = false; /* a bracket, behind which nothing stands yet */
    for (size_t i = 0; i < json.n; i++) {
        char c = json.p[i];
        bool outside = is_outside(&scan, c);
        if (outside && is_blank(c))
            continue;
        bool closes = outside && (c == '}' || c == ']');
        depth -= closes && depth != 0;
        if (opened != closes) /* nothing between brackets is no line */
            put_line(out, depth);
        dgm_buf_put_char(out, c);
        opened = outside && (c == '{' || c == '[');
        depth += opened;
        if (outside && c == ',')
            put_line(out, depth);
        else if (outside && c == ':')
            dgm_buf_put_char(out, ' ');
    }
}

void gw_layout_take(struct dgm_str json, bool spaced, struct dgm_buf *out)
{
    struct scan scan = {0};
    for (size_t i = 0; i < json.n; i++) {
        char c = json.p[i];
        bool outside = is_outside(&scan, c);
        if (outside && is_blank(c))
            continue;
        dgm_buf_put_char(out, c);
        if (spaced && outside && (c == ',' || c == ':'))
            dgm_buf_put_char(out, ' ');
    }
}
