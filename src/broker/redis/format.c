/* Envelopes; see format.h. */
#include "broker/redis/format.h"
#include "base/digits.h"

#include <aeon/error.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char magic[8] = "\x89"
                             "BIN\r\n\x1a\n";
enum { MAGIC_SIZE = 8, VERSION = 1, HEADERS_AT = MAGIC_SIZE + 2 + 4 + 4, LENGTH_MOST = 65535 };

static const char attempt_header[] = "x-aeon-attempt";

const char *const aeon__format_names[] = { "binary", "json", "none", NULL };

/* ------------------------------------------------------------------ the headers of an envelope, the special ones first */

struct header {
        const char *name, *value;
};

struct walk {
        const struct envelope *envelope;
        const char *at;   /* in the packed headers */
        unsigned special; /* how many of the special ones were looked at */
        char attempt[16];
};

static struct walk walk_of(const struct envelope *e, unsigned attempt)
{
        struct walk w = { .envelope = e, .at = e->headers };
        if (attempt > 1)
                snprintf(w.attempt, sizeof w.attempt, "%u", attempt);
        return w;
}

static bool walk_next(struct walk *w, struct header *ret_header)
{
        const struct envelope *e = w->envelope;
        const struct header special[] = {
                { "correlation_id", e->correlation_id },
                { "content-type", e->content_type },
                { "reply_to", e->reply_to },
                { attempt_header, w->attempt },
        };
        while (w->special < sizeof special / sizeof *special) {
                *ret_header = special[w->special++];
                if (ret_header->value[0])
                        return true;
        }
        if (w->at >= e->headers + e->headers_size)
                return false;
        ret_header->name = w->at;
        ret_header->value = w->at + strlen(w->at) + 1;
        w->at = ret_header->value + strlen(ret_header->value) + 1;
        return true;
}

/* ------------------------------------------------------------------ writing */

static void put_number(char *to, unsigned long number, unsigned bytes)
{
        for (unsigned i = 0; i < bytes; i++)
                to[i] = (char)(number >> (8 * (bytes - 1 - i)));
}

static void add_string(struct text *to, const char *text)
{
        char length[2];
        size_t size = strlen(text);
        put_number(length, size, sizeof length);
        aeon__text_add(to, length, sizeof length);
        aeon__text_add(to, text, size);
}

static int write_binary(struct text *to, const struct envelope *e, unsigned attempt)
{
        static const char room[HEADERS_AT + 2];
        size_t begin = to->length, count = 0;
        aeon__text_add(to, room, sizeof room);
        struct walk w = walk_of(e, attempt);
        struct header h;
        while (walk_next(&w, &h)) {
                if (strlen(h.name) > LENGTH_MOST || strlen(h.value) > LENGTH_MOST || ++count > LENGTH_MOST)
                        return aeon_fail(-EINVAL, "header \"%.40s\": a binary envelope has room for %d bytes", h.name, LENGTH_MOST);
                add_string(to, h.name);
                add_string(to, h.value);
        }
        if (to->failed)
                return aeon_fail(-ENOMEM, "no memory for an envelope");
        char *at = to->data + begin;
        memcpy(at, magic, MAGIC_SIZE);
        put_number(at + MAGIC_SIZE, VERSION, 2);
        put_number(at + MAGIC_SIZE + 2, HEADERS_AT, 4);
        put_number(at + MAGIC_SIZE + 6, to->length - begin, 4);
        put_number(at + HEADERS_AT, count, 2);
        aeon__text_add(to, e->body, e->size);
        return 0;
}

static int write_json(struct text *to, const struct envelope *e, unsigned attempt)
{
        json_t *headers = json_object(), *data = json_stringn(e->body ? e->body : "", e->size);
        int wrong = !headers;
        struct walk w = walk_of(e, attempt);
        struct header h;
        while (!wrong && walk_next(&w, &h))
                wrong = json_object_set_new(headers, h.name, json_string(h.value));
        char *text = NULL;
        if (data && !wrong) {
                /* FastStream looks for the address of the answer among the headers, Propan beside them. */
                json_t *all = json_pack("{s:O,s:O,s:s*}", "data", data, "headers", headers, "reply_to",
                                        *e->reply_to ? e->reply_to : NULL);
                text = json_dumps(all, JSON_COMPACT);
                json_decref(all);
        }
        if (text)
                aeon__text_add(to, text, strlen(text));
        json_decref(headers);
        json_decref(data);
        free(text);
        return text ? 0 : aeon_fail(-EINVAL, "a JSON envelope carries UTF-8 only");
}

/* Of the publisher's own: a place in a trace is put into every message and is no reason to refuse one. */
static bool has_headers(const struct envelope *e)
{
        for (const char *at = e->headers, *end = at + e->headers_size; at < end; at += strlen(at) + 1) {
                if (strcasecmp(at, "traceparent") != 0 && strcasecmp(at, "tracestate") != 0)
                        return true;
                at += strlen(at) + 1;
        }
        return false;
}

int aeon__format_write(struct text *to, enum format format, const struct envelope *e, unsigned attempt)
{
        int r = 0;
        if (format == FORMAT_BINARY)
                r = write_binary(to, e, attempt);
        else if (format == FORMAT_JSON)
                r = write_json(to, e, attempt);
        else if (has_headers(e) || *e->reply_to || *e->correlation_id)
                r = aeon_fail(-EINVAL,
                              "without an envelope there is no room for headers, a correlation id or an address for the answer");
        else
                aeon__text_add(to, e->body, e->size);
        if (r >= 0 && to->failed)
                r = aeon_fail(-ENOMEM, "no memory for an envelope");
        return r;
}

/* ------------------------------------------------------------------ reading */

/* Headers of known names have fields of their own, kept in p->kept; while that grows nothing may point into it. */
struct places {
        size_t correlation_id, content_type, reply_to; /* in kept, + 1; 0: not there */
};

/* The number that @value is, which has no NUL behind it: in a binary envelope the next header or the body follows. 1: it is none. */
static unsigned read_attempt(const char *value, size_t size)
{
        char digits[8];
        if (!size || size >= sizeof digits)
                return 1;
        memcpy(digits, value, size);
        digits[size] = '\0';
        uint64_t attempt;
        aeon__digits_read(digits, &attempt);
        return attempt && attempt < 1000000 ? (unsigned)attempt : 1;
}

static void keep(struct parts *p, struct places *places, const char *name, size_t name_size, const char *value, size_t value_size)
{
        size_t *place = NULL;
        if (memchr(name, '\0', name_size) || memchr(value, '\0', value_size))
                return; /* headers are texts */
        if (name_size == strlen("correlation_id") && !memcmp(name, "correlation_id", name_size))
                place = &places->correlation_id;
        else if (name_size == strlen("content-type") && !strncasecmp(name, "content-type", name_size))
                place = &places->content_type;
        else if (name_size == strlen("reply_to") && !memcmp(name, "reply_to", name_size))
                place = &places->reply_to;
        if (!place && name_size == strlen(attempt_header) && !memcmp(name, attempt_header, name_size)) {
                p->attempt = read_attempt(value, value_size);
                return;
        }
        struct text *to = place ? &p->kept : &p->headers;
        if (place)
                *place = to->length + 1;
        else if (name_size) {
                aeon__text_add(to, name, name_size);
                aeon__text_add(to, "", 1);
        } else {
                return;
        }
        aeon__text_add(to, value, value_size);
        aeon__text_add(to, "", 1);
}

static int settle_places(struct parts *p, const struct places *places)
{
        const char *kept = p->kept.data;
        struct envelope *e = &p->envelope;
        if (p->kept.failed || p->headers.failed) {
                aeon__parts_done(p);
                return aeon_fail(-ENOMEM, "no memory for a message");
        }
        e->headers = p->headers.data ? p->headers.data : "";
        e->headers_size = p->headers.length;
        e->correlation_id = places->correlation_id ? kept + places->correlation_id - 1 : "";
        e->content_type = places->content_type ? kept + places->content_type - 1 : "";
        e->reply_to = places->reply_to ? kept + places->reply_to - 1 : "";
        return 0;
}

static unsigned long get_number(const char *from, unsigned bytes)
{
        unsigned long number = 0;
        for (unsigned i = 0; i < bytes; i++)
                number = number << 8 | (unsigned char)from[i];
        return number;
}

/* One string in [*@at, @end); false: it is not all there. */
static bool get_string(const char **at, const char *end, const char **ret_text, size_t *ret_size)
{
        if (end - *at < 2)
                return false;
        size_t size = get_number(*at, 2);
        if ((size_t)(end - *at) - 2 < size)
                return false;
        *ret_text = *at + 2;
        *ret_size = size;
        *at += 2 + size;
        return true;
}

/* False: it is no such envelope. Headers that do not fit before the body are left out: the body is whole all the same. */
static bool read_binary(struct parts *p, struct places *places, const char *value, size_t size)
{
        if (size < HEADERS_AT || memcmp(value, magic, MAGIC_SIZE) != 0 || get_number(value + MAGIC_SIZE, 2) != VERSION)
                return false;
        size_t headers = get_number(value + MAGIC_SIZE + 2, 4), body = get_number(value + MAGIC_SIZE + 6, 4);
        if (body > size || headers > body || body - headers < 2)
                return false;
        const char *at = value + headers + 2, *end = value + body, *name, *text;
        size_t name_size, text_size;
        for (unsigned long count = get_number(value + headers, 2); count; count--) {
                if (!get_string(&at, end, &name, &name_size) || !get_string(&at, end, &text, &text_size))
                        break;
                keep(p, places, name, name_size, text, text_size);
        }
        p->envelope.body = value + body;
        p->envelope.size = size - body;
        return true;
}

static void keep_json(struct parts *p, struct places *places, const char *name, json_t *value)
{
        if (json_is_string(value)) {
                keep(p, places, name, strlen(name), json_string_value(value), json_string_length(value));
        } else if (value && !json_is_null(value)) {
                char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
                if (text)
                        keep(p, places, name, strlen(name), text, strlen(text));
                free(text);
        }
}

/* An object whose "data" is a text; anything else is a body that happens to be JSON. */
static bool read_json(struct parts *p, struct places *places, const char *value, size_t size)
{
        if (!size || *value != '{' || !memmem(value, size, "\"data\"", strlen("\"data\"")))
                return false;
        json_t *all = json_loadb(value, size, JSON_ALLOW_NUL, NULL), *headers = json_object_get(all, "headers"), *item;
        const char *data = json_string_value(json_object_get(all, "data")), *name;
        if (!data) {
                json_decref(all);
                return false;
        }
        size_t length = json_string_length(json_object_get(all, "data"));
        aeon__text_add(&p->kept, data, length);
        aeon__text_add(&p->kept, "", 1);
        p->envelope.size = length;
        keep_json(p, places, "reply_to", json_object_get(all, "reply_to"));
        keep_json(p, places, "correlation_id", json_object_get(all, "correlation_id"));
        json_object_foreach(headers, name, item) keep_json(p, places, name, item);
        json_decref(all);
        return true;
}

int aeon__format_read(struct parts *p, const char *value, size_t size)
{
        struct places places = { 0 };
        p->kept.length = p->headers.length = 0;
        p->attempt = 1;
        p->envelope = (struct envelope){ .id = "", .options = "", .destination = "", .body = value, .size = size };
        bool json = !read_binary(p, &places, value, size) && read_json(p, &places, value, size);
        int r = settle_places(p, &places);
        if (r >= 0 && json)
                p->envelope.body = p->kept.data;
        return r;
}

void aeon__parts_done(struct parts *p)
{
        aeon__text_done(&p->kept);
        aeon__text_done(&p->headers);
}
