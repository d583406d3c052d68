/* aeon/var.h - values that are there without being passed: per process, per loop, per task.
 *
 *         AEON_APP_VAR(config, struct settings);      // one per app     config_set(p), config_get()
 *         AEON_APP_VAR_MUTABLE(rates, struct rates);  // one per app, replaced as a whole while it serves
 *         AEON_LOOP_VAR(pool, struct pool);           // one per loop    pool_set(p), pool_get()
 *         AEON_TASK_VAR(request_id, const char);      // one per task
 *
 * Each declares two typed functions on pointers; the value stays yours and must live as long as it is set. They may stand in a
 * header: all files of a service share one variable. NAME_get() gives NULL when nothing was set.
 *
 * A loop variable belongs to the loop of the running task or posted function, however many loops there are on the thread; each run of
 * a loop begins with none. A task variable is copied from the task to what it spawns, offloads or runs in a loop of its own, and from
 * an offloaded function to what it calls (aeon_call()); what the copy's owner sets then is seen by nobody else.
 *
 * NAME_set() errors: -EPERM   an app variable after the app is ready: they are read from every loop without a lock
 *                    -EINVAL  a loop variable outside a loop, a task variable outside tasks and offloaded functions; there
 *                             NAME_get() gives NULL
 *                    -ENOMEM
 * Source: concurrency rules 23, 24; lifecycle, Context. */
#ifndef AEON_VAR_H
#define AEON_VAR_H

#include <aeon/attributes.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The identity of a variable; its members are private. */
typedef struct aeon_var {
        const char *name;
        void *value;           /* app variables: the value */
        struct aeon_var *next; /* app variables: those that are set */
        unsigned slot;         /* loop variables: place in each loop's table, 0 until first set */
        unsigned changeable;   /* app variables: may be set while the app serves */
} aeon_var;

/* Behind NAME_set and NAME_get of the macros below. */
AEON_API int aeon_app_var_set(aeon_var *var, void *value);
AEON_API void *aeon_app_var_get(const aeon_var *var);
AEON_API int aeon_loop_var_set(aeon_var *var, void *value);
AEON_API void *aeon_loop_var_get(const aeon_var *var);
AEON_API int aeon_task_var_set(aeon_var *var, void *value);
AEON_API void *aeon_task_var_get(const aeon_var *var);

/* Declare a variable: one value per process (changeable only until the app is ready, or always), per loop, or per task. Makes the typed
 * functions NAME_set(type *) and NAME_get(), which gives NULL when nothing was set. In a source file or in a header that several include.
 * The value is borrowed: it must live as long as it can be asked for. */
#define AEON_APP_VAR(name, type) AEON__VAR(name, type, aeon_app_var_set, aeon_app_var_get, 0)
#define AEON_APP_VAR_MUTABLE(name, type) AEON__VAR(name, type, aeon_app_var_set, aeon_app_var_get, 1)
#define AEON_LOOP_VAR(name, type) AEON__VAR(name, type, aeon_loop_var_set, aeon_loop_var_get, 0)
#define AEON_TASK_VAR(name, type) AEON__VAR(name, type, aeon_task_var_set, aeon_task_var_get, 0)

#define AEON__VAR(name, type, set, get, changeable)                       \
        extern aeon_var name##_var;                                       \
        AEON_SHARED aeon_var name##_var = { #name, 0, 0, 0, changeable }; \
        AEON_INLINE int name##_set(type *value)                           \
        {                                                                 \
                return set(&name##_var, (void *)value);                   \
        }                                                                 \
        AEON_INLINE type *name##_get(void)                                \
        {                                                                 \
                return (type *)get(&name##_var);                          \
        }                                                                 \
        struct aeon__needs_a_semicolon

#ifdef __cplusplus
}
#endif
#endif
