/* The crash report; see fault.h. */
#include "fiber/fault.h"

#include "fiber/fiber.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ALTERNATE_STACK = 64 * 1024 };

void (*aeon__fault_describe)(const struct stack *stack, char *text, size_t size);
void (*aeon__fault_report)(const char *line);

static const int crash_signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
enum { CRASH_SIGNALS = sizeof crash_signals / sizeof *crash_signals };
static struct sigaction previous[CRASH_SIGNALS];

static void describe(char *line, size_t size, int signal_number, const siginfo_t *info)
{
        struct stack_fault fault;
        bool has_address = signal_number == SIGSEGV || signal_number == SIGBUS;
        bool overflow = has_address && aeon__stack_find(info->si_addr, &fault) && fault.in_guard;
        struct stack *stack = overflow ? fault.stack : aeon__sched && aeon__sched->running ? aeon__sched->running->stack : NULL;
        char who[160] = "outside any task";
        if (stack && aeon__fault_describe)
                aeon__fault_describe(stack, who, sizeof who);
        if (overflow)
                snprintf(line, size, "aeon: stack overflow: %s needs more than its %zu KiB\n", who, fault.size / 1024);
        else if (has_address)
                snprintf(line, size, "aeon: crash: SIG%s (%s) at address %p, %s\n", sigabbrev_np(signal_number),
                         sigdescr_np(signal_number), info->si_addr, who);
        else
                snprintf(line, size, "aeon: crash: SIG%s (%s), %s\n", sigabbrev_np(signal_number), sigdescr_np(signal_number), who);
}

static void on_crash(int signal_number, siginfo_t *info, void *context)
{
        (void)context;
        char line[512];
        describe(line, sizeof line, signal_number, info);
        ssize_t written = write(STDERR_FILENO, line, strlen(line));
        (void)written;
        if (aeon__fault_report)
                aeon__fault_report(line);

        for (int i = 0; i < CRASH_SIGNALS; i++)
                if (crash_signals[i] == signal_number)
                        sigaction(signal_number, &previous[i], NULL);
        /* A real fault happens again on return and meets the previous handler; a sent or raised signal must be sent again. */
        if (info->si_code <= 0)
                raise(signal_number);
}

static void install(void)
{
        for (int i = 0; i < CRASH_SIGNALS; i++) {
                struct sigaction action = { .sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK };
                sigemptyset(&action.sa_mask);
                sigaction(crash_signals[i], &action, &previous[i]);
        }
}

void aeon__fault_begin(struct fault_guard *guard)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        pthread_once(&once, install);
        *guard = (struct fault_guard){ 0 };
        void *memory = mmap(NULL, ALTERNATE_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED)
                return;
        stack_t alternate = { .ss_sp = memory, .ss_size = ALTERNATE_STACK };
        if (sigaltstack(&alternate, &guard->previous) < 0)
                munmap(memory, ALTERNATE_STACK);
        else
                guard->memory = memory;
}

void aeon__fault_end(struct fault_guard *guard)
{
        if (!guard->memory)
                return;
        sigaltstack(&guard->previous, NULL);
        munmap(guard->memory, ALTERNATE_STACK);
        guard->memory = NULL;
}
