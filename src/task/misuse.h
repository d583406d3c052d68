/* What a program can get wrong with tasks, groups and scopes; told with both places, and put right where that is possible.
 *
 * DESIGN
 *   C ends no block for its owner, so a function may return and leave its scope open: then the tree of scopes points into a dead stack
 *   frame. Three things find that out before it does harm:
 *
 *   - Each task has a STACK MARK: the lowest address of its open scopes that lie on its own stack. Stacks grow down, so a call that
 *     comes from a frame above the mark comes from outside of the function that opened the scope: that function has returned.
 *     Every suspending call and every opening and closing of a scope compares the two.
 *   - A scope that is opened where another open one lies: its predecessor in the same frame.
 *   - SCOPE_OPEN and its like are no small numbers: a word that is none of them was overwritten.
 *
 *   Taking dead scopes out of the tree does not read them: their place in it, and where they were opened, stand in the scope outside.
 *   Groups that were opened inside are alive all the same (they lie on the heap), and move out into the innermost scope that is left.
 *
 *   In a no-suspend section the stack mark is 0, so that the one comparison finds a suspending call there, too.
 */
#pragma once

#include "task/task.h"

/* Take dead scopes of @task out, if there are any. @opening: a scope that is about to be entered, or NULL. */
void aeon__scopes_settle(struct aeon_task *task, const aeon_scope *opening);

static inline bool aeon__scopes_overlap(const aeon_scope *a, const aeon_scope *b)
{
        return (uintptr_t)a + sizeof *a - 1 - (uintptr_t)b < 2 * sizeof *a - 1;
}

/* Look whether scopes have died before one is opened (@opening) or closed (NULL). */
static inline void aeon__scopes_check(struct aeon_task *task, const aeon_scope *opening)
{
        if (__builtin_expect(task->stack_mark < AEON__FRAME() || (opening && aeon__scopes_overlap(opening, task->scope)), 0))
                aeon__scopes_settle(task, opening);
}

/* The task's function has returned: close what it left open, loudly. Its result is then an error. */
int aeon__scopes_end(struct aeon_task *task, const aeon_scope *outermost, int r);

/* Misuse that is refused: a line in the log and the words. Returns the code. */
int aeon__misuse(int code, const char *format, ...) AEON_PRINTF(2, 3);

/* What is refused in this way. */
int aeon__scope_refuse_enter(const aeon_scope *s, const char *site);
int aeon__scope_refuse_close(const aeon_scope *s, const char *site);
void aeon__scope_refuse_foreign(const aeon_scope *s); /* cancelled from another loop's task */
