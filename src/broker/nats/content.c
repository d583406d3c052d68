/* Envelopes as NATS headers, both ways.
 *
 *      NATS/1.0[ 503[ words]]\r\n   name: value\r\n   ...   \r\n
 *
 * DESIGN
 *   The headers content-type, correlation_id and reply_to are the envelope's, as FastStream has them. Those that begin with "Nats-" are
 *   between a publisher and the server and are not shown, since a message that is published again (a dead letter) must not carry them
 *   along; Nats-Msg-Id becomes the message's id. A value is one line: line ends in it are sent as blanks.
 */
#include "broker/nats/nats.h"

#include <aeon/error.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char version[] = "NATS/1.0";

/* ------------------------------------------------------------------ in */

static void read_status(char *line, struct content *c)
{
        char *at = line + strlen(version);
        if (strncmp(line, version, strlen(version)) || *at != ' ')
                return;
        c->status = (int)strtol(at, &at, 10);
        c->status_words = at + (*at == ' ');
}

static void read_header(struct nats *l, struct content *c, char *name, char *value)
{
        struct envelope *e = &c->envelope;
        if (!strcasecmp(name, "content-type")) {
                e->content_type = value;
        } else if (!strcasecmp(name, "correlation_id")) {
                e->correlation_id = value;
        } else if (!strcasecmp(name, "reply_to")) {
                e->reply_to = value;
        } else if (!strncasecmp(name, "Nats-", strlen("Nats-"))) {
                if (!strcasecmp(name, "Nats-Msg-Id"))
                        e->id = value;
                else if (!strcasecmp(name, "Nats-Pending-Messages"))
                        c->pending = strtol(value, NULL, 10);
        } else if (*name) {
                aeon__text_add(&l->packed, name, strlen(name) + 1);
                aeon__text_add(&l->packed, value, strlen(value) + 1);
        }
}

/* Cut the line at @at off with a NUL. Returns the next; NULL: it does not end before @end. */
static char *cut_line(char *at, char *end)
{
        char *stop = memchr(at, '\n', (size_t)(end - at));
        if (!stop)
                return NULL;
        *stop = '\0';
        if (stop > at && stop[-1] == '\r')
                stop[-1] = '\0';
        return stop + 1;
}

static char *trim(char *value)
{
        value += strspn(value, " \t");
        for (char *end = value + strlen(value); end > value && (end[-1] == ' ' || end[-1] == '\t'); end--)
                end[-1] = '\0';
        return value;
}

int aeon__nats_decode(struct nats *l, struct arrival *a, struct content *c)
{
        *c = (struct content){
                .envelope = { .destination = a->subject,
                              .options = "",
                              .id = "",
                              .content_type = "",
                              .reply_to = "",
                              .correlation_id = "",
                              .headers = "",
                              .body = a->body,
                              .size = a->size },
                .status_words = "",
                .pending = -1,
        };
        if (!a->headers_size)
                return 0;
        char *at = a->headers, *end = at + a->headers_size, *next = cut_line(at, end);
        l->packed.length = 0;
        if (next)
                read_status(at, c);
        for (at = next; at && at < end && *at != '\r' && *at != '\n'; at = next) {
                next = cut_line(at, end);
                char *colon = next ? strchr(at, ':') : NULL;
                if (!colon)
                        return aeon_fail(-EPROTO, "a header of a message on \"%s\" cannot be read", a->subject);
                *colon = '\0';
                read_header(l, c, at, trim(colon + 1));
        }
        if (l->packed.failed) {
                l->packed.failed = false;
                return aeon_fail(-ENOMEM, "no memory for headers");
        }
        c->envelope.headers = l->packed.length ? l->packed.data : "";
        c->envelope.headers_size = l->packed.length;
        return 0;
}

/* ------------------------------------------------------------------ out */

static bool is_name(const char *name)
{
        for (; *name; name++)
                if ((unsigned char)*name <= ' ' || *name == ':' || (unsigned char)*name >= 127)
                        return false;
        return true;
}

static void add_line(struct text *t, const char *name, const char *value)
{
        aeon__text_add(t, name, strlen(name));
        aeon__text_add(t, ": ", 2);
        size_t begin = t->length;
        aeon__text_add(t, value, strlen(value));
        for (size_t i = begin; !t->failed && i < t->length; i++)
                if (t->data[i] == '\r' || t->data[i] == '\n')
                        t->data[i] = ' ';
        aeon__text_add(t, "\r\n", 2);
}

int aeon__nats_encode_headers(struct nats *l, const struct envelope *e, const char *reply_to, const char *message_id,
                              const struct text **ret_block)
{
        struct text *t = &l->block;
        t->length = 0;
        aeon__text_add(t, version, strlen(version));
        aeon__text_add(t, "\r\n", 2);
        size_t empty = t->length;
        if (*e->content_type)
                add_line(t, "content-type", e->content_type);
        if (*e->correlation_id)
                add_line(t, "correlation_id", e->correlation_id);
        if (*reply_to)
                add_line(t, "reply_to", reply_to);
        if (message_id)
                add_line(t, "Nats-Msg-Id", message_id);
        for (const char *at = e->headers, *end = at + e->headers_size; at < end;) {
                const char *value = at + strlen(at) + 1;
                if (!is_name(at))
                        return aeon_fail(-EINVAL, "\"%s\" cannot be the name of a NATS header", at);
                add_line(t, at, value);
                at = value + strlen(value) + 1;
        }
        *ret_block = t->length > empty ? t : NULL;
        aeon__text_add(t, "\r\n", 2);
        if (t->failed) {
                t->failed = false;
                return aeon_fail(-ENOMEM, "no memory for headers");
        }
        return 0;
}
