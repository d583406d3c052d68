/* The pool of workers as a part of its app; workers.h has the design. */
#include "app/workers.h"

#include "app/beside.h"
#include "app/changes.h"

#include <aeon/metrics.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STABLE AEON_SECONDS(60)  /* who has lived for so long dies for a new reason */
#define OLD_CODE AEON_SECONDS(2) /* with --reload: what is still running of it then is of no use */

AEON_COUNTER(aeon_worker_restarts_total, "Workers that were started in place of another.", "worker", "reason");

static const aeon_part workers_part;

struct workers *aeon__workers_of(aeon_app *app)
{
        return aeon_app_part(app, &workers_part);
}

const char *aeon__worker_name(const struct worker *w)
{
        static char name[64];
        snprintf(name, sizeof name, "worker %u (process %d)", w->slot->id, (int)w->pid);
        return name;
}

static bool is_stopping(const struct workers *pool)
{
        return pool->stopping || aeon__stop_level(pool->app) != STOP_NONE;
}

/* ------------------------------------------------------------------ what probes see */

static bool takes(const struct slot *slot)
{
        return slot->current && slot->current->ready && slot->current->takes && !slot->current->retired;
}

static void count_taking(struct workers *pool)
{
        unsigned taking = 0;
        for (unsigned i = 0; i < pool->count; i++)
                taking += takes(&pool->slots[i]);
        atomic_store(&pool->taking, taking);
}

unsigned aeon__workers_count(const aeon_app *app)
{
        return app->opts.workers;
}

static void note_place(struct slot *slot)
{
        const struct worker *w = slot->current;
        struct worker_place place = { .id = slot->id, .pid = w ? (int)w->pid : 0 };
        if (w)
                strcpy(place.admin, w->admin);
        pthread_mutex_lock(&slot->pool->app->lock);
        slot->place = place;
        pthread_mutex_unlock(&slot->pool->app->lock);
}

void aeon__workers_place(aeon_app *app, unsigned n, struct worker_place *ret_place)
{
        pthread_mutex_lock(&app->lock);
        *ret_place = aeon__workers_of(app)->slots[n].place;
        pthread_mutex_unlock(&app->lock);
}

static void ask_check(struct slot *slot)
{
        note_place(slot);
        char name[32];
        snprintf(name, sizeof name, WORKERS_CHECK, slot->id);
        count_taking(slot->pool);
        aeon_health_ask(slot->pool->app, name);
}

void aeon__worker_changed(struct worker *w)
{
        ask_check(w->slot);
}

unsigned aeon__workers_ready(aeon_app *app)
{
        struct workers *pool = aeon__workers_of(app);
        return pool ? atomic_load(&pool->taking) : 0;
}

bool aeon__workers_spoil_readiness(aeon_app *app)
{
        struct workers *pool = app->opts.workers ? aeon__workers_of(app) : NULL;
        return pool && atomic_load(&pool->taking) == 0;
}

static void count_restarts(const struct slot *slot, enum loss loss, unsigned n)
{
        static const char *const reasons[LOSSES] = { "died", "stuck", "failed", "replaced" };
        char id[16];
        snprintf(id, sizeof id, "%u", slot->id);
        aeon_worker_restarts_total_add(n, id, reasons[loss]);
}

static int check_worker(aeon_health *h)
{
        const struct slot *slot = aeon_health_arg(h);
        const struct worker *w = slot->current;
        if (is_stopping(slot->pool))
                return 0;
        if (!w && slot->waits[0])
                return aeon_fail(-EAGAIN, "%s", slot->waits);
        if (!w || !w->ready)
                return aeon_health_degraded(h, "starting");
        if (!takes(slot) || w->health == AEON_UNHEALTHY)
                return aeon_fail(-EAGAIN, "not ready (process %d, admin endpoints on %s)", (int)w->pid,
                                 w->admin[0] ? w->admin : "-");
        if (w->health == AEON_DEGRADED)
                return aeon_health_degraded(h, "degraded (process %d, admin endpoints on %s)", (int)w->pid,
                                            w->admin[0] ? w->admin : "-");
        return 0;
}

/* ------------------------------------------------------------------ one dies */

static int start_again(void *arg)
{
        struct slot *slot = arg;
        struct workers *pool = slot->pool;
        aeon_duration ceiling, pause = aeon__beside_pause(FIRST_PAUSE, LONGEST_PAUSE, slot->failures++, &ceiling);
        aeon_log_warning("worker %u starts again in %.1f s", slot->id, (double)pause / 1e9);
        snprintf(slot->waits, sizeof slot->waits, "starts again after %.1f s", (double)pause / 1e9);
        ask_check(slot);
        int r = aeon_sleep(pause);
        while (r == 0 && !slot->current && !slot->replacing && !is_stopping(pool)) {
                struct worker *w;
                r = aeon__worker_start(slot, ROLE_AGAIN, &w);
                if (r == 0) {
                        slot->current = w;
                        count_restarts(slot, slot->loss, 1);
                        aeon__worker_drop(w);
                        break;
                }
                aeon_log_error("%s", aeon_error_describe(r));
                r = aeon_sleep(LONGEST_PAUSE);
        }
        return 0;
}

static void schedule(struct slot *slot)
{
        if (slot->replacing || is_stopping(slot->pool))
                return;
        int r = aeon_spawn(aeon_lifespan_group(slot->pool->life), "restart of a worker", start_again, slot);
        if (r < 0)
                aeon__stop(slot->pool->app, 1, "worker %u is not started again: %s", slot->id, aeon_error_describe(r));
}

/* Has no worker come up that is still there? */
static bool is_deserted(const struct workers *pool)
{
        for (unsigned i = 0; i < pool->count; i++)
                if (pool->slots[i].current && pool->slots[i].current->ready)
                        return false;
        return true;
}

/* It has not come up. */
static void failed_to_start(struct worker *w)
{
        struct workers *pool = w->slot->pool;
        if (pool->changes) {
                aeon_log_error("%s could not start: it %s; waiting for a change", aeon__worker_name(w), w->end);
                strcpy(w->slot->waits, "waits for a change");
        } else if (w->role == ROLE_FIRST || is_deserted(pool)) {
                aeon__stop(pool->app, w->code, "%s could not start: it %s", aeon__worker_name(w), w->end);
        } else {
                aeon_log_error("%s could not start: it %s", aeon__worker_name(w), w->end);
                schedule(w->slot);
        }
}

/* What a retired worker comes to does not matter to the service, unless it ends itself. */
static void ended_as_told(struct worker *w)
{
        if (w->killed || w->code == 0 || !w->ready)
                return;
        aeon_log_error("%s %s", aeon__worker_name(w), w->end);
        if (is_stopping(w->slot->pool))
                aeon__stop(w->slot->pool->app, w->code, "%s %s", aeon__worker_name(w), w->end);
}

void aeon__worker_over(struct worker *w)
{
        struct slot *slot = w->slot;
        if (slot->current == w)
                slot->current = NULL;
        if (is_stopping(slot->pool) || w->retired) {
                ended_as_told(w);
        } else if (w->ready) {
                aeon_log_error("%s %s", aeon__worker_name(w), w->end);
                if (aeon_now() - w->ready_at >= STABLE)
                        slot->failures = 0;
                slot->loss = w->stuck ? LOSS_STUCK : LOSS_DIED;
                schedule(slot);
        } else if (w->role != ROLE_SUCCESSOR) {
                slot->loss = LOSS_FAILED;
                failed_to_start(w);
        }
        ask_check(slot);
}

void aeon__worker_ready(struct worker *w)
{
        w->ready = w->takes = true;
        w->ready_at = w->pulse = aeon_now();
        aeon_event_set(w->settled);
        aeon__worker_changed(w);
        atomic_fetch_add(&w->slot->pool->app->moves, 1);
}

/* ------------------------------------------------------------------ replacing one after another */

static int await_old(struct workers *pool, struct worker *old)
{
        aeon_scope patience;
        aeon_scope_open(&patience, &(aeon_scope_opts){ .timeout = pool->changes ? OLD_CODE : 0, .name = "old worker" });
        int r = aeon_scope_close(&patience, aeon_event_wait(old->ended));
        if (r != -ETIMEDOUT)
                return r;
        kill(old->pid, SIGTERM); /* not reaped: it has not ended */
        return aeon_event_wait(old->ended);
}

static int succeed(struct slot *slot, struct worker *new)
{
        struct worker *old = slot->current;
        if (!new->ready || aeon_event_is_set(new->ended)) /* it may have come up and died since */
                return aeon_fail(-ECHILD, "the new worker %u could not start: it %s; %s", slot->id, new->end,
                                 old ? "the old one goes on" : "there is none now");
        slot->current = new;
        count_restarts(slot, old ? LOSS_REPLACED : slot->loss, 1);
        slot->failures = 0;
        slot->waits[0] = '\0';
        ask_check(slot);
        if (!old)
                return 0;
        aeon__worker_hold(old);
        aeon__worker_stop(old);
        int r = await_old(slot->pool, old);
        aeon__worker_drop(old);
        return r;
}

static int replace(struct slot *slot)
{
        struct worker *new;
        slot->replacing = true;
        int r = aeon__worker_start(slot, ROLE_SUCCESSOR, &new);
        if (r == 0) {
                r = aeon_event_wait(new->settled);
                if (r == 0)
                        r = succeed(slot, new);
                aeon__worker_drop(new);
        }
        slot->replacing = false;
        if (!slot->current && !slot->pool->changes)
                schedule(slot);
        return r;
}

/* A reload hook: SIGHUP. */
static int replace_all(aeon_app *app)
{
        struct workers *pool = aeon__workers_of(app);
        for (unsigned i = 0; i < pool->count; i++) {
                int r = replace(&pool->slots[i]);
                if (r < 0)
                        return r;
        }
        aeon__shared_sockets_sweep(pool);
        return 0;
}

static int follow_changes(void *arg)
{
        struct workers *pool = arg;
        const char *file;
        int r;
        while ((r = aeon__changes_wait(pool->changes, &file)) == 0) {
                aeon_log_info("%s has changed", file);
                aeon__reload(pool->app);
        }
        return r;
}

/* ------------------------------------------------------------------ the part */

/* An app that a failed worker stops cancels the wait, so each is waited for in turn. */
static int await_all(struct workers *pool, struct worker **workers)
{
        int r = 0;
        for (unsigned i = 0; i < pool->count; i++) {
                if (r == 0)
                        r = aeon_event_wait(workers[i]->settled);
                aeon__worker_drop(workers[i]);
        }
        return r;
}

static int start_all(struct workers *pool, struct worker **workers)
{
        for (unsigned i = 0; i < pool->count; i++) {
                int r = aeon__worker_start(&pool->slots[i], ROLE_FIRST, &workers[i]);
                if (r < 0) {
                        while (i-- > 0)
                                aeon__worker_drop(workers[i]);
                        return r;
                }
                pool->slots[i].current = workers[i];
        }
        return await_all(pool, workers);
}

static int workers_serve(void *self, aeon_lifespan *life)
{
        struct workers *pool = self;
        pool->life = life;
        struct worker **workers = calloc(pool->count, sizeof(struct worker *));
        if (!workers)
                return aeon_fail(-ENOMEM, "no memory for %u workers", pool->count);
        int r = start_all(pool, workers);
        free(workers);
        if (r == 0 && pool->changes)
                r = aeon_spawn(aeon_lifespan_group(life), "changes", follow_changes, pool);
        return r;
}

static void workers_quiesce(void *self, aeon_lifespan *life)
{
        (void)life;
        struct workers *pool = self;
        struct worker *w;
        pool->stopping = true;
        aeon__shared_sockets_refuse(pool);
        list_foreach (w, &pool->processes, in_pool)
                aeon__worker_stop(w);
}

static void workers_unbind(void *self, aeon_app *app)
{
        (void)app;
        aeon__shared_sockets_close(self);
}

static void workers_free(void *self)
{
        struct workers *pool = self;
        aeon__changes_free(pool->changes);
        free(pool->slots);
        free(pool->command_line);
        free(pool->argv);
        free(pool);
}

static const aeon_part workers_part = {
        .name = "workers", .serve = workers_serve, .quiesce = workers_quiesce, .unbind = workers_unbind, .free = workers_free
};

/* ------------------------------------------------------------------ making it */

/* The arguments of this process, as they were given: argv may have been changed since. */
static int read_command_line(struct workers *pool)
{
        size_t size = 0, count = 0;
        FILE *f = fopen("/proc/self/cmdline", "re");
        ssize_t n = f ? getdelim(&pool->command_line, &size, EOF, f) : -1;
        if (f)
                fclose(f);
        ssize_t length = readlink("/proc/self/exe", pool->program, sizeof pool->program - 1);
        if (n <= 0 || length <= 0)
                return aeon_fail_os(-errno, "this program does not know how it was started");
        for (ssize_t i = 0; i < n; i++)
                count += pool->command_line[i] == '\0';
        pool->argv = calloc(count + 1, sizeof *pool->argv);
        if (!pool->argv)
                return aeon_fail(-ENOMEM, "no memory for %zu arguments", count);
        char *at = pool->command_line;
        for (size_t i = 0; i < count; i++, at += strlen(at) + 1)
                pool->argv[i] = at;
        return 0;
}

static int make_slots(struct workers *pool)
{
        pool->slots = calloc(pool->count, sizeof *pool->slots);
        if (!pool->slots)
                return aeon_fail(-ENOMEM, "no memory for %u workers", pool->count);
        int r = 0;
        for (unsigned i = 0; i < pool->count && r >= 0; i++) {
                char name[32];
                pool->slots[i] = (struct slot){ .pool = pool, .id = i + 1, .place.id = i + 1 };
                for (enum loss loss = 0; loss < LOSSES; loss++)
                        count_restarts(&pool->slots[i], loss, 0); /* a rate is of what was there before */
                snprintf(name, sizeof name, WORKERS_CHECK, i + 1);
                r = aeon_health_check_with(pool->app, name, check_worker, &pool->slots[i],
                                           &(aeon_health_opts){ .impact = AEON_DEGRADING, .interval = AEON_SECONDS(1) });
        }
        return r;
}

/* A worker ends within its own deadlines, of which the last is hard; ours lie behind. */
static void set_deadlines(struct workers *pool, aeon_app_opts *o)
{
        pool->hurry_limit = o->cleanup_timeout + 4 * RESERVE;
        pool->end_limit = o->graceful_timeout + pool->hurry_limit;
        o->graceful_timeout = pool->end_limit + RESERVE;
        o->cleanup_timeout = pool->hurry_limit + RESERVE;
}

int aeon__workers_use(aeon_app *app)
{
        struct workers *pool = calloc(1, sizeof *pool);
        if (!pool)
                return aeon_fail(-ENOMEM, "no memory for %u workers", app->opts.workers);
        pool->app = app;
        pool->count = app->opts.workers;
        list_init(&pool->processes);
        set_deadlines(pool, &app->opts);
        int r = read_command_line(pool);
        if (r >= 0 && app->opts.reload)
                r = aeon__changes_new(&pool->changes);
        if (r >= 0)
                aeon__changes_add(pool->changes, pool->program);
        if (r >= 0)
                r = make_slots(pool);
        if (r >= 0)
                r = aeon_hook_add(app, AEON_ON_RELOAD, replace_all, "workers", NULL);
        if (r >= 0)
                r = aeon_use_part(app, &workers_part, pool);
        if (r < 0)
                workers_free(pool);
        return r;
}
