/* aeon/sync.h - waiting for each other. */
#ifndef AEON_SYNC_H
#define AEON_SYNC_H

#include <aeon/attributes.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A one-shot flag that tasks of one loop wait for.
 *
 * States: clear -> set. There is no way back; open a new one instead. */
typedef struct aeon_event aeon_event;

/* Errors: -ENOMEM, -EINVAL (not called from a task). @ret_event is yours; free it when nobody waits. */
AEON_API AEON_MUST_CHECK int aeon_event_new(aeon_event **ret_event);

/* NULL is accepted. Waiters must be gone. */
AEON_API void aeon_event_free(aeon_event *e);

/* Set @e and wake everybody who waits. Setting it again does nothing. Does not suspend. Owner loop only. */
AEON_API void aeon_event_set(aeon_event *e);

/* Whether @e has been set. Owner loop only. */
AEON_API bool aeon_event_is_set(const aeon_event *e);

/* Wait until @e is set; returns at once if it is.
 *
 * Suspends (also when already set: it is a checkpoint). Cancellable. Owner loop only.
 * A set that comes before a cancel wins: the waiter returns 0.
 *
 * Errors: -ECANCELED  an enclosing scope was cancelled or its deadline passed
 *         -EXDEV      called from another loop
 * Source: Trio reference, Event. */
AEON_API AEON_SUSPENDS int aeon_event_wait(aeon_event *e);

#ifdef __cplusplus
}
#endif
#endif
