/* TLS between a stream's callers and its bytes.
 *
 * DESIGN
 *   The engine (tls.h) is pure memory; here it meets the stream. Reading feeds it what came until it has plain bytes. Writing gives it
 *   everything, then sends what it made. Since reading may make bytes too (a key update), sending is under a mutex, so that records
 *   leave in the order in which they were made.
 */
#include "base/module.h"
#include "loop/stream.h"
#include "loop/tls.h"

#include <aeon/error.h>
#include <aeon/sync.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { RECORD = 17 * 1024 }; /* a TLS record and its frame */

struct secure {
        const struct tls_engine *engine;
        struct tls *tls;
        aeon_mutex *sending;
        bool reading; /* a task is in aeon__secure_read() */
        char received[RECORD], made[RECORD];
};

void aeon__secure_free(struct secure *c)
{
        if (!c)
                return;
        if (c->tls)
                c->engine->free(c->tls);
        aeon_mutex_free(c->sending);
        free(c);
}

/* Send what the engine has made. What it has taken cannot be taken back, so a cancel on the way breaks the stream. */
static int send_made(struct aeon_stream *s, struct secure *c)
{
        int r = aeon_mutex_lock(c->sending);
        if (r < 0) {
                aeon__stream_break(s, -EPIPE);
                return r;
        }
        size_t n;
        while (r >= 0 && (n = c->engine->take(c->tls, c->made, sizeof c->made))) {
                r = aeon__raw_writev(s, &(aeon_bytes){ c->made, n }, 1, 0);
                if (r < 0)
                        aeon__stream_break(s, r == -ECANCELED ? -EPIPE : r);
        }
        aeon_mutex_unlock(c->sending);
        return r < 0 ? r : 0;
}

/* Feed the engine with what the peer sends next. */
static int receive_more(struct aeon_stream *s, struct secure *c)
{
        ssize_t n = aeon__raw_read(s, c->received, sizeof c->received);
        if (n < 0)
                return (int)n;
        if (n == 0)
                return aeon_fail(-ECONNRESET, "TLS: %s ended the connection without saying so", aeon_stream_peer(s));
        return c->engine->feed(c->tls, c->received, (size_t)n);
}

static ssize_t read_plain(struct aeon_stream *s, struct secure *c, struct aeon_task *t, void *buffer, size_t size)
{
        bool waited = false;
        for (;;) {
                ssize_t n = c->engine->read(c->tls, buffer, size);
                if (n != -EAGAIN) {
                        if (n >= 0 && !waited)
                                aeon__wait_skip(t);
                        return n;
                }
                int r = receive_more(s, c);
                if (r < 0)
                        return r;
                waited = true;
        }
}

ssize_t aeon__secure_read(struct aeon_stream *s, void *buffer, size_t size)
{
        struct secure *c = s->secure;
        struct aeon_task *t = NULL;
        int r = aeon__wait_enter(&t);
        if (r < 0)
                return r;
        if (c->reading)
                return aeon_fail(-EBUSY, "another task is reading from %s", aeon_stream_peer(s));
        if (size == 0)
                return aeon_fail(-EINVAL, "a read needs room for at least one byte");
        c->reading = true;
        ssize_t n = read_plain(s, c, t, buffer, size);
        if (s->secure == c) /* not closed meanwhile */
                c->reading = false;
        return n;
}

ssize_t aeon__secure_read_at_hand(struct aeon_stream *s, void *buffer, size_t size)
{
        return s->secure->engine->read(s->secure->tls, buffer, size);
}

int aeon__secure_writev(struct aeon_stream *s, const aeon_bytes *pieces, size_t count)
{
        struct secure *c = s->secure;
        struct aeon_task *t = NULL;
        int r = aeon__wait_enter(&t);
        for (size_t i = 0; i < count && r == 0; i++)
                r = c->engine->write(c->tls, pieces[i].data, pieces[i].size);
        return r < 0 ? r : send_made(s, c);
}

int aeon__secure_shutdown(struct aeon_stream *s)
{
        struct secure *c = s->secure;
        int r = c->engine->end(c->tls);
        if (r == 0)
                r = send_made(s, c);
        return r < 0 ? r : aeon__raw_shutdown(s);
}

/* ------------------------------------------------------------------ beginning */

static int shake_hands(struct aeon_stream *s, struct secure *c)
{
        for (;;) {
                int r = c->engine->handshake(c->tls);
                if (r < 0 && r != -EAGAIN) {
                        send_made(s, c); /* the alert that tells the peer; its failure changes nothing */
                        return r;
                }
                int sent = send_made(s, c);
                if (sent < 0 || r == 0)
                        return sent;
                r = receive_more(s, c);
                if (r < 0)
                        return r;
        }
}

static int find_engine(const struct tls_engine **ret_engine)
{
        const void *found;
        int r = aeon__module_find("tls", TLS_ENGINE_SYMBOL, &found);
        if (r < 0)
                return r;
        *ret_engine = found;
        return 0;
}

static int secure_new(aeon_stream *s, struct secure **ret_secure)
{
        if (s->secure)
                return aeon_fail(-EALREADY, "TLS with %s has begun before", aeon_stream_peer(s));
        struct secure *c = calloc(1, sizeof *c);
        if (!c)
                return aeon_fail(-ENOMEM, "no memory for TLS");
        int r = find_engine(&c->engine);
        if (r == 0)
                r = aeon_mutex_new(&c->sending);
        if (r < 0) {
                aeon__secure_free(c);
                return r;
        }
        *ret_secure = c;
        return 0;
}

/* @r is what making the engine's side came to; @peer is for the words. */
static int begin(aeon_stream *s, struct secure *c, int r, const char *peer)
{
        if (r == 0)
                r = shake_hands(s, c);
        if (r < 0) {
                aeon__secure_free(c);
                return r == -ECANCELED ? r : aeon_fail(r, "TLS with %s", peer);
        }
        s->secure = c;
        return 0;
}

int aeon_stream_start_tls(aeon_stream *s, const char *host, const aeon_tls_opts *opts)
{
        struct secure *c;
        int r = secure_new(s, &c);
        return r < 0 ? r : begin(s, c, c->engine->connect(host, opts, &c->tls), host);
}

/* ------------------------------------------------------------------ servers */

struct aeon_tls_server {
        const struct tls_engine *engine;
        aeon_tls_opts opts; /* of which the texts are ours */
        pthread_mutex_t lock;
        struct tls_context *context; /* under the lock: replaced by a reload, used by accepts on any loop */
};

static const char **texts_of(aeon_tls_opts *o, size_t i)
{
        const char **const texts[] = { &o->ca, &o->certificate, &o->key, &o->alpn };
        return i < sizeof texts / sizeof *texts ? texts[i] : NULL;
}

static void free_opts(aeon_tls_opts *o)
{
        for (size_t i = 0; texts_of(o, i); i++)
                free((char *)(uintptr_t)*texts_of(o, i));
}

static int copy_opts(aeon_tls_opts *o, const aeon_tls_opts *from)
{
        aeon_tls_opts source = *from;
        for (size_t i = 0; texts_of(o, i); i++)
                if (*texts_of(&source, i) && !(*texts_of(o, i) = strdup(*texts_of(&source, i))))
                        return aeon_fail(-ENOMEM, "no memory for TLS");
        return 0;
}

int aeon_tls_server_new(const aeon_tls_opts *opts, aeon_tls_server **ret_server)
{
        struct aeon_tls_server *t = calloc(1, sizeof *t);
        if (!t)
                return aeon_fail(-ENOMEM, "no memory for TLS");
        pthread_mutex_init(&t->lock, NULL);
        int r = copy_opts(&t->opts, opts);
        if (r == 0)
                r = find_engine(&t->engine);
        if (r == 0)
                r = t->engine->context(&t->opts, &t->context);
        if (r < 0) {
                aeon_tls_server_free(t);
                return r;
        }
        *ret_server = t;
        return 0;
}

int aeon_tls_server_reload(aeon_tls_server *t)
{
        struct tls_context *fresh, *old;
        int r = t->engine->context(&t->opts, &fresh);
        if (r < 0)
                return r;
        pthread_mutex_lock(&t->lock);
        old = t->context;
        t->context = fresh;
        pthread_mutex_unlock(&t->lock);
        t->engine->context_free(old);
        return 0;
}

void aeon_tls_server_free(aeon_tls_server *t)
{
        if (!t)
                return;
        if (t->context)
                t->engine->context_free(t->context);
        free_opts(&t->opts);
        pthread_mutex_destroy(&t->lock);
        free(t);
}

int aeon_stream_accept_tls(aeon_stream *s, aeon_tls_server *t)
{
        struct secure *c;
        int r = secure_new(s, &c);
        if (r < 0)
                return r;
        pthread_mutex_lock(&t->lock);
        r = c->engine->accept(t->context, &c->tls);
        pthread_mutex_unlock(&t->lock);
        return begin(s, c, r, aeon_stream_peer(s));
}

const char *aeon_stream_alpn(const aeon_stream *s)
{
        return s->secure ? s->secure->engine->alpn(s->secure->tls) : "";
}
