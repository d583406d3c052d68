/* The AsyncAPI document of an app; see document.h.
 *
 * DESIGN
 *      destination  -> channel      messages: what comes, what is answered
 *      subscription -> operation    action receive, with a reply when its handler answers
 *      publisher    -> operation    action send
 *      record       -> component    schemas/NAME, and messages/NAME that carries it; see record/schema.h
 *
 *   Names that AsyncAPI uses as keys have only letters, digits, ".", "_" and "-"; a destination with others keeps them in its `address`.
 */
#include "broker/document.h"

#include "app/calls.h"
#include "broker/core.h"
#include "record/object.h"
#include "record/schema.h"

#include <aeon/error.h>
#include <aeon/record.h>
#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_SIZE = 200 };

struct document {
        json_t *servers, *channels, *operations, *messages;
        char server[32];  /* the broker that is described; "": its address is not known */
        struct text json; /* the whole */
        struct schemas schemas;
};

static void key_of(char key[KEY_SIZE], const char *prefix, const char *name)
{
        snprintf(key, KEY_SIZE, "%s%s", prefix, name);
        for (char *c = key; *c; c++)
                if (!isalnum((unsigned char)*c) && !strchr("._-", *c))
                        *c = '-';
}

/* @value is taken over; without memory it is NULL, or cannot be, and the document is not made. */
static void set(struct document *d, json_t *object, const char *key, json_t *value)
{
        d->json.failed |= json_object_set_new(object, key, value) < 0;
}

static json_t *reference(const char *format, const char *a, const char *b)
{
        char target[2 * KEY_SIZE + 64];
        snprintf(target, sizeof target, format, a, b);
        return json_pack("{s:s}", "$ref", target);
}

/* The message that carries @record; NULL: any bytes. Its key is written to @key. */
static void add_message(struct document *d, const aeon_record *record, char key[KEY_SIZE])
{
        struct text name = { 0 };
        if (!record) {
                set(d, d->messages, strcpy(key, "any-bytes"), json_pack("{s:s}", "summary", "Any bytes."));
                return;
        }
        aeon__schema_name(&d->schemas, record, &name);
        snprintf(key, KEY_SIZE, "%s", name.data ? name.data : "");
        d->json.failed |= name.failed;
        aeon__text_done(&name);
        set(d, d->messages, key,
            json_pack("{s:s,s:s,s:o}", "name", record->name, "contentType", "application/json", "payload",
                      reference("#/components/schemas/%s%s", key, "")));
}

/* ------------------------------------------------------------------ channels and operations */

/* Is @channel that of @address on the broker that is described? */
static bool is_channel(const struct document *d, const json_t *channel, const char *address)
{
        const char *its = json_string_value(json_object_get(channel, "address"));
        const json_t *server = json_object_get(json_array_get(json_object_get(channel, "servers"), 0), "$ref");
        const char *at = server ? strrchr(json_string_value(server), '/') + 1 : "";
        return (its == address || (its && address && !strcmp(its, address))) && !strcmp(at, d->server);
}

static json_t *channel_new(struct document *d, const char *address)
{
        json_t *channel = json_pack("{s:o,s:{}}", "address", address ? json_string(address) : json_null(), "messages");
        if (*d->server)
                set(d, channel, "servers", json_pack("[o]", reference("#/servers/%s%s", d->server, "")));
        return channel;
}

/* The channel of @address (NULL: told with each message), which then carries @record. It is called @prefix and @name, with a number when that
 * is another's already; its key is written to @key, that of the message to @message. */
static void add_channel(struct document *d, const char *prefix, const char *name, const char *address, const aeon_record *record,
                        char key[KEY_SIZE], char message[KEY_SIZE])
{
        json_t *channel;
        key_of(key, prefix, name);
        size_t length = strnlen(key, KEY_SIZE - 16);
        for (unsigned n = 2; (channel = json_object_get(d->channels, key)) && !is_channel(d, channel, address); n++)
                snprintf(key + length, KEY_SIZE - length, "-%u", n);
        add_message(d, record, message);
        if (!channel) {
                set(d, d->channels, key, channel_new(d, address));
                channel = json_object_get(d->channels, key);
        }
        set(d, json_object_get(channel, "messages"), message, reference("#/components/messages/%s%s", message, ""));
}

static json_t *operation(const char *action, const char *channel, const char *message)
{
        return json_pack("{s:s,s:o,s:[o]}", "action", action, "channel", reference("#/channels/%s%s", channel, ""), "messages",
                         reference("#/channels/%s/messages/%s", channel, message));
}

static void add_reply(struct document *d, json_t *o, const char *destination, const aeon_record *record)
{
        char channel[KEY_SIZE], message[KEY_SIZE];
        add_channel(d, "replies-of-", destination, NULL, record, channel, message);
        set(d, o, "reply",
            json_pack("{s:o,s:[o]}", "channel", reference("#/channels/%s%s", channel, ""), "messages",
                      reference("#/channels/%s/messages/%s", channel, message)));
}

static void add_subscription(struct document *d, const struct declaration *s)
{
        char channel[KEY_SIZE], message[KEY_SIZE], key[KEY_SIZE];
        const aeon_handler *h = s->handler;
        add_channel(d, "", s->destination, s->destination, h->in ? h->in() : NULL, channel, message);
        json_t *o = operation("receive", channel, message);
        if (h->out)
                add_reply(d, o, s->destination, h->out());
        if (*s->opts.group)
                set(d, o, "description", json_sprintf("Group %s.", s->opts.group));
        snprintf(key, sizeof key, "%s", h->name);
        for (int n = 2; json_object_get(d->operations, key); n++)
                snprintf(key, sizeof key, "%s-%d", h->name, n);
        set(d, d->operations, key, o);
}

static void add_publisher(struct document *d, const struct publisher *p)
{
        char channel[KEY_SIZE], message[KEY_SIZE], key[KEY_SIZE + 16];
        add_channel(d, "", p->destination, p->destination, p->record, channel, message);
        snprintf(key, sizeof key, "publish-%s", channel);
        set(d, d->operations, key, operation("send", channel, message));
}

/* Without user, password, path and options: those are nobody's business. */
static void add_server(struct document *d, unsigned n, const char *url)
{
        char host[256];
        const char *authority = url ? strstr(url, "://") : NULL;
        *d->server = '\0';
        if (!authority)
                return;
        authority += 3;
        size_t length = strcspn(authority, "/?");
        const char *at = memrchr(authority, '@', length);
        if (at) {
                length -= (size_t)(at + 1 - authority);
                authority = at + 1;
        }
        snprintf(host, sizeof host, "%.*s", (int)length, authority);
        snprintf(d->server, sizeof d->server, n ? "broker%u" : "broker", n + 1);
        set(d, d->servers, d->server, json_pack("{s:s,s:s#}", "host", host, "protocol", url, (int)strcspn(url, ":")));
}

/* ------------------------------------------------------------------ the whole */

static void put_part(struct document *d, const char *key, const json_t *part)
{
        char *text = json_dumps(part, JSON_COMPACT);
        aeon__object_raw(&d->json, key, text ? text : "");
        d->json.failed |= !text;
        free(text);
}

static void write_info(struct document *d, aeon_app *app, const char *version)
{
        aeon_app_description about = aeon__app_description(app);
        aeon__object_raw(&d->json, "info", "{");
        aeon__object_string(&d->json, "title", about.title);
        aeon__object_string(&d->json, "version", version ? version : about.version);
        if (about.doc)
                aeon__object_string(&d->json, "description", about.doc);
        aeon__text_add(&d->json, "}", 1);
}

static void write_all(struct document *d, aeon_app *app, const char *version)
{
        aeon__text_add(&d->json, "{", 1);
        aeon__object_string(&d->json, "asyncapi", "3.0.0");
        write_info(d, app, version);
        aeon__object_string(&d->json, "defaultContentType", "application/json");
        if (json_object_size(d->servers))
                put_part(d, "servers", d->servers);
        put_part(d, "channels", d->channels);
        put_part(d, "operations", d->operations);
        aeon__object_raw(&d->json, "components", "{");
        put_part(d, "messages", d->messages);
        aeon__object_raw(&d->json, "schemas", "{");
        aeon__schemas_write(&d->schemas);
        aeon__text_add(&d->json, "}}}", 3);
}

int aeon__asyncapi(aeon_app *app, const char *version, char **ret_json)
{
        struct document d = { json_object(), json_object(), json_object(), json_object(), .schemas = { .json = &d.json } };
        aeon_broker *b;
        for (unsigned n = 0; (b = aeon_app_broker_at(app, n)); n++) {
                struct declaration *s;
                struct publisher *p;
                add_server(&d, n, b->url);
                list_foreach (s, &b->declarations, node)
                        add_subscription(&d, s);
                list_foreach (p, &b->publishers, node)
                        add_publisher(&d, p);
        }
        write_all(&d, app, version);
        json_t *const parts[] = { d.servers, d.channels, d.operations, d.messages };
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
                json_decref(parts[i]);
        int r = aeon__schemas_close(&d.schemas);
        if (r < 0) {
                aeon__text_done(&d.json);
                return r;
        }
        *ret_json = d.json.data;
        return 0;
}
