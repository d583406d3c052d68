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

/* Open a group around what the running task does next; a scope opens with it: aeon_group_open(ret_group).
 *
 * Does not suspend. @ret_group is yours until aeon_group_close(); the pointer is void afterwards. A task that ends with a group open
 * has it cancelled and closed for it; the log says where it was opened, and the task fails with -EINVAL.
 *
 * Errors: -ENOMEM, -EINVAL (not called from a task) */
#define aeon_group_open(ret_group) aeon_group_open_at((ret_group), AEON_HERE)
AEON_API AEON_MUST_CHECK int aeon_group_open_at(aeon_group **ret_group, const char *site);

/* Wait for all tasks of @g to end, and free it: aeon_group_close(g). NULL is accepted.
 *
 * Returns the first failure's code, else -ECANCELED when something outside was cancelled, else -ETIMEDOUT when the deadline of the
 * group's scope stopped something, else 0. An explicit aeon_group_cancel() is absorbed to 0. The error text is that of the failure;
 * when several failed, it names each: task "left": no such user; task "right": the line went dead.
 *
 * Suspends, also when the group is empty (a checkpoint). A cancel while waiting reaches the tasks; the wait goes on until they
 * have ended, and until every aeon_start() into @g is decided. Must be the running task's innermost scope.
 *
 * Errors: -EINVAL  not the innermost scope of the running task, or closed before; nothing is changed, and the log names both places
 * Source: Trio reference, nurseries; concurrency rules 1-3. */
#define aeon_group_close(g) aeon_group_close_at((g), AEON_HERE)
AEON_API AEON_SUSPENDS int aeon_group_close_at(aeon_group *g, const char *site);

/* The first half of aeon_group_close(): wait for all tasks of @g to end, and leave it open: aeon_group_join(g). Then
 * aeon_group_errors() is complete. More tasks may be spawned, and close waits for them again.
 *
 * Suspends, and waits on when cancelled, as aeon_group_close() does. Returns 0, however the tasks ended.
 *
 * Errors: -EINVAL  as aeon_group_close() */
#define aeon_group_join(g) aeon_group_join_at((g), AEON_HERE)
AEON_API AEON_SUSPENDS int aeon_group_join_at(aeon_group *g, const char *site);

/* What one task of a group failed with. */
typedef struct aeon_group_error {
        const char *task; /* its name; for the body that of the task that opened the group */
        int code;
        const char *text; /* what it said, or what the code means */
} aeon_group_error;

/* All failures in @g so far, the first one first, cancellations not among them: writes up to @room of them to @ret_errors and returns how
 * many there are. Their texts are borrowed until @g is closed. Does not suspend. Owner loop only.
 *
 *         aeon_group_join(g);
 *         aeon_group_error errors[8];
 *         size_t n = aeon_group_errors(g, errors, 8);      // n may be more than 8
 *         ...
 *         return aeon_group_close(g);
 *
 * Source: concurrency rule 2. */
AEON_API size_t aeon_group_errors(const aeon_group *g, aeon_group_error ret_errors[], size_t room);

/* Tell @g that its body failed with @r, as if a task had: cancels it, and aeon_group_close() returns @r. 0 or more does nothing, so
 * it may be called with any result; nor does the -ECANCELED of a group that is cancelled. On a closed group only the log says so. */
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
 * Errors: -ENOMEM, -E2BIG  (also kept as a failure of @g, so a caller that ignores the result loses nothing)
 *         -EXDEV           @g belongs to another loop
 *         -EINVAL          @g is closed, or as good as: its last task has ended and aeon_group_close() is about to return; the log
 *                          says where it was opened and closed
 * Source: concurrency rules 3, 4. */
#define aeon_spawn(g, name, fn, ...) aeon_spawn_at((g), (name), (fn), __VA_ARGS__, NULL, AEON_HERE)
#define aeon_spawn_with(g, name, fn, ...) aeon_spawn_at((g), (name), (fn), __VA_ARGS__, AEON_HERE)
AEON_API int aeon_spawn_at(aeon_group *g, const char *name, aeon_task_fn *fn, void *arg, const aeon_spawn_opts *opts,
                           const char *site);

/* Start @fn(@arg) as a task of @g and wait until it says that it is ready: aeon_start(g, name, fn, arg, ret_value), and
 * aeon_start_with(g, name, fn, arg, ret_value, opts). *@ret_value is what it gave to aeon_started(); @ret_value may be NULL.
 *
 * Until then the task runs inside the CALLER's scope: a cancel or a deadline there stops it, its failure is the caller's, and @g is
 * neither cancelled by it nor closes before this is decided. With aeon_started() it moves into @g, with all that it has opened, and its
 * later failure is @g's.
 *
 * Suspends. Cancellable: the task is cancelled too, and awaited. One that is ready before the cancel reaches it has moved: 0.
 *
 * Errors: -ECANCELED  the caller was cancelled; nothing was started, or it has ended
 *         -EPROTO     the task returned without aeon_started()
 *         -EINVAL     @g is closed; -EXDEV, -ENOMEM, -E2BIG as aeon_spawn()
 *         any other   what the task failed with
 * Source: Trio reference, Nursery.start; concurrency rule 17. */
#define aeon_start(g, name, fn, ...) aeon_start_at((g), (name), (fn), __VA_ARGS__, NULL, AEON_HERE)
#define aeon_start_with(g, name, fn, ...) aeon_start_at((g), (name), (fn), __VA_ARGS__, AEON_HERE)
AEON_API AEON_SUSPENDS int aeon_start_at(aeon_group *g, const char *name, aeon_task_fn *fn, void *arg, void **ret_value,
                                         const aeon_spawn_opts *opts, const char *site);

/* In a task that aeon_start() started: ready; @value is the caller's. In one that was spawned it does nothing and returns 0, so a function
 * serves both. Does not suspend.
 *
 * Errors: -ECANCELED  the caller was cancelled meanwhile: the task stays cancelled and should end
 *         -EALREADY   said before
 *         -EINVAL     not called from a task */
AEON_API int aeon_started(void *value);

/* From the one to the other the running task must not suspend, as when it changes something that other tasks must not see half done. A
 * suspending call between them, and returning from the task, abort the process: the log names the call and where the section began,
 * and the stack is printed. Sections nest; scopes may open and close inside. Nothing at all when NDEBUG is defined, as with assert();
 * outside a task nothing either. */
#ifdef NDEBUG
#define aeon_no_suspend_begin() ((void)0)
#define aeon_no_suspend_end() ((void)0)
#else
#define aeon_no_suspend_begin() aeon_no_suspend_begin_at(AEON_HERE)
#define aeon_no_suspend_end() aeon_no_suspend_end_at(AEON_HERE)
#endif
AEON_API void aeon_no_suspend_begin_at(const char *site);
AEON_API void aeon_no_suspend_end_at(const char *site);

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
