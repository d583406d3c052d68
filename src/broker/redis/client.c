/* Commands and replies; see client.h. */
#include "broker/redis/client.h"
#include "base/digits.h"

#include <aeon/error.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD_SIZE = DIGITS_MOST + 3, FIRST_RING = 64 };

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
        char digits[DIGITS_MOST];
        size_t length = (size_t)(aeon__digits_write(digits, number) - digits);
        char *at = buffer + HEAD_SIZE - length - 3;
        *at = kind;
        memcpy(at + 1, digits, length);
        at[1 + length] = '\r';
        at[2 + length] = '\n';
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
        if (name)
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
        char digits[DIGITS_MOST + 1] = "-", *from = digits + (number >= 0);
        char *end = aeon__digits_write(digits + 1, number < 0 ? -(uint64_t)number : (uint64_t)number);
        aeon__client_word(c, from, (size_t)(end - from));
}

void aeon__client_words(struct client *c, const struct text *encoded, unsigned count)
{
        c->words += count;
        aeon__text_add(&c->command, encoded->data, encoded->length);
        c->command.failed |= encoded->failed;
}

int aeon__client_finish(struct client *c, const char **ret_bytes, size_t *ret_size)
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
        int r = aeon__client_finish(c, &bytes, &size);
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
        .greet = aeon__client_greet,
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
