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
        char *strings;    /* all of the message's strings, one behind the other */
        char *to;         /* the end of them */
        unsigned first, deliveries;
};

static const char *put(struct decoding *d, const char *bytes, size_t length)
{
        char *at = d->to;
        d->to = (char *)mempcpy(at, bytes, length) + 1;
        d->to[-1] = '\0';
        return at;
}

/* The string value that follows. */
static const char *take_string(struct decoding *d, struct scan *s, size_t *ret_length)
{
        char *at = d->to;
        size_t length = aeon__scan_string(s, at);
        d->to = at + length + 1;
        if (ret_length)
                *ret_length = length;
        return at;
}

static unsigned number_of(const char *text)
{
        unsigned long number = strtoul(text, NULL, 10);
        return number ? (unsigned)number : 1;
}

/* ------------------------------------------------------------------ attributes */

static void take_header(struct decoding *d, const char *name, const char *type, const char *value)
{
        unsigned place;
        char empty[8] = "";
        if (d->headers_count == ATTRIBUTES || !*name)
                return;
        bool ours = sscanf(type, "String.%u.%7s", &place, empty) >= 1;
        d->headers[d->headers_count++] = (struct header){
                .name = name,
                .value = ours && !strcmp(empty, "empty") ? "" : value,
                .place = ours ? place : (unsigned)-1,
        };
}

static void place_attribute(struct decoding *d, const char *name, const char *type, const char *value, const char *binary)
{
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
        else if (!strcmp(name, "body") && *binary)
                d->binary = binary;
        else if (!strcmp(name, "aeon-headers"))
                d->packed = value;
        else if (!strcmp(name, "aeon-attempt"))
                d->first = number_of(value);
        else
                take_header(d, name, type, *value ? value : binary);
}

static void take_attribute(struct decoding *d, struct span attribute, struct scan *s)
{
        const char *type = "", *value = "", *binary = "", *name = put(d, attribute.at, attribute.length);
        struct span member;
        aeon__scan_open(s, '{');
        while (aeon__scan_member(s, &member)) {
                if (aeon__span_is(member, "DataType"))
                        type = take_string(d, s, NULL);
                else if (aeon__span_is(member, "StringValue"))
                        value = take_string(d, s, NULL);
                else if (aeon__span_is(member, "BinaryValue"))
                        binary = take_string(d, s, NULL);
                else
                        aeon__scan_skip(s);
        }
        place_attribute(d, name, type, value, binary);
}

static void take_attributes(struct decoding *d, struct scan *s)
{
        struct span name;
        aeon__scan_open(s, '{');
        while (aeon__scan_member(s, &name))
                take_attribute(d, name, s);
}

/* Of the system's attributes. */
static void take_deliveries(struct decoding *d, struct scan *s)
{
        struct span name;
        aeon__scan_open(s, '{');
        while (aeon__scan_member(s, &name)) {
                if (aeon__span_is(name, "ApproximateReceiveCount"))
                        d->deliveries = number_of(take_string(d, s, NULL));
                else
                        aeon__scan_skip(s);
        }
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

static void gather_headers(struct decoding *d)
{
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

static void decode_body(struct decoding *d)
{
        d->envelope.body = d->body;
        d->envelope.size = d->is_empty ? 0 : d->body_size;
        const char *encoded = d->binary ? d->binary : d->is_base64 ? d->body : NULL;
        if (!encoded)
                return;
        size_t length = strlen(encoded);
        d->bytes = malloc(length + 1);
        ssize_t size = d->bytes ? aeon__base64_decode(encoded, length, d->bytes) : -1;
        if (size < 0)
                return; /* whoever marked it so was wrong: it stays text */
        d->envelope.body = d->bytes;
        d->envelope.size = (size_t)size;
}

/* ------------------------------------------------------------------ all of it */

static void take_message(struct decoding *d, struct sqs_received *received)
{
        struct scan s = aeon__scan(received->message.at, received->message.length);
        struct span name;
        aeon__scan_open(&s, '{');
        while (aeon__scan_member(&s, &name)) {
                if (aeon__span_is(name, "Body"))
                        d->body = take_string(d, &s, &d->body_size);
                else if (aeon__span_is(name, "MessageId"))
                        d->envelope.id = take_string(d, &s, NULL);
                else if (aeon__span_is(name, "ReceiptHandle"))
                        received->receipt = aeon__scan_skip(&s);
                else if (aeon__span_is(name, "MessageAttributes"))
                        take_attributes(d, &s);
                else if (aeon__span_is(name, "Attributes"))
                        take_deliveries(d, &s);
                else
                        aeon__scan_skip(&s);
        }
}

struct aeon_message *aeon__sqs_decode(struct sqs_received *received, const char *destination)
{
        struct decoding d = { .envelope = { .destination = destination,
                                            .options = "",
                                            .id = "",
                                            .content_type = "",
                                            .reply_to = "",
                                            .correlation_id = "",
                                            .headers = "" },
                              .body = "",
                              .first = 1,
                              .deliveries = 1 };
        d.strings = d.to = malloc(received->message.length + 1); /* each string has quotes there, so there is room for its NUL */
        if (!d.strings)
                return NULL;
        received->receipt = (struct span){ "\"\"", 2 };
        take_message(&d, received);
        gather_headers(&d);
        decode_body(&d);
        struct aeon_message *m = d.text.failed ? NULL : aeon__message_new(&d.envelope);
        if (m) {
                m->attempt = d.first + d.deliveries - 1;
                m->losses = d.deliveries ? d.deliveries - 1 : 0; /* failures among them: SQS does not tell the one from the other */
        }
        aeon__text_done(&d.text);
        free(d.bytes);
        free(d.strings);
        return m;
}

struct sqs_answer *aeon__sqs_answer_new(struct text *text)
{
        struct sqs_answer *a = malloc(sizeof *a);
        if (a)
                *a = (struct sqs_answer){ 1, *text };
        else
                aeon__text_done(text);
        return a;
}

void aeon__sqs_answer_leave(struct sqs_answer *a)
{
        if (--a->users)
                return;
        aeon__text_done(&a->text);
        free(a);
}

struct scan aeon__sqs_messages(struct sqs_answer *a)
{
        struct scan s = aeon__scan(a->text.data ? a->text.data : "", a->text.length);
        struct span name;
        aeon__scan_open(&s, '{');
        while (aeon__scan_member(&s, &name)) {
                if (aeon__span_is(name, "Messages")) {
                        aeon__scan_open(&s, '[');
                        return s;
                }
                aeon__scan_skip(&s);
        }
        return s.failed ? s : aeon__scan("]", 1); /* AWS leaves them out when there are none */
}

bool aeon__sqs_next(struct sqs_answer *a, struct scan *s, struct sqs_received *ret_received)
{
        if (!aeon__scan_item(s))
                return false;
        *ret_received = (struct sqs_received){ .answer = a, .message = aeon__scan_skip(s) };
        return !s->failed;
}

/* ------------------------------------------------------------------ copies */

static const char *text_of(const json_t *object, const char *name)
{
        const char *text = json_string_value(json_object_get(object, name));
        return text ? text : "";
}

static json_t *attributes_of_copy(const json_t *received, unsigned attempt)
{
        json_t *attributes = json_object_get(received, "MessageAttributes");
        json_t *copied = attributes ? json_copy(attributes) : json_object();
        json_object_del(copied, "aeon-attempt");
        if (attempt > 1) {
                char number[16];
                snprintf(number, sizeof number, "%u", attempt);
                json_object_set_new(copied, "aeon-attempt", json_pack("{s:s, s:s}", "DataType", "Number", "StringValue", number));
        }
        if (json_object_size(copied) <= ATTRIBUTES)
                return copied;
        json_decref(copied);
        return NULL;
}

char *aeon__sqs_copy(const struct sqs_received *received, unsigned attempt, size_t *ret_bytes)
{
        json_t *message = json_loadb(received->message.at, received->message.length, JSON_ALLOW_NUL, NULL), *attribute;
        json_t *attributes = message ? attributes_of_copy(message, attempt) : NULL;
        if (!attributes) {
                json_decref(message);
                return NULL;
        }
        json_t *body = json_object_get(message, "Body");
        const char *name;
        *ret_bytes = json_string_length(body);
        json_object_foreach(attributes, name, attribute) *ret_bytes += strlen(name) + strlen(text_of(attribute, "DataType")) +
                                                                       strlen(text_of(attribute, "StringValue")) +
                                                                       strlen(text_of(attribute, "BinaryValue")) * 3 / 4;
        char *members = aeon__sqs_members(json_pack("{s:O, s:o}", "MessageBody", body, "MessageAttributes", attributes));
        json_decref(message);
        return members;
}
