/* Connections for commands of the service's own; see broker/redis_pool.h.
 *
 * DESIGN
 *   Commands of one batch are sent without a pause between them, so nothing of anybody else comes between those of a transaction, though
 *   all share the connection. Their replies are copied into one arena as they come:
 *
 *       command           MULTI, command, ..., EXEC
 *       its reply         (OK, QUEUED, ..., the list of replies): only the last is kept
 *
 *   A line that was taken has WATCHED something, or is OWED an answer that its task did not wait for: then it cannot be used again.
 */
#include "broker/redis_pool.h"

#include "base/digits.h"
#include "broker/redis/link.h"

#include <aeon/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct redis_line {
        struct client client;
        struct client_login login;
        struct broker_url *url;
        bool alone;
        bool watching; /* WATCH was said, and neither EXEC nor UNWATCH since */
        bool lost;     /* the connection broke once; only of interest when it is alone */
};

/* ------------------------------------------------------------------ opening and closing */

static int read_url(struct redis_line *line, const char *url, const char *name, aeon_duration *ret_heartbeat)
{
        int r = aeon__broker_url_read(url, REDIS_PORT, &line->url);
        if (r < 0)
                return r;
        struct options *o = line->url->options;
        line->client.wire.url = line->url;
        aeon__wire_options(&line->client.wire);
        *ret_heartbeat = aeon__option_duration(o, "heartbeat", AEON_SECONDS(15));
        name = aeon__option_text(o, "name", name);
        r = aeon__options_end(o, "Redis URL");
        return r < 0 ? r : aeon__login_read(line->url, name, &line->login);
}

static void line_free(struct redis_line *line)
{
        aeon__broker_url_free(line->url);
        free(line);
}

static int line_new(const char *url, const char *name, aeon_duration *ret_heartbeat, struct redis_line **ret_line)
{
        struct redis_line *line = calloc(1, sizeof *line);
        if (!line)
                return aeon_fail(-ENOMEM, "no memory for a connection");
        int r = read_url(line, url, name, ret_heartbeat);
        if (r < 0)
                line_free(line);
        else
                *ret_line = line;
        return r;
}

static int check(const char *url)
{
        struct redis_line *line;
        aeon_duration heartbeat;
        int r = line_new(url, "", &heartbeat, &line);
        if (r >= 0)
                line_free(line);
        return r;
}

static void note_loss(struct client *c)
{
        ((struct redis_line *)c->self)->lost = true;
}

static int line_open(struct link *link, bool alone, struct redis_line **ret_line)
{
        struct redis_line *line;
        aeon_duration heartbeat;
        int r = line_new(link->url, link->name, &heartbeat, &line);
        if (r < 0)
                return r;
        line->alone = alone;
        line->client.self = line;
        line->client.lost = note_loss;
        line->client.wire.link = link;
        r = aeon__client_open(&line->client, &line->login, alone ? 0 : heartbeat); /* a server that waits answers nothing else */
        if (r < 0) {
                line_free(line);
                return r;
        }
        line->lost = false; /* attempts that failed are no loss */
        *ret_line = line;
        return 0;
}

static void line_close(struct redis_line *line)
{
        aeon__client_close(&line->client);
        line_free(line);
}

static bool is_clean(const struct redis_line *line)
{
        return !line->lost && !line->watching && !line->client.count;
}

/* ------------------------------------------------------------------ replies */

static int copy_reply(struct arena *arena, const struct reply *from, aeon_redis_reply *to)
{
        static const aeon_redis_reply nil = { .kind = AEON_REDIS_NIL, .text = "" };
        *to = nil;
        if (from->type == REDIS_REPLY_NIL)
                return 0;
        if (from->type == REDIS_REPLY_INTEGER) {
                to->kind = AEON_REDIS_INTEGER;
                to->integer = from->number;
                return 0;
        }
        to->kind = from->type == REDIS_REPLY_ERROR   ? AEON_REDIS_ERROR
                   : from->type == REDIS_REPLY_ARRAY ? AEON_REDIS_LIST
                                                     : AEON_REDIS_TEXT;
        to->size = from->length;
        if (to->kind == AEON_REDIS_ERROR)
                to->integer = aeon__client_error(from);
        if (to->kind != AEON_REDIS_LIST)
                return (to->text = aeon__arena_copy(arena, from->text, from->length)) ? 0 : -ENOMEM;
        aeon_redis_reply *items = from->length ? aeon__arena_alloc(arena, from->length * sizeof *items) : NULL;
        int r = from->length && !items ? -ENOMEM : 0;
        for (size_t i = 0; i < from->length && r == 0; i++)
                r = copy_reply(arena, &from->items[i], &items[i]);
        to->items = items;
        return r;
}

/* ------------------------------------------------------------------ batches */

struct answers {
        struct confirmation confirmation; /* of the last one */
        const struct redis_batch *batch;
        struct redis_whole_reply *whole; /* NULL: nobody wants it */
        aeon_redis_reply *items;         /* of a pipeline */
        size_t come, expected;
        int failure; /* the first of the server's errors that is the call's */
        char words[200];
};

static void note_failure(struct answers *a, int code, const char *words)
{
        if (a->failure)
                return;
        a->failure = code;
        snprintf(a->words, sizeof a->words, "%s", words);
}

/* The reply that is kept, and where; NULL: none of it. */
static aeon_redis_reply *place_of(const struct answers *a)
{
        if (!a->whole || (a->batch->whole && a->come + 1 < a->expected))
                return NULL;
        return a->batch->plain || a->batch->whole ? &a->whole->root : &a->items[a->come];
}

static void answered(void *owner, const struct reply *reply)
{
        struct answers *a = owner;
        if (a->confirmation.here)
                return; /* the connection broke: this is one of the others */
        if (!reply) {
                aeon__confirmation_come(&a->confirmation, -ECONNABORTED, "the connection broke before the answer came");
                return;
        }
        bool last = a->come + 1 == a->expected;
        if (reply->type == REDIS_REPLY_ERROR && (a->batch->plain || a->batch->whole))
                note_failure(a, aeon__client_error(reply), reply->text);
        if (reply->type == REDIS_REPLY_NIL && a->batch->whole && last)
                note_failure(a, -EAGAIN, "a key that was watched has changed");
        aeon_redis_reply *place = place_of(a);
        if (place && copy_reply(&a->whole->arena, reply, place) < 0)
                note_failure(a, -ENOMEM, "no memory for the answer; the command was carried out");
        a->come++;
        if (last)
                aeon__confirmation_come(&a->confirmation, a->failure, a->failure ? a->words : NULL);
}

static void put_word(struct client *c, const aeon_db_value *value)
{
        char text[DIGITS_MOST + 12];
        switch (value->kind) {
        case AEON_DB_IS_I64:
                aeon__client_number(c, value->of.i64);
                return;
        case AEON_DB_IS_U64:
                aeon__client_word(c, text, (size_t)(aeon__digits_write(text, value->of.u64) - text));
                return;
        case AEON_DB_IS_F64:
                aeon__client_word(c, text, (size_t)snprintf(text, sizeof text, "%.17g", value->of.f64));
                return;
        case AEON_DB_IS_BOOL:
                aeon__client_text(c, value->of.boolean ? "1" : "0");
                return;
        case AEON_DB_IS_BYTES:
                aeon__client_word(c, value->of.bytes.data, value->of.bytes.size);
                return;
        default:
                aeon__client_text(c, value->of.text);
        }
}

/* Errors: -ENOTCONN, only for the first; -ENOMEM. */
static int send_command(struct redis_line *line, const aeon_db_args *words, struct answers *a)
{
        aeon__client_begin(&line->client, NULL);
        for (size_t i = 0; i < words->count; i++)
                put_word(&line->client, &words->values[i]);
        return aeon__client_send(&line->client, answered, a);
}

static int send_batch(struct redis_line *line, struct answers *a)
{
        static const aeon_db_value multi = { AEON_DB_IS_TEXT, { .text = "MULTI" } }, exec = { AEON_DB_IS_TEXT, { .text = "EXEC" } };
        const struct redis_batch *batch = a->batch;
        int r = batch->whole ? send_command(line, &(aeon_db_args){ &multi, 1 }, a) : 0;
        for (size_t i = 0; i < batch->count && r >= 0; i++)
                r = send_command(line, batch->commands[i], a);
        if (r >= 0 && batch->whole)
                r = send_command(line, &(aeon_db_args){ &exec, 1 }, a);
        if (r >= 0)
                return 0;
        aeon__client_forget(&line->client, a);
        if (batch->whole && r == -ENOMEM) /* the server must not go on collecting */
                aeon__wire_break(&line->client.wire, r, "a transaction could not be sent whole");
        return r;
}

/* What WATCH and its ends leave behind. */
static void note_watching(struct redis_line *line, const struct redis_batch *batch)
{
        for (size_t i = 0; i < batch->count; i++) {
                if (redis_word_is(batch->commands[i], 0, "WATCH"))
                        line->watching = true;
                else if (redis_word_is(batch->commands[i], 0, "UNWATCH"))
                        line->watching = false;
        }
        if (batch->whole)
                line->watching = false;
}

static struct redis_whole_reply *reply_new(struct answers *a)
{
        struct redis_whole_reply *whole = calloc(1, sizeof *whole);
        if (!whole || a->batch->plain || a->batch->whole || !a->batch->count)
                return whole;
        a->items = aeon__arena_alloc(&whole->arena, a->batch->count * sizeof *a->items);
        whole->root = (aeon_redis_reply){ .kind = AEON_REDIS_LIST, .text = "", .size = a->batch->count, .items = a->items };
        if (a->items)
                return whole;
        aeon_redis_reply_free(&whole->root);
        return NULL;
}

static int await_line(struct redis_line *line)
{
        if (line->alone && line->lost)
                return aeon_fail(-ECONNABORTED, "the connection that was taken is lost");
        int r = aeon__wire_ready(&line->client.wire);
        return r < 0 ? r : aeon__wire_room(&line->client.wire);
}

static int run(struct redis_line *line, const struct redis_batch *batch, aeon_redis_reply **ret_reply)
{
        struct answers a = { .batch = batch, .expected = batch->count + (batch->whole ? 2 : 0) };
        int r = await_line(line);
        if (r < 0)
                return r;
        if (ret_reply && !(a.whole = reply_new(&a)))
                return aeon_fail(-ENOMEM, "no memory for a reply");
        aeon__confirmation_init(&a.confirmation, "redis");
        r = a.expected ? send_batch(line, &a) : 0;
        if (r >= 0 && a.expected) {
                note_watching(line, batch);
                r = aeon__confirmation_wait(&a.confirmation);
                if (!a.confirmation.here || r == -ECONNABORTED)
                        aeon__client_forget(&line->client, &a);
        }
        if (r >= 0 && ret_reply)
                *ret_reply = &a.whole->root;
        else if (a.whole)
                aeon_redis_reply_free(&a.whole->root);
        return r;
}

AEON_API extern const struct redis_lines aeon__redis_lines;

const struct redis_lines aeon__redis_lines = {
        .check = check,
        .open = line_open,
        .close = line_close,
        .run = run,
        .is_clean = is_clean,
};
