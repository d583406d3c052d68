/* bench-raw-nats: cnats. Core: a subscription's callback. JetStream (modes stream-...): a durable pull of 256 with an ack each, and
 * asynchronous publishing. `flood` is who sends while others measure how core NATS is consumed. */
#include "figures.h"

#include <nats/nats.h>
#include <pthread.h>
#include <semaphore.h>

enum { FETCH = 256 };

static natsConnection *connection;
static sem_t finished;
static long seen;

static void check(natsStatus s, const char *doing)
{
        if (s != NATS_OK)
                die("%s: %s", doing, natsStatus_GetText(s));
}

static natsConnection *dial(void)
{
        natsConnection *c = NULL;
        check(natsConnection_ConnectTo(&c, bench.url), "connect");
        return c;
}

/* ------------------------------------------------------------------ core */

static void taken(natsConnection *c, natsSubscription *s, natsMsg *m, void *arg)
{
        (void)c, (void)s, (void)arg;
        if (seen == 0)
                bench_begin();
        bench_look(natsMsg_GetData(m), (size_t)natsMsg_GetDataLength(m));
        natsMsg_Destroy(m);
        if (++seen == bench.count) {
                bench_end();
                sem_post(&finished);
        }
}

static void consume(void)
{
        natsSubscription *s = NULL;
        bench_prepare();
        check(natsConnection_Subscribe(&s, connection, bench.name, taken, NULL), "subscribe");
        check(natsSubscription_SetPendingLimits(s, -1, -1), "limits");
        check(natsConnection_Flush(connection), "flush");
        bench_flood();
        sem_wait(&finished);
        natsSubscription_Destroy(s);
}

/* The confirmation of core NATS is the answer to a PING behind the messages. */
static void publish(void)
{
        for (long i = 0; i < bench.count; i++) {
                check(natsConnection_Publish(connection, bench.name, bench_body(), BODY), "publish");
                if ((i + 1) % bench.at_once == 0)
                        check(natsConnection_Flush(connection), "flush");
        }
        check(natsConnection_Flush(connection), "flush");
}

/* ------------------------------------------------------------------ request and reply
 *
 * Two connections and an inbox. The library writes each message by itself (SendAsap), or holds them back until its flushing thread comes by,
 * a millisecond later. With many under way it is quickest to hold back, and to have them all written by a PING behind them. */

static natsConnection *dial_for_requests(void)
{
        natsOptions *o = NULL;
        natsConnection *c = NULL;
        check(natsOptions_Create(&o), "options");
        check(natsOptions_SetURL(o, bench.url), "url");
        check(natsOptions_SetSendAsap(o, bench.at_once == 1), "options");
        check(natsConnection_Connect(&c, o), "connect");
        natsOptions_Destroy(o);
        return c;
}

static void write_all(natsConnection *c)
{
        if (bench.at_once > 1)
                check(natsConnection_Flush(c), "flush");
}

/* What has come, at least one. */
static natsMsg *next(natsSubscription *s, bool *ret_last)
{
        natsMsg *m = NULL;
        uint64_t waiting = 0;
        check(natsSubscription_NextMsg(&m, s, 5000), "next message");
        check(natsSubscription_QueuedMsgs(s, &waiting), "queue");
        bench_look(natsMsg_GetData(m), (size_t)natsMsg_GetDataLength(m));
        *ret_last = waiting == 0;
        return m;
}

static void *answer_all(void *arg)
{
        natsConnection *c = dial_for_requests();
        natsSubscription *s = NULL;
        bool last;
        (void)arg;
        check(natsConnection_SubscribeSync(&s, c, bench.name), "subscribe");
        check(natsConnection_Flush(c), "flush");
        sem_post(&finished);
        for (long i = 0; i < bench.count; i++) {
                natsMsg *m = next(s, &last);
                check(natsConnection_Publish(c, natsMsg_GetReply(m), natsMsg_GetData(m), natsMsg_GetDataLength(m)), "answer");
                natsMsg_Destroy(m);
                if (last)
                        write_all(c);
        }
        check(natsConnection_Flush(c), "flush");
        natsSubscription_Destroy(s);
        natsConnection_Destroy(c);
        return NULL;
}

static void request(void)
{
        natsConnection *c = dial_for_requests();
        natsSubscription *answers = NULL;
        natsInbox *inbox = NULL;
        pthread_t other;
        must(-pthread_create(&other, NULL, answer_all, NULL), "thread");
        sem_wait(&finished);
        check(natsInbox_Create(&inbox), "inbox");
        check(natsConnection_SubscribeSync(&answers, c, inbox), "subscribe");
        check(natsConnection_Flush(c), "flush");

        bench_begin();
        long sent = 0;
        for (; sent < bench.at_once; sent++)
                check(natsConnection_PublishRequest(c, bench.name, inbox, bench_body(), BODY), "request");
        write_all(c);
        for (long answered = 0; answered < bench.count; answered++) {
                bool last;
                natsMsg_Destroy(next(answers, &last));
                if (sent < bench.count) {
                        check(natsConnection_PublishRequest(c, bench.name, inbox, bench_body(), BODY), "request");
                        sent++;
                }
                if (last)
                        write_all(c);
        }
        bench_end();
        pthread_join(other, NULL);
        natsSubscription_Destroy(answers);
        natsInbox_Destroy(inbox);
        natsConnection_Destroy(c);
}

/* ------------------------------------------------------------------ JetStream */

static jsCtx *stream;

static void open_stream(void)
{
        jsStreamConfig config;
        jsErrCode code;
        jsOptions o;
        check(jsOptions_Init(&o), "options");
        o.PublishAsync.MaxPending = bench.at_once;
        check(natsConnection_JetStream(&stream, connection, &o), "JetStream");
        check(jsStreamConfig_Init(&config), "stream");
        config.Name = bench.name;
        config.Subjects = &bench.name;
        config.SubjectsLen = 1;
        check(js_AddStream(NULL, stream, &config, NULL, &code), "stream");
}

static void publish_to_stream(void)
{
        for (long i = 0; i < bench.count; i++)
                check(js_PublishAsync(stream, bench.name, bench_body(), BODY, NULL), "publish");
        check(js_PublishAsyncComplete(stream, NULL), "confirmations");
}

static void consume_stream(void)
{
        natsSubscription *s = NULL;
        jsErrCode code;
        bench_prepare();
        check(js_PullSubscribe(&s, stream, bench.name, "bench", NULL, NULL, &code), "subscribe");
        while (seen < bench.count) {
                natsMsgList list;
                check(natsSubscription_Fetch(&list, s, FETCH, 5000, &code), "fetch");
                if (seen == 0)
                        bench_begin();
                for (int i = 0; i < list.Count; i++) {
                        bench_look(natsMsg_GetData(list.Msgs[i]), (size_t)natsMsg_GetDataLength(list.Msgs[i]));
                        check(natsMsg_Ack(list.Msgs[i], NULL), "ack");
                }
                seen += list.Count;
                natsMsgList_Destroy(&list);
        }
        check(natsConnection_Flush(connection), "flush");
        bench_end();
        natsSubscription_Destroy(s);
}

int main(int argc, char **argv)
{
        bench_arguments(argc, argv);
        sem_init(&finished, 0, 0);
        connection = dial();
        if (bench_mode("consume")) {
                consume();
        } else if (bench_mode("publish")) {
                bench_begin();
                publish();
                bench_end();
        } else if (bench_mode("flood")) {
                publish();
        } else if (bench_mode("request")) {
                request();
        } else if (bench_mode("stream-consume")) {
                bench.at_once = 4096;
                open_stream();
                publish_to_stream();
                consume_stream();
        } else if (bench_mode("stream-publish")) {
                open_stream();
                bench_begin();
                publish_to_stream();
                bench_end();
        } else {
                die("no such mode");
        }
        jsCtx_Destroy(stream);
        natsConnection_Destroy(connection);
        nats_Close();
        return 0;
}
