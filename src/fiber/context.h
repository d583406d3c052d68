/* A stack that can be left and entered again, and what the tools that watch stacks must be told.
 *
 * DESIGN
 *   aeon__switch() (switch_CPU.S) exchanges stack pointers; nothing else. context_switch() wraps it with the annotations of
 *   ASan (which keeps a fake stack per real one), TSan (which keeps a clock per fiber) and nothing at all in a plain build.
 *   All of that stands in this one header; the rest of the room is written as if those tools did not exist.
 *
 *   ASan wants strict pairs: start before each switch, finish right after landing, NULL at a fiber's last switch. TSan wants to
 *   be told right before the jump. valgrind only needs to know which memory is a stack (see stack.c).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__SANITIZE_ADDRESS__)
#define FIBER_ASAN 1
#elif defined(__SANITIZE_THREAD__)
#define FIBER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FIBER_ASAN 1
#elif __has_feature(thread_sanitizer)
#define FIBER_TSAN 1
#endif
#endif

#ifdef FIBER_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#endif
#ifdef FIBER_TSAN
#include <sanitizer/tsan_interface.h>
#endif

struct context {
        void *sp;         /* where it stopped; meaningless while it runs */
        void *low;        /* lowest usable byte of its stack */
        size_t size;      /* bytes from there up */
        void *fake_stack; /* ASan's, while it is switched away */
        void *tsan_fiber; /* TSan's; NULL in other builds */
};

void aeon__switch(void **save_sp, void *load_sp);
void aeon__fiber_entry(void);

/* Lay the first frame below @top so that switching there calls @fn(@arg). Returns the stack pointer to load. */
void *aeon__context_prepare(void *top, void (*fn)(void *), void *arg);

/* The instruction that a signal handler, given @signal_context as its third argument, has interrupted. */
const void *aeon__context_interrupted(const void *signal_context);

/* Whether @instruction is part of a switch, where no unwinder finds its way. (The entry follows it in the .S file.) */
static inline bool aeon__context_is_switching(const void *instruction)
{
        return (uintptr_t)instruction >= (uintptr_t)aeon__switch && (uintptr_t)instruction < (uintptr_t)aeon__fiber_entry;
}

/* Leave @from for @to; returns when somebody switches back. @last: @from will never run again. */
static inline void context_switch(struct context *from, struct context *to, bool last)
{
#if defined(FIBER_ASAN)
        __sanitizer_start_switch_fiber(last ? NULL : &from->fake_stack, to->low, to->size);
#elif defined(FIBER_TSAN)
        from->tsan_fiber = __tsan_get_current_fiber();
        __tsan_switch_to_fiber(to->tsan_fiber, 0);
#endif
        (void)last;
        aeon__switch(&from->sp, to->sp);
#if defined(FIBER_ASAN)
        __sanitizer_finish_switch_fiber(from->fake_stack, NULL, NULL);
#endif
}

/* To be called first thing on a fresh stack. */
static inline void context_arrived(void)
{
#if defined(FIBER_ASAN)
        __sanitizer_finish_switch_fiber(NULL, NULL, NULL);
#endif
}
