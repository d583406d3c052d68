/* aeon/debug.h - seeing what tasks do: who lives, who waits for what, who does not let the others run.
 *
 * docs/debugging.md shows what each of these prints and how to read it. */
#ifndef AEON_DEBUG_H
#define AEON_DEBUG_H

#include <aeon/attributes.h>
#include <aeon/time.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct aeon_dump_opts {
        bool json;    /* one JSON object instead of text for people */
        size_t limit; /* tasks told one by one; 0: 1,000. The rest is counted, by spawn site and wait */
} aeon_dump_opts;

/* Describe every task of the running loop: as a tree, each task below the one whose group it belongs to, with its name and number,
 * what it is doing, for how long it has waited and for what, where it was spawned, its age, its deadline, its shields and why it is
 * cancelled. NULL @opts: text, 1,000 tasks. @ret_text is yours to free().
 *
 * From a task, or from a callback on the loop's thread. Does not suspend; takes about a microsecond per task. Ages and waits count from
 * the turn of the loop in which they began.
 *
 * The JSON object: {"tasks", "running", "ready", "waiting": counts, "list": [{"id", "parent": id or null, "depth", "name", "site",
 * "state", "wait": null or {"what", "object", "text", "ms"}, "age_ms", "deadline_ms": to go, or null, "shields", "cancelled": null
 * or the reason}], "rest": [{"count", "site", "state", "what", "longest_ms"}]}.
 *
 * Errors: -EINVAL (no loop runs here), -ENOMEM
 * Source: concurrency rule 31. */
AEON_API AEON_MUST_CHECK int aeon_task_dump(const aeon_dump_opts *opts, char **ret_text);

/* The same, written to the descriptor @fd. Errors: those, and those of write(2). */
AEON_API int aeon_task_dump_to(int fd, const aeon_dump_opts *opts);

/* From now on the signal @number makes the process write the dumps of all its loops to stderr, as text or, when the log is in JSON, as
 * one object. A loop that does not answer within 200 ms is named as blocked, with the stack that it is blocked on. 0 gives the
 * signal back to whom it had been taken from. An app does this for SIGUSR1 by itself.
 *
 * Its handler is SA_RESTART; but a sleep or a poll that blocks the thread on which it arrives ends early.
 *
 * Any thread. Does not suspend. Errors: -EINVAL (a signal that cannot be caught) */
AEON_API int aeon_task_dump_on_signal(int number);

/* Report a task that runs for longer than @limit without letting others run: once, in the log, with its name and its stack, and again
 * when it is over. 0: report nothing. -1: the default, which is 100 ms (more under sanitizers and valgrind), or what the environment
 * variable AEON_SLOW_TASK_MS says. Time that the thread spent waiting for a processor does not count.
 *
 * For all loops of the process, from its next look on. Any thread.
 *
 * To see its stack, the slow task's thread is sent SIGURG (SA_RESTART; but a sleep or a poll that it blocks in ends early with EINTR).
 * Source: concurrency rule 29. */
AEON_API void aeon_watchdog_set_limit(aeon_duration limit);

#ifdef __cplusplus
}
#endif
#endif
