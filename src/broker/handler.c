/* Calling a handler: decode what came, call within its time, encode what it answers. */
#include "broker/core.h"

#include <aeon/dependency.h>
#include <aeon/error.h>
#include <aeon/record.h>
#include <aeon/scope.h>
#include <stdlib.h>
#include <string.h>

static struct outcome failure(int code)
{
        return (struct outcome){ .code = code, .words = strdup(aeon_error_describe(code)) };
}

static struct outcome invalid(int code)
{
        struct outcome o = failure(code);
        o.invalid = true;
        return o;
}

struct call {
        struct aeon_message *message;
        const aeon_handler *handler;
        const void *in;
        void *out;
};

static int call_within(const struct call *c, aeon_duration timeout, bool *ret_stopped)
{
        aeon_handling limit;
        aeon_handling_init(&limit, &(aeon_scope_opts){ .timeout = timeout, .name = c->handler->name });
        aeon_handling_enter(&limit);
        aeon_error_clear();
        int r = c->handler->raw ? c->handler->raw(c->message) : c->handler->typed(c->in, c->out);
        r = aeon_handling_close(&limit, r);
        *ret_stopped = r < 0 && aeon_cancelled();
        if (r == -ETIMEDOUT && aeon_scope_caught(&limit.scope))
                return aeon_fail(-ETIMEDOUT, "the handler %s took longer than %.3g s", c->handler->name, (double)timeout / 1e9);
        return r;
}

static struct outcome call_and_encode(const struct call *c, aeon_duration timeout)
{
        bool stopped;
        int r = call_within(c, timeout, &stopped);
        if (r < 0) {
                struct outcome o = failure(r);
                o.stopped = stopped;
                return o;
        }
        struct outcome o = { .code = r };
        if (c->out && *c->message->envelope.reply_to) {
                r = aeon_record_encode(c->handler->out(), c->out, &o.answer);
                if (r < 0)
                        return failure(aeon_fail(r, "the answer of %s", c->handler->name));
                o.answer_size = (size_t)r;
        }
        return o;
}

struct outcome aeon__handler_call(struct subscription *s, struct aeon_message *m)
{
        const aeon_handler *handler = s->declaration->handler;
        struct call c = { .message = m, .handler = handler };
        void *in = NULL, *out = NULL;
        size_t limit = s->connection->link.max_body;

        if (m->envelope.size > limit)
                return invalid(aeon_fail(-EMSGSIZE, "a body of %zu bytes is above the limit of %zu", m->envelope.size, limit));
        if (handler->in) {
                int r = aeon_record_decode(handler->in(), m->envelope.body, m->envelope.size, &in);
                if (r == -ENOMEM)
                        return failure(r);
                if (r < 0)
                        return invalid(r);
                c.in = in;
        }
        if (handler->out) {
                out = calloc(1, handler->out()->size ? handler->out()->size : 1);
                if (!out) {
                        aeon_record_free(in);
                        return failure(aeon_fail(-ENOMEM, "no memory for the answer"));
                }
                c.out = out;
        }
        struct outcome o = call_and_encode(&c, s->declaration->opts.timeout);
        free(out);
        aeon_record_free(in);
        return o;
}
