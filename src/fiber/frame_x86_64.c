/* The first frame of a fiber as switch_x86_64.S pops it. */
#include "fiber/context.h"

#include <stdint.h>
#include <ucontext.h>

struct first_frame {
        uint32_t mxcsr;
        uint16_t x87_control, padding;
        void *r15, *r14, *r13, *r12, *rbx, *rbp;
        void (*entry)(void);
        void *alignment[2]; /* the entry is jumped to by `ret`: rsp must then be a multiple of 16 */
};

void *aeon__context_prepare(void *top, void (*fn)(void *), void *arg)
{
        struct first_frame *frame = (struct first_frame *)((uintptr_t)top & ~(uintptr_t)15) - 1;
        *frame = (struct first_frame){ .r12 = arg, .rbx = __extension__(void *) fn, .entry = aeon__fiber_entry };
        __asm__("stmxcsr %0" : "=m"(frame->mxcsr));
        __asm__("fnstcw %0" : "=m"(frame->x87_control));
        return frame;
}

const void *aeon__context_interrupted(const void *signal_context)
{
        return (const void *)((const ucontext_t *)signal_context)->uc_mcontext.gregs[REG_RIP];
}

_Static_assert(sizeof(struct first_frame) % 16 == 0, "the frame keeps the stack aligned");
