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

#include <aeon/sync.h>
#include <stdlib.h>

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
                r = aeon__raw_writev(s, &(aeon_bytes){ c->made, n }, 1);
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
        static _Atomic(const struct tls_engine *) found;
        const struct tls_engine *engine = atomic_load(&found);
        if (!engine) {
                const void *symbol;
                int r = aeon__module_find("tls", TLS_ENGINE_SYMBOL, &symbol);
                if (r < 0)
                        return r;
                engine = symbol;
                atomic_store(&found, engine);
        }
        *ret_engine = engine;
        return 0;
}

int aeon_stream_start_tls(aeon_stream *s, const char *host, const aeon_tls_opts *opts)
{
        if (s->secure)
                return aeon_fail(-EALREADY, "TLS with %s has begun before", aeon_stream_peer(s));
        struct secure *c = calloc(1, sizeof *c);
        if (!c)
                return aeon_fail(-ENOMEM, "no memory for TLS");
        int r = find_engine(&c->engine);
        if (r == 0)
                r = aeon_mutex_new(&c->sending);
        if (r == 0)
                r = c->engine->connect(host, opts, &c->tls);
        if (r == 0)
                r = shake_hands(s, c);
        if (r < 0) {
                aeon__secure_free(c);
                return r == -ECANCELED ? r : aeon_fail(r, "TLS with %s", host);
        }
        s->secure = c;
        return 0;
}

const char *aeon_stream_alpn(const aeon_stream *s)
{
        return s->secure ? s->secure->engine->alpn(s->secure->tls) : "";
}
