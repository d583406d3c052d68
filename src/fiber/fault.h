/* What is said before a crash ends the process.
 *
 * DESIGN
 *   A fault on a fiber's guard page is a stack overflow, and the process cannot say so on the stack that is full: each thread
 *   that runs a loop gets an alternate signal stack. The handler finds the stack that the address or the running fiber belongs
 *   to, asks the room above for words about its task, writes one line, and hands the signal on to whoever had it before us (the
 *   default: a core file). It survives nothing and hides nothing.
 *
 *   Which page was hit decides, not si_code: guard kinds differ in that.
 */
#pragma once

#include "fiber/stack.h"

#include <signal.h>

/* Set by the room above: write "task "left" (work.c:12)" about the fiber that lives in @stack into @text. Runs in a signal handler. */
extern void (*aeon__fault_describe)(const struct stack *stack, char *text, size_t size);

/* Called with the whole line (newline included) before the process goes down; NULL: only stderr. Runs in a signal handler. */
extern void (*aeon__fault_report)(const char *line);

struct fault_guard {
        void *memory;
        stack_t previous;
};

/* Give the calling thread its alternate stack, and the process its handlers (once). A failure leaves the thread without a report. */
void aeon__fault_begin(struct fault_guard *guard);
void aeon__fault_end(struct fault_guard *guard);
