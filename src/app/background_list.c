/* Background tasks as others see them: stopping one, listing all, whether one keeps the app from being ready. */
#include "app/background.h"

#include "loop/loop.h"
#include "record/number.h"

#include <stdlib.h>
#include <string.h>

static struct background *next_of(aeon_app *app, const char *name, struct background *after)
{
        struct beside *b = aeon__beside_next(app, &aeon__background_kind, name, after ? &after->base : NULL);
        return b ? background_of(b) : NULL;
}

/* ------------------------------------------------------------------ waiting for an end */

/* The first task of this name that is not over; NULL when all are. With the lock held. */
static struct background *find_alive(aeon_app *app, const char *name)
{
        struct background *b = NULL;
        while ((b = next_of(app, name, b)) && b->base.over)
                ;
        return b;
}

struct stop_waiter *aeon__stop_waiters_take(aeon_app *app, const char *name)
{
        struct stop_waiter *taken = NULL;
        if (find_alive(app, name))
                return NULL;
        for (struct stop_waiter **at = &app->stop_waiters; *at;) {
                struct stop_waiter *w = *at;
                if (strcmp(w->name, name) != 0) {
                        at = &w->next;
                        continue;
                }
                *at = w->next;
                w->next = taken;
                taken = w;
        }
        return taken;
}

static void set_ended(void *arg)
{
        aeon_event_set(((struct stop_waiter *)arg)->ended);
}

void aeon__stop_waiters_wake(struct stop_waiter *waiters)
{
        while (waiters) { /* each lies on the stack of who waits, and is gone when it wakes */
                struct stop_waiter *w = waiters;
                waiters = w->next;
                if (w->loop == aeon__loop_now())
                        set_ended(w);
                else
                        aeon__post_surely(w->loop, set_ended, w);
        }
}

/* Take @w off the list; false when it is not on it: then it has been woken, or is about to be. */
static bool take_back(aeon_app *app, const struct stop_waiter *w)
{
        pthread_mutex_lock(&app->lock);
        struct stop_waiter **at = &app->stop_waiters;
        while (*at && *at != w)
                at = &(*at)->next;
        bool found = *at != NULL;
        if (found)
                *at = w->next;
        pthread_mutex_unlock(&app->lock);
        return found;
}

/* ------------------------------------------------------------------ stopping */

/* Tasks that have not begun need not be waited for. */
static void end_pending(aeon_app *app, const char *name)
{
        struct background *b;
        do {
                pthread_mutex_lock(&app->lock);
                b = NULL;
                while ((b = next_of(app, name, b)) && !aeon__beside_claim(&b->base))
                        ;
                pthread_mutex_unlock(&app->lock);
                if (b)
                        b->base.kind->never_started(&b->base);
        } while (b);
}

/* Put @w on the list. False: there is nothing to wait for. */
static bool begin_waiting(aeon_app *app, struct stop_waiter *w, aeon_duration *ret_patience)
{
        pthread_mutex_lock(&app->lock);
        const struct background *b = find_alive(app, w->name);
        if (b) {
                *ret_patience = b->opts.stop_timeout;
                w->next = app->stop_waiters;
                app->stop_waiters = w;
        }
        pthread_mutex_unlock(&app->lock);
        return b != NULL;
}

static int wait_for_end(aeon_app *app, struct stop_waiter *w, aeon_duration patience)
{
        aeon_scope scope;
        aeon_scope_open(&scope, &(aeon_scope_opts){ .timeout = patience, .name = w->name });
        int r = aeon_scope_close(&scope, aeon_event_wait(w->ended));
        if (r == 0)
                return 0;
        if (!take_back(app, w)) { /* the end came first; @w must not go away before its event is set */
                aeon_scope_open(&scope, &(aeon_scope_opts){ .shield = true, .name = w->name });
                return aeon_scope_close(&scope, aeon_event_wait(w->ended));
        }
        if (r != -ETIMEDOUT || !aeon_scope_caught(&scope))
                return r;
        aeon__beside_ask(app, &aeon__background_kind, w->name, ASK_ABANDON);
        char text[NUMBER_SIZE];
        return aeon_fail(-ETIMEDOUT, "background task \"%s\" did not stop within %s", w->name,
                         aeon__duration_print(text, patience));
}

int aeon_background_stop(aeon_app *app, const char *name)
{
        struct stop_waiter w = { .name = name, .loop = aeon__loop_now() };
        aeon_duration patience = 0;
        int r = aeon_event_new(&w.ended);
        if (r < 0)
                return r;
        end_pending(app, name);
        bool waits = begin_waiting(app, &w, &patience);
        r = aeon__beside_ask(app, &aeon__background_kind, name, ASK_STOP);
        if (waits)
                r = r < 0 && take_back(app, &w) ? r : wait_for_end(app, &w, patience);
        aeon_event_free(w.ended);
        return r;
}

/* ------------------------------------------------------------------ listing */

const char *aeon_background_state_name(aeon_background_state state)
{
        static const char *const names[] = { "pending", "running", "backoff", "stopping", "done", "failed" };
        return state >= AEON_BACKGROUND_PENDING && state <= AEON_BACKGROUND_FAILED ? names[state] : "unknown";
}

static int list_locked(aeon_app *app, aeon_background_info **ret_list)
{
        size_t count = 0, letters = 0;
        for (struct background *b = NULL; (b = next_of(app, NULL, b)); count++)
                letters += strlen(b->base.name) + strlen(b->error) + 2;
        if (!count) {
                *ret_list = NULL;
                return 0;
        }
        aeon_background_info *list = malloc(count * sizeof *list + letters), *info = list;
        if (!list)
                return aeon_fail(-ENOMEM, "no memory to list the background tasks");
        char *at = (char *)(list + count);
        for (struct background *b = NULL; (b = next_of(app, NULL, b)); info++) {
                *info = (aeon_background_info){
                        .site = b->base.site, .loop = b->base.loop, .state = b->state, .since = b->since, .restarts = b->restarts
                };
                info->name = aeon__beside_pack(&at, b->base.name);
                info->error = aeon__beside_pack(&at, b->error);
        }
        *ret_list = list;
        return (int)count;
}

int aeon_background_list(aeon_app *app, aeon_background_info **ret_list)
{
        pthread_mutex_lock(&app->lock);
        int r = list_locked(app, ret_list);
        pthread_mutex_unlock(&app->lock);
        return r;
}

static bool spoils_readiness(const struct background *b)
{
        bool alive = b->state == AEON_BACKGROUND_RUNNING || b->state == AEON_BACKGROUND_BACKOFF;
        bool stable = b->state == AEON_BACKGROUND_RUNNING && aeon_now() - b->since >= b->opts.stable;
        return b->escalated && b->opts.escalation == AEON_ESCALATE_NOT_READY && alive && !stable;
}

bool aeon__beside_spoils_readiness(aeon_app *app)
{
        pthread_mutex_lock(&app->lock);
        struct background *b = NULL;
        while ((b = next_of(app, NULL, b)) && !spoils_readiness(b))
                ;
        pthread_mutex_unlock(&app->lock);
        return b != NULL;
}
