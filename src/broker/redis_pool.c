/* Pools of Redis connections, and what is done on them; see redis_pool.h. */
#include "broker/redis_pool.h"

#include "base/list.h"
#include "base/module.h"
#include "broker/core.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <aeon/sync.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 10 };

struct aeon_redis {
        struct pool *pool;
        struct redis_line *line;
        struct list node; /* of one that was taken: in the pool's idle ones */
};

struct pool {
        aeon_redis redis;  /* with the line that all share */
        aeon_group *group; /* ours, of a pool opened by hand; NULL: the app's */
        const struct redis_lines *lines;
        struct link link, own_link; /* of the shared line, and of those that are taken */
        char *url;
        aeon_semaphore *permits;
        struct list idle; /* aeon_redis */
        unsigned users;   /* calls on their way, and those that are taken */
        bool closing;
};

static bool is_taken(const aeon_redis *redis)
{
        return redis != &redis->pool->redis;
}

/* ------------------------------------------------------------------ opening and closing */

int aeon__redis_lines_for(const char *url, const struct redis_lines **ret_lines)
{
        if (!url || (strncmp(url, "redis:", 6) != 0 && strncmp(url, "rediss:", 7) != 0)) /* it may hold a password: not shown */
                return aeon_fail(-EPROTONOSUPPORT, "the URL of a Redis server begins with redis:// or rediss://");
        const void *found;
        int r = aeon__module_find("broker-redis", "aeon__redis_lines", &found);
        const struct redis_lines *lines = found;
        if (r >= 0)
                r = lines->check(url);
        if (r < 0)
                return aeon_fail(r, "redis");
        *ret_lines = lines;
        return 0;
}

static void pool_free(struct pool *pool)
{
        aeon_semaphore_free(pool->permits);
        free(pool->url);
        free(pool);
}

static void taken_free(aeon_redis *taken)
{
        taken->pool->lines->close(taken->line);
        free(taken);
}

static void close_all(struct pool *pool)
{
        while (!list_empty(&pool->idle))
                taken_free(container_of(list_pop(&pool->idle), aeon_redis, node));
        pool->lines->close(pool->redis.line);
        pool_free(pool);
}

/* The last one who uses a pool that was to be closed closes it: somebody who ignored his cancellation. */
static void leave(struct pool *pool)
{
        if (--pool->users == 0 && pool->closing)
                close_all(pool);
}

int aeon__redis_pool_open(const struct redis_pool_opts *opts, aeon_redis **ret_redis)
{
        const struct redis_lines *lines;
        int r = aeon__redis_lines_for(opts->url, &lines);
        if (r < 0)
                return r;
        struct pool *pool = calloc(1, sizeof *pool);
        if (!pool || !(pool->url = strdup(opts->url))) {
                free(pool);
                return aeon_fail(-ENOMEM, "no memory for a pool of connections");
        }
        unsigned size = opts->size ? opts->size : SIZE;
        pool->redis.pool = pool;
        pool->lines = lines;
        list_init(&pool->idle);
        pool->link = pool->own_link = (struct link){
                .url = pool->url, .name = opts->name, .meter = opts->meter, .group = opts->group, .loop = aeon_loop_current()
        };
        pool->link.patient = opts->patient;
        r = aeon_semaphore_new(size, size, &pool->permits);
        if (r >= 0)
                r = lines->open(&pool->link, false, &pool->redis.line);
        if (r < 0) {
                char shown[256];
                r = aeon_fail(r, "%s", aeon__url_shown(opts->url, shown, sizeof shown));
                pool_free(pool);
                return r;
        }
        *ret_redis = &pool->redis;
        return 0;
}

void aeon__redis_pool_close(aeon_redis *redis)
{
        struct pool *pool = redis->pool;
        pool->closing = true;
        if (!pool->users)
                close_all(pool);
        else
                aeon_log_warning("connections to a Redis server stay open for %u tasks that do not end", pool->users);
}

/* ------------------------------------------------------------------ by hand */

int aeon_redis_open(const char *url, const aeon_redis_opts *opts, aeon_redis **ret_redis)
{
        aeon_group *group;
        int r = aeon_group_open(&group);
        if (r < 0)
                return r;
        aeon_redis *redis;
        r = aeon__redis_pool_open(
                &(struct redis_pool_opts){
                        .url = url, .name = "aeon", .meter = "redis", .size = opts ? opts->size : 0, .group = group },
                &redis);
        if (r < 0) {
                aeon_group_fail(group, r);
                aeon_group_close(group);
                return r;
        }
        redis->pool->group = group;
        *ret_redis = redis;
        return 0;
}

void aeon_redis_close(aeon_redis *redis)
{
        if (!redis)
                return;
        aeon_group *group = redis->pool->group;
        aeon__redis_pool_close(redis);
        aeon_group_cancel(group, "the Redis pool is closed");
        aeon_group_close(group);
}

/* ------------------------------------------------------------------ what may be said where */

static const struct {
        const char *name;
        const char *second; /* only with this word; NULL: with any */
        bool never;         /* else: on a connection of one's own */
} refused[] = {
        { "AUTH", NULL, true },         { "CLIENT", "REPLY", true }, { "CLIENT", "TRACKING", true }, { "DISCARD", NULL, true },
        { "EXEC", NULL, true },         { "HELLO", NULL, true },     { "MONITOR", NULL, true },      { "MULTI", NULL, true },
        { "PSUBSCRIBE", NULL, true },   { "PSYNC", NULL, true },     { "PUNSUBSCRIBE", NULL, true }, { "QUIT", NULL, true },
        { "RESET", NULL, true },        { "SELECT", NULL, true },    { "SSUBSCRIBE", NULL, true },   { "SUBSCRIBE", NULL, true },
        { "SUNSUBSCRIBE", NULL, true }, { "SYNC", NULL, true },      { "UNSUBSCRIBE", NULL, true },  { "BLMOVE", NULL, false },
        { "BLMPOP", NULL, false },      { "BLPOP", NULL, false },    { "BRPOP", NULL, false },       { "BRPOPLPUSH", NULL, false },
        { "BZMPOP", NULL, false },      { "BZPOPMAX", NULL, false }, { "BZPOPMIN", NULL, false },    { "UNWATCH", NULL, false },
        { "WAIT", NULL, false },        { "WAITAOF", NULL, false },  { "WATCH", NULL, false },
};

/* XREAD and XREADGROUP wait when they are told to, before the keys. */
static bool is_blocking_read(const aeon_db_args *words)
{
        if (!redis_word_is(words, 0, "XREAD") && !redis_word_is(words, 0, "XREADGROUP"))
                return false;
        for (size_t n = 1; n < words->count && !redis_word_is(words, n, "STREAMS"); n++)
                if (redis_word_is(words, n, "BLOCK"))
                        return true;
        return false;
}

static int check_words(const aeon_redis *redis, const aeon_db_args *words)
{
        if (!words || !words->count)
                return aeon_fail(-EINVAL, "a Redis command has one word at least");
        for (size_t i = 0; i < words->count; i++) {
                aeon_db_kind kind = words->values[i].kind;
                if (kind == AEON_DB_IS_NULL || kind == AEON_DB_IS_TIMESTAMP)
                        return aeon_fail(-EINVAL, "word %zu of a Redis command is %s", i,
                                         kind == AEON_DB_IS_NULL ? "NULL" : "a timestamp");
        }
        for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
                if (!redis_word_is(words, 0, refused[i].name) || (refused[i].second && !redis_word_is(words, 1, refused[i].second)))
                        continue;
                if (refused[i].never)
                        return aeon_fail(-ENOTSUP, "%s changes the connection, and is not for commands", refused[i].name);
                if (!is_taken(redis))
                        return aeon_fail(-ENOTSUP, "%s needs a connection to itself: aeon_redis_take()", refused[i].name);
        }
        if (!is_taken(redis) && is_blocking_read(words))
                return aeon_fail(-ENOTSUP, "a read that waits needs a connection to itself: aeon_redis_take()");
        return 0;
}

/* ------------------------------------------------------------------ commands */

static int run(aeon_redis *redis, const struct redis_batch *batch, aeon_redis_reply **ret_reply)
{
        if (!redis)
                return aeon_fail(-ENOTCONN, "there is no Redis server: see aeon_use_redis()");
        for (size_t i = 0; i < batch->count; i++) {
                int r = check_words(redis, batch->commands[i]);
                if (r < 0)
                        return r;
        }
        struct pool *pool = redis->pool;
        pool->users++;
        int r = pool->lines->run(redis->line, batch, ret_reply);
        leave(pool);
        return r;
}

int aeon_redis_command(aeon_redis *redis, const aeon_db_args *words, aeon_redis_reply **ret_reply)
{
        return run(redis, &(struct redis_batch){ .commands = &words, .count = 1, .plain = true }, ret_reply);
}

int aeon_redis_pipeline(aeon_redis *redis, const aeon_db_args *const *commands, size_t count, aeon_redis_reply **ret_replies)
{
        return run(redis, &(struct redis_batch){ .commands = commands, .count = count }, ret_replies);
}

int aeon_redis_transaction(aeon_redis *redis, const aeon_db_args *const *commands, size_t count, aeon_redis_reply **ret_replies)
{
        return run(redis, &(struct redis_batch){ .commands = commands, .count = count, .whole = true }, ret_replies);
}

int aeon_redis_ping(aeon_redis *redis)
{
        return aeon_redis_command(redis, AEON_REDIS("PING"), NULL);
}

void aeon_redis_reply_free(aeon_redis_reply *reply)
{
        struct redis_whole_reply *whole = (struct redis_whole_reply *)reply;
        if (!whole)
                return;
        aeon__arena_done(&whole->arena);
        free(whole);
}

int aeon_redis_reply_error(const aeon_redis_reply *reply)
{
        return reply->kind == AEON_REDIS_ERROR ? (int)reply->integer : 0;
}

static const char *kind_name(aeon_redis_kind kind)
{
        static const char *const names[] = { "nil", "a text", "an integer", "a list", "an error" };
        return names[kind];
}

/* The reply to a command that must not be nil. */
static int ask(aeon_redis *redis, const aeon_db_args *words, aeon_redis_reply **ret_reply)
{
        int r = aeon_redis_command(redis, words, ret_reply);
        if (r < 0 || (*ret_reply)->kind != AEON_REDIS_NIL)
                return r;
        aeon_redis_reply_free(*ret_reply);
        return aeon_fail(-ENOENT, "the server has answered nil");
}

int aeon_redis_text(aeon_redis *redis, const aeon_db_args *words, char **ret_text)
{
        aeon_redis_reply *reply;
        int r = ask(redis, words, &reply);
        if (r < 0)
                return r;
        char *text = NULL;
        if (reply->kind != AEON_REDIS_TEXT)
                r = aeon_fail(-EBADMSG, "the server has answered %s, not a text", kind_name(reply->kind));
        else if (!(text = malloc(reply->size + 1)))
                r = aeon_fail(-ENOMEM, "no memory for a text of %zu bytes", reply->size);
        if (text)
                memcpy(*ret_text = text, reply->text, reply->size + 1);
        aeon_redis_reply_free(reply);
        return r;
}

static int read_integer(const aeon_redis_reply *reply, int64_t *ret_integer)
{
        char *end = NULL;
        errno = 0;
        if (reply->kind == AEON_REDIS_INTEGER) {
                *ret_integer = reply->integer;
                return 0;
        }
        if (reply->kind != AEON_REDIS_TEXT)
                return aeon_fail(-EBADMSG, "the server has answered %s, not an integer", kind_name(reply->kind));
        int64_t number = strtoimax(reply->text, &end, 10);
        if (!reply->size || (size_t)(end - reply->text) != reply->size || errno)
                return aeon_fail(-EBADMSG, "the server has answered a text that is no integer");
        *ret_integer = number;
        return 0;
}

int aeon_redis_integer(aeon_redis *redis, const aeon_db_args *words, int64_t *ret_integer)
{
        aeon_redis_reply *reply;
        int r = ask(redis, words, &reply);
        if (r < 0)
                return r;
        r = read_integer(reply, ret_integer);
        aeon_redis_reply_free(reply);
        return r;
}

/* ------------------------------------------------------------------ a connection to oneself */

static int take(struct pool *pool, aeon_redis **ret_taken)
{
        if (!list_empty(&pool->idle)) {
                aeon_redis *idle = container_of(list_pop(&pool->idle), aeon_redis, node);
                if (pool->lines->is_clean(idle->line)) {
                        *ret_taken = idle;
                        return 0;
                }
                taken_free(idle); /* the server has closed it meanwhile */
        }
        aeon_redis *taken = calloc(1, sizeof *taken);
        if (!taken)
                return aeon_fail(-ENOMEM, "no memory for a connection");
        taken->pool = pool;
        int r = pool->lines->open(&pool->own_link, true, &taken->line);
        if (r < 0)
                free(taken);
        else
                *ret_taken = taken;
        return r;
}

int aeon_redis_take(aeon_redis *redis, aeon_redis **ret_redis)
{
        if (!redis)
                return aeon_fail(-ENOTCONN, "there is no Redis server: see aeon_use_redis()");
        if (is_taken(redis))
                return aeon_fail(-EINVAL, "it was taken out of its pool already");
        struct pool *pool = redis->pool;
        pool->users++; /* who has it counts as one */
        int r = aeon_semaphore_acquire(pool->permits);
        if (r >= 0) {
                r = take(pool, ret_redis);
                if (r < 0)
                        aeon_semaphore_release(pool->permits);
        }
        if (r < 0)
                leave(pool);
        return r;
}

void aeon_redis_give(aeon_redis *redis)
{
        if (!redis || !is_taken(redis))
                return;
        struct pool *pool = redis->pool;
        if (pool->lines->is_clean(redis->line) && !pool->closing)
                list_prepend(&pool->idle, &redis->node);
        else
                taken_free(redis);
        aeon_semaphore_release(pool->permits);
        leave(pool);
}
