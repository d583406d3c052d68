/* Periodic tasks: declaring, asking for something, listing; see periodic.h. */
#include "app/periodic.h"

#include <stdlib.h>
#include <string.h>

#define GRACE_OF_CRON AEON_SECONDS(60)
#define LONGEST_PERIOD AEON_HOURS(24 * 366 * 10) /* so that no sum of times overflows */

/* ------------------------------------------------------------------ declaring */

/* What is wrong with the options; NULL: nothing. */
static const char *find_fault(const aeon_periodic_opts *o)
{
        if (o->every < 0 || o->delay < 0 || o->timeout < 0 || o->grace < 0)
                return "a duration is negative";
        if ((o->every > 0) + (o->delay > 0) + (o->cron != NULL) != 1)
                return "it needs exactly one of .every, .delay and .cron";
        if (o->every > LONGEST_PERIOD || o->delay > LONGEST_PERIOD || o->grace > LONGEST_PERIOD)
                return "a duration is above ten years";
        if (o->zone && !o->cron)
                return ".zone goes with .cron only";
        if (!(o->jitter >= 0 && o->jitter <= 1))
                return ".jitter is not within 0 and 1";
        if (o->missed < AEON_MISSED_SKIP || o->missed > AEON_MISSED_BURST || o->overlap < AEON_OVERLAP_FORBID ||
            o->overlap > AEON_OVERLAP_ALLOW || o->first < AEON_FIRST_DEFAULT || o->first > AEON_FIRST_ALIGNED ||
            o->on_error < AEON_ON_ERROR_CONTINUE || o->on_error > AEON_ON_ERROR_FAIL)
                return "an option has a value that is not known";
        if (o->at_once && o->overlap != AEON_OVERLAP_ALLOW)
                return ".at_once goes with AEON_OVERLAP_ALLOW only";
        if (o->delay && (o->missed || o->overlap || o->grace))
                return "with .delay no tick is missed and no runs overlap: .missed, .overlap and .grace mean nothing";
        return NULL;
}

static int fill(struct beside *base, const void *given)
{
        struct periodic *p = periodic_of(base);
        aeon_periodic_opts *o = &p->opts;
        if (given)
                *o = *(const aeon_periodic_opts *)given;
        const char *fault = find_fault(o);
        if (fault)
                return aeon_fail(-EINVAL, "periodic task \"%s\" (%s): %s", base->name, base->site, fault);
        int r = o->cron ? aeon__cron_parse(o->cron, &p->cron) : 0;
        if (r == 0 && o->cron)
                r = aeon__zone_open(o->zone, &p->zone);
        if (r < 0)
                return aeon_fail(r, "periodic task \"%s\" (%s)", base->name, base->site);
        if (!o->grace)
                o->grace = o->cron ? GRACE_OF_CRON : o->every;
        p->at_once = o->overlap != AEON_OVERLAP_ALLOW ? 1 : o->at_once ? o->at_once : 2;
        p->tick = AEON_NEVER;
        o->cron = o->zone = NULL;
        return 0;
}

static void free_rest(struct beside *base)
{
        aeon__zone_free(periodic_of(base)->zone);
}

int aeon_periodic_at(aeon_app *app, const char *name, aeon_task_fn *fn, void *arg, const aeon_periodic_opts *opts, const char *site)
{
        return aeon__beside_declared(app, aeon__beside_add(&(struct beside_call){
                                                  .app = app,
                                                  .kind = &aeon__periodic_kind,
                                                  .size = sizeof(struct periodic),
                                                  .name = name,
                                                  .fn = fn,
                                                  .arg = arg,
                                                  .site = site,
                                                  .placement = opts ? opts->placement : AEON_MAIN_LOOP,
                                                  .opts = opts,
                                                  .fill = fill,
                                          }));
}

/* ------------------------------------------------------------------ asking */

static void asked(struct beside *base, unsigned asks)
{
        struct periodic *p = periodic_of(base);
        if (asks & ASK_PAUSE)
                aeon__ticker_pause(p);
        if (asks & ASK_RESUME)
                aeon__ticker_resume(p);
        if (asks & ASK_TRIGGER) {
                p->triggered = true;
                aeon__ticker_wake(p);
        }
}

static int ask(aeon_app *app, const char *name, unsigned what)
{
        pthread_mutex_lock(&app->lock);
        struct beside *b = aeon__beside_next(app, &aeon__periodic_kind, name, NULL);
        bool stopped = b && periodic_of(b)->stopped;
        pthread_mutex_unlock(&app->lock);
        if (stopped)
                return aeon_fail(-ESHUTDOWN, "periodic task \"%s\" has failed and is not run any more", name);
        return aeon__beside_ask(app, &aeon__periodic_kind, name, what);
}

int aeon_periodic_trigger(aeon_app *app, const char *name)
{
        return ask(app, name, ASK_TRIGGER);
}

int aeon_periodic_pause(aeon_app *app, const char *name)
{
        return ask(app, name, ASK_PAUSE);
}

int aeon_periodic_resume(aeon_app *app, const char *name)
{
        return ask(app, name, ASK_RESUME);
}

static void nothing_to_do(struct beside *base)
{
        (void)base;
}

const struct beside_kind aeon__periodic_kind = {
        .name = "periodic",
        .start = aeon__ticker_start,
        .asked = asked,
        .closing = nothing_to_do,
        .never_started = nothing_to_do,
        .free = free_rest,
};

/* ------------------------------------------------------------------ listing */

static struct periodic *next_of(aeon_app *app, struct periodic *after)
{
        struct beside *b = aeon__beside_next(app, &aeon__periodic_kind, NULL, after ? &after->base : NULL);
        return b ? periodic_of(b) : NULL;
}

static aeon_duration until_next(const struct periodic *p)
{
        if (p->tick == AEON_NEVER || p->paused || p->stopped)
                return AEON_NEVER;
        aeon_duration left = periodic_due(p) - aeon__periodic_clock(p);
        return left > 0 ? left : 0;
}

static int list_locked(aeon_app *app, aeon_periodic_info **ret_list)
{
        size_t count = 0, letters = 0;
        for (struct periodic *p = NULL; (p = next_of(app, p)); count++)
                letters += strlen(p->base.name) + strlen(p->error) + 2;
        if (!count) {
                *ret_list = NULL;
                return 0;
        }
        aeon_periodic_info *list = malloc(count * sizeof *list + letters), *info = list;
        if (!list)
                return aeon_fail(-ENOMEM, "no memory to list the periodic tasks");
        char *at = (char *)(list + count);
        for (struct periodic *p = NULL; (p = next_of(app, p)); info++) {
                *info = (aeon_periodic_info){ .site = p->base.site,
                                              .loop = p->base.loop,
                                              .paused = p->paused,
                                              .stopped = p->stopped,
                                              .running = p->running,
                                              .runs = p->runs,
                                              .missed = p->missed,
                                              .failed = p->failed,
                                              .last_duration = p->last_duration,
                                              .next = until_next(p) };
                info->name = aeon__beside_pack(&at, p->base.name);
                info->error = aeon__beside_pack(&at, p->error);
        }
        *ret_list = list;
        return (int)count;
}

int aeon_periodic_list(aeon_app *app, aeon_periodic_info **ret_list)
{
        pthread_mutex_lock(&app->lock);
        int r = list_locked(app, ret_list);
        pthread_mutex_unlock(&app->lock);
        return r;
}
