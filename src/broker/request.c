/* Asking and waiting for the answer.
 *
 * DESIGN
 *   Each connection has one address for answers. A request carries a correlation id, a number that only this connection uses; its
 *   waiter hangs in a table by that number until the answer comes or the task is cancelled. An answer that finds no waiter is late:
 *   it is dropped and counted.
 *
 *   An answer says more than the broker's confirmation of the question, and often comes before it: RabbitMQ confirms what it has written to
 *   the disk, milliseconds after a consumer was given it. So an answer ends the wait for the confirmation, by cancelling it.
 */
#include "base/digits.h"
#include "broker/core.h"
#include "task/task.h"
#include "task/trace.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <aeon/scope.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

struct waiter {
        struct list node; /* in its bucket; alone once answered */
        uint64_t number;
        struct aeon_message *reply;
        aeon_scope asking;      /* until the question is confirmed */
        struct aeon_task *task; /* NULL unless it is parked for the answer */
        struct wait wait;
};

static struct list *bucket(struct connection *c, uint64_t number)
{
        return &c->waiters[number % WAITER_BUCKETS];
}

void aeon__deliver_reply(struct link *link, struct aeon_message *m)
{
        struct connection *c = container_of(link, struct connection, link);
        uint64_t number;
        const char *end = aeon__digits_read(m->envelope.correlation_id, &number);
        struct waiter *w;
        list_foreach (w, bucket(c, number), node) {
                if (w->number != number || *end)
                        continue;
                list_remove(&w->node);
                w->reply = m;
                if (w->task)
                        aeon__wake(w->task, 0);
                else
                        aeon_scope_cancel(&w->asking, "it is answered");
                return;
        }
        COUNT(c, late_replies);
        aeon_log_debug("an answer came too late and was dropped (correlation id %s)", m->envelope.correlation_id);
        free(m);
}

static bool stop_waiting(struct wait *wait, struct aeon_task *task)
{
        (void)task;
        struct waiter *w = container_of(wait, struct waiter, wait);
        w->task = NULL;
        return true;
}

static int await_reply(struct waiter *w)
{
        struct aeon_task *task;
        if (w->reply)
                return 0;
        int r = aeon__wait_enter(&task);
        if (r < 0)
                return r;
        w->wait = (struct wait){ .what = "reply", .abort = stop_waiting };
        w->task = task;
        return aeon__wait(&w->wait);
}

/* The reply is an error that the other side sent: its words become ours. */
static int refused(struct aeon_message *reply, const char *destination)
{
        const char *words = aeon_message_header(reply, "x-error");
        if (!words)
                return 0;
        int r = aeon_fail(-EREMOTEIO, "\"%s\" answered: %s", destination, words);
        free(reply);
        return r;
}

/* The first request asks the driver for an address; others that come meanwhile wait for it. */
static int open_replies(struct connection *c)
{
        const struct broker_driver *driver = c->link.driver;
        if (!(driver->can & CAN_REPLY))
                return aeon_fail(-ENOTSUP, "a %s broker has no replies", driver->name);
        int r = c->reply_lock ? 0 : aeon_mutex_new(&c->reply_lock);
        if (r >= 0)
                r = aeon_mutex_lock(c->reply_lock);
        if (r < 0)
                return r;
        if (!*c->reply_address)
                r = driver->reply_open(&c->link, c->reply_address, sizeof c->reply_address);
        if (r < 0)
                *c->reply_address = '\0';
        aeon_mutex_unlock(c->reply_lock);
        return r;
}

static int ask(struct connection *c, struct waiter *w, const char *destination, aeon_body body, const aeon_publish_opts *opts)
{
        aeon_scope_open(&w->asking, &(aeon_scope_opts){ .name = "confirmation of a request" });
        return aeon_scope_close(&w->asking, aeon__publish_body(c, destination, body, opts, &w->reply));
}

static aeon_span *begin_span(const char *destination)
{
        aeon_span *span = aeon__span_begin(SPAN_CLIENT, "request");
        if (span && destination) {
                char name[SPAN_NAME];
                snprintf(name, sizeof name, "request %s", destination);
                aeon__span_rename(span, name);
        }
        return span;
}

int aeon_request_with(aeon_broker *broker, const char *destination, aeon_body body, const aeon_publish_opts *opts,
                      aeon_message **ret_reply)
{
        struct connection *c;
        int r = aeon__connection_now(broker, &c);
        if (r < 0)
                return r;
        r = *c->reply_address ? 0 : open_replies(c);
        if (r < 0)
                return r;

        struct waiter w = { .number = ++c->last_request };
        char correlation_id[DIGITS_MOST + 1];
        *aeon__digits_write(correlation_id, w.number) = '\0';
        aeon_publish_opts o = opts ? *opts : (aeon_publish_opts){ 0 };
        o.reply_to = c->reply_address;
        o.correlation_id = correlation_id;

        list_append(bucket(c, w.number), &w.node);
        aeon_span *span = begin_span(destination);
        r = ask(c, &w, destination, body, &o);
        if (r >= 0)
                r = await_reply(&w);
        if (r < 0)
                aeon_span_fail(span, aeon_error_describe(r));
        aeon_span_end(span);
        list_remove(&w.node);
        if (r < 0) {
                free(w.reply);
                return r;
        }
        r = refused(w.reply, destination);
        if (r < 0)
                return r;
        *ret_reply = w.reply;
        return 0;
}

int aeon_broker_request(aeon_broker *broker, const char *destination, aeon_body body, aeon_message **ret_reply)
{
        return aeon_request_with(broker, destination, body, NULL, ret_reply);
}
