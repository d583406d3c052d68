/* aeon/task.h - tasks and the groups that own them.
 *
 * A task is a function on a stack of its own. It belongs to a GROUP, and a group closes only when all its tasks have ended, so no
 * task outlives the block of code that started it:
 *
 *         aeon_group *g;
 *         int r = aeon_group_open(&g);
 *         if (r < 0)
 *                 return r;
 *         aeon_spawn(g, "left", fetch_left, p);
 *         aeon_spawn(g, "right", fetch_right, p);
 *         return aeon_group_close(g);             // waits for both; the first failure cancels the other and is returned
 *
 * A task runs until it calls something that suspends (AEON_SUSPENDS); between two such calls nothing else runs on its loop. */
#ifndef AEON_TASK_H
#define AEON_TASK_H

#include <aeon/attributes.h>
#include <aeon/scope.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One function running on a stack of its own. */
typedef struct aeon_task aeon_task;

/* Owner of tasks. States: open -> closing (aeon_group_close was called) -> gone. It contains a scope. */
typedef struct aeon_group aeon_group;

/* The body of a task: 0 or more is success; a negative errno is a failure and cancels the group, except -ECANCELED when the task
 * was in fact cancelled. */
typedef int aeon_task_fn(void *arg);

typedef struct aeon_spawn_opts {
        size_t stack_size; /* bytes; 0: 256 KiB; rounded up to 64 KiB or 256 KiB, -E2BIG above */
} aeon_spawn_opts;

/* Open a group around what the running task does next; a scope opens with it.
 *
 * Does not suspend. @ret_group is yours until aeon_group_close().
 *
 * Errors: -ENOMEM, -EINVAL (not called from a task) */
AEON_API AEON_MUST_CHECK int aeon_group_open(aeon_group **ret_group);

/* Wait for all tasks of @g to end, and free it. Returns the first failure's code with its text (the others are in the log at
 * debug level), else -ECANCELED when something outside was cancelled, else 0. An explicit aeon_group_cancel() is absorbed to 0.
 *
 * Suspends, also when the group is empty (a checkpoint). A cancel while waiting reaches the tasks; the wait goes on until they
 * have ended. Must be the running task's innermost scope.
 *
 * Errors: -EINVAL  not the innermost scope of the running task; nothing is changed and the log says which is
 * Source: Trio reference, nurseries; concurrency rules 1-3. */
AEON_API AEON_SUSPENDS int aeon_group_close(aeon_group *g);

/* Tell @g that its body failed with @r, as if a task had: cancels it, and aeon_group_close() returns @r. 0 or more does nothing, so
 * it may be called with any result. */
AEON_API void aeon_group_fail(aeon_group *g, int r);

/* Cancel everything in @g. See aeon_scope_cancel(). */
AEON_API void aeon_group_cancel(aeon_group *g, const char *reason);

/* The group's scope: for its deadline and shield. Borrowed; do not close it. */
AEON_API aeon_scope *aeon_group_scope(aeon_group *g);

/* How many tasks of @g have not ended. */
AEON_API size_t aeon_group_size(const aeon_group *g);

/* Start @fn(@arg) as a task of @g. It runs first when the caller next suspends. Its cancel scope comes from @g, its task variables
 * from the caller. @name is copied (cut at 31 bytes). Does not suspend. Owner loop only.
 *
 * aeon_spawn(g, name, fn, arg) and aeon_spawn_with(g, name, fn, arg, opts): variadic, since their arguments may be compound literals.
 *
 * Errors: -ENOMEM  (also kept as a failure of @g, so a caller that ignores the result loses nothing)
 *         -EINVAL  @g belongs to another loop, or is closed: its last task has ended and aeon_group_close() is about to return
 * Source: concurrency rules 3, 4. */
#define aeon_spawn(g, name, fn, ...) aeon_spawn_at((g), (name), (fn), __VA_ARGS__, NULL, AEON_HERE)
#define aeon_spawn_with(g, name, fn, ...) aeon_spawn_at((g), (name), (fn), __VA_ARGS__, AEON_HERE)
AEON_API int aeon_spawn_at(aeon_group *g, const char *name, aeon_task_fn *fn, void *arg, const aeon_spawn_opts *opts,
                           const char *site);

/* Look for cancellation and let others run. Suspends.
 *
 * Errors: -ECANCELED; -EINVAL when not called from a task */
AEON_API AEON_SUSPENDS int aeon_checkpoint(void);

/* The running task; NULL outside a task. Valid until the task ends. */
AEON_API aeon_task *aeon_task_current(void);

/* Borrowed until the task ends. */
AEON_API const char *aeon_task_name(const aeon_task *task);

/* Where the task was spawned, "file.c:12". Static. */
AEON_API const char *aeon_task_site(const aeon_task *task);

/* A number that no other task of the process has or had. */
AEON_API uint64_t aeon_task_id(const aeon_task *task);

#ifdef __cplusplus
}
#endif
#endif
