/* Durable consumers: the server's memory of what a group has had.
 *
 * DESIGN
 *   The consumer of group G for subject S is named "G@S", and "aeon@S" for the group without a name; both parts are encoded. It pulls,
 *   acknowledges each message, and redelivers for ever, since the core counts attempts. One that is there is taken as it is, whoever
 *   made it, if it can be used: its ack_wait is then what counts.
 *
 *   The first group of a subject begins with all that the stream has, so nothing that was published before is lost; a later one begins with
 *   what comes after it (?deliver=all for all). It is the first when no consumer of ours has S. Streams that do not keep what was
 *   acknowledged (interest, workqueue) deliver all in any case.
 */
#include "broker/nats/nats.h"

#include <aeon/error.h>
#include <stdio.h>
#include <string.h>

static const char *text_of(const json_t *object, const char *name)
{
        const char *text = json_string_value(json_object_get(object, name));
        return text ? text : "";
}

static int ask_about(struct nats_source *s, const char *what, json_t *question, json_t **ret_answer)
{
        char subject[NATS_ADDRESS_SIZE];
        snprintf(subject, sizeof subject, "%s.%s", what, s->stream);
        return aeon__nats_ask(s->nats, subject, question, ret_answer);
}

/* ------------------------------------------------------------------ one that is there */

static int adopt(struct nats_source *s, const json_t *info)
{
        const json_t *config = json_object_get(info, "config");
        const char *filter = text_of(config, "filter_subject");
        if (*text_of(config, "deliver_subject"))
                return aeon_fail(-EINVAL, "the consumer %s pushes, and a subscription pulls", s->consumer);
        if (strcmp(text_of(config, "ack_policy"), "explicit") != 0)
                return aeon_fail(-EINVAL, "the consumer %s has the ack policy \"%s\", and a subscription needs \"explicit\"",
                                 s->consumer, text_of(config, "ack_policy"));
        if (*filter && strcmp(filter, s->source->destination) != 0)
                return aeon_fail(-EINVAL, "the consumer %s is about \"%s\"", s->consumer, filter);
        json_int_t wait = json_integer_value(json_object_get(config, "ack_wait"));
        if (s->options.says_ack_wait && wait != s->options.ack_wait)
                return -ESTALE; /* it is to be changed */
        s->source->lease = wait > 0 ? wait : s->options.ack_wait;
        return 0;
}

int aeon__nats_consumer_info(struct nats_source *s, json_t **ret_info)
{
        char what[NATS_ADDRESS_SIZE];
        snprintf(what, sizeof what, "CONSUMER.INFO.%s.%s", s->stream, s->consumer);
        return aeon__nats_ask(s->nats, what, json_object(), ret_info);
}

/* ------------------------------------------------------------------ a new one */

/* Is there a consumer for this subject, of whatever group? 1, 0 or an error. */
static int has_sibling(struct nats_source *s)
{
        char mine[NATS_NAME_SIZE];
        aeon__nats_encode(s->source->destination, mine, sizeof mine);
        size_t offset = 0, total;
        do {
                json_t *answer;
                int r = ask_about(s, "CONSUMER.NAMES", json_pack("{s:I}", "offset", (json_int_t)offset), &answer);
                if (r < 0)
                        return r;
                const json_t *names = json_object_get(answer, "consumers");
                size_t count = json_array_size(names);
                bool found = false;
                for (size_t i = 0; i < count; i++) {
                        const char *name = json_string_value(json_array_get(names, i)), *at = name ? strchr(name, '@') : NULL;
                        found |= at && !strcmp(at + 1, mine);
                }
                total = (size_t)json_integer_value(json_object_get(answer, "total"));
                json_decref(answer);
                if (found)
                        return 1;
                offset += count;
                if (!count)
                        break;
        } while (offset < total);
        return 0;
}

static int keeps_acknowledged(struct nats_source *s)
{
        json_t *answer;
        int r = ask_about(s, "STREAM.INFO", json_object(), &answer);
        if (r < 0)
                return r;
        r = !strcmp(text_of(json_object_get(answer, "config"), "retention"), "limits");
        json_decref(answer);
        return r;
}

static int deliver_policy(struct nats_source *s, const char **ret_policy)
{
        *ret_policy = s->options.deliver;
        if (*ret_policy)
                return 0;
        int r = keeps_acknowledged(s);
        if (r > 0)
                r = has_sibling(s);
        *ret_policy = r > 0 ? "new" : "all";
        return r < 0 ? r : 0;
}

/* Creates it, or changes what may be changed of one that is there. */
static int create(struct nats_source *s, const char *policy)
{
        char what[NATS_ADDRESS_SIZE];
        json_t *answer;
        snprintf(what, sizeof what, "CONSUMER.DURABLE.CREATE.%s.%s", s->stream, s->consumer);
        json_t *config = json_pack("{s:s s:s s:s s:I s:i s:i s:s s:s}", "durable_name", s->consumer, "deliver_policy", policy,
                                   "ack_policy", "explicit", "ack_wait", (json_int_t)s->options.ack_wait, "max_deliver", -1,
                                   "max_ack_pending", -1, "filter_subject", s->source->destination, "replay_policy", "instant");
        int r = aeon__nats_ask(s->nats, what, json_pack("{s:s s:o}", "stream_name", s->stream, "config", config), &answer);
        if (r < 0)
                return r;
        json_decref(answer);
        s->source->lease = s->options.ack_wait;
        return 0;
}

/* ------------------------------------------------------------------ which, and how */

static void name_it(struct nats_source *s)
{
        char group[NATS_NAME_SIZE], subject[NATS_NAME_SIZE];
        if (s->options.durable) {
                snprintf(s->consumer, sizeof s->consumer, "%s", s->options.durable);
                return;
        }
        aeon__nats_encode(*s->source->group ? s->source->group : "aeon", group, sizeof group);
        aeon__nats_encode(s->source->destination, subject, sizeof subject);
        snprintf(s->consumer, sizeof s->consumer, "%.*s@%.*s", 120, group, 120, subject);
}

int aeon__nats_consumer(struct nats_source *s)
{
        json_t *info = NULL;
        name_it(s);
        int r = aeon__nats_consumer_info(s, &info);
        const char *policy = NULL;
        if (r >= 0) {
                r = adopt(s, info);
                policy = text_of(json_object_get(info, "config"), "deliver_policy");
                if (r == -ESTALE)
                        r = create(s, policy);
                json_decref(info);
                return r;
        }
        if (r != -ENOENT)
                return r;
        r = deliver_policy(s, &policy);
        if (r >= 0)
                r = create(s, policy);
        if (r == -EEXIST && (r = aeon__nats_consumer_info(s, &info)) >= 0) { /* somebody else was quicker */
                r = adopt(s, info);
                json_decref(info);
        }
        return r;
}
