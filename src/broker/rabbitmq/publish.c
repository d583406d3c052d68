/* Publishing: confirms, returns, and answers.
 *
 * DESIGN
 *      tag            1   2   3   4   5   6   7            of the publishes on this channel, counted by both sides
 *      ring[tag]      -   -   o   -   o   o   o
 *                             '-- lowest                   the server confirms one, or all up to one
 *
 *   Any number of publishes wait for their confirmation in the ring. One that was cancelled leaves an empty place.
 *
 *   A message that no queue took is returned, whole, before it is confirmed. It says which one it is by its message_id, PREFIX-NUMBER, the
 *   prefix being this link's. A message that keeps a foreign id (a retry) has the number in a header.
 */
#include "base/digits.h"
#include "broker/rabbitmq/rabbit.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

struct unconfirmed {
        struct confirmation confirmation;
        uint64_t number;
        char returned[120]; /* why; "": it was not */
};

enum { RING_FIRST = 64, PRIORITY_MOST = 255, HEADERS_OWN = 2, DELIVERY_PERSISTENT = 2 };

static const char reply_queue[] = "amq.rabbitmq.reply-to";

/* ------------------------------------------------------------------ the ring */

static struct unconfirmed **place(struct rabbit_publisher *p, uint64_t tag)
{
        return &p->ring[tag & (p->ring_size - 1)];
}

/* Room for one more tag. */
static int grow(struct rabbit_publisher *p)
{
        if (p->tag + 1 - p->lowest < p->ring_size)
                return 0;
        size_t size = p->ring_size ? p->ring_size * 2 : RING_FIRST;
        struct unconfirmed **ring = calloc(size, sizeof(struct unconfirmed *));
        if (!ring)
                return aeon_fail(-ENOMEM, "no memory for one more publish");
        for (uint64_t tag = p->lowest; tag <= p->tag; tag++)
                ring[tag & (size - 1)] = *place(p, tag);
        free(p->ring);
        p->ring = ring;
        p->ring_size = size;
        return 0;
}

static void come(struct rabbit_publisher *p, uint64_t tag, bool taken)
{
        struct unconfirmed *u = *place(p, tag);
        *place(p, tag) = NULL;
        if (!u)
                return;
        if (!taken)
                aeon__confirmation_come(&u->confirmation, -EREMOTEIO, "the server has refused the message");
        else if (*u->returned)
                aeon__confirmation_come(&u->confirmation, -ENOENT, u->returned);
        else
                aeon__confirmation_come(&u->confirmation, 0, NULL);
}

static void confirmed(struct rabbit_channel *ch, uint64_t tag, bool multiple, bool taken)
{
        struct rabbit_publisher *p = ch->self;
        if (tag < p->lowest || tag > p->tag)
                return;
        for (uint64_t i = multiple ? p->lowest : tag; i <= tag; i++)
                come(p, i, taken);
        while (p->lowest <= p->tag && !*place(p, p->lowest))
                p->lowest++;
}

static void fail_all(struct rabbit_publisher *p, const char *words)
{
        for (uint64_t tag = p->lowest; tag <= p->tag; tag++) {
                struct unconfirmed *u = *place(p, tag);
                *place(p, tag) = NULL;
                if (u)
                        aeon__confirmation_come(&u->confirmation, -ECONNABORTED, words);
        }
        p->tag = 0;
        p->lowest = 1;
}

/* ------------------------------------------------------------------ what comes on the channel */

static void returned(struct rabbit_publisher *p, const struct rabbit_content *content)
{
        struct properties own = { .headers = &p->headers };
        size_t length = strlen(p->prefix);
        if (aeon__amqp_read_properties(content->properties, content->properties_size, &own) < 0)
                return;
        uint64_t number = own.number;
        if (!number && !strncmp(own.message_id, p->prefix, length))
                number = strtoull(own.message_id + length, NULL, 10);
        for (uint64_t tag = p->lowest; tag <= p->tag; tag++) {
                struct unconfirmed *u = *place(p, tag);
                if (!u || u->number != number)
                        continue;
                snprintf(u->returned, sizeof u->returned, "no queue takes it: %.90s", content->words);
                return;
        }
}

static void answered(struct rabbit_link *l, const struct rabbit_content *content)
{
        struct properties own = { .headers = &l->publisher.headers };
        if (aeon__amqp_read_properties(content->properties, content->properties_size, &own) < 0)
                return aeon_log_warning("rabbitmq: an answer cannot be read: %s", aeon_error_text());
        struct aeon_message *m = aeon__message_new(&(struct envelope){
                .destination = reply_queue,
                .id = own.message_id,
                .content_type = own.content_type,
                .reply_to = "",
                .correlation_id = own.correlation_id,
                .headers = own.headers->data,
                .headers_size = own.headers->length,
                .body = content->body,
                .size = content->size,
        });
        if (m)
                aeon__deliver_reply(l->link, m);
        else
                aeon_log_error("rabbitmq: no memory for an answer; it is lost");
}

static void content(struct rabbit_channel *ch, const struct rabbit_content *content)
{
        struct rabbit_publisher *p = ch->self;
        if (content->tag)
                answered(ch->connection->owner, content);
        else
                returned(p, content);
}

/* By the server, over a publish to an exchange that is not there, for example: nobody knows what became of the others. */
static void closed(struct rabbit_channel *ch, int code, const char *words)
{
        struct rabbit_publisher *p = ch->self;
        (void)code;
        p->ready = p->listening = false;
        aeon__rabbit_routes_undeclared(p);
        fail_all(p, words);
}

/* ------------------------------------------------------------------ the channel */

static int listen_for_answers(struct rabbit_publisher *p)
{
        amqp_basic_consume_t consume = { .queue = amqp_text(reply_queue), .consumer_tag = amqp_text(""), .no_ack = true };
        int r = aeon__rabbit_call(&p->channel, AMQP_BASIC_CONSUME_METHOD, &consume);
        p->listening = r >= 0 && p->channel.open;
        return r;
}

static bool is_prepared(const struct rabbit_publisher *p)
{
        return p->ready && (p->listening || !p->answering);
}

static int prepare_channel(struct rabbit_publisher *p)
{
        int r = aeon__rabbit_channel_open(&p->channel);
        if (r >= 0 && !p->ready) {
                r = aeon__rabbit_call(&p->channel, AMQP_CONFIRM_SELECT_METHOD, &(amqp_confirm_select_t){ 0 });
                p->ready = r >= 0 && p->channel.open; /* it may have been lost between the reply and this turn */
        }
        return r >= 0 && p->answering && !p->listening ? listen_for_answers(p) : r;
}

/* Make the publishing channel ready if it is not, waiting for the connection if it is away. */
static int prepare(struct rabbit_link *l)
{
        struct rabbit_publisher *p = &l->publisher;
        if (is_prepared(p))
                return 0;
        int r = aeon__wire_ready(&l->publishing.wire);
        if (r >= 0)
                r = aeon__rabbit_lock(&p->channel);
        if (r < 0)
                return r;
        r = prepare_channel(p);
        aeon__rabbit_unlock(&p->channel);
        return r;
}

bool aeon__rabbit_is_question(const struct envelope *e)
{
        return !strcmp(e->reply_to, reply_queue);
}

int aeon__rabbit_reply_open(struct link *link, char *address, size_t size)
{
        struct rabbit_link *l = link->self;
        l->publisher.answering = true;
        snprintf(address, size, "%s", reply_queue);
        return prepare(l);
}

/* ------------------------------------------------------------------ one message */

static amqp_table_entry_t number_entry(const char *name, uint64_t number)
{
        return (amqp_table_entry_t){ amqp_text(name), { AMQP_FIELD_KIND_I64, { .i64 = (int64_t)number } } };
}

/* The packed headers as a table, and our own behind them; to free(). */
static amqp_table_entry_t *unpack(const struct rabbit_message *m, uint64_t number, int *ret_count)
{
        const struct envelope *e = m->envelope;
        const char *at = e->headers, *end = at + e->headers_size;
        int count = 0;
        for (const char *scan = at; scan < end; scan += strlen(scan) + 1)
                count++;
        amqp_table_entry_t *entries = reallocarray(NULL, (size_t)count / 2 + HEADERS_OWN, sizeof *entries);
        if (!entries)
                return NULL;
        count = 0;
        while (at < end) {
                const char *value = at + strlen(at) + 1;
                entries[count++] = (amqp_table_entry_t){ amqp_text(at), { AMQP_FIELD_KIND_UTF8, { .bytes = amqp_text(value) } } };
                at = value + strlen(value) + 1;
        }
        if (m->attempt > 1)
                entries[count++] = number_entry(HEADER_ATTEMPT, m->attempt);
        if (*m->id)
                entries[count++] = number_entry(HEADER_NUMBER, number);
        *ret_count = count;
        return entries;
}

static void set_text(amqp_basic_properties_t *p, amqp_flags_t flag, amqp_bytes_t *field, const char *text)
{
        if (!*text)
                return;
        p->_flags |= flag;
        *field = amqp_text(text);
}

static void write_id(const struct rabbit_publisher *p, uint64_t number, char *id)
{
        *aeon__digits_write(stpcpy(id, p->prefix), number) = '\0';
}

static int send_message(struct rabbit_link *l, const struct rabbit_message *m, uint64_t number)
{
        struct rabbit_publisher *p = &l->publisher;
        const struct envelope *e = m->envelope;
        char id[PREFIX_SIZE + DIGITS_MOST + 1];
        write_id(p, number, id);
        int priority = e->priority < 0 ? 0 : e->priority > PRIORITY_MOST ? PRIORITY_MOST : e->priority;
        amqp_basic_properties_t properties = {
                ._flags = AMQP_BASIC_DELIVERY_MODE_FLAG | (priority ? AMQP_BASIC_PRIORITY_FLAG : 0),
                .delivery_mode = m->persistent ? DELIVERY_PERSISTENT : 1,
                .priority = (uint8_t)priority,
        };
        set_text(&properties, AMQP_BASIC_CONTENT_TYPE_FLAG, &properties.content_type, e->content_type);
        set_text(&properties, AMQP_BASIC_CORRELATION_ID_FLAG, &properties.correlation_id, e->correlation_id);
        set_text(&properties, AMQP_BASIC_REPLY_TO_FLAG, &properties.reply_to, e->reply_to);
        set_text(&properties, AMQP_BASIC_EXPIRATION_FLAG, &properties.expiration, m->expiration);
        set_text(&properties, AMQP_BASIC_MESSAGE_ID_FLAG, &properties.message_id, *m->id ? m->id : id);
        amqp_table_entry_t *entries = NULL;
        if (e->headers_size || m->attempt > 1 || *m->id) {
                entries = unpack(m, number, &properties.headers.num_entries);
                if (!entries)
                        return aeon_fail(-ENOMEM, "no memory for headers");
                properties.headers.entries = entries;
                properties._flags |= AMQP_BASIC_HEADERS_FLAG;
        }
        amqp_basic_publish_t publish = {
                .exchange = amqp_text(m->exchange),
                .routing_key = amqp_text(m->key),
                .mandatory = m->mandatory,
        };
        int r = aeon__rabbit_send_publish(&l->publishing, p->channel.number, &publish, &properties, e->body, e->size);
        free(entries);
        return r;
}

int aeon__rabbit_publish_one(struct rabbit_link *l, const struct rabbit_message *m)
{
        struct rabbit_publisher *p = &l->publisher;
        int r = aeon__wire_room(&l->publishing.wire);
        if (r >= 0)
                r = prepare(l);
        if (r >= 0)
                r = grow(p);
        if (r < 0)
                return r;
        struct unconfirmed u;
        u.number = ++p->number;
        u.returned[0] = '\0';
        r = send_message(l, m, u.number);
        if (r < 0)
                return r;
        aeon__confirmation_init(&u.confirmation, "publisher confirm");
        uint64_t tag = ++p->tag;
        *place(p, tag) = &u;
        r = aeon__confirmation_wait(&u.confirmation);
        if (!u.confirmation.here)
                *place(p, tag) = NULL;
        return r;
}

/* ------------------------------------------------------------------ its life */

int aeon__rabbit_publisher_open(struct rabbit_link *l)
{
        struct rabbit_publisher *p = &l->publisher;
        uint64_t random = 0;
        list_init(&p->routes);
        for (unsigned i = 0; i < DELAY_BUCKETS; i++)
                list_init(&p->delays[i]);
        if (getrandom(&random, sizeof random, 0) != sizeof random)
                return aeon_fail(-EIO, "the system gives no random numbers");
        snprintf(p->prefix, sizeof p->prefix, "%016" PRIx64 "-", random);
        p->lowest = 1;
        int r = aeon__rabbit_channel_init(&p->channel, &l->publishing);
        if (r >= 0)
                r = aeon__rabbit_channel_init(&p->declarations, &l->publishing);
        p->channel.self = p;
        p->channel.content = content;
        p->channel.confirmed = confirmed;
        p->channel.closed = closed;
        return r;
}

void aeon__rabbit_publisher_close(struct rabbit_link *l)
{
        struct rabbit_publisher *p = &l->publisher;
        aeon__rabbit_delays_forget(p);
        aeon__rabbit_channel_done(&p->channel);
        aeon__rabbit_channel_done(&p->declarations);
        aeon__text_done(&p->headers);
        free(p->ring);
}
