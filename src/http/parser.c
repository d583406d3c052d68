/* Request heads; see parser.h.
 *
 * DESIGN
 *   Line by line. A line is looked at once, when its LF has come; a byte before it is looked at only by memchr. Stages:
 *
 *       REQUEST_LINE --> FIELDS --> COMPLETE
 *
 *   One empty line is allowed before the request line (RFC 9112, 2.2). Rules that need the whole head (Host there, Content-Length
 *   not together with Transfer-Encoding) are checked at its empty line.
 */
#include "http/parser.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

enum stage { REQUEST_LINE, FIELDS, COMPLETE };

enum class {
        TOKEN = 1,  /* RFC 9110, 5.6.2 */
        TARGET = 2, /* RFC 3986, and the brackets, bars and carets that browsers leave as they are; never # " < > or backslash */
        VALUE = 4,  /* RFC 9110, 5.5, with obs-text */
        HOST = 8,   /* RFC 3986, 3.2.2, without the comma: a list of hosts is no host */
};

enum {
        EVERY = TOKEN | TARGET | VALUE | HOST,
        IN_URL = TARGET | VALUE,
        IN_HOST = TARGET | VALUE | HOST,
        BROWSER = TOKEN | TARGET | VALUE
};

static const unsigned char classes[256] = {
        ['\t'] = VALUE,  [' '] = VALUE,   ['0' ... '9'] = EVERY,   ['A' ... 'Z'] = EVERY, ['a' ... 'z'] = EVERY,
        ['!'] = EVERY,   ['"'] = VALUE,   ['#'] = TOKEN | VALUE,   ['$'] = EVERY,         ['%'] = EVERY,
        ['&'] = EVERY,   ['\''] = EVERY,  ['('] = IN_HOST,         [')'] = IN_HOST,       ['*'] = EVERY,
        ['+'] = EVERY,   [','] = IN_URL,  ['-'] = EVERY,           ['.'] = EVERY,         ['/'] = IN_URL,
        [':'] = IN_HOST, [';'] = IN_HOST, ['<'] = VALUE,           ['='] = IN_HOST,       ['>'] = VALUE,
        ['?'] = IN_URL,  ['@'] = IN_URL,  ['['] = IN_HOST,         ['\\'] = VALUE,        [']'] = IN_HOST,
        ['^'] = BROWSER, ['_'] = EVERY,   ['`'] = BROWSER,         ['{'] = IN_URL,        ['|'] = BROWSER,
        ['}'] = IN_URL,  ['~'] = EVERY,   [0x80 ... 0xff] = VALUE,
};

static bool all(const char *text, size_t size, enum class class)
{
        for (size_t i = 0; i < size; i++)
                if (!(classes[(unsigned char)text[i]] & class))
                        return false;
        return true;
}

bool aeon__http_is_token(const char *text, size_t size)
{
        return size > 0 && all(text, size, TOKEN);
}

bool aeon__http_is_field_value(const char *text, size_t size)
{
        return all(text, size, VALUE);
}

static int refuse(struct http_head *head, int status, const char *reason)
{
        head->status = (uint16_t)status;
        head->reason = reason;
        return -EBADMSG;
}

static struct http_span span(size_t start, size_t end)
{
        return (struct http_span){ (uint16_t)start, (uint16_t)(end - start) };
}

static bool is(const char *text, size_t size, const char *word)
{
        return size == strlen(word) && !strncasecmp(text, word, size);
}

/* Methods are in capitals or are others (RFC 9110, 9.1). */
static bool is_method(const struct http_head *head, const char *bytes, const char *word)
{
        return head->method.size == strlen(word) && !memcmp(bytes + head->method.start, word, head->method.size);
}

/* ------------------------------------------------------------------ host and target */

static bool is_hex(char c)
{
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Escapes are whole and none is a NUL, so that decoding later cannot fail nor cut a string short. */
static bool escapes_are_good(const char *text, size_t size)
{
        for (const char *end = text + size; (text = memchr(text, '%', (size_t)(end - text))); text++)
                if (end - text < 3 || !is_hex(text[1]) || !is_hex(text[2]) || (text[1] == '0' && text[2] == '0'))
                        return false;
        return true;
}

bool aeon__http_is_target(const char *text, size_t size)
{
        return all(text, size, TARGET) && escapes_are_good(text, size);
}

static bool is_ipv6(const char *text, size_t size)
{
        char copy[INET6_ADDRSTRLEN];
        struct in6_addr address;
        if (size >= sizeof copy)
                return false;
        memcpy(copy, text, size);
        copy[size] = '\0';
        return inet_pton(AF_INET6, copy, &address) == 1;
}

/* RFC 9110, 7.2. */
bool aeon__http_is_authority(const char *text, size_t size)
{
        if (!all(text, size, HOST) || !escapes_are_good(text, size))
                return false;
        const char *end = text + size;
        if (size && *text == '[') {
                const char *bracket = memchr(text, ']', size);
                if (!bracket || !is_ipv6(text + 1, (size_t)(bracket - text) - 1))
                        return false;
                text = bracket + 1;
        } else {
                const char *colon = memchr(text, ':', size);
                const char *name_end = colon ? colon : end;
                if (memchr(text, '[', (size_t)(name_end - text)) || memchr(text, ']', (size_t)(name_end - text)) || text == colon)
                        return false;
                text = name_end;
        }
        if (text < end && *text++ != ':')
                return false;
        for (; text < end; text++)
                if (*text < '0' || *text > '9')
                        return false;
        return true;
}

/* Skip "http://authority" of bytes[*at..end) and note the authority. */
static int parse_authority(struct http_head *head, const char *bytes, size_t *at, size_t end)
{
        size_t size = end - *at, scheme = 0;
        if (size >= 7 && !strncasecmp(bytes + *at, "http://", 7))
                scheme = 7;
        else if (size >= 8 && !strncasecmp(bytes + *at, "https://", 8))
                scheme = 8;
        else
                return refuse(head, 400, "the target is neither a path nor an http URL");
        size_t start = *at + scheme, stop = start;
        while (stop < end && bytes[stop] != '/' && bytes[stop] != '?')
                stop++;
        if (start == stop || !aeon__http_is_authority(bytes + start, stop - start))
                return refuse(head, 400, "the target's host cannot be read");
        head->host = span(start, stop);
        head->has_authority = true;
        *at = stop;
        return 0;
}

static int parse_target(struct http_head *head, const char *bytes, size_t at, size_t end)
{
        if (!aeon__http_is_target(bytes + at, end - at))
                return refuse(head, 400, "the target has a character or an escape that may not stand there");
        if (is_method(head, bytes, "OPTIONS") && end - at == 1 && bytes[at] == '*') {
                head->path = span(at, end);
                return 0;
        }
        if (bytes[at] != '/') {
                int r = parse_authority(head, bytes, &at, end);
                if (r < 0)
                        return r;
        }
        const char *mark = memchr(bytes + at, '?', end - at);
        size_t path_end = mark ? (size_t)(mark - bytes) : end;
        head->path = span(at, path_end);
        head->has_query = mark != NULL;
        if (mark)
                head->query = span(path_end + 1, end);
        return 0;
}

/* ------------------------------------------------------------------ lines */

static int parse_version(struct http_head *head, const char *text, size_t size)
{
        if (size != 8 || memcmp(text, "HTTP/", 5) != 0 || text[5] < '0' || text[5] > '9' || text[6] != '.' || text[7] < '0' ||
            text[7] > '9')
                return refuse(head, 400, "the request line does not end in HTTP/1.1");
        if (text[5] != '1' || text[7] > '1')
                return refuse(head, 505, "the version is neither HTTP/1.1 nor HTTP/1.0");
        head->minor = (uint8_t)(text[7] - '0');
        return 0;
}

static int parse_request_line(struct http_head *head, const char *bytes, size_t start, size_t end)
{
        const char *first = memchr(bytes + start, ' ', end - start);
        if (!first)
                return refuse(head, 400, "the request line has no target");
        size_t method_end = (size_t)(first - bytes);
        const char *second = memchr(first + 1, ' ', end - method_end - 1);
        if (!second)
                return refuse(head, 400, "the request line has no version");
        size_t target_end = (size_t)(second - bytes);
        if (!aeon__http_is_token(bytes + start, method_end - start))
                return refuse(head, 400, "the method is no token");
        if (target_end == method_end + 1)
                return refuse(head, 400, "the target is empty");
        head->method = span(start, method_end);
        int r = parse_version(head, second + 1, end - target_end - 1);
        if (r < 0)
                return r;
        if (is_method(head, bytes, "CONNECT"))
                return refuse(head, 501, "CONNECT is not offered");
        return parse_target(head, bytes, method_end + 1, target_end);
}

static int take_content_length(struct http_head *head, const char *value, size_t size)
{
        if (head->has_content_length)
                return refuse(head, 400, "Content-Length is repeated");
        head->has_content_length = true;
        if (!size)
                return refuse(head, 400, "Content-Length is empty");
        for (size_t i = 0; i < size; i++)
                if (value[i] < '0' || value[i] > '9')
                        return refuse(head, 400, "Content-Length is no number");
        if (size > 18)
                return refuse(head, 413, "Content-Length is out of all bounds");
        for (size_t i = 0; i < size; i++)
                head->content_length = head->content_length * 10 + (uint64_t)(value[i] - '0');
        return 0;
}

static int take_transfer_encoding(struct http_head *head, const char *value, size_t size)
{
        if (head->chunked || !is(value, size, "chunked"))
                return refuse(head, 400, "Transfer-Encoding is not just chunked");
        head->chunked = true;
        return 0;
}

static int take_host(struct http_head *head, const char *bytes, struct http_span value)
{
        if (head->has_host)
                return refuse(head, 400, "Host is repeated");
        head->has_host = true;
        if (!aeon__http_is_authority(bytes + value.start, value.size))
                return refuse(head, 400, "Host cannot be read");
        if (!head->has_authority)
                head->host = value;
        return 0;
}

static int take_expect(struct http_head *head, const char *value, size_t size)
{
        if (!is(value, size, "100-continue"))
                return refuse(head, 417, "Expect is not 100-continue");
        head->expect_continue = true;
        return 0;
}

static int take_connection(struct http_head *head, const char *value, size_t size)
{
        const char *end = value + size;
        while (value < end) {
                const char *comma = memchr(value, ',', (size_t)(end - value));
                const char *stop = comma ? comma : end, *next = comma ? comma + 1 : end;
                while (value < stop && (*value == ' ' || *value == '\t'))
                        value++;
                while (stop > value && (stop[-1] == ' ' || stop[-1] == '\t'))
                        stop--;
                head->has_close |= is(value, (size_t)(stop - value), "close");
                head->has_keep_alive |= is(value, (size_t)(stop - value), "keep-alive");
                value = next;
        }
        return 0;
}

/* Act on the fields that decide where the message ends and what becomes of the connection. */
static int take_field(struct http_head *head, const char *bytes, const struct http_field *field)
{
        const char *name = bytes + field->name.start, *value = bytes + field->value.start;
        size_t size = field->value.size;
        switch (field->name.size) {
        case 4:
                return is(name, 4, "host") ? take_host(head, bytes, field->value) : 0;
        case 6:
                return is(name, 6, "expect") ? take_expect(head, value, size) : 0;
        case 10:
                return is(name, 10, "connection") ? take_connection(head, value, size) : 0;
        case 14:
                return is(name, 14, "content-length") ? take_content_length(head, value, size) : 0;
        case 17:
                return is(name, 17, "transfer-encoding") ? take_transfer_encoding(head, value, size) : 0;
        default:
                return 0;
        }
}

static int parse_field(struct http_head *head, const char *bytes, size_t start, size_t end)
{
        if (bytes[start] == ' ' || bytes[start] == '\t')
                return refuse(head, 400, "a header line is folded");
        const char *colon = memchr(bytes + start, ':', end - start);
        if (!colon)
                return refuse(head, 400, "a header line has no colon");
        size_t name_end = (size_t)(colon - bytes), value = name_end + 1;
        if (!aeon__http_is_token(bytes + start, name_end - start))
                return refuse(head, 400, "a header's name is no token");
        while (value < end && (bytes[value] == ' ' || bytes[value] == '\t'))
                value++;
        while (end > value && (bytes[end - 1] == ' ' || bytes[end - 1] == '\t'))
                end--;
        if (!aeon__http_is_field_value(bytes + value, end - value))
                return refuse(head, 400, "a header's value has a control character");
        if (head->field_count == HTTP_FIELDS_LIMIT)
                return refuse(head, 431, "more than 100 headers");
        struct http_field *field = &head->fields[head->field_count++];
        *field = (struct http_field){ span(start, name_end), span(value, end) };
        return take_field(head, bytes, field);
}

/* The empty line has come: the rules about the head as a whole. */
static int complete(struct http_head *head)
{
        if (head->minor == 1 && !head->has_host)
                return refuse(head, 400, "Host is missing");
        if (head->chunked && head->has_content_length)
                return refuse(head, 400, "both Content-Length and Transfer-Encoding");
        if (head->chunked && head->minor == 0)
                return refuse(head, 400, "Transfer-Encoding in HTTP/1.0");
        head->keep_alive = !head->has_close && (head->minor == 1 || head->has_keep_alive);
        head->expect_continue &= head->minor == 1 && (head->chunked || head->content_length);
        head->size = head->scanned;
        head->stage = COMPLETE;
        return 0;
}

static int parse_line(struct http_head *head, const char *bytes, size_t start, size_t end)
{
        if (head->stage == FIELDS)
                return start == end ? complete(head) : parse_field(head, bytes, start, end);
        if (start == end)
                return start ? refuse(head, 400, "empty lines in place of a request") : 0;
        head->stage = FIELDS;
        return parse_request_line(head, bytes, start, end);
}

/* Of the request line bytes[start..end) has come, perhaps all of it: refuse what can no longer become good. A long line is refused
 * for the same reason before its end has come and after, for who splits the bytes must get the same answer. */
static int check_request_line(struct http_head *head, const char *bytes, size_t start, size_t end)
{
        if (start == end)
                return 0;
        if (bytes[start] != '\r' && !(classes[(unsigned char)bytes[start]] & TOKEN))
                return refuse(head, 400, "this is not HTTP");
        if (end - start - (bytes[end - 1] == '\r') > HTTP_REQUEST_LINE_LIMIT)
                return refuse(head, 414, "the request line is too long");
        return 0;
}

void aeon__http_head_init(struct http_head *head)
{
        memset(head, 0, offsetof(struct http_head, fields));
        memset(&head->status, 0, sizeof *head - offsetof(struct http_head, status));
}

int aeon__http_head_parse(struct http_head *head, const char *bytes, size_t size)
{
        int r;
        if (head->status)
                return -EBADMSG;
        if (size > HTTP_HEAD_LIMIT)
                size = HTTP_HEAD_LIMIT;
        while (head->stage != COMPLETE) {
                const char *lf = memchr(bytes + head->scanned, '\n', size - head->scanned);
                size_t start = head->line, end = lf ? (size_t)(lf - bytes) : size;
                if (head->stage == REQUEST_LINE && (r = check_request_line(head, bytes, start, end)) < 0)
                        return r;
                if (!lf) {
                        head->scanned = (uint16_t)size;
                        return size < HTTP_HEAD_LIMIT ? 0 : refuse(head, 431, "the head is too long");
                }
                head->scanned = head->line = (uint16_t)(end + 1);
                if (end == start || bytes[end - 1] != '\r')
                        return refuse(head, 400, "a line does not end in CR LF");
                r = parse_line(head, bytes, start, end - 1);
                if (r < 0)
                        return r;
        }
        return 1;
}
