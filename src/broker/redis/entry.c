/* The entries of streams: what the server has sent of them becomes messages. */
#include "base/digits.h"
#include "broker/redis/link.h"

#include <aeon/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool in_hand(const struct redis_source *s, unsigned stream, const char *id)
{
        struct delivery *d;
        list_foreach (d, &s->deliveries, node)
                if (d->stream == stream && !strcmp(d->id, id))
                        return true;
        return false;
}

static void add_json_string(struct text *to, const struct reply *text)
{
        aeon__text_add(to, "\"", 1);
        for (size_t i = 0; i < text->length; i++) {
                unsigned char c = (unsigned char)text->text[i];
                char escaped[8];
                int length = c == '"' || c == '\\' ? snprintf(escaped, sizeof escaped, "\\%c", c)
                             : c < ' '             ? snprintf(escaped, sizeof escaped, "\\u%04x", c)
                                                   : snprintf(escaped, sizeof escaped, "%c", c);
                aeon__text_add(to, escaped, (size_t)length);
        }
        aeon__text_add(to, "\"", 1);
}

/* What others have put into the stream, field by field: a JSON object, as FastStream has it. */
static struct reply fields_as_json(struct redis_source *s, const struct reply *fields)
{
        struct text *to = &s->link->payload;
        to->length = 0;
        for (size_t i = 0; i + 1 < fields->length; i += 2) {
                aeon__text_add(to, i ? "," : "{", 1);
                add_json_string(to, &fields->items[i]);
                aeon__text_add(to, ":", 1);
                add_json_string(to, &fields->items[i + 1]);
        }
        aeon__text_add(to, "}", 1);
        return (struct reply){ .type = REDIS_REPLY_STRING,
                               .text = to->data ? to->data : "",
                               .length = to->failed ? 0 : to->length };
}

static void deliver(struct redis_source *s, unsigned stream, const struct reply *id, const struct reply *fields, unsigned losses)
{
        const struct reply *value = NULL;
        struct reply json;
        uint64_t attempt = 0;
        for (size_t i = 0; i + 1 < fields->length; i += 2) {
                if (!reply_is_text(&fields->items[i + 1]))
                        continue;
                if (reply_is(&fields->items[i], "__data__"))
                        value = &fields->items[i + 1];
                else if (reply_is(&fields->items[i], "aeon-attempt"))
                        aeon__digits_read(fields->items[i + 1].text, &attempt);
        }
        if (!value) {
                json = fields_as_json(s, fields);
                value = &json;
        }
        struct delivery *d = malloc(sizeof *d);
        struct aeon_message *m =
                d ? aeon__redis_message(s->link, s->source->destination, value, id->text, (unsigned)attempt) : NULL;
        if (!m) {
                free(d); /* it stays pending, and is claimed some time */
                return;
        }
        *d = (struct delivery){ .since = s->asked_at, .stream = stream, .id = m->envelope.id };
        m->losses = losses;
        aeon__redis_deliver(s, m, d);
}

/* One that is pending and was deleted meanwhile. */
static void forget_deleted(struct redis_source *s, unsigned stream, const char *id)
{
        struct client *c = &s->reader;
        aeon__client_begin(c, "XACK");
        aeon__client_text(c, s->streams[stream]);
        aeon__client_text(c, s->group);
        aeon__client_text(c, id);
        (void)aeon__client_send(c, NULL, NULL);
}

const char *aeon__entries_take(struct redis_source *s, unsigned stream, const struct reply *entries, const struct reply *counts,
                               bool limited)
{
        const char *last = NULL;
        for (size_t i = 0; entries && entries->type == REDIS_REPLY_ARRAY && i < entries->length; i++) {
                const struct reply *id = reply_item(&entries->items[i], 0), *fields = reply_item(&entries->items[i], 1);
                if (!reply_is_text(id) || !fields)
                        continue;
                if (limited && in_hand(s, stream, id->text)) {
                        last = id->text;
                        continue;
                }
                if (limited && !s->credit)
                        break;
                last = id->text;
                const struct reply *count = counts ? reply_item(counts, i) : NULL;
                if (fields->type == REDIS_REPLY_ARRAY)
                        deliver(s, stream, id, fields, count && count->number > 1 ? (unsigned)count->number - 1 : 0);
                else
                        forget_deleted(s, stream, id->text);
        }
        return last;
}
