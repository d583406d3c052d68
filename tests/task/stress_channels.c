/* What the crowd sends and receives, and waiting for the first of several things. */
#include "stress.h"

#include <stdlib.h>

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
        bool dismissed; /* the handle was closed */
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

static void dismiss_calls(const struct list *calls, const void *handle)
{
        struct call *call;
        list_foreach (call, calls, in_pipe)
                call->dismissed = call->dismissed || call->handle == handle;
}

static void close_sender(struct pipe *p, size_t i)
{
        aeon_sender *s = p->senders[i];
        p->senders[i] = NULL;
        dismiss_calls(&p->sending, s);
        aeon_sender_close(s);
}

static void close_receiver(struct pipe *p, size_t i)
{
        aeon_receiver *r = p->receivers[i];
        if (receivers_of(p) == 1)
                values_dropped += aeon_receiver_buffered(r);
        p->receivers[i] = NULL;
        dismiss_calls(&p->receiving, r);
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
        REQUIRE(r != -EBADF || call.dismissed);
        REQUIRE(r == 0 || r == -ECANCELED || r == -EBADF || r == -EPIPE || (r == -EAGAIN && with_receiver));
        return r == -ECANCELED ? r : 0;
}

static void value_received(size_t value)
{
        REQUIRE(value < values_made && !(values[value] & RECEIVED));
        values[value] |= RECEIVED;
        stress.delivered++;
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
                value_received(value);
                return 0;
        }
        REQUIRE(value == SIZE_MAX);
        REQUIRE(r != -EBADF || call.dismissed);
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

/* ------------------------------------------------------------------ select */

enum { CASES = 12 };

struct selecting {
        aeon_select_case cases[CASES];
        size_t values[CASES];
        struct call calls[CASES];
        size_t places[CASES]; /* of events */
        size_t count;
};

static void add_case(struct selecting *s, struct pipe *p)
{
        aeon_select_case *one = &s->cases[s->count];
        struct call *call = &s->calls[s->count];
        size_t *value = &s->values[s->count];
        aeon_sender *sender = p->senders[chance(HANDLES)];
        aeon_receiver *receiver = p->receivers[chance(HANDLES)];
        if (sender && chance(2)) {
                *value = values_made++;
                *one = (aeon_select_case){ .send = sender, .item = value };
                *call = (struct call){ .handle = sender };
                list_append(&p->sending, &call->in_pipe);
        } else if (receiver) {
                *value = SIZE_MAX;
                *one = (aeon_select_case){ .receive = receiver, .ret_item = value };
                *call = (struct call){ .handle = receiver };
                list_append(&p->receiving, &call->in_pipe);
        } else {
                *one = (aeon_select_case){ .event = event_enter(&s->places[s->count]) };
        }
        s->count++;
}

static void case_happened(const aeon_select_case *one, size_t value, const struct call *call)
{
        REQUIRE(one->result != -EBADF || call->dismissed);
        if (one->event)
                REQUIRE(aeon_event_is_set(one->event));
        if (one->send && one->result == 0)
                values[value] |= ACCEPTED;
        if (one->receive && one->result == 0)
                value_received(value);
        REQUIRE(one->result == 0 || one->result == -EBADF || one->result == (one->send ? -EPIPE : AEON_EOF));
}

static int act_select(struct band *band, int depth)
{
        (void)band, (void)depth;
        struct selecting s = { .count = 0 };
        for (size_t i = 0; i < CHANNELS; i++) /* each at most once, or it would wait for itself */
                if (chance(2))
                        add_case(&s, &pipes[i]);
        if (s.count == 0)
                return 0;
        int r = chance(4) ? SUSPENDED(aeon_select(s.cases, s.count)) : aeon_try_select(s.cases, s.count);
        REQUIRE((r >= 0 && r < (int)s.count) || r == -EAGAIN || r == -ECANCELED);
        for (size_t i = 0; i < s.count; i++) {
                if (s.cases[i].event)
                        event_leave(s.places[i]);
                else
                        list_remove(&s.calls[i].in_pipe);
                if ((int)i == r)
                        case_happened(&s.cases[i], s.values[i], &s.calls[i]);
                else
                        REQUIRE(!s.cases[i].receive || s.values[i] == SIZE_MAX);
        }
        return r == -ECANCELED ? r : 0;
}

/* ------------------------------------------------------------------ is anything lost? */

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

/* ------------------------------------------------------------------ for stress.c */

struct act stress_channel_acts[] = {
        { .name = "send", .weight = 12, .run = act_send },
        { .name = "receive", .weight = 12, .run = act_receive },
        { .name = "open, clone, close", .weight = 6, .run = act_on_handles },
        { .name = "select", .weight = 4, .run = act_select },
        { 0 },
};

void stress_channels_open(long acts)
{
        values = calloc((size_t)acts * CHANNELS, 1);
        REQUIRE(values != NULL);
        for (size_t i = 0; i < CHANNELS; i++) {
                list_init(&pipes[i].sending);
                list_init(&pipes[i].receiving);
        }
}

void stress_channels_check_idle(void)
{
        for (size_t i = 0; i < CHANNELS; i++)
                pipe_check_idle(&pipes[i]);
}

void stress_channels_close(void)
{
        for (size_t i = 0; i < CHANNELS; i++)
                for (size_t j = 0; j < HANDLES; j++) {
                        if (pipes[i].receivers[j])
                                close_receiver(&pipes[i], j);
                        if (pipes[i].senders[j])
                                close_sender(&pipes[i], j);
                }
        values_check();
        free(values);
}
