/* Everything that a runner keeps up to date is computed again from what cannot be wrong, and compared. */
#include "invariants.h"

#include "harness.h"

#include <string.h>

struct census {
        size_t tasks, ready, scope_timers, sleep_timers;
};

/* ------------------------------------------------------------------ tasks */

static void check_task(const struct aeon_task *t, struct census *found)
{
        found->tasks++;
        REQUIRE((t->waiting != NULL) == (t->fiber.state == FIBER_PARKED));
        found->ready += t->fiber.state == FIBER_READY;
        for (const aeon_scope *s = t->scope; s != t->outermost; s = s->parent)
                REQUIRE(s && s->owner == t);

        bool asleep = t->waiting && !strcmp(t->waiting->what, "sleep");
        REQUIRE(!heap_contains(&t->timer) || asleep);
        found->sleep_timers += heap_contains(&t->timer);

        bool cancellable = t->waiting && t->waiting->abort;
        REQUIRE(!(cancellable && t->scope->effective) || t->abort_called); /* else a cancel went past it */
        REQUIRE(!(t->waiting && t->abort_called) || cancellable);
}

/* ------------------------------------------------------------------ scopes */

static void check_scope(const aeon_scope *s, struct census *found)
{
        const aeon_scope *parent = s->parent;
        bool from_outside = !s->shield && parent && parent->effective; /* the parent has been checked before */
        REQUIRE_INT(s->effective, s->cause != AEON_CAUSE_NONE || from_outside);

        bool armed = s->owner && s->cause == AEON_CAUSE_NONE && s->deadline != AEON_NEVER;
        REQUIRE_INT(heap_contains(&s->timer), armed);
        found->scope_timers += armed;

        for (const aeon_scope *child = s->first_child; child; child = child->next) {
                REQUIRE(child->parent == s && child->owner);
                REQUIRE(child->prev ? child->prev->next == child : s->first_child == child);
        }
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

static void check_scopes(const aeon_scope *root, struct census *found)
{
        const aeon_scope *s = root;
        for (;;) {
                check_scope(s, found);
                if (s->first_child) {
                        s = s->first_child;
                        continue;
                }
                while (s != root && !s->next)
                        s = s->parent;
                if (s == root)
                        return;
                s = s->next;
        }
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
        const struct aeon_task *first = NULL;
        for (const aeon_scope *s = runner->root.first_child; s; s = s->next)
                first = s->owner; /* only the first task's scopes hang here */
        check_scopes(&runner->root, &found);
        if (first)
                check_task(first, &found);
        REQUIRE_INT(found.tasks, runner->tasks);
        check_heap(&runner->deadlines, &found);
        check_queue(&runner->sched, &found);
}
