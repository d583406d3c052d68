/* `aeon consume URL DESTINATION`: bodies, one a line, as they come.
 *
 * DESIGN
 *   A message is acknowledged when its line has left this process, so a reader that breaks off loses nothing: what was not written
 *   goes back to the broker. Ctrl-C cancels the group around it all; the way out is the same as after --max.
 */
#include "cli/commands.h"
#include "cli/flags.h"

#include <aeon/broker.h>
#include <aeon/error.h>
#include <aeon/log.h>
#include <aeon/loop.h>
#include <aeon/signal.h>
#include <aeon/task.h>
#include <signal.h>
#include <stdio.h>

struct consume {
        unsigned max; /* 0: no end */
        const char *group;
        const char *url, *destination;
};

static const struct flag flags[] = {
        { "max", FLAG_COUNT(struct consume, max), "N", "end after N messages" },
        { "group", FLAG_TEXT(struct consume, group), "NAME", "share the messages with the subscribers of this group" },
        { 0 },
};

static const struct command command = {
        .program = "aeon consume",
        .arguments = "URL DESTINATION",
        .summary = "Print each message's body on a line; it is acknowledged once printed. Ctrl-C ends.",
        .example = "aeon consume sqlite:./q.db test.dead --max 1",
        .flags = flags,
        .least = 2,
        .most = 2,
};

static int print_message(aeon_message *m)
{
        size_t size = aeon_message_size(m);
        if (fwrite(aeon_message_body(m), 1, size, stdout) < size || putchar('\n') == EOF || fflush(stdout) == EOF)
                return aeon_fail_os(-errno, "standard output");
        return 0;
}

static int print_all(aeon_consumer *consumer, unsigned max)
{
        for (unsigned n = 0; !max || n < max; n++) {
                aeon_message *m;
                int r = aeon_consumer_next(consumer, &m);
                if (r < 0)
                        return r;
                r = print_message(m);
                if (r == 0)
                        r = aeon_message_ack(m);
                aeon_message_free(m);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int connect_and_print(const struct consume *c)
{
        aeon_broker *broker;
        aeon_consumer *consumer;
        int r = aeon_broker_open(c->url, &broker);
        if (r < 0)
                return r;
        r = aeon_consumer_open(broker, c->destination, &(aeon_subscribe_opts){ .group = c->group, .window = 1 }, &consumer);
        if (r == 0) {
                r = print_all(consumer, c->max);
                aeon_consumer_close(consumer);
        }
        aeon_broker_close(broker);
        return r;
}

/* Beside the consumer: the first signal cancels it. */
static int stop_on_signal(void *arg)
{
        aeon_signals *signals;
        int r = aeon_signals_open((const int[]){ SIGINT, SIGTERM }, 2, &signals);
        if (r < 0)
                return r;
        r = aeon_signals_wait(signals);
        aeon_signals_close(signals);
        if (r > 0)
                aeon_group_cancel(arg, "signal");
        return r;
}

static int consume_task(void *arg)
{
        aeon_group *g;
        int r = aeon_group_open(&g);
        if (r == 0) {
                aeon_spawn(g, "signals", stop_on_signal, g);
                r = connect_and_print(arg);
                if (r != -ECANCELED)
                        aeon_group_fail(g, r);
                aeon_group_cancel(g, "done");
                r = aeon_group_close(g);
        }
        if (r < 0)
                aeon__flags_complain(command.program, "%s", aeon_error_describe(r));
        return r;
}

int consume_main(int argc, char **argv)
{
        struct consume c = { 0 };
        int left = aeon__flags_parse(&command, &c, argc, argv);
        if (left < 0)
                return flags_exit(left);
        c.url = argv[0];
        c.destination = argv[1];
        aeon_log_set_level(AEON_LOG_WARNING);
        return aeon_loop_run(consume_task, &c) < 0 ? 1 : 0;
}
