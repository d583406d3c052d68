/* The libuv driver and a loop's beginning and end; see loop.h. */
#include "loop/loop.h"

#include "base/log.h"
#include "base/ticks.h"
#include "loop/foreign.h"

#include <aeon/thread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { POSTS_PER_TURN = 512 }; /* as many as tasks: neither can starve the other */

/* ------------------------------------------------------------------ the driver */

static aeon_time loop_now(struct driver *driver)
{
        (void)driver;
        return (aeon_time)uv_hrtime();
}

static aeon_time loop_recent(struct driver *driver)
{
        return (aeon_time)uv_now(&container_of(driver, struct aeon_loop, driver)->uv) * 1000000;
}

static void on_timer(uv_timer_t *timer)
{
        uv_stop(timer->loop); /* uv_run() fires what is due before it polls, and would then wait for something else */
}

/* libuv counts in milliseconds: rounded up, so that nothing ever fires early. */
static void arm_timer(struct aeon_loop *loop, aeon_time until)
{
        aeon_time now = loop_now(&loop->driver);
        uint64_t ms = until > now ? ((uint64_t)(until - now) + 999999) / 1000000 : 0;
        uv_update_time(&loop->uv);
        uv_timer_start(&loop->timer, on_timer, ms, 0);
}

enum { EPOCH_MS = 1000, PAUSE_MS = 1 };

static void on_trim(uv_timer_t *timer)
{
        struct aeon_loop *loop = container_of(timer, struct aeon_loop, trim);
        bool busy = aeon__sched_has_ready(&loop->runner.sched); /* then the next idle moment sets the timer again */
        if (!busy && aeon__stack_pool_trim(&loop->runner.sched.stacks))
                uv_timer_start(timer, on_trim, PAUSE_MS, 0); /* events go first */
}

static int loop_poll(struct driver *driver, aeon_time until)
{
        struct aeon_loop *loop = container_of(driver, struct aeon_loop, driver);
        if (until == INT64_MIN) {
                uv_run(&loop->uv, UV_RUN_NOWAIT);
                return 0;
        }
        if (until == AEON_NEVER && !aeon__loop_can_be_woken(loop))
                return -EDEADLK;
        if (aeon__stack_pool_is_wasteful(&loop->runner.sched.stacks) && !uv_is_active((uv_handle_t *)&loop->trim))
                uv_timer_start(&loop->trim, on_trim, EPOCH_MS, 0);
        if (until != AEON_NEVER)
                arm_timer(loop, until);
        uv_run(&loop->uv, UV_RUN_ONCE);
        if (until != AEON_NEVER)
                uv_timer_stop(&loop->timer);
        return 0;
}

/* ------------------------------------------------------------------ the doorbell of the mailbox */

/* Async-signal-safe. In a world nobody sleeps who could be woken. */
static void doorbell_ring(struct aeon_loop *loop)
{
        if (loop->world)
                return;
        ssize_t written = write(loop->doorbell, &(uint64_t){ 1 }, sizeof(uint64_t));
        (void)written; /* it fails only when the counter is full, and then the bell rings already */
}

static void on_doorbell(uv_poll_t *poll, int status, int events)
{
        (void)status, (void)events;
        struct aeon_loop *loop = container_of(poll, struct aeon_loop, at_doorbell);
        uint64_t rung;
        ssize_t got = read(loop->doorbell, &rung, sizeof rung); /* before the box is emptied: what comes later rings again */
        (void)got;
        if (aeon__mailbox_run(&loop->mailbox, POSTS_PER_TURN))
                doorbell_ring(loop); /* the rest in the next turn */
}

static int doorbell_open(struct aeon_loop *loop)
{
        loop->doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (loop->doorbell < 0)
                return -errno;
        int r = uv_poll_init(&loop->uv, &loop->at_doorbell, loop->doorbell);
        if (r == 0)
                r = uv_poll_start(&loop->at_doorbell, UV_READABLE, on_doorbell);
        if (r < 0)
                close(loop->doorbell);
        return r;
}

static void doorbell_close(struct aeon_loop *loop)
{
        uv_close((uv_handle_t *)&loop->at_doorbell, NULL);
        close(loop->doorbell);
}

/* ------------------------------------------------------------------ a loop's life */

/* Before 1.51 libuv leaves its epoll descriptor open when it cannot finish a loop. 0 means that it did not come so far. */
static void close_leftover(const uv_loop_t *uv)
{
        if (uv_version() < 0x013300 && uv_backend_fd(uv) > 0)
                close(uv_backend_fd(uv));
}

static int uv_part_new(struct aeon_loop *loop)
{
        int r = uv_loop_init(&loop->uv);
        if (r < 0) {
                close_leftover(&loop->uv);
                return aeon_fail_os(r, "cannot make an event loop");
        }
        r = doorbell_open(loop);
        if (r < 0) {
                uv_loop_close(&loop->uv);
                return aeon_fail_os(r, "cannot make the wake-up of an event loop");
        }
        uv_timer_init(&loop->uv, &loop->timer);
        uv_timer_init(&loop->uv, &loop->trim);
        uv_unref((uv_handle_t *)&loop->trim);
        loop->driver =
                (struct driver){ .now = loop_now, .recent = loop_recent, .ticks = aeon__ticks_are_steady(), .poll = loop_poll };
        return 0;
}

int aeon__loop_new(struct aeon_loop **ret_loop)
{
        struct aeon_loop *loop = calloc(1, sizeof *loop);
        if (!loop)
                return aeon_fail(-ENOMEM, "no memory for a loop");
        loop->world = aeon__world;
        loop->driver = aeon__world_driver(); /* of a world; a real loop has its own */
        int r = loop->world ? 0 : uv_part_new(loop);
        if (r < 0) {
                free(loop);
                return r;
        }
        aeon__runner_init(&loop->runner, &loop->driver);
        aeon__mailbox_init(&loop->mailbox);
        loop->holders = 1;
        loop->thread = pthread_self();
        static _Atomic unsigned loops_made;
        snprintf(loop->title, sizeof loop->title, "loop %u", atomic_fetch_add(&loops_made, 1) + 1);
        list_init(&loop->calls);
        list_init(&loop->signals);
        list_init(&loop->ends);
        if (loop->world)
                aeon__world_adopt(loop);
        *ret_loop = loop;
        return 0;
}

/* Something of the user's is still open: say so, and close it for good. */
static void close_left_open(uv_handle_t *handle, void *arg)
{
        (void)arg;
        if (uv_is_closing(handle))
                return;
        aeon_log_error("a %s was left open when its loop ended", uv_handle_type_name(handle->type));
        uv_close(handle, NULL);
}

static void uv_part_end(struct aeon_loop *loop)
{
        doorbell_close(loop);
        uv_close((uv_handle_t *)&loop->timer, NULL);
        uv_close((uv_handle_t *)&loop->trim, NULL);
        do {
                uv_run(&loop->uv, UV_RUN_NOWAIT); /* the callbacks of what is closing */
                uv_walk(&loop->uv, close_left_open, NULL);
        } while (uv_loop_close(&loop->uv) == UV_EBUSY);
}

static void end_what_belongs_to(struct aeon_loop *loop)
{
        struct list *place;
        while ((place = list_pop(&loop->ends))) {
                struct loop_end *e = container_of(place, struct loop_end, place);
                e->fn(e);
        }
}

void aeon__loop_end(struct aeon_loop *loop)
{
        struct sched *outer = aeon__sched;
        aeon__sched = &loop->runner.sched;
        aeon__mailbox_close(&loop->mailbox);
        aeon__calls_release(loop);
        aeon__signals_end(loop);
        end_what_belongs_to(loop);
        if (!loop->world)
                uv_part_end(loop);
        aeon__sched = outer;
        aeon__runner_done(&loop->runner);
}

int aeon__loop_first(void *arg)
{
        struct aeon_loop *loop = arg;
        int r = aeon__calls_open(loop);
        if (r < 0)
                return r;
        r = loop->first(loop->first_arg);
        aeon__calls_close(loop);
        return r;
}

int aeon__loop_run(struct aeon_loop *loop, aeon_task_fn *fn, void *arg)
{
        loop->first = fn;
        loop->first_arg = arg;
        aeon__watchdog_add(loop);
        int r = aeon__runner_run(&loop->runner, aeon__loop_first, loop);
        aeon__watchdog_remove(loop);
        return r;
}

int aeon_loop_run(aeon_task_fn *fn, void *arg)
{
        if (aeon__world)
                return aeon__world_loop_run(fn, arg);
        struct aeon_loop *loop = NULL;
        int r = aeon__loop_new(&loop);
        if (r < 0)
                return r;
        r = aeon__loop_run(loop, fn, arg);
        aeon__loop_end(loop);
        aeon_loop_release(loop);
        return r;
}

aeon_loop *aeon_loop_current(void)
{
        struct aeon_loop *loop = aeon__loop_now();
        if (loop)
                atomic_fetch_add(&loop->lent, 1);
        return loop;
}

aeon_loop *aeon_loop_hold(aeon_loop *loop)
{
        aeon__loop_hold(loop); /* before it counts as lent no more: whoever looks between sees both */
        unsigned lent = atomic_load(&loop->lent);
        while (lent && !atomic_compare_exchange_weak(&loop->lent, &lent, lent - 1))
                ;
        return loop;
}

void aeon_loop_release(aeon_loop *loop)
{
        if (!loop)
                return;
        /* While we are in its mailbox the loop cannot end, and its own hold keeps the handle. */
        bool ring = !pthread_equal(pthread_self(), loop->thread) && aeon__mailbox_enter(&loop->mailbox);
        unsigned left = atomic_fetch_sub(&loop->holders, 1) - 1;
        if (ring) {
                if (left == 1)
                        doorbell_ring(loop);
                aeon__mailbox_leave(&loop->mailbox);
        } else if (left == 0) {
                aeon__mailbox_done(&loop->mailbox);
                free(loop);
        }
}

bool aeon__loop_can_be_woken(struct aeon_loop *loop)
{
        if (atomic_load(&loop->lent) || atomic_load(&loop->holders) > 1 || aeon__mailbox_pending(&loop->mailbox))
                return true;
        uv_unref((uv_handle_t *)&loop->at_doorbell);
        uv_unref((uv_handle_t *)&loop->timer);
        bool alive = uv_loop_alive(&loop->uv);
        uv_ref((uv_handle_t *)&loop->at_doorbell);
        uv_ref((uv_handle_t *)&loop->timer);
        return alive;
}

int aeon_post(aeon_loop *loop, void (*fn)(void *arg), void *arg)
{
        bool first;
        int r = aeon__mailbox_post(&loop->mailbox, fn, arg, &first);
        if (r < 0)
                return r; /* no words: this may be a signal handler */
        if (first) {
                doorbell_ring(loop);
                aeon__mailbox_leave(&loop->mailbox);
        }
        return 0;
}

bool aeon__post_surely(struct aeon_loop *loop, void (*fn)(void *arg), void *arg)
{
        int r;
        while ((r = aeon_post(loop, fn, arg)) == -ENOMEM)
                sched_yield();
        return r == 0;
}
