/* What background and periodic tasks have in common: a name, a loop, and a way to be asked for something from any thread.
 *
 * DESIGN
 *   A struct beside is one such task on one loop; what is placed on every loop is a row of them with one name. All are on the app's
 *   list, which its lock guards. A task lives on its loop: it starts there and changes there, and the lock only lets others look.
 *
 *   Whoever wants something of a task leaves a bit (ASK_...) and has its loop look at the bits: by a post, or at once when this is
 *   its loop. Bits that are left before the loop begins its tasks (step 6) are looked at then.
 *
 *       aeon_periodic_trigger(app, "refresh")        any thread
 *         asked |= ASK_TRIGGER --post--> look()      the task's loop
 *                                          kind->asked(b, ASK_TRIGGER)
 *
 *   A task that is OVER, and for which no look is under way, may be removed from the list: a service can start tasks without end.
 */
#pragma once

#include "app/app.h"

struct beside;

struct beside_kind {
        const char *name;                               /* "background" */
        bool may_start_late;                            /* while the app serves */
        int (*start)(struct beside *b);                 /* on its loop, once; what fails has been dealt with */
        void (*asked)(struct beside *b, unsigned asks); /* on its loop, when it has started and is not over */
        void (*closing)(struct beside *b);              /* the app is about to cancel it; on its loop, with the app's lock held */
        void (*never_started)(struct beside *b);        /* instead of start(), once, on any thread; the task is over */
        void (*free)(struct beside *b);                 /* what fill() has made */
};

enum { ASK_START = 1, ASK_STOP = 2, ASK_ABANDON = 4, ASK_TRIGGER = 8, ASK_PAUSE = 16, ASK_RESUME = 32 };

struct beside {
        const struct beside_kind *kind;
        aeon_app *app;
        char *name;
        const char *site;
        aeon_task_fn *fn;
        void *arg;
        unsigned loop; /* the number of the lifespan it belongs to */

        /* Under the app's lock. */
        struct beside *next;
        unsigned asked; /* and not yet looked at */
        bool looking;   /* its loop looks, or is about to */
        bool begun;     /* it was started, or never will be */
        bool over;      /* nothing of it runs any more */
        bool late;      /* it came while its loop served */
};

/* What a user declares. */
struct beside_call {
        aeon_app *app;
        const struct beside_kind *kind;
        size_t size; /* of the kind's own struct, which begins with a struct beside */
        const char *name;
        aeon_task_fn *fn;
        void *arg;
        const char *site;
        aeon_placement placement;
        const void *opts;
        int (*fill)(struct beside *b, const void *opts); /* set up the rest of each */
};

/* Make the tasks of @call and put them on the list; those whose loop serves start. Errors: -EEXIST, -EINVAL for the placement, -EPERM
 * for the kind, -ESHUTDOWN, -ENOMEM, those of fill(). */
int aeon__beside_add(const struct beside_call *call);

/* The result of a declaration: kept by the app when it is an error and the app is being declared. */
int aeon__beside_declared(aeon_app *app, int r);

/* The next task of @kind after @after (NULL: the first), and of this name unless @name is NULL. With the app's lock held. */
struct beside *aeon__beside_next(aeon_app *app, const struct beside_kind *kind, const char *name, const struct beside *after);

/* Ask all tasks of this kind and name. Errors: -ENOENT with words, -ESHUTDOWN, -ENOMEM. */
int aeon__beside_ask(aeon_app *app, const struct beside_kind *kind, const char *name, unsigned ask);

/* Claim a task that has not started, so that it never will. With the app's lock held; call never_started() without it. */
bool aeon__beside_claim(struct beside *b);

/* Spawn @fn(@b) on the loop of @b, under the name of @b. On that loop. */
int aeon__beside_spawn(struct beside *b, aeon_task_fn *fn);

/* The lifespan of @b. */
struct aeon_lifespan *aeon__beside_life(const struct beside *b);

/* For the first moment of a spawned task: have the task variables of its lifespan, not those of who happened to start it. */
void aeon__beside_adopt(const struct beside *b);

/* Call the task's function as the body of a task, under a time limit (0: none). *ret_timed_out: the limit ended it. */
int aeon__beside_run(const struct beside *b, aeon_duration timeout, bool *ret_timed_out);

/* Full jitter: *ret_ceiling doubles with each of the @failures in a row, and the pause is anything up to it. */
aeon_duration aeon__beside_pause(aeon_duration first, aeon_duration longest, unsigned failures, aeon_duration *ret_ceiling);

/* Copy @text to *at, for a list in one block, and move *at behind it. */
const char *aeon__beside_pack(char **at, const char *text);

#define FIRST_PAUSE AEON_MILLISECONDS(100)
#define LONGEST_PAUSE AEON_SECONDS(30)

extern const struct beside_kind aeon__background_kind, aeon__periodic_kind;
