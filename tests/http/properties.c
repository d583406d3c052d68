/* Heads and chunked bodies against a second reading of the same bytes.
 *
 * DESIGN
 *   The second reading sees all bytes at once, looks at them line by line and keeps no state, so it cannot have the mistakes of a
 *   parser that is fed in pieces. It is slow and simple on purpose. Copies are of the exact size: who reads past them is seen by the
 *   address sanitizer. */
#include "properties.h"

#include "http/parser.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HOLDS(condition) holds((condition), #condition, __LINE__)

static void holds(bool condition, const char *words, int line)
{
        if (condition)
                return;
        fprintf(stderr, "properties.c:%d: does not hold: %s\n", line, words);
        abort();
}

/* ------------------------------------------------------------------ pieces */

/* Where the next piece ends, in one of several ways to cut; @state makes the random ones. */
enum cut { AT_ONCE, BY_BYTE, AT_RANDOM, BY_LINE, CUTS };

static size_t next_end(enum cut cut, const char *bytes, size_t at, size_t size, unsigned *state)
{
        const char *lf;
        switch (cut) {
        case BY_BYTE:
                return at + 1;
        case AT_RANDOM:
                *state = *state * 1103515245 + 12345;
                at += 1 + (*state >> 16) % (size / 4 + 2);
                return at < size ? at : size;
        case BY_LINE: /* between CR and LF */
                lf = memchr(bytes + at + 1, '\n', size - at - 1);
                return lf ? (size_t)(lf - bytes) : size;
        default:
                return size;
        }
}

static char *exact_copy(const char *bytes, size_t size)
{
        char *copy = malloc(size ? size : 1);
        HOLDS(copy != NULL);
        memcpy(copy, bytes, size);
        return copy;
}

/* ------------------------------------------------------------------ heads */

static int parse_in_pieces(struct http_head *head, const char *bytes, size_t size, enum cut cut)
{
        int r = 0;
        unsigned state = (unsigned)size;
        aeon__http_head_init(head);
        for (size_t at = 0; at < size && r == 0;) {
                at = next_end(cut, bytes, at, size, &state);
                if (cut == BY_BYTE) { /* a copy for each byte would be most of the time */
                        r = aeon__http_head_parse(head, bytes, at);
                        continue;
                }
                char *copy = exact_copy(bytes, at);
                r = aeon__http_head_parse(head, copy, at);
                free(copy);
        }
        return r;
}

static bool same_span(struct http_span a, struct http_span b)
{
        return a.start == b.start && a.size == b.size;
}

static void check_same_head(const struct http_head *a, const struct http_head *b)
{
        HOLDS(same_span(a->method, b->method) && same_span(a->path, b->path) && same_span(a->host, b->host));
        HOLDS(a->has_query == b->has_query && same_span(a->query, b->query));
        HOLDS(a->minor == b->minor && a->keep_alive == b->keep_alive && a->expect_continue == b->expect_continue);
        HOLDS(a->chunked == b->chunked && a->content_length == b->content_length && a->size == b->size);
        HOLDS(a->field_count == b->field_count);
        for (size_t i = 0; i < a->field_count; i++)
                HOLDS(same_span(a->fields[i].name, b->fields[i].name) && same_span(a->fields[i].value, b->fields[i].value));
}

/* What the naive reading counts. */
struct reading {
        size_t fields, hosts, lengths, encodings;
        unsigned long long length;
};

static bool starts(const char *line, const char *end, const char *name)
{
        size_t size = strlen(name);
        return (size_t)(end - line) >= size && !strncasecmp(line, name, size);
}

/* A line with a value that frames the message: what it says must be the one thing that it may say. */
static void read_framing(struct reading *reading, const char *line, const char *end)
{
        const char *value = memchr(line, ':', (size_t)(end - line)) + 1;
        while (value < end && strchr(" \t", *value))
                value++;
        while (end > value && strchr(" \t", end[-1]))
                end--;
        if (starts(line, end, "content-length:")) {
                reading->lengths++;
                HOLDS(end > value);
                for (; value < end; value++) {
                        HOLDS(isdigit((unsigned char)*value));
                        reading->length = reading->length * 10 + (unsigned)(*value - '0');
                }
        } else if (starts(line, end, "transfer-encoding:")) {
                reading->encodings++;
                HOLDS(end - value == 7 && !strncasecmp(value, "chunked", 7));
        }
}

/* Every line of an accepted head ends in CR LF and has no other CR, LF or NUL; no field has blanks before its colon. */
static void read_fields(struct reading *reading, const char *bytes, size_t size)
{
        const char *end = bytes + size, *line = memmem(bytes, size, "HTTP/1.", 7);
        HOLDS(size >= 4 && !memcmp(end - 4, "\r\n\r\n", 4) && line != NULL);
        line = memmem(line, (size_t)(end - line), "\r\n", 2);
        for (line += 2; line < end - 2;) {
                const char *stop = memmem(line, (size_t)(end - line), "\r\n", 2);
                size_t length = (size_t)(stop - line);
                HOLDS(length && !memchr(line, '\r', length) && !memchr(line, '\n', length) && !memchr(line, '\0', length));
                const char *colon = memchr(line, ':', length);
                HOLDS(colon && colon > line && !strchr(" \t", colon[-1]) && !strchr(" \t", *line));
                reading->fields++;
                reading->hosts += starts(line, stop, "host:");
                read_framing(reading, line, stop);
                line = stop + 2;
        }
}

static void check_framing(const struct http_head *head, const char *bytes)
{
        struct reading reading = { 0 };
        read_fields(&reading, bytes, head->size);
        HOLDS(reading.fields == head->field_count && reading.fields <= HTTP_FIELDS_LIMIT);
        HOLDS(reading.lengths <= 1 && reading.encodings <= 1 && reading.lengths + reading.encodings <= 1);
        HOLDS(reading.length == head->content_length && (reading.encodings == 1) == head->chunked);
        HOLDS(reading.hosts <= 1 && (head->minor == 0 || reading.hosts == 1));
        HOLDS(head->minor == 1 || !head->chunked);
}

static bool is_known_refusal(int status)
{
        return status == 400 || status == 413 || status == 414 || status == 417 || status == 431 || status == 501 || status == 505;
}

int head_holds(const char *bytes, size_t size)
{
        struct http_head whole, head;
        int r = parse_in_pieces(&whole, bytes, size, AT_ONCE);
        HOLDS(r == 0 || r == 1 || r == -EBADMSG);
        HOLDS((r == -EBADMSG) == (whole.status != 0) && (!whole.status || (is_known_refusal(whole.status) && whole.reason)));
        for (enum cut cut = BY_BYTE; cut < CUTS; cut++) {
                HOLDS(parse_in_pieces(&head, bytes, size, cut) == r);
                HOLDS(head.status == whole.status);
                if (r == 1)
                        check_same_head(&whole, &head);
        }
        if (r == 1) {
                HOLDS(whole.size <= size && whole.size <= HTTP_HEAD_LIMIT);
                check_framing(&whole, bytes);
        }
        return r == 1;
}

/* ------------------------------------------------------------------ chunked bodies */

/* A body in chunks, as far as it goes: 1 complete, 0 not yet, -1 bad. */
struct decoded {
        int verdict;
        size_t used; /* when complete */
        char *data;
        size_t size;
};

static struct decoded decode_in_pieces(const char *bytes, size_t size, enum cut cut, size_t room)
{
        struct http_chunked chunked = { 0 };
        struct decoded d = { .data = malloc(size + 1) };
        unsigned state = (unsigned)(size + room);
        for (size_t at = 0, end = 0; !aeon__http_chunked_done(&chunked); d.used = at) {
                if (at == end && end == size)
                        return d;
                if (at == end)
                        end = next_end(cut, bytes, at, size, &state);
                size_t taken = 0;
                char *copy = exact_copy(bytes + at, end - at);
                ssize_t n = aeon__http_chunked_next(&chunked, copy, end - at, room, &taken);
                HOLDS(n == -EBADMSG || (n >= 0 && (size_t)n <= room && taken <= end - at && (size_t)n <= taken));
                HOLDS(n != 0 || taken == end - at || aeon__http_chunked_done(&chunked));
                if (n > 0) {
                        memcpy(d.data + d.size, copy + taken - n, (size_t)n);
                        d.size += (size_t)n;
                }
                free(copy);
                if (n < 0) {
                        d.verdict = -1;
                        return d;
                }
                at += taken;
        }
        d.verdict = 1;
        return d;
}

/* The naive decoder: a cursor that runs out (SHORT) or sees what it must not (BAD). */
enum { MET = 1, SHORT = 0, BAD = -1 };

struct cursor {
        const char *at, *end;
};

static int expect(struct cursor *c, const char *text)
{
        for (; *text; text++, c->at++)
                if (c->at == c->end || *c->at != *text)
                        return c->at == c->end ? SHORT : BAD;
        return MET;
}

static bool is_token_char(char c)
{
        return isalnum((unsigned char)c) ? (unsigned char)c < 0x80 : c && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static bool is_text_char(char c)
{
        return c == '\t' || ((unsigned char)c >= ' ' && c != 0x7f);
}

static int skip_token(struct cursor *c)
{
        const char *start = c->at;
        while (c->at < c->end && is_token_char(*c->at))
                c->at++;
        return c->at == c->end ? SHORT : c->at > start ? MET : BAD;
}

static int skip_quoted(struct cursor *c)
{
        for (c->at++; c->at < c->end; c->at++) {
                if (*c->at == '"') {
                        c->at++;
                        return c->at == c->end ? SHORT : MET;
                }
                if (*c->at == '\\' && ++c->at == c->end)
                        return SHORT;
                if (!is_text_char(*c->at))
                        return BAD;
        }
        return SHORT;
}

static int skip_extensions(struct cursor *c)
{
        int r = MET;
        while (r == MET && c->at < c->end && *c->at == ';') {
                c->at++;
                r = skip_token(c);
                if (r == MET && *c->at == '=') {
                        c->at++;
                        r = c->at < c->end && *c->at == '"' ? skip_quoted(c) : skip_token(c);
                }
        }
        return r == MET && c->at == c->end ? SHORT : r;
}

static int read_size(struct cursor *c, uint64_t *ret_size)
{
        char digits[17] = "";
        size_t count = 0;
        for (; c->at < c->end && *c->at && strchr("0123456789abcdefABCDEF", *c->at); c->at++)
                if (count < 16)
                        digits[count++] = *c->at;
        *ret_size = strtoull(digits, NULL, 16);
        return count > 15 ? BAD : c->at == c->end ? SHORT : count ? MET : BAD;
}

static int skip_trailers(struct cursor *c)
{
        while (c->at < c->end && *c->at != '\r') {
                int r = skip_token(c);
                r = r == MET ? expect(c, ":") : r;
                if (r != MET)
                        return r;
                while (c->at < c->end && is_text_char(*c->at))
                        c->at++;
                if ((r = expect(c, "\r\n")) != MET)
                        return r;
        }
        return expect(c, "\r\n");
}

/* One chunk into @d; @ret_last when it was the one without data. */
static int decode_chunk(struct cursor *c, struct decoded *d, bool *ret_last)
{
        uint64_t size;
        int r = read_size(c, &size);
        r = r == MET ? skip_extensions(c) : r;
        r = r == MET ? expect(c, "\r\n") : r;
        *ret_last = r == MET && !size;
        if (r != MET || !size)
                return r;
        size_t there = (size_t)(c->end - c->at), taken = size < there ? (size_t)size : there;
        memcpy(d->data + d->size, c->at, taken);
        d->size += taken;
        c->at += taken;
        return expect(c, "\r\n");
}

static struct decoded decode_naively(const char *bytes, size_t size)
{
        struct cursor c = { bytes, bytes + size };
        struct decoded d = { .verdict = MET, .data = malloc(size + 1) };
        bool last = false;
        while (d.verdict == MET && !last)
                d.verdict = decode_chunk(&c, &d, &last);
        if (d.verdict == MET)
                d.verdict = skip_trailers(&c);
        d.used = (size_t)(c.at - bytes);
        return d;
}

/* The naive decoder knows no limits of extensions and trailers. */
int chunked_holds(const char *bytes, size_t size)
{
        static const size_t rooms[] = { 1, 3, 4096 };
        struct decoded expected = decode_naively(bytes, size), whole = decode_in_pieces(bytes, size, AT_ONCE, 4096);
        bool over_limit = size > 256 && whole.verdict == BAD;
        HOLDS(whole.verdict == expected.verdict || over_limit);
        HOLDS(whole.verdict != MET || whole.used == expected.used);
        HOLDS(over_limit || (whole.size == expected.size && !memcmp(whole.data, expected.data, whole.size)));
        for (enum cut cut = BY_BYTE; cut < CUTS; cut++) {
                struct decoded d = decode_in_pieces(bytes, size, cut, rooms[cut % 3]);
                HOLDS(d.verdict == whole.verdict && d.size == whole.size && !memcmp(d.data, whole.data, d.size));
                HOLDS(d.verdict != MET || d.used == whole.used);
                free(d.data);
        }
        int accepted = whole.verdict == MET;
        free(expected.data);
        free(whole.data);
        return accepted;
}
