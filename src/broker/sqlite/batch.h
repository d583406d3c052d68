/* What the writer thread has in hand; see writer.h. Between writer.c (the thread) and batch.c (its transactions) only. */
#pragma once

#include "broker/sqlite/writer.h"

struct writer {
        pthread_t thread;
        char *path;
        int wake; /* eventfd */

        pthread_mutex_t lock; /* for the three below */
        struct list submitted;
        bool asleep; /* the thread waits in poll(): a submitter must wake it */
        bool stopping;

        /* The thread's own. */
        struct store store;
        unsigned links; /* open ones; the store is open iff there are any */
        int links_ever; /* the last one's number */
        struct list taps;
        struct list operations;                 /* taken, not finished: the present batch, or verdicts that wait for better times */
        int trouble;                            /* why the last transaction failed; 0: it did not */
        unsigned failures;                      /* in a row */
        bool draining;                          /* a source was drained: verdicts do not wait for ever */
        int64_t trouble_since, looked_for_dead; /* monotonic ms */
};

static inline bool writer_is_open(const struct writer *w)
{
        return w->store.db != NULL;
}

int64_t aeon__monotonic_ms(void);

/* Carry out what is in @w->operations, and claim what there is credit for. */
void aeon__writer_run_batch(struct writer *w);

/* Hand @op, in no list any more, back to its task with its result and words. */
void aeon__operation_finish(struct operation *op);
