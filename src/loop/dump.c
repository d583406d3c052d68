/* The dumps of all loops; see dump.h.
 *
 * DESIGN
 *   Only a loop's own thread may look at its tasks. So each loop is posted a request and dumps itself when it comes round; who does not
 *   answer in time is blocked, and then its thread's stack says more than its tasks would. A request that is given up belongs to the
 *   loop that still has it, and is freed there.
 */
#include "loop/dump.h"

#include "base/log.h"
#include "loop/loop.h"

#include <aeon/thread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 200 };
enum request_state { ASKED, ANSWERED, GIVEN_UP };

struct request {
        struct aeon_loop *loop;
        aeon_dump_opts opts;
        _Atomic int state;
        struct text dump;
        struct request *next;
};

static void request_free(struct request *request)
{
        aeon__text_done(&request->dump);
        free(request);
}

/* On the loop's thread. */
static void answer(void *arg)
{
        struct request *request = arg;
        aeon__runner_dump(&request->loop->runner, &request->opts, &request->dump);
        if (atomic_exchange(&request->state, ANSWERED) == GIVEN_UP)
                request_free(request);
}

/* NULL when there is no use in asking: it stands still, or memory has run out. */
static struct request *ask(const struct watched *w, bool json)
{
        struct request *request = w->is_covered ? NULL : malloc(sizeof *request);
        if (!request)
                return NULL;
        *request = (struct request){ .loop = w->loop, .opts = { .json = json } };
        if (aeon_post(w->loop, answer, request) == 0)
                return request;
        free(request);
        return NULL;
}

static void wait_for_answers(struct request *all)
{
        for (int ms = 0; ms < PATIENCE_MS; ms++) {
                struct request *request = all;
                while (request && atomic_load(&request->state) == ANSWERED)
                        request = request->next;
                if (!request)
                        return;
                nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
        }
}

/* ------------------------------------------------------------------ a loop that did not answer */

static void print_blocked_json(struct text *out, const struct stack_sample *s, const char *stack)
{
        aeon__text_print(out, "{\"id\":%llu,\"task\":", (unsigned long long)s->task_id);
        aeon__json_add_string(out, s->task_name);
        aeon__text_print(out, ",\"site\":");
        aeon__json_add_string(out, s->task_site);
        aeon__text_print(out, ",\"stack\":");
        aeon__json_add_string(out, stack);
        aeon__text_print(out, "}");
}

static void print_blocked(struct text *out, const struct watched *w, const struct stack_sample *s, const char *stack)
{
        if (w->is_covered)
                aeon__text_print(out, "stands still while its task \"%s\" #%llu (%s) runs another loop\n", s->task_name,
                                 (unsigned long long)s->task_id, s->task_site);
        else if (s->task_id)
                aeon__text_print(out, "blocked by task \"%s\" #%llu (%s), which is in%s\n", s->task_name,
                                 (unsigned long long)s->task_id, s->task_site, stack);
        else
                aeon__text_print(out, "blocked, not by a task, but in%s\n", stack);
}

static void print_silent(struct text *out, const struct watched *w, bool json)
{
        struct stack_sample sample;
        struct text stack = { 0 };
        if (aeon__stack_sample(w->thread, &w->loop->runner.sched, NULL, &sample) < 0) {
                aeon__text_print(out, json ? "null" : "does not answer, and its thread does not say where it is\n");
                return;
        }
        aeon__stack_print(&stack, &sample);
        if (json)
                print_blocked_json(out, &sample, stack.data ? stack.data : "");
        else
                print_blocked(out, w, &sample, stack.data ? stack.data : " ?");
        aeon__text_done(&stack);
}

/* ------------------------------------------------------------------ all of them */

static void print_loop(struct text *out, const struct watched *w, struct request *request, bool json)
{
        bool answered = request && atomic_exchange(&request->state, GIVEN_UP) == ANSWERED;
        if (json) {
                aeon__text_print(out, "{\"loop\":");
                aeon__json_add_string(out, w->loop->title);
                aeon__text_print(out, answered ? ",\"dump\":" : ",\"blocked\":");
        } else {
                aeon__text_print(out, "%s: ", w->loop->title);
        }
        if (answered) {
                aeon__text_add(out, request->dump.data, request->dump.length);
                request_free(request);
        } else {
                print_silent(out, w, json);
        }
        if (json)
                aeon__text_print(out, "}");
}

void aeon__loops_dump(bool json, struct text *out)
{
        struct list *watches = aeon__watches_take();
        struct request *requests = NULL, **last = &requests;
        struct watched *w;
        list_foreach (w, watches, in_watches)
                if ((*last = ask(w, json)))
                        last = &(*last)->next;
        wait_for_answers(requests);

        if (json)
                aeon__text_print(out, "{\"loops\":[");
        list_foreach (w, watches, in_watches) {
                struct request *request = requests && requests->loop == w->loop ? requests : NULL;
                if (request)
                        requests = request->next;
                if (json && w != list_first(watches, struct watched, in_watches))
                        aeon__text_print(out, ",");
                print_loop(out, w, request, json);
        }
        if (json)
                aeon__text_print(out, "]}");
        aeon__watches_give();
}

void aeon__loops_dump_to_stderr(void)
{
        struct text out = { 0 };
        bool json = aeon__log_is_json();
        aeon__loops_dump(json, &out);
        if (json)
                aeon__text_print(&out, "\n");
        aeon__text_write(&out, STDERR_FILENO);
        aeon__text_done(&out);
}

struct dump_errand {
        struct errand errand;
        struct wait wait;
        struct aeon_loop *loop;
        struct aeon_task *task;
        bool json;
        struct text text;
};

static void wake_after_dump(void *arg)
{
        struct dump_errand *e = arg;
        aeon_loop_release(e->loop);
        aeon__wake(e->task, 0);
}

static void dump_for_task(struct errand *errand)
{
        struct dump_errand *e = container_of(errand, struct dump_errand, errand);
        aeon__loops_dump(e->json, &e->text);
        aeon__post_surely(e->loop, wake_after_dump, e);
}

int aeon__loops_dump_for_task(bool json, struct text *ret_text)
{
        struct aeon_task *t = NULL;
        int r = aeon__wait_enter(&t);
        if (r < 0)
                return r;
        struct dump_errand e = {
                .errand.run = dump_for_task, .wait.what = "dump", .loop = aeon__loop_hold(aeon__loop_now()), .task = t, .json = json
        };
        aeon__watchdog_send(&e.errand);
        aeon__wait(&e.wait);
        if (e.text.failed) {
                aeon__text_done(&e.text);
                return aeon_fail(-ENOMEM, "no memory to dump all loops");
        }
        *ret_text = e.text;
        return 0;
}

void aeon__loop_set_title(struct aeon_loop *loop, const char *format, ...)
{
        va_list arguments;
        aeon__watches_take();
        va_start(arguments, format);
        vsnprintf(loop->title, sizeof loop->title, format, arguments);
        va_end(arguments);
        aeon__watches_give();
}

/* ------------------------------------------------------------------ by a signal */

static pthread_mutex_t signal_lock = PTHREAD_MUTEX_INITIALIZER;
static int dump_signal; /* 0: none */
static struct sigaction before;

static void on_dump_signal(int number)
{
        (void)number;
        aeon__watchdog_ask_for_dump();
}

static void give_back(void)
{
        if (dump_signal)
                sigaction(dump_signal, &before, NULL);
        dump_signal = 0;
}

int aeon_task_dump_on_signal(int number)
{
        struct sigaction action = { .sa_handler = on_dump_signal, .sa_flags = SA_RESTART | SA_ONSTACK };
        int r = 0;
        sigemptyset(&action.sa_mask);
        pthread_mutex_lock(&signal_lock);
        give_back();
        if (number && sigaction(number, &action, &before) < 0)
                r = -errno;
        else
                dump_signal = number;
        pthread_mutex_unlock(&signal_lock);
        return r < 0 ? aeon_fail_os(r, "signal %d cannot be caught", number) : 0;
}
