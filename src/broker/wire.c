/* Connections that come back; see wire.h. */
#include "broker/wire.h"

#include "base/random.h"
#include "record/number.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ADDRESS_SIZE = 300 };

/* One that was up for less has failed like one that never was: a server that takes everybody in and then hangs up is not to be asked
 * again at once, for ever. */
#define STEADY AEON_SECONDS(1)

void aeon__wire_options(struct wire *w)
{
        struct options *o = w->url->options;
        w->options = (struct wire_options){
                .tls.ca = aeon__option_text(o, "tls_ca", NULL),
                .tls.certificate = aeon__option_text(o, "tls_cert", NULL),
                .tls.key = aeon__option_text(o, "tls_key", NULL),
                .tls.server_name = aeon__option_text(o, "tls_name", NULL),
                .tls.insecure = !aeon__option_flag(o, "tls_verify", true),
                .connect_timeout = aeon__option_duration(o, "connect_timeout", AEON_SECONDS(5)),
                .pause_least = aeon__option_duration(o, "reconnect", AEON_MILLISECONDS(100)),
                .pause_most = aeon__option_duration(o, "reconnect_max", AEON_SECONDS(30)),
        };
}

/* ------------------------------------------------------------------ hosts */

static int add_host(struct wire *w, const char *name, int port)
{
        for (size_t i = 0; i < w->hosts_count; i++)
                if (w->hosts[i].port == port && !strcmp(w->hosts[i].name, name))
                        return 0;
        struct broker_host *more = reallocarray(w->hosts, w->hosts_count + 1, sizeof *more);
        if (more)
                w->hosts = more;
        char *copy = more ? strdup(name) : NULL;
        if (!copy)
                return aeon_fail(-ENOMEM, "no memory for a host");
        w->hosts[w->hosts_count++] = (struct broker_host){ copy, port };
        return 0;
}

int aeon__wire_add_host(struct wire *w, const char *address)
{
        char name[ADDRESS_SIZE];
        const char *colon = strrchr(address, ':');
        int64_t port = 0;
        if (!colon || colon - address >= ADDRESS_SIZE || aeon__whole_parse(colon + 1, &port) < 0 || port < 1 || port > 65535)
                return aeon_fail(-EINVAL, "\"%s\" is not host:port", address);
        bool bracketed = *address == '[' && colon > address + 1 && colon[-1] == ']';
        snprintf(name, sizeof name, "%.*s", (int)(colon - address) - 2 * bracketed, address + bracketed);
        return add_host(w, name, (int)port);
}

static void free_hosts(struct wire *w)
{
        for (size_t i = 0; i < w->hosts_count; i++)
                free((char *)(uintptr_t)w->hosts[i].name);
        free(w->hosts);
}

/* ------------------------------------------------------------------ one connection */

int aeon__wire_start_tls(struct wire *w)
{
        return aeon_stream_start_tls(w->stream, w->host, &w->options.tls);
}

static int connect_and_greet(struct wire *w)
{
        const struct broker_host *host = &w->hosts[w->host_next++ % w->hosts_count];
        char address[ADDRESS_SIZE];
        bool six = strchr(host->name, ':');
        snprintf(address, sizeof address, "%s%s%s:%d", six ? "[" : "", host->name, six ? "]" : "", host->port);
        w->host = host->name;
        w->input.length = w->output.length = w->writing.length = 0;
        aeon_error_clear();
        int r = aeon_stream_connect(address, &w->stream);
        if (r < 0)
                return r; /* its words name the address */
        if (w->secure && !w->protocol->tls_later)
                r = aeon__wire_start_tls(w);
        if (r >= 0)
                r = w->protocol->greet(w);
        return r < 0 ? aeon_fail(r, "%s", address) : 0;
}

/* @step within the time-out for connecting. */
static int in_time(struct wire *w, int (*step)(struct wire *w))
{
        aeon_scope limit;
        aeon_scope_open(&limit, &(aeon_scope_opts){ .timeout = w->options.connect_timeout, .name = "connect" });
        int r = aeon_scope_close(&limit, step(w));
        if (r == -ETIMEDOUT && aeon_scope_caught(&limit))
                return aeon_fail(-ETIMEDOUT, "%s: no answer within %.3g s", w->host, (double)w->options.connect_timeout / 1e9);
        return r;
}

static void note(struct wire *w, int code)
{
        w->refusal = code;
        snprintf(w->words, sizeof w->words, "%s", aeon_error_describe(code));
}

static void come_up(struct wire *w)
{
        w->up = true;
        w->up_since = aeon_now();
        aeon__link_up(w->link, w->times > 0);
        if (w->times++)
                aeon_log_info("%s %s: connected again", w->protocol->name, w->host);
        aeon__confirmations_come(&w->ready, 0, NULL);
        aeon_event_set(w->tried);
}

/* From the hello to the loss. Returns why it was lost. */
static int serve(struct wire *w)
{
        aeon_group *g;
        int r = aeon_group_open(&g);
        if (r < 0)
                return r;
        w->now = g;
        w->refusal = 0;
        r = aeon_spawn(g, "reader", aeon__wire_reader, w);
        if (r >= 0)
                r = aeon_spawn(g, "writer", aeon__wire_writer, w);
        if (r >= 0 && w->protocol->resume)
                r = in_time(w, w->protocol->resume);
        if (r >= 0)
                come_up(w);
        else if (!w->refusal && r != -ECANCELED)
                note(w, r);
        if (r < 0)
                aeon_group_cancel(g, "the connection cannot be used");
        r = aeon_group_close(g);
        w->now = NULL;
        return r;
}

static void lose(struct wire *w, int code)
{
        bool was_up = w->up;
        w->up = false;
        if (was_up)
                aeon__link_down(w->link);
        if (was_up && aeon_now() - w->up_since >= STEADY)
                w->failures = 0;
        if (!w->refusal)
                note(w, code ? code : -ENOTCONN);
        w->protocol->lost(w, w->refusal, w->words);
        aeon__confirmations_come(&w->room, -ENOTCONN, w->words);
        aeon_stream_close(w->stream);
        w->stream = NULL;
        if (was_up && !w->closing)
                aeon_log_warning("%s %s: the connection is lost: %s", w->protocol->name, w->host, w->words);
}

void aeon__wire_break(struct wire *w, int code, const char *words)
{
        if (!w->now || w->refusal)
                return;
        w->refusal = code;
        snprintf(w->words, sizeof w->words, "%s", words);
        aeon_group_cancel(w->now, "the connection is given up");
}

/* ------------------------------------------------------------------ the keeper */

/* What no further attempt will change. */
static bool is_final(int code)
{
        return code == -EACCES || code == -EINVAL || code == -ENOTSUP || code == -EPERM || code == -ENOPKG;
}

/* The first time all hosts are tried at once; each further round waits up to twice as long. */
static int pause_before(struct wire *w)
{
        size_t rounds = w->failures++ / w->hosts_count;
        aeon_duration limit = w->options.pause_least;
        for (size_t i = 1; i < rounds && limit < w->options.pause_most; i++)
                limit *= 2;
        limit = limit < w->options.pause_most ? limit : w->options.pause_most;
        aeon_duration pause = rounds ? random_up_to(limit) : 0;
        if (rounds)
                aeon_log_warning("%s: cannot connect (attempt %u), again in %.3g s: %s", w->protocol->name, w->failures,
                                 (double)pause / 1e9, w->words);
        return aeon_sleep(pause);
}

/* After an attempt: have we learned what open() waits to know? Returns true when there is no point in going on. */
static bool judge(struct wire *w)
{
        if (aeon_event_is_set(w->tried) || (w->host_next < w->hosts_count && !is_final(w->refusal)))
                return false;
        aeon_event_set(w->tried);
        return !w->link->patient || is_final(w->refusal);
}

static int keeper(void *arg)
{
        struct wire *w = arg;
        aeon_scope_enter(&w->life);
        while (!w->closing) {
                w->refusal = 0; /* the words of the last one stay, for those who cannot wait for this one */
                int r = in_time(w, connect_and_greet);
                if (r >= 0)
                        r = serve(w);
                lose(w, r);
                if (judge(w))
                        break;
                if (!w->closing)
                        pause_before(w);
        }
        aeon__confirmations_come(&w->ready, -ENOTCONN, w->words);
        aeon_scope_close(&w->life, 0);
        aeon_event_set(w->ended);
        return 0;
}

/* ------------------------------------------------------------------ opening and closing */

static void wire_free(struct wire *w)
{
        free_hosts(w);
        aeon_event_free(w->tried);
        aeon_event_free(w->ended);
        aeon__text_done(&w->output);
        aeon__text_done(&w->writing);
        aeon__text_done(&w->input);
        w->tried = w->ended = NULL;
        w->hosts = NULL;
        w->hosts_count = 0;
}

static int start(struct wire *w)
{
        int r = 0;
        list_init(&w->ready);
        list_init(&w->room);
        snprintf(w->words, sizeof w->words, "no answer yet");
        aeon_scope_init(&w->life, &(aeon_scope_opts){ .name = w->protocol->name, .shield = true });
        aeon__confirmation_init(&w->more, "");
        for (size_t i = 0; i < w->url->hosts_count && r >= 0; i++)
                r = add_host(w, w->url->hosts[i].name, w->url->hosts[i].port);
        if (r >= 0)
                r = aeon_event_new(&w->tried);
        if (r >= 0)
                r = aeon_event_new(&w->ended);
        if (r >= 0)
                r = aeon_spawn(w->link->group, w->protocol->name, keeper, w);
        w->started = r >= 0;
        return r;
}

int aeon__wire_open(struct wire *w)
{
        int r = start(w);
        if (r >= 0)
                r = aeon_event_wait(w->tried);
        if (r >= 0 && (w->up || (w->link->patient && !is_final(w->refusal)))) {
                if (!w->up)
                        aeon_log_warning("%s: not connected yet: %s", w->protocol->name, w->words);
                return 0;
        }
        if (r >= 0)
                r = aeon_fail_at(w->refusal ? w->refusal : -ENOTCONN, true, AEON_HERE, "%s", w->words);
        aeon__wire_close(w);
        return r;
}

static void flush(struct wire *w)
{
        aeon_scope limit;
        aeon_scope_open(&limit, &(aeon_scope_opts){ .timeout = AEON_SECONDS(1), .name = "flush" });
        while (w->up && (w->output.length || w->writing.length)) {
                struct confirmation c;
                aeon__confirmation_init(&c, "flush");
                list_append(&w->room, &c.node);
                if (aeon__confirmation_wait(&c) < 0)
                        break;
        }
        aeon_scope_close(&limit, 0);
}

void aeon__wire_close(struct wire *w)
{
        aeon_scope shield;
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true, .name = "close connection" });
        flush(w);
        w->closing = true;
        if (!w->refusal) {
                w->refusal = -ENOTCONN;
                snprintf(w->words, sizeof w->words, "the connection is closed");
        }
        aeon_scope_cancel(&w->life, "the connection is closed");
        if (w->started)
                aeon_event_wait(w->ended);
        aeon_scope_close(&shield, 0);
        wire_free(w);
}

int aeon__wire_ready(struct wire *w)
{
        if (w->up)
                return 0;
        const char *name = w->protocol->name;
        struct confirmation c;
        aeon__confirmation_init(&c, "connection");
        aeon_scope limit;
        aeon_scope_open(&limit, &(aeon_scope_opts){ .timeout = w->options.connect_timeout, .name = "connection" });
        int r = -ENOTCONN;
        if (!w->closing && !aeon_event_is_set(w->ended)) {
                list_append(&w->ready, &c.node);
                r = aeon__confirmation_wait(&c);
        }
        r = aeon_scope_close(&limit, r);
        if (r != -ETIMEDOUT && r != -ENOTCONN)
                return r;
        /* Its words came with it: when it is the end, the wire may be gone by now. */
        return aeon_fail(-ENOTCONN, "%s is not connected: %s", name, *c.words ? c.words : w->words);
}
