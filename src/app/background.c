/* Background tasks: the supervisor around each.
 *
 * DESIGN
 *   A background task is one fiber, which calls the user's function, pauses and calls it again, all inside one scope, `whole`: a stop
 *   cancels that, whatever the fiber is at. What others may see of it (state, restarts, error) is under the app's lock.
 *
 *   TOLD means that the done callback has been called. That is so exactly once: when the fiber ends; or when it was abandoned, which
 *   happens on the same loop; or, for a task that never began, by whoever claimed it.
 */
#include "app/background.h"

#include "record/number.h"

#include <aeon/metrics.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INTENSITY = 5, INTENSITY_LIMIT = 1000 };

#define SPAN AEON_SECONDS(60) /* the default of both .stable and .window */
#define STOP_TIMEOUT AEON_SECONDS(5)

AEON_COUNTER(aeon_background_restarts_total, "Restarts of background tasks.", "task");

static void lock(const struct background *b)
{
        pthread_mutex_lock(&b->base.app->lock);
}

static void unlock(const struct background *b)
{
        pthread_mutex_unlock(&b->base.app->lock);
}

/* ------------------------------------------------------------------ declaring */

static void default_to(aeon_duration *value, aeon_duration otherwise)
{
        if (!*value)
                *value = otherwise;
}

static int fill(struct beside *base, const void *given)
{
        struct background *b = background_of(base);
        aeon_background_opts *o = &b->opts;
        if (given)
                *o = *(const aeon_background_opts *)given;
        if (o->first_pause < 0 || o->longest_pause < 0 || o->stable < 0 || o->window < 0 || o->timeout < 0 || o->stop_timeout < 0)
                return aeon_fail(-EINVAL, "background task \"%s\" (%s): a duration is negative", base->name, base->site);
        if (o->restart < AEON_RESTART_NEVER || o->restart > AEON_RESTART_ALWAYS || o->escalation < AEON_ESCALATE_LOG ||
            o->escalation > AEON_ESCALATE_STOP)
                return aeon_fail(-EINVAL, "background task \"%s\" (%s): .restart or .escalation has a value that is not known",
                                 base->name, base->site);
        if (o->intensity > INTENSITY_LIMIT)
                return aeon_fail(-EINVAL, "background task \"%s\" (%s): .intensity is above %d", base->name, base->site,
                                 INTENSITY_LIMIT);
        default_to(&o->first_pause, FIRST_PAUSE);
        default_to(&o->longest_pause, LONGEST_PAUSE);
        default_to(&o->stable, SPAN);
        default_to(&o->window, SPAN);
        default_to(&o->stop_timeout, STOP_TIMEOUT);
        o->intensity = o->intensity ? o->intensity : INTENSITY;
        if (o->intensity > 0 && o->restart != AEON_RESTART_NEVER) {
                b->restarted = calloc((size_t)o->intensity, sizeof *b->restarted);
                if (!b->restarted)
                        return aeon_fail(-ENOMEM, "no memory for background task \"%s\"", base->name);
        }
        b->since = aeon_now();
        return 0;
}

static void free_rest(struct beside *base)
{
        free(background_of(base)->restarted);
}

int aeon_background_at(aeon_app *app, const char *name, aeon_task_fn *fn, void *arg, const aeon_background_opts *opts,
                       const char *site)
{
        return aeon__beside_declared(app, aeon__beside_add(&(struct beside_call){
                                                  .app = app,
                                                  .kind = &aeon__background_kind,
                                                  .size = sizeof(struct background),
                                                  .name = name,
                                                  .fn = fn,
                                                  .arg = arg,
                                                  .site = site,
                                                  .placement = opts ? opts->placement : AEON_MAIN_LOOP,
                                                  .opts = opts,
                                                  .fill = fill,
                                          }));
}

/* ------------------------------------------------------------------ what others see */

static void enter_state(struct background *b, aeon_background_state state)
{
        lock(b);
        b->state = state;
        b->since = aeon_now();
        unlock(b);
}

static void keep_error(struct background *b, int r)
{
        lock(b);
        snprintf(b->error, sizeof b->error, "%s", aeon_error_describe(r));
        unlock(b);
}

/* Tell that the task is over, unless that has been told. */
static void tell(struct background *b, aeon_end_reason reason, int result)
{
        bool well = reason == AEON_END_RETURNED || reason == AEON_END_CANCELLED;
        lock(b);
        bool first = !b->told;
        b->told = true;
        if (first) {
                b->state = well ? AEON_BACKGROUND_DONE : AEON_BACKGROUND_FAILED;
                b->since = aeon_now();
        }
        unlock(b);
        if (first && b->opts.done)
                b->opts.done(b->base.arg, &(aeon_background_end){ .name = b->base.name,
                                                                  .loop = b->base.loop,
                                                                  .reason = reason,
                                                                  .result = result,
                                                                  .error = well ? "" : b->error });
}

/* Nothing of it runs any more. From here on it may be removed at any moment. */
static void end(struct background *b)
{
        lock(b);
        b->base.over = true;
        struct stop_waiter *waiters = aeon__stop_waiters_take(b->base.app, b->base.name);
        unlock(b);
        aeon__stop_waiters_wake(waiters);
}

/* ------------------------------------------------------------------ restarting */

/* A restart begins: is it one too many within the window? */
static bool is_too_often(struct background *b)
{
        if (!b->restarted)
                return false;
        unsigned intensity = (unsigned)b->opts.intensity;
        aeon_time now = aeon_now(), *oldest = &b->restarted[b->restarts % intensity];
        bool too_often = b->restarts >= intensity && now - *oldest <= b->opts.window;
        *oldest = now;
        return too_often;
}

/* True: it is not restarted any more. */
static bool escalate(struct background *b, int r)
{
        if (!is_too_often(b))
                return false;
        const char *name = b->base.name, *words = r < 0 ? aeon_error_describe(r) : "it returned";
        char window[NUMBER_SIZE];
        aeon__duration_print(window, b->opts.window);
        if (b->opts.escalation == AEON_ESCALATE_STOP) {
                aeon__stop(b->base.app, 3, "background task \"%s\" had to be restarted more than %d times within %s: %s", name,
                           b->opts.intensity, window, words);
                return true;
        }
        if (!b->escalated)
                aeon_log_error("background task \"%s\" had to be restarted more than %d times within %s%s: %s", name,
                               b->opts.intensity, window,
                               b->opts.escalation == AEON_ESCALATE_NOT_READY ? ", so the app is not ready" : "", words);
        lock(b);
        b->escalated = true;
        unlock(b);
        return false;
}

static void calm_down(struct background *b)
{
        lock(b);
        b->escalated = false;
        unlock(b);
}

/* Pause before the next run. */
static void back_off(struct background *b, unsigned failures, int r)
{
        aeon_duration ceiling, pause = aeon__beside_pause(b->opts.first_pause, b->opts.longest_pause, failures, &ceiling);
        aeon_log_warning("background task \"%s\" %s%s; restart %u in %lld ms (of up to %lld)", b->base.name,
                         r < 0 ? "failed: " : "returned", r < 0 ? aeon_error_describe(r) : "", b->restarts + 1,
                         (long long)(pause / 1000000), (long long)(ceiling / 1000000));
        enter_state(b, AEON_BACKGROUND_BACKOFF);
        if (aeon_sleep(pause) < 0)
                return;
        lock(b);
        b->restarts++;
        aeon_background_restarts_total_add(1, b->base.name);
        unlock(b);
}

/* ------------------------------------------------------------------ running */

/* The task was told to stop, and its function has returned @r. */
static aeon_end_reason stopped(struct background *b, int r)
{
        if (r >= 0 || r == -ECANCELED)
                return AEON_END_CANCELLED;
        keep_error(b, r);
        return AEON_END_FAILED;
}

static bool is_restarted(const struct background *b, int r)
{
        return b->opts.restart == AEON_RESTART_ALWAYS || (b->opts.restart == AEON_RESTART_ON_FAILURE && r < 0);
}

/* Run it for as long as it is to be run. *ret_result: of the last run. */
static aeon_end_reason supervise(struct background *b, int *ret_result)
{
        for (unsigned failures = 0; !aeon_cancelled(); failures++) {
                enter_state(b, AEON_BACKGROUND_RUNNING);
                aeon_time begin = aeon_now();
                bool timed_out = false;
                int r = *ret_result = aeon__beside_run(&b->base, b->opts.timeout, &timed_out);
                if (aeon_cancelled())
                        return stopped(b, r);
                if (r < 0)
                        keep_error(b, r);
                if (aeon_now() - begin >= b->opts.stable) {
                        failures = 0;
                        calm_down(b);
                }
                if (!is_restarted(b, r) || escalate(b, r))
                        return r >= 0 ? AEON_END_RETURNED : timed_out ? AEON_END_TIMED_OUT : AEON_END_FAILED;
                back_off(b, failures, r);
        }
        return AEON_END_CANCELLED;
}

static void report_failure(const struct background *b)
{
        aeon_log_error("background task \"%s\" failed: %s", b->base.name, b->error);
        if (b->opts.essential)
                aeon__stop(b->base.app, 3, "essential task \"%s\" failed: %s", b->base.name, b->error);
}

static int run_background(void *arg)
{
        struct background *b = arg;
        int result = -ECANCELED;
        aeon__beside_adopt(&b->base);
        aeon_scope_enter(&b->whole);
        aeon_end_reason reason = supervise(b, &result);
        aeon_scope_close(&b->whole, 0);
        if (reason == AEON_END_FAILED || reason == AEON_END_TIMED_OUT)
                report_failure(b);
        tell(b, reason, result);
        end(b);
        return 0;
}

static int start(struct beside *base)
{
        struct background *b = background_of(base);
        aeon_scope_init(&b->whole, &(aeon_scope_opts){ .name = base->name });
        int r = aeon__beside_spawn(base, run_background);
        if (r == 0)
                return 0;
        if (r != -ESHUTDOWN)
                keep_error(b, r);
        tell(b, r == -ESHUTDOWN ? AEON_END_CANCELLED : AEON_END_FAILED, r == -ESHUTDOWN ? -ECANCELED : r);
        end(b);
        return r;
}

static void never_started(struct beside *base)
{
        tell(background_of(base), AEON_END_CANCELLED, -ECANCELED);
        end(background_of(base));
}

/* ------------------------------------------------------------------ stopping */

static void abandon(struct background *b)
{
        if (b->told)
                return;
        lock(b);
        snprintf(b->error, sizeof b->error, "it was told to stop, and did not");
        unlock(b);
        aeon_log_error("background task \"%s\" (%s) did not stop in time and is abandoned", b->base.name, b->base.site);
        tell(b, AEON_END_ABANDONED, -ECANCELED);
}

static void asked(struct beside *base, unsigned asks)
{
        struct background *b = background_of(base);
        if (asks & ASK_STOP && !b->told) {
                enter_state(b, AEON_BACKGROUND_STOPPING);
                aeon_scope_cancel(&b->whole, "it is told to stop");
        }
        if (asks & ASK_ABANDON)
                abandon(b);
}

static void closing(struct beside *base)
{
        struct background *b = background_of(base);
        if (!b->told) {
                b->state = AEON_BACKGROUND_STOPPING;
                b->since = aeon_now();
        }
}

const struct beside_kind aeon__background_kind = {
        .name = "background",
        .may_start_late = true,
        .start = start,
        .asked = asked,
        .closing = closing,
        .never_started = never_started,
        .free = free_rest,
};
