/* What the crowd waits for: events, and waits that cannot be undone at once. */
#include "stress.h"

#include <stdlib.h>

/* ------------------------------------------------------------------ events */

enum { EVENTS = 8 };

static struct {
        aeon_event *event;
        int waiting;
} events[EVENTS];

aeon_event *event_enter(size_t *ret_place)
{
        *ret_place = chance(EVENTS);
        events[*ret_place].waiting++;
        return events[*ret_place].event;
}

void event_leave(size_t place)
{
        events[place].waiting--;
}

static int act_wait(struct band *band, int depth)
{
        (void)band, (void)depth;
        size_t i;
        aeon_event *e = event_enter(&i);
        int r = SUSPENDED(aeon_event_wait(e));
        REQUIRE(r == -ECANCELED || aeon_event_is_set(e));
        REQUIRE(r == 0 || r == -ECANCELED);
        event_leave(i);
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

/* ------------------------------------------------------------------ for stress.c */

struct act stress_sync_acts[] = {
        { .name = "wait for an event", .weight = 3, .run = act_wait },
        { .name = "set an event", .weight = 3, .run = act_set },
        { .name = "wait, uncancellable", .weight = 2, .run = act_wait_uncancellably },
        { 0 },
};

void stress_sync_open(void)
{
        for (size_t i = 0; i < EVENTS; i++)
                REQUIRE_INT(aeon_event_new(&events[i].event), 0);
}

void stress_sync_check_idle(void)
{
        for (size_t i = 0; i < EVENTS; i++)
                REQUIRE(!(events[i].waiting && aeon_event_is_set(events[i].event)));
}

void stress_sync_tend(void)
{
        struct late *late, *next;
        list_foreach_safe (late, next, &lates, in_list) {
                stress_meddle_with(late->task->scope); /* a cancel that goes and comes back must not abort it a second time */
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
        REQUIRE(late_aborts > 0);
}
