/* Signals: libuv carries them to the loop, or a world does; a bit per signal remembers those nobody has waited for yet. */
#include "loop/loop.h"

#include <aeon/signal.h>
#include <stdlib.h>
#include <string.h>

enum { SIGNALS_LIMIT = 16 };

struct aeon_signals {
        uv_signal_t handles[SIGNALS_LIMIT];
        int numbers[SIGNALS_LIMIT];
        size_t count, open;   /* numbers; handles not yet closed by libuv */
        struct list in_world; /* alone in the real one */
        unsigned pending;     /* bit i: numbers[i] was caught */
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
        return s->numbers[i];
}

static void arrive(aeon_signals *s, size_t i)
{
        s->pending |= 1u << i;
        struct receiver *receiver = s->receiver;
        s->receiver = NULL;
        if (receiver)
                aeon__wake(receiver->task, take_pending(s));
}

static void on_signal(uv_signal_t *handle, int number)
{
        (void)number;
        aeon_signals *s = handle->data;
        arrive(s, (size_t)(handle - s->handles));
}

int aeon__world_signal(struct world *w, int number)
{
        int r = -ESRCH;
        aeon_signals *s;
        list_foreach (s, &w->signals, in_world)
                for (size_t i = 0; i < s->count; i++) {
                        if (s->numbers[i] != number)
                                continue;
                        r = s->pending & (1u << i) ? -EALREADY : 0;
                        arrive(s, i);
                }
        return r;
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
        list_remove(&s->in_world);
        size_t open = s->open;
        for (size_t i = 0; i < open; i++)
                uv_close((uv_handle_t *)&s->handles[i], on_closed);
        if (open == 0)
                free(s);
}

static int start_handles(aeon_signals *s, uv_loop_t *loop)
{
        for (size_t i = 0; i < s->count; i++) {
                uv_signal_t *handle = &s->handles[i];
                uv_signal_init(loop, handle);
                handle->data = s;
                s->open = i + 1;
                int r = uv_signal_start(handle, on_signal, s->numbers[i]);
                if (r < 0)
                        return aeon_fail_os(r, "cannot catch signal %d", s->numbers[i]);
        }
        return 0;
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
        list_init(&s->in_world);
        s->count = count;
        memcpy(s->numbers, signals, count * sizeof *signals);
        if (loop->world)
                list_append(&loop->world->signals, &s->in_world);
        int r = loop->world ? 0 : start_handles(s, &loop->uv);
        if (r < 0) {
                aeon_signals_close(s);
                return r;
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
