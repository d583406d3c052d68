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

static void shuffled_trace(uint64_t seed, char *trace)
{
        struct sched s;
        aeon__sched_init(&s);
        s.shuffle = seed;
        for (char letter = 'a'; letter <= 'h'; letter++)
                aeon__fiber_ready(&s, &fiber_new(&s, trace, letter, 3)->fiber);
        while (aeon__sched_has_ready(&s))
                aeon__sched_run(&s, 2);
        aeon__sched_done(&s);
}

PLAIN_TEST(shuffled_rounds_are_fair_differ_and_come_again_with_their_seed)
{
        char first[32] = "", again[32] = "", other[32] = "";
        shuffled_trace(1, first);
        shuffled_trace(1, again);
        shuffled_trace(2, other);
        CHECK_STR(again, first);
        CHECK(strcmp(other, first) != 0);
        REQUIRE_INT(strlen(first), 24);
        CHECK(memcmp(first, first + 8, 8) != 0);
        for (char letter = 'a'; letter <= 'h'; letter++)
                for (size_t round = 0; round < 3; round++)
                        CHECK(memchr(&first[round * 8], letter, 8) != NULL);
}

enum { CROWD = 100, ROUNDS = 50 };

static long steps, longest_wait;

static void measure_waits(struct fiber *fiber)
{
        struct block *b = (struct block *)(void *)fiber;
        for (int i = 0; i < b->turns; i++) {
                long left = ++steps;
                aeon__fiber_yield(b->sched);
                if (steps - left > longest_wait)
                        longest_wait = steps - left;
        }
}

/* The longest time that one of a crowd of fibers, all always ready, was passed over: in turns of others. */
static long longest_wait_in_crowd(uint64_t seed)
{
        struct sched s;
        aeon__sched_init(&s);
        s.shuffle = seed;
        steps = longest_wait = 0;
        for (int i = 0; i < CROWD; i++) {
                struct block *b = fiber_new(&s, NULL, 0, ROUNDS);
                b->fiber.body = measure_waits;
                aeon__fiber_ready(&s, &b->fiber);
        }
        while (aeon__sched_has_ready(&s))
                aeon__sched_run(&s, 7);
        aeon__sched_done(&s);
        return longest_wait;
}

PLAIN_TEST(no_ready_fiber_is_passed_over_for_longer_than_a_round)
{
        CHECK_INT(longest_wait_in_crowd(0), CROWD - 1);
        long shuffled = longest_wait_in_crowd(5); /* first in one round, last in the next */
        CHECK(shuffled > CROWD && shuffled <= 2L * (CROWD - 1));
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
