/* Nothing is lost: numbered messages go through servers that restart, networks that stall and connections that break.
 *
 * DESIGN
 *   An app publishes the numbers from 1 to `total` to itself, each again until the broker has confirmed it, and ticks off those that its
 *   handler gets. Faults happen when a given part was published, and the next part is not over before the fault has struck. In the end every number must have been handled at least once; how
 *   many came twice is counted and printed. A ticker measures the worst lag of the loop: a driver that blocks it shows there.
 *
 *   AEON_FAULT_MESSAGES=50000 makes the last test longer; tests/broker/count-losses prints its results as a table. */
#include "faults.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PUBLISHERS = 64, FAULTS = 16, STALL_SECONDS = 3 };

static struct {
        const struct contract *kind;
        struct server server; /* a private one; port 0: none */
        struct proxy *proxy;  /* NULL: none */

        unsigned total, begun, confirmed, repeated; /* published: numbers taken, confirmed, and how often one was published again */
        unsigned char *handled;                     /* by number: how often */
        unsigned missing, twice;
        int (*faults[FAULTS])(void *arg);
        unsigned faults_count;
        unsigned window;       /* 0: 256; a quarter of them may be handled at a time */
        const char *heartbeat; /* an option of the URL, or "" */
        aeon_duration takes;   /* a handler's run */
        unsigned running, most_running;
        atomic_uint struck; /* faults that have begun */
        aeon_duration lag;
        bool ended;
} run;

/* ------------------------------------------------------------------ faults; they run on a thread */

static int restart(void *arg)
{
        (void)arg;
        run.struck++;
        server_stop(&run.server);
        server_start(&run.server);
        return 0;
}

static int kill_and_start(void *arg)
{
        (void)arg;
        run.struck++;
        server_kill(&run.server);
        server_start(&run.server);
        return 0;
}

static int stall(void *arg)
{
        (void)arg;
        run.struck++;
        proxy_stall(run.proxy);
        sleep(STALL_SECONDS);
        proxy_pass(run.proxy);
        return 0;
}

static int reset(void *arg)
{
        (void)arg;
        run.struck++;
        proxy_reset(run.proxy);
        return 0;
}

/* In the middle of a message, most likely: at any byte of the next 20 KB. */
static int reset_soon(void *arg)
{
        (void)arg;
        unsigned before = proxy_resets(run.proxy);
        run.struck++;
        proxy_reset_after(run.proxy, 1 + (uint64_t)rand() % 20000);
        for (int i = 0; i < 1000 && proxy_resets(run.proxy) == before; i++)
                usleep(10000);
        return 0;
}

/* ------------------------------------------------------------------ the app */

static int tick_off(aeon_message *m)
{
        unsigned long number = strtoul(aeon_message_body(m), NULL, 10);
        if (number < 1 || number > run.total)
                return aeon_fail(-EINVAL, "number %lu", number);
        if (!run.handled[number])
                run.missing--;
        else
                run.twice++;
        if (run.handled[number] < 255)
                run.handled[number]++;
        if (++run.running > run.most_running)
                run.most_running = run.running;
        int r = run.takes ? aeon_sleep(run.takes) : 0;
        run.running--;
        return r;
}
AEON_RAW_HANDLER(tick_off);

static void declare(aeon_app *app)
{
        char destination[200];
        snprintf(destination, sizeof destination, "%s%s", Q("numbers"), nature_of(run.kind)->soon);
        aeon_subscribe(app, destination, &tick_off_handler,
                       &(aeon_subscribe_opts){ .concurrency = run.window / 4, .window = run.window });
}

/* How many may be published before the next fault strikes. */
static unsigned limit(void)
{
        unsigned part = run.total / (run.faults_count + 1);
        return run.struck < run.faults_count ? (run.struck + 1) * part + part / 2 : run.total;
}

/* Numbers, each until it is confirmed. */
static int publish_numbers(void *arg)
{
        while (run.begun < run.total) {
                char number[16];
                if (run.begun >= limit()) {
                        (void)aeon_sleep(AEON_MILLISECONDS(1));
                        continue;
                }
                snprintf(number, sizeof number, "%u", ++run.begun);
                while (aeon_publish(arg, Q("numbers"), AEON_TEXT(number), NULL) < 0) {
                        run.repeated++;
                        (void)aeon_sleep(AEON_MILLISECONDS(20));
                }
                run.confirmed++;
        }
        return 0;
}

static int tick(void *arg)
{
        const aeon_duration period = AEON_MILLISECONDS(10);
        (void)arg;
        while (!run.ended) {
                aeon_time before = aeon_now();
                int r = aeon_sleep(period);
                if (r < 0)
                        return r;
                aeon_duration lag = aeon_now() - before - period;
                run.lag = lag > run.lag ? lag : run.lag;
        }
        return 0;
}

static void run_numbers(aeon_app *app)
{
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "tick", tick, NULL);
        for (int i = 0; i < PUBLISHERS; i++)
                aeon_spawn(g, "publish", publish_numbers, aeon_app_broker(app));
        for (unsigned i = 0; i < run.faults_count; i++) {
                AWAIT_WITHIN(300, run.confirmed >= (i + 1) * (run.total / (run.faults_count + 1)));
                CHECK_INT(aeon_offload(run.faults[i], NULL), 0);
        }
        AWAIT_WITHIN(300, run.confirmed == run.total);
        for (int i = 0; i < 9000 && run.missing; i++)
                (void)aeon_sleep(AEON_MILLISECONDS(10));
        run.ended = true;
        aeon_broker_stats stats = stats_of(app);
        if (run.missing) /* whose fault it is: ours when something was delivered and not handled */
                fprintf(stderr, "%u of %u are missing; delivered %llu, handled %llu, failed %llu, given back %llu\n", run.missing,
                        run.total, (unsigned long long)stats.received, (unsigned long long)stats.processed,
                        (unsigned long long)stats.failed, (unsigned long long)stats.released);
        CHECK_INT(aeon_group_close(g), 0);
}

static void begin_private(const struct contract *k)
{
        run.kind = k;
        server_init(&run.server, k);
        server_start(&run.server);
}

static void do_nothing(aeon_app *app)
{
        (void)app;
}

/* Have the queue, and the server write down that there is one: RabbitMQ, when it is killed in the seconds behind a declaration, may know
 * nothing of the queue afterwards, nor of the messages in it that it has confirmed. */
static void settle_queue(void)
{
        if (strcmp(run.kind->name, "rabbitmq") != 0)
                return;
        CHECK_INT(with_app_at(server_url(run.kind, run.server.port, "", ""), declare, do_nothing, NULL), 0);
        server_stop(&run.server);
        server_start(&run.server);
}

static void begin_proxied(const struct contract *k)
{
        run.kind = k;
        run.proxy = proxy_before(k, &run.server);
}

static void check_nothing_is_lost(unsigned total, const char *what)
{
        aeon_time begin = aeon_now();
        char options[100];
        run.total = run.missing = total;
        run.window = run.window ? run.window : 256;
        snprintf(options, sizeof options, "reconnect_max=1s%s%s", run.heartbeat ? "&" : "", run.heartbeat ? run.heartbeat : "");
        run.handled = calloc(total + 1, 1);
        REQUIRE(run.handled != NULL);
        int port = run.proxy ? proxy_port(run.proxy) : run.server.port;
        CHECK_INT(with_app_at(server_url(run.kind, port, "", options), declare, run_numbers, NULL), 0);
        CHECK_INT(run.missing, 0);
        CHECK(run.most_running <= run.window / 4);
        CHECK(run.lag < AEON_SECONDS(test_is_slow() ? 20 : 2)); /* a blocked loop would show more: the stall lasts 3 s */
        printf("    losses | %s | %s | %u | %u | %u | %u | %.0f ms | %.1f s |\n", run.kind->name, what, total, run.missing,
               run.twice, run.repeated, (double)run.lag / 1e6, (double)(aeon_now() - begin) / 1e9);
        free(run.handled);
        proxy_end(run.proxy);
}

static void add_fault(int (*fault)(void *arg))
{
        run.faults[run.faults_count++] = fault;
}

/* ------------------------------------------------------------------ the tests */

FAULT_TEST(nothing_is_lost_when_the_server_restarts_under_load, 180)
{
        NEEDS(nature_of(k)->keeps);
        begin_private(k);
        add_fault(restart);
        check_nothing_is_lost(2000, "restart");
}

FAULT_TEST(nothing_is_lost_and_the_loop_stays_free_when_the_network_stalls, 120)
{
        begin_proxied(k);
        add_fault(stall);
        check_nothing_is_lost(2000, "stall of 3 s");
}

FAULT_TEST(nothing_is_lost_when_the_stall_is_longer_than_the_heartbeat, 120)
{
        NEEDS(nature_of(k)->heartbeat);
        begin_proxied(k);
        run.heartbeat = nature_of(k)->heartbeat;
        add_fault(stall);
        check_nothing_is_lost(2000, "stall of 3 s, heartbeat 1 s");
}

/* Messages in the handlers' hands hold their credit: none is lost with the connection, and none comes twice. */
FAULT_TEST(a_small_window_stays_a_window_when_connections_break, 180)
{
        begin_proxied(k);
        run.window = 8;
        run.takes = AEON_MILLISECONDS(2);
        for (int i = 0; i < 12; i++)
                add_fault(reset);
        check_nothing_is_lost(1300, "12 resets, a window of 8");
}

FAULT_TEST(nothing_is_lost_when_connections_break_in_the_middle_of_a_message, 180)
{
        srand((unsigned)getpid());
        begin_proxied(k);
        for (int i = 0; i < 8; i++)
                add_fault(reset_soon);
        check_nothing_is_lost(4000, "8 resets in the middle");
}

FAULT_TEST(messages_through_two_faults, 900)
{
        const char *asked = getenv("AEON_FAULT_MESSAGES");
        unsigned total = asked && atoi(asked) > 0 ? (unsigned)atoi(asked) : 5000;
        if (nature_of(k)->keeps) {
                begin_private(k);
                settle_queue();
                add_fault(kill_and_start);
                add_fault(kill_and_start);
                check_nothing_is_lost(total, "2 x kill -9 of the server");
        } else {
                begin_proxied(k);
                add_fault(reset);
                add_fault(stall);
                check_nothing_is_lost(total, "reset, stall of 3 s");
        }
}
