/* Heads of requests: the same whatever their pieces, nothing read past them, and what an accepted one says about its end is what a
 * second reading says: one that sees all bytes at once, line by line, slow and simple on purpose. */
#include "pieces.h"

#include "http/parser.h"

#include <ctype.h>
#include <errno.h>
#include <strings.h>

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const char *bytes = (const char *)data;
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
        return 0;
}
