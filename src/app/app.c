/* Declaring an app and living in it: everything but the life itself. */
#include "app/app.h"

#include "loop/loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Atomic(aeon_app *) aeon__app_running;

/* ------------------------------------------------------------------ declaring */

void aeon__declare_failed(aeon_app *app, int code)
{
        if (app->declare_error)
                return;
        app->declare_error = code;
        app->declare_words = strdup(aeon_error_describe(code));
}

int aeon_hook_add(aeon_app *app, aeon_hook_kind kind, aeon_hook_fn *fn, const char *name, const aeon_hook_opts *opts)
{
        bool once = opts && opts->scope == AEON_ONCE;
        if ((app->declaring_aside && !once) || (aeon_worker_id() && once))
                return 0;
        struct hook *hook = calloc(1, sizeof *hook);
        if (!hook) {
                aeon__declare_failed(app, -ENOMEM);
                return -ENOMEM;
        }
        *hook = (struct hook){ .fn = fn, .name = name, .blocking = opts && opts->blocking };
        struct hook **at = &app->hooks[kind];
        for (; *at; at = &(*at)->next)
                hook->index++;
        *at = hook;
        return 0;
}

/* Put a copy of @text into @place; false: no memory. */
static bool replace(char **place, const char *text)
{
        char *copy = text ? strdup(text) : NULL;
        if (text && !copy)
                return false;
        free(*place);
        *place = copy;
        return true;
}

int aeon_app_describe(aeon_app *app, const aeon_app_description *description)
{
        if (replace(&app->title, description->title) && replace(&app->version, description->version) &&
            replace(&app->doc, description->doc))
                return 0;
        int r = aeon_fail(-ENOMEM, "no memory for the app's description");
        aeon__declare_failed(app, r);
        return r;
}

aeon_app_description aeon__app_description(const aeon_app *app)
{
        return (aeon_app_description){ .title = app->title ? app->title : app->opts.name,
                                       .version = app->version ? app->version : "1.0.0",
                                       .doc = app->doc };
}

int aeon_use_lifespan(aeon_app *app, aeon_lifespan_fn *fn)
{
        if (app->lifespan) {
                int r = aeon_fail(-EEXIST, "the app has a lifespan already");
                aeon__declare_failed(app, r);
                return r;
        }
        if (!app->declaring_aside)
                app->lifespan = fn;
        return 0;
}

static struct part_entry *entry_new(aeon_app *app, const aeon_part *part, void *self)
{
        struct part_entry *entry = calloc(1, sizeof *entry);
        if (entry)
                *entry = (struct part_entry){ .part = part, .self = self };
        else
                aeon__declare_failed(app, -ENOMEM);
        return entry;
}

int aeon__use_part_anyway(aeon_app *app, const aeon_part *part, void *self)
{
        struct part_entry *entry = entry_new(app, part, self);
        if (!entry)
                return -ENOMEM;
        entry->index = app->part_count++;
        entry->previous = app->last_part;
        if (app->last_part)
                app->last_part->next = entry;
        else
                app->parts = entry;
        app->last_part = entry;
        return 0;
}

int aeon_use_part(aeon_app *app, const aeon_part *part, void *self)
{
        if (!app->declaring_aside)
                return aeon__use_part_anyway(app, part, self);
        struct part_entry *entry = entry_new(app, part, self), **end = &app->aside;
        if (!entry)
                return -ENOMEM;
        while (*end)
                end = &(*end)->next;
        *end = entry;
        return 0;
}

static void *find_part(const struct part_entry *entry, const aeon_part *part, unsigned *n)
{
        for (; entry; entry = entry->next)
                if (entry->part == part && (*n)-- == 0)
                        return entry->self;
        return NULL;
}

void *aeon_app_part_at(aeon_app *app, const aeon_part *part, unsigned n)
{
        void *self = find_part(app->parts, part, &n);
        return self ? self : find_part(app->aside, part, &n);
}

void *aeon_app_part(aeon_app *app, const aeon_part *part)
{
        return aeon_app_part_at(app, part, 0);
}

/* ------------------------------------------------------------------ living in it */

struct deferred {
        struct deferred *next;
        unsigned index; /* how many came before it */
        void (*fn)(void *arg);
        void *arg;
};

int aeon_app_defer(aeon_app *app, void (*fn)(void *arg), void *arg)
{
        struct deferred *deferred = malloc(sizeof *deferred);
        if (!deferred)
                return aeon_fail(-ENOMEM, "no memory to remember a clean-up");
        *deferred = (struct deferred){ .fn = fn, .arg = arg };
        pthread_mutex_lock(&app->lock);
        deferred->next = app->deferred;
        deferred->index = deferred->next ? deferred->next->index + 1 : 0;
        app->deferred = deferred;
        pthread_mutex_unlock(&app->lock);
        return 0;
}

void *aeon_app_alloc(aeon_app *app, size_t size)
{
        void *memory = calloc(1, size ? size : 1);
        if (memory && aeon_app_defer(app, free, memory) < 0) {
                free(memory);
                return NULL;
        }
        return memory;
}

void aeon__run_deferred(aeon_app *app)
{
        while (app->deferred) {
                struct deferred *deferred = app->deferred;
                struct call call = { .kind = CALL_DEFERRED, .name = "", .index = deferred->index };
                app->deferred = deferred->next;
                aeon__call_begin(app, &call);
                deferred->fn(deferred->arg);
                aeon__call_end(app, &call, 0);
                free(deferred);
        }
}

const char *aeon_app_arg(aeon_app *app, const char *name, const char *otherwise)
{
        const char *value = aeon__arguments_get(&app->arguments, name);
        return value ? value : otherwise;
}

const char *aeon_app_name(const aeon_app *app)
{
        return app->opts.name;
}

unsigned aeon_app_loops(const aeon_app *app)
{
        return app->opts.loops;
}

void aeon_app_set_admin_address(aeon_app *app, const char *address)
{
        strncpy(app->admin_address, address, sizeof app->admin_address - 1);
}

/* The lifespan of the running task's loop: the room above the runner leaves it there. */
static struct aeon_lifespan *lifespan_now(void)
{
        struct runner *runner = aeon__runner_now();
        return runner ? runner->owner : NULL;
}

aeon_app *aeon_app_current(void)
{
        struct aeon_lifespan *life = lifespan_now();
        return life ? life->app : NULL;
}

aeon_event *aeon_draining(void)
{
        struct aeon_lifespan *life = lifespan_now();
        return life ? life->draining : NULL;
}

void aeon__exit(aeon_app *app, int code)
{
        if (app->watcher) {
                app->watcher->exit(app->watcher, code);
                return;
        }
        fflush(NULL);
        _exit(code);
}
