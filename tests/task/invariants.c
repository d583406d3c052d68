/* Everything that a runner keeps up to date is computed again from what cannot be wrong, and compared. */
#include "invariants.h"

#include "harness.h"

#include <string.h>

struct census {
        size_t tasks, ready, scope_timers, sleep_timers;
};

static void check_task(const struct aeon_task *t, struct census *found);

/* ------------------------------------------------------------------ scopes */

static void check_scope(const aeon_scope *s, struct census *found)
{
        const aeon_scope *parent = s->parent;
        bool from_outside = !s->shield && parent->state == SCOPE_CANCELLED; /* the parent has been checked before */
        REQUIRE_INT(s->state, s->cause != AEON_CAUSE_NONE || from_outside ? SCOPE_CANCELLED : SCOPE_OPEN);

        bool armed = s->cause == AEON_CAUSE_NONE && s->deadline != AEON_NEVER;
        REQUIRE_INT(heap_contains(&s->timer), armed);
        found->scope_timers += armed;

        if (!s->group)
                return;
        size_t tasks = 0;
        struct aeon_task *t;
        list_foreach (t, aeon__group_tasks(s->group), in_group) {
                REQUIRE(t->group == s->group && t->outermost == s);
                check_task(t, found);
                tasks++;
        }
        REQUIRE_INT(aeon_group_size(s->group), tasks);
}

/* The scopes that @t has opened, from the outside in; and what is in their groups. */
static void check_scopes_of(const struct aeon_task *t, struct census *found)
{
        const aeon_scope *parent = t->outermost;
        uintptr_t lowest = UINTPTR_MAX;
        size_t groups = 0;
        for (const struct aeon__inner *inner = &t->inner; inner->scope; inner = &inner->scope->inner) {
                const aeon_scope *s = inner->scope;
                REQUIRE(s->parent == parent && s->owner == t);
                check_scope(s, found);
                groups += s->group != NULL;
                if ((uintptr_t)s < lowest && aeon__task_stack_holds(t, s))
                        lowest = (uintptr_t)s;
                parent = s;
        }
        REQUIRE(t->scope == parent);
        REQUIRE(t->stack_mark == lowest);
        for (aeon_group *g = t->groups; g; g = aeon__group_outer(g), groups--)
                REQUIRE(aeon_group_scope(g)->owner == t);
        REQUIRE_INT(groups, 0);
}

/* ------------------------------------------------------------------ tasks */

static void check_task(const struct aeon_task *t, struct census *found)
{
        found->tasks++;
        REQUIRE((t->waiting != NULL) == (t->fiber.state == FIBER_PARKED));
        found->ready += t->fiber.state == FIBER_READY;

        bool asleep = t->waiting && !strcmp(t->waiting->what, "sleep");
        REQUIRE(!heap_contains(&t->timer) || asleep);
        found->sleep_timers += heap_contains(&t->timer);

        bool cancellable = t->waiting && t->waiting->abort;
        REQUIRE(!(cancellable && t->scope->state == SCOPE_CANCELLED) || t->abort_called); /* else a cancel went past it */
        REQUIRE(!(t->waiting && t->abort_called) || cancellable);
        check_scopes_of(t, found);
}

static const struct aeon_task *first_task(void)
{
        const struct aeon_task *t = aeon__task_now();
        while (t->group)
                t = aeon_group_scope(t->group)->owner;
        return t;
}

/* ------------------------------------------------------------------ deadlines and the ready queue */

static void check_heap(const struct heap *h, struct census *found)
{
        REQUIRE_INT(h->count, found->scope_timers + found->sleep_timers);
        for (uint32_t i = 0; i < h->count; i++) {
                const struct aeon__heap_node *node = h->slots[i].node;
                REQUIRE_INT(node->place, i + 1);
                REQUIRE(i == 0 || h->slots[(i - 1) / 4].time <= h->slots[i].time);
                if (node->kind == TIMER_SCOPE)
                        REQUIRE_INT(container_of(node, aeon_scope, timer)->deadline, h->slots[i].time);
        }
}

static void check_queue(const struct sched *s, const struct census *found)
{
        size_t ready = 0;
        for (const struct fiber *f = s->first_ready; f; f = f->next, ready++)
                REQUIRE_INT(f->state, FIBER_READY);
        REQUIRE_INT(ready, found->ready);
}

void invariants_check(struct runner *runner)
{
        struct census found = { 0 };
        check_task(first_task(), &found);
        REQUIRE_INT(found.tasks, runner->tasks);
        check_heap(&runner->deadlines, &found);
        check_queue(&runner->sched, &found);
}
