/* The busy app; see busy.h. */
#include "busy.h"

#include <aeon/background.h>
#include <aeon/broker.h>
#include <aeon/error.h>
#include <aeon/health.h>
#include <aeon/periodic.h>
#include <aeon/thread.h>
#include <aeon/var.h>
#include <string.h>

/* ------------------------------------------------------------------ counting */

enum resource { PART_A, PART_B, POOL, HOOK, DEFERRED, RESOURCES };
static const char *const names[RESOURCES] = { "part a", "part b", "pool", "hook", "deferred" };

static struct {
        int held[RESOURCES];  /* now */
        int worst[RESOURCES]; /* the least that were ever held */
        unsigned published, handled;
} counts;

static void take(enum resource what)
{
        counts.held[what]++;
}

static void give_back(enum resource what)
{
        if (--counts.held[what] < counts.worst[what])
                counts.worst[what] = counts.held[what];
}

int busy_check(const aeon_test_result *life, void *unused)
{
        (void)unused;
        int r = life->late && !life->held_up ? aeon_fail(-EPROTO, "something was late, and nothing had held it up") : 0;
        for (int i = 0; i < RESOURCES && r == 0; i++)
                if (counts.held[i] != 0 || counts.worst[i] != 0)
                        r = aeon_fail(-EPROTO, "%d of \"%s\" are still held, and at the least there were %d", counts.held[i],
                                      names[i], counts.worst[i]);
        memset(&counts, 0, sizeof counts);
        return r;
}

/* ------------------------------------------------------------------ parts */

static int pump(void *unused)
{
        (void)unused;
        int r = 0;
        while (r == 0)
                r = aeon_sleep(AEON_SECONDS(3));
        return r;
}

static enum resource resource_of(void *self)
{
        return *(const char *)self == 'a' ? PART_A : PART_B;
}

static int part_open(void *self, aeon_lifespan *life)
{
        int r = aeon_sleep(AEON_MILLISECONDS(2));
        if (r == 0)
                r = aeon_spawn(aeon_lifespan_group(life), "pump", pump, NULL);
        if (r == 0)
                take(resource_of(self));
        return r;
}

static int part_serve(void *self, aeon_lifespan *life)
{
        (void)self, (void)life;
        return aeon_checkpoint();
}

static void part_quiesce(void *self, aeon_lifespan *life)
{
        (void)self, (void)life;
        aeon_sleep(AEON_MILLISECONDS(1));
}

static void part_close(void *self, aeon_lifespan *life)
{
        (void)life;
        give_back(resource_of(self));
        aeon_checkpoint();
}

#define PART(letter)                                                                                                 \
        {                                                                                                            \
                .name = letter, .open = part_open, .serve = part_serve, .quiesce = part_quiesce, .close = part_close \
        }
static const aeon_part part_a = PART("a"), part_b = PART("b");

/* ------------------------------------------------------------------ hooks and the lifespan */

AEON_LOOP_VAR(pool, aeon_group);

static void give_deferred(void *unused)
{
        (void)unused;
        give_back(DEFERRED);
}

static int defer_one(aeon_app *app)
{
        int r = aeon_app_defer(app, give_deferred, NULL);
        if (r == 0)
                take(DEFERRED);
        return r;
}

/* It finishes what it has begun, whatever is asked meanwhile. */
static int start_first(aeon_app *app)
{
        aeon_scope shield;
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true });
        int r = aeon_scope_close(&shield, aeon_sleep(AEON_MILLISECONDS(3)));
        if (r < 0)
                return r;
        return aeon_app_alloc(app, 100) ? defer_one(app) : -ENOMEM;
}

static int start_last(aeon_app *app)
{
        int r = defer_one(app);
        if (r == 0)
                take(HOOK);
        return r;
}

static int compute(void *unused)
{
        (void)unused;
        return 0;
}

static int on_thread(aeon_app *app)
{
        return app == NULL;
}

static int use_thread(aeon_app *app)
{
        (void)app;
        return aeon_offload(compute, NULL);
}

static int say_hello(aeon_app *app)
{
        int r = aeon_publish(aeon_app_broker(app), "jobs", AEON_TEXT("hello"), NULL);
        counts.published += r == 0;
        return r;
}

static int shut_down(aeon_app *app)
{
        (void)app;
        give_back(HOOK);
        return aeon_sleep(AEON_MILLISECONDS(1));
}

static int look_around(aeon_app *app)
{
        (void)app;
        return aeon_checkpoint();
}

static int lifespan(aeon_lifespan *life)
{
        aeon_group *group;
        int r = aeon_group_open(&group);
        if (r < 0)
                return r;
        take(POOL);
        pool_set(group);
        r = aeon_spawn(group, "worker", pump, NULL);
        if (r == 0)
                r = aeon_sleep(AEON_MILLISECONDS(5));
        if (r == 0)
                r = aeon_lifespan_serve(life);
        aeon_group_cancel(group, "the lifespan ends");
        int e = aeon_group_close(group);
        give_back(POOL);
        return r < 0 ? r : e;
}

/* ------------------------------------------------------------------ work */

static int handle(aeon_message *m)
{
        counts.handled++;
        aeon_duration takes = AEON_MILLISECONDS(aeon_message_size(m) * 7);
        int r = aeon_sleep(takes);
        if (r == 0 && *aeon_message_reply_to(m))
                r = aeon_message_reply(m, AEON_TEXT("done"));
        return r;
}
AEON_RAW_HANDLER(handle);

static int essential(void *unused)
{
        return pump(unused);
}

static int flaky(void *unused)
{
        (void)unused;
        int r = aeon_sleep(AEON_SECONDS(2));
        return r < 0 ? r : -EIO;
}

static int tick(void *unused)
{
        (void)unused;
        return aeon_sleep(AEON_MILLISECONDS(10));
}

static int check(aeon_health *h)
{
        (void)h;
        return aeon_sleep(AEON_MILLISECONDS(3));
}

void busy_define(aeon_app *app)
{
        defer_one(app);
        aeon_use_part(app, &part_a, "a");
        aeon_use_broker(app, "sqlite:./busy.db");
        aeon_use_part(app, &part_b, "b");
        aeon_use_lifespan(app, lifespan);
        aeon_on_startup(app, start_first);
        aeon_hook_add(app, AEON_ON_STARTUP, on_thread, "on_thread", &(aeon_hook_opts){ .blocking = true });
        aeon_on_startup(app, start_last);
        aeon_after_startup(app, use_thread);
        aeon_after_startup(app, say_hello);
        aeon_on_ready(app, look_around);
        aeon_on_shutdown(app, shut_down);
        aeon_on_shutdown(app, look_around);
        aeon_after_shutdown(app, look_around);
        aeon_after_shutdown(app, use_thread);
        aeon_subscribe(app, "jobs", &handle_handler, &(aeon_subscribe_opts){ .concurrency = 3 });
        aeon_background(app, "essential", essential, NULL, &(aeon_background_opts){ .essential = true });
        aeon_background(app, "flaky", flaky, NULL, &(aeon_background_opts){ .restart = AEON_RESTART_ON_FAILURE });
        aeon_background(app, "helper", essential, NULL, &(aeon_background_opts){ .placement = AEON_EVERY_LOOP });
        aeon_periodic(app, "tick", tick, NULL, &(aeon_periodic_opts){ .every = AEON_SECONDS(1) });
        aeon_health_check(app, "state", check, &(aeon_health_opts){ .interval = AEON_SECONDS(5), .impact = AEON_CRITICAL });
}

int busy_traffic(aeon_test *t)
{
        (void)t;
        aeon_broker *broker;
        int r = aeon_broker_open("sqlite:./busy.db", &broker);
        while (r == 0 && (r = aeon_sleep(AEON_MILLISECONDS(700))) == 0) {
                aeon_message *reply;
                if (aeon_publish(broker, "jobs", AEON_TEXT("a longer job that takes its time"), NULL) == 0)
                        counts.published++;
                aeon_scope limit;
                aeon_scope_open(&limit, &(aeon_scope_opts){ .timeout = AEON_SECONDS(1) });
                r = aeon_request(broker, "jobs", AEON_TEXT("?"), &reply);
                if (r == 0)
                        aeon_message_free(reply);
                r = aeon_scope_close(&limit, r) == -ECANCELED ? -ECANCELED : 0;
        }
        aeon_broker_close(broker);
        return r;
}
