/* bench-ours: what Aeon does with a broker, whichever the URL names. Arguments and figures are those of figures.h.
 *
 *         consume   AT_ONCE handlers at a time (the window is twice that), in an app
 *         publish   AT_ONCE tasks, each publishing one message after another
 *         request   AT_ONCE tasks that ask; the handler that answers is in the same app
 *         stall     COUNT milliseconds without the server, which is stopped while an app publishes and consumes. Prints one figure, the
 *                   worst lag of the loop in milliseconds
 *
 * Options, before MODE: --loops N; --window N; --group NAME; --source OPTIONS, of the subscription, like pollers=8; --flood, for consume:
 * AEON_BENCH_FLOOD sends the messages once the app is ready; --server PID, for stall: its process group. */
#include "figures.h"

#include <aeon.h>
#include <getopt.h>
#include <signal.h>
#include <stdatomic.h>

static struct {
        unsigned loops, window;
        const char *group, *source;
        bool flood;
        pid_t server;
} option = { .loops = 1 };

static atomic_long seen;

static int look(aeon_message *m)
{
        if (atomic_fetch_add_explicit(&seen, 1, memory_order_relaxed) == 0)
                bench_begin();
        bench_look(aeon_message_body(m), aeon_message_size(m));
        return 0;
}
AEON_RAW_HANDLER(look);

static int echo(aeon_message *m)
{
        return aeon_message_reply(m, AEON_BYTES(aeon_message_body(m), aeon_message_size(m)));
}
AEON_RAW_HANDLER(echo);

static int pass(aeon_message *m)
{
        (void)m;
        return 0;
}
AEON_RAW_HANDLER(pass);

static void succeed(int r, const char *doing)
{
        if (r < 0)
                die("%s: %s", doing, aeon_error_describe(r));
}

/* ------------------------------------------------------------------ so many operations, by tasks that share them */

struct share {
        aeon_broker *broker;
        int (*once)(aeon_broker *b);
        long left;
};

static int work(void *arg)
{
        struct share *s = arg;
        while (s->left-- > 0)
                succeed(s->once(s->broker), bench.mode);
        return 0;
}

static void by_tasks(aeon_broker *b, long tasks, long count, int (*once)(aeon_broker *b))
{
        struct share share = { b, once, count };
        aeon_group *g = NULL;
        succeed(aeon_group_open(&g), "group");
        for (long i = 0; i < tasks; i++)
                succeed(aeon_spawn(g, "work", work, &share), "spawn");
        succeed(aeon_group_close(g), bench.mode);
}

static int publish_once(aeon_broker *b)
{
        return aeon_publish(b, bench.name, AEON_BYTES(bench_body(), BODY), NULL);
}

static int ask_once(aeon_broker *b)
{
        aeon_message *answer = NULL;
        int r = aeon_request(b, bench.name, AEON_BYTES(bench_body(), BODY), &answer);
        if (r >= 0)
                bench_look(aeon_message_body(answer), aeon_message_size(answer));
        aeon_message_free(answer);
        return r;
}

/* The first publish makes the queue, stream or topic, so it is not measured. */
static int fill(void *arg)
{
        aeon_broker *b;
        (void)arg;
        succeed(aeon_broker_open(bench.url, &b), "open");
        succeed(publish_once(b), "publish");
        by_tasks(b, 1000, bench.count - 1, publish_once);
        aeon_broker_close(b);
        return 0;
}

static int publish(void *arg)
{
        aeon_broker *b;
        (void)arg;
        succeed(aeon_broker_open(bench.url, &b), "open");
        succeed(publish_once(b), "publish");
        bench_begin();
        by_tasks(b, bench.at_once, bench.count, publish_once);
        bench_end();
        aeon_broker_close(b);
        return 0;
}

/* ------------------------------------------------------------------ apps */

static int consume_all(aeon_app *app)
{
        aeon_broker_stats stats = { 0 };
        if (option.flood)
                bench_flood();
        while (stats.processed < (uint64_t)bench.count) {
                succeed(aeon_sleep(AEON_MILLISECONDS(1)), "sleep");
                aeon_broker_get_stats(aeon_app_broker(app), &stats);
        }
        succeed(aeon_broker_ping(aeon_app_broker(app)), "ping"); /* behind the last acks */
        bench_end();
        return aeon_app_stop(app, 0);
}

static int ask_all(aeon_app *app)
{
        bench_begin();
        by_tasks(aeon_app_broker(app), bench.at_once, bench.count, ask_once);
        bench_end();
        return aeon_app_stop(app, 0);
}

/* ------------------------------------------------------------------ a server that stands still */

static struct {
        bool over;
        aeon_duration worst;
        long published;
} stall;

static int tick(void *arg)
{
        (void)arg;
        while (!stall.over) {
                aeon_time due = aeon_now() + AEON_MILLISECONDS(1);
                succeed(aeon_sleep_until(due), "sleep");
                aeon_duration lag = aeon_now() - due;
                if (lag > stall.worst)
                        stall.worst = lag;
        }
        return 0;
}

/* While the server is away publishing may fail: it tells the truth then, and is tried again. */
static int publish_on(void *arg)
{
        while (!stall.over) {
                if (publish_once(arg) >= 0)
                        stall.published++;
                succeed(aeon_sleep(AEON_MILLISECONDS(2)), "sleep");
        }
        return 0;
}

static void await_publishing(void)
{
        long before = stall.published;
        aeon_time limit = aeon_now() + AEON_SECONDS(60);
        while (stall.published < before + 100 && aeon_now() < limit)
                succeed(aeon_sleep(AEON_MILLISECONDS(10)), "sleep");
        if (stall.published < before + 100)
                die("nothing can be published");
}

static int stall_server(aeon_app *app)
{
        aeon_group *g = NULL;
        succeed(aeon_group_open(&g), "group");
        succeed(aeon_spawn(g, "publish", publish_on, aeon_app_broker(app)), "spawn");
        await_publishing();
        for (int i = 0; i < 15; i++)
                succeed(aeon_spawn(g, "publish", publish_on, aeon_app_broker(app)), "spawn");
        succeed(aeon_spawn(g, "tick", tick, NULL), "spawn");
        must(kill(-option.server, SIGSTOP) < 0 ? -errno : 0, "SIGSTOP");
        aeon_sleep(AEON_MILLISECONDS(bench.count));
        must(kill(-option.server, SIGCONT) < 0 ? -errno : 0, "SIGCONT");
        await_publishing();
        stall.over = true;
        succeed(aeon_group_close(g), "close");
        printf("%.2f\n", (double)stall.worst / 1e6);
        fflush(stdout);
        return aeon_app_stop(app, 0);
}

/* ------------------------------------------------------------------ which */

static void subscribe(aeon_app *app, const aeon_handler *handler, unsigned at_once)
{
        const aeon_subscribe_opts o = { .concurrency = at_once,
                                        .window = option.window ? option.window : 2 * at_once,
                                        .group = option.group };
        char destination[300];
        snprintf(destination, sizeof destination, "%s%s%s", bench.name, option.source ? "?" : "",
                 option.source ? option.source : "");
        succeed(aeon_use_broker(app, bench.url), "broker");
        succeed(aeon_subscribe(app, destination, handler, &o), "subscribe");
}

static void define_consumer(aeon_app *app)
{
        subscribe(app, &look_handler, (unsigned)bench.at_once);
        aeon_on_ready(app, consume_all);
}

static void define_requests(aeon_app *app)
{
        subscribe(app, &echo_handler, (unsigned)bench.at_once);
        aeon_on_ready(app, ask_all);
}

static void define_stall(aeon_app *app)
{
        subscribe(app, &pass_handler, 32);
        aeon_on_ready(app, stall_server);
}

static int run(void (*define)(aeon_app *app))
{
        return aeon_app_run(define, &(aeon_app_opts){ .admin = "off", .quiet = true, .no_signals = true, .loops = option.loops });
}

static void read_options(int argc, char **argv)
{
        static const struct option names[] = {
                { "loops", required_argument, NULL, 'l' },
                { "window", required_argument, NULL, 'w' },
                { "group", required_argument, NULL, 'g' },
                { "flood", no_argument, NULL, 'f' },
                { "source", required_argument, NULL, 'o' },
                { "server", required_argument, NULL, 's' },
                { 0 },
        };
        for (int c; (c = getopt_long(argc, argv, "+", names, NULL)) != -1;) {
                if (c == 'l')
                        option.loops = (unsigned)strtoul(optarg, NULL, 10);
                else if (c == 'w')
                        option.window = (unsigned)strtoul(optarg, NULL, 10);
                else if (c == 'g')
                        option.group = optarg;
                else if (c == 'o')
                        option.source = optarg;
                else if (c == 'f')
                        option.flood = true;
                else if (c == 's')
                        option.server = (pid_t)strtol(optarg, NULL, 10);
                else
                        exit(2);
        }
}

int main(int argc, char **argv)
{
        read_options(argc, argv);
        bench_arguments(argc - optind + 1, argv + optind - 1);
        if (bench_mode("consume")) {
                if (!option.flood)
                        succeed(aeon_loop_run(fill, NULL), "publish");
                bench_prepare();
                return run(define_consumer);
        }
        if (bench_mode("publish"))
                return aeon_loop_run(publish, NULL) < 0;
        if (bench_mode("request"))
                return run(define_requests);
        if (bench_mode("stall") && option.server > 1)
                return run(define_stall);
        die("no such mode");
}
