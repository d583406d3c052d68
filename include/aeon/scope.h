/* aeon/scope.h - cancel scopes: the only way to stop something, and the only way to limit its time.
 *
 * A scope is a stretch of a task's code that can be cancelled as a whole:
 *
 *         aeon_scope s;
 *         aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = AEON_SECONDS(5) });
 *         int r = fetch();
 *         return aeon_scope_close(&s, r);         // -ETIMEDOUT if the five seconds stopped it
 *
 * Scopes nest; a task's scopes close strictly in reverse order. Cancelling one reaches everything inside it: nested scopes, the
 * groups opened in it, their tasks, and so on down. It is LEVEL-TRIGGERED: while a task is inside a cancelled scope, every
 * suspending call returns -ECANCELED, not only the first. The code passes that code out, and the scope that was cancelled
 * absorbs it when it closes.
 *
 * A SHIELD holds off cancellation that comes from outside, for clean-up that must finish; the shielded scope's own cancel and
 * deadline still work. No other function takes a time-out: this is the one way. */
#ifndef AEON_SCOPE_H
#define AEON_SCOPE_H

#include <aeon/attributes.h>
#include <aeon/time.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct aeon_task;

/* Why a scope is cancelled. */
typedef enum aeon_cancel_cause {
        AEON_CAUSE_NONE,
        AEON_CAUSE_ASKED,    /* aeon_scope_cancel(), aeon_group_cancel() */
        AEON_CAUSE_DEADLINE, /* its own deadline passed */
        AEON_CAUSE_FAILURE,  /* a task of its group failed */
} aeon_cancel_cause;

/* Caller's storage; every member is private. A scope lives where it was opened until it is closed: do not copy or free it before. */
typedef struct aeon_scope {
        struct aeon_scope *parent;      /* the scope around this one, across tasks; NULL at the root */
        struct aeon_scope *first_child; /* the scopes directly inside */
        struct aeon_scope *next, *prev; /* siblings; NULL-terminated both ways */
        struct aeon_task *owner;        /* the task that opened it; NULL while not open */
        struct aeon_group *group;       /* the group it belongs to; NULL for a plain scope */
        aeon_time deadline;             /* AEON_NEVER: none */
        aeon_duration timeout;          /* becomes part of the deadline when the scope is entered; 0: none */
        struct aeon__heap_node timer;   /* in the loop's heap of deadlines: it is in there iff it is ARMED (see src/task/scope.c) */
        uint8_t cause;                  /* aeon_cancel_cause: of its own cancel, the first one */
        bool shield;                    /* outer cancels are held off */
        bool effective;                 /* cancelled, by itself or from outside */
        bool caught;                    /* it absorbed a -ECANCELED */
        uint8_t state;                  /* new, open, closed */
        bool handling;                  /* it is the first member of an aeon_handling */
        const char *name;               /* borrowed */
        char reason[56];                /* words of the first own cancel */
} aeon_scope;

typedef struct aeon_scope_opts {
        aeon_duration timeout; /* from opening; 0: none. Together with deadline: the earlier counts */
        aeon_time deadline;    /* absolute, on aeon_now()'s clock; 0: none. A past one cancels at once */
        bool shield;           /* hold off cancellation from outside */
        const char *name;      /* for reports; borrowed while the scope lives; NULL: "scope" */
} aeon_scope_opts;

/* Open @s around what the running task does next. NULL @opts: a plain scope, to be cancelled by hand.
 *
 * Does not suspend. Owner: caller's storage, until aeon_scope_close().
 *
 * Errors: -EINVAL  a negative timeout, or not called from a task (@s is then inert: closing it hands the result through)
 *         -ENOMEM  no room for the deadline (@s is open all the same, without it)
 * Source: Trio reference, CancelScope. */
AEON_API int aeon_scope_open(aeon_scope *s, const aeon_scope_opts *opts);

/* The two halves of aeon_scope_open(), for a scope that is cancelled, shielded or timed before it is entered.
 * A timeout starts at aeon_scope_enter(). A scope is entered once. Errors: as aeon_scope_open(); -EALREADY when entered before. */
AEON_API int aeon_scope_init(aeon_scope *s, const aeon_scope_opts *opts);
AEON_API int aeon_scope_enter(aeon_scope *s);

/* Close @s, the running task's innermost scope, and return what its body's result @r means outside:
 *
 *   - the scope was cancelled, nothing outside is, and @r is -ECANCELED: absorbed. -ETIMEDOUT if its own deadline was the
 *     cause, 0 if somebody asked (aeon_scope_caught() tells).
 *   - anything else: @r.
 *
 * Does not suspend.
 *
 * Errors: -EINVAL  @s is not the running task's innermost open scope; nothing is changed and the log names task and scope
 * Source: Trio reference, CancelScope; concurrency rules 5, 9, 11. */
AEON_API int aeon_scope_close(aeon_scope *s, int r);

/* Cancel @s and everything inside it. The first cancel's @reason is kept (copied, cut at 55 bytes; NULL: none); later ones change
 * nothing. A scope not yet entered is cancelled from its first moment; a closed one is left alone. Owner loop only. Does not
 * suspend, and runs nothing at once: those inside see it at their next or present suspending call. */
AEON_API void aeon_scope_cancel(aeon_scope *s, const char *reason);

/* Move the deadline; AEON_NEVER removes it. A deadline that has passed is sticky: moving it revives nothing.
 *
 * Errors: -ENOMEM  the deadline stays as it was
 *         -EINVAL  the scope is closed */
AEON_API int aeon_scope_set_deadline(aeon_scope *s, aeon_time deadline);
AEON_API aeon_time aeon_scope_deadline(const aeon_scope *s);

/* Put up or take down the shield. Taking it down lets an outer cancel in at once, to tasks already asleep too. */
AEON_API void aeon_scope_set_shield(aeon_scope *s, bool shield);

/* True when @s itself was cancelled or its deadline passed (an outer cancel does not count). */
AEON_API bool aeon_scope_cancelled(const aeon_scope *s);

/* True when the closed @s absorbed a cancellation. */
AEON_API bool aeon_scope_caught(const aeon_scope *s);

/* True when the running task is inside a cancelled scope, as the next suspending call would find. */
AEON_API bool aeon_cancelled(void);

/* When the running task will be cancelled, as things stand: the earliest deadline up to the nearest shield; INT64_MIN when it is
 * already cancelled, AEON_NEVER when nothing limits it. */
AEON_API aeon_time aeon_effective_deadline(void);

/* Why the running task is cancelled: "timeout of scope \"flush\"", "task \"left\" failed", the words given to aeon_scope_cancel();
 * "" when it is not. Borrowed until the next suspending call. */
AEON_API const char *aeon_cancel_reason(void);

#ifdef __cplusplus
}
#endif
#endif
