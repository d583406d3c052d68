/* Streams: finding the one that has a subject, and creating one when none has.
 *
 * DESIGN
 *   A publisher asks once per subject; what was found is remembered in a table that has one place per hash, so many subjects cost
 *   questions and no memory. When a stream was deleted the server says so (nobody has responded), and one asks again.
 *
 *   A created stream has this one subject, is named after it, and is limited by age alone. Whoever wants more than that creates streams
 *   by his own tools; we then find them.
 */
#include "broker/nats/nats.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ finding */

static int several(const json_t *streams, const char *subject)
{
        const char *first = json_string_value(json_array_get(streams, 0)), *second = json_string_value(json_array_get(streams, 1));
        return aeon_fail(-EINVAL, "the streams %s and %s both have subjects of \"%s\": say which, by ?stream=", first, second,
                         subject);
}

static int find(struct nats *l, const char *subject, char *ret_stream)
{
        json_t *answer;
        int r = aeon__nats_ask(l, "STREAM.NAMES", json_pack("{s:s}", "subject", subject), &answer);
        if (r < 0)
                return r;
        json_t *streams = json_object_get(answer, "streams");
        size_t count = json_array_size(streams);
        const char *name = json_string_value(json_array_get(streams, 0));
        if (count > 1)
                r = several(streams, subject);
        else if (!name)
                r = -ENOENT;
        else if (ret_stream)
                snprintf(ret_stream, NATS_NAME_SIZE, "%s", name);
        json_decref(answer);
        return r;
}

/* Does the stream exist that was asked for? */
static int find_named(struct nats *l, const char *name, char *ret_stream)
{
        char what[NATS_ADDRESS_SIZE];
        json_t *answer;
        snprintf(what, sizeof what, "STREAM.INFO.%s", name);
        int r = aeon__nats_ask(l, what, json_object(), &answer);
        if (r < 0)
                return r == -ENOTSUP ? r : -ENOENT;
        json_decref(answer);
        if (ret_stream)
                snprintf(ret_stream, NATS_NAME_SIZE, "%s", name);
        return 0;
}

/* ------------------------------------------------------------------ creating */

static int create(struct nats *l, const char *subject, const char *name, const struct nats_options *o)
{
        char what[NATS_ADDRESS_SIZE];
        json_t *answer,
                *config = json_pack("{s:s s:[s] s:s s:s s:s s:I s:I s:I s:I}", "name", name, "subjects", subject, "retention",
                                    o->retention ? o->retention : "limits", "storage", o->storage ? o->storage : "file", "discard",
                                    "old", "max_age", (json_int_t)o->max_age, "max_bytes", (json_int_t)o->max_bytes, "max_msgs",
                                    (json_int_t)o->max_messages, "num_replicas", (json_int_t)o->replicas);
        if (config && o->duplicates)
                json_object_set_new(config, "duplicate_window", json_integer(o->duplicates));
        snprintf(what, sizeof what, "STREAM.CREATE.%s", name);
        int r = aeon__nats_ask(l, what, config, &answer);
        if (r < 0)
                return r;
        json_decref(answer);
        aeon_log_info("nats: stream %s was created for \"%s\"", name, subject);
        return 0;
}

static int missing(const char *subject, const struct nats_options *o)
{
        if (o->stream)
                return aeon_fail(-ENOENT, "there is no stream %s, and create=no", o->stream);
        return aeon_fail(-ENOENT, "no stream has the subject \"%s\", and create=no", subject);
}

int aeon__nats_stream(struct nats *l, const char *subject, const struct nats_options *o, char *ret_stream)
{
        char name[NATS_NAME_SIZE];
        int r = o->stream ? find_named(l, o->stream, ret_stream) : find(l, subject, ret_stream);
        if (r != -ENOENT)
                return r;
        if (!o->create)
                return missing(subject, o);
        if (o->stream)
                snprintf(name, sizeof name, "%s", o->stream);
        else
                aeon__nats_encode(subject, name, sizeof name);
        r = create(l, subject, name, o);
        if (r == -EEXIST && find(l, subject, name) >= 0) /* somebody else was quicker */
                r = 0;
        if (r == -EEXIST)
                return aeon_fail(r, "a stream for \"%s\" cannot be created; say which one it is, by ?stream=", subject);
        if (r >= 0 && ret_stream)
                snprintf(ret_stream, NATS_NAME_SIZE, "%s", name);
        return r;
}

/* ------------------------------------------------------------------ those that a publisher knows */

static char **place(struct nats *l, const char *subject)
{
        uint32_t h = 2166136261U;
        for (; *subject; subject++)
                h = (h ^ (unsigned char)*subject) * 16777619U;
        return &l->topics[h % NATS_TOPICS];
}

int aeon__nats_topic(struct nats *l, const char *subject, const struct nats_options *o)
{
        char **known = place(l, subject);
        if (*known && !strcmp(*known, subject))
                return 0;
        int r = aeon__nats_stream(l, subject, o, NULL);
        if (r < 0)
                return r;
        free(*known);
        *known = strdup(subject); /* NULL: asked for again */
        return 0;
}

void aeon__nats_topic_forget(struct nats *l, const char *subject)
{
        char **known = place(l, subject);
        free(*known);
        *known = NULL;
}

void aeon__nats_topics_free(struct nats *l)
{
        for (size_t i = 0; i < NATS_TOPICS; i++)
                free(l->topics[i]);
}
