/* aeon__switch(void **save_sp, void *load_sp): AAPCS64.
 *
 * x19-x30, the low halves of v8-v15 and the floating-point control register are what a callee must keep.
 *
 *      sp ->   x19 x20 .. x29 x30 | d8 .. d15 | fpcr, padding         (22 words)
 */
        .text
        .globl  aeon__switch
        .hidden aeon__switch
        .type   aeon__switch, %function
        .p2align 4
aeon__switch:
        .cfi_startproc
        hint    #34                     /* bti c */
        sub     sp, sp, #176
        stp     x19, x20, [sp, #0]
        stp     x21, x22, [sp, #16]
        stp     x23, x24, [sp, #32]
        stp     x25, x26, [sp, #48]
        stp     x27, x28, [sp, #64]
        stp     x29, x30, [sp, #80]
        stp     d8,  d9,  [sp, #96]
        stp     d10, d11, [sp, #112]
        stp     d12, d13, [sp, #128]
        stp     d14, d15, [sp, #144]
        mrs     x9, fpcr
        str     x9, [sp, #160]
        mov     x9, sp
        str     x9, [x0]
        mov     sp, x1
        ldp     x19, x20, [sp, #0]
        ldp     x21, x22, [sp, #16]
        ldp     x23, x24, [sp, #32]
        ldp     x25, x26, [sp, #48]
        ldp     x27, x28, [sp, #64]
        ldp     x29, x30, [sp, #80]
        ldp     d8,  d9,  [sp, #96]
        ldp     d10, d11, [sp, #112]
        ldp     d12, d13, [sp, #128]
        ldp     d14, d15, [sp, #144]
        ldr     x9, [sp, #160]
        msr     fpcr, x9
        add     sp, sp, #176
        ret
        .cfi_endproc
        .size   aeon__switch, . - aeon__switch

/* The first instruction of every fiber: x19 holds the function, x20 its argument (see aeon__context_prepare). */
        .globl  aeon__fiber_entry
        .hidden aeon__fiber_entry
        .type   aeon__fiber_entry, %function
        .p2align 4
aeon__fiber_entry:
        .cfi_startproc
        .cfi_undefined x30
        hint    #36                     /* bti j */
        mov     x29, xzr
        mov     x30, xzr
        mov     x0, x20
        blr     x19
        brk     #1
        .cfi_endproc
        .size   aeon__fiber_entry, . - aeon__fiber_entry

        .section .note.GNU-stack, "", %progbits
