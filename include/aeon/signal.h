/* aeon/signal.h - signals as something that a task waits for. */
#ifndef AEON_SIGNAL_H
#define AEON_SIGNAL_H

#include <aeon/attributes.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A set of signals that one task waits for on its loop. While it is open, their default action does not happen. */
typedef struct aeon_signals aeon_signals;

/* Begin to catch the @count (at most 16) @signals. @ret_signals is yours.
 *
 * Errors: -EINVAL (a signal that cannot be caught, or not called from a task), -ENOMEM */
AEON_API AEON_MUST_CHECK int aeon_signals_open(const int *signals, size_t count, aeon_signals **ret_signals);

/* Wait for the next one and return its number. A signal that comes again before it was waited for is told once.
 *
 * Suspends. Cancellable, and then no signal was taken. Errors: -ECANCELED. Source: Trio reference, open_signal_receiver. */
AEON_API AEON_SUSPENDS int aeon_signals_wait(aeon_signals *s);

/* Stop catching; NULL is accepted. Nobody may be waiting. */
AEON_API void aeon_signals_close(aeon_signals *s);

#ifdef __cplusplus
}
#endif
#endif
