/* Replies of the server; see reply.h. */
#include "broker/redis/reply.h"

#include <aeon/error.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_SIZE = 32 * 1024, ALIGNMENT = _Alignof(max_align_t) };

/* ------------------------------------------------------------------ the heap of one reply */

struct chunk {
        struct chunk *older;
        size_t used, size;
        max_align_t bytes[];
};

static void *cut(struct replies *r, size_t size)
{
        struct chunk *c = r->chunks;
        size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        if (!c || c->size - c->used < size) {
                size_t wanted = size > CHUNK_SIZE ? size : CHUNK_SIZE;
                c = malloc(sizeof *c + wanted);
                if (!c)
                        return NULL;
                *c = (struct chunk){ .older = r->chunks, .size = wanted };
                r->chunks = c;
        }
        void *memory = (char *)c->bytes + c->used;
        c->used += size;
        return memory;
}

/* Keep one chunk, unless it is a large one. */
static void empty(struct replies *r)
{
        while (r->chunks && (r->chunks->older || r->chunks->size > CHUNK_SIZE)) {
                struct chunk *c = r->chunks;
                r->chunks = c->older;
                free(c);
        }
        if (r->chunks)
                r->chunks->used = 0;
}

/* ------------------------------------------------------------------ what hiredis calls */

static struct reply *place_of(const redisReadTask *task)
{
        struct replies *r = task->privdata;
        struct reply *parent = task->parent ? task->parent->obj : NULL;
        struct reply *place = parent ? &parent->items[task->idx] : &r->root;
        *place = (struct reply){ .type = task->type };
        return place;
}

static void *create_string(const redisReadTask *task, char *text, size_t length)
{
        char *copy = cut(task->privdata, length + 1);
        if (!copy)
                return NULL;
        struct reply *reply = place_of(task);
        memcpy(copy, text, length);
        copy[length] = '\0';
        reply->text = copy;
        reply->length = length;
        return reply;
}

static void *create_array(const redisReadTask *task, int count)
{
        size_t length = count > 0 ? (size_t)count : 0;
        struct reply *items = cut(task->privdata, length * sizeof *items);
        if (!items)
                return NULL;
        struct reply *reply = place_of(task);
        reply->items = items;
        reply->length = length;
        return reply;
}

static void *create_integer(const redisReadTask *task, long long number)
{
        struct reply *reply = place_of(task);
        reply->number = number;
        return reply;
}

static void *create_nil(const redisReadTask *task)
{
        struct reply *reply = place_of(task);
        reply->type = REDIS_REPLY_NIL; /* the task's is that of what is missing */
        return reply;
}

static void free_nothing(void *reply)
{
        (void)reply;
}

static redisReplyObjectFunctions functions = { create_string, create_array, create_integer, create_nil, free_nothing };

/* ------------------------------------------------------------------ reading */

int aeon__replies_init(struct replies *r)
{
        *r = (struct replies){ .reader = redisReaderCreateWithFunctions(&functions) };
        if (!r->reader)
                return aeon_fail(-ENOMEM, "no memory for a reader");
        r->reader->privdata = r;
        r->reader->maxbuf = 0; /* keep the buffer: the next reply comes soon */
        return 0;
}

void aeon__replies_done(struct replies *r)
{
        if (r->reader)
                redisReaderFree(r->reader);
        empty(r);
        free(r->chunks);
        *r = (struct replies){ 0 };
}

int aeon__replies_reset(struct replies *r)
{
        aeon__replies_done(r);
        return aeon__replies_init(r);
}

int aeon__replies_feed(struct replies *r, const char *bytes, size_t size)
{
        if (redisReaderFeed(r->reader, bytes, size) != REDIS_OK)
                return aeon_fail(-ENOMEM, "no memory to receive %zu bytes", size);
        return 0;
}

int aeon__replies_next(struct replies *r, const struct reply **ret_reply)
{
        void *reply = NULL;
        if (!r->reader->reply && r->reader->ridx < 0)
                empty(r); /* the last one is whole: this begins a new one */
        if (redisReaderGetReply(r->reader, &reply) != REDIS_OK)
                return aeon_fail(r->reader->err == REDIS_ERR_OOM ? -ENOMEM : -EPROTO, "%s", r->reader->errstr);
        *ret_reply = reply;
        return 0;
}
