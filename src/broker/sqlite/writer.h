/* The writer thread of one queue file.
 *
 * DESIGN
 *   sqlite blocks, so no loop ever calls it. Tasks of any loop hand OPERATIONS to one thread per file and park; the thread carries out
 *   all that have gathered in ONE transaction, and wakes their tasks (aeon_post to their loops) once it is committed. While one commit
 *   waits for the disk the next operations gather: the groups form by themselves, and the more there is to do the larger they are.
 *
 *       task --submit--> queue ==all==> BEGIN .. operations .. due delays .. claims .. COMMIT --post--> task goes on
 *                          ^                                                            \--post--> aeon__deliver()
 *       other processes ---|--- inotify (owners.h)
 *
 *   Commits that contain a publish or a verdict wait for the disk; those with only claims and releases do not, since losing one merely
 *   delivers again.
 *
 *   WHEN A TRANSACTION FAILS everything in it is rolled back. Publishes get the error. Verdicts must not be lost: when the cause may
 *   pass (disk full, locked, no memory) they are tried again until it has, and no credit comes back meanwhile, so consumption pauses by
 *   itself; during a stop they give up after a while, and the messages come again.
 */
#pragma once

#include "broker/driver.h"
#include "broker/sqlite/store.h"
#include "task/task.h"

#include <pthread.h>

enum operation_kind {
        OPERATION_OPEN,  /* one more link: opens the file if it is the first */
        OPERATION_CLOSE, /* one less: closes the file if it was the last */
        OPERATION_PING,
        OPERATION_SUBSCRIBE, /* source */
        OPERATION_DRAIN,     /* source */
        OPERATION_PUBLISH,   /* envelope */
        OPERATION_SETTLE,    /* token, settlement */
        OPERATION_COUNT,     /* source; how many messages wait for its group */
};

/* Lies on the stack of the task that waits for it. */
struct operation {
        struct list node; /* in the writer's queue or the present batch */
        enum operation_kind kind;
        union {
                struct tap *tap;
                const struct envelope *envelope;
                struct {
                        int64_t token;
                        const struct settlement *settlement;
                };
        };
        int result;
        char words[512]; /* of a failure */
        aeon_loop *loop;
        struct aeon_task *task;
};

/* A source, or a link's address for answers, as the writer serves it. */
struct tap {
        struct list node; /* in the writer's taps */
        const char *destination;
        struct source *source; /* NULL: an address for answers */
        int slot;              /* its group's, once it is subscribed */
        uint64_t waiting;      /* as OPERATION_COUNT has found */
        struct link *link;
        _Atomic unsigned credit;
};

struct writer;

/* Start the thread; it opens the file with the first OPERATION_OPEN. Does not block. Errors: -ENOMEM, -EAGAIN, -EMFILE */
int aeon__writer_start(const char *path, struct writer **ret_writer);

/* End the thread and free it; every link has been closed, so nothing slow is left to do. */
void aeon__writer_stop(struct writer *w);

/* Carry out @op; returns its result, with its words. Suspends. Cancellable only before it is handed over. */
int aeon__writer_do(struct writer *w, struct link *link, struct operation *op);

/* Look for messages: there is more credit. Any thread. */
void aeon__writer_poke(struct writer *w);

/* This process's id in the file; after OPERATION_OPEN. */
int64_t aeon__writer_owner(const struct writer *w);
