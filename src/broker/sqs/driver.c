/* The sqs driver: the table, and the life of a link. What it is made of stands in link.h. */
#include "broker/sqs/link.h"

#include "broker/sqs/queue.h"
#include "broker/sqs/reply.h"
#include "broker/sqs/source.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <stdlib.h>

/* ------------------------------------------------------------------ tasks */

struct job {
        struct sqs_link *link;
        void (*fn)(struct sqs_link *l, void *arg);
        void *arg;
};

static int run_job(void *arg)
{
        struct job job = *(struct job *)arg;
        free(arg);
        aeon_scope shield;
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true, .name = "sqs" });
        job.fn(job.link, job.arg);
        aeon_scope_close(&shield, 0);
        if (--job.link->tasks == 0 && job.link->idle)
                aeon_event_set(job.link->idle);
        return 0;
}

int aeon__sqs_spawn(struct sqs_link *l, const char *name, void (*fn)(struct sqs_link *l, void *arg), void *arg)
{
        struct job *job = malloc(sizeof *job);
        if (!job)
                return aeon_fail(-ENOMEM, "no memory for a task");
        *job = (struct job){ l, fn, arg };
        int r = aeon_spawn(l->link->group, name, run_job, job);
        if (r < 0)
                free(job);
        else
                l->tasks++;
        return r;
}

/* ------------------------------------------------------------------ a round trip */

/* The cheapest question that shows who we are. One who may not list queues is known all the same. */
static int ask(struct sqs_link *l, aeon_duration patience)
{
        struct text answer;
        struct sqs_call call = { .action = "ListQueues", .request = "{\"MaxResults\":1}", .patience = patience };
        int r = aeon__sqs_call(l, &call, &answer);
        if (r >= 0)
                aeon__text_done(&answer);
        return call.denied ? 0 : r;
}

static int sqs_ping(struct link *link)
{
        return ask(link->self, 0);
}

/* ------------------------------------------------------------------ links */

static void link_free(struct sqs_link *l)
{
        aeon_http_client_close(l->http);
        aeon__sqs_queues_free(l);
        aeon__sqs_account_done(&l->account);
        aeon_event_free(l->idle);
        free(l);
}

enum { CONNECTIONS = 16384, LONGEST_ANSWER = 64 * 1024 * 1024 }; /* a poll of each queue holds one; ten messages, escaped */

static int open_client(struct sqs_link *l)
{
        const struct sqs_account *a = &l->account;
        const char *const headers[] = { a->token_header, NULL };
        const aeon_tls_opts tls = { .ca = a->ca, .certificate = a->certificate, .key = a->key, .insecure = a->insecure };
        const aeon_http_client_opts opts = {
                .base_url = a->endpoint,
                .headers = headers,
                .user = a->key_secret,
                .tls = &tls,
                .connect_timeout = a->connect_timeout,
                .max_connections = CONNECTIONS,
                .max_body = LONGEST_ANSWER,
        };
        return aeon_http_client_open(&opts, &l->http);
}

static int sqs_open(struct link *link)
{
        struct sqs_link *l = calloc(1, sizeof *l);
        if (!l)
                return aeon_fail(-ENOMEM, "no memory for a connection");
        l->link = link;
        list_init(&l->queues);
        list_init(&l->polls);
        int r = aeon__sqs_account_read(link->url, &l->account);
        if (r >= 0)
                r = open_client(l);
        if (r >= 0)
                r = ask(l, link->patient ? 0 : l->account.connect_timeout);
        if (link->patient && aeon__sqs_may_pass(r))
                r = 0;
        if (r < 0) {
                link_free(l);
                return r;
        }
        link->self = l;
        return 0;
}

static void abort_polls(struct sqs_link *l)
{
        struct sqs_poll *poll;
        list_foreach (poll, &l->polls, node)
                aeon_scope_cancel(&poll->scope, "the link closes");
}

/* Wait for the tasks, for polls `linger` at most: they wait at the server for messages that nobody wants any more. */
static void await_tasks(struct sqs_link *l)
{
        if (!l->tasks || aeon_event_new(&l->idle) < 0)
                return;
        aeon_scope limit;
        aeon_scope_open(&limit, &(aeon_scope_opts){ .timeout = l->account.linger + 1, .name = "linger" });
        int r = aeon_scope_close(&limit, aeon_event_wait(l->idle));
        if (r < 0) {
                abort_polls(l);
                aeon_event_wait(l->idle);
        }
}

static void sqs_close(struct link *link)
{
        struct sqs_link *l = link->self;
        aeon__sqs_reply_close(l);
        await_tasks(l);
        link_free(l);
}

AEON_API extern const struct broker_driver aeon__driver_sqs;

const struct broker_driver aeon__driver_sqs = {
        .name = "sqs",
        .can = CAN_SETTLE | CAN_RETRY | CAN_DELAY | CAN_REPLY,
        .open = sqs_open,
        .close = sqs_close,
        .subscribe = aeon__sqs_subscribe,
        .credit = aeon__sqs_credit,
        .drain = aeon__sqs_drain,
        .unsubscribe = aeon__sqs_unsubscribe,
        .settle = aeon__sqs_settle,
        .extend = aeon__sqs_extend,
        .publish = aeon__sqs_publish,
        .reply_open = aeon__sqs_reply_open,
        .ping = sqs_ping,
        .lag = aeon__sqs_lag,
};
