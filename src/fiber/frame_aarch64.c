/* The first frame of a fiber as switch_aarch64.S loads it. */
#include "fiber/context.h"

#include <stdint.h>
#include <ucontext.h>

struct first_frame {
        void *x19, *x20, *x21_to_x29[9];
        void (*entry)(void); /* x30, where `ret` goes */
        uint64_t d8_to_d15[8];
        uint64_t fpcr, padding;
};

void *aeon__context_prepare(void *top, void (*fn)(void *), void *arg)
{
        struct first_frame *frame = (struct first_frame *)((uintptr_t)top & ~(uintptr_t)15) - 1;
        *frame = (struct first_frame){ .x19 = __extension__(void *) fn, .x20 = arg, .entry = aeon__fiber_entry };
        __asm__("mrs %0, fpcr" : "=r"(frame->fpcr));
        return frame;
}

const void *aeon__context_interrupted(const void *signal_context)
{
        return (const void *)(uintptr_t)((const ucontext_t *)signal_context)->uc_mcontext.pc;
}

_Static_assert(sizeof(struct first_frame) == 176, "the frame is what the assembly loads");
