/* Messages: one heap block each, and the accessors.
 *
 *     struct aeon_message | destination NUL id NUL content_type NUL reply_to NUL correlation_id NUL headers body NUL
 */
#include "broker/core.h"

#include <aeon/error.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Copy @size bytes to *@place, move it on, and return where they are now. */
static const char *put(char **place, const void *bytes, size_t size)
{
        char *at = *place;
        if (size)
                memcpy(at, bytes, size);
        *place = at + size;
        return at;
}

struct aeon_message *aeon__message_new(const struct envelope *e)
{
        const char *const *texts[] = { &e->destination, &e->id, &e->content_type, &e->reply_to, &e->correlation_id };
        enum { TEXTS = sizeof texts / sizeof *texts };
        size_t lengths[TEXTS], total = e->headers_size + e->size + 1;
        for (size_t i = 0; i < TEXTS; i++)
                total += lengths[i] = strlen(*texts[i]) + 1;

        struct aeon_message *m = malloc(sizeof *m + total);
        if (!m)
                return NULL;
        *m = (struct aeon_message){ .envelope = *e, .attempt = 1 };
        m->envelope.options = "";
        m->envelope.route = NULL;
        m->envelope.reply = NULL;
        list_init(&m->node);
        char *place = m->block;
        m->envelope.destination = put(&place, e->destination, lengths[0]);
        m->envelope.id = put(&place, e->id, lengths[1]);
        m->envelope.content_type = put(&place, e->content_type, lengths[2]);
        m->envelope.reply_to = put(&place, e->reply_to, lengths[3]);
        m->envelope.correlation_id = put(&place, e->correlation_id, lengths[4]);
        m->envelope.headers = put(&place, e->headers, e->headers_size);
        m->envelope.body = put(&place, e->body, e->size);
        *place = '\0';
        return m;
}

const void *aeon_message_body(const aeon_message *m)
{
        return m->envelope.body;
}

size_t aeon_message_size(const aeon_message *m)
{
        return m->envelope.size;
}

const char *aeon_message_destination(const aeon_message *m)
{
        return m->envelope.destination;
}

const char *aeon_message_id(const aeon_message *m)
{
        return m->envelope.id;
}

const char *aeon_message_content_type(const aeon_message *m)
{
        return m->envelope.content_type;
}

const char *aeon_message_correlation_id(const aeon_message *m)
{
        return m->envelope.correlation_id;
}

const char *aeon_message_reply_to(const aeon_message *m)
{
        return m->envelope.reply_to;
}

unsigned aeon_message_attempt(const aeon_message *m)
{
        return m->attempt;
}

const char *aeon_message_header(const aeon_message *m, const char *name)
{
        return aeon__header_find(m->envelope.headers, m->envelope.headers_size, name);
}

bool aeon_message_header_at(const aeon_message *m, size_t n, const char **ret_name, const char **ret_value)
{
        const char *at = m->envelope.headers, *end = at + m->envelope.headers_size;
        while (at < end) {
                const char *value = at + strlen(at) + 1;
                if (n-- == 0) {
                        *ret_name = at;
                        *ret_value = value;
                        return true;
                }
                at = value + strlen(value) + 1;
        }
        return false;
}

/* ------------------------------------------------------------------ settling by hand */

static int settle_by_hand(aeon_message *m, enum verdict verdict, aeon_duration delay, const char *reason)
{
        if (!m->source)
                return aeon_fail(-EINVAL, "an answer needs no settling");
        if (m->settled)
                return aeon_fail(-EALREADY, "message %s of \"%s\" is settled already", m->envelope.id, m->envelope.destination);
        return aeon__settle(m, verdict, delay, reason);
}

int aeon_message_ack(aeon_message *m)
{
        return settle_by_hand(m, VERDICT_ACK, 0, NULL);
}

int aeon_message_reject(aeon_message *m, const char *reason)
{
        return settle_by_hand(m, VERDICT_REJECT, 0, reason ? reason : "rejected");
}

int aeon_message_release(aeon_message *m)
{
        return settle_by_hand(m, VERDICT_RELEASE, 0, NULL);
}

int aeon_message_retry(aeon_message *m, aeon_duration delay)
{
        if (delay < 0)
                return aeon_fail(-EINVAL, "a retry cannot be in the past");
        return settle_by_hand(m, VERDICT_RETRY, delay, NULL);
}

void aeon_message_free(aeon_message *m)
{
        if (!m)
                return;
        if (m->source && !m->settled)
                aeon__settle(m, VERDICT_RELEASE, 0, NULL);
        list_remove(&m->node);
        free(m);
}

int aeon_message_reply(aeon_message *m, aeon_body body)
{
        if (!*m->envelope.reply_to)
                return 0;
        return aeon__answer(m, body);
}
