/* Deadlocks: every task waits, and nothing can ever wake one.
 *
 * DESIGN
 *   The driver knows when that is so: no task is ready, no deadline is set, and nobody outside can reach the loop. Then the tasks are
 *   told one by one in the log, as the dump shows them, and the runner's root scope is cancelled. So they do not vanish with what they
 *   hold: each wait returns -ECANCELED, the tasks unwind and clean up, and the run returns -EDEADLK with words that name them.
 *
 *   A task that waits behind a shield, or in a wait that cannot be cancelled, is not reached by that. When the runner gets stuck a
 *   second time it gives up, and what those tasks hold is lost.
 *
 *   Source: the Go runtime's "all goroutines are asleep - deadlock!", which ends the process instead.
 */
#include "task/runner.h"

#include <aeon/log.h>
#include <string.h>

enum { TOLD_IN_LOG = 100, TOLD_IN_WORDS = 4 };

static void log_lines(const char *lines)
{
        for (; lines && *lines; lines += strcspn(lines, "\n") + 1)
                aeon_log_error("  %.*s", (int)strcspn(lines, "\n"), lines);
}

static void log_tasks(struct runner *runner, const char *headline)
{
        struct text dump = { 0 };
        aeon__runner_dump(runner, &(aeon_dump_opts){ .limit = TOLD_IN_LOG }, &dump);
        aeon_log_error("%s", headline);
        log_lines(dump.data);
        aeon__text_done(&dump);
}

/* Tasks that only wait for their groups are left out: what those wait for is the cause. */
static char *name_tasks(struct runner *runner)
{
        struct text words = { 0 };
        char wait[128];
        size_t stuck = 0;
        unsigned depth = 0;
        aeon__text_print(&words, "deadlock: ");
        for (struct aeon_task *t = runner->root.owner; t; t = aeon__task_next(t, &depth)) {
                if (aeon__task_joins(t) || stuck++ >= TOLD_IN_WORDS)
                        continue;
                aeon__text_print(&words, "%stask \"%s\" (%s) waits for %s", stuck > 1 ? "; " : "", t->name, t->site,
                                 aeon__task_describe_wait(t, wait, sizeof wait));
        }
        if (stuck > TOLD_IN_WORDS)
                aeon__text_print(&words, "; and %zu more", stuck - TOLD_IN_WORDS);
        return words.data;
}

int aeon__deadlock_break(struct runner *runner)
{
        if (runner->root.cause != AEON_CAUSE_NONE) {
                log_tasks(runner, "still stuck after that: what these tasks hold is lost");
                return aeon_fail(-EDEADLK, "%s", aeon__deadlock_words(runner));
        }
        runner->deadlock = name_tasks(runner);
        log_tasks(runner,
                  "deadlock: every task of the loop waits, nothing is due, and nobody outside can wake it. Cancelling all:");
        aeon__scope_cancel_for(&runner->root, AEON_CAUSE_ASKED, "deadlock");
        return 0;
}
