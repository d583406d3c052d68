/* The writer thread: its queue, its sleep, its waking; see writer.h. */
#include "broker/sqlite/batch.h"

#include "loop/loop.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { LOOK_AROUND_MS = 1000, WITHOUT_WATCH_MS = 100, RETRY_FIRST_MS = 20, RETRY_LAST_MS = 1000 };

int64_t aeon__monotonic_ms(void)
{
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ------------------------------------------------------------------ from the loops */

void aeon__writer_poke(struct writer *w)
{
        uint64_t one = 1;
        if (write(w->wake, &one, sizeof one) < 0)
                return; /* the counter is full: it is awake */
}

static void submit(struct writer *w, struct operation *op)
{
        pthread_mutex_lock(&w->lock);
        list_append(&w->submitted, &op->node);
        bool wake = w->asleep;
        w->asleep = false;
        pthread_mutex_unlock(&w->lock);
        if (wake)
                aeon__writer_poke(w);
}

int aeon__writer_do(struct writer *w, struct link *link, struct operation *op)
{
        int r = aeon__wait_enter(&op->task);
        if (r < 0)
                return r;
        struct wait wait = { .what = "sqlite", .object = w };
        op->loop = link->loop;
        submit(w, op);
        r = aeon__wait(&wait);
        return r < 0 ? aeon_fail_at(r, true, AEON_HERE, "%s", op->words) : r;
}

static void wake_task(void *arg)
{
        struct operation *op = arg;
        aeon__wake(op->task, op->result);
}

void aeon__operation_finish(struct operation *op)
{
        (void)aeon__post_surely(op->loop, wake_task, op); /* its task waits, so the loop lives */
}

int64_t aeon__writer_owner(const struct writer *w)
{
        return w->store.self;
}

/* ------------------------------------------------------------------ the thread */

/* How long nothing need be done, in ms; -1: until somebody comes. */
static int time_to_sleep(struct writer *w)
{
        if (w->trouble || !list_empty(&w->operations)) { /* verdicts that wait for better times */
                int pause = RETRY_FIRST_MS << (w->failures < 6 ? w->failures : 6);
                return pause < RETRY_LAST_MS ? pause : RETRY_LAST_MS;
        }
        if (!writer_is_open(w) || list_empty(&w->taps))
                return -1;
        int64_t due = aeon__store_next_due(&w->store);
        int limit = w->store.owners.watch >= 0 ? LOOK_AROUND_MS : WITHOUT_WATCH_MS;
        return due >= 0 && due < limit ? (int)due : limit;
}

static void sleep_until_needed(struct writer *w)
{
        int timeout = time_to_sleep(w);
        pthread_mutex_lock(&w->lock);
        bool idle = list_empty(&w->submitted) && !w->stopping;
        w->asleep = idle;
        pthread_mutex_unlock(&w->lock);
        if (!idle)
                return;
        struct pollfd fds[2] = { { .fd = w->wake, .events = POLLIN }, { .fd = w->store.owners.watch, .events = POLLIN } };
        poll(fds, 2, timeout);
        pthread_mutex_lock(&w->lock);
        w->asleep = false;
        pthread_mutex_unlock(&w->lock);
        uint64_t count;
        if ((fds[0].revents & POLLIN) && read(w->wake, &count, sizeof count) < 0)
                return;
        if (fds[1].revents & POLLIN)
                aeon__owners_woken(&w->store.owners);
}

/* False: it is time to end. */
static bool take_submitted(struct writer *w)
{
        pthread_mutex_lock(&w->lock);
        struct list *node;
        while ((node = list_pop(&w->submitted)))
                list_append(&w->operations, node);
        bool go_on = !w->stopping || !list_empty(&w->operations);
        pthread_mutex_unlock(&w->lock);
        return go_on;
}

static void *run(void *arg)
{
        struct writer *w = arg;
        pthread_setname_np(pthread_self(), "aeon-sqlite");
        while (take_submitted(w)) {
                aeon__writer_run_batch(w);
                sleep_until_needed(w);
        }
        return NULL;
}

/* ------------------------------------------------------------------ beginning and end */

static void writer_free(struct writer *w)
{
        if (w->wake >= 0)
                close(w->wake);
        pthread_mutex_destroy(&w->lock);
        free(w->path);
        free(w);
}

int aeon__writer_start(const char *path, struct writer **ret_writer)
{
        struct writer *w = calloc(1, sizeof *w);
        if (!w)
                return aeon_fail(-ENOMEM, "no memory for a queue file");
        pthread_mutex_init(&w->lock, NULL);
        list_init(&w->submitted);
        list_init(&w->taps);
        list_init(&w->operations);
        w->store.owners.watch = -1;
        w->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        w->path = strdup(path);
        int r = w->wake < 0 ? -errno : !w->path ? -ENOMEM : 0;
        if (r < 0) {
                writer_free(w);
                return aeon_fail_os(r, "cannot use %s", path);
        }
        sigset_t all, before;
        sigfillset(&all); /* signals are the loops' business */
        pthread_sigmask(SIG_SETMASK, &all, &before);
        r = -pthread_create(&w->thread, NULL, run, w);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (r < 0) {
                writer_free(w);
                return aeon_fail_os(r, "cannot start a thread for %s", path);
        }
        *ret_writer = w;
        return 0;
}

void aeon__writer_stop(struct writer *w)
{
        pthread_mutex_lock(&w->lock);
        w->stopping = true;
        pthread_mutex_unlock(&w->lock);
        aeon__writer_poke(w);
        pthread_join(w->thread, NULL);
        writer_free(w);
}
