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

/* Private: the scope directly inside another one, or inside a task. Where it was opened stands here, outside of it, because it may lie on
 * a stack frame that is gone. */
struct aeon__inner {
        struct aeon_scope *scope; /* NULL: none */
        const char *opened_at;    /* "file.c:12"; of this one, or of the last one */
};

/* Caller's storage; every member is private. A scope lives where it was opened until it is closed: do not copy or free it before. */
typedef struct aeon_scope {
        struct aeon_scope *parent;    /* the scope around this one, across tasks; NULL at the root */
        struct aeon__inner inner;     /* what its owner opened directly inside */
        struct aeon_task *owner;      /* the task that opened it; NULL while not open */
        struct aeon_group *group;     /* the group it belongs to; NULL for a plain scope */
        aeon_time deadline;           /* AEON_NEVER: none */
        aeon_duration timeout;        /* becomes part of the deadline when the scope is entered; 0: none */
        struct aeon__heap_node timer; /* in the loop's heap of deadlines: it is in there iff it is ARMED (see src/task/scope.c) */
        uintptr_t outer_mark;         /* the owner's stack_mark before this scope was opened */
        uint32_t state;               /* enum scope_state: new, open, cancelled (by itself or from outside), closed */
        uint8_t cause;                /* aeon_cancel_cause: of its own cancel, the first one */
        bool shield;                  /* outer cancels are held off */
        bool caught;                  /* it absorbed a -ECANCELED */
        bool handling;                /* it is the first member of an aeon_handling */
        const char *name;             /* borrowed */
        const char *closed_at;        /* valid once closed */
        uint64_t cancel_number;       /* valid with a cause: which of two cancels was the first */
        char cancelled_by[32];        /* valid with a cause: the name of the task that did it, "" when none did */
        char reason[96];              /* valid with a cause: its words */
} aeon_scope;

typedef struct aeon_scope_opts {
        aeon_duration timeout; /* from opening; 0: none. Together with deadline: the earlier counts */
        aeon_time deadline;    /* absolute, on aeon_now()'s clock; 0: none. A past one cancels at once */
        bool shield;           /* hold off cancellation from outside */
        const char *name;      /* for reports; borrowed while the scope lives; NULL: "scope" */
} aeon_scope_opts;

/* Open @s around what the running task does next: aeon_scope_open(s, opts). NULL @opts: a plain scope, to be cancelled by hand.
 *
 * Does not suspend. Owner: caller's storage, until aeon_scope_close(). A function that opens a scope in its own frame closes it before it
 * returns. One that does not is found out at the task's next call of this library that is made from further out, or at the task's
 * end: the log names the task and where the scope was opened, the scope is closed, and the task fails with -EINVAL when it ends. A
 * scope that is found overwritten aborts the process: what it limited can no longer be known.
 *
 * Errors: -EINVAL  a negative timeout, or not called from a task (@s is then inert: closing it hands the result through)
 *         -ENOMEM  no room for the deadline (@s is open all the same, without it)
 * Source: Trio reference, CancelScope. */
#define aeon_scope_open(s, ...) aeon_scope_open_at((s), __VA_ARGS__, AEON_HERE)
AEON_API int aeon_scope_open_at(aeon_scope *s, const aeon_scope_opts *opts, const char *site);

/* The two halves of aeon_scope_open(), for a scope that is cancelled, shielded or timed before it is entered: aeon_scope_enter(s).
 * A timeout starts there. A scope is entered once. Errors: as aeon_scope_open(); -EALREADY when entered before. */
AEON_API int aeon_scope_init(aeon_scope *s, const aeon_scope_opts *opts);
#define aeon_scope_enter(s) aeon_scope_enter_at((s), AEON_HERE)
AEON_API int aeon_scope_enter_at(aeon_scope *s, const char *site);

/* Close @s, the running task's innermost scope, and return what its body's result @r means outside: aeon_scope_close(s, r).
 *
 *   - the scope was cancelled, nothing outside is, and @r is -ECANCELED: absorbed. -ETIMEDOUT if its own deadline was the
 *     cause, 0 if somebody asked (aeon_scope_caught() tells).
 *   - anything else: @r.
 *
 * Does not suspend.
 *
 * Errors: -EINVAL  @s is not the running task's innermost open scope, belongs to another task or to a group, was closed before or never
 *                  opened; nothing is changed, and the log names both tasks or both places
 * Source: Trio reference, CancelScope; concurrency rules 5, 9, 11. */
#define aeon_scope_close(s, ...) aeon_scope_close_at((s), (__VA_ARGS__), AEON_HERE)
AEON_API int aeon_scope_close_at(aeon_scope *s, int r, const char *site);

/* Cancel @s and everything inside it. The first cancel's @reason is kept (copied, cut at 95 bytes; NULL: none); later ones change
 * nothing. A scope not yet entered is cancelled from its first moment; a closed one is left alone. Owner loop only: from another loop's
 * task it is refused with a line in the log. Does not suspend, and runs nothing at once: those inside see it at their next or present
 * suspending call. */
AEON_API void aeon_scope_cancel(aeon_scope *s, const char *reason);

/* Move the deadline; AEON_NEVER removes it. One in the past cancels: at once if it lies before the loop's last look at its clock (the
 * last aeon_now(), at the latest), else when the task next lets the loop look. A deadline that has passed is sticky: moving it
 * revives nothing.
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

/* Why the running task is cancelled: the words given to aeon_scope_cancel(), "task \"left\" failed: no such user", "the time limit of
 * \"flush\" passed"; "" when it is not. Of several cancelled scopes around it the one that was cancelled first is told. Borrowed until
 * the next suspending call. */
AEON_API const char *aeon_cancel_reason(void);

/* The same for @s and what is around it up to the nearest shield; for a closed scope, of itself alone. The words, the kind, and the name
 * of the task that did it ("" when no task did). Borrowed while the scope lives. Owner loop only. */
AEON_API const char *aeon_scope_reason(const aeon_scope *s);
AEON_API aeon_cancel_cause aeon_scope_cause(const aeon_scope *s);
AEON_API const char *aeon_scope_cancelled_by(const aeon_scope *s);

#ifdef __cplusplus
}
#endif
#endif
