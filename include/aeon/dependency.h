/* aeon/dependency.h - what a handler needs, opened when it first asks and closed when it ends.
 *
 *         static int open_session(struct session **ret_session);          // may suspend, may use other dependencies
 *         static int close_session(struct session *s, int r);             // r: how the handler ended
 *         AEON_DEPENDENCY(session, struct session, open_session, close_session);
 *
 *         static int transfer(const struct order *in)
 *         {
 *                 struct session *s;
 *                 int r = session_get(&s);
 *                 ...
 *
 * session_get() opens one session per message or request and hands the same one to whatever the handler calls or spawns. When the
 * handler ends, whatever way, what was opened is closed in reverse order, before the message is acknowledged or the reply is sent: a
 * close that commits when r >= 0, rolls back otherwise, and returns a failed commit, makes the message be tried again. (A failed handler
 * stays failed, whatever close returns.)
 *
 * Source: FastStream's Depends, FastAPI's dependencies with yield; lifecycle, Context. */
#ifndef AEON_DEPENDENCY_H
#define AEON_DEPENDENCY_H

#include <aeon/attributes.h>
#include <aeon/scope.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The identity of a dependency; its members are private. */
typedef struct aeon_dependency {
        const char *name;
        int (*open)(void **ret_value);
        int (*close)(void *value, int r);
        const struct aeon_dependency *override; /* what a test put in its place */
} aeon_dependency;

/* Declare NAME_get(type **ret_value), and NAME_dependency, its identity. @open_fn is `int (type **ret_value)`, @close_fn is
 * `int (type *value, int r)`. May stand in a header. */
#define AEON_DEPENDENCY(name, type, open_fn, close_fn)                                                                 \
        static int name##_dependency_open(void **ret_value)                                                            \
        {                                                                                                              \
                type *value = 0;                                                                                       \
                int r = open_fn(&value);                                                                               \
                *ret_value = (void *)value;                                                                            \
                return r;                                                                                              \
        }                                                                                                              \
        static int name##_dependency_close(void *value, int r)                                                         \
        {                                                                                                              \
                return close_fn((type *)value, r);                                                                     \
        }                                                                                                              \
        extern aeon_dependency name##_dependency;                                                                      \
        AEON_SHARED aeon_dependency name##_dependency = { #name, name##_dependency_open, name##_dependency_close, 0 }; \
        AEON_INLINE AEON_MUST_CHECK int name##_get(type **ret_value)                                                   \
        {                                                                                                              \
                void *value;                                                                                           \
                int r = aeon_dependency_get(&name##_dependency, &value);                                               \
                if (r >= 0)                                                                                            \
                        *ret_value = (type *)value;                                                                    \
                return r;                                                                                              \
        }                                                                                                              \
        struct aeon__needs_a_semicolon

/* What NAME_get() calls: the value of @dependency for the handler that the running task belongs to; opened now if it was not yet. It
 * stays the handler's: valid until the handler ends.
 *
 * Suspends if open does, or while another task of the handler is opening it. Cancellable.
 *
 * Errors: what open returned (then it was not opened, and the next call tries again)
 *         -EINVAL  not inside a handler: a background task, a hook, a task that outlives its handler
 *         -ELOOP   open asks for itself, directly or by way of others
 *         -ENOMEM, -ECANCELED */
AEON_API AEON_SUSPENDS AEON_MUST_CHECK int aeon_dependency_get(aeon_dependency *dependency, void **ret_value);

/* From now on open @other's value in place of @dependency's, for a test; NULL ends that. Before the app runs. */
AEON_API void aeon_dependency_override(aeon_dependency *dependency, const aeon_dependency *other);

/* ------------------------------------------------------------------ for parts that call handlers */

/* One handler's call: its cancel scope, and what it has opened. Caller's storage, as a scope's; the members below are private. */
typedef struct aeon_handling {
        aeon_scope scope;
        struct aeon_opened *opened; /* the latest first */
} aeon_handling;

/* As aeon_scope_init() and aeon_scope_enter(): the scope may be cancelled or given a deadline in between. */
AEON_API int aeon_handling_init(aeon_handling *h, const aeon_scope_opts *opts);
AEON_API int aeon_handling_enter(aeon_handling *h);

/* Close what was opened, each under a shield and within five seconds, then the scope. @r is the handler's result; returns what it has
 * become. Suspends. Errors: as aeon_scope_close(); what a close returned. */
AEON_API AEON_SUSPENDS int aeon_handling_close(aeon_handling *h, int r);

#ifdef __cplusplus
}
#endif
#endif
