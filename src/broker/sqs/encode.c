/* Messages out; the form is in message.h. */
#include "base/utf8.h"
#include "broker/sqs/message.h"
#include "record/number.h"

#include <aeon/error.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { ATTRIBUTES = 10, NAME_MOST = 256 };

struct encoding {
        const struct envelope *envelope;
        json_t *entry, *attributes;
        size_t bytes; /* as SQS counts: body, and each attribute's name, type and value */
};

/* ------------------------------------------------------------------ what SQS takes */

/* Source: Amazon SQS API Reference, SendMessage: "#x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF" */
static bool is_text(const char *text, size_t size)
{
        while (size) {
                unsigned point;
                size_t length = aeon__utf8_next(text, size, &point);
                if (!length || (point < ' ' && point != '\t' && point != '\n' && point != '\r') || point == 0xfffe ||
                    point == 0xffff)
                        return false;
                text += length;
                size -= length;
        }
        return true;
}

static bool is_reserved(const char *name)
{
        static const char *const ours[] = { "content-type", "correlation_id", "reply_to",     "reply",       "content-encoding",
                                            "empty-body",   "body",           "aeon-headers", "aeon-attempt" };
        for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
                if (!strcasecmp(name, ours[i]))
                        return true;
        return !strncasecmp(name, "AWS.", 4) || !strncasecmp(name, "Amazon.", 7);
}

static bool is_attribute_name(const char *name)
{
        size_t length = strlen(name);
        if (length > NAME_MOST || name[0] == '.' || name[length - 1] == '.' || strstr(name, "..") || is_reserved(name))
                return false;
        for (const char *c = name; *c; c++)
                if (!isascii((unsigned char)*c) || !(isalnum((unsigned char)*c) || strchr("_-.", *c)))
                        return false;
        return true;
}

/* ------------------------------------------------------------------ attributes */

static void add_text(struct encoding *x, const char *name, const char *type, const char *value)
{
        json_object_set_new(x->attributes, name, json_pack("{s:s, s:s}", "DataType", type, "StringValue", value));
        x->bytes += strlen(name) + strlen(type) + strlen(value);
}

/* Can each header be an attribute, beside @others? */
static bool headers_fit(const struct encoding *x, size_t others)
{
        const struct envelope *e = x->envelope;
        const char *end = e->headers + e->headers_size;
        size_t count = 0;
        for (const char *name = e->headers; name < end;) {
                const char *value = name + strlen(name) + 1, *before = e->headers;
                if (!is_attribute_name(name) || !is_text(value, strlen(value)))
                        return false;
                while (before < name && strcasecmp(before, name) != 0) {
                        before += strlen(before) + 1;
                        before += strlen(before) + 1;
                }
                if (before != name) /* twice the same */
                        return false;
                count++;
                name = value + strlen(value) + 1;
        }
        return count + others < ATTRIBUTES; /* one is for aeon-attempt */
}

/* A text to free(). NULL: no memory. */
static char *base64_of(const void *bytes, size_t size)
{
        char *text = calloc(1, aeon__base64_size(size) + 1);
        if (text)
                aeon__base64_write(text, bytes, size);
        return text;
}

static json_t *packed_text(const char *text, bool *ret_encoded)
{
        json_t *json = json_string(text);
        *ret_encoded = !json;
        if (json)
                return json;
        char *encoded = base64_of(text, strlen(text)); /* not UTF-8 */
        json = encoded ? json_string(encoded) : NULL;
        free(encoded);
        return json;
}

/* [["name", "value"], ["name", "base64 of the value", true], ...] */
static int pack_headers(struct encoding *x)
{
        const struct envelope *e = x->envelope;
        const char *end = e->headers + e->headers_size;
        json_t *all = json_array();
        for (const char *name = e->headers; name < end;) {
                const char *value = name + strlen(name) + 1;
                bool encoded;
                json_t *text = packed_text(value, &encoded), *one = json_array(), *key = json_string(name);
                if (!key) {
                        json_decref(text);
                        json_decref(one);
                        json_decref(all);
                        return aeon_fail(-EINVAL, "the name of a header is not UTF-8");
                }
                json_array_append_new(one, key);
                json_array_append_new(one, text);
                if (encoded)
                        json_array_append_new(one, json_true());
                json_array_append_new(all, one);
                name = value + strlen(value) + 1;
        }
        char *dumped = json_dumps(all, JSON_COMPACT | JSON_ENSURE_ASCII); /* what XML cannot carry is escaped */
        json_decref(all);
        if (!dumped)
                return aeon_fail(-ENOMEM, "no memory for headers");
        add_text(x, "aeon-headers", "String", dumped);
        free(dumped);
        return 0;
}

static int add_headers(struct encoding *x)
{
        const struct envelope *e = x->envelope;
        const char *end = e->headers + e->headers_size;
        unsigned place = 0;
        if (!e->headers_size)
                return 0;
        if (!headers_fit(x, json_object_size(x->attributes)))
                return pack_headers(x);
        for (const char *name = e->headers; name < end;) {
                const char *value = name + strlen(name) + 1;
                char type[40];
                snprintf(type, sizeof type, "String.%u%s", ++place, *value ? "" : ".empty");
                add_text(x, name, type, *value ? value : " ");
                name = value + strlen(value) + 1;
        }
        return 0;
}

static int add_property(struct encoding *x, const char *name, const char *value)
{
        if (!*value)
                return 0;
        if (!is_text(value, strlen(value)))
                return aeon_fail(-EINVAL, "SQS cannot carry this %s: it is not text", name);
        add_text(x, name, "String", value);
        return 0;
}

/* ------------------------------------------------------------------ the body */

static int set_body(struct encoding *x, json_t *body, size_t bytes)
{
        x->bytes += bytes;
        return json_object_set_new(x->entry, "MessageBody", body) < 0 ? aeon_fail(-ENOMEM, "no memory for a body") : 0;
}

static int add_binary(struct encoding *x, size_t limit)
{
        const struct envelope *e = x->envelope;
        char *text = base64_of(e->body, e->size);
        if (!text)
                return aeon_fail(-ENOMEM, "no memory for a body");
        size_t length = aeon__base64_size(e->size);
        static const char mark[] = "content-encoding";
        int r;
        if (x->bytes + length + sizeof mark + sizeof "Stringbase64" <= limit) {
                add_text(x, mark, "String", "base64");
                r = set_body(x, json_stringn(text, length), length);
        } else { /* SQS counts the bytes of a binary attribute, not those of its base64 */
                json_object_set_new(x->attributes, "body", json_pack("{s:s, s:s}", "DataType", "Binary", "BinaryValue", text));
                x->bytes += e->size + strlen("bodyBinary");
                r = set_body(x, json_string(" "), 1);
        }
        free(text);
        return r;
}

static int add_body(struct encoding *x, size_t limit)
{
        const struct envelope *e = x->envelope;
        if (e->size == 0) {
                add_text(x, "empty-body", "String", "1");
                return set_body(x, json_string(" "), 1);
        }
        if (is_text(e->body, e->size))
                return set_body(x, json_stringn(e->body, e->size), e->size);
        return add_binary(x, limit);
}

int aeon__sqs_encode(const struct envelope *e, size_t limit, json_t **ret_entry, size_t *ret_bytes)
{
        struct encoding x = { .envelope = e, .entry = json_object(), .attributes = json_object() };
        int r = add_property(&x, "content-type", e->content_type);
        if (r >= 0)
                r = add_property(&x, "correlation_id", e->correlation_id);
        if (r >= 0)
                r = add_property(&x, "reply_to", e->reply_to);
        if (r >= 0)
                r = add_body(&x, limit);
        if (r >= 0)
                r = add_headers(&x);
        if (r >= 0 && x.bytes > limit)
                r = aeon_fail(-EMSGSIZE, "the body and its attributes have %zu bytes, above the limit of %zu", x.bytes, limit);
        if (r < 0) {
                json_decref(x.entry);
                json_decref(x.attributes);
                return r;
        }
        if (json_object_size(x.attributes))
                json_object_set(x.entry, "MessageAttributes", x.attributes);
        json_decref(x.attributes);
        *ret_entry = x.entry;
        *ret_bytes = x.bytes;
        return 0;
}

char *aeon__sqs_members(json_t *object)
{
        char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
        json_decref(object);
        if (!text)
                return NULL;
        size_t length = strlen(text) - 2;
        memmove(text, text + 1, length);
        text[length] = '\0';
        return text;
}
