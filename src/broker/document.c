/* The AsyncAPI document of an app; see document.h.
 *
 * DESIGN
 *      destination  -> channel      messages: what comes, what is answered
 *      subscription -> operation    action receive, with a reply when its handler answers
 *      publisher    -> operation    action send
 *      record       -> component    schemas/NAME, from aeon_record_schema(); what stands in its "$defs" becomes a component of its own
 *
 *   Names that AsyncAPI uses as keys have only letters, digits, ".", "_" and "-"; a destination with others keeps them in its `address`.
 */
#include "broker/document.h"

#include "broker/core.h"

#include <aeon/error.h>
#include <aeon/record.h>
#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_SIZE = 200 };

struct document {
        json_t *servers, *channels, *operations, *messages, *schemas;
        int error;
};

static void key_of(char key[KEY_SIZE], const char *prefix, const char *name)
{
        snprintf(key, KEY_SIZE, "%s%s", prefix, name);
        for (char *c = key; *c; c++)
                if (!isalnum((unsigned char)*c) && !strchr("._-", *c))
                        *c = '-';
}

static json_t *reference(const char *format, const char *a, const char *b)
{
        char target[2 * KEY_SIZE + 64];
        snprintf(target, sizeof target, format, a, b);
        return json_pack("{s:s}", "$ref", target);
}

/* ------------------------------------------------------------------ schemas */

/* "#/$defs/NAME" becomes "#/components/schemas/NAME", everywhere in @value. */
static void point_to_components(json_t *value)
{
        static const char from[] = "#/$defs/";
        const char *key;
        json_t *item;
        size_t i;
        void *next;
        if (json_is_array(value))
                json_array_foreach(value, i, item) point_to_components(item);
        if (!json_is_object(value))
                return;
        json_object_foreach_safe(value, next, key, item)
        {
                const char *text = json_string_value(item);
                if (!strcmp(key, "$ref") && text && !strncmp(text, from, sizeof from - 1)) {
                        json_t *moved = json_sprintf("#/components/schemas/%s", text + sizeof from - 1);
                        json_object_set_new(value, key, moved);
                } else {
                        point_to_components(item);
                }
        }
}

static void add_schema(struct document *d, const aeon_record *record)
{
        char *text;
        if (d->error || json_object_get(d->schemas, record->name))
                return;
        d->error = aeon_record_schema(record, &text);
        if (d->error < 0)
                return;
        d->error = 0;
        json_t *schema = json_loads(text, 0, NULL);
        free(text);
        json_object_del(schema, "$schema");
        point_to_components(schema);
        const char *name;
        json_t *part;
        json_object_foreach(json_object_get(schema, "$defs"), name, part) json_object_set(d->schemas, name, part);
        json_object_del(schema, "$defs");
        json_object_set_new(d->schemas, record->name, schema);
}

/* The message that carries @record; NULL: any bytes. Returns its key. */
static const char *add_message(struct document *d, const aeon_record *record)
{
        if (!record) {
                json_object_set_new(d->messages, "bytes", json_pack("{s:s}", "summary", "Any bytes."));
                return "bytes";
        }
        add_schema(d, record);
        json_object_set_new(d->messages, record->name,
                            json_pack("{s:s,s:s,s:o}", "name", record->name, "contentType", "application/json", "payload",
                                      reference("#/components/schemas/%s%s", record->name, "")));
        return record->name;
}

/* ------------------------------------------------------------------ channels and operations */

/* The channel of @address (NULL: told with each message), which then carries @record. */
static void add_channel(struct document *d, const char *key, const char *address, const aeon_record *record)
{
        json_t *channel = json_object_get(d->channels, key);
        const char *message = add_message(d, record);
        if (!channel) {
                json_object_set_new(d->channels, key,
                                    json_pack("{s:o,s:{}}", "address", address ? json_string(address) : json_null(), "messages"));
                channel = json_object_get(d->channels, key);
        }
        json_object_set_new(json_object_get(channel, "messages"), message, reference("#/components/messages/%s%s", message, ""));
}

static json_t *operation(const char *action, const char *channel, const char *message)
{
        return json_pack("{s:s,s:o,s:[o]}", "action", action, "channel", reference("#/channels/%s%s", channel, ""), "messages",
                         reference("#/channels/%s/messages/%s", channel, message));
}

static void add_subscription(struct document *d, const struct declaration *s)
{
        char channel[KEY_SIZE], replies[KEY_SIZE], key[KEY_SIZE];
        const aeon_handler *h = s->handler;
        const aeon_record *in = h->in ? h->in() : NULL, *out = h->out ? h->out() : NULL;
        key_of(channel, "", s->destination);
        add_channel(d, channel, s->destination, in);
        json_t *o = operation("receive", channel, in ? in->name : "bytes");
        if (out) {
                key_of(replies, "replies-of-", s->destination);
                add_channel(d, replies, NULL, out);
                json_object_set_new(o, "reply",
                                    json_pack("{s:o,s:[o]}", "channel", reference("#/channels/%s%s", replies, ""), "messages",
                                              reference("#/channels/%s/messages/%s", replies, out->name)));
        }
        if (*s->opts.group)
                json_object_set_new(o, "description", json_sprintf("Group %s.", s->opts.group));
        snprintf(key, sizeof key, "%s", h->name);
        for (int n = 2; json_object_get(d->operations, key); n++)
                snprintf(key, sizeof key, "%s-%d", h->name, n);
        json_object_set_new(d->operations, key, o);
}

static void add_publisher(struct document *d, const struct publisher *p)
{
        char channel[KEY_SIZE], key[KEY_SIZE];
        key_of(channel, "", p->destination);
        key_of(key, "publish-", p->destination);
        add_channel(d, channel, p->destination, p->record);
        json_object_set_new(d->operations, key, operation("send", channel, p->record ? p->record->name : "bytes"));
}

/* Without user, password, path and options: those are nobody's business. */
static void add_server(struct document *d, unsigned n, const char *url)
{
        char key[32], host[256];
        const char *authority = url ? strstr(url, "://") : NULL;
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
        snprintf(key, sizeof key, n ? "broker%u" : "broker", n + 1);
        json_object_set_new(d->servers, key, json_pack("{s:s,s:s#}", "host", host, "protocol", url, (int)strcspn(url, ":")));
}

/* ------------------------------------------------------------------ the whole */

static json_t *whole(struct document *d, aeon_app *app, const char *version)
{
        json_t *all = json_pack("{s:s,s:{s:s,s:s},s:s}", "asyncapi", "3.0.0", "info", "title", aeon_app_name(app), "version",
                                version, "defaultContentType", "application/json");
        if (json_object_size(d->servers))
                json_object_set(all, "servers", d->servers);
        json_object_set(all, "channels", d->channels);
        json_object_set(all, "operations", d->operations);
        json_object_set_new(all, "components", json_pack("{s:O,s:O}", "messages", d->messages, "schemas", d->schemas));
        return all;
}

int aeon__asyncapi(aeon_app *app, const char *version, char **ret_json)
{
        struct document d = { json_object(), json_object(), json_object(), json_object(), json_object(), 0 };
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
        json_t *all = d.error ? NULL : whole(&d, app, version);
        char *text = all ? json_dumps(all, JSON_INDENT(2)) : NULL;
        json_decref(all);
        json_t *const parts[] = { d.servers, d.channels, d.operations, d.messages, d.schemas };
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
                json_decref(parts[i]);
        if (!text)
                return d.error ? d.error : aeon_fail(-ENOMEM, "no memory for a document");
        *ret_json = text;
        return 0;
}
