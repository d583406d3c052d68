/* Signals as something that a task waits for.
 *
 * DESIGN
 *   The handler is ours, not libuv's, because libuv's leaves the default action behind and forgets what it has not delivered. It does
 *   two things to every open receiver of the signal, each of them atomic: sets the signal's bit in `pending`, so repeats are told
 *   once, and rings the receiver's uv_async. The task takes bits.
 *
 *        signal --> handler --> receiver.pending |= bit --> uv_async --> the task that waits takes the lowest bit
 *                      |
 *                      +--> caught |= bit, until ANY receiver's task takes it
 *
 *   The first receiver of a signal puts our handler in place of the one that was there, the last puts that one back. What a receiver
 *   has pending when it closes and nobody has taken is sent to the process again: whoever handles it then, the receivers that are
 *   left or the handler from before, sees it as if it came now.
 *
 *   In a test's world the world is the handler.
 *
 *   Receivers are in one list, which the handler walks without a lock: one that closes takes itself out and then waits until no handler
 *   runs. A link that the handler follows stays in place until then.
 */
#include "loop/loop.h"

#include <aeon/log.h>
#include <aeon/signal.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { LAST_SIGNAL = 64 }; /* a bit each */

typedef uint64_t signal_set;

struct aeon_signals {
        _Atomic(struct aeon_signals *) next; /* receiver */
        signal_set wanted;
        _Atomic signal_set pending;
        struct list in_loop;
        struct list in_world;   /* in a world, in place of the list above and the bell */
        struct aeon_loop *loop; /* NULL: it has ended */
        uv_async_t bell;
        struct receiver *receiver; /* the task that waits */
};

struct receiver {
        struct wait wait;
        struct aeon_task *task;
        struct aeon_signals *signals;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* for whoever changes the list or a handler */
static _Atomic(struct aeon_signals *) receivers;
static _Atomic unsigned handlers_running;
static _Atomic signal_set caught; /* and not taken by anybody since */
static struct sigaction previous[LAST_SIGNAL + 1];
static unsigned receiver_count[LAST_SIGNAL + 1];

static signal_set bit_of(int signal)
{
        return (signal_set)1 << (signal - 1);
}

static int lowest_of(signal_set set)
{
        return __builtin_ctzll(set) + 1;
}

/* ------------------------------------------------------------------ the handler */

/* It was on its way to the handler when the last receiver closed: it belongs to whoever is there now. Unless that is somebody who has
 * replaced us and now calls us: sending it again would go in circles. */
static void forward(int signal)
{
        struct sigaction now;
        if (sigaction(signal, NULL, &now) == 0 && now.sa_handler == previous[signal].sa_handler)
                kill(getpid(), signal);
}

static void on_signal(int signal)
{
        int error = errno;
        bool told = false;
        atomic_fetch_add(&handlers_running, 1);
        atomic_fetch_or(&caught, bit_of(signal));
        for (struct aeon_signals *s = atomic_load(&receivers); s; s = atomic_load(&s->next)) {
                if (!(s->wanted & bit_of(signal)))
                        continue;
                atomic_fetch_or(&s->pending, bit_of(signal));
                uv_async_send(&s->bell);
                told = true;
        }
        if (!told)
                forward(signal);
        atomic_fetch_sub(&handlers_running, 1);
        errno = error;
}

/* The lock is held. */
static void catch_signal(int signal)
{
        struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART | SA_ONSTACK };
        sigfillset(&action.sa_mask);
        if (receiver_count[signal]++ == 0)
                sigaction(signal, &action, &previous[signal]);
}

/* The lock is held. A handler that somebody else has installed meanwhile stays. */
static void release_signal(int signal)
{
        struct sigaction now;
        if (--receiver_count[signal] == 0 && sigaction(signal, NULL, &now) == 0 && now.sa_handler == on_signal)
                sigaction(signal, &previous[signal], NULL);
}

/* ------------------------------------------------------------------ opening */

/* A fault happens again and again until it is dealt with on the spot, and the reports of crashes need these signals, too. */
static bool can_be_waited_for(int signal)
{
        static const int never[] = { SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
        sigset_t set;
        sigemptyset(&set);
        bool can = signal <= LAST_SIGNAL && sigaddset(&set, signal) == 0; /* refuses those that libc keeps for itself */
        for (size_t i = 0; i < sizeof never / sizeof *never; i++)
                can = can && signal != never[i];
        return can;
}

static int make_set(const int *signals, size_t count, signal_set *ret_set)
{
        signal_set set = 0;
        for (size_t i = 0; i < count; i++) {
                if (!can_be_waited_for(signals[i]))
                        return aeon_fail(-EINVAL, "signal %d cannot be waited for", signals[i]);
                set |= bit_of(signals[i]);
        }
        *ret_set = set;
        return 0;
}

/* In the list before the handler is there, and out of it after: whoever is caught finds a receiver. */
static void attach(aeon_signals *s)
{
        pthread_mutex_lock(&lock);
        atomic_store(&s->next, atomic_load(&receivers));
        atomic_store(&receivers, s);
        for (signal_set set = s->wanted; set; set &= set - 1)
                catch_signal(lowest_of(set));
        pthread_mutex_unlock(&lock);
}

static void on_bell(uv_async_t *bell);

int aeon_signals_open(const int *signals, size_t count, aeon_signals **ret_signals)
{
        struct aeon_loop *loop = aeon__loop_now();
        if (!loop)
                return aeon_fail(-EINVAL, "signals must be opened in a loop");
        signal_set wanted;
        int r = make_set(signals, count, &wanted);
        if (r < 0)
                return r;
        aeon_signals *s = malloc(sizeof *s);
        if (!s)
                return aeon_fail(-ENOMEM, "no memory for signals");
        *s = (aeon_signals){ .wanted = wanted, .loop = loop };
        list_append(&loop->signals, &s->in_loop);
        if (loop->world) {
                list_append(&loop->world->signals, &s->in_world);
        } else {
                uv_async_init(&loop->uv, &s->bell, on_bell); /* cannot fail: the loop has what it needs for its own */
                attach(s);
        }
        *ret_signals = s;
        return 0;
}

/* ------------------------------------------------------------------ receiving */

static int take(aeon_signals *s)
{
        signal_set pending = atomic_load(&s->pending);
        if (!pending)
                return 0;
        int signal = lowest_of(pending);
        /* In this order: one that comes in between is the same one to us, and not one that nobody took. */
        atomic_fetch_and(&caught, ~bit_of(signal));
        atomic_fetch_and(&s->pending, ~bit_of(signal));
        return signal;
}

static void on_bell(uv_async_t *bell)
{
        aeon_signals *s = container_of(bell, aeon_signals, bell);
        struct receiver *receiver = s->receiver;
        int signal = receiver ? take(s) : 0;
        if (!signal)
                return;
        s->receiver = NULL;
        aeon__wake(receiver->task, signal);
}

int aeon__world_signal(struct world *w, int signal)
{
        int r = -ESRCH;
        aeon_signals *s;
        list_foreach (s, &w->signals, in_world) {
                if (!(s->wanted & bit_of(signal)))
                        continue;
                r = s->pending & bit_of(signal) ? -EALREADY : 0;
                atomic_fetch_or(&s->pending, bit_of(signal));
                on_bell(&s->bell);
        }
        return r;
}

static bool abort_receive(struct wait *wait, struct aeon_task *task)
{
        (void)task;
        container_of(wait, struct receiver, wait)->signals->receiver = NULL;
        return true;
}

int aeon_signals_wait(aeon_signals *s)
{
        struct aeon_task *t = NULL;
        int r = aeon__wait_enter(&t);
        if (r < 0)
                return r;
        if (s->loop != aeon__loop_now())
                return aeon_fail(-EXDEV, "the signals were opened in another loop");
        if (s->receiver)
                return aeon_fail(-EBUSY, "another task is waiting for these signals");
        int signal = take(s);
        if (signal) {
                aeon__wait_skip(t);
                return signal;
        }
        struct receiver receiver = { .wait = { .what = "signal", .object = s, .abort = abort_receive }, .task = t, .signals = s };
        s->receiver = &receiver;
        return aeon__wait(&receiver.wait);
}

int aeon_signals_try_wait(aeon_signals *s)
{
        int signal = take(s);
        return signal ? signal : -EAGAIN;
}

/* ------------------------------------------------------------------ closing */

static void on_closed(uv_handle_t *bell)
{
        free(container_of(bell, aeon_signals, bell));
}

static void unlink_receiver(aeon_signals *s)
{
        _Atomic(struct aeon_signals *) *at = &receivers;
        while (atomic_load(at) != s)
                at = &atomic_load(at)->next;
        atomic_store(at, atomic_load(&s->next));
        while (atomic_load(&handlers_running))
                sched_yield(); /* a few instructions of another thread; on this one none runs now */
}

/* No handler knows it any more; what it had and nobody took is on its way to whoever handles it now. */
static void detach(aeon_signals *s)
{
        pthread_mutex_lock(&lock);
        for (signal_set set = s->wanted; set; set &= set - 1)
                release_signal(lowest_of(set));
        unlink_receiver(s);
        pthread_mutex_unlock(&lock);
        list_remove(&s->in_loop);
        s->loop = NULL;
        for (signal_set left = atomic_load(&s->pending) & atomic_load(&caught); left; left &= left - 1) {
                atomic_fetch_and(&caught, ~bit_of(lowest_of(left)));
                kill(getpid(), lowest_of(left));
        }
}

static void leave_world(aeon_signals *s)
{
        list_remove(&s->in_world);
        list_remove(&s->in_loop);
        s->loop = NULL;
}

void aeon_signals_close(aeon_signals *s)
{
        if (!s)
                return;
        if (!s->loop) {
                free(s);
                return;
        }
        struct receiver *receiver = s->receiver;
        s->receiver = NULL;
        if (receiver)
                aeon__wake(receiver->task, -EBADF);
        if (s->loop->world) {
                leave_world(s);
                free(s);
                return;
        }
        detach(s);
        uv_close((uv_handle_t *)&s->bell, on_closed);
}

void aeon__signals_end(struct aeon_loop *loop)
{
        while (!list_empty(&loop->signals)) {
                aeon_signals *s = list_first(&loop->signals, aeon_signals, in_loop);
                aeon_log_error("signals were left open when their loop ended");
                if (loop->world) {
                        leave_world(s);
                        continue;
                }
                detach(s);
                uv_close((uv_handle_t *)&s->bell, NULL); /* the rest is freed by whoever opened it */
        }
}
