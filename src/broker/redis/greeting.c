/* What a connection says first: who we are, which database, whether the server is ready; all in one write. */
#include "broker/redis/client.h"

#include <aeon/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GREETING_SIZE = 4096, DATABASE_MOST = 1000000 };

static int read_database(const char *path, int *ret_database)
{
        char *end;
        long number = strtol(path, &end, 10);
        if (*path && (*end || number < 0 || number > DATABASE_MOST))
                return aeon_fail(-EINVAL, "\"%s\" is not the number of a database", path);
        *ret_database = (int)number;
        return 0;
}

/* The server wants names without blanks. */
static void write_name(struct client_login *login, const char *name)
{
        snprintf(login->name, sizeof login->name, "%s", name);
        for (char *at = login->name; *at; at++)
                if (*at <= ' ' || *at > '~')
                        *at = '-';
}

int aeon__login_read(const struct broker_url *url, const char *name, struct client_login *ret_login)
{
        if (*url->user && !url->has_password)
                return aeon_fail(-EINVAL, "user \"%s\" has no password", url->user);
        int r = read_database(url->path, &ret_login->database);
        if (r < 0)
                return r;
        ret_login->user = url->user;
        ret_login->password = url->password;
        ret_login->has_password = url->has_password;
        write_name(ret_login, name);
        return 0;
}

/* ------------------------------------------------------------------ the greeting */

struct greeting {
        struct client *client;
        struct text output;
        unsigned count; /* of commands, and so of replies */
};

static int greeting_add(struct greeting *g)
{
        const char *bytes;
        size_t size;
        int r = aeon__client_finish(g->client, &bytes, &size);
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

int aeon__client_greet(struct wire *w)
{
        struct greeting g = { .client = container_of(w, struct client, wire) };
        g.client->id = 0;
        int r = aeon__replies_reset(&g.client->replies);
        if (r >= 0)
                r = say_hello(&g);
        if (r >= 0)
                r = await_hello(&g);
        aeon__text_done(&g.output);
        return r;
}
