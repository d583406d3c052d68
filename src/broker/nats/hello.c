/* The hello: INFO from the server, TLS if it is wanted, CONNECT and PING from us, PONG.
 *
 * DESIGN
 *   A server speaks first, in the clear, and says whether it wants TLS and what else it can do. What we are sent in answer to CONNECT is
 *   -ERR when the user is refused, so the PING behind it tells that we are in. Later INFOs tell of servers that joined the cluster
 *   (connect_urls) and that this one is about to end (ldm, "lame duck mode").
 */
#include "broker/nats/nats.h"

#include "aeon_config.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 4096, HELLO_MOST = 1024 * 1024 };

/* ------------------------------------------------------------------ lines */

struct hello {
        struct wire *wire;
        struct text got;
        size_t at; /* of the next line */
};

/* The next line, without its end; it lives until the next call. */
static int next_line(struct hello *h, char **ret_line)
{
        for (;;) {
                size_t there = h->got.length - h->at;
                char *line = h->got.data + h->at, *stop = there ? memchr(line, '\n', there) : NULL;
                if (stop) {
                        h->at += (size_t)(stop - line) + 1;
                        *stop = '\0';
                        line[strcspn(line, "\r")] = '\0';
                        *ret_line = line;
                        return 0;
                }
                char chunk[CHUNK];
                ssize_t n = aeon_stream_read(h->wire->stream, chunk, sizeof chunk);
                if (n <= 0)
                        return n < 0 ? (int)n : aeon_fail(-ECONNRESET, "it has closed the connection");
                aeon__text_add(&h->got, chunk, (size_t)n);
                if (h->got.failed || h->got.length > HELLO_MOST)
                        return aeon_fail(-EPROTO, "its hello has no end");
        }
}

/* ------------------------------------------------------------------ INFO */

static void read_urls(struct nats *l, const json_t *info)
{
        size_t i;
        json_t *url;
        json_array_foreach(json_object_get(info, "connect_urls"), i,
                           url) if (json_is_string(url) && aeon__wire_add_host(&l->wire, json_string_value(url)) < 0)
                aeon_log_debug("nats: another server is left out: %s", aeon_error_text());
}

static void read_info(struct nats *l, const json_t *info)
{
        json_int_t most = json_integer_value(json_object_get(info, "max_payload"));
        if (most > 0)
                l->max_payload = (size_t)most;
        read_urls(l, info);
}

static json_t *parse_info(const char *text, size_t size)
{
        json_t *info = json_loadb(text, size, 0, NULL);
        if (!json_is_object(info)) {
                json_decref(info);
                info = NULL;
        }
        return info;
}

int aeon__nats_info(struct nats *l, const char *text, size_t size)
{
        json_t *info = parse_info(text, size);
        if (!info)
                return aeon_fail(-EPROTO, "its INFO cannot be read");
        read_info(l, info);
        if (json_is_true(json_object_get(info, "ldm")) && !l->leaving) {
                aeon_log_info("nats %s: the server is about to end (lame duck mode)", l->wire.host);
                l->leaving = true;
                l->looks_before_leaving = 0;
        }
        json_decref(info);
        return 0;
}

/* ------------------------------------------------------------------ CONNECT */

static int secure(struct wire *w, const json_t *info)
{
        bool needed = json_is_true(json_object_get(info, "tls_required"));
        bool possible = needed || json_is_true(json_object_get(info, "tls_available"));
        if (w->secure && !possible)
                return aeon_fail(-ENOTSUP, "the server has no TLS, and nats+tls: wants it");
        return w->secure || needed ? aeon__wire_start_tls(w) : 0;
}

static int add_signature(struct nats *l, const json_t *info, json_t *o)
{
        char key[NATS_KEY_SIZE], signature[NATS_SIGNATURE_SIZE];
        const char *nonce = json_string_value(json_object_get(info, "nonce"));
        if (!nonce)
                return aeon_fail(-ENOTSUP, "the server knows no nkeys");
        int r = aeon__nats_nkey_sign(l, nonce, key, signature);
        if (r < 0)
                return r;
        if (json_object_set_new(o, "nkey", json_string(key)) || json_object_set_new(o, "sig", json_string(signature)))
                return aeon_fail(-ENOMEM, "no memory for a hello");
        return 0;
}

static int send_connect(struct nats *l, const json_t *info)
{
        const struct broker_url *url = l->url;
        bool by_token = *url->user && !url->has_password;
        const char *token = l->token ? l->token : by_token ? url->user : NULL;
        json_t *o = json_pack("{s:b s:b s:b s:b s:b s:i s:s s:s s:s*}", "verbose", 0, "pedantic", 0, "echo", 1, "headers", 1,
                              "no_responders", 1, "protocol", 1, "lang", "c", "version", AEON_VERSION, "name", l->name);
        int r = o ? 0 : -ENOMEM;
        if (l->has_seed && o)
                r = add_signature(l, info, o);
        if (r < 0) {
                json_decref(o);
                return r;
        }
        if (token)
                r |= json_object_set_new(o, "auth_token", json_string(token));
        else if (*url->user) {
                r |= json_object_set_new(o, "user", json_string(url->user));
                r |= json_object_set_new(o, "pass", json_string(url->password));
        }
        char *text = r ? NULL : json_dumps(o, JSON_COMPACT);
        json_decref(o);
        if (!text)
                return aeon_fail(-EINVAL, "the user's name or password is not UTF-8");
        const aeon_bytes pieces[] = { { "CONNECT ", 8 }, { text, strlen(text) }, { "\r\nPING\r\n", 8 } };
        r = aeon_stream_writev(l->wire.stream, pieces, 3);
        free(text);
        return r;
}

static int refused(const char *words)
{
        words += strspn(words, " '");
        int length = (int)strcspn(words, "'");
        bool access = strcasestr(words, "authoriz") || strcasestr(words, "authentic");
        return aeon_fail(access ? -EACCES : -ECONNREFUSED, "the server refuses the connection: %.*s", length, words);
}

static int await_pong(struct hello *h)
{
        for (;;) {
                char *line;
                int r = next_line(h, &line);
                if (r < 0)
                        return r;
                if (!strncmp(line, "PONG", 4))
                        return 0;
                if (!strncmp(line, "-ERR", 4))
                        return refused(line + 4);
                if (!strncmp(line, "INFO ", 5))
                        r = aeon__nats_info(h->wire->self, line + 5, strlen(line + 5));
                if (r < 0)
                        return r;
        }
}

static int greet(struct hello *h)
{
        struct nats *l = h->wire->self;
        char *line;
        int r = next_line(h, &line);
        if (r < 0)
                return r;
        json_t *info = strncmp(line, "INFO ", 5) ? NULL : parse_info(line + 5, strlen(line + 5));
        if (!info)
                return aeon_fail(-EPROTO, "it is no NATS server: \"%.40s\"", line);
        l->leaving = false;
        read_info(l, info);
        r = secure(h->wire, info);
        if (r >= 0)
                r = send_connect(l, info);
        json_decref(info);
        if (r >= 0)
                r = await_pong(h);
        if (r >= 0 && h->got.length > h->at)
                r = aeon__wire_unread(h->wire, h->got.data + h->at, h->got.length - h->at);
        return r;
}

int aeon__nats_greet(struct wire *w)
{
        struct hello h = { .wire = w };
        int r = greet(&h);
        aeon__text_done(&h.got);
        return r;
}
