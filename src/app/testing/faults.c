/* What goes wrong on purpose; see aeon/testing.h. */
#include "app/testing/test.h"

#include "loop/loop.h"

#include <signal.h>
#include <string.h>

/* ------------------------------------------------------------------ reading a plan */

static void complete(aeon_fault *f)
{
        if (f->does == AEON_FAULT_FAIL && f->code >= 0)
                f->code = -EIO;
        if (f->does == AEON_FAULT_SIGNAL && f->code == 0)
                f->code = SIGTERM;
        if (f->delay <= 0)
                f->delay = AEON_SECONDS(1);
}

/* @at is one of the words, alone or with a name behind it. */
static int kind_of(const char *at, enum call_kind *ret_kind)
{
        size_t length = strcspn(at, " ");
        for (int kind = 0; kind < CALL_KINDS; kind++)
                if (!strncmp(aeon__call_words[kind], at, length) && !aeon__call_words[kind][length]) {
                        *ret_kind = (enum call_kind)kind;
                        return 0;
                }
        return aeon_fail(-EINVAL, "fault at \"%s\": there is no call of that kind", at);
}

int aeon__plan_read(struct plan *plan, const aeon_fault *faults)
{
        for (; faults && faults->at; faults++) {
                if (plan->count == FAULTS_LIMIT)
                        return aeon_fail(-E2BIG, "at most %d faults in one life", FAULTS_LIMIT);
                struct planned *p = &plan->faults[plan->count++];
                *p = (struct planned){ .fault = *faults };
                int r = kind_of(faults->at, &p->kind);
                if (r < 0)
                        return r;
        }
        return 0;
}

void aeon__plan_scale(struct plan *plan, unsigned calls)
{
        for (unsigned i = 0; i < plan->count; i++)
                plan->faults[i].number = plan->faults[i].number * calls / 10000;
}

/* ------------------------------------------------------------------ happening */

static bool is_void(enum call_kind kind)
{
        return kind == CALL_HANDLER || kind == CALL_QUIESCE || kind == CALL_CLOSE || kind == CALL_UNBIND || kind == CALL_DEFERRED;
}

/* What undoes something is made in any case: only then does it fail. */
static bool is_undoing(enum call_kind kind)
{
        return kind >= CALL_QUIESCE;
}

static bool is_shutdown_hook(enum call_kind kind)
{
        return kind == CALL_ON_SHUTDOWN || kind == CALL_AFTER_SHUTDOWN;
}

static bool is_meant(const struct planned *p, const struct call *call, unsigned number)
{
        if (p->by_number)
                return p->number == number;
        const char *space = strchr(p->fault.at, ' ');
        return p->kind == call->kind && p->fault.loop == call->loop && !strcmp(space ? space + 1 : "", call->name);
}

/* Whether @call can suffer it at all: some fail silently, some are made where nothing can wait. */
static bool is_possible(const struct aeon_test *t, const struct planned *p, const struct call *call)
{
        switch (p->fault.does) {
        case AEON_FAULT_FAIL:
                return !is_void(call->kind);
        case AEON_FAULT_DELAY:
        case AEON_FAULT_HANG:
        case AEON_FAULT_STUCK:
                return aeon_task_current() != NULL;
        case AEON_FAULT_DIE: {
                const struct aeon_lifespan *life = &t->watcher.app->lives[call->loop];
                return life->whole && aeon__loop_now() == atomic_load(&life->loop);
        }
        case AEON_FAULT_SIGNAL:
        case AEON_FAULT_STOP:
                break;
        }
        return true;
}

static void stick(struct aeon_test *t)
{
        aeon_scope shield;
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true, .name = "stuck" });
        while (!t->ended)
                aeon_sleep(AEON_SECONDS(1));
        aeon_scope_close(&shield, 0);
}

/* Let what was asked for take its effect before the call goes on. */
static void await_effect(void)
{
        if (!aeon_task_current())
                return;
        aeon_scope shield;
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true, .name = "the effect" });
        aeon_scope_close(&shield, aeon__world_idle());
}

static int let_happen(struct aeon_test *t, const struct call *call, const aeon_fault *f)
{
        int r = 0;
        switch (f->does) {
        case AEON_FAULT_FAIL:
                r = aeon_fail(f->code, "the test made it fail");
                break;
        case AEON_FAULT_DELAY:
                r = aeon_sleep(f->delay);
                break;
        case AEON_FAULT_HANG:
                r = aeon_sleep(AEON_NEVER);
                break;
        case AEON_FAULT_STUCK:
                stick(t);
                break;
        case AEON_FAULT_SIGNAL:
                if (aeon__world_signal(&t->world, f->code) == 0)
                        aeon__test_note(t, MOMENT_SIGNAL, call, f->code);
                await_effect();
                break;
        case AEON_FAULT_STOP:
                aeon_app_stop(t->watcher.app, f->code);
                await_effect();
                break;
        case AEON_FAULT_DIE:
                aeon_scope_cancel(t->watcher.app->lives[call->loop].whole, "the test killed it");
                break;
        }
        if (!is_undoing(call->kind) || call->kind == CALL_LEAVE)
                return r;
        if (is_shutdown_hook(call->kind))
                t->plan.late_failure = r;
        return 0;
}

int aeon__plan_result(struct plan *plan, const struct call *call, int r)
{
        if (r < 0 || plan->late_failure == 0 || !is_shutdown_hook(call->kind))
                return r;
        r = plan->late_failure;
        plan->late_failure = 0;
        return r == -ECANCELED ? r : aeon_fail(r, "the test made it fail");
}

int aeon__plan_apply(struct aeon_test *t, const struct call *call)
{
        struct plan *plan = &t->plan;
        unsigned number = plan->calls++;
        int r = 0;
        for (unsigned i = 0; i < plan->count && r == 0; i++) {
                struct planned *p = &plan->faults[i];
                if (p->happened || t->ended || !is_meant(p, call, number) || !is_possible(t, p, call))
                        continue;
                p->happened = true;
                complete(&p->fault);
                aeon__test_note_fault(t, call, &p->fault);
                r = let_happen(t, call, &p->fault);
        }
        return r;
}
