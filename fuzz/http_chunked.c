/* Chunked bodies: the same whatever their pieces and the room for data, and the same as a second decoder says: one that sees all bytes
 * at once, slow and simple on purpose. */
#include "pieces.h"

#include "http/parser.h"

#include <ctype.h>
#include <errno.h>

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
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const char *bytes = (const char *)data;
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
        free(expected.data);
        free(whole.data);
        return 0;
}
