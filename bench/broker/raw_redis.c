/* bench-raw-redis: hiredis as one would use it for speed: XADD pipelined, XREADGROUP of 100 with one XACK for them in the same write. */
#include "figures.h"

#include <hiredis/hiredis.h>
#include <pthread.h>

enum { FETCH = 100 };

static redisContext *dial(void)
{
        redisContext *c = redisConnect(bench.host, bench.port);
        if (!c || c->err)
                die("connect: %s", c ? c->errstr : "no memory");
        return c;
}

/* The next answer, which must be no error. Free it. */
static redisReply *answer(redisContext *c)
{
        void *reply = NULL;
        if (redisGetReply(c, &reply) != REDIS_OK)
                die("%s", c->errstr);
        redisReply *r = reply;
        if (r->type == REDIS_REPLY_ERROR)
                die("%s", r->str);
        return r;
}

static void add(redisContext *c, const char *reply_to)
{
        const char *words[] = { "XADD", bench.name, "*", "body", bench_body(), "reply_to", reply_to };
        size_t sizes[] = { 4, strlen(bench.name), 1, 4, BODY, 8, reply_to ? strlen(reply_to) : 0 };
        redisAppendCommandArgv(c, reply_to ? 7 : 5, words, sizes);
}

/* At most @at_once commands wait for their answers. */
static void publish(redisContext *c, long at_once)
{
        long sent = 0;
        while (sent < at_once && sent < bench.count)
                add(c, NULL), sent++;
        for (long confirmed = 0; confirmed < bench.count; confirmed++) {
                freeReplyObject(answer(c));
                if (sent < bench.count)
                        add(c, NULL), sent++;
        }
}

static void open_group(redisContext *c)
{
        redisAppendCommand(c, "XGROUP CREATE %s bench 0 MKSTREAM", bench.name);
        freeReplyObject(answer(c));
}

static void fetch(redisContext *c)
{
        redisAppendCommand(c, "XREADGROUP GROUP bench me COUNT %d BLOCK 2000 STREAMS %s >", FETCH, bench.name);
}

/* The entries of a fetch: [[stream, [[id, [field, value, ...]], ...]]], or nil. */
static redisReply *entries(redisReply *r)
{
        return r->type == REDIS_REPLY_ARRAY ? r->element[0]->element[1] : NULL;
}

static void acknowledge(redisContext *c, redisReply *batch)
{
        const char *words[3 + FETCH] = { "XACK", bench.name, "bench" };
        size_t sizes[3 + FETCH] = { 4, strlen(bench.name), 5 };
        for (size_t i = 0; i < batch->elements; i++) {
                words[3 + i] = batch->element[i]->element[0]->str;
                sizes[3 + i] = (size_t)batch->element[i]->element[0]->len;
        }
        redisAppendCommandArgv(c, (int)(3 + batch->elements), words, sizes);
}

static void consume(redisContext *c)
{
        long taken = 0;
        fetch(c);
        redisReply *r = answer(c);
        bench_begin();
        while (entries(r)) {
                redisReply *batch = entries(r);
                for (size_t i = 0; i < batch->elements; i++) {
                        redisReply *body = batch->element[i]->element[1]->element[1];
                        bench_look(body->str, (size_t)body->len);
                }
                taken += (long)batch->elements;
                acknowledge(c, batch);
                if (taken < bench.count)
                        fetch(c);
                freeReplyObject(r);
                freeReplyObject(answer(c));
                if (taken >= bench.count)
                        break;
                r = answer(c);
        }
        bench_end();
        if (taken != bench.count)
                die("%ld messages came, not %ld", taken, bench.count);
}

/* The other side: answers by PUBLISH, all of a fetch in one write. */
static void *answer_all(void *arg)
{
        redisContext *c = dial();
        (void)arg;
        for (long taken = 0; taken < bench.count;) {
                fetch(c);
                redisReply *r = answer(c), *batch = entries(r);
                for (size_t i = 0; batch && i < batch->elements; i++) {
                        redisReply *fields = batch->element[i]->element[1];
                        bench_look(fields->element[1]->str, (size_t)fields->element[1]->len);
                        redisAppendCommand(c, "PUBLISH %s %b", fields->element[3]->str, fields->element[1]->str,
                                           (size_t)fields->element[1]->len);
                }
                if (batch) {
                        acknowledge(c, batch);
                        for (size_t i = 0; i <= batch->elements; i++)
                                freeReplyObject(answer(c));
                        taken += (long)batch->elements;
                }
                freeReplyObject(r);
        }
        redisFree(c);
        return NULL;
}

/* Write what was appended. */
static void flush(redisContext *c)
{
        for (int done = 0; !done;)
                if (redisBufferWrite(c, &done) != REDIS_OK)
                        die("%s", c->errstr);
}

/* Read and drop answers to XADD, of which @left are still to come; returns how many then are. */
static long drop_answers(redisContext *c, long left)
{
        void *reply = NULL;
        if (left && redisBufferRead(c) != REDIS_OK)
                die("%s", c->errstr);
        for (; redisGetReplyFromReader(c, &reply) == REDIS_OK && reply; left--)
                freeReplyObject(reply);
        return left;
}

static void request(redisContext *c)
{
        char inbox[200];
        snprintf(inbox, sizeof inbox, "%s-answers", bench.name);
        redisContext *replies = dial();
        redisAppendCommand(replies, "SUBSCRIBE %s", inbox);
        freeReplyObject(answer(replies));
        pthread_t other;
        must(-pthread_create(&other, NULL, answer_all, NULL), "thread");

        bench_begin();
        long sent = 0, dropped = 0;
        while (sent < bench.at_once)
                add(c, inbox), sent++;
        for (long answered = 0; answered < bench.count; answered++) {
                void *ready = NULL;
                if (redisGetReplyFromReader(replies, &ready) == REDIS_OK && !ready) {
                        flush(c); /* what follows waits */
                        ready = answer(replies);
                        dropped = sent - drop_answers(c, sent - dropped);
                }
                redisReply *r = ready;
                bench_look(r->element[2]->str, (size_t)r->element[2]->len);
                freeReplyObject(r);
                if (sent < bench.count)
                        add(c, inbox), sent++;
        }
        bench_end();
        pthread_join(other, NULL);
        redisFree(replies);
}

int main(int argc, char **argv)
{
        bench_arguments(argc, argv);
        bench_address();
        redisContext *c = dial();
        if (bench_mode("consume")) {
                publish(c, 1000);
                bench_prepare();
                open_group(c);
                consume(c);
        } else if (bench_mode("publish")) {
                bench_begin();
                publish(c, bench.at_once);
                bench_end();
        } else if (bench_mode("request")) {
                open_group(c);
                request(c);
        } else {
                die("no such mode");
        }
        redisFree(c);
        return 0;
}
