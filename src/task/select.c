/* Waiting for the first of several things.
 *
 * DESIGN
 *   When some cases are ready, one of them is picked by chance and carried out by the ordinary try_ call, which must succeed: nothing
 *   runs in between. When none is, the task becomes one waiter per case, each in the list of what it waits for and all of one
 *   `struct choice`. Whoever wakes one of these has served it; the others are taken out of their lists in the same breath
 *   (aeon__choice_wake()), before anybody else can find them. So exactly one happens.
 *
 *        choice ---> waiter 0: channel a, receiving
 *                    waiter 1: channel b, sending          woken: 0 and 2 are taken out, the task wakes with 1
 *                    waiter 2: event
 */
#include "base/random.h"
#include "task/channel.h"

#include <stdlib.h>

enum { AT_HAND = 8 }; /* cases for which no memory is asked */

struct choice {
        struct wait wait;
        struct waiter *waiters; /* one per case; those of unset cases are in no list */
        size_t count;
        int result; /* of the one that happened */
};

/* ------------------------------------------------------------------ the cases */

static struct waiters *waiters_of(const aeon_select_case *one)
{
        if (one->send)
                return one->send->handle.channel ? &one->send->handle.channel->sending.waiters : NULL;
        if (one->receive)
                return one->receive->handle.channel ? &one->receive->handle.channel->receiving.waiters : NULL;
        return one->event ? aeon__event_waiters(one->event) : NULL;
}

static bool is_ready(const aeon_select_case *one)
{
        if (one->send)
                return channel_send_ready(one->send->handle.channel);
        if (one->receive)
                return channel_receive_ready(one->receive->handle.channel);
        return one->event && aeon_event_is_set(one->event);
}

static int carry_out(const aeon_select_case *one)
{
        if (one->send)
                return aeon_try_send(one->send, one->item);
        if (one->receive)
                return aeon_try_receive(one->receive, one->ret_item);
        return 0;
}

static int check(const aeon_select_case *cases, size_t count)
{
        size_t set = 0;
        for (size_t i = 0; i < count; i++) {
                const aeon_select_case *one = &cases[i];
                int things = !!one->send + !!one->receive + !!one->event;
                if (things > 1)
                        return aeon_fail(-EINVAL, "case %zu of a select waits for more than one thing", i);
                const struct waiters *w = waiters_of(one);
                int r = w ? aeon__waiters_check(w) : 0;
                if (r < 0)
                        return aeon_fail(r, "case %zu of a select", i);
                set += (size_t)things;
        }
        return set ? 0 : aeon_fail(-EINVAL, "a select has no case to wait for");
}

/* Errors: -EAGAIN. */
static int pick(aeon_select_case *cases, size_t count)
{
        static __thread uint64_t chance; /* begins the same in every process: what went wrong can go wrong again */
        uint64_t *state = aeon__random_state ? aeon__random_state : &chance;
        size_t ready = 0, picked = 0;
        for (size_t i = 0; i < count; i++)
                if (is_ready(&cases[i]) && random_next(state) % ++ready == 0)
                        picked = i;
        if (!ready)
                return -EAGAIN;
        cases[picked].result = carry_out(&cases[picked]);
        return (int)picked;
}

int aeon_try_select(aeon_select_case *cases, size_t count)
{
        int r = check(cases, count);
        return r < 0 ? r : pick(cases, count);
}

/* ------------------------------------------------------------------ waiting */

static void withdraw(struct choice *choice)
{
        for (size_t i = 0; i < choice->count; i++)
                list_remove(&choice->waiters[i].in_list);
}

void aeon__choice_wake(struct waiter *w, int result)
{
        struct choice *choice = w->choice;
        withdraw(choice);
        choice->result = result;
        aeon__wake(w->task, (int)(w - choice->waiters));
}

static bool abort_choice(struct wait *wait, struct aeon_task *task)
{
        (void)task;
        withdraw(container_of(wait, struct choice, wait));
        return true;
}

static void enlist(struct waiter *w, const aeon_select_case *one, struct choice *choice, struct aeon_task *t)
{
        *w = (struct waiter){ .task = t, .choice = choice };
        list_init(&w->in_list);
        if (one->send) {
                w->key = &one->send->handle;
                w->item = (void *)one->item;
        } else if (one->receive) {
                w->key = &one->receive->handle;
                w->item = one->ret_item;
        }
        struct waiters *others = waiters_of(one);
        if (others)
                list_append(&others->list, &w->in_list);
}

static int wait_for_first(aeon_select_case *cases, size_t count, struct aeon_task *t)
{
        struct waiter at_hand[AT_HAND];
        struct choice choice = { .wait = { .what = "select", .abort = abort_choice }, .waiters = at_hand, .count = count };
        if (count > AT_HAND) {
                choice.waiters = reallocarray(NULL, count, sizeof *choice.waiters);
                if (!choice.waiters)
                        return aeon_fail(-ENOMEM, "no memory for a select of %zu cases", count);
        }
        for (size_t i = 0; i < count; i++)
                enlist(&choice.waiters[i], &cases[i], &choice, t);
        int r = aeon__wait(&choice.wait);
        if (r >= 0)
                cases[r].result = choice.result;
        if (choice.waiters != at_hand)
                free(choice.waiters);
        return r;
}

int aeon_select(aeon_select_case *cases, size_t count)
{
        struct aeon_task *t = NULL;
        int r = aeon__wait_enter(&t);
        if (r < 0)
                return r;
        r = aeon_try_select(cases, count);
        if (r == -EAGAIN)
                return wait_for_first(cases, count, t);
        if (r >= 0)
                aeon__wait_skip(t);
        return r;
}
