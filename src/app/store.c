/* See store.h. */
#include "app/store.h"

#include <aeon/error.h>
#include <aeon/var.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct store *aeon__store_find(aeon_app *app, const struct store_kind *kind, const char *name)
{
        struct store *s = NULL;
        for (unsigned n = 0; app && (s = aeon_app_part_at(app, kind->part, n)); n++)
                if (!name || !strcmp(s->name, name))
                        break;
        return s;
}

/* ------------------------------------------------------------------ pools */

/* Of one loop; the head of the list is the variable's value. */
struct store_pool {
        struct store_pool *next;
        const struct store *store;
        void *pool;
};
AEON_LOOP_VAR(store_pools, struct store_pool);

static struct store_pool **place_of(const struct store *s, struct store_pool **first)
{
        while (*first && (*first)->store != s)
                first = &(*first)->next;
        return first;
}

void *aeon__store_pool(const struct store *s)
{
        struct store_pool *first = store_pools_get(), *found = *place_of(s, &first);
        return found ? found->pool : NULL;
}

int aeon__store_url(const struct store *s, const char **ret_url)
{
        if (!s->url)
                return aeon_fail(-EINVAL, "the %s \"%s\" has no URL: give it to %s(), or to %s() in a start-up hook", s->kind->noun,
                                 s->name, s->kind->use, s->kind->set);
        *ret_url = s->url;
        return 0;
}

int aeon__store_keep(struct store *s, void *pool)
{
        struct store_pool *p = malloc(sizeof *p);
        if (!p)
                return aeon_fail(-ENOMEM, "no memory for a pool of connections");
        *p = (struct store_pool){ .next = store_pools_get(), .store = s, .pool = pool };
        int r = store_pools_set(p);
        if (r < 0)
                free(p);
        else
                atomic_store(&s->used, true);
        return r;
}

void *aeon__store_give_up(const struct store *s)
{
        struct store_pool *first = store_pools_get(), **at = place_of(s, &first), *p = *at;
        if (!p)
                return NULL;
        void *pool = p->pool;
        *at = p->next;
        store_pools_set(first);
        free(p);
        return pool;
}

/* ------------------------------------------------------------------ the part */

int aeon__store_bind(void *self, aeon_app *app)
{
        const struct store *s = self;
        (void)app;
        if (!s->refusal)
                return 0;
        return aeon_fail_at(s->refusal, true, AEON_HERE, "%s", s->refusal_text ? s->refusal_text : aeon_strerror(s->refusal));
}

void aeon__store_free(void *self)
{
        struct store *s = self;
        free(s->name);
        free(s->url);
        free(s->refusal_text);
        free(s);
}

/* ------------------------------------------------------------------ declaring */

static int refuse(struct store *s, int code)
{
        if (!s->refusal) {
                s->refusal = code;
                s->refusal_text = strdup(aeon_error_describe(code));
        }
        return code;
}

static int set_url(struct store *s, const char *url)
{
        int r = s->kind->check_url(url);
        if (r < 0)
                return aeon_fail(r, "the %s \"%s\"", s->kind->noun, s->name);
        char *copy = strdup(url);
        if (!copy)
                return aeon_fail(-ENOMEM, "no memory for a URL");
        free(s->url);
        s->url = copy;
        return 0;
}

int aeon__store_set_url(aeon_app *app, const struct store_kind *kind, const char *name, const char *url)
{
        struct store *s = aeon__store_find(app, kind, name);
        if (!s)
                return aeon_fail(-ENOENT, "the app has no %s \"%s\"", kind->noun, name ? name : "main");
        if (atomic_load(&s->used))
                return aeon_fail(-EBUSY, "the %s \"%s\" is in use already", kind->noun, s->name);
        return set_url(s, url);
}

int aeon__store_declare(aeon_app *app, const struct store_kind *kind, struct store *s, const char *name, const char *url)
{
        name = name ? name : "main";
        bool first = !aeon__store_find(app, kind, NULL), twice = aeon__store_find(app, kind, name);
        s->kind = kind;
        s->name = strdup(name);
        snprintf(s->label, sizeof s->label, first ? "%s" : "%s %s", kind->label, name);
        int r = s->name ? aeon_use_part(app, kind->part, s) : aeon_fail(-ENOMEM, "no memory for a %s", kind->noun);
        if (r < 0) {
                aeon__store_free(s);
                return r;
        }
        if (twice)
                return refuse(s, aeon_fail(-EEXIST, "there are two %ss named \"%s\"", kind->noun, name));
        r = aeon_health_check_with(app, s->label, kind->check_health, s, &(aeon_health_opts){ .impact = AEON_CRITICAL });
        if (r >= 0 && url)
                r = set_url(s, url);
        return r < 0 ? refuse(s, r) : 0;
}
