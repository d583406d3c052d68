/* Looking into another thread; see sample.h.
 *
 * DESIGN
 *   Only a thread itself can walk its stack safely. So it is sent a signal whose handler does that, on the thread's alternate stack, into
 *   memory prepared before; names are found afterwards, by who asked. The walk begins in the handler, crosses the signal's frame into
 *   the fiber and ends at the fiber's entry, which says to the unwinder that nothing called it.
 *
 *        asker                              thread
 *        IDLE -> ASKED, pthread_kill() ---> handler: ASKED -> FILLING, backtrace(), -> FILLED
 *        sees FILLED; -> IDLE
 *
 *   backtrace() is safe in a handler once its unwinder is loaded, hence the call before the first signal. Since the thread itself checks
 *   its progress, a task that has yielded just now is never blamed, and the walk never begins in the middle of a switch.
 *
 *   The signal is SIGURG, as in the Go runtime: ignored by default, passed on by debuggers, and of hardly any use to anybody else; what is
 *   not asked for here goes to the handler that was there before. It is SA_RESTART, but sleeps and polls end early with EINTR: once per
 *   report.
 */
#include "loop/sample.h"

#include "loop/symbol.h"

#include <execinfo.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

enum { PATIENCE_MS = 1000, HANDLER_FRAMES = 4 };
enum request_state { IDLE, ASKED, FILLING, FILLED, REFUSED };

static struct {
        pthread_mutex_t lock; /* one at a time */
        _Atomic int state;
        pthread_t thread;
        const struct sched *sched;
        const struct sched_progress *expected; /* NULL: any */
        struct stack_sample sample;
} request = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct sigaction previous;

/* ------------------------------------------------------------------ in the thread */

static void fill_task(struct stack_sample *sample, const struct aeon_task *t)
{
        sample->task_id = t ? t->id : 0;
        sample->task_site = t ? t->site : "";
        memcpy(sample->task_name, t ? t->name : "", t ? sizeof sample->task_name : 1);
}

/* Leave out the handler's own frames: what was interrupted comes first. */
static void fill_frames(struct stack_sample *sample, const void *interrupted)
{
        void *all[SAMPLE_FRAMES + HANDLER_FRAMES];
        int depth = backtrace(all, SAMPLE_FRAMES + HANDLER_FRAMES), first = 0;
        while (first < depth && all[first] != interrupted)
                first++;
        if (first == depth)
                first = 0; /* this unwinder counts otherwise: better too many than none */
        sample->depth = depth - first < SAMPLE_FRAMES ? depth - first : SAMPLE_FRAMES;
        for (int i = 0; i < sample->depth; i++)
                sample->frames[i] = all[first + i];
}

static void pass_on(int signal_number, siginfo_t *info, void *context)
{
        if (previous.sa_flags & SA_SIGINFO)
                previous.sa_sigaction(signal_number, info, context);
        else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN)
                previous.sa_handler(signal_number);
}

static void on_sample(int signal_number, siginfo_t *info, void *context)
{
        int saved_errno = errno, asked = ASKED;
        if (atomic_load(&request.state) != ASKED || !pthread_equal(request.thread, pthread_self())) {
                pass_on(signal_number, info, context);
        } else if (atomic_compare_exchange_strong(&request.state, &asked, FILLING)) {
                const void *interrupted = aeon__context_interrupted(context);
                struct sched_progress now = aeon__sched_progress(request.sched);
                bool fit = !aeon__context_is_switching(interrupted) &&
                           (!request.expected || aeon__progress_equal(now, *request.expected));
                if (fit) {
                        fill_task(&request.sample, (const struct aeon_task *)(const void *)request.sched->running);
                        fill_frames(&request.sample, interrupted);
                }
                atomic_store(&request.state, fit ? FILLED : REFUSED);
        }
        errno = saved_errno;
}

/* ------------------------------------------------------------------ in the one who asks */

/* Each time anew: somebody may have put his own handler in its place. */
static void install(void)
{
        struct sigaction action = { .sa_sigaction = on_sample, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART }, before;
        sigemptyset(&action.sa_mask);
        void *load_unwinder[1];
        backtrace(load_unwinder, 1);
        if (sigaction(SIGURG, NULL, &before) == 0 && !(before.sa_flags & SA_SIGINFO && before.sa_sigaction == on_sample)) {
                previous = before;
                sigaction(SIGURG, &action, NULL);
        }
}

static int await_answer(void)
{
        for (int ms = 0; ms < PATIENCE_MS && atomic_load(&request.state) == ASKED; ms++)
                nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
        int asked = ASKED;
        if (atomic_compare_exchange_strong(&request.state, &asked, IDLE))
                return -ETIMEDOUT;
        while (atomic_load(&request.state) == FILLING)
                nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
        return atomic_exchange(&request.state, IDLE) == FILLED ? 0 : -EAGAIN;
}

int aeon__stack_sample(pthread_t thread, const struct sched *sched, const struct sched_progress *expected,
                       struct stack_sample *ret_sample)
{
        pthread_mutex_lock(&request.lock);
        install();
        request.thread = thread;
        request.sched = sched;
        request.expected = expected;
        atomic_store(&request.state, ASKED);
        int r = -pthread_kill(thread, SIGURG);
        if (r == 0)
                r = await_answer();
        else
                atomic_store(&request.state, IDLE);
        if (r == 0)
                *ret_sample = request.sample;
        pthread_mutex_unlock(&request.lock);
        return r;
}

void aeon__stack_print(struct text *out, const struct stack_sample *sample)
{
        for (int i = 0; i < sample->depth; i++) {
                char where[192];
                /* All but the innermost are return addresses, which may already belong to what follows the call. */
                aeon__symbol_describe((const char *)sample->frames[i] - (i > 0), where, sizeof where);
                aeon__text_print(out, "\n    #%d %s", i, where);
        }
}
