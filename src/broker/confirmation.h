/* What a broker has yet to say about one thing we asked of it.
 *
 * DESIGN
 *   A confirmation lives on the stack of the task that waits for it and hangs in whatever list or table its driver keeps, until it
 *   comes or its task is cancelled; both take it out. Its words are carried over from the task that read them, since an error
 *   text belongs to a task.
 *
 *        struct confirmation c = aeon__confirmation("publish");
 *        list_append(&wire_of_mine->unconfirmed, &c.node);
 *        send...
 *        return aeon__confirmation_wait(&c);                   -- elsewhere: aeon__confirmation_come(&c, 0, NULL)
 */
#pragma once

#include "base/list.h"
#include "task/task.h"

struct confirmation {
        struct list node; /* the driver's; alone once it has come */
        struct wait wait;
        struct aeon_task *task; /* NULL unless it is parked */
        bool here;
        int result;
        void *answer; /* the driver's: what came with it */
        char words[200];
};

AEON_API void aeon__confirmation_init(struct confirmation *c, const char *what);

/* Wait for it; at once if it is here already. Returns its result, with its words if it is an error.
 *
 * Suspends. Cancellable: -ECANCELED, and it is out of its list. What was asked may have happened or not. */
AEON_API AEON_SUSPENDS int aeon__confirmation_wait(struct confirmation *c);

/* It has come: take it out of its list and wake the task. @words NULL: none. On the loop's thread. */
AEON_API void aeon__confirmation_come(struct confirmation *c, int result, const char *words);

/* The same for all of a list of them by `node`. */
AEON_API void aeon__confirmations_come(struct list *all, int result, const char *words);
