/* Servers and files that an app keeps things in, a database or Redis: declared by a name and a URL, a pool of connections in each loop.
 *
 * DESIGN
 *   A STORE is a declaration, a part of the app. Its KIND is whose it is, and has the words. What is wrong with a declaration is kept, and
 *   fails the start when the part is bound. The pools of a loop hang in one list, in a variable of that loop; a pool is whatever the kind
 *   says, made by it when it likes and found here.
 */
#pragma once

#include <aeon/app.h>
#include <aeon/health.h>
#include <stdatomic.h>

struct store {
        const struct store_kind *kind;
        char *name, *url; /* url NULL: not known yet */
        char label[128];  /* of its health check: "database", of the second "database shop" */
        int refusal;      /* of its declaration; 0: none */
        char *refusal_text;
        _Atomic bool used; /* the URL is fixed */
};

struct store_kind {
        const aeon_part *part; /* whose self is the struct that begins with the store */
        const char *noun;      /* "database"; with an "s" when there are two */
        const char *label;     /* "database" */
        const char *use, *set; /* the functions that declare one and set its URL, for advice */
        int (*check_url)(const char *url);
        aeon_health_fn *check_health; /* aeon_health_arg() is the store */
};

/* Declare @s, all zeros but for its kind's own members, on the heap; the app frees it by its part. @name NULL: "main". Errors: -ENOMEM when it
 * is not the app's, and was freed; others are kept by the app. */
int aeon__store_declare(aeon_app *app, const struct store_kind *kind, struct store *s, const char *name, const char *url);

/* Errors: -ENOENT, -EBUSY, those of check_url(). */
int aeon__store_set_url(aeon_app *app, const struct store_kind *kind, const char *name, const char *url);

/* That of this name, NULL: the first; NULL when there is none. */
struct store *aeon__store_find(aeon_app *app, const struct store_kind *kind, const char *name);

/* For the part: what bind() and free() do. */
int aeon__store_bind(void *self, aeon_app *app);
void aeon__store_free(void *self);

/* ------------------------------------------------------------------ pools */

/* The pool of this loop; NULL when there is none. */
void *aeon__store_pool(const struct store *s);

/* The URL to make a pool for. Borrowed. Errors: -EINVAL there is none. */
int aeon__store_url(const struct store *s, const char **ret_url);

/* Remember @pool as that of this loop; from then on the URL is fixed. Errors: -ENOMEM. */
int aeon__store_keep(struct store *s, void *pool);

/* Forget this loop's pool and return it; NULL when there is none. */
void *aeon__store_give_up(const struct store *s);
