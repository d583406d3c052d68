/* What an app keeps for its functions: variables by type, and a repository by name.
 *
 * DESIGN
 *   App variables are one static object each (aeon/var.h), read without a lock from every loop; so they are sealed when the app is
 *   ready, but for those that are declared mutable. The repository is a list under the app's lock, for names that are known at run
 *   time only; each entry remembers where it was set, because the error of a missing one must help.
 */
#include "app/app.h"

#include "base/nearest.h"

#include <aeon/var.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ app variables */

static pthread_mutex_t vars_lock = PTHREAD_MUTEX_INITIALIZER;
static aeon_var *vars_set;

int aeon_app_var_set(aeon_var *var, void *value)
{
        aeon_app *app = atomic_load(&aeon__app_running);
        if (app && !var->changeable && atomic_load(&app->started))
                return aeon_fail(-EPERM, "app variable \"%s\" cannot be set any more: the app is ready, and every loop reads it",
                                 var->name);
        pthread_mutex_lock(&vars_lock);
        bool known = false;
        for (aeon_var *at = vars_set; at; at = at->next)
                known = known || at == var;
        if (!known) {
                var->next = vars_set;
                vars_set = var;
        }
        __atomic_store_n(&var->value, value, __ATOMIC_RELEASE);
        pthread_mutex_unlock(&vars_lock);
        return 0;
}

void *aeon_app_var_get(const aeon_var *var)
{
        return __atomic_load_n(&var->value, __ATOMIC_ACQUIRE);
}

void aeon__app_vars_clear(void)
{
        pthread_mutex_lock(&vars_lock);
        while (vars_set) {
                aeon_var *var = vars_set;
                vars_set = var->next;
                var->next = NULL;
                __atomic_store_n(&var->value, NULL, __ATOMIC_RELEASE);
        }
        pthread_mutex_unlock(&vars_lock);
}

/* ------------------------------------------------------------------ the repository */

struct app_value {
        struct app_value *next;
        void *value;
        const char *site;
        char name[];
};

static struct app_value **place_of(aeon_app *app, const char *name)
{
        struct app_value **at = &app->values;
        while (*at && strcmp((*at)->name, name) != 0)
                at = &(*at)->next;
        return at;
}

int aeon_app_set_at(aeon_app *app, const char *name, void *value, const char *site)
{
        size_t size = strlen(name) + 1;
        struct app_value *fresh = malloc(sizeof *fresh + size);
        if (!fresh)
                return aeon_fail(-ENOMEM, "no memory to keep \"%s\"", name);
        *fresh = (struct app_value){ .value = value, .site = site };
        memcpy(fresh->name, name, size);
        pthread_mutex_lock(&app->lock);
        struct app_value **at = place_of(app, name), *old = *at;
        fresh->next = old ? old->next : NULL;
        *at = fresh;
        pthread_mutex_unlock(&app->lock);
        free(old);
        return 0;
}

void *aeon_app_get(aeon_app *app, const char *name)
{
        pthread_mutex_lock(&app->lock);
        const struct app_value *found = *place_of(app, name);
        void *value = found ? found->value : NULL;
        pthread_mutex_unlock(&app->lock);
        return value;
}

enum { NAMES_TOLD = 16 };

/* Called with the lock held. */
static int fail_missing(aeon_app *app, const char *name)
{
        const char *names[NAMES_TOLD] = { 0 };
        char known[1024] = "";
        size_t count = 0, length = 0;
        for (const struct app_value *v = app->values; v && count < NAMES_TOLD; v = v->next) {
                names[count] = v->name;
                if (length < sizeof known)
                        length += (size_t)snprintf(known + length, sizeof known - length, "%s\"%s\" (set at %s)", count ? ", " : "",
                                                   v->name, v->site);
                count++;
        }
        if (count == 0)
                return aeon_fail(-ENOENT, "nothing is set as \"%s\", nor under any other name", name);
        const char *near = aeon__nearest(name, names, count);
        if (near)
                return aeon_fail(-ENOENT, "nothing is set as \"%s\": did you mean \"%s\"? There is %s", name, near, known);
        return aeon_fail(-ENOENT, "nothing is set as \"%s\": there is %s", name, known);
}

int aeon_app_require(aeon_app *app, const char *name, void **ret_value)
{
        int r = 0;
        pthread_mutex_lock(&app->lock);
        const struct app_value *found = *place_of(app, name);
        if (found)
                *ret_value = found->value;
        else
                r = fail_missing(app, name);
        pthread_mutex_unlock(&app->lock);
        return r;
}

void aeon_app_reset(aeon_app *app, const char *name)
{
        pthread_mutex_lock(&app->lock);
        struct app_value **at = name ? place_of(app, name) : &app->values;
        while (*at) {
                struct app_value *gone = *at;
                *at = gone->next;
                free(gone);
                if (name)
                        break;
        }
        pthread_mutex_unlock(&app->lock);
}
