/* Consumers: a subscription without a pump, whose messages are asked for one by one. */
#include "broker/core.h"

#include <aeon/error.h>
#include <stdlib.h>

struct aeon_consumer {
        struct subscription *subscription;
        struct declaration *declaration;
};

static int not_called(aeon_message *m)
{
        (void)m;
        return 0;
}

int aeon_consumer_open(aeon_broker *broker, const char *destination, const aeon_subscribe_opts *opts, aeon_consumer **ret_consumer)
{
        static const aeon_handler nobody = { "consumer", not_called, NULL, NULL, NULL };
        struct connection *c;
        int r = aeon__connection_now(broker, &c);
        if (r < 0)
                return r;
        aeon_consumer *consumer = calloc(1, sizeof *consumer);
        if (!consumer)
                return aeon_fail(-ENOMEM, "no memory for a consumer");
        aeon_subscribe_opts o = opts ? *opts : (aeon_subscribe_opts){ 0 };
        if (!o.window)
                o.window = 1;
        o.concurrency = 1;
        r = aeon__declaration_new(destination, &nobody, &o, &consumer->declaration);
        if (r >= 0)
                r = aeon__subscription_open(c, consumer->declaration, &consumer->subscription);
        if (r < 0) {
                free(consumer->declaration);
                free(consumer);
                return r;
        }
        *ret_consumer = consumer;
        return 0;
}

int aeon_consumer_next(aeon_consumer *c, aeon_message **ret_message)
{
        struct subscription *s = c->subscription;
        while (list_empty(&s->waiting)) {
                char signal;
                int r = aeon_receive(s->woken, &signal);
                if (r < 0)
                        return r;
        }
        struct aeon_message *m = container_of(list_pop(&s->waiting), struct aeon_message, node);
        list_append(&s->taken, &m->node);
        *ret_message = m;
        return 0;
}

void aeon_consumer_close(aeon_consumer *c)
{
        if (!c)
                return;
        aeon_scope shield;
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true, .name = "close consumer" });
        aeon__subscription_close(c->subscription);
        aeon_scope_close(&shield, 0);
        free(c->declaration);
        free(c);
}
