/* Polls; see source.h. */
#include "broker/sqs/source.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 10, WAIT_MOST = 20, VISIBILITY_MOST = 12 * 60 * 60, POLLERS_MOST = 64 };

/* ------------------------------------------------------------------ a poller's waits */

/* Wait in @list, until woken or for @duration (AEON_NEVER: no end). */
static void pause_in(struct list *list, aeon_duration duration, const char *what)
{
        struct confirmation c;
        aeon_scope limit;
        aeon_scope_open(&limit, &(aeon_scope_opts){ .timeout = duration == AEON_NEVER ? 0 : duration, .name = what });
        aeon__confirmation_init(&c, what);
        list_append(list, &c.node);
        aeon_scope_close(&limit, aeon__confirmation_wait(&c));
}

static void source_leave(struct sqs_source *s)
{
        if (--s->users)
                return;
        free(s->destination);
        free(s);
}

/* ------------------------------------------------------------------ one poll */

static struct text request_of(const struct sqs_source *s, unsigned count, long wait)
{
        struct text t = { 0 };
        aeon__text_print(&t,
                         "{\"QueueUrl\":%s,\"MaxNumberOfMessages\":%u,\"WaitTimeSeconds\":%ld,\"VisibilityTimeout\":%ld,"
                         "\"MessageAttributeNames\":[\"All\"],\"AttributeNames\":[\"ApproximateReceiveCount\"]}",
                         s->queue->url_json, count, wait, s->visibility);
        return t;
}

/* Suspends until messages are here or @wait seconds are over. */
static int receive(struct sqs_source *s, unsigned count, long wait, struct text *ret_answer)
{
        struct sqs_link *l = s->link;
        int r = aeon__sqs_queue_find(s->queue, 0, l->account.create);
        if (r < 0)
                return r;
        struct text request = request_of(s, count, wait);
        struct sqs_call call = { .action = "ReceiveMessage", .wait = AEON_SECONDS(wait) };
        call.request = request.failed ? NULL : request.data;
        struct sqs_poll poll;
        aeon_scope_open(&poll.scope, &(aeon_scope_opts){ .name = "poll" });
        list_append(&l->polls, &poll.node);
        r = aeon__sqs_call(l, &call, ret_answer);
        list_remove(&poll.node);
        aeon_scope_close(&poll.scope, 0);
        aeon__text_done(&request);
        if (r == -ENOENT)
                aeon__sqs_queue_forget(s->queue);
        return r;
}

static void give_back(struct sqs_link *l, void *arg)
{
        struct sqs_delivery *d = arg;
        (void)l;
        int r = aeon__sqs_give_back(d, false);
        if (r < 0)
                aeon_log_warning("a message of \"%s\" came during the stop and could not be given back, it will come again: %s",
                                 d->source->destination, aeon_error_describe(r));
        struct sqs_source *s = d->source;
        aeon__sqs_delivery_free(d);
        source_leave(s);
}

/* It came after the drain had begun. From here on it is the task's: who unsubscribes meanwhile must not free it. */
static void refuse(struct sqs_source *s, struct sqs_delivery *d)
{
        list_remove(&d->node);
        s->users++;
        if (aeon__sqs_spawn(s->link, "release", give_back, d) >= 0)
                return;
        aeon__sqs_delivery_free(d); /* it comes back when its time is over */
        source_leave(s);
}

static void take(struct sqs_source *s, struct sqs_received *received)
{
        struct aeon_message *m = aeon__sqs_decode(received, s->destination);
        struct sqs_delivery *d = m ? aeon__sqs_delivery_new(s, received, m->attempt) : NULL;
        if (!d) {
                aeon_log_warning("no memory for a message of \"%s\", it will come again", s->destination);
                free(m);
                s->credit++;
        } else if (s->draining) {
                free(m);
                refuse(s, d);
        } else {
                m->token = (int64_t)(intptr_t)d;
                s->unsettled++;
                aeon__deliver(s->source, m);
        }
}

/* Returns how many there were. */
static int take_all(struct sqs_source *s, struct text *text)
{
        struct sqs_answer *answer = aeon__sqs_answer_new(text);
        if (!answer)
                return aeon_fail(-ENOMEM, "no memory for messages, they will come again");
        int came = 0;
        struct sqs_received received;
        struct scan scan = aeon__sqs_messages(answer);
        while (aeon__sqs_next(answer, &scan, &received)) {
                take(s, &received);
                came++;
        }
        aeon__sqs_answer_leave(answer);
        return scan.failed && !came ? aeon_fail(-EREMOTEIO, "ReceiveMessage: the server's answer cannot be understood") : came;
}

/* Returns how many have come. */
static int poll_once(struct sqs_source *s, long wait)
{
        unsigned most = s->queue->fifo ? 1 : BATCH; /* of one group SQS lends only what comes in one poll together */
        unsigned count = s->credit < most ? s->credit : most;
        struct text answer;
        s->credit -= count;
        int r = receive(s, count, wait, &answer);
        if (r >= 0)
                r = take_all(s, &answer);
        unsigned came = r > 0 ? (unsigned)r : 0;
        s->credit += came < count ? count - came : 0;
        return r;
}

/* Returns how long to pause. */
static aeon_duration after_failure(struct sqs_source *s, int r, unsigned failures)
{
        if (!aeon__sqs_may_pass(r) && r != -ECANCELED && !failures)
                aeon_log_error("subscription \"%s\": %s", s->destination, aeon_error_describe(r));
        return aeon__sqs_pause(s->link, failures) + AEON_MILLISECONDS(1);
}

static void poller(struct sqs_link *l, void *arg)
{
        struct sqs_source *s = arg;
        unsigned failures = 0;
        long wait = 1;
        (void)l;
        while (!s->draining) {
                if (!s->credit) {
                        pause_in(&s->starved, AEON_NEVER, "credit");
                        continue;
                }
                int r = poll_once(s, wait < s->wait ? wait : s->wait);
                if (r < 0 && !s->draining)
                        pause_in(&s->napping, after_failure(s, r, failures), "next try");
                failures = r < 0 ? failures + 1 : 0;
                wait = r == 0 && wait < s->wait ? wait * 2 : r == 0 ? wait : 1;
        }
        source_leave(s);
}

/* ------------------------------------------------------------------ the driver's functions */

static int read_options(struct sqs_source *s, const struct source *source, long *ret_pollers)
{
        struct options *o;
        int r = aeon__options_read(source->options, &o);
        if (r < 0)
                return r;
        char what[120];
        snprintf(what, sizeof what, "subscription \"%.80s\"", source->destination);
        aeon_duration wait = aeon__option_duration(o, "wait", AEON_SECONDS(WAIT_MOST));
        aeon_duration visibility = aeon__option_duration(o, "visibility", AEON_SECONDS(30));
        *ret_pollers = aeon__option_number(o, "pollers", 1, POLLERS_MOST, 1);
        s->wait = (long)(wait / AEON_SECONDS(1));
        s->visibility = (long)(visibility / AEON_SECONDS(1));
        r = aeon__options_end(o, what);
        if (r >= 0 && (wait % AEON_SECONDS(1) || s->wait < 1 || s->wait > WAIT_MOST))
                r = aeon_fail(-EINVAL, "%s: option wait: SQS waits whole seconds, from 1 s to %d s", what, WAIT_MOST);
        if (r >= 0 && (visibility % AEON_SECONDS(1) || s->visibility < 1 || s->visibility > VISIBILITY_MOST))
                r = aeon_fail(-EINVAL, "%s: option visibility: SQS lends for whole seconds, from 1 s to 12 h", what);
        aeon__options_free(o);
        return r;
}

/* The queue must be there, or nobody can know it now and an app starts all the same. */
static int find_queue(struct sqs_source *s)
{
        struct sqs_link *l = s->link;
        if (l->link->patient && l->away)
                return 0;
        int r = aeon__sqs_queue_find(s->queue, l->link->patient ? 0 : l->account.connect_timeout, l->account.create);
        return l->link->patient && aeon__sqs_may_pass(r) ? 0 : r;
}

static int start(struct sqs_source *s, long pollers)
{
        for (long i = 0; i < pollers; i++) {
                s->users++;
                int r = aeon__sqs_spawn(s->link, "poller", poller, s);
                if (r < 0) {
                        s->users--;
                        return r;
                }
        }
        return 0;
}

int aeon__sqs_subscribe(struct source *source)
{
        long pollers;
        struct sqs_source *s = calloc(1, sizeof *s);
        char *destination = strdup(source->destination);
        if (!s || !destination) {
                free(s);
                free(destination);
                return aeon_fail(-ENOMEM, "no memory for a subscription");
        }
        *s = (struct sqs_source){ .source = source, .link = source->link->self, .destination = destination, .users = 1 };
        list_init(&s->deliveries);
        list_init(&s->starved);
        list_init(&s->napping);
        int r = read_options(s, source, &pollers);
        if (r >= 0)
                r = aeon__sqs_queue_get(s->link, destination, &s->queue);
        if (r >= 0)
                r = find_queue(s);
        if (r >= 0)
                r = start(s, pollers);
        source->self = s;
        if (r < 0) {
                aeon__sqs_drain(source);
                aeon__sqs_unsubscribe(source);
                return r;
        }
        source->lease = AEON_SECONDS(s->visibility);
        return 0;
}

void aeon__sqs_credit(struct source *source, unsigned more)
{
        struct sqs_source *s = source->self;
        s->credit += more;
        aeon__confirmations_come(&s->starved, 0, NULL);
}

void aeon__sqs_drain(struct source *source)
{
        struct sqs_source *s = source->self;
        s->draining = true;
        aeon__confirmations_come(&s->starved, 0, NULL);
        aeon__confirmations_come(&s->napping, 0, NULL);
}

void aeon__sqs_unsubscribe(struct source *source)
{
        struct sqs_source *s = source->self;
        while (!list_empty(&s->deliveries))
                aeon__sqs_delivery_free(list_first(&s->deliveries, struct sqs_delivery, node));
        s->source = NULL;
        source_leave(s);
}

/* ------------------------------------------------------------------ how much waits */

int aeon__sqs_lag(struct source *source, uint64_t *ret_lag)
{
        struct sqs_source *s = source->self;
        int r = aeon__sqs_queue_find(s->queue, 0, false);
        if (r < 0)
                return r;
        struct sqs_call call = { .action = "GetQueueAttributes" };
        json_t *answer;
        r = aeon__sqs_ask(s->link, &call,
                          json_pack("{s:s s:[s]}", "QueueUrl", s->queue->url, "AttributeNames", "ApproximateNumberOfMessages"),
                          &answer);
        if (r < 0)
                return r;
        const char *number =
                json_string_value(json_object_get(json_object_get(answer, "Attributes"), "ApproximateNumberOfMessages"));
        if (number)
                *ret_lag = strtoull(number, NULL, 10);
        json_decref(answer);
        return number ? 0 : aeon_fail(-EPROTO, "GetQueueAttributes: the answer has no number");
}
