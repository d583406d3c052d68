/* The list of background and periodic tasks, and how they are asked for something; see beside.h. */
#include "app/beside.h"

#include "base/nearest.h"
#include "loop/loop.h"

#include <stdlib.h>
#include <string.h>

enum { LATE_KEPT = 64, NAMES_COMPARED = 256 };

/* ------------------------------------------------------------------ the list */

struct beside *aeon__beside_next(aeon_app *app, const struct beside_kind *kind, const char *name, const struct beside *after)
{
        struct beside *b = after ? after->next : app->beside;
        while (b && (b->kind != kind || (name && strcmp(b->name, name) != 0)))
                b = b->next;
        return b;
}

static void free_task(struct beside *b)
{
        b->kind->free(b);
        free(b->name);
        free(b);
}

/* Take the tasks that are over off the list: those that came late and are not among the last ones, and those called @name. */
static void forget(aeon_app *app, const char *name)
{
        unsigned kept = 0;
        for (const struct beside *b = app->beside; b; b = b->next)
                kept += b->over && b->late;
        for (struct beside **at = &app->beside; *at;) {
                struct beside *b = *at;
                bool surplus = b->late && kept > LATE_KEPT;
                if (!b->over || b->looking || (!surplus && strcmp(b->name, name) != 0)) {
                        at = &b->next;
                        continue;
                }
                kept -= b->late;
                *at = b->next;
                free_task(b);
        }
}

static const struct beside *find_name(const aeon_app *app, const char *name)
{
        const struct beside *b = app->beside;
        while (b && (b->over || strcmp(b->name, name) != 0))
                b = b->next;
        return b;
}

/* Everything under one lock, since several threads may start tasks. */
static int put_on_list(const struct beside_call *call, struct beside *tasks)
{
        aeon_app *app = call->app;
        const struct aeon_lifespan *life = app->lives ? &app->lives[tasks->loop] : NULL;
        pthread_mutex_lock(&app->lock);
        const struct beside *twin = find_name(app, call->name);
        int r = 0;
        if (twin)
                r = aeon_fail(-EEXIST, "two tasks are named \"%s\": at %s and at %s", call->name, twin->site, call->site);
        else if (life && life->beside_state == BESIDE_CLOSED)
                r = aeon_fail(-ESHUTDOWN, "%s task \"%s\" (%s) comes too late: the app has stopped serving", call->kind->name,
                              call->name, call->site);
        else if (life && life->beside_state == BESIDE_OPEN && !call->kind->may_start_late)
                r = aeon_fail(-EPERM, "%s task \"%s\" (%s) comes too late: the app is ready", call->kind->name, call->name,
                              call->site);
        if (r == 0) {
                forget(app, call->name);
                struct beside **end = &app->beside;
                while (*end)
                        end = &(*end)->next;
                *end = tasks;
                for (struct beside *b = tasks; b; b = b->next)
                        b->late = app->lives && app->lives[b->loop].beside_state == BESIDE_OPEN;
        }
        pthread_mutex_unlock(&app->lock);
        return r;
}

/* ------------------------------------------------------------------ making */

static int make_task(const struct beside_call *call, unsigned loop, struct beside **ret_task)
{
        struct beside *b = calloc(1, call->size);
        char *name = strdup(call->name);
        if (!b || !name) {
                free(b);
                free(name);
                return aeon_fail(-ENOMEM, "no memory for %s task \"%s\"", call->kind->name, call->name);
        }
        *b = (struct beside){
                .kind = call->kind,
                .app = call->app,
                .name = name,
                .site = call->site,
                .fn = call->fn,
                .arg = call->arg,
                .loop = loop,
        };
        int r = call->fill(b, call->opts);
        if (r < 0) {
                free_task(b);
                return r;
        }
        *ret_task = b;
        return 0;
}

static void free_tasks(struct beside *tasks)
{
        while (tasks) {
                struct beside *b = tasks;
                tasks = b->next;
                free_task(b);
        }
}

static unsigned this_loop(const aeon_app *app)
{
        const struct runner *runner = aeon__runner_now();
        const struct aeon_lifespan *life = runner ? runner->owner : NULL;
        return life && life->app == app ? life->index : 0;
}

static int make_tasks(const struct beside_call *call, struct beside **ret_tasks)
{
        if (call->placement < AEON_MAIN_LOOP || call->placement > AEON_EVERY_LOOP)
                return aeon_fail(-EINVAL, "%s task \"%s\" (%s): there is no placement %d", call->kind->name, call->name, call->site,
                                 (int)call->placement);
        unsigned first = call->placement == AEON_THIS_LOOP ? this_loop(call->app) : 0;
        unsigned last = call->placement == AEON_EVERY_LOOP ? call->app->opts.loops - 1 : first;
        struct beside *tasks = NULL, **end = &tasks;
        for (unsigned loop = first; loop <= last; loop++, end = &(*end)->next) {
                int r = make_task(call, loop, end);
                if (r < 0) {
                        free_tasks(tasks);
                        return r;
                }
        }
        *ret_tasks = tasks;
        return 0;
}

int aeon__beside_declared(aeon_app *app, int r)
{
        if (r < 0 && !app->lives)
                aeon__declare_failed(app, r);
        return r;
}

int aeon__beside_add(const struct beside_call *call)
{
        if (call->app->declaring_aside)
                return 0;
        struct beside *tasks = NULL;
        int r = make_tasks(call, &tasks);
        if (r < 0)
                return r;
        r = put_on_list(call, tasks);
        if (r < 0) {
                free_tasks(tasks);
                return r;
        }
        if (call->app->lives)
                aeon__beside_ask(call->app, call->kind, call->name, ASK_START);
        return 0;
}

/* ------------------------------------------------------------------ asking */

/* On the task's loop, with `looking` set, so that nobody removes the task meanwhile. Returns what start() did. */
static int look(struct beside *b)
{
        int r = 0;
        pthread_mutex_lock(&b->app->lock);
        if (!b->begun) {
                b->begun = true;
                pthread_mutex_unlock(&b->app->lock);
                r = b->kind->start(b);
                pthread_mutex_lock(&b->app->lock);
        }
        b->asked &= ~(unsigned)ASK_START;
        unsigned asked;
        while ((asked = b->asked) && !b->over) {
                b->asked = 0;
                pthread_mutex_unlock(&b->app->lock);
                b->kind->asked(b, asked);
                pthread_mutex_lock(&b->app->lock);
        }
        b->looking = false;
        pthread_mutex_unlock(&b->app->lock);
        return r;
}

static void look_posted(void *b)
{
        look(b);
}

/* Leave a bit and have its loop look, with the lock held. *ret_here: this is its loop, and the caller is to look. */
static int leave(struct beside *b, unsigned ask, struct beside **ret_here)
{
        struct aeon_lifespan *life = b->app->lives ? &b->app->lives[b->loop] : NULL;
        unsigned asked = b->asked;
        b->asked = (asked | ask) & ~(ask == ASK_PAUSE ? ASK_RESUME : ask == ASK_RESUME ? ASK_PAUSE : 0u);
        if (b->looking || !life || life->beside_state == BESIDE_NOT_YET)
                return 0;
        aeon_loop *loop = atomic_load(&life->loop);
        if (loop == aeon__loop_now()) {
                b->looking = true;
                *ret_here = b;
                return 0;
        }
        int r = aeon_post(loop, look_posted, b);
        if (r < 0)
                b->asked = asked;
        b->looking = r == 0;
        return r < 0 ? aeon_fail(r, "%s task \"%s\": its loop cannot be reached", b->kind->name, b->name) : 0;
}

/* With the lock held. */
static int unknown(aeon_app *app, const struct beside_kind *kind, const char *name)
{
        const char *names[NAMES_COMPARED];
        size_t n = 0;
        for (const struct beside *b = NULL; n < NAMES_COMPARED && (b = aeon__beside_next(app, kind, NULL, b));)
                names[n++] = b->name;
        const char *nearest = aeon__nearest(name, names, n);
        return aeon_fail(-ENOENT, "there is no %s task \"%s\"%s%s%s", kind->name, name, nearest ? ": did you mean \"" : "",
                         nearest ? nearest : "", nearest ? "\"?" : "");
}

int aeon__beside_ask(aeon_app *app, const struct beside_kind *kind, const char *name, unsigned ask)
{
        struct beside *b = NULL, *here = NULL; /* of one name each loop has one at most */
        int result = 0;
        pthread_mutex_lock(&app->lock);
        if (!aeon__beside_next(app, kind, name, NULL))
                result = unknown(app, kind, name);
        while ((b = aeon__beside_next(app, kind, name, b))) {
                int r = b->over ? 0 : leave(b, ask, &here);
                result = r < 0 ? r : result;
        }
        pthread_mutex_unlock(&app->lock);
        if (here)
                look(here);
        return result;
}

const char *aeon__beside_pack(char **at, const char *text)
{
        char *copy = *at;
        *at = stpcpy(copy, text) + 1;
        return copy;
}

/* ------------------------------------------------------------------ with the life of the app */

/* The next task of this lifespan that has something to look at, claimed for the look. */
static struct beside *take_next(const struct aeon_lifespan *life)
{
        pthread_mutex_lock(&life->app->lock);
        struct beside *b = life->app->beside;
        while (b && (b->loop != life->index || b->looking || b->over || (b->begun && !b->asked)))
                b = b->next;
        if (b)
                b->looking = true;
        pthread_mutex_unlock(&life->app->lock);
        return b;
}

int aeon__beside_start(struct aeon_lifespan *life)
{
        life->context = aeon__vars_hold(aeon__task_now()->vars);
        pthread_mutex_lock(&life->app->lock);
        life->beside_state = BESIDE_OPEN;
        pthread_mutex_unlock(&life->app->lock);
        int r = 0;
        struct beside *b;
        while (r == 0 && (b = take_next(life)))
                r = look(b);
        return r;
}

void aeon__beside_close(struct aeon_lifespan *life)
{
        pthread_mutex_lock(&life->app->lock);
        for (struct beside *b = life->app->beside; b && life->beside_state == BESIDE_OPEN; b = b->next)
                if (b->loop == life->index && b->begun && !b->over)
                        b->kind->closing(b);
        life->beside_state = BESIDE_CLOSED;
        pthread_mutex_unlock(&life->app->lock);
}

void aeon__beside_give_up(struct aeon_lifespan *life)
{
        struct beside *b = NULL;
        pthread_mutex_lock(&life->app->lock);
        bool started = life->beside_state != BESIDE_NOT_YET; /* else to look would be to start them */
        for (b = life->app->beside; b; b = b->next)
                if (b->loop == life->index && b->begun && !b->over)
                        b->asked |= ASK_ABANDON;
        pthread_mutex_unlock(&life->app->lock);
        while (started && (b = take_next(life)))
                look(b);
}

bool aeon__beside_claim(struct beside *b)
{
        bool mine = !b->begun;
        b->begun = true;
        return mine;
}

void aeon__beside_end(aeon_app *app)
{
        for (unsigned i = 0; app->lives && i < app->opts.loops; i++) {
                aeon__vars_drop(app->lives[i].context);
                app->lives[i].context = NULL;
        }
        const struct beside *last = app->beside;
        while (last && last->next)
                last = last->next;
        for (struct beside *b = app->beside; b; b = b == last ? NULL : b->next)
                if (aeon__beside_claim(b))
                        b->kind->never_started(b);
}

void aeon__beside_free(aeon_app *app)
{
        free_tasks(app->beside);
        app->beside = NULL;
}
