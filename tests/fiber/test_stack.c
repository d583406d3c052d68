/* Stacks, guards and the words before a crash. A crash happens in a child of the test. */
#include "fiber/fiber.h"
#include "harness.h"

#include <aeon/loop.h>
#include <aeon/task.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Run @body in a child; its end in @ret_status, what it said in the result (borrowed). */
static const char *in_child(void (*body)(void), int *ret_status)
{
        static char text[65536];
        int ends[2];
        REQUIRE(pipe(ends) == 0);
        pid_t pid = fork();
        if (pid == 0) {
                struct rlimit none = { 0, 0 };
                setrlimit(RLIMIT_CORE, &none);
                dup2(ends[1], 2);
                body();
                _exit(0);
        }
        close(ends[1]);
        size_t length = 0;
        ssize_t n;
        while ((n = read(ends[0], text + length, sizeof text - 1 - length)) > 0)
                length += (size_t)n;
        text[length] = '\0';
        close(ends[0]);
        waitpid(pid, ret_status, 0);
        return text;
}

/* ------------------------------------------------------------------ overflow and crash */

static int (*volatile dive_again)(int depth);

static int dive(int depth)
{
        volatile char room[1024];
        room[depth % 1024] = 1;
        return dive_again(depth + 1) + room[(depth + 1) % 1024];
}

static int overflow(void *arg)
{
        (void)arg;
        dive_again = dive;
        return dive(0);
}

static int crash(void *arg)
{
        static volatile uintptr_t nowhere;
        nowhere = (uintptr_t)arg; /* hidden from the compiler, which would warn */
        *(volatile int *)nowhere = 1;
        return 0;
}

static int fail_assertion(void *arg)
{
        (void)arg;
        abort();
}

static int in_group(void *arg)
{
        aeon_group *g;
        int r = aeon_group_open(&g);
        if (r < 0)
                return r;
        aeon_task_fn *fn = *(aeon_task_fn **)arg;
        r = aeon_spawn_with(g, "left", fn, (void *)16, &(aeon_spawn_opts){ .stack_size = STACK_SMALL_SIZE });
        return r < 0 ? r : aeon_group_close(g);
}

static aeon_task_fn *doomed;

static void run_doomed(void)
{
        aeon_loop_run(in_group, &doomed);
}

static void check_overflow(enum stack_guard guard)
{
        int status;
        aeon__stack_guard_force(guard);
        doomed = overflow;
        const char *text = in_child(run_doomed, &status);
        aeon__stack_guard_force(GUARD_AUTO);
        CHECK_CONTAINS(text, "aeon: stack overflow: in task \"left\" (spawned at ");
        CHECK_CONTAINS(text, "test_stack.c:");
        CHECK_CONTAINS(text, "needs more than its 64 KiB\n");
        if (!test_is_slow()) /* such tools end the process their own way */
                CHECK(WIFSIGNALED(status) && (WTERMSIG(status) == SIGSEGV || WTERMSIG(status) == SIGBUS));
}

PLAIN_TEST(overflow_names_the_task)
{
        check_overflow(GUARD_AUTO);
}

PLAIN_TEST(overflow_is_caught_by_the_fallback_guard_too)
{
        check_overflow(GUARD_MPROTECT);
}

PLAIN_TEST(a_crash_names_the_task_and_still_dumps_core)
{
        int status;
        doomed = crash;
        const char *text = in_child(run_doomed, &status);
        CHECK_CONTAINS(text, "aeon: crash: SIGSEGV (Segmentation fault) at address 0x10, in task \"left\"");
        if (!test_is_slow()) /* such tools end the process their own way */
                CHECK_INT(WIFSIGNALED(status) ? WTERMSIG(status) : 0, SIGSEGV);
}

PLAIN_TEST(an_abort_names_the_task)
{
        int status;
        doomed = fail_assertion;
        const char *text = in_child(run_doomed, &status);
        CHECK_CONTAINS(text, "aeon: crash: SIGABRT (Aborted), in task \"left\"");
        CHECK_INT(WIFSIGNALED(status) ? WTERMSIG(status) : 0, SIGABRT);
}

static void crash_without_loop(void)
{
        crash((void *)16);
}

PLAIN_TEST(a_crash_of_a_program_without_loops_is_left_alone)
{
        int status;
        const char *text = in_child(crash_without_loop, &status);
        CHECK(!strstr(text, "aeon: crash"));
}

/* ------------------------------------------------------------------ pools */

enum { BLOCK = 400 };

PLAIN_TEST(stacks_are_recycled_last_in_first_out)
{
        struct stack_pool pool = { 0 };
        struct stack *first, *second, *again;
        void *block;
        REQUIRE_INT(aeon__stack_take(&pool, STACK_SMALL, BLOCK, &first, &block), 0);
        CHECK_INT((uintptr_t)block % 16, 0);
        REQUIRE_INT(aeon__stack_take(&pool, STACK_SMALL, BLOCK, &second, &block), 0);
        CHECK(first != second);
        CHECK(first->guarded && second->guarded);
        aeon__stack_give(first, STACK_SMALL);
        aeon__stack_give(second, STACK_SMALL);
        REQUIRE_INT(aeon__stack_take(&pool, STACK_SMALL, BLOCK, &again, &block), 0);
        CHECK(again == second);
        aeon__stack_give(again, STACK_SMALL);
        CHECK_INT(pool.live, 0);
        aeon__stack_pool_done(&pool);
}

PLAIN_TEST(an_address_is_found_in_its_stack_and_nowhere_after_the_pool_is_done)
{
        struct stack_pool pool = { 0 };
        struct stack *stack;
        struct stack_fault fault;
        void *block;
        REQUIRE_INT(aeon__stack_take(&pool, STACK_LARGE, BLOCK, &stack, &block), 0);
        REQUIRE(aeon__stack_find(block, &fault));
        CHECK(fault.stack == stack && !fault.in_guard && fault.size == STACK_LARGE_SIZE);
        REQUIRE(aeon__stack_find(stack->low - 1, &fault));
        CHECK(fault.stack == stack && fault.in_guard);
        const char *low = stack->low;
        aeon__stack_give(stack, STACK_LARGE);
        aeon__stack_pool_done(&pool);
        CHECK(!aeon__stack_find(low, &fault));
}

enum { BURST = 1500 };

static void take_and_give(struct stack_pool *pool, int count)
{
        static struct stack *stacks[BURST];
        void *block;
        for (int i = 0; i < count; i++)
                REQUIRE_INT(aeon__stack_take(pool, STACK_SMALL, BLOCK, &stacks[i], &block), 0);
        for (int i = count; i--;)
                aeon__stack_give(stacks[i], STACK_SMALL);
}

static void next_epoch(struct stack_pool *pool)
{
        while (aeon__stack_pool_trim(pool))
                ;
}

PLAIN_TEST(stacks_that_nobody_took_for_an_epoch_are_given_back_and_the_others_kept)
{
        struct stack_pool pool = { 0 };
        take_and_give(&pool, BURST);
        size_t all = pool.carved;
        CHECK_INT(all, BURST);
        CHECK(aeon__stack_pool_is_wasteful(&pool));
        next_epoch(&pool);
        CHECK_INT(pool.carved, all);
        take_and_give(&pool, 900);
        next_epoch(&pool);
        CHECK(pool.carved >= 900 && pool.carved < all);
        size_t kept = pool.carved;
        take_and_give(&pool, 900);
        next_epoch(&pool);
        CHECK_INT(pool.carved, kept);
        next_epoch(&pool);
        CHECK(pool.carved >= STACKS_KEPT && pool.carved < kept);
        kept = pool.carved;
        next_epoch(&pool);
        CHECK_INT(pool.carved, kept);
        take_and_give(&pool, BURST);
        CHECK_INT(pool.carved, BURST);
        aeon__stack_pool_done(&pool);
}

PLAIN_TEST(a_slab_with_a_stack_in_use_is_kept)
{
        struct stack_pool pool = { 0 };
        struct stack *first[BURST], *kept = NULL;
        void *block;
        for (int i = 0; i < BURST; i++)
                REQUIRE_INT(aeon__stack_take(&pool, STACK_SMALL, BLOCK, &first[i], &block), 0);
        kept = first[BURST - 1];
        for (int i = 0; i < BURST - 1; i++)
                aeon__stack_give(first[i], STACK_SMALL);
        for (int i = 0; i < 3; i++)
                next_epoch(&pool);
        struct stack_fault where;
        CHECK(aeon__stack_find(kept->low, &where) && where.stack == kept);
        CHECK(pool.carved > STACKS_KEPT && pool.carved < BURST);
        memset(kept->low, 1, 100);
        aeon__stack_give(kept, STACK_SMALL);
        aeon__stack_pool_done(&pool);
}

static int read_int(const char *path)
{
        char *text = test_read_file(path);
        int value = text ? atoi(text) : -1;
        free(text);
        return value;
}

static int count_mappings(void)
{
        FILE *f = fopen("/proc/self/maps", "r");
        int lines = 0, c;
        while (f && (c = fgetc(f)) != EOF)
                lines += c == '\n';
        if (f)
                fclose(f);
        return lines;
}

PLAIN_TEST_WITHIN(fallback_guards_leave_most_of_the_kernels_mappings_alone, 60)
{
        enum { STACKS = 20000 };
        int limit = read_int("/proc/sys/vm/max_map_count"), unguarded = 0;
        if (test_is_slow() || limit <= 0)
                limit = 65530;
        int wanted = test_is_slow() ? 200 : STACKS;
        struct stack_pool pool = { 0 };
        struct stack **stacks = calloc((size_t)wanted, sizeof *stacks);
        void *block;
        int before = count_mappings();
        aeon__stack_guard_force(GUARD_MPROTECT);
        for (int i = 0; i < wanted; i++) {
                REQUIRE_INT(aeon__stack_take(&pool, STACK_SMALL, BLOCK, &stacks[i], &block), 0);
                *(volatile char *)block = 1;
                unguarded += !stacks[i]->guarded;
        }
        CHECK(count_mappings() < before + limit / 4 + 50);
        if (!test_is_slow())
                CHECK_INT(unguarded, STACKS - limit / 8);
        for (int i = 0; i < wanted; i++)
                aeon__stack_give(stacks[i], STACK_SMALL);
        aeon__stack_pool_done(&pool);
        if (!test_is_slow()) /* TSan keeps its own for every fiber that there was */
                CHECK(count_mappings() < before + 50);
        free(stacks);
}
