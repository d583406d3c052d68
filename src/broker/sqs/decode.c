/* Messages in; the form is in message.h. */
#include "base/text.h"
#include "broker/sqs/base64.h"
#include "broker/sqs/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ATTRIBUTES = 10 };

struct header {
        const char *name, *value;
        unsigned place; /* UINT_MAX: anywhere, so behind the others */
};

struct decoding {
        struct envelope envelope;
        struct header headers[ATTRIBUTES];
        size_t headers_count;
        const char *packed; /* aeon-headers */
        const char *body, *binary;
        size_t body_size;
        bool is_base64, is_empty;
        struct text text; /* the headers, packed as the core wants them */
        char *bytes;      /* the body, decoded */
};

static const char *text_of(const json_t *object, const char *name)
{
        const char *text = json_string_value(json_object_get(object, name));
        return text ? text : "";
}

/* ------------------------------------------------------------------ attributes */

static void take_header(struct decoding *d, const char *name, const char *type, const char *value)
{
        unsigned place;
        char empty[8] = "";
        if (d->headers_count == ATTRIBUTES)
                return;
        bool ours = sscanf(type, "String.%u.%7s", &place, empty) >= 1;
        d->headers[d->headers_count++] = (struct header){
                .name = name,
                .value = ours && !strcmp(empty, "empty") ? "" : value,
                .place = ours ? place : (unsigned)-1,
        };
}

static void take_attribute(struct decoding *d, const char *name, const json_t *attribute)
{
        const char *value = text_of(attribute, "StringValue");
        struct envelope *e = &d->envelope;
        if (!strcmp(name, "content-type"))
                e->content_type = value;
        else if (!strcmp(name, "correlation_id"))
                e->correlation_id = value;
        else if (!strcmp(name, "reply_to"))
                e->reply_to = value;
        else if (!strcmp(name, "reply")) /* Propan's; "0" is its word for nothing */
                e->reply_to = *e->reply_to || !strcmp(value, "0") ? e->reply_to : value;
        else if (!strcmp(name, "content-encoding") && !strcmp(value, "base64"))
                d->is_base64 = true;
        else if (!strcmp(name, "empty-body"))
                d->is_empty = true;
        else if (!strcmp(name, "body") && *text_of(attribute, "BinaryValue"))
                d->binary = text_of(attribute, "BinaryValue");
        else if (!strcmp(name, "aeon-headers"))
                d->packed = value;
        else if (strcmp(name, "aeon-attempt") != 0)
                take_header(d, name, text_of(attribute, "DataType"), *value ? value : text_of(attribute, "BinaryValue"));
}

static int by_place(const void *a, const void *b)
{
        const struct header *x = a, *y = b;
        return x->place < y->place ? -1 : x->place > y->place;
}

static void put_header(struct decoding *d, const char *name, const char *value)
{
        aeon__text_add(&d->text, name, strlen(name) + 1);
        aeon__text_add(&d->text, value, strlen(value) + 1);
}

/* One of aeon-headers. */
static void put_packed(struct decoding *d, const json_t *one)
{
        const char *name = json_string_value(json_array_get(one, 0)), *value = json_string_value(json_array_get(one, 1));
        if (!name || !*name || !value)
                return;
        if (!json_is_true(json_array_get(one, 2))) {
                put_header(d, name, value);
                return;
        }
        char *decoded = malloc(strlen(value) + 1);
        ssize_t size = decoded ? aeon__base64_decode(value, strlen(value), decoded) : -1;
        if (size >= 0) {
                decoded[size] = '\0';
                put_header(d, name, decoded);
        }
        free(decoded);
}

static void take_headers(struct decoding *d, const json_t *attributes)
{
        const char *name;
        json_t *attribute;
        json_object_foreach((json_t *)(uintptr_t)attributes, name, attribute) take_attribute(d, name, attribute);
        qsort(d->headers, d->headers_count, sizeof *d->headers, by_place);
        for (size_t i = 0; i < d->headers_count; i++)
                put_header(d, d->headers[i].name, d->headers[i].value);
        json_t *packed = d->packed ? json_loads(d->packed, 0, NULL) : NULL, *one;
        size_t i;
        json_array_foreach(packed, i, one) put_packed(d, one);
        json_decref(packed);
        d->envelope.headers = d->text.data ? d->text.data : "";
        d->envelope.headers_size = d->text.length;
}

/* ------------------------------------------------------------------ the body */

static void take_body(struct decoding *d, const json_t *received)
{
        const json_t *body = json_object_get(received, "Body");
        const char *text = body ? json_string_value(body) : "";
        size_t length = body ? json_string_length(body) : 0;
        d->envelope.body = text ? text : "";
        d->envelope.size = d->is_empty ? 0 : length;
        const char *encoded = d->binary ? d->binary : d->is_base64 ? text : NULL;
        if (!encoded)
                return;
        length = strlen(encoded);
        d->bytes = malloc(length + 1);
        ssize_t size = d->bytes ? aeon__base64_decode(encoded, length, d->bytes) : -1;
        if (size < 0)
                return; /* whoever marked it so was wrong: it stays text */
        d->envelope.body = d->bytes;
        d->envelope.size = (size_t)size;
}

/* ------------------------------------------------------------------ all of it */

static unsigned number_of(const json_t *object, const char *name, const char *member, unsigned standard)
{
        const json_t *value = json_object_get(object, name);
        const char *text = json_string_value(member ? json_object_get(value, member) : value);
        unsigned long number = text ? strtoul(text, NULL, 10) : 0;
        return number ? (unsigned)number : standard;
}

struct aeon_message *aeon__sqs_decode(const json_t *received, const char *destination)
{
        const json_t *attributes = json_object_get(received, "MessageAttributes");
        struct decoding d = { .envelope = { .destination = destination,
                                            .options = "",
                                            .id = text_of(received, "MessageId"),
                                            .content_type = "",
                                            .reply_to = "",
                                            .correlation_id = "",
                                            .headers = "" } };
        take_headers(&d, attributes);
        take_body(&d, received);
        struct aeon_message *m = d.text.failed ? NULL : aeon__message_new(&d.envelope);
        if (m) {
                unsigned first = number_of(attributes, "aeon-attempt", "StringValue", 1);
                unsigned deliveries = number_of(json_object_get(received, "Attributes"), "ApproximateReceiveCount", NULL, 1);
                m->attempt = first + deliveries - 1;
        }
        aeon__text_done(&d.text);
        free(d.bytes);
        return m;
}

json_t *aeon__sqs_copy(const json_t *received, unsigned attempt, size_t *ret_bytes)
{
        json_t *attributes = json_object_get(received, "MessageAttributes"), *attribute;
        json_t *copied = attributes ? json_copy(attributes) : json_object();
        if (attempt > 1) {
                char number[16];
                snprintf(number, sizeof number, "%u", attempt);
                json_object_set_new(copied, "aeon-attempt", json_pack("{s:s, s:s}", "DataType", "Number", "StringValue", number));
        } else {
                json_object_del(copied, "aeon-attempt");
        }
        if (!copied || json_object_size(copied) > ATTRIBUTES) {
                json_decref(copied);
                return NULL;
        }
        const json_t *body = json_object_get(received, "Body");
        const char *name;
        *ret_bytes = json_string_length(body);
        json_object_foreach(copied, name, attribute) *ret_bytes += strlen(name) + strlen(text_of(attribute, "DataType")) +
                                                                   strlen(text_of(attribute, "StringValue")) +
                                                                   strlen(text_of(attribute, "BinaryValue")) * 3 / 4;
        return json_pack("{s:O, s:o}", "MessageBody", body, "MessageAttributes", copied);
}
