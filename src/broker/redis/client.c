/* Commands and replies; see client.h. */
#include "broker/redis/client.h"

#include <aeon/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD_SIZE = 16, FIRST_RING = 64, GREETING_SIZE = 4096 };

struct pending {
        client_done *done;
        void *owner;
};

static struct client *client_of(struct wire *w)
{
        return container_of(w, struct client, wire);
}

/* ------------------------------------------------------------------ commands */

/* "$5" or "*3" and the line's end, right-aligned in @buffer of HEAD_SIZE bytes; returns where it begins. */
static char *head(char *buffer, char kind, size_t number)
{
        char *at = buffer + HEAD_SIZE;
        *--at = '\n';
        *--at = '\r';
        do
                *--at = (char)('0' + number % 10);
        while ((number /= 10) && at > buffer + 1);
        *--at = kind;
        return at;
}

void aeon__client_encode(struct text *to, const void *bytes, size_t size)
{
        char buffer[HEAD_SIZE], *from = head(buffer, '$', size);
        aeon__text_add(to, from, (size_t)(buffer + HEAD_SIZE - from));
        aeon__text_add(to, bytes, size);
        aeon__text_add(to, "\r\n", 2);
}

/* The number of words is known last; there is room for it in front. */
void aeon__client_begin(struct client *c, const char *name)
{
        static const char room[HEAD_SIZE];
        c->command.length = 0;
        c->command.failed = false;
        c->words = 0;
        aeon__text_add(&c->command, room, HEAD_SIZE);
        aeon__client_text(c, name);
}

void aeon__client_word(struct client *c, const void *bytes, size_t size)
{
        c->words++;
        aeon__client_encode(&c->command, bytes, size);
}

void aeon__client_text(struct client *c, const char *text)
{
        aeon__client_word(c, text, strlen(text));
}

void aeon__client_number(struct client *c, long long number)
{
        char digits[24];
        int length = snprintf(digits, sizeof digits, "%lld", number);
        aeon__client_word(c, digits, (size_t)length);
}

void aeon__client_words(struct client *c, const struct text *encoded, unsigned count)
{
        c->words += count;
        aeon__text_add(&c->command, encoded->data, encoded->length);
        c->command.failed |= encoded->failed;
}

/* The command as it goes over the wire. Errors: -ENOMEM. */
static int finish(struct client *c, const char **ret_bytes, size_t *ret_size)
{
        if (c->command.failed)
                return aeon_fail(-ENOMEM, "no memory for a command");
        *ret_bytes = head(c->command.data, '*', c->words);
        *ret_size = (size_t)(c->command.data + c->command.length - *ret_bytes);
        return 0;
}

/* ------------------------------------------------------------------ the ring */

/* The @n-th of those that wait; the size is a power of two. */
static struct pending *pending_at(struct client *c, size_t n)
{
        return &c->ring[(c->first + n) & (c->size - 1)];
}

/* Room for one more. */
static int ring_reserve(struct client *c)
{
        if (c->count < c->size)
                return 0;
        size_t size = c->size ? 2 * c->size : FIRST_RING;
        struct pending *ring = calloc(size, sizeof *ring);
        if (!ring)
                return aeon_fail(-ENOMEM, "no memory for %zu commands at a time", size);
        for (size_t i = 0; i < c->count; i++)
                ring[i] = *pending_at(c, i);
        free(c->ring);
        c->ring = ring;
        c->size = size;
        c->first = 0;
        return 0;
}

static void answer_oldest(struct client *c, const struct reply *reply)
{
        struct pending p = *pending_at(c, 0);
        c->first++;
        c->count--;
        if (p.done)
                p.done(p.owner, reply);
}

void aeon__client_forget(struct client *c, const void *owner)
{
        for (size_t i = 0; i < c->count; i++) {
                struct pending *p = pending_at(c, i);
                if (p->owner == owner)
                        p->done = NULL;
        }
}

int aeon__client_send(struct client *c, client_done *done, void *owner)
{
        const char *bytes;
        size_t size;
        int r = finish(c, &bytes, &size);
        if (r >= 0)
                r = ring_reserve(c);
        if (r >= 0)
                r = aeon__wire_send(&c->wire, bytes, size);
        if (r >= 0 && !c->heard)
                *pending_at(c, c->count++) = (struct pending){ done, owner };
        return r;
}

/* ------------------------------------------------------------------ asking */

int aeon__client_error(const struct reply *reply)
{
        static const struct {
                const char *word;
                int code;
        } known[] = {
                { "WRONGTYPE", -EINVAL }, { "NOAUTH", -EACCES },  { "WRONGPASS", -EACCES }, { "NOPERM", -EACCES },
                { "DENIED", -EACCES },    { "NOGROUP", -ENOENT }, { "OOM", -ENOSPC },       { "MISCONF", -EIO },
                { "READONLY", -EROFS },   { "LOADING", -EAGAIN }, { "BUSY", -EAGAIN },
        };
        size_t length = strcspn(reply->text, " ");
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
                if (length == strlen(known[i].word) && !strncmp(reply->text, known[i].word, length))
                        return known[i].code;
        return -EREMOTEIO;
}

struct question {
        struct confirmation confirmation;
        void (*read)(void *arg, const struct reply *reply);
        void *arg;
};

static void question_done(void *owner, const struct reply *reply)
{
        struct question *q = owner;
        if (!reply) {
                aeon__confirmation_come(&q->confirmation, -ECONNABORTED, "the connection broke before the answer came");
        } else if (reply->type == REDIS_REPLY_ERROR) {
                aeon__confirmation_come(&q->confirmation, aeon__client_error(reply), reply->text);
        } else {
                if (q->read)
                        q->read(q->arg, reply);
                aeon__confirmation_come(&q->confirmation, 0, NULL);
        }
}

int aeon__client_ask(struct client *c, const char *what, void (*read)(void *arg, const struct reply *reply), void *arg)
{
        struct question q = { .read = read, .arg = arg };
        aeon__confirmation_init(&q.confirmation, what);
        int r = aeon__client_send(c, question_done, &q);
        if (r < 0)
                return r;
        r = aeon__confirmation_wait(&q.confirmation);
        if (!q.confirmation.here)
                aeon__client_forget(c, &q);
        return r;
}

void aeon__client_read_number(void *arg, const struct reply *reply)
{
        *(long long *)arg = reply->number;
}

/* ------------------------------------------------------------------ hello */

struct greeting {
        struct client *client;
        struct text output;
        unsigned count; /* of commands, and so of replies */
};

static int greeting_add(struct greeting *g)
{
        const char *bytes;
        size_t size;
        int r = finish(g->client, &bytes, &size);
        if (r < 0)
                return r;
        aeon__text_add(&g->output, bytes, size);
        g->count++;
        return g->output.failed ? aeon_fail(-ENOMEM, "no memory for a greeting") : 0;
}

static int say_hello(struct greeting *g)
{
        struct client *c = g->client;
        const struct client_login *login = c->login;
        int r = 0;
        if (login->has_password) {
                aeon__client_begin(c, "AUTH");
                if (*login->user)
                        aeon__client_text(c, login->user);
                aeon__client_text(c, login->password);
                r = greeting_add(g);
        }
        if (r >= 0 && login->database) {
                aeon__client_begin(c, "SELECT");
                aeon__client_number(c, login->database);
                r = greeting_add(g);
        }
        if (r >= 0) {
                aeon__client_begin(c, "CLIENT");
                aeon__client_text(c, "SETNAME");
                aeon__client_text(c, login->name);
                r = greeting_add(g);
        }
        if (r >= 0) {
                aeon__client_begin(c, "CLIENT");
                aeon__client_text(c, "ID");
                r = greeting_add(g);
        }
        if (r >= 0) {
                aeon__client_begin(c, "PING"); /* a server that still loads its data says so */
                r = greeting_add(g);
        }
        return r < 0 ? r : aeon_stream_write(c->wire.stream, g->output.data, g->output.length);
}

/* The reply to the @n-th command. A password or a database that is refused is final; a user who may not use CLIENT is none the worse. */
static int hear_hello(struct client *c, unsigned n, const struct reply *reply)
{
        const struct client_login *login = c->login;
        unsigned auth = login->has_password, select = auth + (login->database != 0);
        if (reply->type == REDIS_REPLY_INTEGER)
                c->id = reply->number;
        if (reply->type != REDIS_REPLY_ERROR)
                return 0;
        int code = aeon__client_error(reply);
        if (n < auth && code == -EREMOTEIO)
                code = -EACCES; /* "ERR AUTH called without any password configured" */
        else if (n < select && code == -EREMOTEIO)
                code = -EINVAL; /* "ERR DB index is out of range" */
        else if (n >= select && !strncmp(reply->text, "NOPERM", strlen("NOPERM")))
                return 0;
        return aeon_fail(code, "%s", reply->text);
}

static int await_hello(struct greeting *g)
{
        struct client *c = g->client;
        char buffer[GREETING_SIZE];
        for (unsigned n = 0; n < g->count;) {
                const struct reply *reply = NULL;
                int r = aeon__replies_next(&c->replies, &reply);
                if (r >= 0 && reply) {
                        r = hear_hello(c, n++, reply);
                } else if (r >= 0) {
                        ssize_t got = aeon_stream_read(c->wire.stream, buffer, sizeof buffer);
                        if (got == 0)
                                return aeon_fail(-ECONNRESET, "it has closed the connection");
                        r = got < 0 ? (int)got : aeon__replies_feed(&c->replies, buffer, (size_t)got);
                }
                if (r < 0)
                        return r;
        }
        return 0;
}

static int greet(struct wire *w)
{
        struct greeting g = { .client = client_of(w) };
        g.client->id = 0;
        int r = aeon__replies_reset(&g.client->replies);
        if (r >= 0)
                r = say_hello(&g);
        if (r >= 0)
                r = await_hello(&g);
        aeon__text_done(&g.output);
        return r;
}

/* ------------------------------------------------------------------ the wire's protocol */

static int resume(struct wire *w)
{
        struct client *c = client_of(w);
        return c->resume ? c->resume(c) : 0;
}

static ssize_t take(struct wire *w, const char *bytes, size_t size)
{
        struct client *c = client_of(w);
        int r = aeon__replies_feed(&c->replies, bytes, size);
        while (r >= 0) {
                const struct reply *reply = NULL;
                r = aeon__replies_next(&c->replies, &reply);
                if (r < 0 || !reply)
                        break;
                if (c->heard)
                        c->heard(c, reply);
                else if (c->count)
                        answer_oldest(c, reply);
                else
                        r = aeon_fail(-EPROTO, "it has answered what nobody asked");
        }
        return r < 0 ? r : (ssize_t)size;
}

static void lost(struct wire *w, int code, const char *words)
{
        struct client *c = client_of(w);
        (void)code, (void)words;
        if (c->lost)
                c->lost(c);
        while (c->count)
                answer_oldest(c, NULL);
}

static void gather(struct wire *w)
{
        struct client *c = client_of(w);
        if (c->gather)
                c->gather(c);
}

static void probe(struct wire *w)
{
        struct client *c = client_of(w);
        aeon__client_begin(c, "PING");
        (void)aeon__client_send(c, NULL, NULL);
}

static const struct wire_protocol protocol = {
        .name = "redis",
        .greet = greet,
        .resume = resume,
        .take = take,
        .lost = lost,
        .gather = gather,
        .probe = probe,
};

/* ------------------------------------------------------------------ opening and closing */

static void client_free(struct client *c)
{
        aeon__replies_done(&c->replies);
        aeon__text_done(&c->command);
        free(c->ring);
        c->ring = NULL;
        c->size = 0;
}

int aeon__client_open(struct client *c, const struct client_login *login, aeon_duration heartbeat)
{
        c->login = login;
        c->wire.protocol = &protocol;
        c->wire.self = c;
        c->wire.secure = !strcmp(c->wire.url->scheme, "rediss");
        c->wire.heartbeat = heartbeat;
        int r = aeon__replies_init(&c->replies);
        if (r >= 0)
                r = aeon__wire_open(&c->wire);
        if (r < 0)
                client_free(c);
        return r;
}

void aeon__client_close(struct client *c)
{
        aeon__wire_close(&c->wire);
        client_free(c);
}
