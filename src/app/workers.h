/* The supervisor of `--workers N`: the app of a process whose work others do.
 *
 * DESIGN
 *   A supervisor is an app with the life of every other: signals, deadlines, hooks, probes, systemd and the report are the same code. What
 *   the user has declared is SET ASIDE in it: declared, never begun, but for hooks with AEON_ONCE. In its place stands the part "workers":
 *
 *       serve      start N workers and wait until every one is ready; one that fails ends the start with its code
 *       reload     (SIGHUP) one after another: start a successor, wait until it is ready, stop the old one
 *       quiesce    have the sockets refuse newcomers, pass the stop on
 *
 *   A worker is this program, executed again with the same arguments: a successor runs the code that is there then. It has one
 *   end of a socket pair: to talk to us (worker.h), and to learn that we are gone, upon which it stops, in order.
 *   (PR_SET_PDEATHSIG would say so once for each of our threads, and a second signal means haste.)
 *
 *   LISTENING SOCKETS are bound here, when a worker first asks for an address, and handed to every worker that asks for the same. So there is
 *   one queue of connections, which lives as long as the supervisor: who waits in it when a worker goes is taken by another. With
 *   SO_REUSEPORT each worker would have a queue of its own, and who waits there when it closes is reset.
 *
 *       slot 1 --current--> worker --task--> [ what it says | pidfd: its end ]
 *       slot 2 --current--> worker
 *                \.......>  successor, until it is ready
 *
 *   Each process has a task, a HANDLER in the app's sense, so a stop waits for it and a second signal cancels it. The task ends when the
 *   process has, and then decides what comes of the slot: another start after a pause, the end of the app, or nothing.
 */
#pragma once

#include "app/app.h"

#include <limits.h>

#define WORKERS_CHECK "worker %u" /* a health check for each slot */

/* Why a process was started: what its failing to come up means. */
enum worker_role {
        ROLE_FIRST,     /* with the service: the service fails */
        ROLE_AGAIN,     /* in place of a dead one: is tried again, if another worker is ready */
        ROLE_SUCCESSOR, /* in place of one that lives: that one goes on */
};

/* Why a process was started in place of another. */
enum loss {
        LOSS_DIED,     /* it had been ready */
        LOSS_STUCK,    /* it had been ready, and was aborted */
        LOSS_FAILED,   /* it never came up */
        LOSS_REPLACED, /* it made room */
        LOSSES
};

/* One process. */
struct worker {
        struct list in_pool;
        struct slot *slot;
        unsigned holders; /* its task, and whoever waits for its events */
        enum worker_role role;
        pid_t pid;
        int pidfd;
        int line;            /* our end of the pair */
        aeon_event *settled; /* it is ready, or has ended */
        aeon_event *ended;
        aeon_scope *patience; /* around the wait for its end */
        bool ready;           /* has been, once */
        bool takes;           /* is ready now, by its own word */
        bool retired;         /* told to end; nothing is to come after it */
        bool stuck;           /* and aborted for it, by us */
        bool killed;          /* by us, since it did not end in time */
        aeon_time kill_at;    /* then we shall; 0: not told to end */
        aeon_status health;
        aeon_time ready_at, pulse; /* pulse: when it last said that it is live */
        int code;                  /* once ended: its exit code, or 1 when a signal ended it */
        char end[64];              /* once ended: "ended with code 3", "was killed by SIGKILL" */
        char admin[64];            /* where its admin listener is; "": none */
        uint64_t sockets;          /* a bit for each that it has taken */
};

struct worker_place {
        unsigned id;
        int pid;        /* 0: it does not run */
        char admin[64]; /* where its admin listener is; "": none */
};

struct slot {
        struct workers *pool;
        unsigned id;
        struct worker *current;
        unsigned failures;         /* in a row */
        enum loss loss;            /* with no current one: of the last */
        bool replacing;            /* a successor is on its way */
        char waits[48];            /* with no current one: "starts again in 3.2 s" */
        struct worker_place place; /* of the current one, for other threads; under the app's lock */
};

struct workers {
        aeon_app *app;
        aeon_lifespan *life;
        unsigned count;
        struct slot *slots;
        struct list processes; /* of struct worker */
        bool stopping;
        _Atomic unsigned taking; /* workers that are ready now */
        aeon_duration end_limit; /* from SIGTERM to SIGKILL */
        aeon_duration hurry_limit;
        struct shared_socket *sockets;
        struct changes *changes; /* --reload; NULL: not asked for */
        char program[PATH_MAX];
        char *command_line; /* as of /proc/self/cmdline */
        char **argv;        /* into it */
};

/* workers.c. Make @app the supervisor of opts.workers. Errors: -ENOMEM, what reading /proc gave. */
int aeon__workers_use(aeon_app *app);
bool aeon__workers_spoil_readiness(aeon_app *app); /* none is ready; any thread */
struct workers *aeon__workers_of(aeon_app *app);
unsigned aeon__workers_count(const aeon_app *app); /* 0: @app is no supervisor */
unsigned aeon__workers_ready(aeon_app *app);       /* of those; any thread */

/* Where worker number @n, from 0 on, is. Any thread. */
void aeon__workers_place(aeon_app *app, unsigned n, struct worker_place *ret_place);
void aeon__worker_over(struct worker *w);              /* its process has ended */
void aeon__worker_ready(struct worker *w);             /* it has come up */
void aeon__worker_changed(struct worker *w);           /* in what probes see */
const char *aeon__worker_name(const struct worker *w); /* "worker 2 (process 4711)". Borrowed until the next call */

/* worker_process.c */
int aeon__worker_start(struct slot *slot, enum worker_role role, struct worker **ret_worker); /* the caller becomes a holder */
void aeon__worker_stop(struct worker *w); /* SIGTERM, once; SIGKILL when its time is over */
void aeon__worker_drop(struct worker *w);
static inline struct worker *aeon__worker_hold(struct worker *w)
{
        w->holders++;
        return w;
}

/* worker_words.c: what a worker has said. */
void aeon__worker_heard(struct worker *w, const char *lines);

/* worker_sockets.c */
int aeon__shared_socket(struct worker *w, const char *address, int *ret_fd); /* borrowed */
void aeon__shared_sockets_refuse(struct workers *pool);
void aeon__shared_sockets_sweep(struct workers *pool); /* close those that no worker has */
void aeon__shared_sockets_close(struct workers *pool);
