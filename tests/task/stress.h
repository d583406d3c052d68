/* A program that chance makes up.
 *
 * DESIGN
 *   A crowd of tasks does random things: waits, opens scopes and groups, spawns, fails, and meddles with the scopes, groups,
 *   events and channels of all the others, which stand in tables for that. Each act compares what a call returned with what the
 *   rules say it had to return. All chance comes from one seed, and where nothing else is left to chance, as on a virtual clock, a
 *   run that failed fails again in the same way.
 *
 *   A KEEPER looks in now and then. It checks the invariants of the runner, and, when nothing is ready, that nobody waits for what
 *   is there. When the acts are used up it cancels the crowd and takes down every shield, and so all must end.
 *
 *       crowd   spawn, act, act, act, end ...          its group closes when all have ended
 *       keeper  sleep, check, refill the crowd, sleep, check ...
 */
#pragma once

#include "harness.h"
#include "task/runner.h"

#include <aeon/channel.h>
#include <aeon/error.h>
#include <aeon/scope.h>
#include <aeon/sync.h>
#include <aeon/task.h>
#include <aeon/time.h>

/* A group as its tasks know it: what they expect of it. Kept after the group is gone, so that a task that outlives it is seen. */
struct band {
        aeon_group *group;
        size_t started, ended;
        int first_code;   /* of the first failure, in the order in which tasks ended */
        bool never_fails; /* its tasks swallow what went wrong */
        bool joining, closed;
        struct band *next;
};

/* Something to do; @band: where the running task belongs. Returns what the task's code passes on: 0, or a code that ends it. */
struct act {
        const char *name;
        unsigned weight;
        int (*run)(struct band *band, int depth);
        bool nests; /* it does acts itself */
        long times; /* how often it was done */
};

struct stress_plan {
        uint64_t seed;
        long acts;          /* how many to do in all */
        size_t crowd;       /* how many tasks to keep alive */
        aeon_duration tick; /* durations are small multiples of it */
        struct act *more;   /* besides those that need no more than a runner; ends with one without a name */
};

struct stress {
        struct stress_plan plan;
        uint64_t random;
        long acts_left;
        size_t alive, most_alive;
        bool meddling; /* strangers move shields, so a -ECANCELED may arrive where nothing is cancelled any more */
        long tasks, absorbed, timed_out, cancelled, failed_groups, delivered, refused, checks, idle_checks;
};
extern struct stress stress;

/* The first task's work: run the plan and check the outcome. On a runner with any driver. */
void stress_run(const struct stress_plan *plan);

/* One that is always the same, one that is new each time; both are AEON_SEED when that is set in the environment. */
uint64_t stress_fixed_seed(void);
uint64_t stress_fresh_seed(void);

/* ------------------------------------------------------------------ for acts */

/* 0 to @n - 1. */
size_t chance(size_t n);
aeon_duration some_time(void);

/* What a suspending call returned, after a look whether it could: @cancelled_before is aeon_cancelled() from before the call. */
int suspended(bool cancelled_before, int r);
#define SUSPENDED(call)                                    \
        __extension__({                                    \
                bool cancelled__before = aeon_cancelled(); \
                suspended(cancelled__before, (call));      \
        })

/* Do some acts, at most @depth deep in scopes and groups; the first code that is not 0, or 0. */
int act_some(struct band *band, int depth);

struct band *band_open(void);
int band_close(struct band *band);
void spawn_into(struct band *band); /* somebody who does some acts */
void stress_meddle(void);           /* with a scope of some task; also from outside of tasks */

/* Some event, which stays until event_leave(). */
aeon_event *event_enter(size_t *ret_place);
void event_leave(size_t place);

/* ------------------------------------------------------------------ between the files of this program */

extern struct act stress_wait_acts[], stress_scope_acts[], stress_sync_acts[], stress_channel_acts[], stress_lock_acts[];

void stress_scopes_unshield(void);      /* all that are open */
void stress_meddle_with(aeon_scope *s); /* if it is one of ours */
void stress_bands_free(void);

void stress_sync_open(void);
void stress_sync_check_idle(void); /* every other task waits: does one wait for what is there? */
void stress_sync_tend(void);       /* complete what cannot be aborted */
void stress_sync_close(void);      /* the crowd is gone */

void stress_channels_open(long acts);
void stress_channels_check_idle(void);
void stress_channels_close(void); /* is anything lost? */

void stress_locks_open(void);
void stress_locks_check_idle(void);
void stress_locks_close(void);
