/* aeon__switch(void **save_sp, void *load_sp): System V ABI, x86-64.
 *
 * What the ABI asks a callee to keep is pushed: six registers, MXCSR and the x87 control word. Then the stack pointers are
 * exchanged. The way out is a plain `ret`, so that the processor's return predictor stays right at real call depths.
 *
 *      rsp ->  mxcsr (4) | x87 cw (4)
 *              r15 r14 r13 r12 rbx rbp
 *              return address
 */
        .text
        .globl  aeon__switch
        .hidden aeon__switch
        .type   aeon__switch, @function
        .p2align 4
aeon__switch:
        .cfi_startproc
        endbr64
        pushq   %rbp
        pushq   %rbx
        pushq   %r12
        pushq   %r13
        pushq   %r14
        pushq   %r15
        subq    $8, %rsp
        stmxcsr (%rsp)
        fnstcw  4(%rsp)
        movq    %rsp, (%rdi)
        movq    %rsi, %rsp
        ldmxcsr (%rsp)
        fldcw   4(%rsp)
        addq    $8, %rsp
        popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %rbx
        popq    %rbp
        ret
        .cfi_endproc
        .size   aeon__switch, . - aeon__switch

/* The first instruction of every fiber: rbx holds the function, r12 its argument (see aeon__context_prepare). Nothing called it, and
 * the unwinder is told so. */
        .globl  aeon__fiber_entry
        .hidden aeon__fiber_entry
        .type   aeon__fiber_entry, @function
        .p2align 4
aeon__fiber_entry:
        .cfi_startproc
        .cfi_undefined rip
        endbr64
        xorl    %ebp, %ebp
        movq    %r12, %rdi
        callq   *%rbx
        ud2
        .cfi_endproc
        .size   aeon__fiber_entry, . - aeon__fiber_entry

        .section .note.GNU-stack, "", @progbits
