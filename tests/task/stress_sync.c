/* What the crowd waits for: events, channels, and waits that cannot be undone at once. */
#include "stress.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ events */

enum { EVENTS = 8 };

static struct {
        aeon_event *event;
        int waiting;
} events[EVENTS];

static int act_wait(struct band *band, int depth)
{
        (void)band, (void)depth;
        size_t i = chance(EVENTS);
        events[i].waiting++;
        int r = SUSPENDED(aeon_event_wait(events[i].event));
        REQUIRE(r == -ECANCELED || aeon_event_is_set(events[i].event));
        REQUIRE(r == 0 || r == -ECANCELED);
        events[i].waiting--;
        return r;
}

static int act_set(struct band *band, int depth)
{
        (void)band, (void)depth;
        size_t i = chance(EVENTS);
        if (aeon_event_is_set(events[i].event) && events[i].waiting == 0) {
                aeon_event_free(events[i].event);
                REQUIRE_INT(aeon_event_new(&events[i].event), 0);
        } else {
                aeon_event_set(events[i].event);
        }
        return 0;
}

/* ------------------------------------------------------------------ channels */

enum { CHANNELS = 8, HANDLES = 4 };
enum value_state { ACCEPTED = 1, RECEIVED = 2 };

struct pipe {
        aeon_sender *senders[HANDLES];
        aeon_receiver *receivers[HANDLES];
        struct list sending, receiving; /* struct call: tasks inside the call */
        size_t capacity;
};
static struct pipe pipes[CHANNELS];

struct call {
        struct list in_pipe;
        const void *handle;
};

static unsigned char *values; /* by the number that was sent: enum value_state */
static size_t values_made, values_dropped;

static size_t count_handles(void *const *handles)
{
        size_t n = 0;
        for (size_t i = 0; i < HANDLES; i++)
                n += handles[i] != NULL;
        return n;
}

static size_t senders_of(const struct pipe *p)
{
        return count_handles((void *const *)p->senders);
}

static size_t receivers_of(const struct pipe *p)
{
        return count_handles((void *const *)p->receivers);
}

static void pipe_open(struct pipe *p)
{
        static const size_t capacities[] = { 0, 0, 1, 3, 20, AEON_UNBOUNDED };
        p->capacity = capacities[chance(6)];
        REQUIRE_INT(aeon_channel_open(sizeof(size_t), p->capacity, &p->senders[0], &p->receivers[0]), 0);
}

static void close_sender(struct pipe *p, size_t i)
{
        aeon_sender *s = p->senders[i];
        p->senders[i] = NULL;
        aeon_sender_close(s);
}

static void close_receiver(struct pipe *p, size_t i)
{
        aeon_receiver *r = p->receivers[i];
        if (receivers_of(p) == 1)
                values_dropped += aeon_receiver_buffered(r);
        p->receivers[i] = NULL;
        aeon_receiver_close(r);
}

static int act_send(struct band *band, int depth)
{
        (void)band, (void)depth;
        struct pipe *p = &pipes[chance(CHANNELS)];
        aeon_sender *s = p->senders[chance(HANDLES)];
        if (!s)
                return 0;
        bool with_receiver = receivers_of(p) > 0;
        size_t value = values_made++;
        struct call call = { .handle = s };
        list_append(&p->sending, &call.in_pipe);
        int r = chance(4) ? SUSPENDED(aeon_send(s, &value)) : aeon_try_send(s, &value);
        list_remove(&call.in_pipe);
        if (r == 0)
                values[value] |= ACCEPTED;
        stress.refused += r != 0;
        REQUIRE(r == 0 || r == -ECANCELED || r == -EBADF || r == -EPIPE || (r == -EAGAIN && with_receiver));
        return r == -ECANCELED ? r : 0;
}

static int act_receive(struct band *band, int depth)
{
        (void)band, (void)depth;
        struct pipe *p = &pipes[chance(CHANNELS)];
        aeon_receiver *from = p->receivers[chance(HANDLES)];
        if (!from)
                return 0;
        size_t value = SIZE_MAX;
        struct call call = { .handle = from };
        list_append(&p->receiving, &call.in_pipe);
        int r = chance(4) ? SUSPENDED(aeon_receive(from, &value)) : aeon_try_receive(from, &value);
        list_remove(&call.in_pipe);
        if (r == 0) {
                REQUIRE(value < values_made && !(values[value] & RECEIVED));
                values[value] |= RECEIVED;
                stress.delivered++;
                return 0;
        }
        REQUIRE(value == SIZE_MAX);
        REQUIRE(r == -ECANCELED || r == -EBADF || r == AEON_EOF || r == -EAGAIN);
        return r == -ECANCELED ? r : 0;
}

static int act_on_handles(struct band *band, int depth)
{
        (void)band, (void)depth;
        struct pipe *p = &pipes[chance(CHANNELS)];
        size_t i = chance(HANDLES), j = chance(HANDLES);
        if (!senders_of(p) && !receivers_of(p))
                pipe_open(p);
        else if (chance(8) == 0 && p->senders[i])
                close_sender(p, i);
        else if (chance(8) == 0 && p->receivers[i])
                close_receiver(p, i);
        else if (p->senders[i] && !p->senders[j])
                REQUIRE_INT(aeon_sender_clone(p->senders[i], &p->senders[j]), 0);
        else if (p->receivers[i] && !p->receivers[j])
                REQUIRE_INT(aeon_receiver_clone(p->receivers[i], &p->receivers[j]), 0);
        return 0;
}

/* Nobody waits on a handle that is closed. */
static void check_calls(const struct list *calls, void *const *handles)
{
        const struct call *call;
        list_foreach (call, calls, in_pipe) {
                bool open = false;
                for (size_t i = 0; i < HANDLES; i++)
                        open = open || handles[i] == call->handle;
                REQUIRE(open);
        }
}

static void pipe_check_idle(const struct pipe *p)
{
        size_t buffered = 0;
        for (size_t i = 0; i < HANDLES; i++)
                if (p->receivers[i])
                        buffered = aeon_receiver_buffered(p->receivers[i]);
        bool sending = !list_empty(&p->sending), receiving = !list_empty(&p->receiving);
        REQUIRE(!(sending && receiving));
        REQUIRE(!(receiving && buffered));
        REQUIRE(!(sending && buffered < p->capacity));
        REQUIRE(!(receiving && !senders_of(p)));
        REQUIRE(!(sending && !receivers_of(p)));
        check_calls(&p->sending, (void *const *)p->senders);
        check_calls(&p->receiving, (void *const *)p->receivers);
}

static void values_check(void)
{
        size_t accepted = 0, received = 0;
        for (size_t i = 0; i < values_made; i++) {
                REQUIRE(values[i] != RECEIVED); /* and yet its sender was told that it was not sent */
                accepted += (values[i] & ACCEPTED) != 0;
                received += (values[i] & RECEIVED) != 0;
        }
        REQUIRE_INT(accepted, received + values_dropped);
}

/* ------------------------------------------------------------------ waits whose abort only hurries the completion */

struct late {
        struct wait wait;
        struct list in_list;
        struct aeon_task *task;
        int aborts;
};
static struct list lates = LIST_INIT(lates);
static long late_aborts;

static bool abort_late(struct wait *wait, struct aeon_task *task)
{
        struct late *late = container_of(wait, struct late, wait);
        REQUIRE(late->task == task);
        late->aborts++;
        late_aborts++;
        return false;
}

static int act_wait_uncancellably(struct band *band, int depth)
{
        (void)band, (void)depth;
        struct aeon_task *t = NULL;
        int r = aeon__wait_enter(&t);
        if (r < 0)
                return r;
        struct late late = { .wait = { .what = "late", .abort = abort_late }, .task = t };
        list_append(&lates, &late.in_list);
        REQUIRE_INT(aeon__wait(&late.wait), 7);
        REQUIRE(late.aborts <= 1 && list_empty(&late.in_list));
        return 0;
}

/* ------------------------------------------------------------------ for the keeper */

struct act stress_sync_acts[] = {
        { .name = "wait for an event", .weight = 3, .run = act_wait },
        { .name = "set an event", .weight = 3, .run = act_set },
        { .name = "send", .weight = 12, .run = act_send },
        { .name = "receive", .weight = 12, .run = act_receive },
        { .name = "open, clone, close", .weight = 6, .run = act_on_handles },
        { .name = "wait, uncancellable", .weight = 2, .run = act_wait_uncancellably },
        { 0 },
};

void stress_sync_open(long acts)
{
        values = calloc((size_t)acts, 1);
        REQUIRE(values != NULL);
        for (size_t i = 0; i < EVENTS; i++)
                REQUIRE_INT(aeon_event_new(&events[i].event), 0);
        for (size_t i = 0; i < CHANNELS; i++) {
                list_init(&pipes[i].sending);
                list_init(&pipes[i].receiving);
        }
}

void stress_sync_check_idle(void)
{
        for (size_t i = 0; i < EVENTS; i++)
                REQUIRE(!(events[i].waiting && aeon_event_is_set(events[i].event)));
        for (size_t i = 0; i < CHANNELS; i++)
                pipe_check_idle(&pipes[i]);
}

void stress_sync_tend(void)
{
        struct late *late, *next;
        list_foreach_safe (late, next, &lates, in_list) {
                if (chance(10))
                        continue;
                list_remove(&late->in_list);
                aeon__wake(late->task, 7);
        }
}

void stress_sync_close(void)
{
        for (size_t i = 0; i < EVENTS; i++)
                aeon_event_free(events[i].event);
        for (size_t i = 0; i < CHANNELS; i++)
                for (size_t j = 0; j < HANDLES; j++) {
                        if (pipes[i].receivers[j])
                                close_receiver(&pipes[i], j);
                        if (pipes[i].senders[j])
                                close_sender(&pipes[i], j);
                }
        values_check();
        REQUIRE(late_aborts > 0);
        free(values);
}
