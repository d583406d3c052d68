/* Signals: libuv carries them to the loop, a bit per signal remembers those nobody has waited for yet. */
#include "loop/loop.h"

#include <aeon/signal.h>
#include <stdlib.h>

enum { SIGNALS_LIMIT = 16 };

struct aeon_signals {
        uv_signal_t handles[SIGNALS_LIMIT];
        size_t count, open; /* handles; those not yet closed by libuv */
        unsigned pending;   /* bit i: handles[i] was caught */
        struct receiver *receiver;
};

struct receiver {
        struct wait wait;
        struct aeon_task *task;
        struct aeon_signals *signals;
};

static int take_pending(aeon_signals *s)
{
        if (!s->pending)
                return 0;
        unsigned i = (unsigned)__builtin_ctz(s->pending);
        s->pending &= ~(1u << i);
        return s->handles[i].signum;
}

static void on_signal(uv_signal_t *handle, int number)
{
        (void)number;
        aeon_signals *s = handle->data;
        s->pending |= 1u << (handle - s->handles);
        struct receiver *receiver = s->receiver;
        s->receiver = NULL;
        if (receiver)
                aeon__wake(receiver->task, take_pending(s));
}

static void on_closed(uv_handle_t *handle)
{
        aeon_signals *s = handle->data;
        if (--s->open == 0)
                free(s);
}

void aeon_signals_close(aeon_signals *s)
{
        if (!s)
                return;
        for (size_t i = 0; i < s->count; i++)
                uv_close((uv_handle_t *)&s->handles[i], on_closed);
        if (s->count == 0)
                free(s);
}

int aeon_signals_open(const int *signals, size_t count, aeon_signals **ret_signals)
{
        struct aeon_loop *loop = aeon__loop_now();
        if (!loop || count > SIGNALS_LIMIT)
                return aeon_fail(-EINVAL,
                                 loop ? "at most 16 signals can be waited for at once" : "signals must be opened in a loop");
        aeon_signals *s = calloc(1, sizeof *s);
        if (!s)
                return aeon_fail(-ENOMEM, "no memory for signals");
        for (size_t i = 0; i < count; i++) {
                uv_signal_t *handle = &s->handles[i];
                uv_signal_init(&loop->uv, handle);
                handle->data = s;
                s->count = s->open = i + 1;
                int r = uv_signal_start(handle, on_signal, signals[i]);
                if (r < 0) {
                        aeon_signals_close(s);
                        return aeon_fail_os(r, "cannot catch signal %d", signals[i]);
                }
        }
        *ret_signals = s;
        return 0;
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
        if (s->receiver)
                return aeon_fail(-EBUSY, "another task is waiting for these signals");
        if (s->pending) {
                aeon__wait_skip(t);
                return take_pending(s);
        }
        struct receiver receiver = { .wait = { .what = "signal", .abort = abort_receive }, .task = t, .signals = s };
        s->receiver = &receiver;
        return aeon__wait(&receiver.wait);
}
