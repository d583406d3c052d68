/* Fibers and their scheduler, without tasks. */
#include "fiber/fiber.h"
#include "harness.h"

#include <fenv.h>
#include <string.h>

struct block {
        struct fiber fiber;
        struct sched *sched;
        char *trace;
        char letter;
        int turns;
};

static void write_letters(struct fiber *fiber)
{
        struct block *b = (struct block *)(void *)fiber;
        for (int i = 0; i < b->turns; i++) {
                b->trace[strlen(b->trace)] = b->letter;
                aeon__fiber_yield(b->sched);
        }
}

static struct block *fiber_new(struct sched *s, char *trace, char letter, int turns)
{
        void *block;
        REQUIRE_INT(aeon__fiber_new(s, STACK_SMALL, sizeof(struct block), write_letters, &block), 0);
        struct block *b = block;
        b->sched = s;
        b->trace = trace;
        b->letter = letter;
        b->turns = turns;
        return b;
}

PLAIN_TEST(fibers_take_turns_in_order)
{
        struct sched s;
        char trace[32] = "";
        aeon__sched_init(&s);
        for (char letter = 'a'; letter <= 'c'; letter++)
                aeon__fiber_ready(&s, &fiber_new(&s, trace, letter, 3)->fiber);
        aeon__sched_run(&s, 100);
        CHECK_STR(trace, "abcabcabc");
        CHECK(!aeon__sched_has_ready(&s));
        aeon__sched_done(&s);
}

PLAIN_TEST(a_spent_budget_returns_to_the_main_context)
{
        struct sched s;
        char trace[32] = "";
        aeon__sched_init(&s);
        aeon__fiber_ready(&s, &fiber_new(&s, trace, 'a', 5)->fiber);
        aeon__fiber_ready(&s, &fiber_new(&s, trace, 'b', 5)->fiber);
        aeon__sched_run(&s, 3);
        CHECK_STR(trace, "aba");
        aeon__sched_run(&s, 100);
        CHECK_STR(trace, "ababababab");
        aeon__sched_done(&s);
}

PLAIN_TEST(run_now_overtakes_the_queue_and_comes_back)
{
        struct sched s;
        char trace[32] = "";
        aeon__sched_init(&s);
        struct block *a = fiber_new(&s, trace, 'a', 1), *b = fiber_new(&s, trace, 'b', 1);
        aeon__fiber_ready(&s, &a->fiber);
        aeon__sched_run_now(&s, &b->fiber);
        CHECK_STR(trace, "b");
        aeon__sched_run(&s, 100);
        CHECK_STR(trace, "ba");
        aeon__sched_done(&s);
}

PLAIN_TEST(run_now_goes_on_past_a_few_yields_when_nobody_else_is_ready)
{
        struct sched s;
        char trace[128] = "";
        aeon__sched_init(&s);
        struct block *a = fiber_new(&s, trace, 'a', 100);
        aeon__sched_run_now(&s, &a->fiber);
        CHECK(strlen(trace) > 1);
        CHECK(strlen(trace) < 100); /* whoever polls has its turn */
        while (aeon__sched_has_ready(&s))
                aeon__sched_run(&s, 100);
        CHECK_INT(strlen(trace), 100);
        aeon__sched_done(&s);
}

static volatile double doubles[2];

static void compute(struct fiber *fiber)
{
        struct block *b = (struct block *)(void *)fiber;
        int me = b->letter;
        double x = me + 0.5; /* kept in a callee-saved register where the ABI has such */
        for (int i = 0; i < 1000; i++) {
                x = x * 1.0001 + me;
                aeon__fiber_yield(b->sched);
        }
        doubles[me] = x;
        fesetround(me ? FE_UPWARD : FE_DOWNWARD);
        aeon__fiber_yield(b->sched);
        CHECK_INT(fegetround(), me ? FE_UPWARD : FE_DOWNWARD);
}

PLAIN_TEST(registers_and_rounding_mode_belong_to_the_fiber)
{
        struct sched s;
        aeon__sched_init(&s);
        for (char me = 0; me < 2; me++) {
                void *block;
                REQUIRE_INT(aeon__fiber_new(&s, STACK_SMALL, sizeof(struct block), compute, &block), 0);
                struct block *b = block;
                b->sched = &s;
                b->letter = me;
                aeon__fiber_ready(&s, &b->fiber);
        }
        while (aeon__sched_has_ready(&s))
                aeon__sched_run(&s, 100);
        for (int me = 0; me < 2; me++) {
                double x = me + 0.5;
                for (int i = 0; i < 1000; i++)
                        x = x * 1.0001 + me;
                CHECK(doubles[me] == x);
        }
        CHECK_INT(fegetround(), FE_TONEAREST);
        aeon__sched_done(&s);
}
