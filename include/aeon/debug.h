/* aeon/debug.h - seeing what tasks do: who lives, who waits for what, who does not let the others run.
 *
 * docs/debugging.md shows what each of these prints and how to read it. */
#ifndef AEON_DEBUG_H
#define AEON_DEBUG_H

#include <aeon/attributes.h>
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
 * From a task. Does not suspend; takes about a microsecond per task. Ages and waits are exact to a few milliseconds.
 *
 * The JSON object: {"tasks", "running", "ready", "waiting": counts, "list": [{"id", "parent": id or null, "depth", "name", "site",
 * "state", "wait": null or {"what", "object", "text", "ms"}, "age_ms", "deadline_ms": to go, or null, "shields", "cancelled": null
 * or the reason}], "rest": [{"count", "site", "state", "what", "longest_ms"}]}.
 *
 * Errors: -EINVAL (not called from a task), -ENOMEM
 * Source: concurrency rule 31. */
AEON_API AEON_MUST_CHECK int aeon_task_dump(const aeon_dump_opts *opts, char **ret_text);

/* The same, written to the descriptor @fd. Errors: those, and those of write(2). */
AEON_API int aeon_task_dump_to(int fd, const aeon_dump_opts *opts);

#ifdef __cplusplus
}
#endif
#endif
